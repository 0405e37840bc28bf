//! What a head shows: tokens, header values, Basic, Bearer and the sender's address; as they came, or sealed by the store.

use std::borrow::Cow;

use base64::Engine;
use ipnet::IpNet;
use subtle::ConstantTimeEq;

use super::seal::{SEALED, keyed_hash};
use super::{Refusal, only};
use crate::domain::callback::Head;
use crate::domain::secret::Secret;

/// A head, and what is needed to judge it: nothing more if it has just come, the store's key if its credentials are sealed.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    head: &'a Head,
    sealed: Option<Sealed<'a>>,
}

#[derive(Debug)]
struct Sealed<'a> {
    key: &'a [u8; 32],
    token: Option<[u8; 32]>,
}

/// A credential that was shown.
#[derive(Debug)]
pub(super) enum Given<'a> {
    Plain(Cow<'a, [u8]>),
    Sealed { hash: [u8; 32], key: &'a [u8; 32] },
}

impl Given<'_> {
    /// Compares with every secret, whatever matched before, so that time tells nothing of which one it was.
    pub(super) fn is_one_of(&self, secrets: &[Secret]) -> Result<(), Refusal> {
        let mut found = false;
        for secret in secrets {
            found |= match self {
                Self::Plain(value) => secret.matches(value),
                Self::Sealed { hash, key } => {
                    keyed_hash(key, secret.expose().as_bytes()).ct_eq(hash).into()
                }
            };
        }
        if found { Ok(()) } else { Err(Refusal::Wrong) }
    }
}

impl<'a> Evidence<'a> {
    /// A head that has just come.
    pub(super) fn fresh(head: &'a Head) -> Self {
        Self { head, sealed: None }
    }

    /// A head from the store.
    pub(super) fn stored(head: &'a Head, token: Option<[u8; 32]>, key: &'a [u8; 32]) -> Self {
        Self { head, sealed: Some(Sealed { key, token }) }
    }

    /// A token of the URL or of the named header; if there are both, one that is right suffices.
    pub(super) fn token(&self, secrets: &[Secret], header: Option<&str>) -> Result<(), Refusal> {
        let in_header = match header.map(|name| self.header(name)) {
            None | Some(Err(Refusal::Missing)) => None,
            Some(Err(refusal)) => return Err(refusal),
            Some(Ok(given)) => Some(given.is_one_of(secrets)),
        };
        let in_url = self.url_token().map(|given| given.is_one_of(secrets));
        match (in_url, in_header) {
            (None, None) => Err(Refusal::Missing),
            (Some(one), None) | (None, Some(one)) => one,
            (Some(one), Some(other)) => one.or(other),
        }
    }

    fn url_token(&self) -> Option<Given<'a>> {
        if let Some(token) = &self.head.token {
            return Some(Given::Plain(Cow::Borrowed(token.expose().as_bytes())));
        }
        let sealed = self.sealed.as_ref()?;
        Some(Given::Sealed { hash: sealed.token?, key: sealed.key })
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Result<Given<'a>, Refusal> {
        self.opened(only(self.head, name)?, |value| Some(Cow::Borrowed(value.as_bytes())))
    }

    /// The `user:password` of RFC 7617.
    pub(super) fn basic(&self) -> Result<Given<'a>, Refusal> {
        let written = self.authorization("basic")?;
        self.opened(written, |encoded| decoded(encoded).map(Cow::Owned))
    }

    /// The token of RFC 6750.
    pub(super) fn bearer(&self) -> Result<Given<'a>, Refusal> {
        let written = self.authorization("bearer")?;
        self.opened(written, |token| Some(Cow::Borrowed(token.as_bytes())))
    }

    /// The JSON Web Token of a bearer. One that was sealed, because the source asked for a fixed value then, can't be judged.
    pub(super) fn jwt(&self) -> Result<&'a str, Refusal> {
        let written = self.authorization("bearer")?;
        let is_sealed = self.sealed.is_some() && written.starts_with(SEALED);
        if is_sealed { Err(Refusal::Wrong) } else { Ok(written) }
    }

    /// Whether the sender's address is in one of these networks: the address that it had when it came.
    pub(super) fn comes_from(&self, networks: &[IpNet]) -> Result<(), Refusal> {
        let remote = self.head.remote.ok_or(Refusal::Missing)?.to_canonical();
        let is_known = networks.iter().any(|network| network.contains(&remote));
        if is_known { Ok(()) } else { Err(Refusal::Address) }
    }

    /// What stands behind the scheme's word in `Authorization`; the word's letter case doesn't matter (RFC 9110, 11.1).
    fn authorization(&self, word: &str) -> Result<&'a str, Refusal> {
        let value = only(self.head, "authorization")?;
        let (given, credentials) = value.trim().split_once(' ').ok_or(Refusal::Malformed)?;
        if given.eq_ignore_ascii_case(word) {
            Ok(credentials.trim())
        } else {
            Err(Refusal::Malformed)
        }
    }

    fn opened(
        &self,
        written: &'a str,
        read: impl FnOnce(&'a str) -> Option<Cow<'a, [u8]>>,
    ) -> Result<Given<'a>, Refusal> {
        if let Some(sealed) = &self.sealed
            && let Some(encoded) = written.strip_prefix(SEALED)
        {
            let mut hash = [0; 32];
            hex::decode_to_slice(encoded, &mut hash).map_err(|_| Refusal::Malformed)?;
            return Ok(Given::Sealed { hash, key: sealed.key });
        }
        read(written).map(Given::Plain).ok_or(Refusal::Malformed)
    }
}

/// Base64 as senders write it: standard or URL-safe letters, with or without padding.
pub(super) fn decoded(encoded: &str) -> Option<Vec<u8>> {
    let letters = encoded.trim_end_matches('=').replace('-', "+").replace('_', "/");
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(letters).ok()
}
