//! What an erasure would remove: everything is counted once, whatever way leads to it, and nothing is changed.

use rusqlite::{Connection, Error, params};

use super::{Batch, Found, aside};
use crate::domain::erasure::{Erased, Phase};
use crate::store::erasures::EraseStep;

/// What was counted already. It is in memory, and gone with the connection: then some of it may be counted twice.
const SEEN: &str = "CREATE TEMP TABLE IF NOT EXISTS counted_to_erase (
    kind TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID";

/// Counts what a step would remove.
pub(super) fn count(
    connection: &Connection,
    step: &EraseStep,
    batch: &Batch,
) -> Result<Erased, Error> {
    connection.execute_batch(SEEN)?;
    if step.phase == Phase::Events && step.after == 0 {
        connection.execute("DELETE FROM counted_to_erase", [])?;
    }
    let mut erased = Erased::default();
    match (&batch.found, step.phase) {
        (Found::Events(theirs, others), _) => {
            for sequence in theirs {
                event(connection, *sequence, &mut erased)?;
            }
            erased.events_redacted = number(others.len());
        }
        (Found::Messages(messages), _) => {
            for message in messages.iter().filter(|message| message.left.is_none()) {
                erased.messages += first(connection, "message", message.row)?;
            }
        }
        (Found::Callbacks(rows), _) => {
            for row in rows {
                erased.callbacks += first(connection, "callback", *row)?;
            }
        }
        (Found::Attempts(answers), _) => {
            let mut find = connection.prepare_cached(
                "SELECT 1 FROM counted_to_erase WHERE kind = 'event' AND id = (SELECT event FROM delivery WHERE id = ?1)",
            )?;
            for answer in answers {
                erased.attempts_redacted += u64::from(!find.exists([answer.delivery])?);
            }
        }
        (Found::Nothing, Phase::Rest) => {
            connection.execute_batch("SAVEPOINT dry_run")?;
            let others = aside::rest(connection, &step.marks);
            connection.execute_batch("ROLLBACK TO dry_run; RELEASE dry_run")?;
            erased.others = others?;
        }
        (Found::Nothing, _) => {}
    }
    Ok(erased)
}

/// Counts an event with all that hangs on it.
fn event(connection: &Connection, sequence: i64, erased: &mut Erased) -> Result<(), Error> {
    erased.events += first(connection, "event", sequence)?;
    let callbacks: Vec<i64> = connection
        .prepare_cached(
            "SELECT id FROM callback WHERE uid = (SELECT callback_uid FROM event WHERE sequence = ?1)
             UNION SELECT c.id FROM repetition AS r CROSS JOIN callback AS c ON c.uid = r.callback_uid WHERE r.event = ?1",
        )?
        .query_map([sequence], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for callback in callbacks {
        erased.callbacks += first(connection, "callback", callback)?;
    }
    let (deliveries, open): (i64, i64) = connection
        .prepare_cached(
            "SELECT count(*), coalesce(sum(state IN ('pending', 'in_flight')), 0) FROM delivery WHERE event = ?1",
        )?
        .query_row([sequence], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let attempts: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM attempt WHERE delivery IN (SELECT id FROM delivery WHERE event = ?1)",
        )?
        .query_row([sequence], |row| row.get(0))?;
    erased.deliveries += deliveries.unsigned_abs();
    erased.deliveries_cancelled += open.unsigned_abs();
    erased.attempts += attempts.unsigned_abs();
    let message: Option<i64> = connection
        .prepare_cached("SELECT message FROM event WHERE sequence = ?1")?
        .query_row([sequence], |row| row.get(0))?;
    // A reaction in a group is theirs, the message is not.
    let left = "SELECT 1 FROM event WHERE message = ?1
                AND NOT EXISTS (SELECT 1 FROM counted_to_erase WHERE kind = 'event' AND id = sequence)";
    if let Some(message) = message
        && !connection.prepare_cached(left)?.exists([message])?
    {
        erased.messages += first(connection, "message", message)?;
    }
    Ok(())
}

/// One, if it was not counted before.
fn first(connection: &Connection, kind: &str, id: i64) -> Result<u64, Error> {
    let sql = "INSERT INTO counted_to_erase (kind, id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    connection.prepare_cached(sql)?.execute(params![kind, id]).map(number)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
