//! Finding aids, written down beside the load and not on the way of a callback: messages by phone and reference, events by words.
//!
//! Each goes up to a sequence that is written down with it; what is behind that is looked through as it is.

use std::collections::BTreeSet;

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::rows;
use crate::domain::event::Data;
use crate::domain::words::Words;
use crate::store::Indexed;

/// Bytes of a name that a message can be found by; a longer one is looked for in the messages themselves.
const NAME_MAX: usize = 256;

/// A finding aid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aid {
    /// Messages by phone and reference.
    Names,
    /// Events by their words.
    Words,
}

impl Aid {
    fn word(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Words => "words",
        }
    }

    /// The sequence up to which it goes.
    pub(super) fn mark(self, connection: &Connection) -> Result<i64, Error> {
        let mut find = connection.prepare_cached("SELECT sequence FROM indexed WHERE what = ?1")?;
        Ok(find.query_row([self.word()], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    fn set(self, connection: &Connection, sequence: i64) -> Result<(), Error> {
        connection
            .prepare_cached(
                "INSERT INTO indexed (what, sequence) VALUES (?1, ?2)
                 ON CONFLICT (what) DO UPDATE SET sequence = max(sequence, excluded.sequence)",
            )?
            .execute(params![self.word(), sequence])
            .map(|_| ())
    }
}

/// How a phone number is found, by its digits.
pub(super) fn by_phone(digits: &str) -> Option<String> {
    name('p', digits)
}

/// How the sender's own id of a message is found.
pub(super) fn by_reference(reference: &str) -> Option<String> {
    name('r', reference)
}

fn name(kind: char, text: &str) -> Option<String> {
    (text.len() <= NAME_MAX).then(|| format!("{kind}{text}"))
}

/// The next events, and what they are to be found by.
#[derive(Debug)]
pub(super) struct Batch {
    names_from: i64,
    words_from: i64,
    events: Vec<Entry>,
    is_last: bool,
}

#[derive(Debug)]
struct Entry {
    sequence: i64,
    message: Option<i64>,
    names: BTreeSet<String>,
    grams: String,
}

/// Reads the next events. Words are left out unless they are wanted.
pub(super) fn read(
    connection: &Connection,
    with_words: bool,
    limit: usize,
) -> Result<Batch, Error> {
    let names_from = Aid::Names.mark(connection)?;
    let words_from = if with_words { Aid::Words.mark(connection)? } else { i64::MAX };
    let sql =
        "SELECT sequence, message, data FROM event WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
    let mut find = connection.prepare_cached(sql)?;
    let rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let events = find.query_map(params![names_from.min(words_from), rows], |row| {
        let (sequence, data): (i64, Data) = (row.get(0)?, rows::json(row, 2)?);
        let grams = if sequence > words_from { Words::of(&data).grams() } else { String::new() };
        Ok(Entry { sequence, message: row.get(1)?, names: names(&data), grams })
    })?;
    let events: Vec<Entry> = events.collect::<Result<_, _>>()?;
    Ok(Batch { names_from, words_from, is_last: events.len() < limit, events })
}

/// What a message is found by, as far as an event about it says.
fn names(data: &Data) -> BTreeSet<String> {
    let Some(message) = &data.message else { return BTreeSet::new() };
    let sides = [&message.from, &message.to].into_iter().flatten();
    let phones = sides.filter_map(|party| party.phone.as_ref());
    let digits = phones.map(|phone| phone.chars().filter(char::is_ascii_digit).collect::<String>());
    let references = message.client_ref.iter().filter_map(|reference| by_reference(reference));
    digits.filter_map(|digits| by_phone(&digits)).chain(references).collect()
}

/// Writes down what was read, unless others were quicker.
pub(super) fn write(
    connection: &Connection,
    batch: &Batch,
    with_words: bool,
) -> Result<Indexed, Error> {
    if !with_words {
        drop_words(connection)?;
    }
    let is_stale = Aid::Names.mark(connection)? != batch.names_from
        || (with_words && Aid::Words.mark(connection)? != batch.words_from);
    let Some(last) = batch.events.last().filter(|_| !is_stale) else {
        return Ok(Indexed { events: 0, more: is_stale || !batch.is_last });
    };
    // What was removed since it was read would stay here for ever.
    let mut is_there = connection.prepare_cached("SELECT 1 FROM event WHERE sequence = ?1")?;
    let mut name = connection.prepare_cached(
        "INSERT INTO known_by (name, message) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    let mut words =
        connection.prepare_cached("INSERT INTO words (rowid, grams) VALUES (?1, ?2)")?;
    for event in &batch.events {
        let has_names = event.message.is_some() && event.sequence > batch.names_from;
        let has_words = !event.grams.is_empty();
        let is_found = has_names || has_words;
        if !is_found || !is_there.exists([event.sequence])? {
            continue;
        }
        if has_names {
            for known in &event.names {
                name.execute(params![known, event.message])?;
            }
        }
        if has_words {
            words.execute(params![event.sequence, event.grams])?;
        }
    }
    Aid::Names.set(connection, last.sequence)?;
    if with_words {
        Aid::Words.set(connection, last.sequence)?;
    }
    Ok(Indexed { events: batch.events.len(), more: !batch.is_last })
}

/// Lets go of the words that nobody wants any more.
fn drop_words(connection: &Connection) -> Result<(), Error> {
    let mut find = connection.prepare_cached("SELECT 1 FROM indexed WHERE what = 'words'")?;
    if find.exists([])? {
        connection.execute("INSERT INTO words (words) VALUES ('delete-all')", [])?;
        connection.execute("DELETE FROM indexed WHERE what = 'words'", [])?;
    }
    Ok(())
}

/// Forgets the words of an event that is removed.
pub(super) fn forget_event(connection: &Connection, sequence: i64) -> Result<(), Error> {
    connection.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([sequence]).map(|_| ())
}

/// Forgets what a message that is removed is found by.
pub(super) fn forget_message(connection: &Connection, message: i64) -> Result<(), Error> {
    connection
        .prepare_cached("DELETE FROM known_by WHERE message = ?1")?
        .execute([message])
        .map(|_| ())
}
