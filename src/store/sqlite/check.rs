//! Whether the file is whole and the clock plausible: a short look before the start, a full one beside the service.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::log::Gate;
use super::open::reader;
use super::refusal::OpenError;
use crate::clock::{Clock, Time};

/// How long the start waits for the look at the pages, after a stop that was not a clean one.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// How long after a clean stop: it has to be over soon.
const GLANCE_MAX: Duration = Duration::from_millis(300);

/// How often the check beside the service begins a table again, because the log had to be emptied.
const INTERRUPTED_MAX: u32 = 100;

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

/// Looks for damage for up to a second; after a clean stop for less.
pub(super) fn look(
    connection: &mut Connection,
    path: &Path,
    unclean: bool,
    clock: &Arc<dyn Clock>,
) -> Result<Look, OpenError> {
    let longest = if unclean { LOOK_MAX } else { GLANCE_MAX };
    let (own, start) = (Arc::clone(clock), clock.elapsed());
    let late = move || own.elapsed().saturating_sub(start) > longest;
    connection.progress_handler(LOOK_EVERY, Some(late))?;
    let found = quick_check(connection);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(None) => Ok(Look::Whole),
        Ok(Some(found)) => Err(OpenError::Damaged { path: path.to_owned(), found }),
        Err(error) if is_interrupted(&error) => Ok(Look::CutShort),
        Err(error) => Err(error.into()),
    }
}

/// Checks the whole file on a thread of its own, and keeps what it found. It steps aside whenever the log has to be emptied.
pub(super) fn beside_the_service(path: &Path, gate: Arc<Gate>) -> std::io::Result<Damage> {
    let damage = Damage::default();
    let (found, path) = (Arc::clone(&damage), path.to_owned());
    std::thread::Builder::new().name("callbox-check".to_owned()).spawn(move || {
        let checked = reader(&path).and_then(|connection| every_table(connection, &gate));
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

/// Checks one table after the other, so that none of it is read for longer than it must; the first damage, if there is any. One that
/// was interrupted too often, because the service is never quiet, is left out.
fn every_table(
    mut connection: Connection,
    gate: &Arc<Gate>,
) -> Result<Option<String>, rusqlite::Error> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0";
    let tables = connection
        .prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let own = Arc::clone(gate);
    connection.progress_handler(LOOK_EVERY, Some(move || !own.is_open()))?;
    for table in tables {
        for interrupted in 0.. {
            if !gate.pass() {
                return Ok(None);
            }
            match quick_check_of(&connection, &table) {
                Ok(None) => break,
                Err(error) if is_interrupted(&error) && interrupted < INTERRUPTED_MAX => {}
                Err(error) if is_interrupted(&error) => {
                    tracing::warn!(
                        store.table = table,
                        "it could not be checked whole beside the load; run `callbox check --deep`"
                    );
                    break;
                }
                found => return found,
            }
        }
    }
    tracing::info!("the database is whole, as far as a look at every page shows");
    Ok(None)
}

fn is_interrupted(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
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

/// The same for a single table and its indexes.
fn quick_check_of(connection: &Connection, table: &str) -> Result<Option<String>, rusqlite::Error> {
    let sql = "SELECT quick_check FROM pragma_quick_check(?1) LIMIT 1";
    let found: String = connection.query_row(sql, [table], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}
