//! `/v1/alarms`: what is wrong now, as the pager was told.

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::operation::{Answer, Operation};
use super::page::Listed;
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use crate::clock::Time;
use crate::store::StoreError;

/// The alarms that are raised.
pub(super) const LIST: Operation =
    Operation::get("listAlarms", "Show what is wrong now, as the pager was told", || web::to(list))
        .answers(&[Answer::json::<Listed<Told>>("The alarms that are raised.")]);

/// An alarm that is raised.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Alarm")]
pub(super) struct Told {
    /// The type of the event that told of it.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// The source, destination or part of callbox that it is about.
    pub(super) subject: String,
    /// When it was raised.
    since: Time,
    /// Why.
    reason: String,
    /// What to do.
    action: &'static str,
}

/// `GET /v1/alarms`, for who may see everything.
async fn list(room: Current, caller: Caller) -> Result<HttpResponse, Problem> {
    if caller.reach.sources().is_some() {
        let detail = "a key that is limited to sources does not see the alarms of the others";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    Ok(HttpResponse::Ok().json(Listed { data: raised(&room).await? }))
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
