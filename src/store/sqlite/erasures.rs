//! Erasures in the file: their rows, and the steps through everything that is kept. Reading is done beside the thread that writes.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Error, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::cleaning::Wish;
use super::erase::{self, Batch};
use super::{Patience, SqliteStore, rows};
use crate::clock::Time;
use crate::domain::delivery::Delivery;
use crate::domain::erasure::{Erased, Erasure, ErasureState, Phase};
use crate::domain::event::Event;
use crate::domain::id::{CallbackId, ErasureId};
use crate::domain::person::{Marks, Wanted};
use crate::domain::query::{Order, Page, PageRequest, Place};
use crate::store::StoreError;
use crate::store::erasures::{
    End, EraseDone, EraseStep, Erasures, Learned, Plan, Seen, Standing, Theirs,
};

/// The columns that [`erasure`] reads, in its order.
const COLUMNS: &str = "uid, state, about, dry_run, who_asked, made_ms, ended_ms, phase, erased, note, id, plan, place";

#[async_trait]
impl Erasures for SqliteStore {
    async fn begin_erasure(&self, erasure: Erasure, plan: Plan) -> Result<(), StoreError> {
        self.writer()?
            .write(Patience::Full, move |connection| begin(connection, &erasure, &plan))
            .await
    }

    async fn erasure(&self, id: ErasureId) -> Result<Option<Erasure>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM erasure WHERE uid = ?1");
        let find = move |connection: &Connection| {
            connection.prepare_cached(&sql)?.query_row([id.to_bytes()], erasure).optional()
        };
        self.readers()?.read(find).await
    }

    async fn erasures(&self, page: PageRequest) -> Result<Page<Erasure>, StoreError> {
        self.readers()?.read(move |connection| list(connection, page)).await
    }

    async fn erasing(&self) -> Result<Option<Standing>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM erasure INDEXED BY erasure_running WHERE state = 'running' ORDER BY id LIMIT 1"
        );
        let find = move |connection: &Connection| {
            connection.prepare_cached(&sql)?.query_row([], standing).optional()
        };
        self.readers()?.read(find).await
    }

    async fn learn(&self, sought: Arc<Marks>, after: i64) -> Result<Learned, StoreError> {
        self.readers()?.read(move |connection| erase::learn(connection, &sought, after)).await
    }

    async fn keep_marks(&self, id: ErasureId, marks: Marks) -> Result<(), StoreError> {
        let keep = move |connection: &Connection| {
            let find = "SELECT plan FROM erasure WHERE uid = ?1";
            let plan: String =
                connection.prepare_cached(find)?.query_row([id.to_bytes()], |row| row.get(0))?;
            let mut plan = read_plan(&plan)?;
            plan.marks = Some(marks.clone());
            securely(connection, || {
                connection
                    .prepare_cached(
                        "UPDATE erasure SET plan = ?2, phase = ?3, place = 0 WHERE uid = ?1",
                    )?
                    .execute(params![
                        id.to_bytes(),
                        write_plan(&plan)?,
                        Phase::Learning.next().as_str()
                    ])
                    .map(|_| ())
            })
        };
        self.writer()?.write(Patience::Full, keep).await
    }

    async fn erase(&self, step: EraseStep) -> Result<EraseDone, StoreError> {
        let (reading, marks) = (step.clone(), Arc::clone(&step.marks));
        let read = move |connection: &Connection| {
            erase::read(connection, reading.phase, &marks, reading.after)
        };
        let mut batch: Batch = self.readers()?.read(read).await?;
        let texts = std::mem::take(&mut batch.texts);
        let counting = Arc::clone(&self.counting);
        let write = move |connection: &Connection| {
            securely(connection, || erase::write(connection, &step, &batch, &counting))
        };
        let more = self.writer()?.write(Patience::Full, write).await?;
        Ok(EraseDone { more, texts })
    }

    async fn empty_log(&self) -> Result<bool, StoreError> {
        self.clean(Wish::EmptyLog).await
    }

    async fn look_into_file(
        &self,
        marks: Arc<Marks>,
        texts: Arc<[String]>,
        from: u64,
    ) -> Result<Seen, StoreError> {
        let eye = Arc::clone(&self.eye);
        let look = move |_: &Connection| Ok(eye.look(&marks, &texts, from));
        self.readers()?.read(look).await?.map_err(|error| StoreError::Failed(error.to_string()))
    }

    async fn rewrite(&self, largest: u64) -> Result<bool, StoreError> {
        let size = self.eye.size().map_err(|error| StoreError::Failed(error.to_string()))?;
        if size > largest {
            return Ok(false);
        }
        self.clean(Wish::Rewrite).await
    }

    async fn end_erasure(&self, end: End) -> Result<(), StoreError> {
        let change = move |connection: &Connection| {
            let state = if end.refused { ErasureState::Refused } else { ErasureState::Done };
            let (id, ended) = (end.id.to_bytes(), end.now.as_millis());
            securely(connection, || {
                connection
                    .prepare_cached(
                        "UPDATE erasure SET state = ?2, note = ?3, ended_ms = ?4, plan = NULL, phase = 'done' WHERE uid = ?1",
                    )?
                    .execute(params![id, state.as_str(), end.note, ended])
                    .map(|_| ())
            })
        };
        self.writer()?.write(Patience::Full, change).await
    }

    async fn theirs(
        &self,
        marks: Arc<Marks>,
        after: i64,
    ) -> Result<Theirs<(Event, Vec<Delivery>)>, StoreError> {
        self.readers()?.read(move |connection| erase::theirs(connection, &marks, after)).await
    }

    async fn naming(
        &self,
        marks: Arc<Marks>,
        after: i64,
    ) -> Result<Theirs<CallbackId>, StoreError> {
        self.readers()?.read(move |connection| erase::naming(connection, &marks, after)).await
    }
}

