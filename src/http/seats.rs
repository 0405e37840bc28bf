//! How many connections there may be: in all, and from one address that is neither near nor a proxy's.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ipnet::IpNet;
use parking_lot::Mutex;

/// Connections from one address. A vendor has fewer; a proxy has as many as it likes.
const FROM_ONE_ADDRESS_MAX: usize = 512;

/// Why connections are cut, as counted.
pub(super) const REASONS: [&str; 3] = ["address", "answer", "head"];

/// The connections of one listener.
#[derive(Debug, Default)]
pub(super) struct Seats {
    trusted: Vec<IpNet>,
    open: AtomicUsize,
    far: Mutex<HashMap<IpAddr, usize>>,
    cut: [AtomicU64; REASONS.len()],
}

/// The place of one connection, for as long as it is there.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    address: Option<IpAddr>,
}

impl Seats {
    pub(super) fn trusting(trusted: &[IpNet]) -> Self {
        Self { trusted: trusted.to_vec(), ..Self::default() }
    }

    /// A seat for a connection from `peer`; none if there are too many from its address.
    pub(super) fn take(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Seat> {
        let address = peer.map(|peer| peer.to_canonical()).filter(|peer| self.is_far(peer));
        let address = address.map(network);
        if let Some(address) = address {
            let mut far = self.far.lock();
            let taken = far.entry(address).or_default();
            if *taken >= FROM_ONE_ADDRESS_MAX {
                self.count("address");
                return None;
            }
            *taken += 1;
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Seat { seats: Arc::clone(self), address })
    }

    /// How many connections there are.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many were cut since the start, by reason.
    pub(super) fn cut(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.iter().zip(&self.cut).map(|(reason, cut)| (*reason, cut.load(Ordering::Relaxed)))
    }

    /// Whether an address is one caller's own. Behind those of this machine, this network and of trusted proxies there are many.
    fn is_far(&self, peer: &IpAddr) -> bool {
        let near = match peer {
            IpAddr::V4(peer) => peer.is_loopback() || peer.is_private() || peer.is_link_local(),
            IpAddr::V6(peer) => {
                peer.is_loopback() || peer.is_unique_local() || peer.is_unicast_link_local()
            }
        };
        !near && !self.trusted.iter().any(|network| network.contains(peer))
    }

    fn count(&self, reason: &str) {
        let mut counts = REASONS.iter().zip(&self.cut);
        if let Some((_, cut)) = counts.find(|(known, _)| **known == reason) {
            cut.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Seat {
    /// Counts that the connection is cut, by a reason of [`REASONS`].
    pub(super) fn cut(&self, reason: &str) {
        self.seats.count(reason);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.open.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address else { return };
        let mut far = self.seats.far.lock();
        if let Some(taken) = far.get_mut(&address) {
            *taken -= 1;
            if *taken == 0 {
                far.remove(&address);
            }
        }
    }
}

/// What one caller may have of addresses: of IPv6, the 64 bits that networks are given out by.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_no_more_than_its_share_and_gets_it_back() {
        let seats = Arc::new(Seats::trusting(&["198.51.100.0/24".parse().unwrap()]));
        let take = |peer: &str| seats.take(Some(peer.parse().unwrap()));
        let mut taken: Vec<_> =
            (0..FROM_ONE_ADDRESS_MAX).map(|_| take("203.0.113.9").unwrap()).collect();
        assert!(take("203.0.113.9").is_none() && take("::ffff:203.0.113.9").is_none());
        taken.extend(take("203.0.113.10"));
        assert_eq!(seats.open(), FROM_ONE_ADDRESS_MAX + 1);
        assert_eq!(seats.cut().next(), Some(("address", 2)));
        taken.remove(0);
        assert!(take("203.0.113.9").is_some());
        drop(taken);
        assert_eq!((seats.open(), seats.far.lock().len()), (0, 0));
    }

    #[test]
    fn whoever_stands_for_many_is_not_bounded() {
        let seats = Arc::new(Seats::trusting(&["198.51.100.0/24".parse().unwrap()]));
        for peer in ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "198.51.100.7", "192.168.0.1"] {
            let peer = Some(peer.parse().unwrap());
            let many: Vec<_> =
                (0..=FROM_ONE_ADDRESS_MAX).filter_map(|_| seats.take(peer)).collect();
            assert_eq!(many.len(), FROM_ONE_ADDRESS_MAX + 1, "{peer:?}");
        }
        let mut one: Vec<_> = (0..FROM_ONE_ADDRESS_MAX)
            .filter_map(|last| seats.take(Some(format!("2001:db8::{last:x}").parse().unwrap())))
            .collect();
        assert!(seats.take(Some("2001:db8::ffff".parse().unwrap())).is_none());
        one.extend(seats.take(Some("2001:db8:0:1::1".parse().unwrap())));
        assert_eq!(one.len(), FROM_ONE_ADDRESS_MAX + 1);
    }
}
