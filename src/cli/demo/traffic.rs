//! The demo's traffic: every fixture that is built into the program, each addressed to a source that takes it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rust_embed::RustEmbed;
use serde_json::{Map, Value};

use crate::replay::collection::Collection;
use crate::replay::fixture::{Expectation, Fixture, parse};
use crate::replay::request::Request;

/// The fixtures as the program carries them.
#[derive(RustEmbed)]
#[folder = "fixtures/"]
#[include = "*.http"]
#[include = "*.json"]
struct Files;

/// What is sent, in order, and what the sources have to be for it.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// The requests, with the vendor that each is from.
    pub(super) requests: Vec<(&'static str, Request)>,
    /// The sources by name, as their sections in the configuration.
    pub(super) sources: BTreeMap<String, Map<String, Value>>,
}

impl Traffic {
    /// Every fixture, behind those it goes after.
    pub(super) fn of_all_fixtures() -> anyhow::Result<Self> {
        let mut traffic = Self::default();
        let collection = Collection::of(fixtures()?);
        let mut sent = Vec::new();
        for fixture in collection.chosen() {
            for fixture in collection.chain(fixture)? {
                if !sent.contains(&fixture.path) {
                    sent.push(fixture.path.clone());
                    traffic.add(&fixture);
                }
            }
        }
        Ok(traffic)
    }

    /// Fixtures that ask nothing special of their source share one of the vendor's name; each other kind has one of its own.
    fn add(&mut self, fixture: &Arc<Fixture>) {
        let mut settings = Map::new();
        settings.insert("auth".to_owned(), serde_json::json!([{ "type": "none" }]));
        settings.extend(fixture.expectation.iter().flat_map(|known| known.source.clone()));
        settings.insert("vendor".to_owned(), fixture.vendor.into());
        let name = self.source_of(fixture.vendor, settings);
        let status = fixture.expectation.as_ref().and_then(Expectation::status);
        let request = match status {
            Some(404) => fixture.request.clone(),
            Some(_) | None => fixture.request.addressed_to(&name),
        };
        self.requests.push((fixture.vendor, request));
    }

    /// The name of the source with these settings; a new one if there is none yet.
    fn source_of(&mut self, vendor: &str, settings: Map<String, Value>) -> String {
        let same = |known: &&String| self.sources.get(*known) == Some(&settings);
        if let Some(name) = self.sources.keys().find(same) {
            return name.clone();
        }
        let alike = name_of(vendor, &settings);
        let mut name = alike.clone();
        for number in 2..=self.sources.len() + 1 {
            if self.sources.contains_key(&name) {
                name = format!("{alike}-{number}");
            }
        }
        self.sources.insert(name.clone(), settings);
        name
    }
}

/// A name for a source with these settings: the vendor's, and behind it what is special about the source.
fn name_of(vendor: &str, settings: &Map<String, Value>) -> String {
    let scheme = settings.get("auth").and_then(|auth| auth.get(0)?.get("type")?.as_str());
    let scheme = scheme.filter(|scheme| *scheme != "none");
    let key = settings.keys().map(String::as_str).find(|key| !matches!(*key, "auth" | "vendor"));
    scheme.or(key).map_or_else(|| vendor.to_owned(), |word| format!("{vendor}-{word}"))
}

fn fixtures() -> anyhow::Result<Vec<Fixture>> {
    let mut fixtures = Vec::new();
    for name in Files::iter().filter(|name| name.ends_with(".http")) {
        let path = Path::new(name.as_ref());
        let recorded = bytes(&name).with_context(|| format!("{name} is not built in"))?;
        let expected = bytes(&path.with_extension("json").to_string_lossy());
        fixtures.push(parse(path, &recorded.into(), expected.as_deref())?);
    }
    Ok(fixtures)
}

fn bytes(name: &str) -> Option<Vec<u8>> {
    Files::get(name).map(|file| Cow::into_owned(file.data))
}
