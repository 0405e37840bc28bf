//! `/healthz`, `/readyz` and `/health`: alive, ready to accept, and every component with its reason.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::auth;
use super::problem::Problem;
use super::server::Room;
use crate::config::Scope;

/// What the rest of the program tells those who ask how it is.
#[derive(Debug, Default)]
pub struct Health {
    stopping: AtomicBool,
}

impl Health {
    /// From now on nobody new should be sent here.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// `GET /readyz`: the store takes writes, and callbox is not stopping.
pub(super) async fn ready(room: web::Data<Room>) -> HttpResponse {
    if !room.health.is_stopping() && room.store.ready().await.is_ok() {
        return HttpResponse::Ok().content_type("text/plain").body("ready\n");
    }
    HttpResponse::ServiceUnavailable().content_type("text/plain").body("not ready\n")
}

/// `GET /health`: every component, with its reason; 503 when one is ill. For alerts, never for balancers.
pub(super) async fn whole(
    room: web::Data<Room>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let store = match room.store.ready().await {
        Ok(()) => json!({ "ok": true, "waiting": room.store.waiting() }),
        Err(error) => json!({ "ok": false, "reason": error.to_string() }),
    };
    let intake = if room.health.is_stopping() {
        json!({ "ok": false, "reason": "callbox is stopping" })
    } else {
        json!({ "ok": true })
    };
    let components = json!({ "store": store, "intake": intake });
    let is_well = |component: &Value| component.get("ok") == Some(&Value::Bool(true));
    let well = components.as_object().is_some_and(|components| components.values().all(is_well));
    let body =
        json!({ "ok": well, "version": env!("CARGO_PKG_VERSION"), "components": components });
    Ok(if well {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    })
}
