//! `/v1/consumers`: who follows the events under a name, and how far they have come; so that nobody needs a URL to be pushed to.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;
use url::form_urlencoded;

use super::auth::Caller;
use super::events;
use super::follow::{self, Follower};
use super::operation::{Answer, Operation};
use super::page::{self, List, Listed, PageOf};
use super::parameters;
use super::params::{Params, not_allowed};
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use crate::clock::Time;
use crate::config::Scope;
use crate::domain::consumer::{CONSUMERS_MAX, Consumer, Lag};
use crate::domain::event::Event;
use crate::domain::name::Name;
use crate::domain::query::{EventFilter, Order, PageRequest};
use crate::store::{Keeping, Moved, Start};

/// All consumers.
pub(super) const LIST: Operation =
    Operation::get("listConsumers", "List who follows the events by name", || web::to(list))
        .answers(&[Answer::json::<Listed<ConsumerTold>>("All consumers.")]);

/// One consumer.
pub(super) const ONE: Operation =
    Operation::get("getConsumer", "Show how far a consumer has come", || web::to(one))
        .answers(&[Answer::json::<ConsumerTold>("The consumer, its place and its lag.")]);

/// Making one.
pub(super) const KEEP: Operation =
    Operation::put("keepConsumer", "Make a consumer, or change what it wants", || web::to(keep))
        .takes(&[parameters::EVENTS, parameters::FROM])
        .answers(&[
            Answer::json::<ConsumerTold>("The consumer, changed."),
            Answer::json::<ConsumerTold>("The consumer, made.").with(201),
        ])
        .may_refuse(&[Code::Conflict]);

/// Forgetting one.
pub(super) const REMOVE: Operation =
    Operation::delete("removeConsumer", "Forget a consumer", || web::to(remove))
        .answers(&[Answer::json::<ConsumerTold>("The consumer, as it was.")]);

/// Its next events.
pub(super) const EVENTS: Operation =
    Operation::get("getConsumerEvents", "Read a consumer's next events", || web::to(next))
        .takes(&[parameters::LIMIT, parameters::WAIT])
        .answers(&[Answer::json::<PageOf<Event>>(
            "The events behind its place, oldest first; it stays where it is.",
        )]);

/// Moving it on.
pub(super) const COMMIT: Operation =
    Operation::post("commitConsumer", "Tell how far a consumer has come", || web::to(commit))
        .needs(Scope::Read)
        .takes(&[parameters::COMMITTED])
        .answers(&[Answer::json::<ConsumerTold>("The consumer, at that place.")])
        .may_refuse(&[Code::Conflict]);

/// Moving it anywhere.
pub(super) const SEEK: Operation =
    Operation::post("seekConsumer", "Set a consumer's place, forwards or back", || web::to(seek))
        .takes(&[parameters::TO])
        .answers(&[Answer::json::<ConsumerTold>("The consumer, at that place.")]);

/// Where a consumer can be set to.
const STARTS: &str = "beginning, now, an RFC 3339 time, or a cursor of /v1/events";

/// A consumer as it is answered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Consumer")]
struct ConsumerTold {
    /// Its name.
    name: Name,
    /// Which events it wants: the parameters of `/v1/events`, each with its values.
    filter: BTreeMap<String, Vec<String>>,
    /// Its place: behind the last event that it has committed.
    cursor: String,
    /// When it was made.
    made_at: Time,
    /// When its place was last set.
    moved_at: Time,
    /// What was committed behind its place, whether it wants it or not.
    lag: LagTold,
}

/// What is behind a consumer's place.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Lag")]
struct LagTold {
    /// How many events.
    events: u64,
    /// When the first of them was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_at: Option<Time>,
}

/// `GET /v1/consumers`.
async fn list(room: Current, caller: Caller) -> Result<HttpResponse, Problem> {
    let all = room.store.consumers().await?;
    let seen = all.into_iter().filter(|(consumer, _)| filter_of(consumer, &caller).is_ok());
    let data = seen.map(|(consumer, lag)| told(&room, consumer, lag)).collect();
    Ok(HttpResponse::Ok().json(Listed { data }))
}

/// `GET /v1/consumers/{name}`.
async fn one(
    room: Current,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (consumer, lag, _) = find(&room, &caller, &name).await?;
    Ok(HttpResponse::Ok().json(told(&room, consumer, lag)))
}

/// `PUT /v1/consumers/{name}`: the filter's parameters are those of `/v1/events`.
async fn keep(
    room: Current,
    request: HttpRequest,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let allowed = "a name: [a-z][a-z0-9_-]{0,63}";
    let wanted: Name = name.parse().map_err(|_| not_allowed("name", &name, allowed))?;
    let mut params = Params::read(request.query_string())?;
    let from = params.text("from")?.map(|text| start(&room, "from", &text)).transpose()?;
    let filter = events::filter(&mut params, &caller)?;
    params.end()?;
    events::must_be_searchable(&room, &filter)?;
    must_be_in_reach(&caller, &filter)?;
    if room.store.consumer(&wanted).await?.is_some() {
        find(&room, &caller, &name).await?; // somebody else's is not there for them
    }
    let kept = canonical(request.query_string());
    let made = match room.store.keep_consumer(&wanted, &kept, from, room.clock.now()).await? {
        Keeping::Made => true,
        Keeping::Changed => false,
        Keeping::TooMany => {
            let detail = format!(
                "there are {CONSUMERS_MAX} consumers already; remove one that is no longer used"
            );
            return Err(Problem::new(Code::Conflict, detail));
        }
    };
    let (consumer, lag, _) = find(&room, &caller, &name).await?;
    let mut response = if made { HttpResponse::Created() } else { HttpResponse::Ok() };
    Ok(response.json(told(&room, consumer, lag)))
}

