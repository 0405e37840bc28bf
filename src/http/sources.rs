//! `/v1/sources`: who pushes here, and how much came of it.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::auth::Caller;
use super::operation::{Answer, Operation};
use super::problem::Problem;
use super::room::{Current, Room};
use super::strangers::Stranger;
use crate::clock::Time;
use crate::config::Scope;
use crate::domain::drift::{Finding, Seen};
use crate::domain::name::Name;
use crate::domain::source::Source;

/// All sources.
pub(super) const LIST: Operation =
    Operation::get("listSources", "Show what came from each source", || web::to(list)).answers(&[
        Answer::json::<Everyone<'static>>("All sources, and the requests that came to none."),
    ]);

/// One source.
pub(super) const ONE: Operation =
    Operation::get("getSource", "Show what came from a source", || web::to(one)).answers(&[
        Answer::json::<Shown<'static>>(
            "The source. Without the scope `raw`, the token in `push_path` is masked.",
        ),
    ]);

/// Forgetting what one sent that is not known.
pub(super) const CLEAR_DRIFT: Operation =
    Operation::post("clearDrift", "Forget what a source sent that is not known", || {
        web::to(clear_drift)
    })
    .answers(&[Answer::json::<Shown<'static>>(
        "The source. What it still sends is found anew, and told again.",
    )]);

/// `GET /v1/sources`, with the requests that came to no source.
async fn list(room: Current, caller: Caller) -> Result<HttpResponse, Problem> {
    let raw = caller.has(Scope::Raw);
    let mut data = Vec::new();
    let sources = room.config.sources.iter();
    for source in sources.filter(|source| caller.reach.has(&source.name)) {
        data.push(shown(&room, source, raw).await?);
    }
    let no_source = caller.reach.sources().is_none().then(|| {
        let (received, latest) = room.strangers.seen();
        NoSource { received, latest }
    });
    Ok(HttpResponse::Ok().json(Everyone { data, no_source }))
}

/// `GET /v1/sources/{name}`.
async fn one(
    room: Current,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let source = find(&room, &caller, &name)?;
    let raw = caller.has(Scope::Raw);
    Ok(HttpResponse::Ok().json(shown(&room, source, raw).await?))
}

/// `POST /v1/sources/{name}/drift/clear`: after an update that knows it, or once it has been looked at.
async fn clear_drift(
    room: Current,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let source = find(&room, &caller, &name)?;
    let findings = room.store.forget_drift(&source.name).await?;
    room.receiver.drift.forget(&source.name);
    tracing::info!(source.name = %source.name, findings, "what the source sent that is not known was forgotten, as asked");
    let raw = caller.has(Scope::Raw);
    Ok(HttpResponse::Ok().json(shown(&room, source, raw).await?))
}

fn find<'a>(room: &'a Room, caller: &Caller, name: &str) -> Result<&'a Source, Problem> {
    let source = room.config.sources.iter().find(|source| source.name.as_str() == name);
    let source = source.filter(|source| caller.reach.has(&source.name));
    source.ok_or_else(|| Problem::missing("source", name))
}

/// All sources as they are answered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Sources")]
struct Everyone<'a> {
    /// The sources.
    data: Vec<Shown<'a>>,
    /// Requests to no source; only for who may see everybody's things.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_source: Option<NoSource>,
}

/// Requests to no source.
#[derive(Serialize, JsonSchema)]
struct NoSource {
    /// How many there were since the start.
    received: u64,
    /// The last hundred, newest first.
    latest: Vec<Stranger>,
}

/// A source as it is answered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Source")]
struct Shown<'a> {
    name: &'a Name,
    vendor: &'a str,
    push_path: String,
    /// How it reads and is authenticated, in the words of the configuration, without secrets; with the scope `raw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<&'a Map<String, Value>>,
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
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Drift")]
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
        settings: raw.then_some(&source.written),
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
