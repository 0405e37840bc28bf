//! The steps of an erasure: each reads some rows beside the thread that writes, which then removes what was found.

mod aside;
mod callbacks;
mod count;
mod events;

use rusqlite::{Connection, Error, params};

pub(super) use self::callbacks::naming;
pub(super) use self::events::{learn, theirs};
use super::counts::Counting;
use super::floors::{Floors, Tops};
use crate::domain::erasure::{Erased, Phase};
use crate::domain::person::Marks;
use crate::store::erasures::EraseStep;

/// What was found in some rows.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// What to do.
    found: Found,
    /// Texts of theirs that will be gone.
    pub(super) texts: Vec<String>,
    /// Where the phase goes on; `None` at its end.
    next: Option<i64>,
}

/// What to do about some rows.
#[derive(Debug, Default)]
enum Found {
    /// Nothing, or what takes no look before.
    #[default]
    Nothing,
    /// Events to be removed, by their sequences, and those that are rewritten.
    Events(Vec<i64>, Vec<events::Rewritten>),
    /// Messages.
    Messages(Vec<aside::Folded>),
    /// Callbacks to be emptied, by their rows.
    Callbacks(Vec<i64>),
    /// Answers of destinations.
    Attempts(Vec<aside::Answered>),
}

/// Looks at the next rows of a phase.
pub(super) fn read(
    connection: &Connection,
    phase: Phase,
    marks: &Marks,
    after: i64,
) -> Result<Batch, Error> {
    match phase {
        Phase::Events | Phase::Messages => {
            events::read(connection, phase == Phase::Messages, marks, after)
        }
        Phase::Folded => aside::read_messages(connection, marks, after),
        Phase::Callbacks => callbacks::read(connection, marks, after),
        Phase::Attempts => aside::read_attempts(connection, marks, after),
        Phase::Learning | Phase::Rest | Phase::Words | Phase::Pages | Phase::Log | Phase::Done => {
            Ok(Batch::default())
        }
    }
}

/// Removes what was found, and moves the erasure's place with it; whether the phase goes on.
pub(super) fn write(
    connection: &Connection,
    step: &EraseStep,
    batch: &Batch,
    counting: &Counting,
) -> Result<bool, Error> {
    let find = "SELECT erased FROM erasure WHERE uid = ?1 AND phase = ?2 AND state = 'running'";
    let id = step.id.to_bytes();
    let mut erased: Erased = connection
        .prepare_cached(find)?
        .query_row(params![id, step.phase.as_str()], |row| super::rows::json(row, 0))?;
    let tops = Tops::of(connection)?;
    let done = if step.dry_run {
        Done { removed: count::count(connection, step, batch)?, more_of: None }
    } else {
        let done = apply(connection, step, batch, &erased, counting)?;
        Floors::hold(connection, tops)?;
        done
    };
    let (more, next) = match done {
        Done { more_of: Some(place), removed } => {
            erased += removed;
            (true, place)
        }
        Done { more_of: None, removed } => {
            erased += removed;
            (batch.next.is_some(), batch.next.unwrap_or_default())
        }
    };
    let phase = if more { step.phase } else { step.phase.next() };
    let written = serde_json::to_string(&erased)
        .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
    connection
        .prepare_cached("UPDATE erasure SET erased = ?2, phase = ?3, place = ?4 WHERE uid = ?1")?
        .execute(params![id, written, phase.as_str(), next])?;
    Ok(more)
}

/// What a step came to.
#[derive(Debug, Default)]
struct Done {
    removed: Erased,
    /// The place of the next step, for a phase that tells by itself whether it goes on.
    more_of: Option<i64>,
}

fn apply(
    connection: &Connection,
    step: &EraseStep,
    batch: &Batch,
    so_far: &Erased,
    counting: &Counting,
) -> Result<Done, Error> {
    let mut removed = Erased::default();
    let more_of = match (&batch.found, step.phase) {
        (Found::Events(theirs, others), _) => {
            for sequence in theirs {
                events::remove(connection, *sequence, step.now, &mut removed, counting)?;
            }
            for event in others {
                removed.events_redacted += events::rewrite(connection, event)?;
            }
            None
        }
        (Found::Messages(messages), _) => {
            for message in messages {
                aside::rewrite_message(connection, &step.marks, message, &mut removed)?;
            }
            None
        }
        (Found::Callbacks(rows), _) => {
            for row in rows {
                removed.callbacks += callbacks::empty(connection, *row, None, step.now)?;
            }
            None
        }
        (Found::Attempts(answers), _) => {
            for answer in answers {
                removed.attempts_redacted += aside::rewrite_attempt(connection, answer)?;
            }
            None
        }
        (Found::Nothing, Phase::Rest) => {
            removed.others = aside::rest(connection, &step.marks)?;
            None
        }
        (Found::Nothing, Phase::Words) if so_far.events + so_far.events_redacted == 0 => None,
        (Found::Nothing, Phase::Words) => aside::merge_words(connection, step.after)?,
        (Found::Nothing, Phase::Pages) => aside::give_pages_back(connection)?,
        (Found::Nothing, _) => None,
    };
    Ok(Done { removed, more_of })
}
