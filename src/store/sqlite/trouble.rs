//! What an error of SQLite's says about the disk, and when a store gives up rather than go on with a disk that fails.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::ErrorCode;
use tokio_util::sync::CancellationToken;

/// A second failure of the disk within this time is the last.
const PATIENCE: Duration = Duration::from_mins(1);

/// How bad an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The affair of one step.
    Own,
    /// There is no room left on the disk.
    Full,
    /// The disk failed: what it has of the latest writes is unknown until they are read back.
    Disk,
    /// The file is not what it was.
    Ruin,
}

impl Trouble {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::SystemIoFailure) => Self::Disk,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Ruin,
            Some(_) | None => Self::Own,
        }
    }
}

/// Counts the disk's failures.
#[derive(Debug, Default)]
pub(super) struct Failures {
    latest: Option<Duration>,
}

impl Failures {
    /// Notes one at this moment; whether the store may try once more.
    pub(super) fn note(&mut self, now: Duration) -> bool {
        let before = self.latest.replace(now);
        before.is_none_or(|before| now.saturating_sub(before) > PATIENCE)
    }
}

/// Whether the store has given up, and why: from then on it takes and tells nothing, and the process should end.
#[derive(Clone, Debug, Default)]
pub(super) struct GivenUp {
    reason: Arc<Mutex<Option<String>>>,
    token: CancellationToken,
}

impl GivenUp {
    pub(super) fn because(&self, reason: &str) {
        tracing::error!(
            reason,
            "the disk failed under the store; callbox ends, so that the next start reads what is really there"
        );
        self.reason.lock().get_or_insert_with(|| reason.to_owned());
        self.token.cancel();
    }

    /// The reason, once there is one.
    pub(super) async fn wait(&self) -> String {
        self.token.cancelled().await;
        self.reason.lock().clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_failure_within_a_minute_is_the_last() {
        let mut failures = Failures::default();
        for (second, goes_on) in [(0, true), (61, true), (121, false), (122, false), (200, true)] {
            assert_eq!(failures.note(Duration::from_secs(second)), goes_on, "{second}");
        }
    }

    #[test]
    fn an_error_is_as_bad_as_what_it_says_of_the_disk() {
        let table = [
            (rusqlite::ffi::SQLITE_IOERR_FSYNC, Trouble::Disk),
            (rusqlite::ffi::SQLITE_IOERR_WRITE, Trouble::Disk),
            (rusqlite::ffi::SQLITE_FULL, Trouble::Full),
            (rusqlite::ffi::SQLITE_CORRUPT_INDEX, Trouble::Ruin),
            (rusqlite::ffi::SQLITE_NOTADB, Trouble::Ruin),
            (rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE, Trouble::Own),
            (rusqlite::ffi::SQLITE_BUSY, Trouble::Own),
        ];
        for (code, trouble) in table {
            let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
            assert_eq!(Trouble::of(&error), trouble, "{code}");
        }
        assert_eq!(Trouble::of(&rusqlite::Error::QueryReturnedNoRows), Trouble::Own);
    }
}
