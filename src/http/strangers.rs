//! Requests to no source: counted, and the last ones kept in memory to look at, for a mistyped push URL shows here.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::Serialize;

use crate::clock::Time;

/// How many are kept to look at.
const KEPT_MAX: usize = 100;

/// The most characters of a path that are kept.
const PATH_MAX: usize = 200;

/// What came to no source.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<(u64, VecDeque<Stranger>)>);

/// One request to no source.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stranger {
    at: Time,
    method: String,
    /// The first segment behind `/in/` alone: what stands behind it may be a token.
    path: String,
}

impl Strangers {
    /// Counts one, and keeps it in place of the oldest.
    pub(super) fn note(&self, at: Time, method: &str, segment: &str) {
        let segment: String = segment.chars().take(PATH_MAX).collect();
        let mut inner = self.0.lock();
        inner.0 += 1;
        if inner.1.len() == KEPT_MAX {
            inner.1.pop_front();
        }
        inner.1.push_back(Stranger {
            at,
            method: method.to_owned(),
            path: format!("/in/{segment}"),
        });
    }

    /// How many there were, and the last ones, newest first.
    pub(super) fn seen(&self) -> (u64, Vec<Stranger>) {
        let inner = self.0.lock();
        (inner.0, inner.1.iter().rev().cloned().collect())
    }
}
