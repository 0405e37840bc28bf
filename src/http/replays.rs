//! `/v1/replays`: stored events handed out again, with a count first, and how far that is.

use actix_web::{HttpRequest, HttpResponse, web};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::asked::{self, REFUSALS};
use super::auth::Caller;
use super::body::Body;
use super::events;
use super::operation::{Answer, Operation};
use super::page::{self, List, PageOf};
use super::parameters;
use super::params::{Params, not_allowed};
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use crate::domain::id::{EventId, ReplayId};
use crate::domain::name::Name;
use crate::domain::query::{EventFilter, Page};
use crate::domain::reach::Reach;
use crate::domain::replay::{Progress, Replay, ReplayState};
use crate::store::Counted;

/// The most events a second that can be asked for.
const RATE_MAX: f64 = 100_000.0;

/// The keys of a wish.
const KEYS: [&str; 4] = ["filter", "to", "rate", "dry_run"];

/// A list of replays.
pub(super) const LIST: Operation = Operation::get("listReplays", "List replays", || web::to(list))
    .takes(&[parameters::PAGE])
    .answers(&[Answer::json::<PageOf<Replay>>("A page of replays.")]);

/// A replay by a filter.
pub(super) const BEGIN: Operation =
    Operation::post("beginReplay", "Hand stored events out again, or count them first", || {
        web::to(begin)
    })
    .body::<Wish>()
    .answers(&[Answer::json::<Replay>("The replay, as it begins.")])
    .may_refuse(REFUSALS);

/// A replay of one event.
pub(super) const ONE_EVENT: Operation =
    Operation::post("replayEvent", "Hand an event out again", || web::to(one_event))
        .body::<Wish>()
        .answers(&[Answer::json::<Replay>("The replay, as it begins.")])
        .may_refuse(REFUSALS);

/// One replay.
pub(super) const ONE: Operation =
    Operation::get("getReplay", "Show how far a replay is", || web::to(one))
        .answers(&[Answer::json::<Replay>("The replay.")]);

/// Ending one.
pub(super) const CANCEL: Operation =
    Operation::post("cancelReplay", "End a replay before it is through", || web::to(cancel))
        .answers(&[Answer::json::<Replay>("The replay, cancelled.")])
        .may_refuse(&[Code::Conflict]);

/// What is asked for.
#[derive(Debug, Default, JsonSchema)]
#[schemars(rename = "ReplayWish", deny_unknown_fields)]
struct Wish {
    /// Which events: the parameters of `GET /v1/events` without those of its pages, or `id` alone. Not where the path says it.
    filter: Option<Map<String, Value>>,
    /// The destination; without one, those that had each event in the first place.
    to: Option<Name>,
    /// How many events a second at the most: above 0, up to 100000.
    rate: Option<f64>,
    /// Only count, and hand nothing out.
    #[schemars(default)]
    dry_run: bool,
}

/// `POST /v1/replays`: counts, and unless that is all, begins.
async fn begin(room: Current, caller: Caller, body: Body) -> Result<HttpResponse, Problem> {
    let wish = wish(&room, &caller, body).await?;
    let Some(filter) = &wish.filter else {
        return Err(wrong("`filter` is missing: say which events, or {} for all that are kept"));
    };
    let single = filter.get("id").map(|id| single(filter, id)).transpose()?;
    if let Some(id) = single {
        return of_one(&room, &caller, id, wish).await;
    }
    let mut params = Params::of(pairs(filter)?);
    let filter = within_reach(events::filter(&mut params, &caller)?)?;
    params.end()?;
    events::must_be_searchable(&room, &filter)?;
    let counted = room.store.count(filter.clone()).await?;
    start(&room, wish, filter, counted, 0).await
}

/// `POST /v1/events/{id}/replay`: the same for one event; the body may be left out.
async fn one_event(
    room: Current,
    caller: Caller,
    id: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let wish = wish(&room, &caller, body).await?;
    if wish.filter.is_some() {
        return Err(wrong("`filter` has no place here: the path says which event"));
    }
    let id: EventId = id.parse().map_err(|_| Problem::missing("event", &id))?;
    of_one(&room, &caller, id, wish).await
}

