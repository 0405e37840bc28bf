//! Counts over time, kept with every commit: right in every bucket, after a restart, and once they have grown old.

use callbox::clock::Time;
use callbox::domain::stats::{Bucket, Counted, StatsFilter};
use serde_json::{Value, json};

use crate::support::bodies::{inbound, receipt, update};
use crate::support::callbox::Callbox;
use crate::support::receiver::Receiver;
use crate::support::shelf::{STORES, Shelf};
use crate::support::{MINUTE, SECOND};

const TWO: &str = r#"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "none" }]
[sources.desk]
vendor = "wessaal"
auth = [{ type = "none" }]
"#;

/// Buckets in which something was counted: their times and counts.
fn told(stats: &Value) -> Vec<(String, Value)> {
    let buckets = stats["data"].as_array().unwrap().iter().filter(|bucket| bucket["total"] != 0);
    buckets
        .map(|bucket| (bucket["at"].as_str().unwrap().to_owned(), bucket["counts"].clone()))
        .collect()
}

#[tokio::test]
async fn what_came_and_went_is_counted_by_type_source_outcome_and_destination() {
    let crm = Receiver::start().await;
    crm.then(500);
    let callbox =
        Callbox::start(&format!("{TWO}{}", crm.configured("crm", "retry = [\"30s\"]"))).await;
    callbox.push("shop", receipt("a", "sent")).await.callback();
    let tried = |times: usize| {
        move |page: &Value| {
            let deliveries = page["data"].as_array().unwrap();
            deliveries.iter().all(|one| one["attempts"].as_array().unwrap().len() == times)
                && deliveries.iter().all(|one| one["state"] != "in_flight")
        }
    };
    callbox.until("/v1/deliveries", tried(1)).await;
    callbox.clock.advance(MINUTE);
    callbox.until("/v1/deliveries", tried(2)).await;
    callbox.push("shop", receipt("a", "sent")).await.callback();
    callbox.push("shop", "{").await.callback();
    callbox.clock.advance(60 * MINUTE);
    callbox.push("shop", inbound("b", "Rye?")).await.callback();
    callbox.push("desk", update("kettle", "d", "READ")).await.callback();

    let per_minute = callbox.json("/v1/stats?per=minute&since=2026-08-12T09:00:00Z").await;
    let first = ("2026-08-12T09:15:00.000Z".to_owned(), json!({ "message.sent": 1 }));
    let second = (
        "2026-08-12T10:16:00.000Z".to_owned(),
        json!({ "message.received": 1, "message.read": 1 }),
    );
    assert_eq!(told(&per_minute), [first, second]);
    assert_eq!(per_minute["data"].as_array().unwrap().len(), 77, "every bucket is there");
    assert_eq!(
        (&per_minute["total"], &per_minute["counts"]["message.sent"]),
        (&json!(3), &json!(1))
    );
    let table = [
        ("by=source&per=day", json!({ "shop": 2, "desk": 1 })),
        ("by=source&per=hour&type=message.re*", json!({ "shop": 1, "desk": 1 })),
        ("by=type&source=shop", json!({ "message.sent": 1, "message.received": 1 })),
        ("by=outcome", json!({ "events": 3, "duplicate": 1, "quarantined": 1 })),
        ("by=callbacks", json!({ "shop": 4, "desk": 1 })),
        ("by=outcome&source=desk", json!({ "events": 1 })),
        ("by=attempt&until=2026-08-12T10:00:00Z", json!({ "rejected": 1, "succeeded": 1 })),
        ("by=state&destination=crm&until=2026-08-12T10:00:00Z", json!({ "succeeded": 1 })),
        ("destination=crm&until=2026-08-12T10:00:00Z", json!({ "crm": 1 })),
        ("by=destination&destination=nobody", json!({})),
    ];
    for (query, expected) in &table {
        assert_eq!(
            callbox.json(&format!("/v1/stats?{query}")).await["counts"],
            *expected,
            "{query}"
        );
    }
    let callbox = callbox.restart_with(TWO).await;
    for (query, expected) in &table {
        assert_eq!(
            callbox.json(&format!("/v1/stats?{query}")).await["counts"],
            *expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn counts_that_can_not_be_told_are_refused_with_what_can() {
    let callbox = Callbox::start(TWO).await;
    for (query, expected) in [
        ("by=colour", "type, source, outcome, callbacks, state, destination, attempt"),
        ("per=week", "minute, hour, day"),
        ("per=minute&since=2026-08-09T00:00:00Z", "up to 2 days ago"),
        ("per=minute&since=2026-08-11T00:00:00Z", "up to 1 days before `until`"),
        ("per=hour&since=2026-07-01T00:00:00Z", "up to 31 days before `until`"),
        ("per=day&since=2020-01-01T00:00:00Z", "up to 732 days ago"),
        ("since=now", "RFC 3339"),
        ("by=type&destination=crm", "`destination`: it does not go with by=type"),
        ("by=state&source=shop", "`source`: it does not go with by=state"),
        ("by=outcome&type=message.*", "`type`: it does not go with by=outcome"),
        ("by=type&zebra=1", "there is no parameter `zebra`"),
    ] {
        let answer = callbox.ask(&format!("/v1/stats?{query}")).await;
        let detail = answer.problem(400, "invalid_parameter");
        assert!(detail.contains(expected), "{query}: {detail}");
    }
}

#[tokio::test]
async fn a_step_that_was_undone_is_not_counted_and_the_old_moves_into_longer_buckets() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let began = shelf.now();
        let mut events = 0;
        for _ in 0..3 {
            let first = shelf.event("a", &events.to_string(), &[]);
            let mut clash = shelf.event("b", &events.to_string(), &[]);
            clash.id = first.id;
            shelf.append(vec![first]).await;
            events += 1;
            let bad = shelf.callback(
                "bad",
                callbox::store::Kept::Events(vec![shelf.event("c", "x", &[]), clash]),
            );
            assert!(shelf.store.append(bad).await.is_err());
            shelf.clock.advance(90 * SECOND);
        }
        let counts = async |per: Bucket, since: Time| {
            let filter = StatsFilter {
                what: Counted::Events,
                by_name: true,
                per,
                since: per.start(since),
                until: per.end(shelf.now()),
                names: None,
                words: None,
            };
            shelf.store.counts(filter).await.unwrap().0
        };
        let sum =
            |found: &std::collections::BTreeMap<Time, std::collections::BTreeMap<String, u64>>| {
                found.values().flat_map(std::collections::BTreeMap::values).sum::<u64>()
            };
        let minutes = counts(Bucket::Minute, began).await;
        assert_eq!((minutes.len(), sum(&minutes)), (3, events));
        for (days, buckets) in [(1, [3, 1, 1]), (3, [0, 1, 1]), (70, [0, 0, 1]), (800, [0, 0, 0])] {
            shelf.clock.advance(MINUTE * 60 * 24 * days);
            while shelf.store.thin_counts(shelf.now()).await.unwrap() {}
            for (bucket, expected) in Bucket::ALL.into_iter().zip(buckets) {
                let found = counts(bucket, began).await;
                assert_eq!(found.len(), expected, "{bucket:?} after {days} days more");
                assert_eq!(sum(&found), if expected == 0 { 0 } else { events });
            }
        }
    }
}
