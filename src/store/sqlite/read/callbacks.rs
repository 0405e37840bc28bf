//! Questions about callbacks, as they came.

use bytes::Bytes;
use rusqlite::{Connection, Error, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::super::rows;
use super::arrivals::{Arrivals, between};
use super::by_uid;
use super::walk::{Candidate, beyond, candidates, direction, merged, rows as number_of, walk};
use crate::clock::Time;
use crate::domain::callback::{Callback, CallbackOutcome, Head};
use crate::domain::id::CallbackId;
use crate::domain::name::Name;
use crate::domain::query::{CallbackFilter, Order, Page, PageRequest};
use crate::store::{CallbackRecord, SourceCounts, StoreError, StoredCallback};

/// The columns that [`record`] reads, in its order.
const COLUMNS: &str = "c.id, c.uid, c.source, c.received_ms, c.outcome, c.reason, c.events, c.method, c.path, c.query, \
     c.headers, c.remote, length(c.body), c.body_sha256, c.erased_ms";

/// A callback without its body.
pub(super) fn one(
    connection: &Connection,
    id: CallbackId,
) -> Result<Option<CallbackRecord>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM callback AS c WHERE c.uid = ?1");
    Ok(by_uid(connection, &sql, id.to_bytes(), record)?.map(|(_, record)| record))
}

/// What was asked for, or why the body can't be trusted.
pub(super) type Checked<T> = Result<T, StoreError>;

/// A content type and a body.
pub(super) type TypedBody = (Option<String>, Bytes);

/// A callback's content type and body, if the body is what it was.
pub(super) fn body(
    connection: &Connection,
    id: CallbackId,
) -> Result<Option<Checked<TypedBody>>, Error> {
    let sql =
        "SELECT headers, body_sha256, body FROM callback WHERE uid = ?1 AND erased_ms IS NULL";
    by_uid(connection, sql, id.to_bytes(), |row| {
        let headers: Vec<(String, String)> = rows::json(row, 0)?;
        let content_type =
            headers.into_iter().find(|(name, _)| name == "content-type").map(|(_, value)| value);
        Ok(whole_body(id, &row.get::<_, Vec<u8>>(1)?, row.get(2)?).map(|body| (content_type, body)))
    })
}

fn whole_body(id: CallbackId, digest: &[u8], body: Vec<u8>) -> Checked<Bytes> {
    if Sha256::digest(&body).as_slice() == digest {
        return Ok(Bytes::from(body));
    }
    Err(StoreError::Failed(format!(
        "the body of {id} is not what was received: its checksum differs"
    )))
}

/// A callback with all that is needed to read it again, if its body is what it was.
pub(super) fn stored(
    connection: &Connection,
    id: CallbackId,
) -> Result<Option<Checked<StoredCallback>>, Error> {
    let sql = format!("SELECT {COLUMNS}, c.token_hash, c.body FROM callback AS c WHERE c.uid = ?1");
    by_uid(connection, &sql, id.to_bytes(), |row| {
        let (_, CallbackRecord { mut callback, outcome, erased_at, .. }) = record(row)?;
        let token_hash = row.get(15)?;
        let digest: Vec<u8> = row.get(13)?;
        Ok(whole_body(id, &digest, row.get(16)?).map(|body| {
            callback.body = body;
            StoredCallback { callback, token_hash, outcome, erased_at }
        }))
    })
}

/// A page of callbacks.
pub(super) fn page(
    connection: &Connection,
    filter: &CallbackFilter,
    page: PageRequest,
) -> Result<Page<CallbackRecord>, Error> {
    let bounds = between(connection, Arrivals::Callbacks, filter.since, filter.until)?;
    let sources = odd_sources(connection, filter)?;
    let sql = format!("SELECT {COLUMNS} FROM callback AS c WHERE c.id = ?1");
    let mut one = connection.prepare_cached(&sql)?;
    let find = |after, limit| {
        let within = beyond(page.order, after, bounds);
        let Some(sources) = &sources else {
            return some(connection, filter, None, within, (page.order, limit));
        };
        let lists = sources
            .iter()
            .map(|source| some(connection, filter, Some(source), within, (page.order, limit)));
        Ok(merged(page.order, limit, lists.collect::<Result<_, Error>>()?))
    };
    walk(page, find, |row| {
        let (_, record) = one.query_row([row], record)?;
        Ok(Some(record).filter(|record| filter.reach.has(&record.callback.source)))
    })
}

/// What lets SQLite see that the index of what is not `events` holds all that is asked for.
const ODD: &str = "c.outcome = ?5 AND c.outcome <> 'events'";

/// The sources in whose lists of what was set aside to look; `None` if the filter does not ask for that.
fn odd_sources(
    connection: &Connection,
    filter: &CallbackFilter,
) -> Result<Option<Vec<String>>, Error> {
    let Some(outcome) = filter.outcome.filter(|outcome| *outcome != CallbackOutcome::Events) else {
        return Ok(None);
    };
    if let Some(source) = &filter.source {
        return Ok(Some(vec![source.to_string()]));
    }
    let mut next = connection.prepare_cached(
        "SELECT c.source FROM callback AS c WHERE c.outcome = ?1 AND c.outcome <> 'events' AND c.source > ?2
         ORDER BY c.source LIMIT 1",
    )?;
    let mut sources: Vec<String> = Vec::new();
    loop {
        let last = sources.last().map_or("", String::as_str);
        let found = next.query_row(params![outcome.as_str(), last], |row| row.get(0)).optional()?;
        let Some(source) = found else { return Ok(Some(sources)) };
        sources.push(source);
    }
}

/// The next callbacks of one list, each with whether its columns fit.
fn some(
    connection: &Connection,
    filter: &CallbackFilter,
    odd_of: Option<&str>,
    (above, below): (i64, i64),
    (order, limit): (Order, usize),
) -> Result<Vec<Candidate>, Error> {
    let (index, of) = match odd_of {
        Some(_) => ("INDEXED BY callback_odd", format!("AND c.source = ?4 AND {ODD}")),
        None => ("", String::new()),
    };
    let (_, order) = direction(order);
    let sql = format!(
        "SELECT c.id, (?4 IS NULL OR c.source = ?4) AND (?5 IS NULL OR c.outcome = ?5)
                      AND c.received_ms >= ?6 AND c.received_ms < ?7
         FROM callback AS c {index}
         WHERE c.id > ?1 AND c.id < ?2 {of} ORDER BY c.id {order} LIMIT ?3"
    );
    let values = params![
        above,
        below,
        number_of(limit),
        odd_of.or(filter.source.as_ref().map(Name::as_str)),
        filter.outcome.map(CallbackOutcome::as_str),
        filter.since.map_or(i64::MIN, Time::as_millis),
        filter.until.map_or(i64::MAX, Time::as_millis),
    ];
    candidates(connection, &sql, values)
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
        let last = Some(Time::from_millis(row.get(3)?));
        counts.last_received_at = counts.last_received_at.max(last);
        let outcome = rows::outcome(row, 0)?;
        if outcome != CallbackOutcome::Unauthentic {
            counts.last_authentic_at = counts.last_authentic_at.max(last);
        }
        match outcome {
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
        outcome: rows::outcome(row, 4)?,
        reason: row.get(5)?,
        events: rows::event_ids(&row.get::<_, Vec<u8>>(6)?),
        erased_at: row.get::<_, Option<i64>>(14)?.map(Time::from_millis),
    };
    Ok((row.get(0)?, record))
}
