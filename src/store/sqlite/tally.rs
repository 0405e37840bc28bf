//! The tallies of what came in, and the quota of what is not authentic.

use rusqlite::{Connection, Error, OptionalExtension, params};

use crate::clock::Time;
use crate::domain::callback::{Callback, CallbackOutcome};
use crate::domain::name::Name;
use crate::domain::source::Quota;

/// What came in of one source with one outcome, and for what is not authentic with one reason.
pub(super) type Kind = (String, CallbackOutcome, String);

/// What a callback is tallied as.
pub(super) fn kind(source: &Name, outcome: CallbackOutcome, reason: Option<&str>) -> Kind {
    let reason = reason.filter(|_| outcome == CallbackOutcome::Unauthentic).unwrap_or_default();
    (source.as_str().to_owned(), outcome, reason.to_owned())
}

/// Counts callbacks of a kind, the last of which came at `last`, so that nobody has to count rows.
pub(super) fn add(
    connection: &Connection,
    (source, outcome, reason): &Kind,
    number: i64,
    last: Time,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO received (source, outcome, reason, number, last_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET number = number + excluded.number, last_ms = max(last_ms, excluded.last_ms)",
        )?
        .execute(params![source, outcome.as_str(), reason, number, last.as_millis()])
        .map(|_| ())
}

/// Counts one more unauthentic callback, and drops the source's oldest ones until its quota holds.
pub(super) fn keep_within(
    connection: &Connection,
    callback: &Callback,
    quota: Quota,
) -> Result<(), Error> {
    let bytes = i64::try_from(callback.body.len()).unwrap_or(i64::MAX);
    let (mut kept, mut total): (i64, i64) = connection
        .prepare_cached(
            "INSERT INTO refused (source, callbacks, bytes) VALUES (?1, 1, ?2)
             ON CONFLICT DO UPDATE SET callbacks = callbacks + 1, bytes = bytes + excluded.bytes
             RETURNING callbacks, bytes",
        )?
        .query_row(params![callback.source.as_str(), bytes], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let (most, largest) =
        (i64::from(quota.callbacks), i64::try_from(quota.bytes).unwrap_or(i64::MAX));
    while kept > 0 && (kept > most || total > largest) {
        let Some(length) = drop_oldest(connection, &callback.source)? else { break };
        kept -= 1;
        total = total.saturating_sub(length);
    }
    connection
        .prepare_cached("UPDATE refused SET callbacks = ?2, bytes = ?3 WHERE source = ?1")?
        .execute(params![callback.source.as_str(), kept, total])
        .map(|_| ())
}

/// Drops the source's oldest unauthentic callback; the length of its body. Saying that its outcome is not `events` lets SQLite
/// see that the index of what was set aside holds it.
fn drop_oldest(connection: &Connection, source: &Name) -> Result<Option<i64>, Error> {
    connection
        .prepare_cached(
            "DELETE FROM callback WHERE id = (SELECT min(id) FROM callback
                                         WHERE outcome = 'unauthentic' AND outcome <> 'events' AND source = ?1)
             RETURNING length(body)",
        )?
        .query_row([source.as_str()], |row| row.get(0))
        .optional()
}

/// Counts a callback under what it became, and no more under what it was.
pub(super) fn move_to(
    connection: &Connection,
    callback: &Callback,
    was: (CallbackOutcome, Option<&str>),
    outcome: CallbackOutcome,
) -> Result<(), Error> {
    let (old, reason) = was;
    let reason = reason.filter(|_| old == CallbackOutcome::Unauthentic).unwrap_or_default();
    let source = callback.source.as_str();
    let last: Option<i64> = connection
        .prepare_cached(
            "UPDATE received SET number = number - 1 WHERE source = ?1 AND outcome = ?2 AND reason = ?3
             RETURNING last_ms",
        )?
        .query_row(params![source, old.as_str(), reason], |row| row.get(0))
        .optional()?;
    connection
        .prepare_cached("DELETE FROM received WHERE source = ?1 AND number <= 0")?
        .execute([source])?;
    add(connection, &kind(&callback.source, outcome, None), 1, callback.received_at)?;
    // When something last came in must not fall back because a row went.
    connection
        .prepare_cached("UPDATE received SET last_ms = max(last_ms, ?3) WHERE source = ?1 AND outcome = ?2 AND reason = ''")?
        .execute(params![source, outcome.as_str(), last.unwrap_or_default()])
        .map(|_| ())
}

/// Takes a callback out of the quota of what is not authentic.
pub(super) fn let_go(connection: &Connection, callback: &Callback) -> Result<(), Error> {
    let bytes = i64::try_from(callback.body.len()).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "UPDATE refused SET callbacks = max(callbacks - 1, 0), bytes = max(bytes - ?2, 0) WHERE source = ?1",
        )?
        .execute(params![callback.source.as_str(), bytes])
        .map(|_| ())
}
