//! `/v1/events/stream`: events as they are committed, as server-sent events.

use std::fmt::Write;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::auth::Caller;
use super::events;
use super::follow::Follower;
use super::operation::{Answer, Operation};
use super::page::{self, List};
use super::parameters;
use super::params::Params;
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use super::routes::HeadAlone;
use crate::domain::event::Event;
use crate::domain::query::{EventFilter, Order, PageRequest, Place};
use crate::store::StoreError;

/// What is sent when nothing has happened for so long, so that nobody on the way takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a reader may take nothing before it is cut. It loses nothing: it comes again with the last cursor that it has seen.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// The most events that are written at a time.
const PIECE_MAX: usize = 100;

/// Pieces that wait for the reader.
const PIECES_MAX: usize = 1;

/// What a client is told first: to wait so many milliseconds before it comes again.
const GREETING: &str = "retry: 2000\n\n";

/// Events as they are committed.
pub(super) const OPEN: Operation =
    Operation::get("streamEvents", "Follow events as they are committed", || web::to(open))
        .takes(&[parameters::EVENTS, parameters::CURSOR]).answers(&[Answer::text("text/event-stream", "Server-sent events: each `data` is an event as JSON, each `id` its cursor. A line that begins with `:` says that nothing is new.")]);

/// `GET /v1/events/stream`: from now on, or from `Last-Event-ID` or `cursor`.
async fn open(
    room: Current,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(request.query_string())?;
    let filter = events::filter(&mut params, &caller)?;
    events::must_be_searchable(&room, &filter)?;
    let cursor = params.text("cursor")?;
    params.end()?;
    // A client that comes again has the same query as before, so its header is the later word.
    let cursor = last_event_id(&request)?.or(cursor);
    let place = match cursor {
        Some(text) => Some(page::read(&text, List::Events, &room.key)?),
        None => newest(&room).await?,
    };
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, "text/event-stream"));
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if request.extensions().contains::<HeadAlone>() {
        return Ok(response.finish()); // nobody would read on, nor go away
    }
    let follower = Follower::new(room.clone(), filter, place)?;
    let (pieces, mut written) = mpsc::channel(PIECES_MAX);
    actix_web::rt::spawn(feed(room, follower, pieces));
    let greeting =
        stream::iter([Ok::<_, actix_web::Error>(Bytes::from_static(GREETING.as_bytes()))]);
    let body = stream::poll_fn(move |context| written.poll_recv(context)).map(Ok);
    Ok(response.streaming(greeting.chain(body)))
}

fn last_event_id(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get("last-event-id") else { return Ok(None) };
    let text = value.to_str().map_err(|_| {
        Problem::new(Code::InvalidParameter, "the header `Last-Event-ID` is not a cursor")
    })?;
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// The place behind everything that there is, our own alarms included.
async fn newest(room: &Room) -> Result<Option<Place>, StoreError> {
    let types = ["*", "callbox.*"].iter().filter_map(|glob| glob.parse().ok()).collect();
    let filter = EventFilter { types, ..EventFilter::default() };
    let page = PageRequest { limit: 1, order: Order::Descending, after: None };
    Ok(room.store.events(filter, page).await?.place)
}

/// Writes down for one reader what happens, until it goes, stalls, or callbox stops.
async fn feed(room: Current, mut follower: Follower, pieces: mpsc::Sender<Bytes>) {
    loop {
        let found = tokio::select! {
            () = pieces.closed() => return,
            found = follower.next(PIECE_MAX, HEARTBEAT) => found,
        };
        let piece = match found {
            Ok(page) if page.items.is_empty() && room.health.is_stopping() => return,
            Ok(page) if page.items.is_empty() => ": nothing new\n\n".to_owned(),
            Ok(page) => page.items.iter().map(|event| written(event, &room.key)).collect(),
            Err(error) => {
                tracing::warn!(%error, "a stream of events was ended; its reader comes again");
                return;
            }
        };
        tokio::select! {
            sent = pieces.send(piece.into()) => if sent.is_err() { return },
            () = room.clock.sleep(STALLED_AFTER) => {
                tracing::info!("a stream of events was cut: its reader takes nothing");
                return;
            }
            () = room.health.stopping() => return,
        }
    }
}

/// One event as it is written. Its JSON has no line breaks in it, so it is one line of data.
fn written(event: &Event, key: &[u8; 32]) -> String {
    let cursor = page::write(Place(event.sequence), List::Events, key);
    let mut text = format!("id: {cursor}\n");
    if let Ok(json) = serde_json::to_string(event) {
        // Writing to a text can't fail.
        let _ = writeln!(text, "data: {json}");
    }
    text.push('\n');
    text
}
