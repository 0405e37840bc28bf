//! The house rules, checked by a program: layers, first sentences, lengths, and that code, fixtures and README agree.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test program: what can't be read or is out of shape fails it"
)]

#[path = "tidy/basis.rs"]
mod basis;
#[path = "tidy/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use callbox::vendor::VENDORS;
use serde_json::Value;
use source::Source;

/// From left to right: a room uses only rooms of a later group, and itself.
const LAYERS: &[&[&str]] = &[
    &["cli", "testing"],
    &["embedded"],
    &["app"],
    &["http"],
    &["receive", "delivery", "replay"],
    &["config"],
    &["store", "vendor"],
    &["domain"],
    &["clock", "random"],
];

/// The room of the log's subscriber: it uses no other room, and only these use it.
const TELEMETRY: &str = "telemetry";
const TELEMETRY_USERS: &[&str] = &["cli", "app"];

/// What only one place may name: the path, the place, and why.
const RESERVED: &[(&str, &str, &str)] = &[
    ("actix_web", "src/http/", "only `http` knows actix; hand the other rooms plain values"),
    ("actix_http", "src/http/", "only `http` knows actix; hand the other rooms plain values"),
    ("web::Bytes", "src/http/body.rs", "the one body reader has cap and deadline; take a `Body`"),
    ("web::Payload", "src/http/body.rs", "the one body reader has cap and deadline; take a `Body`"),
    (
        "rusqlite",
        "src/store/sqlite/",
        "only `store::sqlite` knows rusqlite; ask the `Store` traits",
    ),
    ("std::env", "src/config/", "only `config` reads the environment; take a `Config`"),
    ("env::var", "src/config/", "only `config` reads the environment; take a `Config`"),
    ("SystemTime", "src/clock.rs", "only `clock` asks the time; take a `Clock`"),
    ("Instant::now", "src/clock.rs", "only `clock` asks the time; take a `Clock`"),
    ("Timestamp::now", "src/clock.rs", "only `clock` asks the time; take a `Clock`"),
    ("Zoned::now", "src/clock.rs", "only `clock` asks the time; take a `Clock`"),
];

const FILE_LINES_MAX: usize = 400; // beyond, a file is two
const FIRST_SENTENCE_MAX: usize = 160; // characters; what a newcomer takes in at a glance

