//! Alarms in the file: a row for each, and events of callbox's own.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Error, params};

use super::floors::Floors;
use super::{Patience, SqliteStore, rows};
use crate::domain::alarm::{Alarm, Condition};
use crate::domain::event::EventType;
use crate::store::{AlarmEvent, Alarms, StoreError};

#[async_trait]
impl Alarms for SqliteStore {
    async fn alarms(&self) -> Result<Vec<Alarm>, StoreError> {
        self.readers()?.read(all).await
    }

    async fn note_alarms(
        &self,
        alarms: Vec<Alarm>,
        event: Option<AlarmEvent>,
    ) -> Result<(), StoreError> {
        let floors = Arc::clone(&self.floors);
        let note = move |connection: &Connection| {
            alarms.iter().try_for_each(|alarm| write(connection, alarm))?;
            event.as_ref().map_or(Ok(()), |event| append(connection, event, &floors))
        };
        self.writer()?.write(Patience::Full, note).await
    }
}

fn all(connection: &Connection) -> Result<Vec<Alarm>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT condition, subject, raised, since_ms, reason, seen FROM alarm ORDER BY condition, subject",
    )?;
    let found = statement.query_map([], |row| {
        let kind: EventType = rows::parsed(row, 0)?;
        let condition = Condition::ALL.into_iter().find(|condition| condition.raised() == kind);
        Ok(Alarm {
            condition: condition.ok_or_else(|| rows::unknown(0, kind.as_str()))?,
            subject: row.get(1)?,
            raised: row.get(2)?,
            since: rows::time(row, 3)?,
            reason: row.get(4)?,
            seen: u64::try_from(row.get::<_, i64>(5)?).unwrap_or(0),
        })
    })?;
    found.collect()
}

fn write(connection: &Connection, alarm: &Alarm) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO alarm (condition, subject, raised, since_ms, reason, seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (condition, subject) DO UPDATE
             SET raised = excluded.raised, since_ms = excluded.since_ms, reason = excluded.reason, seen = excluded.seen",
        )?
        .execute(params![
            alarm.condition.raised().as_str(),
            alarm.subject,
            alarm.raised,
            alarm.since.as_millis(),
            alarm.reason,
            i64::try_from(alarm.seen).unwrap_or(i64::MAX),
        ])
        .map(|_| ())
}

fn append(connection: &Connection, event: &AlarmEvent, floors: &Floors) -> Result<(), Error> {
    let (id, at) = (event.id.to_bytes(), event.at.as_millis());
    let sequence: i64 = connection
        .prepare_cached(
            "INSERT INTO event (sequence, uid, source, type, subject, time_ms, time_basis, received_ms, revised,
                                folded_changed, duplicate_key, digest, data)
             VALUES (?6, ?1, 'callbox', ?2, ?3, ?4, 'received', ?4, 0,
                     0, ?1, ?1, ?5)
             RETURNING sequence",
        )?
        .query_row(
            params![id, event.kind.as_str(), event.subject, at, event.data, floors.event.next()],
            |row| row.get(0),
        )?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO delivery (id, uid, event, destination, state, made_ms, due_ms, cause)
         VALUES (?5, ?1, ?2, ?3, 'pending', ?4, ?4, 'schedule')",
    )?;
    for (id, destination) in &event.deliveries {
        let number = floors.delivery.next();
        insert.execute(params![id.to_bytes(), sequence, destination.as_str(), at, number])?;
    }
    Ok(())
}
