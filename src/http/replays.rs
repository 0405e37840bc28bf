//! `/v1/replays`: stored events handed out again, with a count first, and how far that is.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value};

use super::auth;
use super::body::{Body, NoBody};
use super::events;
use super::page::{self, List};
use super::params::{Params, not_allowed};
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use crate::config::Scope;
use crate::domain::id::{EventId, ReplayId};
use crate::domain::name::Name;
use crate::domain::query::EventFilter;
use crate::domain::replay::{Progress, Replay, ReplayState};
use crate::store::Counted;

/// The largest body that is read, in bytes.
const BODY_MAX: usize = 64 * 1024;

/// The most events a second that can be asked for.
const RATE_MAX: f64 = 100_000.0;

/// The keys of a wish.
const KEYS: [&str; 4] = ["filter", "to", "rate", "dry_run"];

/// What is asked for.
#[derive(Debug, Default)]
struct Wish {
    filter: Option<Map<String, Value>>,
    to: Option<Name>,
    rate: Option<f64>,
    dry_run: bool,
}

/// `POST /v1/replays`: counts, and unless that is all, begins.
pub(super) async fn begin(
    room: Current,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Operate)?;
    let wish = wish(&room, body).await?;
    let Some(filter) = &wish.filter else {
        return Err(wrong("`filter` is missing: say which events, or {} for all that are kept"));
    };
    let single = filter.get("id").map(|id| single(filter, id)).transpose()?;
    if let Some(id) = single {
        return of_one(&room, id, wish).await;
    }
    let mut params = Params::of(pairs(filter)?);
    let filter = events::filter(&mut params)?;
    params.end()?;
    events::must_be_searchable(&room, &filter)?;
    let counted = room.store.count(filter.clone()).await?;
    start(&room, wish, filter, counted, 0).await
}

/// `POST /v1/events/{id}/replay`: the same for one event; the body may be left out.
pub(super) async fn one_event(
    room: Current,
    request: HttpRequest,
    id: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Operate)?;
    let wish = wish(&room, body).await?;
    if wish.filter.is_some() {
        return Err(wrong("`filter` has no place here: the path says which event"));
    }
    let id: EventId = id.parse().map_err(|_| Problem::missing("event", &id))?;
    of_one(&room, id, wish).await
}

/// `GET /v1/replays`.
pub(super) async fn list(room: Current, request: HttpRequest) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    let mut params = Params::read(request.query_string())?;
    let page = page::request(&mut params, List::Replays, &room.key)?;
    params.end()?;
    let found = room.store.replays(page).await?;
    Ok(page::answer(found, List::Replays, &room.key))
}

/// `GET /v1/replays/{id}`.
pub(super) async fn one(
    room: Current,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Read)?;
    shown(&room, read(&id)?).await
}

/// `POST /v1/replays/{id}/cancel`: nothing more is handed out, and what of it waits ends; attempts under way do not.
pub(super) async fn cancel(
    room: Current,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::require(&room, &request, Scope::Operate)?;
    let wanted = read(&id)?;
    match room.store.cancel_replay(wanted, room.clock.now()).await? {
        None => Err(Problem::missing("replay", &id)),
        Some(false) => Err(Problem::new(Code::Conflict, "the replay has ended already")),
        Some(true) => shown(&room, wanted).await,
    }
}

/// A replay of one event: the stretch of the stream where it stands.
async fn of_one(room: &Room, id: EventId, wish: Wish) -> Result<HttpResponse, Problem> {
    let found = room.store.event(id).await?;
    let (event, _) = found.ok_or_else(|| Problem::missing("event", &id.to_string()))?;
    let types = if event.kind.is_alarm() { "callbox.*".parse().ok() } else { None };
    let filter = EventFilter {
        types: types.into_iter().collect(),
        since: Some(event.received_at),
        ..EventFilter::default()
    };
    let counted = Counted { matched: 1, last: event.sequence };
    start(room, wish, filter, counted, event.sequence - 1).await
}

async fn start(
    room: &Room,
    wish: Wish,
    filter: EventFilter,
    counted: Counted,
    place: i64,
) -> Result<HttpResponse, Problem> {
    let now = room.clock.now();
    let state = if wish.dry_run { ReplayState::DryRun } else { ReplayState::Running };
    let progress = Progress { place, last: counted.last, ..Progress::default() };
    let replay = Replay {
        id: ReplayId::from_bits(room.ids.next(now)),
        filter,
        to: wish.to,
        rate: wish.rate,
        state,
        created_at: now,
        ended_at: wish.dry_run.then_some(now),
        matched: counted.matched,
        progress,
    };
    room.store.begin_replay(replay.clone()).await?;
    if state == ReplayState::Running {
        tracing::info!(replay.id = %replay.id, events = replay.matched, "a replay begins");
        room.replays.notify_one();
    }
    Ok(HttpResponse::Ok().json(replay))
}

