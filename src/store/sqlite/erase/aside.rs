//! What else may name somebody: messages' states, destinations' answers, small tables; and the room that is free afterwards.

use rusqlite::{Connection, Error, params};
use serde_json::Value;

use super::super::index;
use super::super::rows;
use super::{Batch, Found};
use crate::domain::erasure::Erased;
use crate::domain::message::Message;
use crate::domain::person::Marks;

/// Rows that one step looks at.
const ROWS: u32 = 500;

/// Pages of the index of words that one step writes anew, and pages given back to the disk in one: 4 KiB each.
const WORD_PAGES: i64 = 500;
const PAGES: i64 = 256;

/// A message that says something of them.
#[derive(Debug)]
pub(super) struct Folded {
    pub(super) row: i64,
    /// What is left of its state; nothing of one that is theirs.
    pub(super) left: Option<(String, Option<String>)>,
}

/// The next messages that say something of them.
pub(super) fn read_messages(
    connection: &Connection,
    marks: &Marks,
    after: i64,
) -> Result<Batch, Error> {
    let mut find = connection.prepare_cached(
        "SELECT id, folded, conversation FROM message WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut found = find.query(params![after, ROWS])?;
    let (mut messages, mut place, mut looked) = (Vec::new(), after, 0);
    while let Some(row) = found.next()? {
        (place, looked) = (row.get(0)?, looked + 1);
        let folded: String = row.get(1)?;
        if !marks.is_in(folded.as_bytes()) {
            continue;
        }
        let message: Message = rows::json(row, 1)?;
        let conversation: Option<String> = row.get(2)?;
        let left = if marks.has_message(&message) {
            None
        } else {
            let mut value: Value = rows::json(row, 1)?;
            marks.scrub(&mut value, 1);
            let kept = serde_json::from_value::<Message>(value.clone()).map(|_| value.to_string());
            let conversation = conversation.map(|id| marks.without(&id).unwrap_or(id));
            kept.ok().map(|kept| (kept, conversation))
        };
        messages.push(Folded { row: place, left });
    }
    let next = (looked == ROWS).then_some(place);
    Ok(Batch { found: Found::Messages(messages), next, ..Batch::default() })
}

/// Writes what is left of a message. One that is theirs goes, unless something has come in about it since.
pub(super) fn rewrite_message(
    connection: &Connection,
    marks: &Marks,
    message: &Folded,
    erased: &mut Erased,
) -> Result<(), Error> {
    let Some((folded, conversation)) = &message.left else {
        let removed = connection
            .prepare_cached(
                "DELETE FROM message WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM event WHERE message = ?1)",
            )?
            .execute([message.row])?;
        if removed > 0 {
            index::forget_message(connection, message.row)?;
            erased.messages += 1;
        }
        return Ok(());
    };
    connection
        .prepare_cached("UPDATE message SET folded = ?2, conversation = ?3 WHERE id = ?1")?
        .execute(params![message.row, folded, conversation])?;
    let names: Vec<String> = connection
        .prepare_cached("SELECT name FROM known_by WHERE message = ?1")?
        .query_map([message.row], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for name in names.iter().filter(|name| marks.is_in(name.as_bytes())) {
        connection
            .prepare_cached("DELETE FROM known_by WHERE name = ?1 AND message = ?2")?
            .execute(params![name, message.row])?;
    }
    Ok(())
}

/// A destination's answer that says something of them.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) delivery: i64,
    number: i64,
    reason: Option<String>,
    response: Option<String>,
}

/// The next answers that say something of them, of all attempts at some deliveries.
pub(super) fn read_attempts(
    connection: &Connection,
    marks: &Marks,
    after: i64,
) -> Result<Batch, Error> {
    let mut next = connection.prepare_cached(
        "SELECT max(id), count(*) FROM (SELECT id FROM delivery WHERE id > ?1 ORDER BY id LIMIT ?2)",
    )?;
    let (last, looked): (Option<i64>, u32) =
        next.query_row(params![after, ROWS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some(last) = last else {
        return Ok(Batch::default());
    };
    let mut find = connection.prepare_cached(
        "SELECT delivery, number, reason, response FROM attempt
         WHERE delivery > ?1 AND delivery <= ?2 AND (reason IS NOT NULL OR response IS NOT NULL)",
    )?;
    let mut found = find.query(params![after, last])?;
    let mut answers = Vec::new();
    while let Some(row) = found.next()? {
        let texts: [Option<String>; 2] = [row.get(2)?, row.get(3)?];
        let is_named = |text: &String| marks.is_in(text.as_bytes());
        if !texts.iter().flatten().any(is_named) {
            continue;
        }
        let [reason, response] = texts.map(|text| text.map(|text| left_of(marks, &text)));
        answers.push(Answered { delivery: row.get(0)?, number: row.get(1)?, reason, response });
    }
    let next = (looked == ROWS).then_some(last);
    Ok(Batch { found: Found::Attempts(answers), next, ..Batch::default() })
}

/// The text without them; nothing of it, if it says them in a way that can't be cut out.
fn left_of(marks: &Marks, text: &str) -> String {
    let left = marks.without(text).unwrap_or_else(|| text.to_owned());
    if marks.is_in(left.as_bytes()) { crate::domain::person::ERASED.to_owned() } else { left }
}

/// Writes what is left of an answer.
pub(super) fn rewrite_attempt(connection: &Connection, answer: &Answered) -> Result<u64, Error> {
    connection
        .prepare_cached(
            "UPDATE attempt SET reason = ?3, response = ?4 WHERE delivery = ?1 AND number = ?2",
        )?
        .execute(params![answer.delivery, answer.number, answer.reason, answer.response])
        .map(|rows| u64::try_from(rows).unwrap_or_default())
}

/// The columns of small tables that may name somebody: the table, its column, and whether the row goes with it.
const SMALL: [(&str, &str, bool); 6] = [
    ("drift", "name", true),
    ("consumer", "filter", false),
    ("replay", "filter", false),
    ("alarm", "reason", false),
    ("alarm", "subject", true),
    ("paused", "reason", false),
];

/// Takes them out of everything that is small, and out of the index of phones; how many rows that were.
pub(super) fn rest(connection: &Connection, marks: &Marks) -> Result<u64, Error> {
    let mut changed = 0;
    for phone in &marks.phones {
        let name = index::by_phone(phone);
        connection.prepare_cached("DELETE FROM known_by WHERE name = ?1")?.execute([name])?;
    }
    for (table, column, goes) in SMALL {
        let all = format!("SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL");
        let texts: Vec<String> =
            connection.prepare(&all)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for text in texts.iter().filter(|text| marks.is_in(text.as_bytes())) {
            changed += if goes {
                let sql = format!("DELETE FROM {table} WHERE {column} = ?1");
                connection.prepare(&sql)?.execute([text])?
            } else {
                let sql = format!("UPDATE {table} SET {column} = ?2 WHERE {column} = ?1");
                connection.prepare(&sql)?.execute([text, &left_of(marks, text)])?
            };
        }
    }
    Ok(u64::try_from(changed).unwrap_or_default())
}

/// Writes some of the index of words anew: what is removed from it is only marked so until then. The place of the next step, if there
/// is one.
pub(super) fn merge_words(connection: &Connection, after: i64) -> Result<Option<i64>, Error> {
    let before = connection.total_changes();
    // A negative number begins to bring everything into one piece; the others go on with it.
    let pages = if after == 0 { -WORD_PAGES } else { WORD_PAGES };
    connection
        .prepare_cached("INSERT INTO words (words, rank) VALUES ('merge', ?1)")?
        .execute([pages])?;
    let changed = connection.total_changes() - before;
    // The command itself counts as one.
    Ok((after == 0 || changed >= 2).then_some(after + 1))
}

/// Gives some of the free pages back to the disk, for they may be of a time when what was removed was not overwritten.
pub(super) fn give_pages_back(connection: &Connection) -> Result<Option<i64>, Error> {
    let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let before = free()?;
    connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let left = free()?;
    Ok((left > 0 && left < before).then_some(left))
}
