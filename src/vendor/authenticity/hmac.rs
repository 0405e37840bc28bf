//! Signatures that are a keyed hash over the body, or over the parts that a vendor signs.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::credentials::decoded;
use super::{Refusal, only, unix_seconds};
use crate::clock::Time;
use crate::domain::callback::{Callback, Head};
use crate::domain::source::{Algorithm, Encoding, HmacScheme, SignedPart};

/// Judges a callback's signature, then the time of signing: only a genuine one is called stale.
pub(super) fn judge(
    scheme: &HmacScheme,
    callback: &Callback,
    public_url: &str,
) -> Result<(), Refusal> {
    let given = given(scheme, &callback.head)?;
    let signed_at = match &scheme.timestamp_header {
        Some(name) => Some(unix_seconds(only(&callback.head, name)?)?),
        None => None,
    };
    let pieces = pieces(scheme, &callback.head, &callback.body, public_url)?;
    let mut found = false;
    for secret in &scheme.secrets {
        let right = keyed(scheme.algorithm, secret.expose().as_bytes(), &pieces)?;
        found |= bool::from(right.ct_eq(&given));
    }
    if !found {
        return Err(Refusal::Wrong);
    }
    signed_at.map_or(Ok(()), |seconds| fresh(seconds, callback.received_at, scheme.tolerance))
}

/// Whether a time of signing is near enough to the time of arrival, in either direction.
pub(super) fn fresh(
    seconds: i64,
    received_at: Time,
    tolerance: std::time::Duration,
) -> Result<(), Refusal> {
    let signed_at = Time::from_millis(seconds.saturating_mul(1_000));
    let apart = received_at.since(signed_at).max(signed_at.since(received_at));
    if apart <= tolerance { Ok(()) } else { Err(Refusal::Stale) }
}

/// The value of the signature's header for this head and body, made with the newest secret.
pub(super) fn signature(
    scheme: &HmacScheme,
    head: &Head,
    body: &[u8],
    public_url: &str,
) -> Result<String, Refusal> {
    let secret = scheme.secrets.first().ok_or(Refusal::Missing)?;
    let pieces = pieces(scheme, head, body, public_url)?;
    let hash = keyed(scheme.algorithm, secret.expose().as_bytes(), &pieces)?;
    let encoded = match scheme.encoding {
        Encoding::Hex => hex::encode(hash),
        Encoding::Base64 => STANDARD.encode(hash),
    };
    Ok(format!("{}{encoded}", scheme.prefix))
}

fn given(scheme: &HmacScheme, head: &Head) -> Result<Vec<u8>, Refusal> {
    let value = only(head, &scheme.header)?.trim();
    let encoded = value.strip_prefix(scheme.prefix.as_str()).ok_or(Refusal::Malformed)?;
    let bytes = match scheme.encoding {
        Encoding::Hex => hex::decode(encoded).ok(),
        Encoding::Base64 => decoded(encoded),
    };
    bytes.filter(|bytes| !bytes.is_empty()).ok_or(Refusal::Malformed)
}

/// What is signed, in order. Nothing is copied but what has to be put together.
fn pieces<'a>(
    scheme: &'a HmacScheme,
    head: &'a Head,
    body: &'a [u8],
    public_url: &'a str,
) -> Result<Vec<Cow<'a, [u8]>>, Refusal> {
    let base = public_url.trim_end_matches('/');
    let piece = |part: &'a SignedPart| -> Result<Cow<'a, [u8]>, Refusal> {
        let text: Cow<'a, str> = match part {
            SignedPart::Body => return Ok(Cow::Borrowed(body)),
            SignedPart::Timestamp => {
                only(head, scheme.timestamp_header.as_deref().ok_or(Refusal::Missing)?)?.into()
            }
            SignedPart::Method => head.method.as_str().into(),
            SignedPart::Path => format!("{}{}", path_of(base), head.path).into(),
            SignedPart::Query => head.query.as_str().into(),
            SignedPart::Url if head.query.is_empty() => format!("{base}{}", head.path).into(),
            SignedPart::Url => format!("{base}{}?{}", head.path, head.query).into(),
            SignedPart::Header(name) => only(head, name)?.into(),
            SignedPart::Text(text) => text.as_str().into(),
        };
        Ok(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    };
    scheme.parts.iter().map(piece).collect()
}

/// What of a public URL stands before our own paths, behind the host.
fn path_of(base: &str) -> &str {
    let behind_scheme = base.split_once("://").map_or(base, |(_, rest)| rest);
    behind_scheme.find('/').and_then(|slash| behind_scheme.get(slash..)).unwrap_or_default()
}

/// The keyed hash over all pieces.
pub(super) fn keyed(
    algorithm: Algorithm,
    key: &[u8],
    pieces: &[Cow<'_, [u8]>],
) -> Result<Vec<u8>, Refusal> {
    match algorithm {
        Algorithm::Sha1 => keyed_with::<Hmac<Sha1>>(key, pieces),
        Algorithm::Sha256 => keyed_with::<Hmac<Sha256>>(key, pieces),
        Algorithm::Sha512 => keyed_with::<Hmac<Sha512>>(key, pieces),
    }
}

fn keyed_with<M: Mac + KeyInit>(key: &[u8], pieces: &[Cow<'_, [u8]>]) -> Result<Vec<u8>, Refusal> {
    let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|_| Refusal::Malformed)?;
    for piece in pieces {
        mac.update(piece);
    }
    Ok(mac.finalize().into_bytes().to_vec())
}
