//! `/v1/erasures` and `/v1/exports`: a person is erased, or what is kept of them is given out.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use schemars::JsonSchema;
use serde_json::Value;

use super::asked::{self, REFUSALS};
use super::auth::Caller;
use super::body::Body;
use super::operation::{Answer, Operation};
use super::page::{self, List, PageOf};
use super::params::{Params, not_allowed};
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use super::{belongings, parameters};
use crate::config::Scope;
use crate::domain::erasure::{Erased, Erasure, ErasureState, Phase};
use crate::domain::id::ErasureId;
use crate::domain::person::Wanted;
use crate::store::Plan;

/// The keys of a wish.
const KEYS: [&str; 5] = ["phone", "contact", "conversation", "dry_run", "own_number"];

/// A list of erasures.
pub(super) const LIST: Operation =
    Operation::get("listErasures", "List erasures of people", || web::to(list))
        .takes(&[parameters::PAGE])
        .answers(&[Answer::json::<PageOf<Erasure>>("A page of erasures. None says of whom.")]);

/// An erasure.
pub(super) const BEGIN: Operation =
    Operation::post("beginErasure", "Erase a person, or count what that would remove", || {
        web::to(begin)
    })
    .body::<Wish>()
    .answers(&[Answer::json::<Erasure>(
        "The erasure, as it begins. It goes on beside the load, and after a restart.",
    )])
    .may_refuse(REFUSALS);

/// One erasure.
pub(super) const ONE: Operation =
    Operation::get("getErasure", "Show how far an erasure is; at the end, the receipt", || {
        web::to(one)
    })
    .answers(&[Answer::json::<Erasure>("The erasure.")]);

/// What is kept of a person.
pub(super) const EXPORT: Operation =
    Operation::post("exportPerson", "Give out what is kept of a person", || web::to(export))
        .needs(Scope::Raw)
        .body::<Named>()
        .answers(&[Answer::text(
            "application/jsonl",
            "One JSON object a line: `export` first, then `event` and `callback`, and at last `end` with counts. Without an `end` it is not whole.",
        )])
        .may_refuse(REFUSALS);

/// Who is meant, and how.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "ErasureWish", deny_unknown_fields)]
#[expect(dead_code, reason = "its schema alone is used")]
struct Wish {
    /// A phone number with its country code; its digits alone count. One of `phone`, `contact` and `conversation` has to be there.
    phone: Option<String>,
    /// An id at the vendor or on the channel.
    contact: Option<String>,
    /// A conversation's id.
    conversation: Option<String>,
    /// Only count, and remove nothing.
    #[schemars(default)]
    dry_run: bool,
    /// Go on even if that is a number of one of your own accounts.
    #[schemars(default)]
    own_number: bool,
}

/// Who is meant.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "Person", deny_unknown_fields)]
#[expect(dead_code, reason = "its schema alone is used")]
struct Named {
    /// A phone number with its country code; its digits alone count. One of `phone`, `contact` and `conversation` has to be there.
    phone: Option<String>,
    /// An id at the vendor or on the channel.
    contact: Option<String>,
    /// A conversation's id.
    conversation: Option<String>,
}

/// `POST /v1/erasures`.
async fn begin(room: Current, caller: Caller, body: Body) -> Result<HttpResponse, Problem> {
    for_everything(&caller)?;
    let (wanted, dry_run, own_number) = wish(&room, body, &KEYS).await?;
    let now = room.clock.now();
    let erasure = Erasure {
        id: ErasureId::from_bits(room.ids.next(now)),
        state: ErasureState::Running,
        about: wanted.word().to_owned(),
        dry_run,
        by: caller.name.as_ref().map_or_else(|| "local".to_owned(), ToString::to_string),
        created_at: now,
        ended_at: None,
        phase: Phase::Learning,
        erased: Erased::default(),
        note: None,
    };
    room.store.begin_erasure(erasure.clone(), Plan { wanted, own_number, marks: None }).await?;
    tracing::info!(erasure.id = %erasure.id, erasure.by = erasure.by, dry_run, "an erasure begins");
    room.erasures.notify_one();
    Ok(HttpResponse::Ok().json(erasure))
}

/// `GET /v1/erasures`.
async fn list(
    room: Current,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    for_everything(&caller)?;
    let mut params = Params::read(request.query_string())?;
    let page = page::request(&mut params, List::Erasures, &room.key)?;
    params.end()?;
    Ok(page::answer(room.store.erasures(page).await?, List::Erasures, &room.key))
}

/// `GET /v1/erasures/{id}`.
async fn one(
    room: Current,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    for_everything(&caller)?;
    let missing = || Problem::missing("erasure", &id);
    let wanted: ErasureId = id.parse().map_err(|_| missing())?;
    let found = room.store.erasure(wanted).await?;
    Ok(HttpResponse::Ok().json(found.ok_or_else(missing)?))
}

/// `POST /v1/exports`.
async fn export(room: Current, caller: Caller, body: Body) -> Result<HttpResponse, Problem> {
    for_everything(&caller)?;
    let [phone, contact, conversation, ..] = KEYS;
    let (wanted, ..) = wish(&room, body, &[phone, contact, conversation]).await?;
    let export = belongings::Export::of(Arc::clone(&room.store), &wanted, room.clock.now()).await?;
    Ok(HttpResponse::Ok().content_type("application/jsonl").streaming(export.lines()))
}

/// A person is in the callbacks of every source.
fn for_everything(caller: &Caller) -> Result<(), Problem> {
    if caller.reach.sources().is_none() {
        return Ok(());
    }
    let detail = "a key that is limited to sources can't see all that is kept of a person";
    Err(Problem::new(Code::Forbidden, detail))
}

async fn wish(room: &Room, body: Body, known: &[&str]) -> Result<(Wanted, bool, bool), Problem> {
    let whole = asked::object(room, body).await?.unwrap_or_default();
    let (mut found, mut dry_run, mut own_number) = (Vec::new(), false, false);
    for (key, value) in &whole {
        let flag = || {
            let refused = || not_allowed(key, &value.to_string(), "true or false");
            value.as_bool().ok_or_else(refused)
        };
        match key.as_str() {
            name if !known.contains(&name) => return Err(asked::unknown(key, known)),
            "dry_run" => dry_run = flag()?,
            "own_number" => own_number = flag()?,
            "phone" => found.push(named(key, value, Wanted::phone)?),
            "contact" => found.push(named(key, value, Wanted::contact)?),
            _ => found.push(named(key, value, Wanted::conversation)?),
        }
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(wanted), None) => Ok((wanted, dry_run, own_number)),
        (_, _) => Err(Problem::new(
            Code::InvalidParameter,
            "say who: exactly one of `phone`, `contact` and `conversation`",
        )),
    }
}

fn named(
    key: &str,
    value: &Value,
    read: fn(&str) -> Result<Wanted, &'static str>,
) -> Result<Wanted, Problem> {
    let text = value.as_str().unwrap_or_default();
    read(text).map_err(|allowed| not_allowed(key, &value.to_string(), allowed))
}
