//! From a file and the environment to a valid configuration, or to a list of what is wrong.

use std::path::Path;

use serde::Deserialize;

use super::environment::Environment;
use super::judge::Judge;
use super::mistakes::{ConfigError, Mistakes};
use super::raw::RawConfig;
use super::tree::Tree;
use super::{Config, api, destinations, server, sources};

impl Config {
    /// Reads a configuration file, with what the process's environment overrides of it.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] if the file can't be read; [`ConfigError::Mistaken`] with every mistake that was found.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string(), &Environment::of_the_process())
    }

    /// Reads a configuration from a text; `file_name` is what mistakes call it.
    ///
    /// # Errors
    /// [`ConfigError::Mistaken`] with every mistake that was found.
    pub fn parse(
        text: &str,
        file_name: &str,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        let mut overrides = environment.overrides(text.len() + 1);
        let (mut tree, not_toml) = Tree::parse(file_name, text);
        if let Some(error) = not_toml {
            mistakes.misshapen(error.span().unwrap_or_default(), None, error.message());
            return Err(ConfigError::Mistaken(mistakes.placed(&tree)));
        }
        for one in &mut overrides {
            one.apply(&mut tree, &mut mistakes);
        }
        let raw = shape(tree.clone(), &mut mistakes);
        let mut judge = Judge { environment, mistakes };
        let config = validated(&raw, &mut judge);
        let mistakes = judge.mistakes.placed(&tree);
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            Some(_) | None => Err(ConfigError::Mistaken(mistakes)),
        }
    }
}

/// The tree as the shape it should have. What does not fit is noted, taken out, and the rest is tried again, so that one
/// mistake does not hide the next.
fn shape(mut tree: Tree<'_>, mistakes: &mut Mistakes) -> RawConfig {
    loop {
        let error = match RawConfig::deserialize(toml::Deserializer::from(tree.root())) {
            Ok(raw) => return raw,
            Err(error) => error,
        };
        let span = error.span().unwrap_or_default();
        let unknown = error.message().strip_prefix("unknown field `");
        let unknown = unknown.and_then(|behind| behind.split('`').next());
        mistakes.misshapen(span.clone(), unknown, error.message());
        if mistakes.suffice() || !tree.remove_at(&span, unknown) {
            return RawConfig::default();
        }
    }
}

/// Every section judged, so that all mistakes are found; `None` if there was one.
fn validated(raw: &RawConfig, judge: &mut Judge<'_>) -> Option<Config> {
    let server = server::server(&raw.server, judge);
    let api = api::api(&raw.api, &raw.sources, judge);
    let store = server::store(&raw.store, judge);
    server::differ(&raw.server, &raw.api, server.as_ref(), api.as_ref(), judge);
    let public_url = server.as_ref().and_then(|server| server.public_url.as_ref());
    let sources = sources::sources(&raw.sources, public_url, judge);
    let destinations = destinations::destinations(&raw.destinations, &raw.sources, judge);
    Some(Config {
        server: server?,
        api: api?,
        store: store?,
        sources: sources?,
        destinations: destinations?,
    })
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
