//! Why a store is not opened: each refusal says which file, what is wrong with it, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the store could not be opened. Each says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another callbox: stop that one, or set another [store] path")]
    InUse(PathBuf),
    /// The directory could not be made, or a file beside the database not be read.
    #[error("{path}: {error}; {}", remedy_of(.error))]
    File {
        /// Which file.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// Something else stands where a file belongs.
    #[error(
        "{path} is {found}, where callbox has a file: move it away, or set another [store] path"
    )]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
    },
    /// The last stop was not a clean one, and the log is gone.
    #[error(
        "{log} is missing, though the last stop was not a clean one: what was acknowledged last is in it. Put it back beside {database}, \
         or restore a backup; if another program has folded it in, or it is lost for good, `touch {log}` and start again"
    )]
    LogLost {
        /// The database.
        database: PathBuf,
        /// Its log.
        log: PathBuf,
    },
    /// There was a database once, and it is gone.
    #[error(
        "{database} is missing or empty, but {marker} shows that there was data: restore the database from a backup, \
         or remove {marker} to start with nothing"
    )]
    Lost {
        /// The database.
        database: PathBuf,
        /// What shows it.
        marker: PathBuf,
    },
    /// The file is not ours.
    #[error("{0} is a database, but not one of callbox's: set another [store] path")]
    Foreign(PathBuf),
    /// The file is damaged.
    #[error("{path} is damaged ({found}): stop, copy the file away, and restore a backup")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// A link instead of a file.
    #[error(
        "{0} is a link, or has several names: SQLite's log would stand beside only one of them; use the file itself"
    )]
    Linked(PathBuf),
    /// A file system that can't keep the promise.
    #[error("{path} is on {kind}, where locks and syncs can't be trusted: use a local disk")]
    Network {
        /// The directory.
        path: PathBuf,
        /// The kind of file system.
        kind: &'static str,
    },
    /// A newer release wrote it.
    #[error(
        "{path} is of a newer callbox (its version is {found}, this one knows {known}): start that release"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The file's version.
        found: i64,
        /// Ours.
        known: usize,
    },
    /// The linked SQLite can't be trusted.
    #[error("SQLite {0} has a bug that can lose commits; callbox needs 3.51.3 or later")]
    OldSqlite(&'static str),
    /// A setting did not take.
    #[error("SQLite did not take `{setting}`: it reads {found}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What it reads.
        found: String,
    },
    /// SQLite said no.
    #[error("SQLite: {}; {}", said(.0), remedy(.0))]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl OpenError {
    /// The same, told as what it is if SQLite met what can't be in a sound file.
    pub(super) fn seen_at(self, path: &Path) -> Self {
        if let Self::Sqlite(error) = &self
            && let Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) =
                error.sqlite_error_code()
        {
            return Self::Damaged { path: path.to_owned(), found: error.to_string() };
        }
        self
    }
}

/// What to do about a file that could not be used, by what is wrong with it.
const REMEDIES: [(io::ErrorKind, &str); 7] = [
    (
        io::ErrorKind::ReadOnlyFilesystem,
        "have its file system mounted for writing, or set another [store] path",
    ),
    (
        io::ErrorKind::PermissionDenied,
        "give the user that callbox runs as the right to read and write it",
    ),
    (io::ErrorKind::AlreadyExists, FILE_FOR_FOLDER),
    (io::ErrorKind::NotADirectory, FILE_FOR_FOLDER),
    (io::ErrorKind::StorageFull, "make room on its disk"),
    (io::ErrorKind::QuotaExceeded, "make room on its disk"),
    (io::ErrorKind::InvalidData, "restore it from the backup that the database is from"),
];

const FILE_FOR_FOLDER: &str =
    "a file stands where a folder has to be: move it away, or set another [store] path";

fn remedy_of(error: &io::Error) -> &'static str {
    let known = REMEDIES.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or("look at its disk, and at the system's log", |(_, remedy)| remedy)
}

/// What SQLite said, with its number.
fn said(error: &rusqlite::Error) -> String {
    let rusqlite::Error::SqliteFailure(failure, said) = error else { return error.to_string() };
    let usual = failure.to_string();
    let usual = usual.split_once(": ").map_or(usual.as_str(), |(_, meaning)| meaning);
    format!("{} ({})", said.as_deref().unwrap_or(usual), failure.extended_code)
}

/// What to do about what SQLite said.
fn remedy(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => {
            "the disk failed: look at it and at the system's log, then start again"
        }
        Some(ErrorCode::DiskFull) => "make room on its disk",
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "see that the user callbox runs as may read and write the database, its -wal, its -shm and their folder"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "end the program that holds it, such as a shell of sqlite3"
        }
        _ => "`callbox check --deep` tells what is wrong with it; restore a backup if need be",
    }
}
