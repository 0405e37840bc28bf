//! Questions about deliveries.

use rusqlite::{Connection, Error, params};

use super::super::rows::{self, DELIVERY_COLUMNS};
use super::{by_uid, direction, walk};
use crate::clock::Time;
use crate::domain::delivery::{Delivery, DeliveryState};
use crate::domain::id::DeliveryId;
use crate::domain::name::Name;
use crate::domain::query::{DeliveryFilter, Page, PageRequest};
use crate::store::Backlog;

/// A delivery with its attempts.
pub(super) fn one(connection: &Connection, id: DeliveryId) -> Result<Option<Delivery>, Error> {
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM delivery AS d JOIN event AS e ON e.sequence = d.event WHERE d.uid = ?1"
    );
    let found = by_uid(connection, &sql, id.to_bytes(), rows::delivery)?;
    found.map(|found| rows::with_attempts(connection, found)).transpose()
}

/// An event's deliveries with their attempts, in the order they were made.
pub(super) fn of_event(connection: &Connection, sequence: i64) -> Result<Vec<Delivery>, Error> {
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

/// A page of deliveries with their attempts.
pub(super) fn page(
    connection: &Connection,
    filter: &DeliveryFilter,
    page: PageRequest,
) -> Result<Page<Delivery>, Error> {
    let (comparison, order) = direction(page.order);
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM delivery AS d JOIN event AS e ON e.sequence = d.event
         WHERE d.id {comparison} ?1
           AND (?3 IS NULL OR d.destination = ?3) AND (?4 IS NULL OR d.state = ?4) AND (?5 IS NULL OR e.uid = ?5)
           AND (?6 IS NULL OR (d.order_key IS NOT NULL AND d.state = 'exhausted') = ?6)
         ORDER BY d.id {order} LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let destination = filter.destination.as_ref().map(Name::as_str);
    let (state, event) = (
        filter.state.map(DeliveryState::as_str),
        filter.event.map(crate::domain::id::EventId::to_bytes),
    );
    walk(page, |after, limit| {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = statement.query_map(
            params![after, limit, destination, state, event, filter.blocking],
            rows::delivery,
        )?;
        found
            .map(|found| {
                let found = found?;
                Ok((found.0, Some(rows::with_attempts(connection, found)?)))
            })
            .collect()
    })
}

/// What waits for a destination.
pub(super) fn backlog(connection: &Connection, destination: &Name) -> Result<Backlog, Error> {
    let sql = "SELECT (SELECT count(*) FROM delivery WHERE destination = ?1 AND state = 'pending')
                    + (SELECT count(*) FROM delivery WHERE destination = ?1 AND state = 'in_flight'),
                      (SELECT min(made_ms) FROM delivery
                       WHERE id IN ((SELECT min(id) FROM delivery WHERE destination = ?1 AND state = 'pending'),
                                    (SELECT min(id) FROM delivery WHERE destination = ?1 AND state = 'in_flight'))),
                      (SELECT count(*) FROM delivery
                       WHERE destination = ?1 AND order_key IS NOT NULL AND state = 'exhausted')";
    connection.prepare_cached(sql)?.query_row([destination.as_str()], |row| {
        Ok(Backlog {
            waiting: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
            oldest_pending_at: row.get::<_, Option<i64>>(1)?.map(Time::from_millis),
            blocked: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
        })
    })
}
