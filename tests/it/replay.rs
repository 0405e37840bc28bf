//! The program replays fixtures: what is as expected passes, every difference is found and shown, and exit codes tell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use callbox::app::{self, Surroundings};
use callbox::config::Config;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const RECEIPT: &str = r#"{"namespace":"ChatApps","eventType":"outbound_message_status_changed","description":"","payload":{"umid":"4f290edb-0000-4000-8000-000000000001","subAccountId":"kettle_shop_hq","timestamp":"2026-08-12T09:15:57.00Z","status":{"state":"delivered","detail":"delivered_to_recipient","timestamp":"2026-08-12T09:15:57.00Z"},"user":{"msisdn":"+12025550188"},"channel":"whatsapp"}}"#;

/// A folder with fixtures of Wavecell's.
struct Fixtures(TempDir);

impl Fixtures {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("wavecell")).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Adds a fixture; `head` goes between the request line and the body.
    fn add(&self, name: &str, head: &str, expected: &Value) -> &Self {
        let request = format!("POST /in/wavecell HTTP/1.1\n{head}\n{RECEIPT}");
        fs::write(self.path(&format!("wavecell/{name}.http")), request).unwrap();
        fs::write(self.path(&format!("wavecell/{name}.json")), expected.to_string()).unwrap();
        self
    }

    /// `callbox replay` of all of them: its exit code, and what it said on stdout and stderr.
    fn replay(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        replay(self.0.path(), arguments)
    }
}

