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
use super::room::Room;
use crate::domain::id::EventId;
use crate::domain::name::Name;
use crate::domain::wish::Wish;

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
}

/// `GET /v1/destinations/{name}/test?event=evt_…`: tries everything out, and sends nothing.
async fn test(
    room: web::Data<Room>,
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
    Ok(HttpResponse::Ok().json(Tried { destination: &destination.name, event: id, wish }))
}
