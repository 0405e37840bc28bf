//! Counts by minute, hour and day, and tallies of what came in: gathered in memory while a group of writes is done, and written
//! down once with it.
//!
//! Each thing is counted in its minute alone. Minutes that are old move into their hours, and old hours into their days: so what a
//! count is made of stands in the table once, however it is asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, Error, params};

use super::tally;
use crate::clock::{Clock, Time};
use crate::domain::callback::CallbackOutcome;
use crate::domain::delivery::{DeliveryState, Outcome};
use crate::domain::event::EventType;
use crate::domain::name::Name;
use crate::domain::stats::{Bucket, Counted, Counts, StatsFilter};

/// Rows that one step moves at most.
const MOVED_MAX: i64 = 500;

/// What is counted, when, of whom, and its word.
type Key = (i64, Counted, String, &'static str);

/// What the group of writes under way has counted so far. Only the writing thread touches it, so nobody ever waits for it.
#[derive(Debug)]
pub(super) struct Counting {
    clock: Arc<dyn Clock>,
    counted: Mutex<BTreeMap<Key, i64>>,
    /// What came in, and when the last of it did.
    received: Mutex<BTreeMap<tally::Kind, (i64, Time)>>,
}

impl Counting {
    /// Nothing is counted yet.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, counted: Mutex::default(), received: Mutex::default() }
    }

    /// One more, for what will be undone.
    pub(super) fn aside(&self) -> Self {
        Self::new(Arc::clone(&self.clock))
    }

    /// A callback, by what became of it, and why.
    pub(super) fn callback(
        &self,
        at: Time,
        source: &Name,
        outcome: CallbackOutcome,
        reason: Option<&str>,
    ) {
        self.count(at, Counted::Callbacks, source.as_str(), outcome.as_str());
        let mut received = self.received.lock();
        let (number, last) =
            received.entry(tally::kind(source, outcome, reason)).or_insert((0, at));
        (*number, *last) = (*number + 1, at.max(*last));
    }

    /// An event, by its type.
    pub(super) fn event(&self, at: Time, source: &Name, kind: EventType) {
        self.count(at, Counted::Events, source.as_str(), kind.as_str());
    }

    /// An attempt, by its outcome.
    pub(super) fn attempt(&self, destination: &str, outcome: Outcome) {
        self.count(self.clock.now(), Counted::Attempts, destination, outcome.as_str());
    }

    /// A delivery that ends now, by how.
    pub(super) fn delivery(&self, destination: &str, state: DeliveryState) {
        self.count(self.clock.now(), Counted::Deliveries, destination, state.as_str());
    }

    fn count(&self, at: Time, what: Counted, name: &str, word: &'static str) {
        let key = (Bucket::Minute.start(at).as_millis(), what, name.to_owned(), word);
        *self.counted.lock().entry(key).or_default() += 1;
    }

    /// Forgets what was counted: it was undone.
    pub(super) fn forget(&self) {
        self.counted.lock().clear();
        self.received.lock().clear();
    }

    /// Writes down what was counted, in the transaction that is under way.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), Error> {
        for ((start, what, name, word), number) in std::mem::take(&mut *self.counted.lock()) {
            add(connection, Bucket::Minute, start, (what.as_str(), name.as_str(), word), number)?;
        }
        for (kind, (number, last)) in std::mem::take(&mut *self.received.lock()) {
            tally::add(connection, &kind, number, last)?;
        }
        Ok(())
    }
}

fn add(
    connection: &Connection,
    bucket: Bucket,
    start: i64,
    (what, name, word): (&str, &str, &str),
    number: i64,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO count (length_ms, start_ms, what, name, word, number) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET number = number + excluded.number",
        )?
        .execute(params![bucket.millis(), start, what, name, word, number])
        .map(|_| ())
}

/// Moves some of what is old into longer buckets, and removes what is older than all of them; whether there is more of it.
pub(super) fn thin(connection: &Connection, now: Time) -> Result<bool, Error> {
    for (bucket, longer) in [
        (Bucket::Minute, Some(Bucket::Hour)),
        (Bucket::Hour, Some(Bucket::Day)),
        (Bucket::Day, None),
    ] {
        let before = bucket.start(now.before(bucket.kept())).as_millis();
        let mut find = connection.prepare_cached(
            "SELECT start_ms, what, name, word, number FROM count
             WHERE length_ms = ?1 AND start_ms < ?2 ORDER BY start_ms LIMIT ?3",
        )?;
        let found = find.query_map(params![bucket.millis(), before, MOVED_MAX], |row| {
            let words: (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
            Ok((row.get::<_, i64>(0)?, words, row.get::<_, i64>(4)?))
        })?;
        let found: Vec<_> = found.collect::<Result<_, Error>>()?;
        if found.is_empty() {
            continue;
        }
        let mut delete = connection.prepare_cached(
            "DELETE FROM count WHERE length_ms = ?1 AND start_ms = ?2 AND what = ?3 AND name = ?4 AND word = ?5",
        )?;
        for (start, (what, name, word), number) in &found {
            if let Some(longer) = longer {
                let into = longer.start(Time::from_millis(*start)).as_millis();
                add(connection, longer, into, (what, name, word), *number)?;
            }
            delete.execute(params![bucket.millis(), start, what, name, word])?;
        }
        return Ok(true);
    }
    Ok(false)
}

/// The counts of each bucket that has any.
pub(super) fn read(connection: &Connection, filter: &StatsFilter) -> Result<Counts, Error> {
    let mut find = connection.prepare_cached(
        "SELECT start_ms, name, word, number FROM count
         WHERE length_ms = ?1 AND start_ms >= ?2 AND start_ms < ?3 AND what = ?4 ORDER BY start_ms",
    )?;
    let mut counts = Counts::default();
    let shorter = Bucket::ALL.into_iter().filter(|bucket| *bucket <= filter.per);
    for bucket in shorter {
        let values = params![
            bucket.millis(),
            filter.since.as_millis(),
            filter.until.as_millis(),
            filter.what.as_str(),
        ];
        let mut found = find.query(values)?;
        while let Some(row) = found.next()? {
            let start = filter.per.start(Time::from_millis(row.get(0)?));
            let (name, word): (String, String) = (row.get(1)?, row.get(2)?);
            let number = u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0);
            counts.add(filter, start, &name, &word, number);
        }
    }
    Ok(counts)
}
