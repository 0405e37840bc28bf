//! Finding the events that a filter may want: in the shortest list that holds them all, else by walking through everything.

use rusqlite::types::Value;
use rusqlite::{Connection, Error, params_from_iter};

use super::super::index::{Aid, by_phone, by_reference};
use super::arrivals::{Arrivals, between};
use super::walk::{Candidate, beyond, candidates, direction, merged, rows};
use crate::clock::Time;
use crate::domain::event::EventType;
use crate::domain::query::{EventFilter, Order};

/// Messages of which the events are looked up one by one. Of more than that there are so many that walking finds them soon.
const MESSAGES_MAX: usize = 1_000;

/// What the index of rare types holds, in the words of its definition, so that SQLite sees that it fits.
const RARE: &str =
    "e.type <> 'message.received' AND e.type <> 'message.echoed' AND e.type <> 'message.accepted'
    AND e.type <> 'message.queued' AND e.type <> 'message.sent' AND e.type <> 'message.delivered'
    AND e.type <> 'message.read'";

/// The types that the index of rare ones leaves out.
const COMMON: [EventType; 7] = [
    EventType::MessageReceived,
    EventType::MessageEchoed,
    EventType::MessageAccepted,
    EventType::MessageQueued,
    EventType::MessageSent,
    EventType::MessageDelivered,
    EventType::MessageRead,
];

/// A search for events.
pub(super) struct Search<'a> {
    connection: &'a Connection,
    order: Order,
    conditions: Conditions,
    /// The first sequence, and the one behind the last, that arrival leaves possible.
    bounds: (i64, i64),
    way: Way,
}

/// Where the events are looked for.
enum Way {
    /// Nowhere: nothing fits.
    Nowhere,
    /// Among all.
    Everything,
    /// Among those about these messages: their rows' numbers as JSON. What is behind the mark is looked through as it is.
    Messages(String, i64),
    /// Among those that the index of words gives for this search, and behind the mark among all.
    Words(String, i64),
    /// Among those of these types, of which there are few.
    Types(Vec<EventType>),
}

impl<'a> Search<'a> {
    /// The search for what `filter` may want, in this order.
    pub(super) fn new(
        connection: &'a Connection,
        filter: &EventFilter,
        order: Order,
    ) -> Result<Self, Error> {
        let kinds = wanted_types(filter);
        let way = Way::of(connection, filter, kinds.as_deref())?;
        let conditions = Conditions::of(filter, kinds.as_deref());
        let bounds = between(connection, Arrivals::Events, filter.since, filter.until)?;
        Ok(Self { connection, order, conditions, bounds, way })
    }

    /// Up to `limit` events behind `after`, each with whether its columns fit.
    pub(super) fn find(&self, after: i64, limit: usize) -> Result<Vec<Candidate>, Error> {
        match &self.way {
            Way::Nowhere => Ok(Vec::new()),
            Way::Everything => self.within(self.bounds, EVERYTHING, None, after, limit),
            Way::Messages(list, mark) => {
                let of = "AND e.message IN (SELECT value FROM json_each(?))";
                let from = "event AS e INDEXED BY event_by_message";
                self.up_to(*mark, Place { from, of, number: "e.sequence" }, list, after, limit)
            }
            Way::Words(grams, mark) => {
                let of = "AND words MATCH ? AND e.sequence = words.rowid";
                let from = "words CROSS JOIN event AS e";
                self.up_to(*mark, Place { from, of, number: "words.rowid" }, grams, after, limit)
            }
            Way::Types(kinds) => {
                let of = format!("AND e.type = ? AND {RARE}");
                let from = "event AS e INDEXED BY event_rare";
                let place = Place { from, of: &of, number: "e.sequence" };
                let lists = kinds.iter().map(|kind| {
                    let kind = Value::from(kind.as_str().to_owned());
                    self.within(self.bounds, place, Some(kind), after, limit)
                });
                Ok(merged(self.order, limit, lists.collect::<Result<_, _>>()?))
            }
        }
    }

