//! Questions about deliveries.

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::super::rows::{self, DELIVERY_COLUMNS};
use super::arrivals::{Arrivals, between};
use super::by_uid;
use super::walk::{Candidate, beyond, candidates, direction, rows as number_of, walk};
use crate::clock::Time;
use crate::domain::delivery::{Delivery, DeliveryState};
use crate::domain::id::{DeliveryId, EventId};
use crate::domain::name::Name;
use crate::domain::query::{DeliveryFilter, Order, Page, PageRequest};
use crate::store::{Backlog, Ended};

/// A delivery with its attempts.
pub(super) fn one(connection: &Connection, id: DeliveryId) -> Result<Option<Delivery>, Error> {
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM delivery AS d JOIN event AS e ON e.sequence = d.event WHERE d.uid = ?1"
    );
    let found = by_uid(connection, &sql, id.to_bytes(), rows::delivery)?;
    found.map(|found| rows::with_attempts(connection, found)).transpose()
}

/// An event's deliveries with their attempts, in the order they were made.
pub(in crate::store::sqlite) fn of_event(
    connection: &Connection,
    sequence: i64,
) -> Result<Vec<Delivery>, Error> {
    let found = of_event_bare(connection, sequence)?;
    found
        .into_iter()
        .map(|(row, _, delivery)| rows::with_attempts(connection, (row, delivery)))
        .collect()
}

/// An event's deliveries without their attempts: row, when it was made, delivery.
pub(super) fn of_event_bare(
    connection: &Connection,
    sequence: i64,
) -> Result<Vec<(i64, Time, Delivery)>, Error> {
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM delivery AS d JOIN event AS e ON e.sequence = d.event
         WHERE d.event = ?1 ORDER BY d.id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([sequence], |row| {
        let (number, delivery) = rows::delivery(row)?;
        Ok((number, rows::time(row, 7)?, delivery))
    })?;
    found.collect()
}

/// A page of deliveries with their attempts, in the order in which they were made.
pub(super) fn page(
    connection: &Connection,
    filter: &DeliveryFilter,
    page: PageRequest,
) -> Result<Page<Delivery>, Error> {
    let event = match filter.event {
        None => None,
        Some(id) => match sequence(connection, id)? {
            None => return Ok(Page { items: Vec::new(), place: page.after, more: false }),
            found => found,
        },
    };
    let bounds = between(connection, Arrivals::Deliveries, filter.since, filter.until)?;
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM delivery AS d JOIN event AS e ON e.sequence = d.event
         WHERE d.id = ?1 AND (?2 IS NULL OR e.source IN (SELECT value FROM json_each(?2)))"
    );
    let mut one = connection.prepare_cached(&sql)?;
    let reach = filter.reach.sources().map(|names| serde_json::json!(names).to_string());
    let find = |after, limit| {
        some(connection, filter, event, beyond(page.order, after, bounds), (page.order, limit))
    };
    walk(page, find, |row| {
        let found = one.query_row(params![row, reach], rows::delivery).optional()?;
        found.map(|found| rows::with_attempts(connection, found)).transpose()
    })
}

/// The next deliveries in the shortest list that holds all that are wanted, each with whether its columns fit.
fn some(
    connection: &Connection,
    filter: &DeliveryFilter,
    event: Option<i64>,
    (above, below): (i64, i64),
    (order, limit): (Order, usize),
) -> Result<Vec<Candidate>, Error> {
    let ended = "(d.state = 'exhausted' OR d.state = 'expired' OR d.state = 'cancelled')";
    let blocking = filter.blocking.unwrap_or_default().then_some(DeliveryState::Exhausted);
    let state = filter.state.or(blocking);
    let has_ended_badly = matches!(
        state,
        Some(DeliveryState::Exhausted | DeliveryState::Expired | DeliveryState::Cancelled)
    );
    let (index, of) = match event {
        Some(_) => ("INDEXED BY delivery_by_event", "AND d.event = ?6".to_owned()),
        None if has_ended_badly => {
            ("INDEXED BY delivery_ended", format!("AND d.state = ?5 AND {ended}"))
        }
        None => ("", String::new()),
    };
    let (_, order) = direction(order);
    let sql = format!(
        "SELECT d.id, (?4 IS NULL OR d.destination = ?4) AND (?5 IS NULL OR d.state = ?5)
                      AND (?6 IS NULL OR d.event = ?6) AND d.made_ms >= ?7 AND d.made_ms < ?8
                      AND (?9 IS NULL OR (d.order_key IS NOT NULL AND d.state = 'exhausted') = ?9)
         FROM delivery AS d {index}
         WHERE d.id > ?1 AND d.id < ?2 {of} ORDER BY d.id {order} LIMIT ?3"
    );
    let values = params![
        above,
        below,
        number_of(limit),
        filter.destination.as_ref().map(Name::as_str),
        state.map(DeliveryState::as_str),
        event,
        filter.since.map_or(i64::MIN, Time::as_millis),
        filter.until.map_or(i64::MAX, Time::as_millis),
        filter.blocking,
    ];
    candidates(connection, &sql, values)
}

fn sequence(connection: &Connection, id: EventId) -> Result<Option<i64>, Error> {
    by_uid(connection, "SELECT sequence FROM event WHERE uid = ?1", id.to_bytes(), |row| row.get(0))
}

/// What waits for a destination, by counters and the low end of each index.
pub(super) fn backlog(connection: &Connection, destination: &Name) -> Result<Backlog, Error> {
    let oldest = |state: &str| {
        let sql = format!(
            "SELECT made_ms FROM delivery WHERE destination = ?1 AND state = '{state}' ORDER BY id LIMIT 1"
        );
        let mut find = connection.prepare_cached(&sql)?;
        find.query_row([destination.as_str()], |row| rows::time(row, 0)).optional()
    };
    let oldest_pending_at = [oldest("pending")?, oldest("in_flight")?].into_iter().flatten().min();
    let blocked: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM delivery WHERE destination = ?1 AND order_key IS NOT NULL AND state = 'exhausted'",
        )?
        .query_row([destination.as_str()], |row| row.get(0))?;
    let blocked = u64::try_from(blocked).unwrap_or(0);
    let mut count = connection.prepare_cached(
        "SELECT open, succeeded, exhausted, expired, cancelled FROM backlog WHERE destination = ?1",
    )?;
    let counted = count.query_row([destination.as_str()], |row| {
        let number = |column| -> Result<u64, Error> {
            Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
        };
        let ended = Ended {
            succeeded: number(1)?,
            exhausted: number(2)?,
            expired: number(3)?,
            cancelled: number(4)?,
        };
        Ok(Backlog { waiting: number(0)?, oldest_pending_at, ended, blocked })
    });
    Ok(counted.optional()?.unwrap_or_default())
}
