//! Named consumers: they remember their place across restarts, read without moving, and are moved by commit and seek alone.

use serde_json::{Value, json};

use crate::support::bodies::{inbound, receipt};
use crate::support::callbox::Callbox;
use crate::support::{MINUTE, SECOND};

const SHOP: &str = r#"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "none" }]
"#;

const TEAM: &str = "/v1/consumers/team";

fn subjects(page: &Value) -> String {
    page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["subject"].as_str().unwrap())
        .collect()
}

async fn put(callbox: &Callbox, target: &str, status: u16) -> Value {
    let answer = callbox.ask_with("PUT", target, &[]).await;
    assert_eq!(answer.status, status, "{target}: {}", answer.text());
    answer.json()
}

async fn order(callbox: &Callbox, target: &str) -> Value {
    let answer = callbox.order(target).await;
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_consumer_reads_commits_and_goes_on_where_it_was_across_a_restart() {
    let callbox = Callbox::start(SHOP).await;
    callbox.push("shop", receipt("old", "sent")).await.callback();
    let made =
        put(&callbox, &format!("{TEAM}?type=message.*&type=contact.*&source=shop"), 201).await;
    assert_eq!(made["filter"], json!({ "type": ["message.*", "contact.*"], "source": ["shop"] }));
    assert_eq!(made["lag"], json!({ "events": 0 }));
    for id in ["a", "b", "c"] {
        callbox.push("shop", receipt(id, "sent")).await.callback();
        callbox.clock.advance(SECOND);
    }
    let page = callbox.json(&format!("{TEAM}/events?limit=2")).await;
    assert_eq!(subjects(&page), "ab");
    // Reading moves nobody: what was not committed comes again.
    assert_eq!(callbox.json(&format!("{TEAM}/events?limit=2")).await, page);
    let lag = &callbox.json(TEAM).await["lag"];
    assert_eq!(*lag, json!({ "events": 3, "oldest_at": "2026-08-12T09:15:57.000Z" }));
    let cursor = page["cursor"].as_str().unwrap().to_owned();
    let moved = order(&callbox, &format!("{TEAM}/commit?cursor={cursor}")).await;
    assert_eq!((&moved["lag"]["events"], &moved["cursor"]), (&json!(1), &json!(cursor)));

    let callbox = callbox.restart().await;
    let rest = callbox.json(&format!("{TEAM}/events")).await;
    assert_eq!((subjects(&rest), rest.get("next_cursor")), ("c".to_owned(), None));
    let last = rest["cursor"].as_str().unwrap().to_owned();
    order(&callbox, &format!("{TEAM}/commit?cursor={last}")).await;
    // The same again is no mistake; an earlier one that comes late is.
    order(&callbox, &format!("{TEAM}/commit?cursor={last}")).await;
    let late = callbox.order(&format!("{TEAM}/commit?cursor={cursor}")).await;
    assert!(late.problem(409, "conflict").contains("further on already"));
    let waited = format!("{TEAM}/events?wait=60s");
    let pushed = async { callbox.push("shop", inbound("d", "Rye?")).await.callback() };
    let (next, _) = tokio::join!(callbox.json(&waited), pushed);
    assert_eq!(subjects(&next), "d");
}

#[tokio::test]
async fn a_consumer_is_set_to_any_place_and_wants_something_else_once_it_is_told_so() {
    let callbox = Callbox::start(SHOP).await;
    for id in ["a", "b", "c"] {
        callbox.push("shop", receipt(id, "sent")).await.callback();
        callbox.clock.advance(MINUTE);
    }
    put(&callbox, &format!("{TEAM}?from=beginning"), 201).await;
    let read = async || subjects(&callbox.json(&format!("{TEAM}/events")).await);
    assert_eq!(read().await, "abc");
    for (to, expected) in [
        ("now", ""),
        ("2026-08-12T09:16:57Z", "bc"),
        ("2026-08-12T09:16:57.001Z", "c"),
        ("2030-01-01T00:00:00Z", ""),
        ("2020-01-01T00:00:00Z", "abc"),
        ("beginning", "abc"),
    ] {
        order(&callbox, &format!("{TEAM}/seek?to={to}")).await;
        assert_eq!(read().await, expected, "{to}");
    }
    let page = callbox.json("/v1/events?order=asc&limit=1").await;
    let cursor = page["cursor"].as_str().unwrap();
    order(&callbox, &format!("{TEAM}/seek?to={cursor}")).await;
    assert_eq!(read().await, "bc");
    put(&callbox, &format!("{TEAM}?message_id=c"), 200).await;
    assert_eq!(read().await, "c");
    put(&callbox, &format!("{TEAM}?q=rye&from=now"), 200).await;
    callbox.push("shop", inbound("d", "Rye?")).await.callback();
    callbox.push("shop", inbound("e", "Barley?")).await.callback();
    assert_eq!(read().await, "d");
    put(&callbox, "/v1/consumers/another", 201).await;
    let all = callbox.json("/v1/consumers").await;
    let names: Vec<&str> =
        all["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["another", "team"]);
    assert_eq!(callbox.ask_with("DELETE", TEAM, &[]).await.status, 200);
    callbox.ask_with("DELETE", TEAM, &[]).await.problem(404, "not_found");
}

#[tokio::test]
async fn what_a_consumer_can_not_be_or_do_is_refused() {
    let callbox = Callbox::start(SHOP).await;
    for target in [TEAM, "/v1/consumers/team/events", "/v1/consumers/NO%20NAME"] {
        callbox.ask(target).await.problem(404, "not_found");
    }
    callbox.order(&format!("{TEAM}/seek?to=now")).await.problem(404, "not_found");
    put(&callbox, TEAM, 201).await;
    for (method, target, expected) in [
        ("PUT", "/v1/consumers/NO%20NAME".to_owned(), "a name"),
        ("PUT", format!("{TEAM}?type=NO!"), "a pattern"),
        ("PUT", format!("{TEAM}?zebra=1"), "there is no parameter `zebra`"),
        ("PUT", format!("{TEAM}?from=yesterday"), "beginning, now"),
        ("POST", format!("{TEAM}/seek"), "`to` has to be there"),
        ("POST", format!("{TEAM}/seek?to=yesterday"), "beginning, now"),
        ("POST", format!("{TEAM}/commit"), "`cursor` has to be there"),
        ("POST", format!("{TEAM}/commit?cursor=nonsense"), "another store"),
        ("GET", format!("{TEAM}/events?limit=0"), "1 to 200"),
        ("GET", format!("{TEAM}/events?order=desc"), "there is no parameter `order`"),
    ] {
        let answer = callbox.ask_with(method, &target, &[]).await;
        let detail = answer.problem(400, "invalid_parameter");
        assert!(detail.contains(expected), "{method} {target}: {detail}");
    }
    let wrong = callbox.ask_with("POST", TEAM, &[]).await;
    wrong.problem(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), Some("GET, HEAD, PUT, DELETE"));
    for number in 1..100 {
        put(&callbox, &format!("/v1/consumers/team{number}"), 201).await;
    }
    let full = callbox.ask_with("PUT", "/v1/consumers/last", &[]).await;
    assert!(full.problem(409, "conflict").contains("100 consumers"));
    put(&callbox, &format!("{TEAM}?type=message.*"), 200).await;
}

#[tokio::test]
async fn a_key_that_reads_can_commit_but_neither_make_nor_set_a_consumer() {
    let digest = |key: &str| hex::encode(<sha2::Sha256 as sha2::Digest>::digest(key.as_bytes()));
    let keys = format!(
        "[api]\nlisten = \"127.0.0.1:0\"\n[api.keys.reads]\nsha256 = \"{}\"\nscopes = [\"read\"]\n[api.keys.does]\nsha256 = \"{}\"\n\
         scopes = [\"operate\", \"read\"]\n",
        digest("reads"),
        digest("does"),
    );
    let callbox = Callbox::start(&format!("{SHOP}{keys}")).await;
    let asked = async |key: &str, method: &str, target: &str| {
        let bearer = format!("Bearer {key}");
        callbox.ask_with(method, target, &[("authorization", &bearer)]).await
    };
    asked("reads", "PUT", TEAM).await.problem(403, "forbidden");
    assert_eq!(asked("does", "PUT", TEAM).await.status, 201);
    let page = asked("reads", "GET", &format!("{TEAM}/events")).await.json();
    let commit = format!("{TEAM}/commit?cursor={}", page["cursor"].as_str().unwrap());
    assert_eq!(asked("reads", "POST", &commit).await.status, 200);
    asked("reads", "POST", &format!("{TEAM}/seek?to=now")).await.problem(403, "forbidden");
    asked("reads", "DELETE", TEAM).await.problem(403, "forbidden");
    assert_eq!(asked("does", "DELETE", TEAM).await.status, 200);
}
