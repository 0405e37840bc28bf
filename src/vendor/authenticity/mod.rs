//! The one place that compares secrets and signatures. Nothing else can make an [`Authentic`].

mod credentials;
mod hmac;
mod jwt;
mod seal;
mod sign;
mod standard_webhooks;

use std::fmt;

pub use seal::{seal, sealed_matches};
pub use sign::sign;

use crate::clock::Time;
use crate::domain::callback::{Callback, CallbackOutcome, Head};
use crate::domain::source::Scheme;
use credentials::Evidence;

/// A callback that proved where it is from, as its source asks.
#[derive(Clone, Copy, Debug)]
pub struct Authentic<'a>(&'a Callback);

impl Authentic<'_> {
    /// The callback.
    #[must_use]
    pub fn callback(&self) -> &Callback {
        self.0
    }
}

/// Why a callback is not authentic. Says nothing of the secret; the same for each value that was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// A credential or signature that the source asks for was not there.
    Missing,
    /// It was there, but not one of the valid ones.
    Wrong,
    /// It could not be read.
    Malformed,
    /// It was signed too long ago, or for a time to come.
    Stale,
    /// It came from an address that is not one of the allowed.
    Address,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 5] =
        [Self::Missing, Self::Wrong, Self::Malformed, Self::Stale, Self::Address];

    /// The refusal's word in counts and questions.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Malformed => "malformed",
            Self::Stale => "stale",
            Self::Address => "address",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// Judges what the head alone can show, `at` the moment of its arrival: tokens, headers, basic, bearer, addresses. The body's
/// schemes are left for [`check`].
///
/// # Errors
/// The refusal, if one of the head's schemes does not hold. No scheme at all is refused too.
pub fn check_head(schemes: &[Scheme], head: &Head, at: Time) -> Result<(), Refusal> {
    judge_head(schemes, &Evidence::fresh(head), at)
}

/// Judges the whole callback, head and body; times of signing are judged by its arrival. `public_url` is what vendors call,
/// up to where the callback's path begins, such as `https://hooks.example.com`.
///
/// # Errors
/// The refusal, if one of the schemes does not hold. No scheme at all is refused too.
pub fn check<'a>(
    schemes: &[Scheme],
    callback: &'a Callback,
    public_url: &str,
) -> Result<Authentic<'a>, Refusal> {
    check_head(schemes, &callback.head, callback.received_at)?;
    judge_body(schemes, callback, public_url)?;
    Ok(Authentic(callback))
}

/// Judges a callback from the store, as [`check`] would have judged it with today's schemes: credentials that [`seal`] hid are
/// compared with the secrets' hashes under the same `key`. `token_hash` is what `seal` made of the token. A signature that covers
/// a sealed header can't be judged again, and is wrong.
///
/// # Errors
/// The refusal, if one of the schemes does not hold. No scheme at all is refused too.
pub fn check_sealed<'a>(
    schemes: &[Scheme],
    callback: &'a Callback,
    public_url: &str,
    token_hash: Option<[u8; 32]>,
    key: &[u8; 32],
) -> Result<Authentic<'a>, Refusal> {
    let evidence = Evidence::stored(&callback.head, token_hash, key);
    judge_head(schemes, &evidence, callback.received_at)?;
    judge_body(schemes, callback, public_url)?;
    Ok(Authentic(callback))
}

/// A callback from the store that was authentic when it arrived: it proved so then, and its token was not kept to prove it again.
/// `None` for one that was not, which [`check_sealed`] judges.
#[must_use]
pub fn proven_at_arrival(callback: &Callback, outcome: CallbackOutcome) -> Option<Authentic<'_>> {
    (outcome != CallbackOutcome::Unauthentic).then_some(Authentic(callback))
}

fn judge_head(schemes: &[Scheme], evidence: &Evidence<'_>, at: Time) -> Result<(), Refusal> {
    if schemes.is_empty() {
        return Err(Refusal::Missing);
    }
    schemes.iter().try_for_each(|scheme| match scheme {
        Scheme::None | Scheme::Hmac(_) | Scheme::StandardWebhooks { .. } => Ok(()),
        Scheme::Token { secrets, header } => evidence.token(secrets, header.as_deref()),
        Scheme::Header { name, secrets } => evidence.header(name)?.is_one_of(secrets),
        Scheme::Basic { secrets } => evidence.basic()?.is_one_of(secrets),
        Scheme::Bearer { secrets } => evidence.bearer()?.is_one_of(secrets),
        Scheme::Jwt { secrets } => jwt::judge(secrets, evidence.jwt()?, at),
        Scheme::AllowIps { networks } => evidence.comes_from(networks),
    })
}

fn judge_body(schemes: &[Scheme], callback: &Callback, public_url: &str) -> Result<(), Refusal> {
    schemes.iter().try_for_each(|scheme| match scheme {
        Scheme::None
        | Scheme::Token { .. }
        | Scheme::Header { .. }
        | Scheme::Basic { .. }
        | Scheme::Bearer { .. }
        | Scheme::Jwt { .. }
        | Scheme::AllowIps { .. } => Ok(()),
        Scheme::Hmac(scheme) => hmac::judge(scheme, callback, public_url),
        Scheme::StandardWebhooks { secrets } => standard_webhooks::judge(secrets, callback),
    })
}

/// The only value of a header. Two are refused: whoever is in front of us might judge the other one.
fn only<'a>(head: &'a Head, name: &str) -> Result<&'a str, Refusal> {
    let mut values = head.headers.iter().filter(|(known, _)| known == name);
    let (_, value) = values.next().ok_or(Refusal::Missing)?;
    if values.next().is_some() { Err(Refusal::Malformed) } else { Ok(value) }
}

/// Unix seconds as the specification writes them: digits alone, no zero in front, at most twelve.
fn unix_seconds(text: &str) -> Result<i64, Refusal> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('0')
        && (1..=12).contains(&text.len());
    if canonical { text.parse().map_err(|_| Refusal::Malformed) } else { Err(Refusal::Malformed) }
}

#[cfg(test)]
mod head_tests;
#[cfg(test)]
mod tests;
