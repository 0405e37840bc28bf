//! A new destination that begins in the past and wants its events in order: no gap, no repetition, nothing turned round.

use std::collections::BTreeMap;
use std::sync::Arc;

use callbox::domain::backlog::StartFrom;
use callbox::domain::delivery::Outcome;
use callbox::domain::destination::Destination;
use callbox::domain::id::{DeliveryId, IdMaker};
use callbox::domain::order::OrderedBy;
use callbox::random::Random;
use callbox::store::{Claimed, Joined, Next, OrderedJoin};
use parking_lot::Mutex;
use serde_json::Value;

use crate::support::SECOND;
use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::house::destination;
use crate::support::receiver::{Receiver, Request};
use crate::support::shelf::{STORES, Shelf, crm};

const SHOP: &str = "[sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\n";

/// What happens to a message, in order.
const STATES: [&str; 4] = ["queued", "sent", "delivered", "read"];

/// A destination that takes a hundred at a time, in the order of each message, from the beginning.
fn wide() -> Destination {
    Destination {
        events: vec!["*".parse().unwrap()],
        order: Some(OrderedBy::Message),
        from: StartFrom::Beginning,
        ..destination("crm", "http://127.0.0.1:9/")
    }
}

fn told(claimed: &[Claimed]) -> Vec<String> {
    claimed.iter().map(|claimed| claimed.event.data.dialect.clone()).collect()
}

#[tokio::test]
async fn the_past_goes_before_what_comes_and_the_last_step_leaves_no_gap() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let ids = IdMaker::new(Random::from_seed(9));
        for (message, says) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3")] {
            shelf.append(vec![shelf.event(message, says, &[])]).await;
        }
        let store = &shelf.store;
        store.configured(vec![(crm(), StartFrom::Beginning)], shelf.now()).await.unwrap();
        let step = async |from: i64, may_end: bool| {
            let ids = [0; 2].map(|_| DeliveryId::from_bits(ids.next(shelf.now()))).to_vec();
            let destination = Arc::new(wide());
            let step = OrderedJoin { destination, from, ids, may_end, now: shelf.now() };
            store.join_in_order(step).await.unwrap()
        };
        // What comes while the past is handed out waits for it.
        shelf.in_line("a", "a4").await;
        assert_eq!(step(0, true).await, Joined { due: 2, more: true, through: false });
        assert_eq!(step(0, true).await, Joined::default(), "it has gone on since");
        let first = shelf.claim(9).await;
        assert_eq!(told(&first), ["a1", "b1"]);
        let place = store.joining().await.unwrap()[0].place;
        assert_eq!(step(place, true).await, Joined { due: 2, more: true, through: false });
        shelf.end(&first[0], Outcome::Succeeded, Next::Succeeded).await;
        let second = shelf.claim(9).await;
        assert_eq!(told(&second), ["a2"]);
        let place = store.joining().await.unwrap()[0].place;
        assert_eq!(step(place, false).await, Joined { due: 1, more: false, through: false });
        shelf.in_line("a", "a5").await;
        let place = store.joining().await.unwrap()[0].place;
        assert_eq!(step(place, true).await, Joined { due: 1, more: false, through: true });
        assert_eq!(store.joining().await.unwrap(), []);
        shelf.in_line("a", "a6").await;
        shelf.end(&second[0], Outcome::Succeeded, Next::Succeeded).await;
        for says in ["a3", "a4", "a5", "a6"] {
            let next = shelf.attempt(Outcome::Succeeded, Next::Succeeded).await;
            assert_eq!(next.event.data.dialect, says);
        }
        assert_eq!(shelf.claim(9).await.len(), 0);
    }
}

/// What arrived of each message, in order of arrival; what was not taken is left out.
type Arrived = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

fn note(arrived: &Arrived, request: &Request) {
    let event: Value = serde_json::from_slice(&request.body).unwrap();
    let text = |at: &str| event.pointer(at).unwrap().as_str().unwrap().to_owned();
    arrived.lock().entry(text("/subject")).or_default().push(text("/type"));
}

#[tokio::test]
async fn an_ordered_destination_that_begins_in_the_past_gets_each_message_whole_and_in_order() {
    const MESSAGES: usize = 60;
    let (arrived, chance) = (Arrived::default(), Random::from_seed(4));
    let book = Arc::clone(&arrived);
    let desk = Receiver::judging(move |request| {
        let taken = chance.below(5) > 0;
        if taken {
            note(&book, request);
        }
        if taken { 200 } else { 500 }
    })
    .await;
    let waits = vec!["\"10ms\""; 60].join(", ");
    let more = format!(
        "order = \"message\"\nfrom = \"beginning\"\nretry = [{waits}]\nmax_concurrency = 32"
    );
    let with = format!("{SHOP}{}", desk.configured("crm", &more));
    let callbox = Callbox::start(SHOP).await;
    let push = async |callbox: &Callbox, states: &[&str], messages: std::ops::Range<usize>| {
        for state in states {
            for message in messages.clone() {
                callbox.push("shop", receipt(&format!("m{message}"), state)).await.callback();
            }
        }
    };
    push(&callbox, &STATES[..2], 0..MESSAGES).await;
    let callbox = callbox.restart_with(&with).await;
    push(&callbox, &STATES[2..3], 0..MESSAGES).await;
    push(&callbox, &STATES[3..], 0..MESSAGES / 2).await;
    let callbox = callbox.restart_with(&with).await;
    push(&callbox, &STATES[3..], MESSAGES / 2..MESSAGES).await;
    let all = MESSAGES * STATES.len();
    while callbox.json("/v1/destinations/crm").await["ended"]["succeeded"] != all {
        callbox.clock.advance(SECOND);
    }
    let arrived = arrived.lock();
    let whole: Vec<String> = STATES.iter().map(|state| format!("message.{state}")).collect();
    assert_eq!(arrived.len(), MESSAGES);
    for (message, types) in arrived.iter() {
        let mut once = types.clone();
        once.dedup(); // a restart can send one again
        assert_eq!(once, whole, "{message}");
    }
}
