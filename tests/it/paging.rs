//! Paging beside a flood: whichever way a list is read, and whatever is asked for, each thing comes exactly once.

use serde_json::{Value, json};

use crate::support::SECOND;
use crate::support::bodies::{inbound, receipt};
use crate::support::callbox::Callbox;

/// A sender that puts many events into one callback.
const FLOOD: &str = r#"
[sources.flood]
vendor = "generic"
auth = [{ type = "none" }]
[sources.flood.mapping]
each = "/events"
type = "/type"
types = { "in" = "message.received", "off" = "account.disconnected" }
id = "/id"
text = "/text"
from_phone = "/from"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "none" }]
"#;

/// Events in one callback of the flood.
const EACH: usize = 40;

/// Callbacks before anybody reads, and while somebody does.
const BEFORE: usize = 25;
const BESIDE: usize = 50;

/// The flood's callback with this number: of its events, one in ten is of a rare type.
fn callback(number: usize) -> String {
    let events: Vec<Value> = (number * EACH..(number + 1) * EACH)
        .map(|id| {
            let kind = if id % 10 == 0 { "off" } else { "in" };
            json!({ "type": kind, "id": id.to_string(), "from": "+12025550143" })
        })
        .collect();
    json!({ "events": events }).to_string()
}

/// Reads a list to its end, page by page.
async fn all(callbox: &Callbox, target: &str, enough: impl Fn(usize) -> bool) -> Vec<usize> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = callbox.json(&format!("{target}{cursor}")).await;
        let subjects = page["data"].as_array().unwrap().iter();
        seen.extend(
            subjects.map(|event| event["subject"].as_str().unwrap().parse::<usize>().unwrap()),
        );
        let next = page["cursor"].as_str().unwrap().to_owned();
        if page.get("next_cursor").is_none() && enough(seen.len()) {
            return seen;
        }
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn each_event_comes_once_while_thousands_arrive_whichever_way_one_reads() {
    let callbox = Callbox::start(FLOOD).await;
    for number in 0..BEFORE {
        callbox.push("flood", callback(number)).await.callback();
    }
    let pushing = async {
        let halves = [BEFORE..BEFORE + BESIDE / 2, BEFORE + BESIDE / 2..BEFORE + BESIDE];
        let [one, other] = halves.map(|numbers| async {
            for number in numbers {
                callbox.push("flood", callback(number)).await.callback();
            }
        });
        tokio::join!(one, other);
    };
    let total = (BEFORE + BESIDE) * EACH;
    let off = |id: &usize| id.is_multiple_of(10);
    let rare = total / 10;
    let (forwards, backwards, rare_ones, phone, ()) = tokio::join!(
        all(&callbox, "/v1/events?order=asc&limit=37", |seen| seen >= total),
        all(&callbox, "/v1/events?order=desc&limit=41", |_| true),
        all(&callbox, "/v1/events?order=asc&limit=13&type=account.*", |seen| seen >= rare),
        all(&callbox, "/v1/events?order=asc&phone=12025550143&source=flood", |seen| seen
            >= total - rare),
        pushing,
    );
    let sorted = |mut seen: Vec<usize>| {
        seen.sort_unstable();
        seen
    };
    assert_eq!(sorted(forwards), (0..total).collect::<Vec<_>>());
    assert_eq!(sorted(rare_ones), (0..total).filter(off).collect::<Vec<_>>());
    assert_eq!(sorted(phone), (0..total).filter(|id| !off(id)).collect::<Vec<_>>());
    let backwards = sorted(backwards);
    assert!(backwards.is_sorted_by(|one, next| one < next), "something came twice");
    let old = (0..BEFORE * EACH).filter(|id| backwards.binary_search(id).is_err());
    assert_eq!(old.count(), 0, "something was skipped");
}

#[tokio::test]
async fn a_list_is_read_back_from_where_one_stands() {
    let callbox = Callbox::start(FLOOD).await;
    callbox.push("flood", callback(0)).await.callback();
    let page = callbox.json("/v1/events?order=desc&limit=10").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let back = callbox.json(&format!("/v1/events?order=asc&cursor={cursor}")).await;
    let ids = |page: &Value| -> Vec<Value> {
        page["data"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect()
    };
    let mut newer = ids(&page);
    newer.reverse();
    assert_eq!(ids(&back), newer[1..], "behind the last one, in the other order");
}

#[tokio::test]
async fn an_empty_list_gives_a_cursor_from_which_all_that_comes_is_heard_of() {
    let callbox = Callbox::start(FLOOD).await;
    for order in ["asc", "desc"] {
        let empty = callbox.json(&format!("/v1/callbacks?order={order}")).await;
        let cursor = empty["cursor"].as_str().unwrap();
        let target = format!("/v1/callbacks?order=asc&cursor={cursor}");
        assert_eq!(callbox.json(&target).await["data"], json!([]));
    }
    let cursor = callbox.json("/v1/events").await["cursor"].as_str().unwrap().to_owned();
    callbox.push("shop", receipt("a", "sent")).await.callback();
    let page = callbox.json(&format!("/v1/events?order=asc&cursor={cursor}")).await;
    assert_eq!(page["data"][0]["subject"], "a");
}

#[tokio::test]
async fn what_was_set_aside_is_listed_over_all_sources_in_order() {
    let callbox = Callbox::start(FLOOD).await;
    let bodies = ["no JSON", "{", "[", "neither"];
    for (number, body) in bodies.iter().enumerate() {
        let source = if number % 2 == 0 { "flood" } else { "shop" };
        callbox.push(source, body).await.callback();
        callbox.push("shop", inbound(&number.to_string(), "Rye?")).await.callback();
        callbox.clock.advance(SECOND);
    }
    let target = "/v1/callbacks?outcome=quarantined&limit=1";
    for (order, newest_first) in [("asc", false), ("desc", true)] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = callbox.json(&format!("{target}&order={order}{cursor}")).await;
            seen.extend(
                page["data"].as_array().unwrap().iter().map(|one| one["received_at"].clone()),
            );
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen.len(), bodies.len());
        let times: Vec<&str> = seen.iter().map(|time| time.as_str().unwrap()).collect();
        assert!(times.is_sorted_by(|one, next| (one > next) == newest_first), "{times:?}");
    }
    let none = callbox.json("/v1/callbacks?outcome=quarantined&until=2026-01-01T00:00:00Z").await;
    assert_eq!(none["data"], json!([]));
}
