//! `/healthz`, `/readyz` and `/health`: alive, ready to accept, and every component with its reason.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::alarms;
use super::operation::{Answer, Operation};
use super::room::{Current, Room};

/// A worker that has not begun a round for so long has stalled: it rests 5 s at the most.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// How long it holds that the store takes writes: whoever asks more often costs it no write.
const READY_FOR: Duration = Duration::from_secs(1);

/// What the rest of the program tells those who ask how it is.
#[derive(Debug, Default)]
pub struct Health {
    stopping: CancellationToken,
    /// When the store was last found to take writes.
    taken: Mutex<Option<Duration>>,
}

impl Health {
    /// From now on nobody new should be sent here.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Returns once callbox is stopping.
    pub(super) async fn stopping(&self) {
        self.stopping.cancelled().await;
    }
}

/// Whether the process answers.
pub(super) const ALIVE: Operation =
    Operation::get("alive", "Whether the process answers", || web::to(alive))
        .open()
        .answers(&[Answer::text("text/plain", "It does.")]);

/// Whether callbacks are taken.
pub(super) const READY: Operation =
    Operation::get("ready", "Whether the store takes writes", || web::to(ready)).open().answers(&[
        Answer::text("text/plain", "It does, and callbox is not stopping."),
        Answer::text("text/plain", "It does not, or callbox is stopping.").with(503),
    ]);

/// How every component is.
pub(super) const WHOLE: Operation =
    Operation::get("health", "Tell how every component is", || web::to(whole)).answers(&[
        Answer::json::<Whole>("Every component is well."),
        Answer::json::<Whole>("One is ill; its reason stands with it.").with(503),
    ]);

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// `GET /readyz`: the store takes writes, and callbox is not stopping.
pub(super) async fn ready(room: Current) -> HttpResponse {
    if is_ready(&room).await {
        return HttpResponse::Ok().content_type("text/plain").body("ready\n");
    }
    HttpResponse::ServiceUnavailable().content_type("text/plain").body("not ready\n")
}

async fn is_ready(room: &Room) -> bool {
    if room.health.is_stopping() || room.store.has_room().is_err() {
        return false;
    }
    let now = room.clock.elapsed();
    let taken = *room.health.taken.lock();
    if taken.is_some_and(|taken| now.saturating_sub(taken) < READY_FOR) {
        return true;
    }
    let ready = room.store.ready().await.is_ok();
    *room.health.taken.lock() = ready.then_some(now);
    ready
}

/// `GET /health`: every component, with its reason; 503 when one is ill. For alerts, never for balancers.
async fn whole(room: Current) -> HttpResponse {
    let components = components(&room).await;
    let ok = components.named().iter().all(|(_, ok)| *ok);
    let writes_waiting = room.store.waiting();
    // What the pager was told; it makes nothing red by itself.
    let alarms = alarms::raised(&room).await.unwrap_or_default();
    let body = Whole { ok, version: env!("CARGO_PKG_VERSION"), writes_waiting, components, alarms };
    if ok { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

/// How every component is now.
pub(super) async fn components(room: &Room) -> Components {
    let store = match (room.store.damage(), room.store.ready().await) {
        (Some(damage), _) => Component::ill(format!("the database is damaged: {damage}")),
        (None, Err(error)) => Component::ill(error.to_string()),
        (None, Ok(())) => Component::WELL,
    };
    let stopping = room.health.is_stopping();
    let intake =
        if stopping { Component::ill("callbox is stopping".to_owned()) } else { Component::WELL };
    let quiet = room.board.since_last_round();
    let deliveries = if quiet > STALLED_AFTER {
        Component::ill(format!("the delivery worker has not moved for {} s", quiet.as_secs()))
    } else {
        Component::WELL
    };
    Components { store, intake, deliveries }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Health")]
struct Whole {
    ok: bool,
    version: &'static str,
    writes_waiting: usize,
    components: Components,
    alarms: Vec<alarms::Told>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HealthOfComponents")]
pub(super) struct Components {
    store: Component,
    intake: Component,
    deliveries: Component,
}

impl Components {
    /// Each by its name, and whether it is well.
    pub(super) fn named(&self) -> [(&'static str, bool); 3] {
        let Self { store, intake, deliveries } = self;
        [("store", store.ok), ("intake", intake.ok), ("deliveries", deliveries.ok)]
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HealthOfComponent")]
struct Component {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Component {
    const WELL: Self = Self { ok: true, reason: None };

    fn ill(reason: String) -> Self {
        Self { ok: false, reason: Some(reason) }
    }
}
