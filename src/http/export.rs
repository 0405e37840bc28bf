//! Exports: a whole list as lines of JSON or CSV, sent page by page, so that neither side needs room for all of it.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::sync::mpsc;

use super::csv;
use super::page::{self, List};
use super::params::{Params, not_allowed};
use super::problem::Problem;
use super::room::{Current, Room};
use super::routes::HeadAlone;
use super::told::MessageTold;
use crate::domain::query::{
    EventFilter, LIMIT_MAX, MessageFilter, Order, Page, PageRequest, Place,
};
use crate::store::StoreError;

/// How long a reader may take nothing before its export is cut off.
const STALLED_AFTER: Duration = Duration::from_mins(1);

/// How long an export rests where the store has too much to do, and how often at the most for one page.
const REST: Duration = Duration::from_millis(500);
const RESTS_MAX: usize = 20;

/// Pieces that wait for the reader.
const PIECES_MAX: usize = 1;

/// How the lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// An object of JSON a line.
    Jsonl,
    /// Comma-separated values (RFC 4180), with the names of the columns first.
    Csv,
}

/// Reads `format`; nothing means a page of JSON.
pub(super) fn format(params: &mut Params) -> Result<Option<Format>, Problem> {
    let words = [("json", None), ("jsonl", Some(Format::Jsonl)), ("csv", Some(Format::Csv))];
    Ok(params.word("format", &words)?.flatten())
}

/// What is exported.
#[derive(Debug)]
pub(super) enum What {
    /// Events.
    Events(EventFilter),
    /// Messages.
    Messages(MessageFilter),
}

/// An export under way.
#[derive(Debug)]
pub(super) struct Export {
    what: What,
    format: Format,
    order: Order,
    after: Option<Place>,
    /// How many lines may follow; all of them without it.
    left: Option<u64>,
    /// Whether there may be more behind `after`.
    more: bool,
    /// Whether the columns' names were written, where there are any.
    is_headed: bool,
}

impl Export {
    /// Reads `limit`, `order` and `cursor`, and all that may still stand in the query.
    pub(super) fn read(
        what: What,
        format: Format,
        mut params: Params,
        room: &Room,
    ) -> Result<Self, Problem> {
        let list = match what {
            What::Events(_) => List::Events,
            What::Messages(_) => List::Messages,
        };
        let allowed = "1 or more, with `format` the most lines in all";
        let left: Option<u64> = params.parsed("limit", allowed)?;
        if left == Some(0) {
            return Err(not_allowed("limit", "0", allowed));
        }
        let (order, after) = page::place(Order::Descending, &mut params, list, &room.key)?;
        params.end()?;
        let mut export = Self { what, format, order, after, left, more: true, is_headed: false };
        export.end_now(room);
        Ok(export)
    }

    /// Whoever reads events forwards would else run after what arrives meanwhile.
    fn end_now(&mut self, room: &Room) {
        if let (What::Events(filter), Order::Ascending) = (&mut self.what, self.order) {
            let now = room.clock.now().after(Duration::from_millis(1));
            filter.until = Some(filter.until.map_or(now, |until| until.min(now)));
        }
    }

