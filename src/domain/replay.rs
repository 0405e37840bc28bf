//! A replay: stored events that a person has handed out again, how fast, and how far that is.

use serde::{Serialize, Serializer};

use super::id::ReplayId;
use super::name::Name;
use super::query::EventFilter;
use crate::clock::Time;

/// A person's wish that stored events be handed out again.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Its id: what `webhook-replay` says.
    pub id: ReplayId,
    /// Which events.
    pub filter: EventFilter,
    /// To whom; without one, to those that had each event in the first place.
    pub to: Option<Name>,
    /// How many events a second at the most.
    pub rate: Option<f64>,
    /// Where it stands.
    pub state: ReplayState,
    /// When it was asked for.
    pub created_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// How many events the filter found when it was asked for.
    pub matched: u64,
    /// How far it is.
    pub progress: Progress,
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events up to this place in the stream were handed out.
    pub place: i64,
    /// The last place of the stream that it goes to.
    pub last: i64,
    /// How many events were handed out so far.
    pub events: u64,
    /// How many deliveries were made of them.
    pub deliveries: u64,
    /// How many of those events have a delivery that has not ended.
    pub waiting: u64,
}

/// Where a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    /// It only counted.
    DryRun,
    /// Events are being handed out.
    Running,
    /// Every event was handed out, and every delivery of it has ended.
    Done,
    /// A person ended it before it was through.
    Cancelled,
}

impl ReplayState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::DryRun, Self::Running, Self::Done, Self::Cancelled];

    /// The state's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DryRun => "dry_run",
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Progress {
    /// Whether nothing is left to be handed out, or to end.
    #[must_use]
    pub fn is_through(&self) -> bool {
        self.place >= self.last && self.waiting == 0
    }
}

impl Serialize for Replay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            id: ReplayId,
            state: ReplayState,
            matched: u64,
            done: u64,
            waiting: u64,
            deliveries: u64,
            filter: &'a EventFilter,
            #[serde(skip_serializing_if = "Option::is_none")]
            to: Option<&'a Name>,
            #[serde(skip_serializing_if = "Option::is_none")]
            rate: Option<f64>,
            dry_run: bool,
            created_at: Time,
            #[serde(skip_serializing_if = "Option::is_none")]
            ended_at: Option<Time>,
        }
        let Progress { events, deliveries, waiting, .. } = self.progress;
        let through = self.state == ReplayState::Running && self.progress.is_through();
        let wire = Wire {
            id: self.id,
            state: if through { ReplayState::Done } else { self.state },
            matched: self.matched,
            done: events.saturating_sub(waiting),
            waiting,
            deliveries,
            filter: &self.filter,
            to: self.to.as_ref(),
            rate: self.rate,
            dry_run: self.state == ReplayState::DryRun,
            created_at: self.created_at,
            ended_at: self.ended_at,
        };
        wire.serialize(serializer)
    }
}

/// How many events may be handed out by now, at so many a second.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    tokens: f64,
    at: std::time::Duration,
}

impl Allowance {
    /// One event at once. Moments are [`crate::clock::Clock::elapsed`]'s.
    #[must_use]
    pub fn beginning(at: std::time::Duration) -> Self {
        Self { tokens: 1.0, at }
    }

    /// How many there may be now. What is not taken is not saved for longer than a tenth of a second.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of events between 0 and a page's"
    )]
    pub fn at(&mut self, now: std::time::Duration, rate: f64) -> usize {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + passed * rate).min((rate / 10.0).max(1.0));
        self.tokens as usize
    }

    /// Takes so many.
    #[expect(clippy::cast_precision_loss, reason = "a page of events at the most")]
    pub fn take(&mut self, events: usize) {
        self.tokens -= events as f64;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_rate_is_kept_whatever_the_steps_are() {
        for (rate, millis) in [(100.0, 7), (5.0, 50), (0.5, 400), (3.0, 1_000)] {
            let mut allowance = Allowance::beginning(Duration::ZERO);
            let (mut handed, mut now) = (0_u32, Duration::ZERO);
            while now < Duration::from_mins(1) {
                let allowed = allowance.at(now, rate);
                allowance.take(allowed);
                handed += u32::try_from(allowed).unwrap();
                now += Duration::from_millis(millis);
            }
            let most = 60.0 * rate + 1.0;
            assert!(f64::from(handed) <= most, "{rate}: {handed}");
            assert!(millis >= 1_000 || f64::from(handed) >= 0.9 * most - 2.0, "{rate}: {handed}");
        }
    }
}