/// `DELETE /v1/consumers/{name}`.
async fn remove(
    room: Current,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (consumer, lag, _) = find(&room, &caller, &name).await?;
    if !room.store.remove_consumer(&consumer.name).await? {
        return Err(Problem::missing("consumer", &name));
    }
    Ok(HttpResponse::Ok().json(told(&room, consumer, lag)))
}

/// `GET /v1/consumers/{name}/events`: reading moves nobody on, so what was not committed comes again.
async fn next(
    room: Current,
    request: HttpRequest,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (consumer, _, filter) = find(&room, &caller, &name).await?;
    let mut params = Params::read(request.query_string())?;
    let wait = follow::wait(&mut params)?;
    let limit = page::limit(&mut params)?;
    params.end()?;
    let place = Some(consumer.place);
    let found = match wait {
        None => {
            let request = PageRequest { limit, order: Order::Ascending, after: place };
            room.store.events(filter, request).await?
        }
        Some(wait) => Follower::new(room.clone(), filter, place)?.next(limit, wait).await?,
    };
    Ok(page::answer(found, List::Events, &room.key))
}

/// `POST /v1/consumers/{name}/commit`: what is before the cursor is done with.
async fn commit(
    room: Current,
    request: HttpRequest,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (consumer, _, _) = find(&room, &caller, &name).await?;
    let mut params = Params::read(request.query_string())?;
    let cursor = params.text("cursor")?;
    params.end()?;
    let cursor = cursor
        .ok_or_else(|| needed("cursor", "the `cursor` of the page that was worked through"))?;
    let place = page::read(&cursor, List::Events, &room.key)?;
    match room.store.commit(&consumer.name, place, room.clock.now()).await? {
        Moved::There => {}
        Moved::Missing => return Err(Problem::missing("consumer", &name)),
        Moved::Behind => {
            let detail = "the consumer is further on already; `seek` sets it back";
            return Err(Problem::new(Code::Conflict, detail));
        }
    }
    one(room, caller, name).await
}

/// `POST /v1/consumers/{name}/seek`.
async fn seek(
    room: Current,
    request: HttpRequest,
    caller: Caller,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (consumer, _, _) = find(&room, &caller, &name).await?;
    let mut params = Params::read(request.query_string())?;
    let to = params.text("to")?;
    params.end()?;
    let to = start(&room, "to", &to.ok_or_else(|| needed("to", STARTS))?)?;
    if !room.store.seek(&consumer.name, to, room.clock.now()).await? {
        return Err(Problem::missing("consumer", &name));
    }
    one(room, caller, name).await
}

/// That a parameter has to be there.
fn needed(name: &str, what: &str) -> Problem {
    Problem::new(Code::InvalidParameter, format!("parameter `{name}` has to be there: {what}"))
}

/// A place that somebody named.
fn start(room: &Room, name: &str, text: &str) -> Result<Start, Problem> {
    match text {
        "beginning" => return Ok(Start::Beginning),
        "now" => return Ok(Start::Now),
        _ => {}
    }
    if let Ok(time) = text.parse() {
        return Ok(Start::At(time));
    }
    let place = page::read(text, List::Events, &room.key);
    place.map(Start::Behind).map_err(|_| not_allowed(name, text, STARTS))
}

/// The consumer with its lag and filter, if the caller may see it.
async fn find(
    room: &Room,
    caller: &Caller,
    name: &str,
) -> Result<(Consumer, Lag, EventFilter), Problem> {
    let missing = || Problem::missing("consumer", name);
    let wanted: Name = name.parse().map_err(|_| missing())?;
    let (consumer, lag) = room.store.consumer(&wanted).await?.ok_or_else(missing)?;
    let filter = filter_of(&consumer, caller).map_err(|_| missing())?;
    events::must_be_searchable(room, &filter)?;
    Ok((consumer, lag, filter))
}

fn filter_of(consumer: &Consumer, caller: &Caller) -> Result<EventFilter, Problem> {
    let filter = events::filter(&mut Params::read(&consumer.filter)?, caller)?;
    must_be_in_reach(caller, &filter)?;
    Ok(filter)
}

/// Whose key is for some sources has to name them: a consumer's place tells of all that it wants.
fn must_be_in_reach(caller: &Caller, filter: &EventFilter) -> Result<(), Problem> {
    let Some(sources) = caller.reach.sources() else { return Ok(()) };
    if !filter.sources.is_empty() && filter.sources.iter().all(|source| sources.contains(source)) {
        return Ok(());
    }
    let names: Vec<String> = sources.iter().map(ToString::to_string).collect();
    Err(needed(
        "source",
        &format!("one or more of those that the key is for: {}", names.join(", ")),
    ))
}

/// The filter's part of a query, as it is kept.
fn canonical(query: &str) -> String {
    let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "from");
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn told(room: &Room, consumer: Consumer, lag: Lag) -> ConsumerTold {
    let mut filter: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(consumer.filter.as_bytes()) {
        filter.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    ConsumerTold {
        name: consumer.name,
        filter,
        cursor: page::write(consumer.place, List::Events, &room.key),
        made_at: consumer.made_at,
        moved_at: consumer.moved_at,
        lag: LagTold { events: lag.events, oldest_at: lag.oldest_at },
    }
}
