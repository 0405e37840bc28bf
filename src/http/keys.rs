//! `/v1/keys`: which API keys there are, what they open, and when each was used last; never the keys themselves.

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::operation::{Answer, Operation};
use super::page::Listed;
use super::problem::{Code, Problem};
use super::room::Current;
use crate::clock::Time;
use crate::config::Scope;
use crate::domain::name::Name;

/// All keys.
pub(super) const LIST: Operation = Operation::get(
    "listKeys",
    "Show which API keys there are, and when each was used last",
    || web::to(list),
)
.needs(Scope::Operate)
.answers(&[Answer::json::<Listed<Shown<'static>>>(
    "All keys of the configuration; not the keys themselves.",
)]);

/// `GET /v1/keys`, for who may operate on everything.
async fn list(room: Current, caller: Caller) -> Result<HttpResponse, Problem> {
    if caller.reach.sources().is_some() {
        let detail = "a key that is limited to sources does not see the other keys";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let now = room.clock.now();
    let keys = room.config.api.keys.iter().map(|(name, key)| Shown {
        name,
        scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
        sources: key.reach.sources(),
        expires_at: key.expires,
        expired: key.expires.is_some_and(|expires| expires <= now),
        last_used_at: room.key_uses.latest(name),
    });
    Ok(HttpResponse::Ok().json(Listed { data: keys.collect() }))
}

/// A key as it is answered. Absent means absent.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Key")]
struct Shown<'a> {
    name: &'a Name,
    /// What it opens.
    scopes: Vec<&'static str>,
    /// The sources that it is limited to.
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<&'a [Name]>,
    /// When it ends to be valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    /// Whether that is over.
    expired: bool,
    /// When it was used last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Time>,
}
