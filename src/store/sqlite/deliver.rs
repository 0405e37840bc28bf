//! Handing events out: what is due, what was tried, and what an operator wants done.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Error, OptionalExtension, params};

use super::counts::Counting;
use super::line::{self, NOT_ITS_TURN};
use super::rows::{self, BEHIND_EVENT, EVENT_COLUMNS};
use super::{Patience, SqliteStore};
use crate::clock::Time;
use crate::domain::delivery::{Attempt, DeliveryState, Outcome, Trigger};
use crate::domain::id::{DeliveryId, ReplayId};
use crate::domain::name::Name;
use crate::store::{Claimed, Next, Outbox, Recorded, StoreError};

/// Crashes in one delivery that end it.
const CRASHES_MAX: i64 = 3;

#[async_trait]
impl Outbox for SqliteStore {
    async fn recover(&self, now: Time) -> Result<usize, StoreError> {
        let crashed = self.unclean;
        self.writer()?
            .write(Patience::Full, move |connection| recover(connection, crashed, now))
            .await
    }

    async fn claim(
        &self,
        destination: &Name,
        limit: usize,
        now: Time,
    ) -> Result<Vec<Claimed>, StoreError> {
        let destination = destination.clone();
        self.writer()?
            .write(Patience::Full, move |connection| claim(connection, &destination, limit, now))
            .await
    }

    async fn record(&self, recorded: Recorded) -> Result<(), StoreError> {
        let counting = Arc::clone(&self.counting);
        let step = move |connection: &Connection| record(connection, &recorded, &counting);
        self.writer()?.write(Patience::Full, step).await
    }

    async fn next_due(&self, destination: &Name) -> Result<Option<Time>, StoreError> {
        let destination = destination.clone();
        self.readers()?.read(move |connection| next_due(connection, &destination)).await
    }

    async fn retry_now(
        &self,
        delivery: DeliveryId,
        trigger: Trigger,
        now: Time,
    ) -> Result<Option<bool>, StoreError> {
        let change = move |connection: &Connection| retry_now(connection, delivery, trigger, now);
        self.writer()?.write(Patience::Full, change).await
    }

    async fn cancel(&self, delivery: DeliveryId, reason: &str) -> Result<Option<bool>, StoreError> {
        let (reason, counting) = (reason.to_owned(), Arc::clone(&self.counting));
        let change =
            move |connection: &Connection| cancel(connection, delivery, &reason, &counting);
        self.writer()?.write(Patience::Full, change).await
    }

    async fn unblock(&self, destination: &Name) -> Result<usize, StoreError> {
        let destination = destination.clone();
        self.writer()?
            .write(Patience::Full, move |connection| line::unblock(connection, &destination))
            .await
    }

    async fn set_paused(
        &self,
        destination: &Name,
        paused: Option<String>,
    ) -> Result<(), StoreError> {
        let destination = destination.clone();
        let change = move |connection: &Connection| {
            let changed = match &paused {
                None => connection
                    .execute("DELETE FROM paused WHERE destination = ?1", [destination.as_str()]),
                Some(reason) => connection.execute(
                    "INSERT INTO paused (destination, reason) VALUES (?1, ?2)
                     ON CONFLICT (destination) DO UPDATE SET reason = excluded.reason",
                    [destination.as_str(), reason.as_str()],
                ),
            };
            changed.map(|_| ())
        };
        self.writer()?.write(Patience::Full, change).await
    }

    async fn paused(&self) -> Result<Vec<(Name, String)>, StoreError> {
        let sql = "SELECT destination, reason FROM paused ORDER BY destination";
        self.readers()?
            .read(move |connection| {
                let mut statement = connection.prepare_cached(sql)?;
                statement.query_map([], |row| Ok((rows::parsed(row, 0)?, row.get(1)?)))?.collect()
            })
            .await
    }
}

pub(super) fn next_due(connection: &Connection, destination: &Name) -> Result<Option<Time>, Error> {
    let sql = "SELECT min(due_ms) FROM delivery WHERE destination = ?1 AND state = 'pending'";
    let due: Option<i64> =
        connection.prepare_cached(sql)?.query_row([destination.as_str()], |row| row.get(0))?;
    Ok(due.map(Time::from_millis))
}

