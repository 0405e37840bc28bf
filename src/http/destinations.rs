//! `/v1/destinations`: how each one stands, and pausing or resuming it.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::auth;
use super::problem::Problem;
use super::room::{Current, Room};
use crate::clock::Time;
use crate::config::Scope;
use crate::domain::destination::Destination;
use crate::domain::name::Name;
use crate::store::Ended;

/// `GET /v1/destinations`.
pub(super) async fn list(room: Current, request: HttpRequest) -> Result<HttpResponse, Problem> {
    #[derive(Serialize)]
    struct Body<'a> {
        data: Vec<Shown<'a>>,
    }
    auth::require(&room, &request, Scope::Read)?;
    let mut data = Vec::new();
    for destination in &room.config.destinations {
        data.push(shown(&room, destination).await?);
    }
    Ok(HttpResponse::Ok().json(Body { data }))
}

/// `GET /v1/destinations/{name}`.
pub(super) async fn one(
    room: Current,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let destination = find(&room, &name)?;
    Ok(HttpResponse::Ok().json(shown(&room, destination).await?))
}

/// `POST /v1/destinations/{name}/pause`: what is due waits; attempts under way end.
pub(super) async fn pause(
    room: Current,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Operate)?;
    let destination = find(&room, &name)?;
    room.board.pause(&destination.name, "paused by an operator").await?;
    Ok(HttpResponse::Ok().json(shown(&room, destination).await?))
}

/// `POST /v1/destinations/{name}/resume`.
pub(super) async fn resume(
    room: Current,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Operate)?;
    let destination = find(&room, &name)?;
    room.board.resume(&destination.name).await?;
    Ok(HttpResponse::Ok().json(shown(&room, destination).await?))
}

pub(super) fn find<'a>(room: &'a Room, name: &str) -> Result<&'a Destination, Problem> {
    let found =
        room.config.destinations.iter().find(|destination| destination.name.as_str() == name);
    found.ok_or_else(|| Problem::missing("destination", name))
}

/// A destination as it is answered.
#[derive(Serialize)]
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
    in_flight: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<Percentiles>,
}

/// How many deliveries ended how.
#[derive(Serialize)]
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
#[derive(Serialize)]
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
    Ok(Shown {
        name,
        url: destination.url.as_str(),
        state: if standing.paused.is_some() { "paused" } else { "active" },
        paused_reason: standing.paused,
        breaker: standing.breaker.as_str(),
        backlog: backlog.waiting,
        ended: backlog.ended.into(),
        oldest_pending_at: backlog.oldest_pending_at,
        in_flight: standing.in_flight,
        success_rate: standing.success_rate,
        latency_ms: latency,
    })
}
