//! A run: fixtures sent to one server, each after those it names, some side by side, repeated and disturbed as planned.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;

use super::client::{Answer, Client};
use super::collection::Collection;
use super::fixture::Fixture;
use super::fresh::Fresh;
use super::judge::{Server, Verdict, judge, judge_again};
use super::order::{Group, Lane, Plan};
use super::report::Report;
use super::request::Request;
use super::route::Routes;
use super::template::Values;
use crate::clock::Clock;
use crate::random::Random;

/// How many lanes go side by side unless told otherwise.
const LANES: usize = 4;

/// What all sendings of a run have in common.
#[derive(Debug)]
pub struct Traffic {
    /// How fixtures become traffic.
    pub plan: Plan,
    /// Tells when a request is signed, and what is filled in for `{{now}}`.
    pub clock: Arc<dyn Clock>,
    /// Where new ids come from, and the order.
    pub random: Random,
    /// How fast requests go out.
    pub pace: Pace,
    /// The number of the last filling.
    sequence: AtomicU64,
}

impl Traffic {
    /// Traffic by `plan`, at the speed of `pace`.
    #[must_use]
    pub fn new(plan: Plan, clock: Arc<dyn Clock>, random: Random, pace: Pace) -> Self {
        Self { plan, clock, random, pace, sequence: AtomicU64::new(0) }
    }

    /// New ids for one round, where they are wanted.
    #[must_use]
    pub fn fresh(&self) -> Option<Fresh> {
        self.plan.fresh_ids.then(|| Fresh::new(&self.random))
    }

    /// The fixtures of a group with everything filled in, so that they are about the same message.
    #[must_use]
    pub fn filled(&self, group: &[Arc<Fixture>], fresh: Option<&Fresh>) -> Vec<Fixture> {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let mut values = Values::new(&self.random, self.clock.now(), sequence);
        let filled = group.iter().map(|fixture| fixture.filled(&mut values));
        filled.map(|fixture| fresh.map_or(fixture.clone(), |fresh| fresh.of(&fixture))).collect()
    }
}

/// Sends fixtures to one server, and judges what comes of them.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The client of the server.
    pub client: &'a Client,
    /// What is known of its sources.
    pub routes: &'a Routes,
    /// What can be judged.
    pub server: Server<'a>,
    /// What is sent, how and when.
    pub traffic: &'a Traffic,
}

/// Hears of each fixture that was sent.
pub type Progress<'a> = &'a (dyn Fn() + Sync);

impl Run<'_> {
    /// Sends every fixture of `collection`, round by round.
    pub async fn send(&self, collection: &Collection, progress: Progress<'_>) -> Report {
        let mut report = Report::default();
        report.add_broken(collection);
        let plan = &self.traffic.plan;
        for _ in 0..plan.rounds {
            let fresh = self.traffic.fresh();
            for lanes in plan.lanes(collection, &self.traffic.random, &mut report) {
                let mut sent = stream::iter(lanes)
                    .map(|lane| self.send_lane(lane, fresh.as_ref(), progress))
                    .buffer_unordered(plan.concurrency.unwrap_or(LANES));
                while let Some(judged) = sent.next().await {
                    for (fixture, verdict, took) in judged {
                        if collection.is_chosen(&fixture) {
                            report.add_timed(fixture.path.clone(), verdict, took);
                        }
                    }
                }
            }
        }
        report
    }

    async fn send_lane(
        &self,
        lane: Lane,
        fresh: Option<&Fresh>,
        progress: Progress<'_>,
    ) -> Vec<(Arc<Fixture>, Verdict, Duration)> {
        let mut judged = Vec::new();
        for group in lane {
            self.send_group(group, fresh, progress, &mut judged).await;
        }
        judged
    }

    async fn send_group(
        &self,
        group: Group,
        fresh: Option<&Fresh>,
        progress: Progress<'_>,
        judged: &mut Vec<(Arc<Fixture>, Verdict, Duration)>,
    ) {
        let filled = self.traffic.filled(&group, fresh);
        for (fixture, filled) in group.into_iter().zip(filled) {
            let begun = self.traffic.clock.elapsed();
            let verdict = self.send_one(&filled).await;
            let took = self.traffic.clock.elapsed().saturating_sub(begun);
            progress();
            judged.push((fixture, verdict, took));
        }
    }

    /// Sends one fixture, as often as planned, and judges what comes of it.
    async fn send_one(&self, fixture: &Fixture) -> Verdict {
        let request = match self.routes.route(fixture, self.traffic.clock.now()) {
            Ok(request) => request,
            Err(reason) => return Verdict::Skipped(reason),
        };
        self.traffic.pace.wait().await;
        let (verdict, answer) = judge(self.client, self.server, fixture, &request).await;
        match answer {
            Some(answer) if matches!(verdict, Verdict::Passed) => {
                self.send_again(&request, &answer).await
            }
            _ => verdict,
        }
    }

    /// Sends the request once more, as often as planned; the first verdict that is not good stands.
    async fn send_again(&self, request: &Request, answer: &Answer) -> Verdict {
        for _ in 0..self.traffic.plan.duplicates {
            self.traffic.pace.wait().await;
            let verdict = judge_again(self.client, self.server, request, answer).await;
            if !matches!(verdict, Verdict::Passed) {
                return verdict;
            }
        }
        Verdict::Passed
    }

    /// Sends a chain of fixtures with everything filled in, and judges the last one.
    pub async fn send_chain(&self, chain: &[Fixture]) -> Verdict {
        let Some((last, before)) = chain.split_last() else { return Verdict::Passed };
        for fixture in before {
            self.traffic.pace.wait().await;
            let failed = |reason| {
                Verdict::Failed(format!("`{}`, which goes before it: {reason}", fixture.name))
            };
            let request = match self.routes.route(fixture, self.traffic.clock.now()) {
                Ok(request) => request,
                Err(reason) => return failed(reason),
            };
            if let Err(error) = self.client.push(&request).await {
                return failed(error.to_string());
            }
        }
        if let Server::Callbox(Some(witness)) = self.server
            && let Err(error) = witness.forget(self.client).await
        {
            return Verdict::Failed(error.to_string());
        }
        self.send_one(last).await
    }
}

/// How fast requests go out: at most so many a second, evenly spread.
#[derive(Debug)]
pub struct Pace {
    clock: Arc<dyn Clock>,
    /// The time between two requests; zero for as fast as they are answered.
    interval: Duration,
    /// When the next may go, on the clock's `elapsed` scale.
    next: Mutex<Duration>,
}

impl Pace {
    /// At most `rate` requests a second; without one, as fast as they are answered.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, rate: Option<f64>) -> Self {
        let seconds = rate.map_or(0.0, |rate| 1.0 / rate);
        let interval = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let next = Mutex::new(clock.elapsed());
        Self { clock, interval, next }
    }

    /// Returns when it is this request's turn.
    pub async fn wait(&self) {
        if self.interval.is_zero() {
            return;
        }
        let now = self.clock.elapsed();
        let turn = {
            let mut next = self.next.lock();
            let turn = (*next).max(now);
            *next = turn + self.interval;
            turn
        };
        self.clock.sleep(turn.saturating_sub(now)).await;
    }
}
