//! Finding events by their words, and messages by phone and reference: the same before and after they are indexed.

use callbox::domain::event::{Content, Party};
use callbox::domain::message::State;
use callbox::domain::query::{EventFilter, MessageFilter, Order, PageRequest};
use callbox::domain::words::Search;
use callbox::store::{Kind, NewEvent, Prune};
use serde_json::Value;

use crate::support::bodies::{inbound, receipt};
use crate::support::callbox::Callbox;
use crate::support::shelf::{STORES, Shelf};
use crate::support::{MINUTE, SECOND};

const SHOP: &str = r#"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "none" }]
"#;

/// The subjects of what a query of `/v1/events` finds, oldest first, in a row.
async fn found(callbox: &Callbox, query: &str) -> String {
    let events = callbox.events(query).await;
    events.iter().map(|event| event["subject"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn events_are_found_by_their_words_together_with_every_other_filter() {
    let callbox = Callbox::start(SHOP).await;
    for (id, text) in [
        ("a", "Terima kasih atas pembayarannya"),
        ("b", "我要退款，谢谢"),
        ("c", "والكتاب على الطاولة"),
        ("d", "Do you have rye today? 50% off"),
        ("e", "rye or not"),
    ] {
        callbox.push("shop", inbound(id, text)).await.callback();
        callbox.clock.advance(MINUTE);
    }
    callbox.push("shop", receipt("f", "sent")).await.callback();
    let table = [
        ("q=bayar", "a"),
        ("q=%E9%80%80%E6%AC%BE", "b"),
        ("q=%D9%83%D8%AA%D8%A7%D8%A8", "c"),
        ("q=RYE", "de"),
        ("q=rye+today", "d"),
        ("q=today+RYE", "d"),
        ("q=rye+tomorrow", ""),
        ("q=solheim", "abcde"),
        ("q=50%25", "d"),
        ("q=5550143+rye", "de"),
        ("q=rye&since=2026-08-12T09:19:30Z", "e"),
        ("q=rye&type=message.sent", ""),
        ("q=rye&phone=12025550143", "de"),
        ("q=rye&message_id=d", "d"),
        ("q=rye&direction=inbound&channel=sms&order=asc&source=shop", "ed"),
        ("client_ref=ref-f", "f"),
    ];
    for (query, expected) in table {
        assert_eq!(found(&callbox, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn whatever_is_typed_is_searched_for_or_refused_with_a_reason() {
    let callbox = Callbox::start(SHOP).await;
    callbox.push("shop", inbound("a", "AND OR NOT NEAR rye")).await.callback();
    for typed in [
        "\"",
        "rye\"",
        "rye*",
        "(rye",
        "rye)",
        "-rye",
        "rye AND",
        "OR",
        "NOT rye",
        "NEAR(rye a)",
        "grams:rye",
        "^rye",
        "rye + rye",
        "{grams}: rye",
        "rye;--",
        "'",
        "%",
        "\\",
        "rye\u{0}",
        "\u{202e}rye",
        "words MATCH rye",
        "ｒｙｅ",
    ] {
        let encoded =
            percent_encoding::utf8_percent_encode(typed, percent_encoding::NON_ALPHANUMERIC);
        let answer = callbox.ask(&format!("/v1/events?q={encoded}")).await;
        if answer.status == 200 {
            continue;
        }
        let detail = answer.problem(400, "invalid_parameter");
        assert!(detail.contains("parameter `q`") && detail.contains("letter or digit"), "{detail}");
    }
    assert_eq!(found(&callbox, "q=or+not").await, "a");
    assert_eq!(found(&callbox, "q=not%3Arye%2A").await, "a");
    let long = callbox.ask(&format!("/v1/events?q={}", "a".repeat(201))).await;
    assert!(long.problem(400, "invalid_parameter").contains("up to 200 characters"));
    let off = callbox.restart_with(&format!("text_search = false\n{SHOP}")).await;
    for target in ["/v1/events?q=rye", "/v1/events/stream?q=rye"] {
        let detail = off.ask(target).await.problem(400, "invalid_parameter");
        assert!(detail.contains("text_search = true"), "{detail}");
    }
}

#[tokio::test]
async fn who_waits_for_words_hears_of_the_first_event_that_has_them() {
    let callbox = Callbox::start(SHOP).await;
    let cursor = callbox.json("/v1/events").await["cursor"].as_str().unwrap().to_owned();
    let target = format!("/v1/events?wait=60s&q=rye&cursor={cursor}");
    let pushes = async {
        callbox.push("shop", inbound("a", "barley")).await.callback();
        callbox.push("shop", inbound("b", "rye")).await.callback();
    };
    let (page, ()): (Value, ()) = tokio::join!(callbox.json(&target), pushes);
    assert_eq!(page["data"][0]["subject"], "b");
}

/// An event about a message in which someone says something.
fn said(shelf: &Shelf, id: &str, text: &str, phone: &str) -> NewEvent {
    let mut event = shelf.event(id, id, &[]);
    let message = event.draft.data.message.as_mut().unwrap();
    message.client_ref = Some(format!("ref-{id}"));
    message.from = Some(Party { phone: Some(phone.to_owned()), ..Party::default() });
    message.content = Some(Content {
        kind: "text".to_owned(),
        text: Some(text.to_owned()),
        ..Content::default()
    });
    event.data = serde_json::to_string(&event.draft.data).unwrap();
    event
}

/// What each of some searches finds, in both orders, read in pages of two.
async fn answers(shelf: &Shelf) -> Vec<Vec<String>> {
    let words = |text| EventFilter { words: Search::parse(text), ..EventFilter::default() };
    let phone = |digits: &str| Some(digits.to_owned());
    let of_events = [
        words("rye"),
        words("ye"),
        words("rye bread"),
        words("款"),
        EventFilter { phone: phone("12025550143"), ..words("rye") },
        EventFilter { phone: phone("12025550143"), ..EventFilter::default() },
        EventFilter { client_ref: Some("ref-3".to_owned()), ..EventFilter::default() },
    ];
    let of_messages = [
        MessageFilter { phone: phone("12025550143"), ..MessageFilter::default() },
        MessageFilter {
            phone: phone("12025550143"),
            state: Some(State::Sent),
            ..MessageFilter::default()
        },
        MessageFilter { client_ref: Some("ref-3".to_owned()), ..MessageFilter::default() },
        MessageFilter { phone: phone("1"), ..MessageFilter::default() },
    ];
    let mut all = Vec::new();
    for order in [Order::Ascending, Order::Descending] {
        for filter in &of_events {
            let (mut ids, mut after) = (Vec::new(), None);
            loop {
                let request = PageRequest { limit: 2, order, after };
                let page = shelf.store.events(filter.clone(), request).await.unwrap();
                ids.extend(page.items.into_iter().filter_map(|event| event.subject));
                after = page.place;
                if !page.more {
                    break;
                }
            }
            all.push(ids);
        }
        for filter in &of_messages {
            let (mut ids, mut after) = (Vec::new(), None);
            loop {
                let request = PageRequest { limit: 2, order, after };
                let page = shelf.store.messages(filter.clone(), request).await.unwrap();
                ids.extend(page.items.into_iter().map(|message| message.id));
                after = page.place;
                if !page.more {
                    break;
                }
            }
            all.push(ids);
        }
    }
    all
}

#[tokio::test]
async fn what_is_found_is_the_same_before_between_and_after_indexing_and_a_crash() {
    for open in STORES {
        let mut shelf = Shelf::new(open);
        for number in 0..12 {
            let text = ["rye", "rye bread", "我要退款", "barley ye", "trye me"][number % 5];
            let phone = ["+12025550143", "+12025550188"][number % 2];
            shelf.append(vec![said(&shelf, &number.to_string(), text, phone)]).await;
            shelf.clock.advance(SECOND);
        }
        let before = answers(&shelf).await;
        assert_eq!(before[0], ["0", "1", "4", "5", "6", "9", "10", "11"]);
        assert_eq!(
            (&before[1][..], &before[2][..]),
            (&["3", "8"].map(String::from)[..], &["1", "6", "11"].map(String::from)[..])
        );
        assert_eq!(before[7], ["0", "2", "4", "6", "8", "10"], "of messages: {before:?}");
        let mut left = 12;
        while left > 0 {
            let indexed = shelf.store.index(true, 5).await.unwrap();
            assert_eq!(indexed.events, left.min(5));
            left -= indexed.events;
            assert_eq!(indexed.more, left > 0);
            assert_eq!(answers(&shelf).await, before);
            shelf = shelf.crash().await;
            assert_eq!(answers(&shelf).await, before);
        }
        // Once words are not wanted they are let go; wanted again, they are there again.
        assert_eq!(shelf.store.index(false, 5).await.unwrap().events, 0);
        assert_eq!(answers(&shelf).await, before);
        while shelf.store.index(true, 7).await.unwrap().more {}
        assert_eq!(answers(&shelf).await, before);
    }
}

#[tokio::test]
async fn what_is_removed_is_found_no_more_and_leaves_nothing_behind() {
    for open in STORES {
        let shelf = Shelf::new(open);
        for number in 0..40 {
            let text = format!("rye and much more of it {number} {}", "crumbs ".repeat(20));
            shelf.append(vec![said(&shelf, &number.to_string(), &text, "+12025550143")]).await;
        }
        while shelf.store.index(true, 7).await.unwrap().more {}
        shelf.clock.advance(MINUTE);
        shelf.append(vec![said(&shelf, "young", "rye", "+12025550143")]).await;
        let before = shelf.now();
        let pruned =
            shelf.store.prune(Prune { kind: Kind::Events, before, after: 0 }).await.unwrap();
        assert_eq!(pruned.removed, 40);
        let answers = answers(&shelf).await;
        assert_eq!(
            (&answers[0], &answers[7]),
            (&vec!["young".to_owned()], &vec!["young".to_owned()])
        );
        assert_eq!(answers[6], [""; 0]);
    }
}
