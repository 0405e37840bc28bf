//! Reading a callback again: releasing one that was set aside, and putting today's reading of one that had events beside the old one.

use rusqlite::{Connection, Error, OptionalExtension, Row, params};

use super::append::{Origin, append_events, insert_event};
use super::counts::Counting;
use super::floors::Floors;
use super::place::{First, Place, write_message};
use super::rows::{self, EVENT_COLUMNS};
use super::{drift, tally};
use crate::domain::callback::CallbackOutcome;
use crate::domain::event::{Draft, Event};
use crate::domain::id::EventId;
use crate::domain::message::Message;
use crate::domain::reread::{Fate, Mark, compare};
use crate::store::{Kept, NewEvent, NewReading, Reread, Revision};

/// How many times an event can have been replaced, as a bound on the search for the one that stands.
const REPLACED_MAX: i64 = 1_000;

/// Does the step; a dry run does it too, and takes it back.
pub(super) fn reread(
    connection: &Connection,
    reading: &NewReading,
    floors: &Floors,
    counting: &Counting,
) -> Result<Option<Reread>, Error> {
    if !reading.dry_run {
        return apply(connection, reading, floors, counting);
    }
    connection.execute_batch("SAVEPOINT dry_run")?;
    let reread = apply(connection, reading, floors, &counting.aside());
    connection.execute_batch("ROLLBACK TO dry_run; RELEASE dry_run")?;
    reread
}

/// A callback's row as it was so far.
struct Was {
    row: i64,
    outcome: CallbackOutcome,
    reason: Option<String>,
    events: Vec<EventId>,
}

fn apply(
    connection: &Connection,
    reading: &NewReading,
    floors: &Floors,
    counting: &Counting,
) -> Result<Option<Reread>, Error> {
    let origin = Origin { callback: &reading.callback, entered: reading.at, floors, counting };
    let found = connection
        .prepare_cached("SELECT id, outcome, reason, events FROM callback WHERE uid = ?1")?
        .query_row([reading.callback.id.to_bytes()], was)
        .optional()?;
    let Some(was) = found else { return Ok(None) };
    let reread = match (was.outcome, &reading.kept) {
        (CallbackOutcome::Unauthentic | CallbackOutcome::Quarantined, Kept::Events(events)) => {
            release(connection, reading, origin, &was, events)?
        }
        (CallbackOutcome::Unauthentic, Kept::Quarantined(reason)) => {
            settle(connection, reading, &was, CallbackOutcome::Quarantined, Some(reason), &[])?;
            Reread { changed: true, ..unchanged(CallbackOutcome::Quarantined, &was, Some(reason)) }
        }
        (CallbackOutcome::Events | CallbackOutcome::Duplicate, Kept::Events(events)) => {
            revise(connection, reading, origin, &was, events)?
        }
        // What was understood once is not thrown away because it is not understood today.
        (_, Kept::Quarantined(reason) | Kept::Unauthentic(reason, _)) => {
            unchanged(was.outcome, &was, Some(reason))
        }
    };
    Ok(Some(reread))
}

fn was(row: &Row<'_>) -> Result<Was, Error> {
    Ok(Was {
        row: row.get(0)?,
        outcome: rows::outcome(row, 1)?,
        reason: row.get(2)?,
        events: rows::event_ids(&row.get::<_, Vec<u8>>(3)?),
    })
}

fn firsts(reading: &NewReading, events: &[NewEvent]) -> Result<Vec<Option<First>>, Error> {
    First::all(&reading.callback, events)
        .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))
}

fn unchanged(outcome: CallbackOutcome, was: &Was, reason: Option<&String>) -> Reread {
    Reread {
        was: was.outcome,
        outcome,
        reason: reason.cloned(),
        changed: false,
        events: was.events.clone(),
        new: Vec::new(),
        revised: Vec::new(),
        deliveries: 0,
    }
}

