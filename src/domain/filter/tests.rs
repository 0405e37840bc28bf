//! What filters take and leave, and how their mistakes are told.

use serde_json::{Value, json};

use super::*;

fn compile(written: &Value) -> Filter {
    Filter::compile(written).unwrap_or_else(|mistakes| panic!("{written}: {mistakes:?}"))
}

fn event() -> Value {
    json!({
        "specversion": "1.0", "id": "evt_1", "type": "message.failed", "source": "wavecell",
        "time": "2026-08-12T09:15:57.000Z",
        "data": {
            "vendor": "wavecell", "channel": "whatsapp",
            "message": {
                "content": {"type": "image", "text": "Hello, Ana", "media": [
                    {"mime": "image/png", "filename": "a.png"}, {"mime": "image/jpeg"},
                ]},
                "price": {"total": "0.0417", "currency": "USD"},
                "error": {"code": "1022"},
            },
            "extra": {"tags": ["gift", "new"], "count": 3, "ratio": 1.0, "none": null, "a.b": 7,
                "rows": [{"sku": "x", "qty": 1}, {"sku": "y", "qty": 9}], "ok": true, "empty": []},
        }
    })
}

#[test]
fn every_operator_takes_and_leaves() {
    let table = [
        (json!({}), true),
        (json!({"type": "message.failed"}), true),
        (json!({"type": "message.read"}), false),
        (json!({"type": "message.failed", "source": "other"}), false),
        (json!({"data": {"channel": "whatsapp"}}), true),
        (json!({"data.channel": "whatsapp"}), true),
        (json!({"data": {"message.error.code": "1022"}}), true),
        (json!({"data.message.error": {"code": "1022"}}), true),
        (json!({"data.extra.a.b": 7}), false),
        (json!({"data.extra": {"a.b": 7}}), true),
        // Equality is that of JSON.
        (json!({"data.extra.count": 3.0}), true),
        (json!({"data.extra.ratio": 1}), true),
        (json!({"data.extra.count": "3"}), false),
        (json!({"data.extra.ok": true}), true),
        (json!({"data.extra.none": null}), true),
        (json!({"data.extra.nothing": null}), false),
        (json!({"data.channel": {"$eq": "whatsapp"}}), true),
        (json!({"data.message.error": {"$eq": {"code": "1022"}}}), true),
        (json!({"data.message.error": {"$eq": {}}}), false),
        (json!({"data.channel": {"$neq": "sms"}}), true),
        (json!({"data.channel": {"$neq": "whatsapp"}}), false),
        // What is not there satisfies nothing but its absence.
        (json!({"data.direction": {"$neq": "inbound"}}), false),
        (json!({"data.direction": {"$nin": ["inbound"]}}), false),
        (json!({"data.direction": {"$not": "inbound"}}), true),
        (json!({"data.direction": {"$exist": false}}), true),
        (json!({"data.direction": {"$exist": true}}), false),
        (json!({"data.channel": {"$exist": true}}), true),
        (json!({"data.channel": {"$exist": false}}), false),
        (json!({"data": {"contact": {"id": {"$exist": false}}}}), true),
        (json!({"data.extra.none": {"$exist": true}}), true),
        // Order.
        (json!({"data.extra.count": {"$gt": 2, "$lt": 4}}), true),
        (json!({"data.extra.count": {"$gt": 3}}), false),
        (json!({"data.extra.count": {"$gte": 3}}), true),
        (json!({"data.extra.count": {"$lte": 2.5}}), false),
        (json!({"data.extra.count": {"$gt": "2"}}), false),
        (json!({"data.message.price.total": {"$gt": 0.04}}), true),
        (json!({"data.message.price.total": {"$lt": 0.04}}), false),
        (json!({"data.channel": {"$gt": 0}}), false),
        (json!({"time": {"$gte": "2026-08-12", "$lt": "2026-08-13"}}), true),
        // Among, and a part of.
        (json!({"data.channel": {"$in": ["sms", "whatsapp"]}}), true),
        (json!({"data.channel": {"$nin": ["sms", "whatsapp"]}}), false),
        (json!({"data.message.content.text": {"$in": "Ana"}}), true),
        (json!({"data.message.content.text": {"$nin": "Ana"}}), false),
        (json!({"data.extra.count": {"$in": [1, 3.0]}}), true),
        (json!({"data.channel": {"$in": []}}), false),
        // Texts.
        (json!({"type": {"$startsWith": "message."}}), true),
        (json!({"type": {"$startsWith": ["call.", "message."]}}), true),
        (json!({"type": {"$endsWith": ".failed"}}), true),
        (json!({"type": {"$endsWith": "message"}}), false),
        (json!({"data.extra.count": {"$startsWith": "3"}}), false),
        (json!({"data.message.content.text": {"$regex": "^hello"}}), false),
        (json!({"data.message.content.text": {"$regex": "(?i)^hello"}}), true),
        (json!({"data.message.content.text": {"$regex": "A.a$"}}), true),
        // Groups.
        (json!({"$or": [{"type": "x"}, {"data.channel": "whatsapp"}]}), true),
        (json!({"$or": [{"type": "x"}, {"data.channel": "sms"}]}), false),
        (json!({"$and": [{"type": "message.failed"}, {"data.channel": "sms"}]}), false),
        (json!({"$or": [{"type": "x"}], "data.channel": "whatsapp"}), false),
        (json!({"$not": {"type": "message.read"}}), true),
        (json!({"$not": {"type": "message.failed"}, "data.channel": "whatsapp"}), false),
        (json!({"data.channel": {"$or": ["sms", {"$startsWith": "what"}]}}), true),
        (json!({"data.channel": {"$not": {"$in": ["sms", "line"]}}}), true),
        (json!({"data.channel": {"$and": [{"$startsWith": "wh"}, {"$endsWith": "x"}]}}), false),
        (json!({"data.direction": {"$or": [{"$exist": false}, "inbound"]}}), true),
        (json!({"data": "whatsapp"}), false),
        (json!({"type": {"x": 1}}), false),
    ];
    for (filter, expected) in table {
        assert_eq!(compile(&filter).matches(&event()), expected, "{filter}");
    }
}

