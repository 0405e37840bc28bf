//! A callbox inside a test: started on loopback with a throw-away store, pushed to as vendors push, waited for without sleeping.
//!
//! A source of each vendor's name stands ready, and a destination that takes everything and remembers it.
//!
//! ```
//! use callbox::testing::Callbox;
//!
//! # fn main() -> anyhow::Result<()> {
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let callbox = Callbox::start().await?;
//! let posted = callbox.post_file("fixtures/wavecell/receipt-v8-delivered.http").await?;
//! assert_eq!(posted.status, 200);
//!
//! let events = callbox.wait_for("message.delivered", 1).await?;
//! assert_eq!(events[0]["data"]["message"]["status"]["state"], "delivered");
//!
//! let received = callbox.wait_for_deliveries(1).await;
//! assert_eq!(received[0].header("webhook-id"), events[0]["id"].as_str());
//! assert!(received[0].is_signed());
//! callbox.stop().await
//! # })
//! # }
//! ```

use std::path::Path;

use anyhow::Context;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::domain::glob::Glob;
use crate::domain::secret::Secret;
use crate::embedded::stage::{destination, written};
use crate::embedded::{Embedded, throw_away_folder};
use crate::replay::client::{Addresses, Client};
use crate::replay::fixture::{self, Fixture};
use crate::replay::request::Request;
use crate::replay::sink::{self, SECRET, Sink};
use crate::vendor::VENDORS;

/// A running callbox, and a destination beside it. Both end when it is dropped; [`Callbox::stop`] also says whether they ended well.
#[derive(Debug)]
pub struct Callbox {
    embedded: Embedded,
    client: Client,
    sink: Sink,
    _folder: TempDir,
}

/// What is set up before a callbox starts.
#[derive(Debug, Default)]
pub struct Setup {
    sources: Map<String, Value>,
    destination: Map<String, Value>,
}

/// What a pushed request was answered.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The HTTP status.
    pub status: u16,
    /// The id of the callback, where the answer names it.
    pub callback: Option<String>,
    /// The ids of its events, where the answer names them.
    pub events: Vec<String>,
    /// The answer's body, where it is a JSON object.
    pub body: Map<String, Value>,
}

/// A request as the destination got it.
#[derive(Clone, Debug)]
pub struct Received(sink::Received);

impl Setup {
    /// A source of this name, in the words of `[sources.NAME]`; without `auth` it asks for nothing.
    ///
    /// ```
    /// # use callbox::testing::Callbox;
    /// # use serde_json::json;
    /// let setup = Callbox::setup()
    ///     .source("shop", json!({ "vendor": "wachat", "timezone": "Asia/Jakarta" }))
    ///     .destination(json!({ "events": ["message.received"] }));
    /// ```
    #[must_use]
    pub fn source(mut self, name: &str, mut settings: Value) -> Self {
        if let Some(settings) = settings.as_object_mut() {
            settings.entry("auth").or_insert_with(|| json!([{ "type": "none" }]));
        }
        self.sources.insert(name.to_owned(), settings);
        self
    }

    /// How the destination differs, in the words of `[destinations.NAME]`: `events`, `filter`, `retry`, …
    #[must_use]
    pub fn destination(mut self, settings: Value) -> Self {
        if let Value::Object(settings) = settings {
            self.destination.extend(settings);
        }
        self
    }

    /// Starts it. It takes callbacks once this returns.
    ///
    /// # Errors
    /// When the settings are wrong, with the key and what to do, or when no port is free.
    pub async fn start(self) -> anyhow::Result<Callbox> {
        let folder = throw_away_folder().context("no folder for the store")?;
        let sink = Sink::start().await.context("no port for the destination")?;
        let mut sources = Map::new();
        for vendor in VENDORS.iter().filter(|vendor| !vendor.reads_by_mapping()) {
            let settings = json!({ "vendor": vendor.code(), "auth": [{ "type": "none" }] });
            sources.insert(vendor.code().to_owned(), settings);
        }
        sources.extend(self.sources);
        let settings = destination(sink.address(), self.destination);
        let destinations = Map::from_iter([("sink".to_owned(), settings)]);
        let config = written(folder.path(), &sources, &destinations, "the test's setup")?;
        let embedded = Embedded::start(config).await?;
        let client = Client::new(embedded.addresses())?;
        Ok(Callbox { embedded, client, sink, _folder: folder })
    }
}

