//! `/v1/alarms`: what is wrong now, as the pager was told.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::auth;
use super::problem::Problem;
use super::room::Room;
use crate::clock::Time;
use crate::config::Scope;
use crate::store::StoreError;

/// An alarm that is raised.
#[derive(Serialize)]
pub(super) struct Told {
    #[serde(rename = "type")]
    kind: &'static str,
    subject: String,
    since: Time,
    reason: String,
    action: &'static str,
}

/// `GET /v1/alarms`.
pub(super) async fn list(
    room: web::Data<Room>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    #[derive(Serialize)]
    struct Body {
        data: Vec<Told>,
    }
    auth::require(&room, &request, Scope::Read)?;
    Ok(HttpResponse::Ok().json(Body { data: raised(&room).await? }))
}

/// The alarms that are raised.
pub(super) async fn raised(room: &Room) -> Result<Vec<Told>, StoreError> {
    let alarms = room.store.alarms().await?.into_iter().filter(|alarm| alarm.raised);
    let told = alarms.map(|alarm| Told {
        kind: alarm.condition.raised().as_str(),
        subject: alarm.subject,
        since: alarm.since,
        reason: alarm.reason,
        action: alarm.condition.action(),
    });
    Ok(told.collect())
}
