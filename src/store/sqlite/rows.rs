//! Rows become what they stand for, through the same doors as everything else: a row that can't be read is an error, not a guess.

use std::str::FromStr;
use std::time::Duration;

use rusqlite::types::{FromSql, Type};
use rusqlite::{Connection, Error, Row};

use super::line::NOT_ITS_TURN;
use crate::clock::Time;
use crate::domain::callback::CallbackOutcome;
use crate::domain::delivery::{Attempt, Delivery, DeliveryState, Outcome, Trigger};
use crate::domain::event::{Data, Event, FoldedNote, TimeBasis, When};
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::message::State;

/// The columns that [`event`] reads, in its order.
pub(super) const EVENT_COLUMNS: &str = "e.sequence, e.uid, e.type, e.source, e.subject, e.time_ms, e.time_basis, \
     coalesce(e.arrived_ms, e.received_ms), e.callback_uid, e.revised, e.folded_state, e.folded_changed, e.data, e.extra, \
     e.replaced_by";

/// The first column behind [`EVENT_COLUMNS`].
pub(super) const BEHIND_EVENT: usize = 15;

/// An event from [`EVENT_COLUMNS`].
pub(super) fn event(row: &Row<'_>) -> Result<Event, Error> {
    let mut data: Data = json(row, 12)?;
    if let Some(extra) = row.get_ref(13)?.as_str_or_null().map_err(|error| unreadable(13, error))? {
        data.extra = serde_json::from_str(extra).map_err(|error| unreadable(13, error))?;
    }
    let folded = match text_or_null(row, 10)? {
        Some(word) => {
            let state = State::parse(&word).ok_or_else(|| unknown(10, &word))?;
            Some(FoldedNote { state, changed: row.get(11)? })
        }
        None => None,
    };
    Ok(Event {
        sequence: row.get(0)?,
        id: id(row, 1, EventId::from_bytes)?,
        kind: parsed(row, 2)?,
        source: parsed(row, 3)?,
        subject: row.get(4)?,
        when: When { at: time(row, 5)?, basis: basis(row, 6)? },
        received_at: time(row, 7)?,
        callback_id: row
            .get::<_, Option<[u8; 16]>>(8)?
            .map(crate::domain::id::CallbackId::from_bytes),
        revised: row.get(9)?,
        replaced_by: row.get::<_, Option<[u8; 16]>>(14)?.map(EventId::from_bytes),
        folded,
        data,
    })
}

/// The columns that [`delivery`] reads, in its order; `e` is the event's row. The last ones say whether it stands in a line, and
/// who is first there if it has to wait.
pub(super) const DELIVERY_COLUMNS: &str = "d.uid, e.uid, d.destination, d.state, d.due_ms, d.reason, d.id, d.made_ms, d.order_key IS NOT NULL, \
     CASE WHEN d.state = 'pending' AND d.due_ms = 9223372036854775807 THEN \
         (SELECT h.uid FROM delivery AS h WHERE h.destination = d.destination AND h.order_key = d.order_key \
          ORDER BY h.event, h.id LIMIT 1) END";

/// A delivery without its attempts from [`DELIVERY_COLUMNS`], and its row's number.
pub(super) fn delivery(row: &Row<'_>) -> Result<(i64, Delivery), Error> {
    let state = delivery_state(row, 3)?;
    // What stands behind another one could have gone since it was made.
    let due = if row.get::<_, i64>(4)? == NOT_ITS_TURN { 7 } else { 4 };
    let delivery = Delivery {
        id: id(row, 0, DeliveryId::from_bytes)?,
        event_id: id(row, 1, EventId::from_bytes)?,
        destination: parsed(row, 2)?,
        state,
        due_at: if state == DeliveryState::Pending { Some(time(row, due)?) } else { None },
        reason: row.get(5)?,
        behind: row.get::<_, Option<[u8; 16]>>(9)?.map(DeliveryId::from_bytes),
        blocks: state == DeliveryState::Exhausted && row.get(8)?,
        attempts: Vec::new(),
    };
    Ok((row.get(6)?, delivery))
}

