//! The story of one message, drawn: who it is of and where it stands, then a line for everything that happened to it.

use std::fmt::Write;

use serde_json::Value;

use super::{error, standing};
use crate::cli::deliveries::outcome;
use crate::cli::events::gist;
use crate::cli::table::{BOLD, DIM, at, colour, harmless, local};

/// The whole story.
pub(super) fn drawn(message: &Value) -> String {
    let state = standing(message);
    let colour = colour(&at(message, "/state"));
    let mut text =
        format!("{BOLD}{}{BOLD:#}  {colour}{state}{colour:#}\n", harmless(&at(message, "/id")));
    let facts = [
        ("source", at(message, "/source")),
        ("instance", at(message, "/instance")),
        ("channel", at(message, "/channel")),
        ("direction", at(message, "/direction")),
        ("from", party(message, "/from")),
        ("to", party(message, "/to")),
        ("conversation", at(message, "/conversation")),
        ("your id", at(message, "/client_ref")),
        ("error", error(message)),
    ];
    for (label, fact) in facts.into_iter().filter(|(_, fact)| !fact.is_empty()) {
        // Writing to a text can't fail, here and below.
        let _ = writeln!(text, "  {label:12}  {}", harmless(&fact));
    }
    text.push('\n');
    let timeline = message.get("timeline").and_then(Value::as_array);
    for happening in timeline.into_iter().flatten() {
        let (sign, what) = told(happening);
        let when = local(&at(happening, "/at"));
        let _ = writeln!(text, "  {DIM}{when}{DIM:#}  {sign}  {what}");
    }
    text
}

/// A party's phone or id, and its name.
fn party(message: &Value, place: &str) -> String {
    let part = |name: &str| at(message, &format!("{place}/{name}"));
    let number = [part("phone"), part("id")].into_iter().find(|text| !text.is_empty());
    [number.unwrap_or_default(), part("name")].join(" ").trim().to_owned()
}

/// The sign and the words for one thing that happened.
fn told(happening: &Value) -> (&'static str, String) {
    match at(happening, "/kind").as_str() {
        "event" => {
            let kind = at(happening, "/event/type");
            let colour = colour(&kind);
            let gist = happening.get("event").map(gist).unwrap_or_default();
            let id = at(happening, "/event/id");
            let words = format!("{colour}{kind}{colour:#}  {}", harmless(&gist));
            ("●", format!("{}  {DIM}{id}{DIM:#}", words.trim_end()))
        }
        "duplicate" => {
            ("○", format!("the vendor repeated it  {DIM}{}{DIM:#}", at(happening, "/callback_id")))
        }
        "delivery" => {
            let (id, state) = (at(happening, "/delivery/id"), at(happening, "/delivery/state"));
            let destination = at(happening, "/delivery/destination");
            let colour = colour(&state);
            let words =
                format!("due to {destination}, now {colour}{state}{colour:#}  {DIM}{id}{DIM:#}");
            ("→", words)
        }
        "attempt" => {
            let attempt = happening.get("attempt").unwrap_or(&Value::Null);
            let colour = colour(&at(attempt, "/outcome"));
            let number = at(attempt, "/number");
            let destination = at(happening, "/destination");
            let is_good = at(attempt, "/outcome") == "succeeded";
            let words = format!(
                "attempt {number} at {destination}: {colour}{}{colour:#}, {} ms",
                outcome(attempt),
                at(attempt, "/duration_ms")
            );
            (if is_good { "✓" } else { "✗" }, words)
        }
        other => ("·", harmless(other)),
    }
}
