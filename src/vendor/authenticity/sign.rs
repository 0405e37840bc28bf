//! The other side: adds to a request what its source asks for, as the vendor would, so that replays and tests are authentic.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{Refusal, hmac, jwt, standard_webhooks};
use crate::clock::Time;
use crate::domain::callback::Head;
use crate::domain::secret::Secret;
use crate::domain::source::{HmacScheme, Scheme};

/// Adds the credentials that `schemes` ask for, each with its newest secret, replacing those that are there. A token goes into
/// its header if it has one, else into `head.token`, for the caller to put into the URL. `public_url` is as for `check`.
///
/// # Errors
/// [`Refusal::Missing`] if a scheme has no secret, or signs a header that is not there.
pub fn sign(
    schemes: &[Scheme],
    head: &mut Head,
    body: &[u8],
    now: Time,
    public_url: &str,
) -> Result<(), Refusal> {
    for scheme in schemes {
        show(scheme, head, now)?;
    }
    // Signatures come last: they may cover what was added before.
    for scheme in schemes {
        match scheme {
            Scheme::Hmac(scheme) => sign_hmac(scheme, head, body, now, public_url)?,
            Scheme::StandardWebhooks { secrets } => {
                sign_standard(newest(secrets)?, head, body, now)?;
            }
            Scheme::None
            | Scheme::Token { .. }
            | Scheme::Header { .. }
            | Scheme::Basic { .. }
            | Scheme::Bearer { .. }
            | Scheme::Jwt { .. }
            | Scheme::AllowIps { .. } => {}
        }
    }
    Ok(())
}

/// Adds what the head alone shows. An address can't be added.
fn show(scheme: &Scheme, head: &mut Head, now: Time) -> Result<(), Refusal> {
    match scheme {
        Scheme::None
        | Scheme::Hmac(_)
        | Scheme::StandardWebhooks { .. }
        | Scheme::AllowIps { .. } => {}
        Scheme::Token { secrets, header: Some(name) } | Scheme::Header { name, secrets } => {
            set(head, name, newest(secrets)?.expose().to_owned());
        }
        Scheme::Token { secrets, header: None } => head.token = Some(newest(secrets)?.clone()),
        Scheme::Basic { secrets } => {
            let pair = STANDARD.encode(newest(secrets)?.expose());
            set(head, "authorization", format!("Basic {pair}"));
        }
        Scheme::Bearer { secrets } => {
            set(head, "authorization", format!("Bearer {}", newest(secrets)?.expose()));
        }
        Scheme::Jwt { secrets } => {
            let token = jwt::token(newest(secrets)?, now)?;
            set(head, "authorization", format!("Bearer {token}"));
        }
    }
    Ok(())
}

fn sign_hmac(
    scheme: &HmacScheme,
    head: &mut Head,
    body: &[u8],
    now: Time,
    public_url: &str,
) -> Result<(), Refusal> {
    if let Some(name) = &scheme.timestamp_header {
        set(head, name, seconds(now));
    }
    let signature = hmac::signature(scheme, head, body, public_url)?;
    set(head, &scheme.header, signature);
    Ok(())
}

/// The id stays if there is one that can be signed; else it is made of the body, so that a repetition has the same.
fn sign_standard(secret: &Secret, head: &mut Head, body: &[u8], now: Time) -> Result<(), Refusal> {
    let known = head.header("webhook-id").filter(|id| standard_webhooks::is_id(id));
    let id =
        known.map_or_else(|| format!("msg_{}", hex::encode(Sha256::digest(body))), str::to_owned);
    let signature = standard_webhooks::signature(secret, &id, &seconds(now), body)?;
    set(head, "webhook-id", id);
    set(head, "webhook-timestamp", seconds(now));
    set(head, "webhook-signature", signature);
    Ok(())
}

fn newest(secrets: &[Secret]) -> Result<&Secret, Refusal> {
    secrets.first().ok_or(Refusal::Missing)
}

fn seconds(time: Time) -> String {
    time.as_millis().div_euclid(1_000).to_string()
}

/// Sets the only value of a header and keeps the headers sorted.
fn set(head: &mut Head, name: &str, value: String) {
    head.headers.retain(|(known, _)| known != name);
    head.headers.push((name.to_owned(), value));
    head.headers.sort_by(|(one, _), (other, _)| one.cmp(other));
}
