//! Who may push: every scheme from end to end, what becomes of what is not authentic, and where secrets must not show.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callbox::clock::Clock;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use standardwebhooks::Webhook;

use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::http::{self, Answer, Headers};
use crate::support::program::Place;

const NEW_KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OLD_KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A source of every scheme; each takes a new secret and the old one.
const EVERY_SCHEME: &str = r#"
[sources.token]
vendor = "wavecell"
auth = [{ type = "token", secrets = ["new-token", "old/token"], header = "x-token" }]
[sources.header]
vendor = "wavecell"
auth = [{ type = "header", name = "x-secret", secrets = ["new", "old"] }]
[sources.basic]
vendor = "wavecell"
auth = [{ type = "basic", secrets = ["shop:new", "shop:old"] }]
[sources.bearer]
vendor = "wavecell"
auth = [{ type = "bearer", secrets = ["new", "old"] }]
[sources.hmac]
vendor = "wavecell"
auth = [{ type = "hmac", header = "x-signature", algorithm = "sha256", encoding = "hex", prefix = "sha256=", parts = ["timestamp", "text:.", "url", "body"], timestamp_header = "x-time", secrets = ["new", "old"] }]
[sources.standard]
vendor = "wavecell"
auth = [{ type = "standard_webhooks", secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"] }]
[sources.both]
vendor = "wavecell"
auth = [{ type = "token", secrets = ["new"] }, { type = "bearer", secrets = ["new"] }]
"#;

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// What became of a callback that was pushed so: `ok`, or why it is not authentic.
async fn verdict(callbox: &Callbox, target: &str, headers: &[(&str, &str)], body: &str) -> String {
    let answer = callbox.post(target, headers, body).await;
    let newest = callbox.json("/v1/callbacks?limit=1").await["data"][0].clone();
    match answer.status {
        200 => "ok".to_owned(),
        status => {
            answer.problem(401, "unauthentic");
            assert_eq!((status, newest["outcome"].as_str()), (401, Some("unauthentic")));
            newest["reason"].as_str().unwrap().to_owned()
        }
    }
}

#[tokio::test]
async fn every_scheme_takes_each_of_its_secrets_and_nothing_else() {
    let callbox = Callbox::start(EVERY_SCHEME).await;
    let pairs = [basic("shop:new"), basic("shop:old"), basic("shop:other"), basic("other:new")];
    let table: [(&str, Headers<'_>, &str); 25] = [
        ("/in/token/new-token", &[], "ok"),
        ("/in/token/old%2Ftoken/messages-upsert", &[], "ok"),
        ("/in/token?token=old%2Ftoken", &[], "ok"),
        ("/in/token", &[("X-Token", "new-token")], "ok"),
        ("/in/token/New-Token", &[], "wrong"),
        ("/in/token?token=", &[], "wrong"),
        ("/in/token", &[], "missing"),
        ("/in/header", &[("x-secret", "new")], "ok"),
        ("/in/header", &[("X-Secret", "old")], "ok"),
        ("/in/header", &[("x-secret", "newer")], "wrong"),
        ("/in/header", &[("x-secret", "new"), ("x-secret", "old")], "malformed"),
        ("/in/header", &[], "missing"),
        ("/in/basic", &[("authorization", &pairs[0])], "ok"),
        ("/in/basic", &[("authorization", &pairs[1])], "ok"),
        ("/in/basic", &[("authorization", &pairs[2])], "wrong"),
        ("/in/basic", &[("authorization", &pairs[3])], "wrong"),
        ("/in/basic", &[("authorization", "Basic !")], "malformed"),
        ("/in/bearer", &[("authorization", "Bearer new")], "ok"),
        ("/in/bearer", &[("authorization", "bearer old")], "ok"),
        ("/in/bearer", &[("authorization", "Bearer ")], "malformed"),
        ("/in/bearer", &[("authorization", &pairs[0])], "malformed"),
        ("/in/both/new", &[("authorization", "Bearer new")], "ok"),
        ("/in/both/new", &[], "missing"),
        ("/in/both", &[("authorization", "Bearer new")], "missing"),
        ("/in/both/old", &[("authorization", "Bearer new")], "wrong"),
    ];
    for (target, headers, expected) in table {
        let found = verdict(&callbox, target, headers, "{}").await;
        assert_eq!(found, expected, "{target} {headers:?}");
    }
}

#[tokio::test]
async fn a_signature_holds_for_its_bytes_its_url_and_its_time() {
    let callbox = Callbox::start(EVERY_SCHEME).await;
    let now = callbox.clock.now().as_millis() / 1_000;
    let sign = |key: &str, time: i64, url: &str, body: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(format!("{time}.{url}{body}").as_bytes());
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    };
    let url = "https://hooks.example.com/inbox/in/hmac?shop=1";
    let other = "http://127.0.0.1/in/hmac?shop=1";
    let table = [
        (sign("new", now, url, "{}"), now, "ok"),
        (sign("old", now - 299, url, "{}"), now - 299, "ok"),
        (sign("new", now - 301, url, "{}"), now - 301, "stale"),
        (sign("new", now + 301, url, "{}"), now + 301, "stale"),
        (sign("new", now, url, "{}"), now - 1, "wrong"),
        (sign("new", now, url, "{ }"), now, "wrong"),
        (sign("new", now, other, "{}"), now, "wrong"),
        (sign("other", now, url, "{}"), now, "wrong"),
        ("sha256=".to_owned(), now, "malformed"),
        (sign("new", now, url, "{}").replace("sha256=", ""), now, "malformed"),
    ];
    for (signature, time, expected) in table {
        let time = time.to_string();
        let headers = [("x-signature", signature.as_str()), ("x-time", &time)];
        let found = verdict(&callbox, "/in/hmac?shop=1", &headers, "{}").await;
        assert_eq!(found, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn standard_webhooks_are_taken_as_the_published_library_signs_them() {
    let callbox = Callbox::start(EVERY_SCHEME).await;
    let now = callbox.clock.now().as_millis() / 1_000;
    let sign = |key: &str, time, body: &str| {
        Webhook::new(key).unwrap().sign("msg_1", time, body.as_bytes()).unwrap()
    };
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let (new, old) = (sign(NEW_KEY, now, "{}"), sign(OLD_KEY, now, "{}"));
    let table = [
        (new.clone(), now, "ok"),
        (old.clone(), now, "ok"),
        (format!("v1a,xx {} {new}", sign(other, now, "{}")), now, "ok"),
        (sign(other, now, "{}"), now, "wrong"),
        (sign(NEW_KEY, now, "{ }"), now, "wrong"),
        (sign(NEW_KEY, now - 301, "{}"), now - 301, "stale"),
        ("v2,AAAA".to_owned(), now, "malformed"),
    ];
    for (signature, time, expected) in table {
        let time = time.to_string();
        let headers = [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", time.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        let found = verdict(&callbox, "/in/standard", &headers, "{}").await;
        assert_eq!(found, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn what_is_not_authentic_is_counted_and_kept_within_its_quota() {
    let callbox = Callbox::start(
        r#"
        [sources.shop]
        vendor = "wavecell"
        auth = [{ type = "token", secrets = ["right"] }]
        unauthentic_keep = { callbacks = 3, bytes = 100 }
        "#,
    )
    .await;
    let kept = async || -> Vec<u64> {
        let page = callbox.json("/v1/callbacks?outcome=unauthentic&order=asc").await;
        let sizes = page["data"].as_array().unwrap().iter();
        sizes.map(|callback| callback["body_size"].as_u64().unwrap()).collect()
    };
    callbox.push("shop/right", receipt("m1", "sent")).await.callback();
    // Each is told apart by its length.
    for (length, expected) in [
        (1, vec![1]),
        (2, vec![1, 2]),
        (3, vec![1, 2, 3]),
        (4, vec![2, 3, 4]),
        (95, vec![4, 95]),
        (96, vec![96]),
        (101, vec![]), // alone larger than the quota
        (5, vec![5]),
    ] {
        callbox.push("shop/wrong", "x".repeat(length)).await.problem(401, "unauthentic");
        assert_eq!(kept().await, expected);
    }
    callbox.push("shop", "x").await.problem(401, "unauthentic");
    let counts = callbox.json("/v1/sources/shop").await;
    assert_eq!(counts["unauthentic"], serde_json::json!({ "missing": 1, "wrong": 8 }));
    assert_eq!(counts["received"], 10);
    assert_eq!(callbox.events("").await.len(), 1);
}

#[tokio::test]
async fn a_vendor_that_gives_up_on_4xx_can_be_answered_200_once_it_is_kept() {
    let callbox = Callbox::start(
        r#"
        [sources.shop]
        vendor = "wavecell"
        auth = [{ type = "token", secrets = ["right"] }]
        unauthentic_answer = 200
        "#,
    )
    .await;
    let answer = callbox.push("shop/wrong", receipt("m1", "sent")).await;
    assert_eq!(answer.events(), Vec::<String>::new());
    let record = callbox.json(&format!("/v1/callbacks/{}", answer.callback())).await;
    assert_eq!((&record["outcome"], &record["reason"]), (&"unauthentic".into(), &"wrong".into()));
    assert_eq!(callbox.events("").await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_token_is_cut_out_wherever_it_stands() {
    let callbox = Callbox::start(EVERY_SCHEME).await;
    let table = [
        ("/in/token/new-token", "/in/token", None),
        ("/in/token/new-token/messages-upsert?a=1", "/in/token/messages-upsert", Some("a=1")),
        ("/in/token?a=1&token=new-token&b=%20", "/in/token", Some("a=1&b=%20")),
        ("/in/token?token=new-token/chats-update", "/in/token/chats-update", None),
        ("/in/bearer/any/thing?token=x", "/in/bearer/any/thing", Some("token=x")),
    ];
    for (target, path, query) in table {
        let headers = [("authorization", "Bearer new")];
        let id = callbox.post(target, &headers, "{}").await.callback();
        let record = callbox.json(&format!("/v1/callbacks/{id}")).await;
        assert_eq!(record["path"], path, "{target}");
        assert_eq!(record.get("query").and_then(Value::as_str), query, "{target}");
    }
}

/// Secrets that must not show, and keys that ask.
const PLANTED: &str = r#"
[api]
listen = "127.0.0.1:0"
[api.keys.reader]
sha256 = "READER"
scopes = ["read", "operate"]
[sources.shop]
vendor = "wessaal"
auth = [
    { type = "token", secrets = ["planted-token"] },
    { type = "header", name = "x-secret", secrets = ["planted-header"] },
    { type = "basic", secrets = ["shop:planted-password"] },
]
unauthentic_answer = 200
[destinations.crm]
url = "http://127.0.0.1:9/hook"
secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
headers = { x-crm = "planted-crm" }
"#;

#[tokio::test]
async fn secrets_show_in_no_answer_and_in_no_file() {
    use sha2::Digest;
    let reader = hex::encode(Sha256::digest("planted-reader"));
    let callbox = Callbox::start(&PLANTED.replace("READER", &reader)).await;
    let body = r#"{"event":"messages.update","instance":"a","apikey":"planted-apikey","data":{"keyId":"m1","fromMe":true,"status":"READ"}}"#;
    let pair = basic("shop:planted-password");
    let headers = [("x-secret", "planted-header"), ("authorization", pair.as_str())];
    let pushes = [
        callbox.post("/in/shop/planted-token", &headers, body).await,
        callbox.post("/in/shop?token=planted-token", &headers[..1], "{}").await,
        callbox.post("/in/shop/planted-guess", &headers, "{}").await,
    ];
    let ids: Vec<String> = pushes.iter().map(Answer::callback).collect();
    let key = [("authorization", "Bearer planted-reader")];
    let mut paths: Vec<String> = ids.iter().map(|id| format!("/v1/callbacks/{id}")).collect();
    paths.extend(pushes[0].events().iter().map(|id| format!("/v1/events/{id}")));
    for path in ["callbacks", "events", "deliveries", "sources", "destinations", "messages/shop/m1"]
    {
        paths.push(format!("/v1/{path}"));
    }
    for path in paths {
        let answer = callbox.ask_with("GET", &path, &key).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        no_secret(&path, &answer.body);
    }
    let raw = format!("/v1/callbacks/{}/body", ids[0]);
    callbox.ask_with("GET", &raw, &key).await.problem(403, "forbidden");
    let sources = callbox.ask_with("GET", "/v1/sources/shop", &key).await.json();
    assert_eq!(sources["push_path"], "/in/shop/***");

    // The body is the vendor's, and stays as it came; of everything else there are hashes alone.
    let disk = callbox.bytes_on_disk();
    assert!(disk.windows(body.len()).any(|bytes| bytes == body.as_bytes()));
    let mut rest = disk.as_slice();
    while let Some(at) = rest.windows(body.len()).position(|bytes| bytes == body.as_bytes()) {
        no_secret("the files", &rest[..at]);
        rest = &rest[at + body.len()..];
    }
    no_secret("the files", rest);
}

#[tokio::test]
async fn secrets_show_in_no_log_however_much_is_logged() {
    let place = Place::new(
        r#"
        [sources.guarded]
        vendor = "wavecell"
        auth = [
            { type = "token", secrets = ["planted-token"] },
            { type = "header", name = "x-secret", secrets = ["planted-header"] },
            { type = "basic", secrets = ["shop:planted-password"] },
        ]
        "#,
    );
    let log = place.path().join("log");
    let mut program = place.start_logging(&log);
    let pair = basic("shop:planted-password");
    let headers = [("x-secret", "planted-header"), ("authorization", pair.as_str())];
    for (target, status) in [
        ("/in/guarded/planted-token/x", 200),
        ("/in/guarded?token=planted-token", 200),
        ("/in/guarded/planted-guess", 401),
        ("/in/nobody/planted-token", 404),
    ] {
        let body = receipt("planted-body", "sent");
        let answer = http::send(program.vendors, "POST", target, &headers, body.as_bytes()).await;
        assert_eq!(answer.unwrap().status, status, "{target}");
    }
    let key = [("authorization", "Bearer planted-key")];
    let answer = http::send(program.api, "GET", "/v1/events", &key, b"").await.unwrap();
    assert_eq!(answer.status, 401);
    program.terminate();
    assert_eq!(program.wait().code(), Some(0));
    let logged = std::fs::read(&log).unwrap();
    assert!(logged.len() > 1_000, "there is no log");
    for line in String::from_utf8_lossy(&logged).lines() {
        no_secret(line, line.as_bytes());
    }
}

/// Checks that none of the planted secrets is among these bytes, in clear or as it goes over the wire.
#[track_caller]
fn no_secret(place: &str, bytes: &[u8]) {
    let pair = STANDARD.encode("shop:planted-password");
    for secret in ["planted-", &pair, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} shows in {place}");
    }
}
