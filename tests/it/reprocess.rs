//! Reading stored callbacks again after something was put right, and what is remembered of what vendors send that nobody knows.

use std::process::Command;

use callbox::domain::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::receiver::Receiver;

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
type Headers<'a> = &'a [(&'a str, &'a str)];

const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// An inbound message as WAChat pushes it; its time has no zone.
const INBOX: &str = "id=190441702&gateway_number=12025550100&originator=12025550143&receive_date=2026-08-12+09:15:30&msg=Is+the+kettle+back%3F";

fn source(vendor: &str, more: &str) -> String {
    format!("[sources.shop]\nvendor = \"{vendor}\"\n{more}\n")
}

fn open(vendor: &str) -> String {
    source(vendor, "auth = [{ type = \"none\" }]")
}

fn with_crm(sections: &str, crm: &Receiver) -> String {
    let url = &crm.url;
    format!(
        "{sections}[destinations.crm]\nurl = \"{url}\"\nevents = [\"*\"]\nsecrets = [\"whsec_Y2FsbGJveC1leGFtcGxlLXNlY3JldC0zMi1ieXRlcyE=\"]\nallow_subnets = [\"127.0.0.0/8\"]\n"
    )
}

/// The newest callback's id.
async fn newest(callbox: &Callbox) -> String {
    let page = callbox.json("/v1/callbacks?limit=1").await;
    page["data"][0]["id"].as_str().unwrap().to_owned()
}

async fn reprocess(callbox: &Callbox, callback: &str, dry_run: bool) -> Value {
    let target = format!("/v1/callbacks/{callback}/reprocess?dry_run={dry_run}");
    callbox.order(&target).await.json()
}