pub(super) fn retry_now(
    connection: &Connection,
    delivery: DeliveryId,
    trigger: Trigger,
    now: Time,
) -> Result<Option<bool>, Error> {
    let Some(found) = find(connection, delivery)? else { return Ok(None) };
    if found.state == DeliveryState::InFlight || found.waits_its_turn {
        return Ok(Some(false));
    }
    connection
        .prepare_cached(
            "UPDATE delivery SET state = 'pending', due_ms = ?2, cause = ?3, reason = NULL,
                                 reopened_ms = CASE WHEN state = 'pending' THEN reopened_ms ELSE ?2 END
             WHERE id = ?1",
        )?
        .execute(params![found.row, now.as_millis(), trigger.as_str()])?;
    Ok(Some(true))
}

pub(super) fn cancel(
    connection: &Connection,
    delivery: DeliveryId,
    reason: &str,
    counting: &Counting,
) -> Result<Option<bool>, Error> {
    let Some(found) = find(connection, delivery)? else { return Ok(None) };
    if found.state != DeliveryState::Pending && !found.blocks {
        return Ok(Some(false));
    }
    let destination: String = connection
        .prepare_cached(
            "UPDATE delivery SET state = 'cancelled', reason = ?2 WHERE id = ?1 RETURNING destination",
        )?
        .query_row(params![found.row, reason], |row| row.get(0))?;
    counting.delivery(&destination, DeliveryState::Cancelled);
    Ok(Some(true))
}

/// A delivery as an operator's wish finds it.
struct Found {
    row: i64,
    state: DeliveryState,
    /// Whether another one stands before it in its line.
    waits_its_turn: bool,
    /// Whether it is exhausted, and those behind it in its line wait for somebody to do something about it.
    blocks: bool,
}

fn find(connection: &Connection, delivery: DeliveryId) -> Result<Option<Found>, Error> {
    let mut statement = connection
        .prepare_cached("SELECT id, state, order_key, due_ms FROM delivery WHERE uid = ?1")?;
    let found = statement.query_row([delivery.to_bytes()], |row| {
        let state = rows::delivery_state(row, 1)?;
        let in_line = row.get::<_, Option<Vec<u8>>>(2)?.is_some();
        let waits_its_turn =
            state == DeliveryState::Pending && row.get::<_, i64>(3)? == NOT_ITS_TURN;
        let blocks = in_line && state == DeliveryState::Exhausted;
        Ok(Found { row: row.get(0)?, state, waits_its_turn, blocks })
    });
    found.optional()
}

/// What was under way when we stopped is due again: nothing is lost, and what was sent already is sent once more.
pub(super) fn recover(connection: &Connection, crashed: bool, now: Time) -> Result<usize, Error> {
    let mut cut_off = connection.prepare(
        "SELECT id, started_ms, attempts, cause, crashes FROM delivery WHERE state = 'in_flight'",
    )?;
    let found = cut_off.query_map([], |row| {
        let trigger = rows::trigger(row, 3)?;
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, u32>(2)?,
            trigger,
            row.get::<_, i64>(4)?,
        ))
    })?;
    let found: Vec<_> = found.collect::<Result<_, _>>()?;
    let mut due = 0;
    for (row, started, number, trigger, crashes) in found {
        let started_at = Time::from_millis(started);
        let attempt = Attempt {
            number,
            started_at,
            duration: now.since(started_at),
            outcome: Outcome::Unknown,
            status: None,
            reason: Some("callbox stopped while the attempt was under way".to_owned()),
            trigger,
            response: None,
        };
        write_attempt(connection, row, &attempt)?;
        let so_far = crashes + i64::from(crashed);
        let poison = so_far >= CRASHES_MAX;
        due += usize::from(!poison);
        let (state, reason) =
            if poison { ("exhausted", Some("poison")) } else { ("pending", None) };
        connection
            .prepare_cached(
                "UPDATE delivery SET state = ?2, reason = ?3, crashes = ?4, due_ms = ?5, started_ms = NULL WHERE id = ?1",
            )?
            .execute(params![row, state, reason, so_far, now.as_millis()])?;
    }
    Ok(due)
}

