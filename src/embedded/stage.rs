//! The configuration in which a fixture can be replayed: its sources and its destination, made from the fixture, and nothing else.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::config::{Config, Environment};
use crate::replay::fixture::{Expectation, Fixture};
use crate::replay::sink::SECRET;

/// Bytes kept free on the disk of a store that is thrown away.
const MIN_FREE: u64 = 1024 * 1024;

/// What vendors call a callbox inside another program, for signatures over URLs: its port is not known before it listens.
pub const CALLED: &str = "https://callbox.example";

/// The name of the destination that stands in for a downstream service.
const DESTINATION: &str = "sink";

/// The configuration for these fixtures, with a store in `folder`, listening on free loopback ports.
///
/// A fixture is sent to the source that its request line names; without one, to a source of its vendor's name. Of several fixtures
/// that settle the same source, the last one's word stands.
pub fn stage(chain: &[Arc<Fixture>], folder: &Path) -> anyhow::Result<Config> {
    configuration(chain, folder, None)
}

/// The same, with the last fixture's destination at `sink`.
pub fn stage_with_sink(
    chain: &[Arc<Fixture>],
    folder: &Path,
    sink: SocketAddr,
) -> anyhow::Result<Config> {
    configuration(chain, folder, Some(sink))
}

fn configuration(
    chain: &[Arc<Fixture>],
    folder: &Path,
    sink: Option<SocketAddr>,
) -> anyhow::Result<Config> {
    let mut sources = Map::new();
    for fixture in chain {
        for name in names(fixture) {
            sources.insert(name.to_owned(), settings(fixture));
        }
    }
    let mut destinations = Map::new();
    if let Some(sink) = sink {
        let wanted = chain.last().and_then(|last| last.expectation.as_ref());
        let wanted = wanted.map(|expectation| expectation.destination.clone()).unwrap_or_default();
        destinations.insert(DESTINATION.to_owned(), destination(sink, wanted));
    }
    let of = chain.last().map(|fixture| fixture.path.with_extension("json").display().to_string());
    written(folder, &sources, &destinations, &of.unwrap_or_default())
}

/// The configuration of a callbox on free loopback ports, with a store in `folder` and these sections; `of` is what mistakes name.
pub fn written(
    folder: &Path,
    sources: &Map<String, Value>,
    destinations: &Map<String, Value>,
    of: &str,
) -> anyhow::Result<Config> {
    let document = json!({
        "server": { "listen": "127.0.0.1:0", "public_url": CALLED },
        "api": { "listen": "127.0.0.1:0", "anonymous": "loopback" },
        "store": { "path": folder.join("callbox.db"), "min_free": MIN_FREE },
        "sources": sources,
        "destinations": destinations,
    });
    let text = toml::to_string(&document)?;
    Ok(Config::parse(&text, of, &Environment::default())?)
}

/// A destination's section for the sink at `address`; what is `wanted` otherwise stands.
#[must_use]
pub fn destination(address: SocketAddr, wanted: Map<String, Value>) -> Value {
    let mut settings = Map::new();
    settings.insert("url".to_owned(), format!("http://{address}/").into());
    settings.insert("events".to_owned(), json!(["*"]));
    settings.insert("secrets".to_owned(), json!([SECRET]));
    settings.insert("allow_subnets".to_owned(), json!(["127.0.0.0/8"]));
    settings.extend(wanted);
    Value::Object(settings)
}

/// The sources that a fixture needs: its vendor's, and the one it is addressed to, unless that one is expected not to be there.
fn names(fixture: &Fixture) -> impl Iterator<Item = &str> {
    let status = fixture.expectation.as_ref().and_then(Expectation::status);
    let addressed = fixture.request.source().filter(|_| status != Some(404));
    [Some(fixture.vendor), addressed.filter(|name| *name != fixture.vendor)].into_iter().flatten()
}

/// A source's section of the configuration.
fn settings(fixture: &Fixture) -> Value {
    let mut settings = Map::new();
    settings.insert("auth".to_owned(), json!([{ "type": "none" }]));
    if let Some(expectation) = &fixture.expectation {
        settings.extend(expectation.source.clone());
    }
    settings.insert("vendor".to_owned(), fixture.vendor.into());
    Value::Object(settings)
}
