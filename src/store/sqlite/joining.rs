//! Handing the past to new destinations: beside what comes, or in order before it; each step is small.

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::floors::Floors;
use super::line::{self, Standing};
use super::rows::{self, BEHIND_EVENT, EVENT_COLUMNS};
use crate::domain::destination::Destination;
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::name::Name;
use crate::domain::order::LineKey;
use crate::store::{JoinStep, Joined, OrderedJoin};

/// Hands some of the past to a destination that is in no order, beside what comes.
pub(super) fn beside(
    connection: &Connection,
    step: &JoinStep,
    floors: &Floors,
) -> Result<bool, Error> {
    let moved = connection
        .prepare_cached(
            "UPDATE destination SET place = ?3, last = CASE WHEN ?3 IS NULL THEN NULL ELSE last END
             WHERE name = ?1 AND place = ?2 AND gone_ms IS NULL",
        )?
        .execute(params![step.destination.as_str(), step.from, step.to])?;
    if moved == 0 {
        return Ok(false);
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO delivery (id, uid, event, destination, state, made_ms, due_ms, cause)
         SELECT ?5, ?1, sequence, ?3, 'pending', ?4, ?4, 'schedule' FROM event
         WHERE sequence = ?2 AND NOT EXISTS (SELECT 1 FROM delivery WHERE event = ?2 AND destination = ?3)",
    )?;
    let now = step.now.as_millis();
    for (id, sequence) in &step.deliveries {
        let (destination, number) = (step.destination.as_str(), floors.delivery.next());
        insert.execute(params![id.to_bytes(), sequence, destination, now, number])?;
    }
    Ok(true)
}

/// Whether a destination is not through with the past yet. If it wants its events in order, what comes has to wait for that.
pub(super) fn is_joining(connection: &Connection, destination: &Name) -> Result<bool, Error> {
    connection
        .prepare_cached("SELECT 1 FROM destination WHERE name = ?1 AND place IS NOT NULL")?
        .exists([destination.as_str()])
}

/// An event, and the message that it is about.
type Found = (Event, Option<i64>);

/// Hands some of the past to a destination in order. It ends in the very step that sees the last event there is, so that the next
/// one, which comes after this transaction, is the first that is made due as it comes.
pub(super) fn in_order(
    connection: &Connection,
    step: &OrderedJoin,
    floors: &Floors,
) -> Result<Joined, Error> {
    let destination = &*step.destination;
    let name = destination.name.as_str();
    let place: Option<Option<i64>> = connection
        .prepare_cached("SELECT place FROM destination WHERE name = ?1 AND gone_ms IS NULL")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    if place != Some(Some(step.from)) {
        return Ok(Joined::default());
    }
    let found = behind(connection, step.from, step.ids.len())?;
    let more = found.len() == step.ids.len();
    let last = found.last().map_or(step.from, |(event, _)| event.sequence);
    let mut due = 0;
    for ((event, message), id) in found.iter().zip(&step.ids) {
        let there = connection
            .prepare_cached("SELECT 1 FROM delivery WHERE event = ?1 AND destination = ?2")?
            .exists(params![event.sequence, name])?;
        if there || !wants(destination, event) {
            continue;
        }
        let line = line_of(connection, destination, *message)?;
        let standing = Standing {
            id: *id,
            sequence: event.sequence,
            destination: &destination.name,
            made: step.now,
            number: floors.delivery.next(),
        };
        line::insert(connection, &standing, line)?;
        due += 1;
    }
    let through = !more && step.may_end;
    connection
        .prepare_cached(
            "UPDATE destination SET place = CASE WHEN ?3 THEN NULL ELSE ?2 END,
                                    last = CASE WHEN ?3 THEN NULL ELSE last END
             WHERE name = ?1",
        )?
        .execute(params![name, last, through])?;
    Ok(Joined { due, more, through })
}

/// The events behind a place, oldest first.
fn behind(connection: &Connection, place: i64, most: usize) -> Result<Vec<Found>, Error> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS}, e.message FROM event AS e WHERE e.sequence > ?1 ORDER BY e.sequence LIMIT ?2"
    );
    let mut find = connection.prepare_cached(&sql)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let found =
        find.query_map([place, most], |row| Ok((rows::event(row)?, row.get(BEHIND_EVENT)?)))?;
    found.collect()
}

fn wants(destination: &Destination, event: &Event) -> bool {
    destination.from.oldest().is_some_and(|oldest| event.received_at >= oldest)
        && !destination.is_subject_of(event.kind, event.subject.as_deref())
        && destination.wants_event(event)
}

/// The line that an event stands in, by its message as it is known now.
fn line_of(
    connection: &Connection,
    destination: &Destination,
    message: Option<i64>,
) -> Result<Option<LineKey>, Error> {
    let Some((order, message)) = destination.order.zip(message) else { return Ok(None) };
    let message: Option<Message> = connection
        .prepare_cached("SELECT folded FROM message WHERE id = ?1")?
        .query_row([message], |row| rows::json(row, 0))
        .optional()?;
    Ok(message.and_then(|message| order.line(&message)))
}
