//! Fixtures as traffic: templates, patterns, destinations, copies, new ids, servers that are no callbox, and reports for CI.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use callbox::embedded::Embedded;
use callbox::embedded::stage::written;
use callbox::replay::sink::Sink;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A receipt of the generic vendor's whose time and ids are filled in.
const TEMPLATE: &str = r#"{"id":"{{uuid}}","no":"n-{{seq:5}}","state":"ok","at":"{{now-5m:unix}}","to":"+12025550188","text":"Wait…"}"#;

/// Fixtures in a folder, and `callbox replay` over them.
struct Fixtures(TempDir);

impl Fixtures {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn add(&self, name: &str, body: &str, expected: &Value) -> &Self {
        let request = format!("POST /in/shop HTTP/1.1\nContent-Type: application/json\n\n{body}");
        let mut known = json!({
            "vendor": "generic",
            "source": { "mapping": {
                "id": "/id", "client_ref": "/no", "status": "/state", "time": "/at", "to_phone": "/to",
                "text": "/text", "statuses": { "ok": "delivered" }, "type": "text:receipt",
                "types": { "receipt": "message.status" },
            } },
        });
        for (word, value) in expected.as_object().unwrap() {
            match (word.as_str(), value) {
                ("auth", auth) => known["source"]["auth"] = auth.clone(),
                (word, value) => known[word] = value.clone(),
            }
        }
        fs::write(self.path(&format!("{name}.http")), request).unwrap();
        fs::write(self.path(&format!("{name}.json")), known.to_string()).unwrap();
        self
    }

    fn replay(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
        let output = command.arg("replay").arg(self.0.path()).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }
}

#[test]
fn templates_are_filled_in_and_the_expectation_says_the_same() {
    let fixtures = Fixtures::new();
    let expected = json!({
        "events": [{
            "subject": "{{uuid}}",
            "time": "{{now-5m}}",
            "data": { "message": { "client_ref": "n-{{seq:5}}", "id": { "$regex": "^[0-9a-f-]{36}$" } } },
        }],
        "message": { "id": "{{uuid}}", "times": { "delivered": "{{now-5m}}" } },
    });
    fixtures.add("one", TEMPLATE, &expected);
    let literal = json!({ "template": false, "events": [{ "subject": "{{uuid}}", "data": { "message": { "client_ref": "n-{{seq:5}}" } } }] });
    fixtures.add("two", &TEMPLATE.replace("{{now-5m:unix}}", "1786526157"), &literal);
    let (code, report) = fixtures.replay(&["--embedded"]);
    assert_eq!(code, Some(0), "{report}");
    let strict = json!({ "template": true });
    fixtures.add("three", &TEMPLATE.replace("{{uuid}}", "{{uid}}"), &strict);
    let (code, report) = fixtures.replay(&["--embedded"]);
    assert_eq!(code, Some(1), "{report}");
    assert!(report.contains("three.http: there is no value for `{{uid}}`"), "{report}");
}

#[test]
fn what_a_destination_must_receive_is_compared_and_differences_are_shown() {
    let fixtures = Fixtures::new();
    let body = TEMPLATE.replace("{{now-5m:unix}}", "1786526157");
    let received = json!([{
        "method": "POST", "signed": true, "content_type": "application/json",
        "headers": { "webhook-id": { "$startsWith": "evt_" }, "x-team": "kettle" },
        "body": { "type": "message.delivered", "subject": "{{uuid}}" },
    }]);
    let destination = json!({ "events": ["message.*"], "headers": { "x-team": "kettle" } });
    let good = json!({ "destination": destination, "received": received });
    fixtures.add("good", &body, &good);
    // Nothing new is delivered of what is known.
    fixtures.add(
        "again",
        &body,
        &json!({ "after": ["good"], "received": [], "answer": { "duplicate": true } }),
    );
    fixtures.add(
        "unwanted",
        &body,
        &json!({ "destination": { "events": ["call.*"] }, "received": [] }),
    );
    let (code, report) = fixtures.replay(&["--embedded"]);
    assert_eq!(code, Some(0), "{report}");
    let mut bad = good.clone();
    bad["received"][0]["body"]["type"] = json!("message.deliverex");
    bad["received"][0]["bdy"] = Value::Null;
    fixtures.add("bad", &body, &bad);
    let (code, report) = fixtures.replay(&["--embedded"]);
    assert_eq!(code, Some(1), "{report}");
    for part in ["received[0].body.type", "^\n", "there is no word `bdy` here", "1 differs"] {
        assert!(report.contains(part), "{part} is not in:\n{report}");
    }
}

