//! What `callbox destinations test` shows: every condition on a line of its own, with what the event has in its place.

use std::fmt::Write;

use serde_json::Value;

use crate::cli::table::{BOLD, at, colour, harmless};

/// The most characters of a value that are shown.
const SHOWN_MAX: usize = 80;

/// The answer in lines.
pub(super) fn told(answer: &Value) -> String {
    let wanted = answer.get("wanted") == Some(&Value::Bool(true));
    let verdict = if wanted { "wants" } else { "does not want" };
    let style = colour(if wanted { "succeeded" } else { "failed" });
    let mut text = format!(
        "{BOLD}{}{BOLD:#} {style}{verdict}{style:#} {}\n",
        harmless(&at(answer, "/destination")),
        harmless(&at(answer, "/event")),
    );
    for check in list(answer, "checks") {
        let name = at(check, "/check");
        let actual = check.get("actual").map(|actual| format!(": {}", short(actual)));
        let configured = check.get("expected").map(short).unwrap_or_default();
        let configured = if name == "filter" { String::new() } else { format!(" of {configured}") };
        let reason = at(check, "/reason");
        let reason = if reason.is_empty() { reason } else { format!(" ({})", harmless(&reason)) };
        line(
            &mut text,
            1,
            check,
            &format!("{name}{}{configured}{reason}", actual.unwrap_or_default()),
        );
        clauses(&mut text, 2, check);
    }
    text
}

fn clauses(text: &mut String, depth: usize, of: &Value) {
    for clause in list(of, "clauses") {
        let mut words: Vec<String> = [at(clause, "/path"), at(clause, "/operator")]
            .iter()
            .map(|part| harmless(part))
            .collect();
        words.extend(clause.get("expected").map(short));
        if clause.get("clauses").is_none() {
            words.push(clause.get("actual").map_or("(it has none)".to_owned(), |actual| {
                format!("(it has {})", short(actual))
            }));
        }
        words.retain(|word| !word.is_empty());
        line(text, depth, clause, &words.join(" "));
        clauses(text, depth + 1, clause);
    }
}

/// A line that begins with how it went.
fn line(text: &mut String, depth: usize, of: &Value, words: &str) {
    let matched = of.get("matched") == Some(&Value::Bool(true));
    let (mark, style) =
        if matched { ("✓", colour("succeeded")) } else { ("✗", colour("failed")) };
    // Writing to a text can't fail.
    let _ = writeln!(text, "{:1$}{style}{mark}{style:#} {words}", "", 2 * depth);
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// A value as JSON in one line, cut where it is long.
fn short(value: &Value) -> String {
    let text = harmless(&value.to_string());
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    text.chars().take(SHOWN_MAX - 1).chain(['…']).collect()
}
