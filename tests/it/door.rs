//! The door: who is let in by token and address, and in which order what is wrong is told.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callbox::clock::Clock;
use callbox::config::{Config, Environment};
use callbox::domain::id::IdMaker;
use callbox::random::Random;
use callbox::receive::{DriftBook, NotTaken, Rates, Receiver};
use callbox::store::sqlite::{DiskRoom, SqliteStore};
use callbox::store::{Kept, StoreError};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::http::{self, Headers};
use crate::support::shelf::Shelf;

const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// An `Authorization` with a token that ends at this moment, in Unix seconds.
fn jwt(key: &str, ends: i64) -> String {
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let claims = format!(r#"{{"iat":{},"exp":{ends}}}"#, ends - 600);
    let signed = format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn seconds(callbox: &Callbox) -> i64 {
    callbox.clock.now().as_millis() / 1_000
}

/// A source, behind whatever stands in `[server]`.
fn shop(server: &str, auth: &str) -> String {
    format!("[server]\n{server}\n[sources.shop]\nvendor = \"wavecell\"\nauth = [{auth}]\n")
}

/// Pushes a receipt, and gives the reason if it is not authentic.
async fn refusal(callbox: &Callbox, headers: Headers<'_>) -> Option<String> {
    let answer = callbox.post("/in/shop", headers, &receipt("m1", "delivered")).await;
    if answer.status == 200 {
        return None;
    }
    answer.problem(401, "unauthentic");
    let newest = callbox.json("/v1/callbacks?limit=1").await["data"][0].clone();
    Some(newest["reason"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_jwt_is_taken_until_it_ends_and_one_that_was_refused_is_judged_by_its_arrival() {
    let auth = |key: &str| shop("", &format!(r#"{{ type = "jwt", secrets = ["{key}", "old"] }}"#));
    let callbox = Callbox::start(&auth("mistyped")).await;
    let now = seconds(&callbox);
    let table = [
        (jwt("old", now + 600), None),
        (jwt("right", now + 600), Some("wrong")),
        (jwt("old", now), Some("stale")),
        (jwt("old", now + 600).replace("Bearer ", "Bearer x"), Some("malformed")),
        ("Bearer old".to_owned(), Some("malformed")),
    ];
    for (header, expected) in table {
        let found = refusal(&callbox, &[("authorization", &header)]).await;
        assert_eq!(found.as_deref(), expected, "{header}");
    }
    assert_eq!(refusal(&callbox, &[]).await.as_deref(), Some("missing"));

    let wrong = callbox.json("/v1/callbacks?outcome=unauthentic&order=asc").await;
    let id = wrong["data"][0]["id"].as_str().unwrap();
    callbox.clock.advance(DAY);
    let callbox = callbox.restart_with(&auth("right")).await;
    let answer = callbox.order(&format!("/v1/callbacks/{id}/reprocess")).await.json();
    assert_eq!((&answer["was"], &answer["outcome"]), (&json!("unauthentic"), &json!("duplicate")));
    let stale = wrong["data"][1]["id"].as_str().unwrap();
    let answer = callbox.order(&format!("/v1/callbacks/{stale}/reprocess")).await.json();
    assert_eq!(answer["reason"], "stale");
}

#[tokio::test]
async fn an_address_is_the_peers_and_behind_trusted_proxies_the_one_that_they_forward() {
    let direct = shop("", r#"{ type = "allow_ips", networks = ["127.0.0.0/8"] }"#);
    let callbox = Callbox::start(&direct).await;
    let forwarded = [("x-forwarded-for", "203.0.113.9")];
    assert_eq!(refusal(&callbox, &[]).await, None);
    // Nobody is trusted, so what a header says is nothing.
    assert_eq!(refusal(&callbox, &forwarded).await, None);

    let allowed = r#"{ type = "allow_ips", networks = ["203.0.113.0/24"] }"#;
    let callbox = Callbox::start(&shop("", allowed)).await;
    assert_eq!(refusal(&callbox, &forwarded).await.as_deref(), Some("address"));

    let server = "trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n";
    let callbox = Callbox::start(&shop(server, allowed)).await;
    let table: [(&[&str], _); 8] = [
        (&["203.0.113.9"], None),
        (&["203.0.113.9, 10.0.0.7"], None),
        (&["203.0.113.9", "10.0.0.7"], None),
        (&["198.51.100.1, 203.0.113.9:4711"], None),
        (&["203.0.113.9, 198.51.100.1"], Some("address")),
        (&["203.0.113.9, 198.51.100.1, 10.0.0.7"], Some("address")),
        (&["203.0.113.9, unknown"], Some("address")),
        (&[], Some("address")),
    ];
    for (values, expected) in table {
        let headers: Vec<_> = values.iter().map(|value| ("x-forwarded-for", *value)).collect();
        let found = refusal(&callbox, &headers).await;
        assert_eq!(found.as_deref(), expected, "{values:?}");
    }
    let record = callbox.json("/v1/callbacks?limit=1&order=asc").await["data"][0].clone();
    assert_eq!(record["remote_ip"], "203.0.113.9");
}

#[tokio::test]
async fn what_came_from_an_address_that_was_not_listed_is_released_once_it_is() {
    let auth = |networks: &str| {
        let allowed = format!(r#"{{ type = "allow_ips", networks = ["{networks}"] }}"#);
        shop("trusted_proxies = [\"127.0.0.1\"]\n", &allowed)
    };
    let callbox = Callbox::start(&auth("203.0.113.0/28")).await;
    let forwarded = [("x-forwarded-for", "203.0.113.99")];
    assert_eq!(refusal(&callbox, &forwarded).await.as_deref(), Some("address"));
    let counts = callbox.json("/v1/sources/shop").await;
    assert_eq!(counts["unauthentic"], json!({ "address": 1 }));
    let kept = callbox.json("/v1/callbacks").await["data"][0]["id"].clone();
    let callbox = callbox.restart_with(&auth("203.0.113.0/24")).await;
    let path = format!("/v1/callbacks/{}/reprocess", kept.as_str().unwrap());
    let answer = callbox.order(&path).await.json();
    assert_eq!((&answer["was"], &answer["outcome"]), (&json!("unauthentic"), &json!("events")));
    assert_eq!(callbox.json("/v1/messages/shop/m1").await["state"], "delivered");
}

#[tokio::test]
async fn what_is_over_the_rate_is_told_when_to_come_again_and_is_not_kept() {
    let limited = shop("", r#"{ type = "token", secrets = ["right"] }"#)
        + "rate = 2\n[sources.other]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\n";
    let callbox = Callbox::start(&limited).await;
    let push = async |number: u32| {
        callbox.push("shop/right", receipt(&format!("m{number}"), "sent")).await
    };
    // What is not authentic takes nothing of the rate.
    for _ in 0..5 {
        callbox.push("shop/wrong", "{}").await.problem(401, "unauthentic");
    }
    push(1).await.callback();
    push(2).await.callback();
    for number in [3, 4, 5] {
        let answer = push(number).await;
        let detail = answer.problem(429, "too_many");
        assert!(detail.contains("2 callbacks a second"), "{detail}");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    callbox.push("shop/wrong", "{}").await.problem(401, "unauthentic");
    callbox.push("other", receipt("m1", "sent")).await.callback();
    callbox.clock.advance(std::time::Duration::from_millis(500));
    push(6).await.callback();
    push(7).await.problem(429, "too_many");
    callbox.clock.advance(std::time::Duration::from_mins(1));
    push(8).await.callback();
    push(9).await.callback();
    push(10).await.problem(429, "too_many");
    let counts = callbox.json("/v1/sources/shop").await;
    assert_eq!((&counts["received"], &counts["rate_limited"]), (&json!(11), &json!(5)));
    assert_eq!(callbox.json("/v1/sources/other").await.get("rate_limited"), None);
    let metrics = callbox.ask("/metrics").await.text();
    assert!(metrics.contains("callbox_rate_limited_total{source=\"shop\"} 5"), "{metrics}");
    assert_eq!(callbox.events("source=shop").await.len(), 5);
}

/// No disk has so much, so it is low from the start.
const LOW: &str = "min_free = \"1048576GiB\"\n";

#[tokio::test]
async fn without_room_a_callback_is_sent_away_at_its_head_and_what_is_not_authentic_as_ever() {
    let sections = format!(
        r#"{LOW}[sources.open]
        vendor = "wavecell"
        auth = [{{ type = "none" }}]
        rate = 1
        [sources.guarded]
        vendor = "wavecell"
        auth = [{{ type = "token", secrets = ["right"] }}]
        [sources.lenient]
        vendor = "wavecell"
        auth = [{{ type = "token", secrets = ["right"] }}]
        unauthentic_answer = 200
        "#
    );
    let callbox = Callbox::start(&sections).await;
    // Not a byte of the body comes, and yet there is an answer.
    let head = |target: &str| {
        format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
    };
    let table = [
        ("/in/open", 503, "unavailable"),
        ("/in/guarded/right", 503, "unavailable"),
        ("/in/guarded/wrong", 401, "unauthentic"),
        ("/in/lenient/wrong", 503, "unavailable"),
        ("/in/nobody", 404, "not_found"),
    ];
    for (target, status, code) in table {
        let answer = http::exchange(callbox.vendors, head(target).as_bytes()).await.unwrap();
        answer.problem(status, code);
        let again = answer.header("retry-after");
        assert_eq!(again, (status == 503).then_some("30"), "{target}");
        assert_eq!(answer.header("connection"), Some("close"), "{target}");
    }
    assert_eq!(callbox.json("/v1/sources/guarded").await["received"], 0);
}

#[tokio::test]
async fn a_store_that_fails_makes_nothing_authentic_and_does_not_count_against_a_signature() {
    let shelf = Shelf::new(|folder: &Path, clock: Arc<dyn Clock>| {
        let full = |_: &Path| Ok(DiskRoom { free: 0, total: 1 << 40 });
        let path = folder.join("callbox.db");
        Arc::new(
            SqliteStore::open_keeping(&path, &clock, &Random::from_seed(1), None, full).unwrap(),
        )
    });
    let config = shop("", r#"{ type = "hmac", header = "x-signature", secrets = ["right"] }"#);
    let config = Config::parse(&config, "test.toml", &Environment::default()).unwrap();
    let clock: Arc<dyn Clock> = Arc::clone(&shelf.clock) as _;
    let receiver = Receiver {
        store: Arc::clone(&shelf.store),
        destinations: Arc::new([]),
        ids: Arc::new(IdMaker::new(Random::from_seed(1))),
        key: shelf.store.key(),
        drift: Arc::new(DriftBook::default()),
        rates: Rates::of(&config.sources, &clock),
        wake: Arc::default(),
        news: tokio::sync::watch::Sender::new(()),
    };
    for key in ["right", "wrong"] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(b"{}");
        let mut callback = shelf.callback("{}", Kept::Events(Vec::new())).callback;
        let signature = hex::encode(mac.finalize().into_bytes());
        callback.head.headers = vec![("x-signature".to_owned(), signature)];
        let refused = receiver.accept(&config.sources[0], callback, "").await.unwrap_err();
        match key {
            "right" => assert!(matches!(refused, NotTaken::Store(StoreError::Full(_)))),
            _ => assert!(matches!(refused, NotTaken::Unauthentic(StoreError::Full(_)))),
        }
    }
}