/// Where a delivery stands.
pub(super) fn delivery_state(row: &Row<'_>, column: usize) -> Result<DeliveryState, Error> {
    let word: String = row.get(column)?;
    let state = DeliveryState::ALL.into_iter().find(|state| state.as_str() == word);
    state.ok_or_else(|| unknown(column, &word))
}

/// Fills a delivery's attempts in, oldest first.
pub(super) fn with_attempts(
    connection: &Connection,
    (row, mut delivery): (i64, Delivery),
) -> Result<Delivery, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT number, started_ms, duration_ms, outcome, status, reason, cause, response
         FROM attempt WHERE delivery = ?1 ORDER BY number",
    )?;
    delivery.attempts = statement.query_map([row], attempt)?.collect::<Result<_, _>>()?;
    Ok(delivery)
}

fn attempt(row: &Row<'_>) -> Result<Attempt, Error> {
    let word: String = row.get(3)?;
    let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word);
    Ok(Attempt {
        number: row.get(0)?,
        started_at: time(row, 1)?,
        duration: Duration::from_millis(u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0)),
        outcome: outcome.ok_or_else(|| unknown(3, &word))?,
        status: row.get(4)?,
        reason: row.get(5)?,
        trigger: trigger(row, 6)?,
        response: row.get(7)?,
    })
}

/// What makes the next attempt, or made this one.
pub(super) fn trigger(row: &Row<'_>, column: usize) -> Result<Trigger, Error> {
    let word: String = row.get(column)?;
    Trigger::ALL
        .into_iter()
        .find(|trigger| trigger.as_str() == word)
        .ok_or_else(|| unknown(column, &word))
}

/// A moment in milliseconds.
pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Time, Error> {
    row.get(column).map(Time::from_millis)
}

/// An id of 16 bytes.
pub(super) fn id<I>(
    row: &Row<'_>,
    column: usize,
    make: impl FnOnce([u8; 16]) -> I,
) -> Result<I, Error> {
    row.get::<_, [u8; 16]>(column).map(make)
}

/// A text that is read by its type's own door.
pub(super) fn parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: usize,
) -> Result<T, Error> {
    let text = row.get_ref(column)?.as_str().map_err(|error| unreadable(column, error))?;
    text.parse().map_err(|error| unreadable(column, error))
}

/// A JSON text.
pub(super) fn json<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
) -> Result<T, Error> {
    let text = row.get_ref(column)?.as_str().map_err(|error| unreadable(column, error))?;
    serde_json::from_str(text).map_err(|error| unreadable(column, error))
}

/// The ids of a callback's events, as its row keeps them.
pub(super) fn event_ids(packed: &[u8]) -> Vec<EventId> {
    packed.as_chunks::<16>().0.iter().map(|bytes| EventId::from_bytes(*bytes)).collect()
}

/// What became of a callback.
pub(super) fn outcome(row: &Row<'_>, column: usize) -> Result<CallbackOutcome, Error> {
    let word: String = row.get(column)?;
    let known = CallbackOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == word);
    known.ok_or_else(|| unknown(column, &word))
}

/// How well an event's time is known, as the column keeps it.
pub(super) fn basis_word(basis: TimeBasis) -> &'static str {
    match basis {
        TimeBasis::Vendor => "vendor",
        TimeBasis::AssumedZone => "assumed_zone",
        TimeBasis::Received => "received",
    }
}

fn basis(row: &Row<'_>, column: usize) -> Result<TimeBasis, Error> {
    let word: String = row.get(column)?;
    let all = [TimeBasis::Vendor, TimeBasis::AssumedZone, TimeBasis::Received];
    all.into_iter().find(|basis| basis_word(*basis) == word).ok_or_else(|| unknown(column, &word))
}

fn text_or_null(row: &Row<'_>, column: usize) -> Result<Option<String>, Error> {
    Option::<String>::column_result(row.get_ref(column)?).map_err(|error| unreadable(column, error))
}

/// A row that can't be read.
pub(super) fn unreadable(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// A word that we never write.
pub(super) fn unknown(column: usize, word: &str) -> Error {
    #[derive(Debug, thiserror::Error)]
    #[error("`{0}` is not a word of this column's")]
    struct UnknownWord(String);
    unreadable(column, UnknownWord(word.to_owned()))
}
