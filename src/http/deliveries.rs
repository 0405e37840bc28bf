//! `/v1/deliveries`: what was handed out, what waits, and doing something about one of them.

use actix_web::{HttpRequest, HttpResponse, web};

use super::auth::Caller;
use super::operation::{Answer, Operation};
use super::page::{self, List, PageOf};
use super::parameters;
use super::params::{self, Params};
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use crate::domain::delivery::{Delivery, DeliveryState, Trigger};
use crate::domain::id::DeliveryId;
use crate::domain::query::DeliveryFilter;

/// A list of deliveries.
pub(super) const LIST: Operation =
    Operation::get("listDeliveries", "List deliveries with their attempts", || web::to(list))
        .takes(&[parameters::DELIVERIES, parameters::PAGE])
        .answers(&[Answer::json::<PageOf<Delivery>>("A page of deliveries.")]);

/// One delivery.
pub(super) const ONE: Operation =
    Operation::get("getDelivery", "Show a delivery with its attempts", || web::to(one))
        .answers(&[Answer::json::<Delivery>("The delivery.")]);

/// Trying one now.
pub(super) const RETRY: Operation =
    Operation::post("retryDelivery", "Try a delivery now, even if it had ended", || web::to(retry))
        .answers(&[Answer::json::<Delivery>("The delivery, due now.")])
        .may_refuse(&[Code::Conflict]);

/// Ending one.
pub(super) const CANCEL: Operation =
    Operation::post("cancelDelivery", "Try a waiting delivery no more", || web::to(cancel))
        .answers(&[Answer::json::<Delivery>("The delivery, cancelled.")])
        .may_refuse(&[Code::Conflict]);

/// `GET /v1/deliveries`.
async fn list(
    room: Current,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(request.query_string())?;
    let states: Vec<_> = DeliveryState::ALL.iter().map(|state| (state.as_str(), *state)).collect();
    let filter = DeliveryFilter {
        destination: params.parsed("destination", "the name of a destination")?,
        state: params.word("state", &states)?,
        event: params.parsed("event_id", "the id of an event: evt_ and 26 characters")?,
        reach: caller.reach,
        blocking: params.word("blocking", &[("true", true), ("false", false)])?,
        since: params.parsed("since", params::TIME)?,
        until: params.parsed("until", params::TIME)?,
    };
    let page = page::request(&mut params, List::Deliveries, &room.key)?;
    params.end()?;
    let found = room.store.deliveries(filter, page).await?;
    Ok(page::answer(found, List::Deliveries, &room.key))
}

/// `GET /v1/deliveries/{id}`.
async fn one(
    room: Current,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(find(&room, &caller, &id).await?))
}

/// `POST /v1/deliveries/{id}/retry`: due now, whatever its schedule says, and though it had ended.
async fn retry(
    room: Current,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let wanted = find(&room, &caller, &id).await?.id;
    match room.store.retry_now(wanted, Trigger::Manual, room.clock.now()).await? {
        None => Err(Problem::missing("delivery", &id)),
        Some(false) => Err(not_now(&room, wanted).await?),
        Some(true) => {
            room.receiver.wake.ring();
            Ok(HttpResponse::Ok().json(find(&room, &caller, &id).await?))
        }
    }
}

/// Why a delivery can't be retried just now.
async fn not_now(room: &Room, id: DeliveryId) -> Result<Problem, Problem> {
    let behind = room.store.delivery(id).await?.and_then(|delivery| delivery.behind);
    let why = behind.map_or_else(
        || "an attempt is under way; look at it again in a moment".to_owned(),
        |first| format!("it stands behind {first}, which has to end first; retry or cancel that"),
    );
    Ok(Problem::new(Code::Conflict, &why))
}

/// `POST /v1/deliveries/{id}/cancel`: no further attempts.
async fn cancel(
    room: Current,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let wanted = find(&room, &caller, &id).await?.id;
    match room.store.cancel(wanted, "cancelled by an operator").await? {
        None => Err(Problem::missing("delivery", &id)),
        Some(false) => Err(Problem::new(
            Code::Conflict,
            "only a pending delivery can be cancelled, or one that is blocking",
        )),
        Some(true) => {
            room.receiver.wake.ring(); // what stood behind it may be due now
            Ok(HttpResponse::Ok().json(find(&room, &caller, &id).await?))
        }
    }
}

/// The delivery with this id; its event's source is what decides whose it is.
async fn find(room: &Room, caller: &Caller, id: &str) -> Result<Delivery, Problem> {
    let missing = || Problem::missing("delivery", id);
    let wanted: DeliveryId = id.parse().map_err(|_| missing())?;
    let delivery = room.store.delivery(wanted).await?.ok_or_else(missing)?;
    if caller.reach.sources().is_some() {
        let (event, _) = room.store.event(delivery.event_id).await?.ok_or_else(missing)?;
        if !caller.reach.has(&event.source) {
            return Err(missing());
        }
    }
    Ok(delivery)
}
