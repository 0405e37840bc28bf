//! Retention: what is old goes by itself, what is young or still needed stays.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use callbox::store::{Ages, Kept, Retention};
use serde_json::Value;

use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::receiver::Receiver;
use crate::support::shelf::{STORES, Shelf};
use crate::support::{MINUTE, SECOND};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Sweeps that something may take to go, and looks at it while one goes on.
const SWEEPS_MAX: usize = 100;
const LOOKS: usize = 20;

const SHOP: &str = r#"
retention = { callbacks = "2d", quarantined = "3d", unauthentic = "4d", events = "5d", attempts = "1d" }
[sources.shop]
vendor = "wavecell"
auth = [{ type = "token", secrets = ["the-token"] }]
"#;

/// Lets time pass until `wanted` holds. A sweep that was under way when the time came misses it; the next one is a minute later.
async fn until(callbox: &Callbox, passed: Duration, target: &str, wanted: impl Fn(&Value) -> bool) {
    callbox.clock.advance(passed);
    let mut latest = Value::Null;
    for _ in 0..SWEEPS_MAX {
        for _ in 0..LOOKS {
            latest = callbox.json(target).await;
            if wanted(&latest) {
                return;
            }
        }
        callbox.clock.advance(MINUTE);
    }
    unreachable!("{target} never became what was waited for: {latest:#}")
}

