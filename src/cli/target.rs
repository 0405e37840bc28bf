//! Which callbox a replay talks to: the configured one, or the one at the addresses it is told.

use std::path::{Path, PathBuf};

use anyhow::Context;
use url::Url;

use crate::config::{Config, Environment};
use crate::domain::secret::Secret;
use crate::replay::client::Addresses;
use crate::replay::route::Routes;

/// The configuration that is meant when none is named.
const DEFAULT_CONFIG: &str = "config/callbox.toml";

/// The API's port where nothing is said, as in the shipped configuration.
const DEFAULT_API_PORT: u16 = 8081;

/// The options that say which callbox is meant.
#[derive(Debug, clap::Args)]
pub struct TargetArgs {
    /// Where to send them: what stands before `/in/…`. Without it, where the configuration listens
    #[arg(long, value_name = "URL")]
    to: Option<Url>,
    /// Where to ask what became of them: what stands before `/v1/…`. Without it, where the configuration's API listens
    #[arg(long, value_name = "URL")]
    api: Option<Url>,
    /// The API key, where the API wants one; better as `env:NAME` or `file:PATH`, so that no list of processes shows it
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The configuration of the server that is sent to [default: config/callbox.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl TargetArgs {
    /// The server's addresses, and what is known of its sources.
    ///
    /// The default configuration counts only for the server that it is about: `--to` may name another one, of which nothing is known.
    pub fn target(&self) -> anyhow::Result<(Addresses, Routes)> {
        let config = match (&self.config, &self.to) {
            (Some(path), _) => Some(Config::load(path)?),
            (None, None) => Some(
                Config::load(Path::new(DEFAULT_CONFIG))
                    .context("no server to send to: name one with --to URL, or use --embedded")?,
            ),
            (None, Some(to)) => {
                Config::load(Path::new(DEFAULT_CONFIG)).ok().filter(|config| is_at(config, to))
            }
        };
        let configured = config.as_ref();
        let push = self.to.clone().map_or_else(|| url(&listened(configured, push_of)), Ok)?;
        let api = match (&self.api, configured) {
            (Some(api), _) => api.clone(),
            (None, Some(config)) => url(&format!("http://{}", reachable(config.api.listen)))?,
            (None, None) => beside(&push)?,
        };
        let key = self.key.as_deref().map(secret).transpose()?;
        let routes = config.map_or(Routes::AsRecorded, |config| Routes::Configured(config.sources));
        Ok((Addresses { push, api, key }, routes))
    }
}