async fn deliveries(callbox: &Callbox, event: &Value) -> usize {
    let answer = callbox.json(&format!("/v1/events/{}", event.as_str().unwrap())).await;
    answer["deliveries"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_quarantined_callback_that_reads_now_is_released_and_delivered() {
    let mut crm = Receiver::start().await;
    let callbox = Callbox::start(&with_crm(&open("wavecell"), &crm)).await;
    callbox.post("/in/shop", &[FORM], INBOX).await;
    let callback = newest(&callbox).await;
    let callbox = callbox.restart_with(&with_crm(&open("wachat"), &crm)).await;
    callbox.clock.advance(DAY);

    let dry = reprocess(&callbox, &callback, true).await;
    assert_eq!(dry["new"][0]["type"], "message.received");
    let before = callbox.json(&format!("/v1/callbacks/{callback}")).await;
    assert_eq!(before["outcome"], "quarantined");
    assert_eq!(callbox.json("/v1/events").await["data"], json!([]));

    let answer = reprocess(&callbox, &callback, false).await;
    assert_eq!(answer["was"], "quarantined");
    assert_eq!(answer["outcome"], "events");
    assert_eq!((&answer["changed"], &answer["dry_run"]), (&json!(true), &json!(false)));
    let sent: Value = serde_json::from_slice(&crm.next().await.body).unwrap();
    assert_eq!(sent["id"], answer["events"][0]);
    assert_eq!(sent["data"]["received_at"], before["received_at"]);

    let after = callbox.json(&format!("/v1/callbacks/{callback}")).await;
    assert_eq!((&after["outcome"], &after["reason"]), (&json!("events"), &Value::Null));
    assert_eq!(after["events"], answer["events"]);
    let counts = callbox.json("/v1/sources/shop").await;
    assert_eq!((&counts["received"], &counts["quarantined"]), (&json!(1), &json!(0)));
    // It entered the stream a day after it arrived: who polls by time must not miss it.
    let late = callbox.json("/v1/events?since=2026-08-13T00:00:00Z").await;
    assert_eq!(late["data"][0]["id"], answer["events"][0]);
    assert_eq!(reprocess(&callbox, &callback, false).await["changed"], false);
    assert_eq!(crm.requests().len(), 0);
}

#[tokio::test]
async fn an_unauthentic_callback_is_released_once_the_secret_is_put_right() {
    let signed_at = "1786526157"; // when tests begin: judged by arrival, though a day has passed
    let signature = sign("right", &[signed_at, "/inbox/in/shop", &receipt("m1", "delivered")]);
    let hmac = r#"auth = [{ type = "hmac", header = "x-signature", algorithm = "sha256", encoding = "hex", parts = ["timestamp", "path", "body"], timestamp_header = "x-time", secrets = ["SECRET"] }]"#;
    let table: [(&str, &str, Headers<'_>); 4] = [
        (r#"auth = [{ type = "token", secrets = ["SECRET"] }]"#, "/in/shop/right", &[]),
        (
            r#"auth = [{ type = "bearer", secrets = ["SECRET"] }]"#,
            "/in/shop",
            &[("authorization", "Bearer right")],
        ),
        (
            r#"auth = [{ type = "basic", secrets = ["vendor:SECRET"] }]"#,
            "/in/shop",
            &[("authorization", "Basic dmVuZG9yOnJpZ2h0")],
        ),
        (hmac, "/in/shop", &[("x-signature", &signature), ("x-time", signed_at)]),
    ];
    for (auth, target, headers) in table {
        let callbox =
            Callbox::start(&source("wavecell", &auth.replace("SECRET", "mistyped"))).await;
        let headers = [headers, &[JSON]].concat();
        let refused = callbox.post(target, &headers, &receipt("m1", "delivered")).await;
        assert_eq!(refused.status, 401, "{auth}");
        let callback = newest(&callbox).await;
        let still = reprocess(&callbox, &callback, false).await;
        assert_eq!((&still["outcome"], &still["reason"]), (&json!("unauthentic"), &json!("wrong")));
        assert_eq!(still["changed"], false);

        callbox.clock.advance(DAY);
        let callbox =
            callbox.restart_with(&source("wavecell", &auth.replace("SECRET", "right"))).await;
        let answer = reprocess(&callbox, &callback, false).await;
        assert_eq!(
            (&answer["was"], &answer["outcome"]),
            (&json!("unauthentic"), &json!("events")),
            "{auth}"
        );
        assert_eq!(callbox.json("/v1/messages/shop/m1").await["state"], "delivered");
        let counts = callbox.json("/v1/sources/shop").await;
        assert_eq!((&counts["received"], &counts["unauthentic"]), (&json!(1), &json!({})));
        // What was sent the right way meanwhile is known.
        let again = reprocess(&callbox, &callback, false).await;
        assert_eq!((&again["changed"], &again["events"]), (&json!(false), &answer["events"]));
    }
}

fn sign(secret: &str, parts: &[&str]) -> String {
    let secret = Secret::new(secret.to_owned());
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).unwrap();
    for part in parts {
        mac.update(part.as_bytes());
    }
    hex::encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn the_quota_has_room_again_once_a_callback_is_released() {
    let keep = |secret: &str| {
        source(
            "wavecell",
            &format!(
                "auth = [{{ type = \"bearer\", secrets = [\"{secret}\"] }}]\nunauthentic_keep = {{ callbacks = 2, bytes = 1000000 }}"
            ),
        )
    };
    let callbox = Callbox::start(&keep("mistyped")).await;
    let headers = [JSON, ("authorization", "Bearer right")];
    callbox.post("/in/shop", &headers, &receipt("m1", "sent")).await;
    let first = newest(&callbox).await;
    callbox.post("/in/shop", &headers, &receipt("m2", "sent")).await;
    let callbox = callbox.restart_with(&keep("right")).await;
    assert_eq!(reprocess(&callbox, &first, false).await["outcome"], "events");
    callbox.post("/in/shop", &[JSON], &receipt("m3", "sent")).await;
    let kept = callbox.json("/v1/callbacks?outcome=unauthentic&source=shop").await;
    assert_eq!(kept["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_reads_differently_replaces_the_old_in_the_fold_and_is_not_delivered() {
    let mut crm = Receiver::start().await;
    let zone = |zone: &str| {
        let more = format!("auth = [{{ type = \"none\" }}]\ntimezone = \"{zone}\"");
        with_crm(&source("wachat", &more), &crm)
    };
    let (wrong, right) = (zone("Asia/Jakarta"), zone("UTC"));
    let callbox = Callbox::start(&wrong).await;
    callbox.post("/in/shop", &[FORM], INBOX).await;
    crm.next().await;
    let callback = newest(&callbox).await;
    let old = callbox.json("/v1/events").await["data"][0].clone();
    let message = format!("/v1/messages/shop/{}", old["subject"].as_str().unwrap());
    assert_eq!(callbox.json(&message).await["times"]["received"], "2026-08-12T02:15:30.000Z");
    let callbox = callbox.restart_with(&right).await;

    let dry = reprocess(&callbox, &callback, true).await;
    let differences = &dry["revised"][0]["differences"];
    let time = json!({"path": "time", "before": "2026-08-12T02:15:30.000Z", "after": "2026-08-12T09:15:30.000Z"});
    assert_eq!(*differences, json!([time]));
    assert_eq!(callbox.json(&message).await["times"]["received"], "2026-08-12T02:15:30.000Z");

    let answer = reprocess(&callbox, &callback, false).await;
    let revised = &answer["revised"][0];
    assert_eq!(revised["replaces"], old["id"]);
    assert_eq!((&answer["new"], &answer["events"]), (&json!([]), &json!([revised["id"]])));
    let told = callbox.json(&message).await;
    assert_eq!(told["times"], json!({"received": "2026-08-12T09:15:30.000Z"}));
    let events = told["timeline"].as_array().unwrap().iter().filter(|one| one["kind"] == "event");
    let marks: Vec<_> = events
        .map(|one| {
            (
                &one["event"]["id"],
                &one["event"]["data"]["replaced_by"],
                &one["event"]["data"]["revised"],
            )
        })
        .collect();
    assert_eq!(
        marks,
        [(&old["id"], &revised["id"], &Value::Null), (&revised["id"], &Value::Null, &json!(true))]
    );
    assert_eq!(deliveries(&callbox, &revised["id"]).await, 0);
    assert_eq!(reprocess(&callbox, &callback, false).await["changed"], false);

    // What was put right can be taken back: the old event stands again.
    let callbox = callbox.restart_with(&wrong).await;
    let back = reprocess(&callbox, &callback, false).await;
    assert_eq!(back["revised"][0]["id"], old["id"]);
    assert_eq!(callbox.json(&message).await["times"]["received"], "2026-08-12T02:15:30.000Z");
    assert_eq!(callbox.json("/v1/events").await["data"].as_array().unwrap().len(), 2);
    assert_eq!(crm.requests().len(), 0);
}

#[tokio::test]
async fn what_was_unknown_is_replaced_by_what_is_read_now_whatever_its_type() {
    let callbox = Callbox::start(&open("whautochat")).await;
    callbox.post("/in/shop", &[JSON], &receipt("m1", "delivered")).await;
    let callback = newest(&callbox).await;
    let unknown = callbox.json("/v1/events").await["data"][0].clone();
    assert_eq!(unknown["type"], "unknown");
    let callbox = callbox.restart_with(&open("wavecell")).await;
    let answer = reprocess(&callbox, &callback, false).await;
    assert_eq!(answer["revised"][0]["replaces"], unknown["id"]);
    let told = callbox.json("/v1/messages/shop/m1").await;
    assert_eq!(told["state"], "delivered");
    assert_eq!(told["timeline"][0]["event"]["data"]["message"]["folded"]["changed"], true);

    let callbox = callbox.restart_with(&open("whautochat")).await;
    reprocess(&callbox, &callback, false).await;
    assert_eq!(callbox.json("/v1/messages/shop/m1").await["state"], Value::Null);
}

#[tokio::test]
async fn a_callback_of_no_source_or_of_none_at_all_is_refused() {
    let callbox = Callbox::start(&open("wavecell")).await;
    callbox.post("/in/shop", &[JSON], "no json").await;
    let callback = newest(&callbox).await;
    let nobody = "/v1/callbacks/cbk_00000000000000000000000000/reprocess";
    callbox.order(nobody).await.problem(404, "not_found");
    let callbox = callbox
        .restart_with("[sources.other]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\n")
        .await;
    let refused = callbox.order(&format!("/v1/callbacks/{callback}/reprocess")).await;
    assert!(refused.problem(409, "conflict").contains("[sources.shop]"));
}

#[tokio::test]
async fn drift_is_listed_once_without_values_and_survives_a_restart() {
    let callbox = Callbox::start(&open("wavecell")).await;
    let with_more = |message: &str, more: &Value| {
        let mut body: Value = serde_json::from_str(&receipt(message, "sent")).unwrap();
        body["payload"]["brandNew"] = more.clone();
        body.to_string()
    };
    for message in ["m1", "m2", "m3"] {
        callbox
            .post("/in/shop", &[JSON], with_more(message, &json!({"inner": "12025550143"})))
            .await;
    }
    let first = callbox.json("/v1/callbacks?order=asc&limit=1").await["data"][0]["id"].clone();
    callbox.post("/in/shop", &[JSON], &receipt("m1", "split")).await;
    callbox
        .post(
            "/in/shop",
            &[JSON],
            r#"{"namespace":"ChatApps","eventType":"kettle_boiled","payload":{"a":1}}"#,
        )
        .await;
    let drift = callbox.json("/v1/sources/shop").await["drift"].clone();
    let named: Vec<_> = drift
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["kind"], &one["name"], &one["count"]))
        .collect();
    let expected = [
        ("field", "payload.brandNew.inner", 3),
        ("status", "split", 1),
        ("type", "kettle_boiled", 1),
    ];
    let expected = expected.map(|(kind, name, count)| (json!(kind), json!(name), json!(count)));
    for (kind, name, count) in &expected {
        assert!(named.contains(&(kind, name, count)), "{named:?}");
    }
    assert_eq!(named.len(), 3, "{named:?}");
    let brand_new = drift.as_array().unwrap().iter().find(|one| one["kind"] == "field").unwrap();
    assert_eq!(brand_new["example_callback"], first);
    assert!(brand_new["first_seen_at"].is_string() && brand_new["dialect"].is_string());
    assert!(!drift.to_string().contains("12025550143"));

    let callbox = callbox.restart_with(&open("wavecell")).await;
    let after = callbox.json("/v1/sources/shop").await["drift"].clone();
    let field = after.as_array().unwrap().iter().find(|one| one["kind"] == "field").unwrap();
    // Counts are written down at powers of two.
    assert_eq!(
        (&field["count"], &field["first_seen_at"]),
        (&json!(2), &brand_new["first_seen_at"])
    );
    assert_eq!(after.as_array().unwrap().len(), 3);

    // Once forgotten it is gone, for a restart too; what is still sent is found anew.
    let cleared = callbox.order("/v1/sources/shop/drift/clear").await;
    assert_eq!((cleared.status, &cleared.json()["drift"]), (200, &json!([])));
    callbox.order("/v1/sources/nobody/drift/clear").await.problem(404, "not_found");
    let callbox = callbox.restart_with(&open("wavecell")).await;
    assert_eq!(callbox.json("/v1/sources/shop").await["drift"], json!([]));
    callbox.post("/in/shop", &[JSON], &receipt("m9", "split")).await;
    let anew = callbox.json("/v1/sources/shop").await["drift"].clone();
    assert_eq!((&anew[0]["name"], &anew[0]["count"]), (&json!("split"), &json!(1)), "{anew}");
    let callbox = callbox.restart_with(&open("wavecell")).await;
    assert_eq!(callbox.json("/v1/sources/shop").await["drift"], anew);
}

/// Runs `callbox callbacks reprocess`: how it ended, and what it said on stdout and stderr.
fn command(callbox: &Callbox, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_callbox"))
        .args(["callbacks", "reprocess", "--api", &format!("http://{}", callbox.api)])
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn the_command_reads_again_oldest_first_and_gives_an_account() {
    let callbox = Callbox::start(&open("wavecell")).await;
    // More than one page of the list.
    for number in 0..205 {
        let body = INBOX.replace("190441702", &number.to_string());
        callbox.post("/in/shop", &[FORM], body).await;
    }
    callbox.post("/in/shop", &[JSON], receipt("m1", "sent")).await;
    let callbox = callbox.restart_with(&open("wachat")).await;
    let all = ["--source", "shop", "--outcome", "quarantined"];
    let (code, out, _) = command(&callbox, &[&all[..], &["--dry-run"]].concat());
    assert_eq!(code, Some(0));
    assert!(out.ends_with("205 read again: 205 released, 0 revised, 0 as they were, 0 still set aside; a dry run, nothing was changed\n"), "{out}");
    assert_eq!(callbox.json("/v1/events?limit=200").await["data"].as_array().unwrap().len(), 1);

    let (code, out, _) = command(&callbox, &[&all[..], &["--json"]].concat());
    assert_eq!(code, Some(0));
    let account: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!((&account["read"], &account["released"]), (&json!(205), &json!(205)));
    let oldest = callbox.json("/v1/events?order=asc&limit=3").await;
    let subjects: Vec<_> = (1..3).map(|place| &oldest["data"][place]["subject"]).collect();
    assert_eq!(subjects, ["0", "1"]);
    let (_, out, _) = command(&callbox, &all);
    assert!(out.starts_with("0 read again"), "{out}");
}

#[tokio::test]
async fn the_command_says_what_it_can_not_do() {
    let callbox = Callbox::start(&open("wavecell")).await;
    let nobody = "cbk_00000000000000000000000000";
    let (code, out, err) = command(&callbox, &[nobody]);
    assert_eq!(code, Some(1));
    assert!(out.contains("1 failed") && err.contains(nobody), "{out}{err}");
    for wrong in [
        &[][..],
        &["nonsense"],
        &["--outcome", "lost"],
        &["--since", "today"],
        &[nobody, "--source", "shop"],
    ] {
        assert_eq!(command(&callbox, wrong).0, Some(2), "{wrong:?}");
    }
    let address = callbox.api;
    drop(callbox);
    let output = Command::new(env!("CARGO_BIN_EXE_callbox"))
        .args(["callbacks", "reprocess", nobody, "--api", &format!("http://{address}")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}
