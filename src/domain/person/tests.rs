//! What is whose, and what is left of it.

use serde_json::{Value, json};

use super::*;
use crate::domain::message_part::Content;

fn marks() -> Marks {
    let mut marks = Marks::of(&Wanted::phone("+1 202-555-0143").unwrap());
    marks.ids.insert("219875500143219@lid".to_owned());
    marks
}

#[test]
fn a_number_is_found_however_it_is_written_and_never_in_another_one() {
    let table = [
        ("12025550143", true),
        ("+12025550143", true),
        ("+1 (202) 555-0143", true),
        ("1.202.555.0143", true),
        ("0012025550143", true),
        ("tel:+12025550143", true),
        ("12025550143@s.whatsapp.net", true),
        ("12025550143:7@s.whatsapp.net", true),
        ("12025550143-1623456789@g.us", true),
        ("120255501431786500000", true),
        ("caller=%2B1%20202%20555%200143", true),
        ("caller=%2b1+202+555+0143", true),
        (r#"{"from":"\u002b12025550143"}"#, true),
        (r#"{"from":"+\u0031\u0032025550143"}"#, true),
        ("2026-08-12 12025550143", true),
        ("call +1\u{a0}202\u{a0}555\u{a0}0143 now", true),
        ("1\u{0}2\u{0}0\u{0}2\u{0}5\u{0}5\u{0}5\u{0}0\u{0}1\u{0}4\u{0}3\u{0}", true),
        ("219875500143219@lid", true),
        ("x219875500143219@lid", false),
        ("120255501434", false),
        ("912025550143", false),
        ("2025550143", false),
        ("1202555014", false),
        ("1202,5550143", false),
        ("12025550143123456", false),
        ("", false),
        ("%", false),
        ("\\", false),
        ("\\u00", false),
    ];
    for (text, expected) in table {
        assert_eq!(marks().is_in(text.as_bytes()), expected, "{text:?}");
    }
    let short = Marks { ids: ["12".to_owned()].into(), ..Marks::default() };
    assert!(
        !short.is_in(b"id 12") && short.names("12"),
        "a short id counts only where an id stands"
    );
}

#[test]
fn a_text_loses_the_number_and_nothing_else() {
    let table = [
        ("call +1 202 555 0143 today", Some("call +[erased] today")),
        ("12025550143, 12025550143", Some("[erased], [erased]")),
        ("219875500143219@lid", Some("[erased]")),
        ("é 12025550143 é", Some("é [erased] é")),
        ("12025550143-1623456789@g.us", Some("[erased]-1623456789@g.us")),
        ("call 12025550188", None),
    ];
    for (text, expected) in table {
        assert_eq!(marks().without(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn whom_somebody_asks_about_is_judged() {
    let phone = |text| Wanted::phone(text).ok();
    let her = Some(Wanted::Phone("12025550143".to_owned()));
    for text in ["+12025550143", "0012025550143", "1 (202) 555-0143", "1.202.555.0143"] {
        assert_eq!(phone(text), her, "{text}");
    }
    for text in ["", "0812345678", "123456", "1234567890123456", "kettle", "+1202555014x"] {
        assert_eq!(phone(text), None, "{text}");
    }
    assert_eq!(Wanted::conversation("+12025550143").ok(), her);
    let group = Wanted::Conversation("120363041234567890@g.us".to_owned());
    assert_eq!(Wanted::conversation("120363041234567890@g.us").ok(), Some(group));
    let address = Wanted::contact("12025550143@s.whatsapp.net").unwrap();
    assert_eq!(Marks::of(&address).phones.len(), 1);
    assert!(Wanted::contact(" ").is_err());
}

#[test]
fn what_stands_beside_them_goes_and_the_rest_of_anothers_event_stays() {
    let mut data = Data {
        vendor: "v".to_owned(),
        dialect: "d".to_owned(),
        message: Some(MessagePart {
            id: "m".to_owned(),
            conversation: Some("120363041234567890@g.us".to_owned()),
            from: Some(Party { name: Some("Odd".to_owned()), ..Party::default() }),
            content: Some(Content {
                kind: "text".to_owned(),
                text: Some("ask +12025550143, she knows".to_owned()),
                ..Content::default()
            }),
            ..MessagePart::default()
        }),
        ..Data::default()
    };
    let Value::Object(extra) = json!({
        "context": { "participant": "12025550143@s.whatsapp.net", "quoted": { "text": "her words", "at": 5 } },
        "12025550143": { "name": "Marit" },
        "pin": 7,
        "number": 12_025_550_143_i64,
    }) else {
        unreachable!("an object")
    };
    data.extra = extra;
    let (said, extra) = marks().scrubbed(&data).unwrap();
    let said: Data = serde_json::from_str(&said).unwrap();
    let message = said.message.unwrap();
    assert_eq!(message.content.unwrap().text.unwrap(), "ask +[erased], she knows");
    assert_eq!(message.from.unwrap().name.as_deref(), Some("Odd"));
    let extra = extra.unwrap();
    assert!(!extra.contains("12025550143") && !extra.contains("her words"), "{extra}");
    assert!(!extra.contains("Marit"), "{extra}");
}

#[test]
fn an_id_is_theirs_if_it_has_their_number_alone() {
    let pair = |id: &str, phone: &str| Found::new(id, phone);
    let mut links = Links::of(&Wanted::phone("12025550143").unwrap());
    links.add([pair("lid-of-hers", "12025550143"), pair("the-shop", "12025550143")]);
    assert!(links.end_round(), "what may be theirs is looked at again");
    assert!(links.sought().ids.contains("the-shop"));
    links.add([
        pair("lid-of-hers", "12025550143"),
        pair("the-shop", "12025550143"),
        pair("the-shop", "12025550188"),
    ]);
    assert!(!links.end_round());
    let ids: Vec<&str> = links.marks().ids.iter().map(String::as_str).collect();
    assert_eq!(ids, ["lid-of-hers"]);

    let mut links = Links::of(&Wanted::contact("crm-77").unwrap());
    links.add([pair("crm-77", "12025550143")]);
    assert!(links.end_round(), "with a number there may be more ids");
    assert!(links.marks().phones.contains("12025550143"));
}
