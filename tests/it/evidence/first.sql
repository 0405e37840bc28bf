-- The tables as the first release made them (`user_version` 1): what a migration begins with. Never changed.

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
