//! A test: whatever is asked, no table that grows is read from end to end.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::super::schema;
use super::{callbacks, conversations, deliveries, events, messages, story};
use crate::clock::Time;
use crate::domain::callback::CallbackOutcome;
use crate::domain::delivery::DeliveryState;
use crate::domain::event::{Channel, Direction};
use crate::domain::id::{CallbackId, DeliveryId, EventId};
use crate::domain::message::State;
use crate::domain::name::Name;
use crate::domain::query::{
    CallbackFilter, DeliveryFilter, EventFilter, MessageFilter, Order, PageRequest, Place,
};
use crate::domain::reach::Reach;
use crate::domain::words::Search;

/// The tables that grow, and what they are called in statements.
const GROWING: [&str; 12] = [
    "known_by",
    "k",
    "event",
    "e",
    "message",
    "m",
    "delivery",
    "d",
    "callback",
    "c",
    "attempt",
    "repetition",
];

/// A message and an event of it, without which some lists are not looked into.
const MESSAGE: &str = r#"
    INSERT INTO message (id, message_id, source, instance, conversation, updated_ms, folded)
    VALUES (1, 'a', 'shop', '', '+12025550188', 1,
            '{"source":"shop","vendor":"v","id":"a","legs":[],"times":{},"updated_at":"2026-08-12T09:15:57Z"}');
    INSERT INTO event (uid, message, source, type, time_ms, time_basis, received_ms, revised, folded_changed,
                       duplicate_key, digest, data)
    VALUES (x'00000000000000000000000000000001', 1, 'shop', 'message.sent', 1, 'vendor', 1, 0, 0, x'02', x'03',
            '{"vendor":"v","dialect":"d"}')"#;

#[test]
fn no_question_reads_a_growing_table_from_end_to_end() {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection, Path::new("plans.db")).unwrap();
    connection.execute_batch(MESSAGE).unwrap();
    let seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    let note = move |event: TraceEvent<'_>| {
        // What the full-text index asks of its own tables is told as a comment.
        if let TraceEvent::Stmt(_, sql) = event
            && !sql.starts_with("--")
        {
            log.lock().insert(sql.to_owned());
        }
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note)).unwrap();
    for order in [Order::Ascending, Order::Descending] {
        ask_everything(&connection, PageRequest { limit: 50, order, after: Some(Place(9)) });
    }
    connection.trace_v2(TraceEventCodes::empty(), None::<fn(TraceEvent<'_>)>).unwrap();
    let statements = seen.lock().clone();
    assert!(statements.len() > 60, "the statements were not seen: {statements:#?}");
    let scans: Vec<(String, String)> = statements
        .iter()
        .flat_map(|sql| plan(&connection, sql).into_iter().map(|step| (step, sql.clone())))
        .filter(|(step, _)| {
            let table = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
            table.is_some_and(|table| GROWING.contains(&table))
        })
        .collect();
    assert!(scans.is_empty(), "{scans:#?}");
}

/// The steps of a statement's plan.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let unbound = statement.raw_query();
    unbound.mapped(|row| row.get("detail")).collect::<Result<_, _>>().unwrap()
}

fn ask_everything(connection: &Connection, page: PageRequest) {
    let name: Name = "shop".parse().unwrap();
    let time = Some(Time::from_millis(1));
    for filter in event_filters() {
        events::page(connection, &filter, page).unwrap();
    }
    for filter in message_filters() {
        messages::page(connection, &filter, page).unwrap();
    }
    for outcome in [None].into_iter().chain(CallbackOutcome::ALL.map(Some)) {
        for source in [None, Some(name.clone())] {
            let filter =
                CallbackFilter { source, reach: reach(), outcome, since: time, until: time };
            callbacks::page(connection, &filter, page).unwrap();
        }
    }
    for event in [None, Some(EventId::from_bits(1))] {
        for state in [None].into_iter().chain(DeliveryState::ALL.map(Some)) {
            let destination = Some(name.clone());
            let filter = DeliveryFilter {
                destination,
                state,
                event,
                since: time,
                until: time,
                reach: reach(),
            };
            deliveries::page(connection, &filter, page).unwrap();
        }
    }
    conversations::page(connection, &name, "+12025550188", page).unwrap();
    story::story(connection, &name, "a", None).unwrap();
    events::one(connection, EventId::from_bits(1)).unwrap();
    callbacks::one(connection, CallbackId::from_bits(1)).unwrap();
    callbacks::body(connection, CallbackId::from_bits(1)).unwrap();
    callbacks::stored(connection, CallbackId::from_bits(1)).unwrap();
    deliveries::one(connection, DeliveryId::from_bits(1)).unwrap();
    deliveries::of_event(connection, 1).unwrap();
    deliveries::backlog(connection, &name).unwrap();
    callbacks::counts(connection, &name).unwrap();
}

/// Each filter alone, and all together.
fn event_filters() -> Vec<EventFilter> {
    let none = EventFilter::default;
    let (text, time) = (Some("a".to_owned()), Some(Time::from_millis(1)));
    let all = EventFilter {
        types: vec!["message.*".parse().unwrap()],
        sources: vec!["shop".parse().unwrap()],
        reach: reach(),
        vendor: text.clone(),
        channel: Some(Channel::Sms),
        direction: Some(Direction::Inbound),
        message_id: text.clone(),
        client_ref: text.clone(),
        conversation: text.clone(),
        phone: text.clone(),
        words: Search::parse("rye"),
        state: Some(State::Sent),
        since: time,
        until: time,
        occurred_since: time,
        occurred_until: time,
    };
    vec![
        none(),
        EventFilter { types: all.types.clone(), ..none() },
        EventFilter { types: vec!["account.*".parse().unwrap()], since: time, ..none() },
        EventFilter { state: Some(State::Failed), ..none() },
        EventFilter { phone: text.clone(), ..none() },
        EventFilter { client_ref: text.clone(), ..none() },
        EventFilter { words: all.words.clone(), ..none() },
        EventFilter { sources: all.sources.clone(), ..none() },
        EventFilter { reach: reach(), ..none() },
        EventFilter { message_id: text.clone(), ..none() },
        EventFilter { conversation: text, ..none() },
        EventFilter { since: time, until: time, ..none() },
        EventFilter { occurred_since: time, occurred_until: time, ..none() },
        all,
    ]
}

fn message_filters() -> Vec<MessageFilter> {
    let (text, time) = (Some("a".to_owned()), Some(Time::from_millis(1)));
    let all = MessageFilter {
        state: Some(State::Sent),
        stuck_since: time,
        source: Some("shop".parse().unwrap()),
        reach: reach(),
        vendor: text.clone(),
        conversation: text.clone(),
        phone: text.clone(),
        client_ref: text,
        direction: Some(Direction::Inbound),
        channel: Some(Channel::Sms),
        contradictory: Some(true),
        since: time,
        until: time,
    };
    let alone =
        |state, stuck_since| MessageFilter { state, stuck_since, ..MessageFilter::default() };
    let states = [None].into_iter().chain(State::ALL.map(Some));
    let mut filters: Vec<MessageFilter> =
        states.flat_map(|state| [alone(state, None), alone(state, time)]).collect();
    let of_conversation =
        MessageFilter { conversation: all.conversation.clone(), ..MessageFilter::default() };
    let by_phone = MessageFilter { phone: all.phone.clone(), ..MessageFilter::default() };
    filters.extend([of_conversation, by_phone, all]);
    filters
}

/// Somebody who may see the things of two sources.
fn reach() -> Reach {
    Reach::of(vec!["shop".parse().unwrap(), "desk".parse().unwrap()])
}
