//! What vendors send that their adapters do not know, as the store remembers it.

use rusqlite::{Connection, Error, params};

use super::rows;
use crate::domain::drift::{Finding, Kind, Seen};
use crate::domain::id::CallbackId;
use crate::domain::name::Name;

/// Writes down what is new, and how often what is known was seen by now.
pub(super) fn write(
    connection: &Connection,
    source: &Name,
    news: &[(Finding, Seen)],
) -> Result<(), Error> {
    for (finding, seen) in news {
        connection
            .prepare_cached(
                "INSERT INTO drift (source, dialect, kind, name, first_ms, number, example)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT DO UPDATE SET number = max(number, excluded.number)",
            )?
            .execute(params![
                source.as_str(),
                finding.dialect,
                finding.kind.as_str(),
                finding.name,
                seen.first_seen_at.as_millis(),
                i64::try_from(seen.count).unwrap_or(i64::MAX),
                seen.example_callback.to_bytes(),
            ])?;
    }
    Ok(())
}

/// Forgets what is remembered of a source; how many findings that were.
pub(super) fn forget(connection: &Connection, source: &Name) -> Result<usize, Error> {
    connection.prepare_cached("DELETE FROM drift WHERE source = ?1")?.execute([source.as_str()])
}

/// All that is remembered, oldest first within each source.
pub(super) fn all(connection: &Connection) -> Result<Vec<(Name, Finding, Seen)>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT source, dialect, kind, name, first_ms, number, example FROM drift ORDER BY source, first_ms",
    )?;
    let found = statement.query_map([], |row| {
        let word: String = row.get(2)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
        let kind = kind.ok_or_else(|| rows::unknown(2, &word))?;
        let finding = Finding { dialect: row.get(1)?, kind, name: row.get(3)? };
        let seen = Seen {
            first_seen_at: rows::time(row, 4)?,
            count: u64::try_from(row.get::<_, i64>(5)?).unwrap_or(0),
            example_callback: rows::id(row, 6, CallbackId::from_bytes)?,
        };
        Ok((rows::parsed(row, 0)?, finding, seen))
    })?;
    found.collect()
}
