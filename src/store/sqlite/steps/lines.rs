//! The step that lets deliveries stand in line, so that those of one key go one after the other.

/// Brings lines: deliveries that wait for their turn.
pub(in super::super) const LINES: &str = "
    -- The line that a delivery stands in, for as long as it does; NULL where no order is asked for.
    -- One that is exhausted and still has its key blocks its line until an operator retries or cancels it.
    ALTER TABLE delivery ADD COLUMN order_key BLOB;
    -- Who is first in this line?
    CREATE INDEX delivery_line ON delivery (destination, order_key, event) WHERE order_key IS NOT NULL;
    -- Which lines of this destination are blocked?
    CREATE INDEX delivery_blocking ON delivery (destination, id) WHERE order_key IS NOT NULL AND state = 'exhausted';

    -- Whatever ends a delivery, it leaves its line, and the next one is due since it was made.
    CREATE TRIGGER delivery_leaves_line AFTER UPDATE OF state, order_key ON delivery
    WHEN OLD.order_key IS NOT NULL
     AND (NEW.order_key IS NULL OR NEW.state = 'succeeded' OR NEW.state = 'expired' OR NEW.state = 'cancelled')
    BEGIN
        UPDATE delivery SET order_key = NULL WHERE id = OLD.id;
        UPDATE delivery SET due_ms = made_ms
        WHERE id = (SELECT id FROM delivery WHERE destination = OLD.destination AND order_key = OLD.order_key
                    ORDER BY event, id LIMIT 1)
          AND state = 'pending' AND due_ms = 9223372036854775807;
    END;
    CREATE TRIGGER delivery_gone_from_line AFTER DELETE ON delivery WHEN OLD.order_key IS NOT NULL
    BEGIN
        UPDATE delivery SET due_ms = made_ms
        WHERE id = (SELECT id FROM delivery WHERE destination = OLD.destination AND order_key = OLD.order_key
                    ORDER BY event, id LIMIT 1)
          AND state = 'pending' AND due_ms = 9223372036854775807;
    END;
";
