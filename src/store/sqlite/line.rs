//! Order: deliveries of one key stand in line, and only the first of them is ever due.
//!
//! A delivery is in its key's line for as long as `order_key` is set. The first has its time in `due_ms`; those behind it have
//! [`NOT_ITS_TURN`] there, so that a claim, which goes by `due_ms`, never meets them, however many they are. Whatever ends the
//! first one, the triggers of [`STEP`] let the next one through in the same transaction.

use rusqlite::{Connection, Error, params};

use super::append::Origin;
use crate::domain::message::Message;
use crate::domain::name::Name;
use crate::store::NewDelivery;

/// When a delivery is due that stands behind another one; the triggers have it as a number.
pub(super) const NOT_ITS_TURN: i64 = i64::MAX;

/// The step of the schema that brings lines.
pub(super) const STEP: &str = "
    -- The line that a delivery stands in, for as long as it does; NULL where no order is asked for.
    -- One that is exhausted and still has its key blocks its line until an operator retries or cancels it.
    ALTER TABLE delivery ADD COLUMN order_key BLOB;
    -- Who is first in this line?
    CREATE INDEX delivery_line ON delivery (destination, order_key, event) WHERE order_key IS NOT NULL;
    -- Which lines of this destination are blocked?
    CREATE INDEX delivery_blocking ON delivery (destination, id) WHERE order_key IS NOT NULL AND state = 'exhausted';

    -- Whatever ends a delivery, it leaves its line, and the next one is due since it was made.
    CREATE TRIGGER delivery_leaves_line AFTER UPDATE OF state, order_key ON delivery
    WHEN OLD.order_key IS NOT NULL AND (NEW.order_key IS NULL OR NEW.state IN ('succeeded', 'expired', 'cancelled'))
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

/// Puts a delivery at the end of the line that its destination asks for; whether there is such a line. `about` is the event's
/// message with the event folded in.
pub(super) fn queue_up(
    connection: &Connection,
    origin: Origin<'_>,
    sequence: i64,
    about: Option<&Message>,
    delivery: &NewDelivery,
) -> Result<bool, Error> {
    let line = delivery.order.zip(about).and_then(|(order, message)| order.line(message));
    let Some(line) = line else { return Ok(false) };
    connection
        .prepare_cached(
            "INSERT INTO delivery (uid, event, destination, state, made_ms, due_ms, cause, order_key)
             VALUES (?1, ?2, ?3, 'pending', ?4,
                     CASE WHEN EXISTS (SELECT 1 FROM delivery WHERE destination = ?3 AND order_key = ?5)
                          THEN ?6 ELSE ?4 END,
                     'schedule', ?5)",
        )?
        .execute(params![
            delivery.id.to_bytes(),
            sequence,
            delivery.destination.as_str(),
            origin.entered.as_millis(),
            line,
            NOT_ITS_TURN,
        ])?;
    Ok(true)
}

/// Takes an exhausted delivery out of its line, if it is in one: the next goes on.
pub(super) fn leave(connection: &Connection, row: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE delivery SET order_key = NULL WHERE id = ?1 AND order_key IS NOT NULL",
        )?
        .execute([row])
        .map(|_| ())
}

/// Lets the lines of a destination go on that an exhausted delivery blocks; how many those are.
pub(super) fn unblock(connection: &Connection, destination: &Name) -> Result<usize, Error> {
    connection
        .prepare_cached(
            "UPDATE delivery SET order_key = NULL
             WHERE destination = ?1 AND order_key IS NOT NULL AND state = 'exhausted'",
        )?
        .execute([destination.as_str()])
}
