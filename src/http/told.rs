//! Messages as they are answered: the folded state, and the story of one with its timeline.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::clock::Time;
use crate::domain::delivery::{Attempt, Delivery};
use crate::domain::event::{Channel, Direction, Event, MessageError, Party};
use crate::domain::id::{CallbackId, DeliveryId, EventId};
use crate::domain::message::{Leg, Message, State};
use crate::domain::name::Name;
use crate::store::{Happening, Story};

/// A message as it is answered in lists. Absent means absent.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Message")]
pub(super) struct MessageTold<'a> {
    source: &'a Name,
    vendor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    contradictory: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    legs: Vec<LegTold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<Channel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<Direction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a Party>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a Party>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ref: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    times: &'a BTreeMap<String, Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a MessageError>,
    updated_at: Time,
}

/// A message with all that happened to it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MessageWithTimeline")]
pub(super) struct StoryTold<'a> {
    #[serde(flatten)]
    message: MessageTold<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<&'a str>,
    timeline: Vec<HappeningTold<'a>>,
}

/// What one channel reported.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Leg")]
struct LegTold {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<Channel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
}

/// One thing that happened; `kind` says which of the others is there.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Happening")]
struct HappeningTold<'a> {
    at: Time,
    #[serde(flatten)]
    what: WhatTold<'a>,
}

#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[schemars(rename = "WhatHappened")]
enum WhatTold<'a> {
    Event { event: &'a Event },
    Duplicate { event_id: EventId, callback_id: CallbackId },
    Delivery { delivery: &'a Delivery },
    Attempt { delivery_id: DeliveryId, destination: &'a Name, attempt: &'a Attempt },
}

impl<'a> MessageTold<'a> {
    /// What is told of a message.
    pub(super) fn of(message: &'a Message) -> Self {
        let leg = |leg: &Leg| LegTold { channel: leg.channel, state: leg.rungs.highest() };
        Self {
            source: &message.source,
            vendor: &message.vendor,
            instance: message.instance.as_deref(),
            id: &message.id,
            state: message.state(),
            contradictory: message.contradictory(),
            legs: message.legs.iter().map(leg).collect(),
            channel: message.channel,
            direction: message.direction,
            from: message.from.as_ref(),
            to: message.to.as_ref(),
            conversation: message.conversation.as_deref(),
            client_ref: message.client_ref.as_deref(),
            times: &message.times,
            error: message.error.as_ref().map(|(_, error)| error),
            updated_at: message.updated_at,
        }
    }
}

impl<'a> StoryTold<'a> {
    /// What is told of a story.
    pub(super) fn of(story: &'a Story) -> Self {
        let also = story.also.iter().map(String::as_str);
        Self {
            message: MessageTold::of(&story.message),
            also: also.filter(|instance| !instance.is_empty()).collect(),
            timeline: story.timeline.iter().map(happening).collect(),
        }
    }
}

fn happening(happening: &Happening) -> HappeningTold<'_> {
    let what = match happening {
        Happening::Event(event) => WhatTold::Event { event },
        Happening::Duplicate { event, callback, .. } => {
            WhatTold::Duplicate { event_id: *event, callback_id: *callback }
        }
        Happening::Delivery { delivery, .. } => WhatTold::Delivery { delivery },
        Happening::Attempt { delivery, destination, attempt } => {
            WhatTold::Attempt { delivery_id: *delivery, destination, attempt }
        }
    };
    HappeningTold { at: happening.at(), what }
}