#[test]
fn copies_new_ids_and_any_order_change_nothing_that_is_expected() {
    let fixtures = Fixtures::new();
    let body = |id: &str| {
        format!(r#"{{"id":"{id}","no":"n-1","state":"ok","at":1786526157,"to":"+12025550188"}}"#)
    };
    for number in 1..=6 {
        let id = format!("message-{number:03}");
        let expected = json!({
            "answer": { "duplicate": null },
            "events": [{ "subject": id, "data": { "message": { "id": id } } }],
            "message": { "id": id, "state": "delivered" },
        });
        fixtures.add(&format!("f{number}"), &body(&id), &expected);
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = json!({ "vendor": "generic", "auth": [{ "type": "none" }], "mapping": {
        "id": "/id", "client_ref": "/no", "status": "/state", "time": "/at", "to_phone": "/to",
        "statuses": { "ok": "delivered" }, "type": "text:receipt", "types": { "receipt": "message.status" } } });
    let sources = Map::from_iter([("shop".to_owned(), source)]);
    let config = written(folder.path(), &sources, &Map::new(), "a test").unwrap();
    let callbox = runtime.block_on(Embedded::start(config)).unwrap();
    let addresses = callbox.addresses();
    let at = ["--to", addresses.push.as_str(), "--api", addresses.api.as_str()];
    let more = [
        "--fresh-ids",
        "--repeat",
        "3",
        "--shuffle",
        "--seed",
        "7",
        "--late=50",
        "--duplicate",
        "2",
        "--concurrency",
        "3",
    ];
    let (code, report) = fixtures.replay(&[&at[..], &more].concat());
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("--seed 7 gives the same again"), "{report}");
    let client = callbox::replay::client::Client::new(addresses.clone()).unwrap();
    let events = runtime.block_on(client.ask("/v1/events?limit=200")).unwrap();
    let subjects: BTreeSet<&str> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["subject"].as_str().unwrap())
        .collect();
    assert_eq!(
        subjects.len(),
        18,
        "each round has ids of its own, and no copy made an event: {subjects:?}"
    );
    // Without new ids the second round is known, which these fixtures do not expect.
    let (code, report) = fixtures.replay(&[&at[..], &["--repeat", "2"]].concat());
    assert_eq!(code, Some(1), "{report}");
    runtime.block_on(callbox.stop()).unwrap();
}

#[test]
fn a_server_that_is_no_callbox_is_judged_by_its_status() {
    let fixtures = Fixtures::new();
    let events = json!({ "events": [{ "type": "message.read" }] });
    let forged = json!({ "answer": { "status": 401 } });
    let signed = json!({ "sign": true, "auth": [{ "type": "bearer", "secrets": ["a-secret-of-some-length"] }] });
    fixtures.add("a", TEMPLATE, &events).add("b", "{}", &forged).add("c", "{}", &signed);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sink = runtime.block_on(Sink::start()).unwrap();
    // The first is the knock on the door.
    sink.answer([200, 200, 401, 500]);
    let to = format!("http://{}", sink.address());
    let (code, report) = fixtures.replay(&["--to", &to, "--api", "http://127.0.0.1:9"]);
    assert_eq!(code, Some(1), "named questions that nobody answers are a failure: {report}");
    sink.answer([200, 200, 200, 401, 500]);
    let before = sink.received().len();
    let (code, report) =
        fixtures.replay(&["--to", &(to.clone() + "/hooks/{vendor}?s={source}"), "--plain"]);
    assert_eq!(code, Some(1), "{report}");
    assert!(report.contains("3 fixtures: "), "{report}");
    let got = sink.received().split_off(before);
    let hooked = got.iter().filter(|request| request.head.path == "/hooks/generic");
    let hooked: Vec<_> = hooked.collect();
    assert_eq!(hooked.len(), 3);
    assert_eq!(hooked[0].head.query, "s=shop");
    assert_eq!(hooked[2].header("authorization"), Some("Bearer a-secret-of-some-length"));
    let filled: Value = hooked[0].json().unwrap();
    assert!(filled["no"].as_str().unwrap().starts_with("n-0000"), "{filled}");
}

#[test]
fn reports_for_programs_say_what_the_screen_says() {
    let fixtures = Fixtures::new();
    let body = TEMPLATE.replace("{{now-5m:unix}}", "1786526157");
    fixtures.add("good", &body, &json!({ "events": [{ "type": "message.delivered" }] }));
    fixtures.add("bad", &body, &json!({ "events": [{ "type": "message.read", "odd": null }] }));
    let (junit, report) = (fixtures.path("junit.xml"), fixtures.path("report.json"));
    let (code, said) = fixtures.replay(&[
        "--embedded",
        "--junit",
        junit.to_str().unwrap(),
        "--report",
        report.to_str().unwrap(),
    ]);
    assert_eq!(code, Some(1), "{said}");
    let junit = fs::read_to_string(junit).unwrap();
    assert!(junit.contains("tests=\"2\" failures=\"1\" errors=\"0\""), "{junit}");
    assert!(junit.contains("events[0].type: expected &quot;message.read&quot;"), "{junit}");
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!((&report["passed"], &report["differ"]), (&json!(1), &json!(1)));
    let pattern = fixtures.path("g*d.http");
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
    let output = command.arg("replay").arg(pattern).arg("--embedded").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 fixture: 1 passed"));
    let gone = Command::new(env!("CARGO_BIN_EXE_callbox"))
        .args(["replay", "no*where", "--embedded"])
        .output();
    assert_eq!(gone.unwrap().status.code(), Some(2));
}
