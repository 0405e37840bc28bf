//! What is sent: the event, the vendor's bytes, or what a transform makes; signed by every secret; and never round in a circle.

use serde_json::{Value, json};

use crate::support::bodies::{inbound, receipt};
use crate::support::callbox::Callbox;
use crate::support::receiver::{Receiver, Request};

const SHOP: &str = r#"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "none" }]
"#;

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_Y2FsbGJveC10ZXN0LXNlY3JldC1vZi1vdXJzIQ==";

/// Whether one of the request's signatures is the one that the published library makes with this secret.
fn verifies(request: &Request, secret: &str) -> bool {
    let header = |name: &str| request.header(name).unwrap();
    let time = header("webhook-timestamp").parse().unwrap();
    let webhook = standardwebhooks::Webhook::new(secret).unwrap();
    let wanted = webhook.sign(header("webhook-id"), time, &request.body).unwrap();
    header("webhook-signature").split(' ').any(|signature| signature == wanted)
}

#[tokio::test]
async fn a_transform_makes_the_body_and_the_signature_is_over_it() {
    let mut crm = Receiver::start().await;
    let template = r#"transform = '{"says": {{ data.message.content.text }}, "to": {{ data.message.to.name }}, "id": {{ id }}}'"#;
    let callbox = Callbox::start(&format!("{SHOP}{}", crm.configured("crm", template))).await;
    let hostile = "say \"hi\",\n}} {{ id }}";
    let event = callbox.push("shop", inbound("m1", hostile)).await.events().remove(0);
    let request = crm.next().await;
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, json!({"says": hostile, "to": null, "id": event}));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("webhook-id"), Some(&*event));
    assert!(verifies(&request, OLD));

    let told = callbox.json(&format!("/v1/destinations/crm/test?event={event}")).await;
    let shown = told["request"]["body"].as_str().unwrap();
    assert_eq!(shown.as_bytes(), request.body);
    assert_eq!(told["request"]["content_type"], "application/json");
}

#[tokio::test]
async fn a_transform_that_fails_is_a_failed_attempt_and_loses_nothing() {
    let mut crm = Receiver::start().await;
    let broken = crm.configured("crm", "retry = [\"5s\"]\ntransform = '{{ type }} is no JSON'");
    let callbox = Callbox::start(&format!("{SHOP}{broken}")).await;
    let event = callbox.push("shop", receipt("m1", "sent")).await.events().remove(0);
    let target = format!("/v1/events/{event}");
    let tried = |event: &Value| event["deliveries"][0]["attempts"][0].is_object();
    let delivery = callbox.until(&target, tried).await["deliveries"][0].clone();
    let attempt = &delivery["attempts"][0];
    assert_eq!((&attempt["outcome"], &delivery["state"]), (&json!("failed"), &json!("pending")));
    let reason = attempt["reason"].as_str().unwrap();
    assert!(reason.starts_with("the transform makes no JSON: "), "{reason}");
    let told = callbox.json(&format!("/v1/destinations/crm/test?event={event}")).await;
    assert_eq!(told["request"]["failed"], reason);
    // It says nothing about the destination, which others still reach.
    assert_eq!(callbox.json("/v1/destinations/crm").await["breaker"], "closed");

    let mended = crm.configured("crm", "retry = [\"5s\"]\ntransform = '{{ type }}'");
    let callbox = callbox.restart_with(&format!("{SHOP}{mended}")).await;
    callbox.clock.advance(crate::support::MINUTE);
    assert_eq!(crm.next().await.body, b"\"message.sent\"");
    assert_eq!(callbox.json(&target).await["event"]["id"], json!(event));
}

#[tokio::test]
async fn an_endless_transform_ends_and_harms_nobody() {
    let (mut crm, mut other) = (Receiver::start().await, Receiver::start().await);
    let endless = "transform = '{% for a in range(100000) %}{% for b in range(100000) %}{{ b }}{% endfor %}{% endfor %}'";
    let text = format!("{SHOP}{}{}", crm.configured("crm", endless), other.configured("other", ""));
    let callbox = Callbox::start(&text).await;
    for number in 0..8 {
        callbox.push("shop", receipt(&format!("m{number}"), "sent")).await.callback();
    }
    for _ in 0..8 {
        other.next().await;
    }
    let tried = |page: &Value| {
        page["data"].as_array().unwrap().iter().all(|delivery| delivery["attempts"][0].is_object())
    };
    let page = callbox.until("/v1/deliveries?destination=crm", tried).await;
    for delivery in page["data"].as_array().unwrap() {
        let attempt = &delivery["attempts"][0];
        assert_eq!(attempt["reason"], "the transform takes more than 200000 steps", "{attempt}");
    }
    assert_eq!(crm.requests().len(), 0);
}

