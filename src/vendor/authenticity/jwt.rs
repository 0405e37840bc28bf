//! JSON Web Tokens as a bearer: HS256 (RFC 7515, 7518, 7519), with a time at which they end.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::Refusal;
use super::hmac::keyed;
use crate::clock::Time;
use crate::domain::secret::Secret;
use crate::domain::source::Algorithm;

/// How far a sender's clock may be ahead of ours where its token says from when on it holds.
const AHEAD_MAX: Duration = Duration::from_mins(1);

/// How long the tokens that we make for replays and tests hold.
const LIFETIME: Duration = Duration::from_mins(10);

/// What of a token's head matters: one algorithm is taken, so that none can be talked into another.
#[derive(Deserialize)]
struct Head {
    alg: String,
    /// Extensions that have to be understood; there is none that we do.
    crit: Option<IgnoredAny>,
}

/// What of its claims matters; times are in Unix seconds, and may have a fraction.
#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
    nbf: Option<f64>,
}

/// Judges a token's signature, then its times by the moment of arrival: only a genuine one is called stale.
pub(super) fn judge(secrets: &[Secret], token: &str, at: Time) -> Result<(), Refusal> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (head, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
    let head: Head = read(head)?;
    if head.alg != "HS256" || head.crit.is_some() {
        return Err(Refusal::Malformed);
    }
    let given = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refusal::Malformed)?;
    let mut found = false;
    for secret in secrets {
        found |= bool::from(hash(secret, signed)?.ct_eq(&given));
    }
    if !found {
        return Err(Refusal::Wrong);
    }
    let claims: Claims = read(claims)?;
    let (ends, begins) = (claims.exp.ok_or(Refusal::Malformed)?, claims.nbf);
    let holds =
        ends > seconds(at) && begins.is_none_or(|begins| begins <= seconds(at.after(AHEAD_MAX)));
    if holds { Ok(()) } else { Err(Refusal::Stale) }
}

/// A token that holds from now on.
pub(super) fn token(secret: &Secret, now: Time) -> Result<String, Refusal> {
    let whole_seconds = |time: Time| time.as_millis().div_euclid(1_000);
    let head = json!({ "alg": "HS256", "typ": "JWT" });
    let claims = json!({ "iat": whole_seconds(now), "exp": whole_seconds(now.after(LIFETIME)) });
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(head), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(hash(secret, &signed)?);
    Ok(format!("{signed}.{signature}"))
}

fn hash(secret: &Secret, signed: &str) -> Result<Vec<u8>, Refusal> {
    let pieces = [Cow::Borrowed(signed.as_bytes())];
    keyed(Algorithm::Sha256, secret.expose().as_bytes(), &pieces)
}

/// One part of a token. A name that is there twice is refused: others might judge the other one (RFC 7519, 4).
fn read<T: DeserializeOwned>(part: &str) -> Result<T, Refusal> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| Refusal::Malformed)
}

#[expect(clippy::cast_precision_loss, reason = "the milliseconds of our times fit into 53 bits")]
fn seconds(time: Time) -> f64 {
    time.as_millis() as f64 / 1_000.0
}
