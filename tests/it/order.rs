//! Deliveries one after the other: neither failures nor kills ever turn two events of a conversation round.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use callbox::domain::delivery::{DeliveryState, Outcome, Trigger};
use callbox::domain::id::DeliveryId;
use callbox::random::Random;
use callbox::store::{Claimed, Next};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::callbox::Callbox;
use crate::support::load::Connection;
use crate::support::program::Place;
use crate::support::receiver::{Receiver, Request};
use crate::support::shelf::{STORES, Shelf, crm};
use crate::support::{MINUTE, SECOND};

fn ids(claimed: &[Claimed]) -> Vec<DeliveryId> {
    claimed.iter().map(|claimed| claimed.id).collect()
}

#[tokio::test]
async fn the_next_one_is_due_once_the_one_before_it_has_ended_and_others_go_beside_it() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let first = shelf.in_line("a", "1").await;
        shelf.clock.advance(SECOND);
        let (second, other, third) = (
            shelf.in_line("a", "2").await,
            shelf.in_line("b", "1").await,
            shelf.in_line("a", "3").await,
        );
        let loose = shelf.due("c").await;
        let claimed = shelf.claim(9).await;
        assert_eq!(ids(&claimed), [first, other, loose]);
        assert_eq!(shelf.delivery(second).await.behind, Some(first));
        assert_eq!(shelf.delivery(second).await.due_at, Some(shelf.now()));
        assert_eq!(shelf.delivery(first).await.behind, None);

        let later = shelf.now().after(MINUTE);
        shelf.end(&claimed[0], Outcome::Rejected, Next::RetryAt(later)).await;
        assert_eq!(ids(&shelf.claim(9).await), []);
        assert_eq!(shelf.store.next_due(&crm()).await.unwrap(), Some(later));
        shelf.clock.advance(MINUTE);
        let claimed = shelf.claim(9).await;
        assert_eq!(ids(&claimed), [first]);
        shelf.end(&claimed[0], Outcome::Succeeded, Next::Succeeded).await;
        assert_eq!(shelf.delivery(third).await.behind, Some(second));
        for next in [second, third] {
            let claimed = shelf.claim(9).await;
            assert_eq!(ids(&claimed), [next]);
            shelf.end(&claimed[0], Outcome::Succeeded, Next::Succeeded).await;
        }
        // Nothing is left in the line, so what comes now is due at once.
        let fourth = shelf.in_line("a", "4").await;
        assert_eq!(ids(&shelf.claim(9).await), [fourth]);
    }
}

#[tokio::test]
async fn an_exhausted_one_blocks_its_line_until_it_is_retried_or_cancelled_or_lets_it_go_on() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let (store, now, manual) = (&shelf.store, shelf.now(), Trigger::Manual);
        let mut line = Vec::new();
        for says in ["1", "2", "3", "4"] {
            line.push(shelf.in_line("a", says).await);
        }
        shelf.attempt(Outcome::Rejected, Next::Blocks).await;
        assert_eq!(shelf.state(line[0]).await, DeliveryState::Exhausted);
        assert!(shelf.delivery(line[0]).await.blocks);
        assert_eq!(ids(&shelf.claim(9).await), []);
        assert_eq!(store.backlog(&crm()).await.unwrap().blocked, 1);
        assert_eq!(store.retry_now(line[1], manual, now).await.unwrap(), Some(false));

        assert_eq!(store.retry_now(line[0], manual, now).await.unwrap(), Some(true));
        assert!(!shelf.delivery(line[0]).await.blocks);
        assert_eq!(shelf.attempt(Outcome::Succeeded, Next::Succeeded).await.id, line[0]);
        assert_eq!(shelf.attempt(Outcome::Rejected, Next::Blocks).await.id, line[1]);
        assert_eq!(store.cancel(line[1], "not wanted").await.unwrap(), Some(true));
        assert_eq!(shelf.state(line[1]).await, DeliveryState::Cancelled);
        assert_eq!(shelf.attempt(Outcome::Rejected, Next::Exhausted).await.id, line[2]);
        assert!(!shelf.delivery(line[2]).await.blocks);
        assert_eq!(ids(&shelf.claim(9).await), [line[3]]);
        assert_eq!(store.backlog(&crm()).await.unwrap().blocked, 0);
    }
}

