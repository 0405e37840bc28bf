//! Questions about events.

use rusqlite::types::Value;
use rusqlite::{Connection, Error, params_from_iter};

use super::super::rows::{self, EVENT_COLUMNS};
use super::arrivals::{Arrivals, LATE_MAX, first_since};
use super::{by_uid, deliveries, direction, walk};
use crate::domain::delivery::Delivery;
use crate::domain::event::{Event, EventType, Party};
use crate::domain::id::EventId;
use crate::domain::query::{EventFilter, Page, PageRequest};

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
    let mut wheres = Conditions::default();
    wheres.read(connection, filter)?;
    let (comparison, order) = direction(page.order);
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM event AS e WHERE e.sequence {comparison} ?{number} {conditions}
         ORDER BY e.sequence {order} LIMIT ?{limit}",
        number = wheres.values.len() + 1,
        limit = wheres.values.len() + 2,
        conditions = wheres.sql,
    );
    let mut statement = connection.prepare_cached(&sql)?;
    walk(page, |after, limit| {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = wheres.values.iter().cloned().chain([Value::from(after), Value::from(limit)]);
        let found = statement.query_map(params_from_iter(values), rows::event)?;
        found
            .map(|event| {
                event.map(|event| (event.sequence, Some(event).filter(|event| fits(event, filter))))
            })
            .collect()
    })
}

/// The part of a filter that SQL decides. Every value is bound; the texts are ours.
#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn read(&mut self, connection: &Connection, filter: &EventFilter) -> Result<(), Error> {
        if !filter.types.is_empty() {
            let wanted = EventType::ALL.iter().filter(|kind| is_type_wanted(filter, **kind));
            self.one_of("e.type", wanted.map(|kind| kind.as_str().to_owned()).collect());
        }
        if !filter.sources.is_empty() {
            self.one_of("e.source", filter.sources.iter().map(ToString::to_string).collect());
        }
        if let Some(sources) = filter.reach.sources() {
            self.one_of("e.source", sources.iter().map(ToString::to_string).collect());
        }
        if let Some(id) = &filter.message_id {
            self.and("e.message IN (SELECT id FROM message WHERE message_id = ?)", id.clone());
        }
        if let Some(conversation) = &filter.conversation {
            self.and(
                "e.message IN (SELECT id FROM message WHERE conversation = ?)",
                conversation.clone(),
            );
        }
        if let Some(since) = filter.since {
            self.and("e.received_ms >= ?", since.as_millis());
            self.and(
                "e.sequence >= ?",
                first_since(connection, Arrivals::Events, since.before(LATE_MAX))?,
            );
        }
        if let Some(until) = filter.until {
            self.and("e.received_ms < ?", until.as_millis());
            self.and(
                "e.sequence < ?",
                first_since(connection, Arrivals::Events, until.after(LATE_MAX))?,
            );
        }
        if let Some(since) = filter.occurred_since {
            self.and("e.time_ms >= ?", since.as_millis());
        }
        if let Some(until) = filter.occurred_until {
            self.and("e.time_ms < ?", until.as_millis());
        }
        Ok(())
    }

    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let numbered = condition.replacen('?', &format!("?{}", self.values.len()), 1);
        self.sql.push_str(" AND ");
        self.sql.push_str(&numbered);
    }

    fn one_of(&mut self, column: &str, words: Vec<String>) {
        let first = self.values.len() + 1;
        self.values.extend(words.into_iter().map(Value::from));
        let places: Vec<String> =
            (first..=self.values.len()).map(|place| format!("?{place}")).collect();
        self.sql.extend([" AND ", column, " IN (", &places.join(", "), ")"]);
    }
}

/// Alarms are listed only where a glob names them in so many words.
fn is_type_wanted(filter: &EventFilter, kind: EventType) -> bool {
    filter
        .types
        .iter()
        .any(|glob| glob.matches(kind.as_str()) && (!kind.is_alarm() || glob.names_alarms()))
}

/// The part of a filter that the event's content decides.
fn fits(event: &Event, filter: &EventFilter) -> bool {
    let message = event.data.message.as_ref();
    let same = |wanted: &Option<String>, found: Option<&String>| {
        wanted.is_none() || wanted.as_ref() == found
    };
    (!event.kind.is_alarm() || !filter.types.is_empty())
        && filter.vendor.as_ref().is_none_or(|vendor| *vendor == event.data.vendor)
        && filter.channel.is_none_or(|channel| event.data.channel == Some(channel))
        && filter.direction.is_none_or(|direction| event.data.direction == Some(direction))
        && filter.state.is_none_or(|state| event.kind.state() == Some(state))
        && same(&filter.client_ref, message.and_then(|message| message.client_ref.as_ref()))
        && filter.phone.as_ref().is_none_or(|digits| {
            let sides = message.map(|message| [&message.from, &message.to]);
            sides.is_some_and(|sides| {
                sides.into_iter().flatten().any(|party| has_phone(party, digits))
            })
        })
}

/// Whether it is this party's phone number, by its digits.
pub(super) fn has_phone(party: &Party, digits: &str) -> bool {
    let digits_of = |text: &String| text.chars().filter(char::is_ascii_digit).eq(digits.chars());
    party.phone.as_ref().is_some_and(digits_of)
}
