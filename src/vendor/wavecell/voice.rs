//! Voice: calls that wait for instructions, their states, summaries and recordings, and the pool of virtual numbers.

use serde_json::{Map, Value};

use super::arrival::Arrival;
use super::draft::{
    Fault, canonical, carry, carry_texts, dialect, enveloped, event, event_key, key, said_text,
    word,
};
use super::shape::Reader;
use crate::domain::event::{Channel, Direction, Draft, EventType, Part, When};
use crate::vendor::read::Fields;

/// The reader of an event in the namespace `VOICE`.
pub(super) fn reader(event_type: &str) -> Option<Reader> {
    match event_type {
        "call_action" => Some(action),
        "call_status" => Some(status),
        "session_summary" => Some(summary),
        "call_recording_status" => Some(recording),
        "virtual_number_update" => Some(numbers),
        _ => None,
    }
}

/// What a call or a leg of one is known by.
const CALL: [(&str, &str); 15] = [
    ("callType", "type"),
    ("callStatus", "status"),
    ("source", "source"),
    ("destination", "destination"),
    ("sourceFormat", "source_format"),
    ("destinationFormat", "destination_format"),
    ("sourceCountryCode", "source_country"),
    ("destinationCountryCode", "destination_country"),
    ("callDuration", "duration_seconds"),
    ("sipCode", "sip_code"),
    ("clientActionId", "client_ref"),
    ("initiatedTimestamp", "initiated_at"),
    ("connectedTimestamp", "connected_at"),
    ("disconnectedTimestamp", "disconnected_at"),
    ("callQuality", "quality"),
];

/// The ids of a call or a leg of one.
const CALL_IDS: [(&str, &str); 5] = [
    ("callId", "id"),
    ("sessionId", "session_id"),
    ("callDirection", "direction"),
    ("sourceRefId", "source_ref"),
    ("destinationRefId", "destination_ref"),
];

/// What a summary says of the session as a whole.
const SUMMARY: [(&str, &str); 6] = [
    ("sessionStatus", "status"),
    ("lastAction", "last_action"),
    ("callCount", "call_count"),
    ("clientRequestId", "client_ref"),
    ("startTime", "started_at"),
    ("errorDetails", "error"),
];

/// What is known of a recording, but for its length.
const RECORDING: [(&str, &str); 4] = [
    ("sessionId", "session_id"),
    ("recordingId", "recording_id"),
    ("filePath", "url"),
    ("status", "status"),
];

fn action(body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    one_call(body, arrival, EventType::CallAction, "voice.call_action")
}

fn status(body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    one_call(body, arrival, EventType::CallStatus, "voice.call_status")
}

fn one_call(
    mut body: Fields,
    arrival: &Arrival<'_>,
    kind: EventType,
    family: &str,
) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, family);
    enveloped(body, dialect, |payload| {
        let key = event_key(payload);
        let when = arrival.time(payload, &["timestamp"]);
        let direction = direction(payload);
        let mut said = call(payload);
        let input = payload.within("eventData", |data| carry(data, &[("dtmf", "dtmf")]));
        said.extend(input.unwrap_or_default());
        let mut draft = about_call(kind, &["id", "session_id"], said, when, key)
            .ok_or_else(|| Fault::missing("callId"))?;
        draft.data.direction = direction;
        Ok(draft)
    })
}

fn summary(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, "voice.session_summary");
    enveloped(body, dialect, |payload| {
        let mut said = carry_texts(payload, &[("sessionId", "session_id")]);
        said.extend(carry(payload, &SUMMARY));
        let legs = payload.within("details", |details| {
            ["callA", "callB"].map(|leg| details.within(leg, call).unwrap_or_default())
        });
        for (name, leg) in ["call_a", "call_b"].into_iter().zip(legs.unwrap_or_default()) {
            if !leg.is_empty() {
                said.insert(name.to_owned(), Value::Object(leg));
            }
        }
        let when = arrival.time(payload, &["endTime"]);
        let key = key(&[said_text(&said, "session_id").unwrap_or_default(), "session_summary"]);
        about_call(EventType::CallSummary, &["session_id"], said, when, key)
            .ok_or_else(|| Fault::missing("sessionId"))
    })
}

fn recording(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, "voice.call_recording_status");
    enveloped(body, dialect, |payload| {
        let mut said = carry_texts(payload, &RECORDING);
        said.extend(carry(payload, &[("durationSeconds", "duration_seconds")]));
        let text = |name: &str| said_text(&said, name).unwrap_or_default();
        let key = key(&[text("session_id"), text("recording_id"), text("status")]);
        let when = arrival.time(payload, &["timestamp"]);
        about_call(EventType::CallRecording, &["session_id"], said, when, key)
            .ok_or_else(|| Fault::missing("sessionId"))
    })
}

fn numbers(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, "voice.virtual_number_update");
    enveloped(body, dialect, |payload| {
        let key = canonical(payload);
        let when = arrival.time(payload, &["timestamp"]);
        let names = [
            ("totalNumbers", "total"),
            ("updateEventType", "update"),
            ("virtualNumbers", "numbers"),
        ];
        let said = carry(payload, &names);
        let mut draft = event(EventType::NumberUpdated, None, when, key);
        draft.data.channel = Some(Channel::Voice);
        if !said.is_empty() {
            draft.data.parts.insert(Part::Number, said);
        }
        Ok(draft)
    })
}

/// Takes what is known of a call. Ids are text; a reference of the word `null` is a slip of the vendor's for none.
fn call(fields: &mut Fields) -> Map<String, Value> {
    let mut said = carry(fields, &CALL);
    said.extend(carry_texts(fields, &CALL_IDS));
    said.retain(|name, value| !(name.ends_with("_ref") && value == "null"));
    said
}

/// The direction of a call, where the vendor's word says it.
fn direction(payload: &Fields) -> Option<Direction> {
    match word(&payload.peek("callDirection")?).as_str() {
        "inbound" => Some(Direction::Inbound),
        "outbound" => Some(Direction::Outbound),
        _ => None,
    }
}

/// An event about a call, by the first of these ids that is there.
fn about_call(
    kind: EventType,
    ids: &[&str],
    said: Map<String, Value>,
    when: When,
    key: String,
) -> Option<Draft> {
    let id = ids.iter().find_map(|id| said_text(&said, id))?;
    let mut draft = event(kind, Some(id.to_owned()), when, key);
    draft.data.channel = Some(Channel::Voice);
    draft.data.parts.insert(Part::Call, said);
    Some(draft)
}
