//! How credentials are stored: as keyed hashes, which tell nothing, but can be judged again when a secret is put right.

use hmac::digest::{Key, KeyInit};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::credentials::decoded;
use crate::domain::callback::Head;
use crate::domain::secret::Secret;
use crate::domain::source::Scheme;

/// What a sealed value begins with; the hash in hexadecimal stands behind it.
pub(super) const SEALED: &str = "sealed:";

/// A head as it is stored, and the hash of the token that was cut out of its URL. Static credentials are replaced by their hash
/// under the store's `key`; signatures and times stay, since they are worth nothing for another body. A JWT stays as well unless
/// the source takes fixed values there: it is proved by its own signature, and expires.
#[must_use]
pub fn seal(mut head: Head, schemes: &[Scheme], key: &[u8; 32]) -> (Head, Option<[u8; 32]>) {
    for (name, value) in &mut head.headers {
        if name == "authorization" {
            *value = sealed_authorization(value, schemes, key);
        } else if holds_a_credential(name, schemes) {
            *value = sealed_value(value.as_bytes(), key);
        }
    }
    let token = head.token.take();
    (head, token.map(|token| keyed_hash(key, token.expose().as_bytes())))
}

/// Whether a `stored` value, sealed under `key`, was this secret.
#[must_use]
pub fn sealed_matches(stored: &str, secret: &Secret, key: &[u8; 32]) -> bool {
    let right = sealed_value(secret.expose().as_bytes(), key);
    right.as_bytes().ct_eq(stored.as_bytes()).into()
}

/// The hash of a value under the store's key: HMAC-SHA-256.
pub(super) fn keyed_hash(key: &[u8; 32], value: &[u8]) -> [u8; 32] {
    // RFC 2104 fills a short key up with zeros; done here, nothing can fail.
    let mut block = Key::<Hmac<Sha256>>::default();
    block.iter_mut().zip(key).for_each(|(place, byte)| *place = *byte);
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&block);
    mac.update(value);
    mac.finalize().into_bytes().into()
}

fn sealed_value(value: &[u8], key: &[u8; 32]) -> String {
    format!("{SEALED}{}", hex::encode(keyed_hash(key, value)))
}

/// Headers with credentials: those that HTTP has for them, and those that the source names.
fn holds_a_credential(name: &str, schemes: &[Scheme]) -> bool {
    matches!(name, "proxy-authorization" | "cookie") || is_named(name, schemes)
}

fn is_named(name: &str, schemes: &[Scheme]) -> bool {
    schemes.iter().any(|scheme| match scheme {
        Scheme::Header { name: named, .. } => named == name,
        Scheme::Token { header, .. } => header.as_deref() == Some(name),
        Scheme::None
        | Scheme::Basic { .. }
        | Scheme::Bearer { .. }
        | Scheme::Hmac(_)
        | Scheme::StandardWebhooks { .. }
        | Scheme::Jwt { .. }
        | Scheme::AllowIps { .. } => false,
    })
}

/// `Basic` and `Bearer` keep their word, with the hash of what will be compared behind it.
fn sealed_authorization(value: &str, schemes: &[Scheme], key: &[u8; 32]) -> String {
    if is_named("authorization", schemes) {
        return sealed_value(value.as_bytes(), key);
    }
    let Some((word, credentials)) = value.trim().split_once(' ') else {
        return sealed_value(value.as_bytes(), key);
    };
    let credentials = credentials.trim();
    let fixed =
        schemes.iter().any(|scheme| matches!(scheme, Scheme::Basic { .. } | Scheme::Bearer { .. }));
    if word.eq_ignore_ascii_case("bearer") {
        if !fixed && is_jwt(credentials) {
            return value.to_owned();
        }
        return format!("{word} {}", sealed_value(credentials.as_bytes(), key));
    }
    if word.eq_ignore_ascii_case("basic") {
        let pair = decoded(credentials).unwrap_or_else(|| credentials.as_bytes().to_vec());
        return format!("{word} {}", sealed_value(&pair, key));
    }
    sealed_value(value.as_bytes(), key)
}

/// Three parts of URL-safe base64, as a signed JWT has (RFC 7515, 3.1).
fn is_jwt(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(letter))
}
