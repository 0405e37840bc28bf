//! Opening the file: the checks that keep a wrong start from doing harm, and connections with the settings that keep the promises.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::check::{self, Look};
use super::refusal::OpenError;
use super::{files, schema};
use crate::clock::Clock;
use crate::random::Random;

/// The first SQLite without the bug that loses commits when a checkpoint races a writer.
const SQLITE_MIN: i32 = 3_051_003;

/// How long a connection waits for tools from outside, such as a backup.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements kept by a connection.
const STATEMENTS: usize = 64;

/// What belongs to one open store besides its connections.
pub(super) struct Opened {
    /// The writer's connection.
    pub(super) writer: Connection,
    /// The key that stands in a file beside the database.
    pub(super) key: [u8; 32],
    /// Held for as long as the store is open.
    pub(super) lock: File,
    /// Whether the last stop was not a clean one.
    pub(super) unclean: bool,
    /// How far the look at its pages came.
    pub(super) look: Look,
}

/// Opens the store's file, or makes it.
pub(super) fn open(
    path: &Path,
    clock: &Arc<dyn Clock>,
    random: &Random,
) -> Result<Opened, OpenError> {
    if rusqlite::version_number() < SQLITE_MIN {
        return Err(OpenError::OldSqlite(rusqlite::version()));
    }
    let directory = directory_of(path);
    make(directory)?;
    super::filesystem::check(directory)?;
    let (lock_path, key_path) = (beside(path, "lock"), beside(path, "key"));
    files::ordinary(path, &[&lock_path, &key_path])?;
    let lock = lock(&lock_path, path)?;
    let existed = check_file(path)?;
    if existed {
        files::has_its_log(path)?;
    }
    if !existed && key_path.exists() {
        return Err(OpenError::Lost { database: path.to_owned(), marker: key_path });
    }
    let (connection, seen, unclean) =
        sound_writer(path, existed, clock).map_err(|error| error.seen_at(path))?;
    // The key comes after the tables: it is what shows, at a later start, that there was data.
    let key = key(&key_path, directory, random)?;
    set_meta(&connection, "stopped", "not yet")?;
    // In the database itself: then the next start sees by it that there has to be a log.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(Opened { writer: connection, key, lock, unclean, look: seen })
}

/// The directory that a file stands in.
pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a directory, with those above it, in such a way that a power cut does not take them away again.
fn make(directory: &Path) -> Result<(), OpenError> {
    let missing: Vec<&Path> = directory.ancestors().take_while(|above| !above.exists()).collect();
    fs::create_dir_all(directory).map_err(at(directory))?;
    missing.into_iter().try_for_each(|made| sync(directory_of(made)))
}

/// Syncs a directory: its files' names, not what is in them.
fn sync(directory: &Path) -> Result<(), OpenError> {
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(at(directory))
}

/// The one connection that writes, to a file that is ours, whole as far as a second shows, and has today's tables.
fn sound_writer(
    path: &Path,
    existed: bool,
    clock: &Arc<dyn Clock>,
) -> Result<(Connection, Look, bool), OpenError> {
    let mut writer = writer(path, existed)?;
    // What can't be read is looked at as closely as what was not closed.
    let stopped = meta(&writer, "stopped");
    let unclean = existed && !stopped.is_ok_and(|word| word.as_deref() == Some("cleanly"));
    let look = if existed { check::look(&mut writer, path, unclean, clock)? } else { Look::Whole };
    schema::migrate(&mut writer, path)?;
    if unclean {
        // After a failed sync the log may be readable and yet not be on the disk: nothing is written behind such a part of it.
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok((writer, look, unclean))
}

/// The one connection that writes, with its settings.
pub(super) fn writer(path: &Path, existed: bool) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Only a clean stop folds the log in and takes it away: a file that is refused is left as it is, and a log that is gone is told.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if existed && !is_unfinished(&connection, path)? {
        identify(&connection, path)?;
    } else {
        // First of all, and only on a new file: later it would silently stay off.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::Setting { setting: "journal_mode = WAL", found: mode });
    }
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA mmap_size = 0;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA cache_size = -32768;",
    )?;
    #[cfg(target_os = "macos")]
    connection.execute_batch("PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;")?;
    expect(&connection, "synchronous", 2, "synchronous = FULL")?;
    expect(&connection, "auto_vacuum", 2, "auto_vacuum = INCREMENTAL")?;
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(
        "PRAGMA query_only = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA mmap_size = 0;
         PRAGMA cache_size = -16384;",
    )?;
    Ok(connection)
}