#[tokio::test]
async fn raw_sends_the_vendor_s_bytes_and_type_whatever_they_are() {
    let mut crm = Receiver::start().await;
    let text = format!("{SHOP}{}", crm.configured("crm", "format = \"raw\""));
    let callbox = Callbox::start(&text).await;
    let odd = receipt("m1", "sent").replace('{', "{ \t");
    let kind = [("content-type", "application/json; charset=\"odd\"")];
    let event = callbox.post("/in/shop", &kind, &odd).await.events().remove(0);
    let request = crm.next().await;
    assert_eq!(request.body, odd.as_bytes());
    assert_eq!(request.header("content-type"), Some(kind[0].1));
    assert!(verifies(&request, OLD));

    // Without a type, none is made up.
    callbox.post("/in/shop", &[], receipt("m2", "sent")).await.callback();
    assert_eq!(crm.next().await.header("content-type"), None);
    let told = callbox.json(&format!("/v1/destinations/crm/test?event={event}")).await;
    assert_eq!(told["request"]["body"], odd);
}

#[tokio::test]
async fn a_secret_is_changed_without_a_gap() {
    let mut crm = Receiver::start().await;
    let with = |secrets: &str| {
        let section = crm.configured("crm", "");
        format!("{SHOP}{}", section.replace(&format!("[\"{OLD}\"]"), secrets))
    };
    let stages = [
        (with(&format!("[\"{OLD}\"]")), [true, false]),
        (with(&format!("[\"{NEW}\", \"{OLD}\"]")), [true, true]),
        (with(&format!("[\"{NEW}\"]")), [false, true]),
    ];
    let mut callbox = Callbox::start(&stages[0].0).await;
    for (number, (text, expected)) in stages.iter().enumerate() {
        callbox = callbox.restart_with(text).await;
        callbox.push("shop", receipt(&format!("m{number}"), "sent")).await.callback();
        let request = crm.next().await;
        assert_eq!([OLD, NEW].map(|secret| verifies(&request, secret)), *expected, "{number}");
        // What is not written down as taken is sent once more after the restart.
        let taken = |page: &Value| page["data"].as_array().unwrap().len() == number + 1;
        callbox.until("/v1/deliveries?state=succeeded", taken).await;
    }
}

#[tokio::test]
async fn an_event_goes_through_three_callboxes_at_the_most() {
    let mut crm = Receiver::start().await;
    let text = format!("{SHOP}{}", crm.configured("crm", ""));
    let callbox = Callbox::start(&text).await;
    for (hops, sent) in [(None, "1"), (Some("1"), "2"), (Some("2"), "3"), (Some("odd"), "1")] {
        let headers: Vec<(&str, &str)> =
            hops.map(|hops| ("webhook-hops", hops)).into_iter().collect();
        let body = receipt(&format!("m-{hops:?}"), "sent");
        callbox.post("/in/shop", &headers, body).await.callback();
        assert_eq!(crm.next().await.header("webhook-hops"), Some(sent), "{hops:?}");
    }
    let looped = callbox.post("/in/shop", &[("webhook-hops", "3")], receipt("m9", "sent")).await;
    let target = format!("/v1/events/{}", looped.events().remove(0));
    let tried = |event: &Value| event["deliveries"][0]["attempts"][0].is_object();
    let attempt = callbox.until(&target, tried).await["deliveries"][0]["attempts"][0].clone();
    assert_eq!(attempt["outcome"], "failed");
    assert!(attempt["reason"].as_str().unwrap().starts_with("a loop: "), "{attempt}");
    assert_eq!(crm.requests().len(), 0);
    // What the body says of itself does not count, and is no drift.
    let body = receipt("m10", "sent").replacen('{', "{\"webhook-hops\": 9, ", 1);
    callbox.post("/in/shop", &[], body).await.callback();
    assert_eq!(crm.next().await.header("webhook-hops"), Some("1"));
    let drift = callbox.json("/v1/sources/shop").await["drift"].to_string();
    assert!(!drift.contains("hops"), "{drift}");
}
