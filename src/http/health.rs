//! `/healthz`, `/readyz` and `/health`: alive, ready to accept, and every component with its reason.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::auth;
use super::problem::Problem;
use super::room::Current;
use crate::config::Scope;

/// A worker that has not begun a round for so long has stalled: it rests 5 s at the most.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// What the rest of the program tells those who ask how it is.
#[derive(Debug, Default)]
pub struct Health {
    stopping: CancellationToken,
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

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// `GET /readyz`: the store takes writes, and callbox is not stopping.
pub(super) async fn ready(room: Current) -> HttpResponse {
    if !room.health.is_stopping() && room.store.ready().await.is_ok() {
        return HttpResponse::Ok().content_type("text/plain").body("ready\n");
    }
    HttpResponse::ServiceUnavailable().content_type("text/plain").body("not ready\n")
}

/// `GET /health`: every component, with its reason; 503 when one is ill. For alerts, never for balancers.
pub(super) async fn whole(room: Current, request: HttpRequest) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
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
    let components = Components { store, intake, deliveries };
    let ok = components.store.ok && components.intake.ok && components.deliveries.ok;
    let writes_waiting = room.store.waiting();
    let body = Whole { ok, version: env!("CARGO_PKG_VERSION"), writes_waiting, components };
    Ok(if ok {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    })
}

#[derive(Serialize)]
struct Whole {
    ok: bool,
    version: &'static str,
    writes_waiting: usize,
    components: Components,
}

#[derive(Serialize)]
struct Components {
    store: Component,
    intake: Component,
    deliveries: Component,
}

#[derive(Serialize)]
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
