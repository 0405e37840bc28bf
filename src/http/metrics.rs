//! `/metrics`: what Prometheus reads. Labels are names from the configuration and words of ours, so their number is bounded.

use std::sync::atomic::AtomicU64;

use actix_web::{HttpResponse, web};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::auth::Caller;
use super::destinations::next_attempt;
use super::operation::{Answer, Operation};
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use crate::domain::drift::Kind;
use crate::domain::reach::Reach;

/// The content type of the text format.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BySource {
    source: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSource {
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhyCut {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    source: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    source: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByDestination {
    destination: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByEnd {
    destination: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Quantile {
    destination: String,
    quantile: &'static str,
}

/// A gauge of parts or seconds.
type Ratio = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
    sqlite: String,
}

/// The metrics.
pub(super) const ALL: Operation =
    Operation::get("metrics", "The metrics, for Prometheus", || web::to(all))
        .answers(&[Answer::text(CONTENT_TYPE, "The metrics in the text format.")]);

/// `GET /metrics`: made at each look from what the store and the worker know.
async fn all(room: Current, caller: Caller) -> Result<HttpResponse, Problem> {
    let mut registry = Registry::with_prefix("callbox");
    whole(&room, &mut registry);
    sources(&room, &caller.reach, &mut registry).await?;
    destinations(&room, &caller.reach, &mut registry).await?;
    let mut text = String::new();
    encode(&mut text, &registry)
        .map_err(|_| Problem::new(Code::Unavailable, "the metrics could not be written"))?;
    Ok(HttpResponse::Ok().insert_header(("content-type", CONTENT_TYPE)).body(text))
}

fn whole(room: &Room, registry: &mut Registry) {
    let build = Family::<Build, Gauge>::default();
    let sqlite = room.store.version();
    build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION"), sqlite }).set(1);
    registry.register("build_info", "The running version", build);
    let waiting = Gauge::<i64>::default();
    waiting.set(as_i64(room.store.waiting()));
    registry.register("store_writes_waiting", "Writes that wait for their turn", waiting);
    let connections = Gauge::<i64>::default();
    connections.set(as_i64(room.seats.open()));
    registry.register("connections", "Open connections of both listeners", connections);
    let cut = Family::<WhyCut, Counter>::default();
    for (reason, number) in room.seats.cut() {
        cut.get_or_create(&WhyCut { reason }).inc_by(number);
    }
    registry.register("connections_cut", "Connections that were cut since the start", cut);
    let strangers = Counter::<u64>::default();
    strangers.inc_by(room.strangers.seen().0);
    registry.register("no_source", "Requests to no source since the start", strangers);
}

async fn sources(room: &Room, reach: &Reach, registry: &mut Registry) -> Result<(), Problem> {
    let callbacks = Family::<BySource, Counter>::default();
    let unauthentic = Family::<ByReason, Counter>::default();
    let drift = Family::<ByKind, Counter>::default();
    let limited = Family::<OfSource, Counter>::default();
    for source in room.config.sources.iter().filter(|source| reach.has(&source.name)) {
        let counts = room.store.intake_of(&source.name).await?;
        let name = source.name.to_string();
        let refused: u64 = counts.unauthentic.iter().map(|(_, number)| number).sum();
        let odd = counts.duplicates + counts.quarantined + refused;
        let outcomes = [
            ("events", counts.received.saturating_sub(odd)),
            ("duplicate", counts.duplicates),
            ("quarantined", counts.quarantined),
            ("unauthentic", refused),
        ];
        for (outcome, number) in outcomes {
            callbacks.get_or_create(&BySource { source: name.clone(), outcome }).inc_by(number);
        }
        for (reason, number) in counts.unauthentic {
            unauthentic.get_or_create(&ByReason { source: name.clone(), reason }).inc_by(number);
        }
        if source.rate.is_some() {
            let refused = room.receiver.rates.refused(&source.name);
            limited.get_or_create(&OfSource { source: name.clone() }).inc_by(refused);
        }
        let found = room.receiver.drift.of(&source.name);
        for kind in Kind::ALL {
            let of_kind = found.list().into_iter().filter(|(finding, _)| finding.kind == kind);
            let seen = of_kind.map(|(_, seen)| seen.count).sum();
            let labels = ByKind { source: name.clone(), kind: kind.as_str() };
            drift.get_or_create(&labels).inc_by(seen);
        }
    }
    registry.register("callbacks", "Callbacks that were kept, by what became of them", callbacks);
    registry.register("unauthentic", "Callbacks that are not authentic, by reason", unauthentic);
    registry.register("rate_limited", "Callbacks answered 429 since the start", limited);
    registry.register("drift", "Times that something unknown to the adapter was seen", drift);
    Ok(())
}

async fn destinations(room: &Room, reach: &Reach, registry: &mut Registry) -> Result<(), Problem> {
    let backlog = Family::<ByDestination, Gauge>::default();
    let oldest = Family::<ByDestination, Gauge>::default();
    let in_flight = Family::<ByDestination, Gauge>::default();
    let paused = Family::<ByDestination, Gauge>::default();
    let deliveries = Family::<ByEnd, Counter>::default();
    let breaker = Family::<ByEnd, Gauge>::default();
    let next = Family::<ByDestination, Gauge>::default();
    let succeeds = Family::<ByDestination, Ratio>::default();
    let latency = Family::<Quantile, Ratio>::default();
    let now = room.clock.now();
    let destinations = room.config.destinations.iter();
    for destination in destinations.filter(|one| reach.has_destination(one)) {
        let labels = ByDestination { destination: destination.name.to_string() };
        let waits = room.store.backlog(&destination.name).await?;
        backlog.get_or_create(&labels).set(i64::try_from(waits.waiting).unwrap_or(i64::MAX));
        let age = waits.oldest_pending_at.map_or(0, |oldest| now.since(oldest).as_secs());
        oldest.get_or_create(&labels).set(i64::try_from(age).unwrap_or(i64::MAX));
        let ended = waits.ended;
        for (state, number) in [
            ("succeeded", ended.succeeded),
            ("exhausted", ended.exhausted),
            ("expired", ended.expired),
            ("cancelled", ended.cancelled),
        ] {
            let destination = labels.destination.clone();
            deliveries.get_or_create(&ByEnd { destination, state }).inc_by(number);
        }
        let Some(standing) = room.board.standing(&destination.name) else { continue };
        in_flight.get_or_create(&labels).set(as_i64(standing.in_flight));
        paused.get_or_create(&labels).set(i64::from(standing.paused.is_some()));
        for state in ["closed", "open", "half_open"] {
            let labels = ByEnd { destination: labels.destination.clone(), state };
            breaker.get_or_create(&labels).set(i64::from(standing.breaker.as_str() == state));
        }
        if let Some(moment) = next_attempt(room, destination, &standing).await? {
            let wait = i64::try_from(moment.since(now).as_secs()).unwrap_or(i64::MAX);
            next.get_or_create(&labels).set(wait);
        }
        if let Some(rate) = standing.success_rate {
            succeeds.get_or_create(&labels).set(rate);
        }
        for (quantile, took) in
            standing.latency.iter().flat_map(|(p50, p99)| [("0.5", p50), ("0.99", p99)])
        {
            let labels = Quantile { destination: labels.destination.clone(), quantile };
            latency.get_or_create(&labels).set(took.as_secs_f64());
        }
    }
    registry.register("destination_breaker", "1 for the state that the breaker is in", breaker);
    registry.register(
        "destination_next_attempt_seconds",
        "Until the next attempt, if one is to be",
        next,
    );
    registry.register("destination_success_ratio", "Of the latest attempts", succeeds);
    registry.register("destination_latency_seconds", "How long the latest attempts took", latency);
    registry.register("destination_backlog", "Deliveries that wait or are under way", backlog);
    registry.register("deliveries", "Deliveries that have ended, by how", deliveries);
    registry.register("destination_oldest_seconds", "Age of the oldest of them", oldest);
    registry.register("destination_in_flight", "Attempts under way", in_flight);
    registry.register("destination_paused", "1 while a destination is paused", paused);
    Ok(())
}

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
