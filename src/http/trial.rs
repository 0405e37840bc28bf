//! `/v1/destinations/{name}/test`: whether a destination wants an event, and why.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::auth;
use super::destinations::find;
use super::params::Params;
use super::problem::{Code, Problem};
use super::room::Current;
use crate::config::Scope;
use crate::domain::id::EventId;
use crate::domain::name::Name;
use crate::domain::wish::Wish;

/// What the parameter `event` looks like.
const EVENT: &str = "the id of an event: evt_ and 26 characters";

/// `GET /v1/destinations/{name}/test?event=evt_…`: tries everything out, and sends nothing.
pub(super) async fn test(
    room: Current,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    #[derive(Serialize)]
    struct Body<'a> {
        destination: &'a Name,
        event: EventId,
        #[serde(flatten)]
        wish: Wish,
    }
    auth::require(&room, &request, Scope::Read)?;
    let mut params = Params::read(request.query_string())?;
    let wanted: Option<EventId> = params.parsed("event", EVENT)?;
    params.end()?;
    let destination = find(&room, &name)?;
    let id = wanted.ok_or_else(|| {
        Problem::new(Code::InvalidParameter, format!("parameter `event` is missing: {EVENT}"))
    })?;
    let (event, _) =
        room.store.event(id).await?.ok_or_else(|| Problem::missing("event", &id.to_string()))?;
    let wish = destination.explain(&event);
    Ok(HttpResponse::Ok().json(Body { destination: &destination.name, event: id, wish }))
}
