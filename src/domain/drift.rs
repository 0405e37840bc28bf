//! Drift: what vendors send that their adapters do not know, by names alone, and bounded whatever is sent.

use std::collections::{BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::event::{Draft, EventType};
use super::id::CallbackId;
use crate::clock::Time;

/// Findings that are remembered of one source; more are only counted.
pub const FINDINGS_MAX: usize = 200;

/// Findings that one callback can add; a body of noise must not fill the list alone.
const PER_CALLBACK_MAX: usize = 50;

/// Levels of nesting that a field's name tells; what lies deeper counts as the field on the last level.
const DEPTH_MAX: usize = 6;

/// Members of one object that are told apart; one with more is a table whose keys are data.
const MEMBERS_MAX: usize = 64;

/// The most characters of a key; a longer one is data.
const KEY_MAX: usize = 40;

/// Digits in a key from which on it is data: an id or a phone number.
const DIGITS_MAX: usize = 4;

/// The most characters of a dialect or of a vendor's word.
const WORD_MAX: usize = 64;

/// Where vendors write what kind of event it is, in the order in which they are asked.
const EVENT_WORDS: [&str; 6] =
    ["/eventType", "/event/type", "/event", "/event_type", "/type", "/topic"];

/// What an adapter did not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "DriftKind")]
pub enum Kind {
    /// A field that it left in `extra`.
    Field,
    /// A type of event.
    Type,
    /// A message's status.
    Status,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Field, Self::Type, Self::Status];

    /// The kind's word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Type => "type",
            Self::Status => "status",
        }
    }
}

/// One thing of one dialect that its adapter did not know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[schemars(rename = "DriftFinding")]
pub struct Finding {
    /// The dialect that it was in.
    pub dialect: String,
    /// What it is.
    pub kind: Kind,
    /// A field's path such as `payload.items[].colour`, or the vendor's word for a type or a status.
    pub name: String,
}

/// When and how often something was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "DriftSeen")]
pub struct Seen {
    /// When the first callback with it was received.
    pub first_seen_at: Time,
    /// In how many callbacks it was.
    pub count: u64,
    /// The first callback with it.
    pub example_callback: CallbackId,
}

/// What is known of one source's drift.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    found: HashMap<Finding, Seen>,
    /// Findings that there was no room for, counted each time.
    more: u64,
}

/// What [`Drift::note`] says of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// It was not known before.
    First,
    /// It would be new, but there is no room for it.
    NoRoom,
    /// It was known.
    Known,
}

impl Drift {
    /// The drift that the store remembers.
    #[must_use]
    pub fn remembered(found: impl IntoIterator<Item = (Finding, Seen)>) -> Self {
        Self { found: found.into_iter().take(FINDINGS_MAX).collect(), more: 0 }
    }

    /// What a callback with these findings makes worth writing down: what is new, and counts that reach a power of two. So the
    /// store's counts are never off by more than a half, and a known finding costs a write ever more rarely.
    #[must_use]
    pub fn worth_writing(
        &self,
        findings: &BTreeSet<Finding>,
        callback: CallbackId,
        at: Time,
    ) -> Vec<(Finding, Seen)> {
        let mut room = FINDINGS_MAX.saturating_sub(self.found.len());
        let mut worth = Vec::new();
        for finding in findings {
            if let Some(seen) = self.found.get(finding) {
                let count = seen.count.saturating_add(1);
                if count.is_power_of_two() {
                    worth.push((finding.clone(), Seen { count, ..seen.clone() }));
                }
            } else if room > 0 {
                room -= 1;
                let seen = Seen { first_seen_at: at, count: 1, example_callback: callback };
                worth.push((finding.clone(), seen));
            }
        }
        worth
    }

    /// Counts a finding of a callback that was kept.
    pub fn note(&mut self, finding: &Finding, callback: CallbackId, at: Time) -> Novelty {
        if let Some(seen) = self.found.get_mut(finding) {
            seen.count = seen.count.saturating_add(1);
            return Novelty::Known;
        }
        if self.found.len() >= FINDINGS_MAX {
            self.more = self.more.saturating_add(1);
            return Novelty::NoRoom;
        }
        let seen = Seen { first_seen_at: at, count: 1, example_callback: callback };
        self.found.insert(finding.clone(), seen);
        Novelty::First
    }

