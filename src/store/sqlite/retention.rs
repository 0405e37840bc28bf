//! Removing what is too old: each step finds its rows at the low end of a key that rises with time, and is small.

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::floors::{Floors, Tops};
use super::index;
use crate::clock::Time;
use crate::domain::callback::CallbackOutcome;
use crate::store::{Extent, Kind, Prune, Pruned};

/// Rows that one step looks at, and removes, at most; one event's deliveries and their attempts go with it.
const ROWS_MAX: u32 = 1_000;

/// Bytes of bodies and data after which a step removes no more: every page of a long one has to be touched.
const BYTES_MAX: i64 = 4 * 1024 * 1024;

/// Pages given back to the disk in one step, 4 KiB each.
const PAGES_MAX: i64 = 256;

/// One page in so many may be free: what comes in next is written there.
const FREE_SHARE: i64 = 10;

/// What lets SQLite see that the index of what was set aside holds all that is asked for.
const INDEXED: &str = "outcome <> 'events'";

/// Removes what is too old, up to a step's bounds.
pub(super) fn prune(connection: &Connection, prune: &Prune) -> Result<Pruned, Error> {
    let Prune { before, after, .. } = *prune;
    let tops = Tops::of(connection)?;
    let pruned = match prune.kind {
        Kind::Attempts => attempts(connection, before, after),
        Kind::Events => events(connection, before, after),
        Kind::Callbacks => callbacks(connection, before, after),
        Kind::Quarantined => set_aside(connection, CallbackOutcome::Quarantined, before),
        Kind::Unauthentic => set_aside(connection, CallbackOutcome::Unauthentic, before),
    }?;
    Floors::hold(connection, tops)?;
    Ok(pruned)
}

/// Gives some of the free room back to the disk; whether there is more to give.
pub(super) fn shrink(connection: &Connection) -> Result<bool, Error> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if pragma("freelist_count")? <= pragma("page_count")? / FREE_SHARE {
        return Ok(false);
    }
    let before = pragma("page_count")?;
    connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES_MAX})"))?;
    Ok(pragma("page_count")? < before)
}

/// How much room the file takes, on a disk of so many bytes.
pub(super) fn extent(connection: &Connection, disk: u64) -> Result<Extent, Error> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let bytes = |number: i64| u64::try_from(number).unwrap_or_default();
    let (page, pages, free) =
        (pragma("page_size")?, pragma("page_count")?, pragma("freelist_count")?);
    let first = |sql: &str| {
        let mut find = connection.prepare_cached(sql)?;
        find.query_row([], |row| row.get::<_, i64>(0)).optional()
    };
    let callback =
        first("SELECT received_ms FROM callback WHERE id = (SELECT min(id) FROM callback)")?;
    let event =
        first("SELECT received_ms FROM event WHERE sequence = (SELECT min(sequence) FROM event)")?;
    Ok(Extent {
        file: bytes(pages * page),
        used: bytes((pages - free) * page),
        disk,
        oldest: callback.into_iter().chain(event).min().map(Time::from_millis),
    })
}

/// What a step may still do.
struct Budget {
    rows: u32,
    bytes: i64,
}

impl Budget {
    const WHOLE: Self = Self { rows: ROWS_MAX, bytes: BYTES_MAX };

    fn take(&mut self, rows: usize, bytes: i64) {
        self.rows = self.rows.saturating_sub(u32::try_from(rows).unwrap_or(u32::MAX));
        self.bytes -= bytes;
    }

    fn is_spent(&self) -> bool {
        self.rows == 0 || self.bytes <= 0
    }
}

/// What a look at one row says.
struct Look {
    /// The row's place in the order of the walk.
    place: i64,
    /// Whether it is younger than what is to go, and so is all behind it.
    young: bool,
    /// Whether something still needs it, though it is old.
    needed: bool,
}

/// Walks rows from the oldest on. `remove` says whether a row is gone altogether; if not, the next step goes on with it.
fn walk<T>(
    rows: &[T],
    after: i64,
    look: impl Fn(&T) -> Result<Look, Error>,
    mut remove: impl FnMut(&T, &mut Budget) -> Result<bool, Error>,
) -> Result<Pruned, Error> {
    let (mut budget, mut removed, mut place) = (Budget::WHOLE, 0, after);
    for row in rows {
        if budget.is_spent() {
            return Ok(Pruned { removed, next: Some(place) });
        }
        let look = look(row)?;
        if look.young {
            return Ok(Pruned { removed, next: None });
        }
        if !look.needed {
            if !remove(row, &mut budget)? {
                return Ok(Pruned { removed, next: Some(place) });
            }
            removed += 1;
        }
        place = look.place;
    }
    let all = rows.len() < ROWS_MAX as usize;
    Ok(Pruned { removed, next: (!all).then_some(place) })
}

