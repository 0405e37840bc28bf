//! `/v1/destinations/{name}/test`: whether a destination wants an event, and why.

use actix_web::{HttpRequest, HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::destinations::find;
use super::operation::{Answer, Operation};
use super::parameters;
use super::params::Params;
use super::problem::{Code, Problem};
use super::room::Current;
use crate::config::Scope;
use crate::delivery::{Body as Made, NothingToSend};
use crate::domain::destination::Format;
use crate::domain::id::EventId;
use crate::domain::name::Name;
use crate::domain::wish::Wish;

/// The most bytes of a body that are shown.
const SHOWN_MAX: usize = 64 * 1024;

/// What the parameter `event` looks like.
const EVENT: &str = "the id of an event: evt_ and 26 characters";

/// Whether a destination wants an event.
pub(super) const TEST: Operation =
    Operation::get("testDestination", "Tell whether a destination wants an event, and why", || {
        web::to(test)
    })
    .takes(&[parameters::EVENT])
    .answers(&[Answer::json::<Tried<'static>>(
        "What the destination's rules say; nothing is sent.",
    )]);

/// What came of it, as it is answered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Trial")]
struct Tried<'a> {
    /// The destination's name.
    destination: &'a Name,
    /// The event's id.
    event: EventId,
    #[serde(flatten)]
    wish: Wish,
    /// What would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Sent>,
}

/// `GET /v1/destinations/{name}/test?event=evt_…`: tries everything out, and sends nothing.
async fn test(
    room: Current,
    request: HttpRequest,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(request.query_string())?;
    let wanted: Option<EventId> = params.parsed("event", EVENT)?;
    params.end()?;
    let destination = find(&room, &caller, &name)?;
    let id = wanted.ok_or_else(|| {
        Problem::new(Code::InvalidParameter, format!("parameter `event` is missing: {EVENT}"))
    })?;
    let found = room.store.event(id).await?.filter(|(event, _)| caller.reach.has(&event.source));
    let (event, _) = found.ok_or_else(|| Problem::missing("event", &id.to_string()))?;
    let wish = destination.explain(&event);
    // The vendor's own bytes are for who may see them.
    let request = if destination.format == Format::Raw && !caller.has(Scope::Raw) {
        None
    } else {
        let made = room.board.body(&destination.name, &event, &*room.store).await;
        made.map(Sent::of)
    };
    Ok(HttpResponse::Ok().json(Tried { destination: &destination.name, event: id, wish, request }))
}

/// What would be sent, or why nothing could be.
#[derive(Default, Serialize, JsonSchema)]
struct Sent {
    /// Its content type.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// How many bytes it is, where it is shown cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_size: Option<usize>,
    /// The body, up to 64 KiB of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Why nothing could be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

impl Sent {
    fn of(made: Result<Made, NothingToSend>) -> Self {
        match made {
            Err(error) => Self { failed: Some(error.to_string()), ..Self::default() },
            Ok(Made { content_type, bytes }) => {
                let shown = bytes.get(..SHOWN_MAX).unwrap_or(&bytes);
                let body = Some(String::from_utf8_lossy(shown).into_owned());
                let body_size = (bytes.len() > SHOWN_MAX).then_some(bytes.len());
                Self { content_type, body_size, body, failed: None }
            }
        }
    }
}