    /// Everything that was found, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<(Finding, Seen)> {
        let mut list: Vec<_> =
            self.found.iter().map(|(finding, seen)| (finding.clone(), seen.clone())).collect();
        list.sort_by(|(one, seen), (other, known)| {
            (seen.first_seen_at, one).cmp(&(known.first_seen_at, other))
        });
        list
    }

    /// How often something was found that there was no room for, since the start.
    #[must_use]
    pub fn more(&self) -> u64 {
        self.more
    }
}

/// What of these events the adapter did not know.
#[must_use]
pub fn findings<'a>(drafts: impl IntoIterator<Item = &'a Draft>) -> BTreeSet<Finding> {
    let mut found = BTreeSet::new();
    for draft in drafts {
        let mut add = |kind, name: String| {
            if found.len() < PER_CALLBACK_MAX {
                found.insert(Finding { dialect: word(&draft.data.dialect), kind, name });
            }
        };
        if draft.kind == EventType::Unknown {
            // Everything of it is unknown: its fields one by one would say nothing more.
            let named = event_word(&draft.data.extra).unwrap_or(&draft.data.dialect);
            add(Kind::Type, word(named));
            continue;
        }
        if draft.kind == EventType::MessageStatusUnknown
            && let Some(said) = vendor_state(draft)
        {
            add(Kind::Status, word(said));
        }
        fields(&draft.data.extra, "", DEPTH_MAX, &mut |path| add(Kind::Field, path));
    }
    found
}

fn vendor_state(draft: &Draft) -> Option<&str> {
    let status = draft.data.message.as_ref()?.status.as_ref()?;
    status.vendor_state.as_deref()
}

/// What the vendor calls the event, if the adapter left it in `extra`.
fn event_word(extra: &Map<String, Value>) -> Option<&str> {
    EVENT_WORDS.iter().find_map(|pointer| {
        let mut steps = pointer.split('/').skip(1);
        let first = extra.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))?.as_str()
    })
}

/// Names every field below an object.
fn fields(members: &Map<String, Value>, path: &str, depth: usize, add: &mut impl FnMut(String)) {
    let is_table = members.len() > MEMBERS_MAX;
    for (key, value) in members {
        let key = if is_table || is_data(key) { "*" } else { key };
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        below(value, path, depth, add);
    }
}

