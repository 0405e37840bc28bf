//! A test: whatever is asked, no table that grows is read from end to end.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::super::counts::Counting;
use super::super::{deliver, line, schema};
use super::{callbacks, conversations, deliveries, events, messages, story};
use crate::clock::{Clock, SystemClock, Time};
use crate::domain::callback::CallbackOutcome;
use crate::domain::delivery::{Attempt, DeliveryState, Outcome, Trigger};
use crate::domain::event::{Channel, Direction};
use crate::domain::id::{CallbackId, DeliveryId, EventId};
use crate::domain::message::State;
use crate::domain::name::Name;
use crate::domain::query::{
    CallbackFilter, DeliveryFilter, EventFilter, MessageFilter, Order, PageRequest, Place,
};
use crate::domain::reach::Reach;
use crate::domain::words::Search;
use crate::store::{Next, Recorded};

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

/// A delivery in a line.
const DELIVERY: &str = "
    INSERT INTO event (sequence, uid, source, type, time_ms, time_basis, received_ms, revised, folded_changed, duplicate_key,
                       digest, data)
    VALUES (1, x'01010101010101010101010101010101', 'shop', 'unknown', 1, 'vendor', 1, 0, 0, x'01', x'01',
            '{\"vendor\":\"v\",\"dialect\":\"d\"}');
    INSERT INTO delivery (id, uid, event, destination, state, made_ms, due_ms, cause, order_key)
    VALUES (1, x'01010101010101010101010101010101', 1, 'shop', 'pending', 1, 1, 'schedule', x'01')";

fn attempt() -> Attempt {
    Attempt {
        number: 1,
        started_at: Time::from_millis(1),
        duration: std::time::Duration::ZERO,
        outcome: Outcome::Rejected,
        status: None,
        reason: None,
        trigger: Trigger::Schedule,
        response: None,
    }
}

/// The statements that are run meanwhile.
fn seen(connection: &mut Connection, work: impl FnOnce(&Connection)) -> BTreeSet<String> {
    let seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    let note = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(_, sql) = event
            && !sql.starts_with("--")
        {
            log.lock().insert(sql.to_owned());
        }
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note)).unwrap();
    work(connection);
    connection.trace_v2(TraceEventCodes::empty(), None::<fn(TraceEvent<'_>)>).unwrap();
    seen.lock().clone()
}

#[test]
fn no_question_reads_a_growing_table_from_end_to_end() {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection, Path::new("plans.db")).unwrap();
    connection.execute_batch(MESSAGE).unwrap();
    let statements = seen(&mut connection, |connection| {
        for order in [Order::Ascending, Order::Descending] {
            ask_everything(connection, PageRequest { limit: 50, order, after: Some(Place(9)) });
        }
    });
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

#[test]
fn handing_out_costs_the_same_however_much_waits() {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection, Path::new("plans.db")).unwrap();
    let statements = seen(&mut connection, |connection| {
        let (name, now) = ("shop".parse::<Name>().unwrap(), Time::from_millis(9));
        let delivery = DeliveryId::from_bytes([1; 16]);
        connection.execute_batch(DELIVERY).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let counting = Counting::new(clock);
        deliver::next_due(connection, &name).unwrap();
        deliver::claim(connection, &name, 8, now).unwrap();
        deliver::recover(connection, true, now).unwrap();
        deliver::retry_now(connection, delivery, Trigger::Manual, now).unwrap();
        deliver::cancel(connection, delivery, "no", &counting).unwrap();
        for next in [Next::RetryAt(now), Next::Exhausted, Next::Blocks, Next::Succeeded] {
            let recorded = Recorded { delivery, attempt: attempt(), next };
            deliver::record(connection, &recorded, &counting).unwrap();
        }
        line::unblock(connection, &name).unwrap();
        connection.execute("DELETE FROM delivery WHERE id = 1", []).unwrap();
    });
    assert!(statements.len() > 10, "the statements were not seen: {statements:#?}");
    for sql in &statements {
        let steps = plan(&connection, sql);
        // What is under way is all that its index holds. What a claim found is put in order once more: at most as much as it was to take.
        let slow = |step: &&String| {
            let bounded = ["SCAN due", "SCAN delivery USING INDEX delivery_in_flight"];
            let whole = step.starts_with("SCAN ") && !bounded.contains(&step.as_str());
            whole || (step.contains("TEMP B-TREE") && !sql.contains("AS due"))
        };
        assert_eq!(steps.iter().find(slow), None, "{sql}\n{steps:#?}");
        if sql.contains("AS due") {
            let index = "USING COVERING INDEX delivery_due (destination=? AND due_ms<?)";
            assert!(steps.iter().any(|step| step.contains(index)), "{steps:#?}");
        }
    }
    // Plans do not show what triggers do.
    let sql = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'delivery%'";
    let mut triggers = connection.prepare(sql).unwrap();
    for text in triggers.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        let text = text.unwrap();
        let (_, rest) = text.split_once("WHERE id = (").unwrap();
        let (first, _) = rest.split_once(')').unwrap();
        let first = first.replace("OLD.destination", "?1").replace("OLD.order_key", "?2");
        let steps = plan(&connection, &first);
        let index =
            "SEARCH delivery USING COVERING INDEX delivery_line (destination=? AND order_key=?)";
        assert_eq!(steps, [index], "{first}");
    }
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
                blocking: Some(true),
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
