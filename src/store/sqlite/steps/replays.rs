//! The step that brings replays: what is to be handed out again, how far that is, and which deliveries came of it.

/// A row for each replay, and a column that names it in its deliveries. Other deliveries pay nothing for the index.
pub(in crate::store::sqlite) const REPLAYS: &str = "
    CREATE TABLE replay (
        id           INTEGER PRIMARY KEY,
        uid          BLOB    NOT NULL UNIQUE,
        filter       TEXT    NOT NULL,     -- JSON
        destination  TEXT,                 -- without one, those that had the event
        rate         REAL,                 -- events a second
        state        TEXT    NOT NULL CHECK (state IN ('dry_run', 'running', 'done', 'cancelled')),
        made_ms      INTEGER NOT NULL,
        ended_ms     INTEGER,
        matched      INTEGER NOT NULL,
        place        INTEGER NOT NULL,     -- events up to here were handed out
        last         INTEGER NOT NULL,     -- the last event that may be
        events       INTEGER NOT NULL,     -- that were handed out so far
        deliveries   INTEGER NOT NULL      -- that were made of them
    ) STRICT;
    CREATE INDEX replay_running ON replay (id) WHERE state = 'running';
    ALTER TABLE delivery ADD COLUMN replay INTEGER;   -- the replay that made it
    -- What of this replay is not through yet?
    CREATE INDEX delivery_replayed ON delivery (replay, event) WHERE replay IS NOT NULL AND state IN ('pending', 'in_flight');
";