impl SqliteStore {
    /// Has the thread that writes do something between two groups.
    async fn clean(&self, wish: Wish) -> Result<bool, StoreError> {
        let told = self.cleaning.ask(wish);
        // It looks after each group: an empty one brings it there.
        self.writer()?.write(Patience::Full, |_| Ok(())).await?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// Does it in such a way that what is removed is overwritten, free pages and all.
fn securely<T>(
    connection: &Connection,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    connection.execute_batch("PRAGMA secure_delete = ON")?;
    let worked = work();
    connection.execute_batch("PRAGMA secure_delete = FAST")?;
    worked
}

fn begin(connection: &Connection, erasure: &Erasure, plan: &Plan) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO erasure (uid, about, who_asked, dry_run, state, made_ms, phase, place, plan, erased)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, '{}')",
        )?
        .execute(params![
            erasure.id.to_bytes(),
            erasure.about,
            erasure.by,
            erasure.dry_run,
            erasure.state.as_str(),
            erasure.created_at.as_millis(),
            erasure.phase.as_str(),
            write_plan(plan)?,
        ])
        .map(|_| ())
}

/// An erasure from [`COLUMNS`].
fn erasure(row: &Row<'_>) -> Result<Erasure, Error> {
    let (state, phase): (String, String) = (row.get(1)?, row.get(7)?);
    let known_state = ErasureState::ALL.into_iter().find(|known| known.as_str() == state);
    let known_phase = Phase::ALL.into_iter().find(|known| known.as_str() == phase);
    let erased: Erased = rows::json(row, 8)?;
    Ok(Erasure {
        id: rows::id(row, 0, ErasureId::from_bytes)?,
        state: known_state.ok_or_else(|| rows::unknown(1, &state))?,
        about: row.get(2)?,
        dry_run: row.get(3)?,
        by: row.get(4)?,
        created_at: rows::time(row, 5)?,
        ended_at: row.get::<_, Option<i64>>(6)?.map(Time::from_millis),
        phase: known_phase.ok_or_else(|| rows::unknown(7, &phase))?,
        erased,
        note: row.get(9)?,
    })
}

fn standing(row: &Row<'_>) -> Result<Standing, Error> {
    let plan: String = row.get(11)?;
    Ok(Standing { erasure: erasure(row)?, plan: read_plan(&plan)?, place: row.get(12)? })
}

fn list(connection: &Connection, page: PageRequest) -> Result<Page<Erasure>, Error> {
    let (comparison, order, beginning) = match page.order {
        Order::Descending => ("<", "DESC", i64::MAX),
        Order::Ascending => (">", "ASC", 0),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM erasure WHERE id {comparison} ?1 ORDER BY id {order} LIMIT ?2"
    );
    let after = page.after.map_or(beginning, |place| place.0);
    let limit = i64::try_from(page.limit + 1).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([after, limit], |row| Ok((row.get(10)?, erasure(row)?)))?;
    let mut found: Vec<(i64, Erasure)> = found.collect::<Result<_, _>>()?;
    let more = found.len() > page.limit;
    found.truncate(page.limit);
    let place = found.last().map(|(id, _)| Place(*id)).or(page.after);
    Ok(Page { items: found.into_iter().map(|(_, erasure)| erasure).collect(), place, more })
}

/// A plan as it is kept: as hexadecimal digits, so that a look into the file for the person does not find the note of whom to look
/// for.
#[derive(Serialize, Deserialize)]
struct Written {
    about: String,
    of: String,
    own_number: bool,
    marks: Option<Marks>,
}

fn write_plan(plan: &Plan) -> Result<String, Error> {
    let (Wanted::Phone(of) | Wanted::Contact(of) | Wanted::Conversation(of)) = &plan.wanted;
    let written = Written {
        about: plan.wanted.word().to_owned(),
        of: of.clone(),
        own_number: plan.own_number,
        marks: plan.marks.clone(),
    };
    let json = serde_json::to_vec(&written)
        .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
    Ok(hex::encode(json))
}

fn read_plan(text: &str) -> Result<Plan, Error> {
    let json = hex::decode(text).map_err(|error| rows::unreadable(11, error))?;
    let written: Written =
        serde_json::from_slice(&json).map_err(|error| rows::unreadable(11, error))?;
    let wanted = match written.about.as_str() {
        "phone" => Wanted::Phone(written.of),
        "contact" => Wanted::Contact(written.of),
        "conversation" => Wanted::Conversation(written.of),
        other => return Err(rows::unknown(11, other)),
    };
    Ok(Plan { wanted, own_number: written.own_number, marks: written.marks })
}
