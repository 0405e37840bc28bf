//! `/v1/sources`: who pushes here, and how much came of it.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::auth;
use super::problem::Problem;
use super::room::{Current, Room};
use super::strangers::Stranger;
use crate::clock::Time;
use crate::config::Scope;
use crate::domain::drift::{Finding, Seen};
use crate::domain::name::Name;
use crate::domain::source::Source;

/// `GET /v1/sources`, with the requests that came to no source.
pub(super) async fn list(room: Current, request: HttpRequest) -> Result<HttpResponse, Problem> {
    #[derive(Serialize)]
    struct Body<'a> {
        data: Vec<Shown<'a>>,
        no_source: NoSource,
    }
    #[derive(Serialize)]
    struct NoSource {
        received: u64,
        latest: Vec<Stranger>,
    }
    auth::require(&room, &request, Scope::Read)?;
    let raw = auth::has(&room, &request, Scope::Raw);
    let mut data = Vec::new();
    for source in &room.config.sources {
        data.push(shown(&room, source, raw).await?);
    }
    let (received, latest) = room.strangers.seen();
    Ok(HttpResponse::Ok().json(Body { data, no_source: NoSource { received, latest } }))
}

/// `GET /v1/sources/{name}`.
pub(super) async fn one(
    room: Current,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let source = room.config.sources.iter().find(|source| source.name.as_str() == name.as_str());
    let source = source.ok_or_else(|| Problem::missing("source", &name))?;
    let raw = auth::has(&room, &request, Scope::Raw);
    Ok(HttpResponse::Ok().json(shown(&room, source, raw).await?))
}

/// A source as it is answered.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a Name,
    vendor: &'a str,
    push_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_received_at: Option<Time>,
    received: u64,
    duplicates: u64,
    quarantined: u64,
    unauthentic: BTreeMap<String, u64>,
    /// Callbacks that were answered 429 since the start, and are not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limited: Option<NonZeroU64>,
    drift: Vec<DriftShown>,
    /// How often something was found that the list has no room for, since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    drift_more: Option<NonZeroU64>,
}

/// Something that the vendor sends and the adapter does not know.
#[derive(Serialize)]
struct DriftShown {
    #[serde(flatten)]
    finding: Finding,
    #[serde(flatten)]
    seen: Seen,
}

/// The token in the push path is masked without the scope `raw`.
async fn shown<'a>(room: &Room, source: &'a Source, raw: bool) -> Result<Shown<'a>, Problem> {
    let counts = room.store.intake_of(&source.name).await?;
    let drift = room.receiver.drift.of(&source.name);
    let listed = drift.list().into_iter().map(|(finding, seen)| DriftShown { finding, seen });
    Ok(Shown {
        name: &source.name,
        vendor: source.vendor,
        push_path: source.push_path(raw),
        last_received_at: counts.last_received_at,
        received: counts.received,
        duplicates: counts.duplicates,
        quarantined: counts.quarantined,
        unauthentic: counts.unauthentic.into_iter().collect(),
        rate_limited: NonZeroU64::new(room.receiver.rates.refused(&source.name)),
        drift: listed.collect(),
        drift_more: NonZeroU64::new(drift.more()),
    })
}
