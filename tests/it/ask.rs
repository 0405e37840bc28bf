//! Asking: pages that skip and repeat nothing, filters, what is refused and how, and the story of one message.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::bodies::{inbound, receipt, receipt_over, update};
use crate::support::callbox::Callbox;
use crate::support::http;
use crate::support::receiver::Receiver;
use crate::support::{MINUTE, SECOND};

const TWO: &str = r#"
[sources.wavecell]
vendor = "wavecell"
auth = [{ type = "none" }]
[sources.wessaal]
vendor = "wessaal"
auth = [{ type = "none" }]
"#;

/// The subjects of these events; `?` for one without.
fn subjects(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["subject"].as_str().unwrap_or("?").to_owned()).collect()
}

#[tokio::test]
async fn pages_skip_and_repeat_nothing_while_events_arrive() {
    let callbox = Callbox::start(TWO).await;
    for (order, old, total) in [("asc", 0, 30), ("desc", 30, 60)] {
        for number in old..old + 20 {
            callbox.push("wavecell", receipt(&number.to_string(), "sent")).await.callback();
        }
        let (mut seen, mut cursor, mut arrived) = (Vec::new(), String::new(), old + 20);
        loop {
            let page = callbox.json(&format!("/v1/events?order={order}&limit=7{cursor}")).await;
            let data = page["data"].as_array().unwrap();
            assert!(data.len() <= 7);
            seen.extend(data.clone());
            // More come while somebody is reading.
            while arrived < total.min(seen.len() + old + 20) {
                callbox.push("wavecell", receipt(&arrived.to_string(), "sent")).await.callback();
                arrived += 1;
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            assert_eq!(page["cursor"], next);
            cursor = format!("&cursor={next}");
        }
        let expected: Vec<String> = match order {
            "asc" => (0..30).map(|number| number.to_string()).collect(),
            _ => (0..50).rev().map(|number| number.to_string()).collect(),
        };
        assert_eq!(subjects(&seen), expected);
    }
}

#[tokio::test]
async fn a_cursor_is_there_to_poll_with_even_when_nothing_is() {
    let callbox = Callbox::start(TWO).await;
    let mut cursor = callbox.json("/v1/events?order=asc").await["cursor"].clone();
    for number in 0..3 {
        let target = format!("/v1/events?order=asc&cursor={}", cursor.as_str().unwrap());
        assert_eq!(callbox.json(&target).await["data"], json!([]));
        callbox.push("wavecell", receipt(&number.to_string(), "sent")).await.callback();
        let page = callbox.json(&target).await;
        assert_eq!(subjects(page["data"].as_array().unwrap()), [number.to_string()]);
        assert_eq!(page.get("next_cursor"), None);
        cursor = page["cursor"].clone();
    }
}

#[tokio::test]
async fn each_filter_finds_its_events_and_filters_narrow_one_another() {
    let callbox = Callbox::start(TWO).await;
    let pushes = [
        ("wavecell", receipt("a", "delivered")),
        ("wavecell", receipt_over("sms", "b", "sent")),
        ("wavecell", inbound("c", "Do you have rye today?")),
        ("wessaal", update("kettle", "d", "READ")),
        ("wavecell", r#"{"namespace":"ChatApps","eventType":"moon_phase_changed"}"#.to_owned()),
    ];
    for (source, body) in pushes {
        callbox.push(source, body).await.callback();
        callbox.clock.advance(MINUTE);
    }
    let table = [
        ("", "abcd?"),
        ("type=*", "abcd?"),
        ("type=message.*", "abcd"),
        ("type=message.sent&type=unknown", "b?"),
        ("source=wessaal", "d"),
        ("source=wessaal&source=wavecell", "abcd?"),
        ("source=nobody", ""),
        ("vendor=wessaal", "d"),
        ("channel=sms", "bc"),
        ("channel=whatsapp", "ad"),
        ("direction=inbound", "c"),
        ("direction=outbound", "abd"),
        ("message_id=a", "a"),
        ("client_ref=ref-b", "b"),
        ("conversation=%2B12025550188", "ab"),
        ("phone=%2B1+202-555-0143", "c"),
        ("phone=12025550188", "ab"),
        ("phone=2025550188", ""),
        ("state=read", "d"),
        ("state=sent", "b"),
        ("since=2026-08-12T09:16:57Z", "bcd?"),
        ("until=2026-08-12T09:16:57Z", "a"),
        ("since=2026-08-12T11:16:57%2B02:00&until=2026-08-12T09:18:57Z", "bc"),
        ("occurred_since=2026-08-13T00:00:00Z", "c"),
        ("occurred_until=2026-08-12T09:15:58Z", "ab"),
        ("type=message.*&channel=sms&direction=outbound", "b"),
        ("source=wavecell&phone=12025550188&state=delivered", "a"),
        ("message_id=a&state=read", ""),
    ];
    for (query, expected) in table {
        assert_eq!(subjects(&callbox.events(query).await).concat(), expected, "{query}");
    }
}

#[tokio::test]
async fn what_can_not_be_read_is_named_with_what_is_allowed() {
    let callbox = Callbox::start(TWO).await;
    for _ in 0..2 {
        callbox.push("wavecell", receipt("a", "sent")).await.callback();
    }
    let elsewhere = Callbox::start_seeded(TWO, 7).await;
    let of_events = callbox.json("/v1/events").await["cursor"].clone();
    let of_callbacks = callbox.json("/v1/callbacks?limit=1").await["next_cursor"].clone();
    let cursor =
        |list: &str, cursor: &Value| format!("/v1/{list}?cursor={}", cursor.as_str().unwrap());
    assert_eq!(callbox.ask(&cursor("callbacks", &of_callbacks)).await.status, 200);
    let foreign = "parameter `cursor`";
    let table = [
        (cursor("callbacks", &of_events), foreign),
        (cursor("events", &of_callbacks), foreign),
        ("/v1/events?cursor=nonsense".to_owned(), foreign),
        ("/v1/events?limit=0".to_owned(), "1 to 200"),
        ("/v1/events?limit=201".to_owned(), "1 to 200"),
        ("/v1/events?limit=many".to_owned(), "1 to 200"),
        ("/v1/events?order=up".to_owned(), "desc, asc"),
        ("/v1/events?limit=1&limit=2".to_owned(), "more than once"),
        ("/v1/events?state=gone".to_owned(), "queued, sent, failed"),
        ("/v1/events?channel=pigeon".to_owned(), "whatsapp"),
        ("/v1/events?since=yesterday".to_owned(), "RFC 3339"),
        ("/v1/events?phone=none".to_owned(), "digits"),
        ("/v1/events?direction=".to_owned(), "it is empty"),
        ("/v1/events?chanel=sms".to_owned(), "the nearest is `channel`"),
        ("/v1/callbacks?outcome=lost".to_owned(), "events, duplicate, quarantined, unauthentic"),
        ("/v1/deliveries?state=lost".to_owned(), "pending"),
        ("/v1/messages/wavecell/a?instanz=x".to_owned(), "the nearest is `instance`"),
    ];
    for (target, expected) in table {
        let detail = callbox.ask(&target).await.problem(400, "invalid_parameter");
        assert!(detail.contains(expected), "{target}: {detail}");
    }
    let detail =
        elsewhere.ask(&cursor("events", &of_events)).await.problem(400, "invalid_parameter");
    assert!(detail.contains("another store"), "{detail}");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_of_its_own() {
    let callbox = Callbox::start(TWO).await;
    let missing = "01M0000000000000000000000A";
    for target in [
        "/v1/nothing".to_owned(),
        "/v1/events/evt_1".to_owned(),
        format!("/v1/events/evt_{missing}"),
        format!("/v1/events/cbk_{missing}"),
        format!("/v1/callbacks/cbk_{missing}"),
        format!("/v1/callbacks/cbk_{missing}/body"),
        format!("/v1/deliveries/dlv_{missing}"),
        "/v1/sources/nobody".to_owned(),
        "/v1/destinations/nobody".to_owned(),
        "/v1/messages/wavecell/nothing".to_owned(),
        "/v1/messages/NOT%20A%20NAME/nothing".to_owned(),
        "/v1/messages/wavecell/".to_owned(),
    ] {
        callbox.ask(&target).await.problem(404, "not_found");
    }
    callbox.ask("/v1/messages/wavecell/%ff").await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_wrong_method_hears_the_right_ones() {
    let callbox = Callbox::start(TWO).await;
    for (to, method, target, allow) in [
        (callbox.api, "POST", "/v1/events", "GET, HEAD"),
        (callbox.api, "DELETE", "/v1/callbacks", "GET, HEAD"),
        (callbox.api, "GET", "/v1/destinations/crm/pause", "POST"),
        (callbox.vendors, "POST", "/readyz", "GET, HEAD"),
    ] {
        let answer = http::send(to, method, target, &[], b"").await.unwrap();
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {target}");
    }
}

#[tokio::test]
async fn what_is_asked_with_head_is_answered_without_a_body() {
    let callbox = Callbox::start(TWO).await;
    for (to, target) in [
        (callbox.vendors, "/healthz"),
        (callbox.vendors, "/readyz"),
        (callbox.api, "/readyz"),
        (callbox.api, "/v1/events"),
    ] {
        let mut stream = TcpStream::connect(to).await.unwrap();
        let head = format!("HEAD {target} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{target}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{target}: {answer}");
    }
}

#[tokio::test]
async fn a_message_is_found_by_its_id_whatever_stands_in_it() {
    let callbox = Callbox::start(TWO).await;
    for id in
        ["a/b", "a+b", "a@b", "100%", "a%2Fb", "a b", "é", "/v1/events", "..", "a?b#c", "a//b/"]
    {
        callbox.push("wavecell", receipt(id, "sent")).await.callback();
        let encoded = utf8_percent_encode(id, NON_ALPHANUMERIC);
        let message = callbox.json(&format!("/v1/messages/wavecell/{encoded}")).await;
        assert_eq!((&message["id"], &message["state"]), (&json!(id), &json!("sent")));
    }
    // What need not be encoded in a path is taken as it stands, too.
    for id in ["a/b", "a+b", "a@b"] {
        assert_eq!(callbox.json(&format!("/v1/messages/wavecell/{id}")).await["id"], id);
    }
}

#[tokio::test]
async fn of_messages_that_share_an_id_the_latest_is_told_and_the_others_are_named() {
    let callbox = Callbox::start(TWO).await;
    for (instance, status) in [("kettle", "READ"), ("oven", "SERVER_ACK"), ("kettle", "READ")] {
        callbox.push("wessaal", update(instance, "3A0F", status)).await.callback();
        callbox.clock.advance(SECOND);
    }
    let message = callbox.json("/v1/messages/wessaal/3A0F").await;
    assert_eq!(message["instance"], "oven", "a repetition is no update: {message:#}");
    assert_eq!(message["also"], json!(["kettle"]));
    let other = callbox.json("/v1/messages/wessaal/3A0F?instance=kettle").await;
    assert_eq!((&other["state"], &other["also"]), (&json!("read"), &json!(["oven"])));
    callbox.ask("/v1/messages/wessaal/3A0F?instance=toaster").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_message_tells_its_story_in_order() {
    let crm = Receiver::start().await;
    crm.then(500);
    let callbox =
        Callbox::start(&format!("{TWO}{}", crm.configured("crm", "retry = [\"30s\"]"))).await;
    let first = callbox.push("wavecell", receipt("a", "sent")).await;
    let event = first.events().remove(0);
    let tried = |times: usize| {
        move |page: &Value| {
            let deliveries = page["data"].as_array().unwrap();
            deliveries.iter().all(|delivery| {
                delivery["attempts"].as_array().unwrap().len() == times
                    && delivery["state"] != "in_flight"
            })
        }
    };
    let deliveries = format!("/v1/deliveries?event_id={event}");
    callbox.until(&deliveries, tried(1)).await;
    callbox.clock.advance(10 * SECOND);
    let second = callbox.push("wavecell", receipt("a", "sent")).await;
    callbox.clock.advance(MINUTE);
    let delivery = callbox.until(&deliveries, tried(2)).await["data"][0].clone();
    assert_eq!(delivery["state"], "succeeded");

    let message = callbox.json("/v1/messages/wavecell/a").await;
    let timeline = message["timeline"].as_array().unwrap();
    let told: Vec<_> = timeline
        .iter()
        .map(|one| (one["at"].as_str().unwrap(), one["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("2026-08-12T09:15:57.000Z", "event"),
            ("2026-08-12T09:15:57.000Z", "delivery"),
            ("2026-08-12T09:15:57.000Z", "attempt"),
            ("2026-08-12T09:16:07.000Z", "duplicate"),
            ("2026-08-12T09:17:07.000Z", "attempt"),
        ]
    );
    assert_eq!(timeline[0]["event"]["id"], *event);
    assert_eq!(timeline[1]["delivery"]["id"], delivery["id"]);
    assert_eq!(timeline[2]["attempt"], delivery["attempts"][0]);
    assert_eq!(timeline[3]["callback_id"], second.callback());
    assert_eq!(timeline[4]["delivery_id"], delivery["id"]);
    let one = callbox.json(&format!("/v1/events/{event}")).await;
    assert_eq!((&one["event"]["id"], &one["deliveries"][0]), (&json!(event), &delivery));
}
