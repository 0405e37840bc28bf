//! The step that brings alarms: where each stands, so that a restart repeats none.

/// A row for each thing that is watched.
pub(in crate::store::sqlite) const ALARMS: &str = "
    CREATE TABLE alarm (
        condition  TEXT    NOT NULL,       -- the type of the event that raises it
        subject    TEXT    NOT NULL,
        raised     INTEGER NOT NULL,
        since_ms   INTEGER NOT NULL,
        reason     TEXT    NOT NULL,
        seen       INTEGER NOT NULL,       -- the count that was known when it last changed
        PRIMARY KEY (condition, subject)
    ) STRICT, WITHOUT ROWID;
    -- What was counted before anybody watched is not news.
    INSERT INTO alarm SELECT 'callbox.source.unauthentic', source, 0, 0, '', sum(number) FROM received
        WHERE outcome = 'unauthentic' GROUP BY source;
    INSERT INTO alarm SELECT 'callbox.source.drift', source, 0, 0, '', count(*) FROM drift GROUP BY source;
    INSERT INTO alarm SELECT 'callbox.destination.exhausted', destination, 0, 0, '', exhausted FROM backlog;
    INSERT INTO alarm SELECT 'callbox.destination.expired', destination, 0, 0, '', expired FROM backlog;
";
