//! Erasing a person: nothing of them is found anywhere afterwards, and nothing of anybody else's has changed.

use std::collections::BTreeMap;
use std::path::Path;

use callbox::replay::{find, fixture};
use serde_json::{Value, json};

use crate::support::callbox::Callbox;
use crate::support::erasing::{EVERYBODY, around, erase, everything, export, has, order, text_of};
use crate::support::http;
use crate::support::receiver::Receiver;

/// Sends every fixture that says the same each time; those that their source does not take are kept all the same.
async fn send_every_fixture(callbox: &Callbox) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut sent = 0;
    for file in find::find(&folder).unwrap() {
        let fixture = fixture::load(&file).unwrap();
        if fixture.is_templated() {
            continue;
        }
        let request = &fixture.request;
        let framing = |name: &str| {
            name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case("content-length")
        };
        let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<_> = headers.filter(|(name, _)| !framing(name)).collect();
        let answer =
            http::send(callbox.vendors, &request.method, &request.target, &headers, &request.body);
        sent += usize::from(answer.await.is_ok_and(|answer| answer.status == 200));
    }
    sent
}

#[tokio::test]
async fn whoever_is_in_the_callbacks_of_every_vendor_is_nowhere_afterwards_and_nobody_else_lost_anything()
 {
    let mut crm = Receiver::start().await;
    let callbox = Callbox::start(&format!("{EVERYBODY}{}", crm.configured("crm", ""))).await;
    assert!(send_every_fixture(&callbox).await > 150);
    while callbox.json("/v1/destinations/crm").await["backlog"] != 0 {
        crm.requests();
    }
    for phone in ["12025550143", "12025550118", "447700900555"] {
        let before = everything(&callbox).await;
        assert!(has(text_of(&before).as_bytes(), phone), "{phone}");
        assert!(has(&callbox.bytes_on_disk(), phone));
        let wish = json!({ "phone": phone, "own_number": true });
        let counted =
            erase(&callbox, &json!({ "phone": phone, "own_number": true, "dry_run": true })).await;
        for (key, is) in everything(&callbox).await {
            assert_eq!(before.get(&key), Some(&is), "a dry run changes nothing: {key}");
        }
        let receipt = erase(&callbox, &wish).await;
        assert_eq!(receipt["erased"], counted["erased"], "what was counted is what went: {phone}");
        assert_eq!((&receipt["state"], receipt.get("note")), (&json!("done"), None), "{receipt}");

        let disk = callbox.bytes_on_disk();
        assert!(!has(&disk, phone), "{phone} is still here: {:#?}", around(&disk, phone));
        let after = everything(&callbox).await;
        assert!(!has(text_of(&after).as_bytes(), phone), "{phone}");
        assert_eq!(export(&callbox, &json!({ "phone": phone })).await.len(), 2);
        let mut gone = 0;
        for (key, was) in &before {
            if !key.starts_with("events") {
                continue;
            }
            match after.get(key) {
                Some(is) if is == was => {}
                Some(_) => {
                    assert!(has(was.to_string().as_bytes(), phone), "{key} was changed: {was}");
                }
                None => gone += 1,
            }
        }
        assert_eq!(receipt["erased"]["events"], gone);
        let kept = |all: &BTreeMap<String, Value>| {
            all.keys().filter(|key| key.starts_with("callbacks")).count()
        };
        assert_eq!(kept(&before), kept(&after), "callbacks are emptied, not removed");
    }
}

/// A batch in which two people wrote.
fn batch() -> String {
    let item = |id: &str, phone: &str, name: &str, text: &str| {
        json!({
            "key": { "id": id, "remoteJid": format!("{phone}@s.whatsapp.net"), "fromMe": false },
            "pushName": name,
            "messageTimestamp": 1_786_526_157,
            "message": { "conversation": text },
            "messageType": "conversation",
        })
    };
    let items = [
        item("3EB0A1", "12025550143", "Marit Solheim", "is the blue kettle back?"),
        item("3EB0A2", "12025550188", "Odd Nygaard", "rye bread, please"),
    ];
    json!({ "event": "messages.upsert", "instance": "kettle", "data": items }).to_string()
}

