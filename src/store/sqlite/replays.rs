//! Replays in the file: their rows, and the steps that make events due again; each is small, and moves the place with it.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Error, OptionalExtension, Row, params};

use super::floors::Floors;
use super::{Patience, SqliteStore, read, rows};
use crate::clock::Time;
use crate::domain::id::ReplayId;
use crate::domain::query::{EventFilter, Order, Page, PageRequest, Place};
use crate::domain::replay::{Progress, Replay, ReplayState};
use crate::store::{Counted, HandStep, Replays, StoreError};

/// The columns that [`replay`] reads, in its order; `r` is the replay's row.
const COLUMNS: &str = "r.uid, r.filter, r.destination, r.rate, r.state, r.made_ms, r.ended_ms, r.matched, r.place, r.last, r.events,
    r.deliveries, (SELECT count(DISTINCT d.event) FROM delivery AS d INDEXED BY delivery_replayed
                   WHERE d.replay = r.id AND d.state IN ('pending', 'in_flight')), r.id";

#[async_trait]
impl Replays for SqliteStore {
    async fn count(&self, filter: EventFilter) -> Result<Counted, StoreError> {
        let last = "SELECT coalesce(max(sequence), 0) FROM event";
        let readers = self.readers()?;
        let last: i64 = readers
            .read(move |connection| connection.query_row(last, [], |row| row.get(0)))
            .await?;
        let mut counted = Counted { matched: 0, last };
        let mut after = Some(0);
        while let Some(place) = after {
            let filter = filter.clone();
            let count =
                move |connection: &Connection| read::count_events(connection, &filter, place, last);
            let (found, next) = readers.read(count).await?;
            counted.matched += found;
            after = next;
        }
        Ok(counted)
    }

    async fn begin_replay(&self, replay: Replay) -> Result<(), StoreError> {
        self.writer()?.write(Patience::Full, move |connection| begin(connection, &replay)).await
    }

    async fn replay(&self, id: ReplayId) -> Result<Option<Replay>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM replay AS r WHERE r.uid = ?1");
        self.readers()?
            .read(move |connection| {
                let mut statement = connection.prepare_cached(&sql)?;
                statement.query_row([id.to_bytes()], replay).optional()
            })
            .await
    }

    async fn replays(&self, page: PageRequest) -> Result<Page<Replay>, StoreError> {
        self.readers()?.read(move |connection| list(connection, page)).await
    }

    async fn running(&self) -> Result<Vec<Replay>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM replay AS r INDEXED BY replay_running WHERE r.state = 'running' ORDER BY r.id"
        );
        self.readers()?
            .read(move |connection| {
                let mut statement = connection.prepare_cached(&sql)?;
                statement.query_map([], replay)?.collect()
            })
            .await
    }

    async fn hand(&self, step: HandStep) -> Result<bool, StoreError> {
        let floors = Arc::clone(&self.floors);
        self.writer()?
            .write(Patience::Full, move |connection| hand(connection, &step, &floors))
            .await
    }

    async fn end_replay(&self, id: ReplayId, now: Time) -> Result<(), StoreError> {
        let end = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "UPDATE replay SET state = 'done', ended_ms = ?2 WHERE uid = ?1 AND state = 'running'",
                )?
                .execute(params![id.to_bytes(), now.as_millis()])
                .map(|_| ())
        };
        self.writer()?.write(Patience::Full, end).await
    }

    async fn cancel_replay(&self, id: ReplayId, now: Time) -> Result<Option<bool>, StoreError> {
        self.writer()?.write(Patience::Full, move |connection| cancel(connection, id, now)).await
    }
}

fn begin(connection: &Connection, replay: &Replay) -> Result<(), Error> {
    let filter = serde_json::to_string(&replay.filter)
        .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
    connection
        .prepare_cached(
            "INSERT INTO replay (uid, filter, destination, rate, state, made_ms, ended_ms, matched, place, last, events, deliveries)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0)",
        )?
        .execute(params![
            replay.id.to_bytes(),
            filter,
            replay.to.as_ref().map(crate::domain::name::Name::as_str),
            replay.rate,
            replay.state.as_str(),
            replay.created_at.as_millis(),
            replay.ended_at.map(Time::as_millis),
            i64::try_from(replay.matched).unwrap_or(i64::MAX),
            replay.progress.place,
            replay.progress.last,
        ])
        .map(|_| ())
}