pub(super) fn claim(
    connection: &Connection,
    destination: &Name,
    limit: usize,
    now: Time,
) -> Result<Vec<Claimed>, Error> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS}, d.id, d.uid, d.attempts, d.counted, d.cause,
                (SELECT uid FROM replay WHERE id = d.replay)
         FROM (SELECT id FROM delivery WHERE destination = ?1 AND state = 'pending' AND due_ms <= ?2
               ORDER BY due_ms, id LIMIT ?3) AS due
         JOIN delivery AS d ON d.id = due.id
         JOIN event AS e ON e.sequence = d.event
         ORDER BY d.due_ms, d.id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found =
        statement.query_map(params![destination.as_str(), now.as_millis(), limit], |row| {
            let claimed = Claimed {
                event: rows::event(row)?,
                id: rows::id(row, BEHIND_EVENT + 1, DeliveryId::from_bytes)?,
                number: row.get::<_, u32>(BEHIND_EVENT + 2)?.saturating_add(1),
                counted: row.get(BEHIND_EVENT + 3)?,
                trigger: rows::trigger(row, BEHIND_EVENT + 4)?,
                replay: row.get::<_, Option<[u8; 16]>>(BEHIND_EVENT + 5)?.map(ReplayId::from_bytes),
            };
            Ok((row.get::<_, i64>(BEHIND_EVENT)?, claimed))
        })?;
    let found: Vec<(i64, Claimed)> = found.collect::<Result<_, _>>()?;
    let mut update = connection.prepare_cached(
        "UPDATE delivery SET state = 'in_flight', started_ms = ?2, attempts = attempts + 1 WHERE id = ?1",
    )?;
    found
        .into_iter()
        .map(|(row, claimed)| update.execute(params![row, now.as_millis()]).map(|_| claimed))
        .collect()
}

pub(super) fn record(
    connection: &Connection,
    recorded: &Recorded,
    counting: &Counting,
) -> Result<(), Error> {
    let mut find =
        connection.prepare_cached("SELECT id, destination FROM delivery WHERE uid = ?1")?;
    let found: Option<(i64, String)> = find
        .query_row([recorded.delivery.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    // Its event was erased while the attempt was under way: there is nothing left to be written down.
    let Some((row, destination)) = found else { return Ok(()) };
    write_attempt(connection, row, &recorded.attempt)?;
    let (state, due) = match recorded.next {
        Next::Succeeded => (DeliveryState::Succeeded, None),
        Next::RetryAt(at) => (DeliveryState::Pending, Some(at.as_millis())),
        Next::Exhausted | Next::Blocks => (DeliveryState::Exhausted, None),
    };
    counting.attempt(&destination, recorded.attempt.outcome);
    if state != DeliveryState::Pending {
        counting.delivery(&destination, state);
    }
    let counts = i64::from(recorded.attempt.outcome != Outcome::Unknown);
    connection
        .prepare_cached(
            "UPDATE delivery SET state = ?2, due_ms = coalesce(?3, due_ms), counted = counted + ?4, started_ms = NULL,
                                 cause = 'schedule'
             WHERE id = ?1",
        )?
        .execute(params![row, state.as_str(), due, counts])?;
    if recorded.next == Next::Exhausted {
        line::leave(connection, row)?;
    }
    Ok(())
}

fn write_attempt(connection: &Connection, row: i64, attempt: &Attempt) -> Result<(), Error> {
    let duration = i64::try_from(attempt.duration.as_millis()).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO attempt (delivery, number, started_ms, duration_ms, outcome, status, reason, cause, response)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            row,
            attempt.number,
            attempt.started_at.as_millis(),
            duration,
            attempt.outcome.as_str(),
            attempt.status,
            attempt.reason,
            attempt.trigger.as_str(),
            attempt.response,
        ])
        .map(|_| ())
}
