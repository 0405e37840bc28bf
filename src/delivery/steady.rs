//! The time that schedules go by: the wall clock's, but never held up by a jump backwards.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Time};

/// Goes at least as fast as time passes since it was made. If the wall clock is put back, what was due stays due when it was
/// planned; if it is put forward, what is due by it goes out.
#[derive(Debug)]
pub(super) struct SteadyTime {
    clock: Arc<dyn Clock>,
    begin: Time,
    begin_elapsed: Duration,
}

impl SteadyTime {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let (begin, begin_elapsed) = (clock.now(), clock.elapsed());
        Self { clock, begin, begin_elapsed }
    }

    pub(super) fn now(&self) -> Time {
        let passed = self.clock.elapsed().saturating_sub(self.begin_elapsed);
        self.clock.now().max(self.begin.after(passed))
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use parking_lot::Mutex;

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
            (2_000, 11_000, 54_000),
        ] {
            *clocks.0.lock() = (wall, elapsed);
            assert_eq!(steady.now().as_millis(), now);
        }
    }
}
