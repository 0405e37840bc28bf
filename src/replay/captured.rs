//! A fixture made of a callback that a server kept: scrubbed, with the present events as what must come of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::compare::compare;
use super::fixture::Expectation;
use super::golden::{Reader, without_arrival};
use super::request::Request;
use super::scrub::Scrubber;
use super::template;
use crate::vendor::Reading;

/// A callback as the API shows it, with its bytes and its events.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What was sent.
    pub request: Request,
    /// Why it was not read, where it was not.
    pub quarantined: Option<String>,
    /// Its events, as the API shows them.
    pub events: Vec<Value>,
    /// Whether it made nothing new.
    pub is_duplicate: bool,
}

/// A fixture that is to be written.
#[derive(Debug)]
pub struct Captured {
    /// Its name without the number: what it is.
    pub what: String,
    /// What is sent.
    pub request: Request,
    /// What must come of it.
    pub expectation: Expectation,
    /// Whether it means the same as the original.
    pub is_faithful: bool,
}

/// Makes fixtures, one after the other.
#[derive(Debug)]
pub struct Capture {
    scrubber: Option<Scrubber>,
    /// By source and duplicate key, the fixture in which an event came first.
    first: BTreeMap<(String, String), String>,
}

impl Capture {
    /// A capture that scrubs, or one that leaves everything as it is.
    #[must_use]
    pub fn new(scrubber: Option<Scrubber>) -> Self {
        Self { scrubber, first: BTreeMap::new() }
    }

    /// Notes what occurs, before anything is scrubbed.
    pub fn note(&mut self, kept: &Kept) {
        if let Some(scrubber) = &mut self.scrubber {
            scrubber.note(&kept.request);
        }
    }

    /// The fixture of a callback. `reader` reads as its source does; `name` makes a file's name of what it is.
    pub fn capture(
        &mut self,
        kept: &Kept,
        reader: &Reader,
        source: &Map<String, Value>,
        name: impl FnOnce(&str) -> String,
    ) -> (String, Captured) {
        let original = reader.read(&kept.request);
        let (request, is_faithful) = match &mut self.scrubber {
            Some(scrubber) => scrubber.request(&kept.request, |request| reader.meaning(request)),
            None => (kept.request.clone(), true),
        };
        let what = what(kept, original.as_ref());
        let name = name(&what);
        let mut expectation = Expectation {
            vendor: Some(reader.vendor.to_owned()),
            source: source.clone(),
            sign: source.contains_key("auth"),
            ..Expectation::default()
        };
        self.expect(kept, reader, original.as_ref(), &request, &mut expectation);
        self.follow(kept, reader, original, &name, &mut expectation);
        let text = serde_json::to_vec(&expectation).unwrap_or_default();
        let has_words = {
            let mut heads = request.headers.iter().map(|(_, value)| value).chain([&request.target]);
            template::has_words(&request.body)
                || template::has_words(&text)
                || heads.any(|text| template::has_words(text.as_bytes()))
        };
        if has_words {
            expectation.template = Some(false);
        }
        (name, Captured { what, request, expectation, is_faithful })
    }

    /// What must come of it. Where today's adapter reads the original as the server did, that is what it makes of the fixture; where it
    /// does not, it is what the server says, scrubbed, and the replay shows the difference.
    fn expect(
        &mut self,
        kept: &Kept,
        reader: &Reader,
        original: Option<&Reading>,
        request: &Request,
        expectation: &mut Expectation,
    ) {
        let reads_the_same = match original {
            Some(Reading::Events(drafts)) => {
                let golden = Value::Array(reader.golden(drafts));
                let shown = kept.events.iter().map(without_arrival).collect::<Vec<_>>();
                // A duplicate is kept without events of its own, and a batch without those that were known.
                kept.quarantined.is_none()
                    && (kept.events.len() < drafts.len()
                        || compare("", &golden, Some(&Value::Array(shown))).is_empty())
            }
            Some(Reading::Quarantine(reason)) => kept.quarantined.as_ref() == Some(reason),
            None => false,
        };
        match reader.read(request).filter(|_| reads_the_same) {
            Some(Reading::Events(drafts)) => expectation.events = Some(reader.golden(&drafts)),
            Some(Reading::Quarantine(reason)) => {
                expectation.events = Some(Vec::new());
                expectation.quarantined = Some(reason.into());
            }
            None => {
                let shown = kept.events.iter().map(without_arrival).collect::<Vec<_>>();
                expectation.events = Some(self.scrubbed(shown));
                expectation.quarantined = kept.quarantined.as_ref().map(|_| "…".into());
            }
        }
    }

    fn scrubbed(&mut self, events: Vec<Value>) -> Vec<Value> {
        let Some(scrubber) = &mut self.scrubber else { return events };
        let text = scrubber.json(&Value::Array(events).to_string());
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Lets a duplicate go after the fixture that it repeats.
    fn follow(
        &mut self,
        kept: &Kept,
        reader: &Reader,
        original: Option<Reading>,
        name: &str,
        expectation: &mut Expectation,
    ) {
        let Some(Reading::Events(drafts)) = original else { return };
        let source = reader.source.as_str();
        let keys = drafts.iter().map(|draft| {
            // With the same key but another content it would be a revision, which makes an event.
            let content = serde_json::to_string(&draft.data).unwrap_or_default();
            (source.to_owned(), format!("{} {} {content}", draft.kind, draft.duplicate_key))
        });
        let keys: Vec<_> = keys.collect();
        if kept.is_duplicate && !keys.is_empty() {
            let firsts: Option<Vec<String>> =
                keys.iter().map(|key| self.first.get(key).cloned()).collect();
            if let Some(mut firsts) = firsts {
                firsts.sort();
                firsts.dedup();
                expectation.after = firsts;
                expectation.answer = json!({ "duplicate": true }).as_object().cloned();
            }
        }
        for key in keys {
            self.first.entry(key).or_insert_with(|| name.to_owned());
        }
    }
}

/// The type of the first event, or what became of it.
fn what(kept: &Kept, original: Option<&Reading>) -> String {
    if kept.quarantined.is_some() {
        return "quarantined".to_owned();
    }
    let shown = kept.events.first().and_then(|event| event.get("type")?.as_str());
    let read = match original {
        Some(Reading::Events(drafts)) => drafts.first().map(|draft| draft.kind.as_str()),
        Some(Reading::Quarantine(_)) | None => None,
    };
    let what = shown.or(read).unwrap_or("nothing").replace('.', "_");
    if kept.is_duplicate { format!("{what}_again") } else { what }
}
