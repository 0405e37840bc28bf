//! What the watch sees when it looks once: of every destination, every source, and the disk.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::watch::{Key, Watch};
use crate::clock::Time;
use crate::domain::alarm::{Condition, Counted, Sign, Trouble};
use crate::domain::breaker::BreakerState;
use crate::domain::destination::Destination;
use crate::domain::query::{MessageFilter, Order, PageRequest};
use crate::domain::source::Source;
use crate::store::StoreError;

/// Messages that have waited for longer than this for a receipt will hardly get one, and page nobody any more.
const HOPELESS: Duration = Duration::from_hours(24);

/// Names that an alarm lists at the most.
const LISTED_MAX: usize = 10;

/// What is seen of one thing that can be wrong.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) condition: Condition,
    pub(super) subject: String,
    pub(super) sign: Sign,
    /// The count that is known now.
    pub(super) seen: u64,
}

impl Look {
    fn new(condition: Condition, subject: &str, sign: Sign, seen: u64) -> Self {
        Self { condition, subject: subject.to_owned(), sign, seen }
    }

    pub(super) fn key(&self) -> Key {
        (self.condition, self.subject.clone())
    }
}

impl Watch {
    /// One look at everything.
    pub(super) async fn looks(&mut self) -> Result<Vec<Look>, StoreError> {
        let mut looks = Vec::new();
        let disk = self.store.low_disk();
        let sign = disk.map_or(Sign::Well, |low| ill(low, []));
        looks.push(Look::new(Condition::DiskLow, "disk", sign, 0));
        let destinations = std::sync::Arc::clone(&self.destinations);
        for destination in destinations.configured() {
            self.destination(&destination, &mut looks).await?;
        }
        let drift = self.store.drift().await?;
        let sources = self.sources.borrow().clone();
        for source in sources {
            let found = drift.iter().filter(|(name, ..)| *name == source.name);
            let mut found: Vec<(Time, &str)> = found
                .map(|(_, finding, seen)| (seen.first_seen_at, finding.name.as_str()))
                .collect();
            found.sort_unstable();
            self.drift(&source, &found, &mut looks);
            self.source(&source, &mut looks).await?;
        }
        Ok(looks)
    }

    async fn destination(
        &mut self,
        destination: &Destination,
        looks: &mut Vec<Look>,
    ) -> Result<(), StoreError> {
        let name = destination.name.as_str();
        let Some(standing) = self.destinations.standing(&destination.name) else { return Ok(()) };
        let backlog = self.store.backlog(&destination.name).await?;
        let ended = backlog.ended;
        let waiting = ("waiting", json!(backlog.waiting));
        let key = (Condition::Paused, name.to_owned());
        let needed =
            self.known.as_ref().and_then(|known| known.get(&key)).map_or(0, |alarm| alarm.seen);
        let (sign, seen) = match (&standing.paused, standing.breaker) {
            (Some(reason), _) => (ill(format!("it is paused: {reason}"), [waiting.clone()]), 0),
            (None, BreakerState::Open { .. } | BreakerState::HalfOpen) => {
                let reason = "its attempts keep failing: nothing is sent but a probe now and then";
                (ill(reason.to_owned(), [waiting.clone()]), ended.succeeded + 1)
            }
            // After a restart the breaker knows nothing: only a success says that all is well.
            (None, BreakerState::Closed) if ended.succeeded >= needed => (Sign::Well, 0),
            (None, BreakerState::Closed) => (Sign::Unclear, needed),
        };
        looks.push(Look::new(Condition::Paused, name, sign, seen));
        for (condition, bad, what) in [
            (Condition::Exhausted, ended.exhausted, "used up their attempts"),
            (
                Condition::Expired,
                ended.expired,
                "waited longer, or were more, than the backlog's bounds allow",
            ),
        ] {
            let key = (condition, name.to_owned());
            let sign = match self.tally(&key, (bad, ended.succeeded)) {
                Counted::More(more) => {
                    let number = if more == 1 {
                        "1 delivery".to_owned()
                    } else {
                        format!("{more} deliveries")
                    };
                    ill(format!("{number} {what}"), [("deliveries", json!(more)), waiting.clone()])
                }
                Counted::Over => Sign::Well,
                Counted::Unclear => Sign::Unclear,
            };
            looks.push(Look::new(condition, name, sign, bad));
        }
        Ok(())
    }

