//! The only place that asks for chance: seeded, so that a test can repeat it; by default from the operating system.

use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// Chance, shared between threads. A cryptographic generator, so its bytes may become secrets.
#[derive(Debug)]
pub struct Random(Mutex<StdRng>);

impl Random {
    /// Chance that nobody can foresee.
    #[must_use]
    pub fn from_system() -> Self {
        Self(Mutex::new(rand::make_rng()))
    }

    /// Chance that is the same for the same seed: for tests.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().fill_bytes(&mut bytes);
        bytes
    }

    /// `duration` times a factor between `1 - share` and `1 + share`; `share` is between 0 and 1.
    #[must_use]
    pub fn jitter(&self, duration: Duration, share: f64) -> Duration {
        let share = share.clamp(0.0, 1.0);
        let factor = self.0.lock().random_range(1.0 - share..=1.0 + share);
        duration.mul_f64(factor)
    }

    /// A whole number in `0..below`; 0 if `below` is 0.
    #[must_use]
    pub fn below(&self, below: usize) -> usize {
        if below == 0 { 0 } else { self.0.lock().random_range(0..below) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_chance() {
        let (one, two) = (Random::from_seed(7), Random::from_seed(7));
        assert_eq!(one.bytes::<16>(), two.bytes::<16>());
        assert_ne!(one.bytes::<16>(), Random::from_seed(8).bytes::<16>());
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let random = Random::from_seed(1);
        for _ in 0..1_000 {
            let waited = random.jitter(Duration::from_secs(10), 0.2);
            assert!(waited >= Duration::from_secs(8) && waited <= Duration::from_secs(12));
        }
    }
}
