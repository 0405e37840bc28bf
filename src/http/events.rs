//! `/v1/events` and one event with its deliveries.

use actix_web::{HttpRequest, HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::export::{self, Export, What};
use super::follow::{self, Follower};
use super::operation::{Answer, Operation};
use super::page::{self, List, PageOf};
use super::parameters;
use super::params::{self, Params, not_allowed};
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use crate::domain::delivery::Delivery;
use crate::domain::event::Event;
use crate::domain::glob::Glob;
use crate::domain::id::EventId;
use crate::domain::name::Name;
use crate::domain::query::{EventFilter, Order};
use crate::domain::words::{SEARCH_MAX, Search};

/// A list of events.
pub(super) const LIST: Operation = Operation::get("listEvents", "List events", || web::to(list))
    .takes(&[parameters::EVENTS, parameters::WAIT, parameters::FORMAT, parameters::PAGE])
    .answers(&[
        Answer::json::<PageOf<Event>>("A page of events, or all of them as lines."),
        Answer::text("application/x-ndjson", "With `format=jsonl`: an event a line."),
        Answer::text(
            "text/csv",
            "With `format=csv`: a line for each event behind the names of the columns.",
        ),
    ]);

/// One event.
pub(super) const ONE: Operation =
    Operation::get("getEvent", "Show an event with its deliveries", || web::to(one))
        .answers(&[Answer::json::<EventTold>("The event, and what became of handing it out.")]);

/// `GET /v1/events`, and with `wait` as soon as there is one.
async fn list(
    room: Current,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(request.query_string())?;
    let filter = filter(&mut params, &caller)?;
    must_be_searchable(&room, &filter)?;
    let wait = follow::wait(&mut params)?;
    if let Some(format) = export::format(&mut params)? {
        if wait.is_some() {
            return Err(not_allowed("wait", "a wait", "none together with `format`"));
        }
        let export = Export::read(What::Events(filter), format, params, &room)?;
        return export.answer(&request, room).await;
    }
    // Who waits for what comes next reads forwards.
    let end = if wait.is_some() { Order::Ascending } else { Order::Descending };
    let page = page::request_from(end, &mut params, List::Events, &room.key)?;
    params.end()?;
    let found = match wait {
        None => room.store.events(filter, page).await?,
        Some(_) if page.order == Order::Descending => {
            return Err(not_allowed("order", "desc", "asc, together with `wait`"));
        }
        Some(wait) => {
            let mut follower = Follower::new(room.clone(), filter, page.after)?;
            follower.next(page.limit, wait).await?
        }
    };
    Ok(page::answer(found, List::Events, &room.key))
}

/// `GET /v1/events/{id}`.
async fn one(
    room: Current,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let missing = || Problem::missing("event", &id);
    let wanted: EventId = id.parse().map_err(|_| missing())?;
    let found = room.store.event(wanted).await?;
    let (event, deliveries) =
        found.filter(|(event, _)| caller.reach.has(&event.source)).ok_or_else(missing)?;
    Ok(HttpResponse::Ok().json(EventTold { event, deliveries }))
}

/// An event as it is answered alone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventWithDeliveries")]
struct EventTold {
    /// The event.
    event: Event,
    /// Its deliveries, each with its attempts.
    deliveries: Vec<Delivery>,
}

/// Reads the filter that lists of events share, within what the caller may see.
pub(super) fn filter(params: &mut Params, caller: &Caller) -> Result<EventFilter, Problem> {
    let types = params.all("type").into_iter().map(|text| {
        text.parse::<Glob>()
            .map_err(|_| not_allowed("type", &text, "a pattern over event types such as message.*"))
    });
    let types = types.collect::<Result<_, _>>()?;
    let sources = params.all("source").into_iter().map(|text| {
        text.parse::<Name>().map_err(|_| not_allowed("source", &text, "the name of a source"))
    });
    let sources = sources.collect::<Result<_, _>>()?;
    Ok(EventFilter {
        types,
        sources,
        reach: caller.reach.clone(),
        vendor: params.text("vendor")?,
        channel: params.channel()?,
        direction: params.direction()?,
        message_id: params.text("message_id")?,
        client_ref: params.text("client_ref")?,
        conversation: params.text("conversation")?,
        phone: params.phone()?,
        words: words(params)?,
        state: params.state()?,
        since: params.parsed("since", params::TIME)?,
        until: params.parsed("until", params::TIME)?,
        occurred_since: params.parsed("occurred_since", params::TIME)?,
        occurred_until: params.parsed("occurred_until", params::TIME)?,
    })
}

/// Reads `q`: the words that an event has to have. No character in it means anything but itself.
fn words(params: &mut Params) -> Result<Option<Search>, Problem> {
    let Some(text) = params.text("q")? else { return Ok(None) };
    if text.chars().nth(SEARCH_MAX).is_some() {
        return Err(not_allowed("q", &text, &format!("up to {SEARCH_MAX} characters")));
    }
    let allowed = "words with a letter or digit in them";
    Search::parse(&text).map(Some).ok_or_else(|| not_allowed("q", &text, allowed))
}

/// Refuses a search for words where none are indexed.
pub(super) fn must_be_searchable(room: &Room, filter: &EventFilter) -> Result<(), Problem> {
    if filter.words.is_none() || room.config.store.text_search {
        return Ok(());
    }
    let detail =
        "parameter `q`: this callbox does not search texts; [store] text_search = true lets it";
    Err(Problem::new(Code::InvalidParameter, detail))
}
