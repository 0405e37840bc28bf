//! Events: what they show of somebody, which are theirs, and removing them with all that hangs on them.

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::super::counts::Counting;
use super::super::index::{self, Aid};
use super::super::rows::{self, BEHIND_EVENT, EVENT_COLUMNS};
use super::{Batch, Found, callbacks};
use crate::clock::Time;
use crate::domain::delivery::{Delivery, DeliveryState};
use crate::domain::erasure::Erased;
use crate::domain::event::{Data, Event};
use crate::domain::message::Message;
use crate::domain::person::{self, Marks, Whose};
use crate::domain::words::Words;
use crate::store::erasures::{Learned, Theirs};

/// Events that one step looks at.
const EVENTS: usize = 200;

/// An event of somebody else's without what it said of them.
#[derive(Debug)]
pub(super) struct Rewritten {
    sequence: i64,
    subject: Option<String>,
    data: String,
    extra: Option<String>,
    grams: String,
}

/// Some events, each with its message as it stands, and where to go on.
type Next = (Vec<(Event, Option<Message>)>, Option<i64>);

/// The next events.
fn next(connection: &Connection, after: i64) -> Result<Next, Error> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS}, m.folded FROM event AS e LEFT JOIN message AS m ON m.id = e.message
         WHERE e.sequence > ?1 ORDER BY e.sequence LIMIT ?2"
    );
    let read = |row: &rusqlite::Row<'_>| {
        let folded = row.get_ref(BEHIND_EVENT)?.as_str_or_null();
        let folded = folded.map_err(|error| rows::unreadable(BEHIND_EVENT, error))?;
        let message = folded.map(|_| rows::json(row, BEHIND_EVENT)).transpose()?;
        Ok((rows::event(row)?, message))
    };
    let mut find = connection.prepare_cached(&sql)?;
    let limit = i64::try_from(EVENTS).unwrap_or(i64::MAX);
    let found = find.query_map([after, limit], read)?;
    let found: Vec<(Event, Option<Message>)> = found.collect::<Result<_, _>>()?;
    let is_last = found.len() < EVENTS;
    let place = found.last().map(|(event, _)| event.sequence).filter(|_| !is_last);
    Ok((found, place))
}

/// What some events show of whom is sought.
pub(in crate::store::sqlite) fn learn(
    connection: &Connection,
    sought: &Marks,
    after: i64,
) -> Result<Learned, Error> {
    let (events, next) = next(connection, after)?;
    let own = events.iter().find(|(event, _)| sought.is_own_side(&event.data));
    let own_of = own.map(|(event, _)| event.source.clone());
    let found = events.iter().flat_map(|(event, _)| sought.links(event)).collect();
    Ok(Learned { found, own_of, next })
}

/// The next events about messages, or about anything else, that have to do with them.
pub(super) fn read(
    connection: &Connection,
    about_messages: bool,
    marks: &Marks,
    after: i64,
) -> Result<Batch, Error> {
    let (events, next) = next(connection, after)?;
    let mut batch = Batch { next, ..Batch::default() };
    let (mut theirs, mut others) = (Vec::new(), Vec::new());
    for (event, message) in events {
        if event.kind.is_about_a_message() != about_messages {
            continue;
        }
        let whose = whose(connection, marks, &event, message.as_ref())?;
        let rewritten = match whose {
            Whose::Others => continue,
            Whose::Mentions => rewritten(marks, &event),
            Whose::Theirs => None,
        };
        if let Some(rewritten) = rewritten {
            others.push(rewritten);
        } else {
            theirs.push(event.sequence);
            batch.texts.extend(person::texts(&event.data));
        }
    }
    batch.found = Found::Events(theirs, others);
    Ok(batch)
}

/// What an event is to them. A survey names nobody but the message that it was sent with.
fn whose(
    connection: &Connection,
    marks: &Marks,
    event: &Event,
    message: Option<&Message>,
) -> Result<Whose, Error> {
    let whose = marks.whose(event, message);
    if whose == Whose::Theirs || event.kind.is_about_a_message() {
        return Ok(whose);
    }
    let mut find = connection
        .prepare_cached("SELECT folded FROM message WHERE message_id = ?1 AND source = ?2")?;
    for part in event.data.parts.values() {
        let Some(id) = part.get("message_id").and_then(|id| id.as_str()) else { continue };
        let mut found = find.query(params![id, event.source.as_str()])?;
        while let Some(row) = found.next()? {
            if marks.has_message(&rows::json::<Message>(row, 0)?) {
                return Ok(Whose::Theirs);
            }
        }
    }
    Ok(whose)
}

