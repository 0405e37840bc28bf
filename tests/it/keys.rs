//! API keys: limited to sources, guessed at, listed with their last use.

use std::fmt::Write;

use callbox::clock::Clock;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::receiver::Receiver;
use crate::support::{MINUTE, SECOND};

const SHOP: &str = r#"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "token", secrets = ["the-token"] }]
"#;

/// Keys that see everything; each one's text is its name and `-key`.
fn keys() -> String {
    let mut text = format!("[api]\nlisten = \"127.0.0.1:0\"\n{SHOP}");
    for (name, rest) in [
        ("read", "scopes = [\"read\"]"),
        ("operate", "scopes = [\"operate\"]"),
        ("expired", "scopes = [\"read\"]\nexpires = 2026-08-12T09:15:57Z"),
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

/// A callbox with two sources, a destination of each and one of both, and keys for one source alone.
async fn shared(shop: &Receiver, desk: &Receiver, all: &Receiver) -> Callbox {
    let mut text = keys();
    for (name, source, scopes) in
        [("shop", "shop", "\"read\", \"raw\", \"operate\""), ("desk", "desk", "\"read\"")]
    {
        let sha256 = hex::encode(Sha256::digest(format!("{name}-key")));
        writeln!(
            text,
            "[api.keys.{name}]\nsha256 = \"{sha256}\"\nscopes = [{scopes}]\nsources = [\"{source}\"]"
        )
        .unwrap();
    }
    text.push_str("[sources.desk]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\n");
    text.push_str(&shop.configured("crm", "sources = [\"shop\"]"));
    text.push_str(&desk.configured("erp", "sources = [\"desk\"]"));
    text.push_str(&all.configured("lake", ""));
    Callbox::start(&text).await
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one callbox is asked for everything")]
async fn for_a_key_that_is_limited_to_a_source_nothing_of_the_others_is_there() {
    let (shop, desk, all) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let callbox = shared(&shop, &desk, &all).await;
    let (mut callbacks, mut events) = (Vec::new(), Vec::new());
    for source in ["shop/the-token", "desk"] {
        let pushed = callbox.push(source, receipt("m1", "sent")).await;
        callbacks.push(pushed.callback());
        events.push(pushed.events().remove(0));
    }
    let asked = async |key: &str, method: &str, target: &str| {
        let bearer = format!("Bearer {key}-key");
        callbox.ask_with(method, target, &[("authorization", &bearer)]).await
    };
    let listed = async |key: &str, target: &str, member: &str| {
        let page = asked(key, "GET", target).await.json();
        let items = page["data"].as_array().unwrap().clone();
        let mut found: Vec<String> =
            items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect();
        found.sort();
        found
    };
    for (key, other) in [("shop", "desk"), ("desk", "shop")] {
        for target in [
            "/v1/events".to_owned(),
            "/v1/messages".to_owned(),
            "/v1/callbacks".to_owned(),
            "/v1/callbacks?outcome=events".to_owned(),
            format!("/v1/events?source={key}&source={other}"),
            "/v1/events?message_id=m1".to_owned(),
        ] {
            assert_eq!(listed(key, &target, "source").await, [key], "{target}");
        }
        for target in ["/v1/events", "/v1/messages", "/v1/callbacks"] {
            let target = format!("{target}?source={other}");
            assert!(listed(key, &target, "source").await.is_empty(), "{target}");
        }
        assert_eq!(listed(key, "/v1/sources", "name").await, [key]);
        let mine = if key == "shop" { "crm" } else { "erp" };
        assert_eq!(listed(key, "/v1/destinations", "name").await, [mine]);
        assert_eq!(listed(key, "/v1/deliveries", "destination").await, [mine, "lake"]);
        let metrics = asked(key, "GET", "/metrics").await.text();
        assert!(metrics.contains(&format!("source=\"{key}\"")), "{metrics}");
        assert!(!metrics.contains(&format!("source=\"{other}\"")) && !metrics.contains("lake"));
        assert!(asked(key, "GET", "/v1/sources").await.json().get("no_source").is_none());
    }
    // One by one: not forbidden, but not there.
    let all_deliveries = asked("read", "GET", "/v1/deliveries").await.json();
    let of_desk = all_deliveries["data"].as_array().unwrap().iter();
    let of_desk = of_desk.clone().find(|delivery| delivery["destination"] == "erp").unwrap();
    let delivery = of_desk["id"].as_str().unwrap();
    for (method, target) in [
        ("GET", format!("/v1/events/{}", events[1])),
        ("GET", "/v1/messages/desk/m1".to_owned()),
        ("GET", "/v1/conversations/desk/%2B12025550188".to_owned()),
        ("GET", format!("/v1/callbacks/{}", callbacks[1])),
        ("GET", format!("/v1/callbacks/{}/body", callbacks[1])),
        ("POST", format!("/v1/callbacks/{}/reprocess", callbacks[1])),
        ("GET", format!("/v1/deliveries/{delivery}")),
        ("POST", format!("/v1/deliveries/{delivery}/retry")),
        ("POST", format!("/v1/deliveries/{delivery}/cancel")),
        ("GET", "/v1/destinations/erp".to_owned()),
        ("POST", "/v1/destinations/erp/pause".to_owned()),
        ("POST", "/v1/destinations/lake/pause".to_owned()),
        ("GET", "/v1/sources/desk".to_owned()),
    ] {
        asked("shop", method, &target).await.problem(404, "not_found");
    }
    for (method, target) in [
        ("GET", format!("/v1/events/{}", events[0])),
        ("GET", format!("/v1/callbacks/{}/body", callbacks[0])),
        ("POST", format!("/v1/callbacks/{}/reprocess", callbacks[0])),
        ("POST", "/v1/destinations/crm/pause".to_owned()),
        ("GET", "/v1/conversations/shop/%2B12025550188".to_owned()),
    ] {
        assert_eq!(asked("shop", method, &target).await.status, 200, "{target}");
    }
    asked("shop", "GET", "/v1/keys").await.problem(403, "forbidden");
}

#[tokio::test]
async fn an_address_that_guesses_keys_has_to_wait_and_its_right_keys_with_it() {
    let callbox = Callbox::start(&keys()).await;
    let ask = async |key: &str| {
        let bearer = format!("Bearer {key}-key");
        callbox.ask_with("GET", "/v1/events", &[("authorization", &bearer)]).await
    };
    for number in 0..60 {
        ask(&format!("guess{number}")).await.problem(401, "unauthorized");
    }
    for key in ["guess", "read"] {
        let answer = ask(key).await;
        answer.problem(429, "too_many_failures");
        assert_eq!(answer.header("retry-after"), Some("60"));
    }
    // Who sends no key guesses nothing.
    callbox.ask("/v1/events").await.problem(401, "unauthorized");
    callbox.clock.advance(MINUTE);
    assert_eq!(ask("read").await.status, 200);
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_forwarded_address_is_the_one_that_guesses() {
    let text = format!("[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n{}", keys());
    let callbox = Callbox::start(&text).await;
    let ask = async |from: &str, key: &str| {
        let bearer = format!("Bearer {key}-key");
        let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", from)];
        callbox.ask_with("GET", "/v1/events", &headers).await.status
    };
    for _ in 0..60 {
        assert_eq!(ask("203.0.113.9", "wrong").await, 401);
    }
    assert_eq!(ask("203.0.113.9", "read").await, 429);
    assert_eq!(ask("203.0.113.10", "read").await, 200);
}

#[tokio::test]
async fn keys_are_listed_without_themselves_and_with_their_last_use() {
    let callbox = Callbox::start(&keys()).await;
    status(&callbox, "read", "GET", "/v1/events").await;
    let used_at = callbox.clock.now();
    callbox.clock.advance(SECOND);
    let bearer = [("authorization", "Bearer operate-key")];
    let listed = callbox.ask_with("GET", "/v1/keys", &bearer).await;
    assert!(!listed.text().contains(&hex::encode(Sha256::digest("read-key"))), "{}", listed.text());
    let listed = listed.json();
    let key = |name: &str| {
        let found = listed["data"].as_array().unwrap().iter().find(|key| key["name"] == name);
        found.unwrap().clone()
    };
    assert_eq!(
        key("read"),
        json!({ "name": "read", "scopes": ["read"], "expired": false, "last_used_at": used_at.to_string() })
    );
    assert_eq!(key("expired")["expired"], true);
    assert_eq!(key("operate").get("nothing"), None);
    assert_eq!(status(&callbox, "read", "GET", "/v1/keys").await, 403);
}
