//! Which events a destination gets: types, sources, channels and filters, and how it is told why.

use serde_json::{Value, json};

use crate::support::bodies::{inbound, receipt, receipt_over};
use crate::support::callbox::Callbox;
use crate::support::receiver::Receiver;

const SHOP: &str = r#"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "none" }]
[sources.desk]
vendor = "wavecell"
auth = [{ type = "none" }]
"#;

/// Where the events of these callbacks went.
async fn deliveries(callbox: &Callbox) -> Vec<(String, String)> {
    let page = callbox.json("/v1/deliveries?limit=200&order=asc").await;
    let row = |delivery: &Value| {
        let text = |key: &str| delivery[key].as_str().unwrap().to_owned();
        (text("event_id"), text("destination"))
    };
    page["data"].as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
async fn events_go_where_type_source_channel_and_filter_say() {
    let sink = Receiver::start().await;
    let text = [
        sink.configured("all", ""),
        sink.configured("failures", r#"events = ["*.failed"]"#),
        sink.configured("desk", r#"sources = ["desk"]"#),
        sink.configured("sms", r#"channels = ["sms"]"#),
        sink.configured("kettles", r#"filter = { "data.message.content.text" = { "$regex" = "(?i)kettle" } }"#),
        sink.configured(
            "both",
            "sources = [\"shop\"]\n[destinations.both.filter]\ntype = { \"$startsWith\" = \"message.\" }\n\
             data = { direction = \"outbound\", message = { client_ref = { \"$in\" = [\"ref-m1\", \"ref-m2\"] } } }",
        ),
        sink.configured("whole", r#"filter = { source = "desk", subject = { "$exist" = true }, specversion = "1.0", "data.callback_id" = { "$startsWith" = "cbk_" }, id = { "$startsWith" = "evt_" } }"#),
    ];
    let callbox = Callbox::start(&format!("{SHOP}{}", text.concat())).await;
    let mut ids = Vec::new();
    for (source, body) in [
        ("shop", receipt("m1", "delivered")),
        ("shop", receipt("m3", "undelivered")),
        ("desk", receipt_over("sms", "m2", "delivered")),
        ("shop", inbound("m4", "A Kettle, please")),
    ] {
        ids.push(callbox.push(source, body).await.events().remove(0));
    }
    let found = deliveries(&callbox).await;
    let went = |index: usize| -> Vec<&str> {
        let mut names: Vec<&str> =
            found.iter().filter(|(id, _)| *id == ids[index]).map(|(_, name)| &**name).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(went(0), ["all", "both"]);
    assert_eq!(went(1), ["all", "failures"]);
    assert_eq!(went(2), ["all", "desk", "sms", "whole"]);
    assert_eq!(went(3), ["all", "kettles", "sms"]);

    // What the question says is what was done.
    for (index, id) in ids.iter().enumerate() {
        for name in ["all", "failures", "desk", "sms", "kettles", "both", "whole"] {
            let told = callbox.json(&format!("/v1/destinations/{name}/test?event={id}")).await;
            assert_eq!(told["wanted"], went(index).contains(&name), "{name} {told:#}");
        }
    }
}

#[tokio::test]
async fn a_test_tells_each_condition_and_what_the_event_has_there() {
    let sink = Receiver::start().await;
    let crm = sink.configured(
        "crm",
        "events = [\"message.*\"]\nsources = [\"desk\"]\nchannels = [\"whatsapp\"]\n\
         filter = { data = { direction = \"inbound\" } }",
    );
    let off = sink.configured("off", "enabled = false\nevents = [\"call.*\"]");
    let callbox = Callbox::start(&format!("{SHOP}{crm}{off}")).await;
    let event = callbox.push("shop", receipt("m1", "delivered")).await.events().remove(0);
    let told = callbox.json(&format!("/v1/destinations/crm/test?event={event}")).await;
    let expected = json!({
        "destination": "crm",
        "event": event,
        "wanted": false,
        "checks": [
            {"check": "enabled", "matched": true, "expected": true, "actual": true},
            {"check": "events", "matched": true, "expected": ["message.*"], "actual": "message.delivered", "reason": "`message.*` matches"},
            {"check": "sources", "matched": false, "expected": ["desk"], "actual": "shop"},
            {"check": "channels", "matched": true, "expected": ["whatsapp"], "actual": "whatsapp"},
            {"check": "filter", "matched": false, "expected": {"data": {"direction": "inbound"}}, "clauses": [
                {"path": "data.direction", "operator": "$eq", "expected": "inbound", "actual": "outbound", "matched": false},
            ]},
        ],
    });
    assert_eq!(told, expected);
    let told = callbox.json(&format!("/v1/destinations/off/test?event={event}")).await;
    let matched: Vec<&Value> =
        told["checks"].as_array().unwrap().iter().map(|check| &check["matched"]).collect();
    assert_eq!(matched, [&json!(false), &json!(false)]);
}

#[tokio::test]
async fn a_test_of_what_is_not_there_says_so() {
    let sink = Receiver::start().await;
    let callbox = Callbox::start(&format!("{SHOP}{}", sink.configured("crm", ""))).await;
    let nobody = "evt_01M0000000000000000000000A";
    for (target, status, code) in [
        (format!("/v1/destinations/nobody/test?event={nobody}"), 404, "not_found"),
        (format!("/v1/destinations/crm/test?event={nobody}"), 404, "not_found"),
        ("/v1/destinations/crm/test".to_owned(), 400, "invalid_parameter"),
        ("/v1/destinations/crm/test?event=m1".to_owned(), 400, "invalid_parameter"),
        (format!("/v1/destinations/crm/test?evnt={nobody}"), 400, "invalid_parameter"),
    ] {
        callbox.ask(&target).await.problem(status, code);
    }
    callbox.order("/v1/destinations/crm/test").await.problem(405, "method_not_allowed");
}
