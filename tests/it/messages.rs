//! Messages in lists, by what became of them; and conversations, both directions in order.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::support::MINUTE;
use crate::support::bodies::{inbound, receipt, receipt_over, update};
use crate::support::callbox::Callbox;

const TWO: &str = r#"
[sources.wavecell]
vendor = "wavecell"
auth = [{ type = "none" }]
[sources.wessaal]
vendor = "wessaal"
auth = [{ type = "none" }]
"#;

/// The ids of a page's messages, in a row.
fn ids(page: &Value) -> String {
    page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_filter_finds_its_messages_and_filters_narrow_one_another() {
    let callbox = Callbox::start(TWO).await;
    let pushes = [
        ("wavecell", receipt("a", "sent")),
        ("wavecell", receipt_over("sms", "b", "undelivered")),
        ("wavecell", inbound("c", "Do you have rye today?")),
        ("wessaal", update("kettle", "d", "READ")),
        ("wavecell", receipt("e", "queued")),
        ("wavecell", receipt_over("sms", "b", "delivered")),
    ];
    for (source, body) in pushes {
        callbox.push(source, body).await.callback();
        callbox.clock.advance(MINUTE);
    }
    let table = [
        ("", "edcba"),
        ("order=asc", "abcde"),
        ("state=sent", "a"),
        ("state=queued", "e"),
        ("state=delivered", "b"),
        ("state=failed", ""),
        ("stuck_for=6m", "a"),
        ("stuck_for=2m", "ea"),
        ("stuck_for=1h", ""),
        ("stuck_for=2m&state=queued", "e"),
        ("source=wessaal", "d"),
        ("source=nobody", ""),
        ("vendor=wavecell", "ecba"),
        ("conversation=%2B12025550188", "eba"),
        ("conversation=%2B12025550188&stuck_for=6m", "a"),
        ("conversation=nobody", ""),
        ("phone=%2B1+202-555-0143", "c"),
        ("phone=12025550188", "eba"),
        ("direction=inbound", "c"),
        ("channel=sms", "cb"),
        ("contradictory=true", "b"),
        ("contradictory=false&channel=sms", "c"),
        ("since=2026-08-12T09:18:57Z", "edb"),
        ("until=2026-08-12T09:16:57Z", "a"),
        ("since=2026-08-12T09:18:57Z&until=2026-08-12T09:19:57Z", "d"),
    ];
    for (query, expected) in table {
        let page = callbox.json(&format!("/v1/messages?{query}")).await;
        assert_eq!(ids(&page), expected, "{query}");
    }
    let listed = callbox.json("/v1/messages?contradictory=true").await["data"][0].clone();
    let mut single = callbox.json("/v1/messages/wavecell/b").await;
    single.as_object_mut().unwrap().remove("timeline").unwrap();
    assert_eq!(listed, single);
}

#[tokio::test]
async fn pages_of_messages_skip_and_repeat_nothing_whatever_happens_to_them_meanwhile() {
    let callbox = Callbox::start(TWO).await;
    for id in ["a", "b", "c", "d", "e"] {
        callbox.push("wavecell", receipt(id, "sent")).await.callback();
    }
    for (order, expected) in [("asc", "abcdefgh"), ("desc", "hgfedcba")] {
        let (mut seen, mut cursor) = (String::new(), String::new());
        loop {
            let page = callbox.json(&format!("/v1/messages?limit=2&order={order}{cursor}")).await;
            seen.push_str(&ids(&page));
            for id in ["a", "e", "f", "g", "h"] {
                callbox.push("wavecell", receipt(id, "delivered")).await.callback();
            }
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, expected);
    }
    let cursor = callbox.json("/v1/messages").await["cursor"].as_str().unwrap().to_owned();
    for target in [
        format!("/v1/events?cursor={cursor}"),
        "/v1/messages?stuck_for=soon".to_owned(),
        "/v1/messages?contradictory=perhaps".to_owned(),
        "/v1/messages?instance=kettle".to_owned(),
    ] {
        callbox.ask(&target).await.problem(400, "invalid_parameter");
    }
}

#[tokio::test]
async fn a_conversation_tells_both_directions_in_order_and_nobody_elses() {
    let callbox = Callbox::start(TWO).await;
    let written = inbound("question", "Do you have rye today?").replace("5550143", "5550188");
    let pushes = [
        ("wavecell", written),
        ("wavecell", inbound("other", "Is anyone there?")),
        ("wavecell", receipt("answer", "sent")),
        ("wessaal", update("kettle", "elsewhere", "READ")),
        ("wavecell", receipt("second", "sent")),
        ("wavecell", receipt("answer", "read")),
    ];
    for (source, body) in pushes {
        callbox.push(source, body).await.callback();
    }
    let told = |page: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let events = page["data"].as_array().unwrap().iter();
        events.map(|event| (text(&event["subject"]), text(&event["type"]))).collect()
    };
    let expected = [
        ("question", "message.received"),
        ("answer", "message.sent"),
        ("second", "message.sent"),
        ("answer", "message.read"),
    ];
    let mut expected = expected.map(|(id, kind)| (id.to_owned(), kind.to_owned())).to_vec();
    let path = "/v1/conversations/wavecell/%2B12025550188";
    assert_eq!(told(&callbox.json(path).await), expected);

    let first = callbox.json(&format!("{path}?limit=3")).await;
    assert_eq!(told(&first), expected[..3]);
    let next = first["next_cursor"].as_str().unwrap();
    let rest = callbox.json(&format!("{path}?limit=3&cursor={next}")).await;
    assert_eq!((told(&rest), rest.get("next_cursor")), (expected[3..].to_vec(), None));
    expected.reverse();
    assert_eq!(told(&callbox.json(&format!("{path}?order=desc")).await), expected);

    for missing in
        ["wavecell/nobody", "wavecell/", "nobody/%2B12025550188", "wessaal/%2B12025550188"]
    {
        callbox.ask(&format!("/v1/conversations/{missing}")).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_conversation_is_found_by_its_id_whatever_stands_in_it() {
    let callbox = Callbox::start(TWO).await;
    let group = "120363041234567890@g.us";
    let body = update("kettle", "m", "READ").replace("12025550118@s.whatsapp.net", group);
    callbox.push("wessaal", body).await.callback();
    let id = utf8_percent_encode(group, NON_ALPHANUMERIC);
    let page = callbox.json(&format!("/v1/conversations/wessaal/{id}")).await;
    assert_eq!(page["data"][0]["data"]["message"]["conversation"], json!(group));
}