fn count(page: &Value) -> usize {
    page["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn each_kind_of_thing_goes_at_its_own_age() {
    let crm = Receiver::start().await;
    let callbox = Callbox::start(&format!("{SHOP}{}", crm.configured("crm", ""))).await;
    let first = callbox.push("shop/the-token", receipt("m1", "delivered")).await;
    callbox.push("shop/the-token", "not what the vendor says").await;
    callbox.push("shop/wrong", receipt("m1", "read")).await;
    let delivery = "/v1/deliveries";
    let ended = callbox.until(delivery, |page| page["data"][0]["state"] == "succeeded").await;
    assert_eq!(ended["data"][0]["attempts"].as_array().unwrap().len(), 1);

    until(&callbox, DAY + MINUTE, delivery, |page| {
        page["data"][0]["attempts"].as_array().unwrap().is_empty()
    })
    .await;
    assert_eq!(count(&callbox.json("/v1/callbacks").await), 3);
    until(&callbox, DAY, "/v1/callbacks", |page| count(page) == 2).await;
    assert_eq!(callbox.ask(&format!("/v1/callbacks/{}", first.callback())).await.status, 404);
    until(&callbox, DAY, "/v1/callbacks?outcome=quarantined", |page| count(page) == 0).await;
    assert_eq!(count(&callbox.json("/v1/callbacks").await), 1);
    until(&callbox, DAY, "/v1/callbacks", |page| count(page) == 0).await;
    assert_eq!(callbox.events("").await.len(), 1);
    assert_eq!(callbox.ask("/v1/messages/shop/m1").await.status, 200);
    until(&callbox, DAY, "/v1/events", |page| count(page) == 0).await;
    assert_eq!(callbox.ask("/v1/messages/shop/m1").await.status, 404);
    assert_eq!(count(&callbox.json(delivery).await), 0);
}

#[tokio::test]
async fn what_is_young_stays_and_a_repetition_is_known_for_as_long_as_its_event() {
    let callbox = Callbox::start(SHOP).await;
    let first = callbox.push("shop/the-token", receipt("m1", "delivered")).await;
    callbox.clock.advance(3 * DAY);
    callbox.push("shop/the-token", receipt("m1", "read")).await;
    let again = callbox.push("shop/the-token", receipt("m1", "delivered")).await;
    assert_eq!(again.json()["duplicate"], true);
    assert_eq!(again.events(), first.events());

    until(&callbox, 2 * DAY + MINUTE, "/v1/events", |page| count(page) == 1).await;
    let message = callbox.json("/v1/messages/shop/m1").await;
    assert_eq!(message["state"], "read", "the message stays as long as one of its events");
    let anew = callbox.push("shop/the-token", receipt("m1", "delivered")).await;
    assert_eq!(anew.json().get("duplicate"), None);
    assert_ne!(anew.events(), first.events());
}

#[tokio::test]
async fn an_open_delivery_protects_its_event_and_the_bytes_that_it_may_want() {
    let mut crm = Receiver::start().await;
    let slow = "format = \"raw\"\nretry = [\"7d\", \"1s\"]\nbacklog_max_age = \"30d\"";
    let callbox = Callbox::start(&format!("{SHOP}{}", crm.configured("crm", slow))).await;
    let body = receipt("m1", "delivered");
    crm.then(500);
    callbox.push("shop/the-token", &body).await;
    crm.next().await;
    let pending = "/v1/deliveries?state=pending";
    callbox.until(pending, |page| page["data"][0]["attempts"][0]["outcome"] == "rejected").await;
    // Quarantined later than the other came, so once it has gone, a whole sweep has passed over all of them.
    callbox.push("shop/the-token", "not what the vendor says").await;
    until(&callbox, 5 * DAY + HOUR, "/v1/callbacks?outcome=quarantined", |page| count(page) == 0)
        .await;
    assert_eq!(count(&callbox.json("/v1/callbacks").await), 1);
    assert_eq!(callbox.events("").await.len(), 1);

    // The retry comes up to a fifth later than said.
    callbox.clock.advance(4 * DAY);
    assert_eq!(String::from_utf8(crm.next().await.body).unwrap(), body);
    callbox.until("/v1/deliveries?state=succeeded", |page| count(page) == 1).await;
    until(&callbox, 2 * MINUTE, "/v1/events", |page| count(page) == 0).await;
    until(&callbox, 2 * MINUTE, "/v1/callbacks", |page| count(page) == 0).await;
}

#[tokio::test]
async fn a_page_goes_on_where_it_was_though_what_was_before_it_has_gone() {
    let callbox = Callbox::start(SHOP).await;
    for number in 0..4 {
        callbox.push("shop/the-token", receipt(&format!("old-{number}"), "sent")).await;
    }
    callbox.clock.advance(4 * DAY);
    for number in 0..4 {
        callbox.push("shop/the-token", receipt(&format!("new-{number}"), "sent")).await;
    }
    let first = callbox.json("/v1/events?order=asc&limit=2").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    until(&callbox, DAY + MINUTE, "/v1/events", |page| count(page) == 4).await;
    let rest = callbox.json(&format!("/v1/events?order=asc&cursor={cursor}")).await;
    let subjects: Vec<&str> =
        rest["data"].as_array().unwrap().iter().map(|e| e["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["new-0", "new-1", "new-2", "new-3"]);
    let events = callbox.events("").await;
    assert!(events.iter().all(|event| event["data"]["sequence"].as_i64().unwrap() > 4));
}

#[tokio::test]
async fn a_sweep_is_made_of_small_steps_and_gives_the_room_back() {
    for open in STORES {
        let shelf = Shelf::new(open);
        for number in 0..2_500 {
            let mut body = String::new();
            write!(body, "{number:05}").unwrap();
            let event = shelf.event(&body, "sent", &[]);
            let kept = Kept::Events(vec![event]);
            let callback = shelf.callback(&body.repeat(200), kept);
            shelf.store.append(callback).await.unwrap();
        }
        shelf.clock.advance(2 * DAY);
        shelf.append(vec![shelf.event("young", "sent", &[])]).await;
        let full = shelf.restart().await;
        let before = full.size();
        let ages =
            Ages { callbacks: DAY, quarantined: DAY, unauthentic: DAY, events: DAY, attempts: DAY };
        let mut retention =
            Retention::new(Arc::clone(&full.store), Arc::clone(&full.clock) as Arc<_>, ages, None);
        let mut removed = Vec::new();
        loop {
            let round = retention.tick().await.unwrap();
            removed.push(round.removed);
            if !round.rest.is_zero() {
                break;
            }
        }
        assert_eq!(removed.iter().sum::<usize>(), 5_000, "every old callback, and its event");
        assert!(removed.iter().all(|removed| *removed <= 1_000), "{removed:?}");
        assert_eq!(retention.tick().await.unwrap().removed, 0);
        let emptied = full.restart().await;
        assert!(emptied.size() < before / 4, "{} of {before} bytes are left", emptied.size());
        assert_eq!(emptied.append(vec![emptied.event("young", "sent", &[])]).await.deliveries, 0);
    }
}

#[tokio::test]
async fn a_walk_past_what_has_to_stay_comes_to_what_lies_behind_it() {
    for open in STORES {
        let shelf = Shelf::new(open);
        for number in 0..1_200 {
            shelf.append(vec![shelf.event(&format!("open-{number}"), "sent", &["crm"])]).await;
        }
        shelf.append(vec![shelf.event("ended", "sent", &[])]).await;
        shelf.clock.advance(2 * DAY);
        let ages = Ages {
            callbacks: DAY,
            quarantined: DAY,
            unauthentic: DAY,
            events: DAY,
            attempts: SECOND,
        };
        let clock = Arc::clone(&shelf.clock) as Arc<_>;
        let mut retention = Retention::new(Arc::clone(&shelf.store), clock, ages, None);
        let mut removed = 0;
        loop {
            let round = retention.tick().await.unwrap();
            removed += round.removed;
            if !round.rest.is_zero() {
                break;
            }
        }
        assert_eq!(removed, 2, "the one event without an open delivery, and its callback");
    }
}

#[tokio::test]
async fn who_polls_misses_nothing_though_all_that_was_seen_has_gone() {
    let callbox = Callbox::start(SHOP).await;
    for number in 0..3 {
        callbox.push("shop/the-token", receipt(&format!("old-{number}"), "sent")).await;
    }
    let seen = |page: &Value| page["cursor"].as_str().unwrap().to_owned();
    let events = seen(&callbox.json("/v1/events?order=asc").await);
    let callbacks = seen(&callbox.json("/v1/callbacks?order=asc").await);
    until(&callbox, 6 * DAY, "/v1/events", |page| count(page) == 0).await;
    until(&callbox, MINUTE, "/v1/callbacks", |page| count(page) == 0).await;
    let callbox = callbox.restart().await;
    callbox.push("shop/the-token", receipt("new", "sent")).await;
    for place in
        [format!("/v1/events?cursor={events}"), format!("/v1/callbacks?cursor={callbacks}")]
    {
        assert_eq!(count(&callbox.json(&format!("{place}&order=asc")).await), 1, "{place}");
    }
}
