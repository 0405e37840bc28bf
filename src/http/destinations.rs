//! `/v1/destinations`: how each one stands, and pausing or resuming it.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::operation::{Answer, Operation};
use super::page::Listed;
use super::problem::Problem;
use super::room::{Current, Room};
use crate::clock::Time;
use crate::delivery::Standing;
use crate::domain::destination::Destination;
use crate::domain::name::Name;
use crate::store::Ended;

/// All destinations.
pub(super) const LIST: Operation =
    Operation::get("listDestinations", "Show how destinations stand", || web::to(list))
        .answers(&[Answer::json::<Listed<Shown<'static>>>("All destinations.")]);

/// One destination.
pub(super) const ONE: Operation =
    Operation::get("getDestination", "Show how a destination stands", || web::to(one))
        .answers(&[Answer::json::<Shown<'static>>("The destination.")]);

/// Pausing one.
pub(super) const PAUSE: Operation =
    Operation::post("pauseDestination", "Pause a destination", || web::to(pause))
        .answers(&[Answer::json::<Shown<'static>>("The destination, paused.")]);

/// Resuming one.
pub(super) const RESUME: Operation =
    Operation::post("resumeDestination", "Resume a paused destination", || web::to(resume))
        .answers(&[Answer::json::<Shown<'static>>("The destination, active.")]);

/// `GET /v1/destinations`.
async fn list(room: Current, caller: Caller) -> Result<HttpResponse, Problem> {
    let mut data = Vec::new();
    let destinations = room.config.destinations.iter();
    for destination in destinations.filter(|one| caller.reach.has_destination(one)) {
        data.push(shown(&room, destination).await?);
    }
    Ok(HttpResponse::Ok().json(Listed { data }))
}

/// `GET /v1/destinations/{name}`.
async fn one(
    room: Current,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let destination = find(&room, &caller, &name)?;
    Ok(HttpResponse::Ok().json(shown(&room, destination).await?))
}

/// `POST /v1/destinations/{name}/pause`: what is due waits; attempts under way end.
async fn pause(
    room: Current,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let destination = find(&room, &caller, &name)?;
    room.board.pause(&destination.name, "paused by an operator").await?;
    Ok(HttpResponse::Ok().json(shown(&room, destination).await?))
}

/// `POST /v1/destinations/{name}/resume`.
async fn resume(
    room: Current,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let destination = find(&room, &caller, &name)?;
    room.board.resume(&destination.name).await?;
    Ok(HttpResponse::Ok().json(shown(&room, destination).await?))
}

pub(super) fn find<'a>(
    room: &'a Room,
    caller: &Caller,
    name: &str,
) -> Result<&'a Destination, Problem> {
    let mut known = room.config.destinations.iter();
    let found = known.find(|destination| destination.name.as_str() == name);
    let found = found.filter(|destination| caller.reach.has_destination(destination));
    found.ok_or_else(|| Problem::missing("destination", name))
}

/// A destination as it is answered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Destination")]
struct Shown<'a> {
    name: &'a Name,
    url: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_reason: Option<String>,
    breaker: &'static str,
    backlog: u64,
    ended: EndedTold,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_pending_at: Option<Time>,
    /// When something is tried next; left out while it is paused, and while nothing waits. In the past if it is due and waits for room.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Time>,
    /// Until when nothing is sent, because its breaker is open or it asked for that with `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    quiet_until: Option<Time>,
    in_flight: usize,
    /// Messages or conversations that wait behind an exhausted delivery; only where order is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<Percentiles>,
}

/// How many deliveries ended how.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EndedDeliveries")]
struct EndedTold {
    succeeded: u64,
    exhausted: u64,
    expired: u64,
    cancelled: u64,
}

impl From<Ended> for EndedTold {
    fn from(ended: Ended) -> Self {
        let Ended { succeeded, exhausted, expired, cancelled } = ended;
        Self { succeeded, exhausted, expired, cancelled }
    }
}

/// Of the attempts since the start, at most the last few hundred.
#[derive(Serialize, JsonSchema)]
struct Percentiles {
    p50: u64,
    p99: u64,
}

async fn shown<'a>(room: &Room, destination: &'a Destination) -> Result<Shown<'a>, Problem> {
    let name = &destination.name;
    let backlog = room.store.backlog(name).await?;
    let standing =
        room.board.standing(name).ok_or_else(|| Problem::missing("destination", name.as_str()))?;
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let latency =
        standing.latency.map(|(p50, p99)| Percentiles { p50: millis(p50), p99: millis(p99) });
    let quiet_until = quiet_until(room, &standing);
    let next_attempt_at = next_attempt(room, destination, &standing).await?;
    Ok(Shown {
        name,
        url: destination.url.as_str(),
        state: if standing.paused.is_some() { "paused" } else { "active" },
        paused_reason: standing.paused,
        breaker: standing.breaker.as_str(),
        backlog: backlog.waiting,
        ended: backlog.ended.into(),
        oldest_pending_at: backlog.oldest_pending_at,
        next_attempt_at,
        quiet_until,
        in_flight: standing.in_flight,
        blocked: destination.order.map(|_| backlog.blocked),
        success_rate: standing.success_rate,
        latency_ms: latency,
    })
}

/// By the wall clock.
fn quiet_until(room: &Room, standing: &Standing) -> Option<Time> {
    let quiet = standing.quiet_until?.saturating_sub(room.clock.elapsed());
    Some(room.clock.now().after(quiet))
}

/// When something is tried next at a destination, if something is to be.
pub(super) async fn next_attempt(
    room: &Room,
    destination: &Destination,
    standing: &Standing,
) -> Result<Option<Time>, Problem> {
    if standing.paused.is_some() || !destination.enabled {
        return Ok(None);
    }
    let due = room.store.next_due(&destination.name).await?;
    // Those that wait for their turn have no time yet.
    let due = due.filter(|due| *due < Time::from_millis(i64::MAX));
    Ok(due.map(|due| quiet_until(room, standing).map_or(due, |quiet| due.max(quiet))))
}
