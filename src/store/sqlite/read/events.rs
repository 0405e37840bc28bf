//! Questions about events.

use rusqlite::{Connection, Error};

use super::super::rows::{self, EVENT_COLUMNS};
use super::search::Search;
use super::walk::walk;
use super::{by_uid, deliveries};
use crate::domain::delivery::Delivery;
use crate::domain::event::{Event, Party};
use crate::domain::id::EventId;
use crate::domain::query::{EXAMINED_MAX, EventFilter, Order, Page, PageRequest};
use crate::domain::words::Words;

/// Rows found at a time while events are counted.
const COUNTED_AT_ONCE: usize = 2_000;

/// An event with its deliveries.
pub(super) fn one(
    connection: &Connection,
    id: EventId,
) -> Result<Option<(Event, Vec<Delivery>)>, Error> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM event AS e WHERE e.uid = ?1");
    let Some(event) = by_uid(connection, &sql, id.to_bytes(), rows::event)? else {
        return Ok(None);
    };
    let deliveries = deliveries::of_event(connection, event.sequence)?;
    Ok(Some((event, deliveries)))
}

/// A page of events.
pub(super) fn page(
    connection: &Connection,
    filter: &EventFilter,
    page: PageRequest,
) -> Result<Page<Event>, Error> {
    let search = Search::new(connection, filter, page.order)?;
    let sql = format!("SELECT {EVENT_COLUMNS} FROM event AS e WHERE e.sequence = ?1");
    let mut one = connection.prepare_cached(&sql)?;
    let find = |after, limit| search.find(after, limit);
    walk(page, find, |sequence| {
        let event = one.query_row([sequence], rows::event)?;
        Ok(Some(event).filter(|event| fits(event, filter)))
    })
}

/// How many events behind `after` and up to `last` a filter finds, and where to go on; a bounded number of rows.
pub(in super::super) fn count(
    connection: &Connection,
    filter: &EventFilter,
    mut after: i64,
    last: i64,
) -> Result<(u64, Option<i64>), Error> {
    let search = Search::new(connection, filter, Order::Ascending)?;
    let sql = format!("SELECT {EVENT_COLUMNS} FROM event AS e WHERE e.sequence = ?1");
    let mut one = connection.prepare_cached(&sql)?;
    let (mut counted, mut examined) = (0, 0);
    while examined < EXAMINED_MAX {
        let found = search.find(after, COUNTED_AT_ONCE)?;
        let beyond = found.last().is_none_or(|(sequence, _)| *sequence >= last);
        let through = beyond || found.len() < COUNTED_AT_ONCE;
        for (sequence, may_fit) in found.into_iter().take_while(|(sequence, _)| *sequence <= last) {
            let is_wanted = may_fit
                && (filter.phone.is_none() && filter.words.is_none()
                    || fits(&one.query_row([sequence], rows::event)?, filter));
            counted += u64::from(is_wanted);
            examined += 1;
            after = sequence;
        }
        if through {
            return Ok((counted, None));
        }
    }
    Ok((counted, Some(after)))
}

/// The part of a filter that the event's content decides.
fn fits(event: &Event, filter: &EventFilter) -> bool {
    let message = event.data.message.as_ref();
    let sides = || message.into_iter().flat_map(|message| [&message.from, &message.to]);
    let has = |digits: &String| sides().flatten().any(|party| has_phone(party, digits));
    filter.phone.as_ref().is_none_or(has)
        && filter.words.as_ref().is_none_or(|words| words.is_in(&Words::of(&event.data)))
}

/// Whether it is this party's phone number, by its digits.
pub(super) fn has_phone(party: &Party, digits: &str) -> bool {
    let digits_of = |text: &String| text.chars().filter(char::is_ascii_digit).eq(digits.chars());
    party.phone.as_ref().is_some_and(digits_of)
}
