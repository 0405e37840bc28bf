//! What is asked for by a JSON object in a body.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::body::{Body, NoBody};
use super::problem::{Code, Problem};
use super::room::Room;

/// The largest body that is read, in bytes.
const BODY_MAX: usize = 64 * 1024;

/// What may be refused where a body is read.
pub(super) const REFUSALS: &[Code] =
    &[Code::Conflict, Code::TooLarge, Code::TooSlow, Code::BrokenOff];

/// Reads a body that is a JSON object, or nothing.
pub(super) async fn object(room: &Room, body: Body) -> Result<Option<Map<String, Value>>, Problem> {
    let clock = Arc::clone(&room.clock);
    let bytes = body.read(BODY_MAX, &room.in_flight, &*clock).await.map_err(|why| match why {
        NoBody::TooLarge => {
            Problem::new(Code::TooLarge, format!("the body is larger than {BODY_MAX} bytes"))
        }
        NoBody::TooSlow => Problem::new(Code::TooSlow, "the body did not come in time"),
        NoBody::BrokenOff => Problem::new(Code::BrokenOff, "the body broke off"),
        NoBody::Crowded => Problem::new(Code::Unavailable, "too much is in flight already"),
    })?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let whole: Value = serde_json::from_slice(&bytes)
        .map_err(|error| wrong(format!("the body is not JSON: {error}")))?;
    let Value::Object(whole) = whole else { return Err(wrong("the body is not a JSON object")) };
    Ok(Some(whole))
}

/// A key that there is not, with the nearest that there is.
pub(super) fn unknown(key: &str, known: &[&str]) -> Problem {
    let nearest = known.iter().max_by(|one, other| {
        strsim::jaro_winkler(one, key).total_cmp(&strsim::jaro_winkler(other, key))
    });
    let (nearest, shown) =
        (nearest.copied().unwrap_or_default(), key.chars().take(64).collect::<String>());
    wrong(format!(
        "there is no key `{shown}`; the nearest is `{nearest}`; there are: {}",
        known.join(", ")
    ))
}

fn wrong(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidParameter, detail)
}