/// Whether an existing file is ours.
pub(super) fn identify(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id != schema::APPLICATION_ID {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    Ok(())
}

/// Whether the file is what a first start leaves that was cut off before there was a table: nothing is in it, so it is begun anew.
fn is_unfinished(connection: &Connection, path: &Path) -> Result<bool, OpenError> {
    let sql = "SELECT application_id = 0 AND user_version = 0 AND NOT EXISTS (SELECT 1 FROM sqlite_schema)
               FROM pragma_application_id, pragma_user_version";
    let unfinished: bool = connection.query_row(sql, [], |row| row.get(0))?;
    let marker = beside(path, "key");
    if unfinished && marker.exists() {
        return Err(OpenError::Lost { database: path.to_owned(), marker });
    }
    Ok(unfinished)
}

fn expect(
    connection: &Connection,
    pragma: &str,
    wanted: i64,
    setting: &'static str,
) -> Result<(), OpenError> {
    let found: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0))?;
    if found == wanted {
        Ok(())
    } else {
        Err(OpenError::Setting { setting, found: found.to_string() })
    }
}

/// Looks at the file without opening it: opening and closing it would drop SQLite's locks.
fn check_file(path: &Path) -> Result<bool, OpenError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(at(path)(error)),
    };
    let names = std::os::unix::fs::MetadataExt::nlink(&metadata);
    if metadata.file_type().is_symlink() || names > 1 {
        return Err(OpenError::Linked(path.to_owned()));
    }
    Ok(metadata.len() > 0)
}

/// Takes the lock that tells a second process to stay away; the system drops it when this process ends, however it ends.
fn lock(lock_path: &Path, database: &Path) -> Result<File, OpenError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(lock_path)
        .map_err(at(lock_path))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::InUse(database.to_owned())),
        Err(error) => Err(at(lock_path)(error.into())),
    }
}

/// Reads the store's key, or makes one.
fn key(path: &Path, directory: &Path, random: &Random) -> Result<[u8; 32], OpenError> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let mut key = [0; 32];
            let invalid = || {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    "not a key: 64 hexadecimal digits were expected",
                )
            };
            hex::decode_to_slice(text.trim(), &mut key).map_err(|_| at(path)(invalid()))?;
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key: [u8; 32] = random.bytes();
            write_private(path, &hex::encode(key)).map_err(at(path))?;
            sync(directory)?;
            Ok(key)
        }
        Err(error) => Err(at(path)(error)),
    }
}

/// Writes a file that only its owner can read, and syncs it. It has its name only once it is whole: a crash leaves no half one.
pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let half = path.with_extension("key.new");
    match fs::remove_file(&half) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = File::options();
    options.create_new(true).write(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&half)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(half, path)
}

/// Reads one of the facts about the whole file.
pub(super) fn meta(connection: &Connection, name: &str) -> Result<Option<String>, rusqlite::Error> {
    use rusqlite::OptionalExtension;
    connection
        .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()
}

/// Writes one of the facts about the whole file.
pub(super) fn set_meta(
    connection: &Connection,
    name: &str,
    value: &str,
) -> Result<(), rusqlite::Error> {
    let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.execute(sql, [name, value]).map(|_| ())
}

/// The file beside the database with this ending in place of its own.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    path.with_extension(ending)
}

fn at(path: &Path) -> impl Fn(io::Error) -> OpenError + '_ {
    move |error| OpenError::File { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_a_crash_left_half_written_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, random) = (folder.path().join("callbox.key"), Random::from_seed(1));
        fs::write(folder.path().join("callbox.key.new"), "00ff").unwrap();
        let first = key(&path, folder.path(), &random).unwrap();
        assert_eq!(key(&path, folder.path(), &random).unwrap(), first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let permissions = fs::metadata(&path).unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777, 0o600);
    }
}
