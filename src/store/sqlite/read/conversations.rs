//! Questions about conversations: what both sides said and what became of it, in order.

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::super::rows::{self, EVENT_COLUMNS};
use super::walk::{candidates, direction, rows as number_of, walk};
use crate::domain::event::Event;
use crate::domain::name::Name;
use crate::domain::query::{Page, PageRequest};

/// A page of the events about a conversation's messages; `None` if it has no message.
///
/// The places are looked up message by message and put in order before any event is read, so a page costs what the conversation
/// is long in places, and what the page is long in events.
pub(super) fn page(
    connection: &Connection,
    source: &Name,
    conversation: &str,
    page: PageRequest,
) -> Result<Option<Page<Event>>, Error> {
    if !is_known(connection, source, conversation)? {
        return Ok(None);
    }
    let (comparison, order) = direction(page.order);
    let sql = format!(
        "SELECT e.sequence, TRUE
         FROM message AS m INDEXED BY message_by_conversation
         CROSS JOIN event AS e INDEXED BY event_by_message
         WHERE m.conversation = ?3 AND m.source = ?4 AND e.message = m.id AND e.sequence {comparison} ?1
         ORDER BY e.sequence {order} LIMIT ?2"
    );
    let event = format!("SELECT {EVENT_COLUMNS} FROM event AS e WHERE e.sequence = ?1");
    let mut event = connection.prepare_cached(&event)?;
    let find = |after, limit| {
        let values = params![after, number_of(limit), conversation, source.as_str()];
        candidates(connection, &sql, values)
    };
    walk(page, find, |sequence| event.query_row([sequence], rows::event).map(Some)).map(Some)
}

fn is_known(connection: &Connection, source: &Name, conversation: &str) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM message AS m INDEXED BY message_by_conversation
               WHERE m.conversation = ?1 AND m.source = ?2 LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row(params![conversation, source.as_str()], |_| Ok(()));
    Ok(found.optional()?.is_some())
}
