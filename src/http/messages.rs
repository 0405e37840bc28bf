//! `/v1/messages/{source}/{message_id}`: what happened to a message.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::auth;
use super::params::Params;
use super::problem::{Code, Problem};
use super::server::Room;
use crate::clock::Time;
use crate::config::Scope;
use crate::domain::delivery::{Attempt, Delivery};
use crate::domain::event::{Channel, Direction, Event, MessageError, Party};
use crate::domain::id::{CallbackId, DeliveryId, EventId};
use crate::domain::message::{Leg, State};
use crate::domain::name::Name;
use crate::store::{Happening, Story};

/// `GET /v1/messages/{source}/{message_id}`; the id is percent-encoded, for ids hold `/`, `+` and `@`.
pub(super) async fn one(
    room: web::Data<Room>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let mut params = Params::read(request.query_string())?;
    let instance = params.text("instance")?;
    params.end()?;
    // The path as it was sent: a router would have decoded some of it already.
    let below = request.path().strip_prefix("/v1/messages/").unwrap_or_default();
    let (source, id) = below.split_once('/').unwrap_or((below, ""));
    let id = percent_decode_str(id).decode_utf8().map_err(|_| {
        Problem::new(
            Code::InvalidParameter,
            "the message id in the path is not percent-encoded UTF-8",
        )
    })?;
    let missing = || Problem::missing("message", &id);
    let source: Name = source.parse().map_err(|_| missing())?;
    let story = room.store.message(&source, &id, instance.as_deref()).await?.ok_or_else(missing)?;
    Ok(HttpResponse::Ok().json(told(&story)))
}

/// A message as it is answered. Absent means absent.
#[derive(Serialize)]
struct Told<'a> {
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<&'a str>,
    timeline: Vec<HappeningTold<'a>>,
}

/// What one channel reported.
#[derive(Serialize)]
struct LegTold {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<Channel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
}

/// One thing that happened; `kind` says which of the others is there.
#[derive(Serialize)]
struct HappeningTold<'a> {
    at: Time,
    #[serde(flatten)]
    what: WhatTold<'a>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum WhatTold<'a> {
    Event { event: &'a Event },
    Duplicate { event_id: EventId, callback_id: CallbackId },
    Delivery { delivery: &'a Delivery },
    Attempt { delivery_id: DeliveryId, destination: &'a Name, attempt: &'a Attempt },
}

fn told(story: &Story) -> Told<'_> {
    let message = &story.message;
    let leg = |leg: &Leg| LegTold { channel: leg.channel, state: leg.rungs.highest() };
    Told {
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
        also: story
            .also
            .iter()
            .map(String::as_str)
            .filter(|instance| !instance.is_empty())
            .collect(),
        timeline: story.timeline.iter().map(happening).collect(),
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
