//! The story of one message: its folded state, and everything that happened to it.

use rusqlite::{Connection, Error, params};

use super::super::rows::{self, EVENT_COLUMNS};
use super::deliveries;
use crate::clock::Time;
use crate::domain::event::Event;
use crate::domain::id::CallbackId;
use crate::domain::message::Message;
use crate::domain::name::Name;
use crate::store::{Happening, Story};

/// Events of one message that its story tells; a message has a handful.
const EVENTS_MAX: usize = 1_000;

/// A message with everything that happened to it, oldest first.
pub(super) fn story(
    connection: &Connection,
    source: &Name,
    id: &str,
    instance: Option<&str>,
) -> Result<Option<Story>, Error> {
    let mut find = connection.prepare_cached(
        "SELECT id, instance, folded FROM message WHERE message_id = ?1 AND source = ?2 ORDER BY updated_ms DESC, id DESC",
    )?;
    let found = find.query_map(params![id, source.as_str()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, rows::json::<Message>(row, 2)?))
    })?;
    let mut found: Vec<(i64, String, Message)> = found.collect::<Result<_, _>>()?;
    let wanted = instance
        .map_or(Some(0), |instance| found.iter().position(|(_, known, _)| known == instance));
    let Some(wanted) = wanted.filter(|wanted| *wanted < found.len()) else { return Ok(None) };
    let (row, _, message) = found.remove(wanted);
    let timeline = timeline(connection, row)?;
    Ok(Some(Story {
        message,
        timeline,
        also: found.into_iter().map(|(_, instance, _)| instance).collect(),
    }))
}

fn timeline(connection: &Connection, message: i64) -> Result<Vec<Happening>, Error> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM event AS e WHERE e.message = ?1 ORDER BY e.sequence LIMIT ?2"
    );
    let limit = i64::try_from(EVENTS_MAX).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&sql)?;
    let events: Vec<Event> =
        statement.query_map(params![message, limit], rows::event)?.collect::<Result<_, _>>()?;
    let mut timeline = Vec::new();
    for event in events {
        repetitions(connection, &event, &mut timeline)?;
        for (row, at, delivery) in deliveries::of_event_bare(connection, event.sequence)? {
            let mut full = rows::with_attempts(connection, (row, delivery))?;
            let attempts = std::mem::take(&mut full.attempts);
            let attempts = attempts.into_iter().map(|attempt| Happening::Attempt {
                delivery: full.id,
                destination: full.destination.clone(),
                attempt,
            });
            timeline.extend(attempts);
            timeline.push(Happening::Delivery { at, delivery: full });
        }
        timeline.push(Happening::Event(Box::new(event)));
    }
    timeline.sort_by_key(|happening| (happening.at(), rank(happening)));
    Ok(timeline)
}

/// What comes first of things that happened in the same millisecond.
fn rank(happening: &Happening) -> (u8, i64) {
    match happening {
        Happening::Event(event) => (0, event.sequence),
        Happening::Duplicate { .. } => (1, 0),
        Happening::Delivery { .. } => (2, 0),
        Happening::Attempt { attempt, .. } => (3, i64::from(attempt.number)),
    }
}

fn repetitions(
    connection: &Connection,
    event: &Event,
    timeline: &mut Vec<Happening>,
) -> Result<(), Error> {
    let mut statement = connection
        .prepare_cached("SELECT received_ms, callback_uid FROM repetition WHERE event = ?1")?;
    let found = statement.query_map([event.sequence], |row| {
        Ok(Happening::Duplicate {
            at: Time::from_millis(row.get(0)?),
            event: event.id,
            callback: rows::id(row, 1, CallbackId::from_bytes)?,
        })
    })?;
    for happening in found {
        timeline.push(happening?);
    }
    Ok(())
}
