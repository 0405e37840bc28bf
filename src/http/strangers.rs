//! Requests to no source: counted, and the last ones kept in memory to look at, for a mistyped push URL shows here.

use std::collections::VecDeque;

use parking_lot::Mutex;
use schemars::JsonSchema;
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
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Stranger {
    at: Time,
    method: String,
    /// Its first segment, with the one behind `/in/`: what stands behind that may be a token.
    path: String,
}

impl Strangers {
    /// Counts one, and keeps it in place of the oldest.
    pub(super) fn note(&self, at: Time, method: &str, path: &str) {
        let path = beginning(path);
        let mut inner = self.0.lock();
        inner.0 += 1;
        if inner.1.len() == KEPT_MAX {
            inner.1.pop_front();
        }
        inner.1.push_back(Stranger { at, method: method.to_owned(), path });
    }

    /// How many there were, and the last ones, newest first.
    pub(super) fn seen(&self) -> (u64, Vec<Stranger>) {
        let inner = self.0.lock();
        (inner.0, inner.1.iter().rev().cloned().collect())
    }
}

/// The path without what may be a token.
fn beginning(path: &str) -> String {
    let segments = if path.starts_with("/in/") { 3 } else { 2 };
    let kept: Vec<&str> = path.split('/').take(segments).collect();
    kept.join("/").chars().take(PATH_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_path_to_nowhere_no_more_is_kept_than_where_a_name_would_stand() {
        let table = [
            ("/in/shpo/s3cret/messages-upsert", "/in/shpo"),
            ("/in/shpo", "/in/shpo"),
            ("/in/", "/in/"),
            ("/in", "/in"),
            ("/hooks/s3cret", "/hooks"),
            ("/", "/"),
            ("//in/shop/s3cret", "/"),
            ("", ""),
        ];
        for (path, kept) in table {
            assert_eq!(beginning(path), kept);
        }
        assert_eq!(beginning(&format!("/in/{}", "é".repeat(500))).chars().count(), PATH_MAX);
    }
}
