//! Finding a moment in lists that are in the order of commit: their times rise too, give or take what arrives out of order.

use rusqlite::{Connection, Error, OptionalExtension, params};

use crate::clock::Time;
use crate::domain::query::Place;

/// How much later than its arrival a row can be committed, at the very most: what bounds a search by time.
const LATE_MAX: std::time::Duration = std::time::Duration::from_hours(1);

/// How far out of order what comes in may be committed, where it is looked for one by one.
const AROUND: std::time::Duration = std::time::Duration::from_mins(1);

/// The lists that can be searched so.
#[derive(Clone, Copy)]
pub(super) enum Arrivals {
    /// Callbacks, by their rows' numbers.
    Callbacks,
    /// Events, by their sequence.
    Events,
    /// Deliveries, by their rows' numbers.
    Deliveries,
}

impl Arrivals {
    /// The SQL for the list's ends, and for the time of the first row from a number on.
    fn sql(self) -> (&'static str, &'static str) {
        match self {
            Self::Callbacks => (
                "SELECT coalesce((SELECT min(id) FROM callback), 0), coalesce((SELECT max(id) FROM callback), 0)",
                "SELECT received_ms FROM callback WHERE id >= ?1 ORDER BY id LIMIT 1",
            ),
            Self::Events => (
                "SELECT coalesce((SELECT min(sequence) FROM event), 0), coalesce((SELECT max(sequence) FROM event), 0)",
                "SELECT received_ms FROM event WHERE sequence >= ?1 ORDER BY sequence LIMIT 1",
            ),
            Self::Deliveries => (
                "SELECT coalesce((SELECT min(id) FROM delivery), 0), coalesce((SELECT max(id) FROM delivery), 0)",
                "SELECT made_ms FROM delivery WHERE id >= ?1 ORDER BY id LIMIT 1",
            ),
        }
    }
}

/// The first number, and the one behind the last, that these times leave possible.
pub(super) fn between(
    connection: &Connection,
    list: Arrivals,
    since: Option<Time>,
    until: Option<Time>,
) -> Result<(i64, i64), Error> {
    let first = |time| first_since(connection, list, time);
    let from = since.map(|since| first(since.before(LATE_MAX))).transpose()?;
    let to = until.map(|until| first(until.after(LATE_MAX))).transpose()?;
    Ok((from.unwrap_or(0), to.unwrap_or(i64::MAX)))
}

/// The number of the first row from which on all were received at or after `time`, give or take what arrives out of order.
fn first_since(connection: &Connection, list: Arrivals, time: Time) -> Result<i64, Error> {
    let (ends, at) = list.sql();
    let (mut low, mut high): (i64, i64) =
        connection.prepare_cached(ends)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    high += 1;
    let mut at = connection.prepare_cached(at)?;
    while low < high {
        let middle = low + (high - low) / 2;
        let received: Option<i64> = at.query_row(params![middle], |row| row.get(0)).optional()?;
        if received.is_some_and(|received| received < time.as_millis()) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The place before the first event that was received at or after `time`. Around it, what came in at about the same time may have
/// been committed in another order: so it is looked for from a minute before on.
pub(in crate::store::sqlite) fn place_before(
    connection: &Connection,
    time: Time,
) -> Result<Place, Error> {
    let from = first_since(connection, Arrivals::Events, time.before(AROUND))?;
    let first: Option<i64> = connection
        .prepare_cached(
            "SELECT sequence FROM event WHERE sequence >= ?1 AND received_ms >= ?2 ORDER BY sequence LIMIT 1",
        )?
        .query_row(params![from, time.as_millis()], |row| row.get(0))
        .optional()?;
    let newest = || -> Result<i64, Error> {
        connection
            .prepare_cached("SELECT coalesce(max(sequence), 0) FROM event")?
            .query_row([], |row| row.get(0))
    };
    first.map_or_else(newest, |first| Ok(first - 1)).map(Place)
}
