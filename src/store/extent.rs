//! How large a store is, how large it may become, and up to when things have to go once it is larger.

use crate::clock::Time;

/// Without a limit of its own a store may take so many parts of its disk, of [`DISK_PARTS`].
const DISK_SHARE: u64 = 4;

/// Into how many parts a disk is divided for [`DISK_SHARE`].
const DISK_PARTS: u64 = 5;

/// Of so many parts of the limit one is left for room that is free inside of the file: it is used before the file grows again.
const SLACK_PARTS: u64 = 10;

/// The first step towards the limit takes at least the time that the store goes back, halved so often; each further one is
/// halved once less. So little goes that could have stayed, and a few steps come to the end.
const HALVED: u32 = 8;

/// How much room a store takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Bytes of the database file.
    pub file: u64,
    /// Bytes of it that hold something.
    pub used: u64,
    /// Bytes of the disk it is on.
    pub disk: u64,
    /// When the oldest that it holds was received; nothing in an empty store.
    pub oldest: Option<Time>,
}

impl Extent {
    /// The most bytes that the file may have: what is configured, else four fifths of the disk.
    #[must_use]
    pub fn limit(&self, configured: Option<u64>) -> u64 {
        configured.unwrap_or(self.disk / DISK_PARTS * DISK_SHARE)
    }

    /// Bytes that hold something beyond what the limit leaves room for; 0 if all is well.
    #[must_use]
    pub fn excess(&self, limit: u64) -> u64 {
        self.used.saturating_sub(limit - limit / SLACK_PARTS)
    }

    /// Up to when things have to go, so that a store that is too large becomes smaller: a step from `reached`, the end of the step
    /// before, towards `now`. As far as the excess goes if as much came in each hour; `steps` were taken before.
    #[must_use]
    pub fn step(&self, limit: u64, reached: Option<Time>, steps: u32, now: Time) -> Option<Time> {
        let excess = self.excess(limit);
        let oldest = self.oldest.filter(|_| excess > 0)?;
        let from = reached.map_or(oldest, |reached| reached.max(oldest));
        let span = u64::try_from(now.since(from).as_millis()).unwrap_or(u64::MAX);
        let share = u128::from(span) * u128::from(excess) / u128::from(self.used.max(1));
        let share = u64::try_from(share).unwrap_or(span);
        let share = share.max(span >> HALVED.saturating_sub(steps));
        // A millisecond more: what is of the very moment stays.
        let step = i64::try_from(share).unwrap_or(i64::MAX).saturating_add(1);
        Some(Time::from_millis(from.as_millis().saturating_add(step)).min(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Time {
        Time::from_millis(100_000)
    }

    fn extent(used: u64, oldest: i64) -> Extent {
        let oldest = Some(Time::from_millis(oldest));
        Extent { file: used, used, disk: 1_000_000, oldest }
    }

    #[test]
    fn without_a_limit_of_its_own_a_store_may_take_four_fifths_of_its_disk() {
        assert_eq!(extent(0, 0).limit(None), 800_000);
        assert_eq!(extent(0, 0).limit(Some(7)), 7);
    }

    #[test]
    fn what_goes_is_the_share_of_the_time_that_the_excess_has_of_the_store() {
        let limit = 1_000;
        assert_eq!(extent(900, 0).step(limit, None, 0, now()), None);
        assert_eq!(extent(1_800, 0).step(limit, None, 0, now()), Some(Time::from_millis(50_001)));
        assert_eq!(
            extent(1_800, 0).step(limit, Some(Time::from_millis(60_000)), 1, now()),
            Some(Time::from_millis(80_001)),
            "what stayed of the time before is not waited for"
        );
        assert_eq!(
            extent(901, 0).step(limit, None, 0, now()),
            Some(Time::from_millis(100_000 / 256 + 1)),
            "a small excess takes little"
        );
        assert_eq!(extent(901, 0).step(limit, None, 8, now()), Some(now()), "steps have an end");
        assert_eq!(extent(1_800, 0).step(limit, Some(now()), 2, now()), Some(now()));
    }

    #[test]
    fn an_empty_store_is_never_too_large() {
        let empty = Extent { oldest: None, ..extent(10_000, 0) };
        assert_eq!(empty.step(1_000, None, 0, now()), None);
    }
}
