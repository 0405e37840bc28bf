//! The step that lets people be erased: what is asked for and how far it is, and which callbacks lost their bytes by it.

/// A row for each erasure, and a column that tells when a callback was emptied. Both cost an append nothing.
pub(in crate::store::sqlite) const ERASURES: &str = "
    CREATE TABLE erasure (
        id        INTEGER PRIMARY KEY,
        uid       BLOB    NOT NULL UNIQUE,
        about     TEXT    NOT NULL,        -- phone, contact, conversation
        who_asked TEXT    NOT NULL,
        dry_run   INTEGER NOT NULL,
        state     TEXT    NOT NULL CHECK (state = 'running' OR state = 'done' OR state = 'refused'),
        made_ms   INTEGER NOT NULL,
        ended_ms  INTEGER,
        phase     TEXT    NOT NULL,
        place     INTEGER NOT NULL,        -- rows of this phase up to here were looked at
        plan      TEXT,                    -- of whom, as hexadecimal digits of JSON; gone at the end
        erased    TEXT    NOT NULL,        -- JSON: how much, by kind
        note      TEXT
    ) STRICT;
    CREATE INDEX erasure_running ON erasure (id) WHERE state = 'running';
    ALTER TABLE callback ADD COLUMN erased_ms INTEGER;   -- when its bytes were removed with a person
";