/// Appends the events of a callback that was set aside, as if it came now, and delivers them.
fn release(
    connection: &Connection,
    reading: &NewReading,
    origin: Origin<'_>,
    was: &Was,
    events: &[NewEvent],
) -> Result<Reread, Error> {
    let firsts = firsts(reading, events)?;
    let appended = append_events(connection, origin, events, &firsts)?;
    drift::write(connection, &reading.callback.source, &reading.drift)?;
    settle(connection, reading, was, appended.outcome, None, &appended.events)?;
    let fresh = events.iter().filter(|event| appended.events.contains(&event.id));
    let new: Result<Vec<Event>, Error> = fresh.map(|event| by_id(connection, event.id)).collect();
    Ok(Reread {
        changed: true,
        events: appended.events,
        new: new?,
        deliveries: appended.deliveries,
        ..unchanged(appended.outcome, was, None)
    })
}

/// Writes down what a callback that was set aside counts as from now on.
fn settle(
    connection: &Connection,
    reading: &NewReading,
    was: &Was,
    outcome: CallbackOutcome,
    reason: Option<&String>,
    events: &[EventId],
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE callback SET outcome = ?2, reason = ?3, token_hash = NULL WHERE id = ?1",
        )?
        .execute(params![was.row, outcome.as_str(), reason])?;
    list(connection, was.row, events)?;
    tally::move_to(connection, &reading.callback, (was.outcome, was.reason.as_deref()), outcome)?;
    if was.outcome == CallbackOutcome::Unauthentic {
        tally::let_go(connection, &reading.callback)?;
    }
    Ok(())
}

/// Writes down which events are a callback's.
fn list(connection: &Connection, row: i64, events: &[EventId]) -> Result<(), Error> {
    let packed: Vec<u8> = events.iter().flat_map(|id| id.to_bytes()).collect();
    connection
        .prepare_cached("UPDATE callback SET events = ?2 WHERE id = ?1")?
        .execute(params![row, packed])
        .map(|_| ())
}

/// An event of the earlier reading that stands today.
struct Standing {
    sequence: i64,
    id: EventId,
    message: Option<i64>,
    mark: Mark,
}

/// Puts today's reading of a callback beside the earlier one. Nothing of it is delivered.
fn revise(
    connection: &Connection,
    reading: &NewReading,
    origin: Origin<'_>,
    was: &Was,
    events: &[NewEvent],
) -> Result<Reread, Error> {
    let mut earlier: Vec<Standing> = Vec::new();
    for id in &was.events {
        let standing = standing(connection, *id)?;
        let known = |one: &Standing| earlier.iter().any(|other| other.sequence == one.sequence);
        earlier.extend(standing.filter(|one| !known(one)));
    }
    let marks: Vec<Mark> = earlier.iter().map(|standing| standing.mark).collect();
    let today: Vec<Mark> =
        events.iter().map(|event| Mark { key: event.key, digest: event.digest }).collect();
    let (mut ids, mut new, mut revised) = (Vec::new(), Vec::new(), Vec::new());
    let firsts = firsts(reading, events)?;
    for ((fate, event), first) in compare(&marks, &today).into_iter().zip(events).zip(&firsts) {
        let place = Place::find(connection, event, first.as_ref())?;
        let earlier = match fate {
            Fate::Same(place) | Fate::Replaces(place) => earlier.get(place),
            Fate::New => None,
        };
        match (fate, earlier, place.same) {
            (Fate::Replaces(_), Some(earlier), _) => {
                let after = replace(connection, origin, earlier, event, place)?;
                ids.push(after);
                revised.push((earlier.id, after));
            }
            (Fate::Same(_), Some(earlier), _) => ids.push(earlier.id),
            (_, _, Some((_, id))) => {
                ids.extend(standing(connection, id)?.map(|standing| standing.id));
            }
            (_, _, None) => {
                insert_event(connection, origin, event, place, false)?;
                ids.push(event.id);
                new.push(event.id);
            }
        }
    }
    list(connection, was.row, &ids)?;
    let revision = |(before, after)| {
        Ok(Revision { before: by_id(connection, before)?, after: by_id(connection, after)? })
    };
    Ok(Reread {
        changed: !new.is_empty() || !revised.is_empty(),
        events: ids,
        new: new.into_iter().map(|id| by_id(connection, id)).collect::<Result<_, Error>>()?,
        revised: revised.into_iter().map(revision).collect::<Result<_, Error>>()?,
        ..unchanged(was.outcome, was, None)
    })
}

