//! The API's document against the running server: every path, every parameter, every answer; and the page to read it.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::support::bodies::{inbound, receipt, update};
use crate::support::callbox::Callbox;
use crate::support::http::{self, Answer};
use crate::support::receiver::Receiver;
use crate::support::{MINUTE, SECOND};

const TWO: &str = r#"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "none" }]
[sources.desk]
vendor = "wessaal"
auth = [{ type = "none" }]
"#;

const KEYED: &str = "[api]\nlisten = \"127.0.0.1:0\"\n";

/// A callbox's document, to hold its answers to.
struct Document(Value);

impl Document {
    async fn of(callbox: &Callbox) -> Self {
        Self(callbox.json("/openapi.json").await)
    }

    /// Every operation: path, method, and what is told of it.
    fn operations(&self) -> Vec<(String, String, &Value)> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let each = paths.flat_map(|(path, item)| {
            let verbs = item.as_object().unwrap().iter();
            verbs.map(move |(verb, told)| (path.clone(), verb.to_uppercase(), told))
        });
        each.collect()
    }

    /// Judges by this schema, and takes no member for granted that the schema does not know.
    fn validator(&self, schema: &Value) -> Validator {
        let mut components = self.0["components"].clone();
        for shape in components["schemas"].as_object_mut().unwrap().values_mut() {
            let closed = shape.get("additionalProperties").is_some();
            if shape.get("properties").is_some() && !closed {
                shape["unevaluatedProperties"] = json!(false);
            }
        }
        let whole = json!({ "allOf": [schema], "components": components });
        jsonschema::options().should_validate_formats(true).build(&whole).unwrap()
    }

    /// Checks that an answer is one that the document tells of.
    #[track_caller]
    fn judge(&self, method: &str, path: &str, answer: &Answer) {
        let told = &self.0["paths"][path][method.to_lowercase()]["responses"];
        let content = &told[answer.status.to_string()]["content"];
        let media = answer.header("content-type").unwrap_or("none");
        let media =
            if content.get(media).is_some() { media } else { media.split(';').next().unwrap() };
        let schema = content[media].get("schema");
        let schema = schema.unwrap_or_else(|| {
            unreachable!("{method} {path} answers {} as {media}, untold", answer.status)
        });
        if media.ends_with("json") {
            let body = answer.json();
            let faults: Vec<String> = self
                .validator(schema)
                .iter_errors(&body)
                .map(|fault| format!("{} at {}", fault, fault.instance_path()))
                .collect();
            assert!(faults.is_empty(), "{method} {path}: {faults:#?}\n{body:#}");
        }
    }
}

/// The path with its parameters' examples in it.
fn filled(path: &str, told: &Value) -> String {
    let parameters = told["parameters"].as_array().into_iter().flatten();
    let in_path = parameters.filter(|parameter| parameter["in"] == "path");
    in_path.fold(path.to_owned(), |path, parameter| {
        let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
        path.replace(&name, parameter["example"].as_str().unwrap())
    })
}

/// The names of an operation's query parameters, in order, and an example of each.
fn in_query(told: &Value) -> Vec<(String, String)> {
    let parameters = told["parameters"].as_array().into_iter().flatten();
    let of_query = parameters.filter(|parameter| parameter["in"] == "query");
    let named = of_query.map(|parameter| {
        let example = &parameter["example"];
        let example = if example.is_array() { &example[0] } else { example };
        let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
        (parameter["name"].as_str().unwrap().to_owned(), example)
    });
    named.collect()
}

#[tokio::test]
async fn whatever_wants_a_key_is_refused_without_one_as_the_document_says() {
    let callbox = Callbox::start(&format!("{KEYED}{TWO}")).await;
    let document = Document::of(&callbox).await;
    let operations = document.operations();
    assert!(operations.len() > 25, "{}", operations.len());
    for (path, method, told) in operations {
        let answer = callbox.ask_with(&method, &filled(&path, told), &[]).await;
        if told["security"] == json!([]) {
            assert_eq!(answer.status, 200, "{method} {path}");
        } else {
            answer.problem(401, "unauthorized");
        }
        document.judge(&method, &path, &answer);
        // Another method than those that are told is not taken.
        if document.0["paths"][&path].as_object().unwrap().len() == 1 {
            callbox
                .ask_with("DELETE", &filled(&path, told), &[])
                .await
                .problem(405, "method_not_allowed");
        }
    }
}