#[tokio::test]
async fn one_that_is_cancelled_leaves_no_gap_and_one_that_had_ended_goes_out_of_turn() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let (store, now) = (&shelf.store, shelf.now());
        let mut line = Vec::new();
        for says in ["1", "2", "3"] {
            line.push(shelf.in_line("a", says).await);
        }
        assert_eq!(store.cancel(line[1], "not wanted").await.unwrap(), Some(true));
        assert_eq!(shelf.delivery(line[2]).await.behind, Some(line[0]));
        assert_eq!(store.cancel(line[0], "not wanted").await.unwrap(), Some(true));
        let third = shelf.claim(9).await;
        assert_eq!(ids(&third), [line[2]]);
        // The third is under way; the first, which had ended, does not wait for it, nor does anything wait for the first.
        assert_eq!(store.retry_now(line[0], Trigger::Manual, now).await.unwrap(), Some(true));
        assert_eq!(shelf.delivery(line[0]).await.behind, None);
        let fourth = shelf.in_line("a", "4").await;
        shelf.end(&third[0], Outcome::Succeeded, Next::Succeeded).await;
        assert_eq!(ids(&shelf.claim(9).await), [line[0], fourth]);
    }
}

#[tokio::test]
async fn a_crash_keeps_lines_as_they_are_and_poison_blocks_until_it_may_not() {
    for open in STORES {
        let mut shelf = Shelf::new(open);
        let (first, second) = (shelf.in_line("a", "1").await, shelf.in_line("a", "2").await);
        for _ in 0..3 {
            assert_eq!(ids(&shelf.claim(9).await), [first]);
            shelf = shelf.crash().await;
            shelf.store.recover(shelf.now()).await.unwrap();
        }
        assert_eq!(shelf.delivery(first).await.reason.as_deref(), Some("poison"));
        assert_eq!(ids(&shelf.claim(9).await), []);
        assert_eq!(shelf.store.unblock(&crm()).await.unwrap(), 1);
        assert_eq!(shelf.store.unblock(&crm()).await.unwrap(), 0);
        assert_eq!(ids(&shelf.claim(9).await), [second]);
    }
}

/// A source whose messages say which conversation they are of.
const BOT: &str = r#"
[sources.bot]
vendor = "generic"
auth = [{ type = "none" }]
[sources.bot.mapping]
type = "text:message.received"
id = "/id"
conversation = "/talk"
"#;

fn body(talk: &str, id: &str) -> String {
    json!({ "id": id, "talk": talk }).to_string()
}

/// The talk and the id in a request.
fn told(request: &Request) -> (String, String) {
    let event: Value = serde_json::from_slice(&request.body).unwrap();
    let text = |place: &str| event.pointer(place).unwrap().as_str().unwrap().to_owned();
    (text("/data/message/conversation"), text("/data/message/id"))
}

#[tokio::test]
async fn a_conversation_is_held_up_by_its_own_failures_alone_and_operators_see_and_mend_it() {
    let mut crm = Receiver::start().await;
    crm.then(500);
    let more = "order = \"conversation\"\nretry = []";
    let callbox = Callbox::start(&format!("{BOT}{}", crm.configured("crm", more))).await;
    let push = async |talk, id| {
        let pushed = callbox.push("bot", body(talk, id)).await;
        let page = callbox.json(&format!("/v1/deliveries?event_id={}", pushed.events()[0])).await;
        format!("/v1/deliveries/{}", page["data"][0]["id"].as_str().unwrap())
    };
    let first = push("one", "a").await;
    let blocked = callbox.until(&first, |delivery| delivery["state"] == "exhausted").await;
    assert_eq!(blocked["blocking"], true);
    let second = push("one", "b").await;
    let other = push("two", "c").await;
    callbox.until(&other, |delivery| delivery["state"] == "succeeded").await;

    let waiting = callbox.json(&second).await;
    assert_eq!((&waiting["state"], &waiting["behind"]), (&json!("pending"), &blocked["id"]));
    let detail = callbox.order(&format!("{second}/retry")).await.problem(409, "conflict");
    assert!(detail.contains(blocked["id"].as_str().unwrap()), "{detail}");
    let standing = callbox.json("/v1/destinations/crm").await;
    assert_eq!((&standing["blocked"], &standing["backlog"]), (&json!(1), &json!(1)));
    let page = callbox.json("/v1/deliveries?blocking=true").await;
    assert_eq!(page["data"].as_array().unwrap(), std::slice::from_ref(&blocked));

    assert_eq!(callbox.order(&format!("{first}/retry")).await.status, 200);
    callbox.until(&second, |delivery| delivery["state"] == "succeeded").await;
    let arrived: Vec<_> = crm.requests().iter().map(|request| told(request).1).collect();
    assert_eq!(arrived, ["a", "c", "a", "b"]);
    assert_eq!(callbox.json("/v1/destinations/crm").await["blocked"], 0);
}