impl Callbox {
    /// A callbox with a source of each vendor's name, none of which asks for credentials, and a destination that wants everything.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> anyhow::Result<Self> {
        Self::setup().start().await
    }

    /// The same, with sources and a destination of your own.
    #[must_use]
    pub fn setup() -> Setup {
        Setup::default()
    }

    /// Where it listens: for what speaks to it by itself.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.embedded.addresses()
    }

    /// Pushes a JSON body to a source.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn post_json(&self, source: &str, body: &Value) -> anyhow::Result<Posted> {
        self.post(source, "application/json", body.to_string()).await
    }

    /// Pushes a body to a source.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn post(
        &self,
        source: &str,
        content_type: &str,
        body: impl Into<bytes::Bytes>,
    ) -> anyhow::Result<Posted> {
        self.push(&Request {
            method: "POST".to_owned(),
            target: format!("/in/{source}"),
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
        })
        .await
    }

    /// Pushes a fixture, as it is recorded.
    ///
    /// # Errors
    /// When the file is no fixture, or when no answer comes.
    pub async fn post_file(&self, path: impl AsRef<Path>) -> anyhow::Result<Posted> {
        self.post_fixture(&fixture::load(path.as_ref())?).await
    }

    /// Pushes a fixture, as it is recorded.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn post_fixture(&self, fixture: &Fixture) -> anyhow::Result<Posted> {
        self.push(&fixture.request.as_recorded(fixture.vendor)).await
    }

    /// Pushes any request.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn push(&self, request: &Request) -> anyhow::Result<Posted> {
        let answer = self.client.push(request).await?;
        let body = answer.members();
        let texts = |value: &Value| value.as_str().map(str::to_owned);
        let events = body.get("events").and_then(Value::as_array).into_iter().flatten();
        Ok(Posted {
            status: answer.status,
            callback: body.get("callback").and_then(texts),
            events: events.filter_map(texts).collect(),
            body,
        })
    }

    /// Returns once there are at least so many events of this type, a pattern such as `message.*`: all of them, the oldest first. It waits
    /// as long as it has to; a test that may have to give up puts `tokio::time::timeout` around it.
    ///
    /// # Errors
    /// When the pattern is none, or callbox does not answer.
    pub async fn wait_for(&self, kind: &str, count: usize) -> anyhow::Result<Vec<Value>> {
        let wanted: Glob = kind.parse().map_err(|_| anyhow::anyhow!("`{kind}` is no pattern"))?;
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        while found.len() < count {
            // The server answers as soon as there is something.
            let behind = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let path = format!("/v1/events?order=asc&limit=200&wait=30s{behind}");
            let page = self.client.ask(&path).await?;
            cursor = page.get("cursor").and_then(Value::as_str).map(str::to_owned);
            let events = page.get("data").and_then(Value::as_array).into_iter().flatten();
            let fits = |event: &&Value| {
                event.get("type").and_then(Value::as_str).is_some_and(|kind| wanted.matches(kind))
            };
            found.extend(events.filter(fits).cloned());
        }
        Ok(found)
    }

    /// What the API answers to `GET path`, such as `/v1/messages/wavecell/ID`.
    ///
    /// # Errors
    /// When it does not answer 200.
    pub async fn ask(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.client.ask(path).await?)
    }

    /// Answers the next deliveries with these statuses, and those behind them with 204 again.
    pub fn answer_deliveries(&self, statuses: impl IntoIterator<Item = u16>) {
        self.sink.answer(statuses);
    }

    /// What the destination got until now, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.sink.received().into_iter().map(Received).collect()
    }

    /// Returns once the destination got at least so many requests: all of them, in order.
    pub async fn wait_for_deliveries(&self, count: usize) -> Vec<Received> {
        self.sink.reaches(count).await;
        self.received()
    }

    /// Stops it, and says whether it ended well.
    ///
    /// # Errors
    /// When it did not.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.embedded.discard().await
    }
}

impl Received {
    /// The value of a header, whichever letter case its name is in.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.header(name)
    }

    /// The body, byte for byte.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The body as JSON: the event, unless the destination's `format` says otherwise. `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        self.0.json().unwrap_or_default()
    }

    /// The status that it was answered.
    #[must_use]
    pub fn answered(&self) -> u16 {
        self.0.answered
    }

    /// Whether it is signed by Standard Webhooks, with the secret that such destinations have unless the setup names others.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.0.is_signed_with(&[Secret::new(SECRET.to_owned())])
    }
}
