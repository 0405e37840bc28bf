//! Alarms: each told once to the pager and to nobody who did not ask, its recovery once, and none again after a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::receiver::Receiver;
use crate::support::{MINUTE, SECOND};

/// How long something that has to come may take: far more than a busy machine needs, and only a bug takes all of it.
const PATIENCE: Duration = Duration::from_mins(5);

const SHOP: &str = "[sources.shop]\nvendor = \"wavecell\"\n";
const TOKEN: &str = "auth = [{ type = \"token\", secrets = [\"the-token\"] }]\n";

fn pager(receiver: &Receiver) -> String {
    receiver.configured("pager", "events = [\"callbox.*\"]")
}

/// Lets time pass until the pager is told something.
async fn paged(callbox: &Callbox, pager: &mut Receiver) -> Value {
    let waiting = async {
        loop {
            if let Some(request) = pager.requests().into_iter().next() {
                break serde_json::from_slice(&request.body).unwrap();
            }
            callbox.clock.advance(SECOND);
            callbox.json("/v1/destinations").await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("nobody was paged")
}

/// Lets time pass in which nobody is paged.
async fn quiet(callbox: &Callbox, pager: &mut Receiver, seconds: u32) {
    for _ in 0..seconds {
        callbox.clock.advance(SECOND);
        callbox.json("/v1/destinations").await;
    }
    let told = pager.requests();
    assert!(told.is_empty(), "{}", String::from_utf8_lossy(&told[0].body));
}

fn is(event: &Value, kind: &str, subject: &str) {
    assert_eq!(
        (event["type"].as_str(), event["subject"].as_str()),
        (Some(kind), Some(subject)),
        "{event:#}"
    );
    assert_eq!(event["source"], "callbox");
    assert!(event["data"]["callback_id"].is_null() && event["data"]["sequence"].is_i64());
}

#[tokio::test]
async fn a_wrong_secret_is_told_once_and_so_is_that_it_was_put_right() {
    let mut page = Receiver::start().await;
    let mut crm = Receiver::start().await;
    let text = format!("{SHOP}{TOKEN}{}{}", pager(&page), crm.configured("crm", ""));
    let callbox = Callbox::start(&text).await;
    for _ in 0..3 {
        callbox.push("shop/wrong", receipt("m1", "sent")).await;
    }
    let raised = paged(&callbox, &mut page).await;
    is(&raised, "callbox.source.unauthentic", "shop");
    let alarm = &raised["data"]["alarm"];
    assert_eq!(alarm["state"], "raised");
    assert!(alarm["reason"].as_str().unwrap().contains("not authentic"), "{alarm}");
    assert!(alarm["action"].as_str().unwrap().contains("reprocess"), "{alarm}");
    let now = callbox.json("/v1/alarms").await;
    assert_eq!(now["data"][0]["type"], "callbox.source.unauthentic");
    callbox.push("shop/wrong", receipt("m1", "sent")).await;
    quiet(&callbox, &mut page, 40).await;

    let callbox = callbox.restart().await;
    quiet(&callbox, &mut page, 10).await;
    callbox.push("shop/the-token", receipt("m1", "sent")).await;
    let over = paged(&callbox, &mut page).await;
    is(&over, "callbox.source.recovered", "shop");
    assert_eq!(over["data"]["alarm"]["recovers"], json!(["callbox.source.unauthentic"]));
    quiet(&callbox, &mut page, 60).await;
    assert_eq!(callbox.json("/v1/alarms").await["data"], json!([]));

    // Who asks for everything is not asking for alarms.
    let got = crm.requests();
    assert_eq!(got.len(), 1, "only the message");
    assert_eq!(callbox.events("").await.len(), 1);
    assert_eq!(callbox.events("type=*").await.len(), 1);
    assert_eq!(callbox.events("type=callbox.source.*").await.len(), 2);
}

#[tokio::test]
async fn a_destination_that_dies_is_told_once_across_a_restart_and_its_return_once() {
    let mut page = Receiver::start().await;
    let mut crm = Receiver::start().await;
    let retry = "events = [\"*\", \"callbox.*\"]\nretry = [\"1s\"]\nmax_concurrency = 1";
    let text = format!("{SHOP}{TOKEN}{}{}", pager(&page), crm.configured("crm", retry));
    let callbox = Callbox::start(&text).await;
    for _ in 0..12 {
        crm.then(500);
    }
    for number in 0..12 {
        callbox.push("shop/the-token", receipt(&format!("m{number}"), "sent")).await;
    }
    // What was on its way to the pager at the restart comes to it once more, with the same id.
    let mut events = BTreeMap::new();
    loop {
        let event = paged(&callbox, &mut page).await;
        assert_eq!(event["subject"], "crm");
        events.insert(event["id"].to_string(), event["type"].as_str().unwrap().to_owned());
        if event["type"] == "callbox.destination.paused" {
            break;
        }
    }
    let callbox = callbox.restart().await;
    let over = loop {
        let event = paged(&callbox, &mut page).await;
        events.insert(event["id"].to_string(), event["type"].as_str().unwrap().to_owned());
        if event["type"] == "callbox.destination.recovered" {
            break event;
        }
    };
    let mut told: Vec<String> = events.into_values().collect();
    told.sort();
    let once: Vec<String> = {
        let mut once = told.clone();
        once.dedup();
        once
    };
    assert_eq!(told, once, "each once");
    let recovers = over["data"]["alarm"]["recovers"].as_array().unwrap();
    assert_eq!(recovers.len(), told.len() - 1, "one recovery for all of it: {over:#}");
    quiet(&callbox, &mut page, 60).await;
    for request in crm.requests() {
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(event["source"], "shop", "an alarm went to the destination that it is about");
    }
}

#[tokio::test]
async fn pausing_exhausting_and_expiring_are_told_once_each() {
    let mut page = Receiver::start().await;
    let mut crm = Receiver::start().await;
    let more = "retry = []\nbacklog_max_age = \"10m\"";
    let text = format!("{SHOP}{TOKEN}{}{}", pager(&page), crm.configured("crm", more));
    let callbox = Callbox::start(&text).await;
    crm.then(500).then(500);
    for number in 0..2 {
        callbox.push("shop/the-token", receipt(&format!("m{number}"), "sent")).await;
        crm.next().await;
    }
    is(&paged(&callbox, &mut page).await, "callbox.destination.exhausted", "crm");
    callbox.order("/v1/destinations/crm/pause").await;
    let paused = paged(&callbox, &mut page).await;
    is(&paused, "callbox.destination.paused", "crm");
    assert!(paused["data"]["alarm"]["reason"].as_str().unwrap().contains("operator"));
    callbox.push("shop/the-token", receipt("waits", "sent")).await;
    callbox.clock.advance(10 * MINUTE);
    is(&paged(&callbox, &mut page).await, "callbox.destination.expired", "crm");
    quiet(&callbox, &mut page, 40).await;
    callbox.order("/v1/destinations/crm/resume").await;
    callbox.push("shop/the-token", receipt("fresh", "sent")).await;
    let over = paged(&callbox, &mut page).await;
    is(&over, "callbox.destination.recovered", "crm");
    assert_eq!(over["data"]["alarm"]["recovers"].as_array().unwrap().len(), 3, "{over:#}");
}

#[tokio::test]
async fn a_silent_source_and_messages_without_receipts_are_told() {
    let mut page = Receiver::start().await;
    let expect = "expect = { within = \"20m\" }\nstuck = { after = \"5m\", at_least = 2 }\n";
    let text = format!("{SHOP}{TOKEN}{expect}{}", pager(&page));
    let callbox = Callbox::start(&text).await;
    for number in 0..2 {
        callbox.push("shop/the-token", receipt(&format!("m{number}"), "sent")).await;
    }
    callbox.clock.advance(5 * MINUTE);
    let stuck = paged(&callbox, &mut page).await;
    is(&stuck, "callbox.source.stuck", "shop");
    assert_eq!(stuck["data"]["alarm"]["counts"]["messages"], 2);
    callbox.push("shop/the-token", receipt("m0", "delivered")).await;
    is(&paged(&callbox, &mut page).await, "callbox.source.recovered", "shop");
    quiet(&callbox, &mut page, 60).await;
    callbox.clock.advance(19 * MINUTE);
    let silent = paged(&callbox, &mut page).await;
    is(&silent, "callbox.source.silent", "shop");
    quiet(&callbox, &mut page, 60).await;
    callbox.push("shop/the-token", receipt("m1", "delivered")).await;
    let over = paged(&callbox, &mut page).await;
    assert_eq!(over["data"]["alarm"]["recovers"], json!(["callbox.source.silent"]));
}

#[tokio::test]
async fn a_disk_that_fills_up_is_told_though_no_callback_is_taken() {
    let mut page = Receiver::start().await;
    let text = format!("min_free = \"1000TiB\"\n{SHOP}{TOKEN}{}", pager(&page))
        .replace("1000TiB", "1000000GiB");
    let callbox = Callbox::start(&text).await;
    assert_eq!(callbox.push("shop/the-token", receipt("m1", "sent")).await.status, 503);
    is(&paged(&callbox, &mut page).await, "callbox.disk.low", "disk");
    quiet(&callbox, &mut page, 20).await;
    let callbox = callbox.restart_with(&text.replace("1000000GiB", "1MiB")).await;
    is(&paged(&callbox, &mut page).await, "callbox.disk.recovered", "disk");
}
