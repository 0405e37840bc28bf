//! The log that commits go into first: folded into the database once it has grown, and kept from growing without end by readers.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::open::BUSY_TIMEOUT;

/// Pages in the log from which it is folded into the database after a group: 4 KiB each.
const FOLD_PAGES: i32 = 1_000;

/// Pages from which readers have to wait until the log is empty: 64 MiB. As long as there is always one that reads, SQLite can't begin
/// the log anew, and it would grow for ever.
const CUT_PAGES: i32 = 16_384;

/// The longest that a question waits for that: as long as another one may take, and a little.
const WAIT_MAX: Duration = Duration::from_millis(2_500);

/// Where readers wait while the log has to be emptied.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Shut,
    /// The store is closing.
    Ended,
}

impl Gate {
    /// Waits while it is shut, but not for long; whether the store goes on.
    pub(super) fn pass(&self) -> bool {
        let mut state = self.state.lock();
        let shut = |state: &mut State| *state == State::Shut;
        if self.changed.wait_while_for(&mut state, shut, WAIT_MAX).timed_out() {
            // The writer has nothing to do, so nothing grows: it shuts again when it must.
            *state = State::Open;
        }
        *state != State::Ended
    }

    /// Whether those who read for long should stop for now.
    pub(super) fn is_open(&self) -> bool {
        *self.state.lock() == State::Open
    }

    fn turn(&self, new: State) {
        let mut state = self.state.lock();
        if *state != new && *state != State::Ended {
            *state = new;
            self.changed.notify_all();
        }
    }

    /// From now on nobody waits, and those who read for long should end.
    pub(super) fn end(&self) {
        self.turn(State::Ended);
    }
}

/// Folds a log of so many pages into the database, if that is worth it.
pub(super) fn fold_in(
    connection: &Connection,
    pages: i32,
    gate: &Gate,
) -> Result<(), rusqlite::Error> {
    if pages < FOLD_PAGES {
        return Ok(());
    }
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    if pages < CUT_PAGES {
        gate.turn(State::Open);
        return Ok(());
    }
    gate.turn(State::Shut);
    // Whoever reads ends by himself; until then the next groups go on, and each tries again.
    connection.busy_timeout(Duration::ZERO)?;
    let cut = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let in_the_way: bool = cut?;
    if !in_the_way {
        gate.turn(State::Open);
    }
    Ok(())
}

/// Folds the whole log into the database and empties it, whatever its size; `false` if somebody who reads is in the way for longer
/// than a question may take.
pub(super) fn empty(connection: &Connection, gate: &Gate) -> Result<bool, rusqlite::Error> {
    gate.turn(State::Shut);
    connection.busy_timeout(WAIT_MAX)?;
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    gate.turn(State::Open);
    let in_the_way: bool = emptied?;
    Ok(!in_the_way)
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;

    #[test]
    fn a_log_that_a_reader_holds_is_emptied_once_that_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("callbox.db");
        let log = || std::fs::metadata(folder.path().join("callbox.db-wal")).unwrap().len();
        let writer = open::writer(&path, false).unwrap();
        writer.execute_batch("CREATE TABLE kept (body BLOB)").unwrap();
        let insert = || writer.execute("INSERT INTO kept VALUES (zeroblob(100000))", []).unwrap();
        let reader = open::reader(&path).unwrap();
        let reading = reader.unchecked_transaction().unwrap();
        let count = "SELECT count(*) FROM kept";
        reading.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap();
        let gate = Gate::default();
        insert();
        fold_in(&writer, FOLD_PAGES - 1, &gate).unwrap();
        fold_in(&writer, FOLD_PAGES, &gate).unwrap();
        assert!(gate.is_open(), "a log that is not too long makes nobody wait");
        fold_in(&writer, CUT_PAGES, &gate).unwrap();
        assert!(!gate.is_open());
        assert!(log() > 100_000);
        drop(reading);
        insert();
        fold_in(&writer, CUT_PAGES, &gate).unwrap();
        assert!(gate.is_open());
        assert_eq!(log(), 0);
    }

    #[test]
    fn a_gate_that_nobody_opens_lets_readers_through_after_all_and_none_waits_at_the_end() {
        let gate = Gate::default();
        assert!(gate.pass());
        gate.turn(State::Shut);
        assert!(gate.pass());
        assert!(gate.is_open());
        gate.turn(State::Shut);
        gate.end();
        assert!(!gate.pass());
    }
}
