//! A callbox that is stopped, configured anew, and started again on the same store: what an operator does who puts something right.

use std::sync::Arc;

use bytes::Bytes;
use callbox::app::{self, Surroundings};
use callbox::config::{Config, Environment};
use callbox::random::Random;
use callbox::replay::client::{Addresses, Answer, Client, ClientError};
use callbox::replay::request::Request;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::clock::ManualClock;

/// A running callbox; `sections` are the sources and destinations of its configuration.
pub(crate) struct Changed {
    pub(crate) clock: Arc<ManualClock>,
    client: Client,
    directory: tempfile::TempDir,
    seed: u64,
    stop: CancellationToken,
    hurry: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Changed {
    pub(crate) async fn start(sections: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start_in(directory, sections, ManualClock::new(), 1).await
    }

    /// Stops, and starts again so configured.
    pub(crate) async fn to(self, sections: &str) -> Self {
        let (clock, directory, seed) = self.stop().await;
        Self::start_in(directory, sections, clock, seed + 1).await
    }

    async fn start_in(
        directory: tempfile::TempDir,
        sections: &str,
        clock: Arc<ManualClock>,
        seed: u64,
    ) -> Self {
        let store = directory.path().join("callbox.db");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://hooks.example.com\"\n\
             [api]\nlisten = \"127.0.0.1:0\"\nanonymous = \"loopback\"\n[store]\npath = {store:?}\n{sections}"
        );
        let config = Config::parse(&text, "test.toml", &Environment::default()).unwrap();
        let surroundings = Surroundings {
            clock: Arc::<ManualClock>::clone(&clock),
            ids: Random::from_seed(seed),
            jitter: Random::from_seed(seed),
        };
        let app = app::build(config, surroundings).await.unwrap();
        let at = |address| format!("http://{address}");
        let (push, api) = (at(app.vendors_address()), at(app.api_address()));
        let addresses =
            Addresses { push: push.parse().unwrap(), api: api.parse().unwrap(), key: None };
        let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
        let running = tokio::spawn(app.run_until(stop.clone(), hurry.clone()));
        let client = Client::new(addresses).unwrap();
        Self { clock, client, directory, seed, stop, hurry, running }
    }

    /// Pushes a callback, as a vendor would.
    pub(crate) async fn push(&self, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let request = Request {
            method: "POST".to_owned(),
            target: target.to_owned(),
            headers: headers.iter().map(owned).collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        self.client.push(&request).await.unwrap()
    }

    /// The newest callback's id.
    pub(crate) async fn newest(&self) -> String {
        let page = self.ask("/v1/callbacks?limit=1").await;
        page["data"][0]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn ask(&self, path: &str) -> Value {
        self.client.ask(path).await.unwrap()
    }

    pub(crate) async fn reprocess(&self, callback: &str, dry_run: bool) -> Value {
        self.order(&format!("/v1/callbacks/{callback}/reprocess?dry_run={dry_run}")).await.unwrap()
    }

    pub(crate) async fn order(&self, path: &str) -> Result<Value, ClientError> {
        self.client.order(path).await
    }

    /// Stops at once; what is needed to start again.
    pub(crate) async fn stop(self) -> (Arc<ManualClock>, tempfile::TempDir, u64) {
        let Self { clock, directory, seed, stop, hurry, running, .. } = self;
        hurry.cancel();
        stop.cancel();
        running.await.unwrap().unwrap();
        (clock, directory, seed)
    }
}
