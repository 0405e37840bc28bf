//! The story of a message: its state, and all that happened to it, in order.

use crate::clock::Time;
use crate::domain::delivery::{Attempt, Delivery};
use crate::domain::event::Event;
use crate::domain::id::{CallbackId, DeliveryId, EventId};
use crate::domain::message::Message;
use crate::domain::name::Name;

/// A message with everything that happened to it, oldest first.
#[derive(Clone, Debug)]
pub struct Story {
    /// The folded state.
    pub message: Message,
    /// What happened, in order.
    pub timeline: Vec<Happening>,
    /// The other instances of the source that have a message with this id.
    pub also: Vec<String>,
}

/// One thing that happened to a message.
#[derive(Clone, Debug)]
pub enum Happening {
    /// An event about it.
    Event(Box<Event>),
    /// A callback that repeated one of its events.
    Duplicate {
        /// When it was received.
        at: Time,
        /// The event that it repeats.
        event: EventId,
        /// The callback.
        callback: CallbackId,
    },
    /// An event of it became due for a destination.
    Delivery {
        /// When it became due for the first time.
        at: Time,
        /// The delivery, without its attempts.
        delivery: Delivery,
    },
    /// A try at one of its deliveries.
    Attempt {
        /// The delivery.
        delivery: DeliveryId,
        /// The destination's name.
        destination: Name,
        /// The try.
        attempt: Attempt,
    },
}

impl Happening {
    /// When it happened, by our clock.
    #[must_use]
    pub fn at(&self) -> Time {
        match self {
            Self::Event(event) => event.received_at,
            Self::Duplicate { at, .. } | Self::Delivery { at, .. } => *at,
            Self::Attempt { attempt, .. } => attempt.started_at,
        }
    }
}