/// A kind of callback that every vendor's fixtures must show, and how what must come of it tells.
type FixtureKind = (&'static str, fn(&Value) -> bool);

const FIXTURE_KINDS: &[FixtureKind] = &[
    ("forged (answered 401)", |expected| expected["answer"]["status"] == 401),
    ("unreadable (quarantined)", |expected| expected["quarantined"].is_string()),
    ("duplicate (answered so)", |expected| expected["answer"]["duplicate"] == true),
    ("unknown (an event of that type)", |expected| {
        let mut events = expected["events"].as_array().into_iter().flatten();
        events.any(|event| event["type"] == "unknown")
    }),
];

#[test]
fn a_room_uses_only_rooms_below_it() {
    let mut offences = Vec::new();
    for file in rust_files(&["src"]) {
        let Some(layer) = file.layer() else { continue };
        for (line, used) in file.uses() {
            if !may_use(layer, &used) {
                offences.push(format!("{}:{line}: `{layer}` uses `{used}`", file.path));
            }
        }
    }
    demand("move the code to the room that may know both, or turn the dependency round", &offences);
}

fn may_use(layer: &str, used: &str) -> bool {
    let level = |name: &str| LAYERS.iter().position(|group| group.contains(&name));
    if used == layer {
        return true;
    }
    if used == TELEMETRY {
        return TELEMETRY_USERS.contains(&layer);
    }
    matches!((level(layer), level(used)), (Some(own), Some(other)) if own < other)
}

#[test]
fn every_room_has_a_place_in_the_order_and_on_the_map() {
    let known: BTreeSet<&str> = LAYERS.concat().into_iter().chain([TELEMETRY]).collect();
    let map = read("ARCHITECTURE.md");
    let mut offences = BTreeSet::new();
    for file in rust_files(&["src"]) {
        let Some(layer) = file.layer() else { continue };
        let drawn = [format!("`src/{layer}/`"), format!("`src/{layer}.rs`")];
        if !known.contains(layer) || !drawn.iter().any(|room| map.contains(room)) {
            offences.insert(format!("src/{layer}"));
        }
    }
    let order: Vec<String> = LAYERS.iter().map(|group| group.join(", ")).collect();
    if !map.contains(&format!("\n{}\n", order.join(" → "))) {
        offences.insert(format!("the order is {}", order.join(" → ")));
    }
    demand(
        "let LAYERS in tests/tidy.rs and ARCHITECTURE.md say the same of every room",
        &offences.into_iter().collect::<Vec<_>>(),
    );
}

#[test]
fn actix_sqlite_environment_and_time_are_each_named_in_one_place() {
    let mut offences = Vec::new();
    for file in rust_files(&["src"]) {
        let tokens = file.shipped_tokens();
        for (path, place, remedy) in RESERVED {
            if !file.path.starts_with(place) {
                let lines = source::naming(path, &tokens);
                let told =
                    lines.iter().map(|line| format!("{}:{line}: {path}: {remedy}", file.path));
                offences.extend(told);
            }
        }
    }
    demand("what only one place may name is named elsewhere", &offences);
}

#[test]
fn every_file_begins_with_a_sentence_for_a_newcomer() {
    let mut offences = Vec::new();
    for file in rust_files(&["src", "tests", "benches"]) {
        let paragraph: Vec<&str> =
            file.text.lines().map_while(|line| line.strip_prefix("//! ")).map(str::trim).collect();
        let paragraph = paragraph.join(" ");
        let sentence = paragraph.split_inclusive(". ").next().unwrap_or_default().trim();
        if !sentence.ends_with('.') || sentence.chars().count() > FIRST_SENTENCE_MAX {
            offences.push(format!("{}: {sentence:?}", file.path));
        }
    }
    demand(
        "begin the file with `//! ` and one sentence: what it is for, at most 160 characters, a full stop",
        &offences,
    );
}

#[test]
fn no_file_is_longer_than_a_reader_bears() {
    let offences: Vec<String> = rust_files(&["src", "tests", "benches"])
        .iter()
        .filter(|file| file.text.lines().count() > FILE_LINES_MAX)
        .map(|file| format!("{}: {} lines", file.path, file.text.lines().count()))
        .collect();
    demand("make two files of it, each about one thing", &offences);
}

#[test]
fn nothing_is_left_to_be_done_later() {
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    let mut offences = Vec::new();
    for file in rust_files(&["src", "tests", "benches"]) {
        for (number, line) in file.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                offences.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
        for unfinished in ["todo!", "unimplemented!"] {
            let lines = source::naming(unfinished, &file.tokens());
            offences.extend(lines.iter().map(|line| format!("{}:{line}: {unfinished}", file.path)));
        }
    }
    demand("finish it now, or leave it out and say so in the changelog", &offences);
}

#[test]
fn only_the_registry_and_its_adapters_know_vendors_by_name() {
    let mut offences = Vec::new();
    for file in rust_files(&["src"]) {
        if file.path.starts_with("src/vendor/") {
            continue;
        }
        for token in file.shipped_tokens() {
            // A text for people, with blanks in it, may give an example.
            let text = token.text.to_ascii_lowercase();
            if !text.contains(' ') && VENDORS.iter().any(|vendor| text.contains(vendor.code())) {
                offences.push(format!("{}:{}: {}", file.path, token.line, token.text));
            }
        }
    }
    demand(
        "ask the `Vendor` trait instead: a new vendor needs no other code than its own",
        &offences,
    );
}

#[test]
fn every_vendor_has_fixtures_of_every_kind_and_a_page() {
    let mut offences = Vec::new();
    for vendor in VENDORS {
        let folder = format!("fixtures/{}", vendor.code());
        let files = files_below(&folder);
        if !files.contains(&format!("{folder}/README.md")) {
            offences.push(format!("{folder}/README.md is not there"));
        }
        let golden = files.iter().filter(|file| has_extension(file, "json"));
        let expected: Vec<Value> = golden
            .map(|file| serde_json::from_str(&read(file)).expect("a fixture's answer is JSON"))
            .collect();
        for (kind, shows) in FIXTURE_KINDS {
            if !expected.iter().any(shows) {
                offences.push(format!("{folder}: no fixture of a callback that is {kind}"));
            }
        }
    }
    demand("add the file: fixtures are how an adapter is tested and explained", &offences);
}

#[test]
fn every_folder_of_fixtures_is_a_vendors_and_every_request_has_its_answer() {
    let mut offences = Vec::new();
    let files = files_below("fixtures");
    for file in &files {
        let [_, folder, _, ..] = file.split('/').collect::<Vec<_>>()[..] else { continue };
        if !VENDORS.iter().any(|vendor| vendor.code() == folder) {
            offences.push(format!("{file}: there is no vendor `{folder}`"));
        }
        for (this, other) in [("http", "json"), ("json", "http")] {
            let partner = Path::new(file).with_extension(other).display().to_string();
            if has_extension(file, this) && !files.contains(&partner) {
                offences.push(format!("{file}: {partner} is not there"));
            }
        }
    }
    demand("a fixture is two files in its vendor's folder: NAME.http and NAME.json", &offences);
}

#[test]
fn the_readme_tells_of_every_vendor() {
    let readme = read("README.md");
    let offences: Vec<String> = VENDORS
        .iter()
        .map(|vendor| format!("fixtures/{}/README.md", vendor.code()))
        .filter(|page| !readme.contains(page.as_str()))
        .collect();
    demand("add the vendor to README.md's table, with a link to its page", &offences);
}

#[test]
fn every_link_on_a_page_leads_to_a_file() {
    let mut offences = Vec::new();
    for page in ["README.md", "ARCHITECTURE.md"] {
        let text = read(page);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
            let mut anchors = headings.map(|words| words.to_lowercase().replace(' ', "-"));
            let leads = if file.is_empty() {
                anchors.any(|anchor| anchor == heading)
            } else {
                root().join(file).exists()
            };
            if !leads {
                offences.push(format!("{page}: {target}"));
            }
        }
    }
    demand("put the link right", &offences);
}