/// Attempts go once the delivery has ended and its latest attempt is old, all of a delivery's at once.
fn attempts(connection: &Connection, before: Time, after: i64) -> Result<Pruned, Error> {
    struct Tried {
        delivery: i64,
        made: i64,
        open: bool,
        latest: i64,
        number: u32,
    }
    let mut find = connection.prepare_cached(
        "SELECT a.delivery, d.made_ms, d.state IN ('pending', 'in_flight'), max(a.started_ms), count(*)
         FROM attempt AS a CROSS JOIN delivery AS d ON d.id = a.delivery
         WHERE a.delivery > ?1 GROUP BY a.delivery ORDER BY a.delivery LIMIT ?2",
    )?;
    let found = find.query_map(params![after, ROWS_MAX], |row| {
        let (delivery, made, open) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Tried { delivery, made, open, latest: row.get(3)?, number: row.get(4)? })
    })?;
    let found: Vec<Tried> = found.collect::<Result<_, _>>()?;
    let before = before.as_millis();
    let mut delete = connection.prepare_cached("DELETE FROM attempt WHERE delivery = ?1")?;
    let look = |tried: &Tried| {
        let needed = tried.open || tried.latest >= before;
        Ok(Look { place: tried.delivery, young: tried.made >= before, needed })
    };
    walk(&found, after, look, |tried, budget| {
        budget.take(tried.number as usize, 0);
        delete.execute([tried.delivery])?;
        Ok(true)
    })
}

/// An event that may be old enough to go.
struct OldEvent {
    sequence: i64,
    message: Option<i64>,
    received: i64,
    bytes: i64,
    open: bool,
}

/// Events go with their repetitions, their deliveries and attempts, and the message once it has no event left.
fn events(connection: &Connection, before: Time, after: i64) -> Result<Pruned, Error> {
    let mut find = connection.prepare_cached(
        "SELECT sequence, message, received_ms, octet_length(data) + coalesce(octet_length(extra), 0),
                EXISTS (SELECT 1 FROM delivery WHERE event = sequence AND state IN ('pending', 'in_flight'))
         FROM event WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
    )?;
    let found = find.query_map(params![after, ROWS_MAX], |row| {
        let (sequence, message, received) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(OldEvent { sequence, message, received, bytes: row.get(3)?, open: row.get(4)? })
    })?;
    let found: Vec<OldEvent> = found.collect::<Result<_, _>>()?;
    let look = |event: &OldEvent| {
        let young = event.received >= before.as_millis();
        Ok(Look { place: event.sequence, young, needed: event.open })
    };
    walk(&found, after, look, |event, budget| remove_event(connection, event, budget))
}

/// Removes an event; `false` if it was repeated so often that not even its repetitions fitted into the step.
fn remove_event(
    connection: &Connection,
    event: &OldEvent,
    budget: &mut Budget,
) -> Result<bool, Error> {
    let repetitions = connection
        .prepare_cached(
            "DELETE FROM repetition WHERE event = ?1
             AND callback_uid IN (SELECT callback_uid FROM repetition WHERE event = ?1 LIMIT ?2)",
        )?
        .execute(params![event.sequence, budget.rows])?;
    budget.take(repetitions, 0);
    if budget.is_spent() {
        return Ok(false);
    }
    // The rows that refer to others go first: then no foreign key has anything to look for but its own index.
    let attempts = connection
        .prepare_cached(
            "DELETE FROM attempt WHERE delivery IN (SELECT id FROM delivery WHERE event = ?1)",
        )?
        .execute([event.sequence])?;
    let deliveries = connection
        .prepare_cached("DELETE FROM delivery WHERE event = ?1")?
        .execute([event.sequence])?;
    connection
        .prepare_cached("DELETE FROM event WHERE sequence = ?1")?
        .execute([event.sequence])?;
    index::forget_event(connection, event.sequence)?;
    if let Some(message) = event.message {
        let removed = connection
            .prepare_cached(
                "DELETE FROM message WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM event WHERE message = ?1)",
            )?
            .execute([message])?;
        if removed > 0 {
            index::forget_message(connection, message)?;
        }
    }
    budget.take(1 + deliveries + attempts, event.bytes);
    Ok(true)
}

