//! `/v1/messages/{source}/{message_id}`: what happened to a message.

use actix_web::{HttpRequest, HttpResponse, web};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::auth;
use super::params::Params;
use super::problem::{Code, Problem};
use super::server::Room;
use crate::config::Scope;
use crate::domain::message::{Leg, Message};
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

fn told(story: &Story) -> Value {
    let mut told = folded(&story.message);
    let timeline: Vec<Value> = story.timeline.iter().map(happening).collect();
    told.insert("timeline".to_owned(), Value::Array(timeline));
    let also: Vec<&String> = story.also.iter().filter(|instance| !instance.is_empty()).collect();
    if !also.is_empty() {
        told.insert("also".to_owned(), json!(also));
    }
    Value::Object(told)
}

/// A message as it is answered, without its timeline. Absent means absent.
fn folded(message: &Message) -> Map<String, Value> {
    let legs: Vec<Value> = message.legs.iter().copied().map(leg).collect();
    let fields = [
        ("source", json!(message.source)),
        ("vendor", json!(message.vendor)),
        ("instance", json!(message.instance)),
        ("id", json!(message.id)),
        ("state", json!(message.state())),
        ("contradictory", json!(message.contradictory())),
        ("legs", if legs.is_empty() { Value::Null } else { Value::Array(legs) }),
        ("channel", json!(message.channel)),
        ("direction", json!(message.direction)),
        ("from", json!(message.from)),
        ("to", json!(message.to)),
        ("conversation", json!(message.conversation)),
        ("client_ref", json!(message.client_ref)),
        ("times", if message.times.is_empty() { Value::Null } else { json!(message.times) }),
        ("error", json!(message.error.as_ref().map(|(_, error)| error))),
        ("updated_at", json!(message.updated_at)),
    ];
    let present = fields.into_iter().filter(|(_, value)| !value.is_null());
    present.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn leg(leg: Leg) -> Value {
    let mut shown = Map::new();
    if let Some(channel) = leg.channel {
        shown.insert("channel".to_owned(), json!(channel));
    }
    if let Some(state) = leg.rungs.highest() {
        shown.insert("state".to_owned(), json!(state));
    }
    Value::Object(shown)
}

fn happening(happening: &Happening) -> Value {
    let at = happening.at();
    match happening {
        Happening::Event(event) => json!({ "at": at, "kind": "event", "event": event }),
        Happening::Duplicate { event, callback, .. } => {
            json!({ "at": at, "kind": "duplicate", "event_id": event, "callback_id": callback })
        }
        Happening::Delivery { delivery, .. } => {
            let mut delivery = json!(delivery);
            if let Some(fields) = delivery.as_object_mut() {
                fields.remove("attempts"); // they stand in the timeline themselves
            }
            json!({ "at": at, "kind": "delivery", "delivery": delivery })
        }
        Happening::Attempt { delivery, destination, attempt } => json!({
            "at": at,
            "kind": "attempt",
            "delivery_id": delivery,
            "destination": destination,
            "attempt": attempt,
        }),
    }
}
