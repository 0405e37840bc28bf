//! What each vendor sends and what it means: pure, bytes in, meaning out.
//!
//! A new vendor is one file (or folder), its fixtures, and one line in [`VENDORS`].

pub mod authenticity;
pub mod generic;
pub mod habits;
pub mod read;
pub mod wachat;
pub mod wavecell;
pub mod wessaal;
pub mod whautochat;

use std::fmt;

pub use authenticity::Authentic;
use habits::Habits;

use crate::domain::event::Draft;
use crate::domain::source::ReadSettings;

/// Every vendor there is. Routes, configuration and tests come from this list.
pub static VENDORS: &[&dyn Vendor] = &[
    &wachat::Wachat,
    &wavecell::Wavecell,
    &wessaal::Wessaal,
    &whautochat::Whautochat,
    &generic::Generic,
];

/// The most events that one callback may hold; one with more is quarantined.
pub const EVENTS_MAX: usize = 10_000;

/// The vendor with this code.
#[must_use]
pub fn find(code: &str) -> Option<&'static dyn Vendor> {
    VENDORS.iter().copied().find(|vendor| vendor.code() == code)
}

/// One kind of sender: what its callbacks mean.
pub trait Vendor: Send + Sync {
    /// The vendor's code, as configuration and events write it.
    fn code(&self) -> &'static str;

    /// The largest body taken unless a source says otherwise, in bytes.
    fn default_max_body(&self) -> usize {
        1024 * 1024
    }

    /// The zone of times that this vendor writes without one, unless a source says otherwise; an IANA name.
    fn default_timezone(&self) -> &'static str {
        "UTC"
    }

    /// Whether its callbacks are described in the configuration, by a source's `mapping`, and not in code.
    fn reads_by_mapping(&self) -> bool {
        false
    }

    /// Whether a `GET` can be a callback of a source with these settings.
    fn takes_get(&self, _settings: &ReadSettings) -> bool {
        false
    }

    /// How it behaves towards a push URL, for simulations; nothing where it is not one vendor.
    fn habits(&self) -> Option<Habits> {
        None
    }

    /// What the callback means. A function of its bytes, its time of arrival and `settings` alone; never an error.
    fn read(&self, callback: &Authentic<'_>, settings: &ReadSettings) -> Reading;
}

impl fmt::Debug for dyn Vendor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

/// What an adapter made of a callback.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// It means these events, in this order.
    Events(Vec<Draft>),
    /// It could not be understood; why, in words for the operator. It is kept.
    Quarantine(String),
}

impl Reading {
    /// The reading of one event.
    #[must_use]
    pub fn one(draft: Draft) -> Self {
        Self::Events(vec![draft])
    }
}