/// A replay from [`COLUMNS`].
fn replay(row: &Row<'_>) -> Result<Replay, Error> {
    let word: String = row.get(4)?;
    let state = ReplayState::ALL.into_iter().find(|state| state.as_str() == word);
    let number = |column| -> Result<u64, Error> {
        Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
    };
    let to: Option<String> = row.get(2)?;
    Ok(Replay {
        id: rows::id(row, 0, ReplayId::from_bytes)?,
        filter: rows::json(row, 1)?,
        to: to.map(|_| rows::parsed(row, 2)).transpose()?,
        rate: row.get(3)?,
        state: state.ok_or_else(|| rows::unknown(4, &word))?,
        created_at: rows::time(row, 5)?,
        ended_at: row.get::<_, Option<i64>>(6)?.map(Time::from_millis),
        matched: number(7)?,
        progress: Progress {
            place: row.get(8)?,
            last: row.get(9)?,
            events: number(10)?,
            deliveries: number(11)?,
            waiting: number(12)?,
        },
    })
}

fn list(connection: &Connection, page: PageRequest) -> Result<Page<Replay>, Error> {
    let (comparison, order, beginning) = match page.order {
        Order::Descending => ("<", "DESC", i64::MAX),
        Order::Ascending => (">", "ASC", 0),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM replay AS r WHERE r.id {comparison} ?1 ORDER BY r.id {order} LIMIT ?2"
    );
    let after = page.after.map_or(beginning, |place| place.0);
    let limit = i64::try_from(page.limit + 1).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([after, limit], |row| Ok((row.get(13)?, replay(row)?)))?;
    let mut found: Vec<(i64, Replay)> = found.collect::<Result<_, _>>()?;
    let more = found.len() > page.limit;
    found.truncate(page.limit);
    let place = found.last().map(|(id, _)| Place(*id)).or(page.after);
    Ok(Page { items: found.into_iter().map(|(_, replay)| replay).collect(), place, more })
}

fn hand(connection: &Connection, step: &HandStep, floors: &Floors) -> Result<bool, Error> {
    let events = i64::try_from(step.events.len()).unwrap_or(i64::MAX);
    let replay: Option<i64> = connection
        .prepare_cached(
            "UPDATE replay SET place = ?3, events = events + ?4
             WHERE uid = ?1 AND place = ?2 AND state = 'running' RETURNING id",
        )?
        .query_row(params![step.replay.to_bytes(), step.from, step.to, events], |row| row.get(0))
        .optional()?;
    let Some(replay) = replay else { return Ok(false) };
    let mut insert = connection.prepare_cached(
        "INSERT INTO delivery (id, uid, event, destination, state, made_ms, due_ms, cause, replay)
         SELECT ?5, ?1, sequence, ?3, 'pending', ?4, ?4, 'replay', ?6
         FROM event
         WHERE sequence = ?2
           AND (?7 OR EXISTS (SELECT 1 FROM delivery WHERE event = ?2 AND destination = ?3 AND replay IS NULL))",
    )?;
    let (now, anyway) = (step.now.as_millis(), !step.as_before);
    let mut made = 0;
    for (sequence, to) in &step.events {
        for (id, destination) in to {
            let name = destination.as_str();
            made += insert.execute(params![
                id.to_bytes(),
                sequence,
                name,
                now,
                floors.delivery.next(),
                replay,
                anyway
            ])?;
        }
    }
    connection
        .prepare_cached("UPDATE replay SET deliveries = deliveries + ?2 WHERE id = ?1")?
        .execute(params![replay, i64::try_from(made).unwrap_or(i64::MAX)])?;
    Ok(true)
}

fn cancel(connection: &Connection, id: ReplayId, now: Time) -> Result<Option<bool>, Error> {
    let found: Option<(i64, String)> = connection
        .prepare_cached("SELECT id, state FROM replay WHERE uid = ?1")?
        .query_row([id.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((row, state)) = found else { return Ok(None) };
    if state != ReplayState::Running.as_str() {
        return Ok(Some(false));
    }
    connection
        .prepare_cached("UPDATE replay SET state = 'cancelled', ended_ms = ?2 WHERE id = ?1")?
        .execute(params![row, now.as_millis()])?;
    // No more wait than are made ahead, so that this is a small step.
    connection
        .prepare_cached(
            "UPDATE delivery INDEXED BY delivery_replayed SET state = 'cancelled', reason = 'its replay was cancelled'
             WHERE replay = ?1 AND state IN ('pending', 'in_flight') AND state = 'pending'",
        )?
        .execute([row])?;
    Ok(Some(true))
}