/// Callbacks that were understood. What was set aside has ages of its own.
fn callbacks(connection: &Connection, before: Time, after: i64) -> Result<Pruned, Error> {
    struct Old {
        id: i64,
        uid: Vec<u8>,
        received: i64,
        set_aside: bool,
        events: Vec<u8>,
        bytes: i64,
    }
    let mut find = connection.prepare_cached(
        "SELECT id, uid, received_ms, outcome IN ('quarantined', 'unauthentic'), events, length(body)
         FROM callback WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let found = find.query_map(params![after, ROWS_MAX], |row| {
        let (id, uid, received) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (set_aside, events, bytes) = (row.get(3)?, row.get(4)?, row.get(5)?);
        Ok(Old { id, uid, received, set_aside, events, bytes })
    })?;
    let found: Vec<Old> = found.collect::<Result<_, _>>()?;
    let look = |old: &Old| {
        let young = old.received >= before.as_millis();
        let needed =
            old.set_aside || (!young && to_be_delivered(connection, &old.uid, &old.events)?);
        Ok(Look { place: old.id, young, needed })
    };
    let mut delete = connection.prepare_cached("DELETE FROM callback WHERE id = ?1")?;
    walk(&found, after, look, |old, budget| {
        budget.take(1 + old.events.len() / 16, old.bytes);
        delete.execute([old.id])?;
        Ok(true)
    })
}

/// Whether one of a callback's own events has an open delivery, which may want its bytes.
fn to_be_delivered(connection: &Connection, uid: &[u8], events: &[u8]) -> Result<bool, Error> {
    let mut find = connection.prepare_cached(
        "SELECT 1 FROM event AS e CROSS JOIN delivery AS d ON d.event = e.sequence
         WHERE e.uid = ?1 AND e.callback_uid = ?2 AND d.state IN ('pending', 'in_flight') LIMIT 1",
    )?;
    for event in events.as_chunks::<16>().0 {
        if find.exists(params![event, uid])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Callbacks that were set aside, source by source, for their index is in that order.
fn set_aside(
    connection: &Connection,
    outcome: CallbackOutcome,
    before: Time,
) -> Result<Pruned, Error> {
    let word = outcome.as_str();
    let mut next_source = connection.prepare_cached(&format!(
        "SELECT source FROM callback WHERE outcome = '{word}' AND {INDEXED} AND source > ?1
         ORDER BY source LIMIT 1"
    ))?;
    let mut find = connection.prepare_cached(&format!(
        "SELECT id, received_ms, length(body) FROM callback
         WHERE outcome = '{word}' AND {INDEXED} AND source = ?1 ORDER BY id LIMIT ?2"
    ))?;
    let mut delete = connection.prepare_cached("DELETE FROM callback WHERE id = ?1")?;
    let mut source = String::new();
    while let Some(next) =
        next_source.query_row([&source], |row| row.get::<_, String>(0)).optional()?
    {
        source = next;
        let found = find.query_map(params![source, ROWS_MAX], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })?;
        let found: Vec<(i64, i64, i64)> = found.collect::<Result<_, _>>()?;
        let look = |(id, received, _): &(i64, i64, i64)| {
            Ok(Look { place: *id, young: *received >= before.as_millis(), needed: false })
        };
        let pruned = walk(&found, 0, look, |(id, _, bytes), budget| {
            budget.take(1, *bytes);
            if outcome == CallbackOutcome::Unauthentic {
                let_go(connection, &source, *bytes)?;
            }
            delete.execute([id])?;
            Ok(true)
        })?;
        if pruned.removed > 0 {
            // One source a step; the next step finds whether anything is left.
            return Ok(Pruned { next: Some(0), ..pruned });
        }
    }
    Ok(Pruned { removed: 0, next: None })
}

/// Takes a callback out of its source's quota of what is not authentic.
fn let_go(connection: &Connection, source: &str, bytes: i64) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE refused SET callbacks = max(callbacks - 1, 0), bytes = max(bytes - ?2, 0) WHERE source = ?1",
        )?
        .execute(params![source, bytes])
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::schema;

    #[test]
    fn no_step_walks_through_a_whole_table() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, std::path::Path::new("callbox.db")).unwrap();
        let text = include_str!("retention.rs");
        let (shipped, _) = text.split_once("#[cfg(test)]").unwrap();
        let mut looked_at = 0;
        for sql in shipped.split('"').filter(|part| {
            ["SELECT ", "DELETE ", "UPDATE "].iter().any(|verb| part.starts_with(verb))
        }) {
            let sql = sql.replace("{word}", "quarantined").replace("{INDEXED}", INDEXED);
            let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let mut steps = explain.raw_query();
            while let Some(step) = steps.next().unwrap() {
                let step: String = step.get(3).unwrap();
                assert!(
                    !step.starts_with("SCAN") && !step.contains("TEMP B-TREE"),
                    "{sql}: {step}"
                );
            }
            looked_at += 1;
        }
        assert!(looked_at >= 10, "{looked_at}");
    }
}