fn replay(path: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
    let output = command.arg("replay").arg(path).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn delivered() -> Value {
    json!({
        "events": [{
            "type": "message.delivered",
            "source": "wavecell",
            "data": { "callback_id": "…", "message": { "status": { "state": "delivered" } } },
        }],
        "message": { "state": "delivered", "contradictory": false },
    })
}

#[test]
fn what_is_as_expected_passes_and_each_fixture_has_a_store_of_its_own() {
    let fixtures = Fixtures::new();
    let mut repeated = delivered();
    repeated["after"] = json!(["first"]);
    repeated["answer"] = json!({ "status": 200, "duplicate": true });
    let mut first = delivered();
    first["answer"] = json!({ "status": 200, "duplicate": null });
    fixtures.add("again", "", &repeated).add("first", "", &first);
    let (code, report, errors) = fixtures.replay(&["--embedded"]);
    assert_eq!((code, report.trim(), errors.as_str()), (Some(0), "2 fixtures: 2 passed", ""));
}

#[test]
fn a_changed_letter_in_an_expectation_is_found_and_shown() {
    let fixtures = Fixtures::new();
    let mut changed = delivered();
    changed["events"][0]["data"]["message"]["status"]["state"] = json!("deliverex");
    fixtures.add("changed", "", &changed).add("right", "", &delivered());
    let (code, report, _) = fixtures.replay(&["--embedded"]);
    assert_eq!(code, Some(1), "{report}");
    for part in [
        "wavecell/changed.http",
        "events[0].data.message.status.state\n",
        "expected \"deliverex\"\n",
        "got      \"delivered\"\n",
        "2 fixtures: 1 passed, 1 differs",
    ] {
        assert!(report.contains(part), "{part} is not in:\n{report}");
    }
}

#[test]
fn each_kind_of_expectation_can_fail() {
    let cases = [
        (json!({ "answer": { "status": 401 } }), "answer.status"),
        (json!({ "answer": { "duplicate": true } }), "answer.duplicate"),
        (json!({ "answer": { "surprise": "…" } }), "answer.surprise"),
        (json!({ "events": [] }), "events.length"),
        (json!({ "quarantined": "…" }), "quarantined"),
        (json!({ "message": { "state": "read" } }), "message.state"),
        (json!({ "message": { "id": "another" } }), "message"),
    ];
    let fixtures = Fixtures::new();
    for (index, (expected, _)) in cases.iter().enumerate() {
        fixtures.add(&index.to_string(), "", expected);
    }
    let (code, report, _) = fixtures.replay(&["--embedded", "--json"]);
    assert_eq!(code, Some(1));
    let report: Value = serde_json::from_str(&report).unwrap();
    for (index, (_, path)) in cases.iter().enumerate() {
        let differences = report["fixtures"][index]["differences"].as_array().unwrap();
        assert_eq!(differences.len(), 1, "{report:#}");
        assert_eq!(differences[0]["path"], *path);
    }
}

#[test]
fn a_broken_fixture_fails_by_name_and_the_others_are_still_judged() {
    let fixtures = Fixtures::new();
    fixtures.add("odd", "", &json!({ "evnts": [] })).add("right", "", &delivered());
    fixtures.add("lonely", "", &json!({ "after": ["gone"] }));
    let (code, report, _) = fixtures.replay(&["--embedded"]);
    assert_eq!(code, Some(1));
    for part in ["odd.json: unknown field `evnts`", "`gone`", "3 fixtures: 1 passed, 2 failed"] {
        assert!(report.contains(part), "{part} is not in:\n{report}");
    }
}

#[test]
fn wrong_arguments_end_with_2() {
    let fixtures = Fixtures::new();
    let (code, _, errors) = fixtures.replay(&["--embedded"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("no fixtures"), "{errors}");
    fixtures.add("right", "", &delivered());
    for arguments in
        [&["--embedded", "--to", "http://127.0.0.1:1"][..], &["--rate", "0"], &["--config", "gone"]]
    {
        assert_eq!(fixtures.replay(arguments).0, Some(2), "{arguments:?}");
    }
    assert_eq!(replay(&fixtures.path("gone"), &["--embedded"]).0, Some(2));
}

#[test]
fn a_server_that_is_not_there_is_a_failure() {
    let fixtures = Fixtures::new();
    fixtures.add("right", "", &delivered());
    let (code, _, errors) = fixtures.replay(&["--to", "http://127.0.0.1:1"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("nothing answers there") && errors.contains("127.0.0.1:1"), "{errors}");
}

#[test]
fn a_running_callbox_is_sent_to_as_its_sources_are_configured() {
    let fixtures = Fixtures::new();
    let forged = json!({
        "source": { "auth": [{ "type": "bearer", "secrets": ["another"] }] },
        "answer": { "status": 401 },
    });
    let bearer = "Authorization: Bearer forged\n";
    let mut read = json!({ "after": ["right"], "message": { "state": "read" } });
    read["events"] = json!([{ "type": "message.read" }]);
    fixtures.add("forged", bearer, &forged).add("right", "", &delivered());
    fixtures.add("then_read", "", &read);
    let recorded = fs::read_to_string(fixtures.path("wavecell/then_read.http")).unwrap();
    let recorded = recorded.replace(r#""delivered""#, r#""read""#);
    fs::write(fixtures.path("wavecell/then_read.http"), recorded).unwrap();
    let config = fixtures.path("callbox.toml");
    let text = json!({
        "server": { "listen": "127.0.0.1:0" },
        "api": { "listen": "127.0.0.1:0", "anonymous": "loopback" },
        "store": { "path": fixtures.path("callbox.db") },
        "sources": { "wavecell": {
            "vendor": "wavecell",
            "auth": [
                { "type": "token", "secrets": ["a-token-of-some-length"] },
                { "type": "hmac", "header": "x-signature", "algorithm": "sha256", "encoding": "hex",
                  "secrets": ["a-secret-of-some-length"] },
            ],
        } },
    });
    fs::write(&config, toml::to_string(&text).unwrap()).unwrap();

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let loaded = Config::load(&config).unwrap();
    let app = runtime.block_on(app::build(loaded, Surroundings::of_the_machine())).unwrap();
    let to = format!("http://{}", app.vendors_address());
    let api = format!("http://{}", app.api_address());
    let stop = CancellationToken::new();
    let running = runtime.spawn(app.run_until(stop.clone(), CancellationToken::new()));

    let config = config.to_str().unwrap();
    let (code, report, errors) =
        fixtures.replay(&["--to", &to, "--api", &api, "--config", config, "--repeat", "2"]);
    assert_eq!(code, Some(0), "{report}{errors}");
    assert!(report.contains("3 fixtures: 2 passed, 1 skipped"), "{report}");
    assert!(report.contains("forged.http: it needs a source with its own `auth`"), "{report}");

    let (code, report, _) = fixtures.replay(&["--to", &to, "--api", &api]);
    assert_eq!(code, Some(1), "sent as recorded, nothing proves where it is from: {report}");
    assert!(report.contains("1 passed, 2 differ") && report.contains("got      401"), "{report}");

    stop.cancel();
    runtime.block_on(running).unwrap().unwrap();
}