fn inbound(message: &str, phone: &str, name: &str, text: &str) -> String {
    json!({
        "version": 2,
        "namespace": "ChatApps",
        "eventType": "inbound_message_received",
        "payload": {
            "umid": message,
            "subAccountId": "harbour_bakery_hq",
            "timestamp": "2026-08-13T08:25:46.00Z",
            "user": { "msisdn": phone, "name": name },
            "recipient": { "channel": "sms", "channelId": "12025550100" },
            "type": "Text",
            "content": { "text": text },
        },
    })
    .to_string()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one callbox has it all")]
async fn a_person_goes_out_of_batches_quarantine_answers_indexes_and_lines_and_the_others_stay() {
    let crm = Receiver::judging(|request| {
        if String::from_utf8_lossy(&request.body).contains("12025550143") { 503 } else { 200 }
    });
    let crm = crm.await;
    let raw = Receiver::judging(|_| 503).await;
    let text = format!(
        "{EVERYBODY}{}{}",
        crm.configured("crm", "order = \"conversation\"\n"),
        raw.configured("raw", "format = \"raw\"\n")
    );
    let callbox = Callbox::start(&text).await;
    let batched = callbox.push("wessaal", batch()).await;
    let [hers, his] = [0, 1].map(|place| batched.events()[place].clone());
    let batched = batched.callback();
    callbox
        .push("wavecell", inbound("m1", "+1 (202) 555-0143", "Marit Solheim", "the teapot leaks"))
        .await;
    callbox
        .push("wavecell", inbound("m1", "+1 (202) 555-0143", "Marit Solheim", "the teapot leaks"))
        .await;
    callbox
        .push(
            "wavecell",
            inbound("m2", "+12025550188", "Odd Nygaard", "call Marit at +1 202-555-0143, or km-1"),
        )
        .await;
    let other = callbox
        .push("wavecell", inbound("m3", "+12025550131", "Marit Solheim", "another Marit"))
        .await;
    let quarantined =
        callbox.push("wavecell", r#"{"from": "\u002b12025550143", "#).await.callback();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    callbox.post("/in/wavecell?caller=%2B1%20202%20555%200143", &form, "x=1").await;
    let locked =
        callbox.push("locked", inbound("m9", "12025550143", "Marit Solheim", "locked out")).await;
    locked.problem(401, "unauthentic");
    callbox.ask_with("PUT", "/v1/consumers/watcher?phone=12025550143", &[]).await;
    let wish = json!({ "filter": { "phone": "+12025550143" }, "dry_run": true });
    assert_eq!(order(&callbox, "/v1/replays", &wish).await.status, 200);
    callbox.until("/v1/events?q=teapot", |page| page["data"].as_array().unwrap().len() == 1).await;
    callbox.until("/v1/destinations/raw", |raw| raw["success_rate"] == 0.0).await;
    let untouched =
        callbox.json(&format!("/v1/events/{}", other.events()[0])).await["event"].clone();
    let his_before = callbox.json(&format!("/v1/events/{his}")).await["event"].clone();

    let lines = export(&callbox, &json!({ "phone": "1-202-555-0143" })).await;
    assert_eq!(lines[0]["ids"], json!(["12025550143@s.whatsapp.net"]), "{lines:#?}");
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"]["id"].as_str()).collect();
    assert_eq!(events.len(), 2, "hers in the batch, and hers alone: {lines:#?}");
    assert!(events.contains(&hers.as_str()) && !json!(lines).to_string().contains("rye bread"));
    assert_eq!(lines.last().unwrap(), &json!({ "kind": "end", "events": 2, "callbacks": 7 }));

    let receipt = erase(&callbox, &json!({ "phone": "001 202 555 0143" })).await;
    let erased = &receipt["erased"];
    assert_eq!(
        (&receipt["by"], &receipt["about"], &receipt["state"]),
        (&json!("local"), &json!("phone"), &json!("done"))
    );
    let number = |name: &str| erased[name].as_u64().unwrap();
    assert_eq!(
        (number("events"), number("messages"), number("events_redacted")),
        (2, 2, 1),
        "{receipt}"
    );
    assert_eq!((number("callbacks"), number("others")), (7, 2), "{receipt}");
    assert!(number("deliveries") == 4 && number("deliveries_cancelled") == 4, "{receipt}");

    let disk = callbox.bytes_on_disk();
    let all = text_of(&everything(&callbox).await);
    let answers = format!("{all}{}", callbox.json("/v1/erasures").await);
    for needle in [
        "2025550143",
        "202-555-0143",
        "555-0143",
        "202 555 0143",
        "blue kettle",
        "teapot",
        "locked out",
    ] {
        assert!(
            !disk.windows(needle.len()).any(|window| window == needle.as_bytes()),
            "{needle} is on the disk"
        );
        assert!(!answers.contains(needle), "{needle} is in {answers}");
    }
    // The other one of that name, and who wrote in the same batch, are as they were.
    assert_eq!(
        callbox.json(&format!("/v1/events/{}", other.events()[0])).await["event"],
        untouched
    );
    assert_eq!(callbox.json(&format!("/v1/events/{his}")).await["event"], his_before);
    callbox.ask(&format!("/v1/events/{hers}")).await.problem(404, "not_found");
    let mention = callbox.events("q=call").await;
    assert_eq!(
        mention[0]["data"]["message"]["content"]["text"],
        "call Marit at +[erased], or km-1"
    );
    assert!(
        callbox.events("q=teapot").await.is_empty()
            && callbox.events("phone=12025550143").await.is_empty()
    );
    let conversation = callbox.ask("/v1/conversations/wavecell/%2B12025550143").await;
    conversation.problem(404, "not_found");
    // What was emptied says so, is whole, and is not read again.
    let head = callbox.json(&format!("/v1/callbacks/{batched}")).await;
    assert_eq!(
        (&head["body_size"], &head["headers"], &head["events"]),
        (&json!(0), &json!([]), &json!([his]))
    );
    assert!(head["erased_at"].is_string(), "{head}");
    callbox.ask(&format!("/v1/callbacks/{batched}/body")).await.problem(410, "erased");
    for callback in [&batched, &quarantined] {
        callbox.order(&format!("/v1/callbacks/{callback}/reprocess")).await.problem(410, "erased");
    }
    assert_eq!(callbox.json(&format!("/v1/callbacks/{quarantined}")).await["reason"], "erased");
    // What waits for the vendor's bytes of that batch is told that there are none.
    callbox.clock.advance(crate::support::MINUTE);
    callbox
        .until(&format!("/v1/events/{his}"), |event| {
            event["deliveries"].to_string().contains("the callback is not kept any more")
        })
        .await;

    // She may write again: nothing of before comes back, and no number is used twice.
    let last = callbox.events("").await.last().unwrap()["data"]["sequence"].as_i64().unwrap();
    let callbox = callbox.restart().await;
    let again = callbox
        .push("wavecell", inbound("m1", "+12025550143", "Marit Solheim", "the teapot leaks"))
        .await;
    assert_eq!(again.status, 200);
    let events = callbox.events("").await;
    assert!(events.last().unwrap()["data"]["sequence"].as_i64().unwrap() > last);
    let mut ids: Vec<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), events.len());
    assert!(again.json().get("duplicate").is_none(), "what was erased is not known any more");
}
