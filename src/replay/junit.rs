//! A report as `JUnit` XML, the form that CI servers show: a suite for each folder, a case for each fixture.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::judge::Verdict;
use super::report::{Counts, Entry, Report};

/// The report as a `JUnit` document.
#[must_use]
pub fn document(report: &Report) -> String {
    let mut suites: BTreeMap<PathBuf, Vec<(&Path, &Entry)>> = BTreeMap::new();
    for (path, entry) in report.entries() {
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        suites.entry(folder).or_default().push((path, entry));
    }
    let total: Duration = report.entries().map(|(_, entry)| entry.took).sum();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let counts = figures(report.counts(), total);
    let _ = writeln!(text, "<testsuites name=\"callbox replay\"{counts}>");
    for (folder, cases) in suites {
        let name = escaped(&folder.to_string_lossy());
        let mut of_folder = Counts::default();
        let mut took = Duration::ZERO;
        for (_, entry) in &cases {
            of_folder.count(&entry.verdict);
            took += entry.took;
        }
        let _ = writeln!(text, "  <testsuite name=\"{name}\"{}>", figures(of_folder, took));
        for (path, entry) in cases {
            case(path, &name, entry, &mut text);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn figures(counts: Counts, took: Duration) -> String {
    let Counts { passed, differ, skipped, failed } = counts;
    let tests = passed + differ + skipped + failed;
    let seconds = took.as_secs_f64();
    format!(
        " tests=\"{tests}\" failures=\"{differ}\" errors=\"{failed}\" skipped=\"{skipped}\" time=\"{seconds:.3}\""
    )
}

fn case(path: &Path, folder: &str, entry: &Entry, text: &mut String) {
    let name = escaped(&path.file_stem().unwrap_or_default().to_string_lossy());
    let file = escaped(&path.to_string_lossy());
    let seconds = entry.took.as_secs_f64();
    let _ = write!(
        text,
        "    <testcase name=\"{name}\" classname=\"{folder}\" file=\"{file}\" time=\"{seconds:.3}\""
    );
    match &entry.verdict {
        Verdict::Passed => text.push_str("/>\n"),
        Verdict::Differs(differences) => {
            let lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
            let first = escaped(lines.first().map_or("", String::as_str));
            let all = escaped(&lines.join("\n"));
            let _ = writeln!(
                text,
                ">\n      <failure message=\"{first}\" type=\"difference\">{all}</failure>\n    </testcase>"
            );
        }
        Verdict::Skipped(reason) => {
            let reason = escaped(reason);
            let _ = writeln!(text, ">\n      <skipped message=\"{reason}\"/>\n    </testcase>");
        }
        Verdict::Failed(reason) => {
            let reason = escaped(reason);
            let _ = writeln!(
                text,
                ">\n      <error message=\"{reason}\" type=\"failure\">{reason}</error>\n    </testcase>"
            );
        }
    }
}

/// The text as XML 1.0 can hold it, in attributes too.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push(letter),
            // XML 1.0 has no way to write these.
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::compare::Difference;
    use serde_json::json;

    #[test]
    fn every_verdict_has_its_element_and_the_document_is_well_formed() {
        let mut report = Report::default();
        let difference =
            Difference::new("events[0].subject", json!("a\"<\u{1}&"), Some(json!("b")));
        for (name, verdict) in [
            ("passed", Verdict::Passed),
            ("differs", Verdict::Differs(vec![difference])),
            ("skipped", Verdict::Skipped("no <source>".to_owned())),
            ("failed", Verdict::Failed("no answer".to_owned())),
        ] {
            report.add(PathBuf::from(format!("fixtures/a/{name}.http")), verdict);
        }
        let text = document(&report);
        let read = roxmltree::Document::parse(&text).unwrap();
        let root = read.root_element();
        assert_eq!(root.attribute("tests"), Some("4"), "{text}");
        for (name, child) in [("differs", "failure"), ("skipped", "skipped"), ("failed", "error")] {
            let case = root.descendants().find(|node| node.attribute("name") == Some(name));
            assert!(case.unwrap().children().any(|node| node.has_tag_name(child)), "{text}");
        }
    }
}
