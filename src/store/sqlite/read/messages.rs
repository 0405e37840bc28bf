//! Questions about messages: lists of their folded states.

use rusqlite::{Connection, Error, params};

use super::super::index::{Aid, by_phone, by_reference};
use super::super::rows;
use super::events::has_phone;
use super::walk::{Candidate, candidates, direction, merged, rows as number_of, walk};
use crate::clock::Time;
use crate::domain::message::{Message, State};
use crate::domain::name::Name;
use crate::domain::query::{MessageFilter, Page, PageRequest};

/// A page of messages, in the order in which they were first heard of.
pub(super) fn page(
    connection: &Connection,
    filter: &MessageFilter,
    page: PageRequest,
) -> Result<Page<Message>, Error> {
    let mut one = connection.prepare_cached("SELECT folded FROM message WHERE id = ?1")?;
    let ways = ways(connection, filter)?;
    let find = |after, limit| {
        let lists = ways.iter().map(|way| some(connection, filter, page, way, (after, limit)));
        Ok(merged(page.order, limit, lists.collect::<Result<_, Error>>()?))
    };
    walk(page, find, |row| {
        let message: Message = one.query_row([row], |row| rows::json(row, 0))?;
        Ok(Some(message).filter(|message| fits(message, filter)))
    })
}

/// A list of messages in SQL: the table with the index to go by, what holds of the list's messages, and the value in it.
struct Way {
    from: &'static str,
    of: &'static str,
    value: Option<String>,
}

/// All messages.
const EVERYTHING: Way = Way { from: "message AS m", of: "", value: None };

/// Those of a state that few stay in; in the words of the index's definition, so that SQLite sees that it fits.
const OPEN: &str =
    "AND m.state = ?9 AND (m.state = 'queued' OR m.state = 'sent' OR m.state = 'failed')";

/// Those known by a name, up to where that goes; and those that events behind it are about.
const NAMED: &str = "AND k.name = ?9 AND m.id = k.message";
const RECENT: &str = "AND m.id IN (SELECT value FROM json_each(?9))";

/// Events behind the mark that are looked through for the messages that they are about.
const RECENT_MAX: usize = 5_000;

/// The shortest lists that together hold all that is wanted.
fn ways(connection: &Connection, filter: &MessageFilter) -> Result<Vec<Way>, Error> {
    let by_name = filter.client_ref.as_deref().and_then(by_reference);
    if let Some(name) = by_name.or_else(|| filter.phone.as_deref().and_then(by_phone))
        && let Some(recent) = recent(connection)?
    {
        let from = "known_by AS k CROSS JOIN message AS m";
        let named = Way { from, of: NAMED, value: Some(name) };
        return Ok(vec![named, Way { of: RECENT, value: Some(recent), ..EVERYTHING }]);
    }
    if filter.conversation.is_some() {
        let from = "message AS m INDEXED BY message_by_conversation";
        return Ok(vec![Way { from, of: "AND m.conversation = ?8", value: None }]);
    }
    let open = |state: State| Way {
        from: "message AS m INDEXED BY message_open",
        of: OPEN,
        value: Some(state.as_str().to_owned()),
    };
    Ok(match filter.state {
        Some(state @ (State::Queued | State::Sent | State::Failed)) => vec![open(state)],
        // Nothing that has arrived is stuck.
        Some(State::Delivered | State::Read) if filter.stuck_since.is_some() => Vec::new(),
        None if filter.stuck_since.is_some() => vec![open(State::Queued), open(State::Sent)],
        Some(State::Delivered | State::Read) | None => vec![EVERYTHING],
    })
}

/// The messages that events behind the mark are about, as JSON; `None` if that is too much to look through.
fn recent(connection: &Connection) -> Result<Option<String>, Error> {
    let sql = "SELECT json_group_array(DISTINCT message), count(*)
               FROM (SELECT message FROM event WHERE sequence > ?1 ORDER BY sequence LIMIT ?2)";
    let limit = number_of(RECENT_MAX + 1);
    let mut find = connection.prepare_cached(sql)?;
    let (list, count): (String, i64) = find
        .query_row([Aid::Names.mark(connection)?, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((count < limit).then_some(list))
}

/// The next messages of one list, each with whether its columns fit.
fn some(
    connection: &Connection,
    filter: &MessageFilter,
    page: PageRequest,
    way: &Way,
    (after, limit): (i64, usize),
) -> Result<Vec<Candidate>, Error> {
    let (comparison, order) = direction(page.order);
    let Way { from, of, value } = way;
    let number = if *of == NAMED { "k.message" } else { "m.id" };
    let sql = format!(
        "SELECT m.id, (?3 IS NULL OR m.source = ?3) AND (?4 IS NULL OR m.state = ?4)
                      AND (?5 IS NULL OR m.state IN ('queued', 'sent') AND m.updated_ms <= ?5)
                      AND m.updated_ms >= ?6 AND m.updated_ms < ?7 AND (?8 IS NULL OR m.conversation = ?8)
         FROM {from} WHERE {number} {comparison} ?1 {of} ORDER BY {number} {order} LIMIT ?2"
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
        value,
    ];
    // A value that no place of the statement stands for would be an error.
    let values: &[&dyn rusqlite::ToSql] = values;
    let bound = if value.is_some() { values } else { values.get(..8).unwrap_or(values) };
    candidates(connection, &sql, bound)
}

/// The part of a filter that the folded state decides.
fn fits(message: &Message, filter: &MessageFilter) -> bool {
    filter.vendor.as_ref().is_none_or(|vendor| *vendor == message.vendor)
        && filter.channel.is_none_or(|channel| message.channel == Some(channel))
        && filter.direction.is_none_or(|direction| message.direction == Some(direction))
        && filter
            .client_ref
            .as_ref()
            .is_none_or(|wanted| message.client_ref.as_ref() == Some(wanted))
        && filter.contradictory.is_none_or(|wanted| message.contradictory() == wanted)
        && filter.phone.as_ref().is_none_or(|digits| {
            let sides = [&message.from, &message.to];
            sides.into_iter().flatten().any(|party| has_phone(party, digits))
        })
}