/// The event that stands where this one does, after all that was replaced since.
fn standing(connection: &Connection, id: EventId) -> Result<Option<Standing>, Error> {
    let mut find = connection.prepare_cached(
        "WITH RECURSIVE chain (uid, step) AS (
             VALUES (?1, 0)
             UNION ALL
             SELECT e.replaced_by, step + 1 FROM chain JOIN event AS e ON e.uid = chain.uid
             WHERE e.replaced_by IS NOT NULL AND step < ?2
         )
         SELECT e.sequence, e.uid, e.message, e.duplicate_key, e.digest
         FROM chain JOIN event AS e ON e.uid = chain.uid WHERE e.replaced_by IS NULL",
    )?;
    find.query_row(params![id.to_bytes(), REPLACED_MAX], |row| {
        Ok(Standing {
            sequence: row.get(0)?,
            id: rows::id(row, 1, EventId::from_bytes)?,
            message: row.get(2)?,
            mark: Mark { key: row.get(3)?, digest: row.get(4)? },
        })
    })
    .optional()
}

/// Puts an event in an earlier one's place, in the fold of its message too; the id of the one that stands from now on.
///
/// It may be there already: replaced by the very one that it replaces now, if an adapter was taken back.
fn replace(
    connection: &Connection,
    origin: Origin<'_>,
    earlier: &Standing,
    event: &NewEvent,
    place: Place<'_>,
) -> Result<EventId, Error> {
    let before = earlier.message.map(|row| state(connection, row)).transpose()?.flatten();
    let known = place.same;
    let (sequence, id) = match known {
        Some(known) => known,
        None => (insert_event(connection, origin, event, place, true)?.0, event.id),
    };
    connection
        .prepare_cached("UPDATE event SET replaced_by = NULL WHERE sequence = ?1")?
        .execute([sequence])?;
    connection
        .prepare_cached("UPDATE event SET replaced_by = ?2 WHERE sequence = ?1")?
        .execute(params![earlier.sequence, id.to_bytes()])?;
    let message: Option<i64> = connection
        .prepare_cached("SELECT message FROM event WHERE sequence = ?1")?
        .query_row([sequence], |row| row.get(0))?;
    for row in earlier.message.iter().chain(message.iter().filter(|_| message != earlier.message)) {
        refold(connection, *row)?;
    }
    // It was folded in on top of the one that it replaces: now that that one is gone, the note on it says what is so.
    if let Some(row) = message.filter(|_| known.is_none() && message == earlier.message) {
        let after = state(connection, row)?;
        connection
            .prepare_cached(
                "UPDATE event SET folded_state = ?2, folded_changed = ?3 WHERE sequence = ?1",
            )?
            .execute(params![sequence, after, after.is_some() && after != before])?;
    }
    Ok(id)
}

/// A message's state, as the column keeps it.
fn state(connection: &Connection, message: i64) -> Result<Option<String>, Error> {
    connection
        .prepare_cached("SELECT state FROM message WHERE id = ?1")?
        .query_row([message], |row| row.get(0))
}

/// Folds a message anew from its events without those that were replaced, in the order in which their callbacks arrived.
fn refold(connection: &Connection, row: i64) -> Result<(), Error> {
    let known: Message = connection
        .prepare_cached("SELECT folded FROM message WHERE id = ?1")?
        .query_row([row], |row| rows::json(row, 0))?;
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM event AS e WHERE e.message = ?1 AND e.replaced_by IS NULL
         ORDER BY coalesce(e.arrived_ms, e.received_ms), e.sequence"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut message = known.emptied();
    for event in statement.query_map([row], rows::event)? {
        let Event { kind, subject, when, data, received_at, .. } = event?;
        // Folding goes by what the event says; the key that tells repetitions has no part in it.
        let draft = Draft { kind, subject, when, duplicate_key: String::new(), data };
        message.fold(&draft, received_at);
    }
    write_message(connection, row, &message)
}

fn by_id(connection: &Connection, id: EventId) -> Result<Event, Error> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM event AS e WHERE e.uid = ?1");
    connection.prepare_cached(&sql)?.query_row([id.to_bytes()], rows::event)
}