#[test]
fn in_arrays_one_element_is_enough_and_a_list_has_to_be_there_as_a_whole() {
    let table = [
        (json!({"tags": "gift"}), true),
        (json!({"tags": "old"}), false),
        (json!({"tags": ["gift", "new"]}), true),
        (json!({"tags": ["gift", "old"]}), false),
        (json!({"tags": [{"$startsWith": "gi"}]}), true),
        (json!({"tags": {"$eq": ["gift", "new"]}}), true),
        (json!({"tags": {"$eq": ["gift"]}}), false),
        (json!({"tags": {"$neq": "gift"}}), false),
        (json!({"tags": {"$in": ["old", "new"]}}), true),
        (json!({"tags": {"$nin": ["old", "new"]}}), false),
        (json!({"tags": {"$in": "gift"}}), true),
        (json!({"tags": {"$nin": "gif"}}), true),
        (json!({"tags": {"$regex": "^n"}}), true),
        (json!({"tags": {"$not": "gift"}}), false),
        (json!({"tags": {"$and": ["gift", "new"]}}), true),
        (json!({"count": [3]}), false),
        (json!({"rows": {"sku": "x"}}), true),
        (json!({"rows": {"sku": "x", "qty": {"$gt": 5}}}), false),
        (json!({"rows": {"sku": "y", "qty": {"$gt": 5}}}), true),
        (json!({"rows": [{"sku": "x"}, {"qty": 9}]}), true),
        (json!({"rows": {"$or": [{"sku": "q"}, {"qty": 1}]}}), true),
        (json!({"rows": {"$not": {"sku": "x"}}}), false),
        (json!({"rows.sku": "y"}), true),
        (json!({"rows.$.sku": "y"}), true),
        (json!({"rows.1.sku": "y"}), true),
        (json!({"rows.0.sku": "y"}), false),
        (json!({"rows.7.sku": {"$exist": false}}), true),
        (json!({"rows.qty": {"$gt": 8}}), true),
        (json!({"empty": {"x": 1}}), false),
        (json!({"empty": []}), true),
    ];
    for (filter, expected) in table {
        let whole = json!({"data": {"extra": filter}});
        assert_eq!(compile(&whole).matches(&event()), expected, "{filter}");
        assert_eq!(compile(&json!({"$not": whole})).matches(&event()), !expected, "{filter}");
    }
    let media = json!({"data.message.content.media": {"mime": {"$startsWith": "image/"}}});
    assert!(compile(&media).matches(&event()));
}

