//! Order: deliveries of one key stand in line, and only the first of them is ever due.
//!
//! A delivery is in its key's line for as long as `order_key` is set. The first has its time in `due_ms`; those behind it have
//! [`NOT_ITS_TURN`] there, so that a claim, which goes by `due_ms`, never meets them, however many they are. Whatever ends the
//! first one, the triggers of the step `LINES` let the next one through in the same transaction.

use rusqlite::{Connection, Error, params};

use super::append::Origin;
use crate::clock::Time;
use crate::domain::id::DeliveryId;
use crate::domain::message::Message;
use crate::domain::name::Name;
use crate::domain::order::LineKey;
use crate::store::NewDelivery;

/// When a delivery is due that stands behind another one; the triggers have it as a number.
pub(super) const NOT_ITS_TURN: i64 = i64::MAX;

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
    let standing = Standing {
        id: delivery.id,
        sequence,
        destination: &delivery.destination,
        made: origin.entered,
        number: origin.floors.delivery.next(),
    };
    insert(connection, &standing, Some(line))?;
    Ok(true)
}

/// A delivery that is made.
pub(super) struct Standing<'a> {
    pub(super) id: DeliveryId,
    /// The event's sequence.
    pub(super) sequence: i64,
    pub(super) destination: &'a Name,
    pub(super) made: Time,
    /// The number of its row.
    pub(super) number: i64,
}

/// Makes a delivery, at the end of its line if it stands in one.
pub(super) fn insert(
    connection: &Connection,
    standing: &Standing<'_>,
    line: Option<LineKey>,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO delivery (id, uid, event, destination, state, made_ms, due_ms, cause, order_key)
             VALUES (?7, ?1, ?2, ?3, 'pending', ?4,
                     CASE WHEN EXISTS (SELECT 1 FROM delivery WHERE destination = ?3 AND order_key = ?5)
                          THEN ?6 ELSE ?4 END,
                     'schedule', ?5)",
        )?
        .execute(params![
            standing.id.to_bytes(),
            standing.sequence,
            standing.destination.as_str(),
            standing.made.as_millis(),
            line,
            NOT_ITS_TURN,
            standing.number,
        ])
        .map(|_| ())
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
