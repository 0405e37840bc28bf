//! Callbacks: which of them name somebody, and emptying them. Their rows stay, so that nobody wonders what became of them.

use rusqlite::{Connection, Error, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::{Batch, Found};
use crate::clock::Time;
use crate::domain::id::CallbackId;
use crate::domain::person::Marks;
use crate::store::erasures::Theirs;

/// Callbacks that one step looks at, and bytes of bodies after which it looks at no more.
const CALLBACKS: u32 = 200;
const BYTES: usize = 8 * 1024 * 1024;

/// A callback that names them.
struct Naming {
    row: i64,
    uid: [u8; 16],
}

/// The next callbacks that name them.
fn next(
    connection: &Connection,
    marks: &Marks,
    after: i64,
) -> Result<(Vec<Naming>, Option<i64>), Error> {
    let mut find = connection.prepare_cached(
        "SELECT id, uid, path, query, headers, reason, body FROM callback WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut found = find.query(params![after, CALLBACKS])?;
    let (mut naming, mut place, mut looked, mut bytes) = (Vec::new(), after, 0, 0);
    while let Some(row) = found.next()? {
        (place, looked) = (row.get(0)?, looked + 1);
        bytes += row.get_ref(6)?.as_blob().map_or(0, <[u8]>::len);
        if names(marks, row)? {
            naming.push(Naming { row: place, uid: row.get(1)? });
        }
        if bytes > BYTES {
            return Ok((naming, Some(place)));
        }
    }
    Ok((naming, (looked == CALLBACKS).then_some(place)))
}

fn names(marks: &Marks, row: &Row<'_>) -> Result<bool, Error> {
    for column in 2..=6 {
        if row
            .get_ref(column)?
            .as_bytes_or_null()
            .ok()
            .flatten()
            .is_some_and(|bytes| marks.is_in(bytes))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The next callbacks that are to be emptied.
pub(super) fn read(connection: &Connection, marks: &Marks, after: i64) -> Result<Batch, Error> {
    let (naming, next) = next(connection, marks, after)?;
    let rows = naming.into_iter().map(|naming| naming.row).collect();
    Ok(Batch { found: Found::Callbacks(rows), next, ..Batch::default() })
}

/// The next callbacks that name them, for whoever wants to have them.
pub(in crate::store::sqlite) fn naming(
    connection: &Connection,
    marks: &Marks,
    after: i64,
) -> Result<Theirs<CallbackId>, Error> {
    let (naming, next) = next(connection, marks, after)?;
    let items = naming.into_iter().map(|naming| CallbackId::from_bytes(naming.uid)).collect();
    Ok(Theirs { items, next })
}

/// Empties a callback, and takes an event that is removed out of its list; how many were emptied that had not been.
pub(super) fn empty(
    connection: &Connection,
    row: i64,
    event: Option<&[u8; 16]>,
    now: Time,
) -> Result<u64, Error> {
    type Was = (String, String, Vec<u8>, i64, bool);
    let was: Option<Was> = connection
        .prepare_cached(
            "SELECT source, outcome, events, length(body), erased_ms IS NOT NULL FROM callback WHERE id = ?1",
        )?
        .query_row([row], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .optional()?;
    let Some((source, outcome, events, bytes, was_empty)) = was else { return Ok(0) };
    let left: Vec<u8> = match event {
        Some(gone) => events
            .as_chunks::<16>()
            .0
            .iter()
            .filter(|one| *one != gone)
            .flatten()
            .copied()
            .collect(),
        None => events,
    };
    // The checksum is that of no bytes: whoever compares it finds that it fits.
    connection
        .prepare_cached(
            "UPDATE callback SET path = ?2, query = '', headers = '[]', token_hash = NULL, body = x'', body_sha256 = ?3,
                                 reason = CASE outcome WHEN 'quarantined' THEN 'erased' ELSE reason END,
                                 events = ?4, erased_ms = coalesce(erased_ms, ?5)
             WHERE id = ?1",
        )?
        .execute(params![
            row,
            format!("/in/{source}"),
            Sha256::digest(b"").as_slice(),
            left,
            now.as_millis()
        ])?;
    if outcome == "unauthentic" {
        connection
            .prepare_cached("UPDATE refused SET bytes = max(bytes - ?2, 0) WHERE source = ?1")?
            .execute(params![source, bytes])?;
    }
    Ok(u64::from(!was_empty))
}
