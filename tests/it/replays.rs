//! Replays: stored events handed out again, counted first, at a rate, across kills, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::SECOND;
use crate::support::bodies::{inbound, receipt};
use crate::support::callbox::Callbox;
use crate::support::http::{self, Answer};
use crate::support::receiver::{Receiver, Request};

/// How long something that has to come may take: far more than a busy machine needs, and only a bug takes all of it.
const PATIENCE: Duration = Duration::from_mins(1);

const SHOP: &str = "[sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\n";

async fn wish(callbox: &Callbox, target: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    let body = body.to_string();
    http::send(callbox.api, "POST", target, &headers, body.as_bytes()).await.unwrap()
}

async fn replay(callbox: &Callbox, body: &Value) -> Value {
    let answer = wish(callbox, "/v1/replays", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Lets time pass until the replay is as wanted.
async fn until(callbox: &Callbox, id: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
    let target = format!("/v1/replays/{}", id.as_str().unwrap());
    let mut latest = Value::Null;
    let looking = async {
        loop {
            latest = callbox.json(&target).await;
            if wanted(&latest) {
                break;
            }
            callbox.clock.advance(SECOND / 50);
        }
    };
    let came = tokio::time::timeout(PATIENCE, looking).await;
    assert!(came.is_ok(), "the replay never became what was waited for: {latest:#}");
    latest
}

fn is_done(replay: &Value) -> bool {
    replay["state"] == "done"
}

fn ids(requests: &[Request]) -> Vec<String> {
    let ids = requests.iter().map(|request| request.header("webhook-id").unwrap().to_owned());
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn what_a_filter_finds_is_counted_first_and_then_handed_out_again_to_whom_it_says() {
    let mut crm = Receiver::start().await;
    let mut erp = Receiver::start().await;
    let callbox = Callbox::start(&format!(
        "{SHOP}{}{}",
        crm.configured("crm", ""),
        erp.configured("erp", "events = [\"message.read\"]")
    ))
    .await;
    let mut sent = Vec::new();
    for number in 0..5 {
        sent.extend(callbox.push("shop", receipt(&format!("m{number}"), "sent")).await.events());
    }
    callbox.push("shop", inbound("in", "Is the blue kettle back?")).await;
    for _ in 0..6 {
        crm.next().await;
    }
    let filter = json!({ "type": ["message.sent"], "channel": "whatsapp" });
    let counted =
        replay(&callbox, &json!({ "filter": filter, "to": "erp", "dry_run": true })).await;
    assert_eq!((&counted["matched"], &counted["done"]), (&json!(5), &json!(0)), "{counted}");
    assert_eq!(counted["state"], "dry_run");
    assert!(counted["id"].as_str().unwrap().starts_with("rpl_"));

    let begun = replay(&callbox, &json!({ "filter": filter, "to": "erp" })).await;
    assert_eq!(begun["matched"], 5);
    let done = until(&callbox, &begun["id"], is_done).await;
    assert_eq!((&done["done"], &done["deliveries"]), (&json!(5), &json!(5)), "{done}");
    assert_eq!(done["filter"], json!({ "type": ["message.sent"], "channel": "whatsapp" }));
    let requests = erp.requests();
    sent.sort();
    assert_eq!(ids(&requests), sent, "the same ids");
    for request in &requests {
        assert_eq!(request.header("webhook-replay"), begun["id"].as_str());
        assert_eq!(request.header("webhook-attempt"), Some("1"));
    }
    assert_eq!(crm.requests(), [], "a replay to one destination is nobody else's");
    let event = callbox.json(&format!("/v1/events/{}", sent[0])).await;
    let deliveries = event["deliveries"].as_array().unwrap();
    let triggers: Vec<_> = deliveries
        .iter()
        .map(|delivery| (&delivery["destination"], &delivery["attempts"][0]["trigger"]))
        .collect();
    let expected = [(&json!("crm"), &json!("schedule")), (&json!("erp"), &json!("replay"))];
    assert_eq!(triggers, expected);
    let list = callbox.json("/v1/replays").await;
    let listed: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|replay| &replay["state"]).collect();
    assert_eq!(listed, ["done", "dry_run"]);
}

#[tokio::test]
async fn without_a_destination_events_go_to_those_that_had_them() {
    let mut crm = Receiver::start().await;
    let mut erp = Receiver::start().await;
    let callbox = Callbox::start(&format!(
        "{SHOP}{}{}",
        crm.configured("crm", ""),
        erp.configured("erp", "events = [\"message.read\"]")
    ))
    .await;
    let sent = callbox.push("shop", receipt("m1", "sent")).await.events();
    let read = callbox.push("shop", receipt("m1", "read")).await.events();
    crm.next().await;
    crm.next().await;
    erp.next().await;
    for round in 1..=2 {
        let begun = replay(&callbox, &json!({ "filter": {} })).await;
        let done = until(&callbox, &begun["id"], is_done).await;
        assert_eq!((&done["matched"], &done["deliveries"]), (&json!(2), &json!(3)), "{round}");
        let mut both = [sent.clone(), read.clone()].concat();
        both.sort();
        assert_eq!(ids(&crm.requests()), both);
        assert_eq!(ids(&erp.requests()), read);
    }
    let one =
        wish(&callbox, &format!("/v1/events/{}/replay", sent[0]), &json!({ "to": "erp" })).await;
    until(&callbox, &one.json()["id"], is_done).await;
    assert_eq!(ids(&erp.requests()), sent);
    let body = json!({ "filter": { "id": read[0] }, "to": "crm" });
    let one = replay(&callbox, &body).await;
    assert_eq!(one["matched"], 1);
    until(&callbox, &one["id"], is_done).await;
    assert_eq!(ids(&crm.requests()), read);
}

#[tokio::test]
async fn a_replay_goes_on_where_it_was_though_it_is_cut_off_again_and_again() {
    let mut crm = Receiver::start().await;
    let mut callbox = Callbox::start(SHOP).await;
    let mut all = BTreeSet::new();
    for number in 0..300 {
        all.extend(callbox.push("shop", receipt(&format!("m{number}"), "sent")).await.events());
    }
    let with = format!("{SHOP}{}", crm.configured("crm", "max_concurrency = 4"));
    callbox = callbox.restart_with(&with).await;
    let body = json!({ "filter": { "type": "message.*" }, "to": "crm", "rate": 50 });
    let begun = replay(&callbox, &body).await;
    let mut got = Vec::new();
    for kill in 1..=4 {
        let enough = json!(kill * 40);
        until(&callbox, &begun["id"], |replay| replay["done"].as_u64() >= enough.as_u64()).await;
        got.extend(ids(&crm.requests()));
        callbox = callbox.restart().await;
    }
    let done = until(&callbox, &begun["id"], is_done).await;
    assert_eq!((&done["done"], &done["deliveries"]), (&json!(300), &json!(300)));
    got.extend(ids(&crm.requests()));
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for id in got {
        *times.entry(id).or_default() += 1;
    }
    assert_eq!(times.keys().cloned().collect::<BTreeSet<_>>(), all, "one was skipped");
    let twice = times.values().filter(|times| **times > 1).count();
    assert!(twice <= 4 * 4, "{twice} came twice: more than were in flight at the cuts");
}

#[tokio::test]
async fn a_rate_is_kept_and_a_replay_can_be_cancelled() {
    let mut crm = Receiver::start().await;
    let callbox = Callbox::start(SHOP).await;
    for number in 0..60 {
        callbox.push("shop", receipt(&format!("m{number}"), "sent")).await;
    }
    let with = format!("{SHOP}{}", crm.configured("crm", ""));
    let callbox = callbox.restart_with(&with).await;
    let begun = replay(&callbox, &json!({ "filter": {}, "to": "crm", "rate": 5 })).await;
    crm.next().await;
    let mut seconds = 0;
    while callbox.json(&format!("/v1/replays/{}", begun["id"].as_str().unwrap())).await["done"]
        .as_u64()
        .unwrap()
        < 20
    {
        callbox.clock.advance(SECOND / 50);
        seconds += 1;
    }
    assert!(
        seconds >= 19 * 50 / 5,
        "20 events at 5 a second came within {seconds} fiftieths of one"
    );
    let cancel = format!("/v1/replays/{}/cancel", begun["id"].as_str().unwrap());
    let cancelled = callbox.order(&cancel).await;
    assert_eq!(cancelled.json()["state"], "cancelled");
    callbox.order(&cancel).await.problem(409, "conflict");
    let deliveries = callbox.until("/v1/deliveries?limit=200&state=in_flight", |page| {
        page["data"].as_array().unwrap().is_empty()
    });
    deliveries.await;
    let before = callbox.json("/v1/destinations/crm").await["ended"]["succeeded"].clone();
    callbox.clock.advance(100 * SECOND);
    let after = callbox.json("/v1/destinations/crm").await;
    assert_eq!((&after["ended"]["succeeded"], &after["backlog"]), (&before, &json!(0)));
}

#[tokio::test]
async fn a_wish_that_can_not_be_read_is_refused_with_what_is_allowed() {
    let crm = Receiver::start().await;
    let off = crm.configured("off", "enabled = false");
    let callbox = Callbox::start(&format!("{SHOP}{}{off}", crm.configured("crm", ""))).await;
    for (body, hint) in [
        (json!({}), "`filter` is missing"),
        (json!([]), "not a JSON object"),
        (json!({ "filter": [] }), "an object"),
        (json!({ "filter": { "typ": "message.*" } }), "the nearest is `type`"),
        (json!({ "filter": { "type": "Message" } }), "a pattern"),
        (json!({ "filter": { "since": true } }), "a text"),
        (json!({ "filter": { "limit": 5 } }), "there is no parameter `limit`"),
        (json!({ "filter": { "id": "evt_1" } }), "26 characters"),
        (json!({ "filter": {}, "to": "cmr" }), "off"),
        (json!({ "filter": {}, "to": 5 }), "crm"),
        (json!({ "filter": {}, "rate": 0 }), "above 0"),
        (json!({ "filter": {}, "dry_run": "yes" }), "true or false"),
        (json!({ "filter": {}, "dryrun": true }), "the nearest is `dry_run`"),
    ] {
        let detail = wish(&callbox, "/v1/replays", &body).await.problem(400, "invalid_parameter");
        assert!(detail.contains(hint), "{body}: {detail}");
    }
    let body = json!({ "filter": {}, "to": "off" });
    wish(&callbox, "/v1/replays", &body).await.problem(409, "conflict");
    let nobody = "/v1/replays/rpl_00000000000000000000000000";
    callbox.ask(nobody).await.problem(404, "not_found");
    callbox.order(&format!("{nobody}/cancel")).await.problem(404, "not_found");
    let missing = "/v1/events/evt_00000000000000000000000000/replay";
    callbox.order(missing).await.problem(404, "not_found");
    let broken = http::send(callbox.api, "POST", "/v1/replays", &[], b"{").await.unwrap();
    assert!(broken.problem(400, "invalid_parameter").contains("not JSON"));
    assert_eq!(callbox.json("/v1/replays").await["data"], json!([]));
}
