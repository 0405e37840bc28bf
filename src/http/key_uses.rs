//! When each API key was used last: noted in memory, written down now and then.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::clock::Time;
use crate::domain::name::Name;

/// When each key was used last.
#[derive(Debug, Default)]
pub(super) struct KeyUses(Mutex<BTreeMap<Name, Time>>);

impl KeyUses {
    /// Notes a use.
    pub(super) fn note(&self, key: &Name, now: Time) {
        let mut uses = self.0.lock();
        match uses.get_mut(key) {
            Some(latest) => *latest = now,
            None => drop(uses.insert(key.clone(), now)),
        }
    }

    /// When a key was used last, as far as is known.
    pub(super) fn latest(&self, key: &Name) -> Option<Time> {
        self.0.lock().get(key).copied()
    }
}
