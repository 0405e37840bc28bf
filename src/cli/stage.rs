//! The configuration in which a fixture can be replayed: its sources, made from the fixture itself, and nothing else.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::config::{Config, Environment};
use crate::replay::fixture::{Expectation, Fixture};

/// Bytes kept free on the disk of a store that is thrown away.
const MIN_FREE: u64 = 1024 * 1024;

/// The configuration for these fixtures, with a store in `folder`, listening on free loopback ports.
///
/// A fixture is sent to the source that its request line names; without one, to a source of its vendor's name. Of several fixtures
/// that settle the same source, the last one's word stands.
pub fn stage(chain: &[Arc<Fixture>], folder: &Path) -> anyhow::Result<Config> {
    let mut sources = Map::new();
    for fixture in chain {
        for name in names(fixture) {
            sources.insert(name.to_owned(), settings(fixture));
        }
    }
    let store = folder.join("callbox.db");
    let document = json!({
        "server": { "listen": "127.0.0.1:0" },
        "api": { "listen": "127.0.0.1:0", "anonymous": "loopback" },
        "store": { "path": store, "min_free": MIN_FREE },
        "sources": sources,
    });
    let text = toml::to_string(&document)?;
    let of = chain.last().map(|fixture| fixture.path.with_extension("json").display().to_string());
    Ok(Config::parse(&text, &of.unwrap_or_default(), &Environment::default())?)
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