#[tokio::test]
async fn a_destination_that_skips_goes_on_and_one_that_no_longer_blocks_is_let_go_on_at_the_start()
{
    let mut crm = Receiver::start().await;
    crm.then(500).then(500);
    let config = |policy: &str| {
        let more = format!("order = \"message\"\nretry = []\non_exhausted = \"{policy}\"");
        let shop = "[sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\n";
        format!("{shop}{}", crm.configured("crm", &more))
    };
    let (skips, blocks) = (config("skip"), config("block"));
    let callbox = Callbox::start(&skips).await;
    let receipt = crate::support::bodies::receipt;
    for status in ["queued", "sent"] {
        callbox.push("shop", receipt("m", status)).await.callback();
    }
    crm.next().await;
    crm.next().await;
    callbox.until("/v1/destinations/crm", |crm| crm["backlog"] == 0).await;

    let callbox = callbox.restart_with(&blocks).await;
    crm.then(500);
    for status in ["delivered", "read"] {
        callbox.push("shop", receipt("m", status)).await.callback();
    }
    crm.next().await;
    callbox.until("/v1/destinations/crm", |crm| crm["blocked"] == 1).await;
    let callbox = callbox.restart_with(&skips).await;
    let last: Value = serde_json::from_slice(&crm.next().await.body).unwrap();
    assert_eq!(last["type"], "message.read");
    callbox.until("/v1/destinations/crm", |crm| crm["backlog"] == 0 && crm["blocked"] == 0).await;
}

/// How much traffic a run sends through, and how often it is killed.
struct Extent {
    talks: usize,
    events: usize,
    kills: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_failure_and_no_kill_turns_a_conversation_round_or_loses_any_of_it() {
    keep_order(Extent { talks: 10, events: 30, kills: 3 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the judged extent: minutes"]
async fn no_failure_and_no_kill_turns_one_of_a_hundred_conversations_round() {
    keep_order(Extent { talks: 100, events: 1_000, kills: 20 }).await;
}

/// What arrived of each talk.
#[derive(Default)]
struct Arrived {
    /// The number that each talk has come to.
    latest: BTreeMap<String, usize>,
    attempts: usize,
    repeated: usize,
    inversions: Vec<String>,
}

impl Arrived {
    /// Notes a request that is about to be answered.
    fn note(&mut self, talk: &str, number: usize, taken: bool) {
        self.attempts += 1;
        let latest = self.latest.entry(talk.to_owned()).or_default();
        if number == *latest {
            self.repeated += 1; // a kill came between our answer and its being written down
        } else if number != *latest + 1 {
            self.inversions.push(format!("{talk}: {number} after {latest}"));
        }
        if taken && number > *latest {
            *latest = number;
        }
    }
}

async fn keep_order(Extent { talks, events, kills }: Extent) {
    let arrived = Arc::new(Mutex::new(Arrived::default()));
    let (taken, mut progress) = watch::channel(0_usize);
    let chance = Random::from_seed(1);
    let book = Arc::clone(&arrived);
    let crm = Receiver::judging(move |request| {
        let (talk, id) = told(request);
        let number = id.rsplit_once('-').unwrap().1.parse().unwrap();
        let good = chance.below(5) > 0;
        let mut book = book.lock();
        book.note(&talk, number, good);
        taken.send_replace(book.latest.values().sum());
        if good { 200 } else { 500 }
    })
    .await;
    let waits = vec!["\"20ms\""; 60].join(", ");
    let more = format!("order = \"conversation\"\nmax_concurrency = 64\nretry = [{waits}]");
    let place = Place::new(&format!("{BOT}{}", crm.configured("crm", &more)));
    let mut program = place.start();
    let (address, _) = watch::channel(program.vendors);
    let mut pushers = JoinSet::new();
    for share in 0..10 {
        let address = address.subscribe();
        let talks = (0..talks).filter(|talk| talk % 10 == share).collect::<Vec<_>>();
        pushers.spawn(push_all(address, talks, events));
    }
    for kill in 1..=kills {
        let moment = talks * events * kill / (kills + 1);
        progress.wait_for(|taken| *taken >= moment).await.unwrap();
        program.kill();
        program = place.start();
        address.send_replace(program.vendors);
    }
    pushers.join_all().await;
    progress.wait_for(|taken| *taken == talks * events).await.unwrap();
    let arrived = arrived.lock();
    eprintln!(
        "{talks} conversations of {events} events, {kills} kills, {} attempts: {} sent again after a kill, {} inversions, 0 lost",
        arrived.attempts,
        arrived.repeated,
        arrived.inversions.len()
    );
    assert_eq!(arrived.inversions, Vec::<String>::new());
}

/// Pushes the events of these talks, each again until it is acknowledged, so that their order is known.
async fn push_all(mut address: watch::Receiver<SocketAddr>, talks: Vec<usize>, events: usize) {
    let mut open = None;
    for number in 1..=events {
        for talk in &talks {
            let body = body(&format!("talk-{talk}"), &format!("{talk}-{number}"));
            loop {
                let at = *address.borrow_and_update();
                if open.is_none() {
                    open = Connection::open(at).await.ok();
                }
                let Some(mut connection) = open.take() else {
                    address.changed().await.unwrap(); // it was killed, and starts elsewhere
                    continue;
                };
                if let Ok(answer) = connection.push_to("bot", &body).await {
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    open = Some(connection);
                    break;
                }
            }
        }
    }
}
