//! Named consumers: who follows the events, and how far each has come.

use async_trait::async_trait;
use rusqlite::{Connection, Error, OptionalExtension, Row, params};

use super::rows;
use super::{Patience, SqliteStore};
use crate::clock::Time;
use crate::domain::consumer::{CONSUMERS_MAX, Consumer, Lag};
use crate::domain::name::Name;
use crate::domain::query::Place;
use crate::store::{Consumers, Keeping, Moved, Start, StoreError};

#[async_trait]
impl Consumers for SqliteStore {
    async fn keep_consumer(
        &self,
        name: &Name,
        filter: &str,
        from: Option<Start>,
        now: Time,
    ) -> Result<Keeping, StoreError> {
        let (name, filter) = (name.clone(), filter.to_owned());
        let from = match from {
            None => None,
            Some(from) => Some(self.place_of(from).await?),
        };
        let step = move |connection: &Connection| keep(connection, &name, &filter, from, now);
        self.writer()?.write(Patience::Full, step).await
    }

    async fn commit(&self, name: &Name, to: Place, now: Time) -> Result<Moved, StoreError> {
        let name = name.clone();
        let step = move |connection: &Connection| commit(connection, &name, to, now);
        self.writer()?.write(Patience::Full, step).await
    }

    async fn seek(&self, name: &Name, to: Start, now: Time) -> Result<bool, StoreError> {
        let (name, place) = (name.clone(), self.place_of(to).await?);
        let step = move |connection: &Connection| set_place(connection, &name, place, now);
        self.writer()?.write(Patience::Full, step).await
    }

    async fn remove_consumer(&self, name: &Name) -> Result<bool, StoreError> {
        let name = name.clone();
        let step = move |connection: &Connection| {
            let removed =
                connection.execute("DELETE FROM consumer WHERE name = ?1", [name.as_str()])?;
            Ok(removed > 0)
        };
        self.writer()?.write(Patience::Full, step).await
    }

    async fn consumer(&self, name: &Name) -> Result<Option<(Consumer, Lag)>, StoreError> {
        let name = name.clone();
        self.readers()?
            .read(move |connection| {
                let sql = format!("SELECT {COLUMNS} FROM consumer WHERE name = ?1");
                let mut find = connection.prepare_cached(&sql)?;
                let found = find.query_row([name.as_str()], consumer).optional()?;
                found.map(|found| with_lag(connection, found)).transpose()
            })
            .await
    }

    async fn consumers(&self) -> Result<Vec<(Consumer, Lag)>, StoreError> {
        self.readers()?
            .read(move |connection| {
                let sql = format!("SELECT {COLUMNS} FROM consumer ORDER BY name");
                let mut find = connection.prepare_cached(&sql)?;
                let found: Vec<Consumer> =
                    find.query_map([], consumer)?.collect::<Result<_, Error>>()?;
                found.into_iter().map(|found| with_lag(connection, found)).collect()
            })
            .await
    }
}

impl SqliteStore {
    /// The place that was named. A moment may take some looking for, which is no business of the thread that callbacks wait for.
    async fn place_of(&self, start: Start) -> Result<Place, StoreError> {
        let find = move |connection: &Connection| match start {
            Start::Beginning => Ok(Place(0)),
            Start::Now => newest(connection),
            Start::At(time) => super::read::place_before(connection, time),
            Start::Behind(place) => Ok(place),
        };
        self.readers()?.read(find).await
    }
}

/// The place behind everything that there is.
fn newest(connection: &Connection) -> Result<Place, Error> {
    connection
        .prepare_cached("SELECT coalesce(max(sequence), 0) FROM event")?
        .query_row([], |row| row.get(0).map(Place))
}

const COLUMNS: &str = "name, filter, place, made_ms, moved_ms";

fn consumer(row: &Row<'_>) -> Result<Consumer, Error> {
    Ok(Consumer {
        name: rows::parsed(row, 0)?,
        filter: row.get(1)?,
        place: Place(row.get(2)?),
        made_at: rows::time(row, 3)?,
        moved_at: rows::time(row, 4)?,
    })
}

/// How much has been committed behind a consumer's place, whether it wants it or not: that is known without looking at it.
fn with_lag(connection: &Connection, consumer: Consumer) -> Result<(Consumer, Lag), Error> {
    let Place(newest) = newest(connection)?;
    let next: Option<(i64, i64)> = connection
        .prepare_cached(
            "SELECT sequence, received_ms FROM event WHERE sequence > ?1 ORDER BY sequence LIMIT 1",
        )?
        .query_row([consumer.place.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let lag = Lag {
        events: next.map_or(0, |(first, _)| u64::try_from(newest - first + 1).unwrap_or(0)),
        oldest_at: next.map(|(_, received)| Time::from_millis(received)),
    };
    Ok((consumer, lag))
}

/// Makes a consumer, or gives one another filter; its place stays unless another one is asked for.
fn keep(
    connection: &Connection,
    name: &Name,
    filter: &str,
    from: Option<Place>,
    now: Time,
) -> Result<Keeping, Error> {
    let known = place(connection, name)?;
    if known.is_some() {
        connection
            .prepare_cached("UPDATE consumer SET filter = ?2 WHERE name = ?1")?
            .execute(params![name.as_str(), filter])?;
        if let Some(from) = from {
            set_place(connection, name, from, now)?;
        }
        return Ok(Keeping::Changed);
    }
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM consumer")?
        .query_row([], |row| row.get(0))?;
    if count >= CONSUMERS_MAX {
        return Ok(Keeping::TooMany);
    }
    let place = from.map_or_else(|| newest(connection), Ok)?;
    connection
        .prepare_cached(
            "INSERT INTO consumer (name, filter, place, made_ms, moved_ms) VALUES (?1, ?2, ?3, ?4, ?4)",
        )?
        .execute(params![name.as_str(), filter, place.0, now.as_millis()])?;
    Ok(Keeping::Made)
}

/// Moves a consumer on, never back: a commit that comes late must not undo a later one.
fn commit(connection: &Connection, name: &Name, to: Place, now: Time) -> Result<Moved, Error> {
    let Some(at) = place(connection, name)? else { return Ok(Moved::Missing) };
    if to.0 < at.0 {
        return Ok(Moved::Behind);
    }
    set_place(connection, name, to, now)?;
    Ok(Moved::There)
}

fn place(connection: &Connection, name: &Name) -> Result<Option<Place>, Error> {
    let mut find = connection.prepare_cached("SELECT place FROM consumer WHERE name = ?1")?;
    find.query_row([name.as_str()], |row| row.get(0).map(Place)).optional()
}

fn set_place(connection: &Connection, name: &Name, to: Place, now: Time) -> Result<bool, Error> {
    let moved = connection
        .prepare_cached("UPDATE consumer SET place = ?2, moved_ms = ?3 WHERE name = ?1")?
        .execute(params![name.as_str(), to.0, now.as_millis()])?;
    Ok(moved > 0)
}
