//! Every fixture through its vendor's adapter: its events are those of the `.json` beside it.
//!
//! `UPDATE_FIXTURES=1 cargo test vendors` writes what the adapters make of the fixtures today; the diff is the review.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use callbox::clock::Time;
use callbox::domain::callback::{Callback, Head};
use callbox::domain::event::{Draft, Event, TimeBasis};
use callbox::domain::id::{CallbackId, EventId};
use callbox::domain::source::{ReadSettings, Scheme};
use callbox::embedded::stage::stage;
use callbox::replay::compare::compare;
use callbox::replay::find;
use callbox::replay::fixture::{self, Expectation, Fixture};
use callbox::vendor::{self, Reading, authenticity};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// When every fixture is taken to have been received.
const RECEIVED_AT: &str = "2026-08-20T12:00:00.000Z";

#[test]
fn every_fixture_is_read_as_its_golden_file_says() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some_and(|value| value == "1");
    let mut report = Vec::new();
    for file in find::find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")).unwrap() {
        let fixture = match fixture::load(&file) {
            Ok(fixture) => fixture,
            Err(error) => {
                report.push(error.to_string());
                continue;
            }
        };
        if !is_read(&fixture) {
            continue;
        }
        if update {
            write_golden(&fixture);
        } else {
            report
                .extend(judge(&fixture).into_iter().map(|line| format!("{}: {line}", show(&file))));
        }
    }
    assert!(
        report.is_empty(),
        "{}\n\nif the adapters are right: UPDATE_FIXTURES=1 cargo test vendors",
        report.join("\n")
    );
}

/// What differs, a line each.
fn judge(fixture: &Fixture) -> Vec<String> {
    let Some(Expectation { events, quarantined, .. }) = &fixture.expectation else {
        return vec!["has no .json".to_owned()];
    };
    let expected = match (events, quarantined) {
        (None, None) => return vec!["its .json names neither events nor quarantined".to_owned()],
        (None, Some(reason)) => json!({ "quarantined": reason }),
        (Some(events), quarantined) => json!({ "events": events, "quarantined": quarantined }),
    };
    let actual = match read(fixture) {
        Reading::Events(drafts) => {
            json!({ "events": drafts.into_iter().map(event).collect::<Vec<_>>() })
        }
        Reading::Quarantine(reason) => json!({ "events": [], "quarantined": reason }),
    };
    compare("", &expected, Some(&actual)).iter().map(ToString::to_string).collect()
}

/// Whether the adapter gets to see the fixture at all: what is refused at the door does not.
fn is_read(fixture: &Fixture) -> bool {
    let status = fixture.expectation.as_ref().and_then(Expectation::status);
    // What is filled in at sending is another callback each time.
    !fixture.is_templated()
        && status.is_none_or(|status| (200..300).contains(&status))
        && !fixture.expectation.as_ref().is_some_and(|expectation| {
            expectation.source.get("unauthentic_answer").is_some() && expectation.events.is_none()
        })
}

/// What the vendor's adapter makes of the fixture.
fn read(fixture: &Fixture) -> Reading {
    let vendor = vendor::find(fixture.vendor).unwrap();
    let source = fixture.expectation.as_ref().map(|expectation| expectation.source.clone());
    let source = source.unwrap_or_default();
    let callback = callback(fixture, &source);
    let authentic = authenticity::check(&[Scheme::None], &callback, "").unwrap();
    vendor.read(&authentic, &settings(fixture))
}

/// How the fixture's source reads, as the configuration has it that a replay would make of the fixture.
fn settings(fixture: &Fixture) -> ReadSettings {
    let config = stage(&[Arc::new(fixture.clone())], Path::new("no-folder")).unwrap();
    let mut sources = config.sources.into_iter();
    sources.find(|source| source.vendor == fixture.vendor).unwrap().reading
}

fn callback(fixture: &Fixture, source: &Map<String, Value>) -> Callback {
    let request = &fixture.request;
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect();
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut path = request.path().to_owned();
    for token in tokens(source) {
        path = path.replacen(&format!("/{token}"), "", 1);
    }
    Callback {
        id: CallbackId::from_bits(1),
        source: fixture.vendor.parse().unwrap(),
        received_at: RECEIVED_AT.parse().unwrap(),
        head: Head {
            method: request.method.clone(),
            path,
            query: request.query().to_owned(),
            headers,
            token: None,
            remote: None,
        },
        body: request.body.clone(),
    }
}

/// The tokens that the fixture's source takes in its path, which are cut out before an adapter sees it.
fn tokens(source: &Map<String, Value>) -> Vec<String> {
    let schemes = source.get("auth").and_then(Value::as_array).cloned().unwrap_or_default();
    let tokens = schemes.iter().filter(|scheme| scheme["type"] == "token");
    let secrets = tokens.filter_map(|scheme| scheme["secrets"].as_array()).flatten();
    secrets.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The draft as the public event that would come of it.
fn event(draft: Draft) -> Value {
    let received_at: Time = RECEIVED_AT.parse().unwrap();
    let event = Event {
        id: EventId::from_bits(1),
        sequence: 1,
        kind: draft.kind,
        source: draft.data.vendor.parse().unwrap(),
        subject: draft.subject,
        when: draft.when,
        received_at,
        callback_id: Some(CallbackId::from_bits(1)),
        revised: false,
        replaced_by: None,
        folded: None,
        data: draft.data,
    };
    serde_json::to_value(event).unwrap()
}

/// A golden file, in the order in which it is read.
#[derive(Serialize)]
struct Golden<'a> {
    #[serde(flatten)]
    written: Expectation,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<GoldenEvent>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Value>,
}

/// What is the same of an event whenever its callback is read.
#[derive(Serialize)]
struct GoldenEvent {
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Time>,
    data: Value,
}

fn golden_event(draft: Draft) -> GoldenEvent {
    let kind = draft.kind.to_string();
    let subject = draft.subject.clone();
    let time = (draft.when.basis != TimeBasis::Received).then_some(draft.when.at);
    let mut data = event(draft)["data"].take();
    for arrival in ["received_at", "callback_id", "sequence"] {
        data.as_object_mut().unwrap().remove(arrival);
    }
    GoldenEvent { kind, subject, time, data }
}

fn write_golden(fixture: &Fixture) {
    let mut written = fixture.expectation.clone().unwrap_or_default();
    let message = written.message.take();
    (written.events, written.quarantined) = (None, None);
    let reading = read(fixture);
    let golden = match reading {
        Reading::Events(drafts) => {
            let events = drafts.into_iter().map(golden_event).collect();
            Golden { written, events: Some(events), quarantined: None, message }
        }
        Reading::Quarantine(ref reason) => {
            Golden { written, events: None, quarantined: Some(reason), message }
        }
    };
    let path = fixture.path.with_extension("json");
    let text = serde_json::to_string_pretty(&golden).unwrap() + "\n";
    if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
        eprintln!("wrote {}", show(&path));
        fs::write(&path, text).unwrap();
    }
}

fn show(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