#[tokio::test]
async fn each_operation_takes_the_parameters_that_are_told_and_no_others() {
    let callbox = Callbox::start(TWO).await;
    let document = Document::of(&callbox).await;
    for (path, method, told) in document.operations() {
        if told["security"] == json!([]) {
            continue; // open to everybody, whatever a balancer appends
        }
        let target = filled(&path, told);
        let known = in_query(told);
        let answer = callbox.ask_with(&method, &format!("{target}?zebra=1"), &[]).await;
        let detail = answer.problem(400, "invalid_parameter");
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        match detail.split_once("there are: ") {
            Some((_, listed)) => assert_eq!(listed, names.join(", "), "{method} {path}"),
            None => assert_eq!((detail.contains("there are none here"), names.len()), (true, 0)),
        }
        document.judge(&method, &path, &answer);
        for (name, example) in &known {
            let example: String =
                url::form_urlencoded::byte_serialize(example.as_bytes()).collect();
            if name == "wait" || path.ends_with("/stream") {
                continue; // they would wait
            }
            let answer =
                callbox.ask_with(&method, &format!("{target}?{name}={example}"), &[]).await;
            let is_foreign = name == "cursor"; // an example can't be of this store
            assert!(
                answer.status != 400 || is_foreign,
                "{method} {path} {name}: {}",
                answer.text()
            );
            document.judge(&method, &path, &answer);
        }
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one callbox is asked for everything")]
async fn what_is_answered_is_what_the_document_says() {
    let mut crm = Receiver::start().await;
    crm.then(503);
    let callbox = Callbox::start(&format!("{TWO}{}", crm.configured("crm", ""))).await;
    let pushed = callbox.push("shop", receipt("m/1", "sent")).await;
    let (callback, event) = (pushed.callback(), pushed.events().remove(0));
    callbox.push("shop", receipt("m/1", "sent")).await.callback();
    callbox.push("shop", receipt("m/1", "delivered")).await.callback();
    callbox.push("shop", inbound("c", "Do you have rye today?")).await.callback();
    callbox.push("shop", "{").await.callback();
    callbox.push("desk", update("kettle", "d", "READ")).await.callback();
    callbox.push("desk", r#"{"event":"instance.new","instance":"x","data":{}}"#).await.callback();
    callbox.push("nobody", "{}").await;
    crm.next().await;
    let deliveries = callbox
        .until("/v1/deliveries?order=asc", |page| page["data"][0]["attempts"][0].is_object());
    let delivery = deliveries.await["data"][0]["id"].as_str().unwrap().to_owned();
    let document = Document::of(&callbox).await;
    let one = |path: &'static str, target: String| (path, target);
    let targets = [
        one("/v1/events", "/v1/events?type=*&type=callbox.*".to_owned()),
        one("/v1/events", "/v1/events?limit=1".to_owned()),
        one("/v1/events", "/v1/events?phone=none".to_owned()),
        one("/v1/events/{id}", format!("/v1/events/{event}")),
        one("/v1/events/{id}", "/v1/events/evt_0".to_owned()),
        one("/v1/messages", "/v1/messages".to_owned()),
        one("/v1/messages/{source}/{id}", "/v1/messages/shop/m%2F1".to_owned()),
        one("/v1/messages/{source}/{id}", "/v1/messages/desk/d".to_owned()),
        one("/v1/messages/{source}/{id}", "/v1/messages/desk/none".to_owned()),
        one("/v1/conversations/{source}/{id}", "/v1/conversations/shop/%2B12025550188".to_owned()),
        one("/v1/callbacks", "/v1/callbacks".to_owned()),
        one("/v1/callbacks/{id}", format!("/v1/callbacks/{callback}")),
        one("/v1/callbacks/{id}/body", format!("/v1/callbacks/{callback}/body")),
        one("/v1/deliveries", "/v1/deliveries".to_owned()),
        one("/v1/deliveries/{id}", format!("/v1/deliveries/{delivery}")),
        one("/v1/destinations", "/v1/destinations".to_owned()),
        one("/v1/destinations/{name}", "/v1/destinations/crm".to_owned()),
        one("/v1/destinations/{name}/test", format!("/v1/destinations/crm/test?event={event}")),
        one("/v1/sources", "/v1/sources".to_owned()),
        one("/v1/sources/{name}", "/v1/sources/desk".to_owned()),
        one("/v1/keys", "/v1/keys".to_owned()),
        one("/v1/alarms", "/v1/alarms".to_owned()),
        one("/v1/stats", "/v1/stats".to_owned()),
        one("/v1/stats", "/v1/stats?by=state&per=day".to_owned()),
        one("/v1/stats", "/v1/stats?by=type&destination=crm".to_owned()),
        one("/v1/consumers", "/v1/consumers".to_owned()),
        one("/v1/consumers/{name}", "/v1/consumers/team".to_owned()),
        one("/v1/consumers/{name}", "/v1/consumers/nobody".to_owned()),
        one("/v1/consumers/{name}/events", "/v1/consumers/team/events?limit=2".to_owned()),
        one("/health", "/health".to_owned()),
        one("/healthz", "/healthz".to_owned()),
        one("/readyz", "/readyz".to_owned()),
        one("/metrics", "/metrics".to_owned()),
        one("/openapi.json", "/openapi.json".to_owned()),
        one("/docs", "/docs".to_owned()),
    ];
    let mut judged = BTreeSet::new();
    // Made, and then changed.
    for (method, status) in [("PUT", 201), ("PUT", 200), ("DELETE", 200), ("PUT", 201)] {
        let target = "/v1/consumers/team?type=message.*&from=beginning";
        let target = if method == "PUT" { target } else { "/v1/consumers/team" };
        let answer = callbox.ask_with(method, target, &[]).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        document.judge(method, "/v1/consumers/{name}", &answer);
        judged.insert(format!("{method} /v1/consumers/{{name}}"));
    }
    let next = callbox.json("/v1/consumers/team/events?limit=1").await;
    let next = next["cursor"].as_str().unwrap();
    for (path, target) in &targets {
        let answer = callbox.ask(target).await;
        document.judge("GET", path, &answer);
        judged.extend((answer.status == 200).then(|| format!("GET {path}")));
    }
    // One that waits, so that it can be cancelled.
    assert_eq!(callbox.order("/v1/destinations/crm/pause").await.status, 200);
    callbox.push("shop", receipt("m/2", "sent")).await.callback();
    let waiting = callbox.json("/v1/deliveries?state=pending&limit=1").await;
    let waiting = waiting["data"][0]["id"].as_str().unwrap();
    callbox.clock.advance(MINUTE);
    let deeds = [
        (
            "/v1/callbacks/{id}/reprocess",
            format!("/v1/callbacks/{callback}/reprocess?dry_run=true"),
        ),
        ("/v1/deliveries/{id}/retry", format!("/v1/deliveries/{delivery}/retry")),
        ("/v1/deliveries/{id}/cancel", format!("/v1/deliveries/{waiting}/cancel")),
        ("/v1/consumers/{name}/commit", format!("/v1/consumers/team/commit?cursor={next}")),
        ("/v1/consumers/{name}/commit", "/v1/consumers/team/commit".to_owned()),
        ("/v1/consumers/{name}/seek", "/v1/consumers/team/seek?to=now".to_owned()),
        ("/v1/consumers/{name}/commit", format!("/v1/consumers/team/commit?cursor={next}")),
        ("/v1/destinations/{name}/pause", "/v1/destinations/crm/pause".to_owned()),
        ("/v1/destinations/{name}/resume", "/v1/destinations/crm/resume".to_owned()),
        ("/v1/sources/{name}/drift/clear", "/v1/sources/desk/drift/clear".to_owned()),
    ];
    for (path, target) in &deeds {
        let answer = callbox.order(target).await;
        document.judge("POST", path, &answer);
        judged.extend((answer.status == 200).then(|| format!("POST {path}")));
        callbox.clock.advance(SECOND);
    }
    let wish = json!({ "filter": { "source": "shop" }, "dry_run": true }).to_string();
    let headers = [("content-type", "application/json")];
    for (path, target, wish) in [
        ("/v1/replays", "/v1/replays".to_owned(), wish.as_str()),
        ("/v1/events/{id}/replay", format!("/v1/events/{event}/replay"), ""),
    ] {
        let answer =
            http::send(callbox.api, "POST", &target, &headers, wish.as_bytes()).await.unwrap();
        document.judge("POST", path, &answer);
        judged.extend((answer.status == 200).then(|| format!("POST {path}")));
        let replay = answer.json()["id"].as_str().unwrap().to_owned();
        for target in ["/v1/replays".to_owned(), format!("/v1/replays/{replay}")] {
            let path = if target == "/v1/replays" { "/v1/replays" } else { "/v1/replays/{id}" };
            document.judge("GET", path, &callbox.ask(&target).await);
            judged.insert(format!("GET {path}"));
        }
        let answer = callbox.order(&format!("/v1/replays/{replay}/cancel")).await;
        document.judge("POST", "/v1/replays/{id}/cancel", &answer);
        judged.insert("POST /v1/replays/{id}/cancel".to_owned());
    }
    let whom = json!({ "phone": "+12025550199" }).to_string();
    for path in ["/v1/erasures", "/v1/exports"] {
        let answer =
            http::send(callbox.api, "POST", path, &headers, whom.as_bytes()).await.unwrap();
        document.judge("POST", path, &answer);
        judged.extend((answer.status == 200).then(|| format!("POST {path}")));
    }
    let erasures = callbox.until("/v1/erasures", |page| page["data"][0]["state"] == "done").await;
    let erasure = erasures["data"][0]["id"].as_str().unwrap();
    for (path, target) in [
        ("/v1/erasures", "/v1/erasures".to_owned()),
        ("/v1/erasures/{id}", format!("/v1/erasures/{erasure}")),
    ] {
        document.judge("GET", path, &callbox.ask(&target).await);
        judged.insert(format!("GET {path}"));
    }
    // Whoever adds an operation adds a question to it here. The stream has no end, and tests of its own; a reload needs a file.
    judged.insert("GET /v1/events/stream".to_owned());
    judged.insert("POST /v1/reload".to_owned());
    let operations = document.operations();
    let told: BTreeSet<String> =
        operations.iter().map(|(path, method, _)| format!("{method} {path}")).collect();
    let missing: Vec<&String> = told.difference(&judged).collect();
    assert!(missing.is_empty(), "no good answer was judged of {missing:?}");
}

#[tokio::test]
async fn the_document_is_one_of_openapi_3_1_and_its_examples_fit_its_schemas() {
    let callbox = Callbox::start(TWO).await;
    let document = Document::of(&callbox).await;
    assert_eq!(document.0["openapi"], "3.1.0");
    let mut examples = 0;
    for (name, schema) in document.0["components"]["schemas"].as_object().unwrap() {
        let place = json!({ "$ref": format!("#/components/schemas/{name}") });
        let validator = document.validator(&place);
        for example in schema["examples"].as_array().into_iter().flatten() {
            let faults: Vec<String> =
                validator.iter_errors(example).map(|fault| fault.to_string()).collect();
            assert!(faults.is_empty(), "{name}: {faults:#?}");
            examples += 1;
        }
        assert!(!validator.is_valid(&json!(7.5)), "{name} allows everything");
    }
    assert!(examples >= 8, "{examples}");
    for (path, method, told) in document.operations() {
        assert!(!told["summary"].as_str().unwrap().is_empty(), "{method} {path}");
        assert!(told["responses"].as_object().unwrap().len() > 1 || told["security"] == json!([]));
    }
}

#[tokio::test]
async fn the_page_runs_nothing_and_asks_nobody_else() {
    let callbox = Callbox::start(&format!("{KEYED}{TWO}")).await;
    let page = callbox.ask("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(page.text().contains("/v1/messages/{source}/{id}"));
    // Who needs no key reads so, and who needs one too.
    let anonymous = Callbox::start(TWO).await;
    let security = |document: &Value| document["paths"]["/v1/events"]["get"]["security"].clone();
    assert_eq!(security(&callbox.json("/openapi.json").await), json!([{ "key": ["read"] }]));
    assert_eq!(security(&anonymous.json("/openapi.json").await), json!([{ "key": ["read"] }, {}]));
}
