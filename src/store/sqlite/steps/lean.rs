//! The step that makes a callback cheaper to keep: fewer look-ups for each row, and no index in which every row hits another page.

/// The three tables that every callback writes to are made anew:
///
/// * Without AUTOINCREMENT, which keeps a table of counters up to date at every insert. Numbers are still never used twice: who
///   removes the row with the highest one writes that down in `floor`.
/// * Without lists in conditions: for every row that is written SQLite would make a table of the list.
/// * Without references that are looked up at every insert. The rows they lead to are removed last, by the same step.
/// * An event's key is looked for among its message's own events, which stand together at the end of the index while the message
///   is young. Only events of no message are found by their key alone.
pub(in crate::store::sqlite) const LEAN: &str = "
    -- The highest number of a row that was removed.
    CREATE TABLE floor (
        name    TEXT    PRIMARY KEY,
        number  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO floor SELECT name, seq FROM sqlite_sequence WHERE name IN ('callback', 'event', 'delivery');

    CREATE TABLE new_callback (
        id           INTEGER PRIMARY KEY,
        uid          BLOB    NOT NULL UNIQUE,
        source       TEXT    NOT NULL,
        received_ms  INTEGER NOT NULL,
        outcome      TEXT    NOT NULL
                     CHECK (outcome = 'events' OR outcome = 'duplicate' OR outcome = 'quarantined' OR outcome = 'unauthentic'),
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
    INSERT INTO new_callback SELECT * FROM callback ORDER BY id;
    DROP TABLE callback;
    ALTER TABLE new_callback RENAME TO callback;
    -- Which quarantined or unauthentic ones are there? Which unauthentic one is the oldest?
    CREATE INDEX callback_odd ON callback (outcome, source, id) WHERE outcome <> 'events';

    CREATE TABLE new_event (
        sequence        INTEGER PRIMARY KEY,
        uid             BLOB    NOT NULL UNIQUE,
        callback_uid    BLOB,              -- no reference: the callback may be removed before its events
        message         INTEGER,           -- the row of its message
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
        replaced_by     BLOB,              -- the uid of the event that a later reading of its callback put in its place
        arrived_ms      INTEGER            -- when its callback was received, if that was read again later
    ) STRICT;
    INSERT INTO new_event SELECT * FROM event ORDER BY sequence;
    DROP TABLE event;
    ALTER TABLE new_event RENAME TO event;
    -- Does an event of this message say the same? Is there one of the same key?
    CREATE UNIQUE INDEX event_once ON event (message, duplicate_key, digest) WHERE message IS NOT NULL;
    -- The same for events of no message.
    CREATE UNIQUE INDEX event_once_alone ON event (duplicate_key, digest) WHERE message IS NULL;
    -- Which events are about this message?
    CREATE INDEX event_by_message ON event (message, sequence) WHERE message IS NOT NULL;

    CREATE TABLE new_delivery (
        id           INTEGER PRIMARY KEY,
        uid          BLOB    NOT NULL UNIQUE,
        event        INTEGER NOT NULL,     -- the sequence of its event
        destination  TEXT    NOT NULL,
        state        TEXT    NOT NULL
                     CHECK (state = 'pending' OR state = 'in_flight' OR state = 'succeeded' OR state = 'exhausted'
                            OR state = 'expired' OR state = 'cancelled'),
        made_ms      INTEGER NOT NULL,
        due_ms       INTEGER NOT NULL,     -- when the next attempt is due, or the latest one was
        started_ms   INTEGER,              -- when the attempt under way began
        cause        TEXT    NOT NULL,     -- what makes the next attempt: schedule, manual, replay
        attempts     INTEGER NOT NULL DEFAULT 0,
        counted      INTEGER NOT NULL DEFAULT 0,   -- without those that a stop of ours cut off
        crashes      INTEGER NOT NULL DEFAULT 0,
        reason       TEXT
    ) STRICT;
    INSERT INTO new_delivery SELECT * FROM delivery ORDER BY id;
    DROP TABLE delivery;
    ALTER TABLE new_delivery RENAME TO delivery;
    -- What is due for this destination? When is the next?
    CREATE INDEX delivery_due ON delivery (destination, due_ms, id) WHERE state = 'pending';
    -- What was under way when we stopped?
    CREATE INDEX delivery_in_flight ON delivery (destination, id) WHERE state = 'in_flight';
    -- Whom did this event go to?
    CREATE INDEX delivery_by_event ON delivery (event);
";