fn rewritten(marks: &Marks, event: &Event) -> Option<Rewritten> {
    let (data, extra) = marks.scrubbed(&event.data)?;
    let said: Data = serde_json::from_str(&data).ok()?;
    let subject = event.subject.as_ref();
    Some(Rewritten {
        sequence: event.sequence,
        subject: subject.map(|subject| marks.without(subject).unwrap_or_else(|| subject.clone())),
        grams: Words::of(&said).grams(),
        data,
        extra,
    })
}

/// Writes what is left of an event that is somebody else's; how many that were.
pub(super) fn rewrite(connection: &Connection, event: &Rewritten) -> Result<u64, Error> {
    let changed = connection
        .prepare_cached("UPDATE event SET subject = ?2, data = ?3, extra = ?4 WHERE sequence = ?1")?
        .execute(params![event.sequence, event.subject, event.data, event.extra])?;
    index::forget_event(connection, event.sequence)?;
    if !event.grams.is_empty() && event.sequence <= Aid::Words.mark(connection)? {
        connection
            .prepare_cached("INSERT INTO words (rowid, grams) VALUES (?1, ?2)")?
            .execute(params![event.sequence, event.grams])?;
    }
    Ok(u64::try_from(changed).unwrap_or_default())
}

/// Removes an event with its callbacks' bytes, its deliveries and, once it was the last one, its message.
pub(super) fn remove(
    connection: &Connection,
    sequence: i64,
    now: Time,
    erased: &mut Erased,
    counting: &Counting,
) -> Result<(), Error> {
    type Known = ([u8; 16], Option<[u8; 16]>, Option<i64>);
    let found: Option<Known> = connection
        .prepare_cached("SELECT uid, callback_uid, message FROM event WHERE sequence = ?1")?
        .query_row([sequence], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((uid, callback, message)) = found else { return Ok(()) };
    let repeated: Vec<[u8; 16]> = connection
        .prepare_cached("SELECT callback_uid FROM repetition WHERE event = ?1")?
        .query_map([sequence], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for callback in repeated.into_iter().chain(callback) {
        let row: Option<i64> = connection
            .prepare_cached("SELECT id FROM callback WHERE uid = ?1")?
            .query_row([callback], |row| row.get(0))
            .optional()?;
        if let Some(row) = row {
            erased.callbacks += callbacks::empty(connection, row, Some(&uid), now)?;
        }
    }
    // First they end, so that whatever counts them or waits behind them sees it; then they go.
    let cancelled: Vec<String> = connection
        .prepare_cached(
            "UPDATE delivery SET state = 'cancelled', reason = 'its event was erased'
             WHERE event = ?1 AND state IN ('pending', 'in_flight') RETURNING destination",
        )?
        .query_map([sequence], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for destination in &cancelled {
        counting.delivery(destination, DeliveryState::Cancelled);
    }
    let gone = |sql: &str, key: i64| -> Result<u64, Error> {
        let rows = connection.prepare_cached(sql)?.execute([key])?;
        Ok(u64::try_from(rows).unwrap_or_default())
    };
    erased.attempts += gone(
        "DELETE FROM attempt WHERE delivery IN (SELECT id FROM delivery WHERE event = ?1)",
        sequence,
    )?;
    erased.deliveries += gone("DELETE FROM delivery WHERE event = ?1", sequence)?;
    erased.deliveries_cancelled += u64::try_from(cancelled.len()).unwrap_or_default();
    gone("DELETE FROM repetition WHERE event = ?1", sequence)?;
    erased.events += gone("DELETE FROM event WHERE sequence = ?1", sequence)?;
    index::forget_event(connection, sequence)?;
    if let Some(message) = message {
        let removed = gone(
            "DELETE FROM message WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM event WHERE message = ?1)",
            message,
        )?;
        if removed > 0 {
            index::forget_message(connection, message)?;
        }
        erased.messages += removed;
    }
    Ok(())
}

/// The next events that are theirs, with their deliveries.
pub(in crate::store::sqlite) fn theirs(
    connection: &Connection,
    marks: &Marks,
    after: i64,
) -> Result<Theirs<(Event, Vec<Delivery>)>, Error> {
    let (events, next) = next(connection, after)?;
    let mut items = Vec::new();
    for (event, message) in events {
        if whose(connection, marks, &event, message.as_ref())? == Whose::Theirs {
            let deliveries = super::super::read::deliveries::of_event(connection, event.sequence)?;
            items.push((event, deliveries));
        }
    }
    Ok(Theirs { items, next })
}