fn below(value: &Value, path: String, depth: usize, add: &mut impl FnMut(String)) {
    let Some(depth) = depth.checked_sub(1).filter(|depth| *depth > 0) else { return add(path) };
    match value {
        Value::Object(members) if !members.is_empty() => fields(members, &path, depth, add),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let path = format!("{path}[]");
            for members in items.iter().filter_map(Value::as_object) {
                fields(members, &path, depth, add);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => add(path),
    }
}

/// Whether a key is not a name but an id, a phone number or a text.
fn is_data(key: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$');
    key.is_empty()
        || key.len() > KEY_MAX
        || !key.bytes().all(letter)
        || key.bytes().filter(u8::is_ascii_digit).count() > DIGITS_MAX
}

/// A vendor's word as it can be shown: short, and nothing that a terminal would obey.
fn word(text: &str) -> String {
    let shown =
        |letter: char| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' };
    text.chars().take(WORD_MAX).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::event::{Data, TimeBasis, When};
    use crate::domain::message_part::{MessagePart, Status};

    fn at() -> Time {
        Time::from_millis(0)
    }

    fn draft(kind: EventType, extra: &Value, vendor_state: Option<&str>) -> Draft {
        let status = Status { vendor_state: vendor_state.map(str::to_owned), ..Status::default() };
        let message = MessagePart { status: Some(status), ..MessagePart::default() };
        let data = Data {
            dialect: "receipt".to_owned(),
            message: Some(message),
            extra: extra.as_object().cloned().unwrap_or_default(),
            ..Data::default()
        };
        let when = When { at: at(), basis: TimeBasis::Received };
        Draft { kind, subject: None, when, duplicate_key: String::new(), data }
    }

    #[test]
    fn what_is_not_known_is_named_without_its_values() {
        let many: Map<String, Value> = (0..65).map(|n| (format!("k{n}"), json!(n))).collect();
        let cases = [
            (EventType::MessageSent, json!({}), None, ""),
            (
                EventType::MessageSent,
                json!({"a": 1, "b": {"c": "secret"}}),
                None,
                "field a, field b.c",
            ),
            (
                EventType::MessageSent,
                json!({"l": [{"x": 1}, {"x": 2, "y": 3}], "m": [1]}),
                None,
                "field l[].x, field l[].y, field m",
            ),
            (
                EventType::MessageSent,
                json!({"12025550143": {"n": 1}, "a@b": 1, "": 2}),
                None,
                "field *, field *.n",
            ),
            (EventType::MessageSent, json!({"t": many}), None, "field t.*"),
            (
                EventType::MessageSent,
                json!({"1":{"2":{"3":{"4":{"5":{"6":{"7":1}}}}}}}),
                None,
                "field 1.2.3.4.5.6",
            ),
            (EventType::MessageStatusUnknown, json!({}), Some("sp\u{1b}lit"), "status sp?lit"),
            (EventType::MessageStatusUnknown, json!({"a": 1}), None, "field a"),
            (
                EventType::Unknown,
                json!({"event": "kettle.boiled", "a": 1}),
                None,
                "type kettle.boiled",
            ),
            (EventType::Unknown, json!({"event": {"type": "boiled"}}), None, "type boiled"),
            (EventType::Unknown, json!({"event": 7}), None, "type receipt"),
        ];
        for (kind, extra, vendor_state, expected) in cases {
            let found = findings([&draft(kind, &extra, vendor_state)]);
            let found: Vec<String> =
                found.iter().map(|one| format!("{} {}", one.kind.as_str(), one.name)).collect();
            assert_eq!(found.join(", "), expected, "{extra}");
        }
        let long = draft(EventType::MessageStatusUnknown, &json!({}), Some(&"x".repeat(500)));
        assert!(findings([&long]).iter().all(|one| one.name.len() == WORD_MAX));
    }

    #[test]
    fn each_finding_is_new_once_and_written_ever_more_rarely() {
        let (mut drift, callback) = (Drift::default(), CallbackId::from_bits(1));
        let found = findings([&draft(EventType::MessageSent, &json!({"a": 1}), None)]);
        let mut written = Vec::new();
        for round in 1..=9 {
            let worth = drift.worth_writing(&found, callback, at());
            written.extend(worth.iter().map(|(_, seen)| seen.count));
            let novelty = found.iter().map(|one| drift.note(one, callback, at())).next();
            assert_eq!(novelty == Some(Novelty::First), round == 1);
        }
        assert_eq!(written, [1, 2, 4, 8]);
        assert_eq!(drift.list().first().map(|(_, seen)| seen.count), Some(9));
        let mut again = Drift::remembered(drift.list());
        assert!(found.iter().all(|one| again.note(one, callback, at()) == Novelty::Known));
    }

    #[test]
    fn beyond_its_bound_drift_is_only_counted() {
        let (mut drift, callback) = (Drift::default(), CallbackId::from_bits(1));
        for number in 0..FINDINGS_MAX + 3 {
            let one = Finding {
                dialect: String::new(),
                kind: Kind::Field,
                name: format!("field{number}"),
            };
            let found = BTreeSet::from([one.clone()]);
            let fits = number < FINDINGS_MAX;
            assert_eq!(drift.worth_writing(&found, callback, at()).len(), usize::from(fits));
            assert_eq!(drift.note(&one, callback, at()) == Novelty::First, fits);
        }
        assert_eq!((drift.list().len(), drift.more()), (FINDINGS_MAX, 3));
        let noise: Map<String, Value> = (0..60).map(|n| (format!("f{n}"), json!(n))).collect();
        let crowded = draft(EventType::MessageSent, &Value::Object(noise), None);
        assert_eq!(findings([&crowded]).len(), PER_CALLBACK_MAX);
    }
}
