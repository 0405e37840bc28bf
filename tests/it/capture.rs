//! Captured fixtures: they pass at once, and nothing in them is anybody's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use callbox::embedded::Embedded;
use callbox::embedded::stage::written;
use callbox::replay::client::Client;
use callbox::replay::collection::Collection;
use callbox::replay::fixture::Fixture;
use serde_json::{Map, Value, json};

/// A callbox that took fixtures, each at a source that is configured as the fixture needs it.
struct Taken {
    runtime: tokio::runtime::Runtime,
    callbox: Embedded,
    _folder: tempfile::TempDir,
}

impl Taken {
    fn of(paths: &[PathBuf]) -> Self {
        let collection = Collection::load(paths).unwrap();
        let mut order = Vec::new();
        for fixture in collection.chosen() {
            for fixture in collection.chain(fixture).unwrap() {
                let known = |one: &&std::sync::Arc<Fixture>| one.path == fixture.path;
                if !order.iter().any(|one| known(&one)) {
                    order.push(fixture);
                }
            }
        }
        let mut sources: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        let mut requests = Vec::new();
        for fixture in &order {
            let mut settings = Map::from_iter([("auth".to_owned(), json!([{ "type": "none" }]))]);
            settings.extend(fixture.expectation.iter().flat_map(|known| known.source.clone()));
            settings.insert("vendor".to_owned(), fixture.vendor.into());
            let known = sources.iter().find(|(_, known)| **known == settings);
            let name = known.map_or(format!("s{}", sources.len()), |(name, _)| name.clone());
            requests.push(fixture.request.addressed_to(&name));
            sources.insert(name, settings);
        }
        let sources = sources.into_iter().map(|(name, settings)| (name, settings.into())).collect();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = written(folder.path(), &sources, &Map::new(), "a test").unwrap();
        let callbox = runtime.block_on(Embedded::start(config)).unwrap();
        let client = Client::new(callbox.addresses()).unwrap();
        for request in requests {
            runtime.block_on(client.push(&request)).unwrap();
        }
        Self { runtime, callbox, _folder: folder }
    }

    fn capture(&self, out: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
        command.args(["capture", "--api", self.callbox.addresses().api.as_str(), "--out"]);
        let output = command.arg(out).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    fn stop(self) {
        self.runtime.block_on(self.callbox.discard()).unwrap();
    }
}

fn replay_passes(folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callbox"));
    let output = command.arg("replay").arg(folder).arg("--embedded").output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{}", report.chars().take(6_000).collect::<String>());
    report
}

/// Every file of a folder, with what is in it.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found
}

/// Phone numbers, names and texts that the events of the shipped fixtures have.
fn originals() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let collection = Collection::load(&[root().join("fixtures")]).unwrap();
    for fixture in collection.chosen() {
        for event in fixture.expectation.iter().flat_map(|known| known.events.iter().flatten()) {
            let message = &event["data"]["message"];
            let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
            for side in ["/from", "/to"] {
                found.extend(text(&format!("{side}/phone")).map(|phone| phone.replace('+', "")));
                let name = text(&format!("{side}/name")).filter(|name| name.chars().count() >= 4);
                found.extend(name.map(str::to_owned));
            }
            let said = text("/content/text").filter(|said| said.len() >= 8 && said.contains(' '));
            found.extend(said.map(str::to_owned));
        }
    }
    found.retain(|one| one.chars().any(char::is_alphanumeric));
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_all_vendors_send_is_captured_passes_at_once_and_names_nobody() {
    let originals = originals();
    assert!(originals.len() > 50, "{originals:?}");
    let taken = Taken::of(&[root().join("fixtures")]);
    let folder = tempfile::tempdir().unwrap();
    let said = taken.capture(folder.path(), &["--seed", "1"]);
    taken.stop();
    assert!(said.contains("fixtures written to"), "{said}");
    replay_passes(folder.path());
    let mut left = Vec::new();
    for (path, bytes) in files(folder.path()) {
        let text = String::from_utf8_lossy(&bytes);
        for original in originals.iter().filter(|original| text.contains(original.as_str())) {
            left.push(format!("{}: {original}", path.file_name().unwrap().display()));
        }
    }
    assert!(left.is_empty(), "{} left:\n{}", left.len(), left.join("\n"));
}

#[test]
fn one_number_is_the_same_other_one_everywhere_and_what_is_kept_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let body = |id: &str, phone: &str, text: &str| {
        format!(
            "POST /in/wachat HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\n\
             id={id}&gateway_number=12025550100&originator={phone}&receive_date=2026-08-12+10%3A15%3A30&msg={text}"
        )
    };
    let vendor = json!({
        "vendor": "wachat",
        "source": { "timezone": "Asia/Jakarta", "auth": [{ "type": "token", "secrets": ["a-token-of-some-length"] }] },
    });
    for (name, id, text) in [
        ("a", "19044170", "Call+6281234567890"),
        ("b", "19044171", "Hello+there"),
        ("c", "19044170", "Call+6281234567890"),
    ] {
        let request = body(id, "6281234567890", text)
            .replace("/in/wachat", "/in/wachat/a-token-of-some-length");
        fs::write(path(&format!("{name}.http")), request).unwrap();
        fs::write(path(&format!("{name}.json")), vendor.to_string()).unwrap();
    }
    let taken = Taken::of(&[folder.path().to_owned()]);
    let out = tempfile::tempdir().unwrap();
    let said = taken.capture(out.path(), &["--keep", "msg", "--type", "message.*"]);
    assert!(
        said.contains("2 fixtures written") && said.contains("1 left out: of another type"),
        "{said}"
    );
    // A second time into the same folder: nothing is overwritten, and a copy goes after what it repeats.
    taken.capture(out.path(), &["--raw"]);
    taken.stop();
    assert_eq!(replay_passes(out.path()).trim(), "5 fixtures: 5 passed");
    let mut numbers = BTreeSet::new();
    for (path, bytes) in files(out.path()) {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("a-token-of-some-length"), "{}: {text}", path.display());
        let scrubbed = !text.contains("originator=6281234567890");
        if let Some((_, rest)) = text.split_once("originator=").filter(|_| scrubbed) {
            numbers.insert(rest.split('&').next().unwrap().to_owned());
            assert!(text.contains("msg=Hello+there") || text.contains("msg=Call+6281234567890"));
        }
        if path.extension().unwrap() == "json" && text.contains("_again") {
            assert!(text.contains("duplicate"), "{text}");
        }
    }
    assert_eq!(numbers.len(), 1, "{numbers:?}");
    let number = numbers.first().unwrap();
    assert!(
        number.starts_with("6281") && number.len() == 13 && number != "6281234567890",
        "{number}"
    );
}
