//! Questions about messages: lists of their folded states.

use rusqlite::{Connection, Error, Row, params};

use super::super::rows;
use super::events::has_phone;
use super::{direction, walk};
use crate::clock::Time;
use crate::domain::message::{Message, State};
use crate::domain::name::Name;
use crate::domain::query::{MessageFilter, Page, PageRequest};

/// A page of messages, in the order in which they were first heard of.
///
/// Rows that are not wanted come back too, without their JSON: so each counts as examined, and a rare filter pages on.
pub(super) fn page(
    connection: &Connection,
    filter: &MessageFilter,
    page: PageRequest,
) -> Result<Page<Message>, Error> {
    let (comparison, order) = direction(page.order);
    let (index, of_conversation) = match filter.conversation {
        Some(_) => ("INDEXED BY message_by_conversation", "AND m.conversation = ?8"),
        None => ("", ""),
    };
    let sql = format!(
        "SELECT m.id,
                CASE WHEN (?3 IS NULL OR m.source = ?3) AND (?4 IS NULL OR m.state = ?4)
                      AND (?5 IS NULL OR m.state IN ('queued', 'sent') AND m.updated_ms <= ?5)
                      AND m.updated_ms >= ?6 AND m.updated_ms < ?7 AND (?8 IS NULL OR m.conversation = ?8)
                     THEN m.folded END
         FROM message AS m {index}
         WHERE m.id {comparison} ?1 {of_conversation}
         ORDER BY m.id {order} LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let (source, state) =
        (filter.source.as_ref().map(Name::as_str), filter.state.map(State::as_str));
    let stuck_since = filter.stuck_since.map(Time::as_millis);
    let since = filter.since.map_or(i64::MIN, Time::as_millis);
    let until = filter.until.map_or(i64::MAX, Time::as_millis);
    walk(page, |after, limit| {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values =
            params![after, limit, source, state, stuck_since, since, until, filter.conversation];
        let found = statement.query_map(values, |row| {
            Ok((row.get(0)?, candidate(row)?.filter(|message| fits(message, filter))))
        })?;
        found.collect()
    })
}

/// The message, unless its columns have ruled it out.
fn candidate(row: &Row<'_>) -> Result<Option<Message>, Error> {
    let is_ruled_out = row.get_ref(1)? == rusqlite::types::ValueRef::Null;
    if is_ruled_out { Ok(None) } else { rows::json(row, 1).map(Some) }
}

/// The part of a filter that the folded state decides.
fn fits(message: &Message, filter: &MessageFilter) -> bool {
    filter.reach.has(&message.source)
        && filter.vendor.as_ref().is_none_or(|vendor| *vendor == message.vendor)
        && filter.channel.is_none_or(|channel| message.channel == Some(channel))
        && filter.direction.is_none_or(|direction| message.direction == Some(direction))
        && filter.contradictory.is_none_or(|wanted| message.contradictory() == wanted)
        && filter.phone.as_ref().is_none_or(|digits| {
            let sides = [&message.from, &message.to];
            sides.into_iter().flatten().any(|party| has_phone(party, digits))
        })
}
