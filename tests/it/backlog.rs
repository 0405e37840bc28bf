//! Backlogs: bounded by age and size, ended with their destination, and a new destination joins past and present.

use std::collections::BTreeSet;
use std::time::Duration;

use callbox::domain::delivery::{DeliveryState, Outcome, Trigger};
use callbox::domain::id::DeliveryId;
use callbox::store::{ExpireStep, Next};
use serde_json::Value;

use crate::support::SECOND;
use crate::support::bodies::{inbound, receipt};
use crate::support::callbox::Callbox;
use crate::support::receiver::Receiver;
use crate::support::shelf::{STORES, Shelf, crm};

const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);

/// How long something that has to come may take: far more than a busy machine needs, and only a bug takes all of it.
const PATIENCE: Duration = Duration::from_mins(1);

const SHOP: &str = "[sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\n";

async fn expire(shelf: &Shelf, max_age: Duration, most: u64) -> (u64, u64, usize) {
    let (mut too_old, mut too_many, mut steps, mut after) = (0, 0, 0, 0);
    loop {
        let before = shelf.now().before(max_age);
        let step = ExpireStep { destination: crm(), before, most, after };
        let expired = shelf.store.expire(step).await.unwrap();
        too_old += expired.too_old;
        too_many += expired.too_many;
        steps += 1;
        let Some(next) = expired.next else { return (too_old, too_many, steps) };
        after = next;
    }
}

#[tokio::test]
async fn what_exceeds_a_backlogs_bounds_expires_oldest_first_and_is_counted() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let old = [shelf.due("a").await, shelf.due("b").await];
        shelf.clock.advance(DAY);
        let young = [shelf.due("c").await, shelf.due("d").await, shelf.due("e").await];
        assert_eq!(expire(&shelf, DAY, 5).await, (0, 0, 1), "nothing exceeds its bounds");
        shelf.clock.advance(SECOND);
        assert_eq!(expire(&shelf, DAY, 5).await, (2, 0, 1));
        for id in old {
            let delivery = shelf.delivery(id).await;
            assert_eq!(delivery.state, DeliveryState::Expired);
            assert!(delivery.reason.unwrap().contains("backlog_max_age"));
        }
        assert_eq!(expire(&shelf, DAY, 2).await, (0, 1, 1));
        assert_eq!(shelf.state(young[0]).await, DeliveryState::Expired);
        assert_eq!(shelf.state(young[1]).await, DeliveryState::Pending);
        let backlog = shelf.store.backlog(&crm()).await.unwrap();
        assert_eq!((backlog.waiting, backlog.ended.expired), (2, 3));
    }
}

#[tokio::test]
async fn an_expired_delivery_that_is_tried_again_is_as_young_as_a_new_one() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let delivery = shelf.due("a").await;
        shelf.due("b").await;
        shelf.clock.advance(2 * DAY);
        assert_eq!(expire(&shelf, DAY, 9).await, (2, 0, 1));
        let again = shelf.store.retry_now(delivery, Trigger::Manual, shelf.now()).await.unwrap();
        assert_eq!(again, Some(true));
        let young = shelf.due("c").await;
        assert_eq!(expire(&shelf, DAY, 9).await, (0, 0, 1));
        // Claimed by now is not waiting: it ends by itself.
        let claimed = shelf.claim(1).await.remove(0);
        shelf.clock.advance(2 * DAY);
        assert_eq!(expire(&shelf, DAY, 9).await, (1, 0, 1));
        assert_eq!(shelf.state(young).await, DeliveryState::Expired);
        shelf.end(&claimed, Outcome::Succeeded, Next::Succeeded).await;
        assert_eq!(shelf.state(delivery).await, DeliveryState::Succeeded);
        let ended = shelf.store.backlog(&crm()).await.unwrap().ended;
        assert_eq!((ended.expired, ended.succeeded), (3, 1));
    }
}

#[tokio::test]
async fn a_large_backlog_expires_in_small_steps() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let to = vec!["crm"; 1];
        for number in 0..13 {
            let events = (0..100).map(|part| shelf.event(&format!("{number}-{part}"), "sent", &to));
            shelf.append(events.collect()).await;
        }
        let (too_old, too_many, steps) = expire(&shelf, DAY, 50).await;
        assert_eq!((too_old, too_many), (0, 1_250));
        assert!(steps >= 3, "{steps}");
        assert_eq!(shelf.store.backlog(&crm()).await.unwrap().waiting, 50);
    }
}

/// Lets time pass until the answer is as wanted.
async fn in_time(callbox: &Callbox, target: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut latest = Value::Null;
    let looking = async {
        loop {
            latest = callbox.json(target).await;
            if wanted(&latest) {
                break;
            }
            callbox.clock.advance(SECOND);
        }
    };
    let came = tokio::time::timeout(PATIENCE, looking).await;
    assert!(came.is_ok(), "{target} never became what was waited for: {latest:#}");
    latest
}

