//! How many connections the system lets the process have: each is an open file, and few are allowed unless one asks for more.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are open besides the vendors' connections: those of who asks, of deliveries, and the store's.
const OTHER_FILES: u64 = 2_048;

/// The fewest connections that are worth a start.
const CONNECTIONS_MIN: usize = 16;

/// Asks the system for as many open files as these connections need, and says how many connections there can be.
pub(super) fn room_for(connections: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    let Some(current) = limit.current.filter(|current| *current < wanted) else {
        return connections;
    };
    let most = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = Rlimit { current: Some(most), maximum: limit.maximum };
    let allowed = if setrlimit(Resource::Nofile, raised).is_ok() { most } else { current };
    if allowed >= wanted {
        return connections;
    }
    let possible = possible(allowed).min(connections);
    tracing::warn!(
        "the system allows {allowed} open files, so there can be {possible} connections of vendors and not {connections}: raise the limit (ulimit -n, LimitNOFILE)"
    );
    possible
}

/// Connections that so many files are enough for; where they are few, half of them are left for all else.
fn possible(allowed: u64) -> usize {
    let left = allowed.saturating_sub(OTHER_FILES).max(allowed / 2);
    usize::try_from(left).unwrap_or(usize::MAX).max(CONNECTIONS_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_program_keeps_its_files() {
        for (allowed, connections) in [(1_024, 512), (4_096, 2_048), (10_240, 8_192), (0, 16)] {
            assert_eq!(possible(allowed), connections, "{allowed}");
        }
    }
}
