//! The step that brings bounds for backlogs: what waits by age, how much is open, and which destinations there are.

/// An index for what waits, counters that triggers keep, and a row for each destination that was ever configured.
///
/// Triggers, so that the counts hold whichever release or step writes. One of them costs an append about a microsecond a delivery.
pub(in crate::store::sqlite) const BACKLOG: &str = "
    -- When an ended delivery was made due again: its age counts from then.
    ALTER TABLE delivery ADD COLUMN reopened_ms INTEGER;
    -- What waits for this destination the longest?
    CREATE INDEX delivery_waiting ON delivery (destination, id) WHERE state = 'pending';

    -- How many deliveries are open, and how many ended how, so that nobody has to count rows.
    CREATE TABLE backlog (
        destination  TEXT PRIMARY KEY,
        open         INTEGER NOT NULL DEFAULT 0,
        succeeded    INTEGER NOT NULL DEFAULT 0,
        exhausted    INTEGER NOT NULL DEFAULT 0,
        expired      INTEGER NOT NULL DEFAULT 0,
        cancelled    INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    INSERT INTO backlog (destination, open, succeeded, exhausted, expired, cancelled)
        SELECT destination, sum(state IN ('pending', 'in_flight')), sum(state = 'succeeded'), sum(state = 'exhausted'),
               sum(state = 'expired'), sum(state = 'cancelled')
        FROM delivery GROUP BY destination;
    CREATE TRIGGER count_made AFTER INSERT ON delivery WHEN NEW.state IN ('pending', 'in_flight') BEGIN
        INSERT INTO backlog (destination, open) VALUES (NEW.destination, 1)
            ON CONFLICT (destination) DO UPDATE SET open = open + 1;
    END;
    CREATE TRIGGER count_ended AFTER UPDATE OF state ON delivery
    WHEN NEW.state NOT IN ('pending', 'in_flight') AND OLD.state IN ('pending', 'in_flight') BEGIN
        UPDATE backlog SET open = open - 1,
                           succeeded = succeeded + (NEW.state = 'succeeded'), exhausted = exhausted + (NEW.state = 'exhausted'),
                           expired = expired + (NEW.state = 'expired'), cancelled = cancelled + (NEW.state = 'cancelled')
        WHERE destination = NEW.destination;
    END;
    CREATE TRIGGER count_reopened AFTER UPDATE OF state ON delivery
    WHEN NEW.state IN ('pending', 'in_flight') AND OLD.state NOT IN ('pending', 'in_flight') BEGIN
        UPDATE backlog SET open = open + 1 WHERE destination = NEW.destination;
    END;
    CREATE TRIGGER count_removed AFTER DELETE ON delivery WHEN OLD.state IN ('pending', 'in_flight') BEGIN
        UPDATE backlog SET open = open - 1 WHERE destination = OLD.destination;
    END;

    -- The destinations that are, or were, configured, and how far the past was handed to a new one.
    CREATE TABLE destination (
        name      TEXT PRIMARY KEY,
        first_ms  INTEGER NOT NULL,        -- when the configuration had it for the first time
        gone_ms   INTEGER,                 -- since when the configuration has it no more
        place     INTEGER,                 -- events behind this one, up to `last`, may still be due to it
        last      INTEGER
    ) STRICT, WITHOUT ROWID;
";
