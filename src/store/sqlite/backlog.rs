//! Bounding backlogs by index and counter, and handing the past to new destinations; each step is small.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Error, OptionalExtension, params};

use super::counts::Counting;
use super::{Patience, SqliteStore, joining, rows};
use crate::clock::Time;
use crate::domain::backlog::StartFrom;
use crate::domain::delivery::DeliveryState;
use crate::domain::name::Name;
use crate::store::{
    Backlogs, ExpireStep, Expired, JoinStep, Joined, Joining, OrderedJoin, StoreError,
};

/// Deliveries that one step looks at.
const ROWS_MAX: i64 = 500;

#[async_trait]
impl Backlogs for SqliteStore {
    async fn configured(
        &self,
        destinations: Vec<(Name, StartFrom)>,
        now: Time,
    ) -> Result<(), StoreError> {
        self.writer()?
            .write(Patience::Full, move |connection| configured(connection, &destinations, now))
            .await
    }

    async fn expire(&self, step: ExpireStep) -> Result<Expired, StoreError> {
        let counting = Arc::clone(&self.counting);
        let step = move |connection: &Connection| expire(connection, &step, &counting);
        self.writer()?.write(Patience::Full, step).await
    }

    async fn abandon(&self, before: Time) -> Result<usize, StoreError> {
        let counting = Arc::clone(&self.counting);
        let step = move |connection: &Connection| abandon(connection, before, &counting);
        self.writer()?.write(Patience::Full, step).await
    }

    async fn joining(&self) -> Result<Vec<Joining>, StoreError> {
        let sql = "SELECT name, place, last, first_ms FROM destination WHERE place IS NOT NULL AND gone_ms IS NULL ORDER BY name";
        self.readers()?
            .read(move |connection| {
                let mut statement = connection.prepare_cached(sql)?;
                let found = statement.query_map([], |row| {
                    Ok(Joining {
                        destination: rows::parsed(row, 0)?,
                        place: row.get(1)?,
                        last: row.get(2)?,
                        since: Time::from_millis(row.get(3)?),
                    })
                })?;
                found.collect()
            })
            .await
    }

    async fn join(&self, step: JoinStep) -> Result<bool, StoreError> {
        let floors = Arc::clone(&self.floors);
        self.writer()?
            .write(Patience::Full, move |connection| joining::beside(connection, &step, &floors))
            .await
    }

    async fn join_in_order(&self, step: OrderedJoin) -> Result<Joined, StoreError> {
        let floors = Arc::clone(&self.floors);
        self.writer()?
            .write(Patience::Full, move |connection| joining::in_order(connection, &step, &floors))
            .await
    }
}

fn configured(
    connection: &Connection,
    destinations: &[(Name, StartFrom)],
    now: Time,
) -> Result<(), Error> {
    let now = now.as_millis();
    // Whoever is not there has been gone since now, or for longer; those that are there come back below.
    connection.execute(
        "INSERT INTO destination (name, first_ms, gone_ms) SELECT destination, ?1, ?1 FROM backlog WHERE open > 0
         ON CONFLICT (name) DO NOTHING",
        [now],
    )?;
    let mut join = connection.prepare_cached(
        "INSERT INTO destination (name, first_ms, place, last)
         SELECT ?1, ?2, CASE WHEN ?3 THEN 0 END, CASE WHEN ?3 THEN coalesce(max(sequence), 0) END FROM event WHERE true
         ON CONFLICT (name) DO NOTHING",
    )?;
    for (name, from) in destinations {
        join.execute(params![name.as_str(), now, from.oldest().is_some()])?;
    }
    let names: Vec<&str> = destinations.iter().map(|(name, _)| name.as_str()).collect();
    let mut all = connection.prepare_cached("SELECT name, gone_ms IS NOT NULL FROM destination")?;
    let all = all.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
    let all: Vec<(String, bool)> = all.collect::<Result<_, _>>()?;
    let mut mark =
        connection.prepare_cached("UPDATE destination SET gone_ms = ?2 WHERE name = ?1")?;
    for (name, gone) in all {
        let here = names.contains(&name.as_str());
        if here == gone {
            mark.execute(params![name, (!here).then_some(now)])?;
        }
    }
    Ok(())
}

fn expire(
    connection: &Connection,
    step: &ExpireStep,
    counting: &Counting,
) -> Result<Expired, Error> {
    let destination = step.destination.as_str();
    let open: Option<i64> = connection
        .prepare_cached("SELECT open FROM backlog WHERE destination = ?1")?
        .query_row([destination], |row| row.get(0))
        .optional()?;
    let open = u64::try_from(open.unwrap_or(0)).unwrap_or(0);
    let mut excess = open.saturating_sub(step.most);
    let mut find = connection.prepare_cached(
        "SELECT id, coalesce(reopened_ms, made_ms), reopened_ms IS NOT NULL FROM delivery
         WHERE destination = ?1 AND state = 'pending' AND id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let found = find.query_map(params![destination, step.after, ROWS_MAX], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, bool>(2)?))
    })?;
    let found: Vec<(i64, i64, bool)> = found.collect::<Result<_, _>>()?;
    let mut end = connection
        .prepare_cached("UPDATE delivery SET state = 'expired', reason = ?2 WHERE id = ?1")?;
    let mut expired = Expired::default();
    let whole = i64::try_from(found.len()).unwrap_or(i64::MAX) == ROWS_MAX;
    for (id, since, reopened) in found {
        if since < step.before.as_millis() {
            end.execute(params![id, "it waited longer than backlog_max_age"])?;
            counting.delivery(destination, DeliveryState::Expired);
            expired.too_old += 1;
            excess = excess.saturating_sub(1);
        } else if excess > 0 {
            end.execute(params![id, "more waited than backlog_max_events"])?;
            counting.delivery(destination, DeliveryState::Expired);
            expired.too_many += 1;
            excess -= 1;
        } else if !reopened {
            // Those behind it were made later; only one that was made due again can be young among old ones.
            return Ok(expired);
        }
        expired.next = whole.then_some(id);
    }
    Ok(expired)
}

fn abandon(connection: &Connection, before: Time, counting: &Counting) -> Result<usize, Error> {
    let gone: Option<String> = connection
        .prepare_cached("SELECT name FROM destination WHERE gone_ms <= ?1 LIMIT 1")?
        .query_row([before.as_millis()], |row| row.get(0))
        .optional()?;
    let Some(gone) = gone else { return Ok(0) };
    let cancelled = connection
        .prepare_cached(
            "UPDATE delivery SET state = 'cancelled', reason = 'its destination is not configured any more'
             WHERE id IN (SELECT id FROM delivery WHERE destination = ?1 AND state = 'pending' ORDER BY id LIMIT ?2)",
        )?
        .execute(params![gone, ROWS_MAX])?;
    for _ in 0..cancelled {
        counting.delivery(&gone, DeliveryState::Cancelled);
    }
    if cancelled > 0 {
        return Ok(cancelled);
    }
    // An attempt may still be under way when the configuration is changed at run time: its delivery is waited for.
    connection
        .prepare_cached(
            "DELETE FROM destination WHERE name = ?1
             AND NOT EXISTS (SELECT 1 FROM delivery WHERE destination = ?1 AND state = 'in_flight')",
        )?
        .execute([&gone])?;
    Ok(0)
}
