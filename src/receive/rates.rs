//! How many callbacks a second each source may bring: what is beyond is not kept, and is told when to come again.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock as Watch;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::clock::Clock;
use crate::domain::name::Name;
use crate::domain::source::Source;

/// The limits of those sources that have one.
#[derive(Debug, Default)]
pub struct Rates(HashMap<Name, Arc<Limit>>);

#[derive(Debug)]
struct Limit {
    rate: NonZeroU32,
    limiter: RateLimiter<NotKeyed, InMemoryState, Steady, NoOpMiddleware<Duration>>,
    watch: Steady,
    refused: AtomicU64,
}

impl Limit {
    fn new(rate: NonZeroU32, clock: &Arc<dyn Clock>) -> Self {
        let watch = Steady(Arc::clone(clock));
        let limiter = RateLimiter::direct_with_clock(Quota::per_second(rate), watch.clone());
        Self { rate, limiter, watch, refused: AtomicU64::new(0) }
    }
}

/// Our clock, as the limiter reads it.
#[derive(Clone, Debug)]
struct Steady(Arc<dyn Clock>);

impl Watch for Steady {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Rates {
    /// Limits for these sources. After a quiet second a source may bring a second's worth at once.
    #[must_use]
    pub fn of(sources: &[Source], clock: &Arc<dyn Clock>) -> Self {
        Self::default().renewed(sources, clock)
    }

    /// Limits for these sources, which go on where a source had the same limit already.
    #[must_use]
    pub fn renewed(&self, sources: &[Source], clock: &Arc<dyn Clock>) -> Self {
        let limited = sources.iter().filter_map(|source| {
            let rate = source.rate?;
            let known = self.0.get(&source.name).filter(|known| known.rate == rate).cloned();
            let limit = known.unwrap_or_else(|| Arc::new(Limit::new(rate, clock)));
            Some((source.name.clone(), limit))
        });
        Self(limited.collect())
    }

    /// Counts a callback of the source.
    ///
    /// # Errors
    /// How long to wait, if it is one too many.
    pub(super) fn take(&self, source: &Name) -> Result<(), Duration> {
        let Some(limit) = self.0.get(source) else { return Ok(()) };
        let Err(until) = limit.limiter.check() else { return Ok(()) };
        let refused = limit.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if refused.is_power_of_two() {
            tracing::warn!(source.name = %source, callbacks = refused, "callbacks were answered 429: the source brings more than its rate allows");
        }
        Err(until.wait_time_from(limit.watch.now()))
    }

    /// How many of a source's callbacks were one too many, since the start.
    #[must_use]
    pub fn refused(&self, source: &Name) -> u64 {
        self.0.get(source).map_or(0, |limit| limit.refused.load(Ordering::Relaxed))
    }
}
