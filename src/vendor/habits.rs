//! How vendors behave towards a push URL: what they report, how a callback of theirs looks, and when they try again.

use std::time::Duration;

use crate::clock::Time;
use crate::domain::message::State;

/// A vendor's habits, for simulations.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// How long it waits before each further try. None: it tries once.
    pub retries: &'static [Duration],
    /// The statuses after which it never tries again.
    pub gives_up_on: &'static [u16],
    /// What it reports of a message that was sent, in the order in which that happens.
    pub reports: &'static [State],
    /// The id of a message, unlike all others of the run and of other runs.
    pub id: fn(run: u32, number: u32) -> String,
    /// The callback of a message that somebody wrote.
    pub received: fn(&Scene) -> Push,
    /// The callback that says how far a sent message has come.
    pub reported: fn(&Scene, State) -> Push,
}

/// One simulated message.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Its id.
    pub id: String,
    /// The other side's number: digits with the country's first.
    pub phone: String,
    /// The other side's name.
    pub name: &'static str,
    /// What it says.
    pub text: &'static str,
    /// When this happens.
    pub at: Time,
}

/// A callback as the vendor sends it.
#[derive(Clone, Debug)]
pub struct Push {
    /// Its content type.
    pub content_type: &'static str,
    /// Its body.
    pub body: String,
}

impl Push {
    /// A JSON object.
    #[must_use]
    pub fn json(value: &serde_json::Value) -> Self {
        Self { content_type: "application/json", body: value.to_string() }
    }
}

/// An id in the form of a UUID (version 4), the same for the same numbers.
#[must_use]
pub fn uuid(run: u32, number: u32) -> String {
    let mixed = number.wrapping_mul(0x9E37_79B1);
    let (high, low) = (mixed >> 16, mixed & 0xFFFF);
    format!("{run:08x}-{high:04x}-4{:03x}-8{:03x}-{low:04x}{number:08x}", low >> 4, high >> 4)
}
