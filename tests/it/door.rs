//! The door: who is let in by token and address, and in which order what is wrong is told.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use callbox::clock::Clock;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::http::Headers;

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
