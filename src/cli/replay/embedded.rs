//! Replays with a callbox for each fixture, in which nothing has happened but what goes before it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use futures_util::{StreamExt, stream};

use crate::cli::progress::Bar;
use crate::domain::secret::Secret;
use crate::embedded::stage::{CALLED, stage, stage_with_sink};
use crate::embedded::{Embedded, throw_away_folder};
use crate::replay::client::Client;
use crate::replay::collection::Collection;
use crate::replay::deliveries::Witness;
use crate::replay::fixture::Fixture;
use crate::replay::fresh::Fresh;
use crate::replay::judge::{Server, Verdict};
use crate::replay::report::Report;
use crate::replay::route::Routes;
use crate::replay::run::{Run, Traffic};
use crate::replay::sink::{SECRET, Sink};

/// How many fixtures have a callbox of their own at the same time, unless told otherwise.
const SIDE_BY_SIDE: usize = 4;

/// Gives each fixture a callbox of its own.
pub(super) async fn replay(collection: &Collection, traffic: &Traffic, bar: &Bar) -> Report {
    let mut report = Report::default();
    report.add_broken(collection);
    for _ in 0..traffic.plan.rounds {
        let fresh = traffic.fresh();
        for lanes in traffic.plan.lanes(collection, &traffic.random, &mut report) {
            let fixtures: Vec<Arc<Fixture>> = lanes.into_iter().flatten().flatten().collect();
            let chosen = fixtures.into_iter().filter(|fixture| collection.is_chosen(fixture));
            let fresh = fresh.as_ref();
            let mut verdicts = stream::iter(chosen)
                .map(|fixture| async move {
                    let begun = traffic.clock.elapsed();
                    let verdict = judge(collection, &fixture, traffic, fresh).await;
                    let took = traffic.clock.elapsed().saturating_sub(begun);
                    let failed = |error| Verdict::Failed(format!("{error:#}"));
                    (fixture, verdict.unwrap_or_else(failed), took)
                })
                .buffer_unordered(traffic.plan.concurrency.unwrap_or(SIDE_BY_SIDE));
            while let Some((fixture, verdict, took)) = verdicts.next().await {
                bar.step();
                report.add_timed(fixture.path.clone(), verdict, took);
            }
        }
    }
    report
}

async fn judge(
    collection: &Collection,
    fixture: &Arc<Fixture>,
    traffic: &Traffic,
    fresh: Option<&Fresh>,
) -> anyhow::Result<Verdict> {
    let chain = collection.chain(fixture)?;
    let folder = throw_away_folder().context("no folder for the store")?;
    let delivers = fixture.expectation.as_ref().is_some_and(|known| known.received.is_some());
    let (embedded, witness) = if delivers {
        start_with_sink(&chain, folder.path(), traffic).await?
    } else {
        (Embedded::start(stage(&chain, folder.path())?).await?, None)
    };
    let client = Client::new(embedded.addresses())?;
    let routes = Routes::AsRecorded { called: CALLED.to_owned() };
    let server = Server::Callbox(witness.as_ref());
    let run = Run { client: &client, routes: &routes, server, traffic };
    let verdict = run.send_chain(&traffic.filled(&chain, fresh)).await;
    embedded.discard().await?;
    Ok(verdict)
}

/// The same, with a destination that takes everything.
async fn start_with_sink(
    chain: &[Arc<Fixture>],
    folder: &Path,
    traffic: &Traffic,
) -> anyhow::Result<(Embedded, Option<Witness>)> {
    let sink = Sink::start().await.context("no port for the destination")?;
    let config = stage_with_sink(chain, folder, sink.address())?;
    let own = config.destinations.iter().flat_map(|destination| destination.secrets.clone());
    let secrets: Vec<Secret> = own.chain([Secret::new(SECRET.to_owned())]).collect();
    let witness = Witness::new(sink, secrets, Arc::clone(&traffic.clock));
    Ok((Embedded::start(config).await?, Some(witness)))
}
