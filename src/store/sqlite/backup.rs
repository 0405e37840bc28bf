//! A copy of the store in one file, made beside whoever uses it, and never half there under its final name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::OpenError;
use super::check::quick_check;
use super::open::{BUSY_TIMEOUT, beside, directory_of, identify, write_private};

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error("there is no store at {0}: name its configuration with --config")]
    NoStore(PathBuf),
    /// The store is not ours, or damaged.
    #[error("the store can't be copied")]
    Store(#[source] OpenError),
    /// The name is taken.
    #[error("{0} exists already: a backup never overwrites anything, so give it another name")]
    Exists(PathBuf),
    /// The copy is not whole.
    #[error("the copy is damaged ({0}), so it was not kept: run `callbox check --deep`")]
    Damaged(String),
    /// A file could not be written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// SQLite could not copy it.
    #[error("SQLite could not copy the store: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Copies the store at `from` into the new file `to`, and its key into the file beside it; the key's path. Everything that was
/// acknowledged before the call is in it. The store may be in use.
pub fn backup(from: &Path, to: &Path) -> Result<PathBuf, BackupError> {
    let (key, key_copy) = (beside(from, "key"), beside(to, "key"));
    if !from.exists() {
        return Err(BackupError::NoStore(from.to_owned()));
    }
    let text = fs::read_to_string(&key).map_err(at(&key))?;
    free(to)?;
    // A backup that was cut off may have left the key; it never changes.
    let has_key = fs::read_to_string(&key_copy).is_ok_and(|known| known == text);
    if !has_key {
        free(&key_copy)?;
    }
    let directory = directory_of(to);
    let unfinished = tempfile::Builder::new().prefix(".callbox-backup-").tempdir_in(directory);
    let unfinished = unfinished.map_err(at(directory))?;
    let copy = unfinished.path().join("copy");
    write(from, &copy)?;
    if !has_key {
        write_private(&key_copy, text.trim()).map_err(at(&key_copy))?;
    }
    free(to)?;
    fs::rename(&copy, to).map_err(at(to))?;
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(at(directory))?;
    Ok(key_copy)
}

/// Refuses a name that is taken.
fn free(path: &Path) -> Result<(), BackupError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(BackupError::Exists(path.to_owned())),
        Err(_) => Ok(()),
    }
}

/// Writes the copy, and looks at it before anyone relies on it.
fn write(from: &Path, copy: &Path) -> Result<(), BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let store = Connection::open_with_flags(from, flags)?;
    store.busy_timeout(BUSY_TIMEOUT)?;
    let ours = identify(&store, from).map_err(|error| error.seen_at(from));
    ours.map_err(BackupError::Store)?;
    let name = copy.to_str().ok_or_else(|| at(copy)(io::ErrorKind::InvalidFilename.into()))?;
    store.execute("VACUUM INTO ?1", [name])?;
    drop(store);
    // Whoever has the copy has all that was ever received.
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    let file = File::options().write(true).open(copy).map_err(at(copy))?;
    file.set_permissions(private).and_then(|()| file.sync_all()).map_err(at(copy))?;
    drop(file);
    let copied = Connection::open_with_flags(copy, flags)?;
    if let Some(found) = quick_check(&copied)? {
        return Err(BackupError::Damaged(found));
    }
    Ok(())
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError + '_ {
    move |source| BackupError::File { path: path.to_owned(), source }
}