#[test]
fn every_command_in_the_readme_exists_with_its_options() {
    let mut offences = Vec::new();
    for line in console_commands(&read("README.md")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ours = match words.as_slice() {
            ["callbox", rest @ ..] => rest,
            ["cargo", "run", rest @ ..] => {
                let dashes = rest.iter().position(|word| *word == "--");
                dashes.map_or(&[][..], |at| &rest[at + 1..])
            }
            _ => continue,
        };
        let is_command = |word: &&&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        let (commands, rest) = ours.split_at(ours.iter().take_while(is_command).count());
        let command = commands.join(" ");
        let help = Command::new(env!("CARGO_BIN_EXE_callbox"))
            .args(commands)
            .arg("--help")
            .output()
            .expect("the program should start");
        let text = String::from_utf8_lossy(&help.stdout);
        if !help.status.success() {
            offences.push(format!("{line}: there is no `callbox {command}`"));
        }
        let options = rest.iter().filter(|word| word.starts_with("--"));
        for option in options.map(|word| word.split('=').next().unwrap_or(word)) {
            if !text.contains(option) {
                offences.push(format!("{line}: `callbox {command}` does not know {option}"));
            }
        }
    }
    demand("put README.md right: what it shows has to work as it stands", &offences);
}

/// The lines behind `$ ` in the console blocks of a page, those that go on after a backslash joined.
fn console_commands(page: &str) -> Vec<String> {
    let joined = page.replace("\\\n", " ");
    let blocks = joined.split("```console\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    lines.filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect()
}

#[test]
fn every_dependency_is_used() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml should be TOML");
    let files = rust_files(&["src", "tests", "benches"]);
    let files: Vec<_> = files.iter().map(Source::tokens).collect();
    let mut offences = Vec::new();
    for section in ["dependencies", "dev-dependencies"] {
        let Some(crates) = manifest.get(section).and_then(toml::Value::as_table) else { continue };
        for name in crates.keys() {
            let path = format!("{}::", name.replace('-', "_"));
            if !files.iter().any(|file| !source::naming(&path, file).is_empty()) {
                offences.push(format!("{name} in [{section}]"));
            }
        }
    }
    demand(
        "take the line out of Cargo.toml: what nobody uses is only built and trusted",
        &offences,
    );
}

/// Fails with what to do and where, if there is anything.
#[track_caller]
fn demand(remedy: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{remedy}:\n  {}\n", offences.join("\n  "));
}

fn rust_files(folders: &[&str]) -> Vec<Source> {
    let paths = folders.iter().flat_map(|folder| files_below(folder));
    let rust = paths.filter(|path| has_extension(path, "rs"));
    rust.map(|path| Source { text: read(&path), path }).collect()
}

/// Every file below a folder, by its path from the repository's root; none if the folder is not there.
fn files_below(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return files };
    for entry in entries {
        let entry = entry.expect("a folder of the repository should be readable");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| {
        unreachable!("{path} should be a readable text file: {error}");
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
