//! Questions about messages: lists of their folded states.

use rusqlite::{Connection, Error, params};

use super::super::rows;
use super::events::has_phone;
use super::walk::{Candidate, candidates, direction, merged, rows as number_of, walk};
use crate::clock::Time;
use crate::domain::message::{Message, State};
use crate::domain::name::Name;
use crate::domain::query::{MessageFilter, Page, PageRequest};

/// What the index of open messages holds, in the words of its definition, so that SQLite sees that it fits.
const OPEN: &str = "(m.state = 'queued' OR m.state = 'sent' OR m.state = 'failed')";

/// A page of messages, in the order in which they were first heard of.
pub(super) fn page(
    connection: &Connection,
    filter: &MessageFilter,
    page: PageRequest,
) -> Result<Page<Message>, Error> {
    let mut one = connection.prepare_cached("SELECT folded FROM message WHERE id = ?1")?;
    let ways = ways(filter);
    let find = |after, limit| {
        let lists = ways
            .iter()
            .map(|(from, state)| some(connection, filter, page, (*from, *state), (after, limit)));
        Ok(merged(page.order, limit, lists.collect::<Result<_, Error>>()?))
    };
    walk(page, find, |row| {
        let message: Message = one.query_row([row], |row| rows::json(row, 0))?;
        Ok(Some(message).filter(|message| fits(message, filter)))
    })
}

/// The shortest lists that hold all that is wanted: what they are of, and the state whose messages they are.
fn ways(filter: &MessageFilter) -> Vec<(&'static str, Option<State>)> {
    if filter.conversation.is_some() {
        return vec![("INDEXED BY message_by_conversation", None)];
    }
    let open = |state| ("INDEXED BY message_open", Some(state));
    match filter.state {
        Some(state @ (State::Queued | State::Sent | State::Failed)) => vec![open(state)],
        // Nothing that has arrived is stuck.
        Some(State::Delivered | State::Read) if filter.stuck_since.is_some() => Vec::new(),
        None if filter.stuck_since.is_some() => vec![open(State::Queued), open(State::Sent)],
        Some(State::Delivered | State::Read) | None => vec![("", None)],
    }
}

/// The next messages of one list, each with whether its columns fit.
fn some(
    connection: &Connection,
    filter: &MessageFilter,
    page: PageRequest,
    (from, state): (&str, Option<State>),
    (after, limit): (i64, usize),
) -> Result<Vec<Candidate>, Error> {
    let (comparison, order) = direction(page.order);
    let of_state = state.map_or(String::new(), |_| format!("AND m.state = ?9 AND {OPEN}"));
    let of_conversation =
        if filter.conversation.is_some() { "AND m.conversation = ?8" } else { "" };
    let sql = format!(
        "SELECT m.id, (?3 IS NULL OR m.source = ?3) AND (?4 IS NULL OR m.state = ?4)
                      AND (?5 IS NULL OR m.state IN ('queued', 'sent') AND m.updated_ms <= ?5)
                      AND m.updated_ms >= ?6 AND m.updated_ms < ?7 AND (?8 IS NULL OR m.conversation = ?8)
         FROM message AS m {from}
         WHERE m.id {comparison} ?1 {of_conversation} {of_state}
         ORDER BY m.id {order} LIMIT ?2"
    );
    let values = params![
        after,
        number_of(limit),
        filter.source.as_ref().map(Name::as_str),
        filter.state.map(State::as_str),
        filter.stuck_since.map(Time::as_millis),
        filter.since.map_or(i64::MIN, Time::as_millis),
        filter.until.map_or(i64::MAX, Time::as_millis),
        filter.conversation,
        state.map(State::as_str),
    ];
    // A value that no place of the statement stands for is an error.
    let values: &[&dyn rusqlite::ToSql] = values;
    let bound = if state.is_some() { values } else { values.get(..8).unwrap_or(values) };
    candidates(connection, &sql, bound)
}

/// The part of a filter that the folded state decides.
fn fits(message: &Message, filter: &MessageFilter) -> bool {
    filter.vendor.as_ref().is_none_or(|vendor| *vendor == message.vendor)
        && filter.channel.is_none_or(|channel| message.channel == Some(channel))
        && filter.direction.is_none_or(|direction| message.direction == Some(direction))
        && filter.contradictory.is_none_or(|wanted| message.contradictory() == wanted)
        && filter.phone.as_ref().is_none_or(|digits| {
            let sides = [&message.from, &message.to];
            sides.into_iter().flatten().any(|party| has_phone(party, digits))
        })
}
