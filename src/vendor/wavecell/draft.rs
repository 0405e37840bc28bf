//! What the readers of all shapes share: how a draft is begun and finished, what can be wrong, and how members are carried over.

use serde_json::{Map, Value};

use super::arrival::Arrival;
use crate::domain::event::{Data, Draft, EventType, When};
use crate::vendor::read::fields::clean;
use crate::vendor::read::{Fields, times};

/// The vendor's code.
pub(super) const VENDOR: &str = "wavecell";

/// Why a callback goes into the quarantine.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// It is not what its content type or first character says.
    #[error("{0}")]
    Malformed(String),
    /// It is JSON, but says nothing by name.
    #[error("the body is JSON, but not an object")]
    NotAnObject,
    /// The id of what it is about is not there; the path of the member.
    #[error("`{0}` is missing")]
    Missing(String),
    /// It holds more events than one callback may.
    #[error("the body holds too many events for one callback")]
    TooMany,
}

impl Fault {
    /// The fault of a member that is not there.
    pub(super) fn missing(path: &str) -> Self {
        Self::Missing(path.to_owned())
    }

    /// The same fault, seen from the object around.
    pub(super) fn inside(self, outer: &str) -> Self {
        if let Self::Missing(path) = self { Self::Missing(format!("{outer}.{path}")) } else { self }
    }
}

/// The beginning of an event; the reader adds what its shape says, [`enveloped`] and [`flat`] add the rest.
pub(super) fn event(kind: EventType, subject: Option<String>, when: When, key: String) -> Draft {
    let data = Data { vendor: VENDOR.to_owned(), ..Data::default() };
    Draft { kind, subject, when, duplicate_key: key, data }
}

/// An event that nobody knows: everything it says is in `extra`, and equal bodies are the same event.
pub(super) fn unknown(body: Fields, arrival: &Arrival<'_>) -> Draft {
    let when = times::received(arrival.received_at);
    let mut draft = event(EventType::Unknown, None, when, canonical(&body));
    "unknown".clone_into(&mut draft.data.dialect);
    draft.data.extra = body.into_extra();
    draft
}

/// Any value as fields, so that it can be kept in `extra`.
pub(super) fn wrapped(value: Value) -> Fields {
    if let Value::Object(members) = value {
        return Fields::new(members);
    }
    Fields::new(Map::from_iter([("value".to_owned(), value)]))
}

/// Takes the envelope's noise; the dialect carries what it says: the family, and the version where one is given.
pub(super) fn dialect(body: &mut Fields, family: &str) -> String {
    for noise in ["namespace", "eventType", "description"] {
        body.text(noise);
    }
    let version = body.peek("version").and_then(|version| version.trim().parse::<u8>().ok());
    let Some(version) = version else { return family.to_owned() };
    body.take("version");
    format!("{family}.v{version}")
}

/// Reads an event whose fields stand in `payload`. What is not taken becomes `extra`.
pub(super) fn enveloped(
    mut body: Fields,
    dialect: String,
    read: impl FnOnce(&mut Fields) -> Result<Draft, Fault>,
) -> Result<Vec<Draft>, Fault> {
    let draft = body.within("payload", |payload| with_sub_account(payload, read));
    let draft =
        draft.ok_or_else(|| Fault::missing("payload"))?.map_err(|fault| fault.inside("payload"))?;
    Ok(vec![finished(draft, dialect, body)])
}

/// Reads an event whose fields stand at the top. What is not taken becomes `extra`.
pub(super) fn flat(
    mut body: Fields,
    dialect: String,
    read: impl FnOnce(&mut Fields) -> Result<Draft, Fault>,
) -> Result<Vec<Draft>, Fault> {
    let draft = with_sub_account(&mut body, read)?;
    Ok(vec![finished(draft, dialect, body)])
}

fn with_sub_account(
    fields: &mut Fields,
    read: impl FnOnce(&mut Fields) -> Result<Draft, Fault>,
) -> Result<Draft, Fault> {
    let sub_account = fields.text("subAccountId");
    let mut draft = read(fields)?;
    draft.data.sub_account = sub_account;
    Ok(draft)
}

fn finished(mut draft: Draft, dialect: String, rest: Fields) -> Draft {
    draft.data.dialect = dialect;
    draft.data.extra = rest.into_extra();
    draft
}

/// Takes the id that an event can't be told without; a blank one tells nothing.
pub(super) fn required(fields: &mut Fields, name: &str) -> Result<String, Fault> {
    let id = fields.text(name).filter(|id| !id.trim().is_empty());
    id.ok_or_else(|| Fault::missing(name))
}

/// Carries members over into an event's part, under our names.
pub(super) fn carry(from: &mut Fields, names: &[(&str, &str)]) -> Map<String, Value> {
    let carried = names.iter().filter_map(|(theirs, ours)| {
        let value = from.take(theirs).and_then(clean)?;
        Some(((*ours).to_owned(), value))
    });
    carried.collect()
}

/// Carries members over as [`carry`] does, as text: ids and names, which some senders write as numbers.
pub(super) fn carry_texts(from: &mut Fields, names: &[(&str, &str)]) -> Map<String, Value> {
    let carried = names.iter().filter_map(|(theirs, ours)| {
        let text = from.text(theirs)?;
        Some(((*ours).to_owned(), Value::from(text)))
    });
    carried.collect()
}

/// A text of an event's part.
pub(super) fn said_text<'a>(said: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    said.get(name).and_then(Value::as_str)
}

/// The duplicate key of an event with an id of its own, which stays in `extra`; else the whole of what it says.
pub(super) fn event_key(fields: &Fields) -> String {
    fields.peek("eventId").unwrap_or_else(|| canonical(fields))
}

/// A duplicate key of several values.
pub(super) fn key(values: &[&str]) -> String {
    values.join("|")
}

/// The fields as JSON with sorted names: the same for the same fields, however they were written.
pub(super) fn canonical(fields: &Fields) -> String {
    Value::Object(fields.clone().into_map()).to_string()
}

/// A word of the vendor's as we compare it: small letters, `_` for blanks and dashes.
pub(super) fn word(text: &str) -> String {
    text.trim().to_ascii_lowercase().replace([' ', '-'], "_")
}
