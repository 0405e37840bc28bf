//! A close look at a whole store, beside whoever uses it: whether every page is sound, and every callback what was received.

use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::OpenError;
use super::open::{identify, reader};

/// Callbacks read at a time, so that a store in use can fold its log in between.
const BATCH: u32 = 500;

/// Findings that are told one by one.
const FINDINGS_MAX: usize = 100;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// How many callbacks there are, each compared with its checksum.
    pub callbacks: u64,
    /// How many events.
    pub events: u64,
    /// How many messages.
    pub messages: u64,
    /// How many deliveries.
    pub deliveries: u64,
    /// What is wrong, a hundred findings at most; nothing if the store is whole.
    pub findings: Vec<String>,
}

/// Looks at every page, every reference and every callback of the store at `path`; changes nothing.
pub fn inspect(path: &Path) -> Result<Inspection, OpenError> {
    let look = || {
        let connection = reader(path)?;
        identify(&connection, path)?;
        let mut inspection = Inspection::default();
        pages(&connection, &mut inspection)?;
        references(&connection, &mut inspection)?;
        callbacks(&connection, &mut inspection)?;
        inspection.findings.truncate(FINDINGS_MAX);
        Ok(inspection)
    };
    look().map_err(|error: OpenError| error.seen_at(path))
}

fn pages(connection: &Connection, inspection: &mut Inspection) -> Result<(), rusqlite::Error> {
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
    let found = check.query_map([], |row| row.get::<_, String>(0))?;
    for line in found {
        let line = line?;
        if line != "ok" {
            inspection.findings.push(line);
        }
    }
    let count = |table: &str| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
            row.get::<_, i64>(0).map(i64::unsigned_abs)
        })
    };
    inspection.events = count("event")?;
    inspection.messages = count("message")?;
    inspection.deliveries = count("delivery")?;
    Ok(())
}

fn references(connection: &Connection, inspection: &mut Inspection) -> Result<(), rusqlite::Error> {
    let mut check = connection.prepare("PRAGMA foreign_key_check")?;
    let found = check.query_map([], |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!("a row of {table} refers to a row of {parent} that is not there"))
    })?;
    for line in found.take(FINDINGS_MAX) {
        inspection.findings.push(line?);
    }
    Ok(())
}

/// Compares every body with the checksum that was made when it was received.
fn callbacks(connection: &Connection, inspection: &mut Inspection) -> Result<(), rusqlite::Error> {
    let mut find = connection.prepare(
        "SELECT id, lower(hex(uid)), body_sha256, body FROM callback WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut after = 0;
    loop {
        let mut found = find.query(rusqlite::params![after, BATCH])?;
        let before = inspection.callbacks;
        while let Some(row) = found.next()? {
            after = row.get::<_, i64>(0)?;
            inspection.callbacks += 1;
            let sum = row.get_ref(2)?.as_blob().unwrap_or_default();
            let body = row.get_ref(3)?.as_blob().unwrap_or_default();
            if Sha256::digest(body).as_slice() != sum {
                let uid: String = row.get(1)?;
                inspection
                    .findings
                    .push(format!("the body of the callback {uid} is not what was received"));
            }
        }
        if inspection.callbacks == before {
            return Ok(());
        }
    }
}