/// `GET /v1/replays`.
async fn list(
    room: Current,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(request.query_string())?;
    let page = page::request(&mut params, List::Replays, &room.key)?;
    params.end()?;
    let Page { mut items, place, more } = room.store.replays(page).await?;
    items.retain(|replay| is_in_reach(replay, &caller.reach));
    let found = Page { items, place, more };
    Ok(page::answer(found, List::Replays, &room.key))
}

/// `GET /v1/replays/{id}`.
async fn one(
    room: Current,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    shown(&room, &caller, read(&id)?).await
}

/// `POST /v1/replays/{id}/cancel`: nothing more is handed out, and what of it waits ends; attempts under way do not.
async fn cancel(
    room: Current,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let wanted = find(&room, &caller, read(&id)?).await?.id;
    match room.store.cancel_replay(wanted, room.clock.now()).await? {
        None => Err(Problem::missing("replay", &id)),
        Some(false) => Err(Problem::new(Code::Conflict, "the replay has ended already")),
        Some(true) => shown(&room, &caller, wanted).await,
    }
}

/// A replay of one event: the stretch of the stream where it stands.
async fn of_one(
    room: &Room,
    caller: &Caller,
    id: EventId,
    wish: Wish,
) -> Result<HttpResponse, Problem> {
    let found = room.store.event(id).await?;
    let found = found.filter(|(event, _)| caller.reach.has(&event.source));
    let (event, _) = found.ok_or_else(|| Problem::missing("event", &id.to_string()))?;
    let types = if event.kind.is_alarm() { "callbox.*".parse().ok() } else { None };
    let filter = EventFilter {
        types: types.into_iter().collect(),
        sources: caller.reach.sources().map_or_else(Vec::new, |_| vec![event.source.clone()]),
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

async fn shown(room: &Room, caller: &Caller, id: ReplayId) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(find(room, caller, id).await?))
}

async fn find(room: &Room, caller: &Caller, id: ReplayId) -> Result<Replay, Problem> {
    let found = room.store.replay(id).await?;
    let found = found.filter(|replay| is_in_reach(replay, &caller.reach));
    found.ok_or_else(|| Problem::missing("replay", &id.to_string()))
}

/// Whether a replay hands out events of sources in reach alone.
fn is_in_reach(replay: &Replay, reach: &Reach) -> bool {
    let sources = &replay.filter.sources;
    reach.sources().is_none()
        || (!sources.is_empty() && sources.iter().all(|source| reach.has(source)))
}

/// The filter with its reach written into its sources, which are kept with the replay.
fn within_reach(mut filter: EventFilter) -> Result<EventFilter, Problem> {
    let Some(allowed) = filter.reach.sources() else { return Ok(filter) };
    if filter.sources.is_empty() {
        filter.sources = allowed.to_vec();
    } else if let Some(foreign) = filter.sources.iter().find(|source| !filter.reach.has(source)) {
        return Err(Problem::missing("source", foreign.as_str()));
    }
    Ok(filter)
}

fn read(id: &str) -> Result<ReplayId, Problem> {
    id.parse().map_err(|_| Problem::missing("replay", id))
}

/// Reads the body: a JSON object, or nothing.
async fn wish(room: &Room, caller: &Caller, body: Body) -> Result<Wish, Problem> {
    let Some(whole) = asked::object(room, body).await? else { return Ok(Wish::default()) };
    let mut wish = Wish::default();
    for (key, value) in whole {
        match key.as_str() {
            "filter" => {
                let Value::Object(filter) = value else {
                    return Err(not_allowed("filter", &value.to_string(), "an object"));
                };
                wish.filter = Some(filter);
            }
            "to" => wish.to = to(room, caller, &value)?,
            "rate" => wish.rate = rate(&value)?,
            "dry_run" => {
                let no = || not_allowed("dry_run", &value.to_string(), "true or false");
                wish.dry_run = value.as_bool().ok_or_else(no)?;
            }
            _ => return Err(asked::unknown(&key, &KEYS)),
        }
    }
    Ok(wish)
}

fn to(room: &Room, caller: &Caller, value: &Value) -> Result<Option<Name>, Problem> {
    if value.is_null() {
        return Ok(None);
    }
    let text = value.as_str().unwrap_or_default();
    let known = || {
        let all = room.config.destinations.iter();
        all.filter(|destination| caller.reach.has_destination(destination))
    };
    let found = known().find(|destination| destination.name.as_str() == text);
    let Some(destination) = found else {
        let names: Vec<&str> = known().map(|known| known.name.as_str()).collect();
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
