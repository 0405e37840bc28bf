//! Standard Webhooks signatures, `v1`: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::credentials::decoded;
use super::hmac::{fresh, keyed};
use super::{Refusal, only, unix_seconds};
use crate::domain::callback::Callback;
use crate::domain::secret::Secret;
use crate::domain::source::Algorithm;

/// How far a signature's time may be from the arrival, in either direction: what the specification's libraries allow.
const TOLERANCE: Duration = Duration::from_mins(5);

/// The longest id that is taken.
const ID_MAX: usize = 255;

/// Judges a callback's signatures, of which one has to be right under one of the secrets; then the time of signing.
pub(super) fn judge(secrets: &[Secret], callback: &Callback) -> Result<(), Refusal> {
    let id = only(&callback.head, "webhook-id")?;
    if !is_id(id) {
        return Err(Refusal::Malformed);
    }
    let timestamp = only(&callback.head, "webhook-timestamp")?;
    let signed_at = unix_seconds(timestamp)?;
    let entries = only(&callback.head, "webhook-signature")?.split_ascii_whitespace();
    let given: Vec<Vec<u8>> =
        entries.filter_map(|entry| decoded(entry.strip_prefix("v1,")?)).collect();
    if given.is_empty() {
        return Err(Refusal::Malformed);
    }
    let mut found = false;
    for secret in secrets {
        let right = hash(secret, id, timestamp, &callback.body)?;
        for given in &given {
            found |= bool::from(right.ct_eq(given));
        }
    }
    if found { fresh(signed_at, callback.received_at, TOLERANCE) } else { Err(Refusal::Wrong) }
}

/// The entry of `webhook-signature` for one secret.
pub(super) fn signature(
    secret: &Secret,
    id: &str,
    timestamp: &str,
    body: &[u8],
) -> Result<String, Refusal> {
    Ok(format!("v1,{}", STANDARD.encode(hash(secret, id, timestamp, body)?)))
}

/// Whether an id can be signed: one with a dot could be told apart from the time in two ways, the specification warns.
pub(super) fn is_id(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=ID_MAX).contains(&text.len()) && text.bytes().all(letter)
}

fn hash(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let encoded = secret.expose();
    let key =
        decoded(encoded.strip_prefix("whsec_").unwrap_or(encoded)).ok_or(Refusal::Malformed)?;
    let pieces = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].map(Cow::Borrowed);
    keyed(Algorithm::Sha256, &key, &pieces)
}
