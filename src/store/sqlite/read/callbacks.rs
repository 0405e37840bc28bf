//! Questions about callbacks, as they came.

use bytes::Bytes;
use rusqlite::{Connection, Error, Row, params};
use sha2::{Digest, Sha256};

use super::super::rows;
use super::{by_uid, direction, walk};
use crate::clock::Time;
use crate::domain::callback::{Callback, CallbackOutcome, Head};
use crate::domain::id::{CallbackId, EventId};
use crate::domain::name::Name;
use crate::domain::query::{Page, PageRequest};
use crate::store::{CallbackRecord, SourceCounts, StoreError};

/// The columns that [`record`] reads, in its order.
const COLUMNS: &str = "c.id, c.uid, c.source, c.received_ms, c.outcome, c.reason, c.events, c.method, c.path, c.query, \
     c.headers, c.remote, length(c.body), c.body_sha256";

/// A callback without its body.
pub(super) fn one(
    connection: &Connection,
    id: CallbackId,
) -> Result<Option<CallbackRecord>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM callback AS c WHERE c.uid = ?1");
    Ok(by_uid(connection, &sql, id.to_bytes(), record)?.map(|(_, record)| record))
}

/// A content type and a body, or why the body can't be trusted.
pub(super) type CheckedBody = Result<(Option<String>, Bytes), StoreError>;

/// A callback's content type and body, if the body is what it was.
pub(super) fn body(connection: &Connection, id: CallbackId) -> Result<Option<CheckedBody>, Error> {
    let sql = "SELECT headers, body_sha256, body FROM callback WHERE uid = ?1";
    by_uid(connection, sql, id.to_bytes(), |row| {
        let headers: Vec<(String, String)> = rows::json(row, 0)?;
        let (digest, body): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
        if Sha256::digest(&body).as_slice() != digest {
            return Ok(Err(StoreError::Failed(format!(
                "the body of {id} is not what was received: its checksum differs"
            ))));
        }
        let content_type =
            headers.into_iter().find(|(name, _)| name == "content-type").map(|(_, value)| value);
        Ok(Ok((content_type, Bytes::from(body))))
    })
}

/// A page of callbacks.
pub(super) fn page(
    connection: &Connection,
    source: Option<&Name>,
    outcome: Option<CallbackOutcome>,
    page: PageRequest,
) -> Result<Page<CallbackRecord>, Error> {
    let (comparison, order) = direction(page.order);
    let sql = format!(
        "SELECT {COLUMNS} FROM callback AS c
         WHERE c.id {comparison} ?1 AND (?3 IS NULL OR c.source = ?3) AND (?4 IS NULL OR c.outcome = ?4)
         ORDER BY c.id {order} LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let (source, outcome) = (source.map(Name::as_str), outcome.map(CallbackOutcome::as_str));
    walk(page, |after, limit| {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = statement.query_map(params![after, limit, source, outcome], record)?;
        found.map(|found| found.map(|(number, record)| (number, Some(record)))).collect()
    })
}

/// What came in from a source so far.
pub(super) fn counts(connection: &Connection, source: &Name) -> Result<SourceCounts, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT outcome, reason, number, last_ms FROM received WHERE source = ?1",
    )?;
    let mut counts = SourceCounts::default();
    let mut found = statement.query([source.as_str()])?;
    while let Some(row) = found.next()? {
        let number = u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0);
        counts.received += number;
        counts.last_received_at = counts.last_received_at.max(Some(Time::from_millis(row.get(3)?)));
        match outcome(row, 0)? {
            CallbackOutcome::Events => {}
            CallbackOutcome::Duplicate => counts.duplicates += number,
            CallbackOutcome::Quarantined => counts.quarantined += number,
            CallbackOutcome::Unauthentic => counts.unauthentic.push((row.get(1)?, number)),
        }
    }
    Ok(counts)
}

fn record(row: &Row<'_>) -> Result<(i64, CallbackRecord), Error> {
    let digest: Vec<u8> = row.get(13)?;
    let remote: Option<String> = row.get(11)?;
    let callback = Callback {
        id: rows::id(row, 1, CallbackId::from_bytes)?,
        source: rows::parsed(row, 2)?,
        received_at: rows::time(row, 3)?,
        head: Head {
            method: row.get(7)?,
            path: row.get(8)?,
            query: row.get(9)?,
            headers: rows::json(row, 10)?,
            token: None,
            remote: remote
                .map(|address| address.parse())
                .transpose()
                .map_err(|error| rows::unreadable(11, error))?,
        },
        body: Bytes::new(),
    };
    let record = CallbackRecord {
        callback,
        body_size: u64::try_from(row.get::<_, i64>(12)?).unwrap_or(0),
        body_sha256: digest.as_slice().try_into().map_err(|error| rows::unreadable(13, error))?,
        outcome: outcome(row, 4)?,
        reason: row.get(5)?,
        events: event_ids(&row.get::<_, Vec<u8>>(6)?),
    };
    Ok((row.get(0)?, record))
}

fn event_ids(packed: &[u8]) -> Vec<EventId> {
    packed.as_chunks::<16>().0.iter().map(|bytes| EventId::from_bytes(*bytes)).collect()
}

fn outcome(row: &Row<'_>, column: usize) -> Result<CallbackOutcome, Error> {
    let word: String = row.get(column)?;
    let known = CallbackOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == word);
    known.ok_or_else(|| rows::unknown(column, &word))
}
