//! Every fixture says how its form is known, in a word that its vendor's page has for its dialect.

use std::collections::BTreeSet;

use callbox::vendor::VENDORS;
use serde_json::Value;

use super::{demand, files_below, has_extension, read};

const WORDS: &[&str] = &["documented", "seen", "inferred", "invented"];

/// A row of the table under `## Basis`: patterns of dialects, and the words that their fixtures may say.
struct Row {
    dialects: Vec<String>,
    words: Vec<String>,
}

#[test]
fn every_fixture_says_how_it_is_known_as_its_vendors_page_does() {
    let mut offences = Vec::new();
    for vendor in VENDORS {
        let folder = format!("fixtures/{}", vendor.code());
        let page = format!("{folder}/README.md");
        let rows = rows(&read(&page));
        let mut said = BTreeSet::new();
        for file in files_below(&folder).iter().filter(|file| has_extension(file, "json")) {
            let golden: Value =
                serde_json::from_str(&read(file)).expect("a fixture's answer is JSON");
            let Some(basis) = golden["basis"].as_str().filter(|word| WORDS.contains(word)) else {
                offences.push(format!("{file}: lacks `basis`: one of {}", WORDS.join(", ")));
                continue;
            };
            let dialects = dialects(&golden);
            let fits = |row: &&Row| row.words.iter().any(|word| word == basis);
            let mut known = dialects.iter().filter_map(|dialect| row_of(&rows, dialect));
            // What is refused or not understood has no dialect, only a vendor.
            let agrees = if dialects.is_empty() {
                rows.iter().any(|row| fits(&row))
            } else {
                known.any(|row| fits(&row))
            };
            if !agrees {
                let told = dialects.into_iter().collect::<Vec<_>>().join(", ");
                offences.push(format!("{file}: `{basis}`, but {page} does not say so of `{told}`"));
            }
            said.insert(basis.to_owned());
        }
        let words: BTreeSet<String> = rows.into_iter().flat_map(|row| row.words).collect();
        for word in words.difference(&said) {
            offences.push(format!("{page}: `{word}` is under Basis, but no fixture says it"));
        }
    }
    demand("let `basis` and the table under `## Basis` in the vendor's README.md agree", &offences);
}

/// The dialects of the events that come of a fixture.
fn dialects(golden: &Value) -> BTreeSet<&str> {
    let events = golden["events"].as_array().into_iter().flatten();
    events.filter_map(|event| event["data"]["dialect"].as_str()).collect()
}

/// The row that names a dialect most closely.
fn row_of<'a>(rows: &'a [Row], dialect: &str) -> Option<&'a Row> {
    let closeness = |row: &Row| {
        let fitting = row.dialects.iter().filter(|pattern| fits(pattern, dialect));
        fitting.map(String::len).max()
    };
    let named = rows.iter().filter_map(|row| Some((closeness(row)?, row)));
    named.max_by_key(|(closeness, _)| *closeness).map(|(_, row)| row)
}

/// Whether a dialect is the pattern's, in which one `*` may stand for anything.
fn fits(pattern: &str, dialect: &str) -> bool {
    pattern.split_once('*').map_or(pattern == dialect, |(before, behind)| {
        dialect.strip_prefix(before).is_some_and(|rest| rest.ends_with(behind))
    })
}

fn rows(page: &str) -> Vec<Row> {
    let section = page.split("## Basis\n").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with("| `"));
    let rows = lines.map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let dialects = cells.next().unwrap_or_default().split('`').skip(1).step_by(2);
        let words = cells.next().unwrap_or_default().split(", ");
        Row {
            dialects: dialects.map(str::to_owned).collect(),
            words: words.map(str::to_owned).collect(),
        }
    });
    rows.collect()
}