#[test]
fn mistakes_are_told_with_their_way_and_all_at_once() {
    let told = |filter: Value| -> Vec<(String, String)> {
        let mistakes = Filter::compile(&filter).map(|_| ()).unwrap_err();
        let told = mistakes.into_iter();
        told.map(|mistake| (mistake.way.join("/"), mistake.problem.to_string())).collect()
    };
    let table = [
        (json!({"type": {"$gtt": 1}}), "type/$gtt", "not an operator"),
        (json!({"type": {"$ref": "x"}}), "type/$ref", "not an operator"),
        (json!({"$or": [{"type": "x"}, {"time": {"$lt": true}}]}), "$or/1/time/$lt", "a number or"),
        (json!({"$or": []}), "$or", "at least one"),
        (json!({"$and": {"type": "x"}}), "$and", "a list"),
        (json!({"type": {"$exist": "yes"}}), "type/$exist", "true or false"),
        (json!({"type": {"$in": 5}}), "type/$in", "a list of values"),
        (json!({"type": {"$startsWith": 5}}), "type/$startsWith", "a text"),
        (json!({"type": {"$endsWith": []}}), "type/$endsWith", "a text"),
        (json!({"type": {"$regex": "(a"}}), "type/$regex", "unclosed group"),
        (json!({"type": {"$regex": "(?=a)"}}), "type/$regex", "look-around"),
        (json!({"type": {"$regex": r"\w{500}"}}), "type/$regex", "too large"),
        (json!({"type": {"$regex": "a".repeat(1_025)}}), "type/$regex", "1024 characters"),
        (json!({"channel": "sms"}), "channel", "did you mean `data.channel`?"),
        (json!({"typ": "sms"}), "typ", "did you mean `type`?"),
        (json!({"data": {"mesage": {"id": "x"}}}), "data/mesage", "did you mean `data.message`?"),
        (json!({"data.sequence": {"$gt": 5}}), "data.sequence", "once the event is committed"),
        (
            json!({"data": {"message": {"folded": {"state": "read"}}}}),
            "data/message/folded",
            "commit",
        ),
        (json!({"$not": {"data": {"revised": true}}}), "$not/data/revised", "commit"),
        (json!({"data": {"": 1}}), "data/", "empty"),
        (json!({"data..x": 1}), "data..x", "empty"),
        (json!({"type": {"$in": vec![1; 1_001]}}), "type/$in", "1000 values"),
    ];
    for (filter, way, problem) in table {
        let told = told(filter.clone());
        assert_eq!(told.len(), 1, "{filter}: {told:?}");
        assert_eq!(told[0].0, way, "{filter}: {told:?}");
        assert!(told[0].1.contains(problem), "{filter}: {told:?}");
    }
    assert_eq!(told(json!("type")).len(), 1);
    assert_eq!(told(json!({"type": {"$gtt": 1, "$ltt": 1}})).len(), 2);
    let deep = (0..40).fold(json!(1), |inner, _| json!({"$not": inner}));
    assert!(told(deep)[0].1.contains("nests"));
    let wide: Vec<Value> = (0..300).map(|number| json!({"type": number.to_string()})).collect();
    assert!(told(json!({"$or": wide}))[0].1.contains("256 conditions"));
}

#[test]
fn every_operator_of_the_list_is_read() {
    for operator in OPERATORS {
        let mistakes = Filter::compile(&json!({"type": {operator: {"$gtt": 1}}})).map(|_| ());
        let unknown =
            |mistake: &FilterMistake| mistake.problem == Problem::Operator(operator.to_owned());
        assert!(!mistakes.is_err_and(|mistakes| mistakes.iter().any(unknown)), "{operator}");
    }
}

#[test]
fn an_explanation_says_what_was_asked_for_and_what_was_there() {
    let filter = compile(&json!({
        "type": "message.failed",
        "data": {"channel": {"$in": ["sms"]}, "direction": {"$exist": false}},
        "$or": [{"source": "x"}, {"data.extra.count": {"$gt": 2}}],
        "data.message.content.media": {"mime": "image/jpeg", "filename": {"$exist": true}},
    }));
    let told = serde_json::to_value(filter.explain(&event())).unwrap();
    assert_eq!(
        told,
        json!([
            {"operator": "$or", "matched": true, "clauses": [
                {"path": "source", "operator": "$eq", "expected": "x", "actual": "wavecell", "matched": false},
                {"path": "data.extra.count", "operator": "$gt", "expected": 2, "actual": 3, "matched": true},
            ]},
            {"path": "data.channel", "operator": "$in", "expected": ["sms"], "actual": "whatsapp", "matched": false},
            {"path": "data.direction", "operator": "$exist", "expected": false, "matched": true},
            {"path": "data.message.content.media", "operator": "$or", "matched": false, "clauses": [
                {"path": "data.message.content.media.0", "operator": "$and", "matched": false, "clauses": [
                    {"path": "data.message.content.media.0.filename", "operator": "$exist", "expected": true, "actual": "a.png", "matched": true},
                    {"path": "data.message.content.media.0.mime", "operator": "$eq", "expected": "image/jpeg", "actual": "image/png", "matched": false},
                ]},
                {"path": "data.message.content.media.1", "operator": "$and", "matched": false, "clauses": [
                    {"path": "data.message.content.media.1.filename", "operator": "$exist", "expected": true, "matched": false},
                    {"path": "data.message.content.media.1.mime", "operator": "$eq", "expected": "image/jpeg", "actual": "image/jpeg", "matched": true},
                ]},
            ]},
            {"path": "type", "operator": "$eq", "expected": "message.failed", "actual": "message.failed", "matched": true},
        ])
    );
    assert!(!filter.matches(&event()));
}

#[test]
fn an_explanation_always_agrees_with_the_verdict() {
    let filters = [
        json!({"data.extra.rows.sku": "y"}),
        json!({"data.extra.rows.sku": "z"}),
        json!({"data.extra.tags": ["gift", "old"]}),
        json!({"data.extra.tags": ["gift", "new"]}),
        json!({"data.extra": {"a.b": {"$gt": 9}}}),
        json!({"$not": {"type": "message.failed", "source": "x"}}),
        json!({"$or": [{"type": "x", "source": "wavecell"}, {"type": "y"}]}),
    ];
    for written in filters {
        let filter = compile(&written);
        let clauses = filter.explain(&event());
        assert!(!clauses.is_empty());
        let all = clauses.iter().all(|clause| clause.matched);
        assert_eq!(all, filter.matches(&event()), "{written} {clauses:?}");
    }
}
