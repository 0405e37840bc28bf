//! The tables, and how an older file becomes today's: step by step, each in one transaction, so that the release before can go back.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::refusal::OpenError;
use super::steps;

/// `application_id` of our files: "cbox" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x6362_6f78;

/// The steps of the first releases, oldest first: step n leads from `user_version` n to n + 1. They are never changed. One more of
/// them would keep every release before it from opening the file: what can be added without that belongs into [`ADDED`].
const STEPS: &[&str] = &[
    FIRST,
    SECOND,
    steps::LEAN,
    steps::RARE,
    steps::BACKLOG,
    steps::FOUND_BY,
    steps::REPLAYS,
    steps::ALARMS,
    steps::COUNTS,
    steps::LINES,
];

/// The steps since then, by name, oldest first. They only add: tables, nullable columns, indexes, triggers that also hold what the
/// release before writes. So that release still opens the file, and going back is starting it again; what it does not know of, it
/// leaves alone. They are done in a moment: what takes long is made beside the service, as [`steps::FOUND_BY`] shows. The file notes
/// their names, and `user_version` stays.
const ADDED: &[(&str, &str)] = &[("erasures", steps::ERASURES)];

/// Where the names of added steps are noted. It is made with the first of them.
const NOTED: &str = "CREATE TABLE IF NOT EXISTS step (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID";

/// The `user_version` of today's tables.
const TODAY: usize = STEPS.len();