async fn shown(room: &Room, id: ReplayId) -> Result<HttpResponse, Problem> {
    let found = room.store.replay(id).await?;
    let replay = found.ok_or_else(|| Problem::missing("replay", &id.to_string()))?;
    Ok(HttpResponse::Ok().json(replay))
}

fn read(id: &str) -> Result<ReplayId, Problem> {
    id.parse().map_err(|_| Problem::missing("replay", id))
}

/// Reads the body: a JSON object, or nothing.
async fn wish(room: &Room, body: Body) -> Result<Wish, Problem> {
    let clock = Arc::clone(&room.clock);
    let bytes = body.read(BODY_MAX, &room.in_flight, &*clock).await.map_err(|why| match why {
        NoBody::TooLarge => {
            Problem::new(Code::TooLarge, format!("the body is larger than {BODY_MAX} bytes"))
        }
        NoBody::TooSlow => Problem::new(Code::TooSlow, "the body did not come in time"),
        NoBody::BrokenOff => Problem::new(Code::BrokenOff, "the body broke off"),
        NoBody::Crowded => Problem::new(Code::Unavailable, "too much is in flight already"),
    })?;
    if bytes.is_empty() {
        return Ok(Wish::default());
    }
    let whole: Value = serde_json::from_slice(&bytes)
        .map_err(|error| wrong(&format!("the body is not JSON: {error}")))?;
    let Value::Object(whole) = whole else { return Err(wrong("the body is not a JSON object")) };
    let mut wish = Wish::default();
    for (key, value) in whole {
        match key.as_str() {
            "filter" => {
                let Value::Object(filter) = value else {
                    return Err(not_allowed("filter", &value.to_string(), "an object"));
                };
                wish.filter = Some(filter);
            }
            "to" => wish.to = to(room, &value)?,
            "rate" => wish.rate = rate(&value)?,
            "dry_run" => {
                let no = || not_allowed("dry_run", &value.to_string(), "true or false");
                wish.dry_run = value.as_bool().ok_or_else(no)?;
            }
            _ => return Err(unknown(&key)),
        }
    }
    Ok(wish)
}

fn unknown(key: &str) -> Problem {
    let nearest = KEYS.into_iter().max_by(|one, other| {
        strsim::jaro_winkler(one, key).total_cmp(&strsim::jaro_winkler(other, key))
    });
    let (nearest, shown) = (nearest.unwrap_or_default(), key.chars().take(64).collect::<String>());
    wrong(&format!(
        "there is no key `{shown}`; the nearest is `{nearest}`; there are: {}",
        KEYS.join(", ")
    ))
}

fn to(room: &Room, value: &Value) -> Result<Option<Name>, Problem> {
    if value.is_null() {
        return Ok(None);
    }
    let text = value.as_str().unwrap_or_default();
    let found =
        room.config.destinations.iter().find(|destination| destination.name.as_str() == text);
    let Some(destination) = found else {
        let names: Vec<&str> =
            room.config.destinations.iter().map(|known| known.name.as_str()).collect();
        let allowed = format!("the name of a destination: {}", names.join(", "));
        return Err(not_allowed("to", &value.to_string(), &allowed));
    };
    if !destination.enabled {
        let detail = format!("the destination `{text}` has enabled = false, so it gets nothing");
        return Err(Problem::new(Code::Conflict, detail));
    }
    Ok(Some(destination.name.clone()))
}

fn rate(value: &Value) -> Result<Option<f64>, Problem> {
    match value.as_f64() {
        None if value.is_null() => Ok(None),
        Some(rate) if rate > 0.0 && rate <= RATE_MAX => Ok(Some(rate)),
        Some(_) | None => Err(not_allowed(
            "rate",
            &value.to_string(),
            "a number of events a second, above 0 and up to 100000",
        )),
    }
}

/// The filter as the parameters of `GET /v1/events`.
fn pairs(filter: &Map<String, Value>) -> Result<Vec<(String, String)>, Problem> {
    let mut pairs = Vec::new();
    for (name, value) in filter {
        let one = std::slice::from_ref(value);
        let several = value.as_array().map_or(one, Vec::as_slice);
        for value in several {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                    return Err(not_allowed(
                        name,
                        &value.to_string(),
                        "a text, or a list of texts, as in the query of GET /v1/events",
                    ));
                }
            };
            pairs.push((name.clone(), text));
        }
    }
    Ok(pairs)
}

/// The event of a filter that names one.
fn single(filter: &Map<String, Value>, id: &Value) -> Result<EventId, Problem> {
    if filter.len() > 1 {
        return Err(wrong("a filter with `id` has nothing beside it: it is one event"));
    }
    let read = id.as_str().and_then(|text| text.parse().ok());
    read.ok_or_else(|| {
        not_allowed("id", &id.to_string(), "the id of an event: evt_ and 26 characters")
    })
}

fn wrong(detail: &str) -> Problem {
    Problem::new(Code::InvalidParameter, detail)
}
