//! The time that schedules go by: the wall clock's, but never held up by a jump backwards.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{Clock, Time};

/// Goes at least as fast as time passes, and never back. If the wall clock is put back, what was due stays due when it was planned,
/// also if that was planned while the clock stood too far ahead; if it is put forward, what is due by it goes out.
#[derive(Debug)]
pub(super) struct SteadyTime {
    clock: Arc<dyn Clock>,
    /// The latest that the wall clock has been, and when that was.
    latest: Mutex<(Time, Duration)>,
}

impl SteadyTime {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let latest = Mutex::new((clock.now(), clock.elapsed()));
        Self { clock, latest }
    }

    pub(super) fn now(&self) -> Time {
        let mut latest = self.latest.lock();
        let (wall, elapsed) = (self.clock.now(), self.clock.elapsed());
        let steady = latest.0.after(elapsed.saturating_sub(latest.1));
        if wall <= steady {
            return steady;
        }
        *latest = (wall, elapsed);
        wall
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    /// A wall clock and a steady one that a test sets apart.
    #[derive(Debug, Default)]
    struct TwoClocks(Mutex<(i64, u64)>);

    #[async_trait]
    impl Clock for TwoClocks {
        fn now(&self) -> Time {
            Time::from_millis(self.0.lock().0)
        }

        fn elapsed(&self) -> Duration {
            Duration::from_millis(self.0.lock().1)
        }

        async fn sleep(&self, _: Duration) {}
    }

    #[test]
    fn a_wall_clock_put_back_holds_nothing_up_and_one_put_forward_is_followed() {
        let clocks = Arc::new(TwoClocks(Mutex::new((50_000, 7_000))));
        let steady = SteadyTime::new(Arc::<TwoClocks>::clone(&clocks));
        for (wall, elapsed, now) in [
            (50_000, 7_000, 50_000),
            (51_000, 8_000, 51_000),
            (1_000, 9_000, 52_000),
            (90_000, 10_000, 90_000),
            (2_000, 11_000, 91_000),
        ] {
            *clocks.0.lock() = (wall, elapsed);
            assert_eq!(steady.now().as_millis(), now);
        }
    }
}
