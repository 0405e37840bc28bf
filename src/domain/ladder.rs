//! The ladder: the states of a message, lowest rung first, and the set of rungs that a leg of it has seen.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The ladder, lowest rung first. A message's state is the highest rung that any of its events reached.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "MessageState")]
pub enum State {
    /// Waiting at the vendor.
    Queued,
    /// Handed to the operator or channel.
    Sent,
    /// Will not arrive, unless a later receipt says that it did: vendors retry.
    Failed,
    /// On the recipient's device.
    Delivered,
    /// Seen by the recipient.
    Read,
}

impl State {
    /// Every rung, lowest first.
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Sent, Self::Failed, Self::Delivered, Self::Read];

    /// The state's word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }

    /// The state of our own word for it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The rungs that one leg of a message has seen: a set, so that order and repetition can't matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rungs(u8);

impl Rungs {
    pub(super) fn add(&mut self, state: State) {
        self.0 |= Self::bit(state);
    }

    /// The highest rung of the set.
    #[must_use]
    pub fn highest(self) -> Option<State> {
        State::ALL.into_iter().rev().find(|state| self.has(*state))
    }

    /// Whether the leg was reported both failed and arrived, in whichever order.
    #[must_use]
    pub fn contradictory(self) -> bool {
        self.has(State::Failed) && (self.has(State::Delivered) || self.has(State::Read))
    }

    pub(super) fn has(self, state: State) -> bool {
        self.0 & Self::bit(state) != 0
    }

    fn bit(state: State) -> u8 {
        match state {
            State::Queued => 1,
            State::Sent => 2,
            State::Failed => 4,
            State::Delivered => 8,
            State::Read => 16,
        }
    }
}
