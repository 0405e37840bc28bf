//! Whose things somebody may see: everybody's, or those of some sources alone.

use std::sync::Arc;

use super::destination::Destination;
use super::name::Name;

/// Whose things somebody may see. What is out of reach is not there for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(Option<Arc<[Name]>>);

impl Reach {
    /// Everybody's.
    pub const EVERYTHING: Self = Self(None);

    /// Those of these sources.
    #[must_use]
    pub fn of(sources: Vec<Name>) -> Self {
        Self(Some(sources.into()))
    }

    /// The sources, where it ends at some.
    #[must_use]
    pub fn sources(&self) -> Option<&[Name]> {
        self.0.as_deref()
    }

    /// The only source in reach, if there is no other.
    #[must_use]
    pub fn only(&self) -> Option<&Name> {
        match self.sources() {
            Some([one]) => Some(one),
            Some(_) | None => None,
        }
    }

    /// Whether what is of this source is in reach.
    #[must_use]
    pub fn has(&self, source: &Name) -> bool {
        self.sources().is_none_or(|sources| sources.contains(source))
    }

    /// Whether a destination is: it has to take from sources in reach alone, for what it shows is of all it takes.
    #[must_use]
    pub fn has_destination(&self, destination: &Destination) -> bool {
        let takes = &destination.sources;
        self.sources().is_none() || (!takes.is_empty() && takes.iter().all(|name| self.has(name)))
    }
}
