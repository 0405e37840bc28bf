//! Wrong API keys, counted by the address they come from, so that guessing is slow. The table is bounded.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;

/// Wrong keys that an address may send within a [`WINDOW`]; after that, none of its keys is looked at until the window ends.
const WRONG_MAX: u32 = 60; // one a second: a script with a mistyped key shows itself, and a guess stays hopeless

/// How long wrong keys are remembered, from the first one on.
const WINDOW: Duration = Duration::from_mins(1);

/// Addresses that are remembered; one more takes the place of the one that has been there longest.
const ADDRESSES_MAX: usize = 4_096;

/// Who sent wrong keys of late.
#[derive(Debug, Default)]
pub(super) struct WrongKeys(Mutex<HashMap<Option<IpAddr>, Counted>>);

#[derive(Clone, Copy, Debug)]
struct Counted {
    since: Duration,
    number: u32,
}

impl WrongKeys {
    /// How long the address has to wait until a key of its is looked at again; nothing if it need not. `now` is the time since the
    /// start, which no setting of the clock moves.
    pub(super) fn wait(&self, address: Option<IpAddr>, now: Duration) -> Option<Duration> {
        let counted = self.0.lock().get(&household(address)).copied()?;
        let left = (counted.since + WINDOW).checked_sub(now).filter(|left| !left.is_zero())?;
        (counted.number >= WRONG_MAX).then_some(left)
    }

    /// Counts one.
    pub(super) fn note(&self, address: Option<IpAddr>, now: Duration) {
        let address = household(address);
        let mut table = self.0.lock();
        if table.len() >= ADDRESSES_MAX && !table.contains_key(&address) {
            let oldest = table.iter().min_by_key(|(_, counted)| counted.since);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                table.remove(&oldest);
            }
        }
        let counted = table.entry(address).or_insert(Counted { since: now, number: 0 });
        if now.saturating_sub(counted.since) >= WINDOW {
            *counted = Counted { since: now, number: 0 };
        }
        counted.number = counted.number.saturating_add(1);
    }
}

/// Whoever has one address of version 6 has the 2^64 around it.
fn household(address: Option<IpAddr>) -> Option<IpAddr> {
    address.map(|address| match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let mask = u128::MAX << 64;
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_waits_for_the_rest_of_the_minute_after_too_many() {
        let wrong = WrongKeys::default();
        let (one, other) = (Some(address("192.0.2.1")), Some(address("192.0.2.2")));
        for _ in 0..WRONG_MAX {
            assert_eq!(wrong.wait(one, SECOND), None);
            wrong.note(one, SECOND);
        }
        assert_eq!(wrong.wait(one, SECOND * 21), Some(SECOND * 40));
        assert_eq!(wrong.wait(other, SECOND * 21), None);
        assert_eq!(wrong.wait(one, SECOND * 61), None);
        wrong.note(one, SECOND * 61);
        assert_eq!(wrong.wait(one, SECOND * 61), None, "it begins anew");
    }

    #[test]
    fn neighbours_of_version_6_are_one() {
        let wrong = WrongKeys::default();
        for number in 0..WRONG_MAX {
            wrong.note(Some(address(&format!("2001:db8::{number:x}"))), SECOND);
        }
        assert!(wrong.wait(Some(address("2001:db8::ffff:1")), SECOND).is_some());
        assert_eq!(wrong.wait(Some(address("2001:db8:0:1::1")), SECOND), None);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_oldest() {
        let wrong = WrongKeys::default();
        let first = Some(address("198.51.100.1"));
        for _ in 0..WRONG_MAX {
            wrong.note(first, Duration::ZERO);
        }
        for number in 0..u32::try_from(ADDRESSES_MAX).unwrap() {
            wrong.note(Some(IpAddr::from((0x0a00_0000 + number).to_be_bytes())), SECOND);
        }
        assert_eq!(wrong.0.lock().len(), ADDRESSES_MAX);
        assert_eq!(wrong.wait(first, SECOND), None);
    }
}