    /// The next events of a list that goes up to a mark, and behind it of all.
    fn up_to(
        &self,
        mark: i64,
        place: Place<'_>,
        value: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Candidate>, Error> {
        let (first, end) = self.bounds;
        let behind = mark.saturating_add(1);
        let listed = |after, limit| {
            let bounds = (first, end.min(behind));
            self.within(bounds, place, Some(value.to_owned().into()), after, limit)
        };
        let others =
            |after, limit| self.within((first.max(behind), end), EVERYTHING, None, after, limit);
        match self.order {
            Order::Descending => {
                let mut found = others(after, limit)?;
                if found.len() < limit {
                    found.extend(listed(after, limit - found.len())?);
                }
                Ok(found)
            }
            Order::Ascending => {
                let mut found = listed(after, limit)?;
                if found.len() < limit {
                    found.extend(others(after, limit - found.len())?);
                }
                Ok(found)
            }
        }
    }

    /// The next events of one list. What only rules out stands beside the number and not in `WHERE`, so that no statement looks at
    /// more rows than it gives.
    fn within(
        &self,
        bounds: (i64, i64),
        place: Place<'_>,
        value: Option<Value>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Candidate>, Error> {
        let (above, below) = beyond(self.order, after, bounds);
        if above.saturating_add(1) >= below {
            return Ok(Vec::new());
        }
        let (_, order) = direction(self.order);
        let Place { from, of, number } = place;
        let of = of.replacen('?', &format!("?{}", FIRST + self.conditions.values.len()), 1);
        let sql = format!(
            "SELECT {number}, {conditions} FROM {from}
             WHERE {number} > ?1 AND {number} < ?2 {of} ORDER BY {number} {order} LIMIT ?3",
            conditions = self.conditions.sql,
        );
        let own = [Value::from(above), below.into(), rows(limit).into()];
        let values = own.into_iter().chain(self.conditions.values.iter().cloned()).chain(value);
        candidates(self.connection, &sql, params_from_iter(values))
    }
}

/// A list of events in SQL.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The tables.
    from: &'a str,
    /// What holds of the list's events, with a place for a value.
    of: &'a str,
    /// The events' sequence.
    number: &'a str,
}

/// The list of all events.
const EVERYTHING: Place<'_> = Place { from: "event AS e", of: "", number: "e.sequence" };

impl Way {
    fn of(
        connection: &Connection,
        filter: &EventFilter,
        kinds: Option<&[EventType]>,
    ) -> Result<Self, Error> {
        if kinds.is_some_and(<[EventType]>::is_empty) {
            return Ok(Self::Nowhere);
        }
        let lists = [
            (OF_ID, filter.message_id.clone(), None),
            (OF_NAME, filter.client_ref.as_deref().and_then(by_reference), Some(Aid::Names)),
            (OF_CONVERSATION, filter.conversation.clone(), None),
            (OF_NAME, filter.phone.as_deref().and_then(by_phone), Some(Aid::Names)),
        ];
        for (sql, wanted, aid) in lists {
            let Some(wanted) = wanted else { continue };
            let mark = aid.map_or(Ok(i64::MAX), |aid| aid.mark(connection))?;
            if let Some(list) = messages(connection, sql, &wanted)? {
                return Ok(Self::Messages(list, mark));
            }
        }
        if let Some(words) = &filter.words {
            let quoted: Vec<String> =
                words.grams().into_iter().map(|gram| format!("\"{gram}\"")).collect();
            return Ok(Self::Words(quoted.join(" AND "), Aid::Words.mark(connection)?));
        }
        let few = |kinds: &&[EventType]| kinds.iter().all(|kind| !COMMON.contains(kind));
        Ok(kinds.filter(few).map_or(Self::Everything, |kinds| Self::Types(kinds.to_vec())))
    }
}

/// The messages with an id, of a conversation, or known by a name.
const OF_ID: &str = "SELECT id FROM message WHERE message_id = ?1 LIMIT ?2";
const OF_CONVERSATION: &str = "SELECT id FROM message WHERE conversation = ?1 LIMIT ?2";
const OF_NAME: &str = "SELECT message AS id FROM known_by WHERE name = ?1 LIMIT ?2";

/// The numbers of the messages that a statement finds, as JSON; `None` if there are too many.
fn messages(connection: &Connection, sql: &str, wanted: &str) -> Result<Option<String>, Error> {
    let sql = format!("SELECT json_group_array(id), count(*) FROM ({sql})");
    let limit = rows(MESSAGES_MAX + 1);
    let mut find = connection.prepare_cached(&sql)?;
    let (list, count): (String, i64) =
        find.query_row((wanted, limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((count < limit).then_some(list))
}

/// The types that the filter leaves possible; `None` if it does not ask for types. Alarms are listed only where a glob names them
/// in so many words.
fn wanted_types(filter: &EventFilter) -> Option<Vec<EventType>> {
    if filter.types.is_empty() && filter.state.is_none() {
        return None;
    }
    let named = |kind: EventType| {
        filter
            .types
            .iter()
            .any(|glob| glob.matches(kind.as_str()) && (!kind.is_alarm() || glob.names_alarms()))
    };
    let wanted = EventType::ALL.iter().copied().filter(|kind| {
        let is_named = if filter.types.is_empty() { !kind.is_alarm() } else { named(*kind) };
        is_named && filter.state.is_none_or(|state| kind.state() == Some(state))
    });
    Some(wanted.collect())
}

/// What an event's row says of whether it fits. Every value is bound; the texts are ours.
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

/// The number of the first value that is bound for a condition.
const FIRST: usize = 4;

impl Conditions {
    fn of(filter: &EventFilter, kinds: Option<&[EventType]>) -> Self {
        let mut conditions = Self { sql: "TRUE".to_owned(), values: Vec::new() };
        match kinds {
            Some(kinds) => {
                let words = kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
                conditions.one_of("e.type", words);
            }
            None => conditions.sql.push_str(" AND e.type NOT GLOB 'callbox.*'"),
        }
        if !filter.sources.is_empty() {
            let words = filter.sources.iter().map(ToString::to_string).collect();
            conditions.one_of("e.source", words);
        }
        let of_message = |column: &str| {
            format!("(SELECT m.{column} FROM message AS m WHERE m.id = e.message) = ?")
        };
        conditions.text(&of_message("message_id"), filter.message_id.as_ref());
        conditions.text(&of_message("conversation"), filter.conversation.as_ref());
        let since = filter.since.map(Time::as_millis);
        conditions.number("e.received_ms >= ?", since);
        conditions.number("e.received_ms < ?", filter.until.map(Time::as_millis));
        conditions.number("e.time_ms >= ?", filter.occurred_since.map(Time::as_millis));
        conditions.number("e.time_ms < ?", filter.occurred_until.map(Time::as_millis));
        conditions.text("e.data ->> '$.vendor' = ?", filter.vendor.as_ref());
        let channel = filter.channel.map(|channel| channel.as_str().to_owned());
        conditions.text("e.data ->> '$.channel' = ?", channel.as_ref());
        let direction = filter.direction.map(|direction| direction.as_str().to_owned());
        conditions.text("e.data ->> '$.direction' = ?", direction.as_ref());
        conditions.text("e.data ->> '$.message.client_ref' = ?", filter.client_ref.as_ref());
        conditions
    }

    fn text(&mut self, condition: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.and(condition, value.clone().into());
        }
    }

    fn number(&mut self, condition: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.and(condition, value.into());
        }
    }

    fn and(&mut self, condition: &str, value: Value) {
        let number = FIRST + self.values.len();
        self.values.push(value);
        self.sql.push_str(" AND ");
        self.sql.push_str(&condition.replacen('?', &format!("?{number}"), 1));
    }

    fn one_of(&mut self, column: &str, words: Vec<String>) {
        let first = FIRST + self.values.len();
        self.values.extend(words.into_iter().map(Value::from));
        let places: Vec<String> =
            (first..FIRST + self.values.len()).map(|place| format!("?{place}")).collect();
        self.sql.extend([" AND ", column, " IN (", &places.join(", "), ")"]);
    }
}
