//! When a failed delivery is tried again: waits, jitter, `Retry-After`; pure.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::delivery::Outcome;
use crate::clock::Time;
use crate::random::Random;

/// How far a wait is spread in either direction, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

/// The longest that a destination can ask us to stay away.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// The waits between attempts: n waits make n + 1 attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule(pub Vec<Duration>);

impl Default for RetrySchedule {
    /// Over 75 hours, the horizon that Standard Webhooks advises.
    fn default() -> Self {
        const SECONDS: [u64; 11] =
            [5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        Self(SECONDS.into_iter().map(Duration::from_secs).collect())
    }
}

impl RetrySchedule {
    /// Without the waits that would come to more than `most` in all, jitter aside. Time behind a breaker, a pause or a
    /// `Retry-After` is not in it.
    #[must_use]
    pub fn within(self, most: Duration) -> Self {
        let mut spent = Duration::ZERO;
        let fits = |wait: &Duration| {
            spent = spent.saturating_add(*wait);
            spent <= most
        };
        Self(self.0.into_iter().take_while(fits).collect())
    }

    /// How long to wait after an attempt that ended with `outcome`; `None` if there is no further one.
    ///
    /// `counted_attempts` are those that were counted before it. With `retry_after` it is the later of the two. An attempt that we
    /// cut off ourselves uses up nothing and is due again at once.
    #[must_use]
    pub fn next(
        &self,
        counted_attempts: u32,
        outcome: Outcome,
        retry_after: Option<Duration>,
        random: &Random,
    ) -> Option<Duration> {
        match outcome {
            Outcome::Succeeded => None,
            Outcome::Unknown => Some(Duration::ZERO),
            Outcome::Rejected
            | Outcome::TimedOut
            | Outcome::Unreachable
            | Outcome::Refused
            | Outcome::Failed => {
                let wait = self.0.get(usize::try_from(counted_attempts).ok()?)?;
                let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
                Some(random.jitter(*wait, JITTER).max(asked))
            }
        }
    }
}

/// How long a `Retry-After` header asks us to wait, at most a day (RFC 9110, 10.2.3): seconds, or a date. `None` for anything else.
#[must_use]
pub fn parse_retry_after(value: &str, now: Time) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = value.parse().unwrap_or(u64::MAX); // more digits than fit are still a number
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    Some(parse_http_date(value)?.since(now).min(RETRY_AFTER_MAX))
}

/// A date in one of the three forms that HTTP knows (RFC 9110, 5.6.7); all of them are in UTC.
fn parse_http_date(value: &str) -> Option<Time> {
    const FORMS: [&str; 3] = [
        "%a, %d %b %Y %H:%M:%S GMT", // what everybody should send
        "%A, %d-%b-%y %H:%M:%S GMT", // RFC 850
        "%a %b %e %H:%M:%S %Y",      // asctime
    ];
    let moment = FORMS.iter().find_map(|form| DateTime::strptime(form, value).ok())?;
    TimeZone::UTC.to_timestamp(moment).ok().map(|timestamp: Timestamp| timestamp.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_budget_of_time_leaves_the_waits_that_fit_into_it() {
        let schedule = || RetrySchedule(vec![10 * SECOND, 20 * SECOND, 30 * SECOND]);
        for (most, left) in [(0, 0), (9, 0), (10, 1), (29, 1), (30, 2), (59, 2), (60, 3), (900, 3)]
        {
            assert_eq!(schedule().within(most * SECOND).0.len(), left, "{most}");
        }
    }

    #[test]
    fn every_failure_follows_the_schedule_until_it_ends() {
        let schedule = RetrySchedule(vec![10 * SECOND, 100 * SECOND]);
        let random = Random::from_seed(1);
        let failures = [
            Outcome::Rejected,
            Outcome::TimedOut,
            Outcome::Unreachable,
            Outcome::Refused,
            Outcome::Failed,
        ];
        for outcome in failures {
            let wait = |counted| schedule.next(counted, outcome, None, &random);
            assert!((8 * SECOND..=12 * SECOND).contains(&wait(0).unwrap()), "{outcome:?}");
            assert!((80 * SECOND..=120 * SECOND).contains(&wait(1).unwrap()), "{outcome:?}");
            assert_eq!(wait(2), None, "{outcome:?}");
            assert_eq!(wait(u32::MAX), None, "{outcome:?}");
        }
    }

    #[test]
    fn a_cut_off_attempt_uses_up_nothing() {
        let schedule = RetrySchedule(Vec::new());
        let random = Random::from_seed(1);
        assert_eq!(schedule.next(0, Outcome::Unknown, None, &random), Some(Duration::ZERO));
        assert_eq!(schedule.next(0, Outcome::Rejected, None, &random), None);
        assert_eq!(schedule.next(0, Outcome::Succeeded, None, &random), None);
    }

    #[test]
    fn retry_after_can_only_make_a_wait_longer_and_never_more_than_a_day() {
        let schedule = RetrySchedule(vec![10 * SECOND]);
        let random = Random::from_seed(1);
        let wait = |asked| schedule.next(0, Outcome::Rejected, Some(asked), &random).unwrap();
        assert!(wait(SECOND) >= 8 * SECOND);
        assert_eq!(wait(60 * SECOND), 60 * SECOND);
        assert_eq!(wait(1_000_000 * SECOND), RETRY_AFTER_MAX);
        assert_eq!(schedule.next(1, Outcome::Rejected, Some(SECOND), &random), None);
    }

    #[test]
    fn waits_are_spread() {
        let schedule = RetrySchedule(vec![1_000 * SECOND]);
        let random = Random::from_seed(1);
        let waits: std::collections::BTreeSet<_> =
            (0..20).filter_map(|_| schedule.next(0, Outcome::TimedOut, None, &random)).collect();
        assert!(waits.len() > 15, "{waits:?}");
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_any_of_three_dates() {
        let now: Time = "1994-11-06T08:49:00Z".parse().unwrap();
        let table = [
            ("120", Some(120)),
            (" 120 ", Some(120)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
            ("Tue, 06 Nov 2001 08:49:37 GMT", Some(86_400)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("+5", None),
            ("soon", None),
            ("٣", None),
            ("Sun, 06 Nov 1994", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
            ("1994-11-06T08:49:37Z", None),
        ];
        for (value, seconds) in table {
            let wanted = seconds.map(Duration::from_secs);
            assert_eq!(parse_retry_after(value, now), wanted, "{value}");
        }
    }
}
