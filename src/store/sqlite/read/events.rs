//! Questions about events.

use rusqlite::{Connection, Error};

use super::super::rows::{self, EVENT_COLUMNS};
use super::search::Search;
use super::walk::walk;
use super::{by_uid, deliveries};
use crate::domain::delivery::Delivery;
use crate::domain::event::{Event, Party};
use crate::domain::id::EventId;
use crate::domain::query::{EventFilter, Page, PageRequest};
use crate::domain::words::Words;

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