fn count(page: &Value) -> usize {
    page["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_dead_destinations_backlog_expires_shows_in_the_metrics_and_can_be_retried() {
    let mut crm = Receiver::start().await;
    let text = format!("{SHOP}{}", crm.configured("crm", "backlog_max_age = \"2d\""));
    let callbox = Callbox::start(&text).await;
    callbox.order("/v1/destinations/crm/pause").await;
    for number in 0..3 {
        callbox.push("shop", receipt(&format!("m{number}"), "sent")).await;
    }
    callbox.clock.advance(2 * DAY);
    callbox.push("shop", receipt("young", "sent")).await;
    callbox.clock.advance(SECOND);
    let expired =
        in_time(&callbox, "/v1/deliveries?state=expired&order=asc", |page| count(page) == 3).await;
    assert_eq!(callbox.json("/v1/destinations/crm").await["ended"]["expired"], 3);
    assert_eq!(callbox.json("/v1/destinations/crm").await["backlog"], 1);
    let metrics = callbox.ask("/metrics").await.text();
    let line = "callbox_deliveries_total{destination=\"crm\",state=\"expired\"} 3";
    assert!(metrics.contains(line), "{metrics}");

    let id = expired["data"][0]["id"].as_str().unwrap();
    callbox.order(&format!("/v1/deliveries/{id}/retry")).await;
    callbox.order("/v1/destinations/crm/resume").await;
    let events: BTreeSet<String> =
        [crm.next().await, crm.next().await].iter().map(webhook_id).collect();
    assert!(events.contains(expired["data"][0]["event_id"].as_str().unwrap()));
}

fn webhook_id(request: &crate::support::receiver::Request) -> String {
    request.header("webhook-id").unwrap().to_owned()
}

#[tokio::test]
async fn deliveries_of_a_destination_that_left_the_configuration_end_after_a_day() {
    let crm = Receiver::start().await;
    let with = format!("{SHOP}{}", crm.configured("crm", "backlog_max_age = \"30d\""));
    let callbox = Callbox::start(&with).await;
    callbox.order("/v1/destinations/crm/pause").await;
    callbox.push("shop", receipt("m1", "sent")).await;
    // Back within the day, and nothing has happened.
    let callbox = callbox.restart_with(SHOP).await;
    callbox.clock.advance(23 * HOUR);
    let callbox = callbox.restart_with(&with).await;
    callbox.clock.advance(DAY);
    let callbox = callbox.restart_with(SHOP).await;
    let pending = callbox.json("/v1/deliveries?state=pending").await;
    assert_eq!(count(&pending), 1);
    callbox.clock.advance(23 * HOUR);
    assert_eq!(count(&callbox.json("/v1/deliveries?state=pending").await), 1);
    let cancelled =
        in_time(&callbox, "/v1/deliveries?state=cancelled", |page| count(page) == 1).await;
    assert!(cancelled["data"][0]["reason"].as_str().unwrap().contains("not configured"));
}

#[tokio::test]
async fn a_new_destination_gets_the_past_and_what_comes_each_once_and_only_what_it_wants() {
    let mut crm = Receiver::start().await;
    let callbox = Callbox::start(SHOP).await;
    let mut wanted = BTreeSet::new();
    for number in 0..250 {
        wanted.extend(callbox.push("shop", receipt(&format!("m{number}"), "sent")).await.events());
    }
    callbox.push("shop", inbound("unwanted", "Is the blue kettle back?")).await;

    let more = "events = [\"message.sent\"]\nfrom = \"beginning\"";
    let with = format!("{SHOP}{}", crm.configured("crm", more));
    let callbox = callbox.restart_with(&with).await;
    wanted.extend(callbox.push("shop", receipt("fresh", "sent")).await.events());
    let mut got = Vec::new();
    for _ in 0..40 {
        got.push(webhook_id(&crm.next().await));
    }
    // It is cut off in the middle, and goes on where it was.
    let callbox = callbox.restart().await;
    wanted.extend(callbox.push("shop", receipt("fresher", "sent")).await.events());
    in_time(&callbox, "/v1/destinations/crm", |told| told["ended"]["succeeded"] == 252).await;
    got.extend(crm.requests().iter().map(webhook_id));
    assert_eq!(got.iter().cloned().collect::<BTreeSet<_>>(), wanted);
    let page = callbox.json("/v1/deliveries?limit=200&order=asc").await;
    let rest = page["next_cursor"].as_str().unwrap();
    let rest = callbox.json(&format!("/v1/deliveries?limit=200&order=asc&cursor={rest}")).await;
    let deliveries: Vec<&Value> =
        [&page, &rest].iter().flat_map(|page| page["data"].as_array().unwrap()).collect();
    let events: BTreeSet<&str> =
        deliveries.iter().map(|delivery| delivery["event_id"].as_str().unwrap()).collect();
    assert_eq!((deliveries.len(), events.len()), (252, 252), "one delivery for each event");
    let _: DeliveryId = deliveries[0]["id"].as_str().unwrap().parse().unwrap();
}

#[tokio::test]
async fn a_destination_that_begins_at_a_time_gets_what_arrived_since() {
    let mut crm = Receiver::start().await;
    let callbox = Callbox::start(SHOP).await;
    callbox.push("shop", receipt("before", "sent")).await;
    callbox.clock.advance(60 * SECOND);
    let since = callbox.push("shop", receipt("since", "sent")).await.events();
    let with = |from: &str| format!("{SHOP}{}", crm.configured("crm", from));
    let (past, ahead) =
        (with("from = 2026-08-12T09:16:30Z"), with("from = \"2026-08-12T10:00:00Z\""));
    let callbox = callbox.restart_with(&past).await;
    let fresh = callbox.push("shop", receipt("fresh", "sent")).await.events();
    let got: BTreeSet<String> =
        [crm.next().await, crm.next().await].iter().map(webhook_id).collect();
    assert_eq!(got, [since, fresh].concat().into_iter().collect());

    // A moment that lies ahead is waited for.
    let callbox = callbox.restart_with(&ahead).await;
    callbox.push("shop", receipt("early", "sent")).await;
    callbox.clock.advance(Duration::from_hours(1));
    let late = callbox.push("shop", receipt("late", "sent")).await.events();
    assert_eq!(webhook_id(&crm.next().await), late[0]);
}
