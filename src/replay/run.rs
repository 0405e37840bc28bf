//! A run: fixtures sent to one server, in an order in which each goes after those it names, some side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;

use super::client::Client;
use super::collection::Collection;
use super::fixture::Fixture;
use super::judge::{Verdict, judge};
use super::report::Report;
use super::route::Routes;
use crate::clock::Clock;

/// How many folders are sent side by side.
const LANES: usize = 4;

/// Sends fixtures to one server, and judges what comes of them.
#[derive(Debug)]
pub struct Run<'a> {
    /// The client of the server.
    pub client: &'a Client,
    /// What is known of its sources.
    pub routes: &'a Routes,
    /// How often everything is sent.
    pub rounds: u32,
    /// Tells when a request is signed.
    pub clock: &'a dyn Clock,
    /// How fast requests go out.
    pub pace: Pace,
}

impl Run<'_> {
    /// Sends every fixture of `collection`. Folders go side by side; within one, a fixture goes after those it names.
    pub async fn send(&self, collection: &Collection) -> Report {
        let mut report = Report::default();
        report.add_broken(collection);
        let lanes = lanes(collection, &mut report);
        let sent = stream::iter(lanes.into_values())
            .map(|lane| self.send_lane(lane, collection))
            .buffer_unordered(LANES)
            .collect::<Vec<_>>();
        for (fixture, verdict) in sent.await.into_iter().flatten() {
            report.add(fixture.path.clone(), verdict);
        }
        report
    }

    async fn send_lane(
        &self,
        lane: Vec<Arc<Fixture>>,
        collection: &Collection,
    ) -> Vec<(Arc<Fixture>, Verdict)> {
        let mut judged = Vec::new();
        for _ in 0..self.rounds {
            for fixture in &lane {
                let verdict = self.send_one(fixture).await;
                if collection.is_chosen(fixture) {
                    judged.push((Arc::clone(fixture), verdict));
                }
            }
        }
        judged
    }

    async fn send_one(&self, fixture: &Fixture) -> Verdict {
        match self.routes.route(fixture, self.clock.now()) {
            Ok(request) => {
                self.pace.wait().await;
                judge(self.client, fixture, &request).await
            }
            Err(reason) => Verdict::Skipped(reason),
        }
    }
}

/// Sends a chain of fixtures as recorded, and judges the last one.
pub async fn send_chain(client: &Client, chain: &[Arc<Fixture>]) -> Verdict {
    let Some((last, before)) = chain.split_last() else { return Verdict::Passed };
    for fixture in before {
        if let Err(error) = client.push(&fixture.request.as_recorded(fixture.vendor)).await {
            return Verdict::Failed(format!("`{}`, which goes before it: {error}", fixture.name));
        }
    }
    judge(client, last, &last.request.as_recorded(last.vendor)).await
}

/// The fixtures by folder, those that go before others first; what has no such order goes into the report.
fn lanes(collection: &Collection, report: &mut Report) -> BTreeMap<PathBuf, Vec<Arc<Fixture>>> {
    let mut lanes: BTreeMap<PathBuf, Vec<Arc<Fixture>>> = BTreeMap::new();
    let mut placed = BTreeSet::new();
    for fixture in collection.chosen() {
        let chain = match collection.chain(fixture) {
            Ok(chain) => chain,
            Err(error) => {
                report.add(fixture.path.clone(), Verdict::Failed(error.to_string()));
                continue;
            }
        };
        let folder = fixture.path.parent().map(PathBuf::from).unwrap_or_default();
        let lane = lanes.entry(folder).or_default();
        lane.extend(chain.into_iter().filter(|fixture| placed.insert(fixture.path.clone())));
    }
    lanes
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
