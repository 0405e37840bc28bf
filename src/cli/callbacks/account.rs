//! What became of callbacks that were read again, for people: a few lines for each that changed, and an account of all.

use std::fmt;

use anstyle::{AnsiColor, Style};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::callback::CallbackOutcome;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const BOLD: Style = Style::new().bold();

/// What the API answered for one callback.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    callback: String,
    was: CallbackOutcome,
    outcome: CallbackOutcome,
    reason: Option<String>,
    changed: bool,
    new: Vec<Event>,
    revised: Vec<Revised>,
}

/// Of an event, what fits a line.
#[derive(Debug, Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    subject: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Revised {
    id: String,
    replaces: String,
    differences: Vec<Difference>,
}

#[derive(Debug, Deserialize)]
struct Difference {
    path: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl Told {
    /// Reads an answer of the API's.
    pub(super) fn read(answer: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(answer)
    }
}

impl fmt::Display for Told {
    /// Nothing, if it reads as it did. Texts of vendors are shown as JSON, so that a terminal obeys none of them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.changed && self.reason.is_none() {
            return Ok(());
        }
        write!(formatter, "{BOLD}{}{BOLD:#} {}", self.callback, self.outcome.as_str())?;
        match &self.reason {
            Some(reason) => writeln!(formatter, ": {}", quoted(reason))?,
            None => writeln!(formatter)?,
        }
        for Event { id, kind, subject } in &self.new {
            let subject = subject.as_deref().map(quoted).unwrap_or_default();
            writeln!(formatter, "    new     {id} {kind} {subject}")?;
        }
        for Revised { id, replaces, differences } in &self.revised {
            writeln!(formatter, "    revised {id} for {replaces}")?;
            for Difference { path, before, after } in differences {
                writeln!(formatter, "        {}", quoted(path).trim_matches('"'))?;
                writeln!(formatter, "            before {BAD}{}{BAD:#}", shown(before.as_ref()))?;
                writeln!(formatter, "            after  {GOOD}{}{GOOD:#}", shown(after.as_ref()))?;
            }
        }
        Ok(())
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| escaped(&value.to_string()))
}

fn quoted(text: &str) -> String {
    escaped(&Value::from(text).to_string())
}

/// JSON leaves some characters that terminals obey as they are.
fn escaped(json: &str) -> String {
    let escape = |letter: char| {
        if letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        {
            letter.escape_unicode().to_string()
        } else {
            letter.to_string()
        }
    };
    json.chars().map(escape).collect()
}

fn is_set_aside(outcome: CallbackOutcome) -> bool {
    matches!(outcome, CallbackOutcome::Quarantined | CallbackOutcome::Unauthentic)
}

/// How many callbacks were read again, and what became of them.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    /// They were read again.
    pub(super) read: usize,
    /// They had been set aside, and their events are in the stream now.
    pub(super) released: usize,
    /// They read differently than they did.
    pub(super) revised: usize,
    /// They are still not authentic, or not understood.
    pub(super) set_aside: usize,
    /// They read as they did.
    pub(super) unchanged: usize,
    /// They could not be read again.
    pub(super) failed: usize,
}

impl Account {
    /// Counts one more.
    pub(super) fn add(&mut self, told: &Told) {
        self.read += 1;
        let count = match (is_set_aside(told.was), is_set_aside(told.outcome)) {
            (_, true) => &mut self.set_aside,
            (true, false) => &mut self.released,
            (false, false) if told.changed => &mut self.revised,
            (false, false) => &mut self.unchanged,
        };
        *count += 1;
    }

    /// The account as a sentence.
    pub(super) fn in_words(&self, dry_run: bool) -> String {
        let Self { read, released, revised, set_aside, unchanged, failed } = self;
        let mut text = format!(
            "{read} read again: {GOOD}{released} released{GOOD:#}, {GOOD}{revised} revised{GOOD:#}, {unchanged} as they were, {set_aside} still set aside"
        );
        if *failed > 0 {
            text.extend([", ", &format!("{BAD}{failed} failed{BAD:#}")]);
        }
        if dry_run {
            text.push_str("; a dry run, nothing was changed");
        }
        text
    }
}
