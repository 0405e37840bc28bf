//! `/v1/deliveries`: what was handed out, what waits, and doing something about one of them.

use actix_web::{HttpRequest, HttpResponse, web};

use super::auth;
use super::page::{self, List};
use super::params::{self, Params};
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use crate::config::Scope;
use crate::domain::delivery::{DeliveryState, Trigger};
use crate::domain::id::DeliveryId;
use crate::domain::query::DeliveryFilter;

/// `GET /v1/deliveries`.
pub(super) async fn list(room: Current, request: HttpRequest) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let mut params = Params::read(request.query_string())?;
    let states: Vec<_> = DeliveryState::ALL.iter().map(|state| (state.as_str(), *state)).collect();
    let filter = DeliveryFilter {
        destination: params.parsed("destination", "the name of a destination")?,
        state: params.word("state", &states)?,
        event: params.parsed("event_id", "the id of an event: evt_ and 26 characters")?,
        since: params.parsed("since", params::TIME)?,
        until: params.parsed("until", params::TIME)?,
    };
    let page = page::request(&mut params, List::Deliveries, &room.key)?;
    params.end()?;
    let found = room.store.deliveries(filter, page).await?;
    Ok(page::answer(found, List::Deliveries, &room.key))
}

/// `GET /v1/deliveries/{id}`.
pub(super) async fn one(
    room: Current,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let wanted = read(&id)?;
    shown(&room, wanted).await
}

/// `POST /v1/deliveries/{id}/retry`: due now, whatever its schedule says, and though it had ended.
pub(super) async fn retry(
    room: Current,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Operate)?;
    let wanted = read(&id)?;
    match room.store.retry_now(wanted, Trigger::Manual, room.clock.now()).await? {
        None => Err(Problem::missing("delivery", &id)),
        Some(false) => Err(Problem::new(
            Code::Conflict,
            "an attempt is under way; look at it again in a moment",
        )),
        Some(true) => {
            room.receiver.wake.notify_one();
            shown(&room, wanted).await
        }
    }
}

/// `POST /v1/deliveries/{id}/cancel`: no further attempts.
pub(super) async fn cancel(
    room: Current,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Operate)?;
    let wanted = read(&id)?;
    match room.store.cancel(wanted, "cancelled by an operator").await? {
        None => Err(Problem::missing("delivery", &id)),
        Some(false) => {
            Err(Problem::new(Code::Conflict, "only a pending delivery can be cancelled"))
        }
        Some(true) => shown(&room, wanted).await,
    }
}

fn read(id: &str) -> Result<DeliveryId, Problem> {
    id.parse().map_err(|_| Problem::missing("delivery", id))
}

async fn shown(room: &Room, id: DeliveryId) -> Result<HttpResponse, Problem> {
    let delivery = room
        .store
        .delivery(id)
        .await?
        .ok_or_else(|| Problem::missing("delivery", &id.to_string()))?;
    Ok(HttpResponse::Ok().json(delivery))
}
