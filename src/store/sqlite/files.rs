//! What stands beside the database: nothing but files, and a log where the last stop was not a clean one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::open::meta;
use super::refusal::OpenError;

/// Where the header says how the file is written, and the number that means: with a log.
const WRITTEN_AT: usize = 18;
const WITH_A_LOG: u8 = 2;

/// Refuses folders and pipes where the store has files, and a link in place of its log. What a link is to the database itself is told
/// elsewhere.
pub(super) fn ordinary(database: &Path, others: &[&Path]) -> Result<(), OpenError> {
    let logs = [log_of(database), with("-shm", database)];
    let logs = logs.iter().map(|path| (path.as_path(), false));
    let others = others.iter().chain([&database]).map(|path| (*path, true));
    for (path, links) in others.chain(logs) {
        let kind = match fs::symlink_metadata(path) {
            Ok(found) => found.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(OpenError::File { path: path.to_owned(), error }),
        };
        let found = if kind.is_dir() {
            "a folder"
        } else if kind.is_symlink() && !links {
            "a link"
        } else if kind.is_file() || kind.is_symlink() {
            continue;
        } else {
            "a pipe, a socket or a device"
        };
        return Err(OpenError::NotAFile { path: path.to_owned(), found });
    }
    Ok(())
}

/// Refuses a database whose log is gone, though it says itself that it was not closed. A backup is written without a log, and
/// needs none. To be asked before anything opens the file, for that makes an empty log.
pub(super) fn has_its_log(database: &Path) -> Result<(), OpenError> {
    let log = log_of(database);
    if log.exists() || !is_with_a_log(database)? || is_closed(database).unwrap_or(true) {
        return Ok(());
    }
    Err(OpenError::LogLost { database: database.to_owned(), log })
}

/// Whether the file's header says that it goes with a log.
fn is_with_a_log(database: &Path) -> Result<bool, OpenError> {
    let mut header = [0; WRITTEN_AT + 1];
    let read = File::open(database).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Ok(()) => Ok(header.last() == Some(&WITH_A_LOG)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(OpenError::File { path: database.to_owned(), error }),
    }
}

/// Whether the file itself says that it was closed, or can't be read at all, which is told elsewhere. Nothing is made or locked.
fn is_closed(database: &Path) -> Result<bool, rusqlite::Error> {
    let mut uri = url::Url::from_file_path(fs::canonicalize(database).unwrap_or_default())
        .map_err(|()| rusqlite::Error::InvalidPath(database.to_owned()))?;
    uri.set_query(Some("immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri.as_str(), flags)?;
    Ok(meta(&connection, "stopped")?.is_none_or(|word| word == "cleanly"))
}

/// The log that belongs to a database.
fn log_of(database: &Path) -> PathBuf {
    with("-wal", database)
}

fn with(ending: &str, database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
