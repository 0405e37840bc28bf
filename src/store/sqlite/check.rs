//! Whether the file is whole and the clock plausible: a short look before the start, a full one beside the service.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::open::{OpenError, reader};
use crate::clock::{Clock, Time};

/// How long the start waits for the look at the pages.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// SQLite's own instructions between two looks at the clock.
const LOOK_EVERY: i32 = 10_000;

/// 2026-01-01, before which no clock that is right can be.
const BUILT: i64 = 1_767_225_600_000;

/// How far events may be ahead of the clock before it is worth a warning.
const AHEAD_MAX: Duration = Duration::from_mins(5);

/// What a full check found: nothing so far, or the damage.
pub(super) type Damage = Arc<Mutex<Option<String>>>;

/// How far a look at the file came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// All of it is whole.
    Whole,
    /// What was seen is whole; there was no time for the rest.
    CutShort,
}

/// Looks for damage for up to a second.
pub(super) fn look(
    connection: &mut Connection,
    path: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<Look, OpenError> {
    let (own, start) = (Arc::clone(clock), clock.elapsed());
    let late = move || own.elapsed().saturating_sub(start) > LOOK_MAX;
    connection.progress_handler(LOOK_EVERY, Some(late))?;
    let found = quick_check(connection);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(None) => Ok(Look::Whole),
        Ok(Some(found)) => Err(OpenError::Damaged { path: path.to_owned(), found }),
        Err(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) =>
        {
            Ok(Look::CutShort)
        }
        Err(error) => Err(error.into()),
    }
}

/// Checks the whole file on a thread of its own, and keeps what it found.
pub(super) fn beside_the_service(path: &Path) -> std::io::Result<Damage> {
    let damage = Damage::default();
    let (found, path) = (Arc::clone(&damage), path.to_owned());
    std::thread::Builder::new().name("callbox-check".to_owned()).spawn(move || {
        let checked = reader(&path).and_then(|connection| quick_check(&connection));
        let problem = match checked {
            Ok(problem) => problem,
            Err(error) => Some(error.to_string()),
        };
        if let Some(problem) = &problem {
            tracing::error!(store.path = %path.display(), %problem, "the database is damaged; stop, copy it away, restore a backup");
        }
        *found.lock() = problem;
    })?;
    Ok(damage)
}

/// Warns of a clock that can't be right.
pub(super) fn clock(connection: &Connection, now: Time) -> Result<(), rusqlite::Error> {
    let newest: Option<i64> = connection
        .query_row("SELECT received_ms FROM event ORDER BY sequence DESC LIMIT 1", [], |row| {
            row.get(0)
        })
        .or_else(|error| {
            if error == rusqlite::Error::QueryReturnedNoRows { Ok(None) } else { Err(error) }
        })?;
    if now.as_millis() < BUILT {
        tracing::warn!(clock.now = %now, "the clock is wrong: times and ids will be too");
    }
    if let Some(newest) =
        newest.map(Time::from_millis).filter(|newest| newest.since(now) > AHEAD_MAX)
    {
        tracing::warn!(clock.now = %now, event.newest = %newest, "the clock is behind the newest event");
    }
    Ok(())
}

/// The first damage found, if there is any.
pub(super) fn quick_check(connection: &Connection) -> Result<Option<String>, rusqlite::Error> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}