    async fn source(&mut self, source: &Source, looks: &mut Vec<Look>) -> Result<(), StoreError> {
        let name = source.name.as_str();
        let counts = self.store.intake_of(&source.name).await?;
        let refused: u64 = counts.unauthentic.iter().map(|(_, number)| number).sum();
        let authentic = counts.received.saturating_sub(refused);
        let key = (Condition::Unauthentic, name.to_owned());
        let sign = match self.tally(&key, (refused, authentic)) {
            Counted::More(more) => {
                let reasons: Vec<&str> =
                    counts.unauthentic.iter().map(|(reason, _)| reason.as_str()).collect();
                let reason = format!(
                    "{more} new callbacks are not authentic; seen so far: {}",
                    reasons.join(", ")
                );
                ill(reason, [("callbacks", json!(more))])
            }
            Counted::Over => Sign::Well,
            Counted::Unclear => Sign::Unclear,
        };
        looks.push(Look::new(Condition::Unauthentic, name, sign, refused));
        let now = self.clock.now();
        if let Some(expect) = &source.expect {
            let key = (Condition::Silent, name.to_owned());
            let first = self.known.as_ref().and_then(|known| known.get(&key));
            let watched = first.map_or(now, |alarm| alarm.since).max(self.started);
            let is_raised = first.is_some_and(|alarm| alarm.raised);
            let heard = counts.last_authentic_at;
            let since = if is_raised {
                heard
            } else {
                Some(heard.map_or(watched, |heard| heard.max(watched)))
            };
            let sign = match since
                .map_or(Some(Duration::MAX), |since| expect.silent_for(since, now))
            {
                Some(silent) if !is_raised => {
                    let reason = format!(
                        "nothing has come for {} minutes; at least one callback in {} is expected now",
                        silent.as_secs() / 60,
                        minutes(expect.within)
                    );
                    ill(reason, heard.map(|heard| ("last_received_at", json!(heard))))
                }
                // Outside of its hours silence is nothing; only a callback ends the alarm.
                None if heard
                    .is_some_and(|heard| first.is_some_and(|alarm| heard > alarm.since)) =>
                {
                    Sign::Well
                }
                Some(_) | None => Sign::Unclear,
            };
            looks.push(Look::new(Condition::Silent, name, sign, 0));
        }
        self.stuck(source, now, looks).await
    }

    async fn stuck(
        &self,
        source: &Source,
        now: Time,
        looks: &mut Vec<Look>,
    ) -> Result<(), StoreError> {
        let Some(stuck) = source.stuck else { return Ok(()) };
        let filter = MessageFilter {
            source: Some(source.name.clone()),
            stuck_since: Some(now.before(stuck.after)),
            since: Some(now.before(stuck.after.saturating_add(HOPELESS))),
            ..MessageFilter::default()
        };
        let page = PageRequest { limit: stuck.at_least, order: Order::Descending, after: None };
        let found = self.store.messages(filter, page).await?.items;
        let sign = if found.len() >= stuck.at_least {
            let some: Vec<&str> =
                found.iter().take(LISTED_MAX).map(|message| message.id.as_str()).collect();
            let reason = format!(
                "at least {} messages have waited longer than {} for a receipt",
                found.len(),
                minutes(stuck.after)
            );
            ill(reason, [("messages", json!(found.len())), ("examples", json!(some))])
        } else {
            Sign::Well
        };
        looks.push(Look::new(Condition::Stuck, source.name.as_str(), sign, 0));
        Ok(())
    }

    fn drift(&mut self, source: &Source, found: &[(Time, &str)], looks: &mut Vec<Look>) {
        let name = source.name.as_str();
        let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let key = (Condition::Drift, name.to_owned());
        // There is nothing good to wait for: it is over once nothing new was seen for an hour.
        let sign = match self.tally(&key, (count, 0)) {
            Counted::More(more) => {
                let new = usize::try_from(more).unwrap_or(LISTED_MAX).min(LISTED_MAX);
                let names: Vec<&str> =
                    found.iter().rev().take(new).map(|(_, name)| *name).collect();
                let reason =
                    format!("it sends what its adapter does not know: {}", names.join(", "));
                ill(reason, [("new", json!(more)), ("names", json!(names))])
            }
            Counted::Over => Sign::Well,
            Counted::Unclear => Sign::Unclear,
        };
        looks.push(Look::new(Condition::Drift, name, sign, count));
    }
}

fn ill(reason: String, counts: impl IntoIterator<Item = (&'static str, Value)>) -> Sign {
    let counts: Map<String, Value> =
        counts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Sign::Ill(Trouble { reason, counts })
}

fn minutes(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds < 60 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}