    /// Answers with the whole of it. What goes wrong before the first line is a problem as anywhere else.
    pub(super) async fn answer(
        mut self,
        request: &HttpRequest,
        room: Current,
    ) -> Result<HttpResponse, Problem> {
        let (content_type, ending) = match self.format {
            Format::Jsonl => ("application/x-ndjson", "jsonl"),
            Format::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        };
        let name = match self.what {
            What::Events(_) => "events",
            What::Messages(_) => "messages",
        };
        let first = self.piece(&room).await?;
        let mut response = HttpResponse::Ok();
        response
            .insert_header((header::CONTENT_TYPE, content_type))
            .insert_header((
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{name}.{ending}\""),
            ))
            .insert_header((header::CACHE_CONTROL, "no-store"));
        if request.extensions().contains::<HeadAlone>() {
            return Ok(response.finish()); // nobody would read on
        }
        let (pieces, written) = mpsc::channel(PIECES_MAX);
        actix_web::rt::spawn(feed(self, room, pieces));
        Ok(response.streaming(body(first, written)))
    }

    /// The lines of the next page; none once there are no more.
    async fn piece(&mut self, room: &Room) -> Result<Option<Bytes>, StoreError> {
        let mut lines = self.heading();
        while self.more && self.left != Some(0) {
            let left = self.left.map_or(LIMIT_MAX, |left| {
                usize::try_from(left).unwrap_or(LIMIT_MAX).min(LIMIT_MAX)
            });
            let asked = PageRequest { limit: left, order: self.order, after: self.after };
            match &self.what {
                What::Events(filter) => {
                    let page = room.store.events(filter.clone(), asked).await?;
                    lines.extend(self.written(&page.items));
                    self.go_on(&page);
                }
                What::Messages(filter) => {
                    let page = room.store.messages(filter.clone(), asked).await?;
                    let told: Vec<_> = page.items.iter().map(MessageTold::of).collect();
                    lines.extend(self.written(&told));
                    self.go_on(&page);
                }
            }
            // A page that found nothing is no reason to write nothing: the next one may.
            if !lines.is_empty() {
                break;
            }
        }
        Ok(Some(lines).filter(|lines| !lines.is_empty()).map(Bytes::from))
    }

    fn go_on<T>(&mut self, page: &Page<T>) {
        let found = u64::try_from(page.items.len()).unwrap_or(u64::MAX);
        self.left = self.left.map(|left| left.saturating_sub(found));
        (self.after, self.more) = (page.place, page.more);
    }

    /// The names of the columns, once.
    fn heading(&mut self) -> Vec<u8> {
        if self.format == Format::Jsonl || std::mem::replace(&mut self.is_headed, true) {
            return Vec::new();
        }
        csv::heading(self.columns())
    }

    fn written<T: Serialize>(&self, items: &[T]) -> Vec<u8> {
        match self.format {
            Format::Csv => csv::rows(self.columns(), items),
            Format::Jsonl => {
                let mut lines = Vec::new();
                for item in items {
                    // Our own types have neither keys that are no texts nor a writer that fails.
                    if serde_json::to_writer(&mut lines, item).is_ok() {
                        lines.push(b'\n');
                    }
                }
                lines
            }
        }
    }

    fn columns(&self) -> &'static [csv::Column] {
        match self.what {
            What::Events(_) => csv::EVENTS,
            What::Messages(_) => csv::MESSAGES,
        }
    }
}

/// A piece of the body, or its end. A body without an end is one that broke off.
enum Piece {
    Lines(Bytes),
    End,
}

/// Brings piece after piece, as fast as the reader takes them.
async fn feed(mut export: Export, room: Current, pieces: mpsc::Sender<Piece>) {
    let mut rests = 0;
    loop {
        let piece = match export.piece(&room).await {
            Ok(Some(lines)) => Piece::Lines(lines),
            Ok(None) => Piece::End,
            Err(StoreError::Busy) if rests < RESTS_MAX => {
                rests += 1;
                tokio::select! {
                    () = room.clock.sleep(REST) => continue,
                    () = room.health.stopping() => return,
                }
            }
            Err(error) => {
                tracing::warn!(%error, "an export was cut off");
                return;
            }
        };
        rests = 0;
        let is_end = matches!(piece, Piece::End);
        tokio::select! {
            sent = pieces.send(piece) => if sent.is_err() || is_end { return },
            () = room.clock.sleep(STALLED_AFTER) => {
                tracing::info!("an export was cut off: its reader takes nothing");
                return;
            }
            () = room.health.stopping() => return,
        }
    }
}

/// The body. If its end does not come, it breaks off: the transfer then ends without its last chunk, so that nobody takes a part for
/// the whole.
fn body(
    first: Option<Bytes>,
    written: mpsc::Receiver<Piece>,
) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    let ready: VecDeque<Bytes> = first.into_iter().collect();
    stream::unfold(Some((ready, written)), |state| async {
        let (mut ready, mut written) = state?;
        if let Some(lines) = ready.pop_front() {
            return Some((Ok(lines), Some((ready, written))));
        }
        match written.recv().await {
            Some(Piece::Lines(lines)) => Some((Ok(lines), Some((ready, written)))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::other("the export broke off").into()), None)),
        }
    })
}
