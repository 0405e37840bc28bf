//! Steps that bring later releases' tables and indexes to a file; each is named by what it brings, and never changed.

mod alarms;
mod backlog;
mod erasures;
mod lean;
mod lines;
mod replays;

pub(super) use alarms::ALARMS;
pub(super) use backlog::BACKLOG;
pub(super) use erasures::ERASURES;
pub(super) use lean::LEAN;
pub(super) use lines::LINES;
pub(super) use replays::REPLAYS;

/// Indexes for what is asked for by name and is rare, so that nobody has to walk through a whole list for it. No condition has a
/// list in it: for every row that is written SQLite would make a table of the list, which costs as much as the row.
pub(super) const RARE: &str = "
    -- Which messages are on the way still, or failed? A message leaves it when it arrives.
    CREATE INDEX message_open ON message (state) WHERE state = 'queued' OR state = 'sent' OR state = 'failed';
    -- Which events are of a type of which there are few? The usual ones are found soon wherever one looks.
    CREATE INDEX event_rare ON event (type)
        WHERE type <> 'message.received' AND type <> 'message.echoed' AND type <> 'message.accepted' AND type <> 'message.queued'
        AND type <> 'message.sent' AND type <> 'message.delivered' AND type <> 'message.read';
    -- Which deliveries ended without success?
    CREATE INDEX delivery_ended ON delivery (state) WHERE state = 'exhausted' OR state = 'expired' OR state = 'cancelled';
";

/// What is written down beside the load, so that messages are found by phone and reference, and events by their words.
pub(super) const FOUND_BY: &str = "
    -- By what a message is found, of all that its events say: `p` and a phone's digits, `r` and the sender's own id of it.
    CREATE TABLE known_by (
        name     TEXT    NOT NULL,
        message  INTEGER NOT NULL,
        PRIMARY KEY (name, message)
    ) STRICT, WITHOUT ROWID;
    -- What is to go with this message?
    CREATE INDEX known_by_message ON known_by (message);

    -- The words of events, by sequence, cut into what is searched for; the texts themselves are not kept twice. Nothing but
    -- which event has what is kept of it, and the cutting is ours: so the simplest of tokenizers does.
    CREATE VIRTUAL TABLE words USING fts5 (grams, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii');

    -- Up to which sequence each of them goes.
    CREATE TABLE indexed (
        what      TEXT    PRIMARY KEY CHECK (what IN ('names', 'words')),
        sequence  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// Counts over time, and the places of those who follow the events by name.
pub(super) const COUNTS: &str = "
    -- How much of what was counted when. Each thing is in one row alone: that of its minute, and later of its hour, of its day.
    CREATE TABLE count (
        length_ms  INTEGER NOT NULL,        -- a minute, an hour or a day
        start_ms   INTEGER NOT NULL,
        what       TEXT    NOT NULL,        -- event, callback, delivery, attempt
        name       TEXT    NOT NULL,        -- the source or destination
        word       TEXT    NOT NULL,        -- the type, outcome or state
        number     INTEGER NOT NULL,
        PRIMARY KEY (length_ms, start_ms, what, name, word)
    ) STRICT, WITHOUT ROWID;

    -- Who follows the events by name.
    CREATE TABLE consumer (
        name      TEXT PRIMARY KEY,
        filter    TEXT    NOT NULL,         -- as the query of a list of events
        place     INTEGER NOT NULL,         -- the sequence behind which it goes on
        made_ms   INTEGER NOT NULL,
        moved_ms  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";
