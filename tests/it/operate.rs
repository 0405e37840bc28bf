//! Who may ask and order: keys and their scopes, this machine's own users; and what operators do to deliveries.

use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::http::Headers;
use crate::support::receiver::Receiver;
use crate::support::{MINUTE, SECOND};

const SHOP: &str = r#"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "token", secrets = ["the-token"] }]
"#;

/// Keys of every kind; each one's text is its name and `-key`.
fn keys() -> String {
    let mut text = format!("[api]\nlisten = \"127.0.0.1:0\"\n{SHOP}");
    for (name, rest) in [
        ("read", "scopes = [\"read\"]"),
        ("raw", "scopes = [\"read\", \"raw\"]"),
        ("operate", "scopes = [\"operate\"]"),
        ("expired", "scopes = [\"read\"]\nexpires = 2026-08-12T09:15:57Z"),
        ("expiring", "scopes = [\"read\"]\nexpires = \"2026-08-12T09:16:57Z\""),
    ] {
        let sha256 = hex::encode(Sha256::digest(format!("{name}-key")));
        writeln!(text, "[api.keys.{name}]\nsha256 = \"{sha256}\"\n{rest}").unwrap();
    }
    text
}

async fn status(callbox: &Callbox, key: &str, method: &str, target: &str) -> u16 {
    let bearer = format!("Bearer {key}-key");
    callbox.ask_with(method, target, &[("authorization", &bearer)]).await.status
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say() {
    let crm = Receiver::start().await;
    let callbox = Callbox::start(&format!("{}{}", keys(), crm.configured("crm", ""))).await;
    let pushed = callbox.push("shop/the-token", receipt("m1", "sent")).await;
    let (callback, event) = (pushed.callback(), pushed.events().remove(0));
    let questions = [
        "/v1/events".to_owned(),
        format!("/v1/events/{event}"),
        "/v1/messages/shop/m1".to_owned(),
        "/v1/callbacks".to_owned(),
        format!("/v1/callbacks/{callback}"),
        "/v1/deliveries".to_owned(),
        "/v1/destinations".to_owned(),
        "/v1/destinations/crm".to_owned(),
        "/v1/sources".to_owned(),
        "/v1/sources/shop".to_owned(),
        "/health".to_owned(),
    ];
    for target in &questions {
        for (key, expected) in [("read", 200), ("raw", 200), ("operate", 403), ("nobody", 401)] {
            assert_eq!(status(&callbox, key, "GET", target).await, expected, "{key} {target}");
        }
        callbox.ask(target).await.problem(401, "unauthorized");
    }
    let body = format!("/v1/callbacks/{callback}/body");
    for (key, expected) in [("read", 403), ("raw", 200), ("operate", 403)] {
        assert_eq!(status(&callbox, key, "GET", &body).await, expected, "{key}");
    }
    let delivery = "/v1/deliveries/dlv_01M0000000000000000000000A";
    for (target, expected) in [
        ("/v1/destinations/crm/pause".to_owned(), 200),
        ("/v1/destinations/crm/resume".to_owned(), 200),
        (format!("{delivery}/retry"), 404),
        (format!("{delivery}/cancel"), 404),
    ] {
        for (key, expected) in [("read", 403), ("raw", 403), ("operate", expected)] {
            assert_eq!(status(&callbox, key, "POST", &target).await, expected, "{key} {target}");
        }
    }
    for target in ["/healthz", "/readyz"] {
        assert_eq!(callbox.ask(target).await.status, 200);
    }
    // Only who may see callbacks as they came sees where to push them.
    for (key, path) in [("read", "/in/shop/***"), ("raw", "/in/shop/the-token")] {
        let bearer = format!("Bearer {key}-key");
        let source =
            callbox.ask_with("GET", "/v1/sources/shop", &[("authorization", &bearer)]).await;
        assert_eq!(source.json()["push_path"], path);
    }
}

#[tokio::test]
async fn headers_that_prove_something_are_shown_only_to_who_may_see_callbacks_as_they_came() {
    let callbox = Callbox::start(&keys()).await;
    let proofs = ["apikey", "x-api-key", "x-evolution-api-key", "x-webhook-secret"];
    let mut headers = vec![("user-agent", "Wessaal-Node-Layer/1.0")];
    headers.extend(proofs.map(|name| (name, "proof")));
    let pushed = callbox.post("/in/shop/the-token", &headers, receipt("m1", "sent")).await;
    let target = format!("/v1/callbacks/{}", pushed.callback());
    for (key, expected) in [("read", "[redacted]"), ("raw", "proof")] {
        let bearer = format!("Bearer {key}-key");
        let shown = callbox.ask_with("GET", &target, &[("authorization", &bearer)]).await.json();
        let shown = shown["headers"].as_array().unwrap();
        for name in proofs {
            assert!(shown.contains(&json!([name, expected])), "{key} {name}: {shown:?}");
        }
        assert!(shown.contains(&json!(["user-agent", "Wessaal-Node-Layer/1.0"])), "{key}");
    }
}

#[tokio::test]
async fn a_key_that_expired_looks_like_one_that_never_was() {
    let callbox = Callbox::start(&keys()).await;
    let answer = async |key: &str| {
        let answer = callbox.ask_with("GET", "/v1/events", &[("authorization", key)]).await;
        answer.problem(401, "unauthorized");
        answer.text()
    };
    let expired = answer("Bearer expired-key").await;
    for wrong in ["Bearer other-key", "bearer READ-KEY"] {
        assert_eq!(answer(wrong).await, expired, "{wrong}");
    }
    callbox
        .ask_with("GET", "/v1/events", &[("authorization", "Basic read-key")])
        .await
        .problem(401, "unauthorized");
    assert_eq!(status(&callbox, "expiring", "GET", "/v1/events").await, 200);
    callbox.clock.advance(MINUTE);
    assert_eq!(answer("Bearer expiring-key").await, expired);
}

#[tokio::test]
async fn without_a_key_only_this_machines_own_users_may_ask() {
    let callbox = Callbox::start(SHOP).await;
    let table: [(Headers<'_>, u16); 17] = [
        (&[], 200),
        (&[("host", "localhost")], 200),
        (&[("host", "LOCALHOST:9999")], 200),
        (&[("host", "127.1.2.3:80")], 200),
        (&[("host", "[::1]:8081")], 200),
        (&[("host", "callbox.example.com")], 401),
        (&[("host", "localhost.example.com")], 401),
        (&[("host", "127.0.0.1.example.com")], 401),
        (&[("host", "192.0.2.1")], 401),
        (&[("host", "localhost:1"), ("origin", "http://localhost:1")], 200),
        (&[("host", "localhost:1"), ("origin", "http://localhost:2")], 401),
        (&[("origin", "https://example.com")], 401),
        (&[("origin", "null")], 401),
        (&[("sec-fetch-site", "none")], 200),
        (&[("sec-fetch-site", "same-origin")], 200),
        (&[("sec-fetch-site", "same-site")], 401),
        (&[("sec-fetch-site", "cross-site")], 401),
    ];
    for (headers, expected) in table {
        let answer = callbox.ask_with("GET", "/v1/events", headers).await;
        assert_eq!(answer.status, expected, "{headers:?}");
    }
    // Who shows a key is judged by it.
    let wrong = [("authorization", "Bearer wrong")];
    callbox.ask_with("GET", "/v1/events", &wrong).await.problem(401, "unauthorized");
}

/// A callbox with the destination `crm`, and a source that anybody may push to.
async fn with_crm(crm: &Receiver) -> Callbox {
    let source = "[sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\n";
    Callbox::start(&format!("{source}{}", crm.configured("crm", "retry = [\"1h\"]"))).await
}

/// The only delivery of the event that this push made.
async fn delivery_of(callbox: &Callbox, message: &str) -> String {
    let pushed = callbox.push("shop", receipt(message, "sent")).await;
    let page = callbox.json(&format!("/v1/deliveries?event_id={}", pushed.events()[0])).await;
    format!("/v1/deliveries/{}", page["data"][0]["id"].as_str().unwrap())
}

/// That so many attempts were made, and none is under way.
fn tried(times: usize) -> impl Fn(&Value) -> bool {
    move |delivery| {
        delivery["attempts"].as_array().unwrap().len() == times && delivery["state"] != "in_flight"
    }
}

fn is(state: &str) -> impl Fn(&Value) -> bool {
    move |delivery| delivery["state"] == state
}

#[tokio::test]
async fn a_paused_destination_gets_nothing_until_it_is_resumed() {
    let mut crm = Receiver::start().await;
    let callbox = with_crm(&crm).await;
    let paused = callbox.order("/v1/destinations/crm/pause").await.json();
    assert_eq!((&paused["state"], &paused["backlog"]), (&json!("paused"), &json!(0)));
    let delivery = delivery_of(&callbox, "m1").await;

    let callbox = callbox.restart().await;
    let standing = callbox.json("/v1/destinations/crm").await;
    assert_eq!((&standing["state"], &standing["backlog"]), (&json!("paused"), &json!(1)));
    assert_eq!(standing["oldest_pending_at"], "2026-08-12T09:15:57.000Z");
    assert_eq!(callbox.json(&delivery).await["state"], "pending");
    assert_eq!(crm.requests(), []);

    let resumed = callbox.order("/v1/destinations/crm/resume").await.json();
    assert_eq!(resumed["state"], "active");
    crm.next().await;
    callbox.until(&delivery, is("succeeded")).await;
    let standing = callbox.until("/v1/destinations/crm", |crm| crm["in_flight"] == 0).await;
    assert_eq!((&standing["backlog"], &standing["success_rate"]), (&json!(0), &json!(1.0)));
}

#[tokio::test]
async fn a_delivery_can_be_retried_at_once_and_again_when_it_has_ended() {
    let mut crm = Receiver::start().await;
    crm.then(500).then(500);
    let callbox = with_crm(&crm).await;
    let delivery = delivery_of(&callbox, "m1").await;
    let waiting = callbox.until(&delivery, tried(1)).await;
    assert!(waiting["due_at"].as_str().unwrap() > "2026-08-12T10:00:00.000Z", "{waiting}");
    let retry = format!("{delivery}/retry");
    assert_eq!(callbox.order(&retry).await.status, 200);
    callbox.until(&delivery, is("exhausted")).await;
    callbox.clock.advance(SECOND);
    assert_eq!(callbox.order(&retry).await.status, 200);
    let done = callbox.until(&delivery, is("succeeded")).await;
    let attempts = done["attempts"].as_array().unwrap();
    let told: Vec<_> =
        attempts.iter().map(|attempt| (&attempt["outcome"], &attempt["trigger"])).collect();
    let row = |outcome: &str, trigger: &str| (json!(outcome), json!(trigger));
    let expected =
        [row("rejected", "schedule"), row("rejected", "manual"), row("succeeded", "manual")];
    assert_eq!(
        told,
        expected.iter().map(|(outcome, trigger)| (outcome, trigger)).collect::<Vec<_>>()
    );
    assert_eq!(crm.requests().len(), 3);
}

#[tokio::test]
async fn only_a_waiting_delivery_can_be_cancelled() {
    let mut crm = Receiver::start().await;
    crm.then(500).then_silence(1);
    let callbox = with_crm(&crm).await;
    let failed = delivery_of(&callbox, "m1").await;
    callbox.until(&failed, tried(1)).await;
    let cancelled = callbox.order(&format!("{failed}/cancel")).await;
    assert_eq!(cancelled.json()["state"], "cancelled");
    assert_eq!(cancelled.json()["reason"], "cancelled by an operator");
    callbox.order(&format!("{failed}/cancel")).await.problem(409, "conflict");

    crm.next().await;
    let hanging = delivery_of(&callbox, "m2").await;
    crm.next().await;
    callbox.order(&format!("{hanging}/cancel")).await.problem(409, "conflict");
    callbox.order(&format!("{hanging}/retry")).await.problem(409, "conflict");
    callbox.clock.advance(60 * MINUTE);
    assert_eq!(callbox.json(&failed).await["attempts"].as_array().unwrap().len(), 1);
}
