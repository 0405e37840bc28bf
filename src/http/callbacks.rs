//! `/v1/callbacks`: what vendors sent, as it came.

use std::net::IpAddr;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::operation::{Answer, Operation};
use super::page::{self, List, PageOf};
use super::parameters;
use super::params::{self, Params};
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use crate::clock::Time;
use crate::config::Scope;
use crate::domain::callback::CallbackOutcome;
use crate::domain::id::{CallbackId, EventId};
use crate::domain::name::Name;
use crate::domain::query::{CallbackFilter, Page};
use crate::store::CallbackRecord;

/// What stands in place of header values that prove who somebody is, without the scope `raw`.
const REDACTED: &str = "[redacted]";

/// What the names of headers have in them that can hold a credential or signature, whatever the source asks for.
const PROOFS: [&str; 9] = [
    "authorization",
    "cookie",
    "apikey",
    "api-key",
    "api_key",
    "token",
    "secret",
    "signature",
    "password",
];

/// A list of callbacks.
pub(super) const LIST: Operation =
    Operation::get("listCallbacks", "List callbacks as they came", || web::to(list))
        .takes(&[parameters::CALLBACKS, parameters::PAGE])
        .answers(&[Answer::json::<PageOf<Shown<'static>>>(
            "A page of callbacks, without their bodies.",
        )]);

/// One callback.
pub(super) const ONE: Operation =
    Operation::get("getCallback", "Show a callback's head and what became of it", || web::to(one))
        .answers(&[Answer::json::<Shown<'static>>(
            "The callback. Without the scope `raw`, headers that prove something are redacted.",
        )]);

/// The bytes of one.
pub(super) const BODY: Operation =
    Operation::get("getCallbackBody", "Fetch a callback's body, byte for byte", || web::to(body))
        .needs(Scope::Raw)
        .answers(&[Answer::bytes(
            "The body as it came. Its own content type is in the header `callbox-content-type`.",
        )])
        .may_refuse(&[Code::Erased]);

/// `GET /v1/callbacks`.
async fn list(
    room: Current,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(request.query_string())?;
    let outcomes: Vec<_> =
        CallbackOutcome::ALL.iter().map(|outcome| (outcome.as_str(), *outcome)).collect();
    let filter = CallbackFilter {
        source: params
            .parsed("source", "the name of a source")?
            .or_else(|| caller.reach.only().cloned()),
        reach: caller.reach.clone(),
        outcome: params.word("outcome", &outcomes)?,
        since: params.parsed("since", params::TIME)?,
        until: params.parsed("until", params::TIME)?,
    };
    let page = page::request(&mut params, List::Callbacks, &room.key)?;
    params.end()?;
    let found = room.store.callbacks(filter, page).await?;
    let raw = caller.has(Scope::Raw);
    let items = found.items.iter().map(|record| shown(&room, record, raw)).collect();
    let found = Page { items, place: found.place, more: found.more };
    Ok(page::answer(found, List::Callbacks, &room.key))
}

/// `GET /v1/callbacks/{id}`.
async fn one(
    room: Current,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let missing = || Problem::missing("callback", &id);
    let wanted: CallbackId = id.parse().map_err(|_| missing())?;
    let found = room.store.callback(wanted).await?;
    let record = found.filter(|record| caller.reach.has(&record.callback.source));
    let record = record.ok_or_else(missing)?;
    Ok(HttpResponse::Ok().json(shown(&room, &record, caller.has(Scope::Raw))))
}

/// `GET /v1/callbacks/{id}/body`: the bytes, in such a way that no browser runs them.
async fn body(
    room: Current,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let missing = || Problem::missing("callback", &id);
    let wanted: CallbackId = id.parse().map_err(|_| missing())?;
    let found = room.store.callback(wanted).await?;
    let record = found.filter(|record| caller.reach.has(&record.callback.source));
    if let Some(at) = record.ok_or_else(missing)?.erased_at {
        return Err(Problem::erased(&format!("the body of {wanted}"), at));
    }
    let (content_type, bytes) = room.store.callback_body(wanted).await?.ok_or_else(missing)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, "application/octet-stream"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{wanted}\"")))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if let Some(content_type) =
        content_type.filter(|value| value.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
    {
        response.insert_header(("callbox-content-type", content_type));
    }
    Ok(response.body(bytes))
}

/// A callback as it is answered. Absent means absent.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Callback")]
struct Shown<'a> {
    id: CallbackId,
    source: &'a Name,
    received_at: Time,
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    query: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    body_size: u64,
    body_sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_ip: Option<IpAddr>,
    outcome: CallbackOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    events: &'a [EventId],
    /// When its bytes, headers, path and query were removed because a person was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<Time>,
}

/// Without the scope `raw`, the headers that prove something are redacted.
fn shown<'a>(room: &Room, record: &'a CallbackRecord, raw: bool) -> Shown<'a> {
    let callback = &record.callback;
    let head = &callback.head;
    let header = |(name, value): &'a (String, String)| {
        let value = if raw || !is_proof(room, record, name) { value } else { REDACTED };
        (name.as_str(), value)
    };
    Shown {
        id: callback.id,
        source: &callback.source,
        received_at: callback.received_at,
        method: &head.method,
        path: &head.path,
        query: &head.query,
        headers: head.headers.iter().map(header).collect(),
        content_type: head.header("content-type"),
        body_size: record.body_size,
        body_sha256: hex::encode(record.body_sha256),
        remote_ip: head.remote,
        outcome: record.outcome,
        reason: record.reason.as_deref(),
        events: &record.events,
        erased_at: record.erased_at,
    }
}

fn is_proof(room: &Room, record: &CallbackRecord, name: &str) -> bool {
    let source = room.config.sources.iter().find(|source| source.name == record.callback.source);
    let asked = source
        .is_some_and(|source| source.auth.iter().any(|scheme| scheme.headers().contains(&name)));
    PROOFS.iter().any(|word| name.contains(word)) || asked
}