const FIRST: &str = "
    -- One row for each thing that is true of the whole file.
    CREATE TABLE meta (
        name   TEXT PRIMARY KEY,
        value  TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- What vendors sent. Written once, never changed. The body stands last, so that the rest is read without it.
    CREATE TABLE callback (
        id           INTEGER PRIMARY KEY AUTOINCREMENT,
        uid          BLOB    NOT NULL UNIQUE,
        source       TEXT    NOT NULL,
        received_ms  INTEGER NOT NULL,
        outcome      TEXT    NOT NULL CHECK (outcome IN ('events', 'duplicate', 'quarantined', 'unauthentic')),
        reason       TEXT,
        events       BLOB    NOT NULL,     -- the uids of its events, new ones and known ones, 16 bytes each
        method       TEXT    NOT NULL,
        path         TEXT    NOT NULL,
        query        TEXT    NOT NULL,
        headers      TEXT    NOT NULL,     -- JSON: [[name, value], ...]
        remote       TEXT,
        token_hash   BLOB,
        body_sha256  BLOB    NOT NULL,
        body         BLOB    NOT NULL
    ) STRICT;
    -- Which quarantined or unauthentic ones are there? Which unauthentic one is the oldest?
    CREATE INDEX callback_odd ON callback (outcome, source, id) WHERE outcome <> 'events';

    -- The folded state of each message.
    CREATE TABLE message (
        id            INTEGER PRIMARY KEY,
        message_id    TEXT    NOT NULL,
        source        TEXT    NOT NULL,
        instance      TEXT    NOT NULL,    -- '' where the vendor has none
        state         TEXT,
        conversation  TEXT,
        updated_ms    INTEGER NOT NULL,
        folded        TEXT    NOT NULL,    -- JSON
        UNIQUE (message_id, source, instance)
    ) STRICT;
    -- Which messages are of this conversation?
    CREATE INDEX message_by_conversation ON message (conversation) WHERE conversation IS NOT NULL;

    -- What callbacks mean. `sequence` is the order of commit; AUTOINCREMENT, so that it is never reused.
    CREATE TABLE event (
        sequence        INTEGER PRIMARY KEY AUTOINCREMENT,
        uid             BLOB    NOT NULL UNIQUE,
        callback_uid    BLOB,              -- no reference: the callback may be removed before its events
        message         INTEGER REFERENCES message (id),
        source          TEXT    NOT NULL,
        type            TEXT    NOT NULL,
        subject         TEXT,
        time_ms         INTEGER NOT NULL,
        time_basis      TEXT    NOT NULL,
        received_ms     INTEGER NOT NULL,
        revised         INTEGER NOT NULL,
        folded_state    TEXT,
        folded_changed  INTEGER NOT NULL,
        duplicate_key   BLOB    NOT NULL,
        digest          BLOB    NOT NULL,
        data            TEXT    NOT NULL,  -- JSON, without extra
        extra           TEXT,              -- JSON
        UNIQUE (duplicate_key, digest)
    ) STRICT;
    -- Which events are about this message?
    CREATE INDEX event_by_message ON event (message, sequence) WHERE message IS NOT NULL;

    -- Which callbacks repeated an event.
    CREATE TABLE repetition (
        event         INTEGER NOT NULL REFERENCES event (sequence) ON DELETE CASCADE,
        callback_uid  BLOB    NOT NULL,
        received_ms   INTEGER NOT NULL,
        PRIMARY KEY (event, callback_uid)
    ) STRICT, WITHOUT ROWID;

    -- The duty to hand one event to one destination.
    CREATE TABLE delivery (
        id           INTEGER PRIMARY KEY AUTOINCREMENT,
        uid          BLOB    NOT NULL UNIQUE,
        event        INTEGER NOT NULL REFERENCES event (sequence),
        destination  TEXT    NOT NULL,
        state        TEXT    NOT NULL
                     CHECK (state IN ('pending', 'in_flight', 'succeeded', 'exhausted', 'expired', 'cancelled')),
        made_ms      INTEGER NOT NULL,
        due_ms       INTEGER NOT NULL,     -- when the next attempt is due, or the latest one was
        started_ms   INTEGER,              -- when the attempt under way began
        cause        TEXT    NOT NULL,     -- what makes the next attempt: schedule, manual, replay
        attempts     INTEGER NOT NULL DEFAULT 0,
        counted      INTEGER NOT NULL DEFAULT 0,   -- without those that a stop of ours cut off
        crashes      INTEGER NOT NULL DEFAULT 0,
        reason       TEXT
    ) STRICT;
    -- What is due for this destination? When is the next?
    CREATE INDEX delivery_due ON delivery (destination, due_ms, id) WHERE state = 'pending';
    -- What was under way when we stopped?
    CREATE INDEX delivery_in_flight ON delivery (destination, id) WHERE state = 'in_flight';
    -- Whom did this event go to?
    CREATE INDEX delivery_by_event ON delivery (event);

    -- The tries. Written once.
    CREATE TABLE attempt (
        delivery     INTEGER NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
        number       INTEGER NOT NULL,
        started_ms   INTEGER NOT NULL,
        duration_ms  INTEGER NOT NULL,
        outcome      TEXT    NOT NULL,
        status       INTEGER,
        reason       TEXT,
        cause        TEXT    NOT NULL,
        response     TEXT,
        PRIMARY KEY (delivery, number)
    ) STRICT, WITHOUT ROWID;

    -- Destinations that get nothing for now.
    CREATE TABLE paused (
        destination  TEXT PRIMARY KEY,
        reason       TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- How much came in, so that nobody has to count rows.
    CREATE TABLE received (
        source   TEXT    NOT NULL,
        outcome  TEXT    NOT NULL,
        reason   TEXT    NOT NULL,         -- '' but for unauthentic ones
        number   INTEGER NOT NULL,
        last_ms  INTEGER NOT NULL,
        PRIMARY KEY (source, outcome, reason)
    ) STRICT, WITHOUT ROWID;

    -- How much of what is not authentic is kept, for its quota.
    CREATE TABLE refused (
        source     TEXT    PRIMARY KEY,
        callbacks  INTEGER NOT NULL,
        bytes      INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

const SECOND: &str = "
    -- The uid of the event that a later reading of its callback put in its place; it counts no more in its message's fold.
    ALTER TABLE event ADD COLUMN replaced_by BLOB;
    -- When its callback was received, if that was read again later; `received_ms` is then when the event entered the stream,
    -- so that the order of `received_ms` stays that of `sequence`.
    ALTER TABLE event ADD COLUMN arrived_ms INTEGER;

    -- What vendors send that their adapters do not know: names, never values.
    CREATE TABLE drift (
        source    TEXT    NOT NULL,
        dialect   TEXT    NOT NULL,
        kind      TEXT    NOT NULL CHECK (kind IN ('field', 'type', 'status')),
        name      TEXT    NOT NULL,
        first_ms  INTEGER NOT NULL,
        number    INTEGER NOT NULL,        -- callbacks with it: the last power of two that was reached
        example   BLOB    NOT NULL,        -- the uid of the first callback with it
        PRIMARY KEY (source, dialect, kind, name)
    ) STRICT, WITHOUT ROWID;
";

/// Brings the file to today's tables. A file that a newer release made unreadable for us is refused, and left as it is.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    bring(connection, path, ADDED)
}

fn bring(
    connection: &mut Connection,
    path: &Path,
    added: &[(&str, &str)],
) -> Result<(), OpenError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > TODAY {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known: TODAY });
    }
    // A table that is made anew must not take along what refers to it. What the steps leave is checked at the end of each.
    connection.pragma_update(None, "foreign_keys", false)?;
    for (number, step) in STEPS.iter().enumerate().skip(done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        let version = i64::try_from(number + 1).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", version)?;
        finish(transaction, path, &format!("step {version}"))?;
    }
    for (name, step) in added {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(NOTED, [])?;
        let noted = "INSERT INTO step (name) VALUES (?1) ON CONFLICT (name) DO NOTHING";
        if transaction.execute(noted, [name])? == 1 {
            transaction.execute_batch(step)?;
            finish(transaction, path, &format!("the step `{name}`"))?;
        }
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Looks at what a step leaves, and keeps it.
fn finish(transaction: Transaction<'_>, path: &Path, step: &str) -> Result<(), OpenError> {
    if transaction.prepare("PRAGMA foreign_key_check")?.exists([])? {
        let found = format!("rows lead nowhere after {step}");
        return Err(OpenError::Damaged { path: path.to_owned(), found });
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_first_release_becomes_todays_with_what_is_in_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(FIRST).unwrap();
        let event = "INSERT INTO event (uid, source, type, time_ms, time_basis, received_ms, revised, folded_changed,
                                        duplicate_key, digest, data)
                     VALUES (x'01', 'shop', 'unknown', 1, 'vendor', 7, 0, 0, x'02', x'03', '{}');
                     INSERT INTO repetition VALUES (1, x'04', 8)";
        connection.execute_batch(event).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        migrate(&mut connection, Path::new("old.db")).unwrap();
        let sql = "SELECT replaced_by IS NULL AND coalesce(arrived_ms, received_ms) = 7 AND NOT EXISTS (SELECT 1 FROM drift)
                   AND (SELECT count(*) FROM repetition) = 1 FROM event";
        assert!(connection.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap());
        let version: i64 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(usize::try_from(version).unwrap(), TODAY);
    }

    #[test]
    fn the_release_before_opens_what_the_next_one_added_to_and_nothing_is_added_twice() {
        let mut connection = Connection::open_in_memory().unwrap();
        let path = Path::new("callbox.db");
        let next: &[(&str, &str)] = &[
            ("notes", "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"),
            ("rating", "ALTER TABLE message ADD COLUMN rating INTEGER"),
        ];
        bring(&mut connection, path, &[]).unwrap();
        bring(&mut connection, path, next).unwrap();
        connection.execute("INSERT INTO note (text) VALUES ('kept')", []).unwrap();
        // Back, and forth again.
        bring(&mut connection, path, &[]).unwrap();
        let message = "INSERT INTO message (message_id, source, instance, updated_ms, folded)
                       VALUES ('m', 'shop', '', 1, '{}')";
        connection.execute(message, []).unwrap();
        bring(&mut connection, path, next).unwrap();
        let sql = "SELECT (SELECT text FROM note) = 'kept' AND rating IS NULL FROM message";
        assert!(connection.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap());
        let names = "SELECT group_concat(name) FROM (SELECT name FROM step ORDER BY name)";
        let names: String = connection.query_row(names, [], |row| row.get(0)).unwrap();
        assert_eq!(names, "notes,rating");
    }
}
