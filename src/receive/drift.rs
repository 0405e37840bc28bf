//! What vendors send that their adapters do not know: each finding is logged once, counted in memory, and written down when it is news.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;

use crate::clock::Time;
use crate::domain::drift::{Drift, FINDINGS_MAX, Finding, Novelty, Seen};
use crate::domain::id::CallbackId;
use crate::domain::name::Name;

/// The drift of every source. It is in front of the store's table, so that what is known costs no write.
#[derive(Debug, Default)]
pub struct DriftBook(Mutex<HashMap<Name, Drift>>);

impl DriftBook {
    /// The drift that the store remembers.
    #[must_use]
    pub fn remembered(found: Vec<(Name, Finding, Seen)>) -> Self {
        let mut by_source: HashMap<Name, Vec<(Finding, Seen)>> = HashMap::new();
        for (source, finding, seen) in found {
            by_source.entry(source).or_default().push((finding, seen));
        }
        let drift = |(source, found)| (source, Drift::remembered(found));
        Self(Mutex::new(by_source.into_iter().map(drift).collect()))
    }

    /// The source's drift as it is known now.
    #[must_use]
    pub fn of(&self, source: &Name) -> Drift {
        self.0.lock().get(source).cloned().unwrap_or_default()
    }

    /// Forgets the source's drift, of which the store has forgotten what it knew. What still comes is found anew.
    pub fn forget(&self, source: &Name) {
        self.0.lock().remove(source);
    }

    /// What of a callback's findings is to be written with it.
    pub(super) fn worth_writing(
        &self,
        source: &Name,
        findings: &BTreeSet<Finding>,
        callback: CallbackId,
        at: Time,
    ) -> Vec<(Finding, Seen)> {
        if findings.is_empty() {
            return Vec::new();
        }
        let drift = self.0.lock();
        let unknown = Drift::default();
        drift.get(source).unwrap_or(&unknown).worth_writing(findings, callback, at)
    }

    /// Counts the findings of a callback that is on disk, and logs those that were not known.
    pub(super) fn note(
        &self,
        source: &Name,
        findings: &BTreeSet<Finding>,
        callback: CallbackId,
        at: Time,
    ) {
        if findings.is_empty() {
            return;
        }
        let mut book = self.0.lock();
        let drift = book.entry(source.clone()).or_default();
        for finding in findings {
            let novelty = drift.note(finding, callback, at);
            if novelty == Novelty::First {
                log(source, finding, callback);
            }
            if novelty == Novelty::NoRoom && drift.more() == 1 {
                tracing::warn!(source.name = %source, "more than {FINDINGS_MAX} things that the adapter does not know; further ones are only counted");
            }
        }
    }
}

fn log(source: &Name, finding: &Finding, callback: CallbackId) {
    let Finding { dialect, kind, name } = finding;
    tracing::warn!(
        source.name = %source, callback.dialect = %dialect, drift.kind = kind.as_str(), drift.name = %name,
        callback.id = %callback, "the vendor sends something that the adapter does not know; it is kept"
    );
}
