//! Which callbox a replay talks to: the configured one, or the one at the addresses it is told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use url::Url;

use crate::config::{Config, Environment};
use crate::domain::name::Name;
use crate::domain::secret::Secret;
use crate::replay::client::Addresses;
use crate::replay::route::Routes;

/// The configuration that is meant when none is named.
const DEFAULT_CONFIG: &str = "config/callbox.toml";

/// The API's port where nothing is said, as in the shipped configuration.
const DEFAULT_API_PORT: u16 = 8081;

/// The options that say which callbox is meant.
#[derive(Debug, clap::Args)]
pub(super) struct TargetArgs {
    /// Where to send them: what stands before `/in/…`. Without it, where the configuration listens.
    /// With --events the name of a destination
    #[arg(long, value_name = "URL|NAME")]
    to: Option<To>,
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

/// The options that say which callbox is asked.
#[derive(Debug, clap::Args)]
pub(super) struct ApiArgs {
    /// Where to ask: what stands before `/v1/…`. Without it, where the configuration's API listens
    #[arg(long, value_name = "URL")]
    api: Option<Url>,
    /// The API key, where the API wants one; better as `env:NAME` or `file:PATH`, so that no list of processes shows it
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The configuration of the callbox that is asked
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

impl ApiArgs {
    /// The configuration that is named.
    pub(super) fn config(&self) -> &Path {
        &self.config
    }

    /// The server's addresses. Nothing is pushed there, so that one is enough.
    pub(super) fn addresses(&self) -> anyhow::Result<Addresses> {
        let api = match &self.api {
            Some(api) => api.clone(),
            None => at(Config::load(&self.config)?.api.listen)?,
        };
        let key = self.key.as_deref().map(secret).transpose()?;
        Ok(Addresses { push: api.clone(), api, key })
    }
}

/// The server that a replay talks to.
#[derive(Debug)]
pub(super) struct Target {
    /// Its addresses.
    pub(super) addresses: Addresses,
    /// What is known of its sources.
    pub(super) routes: Routes,
    /// Whether somebody said where it is asked, by an option or by its configuration.
    pub(super) api_is_named: bool,
}

/// Where to: a server, or one of its destinations.
#[derive(Clone, Debug)]
enum To {
    Server(Url),
    Destination(Name),
}

impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(name) = text.parse() {
            return Ok(Self::Destination(name));
        }
        Url::parse(text).map(Self::Server).map_err(|error| format!("not a URL: {error}"))
    }
}

impl TargetArgs {
    /// The destination that is named, for stored events.
    pub(super) fn destination(&self) -> anyhow::Result<Option<&Name>> {
        match &self.to {
            None => Ok(None),
            Some(To::Destination(name)) => Ok(Some(name)),
            Some(To::Server(url)) => {
                anyhow::bail!("--to {url}: stored events go to a destination; give its name")
            }
        }
    }

    /// Where the callbox is asked that has the stored events.
    pub(super) fn asked(&self) -> anyhow::Result<Addresses> {
        let config = self.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG));
        ApiArgs { api: self.api.clone(), key: self.key.clone(), config }.addresses()
    }

    /// The server that is named, for fixtures.
    fn server(&self) -> anyhow::Result<Option<&Url>> {
        match &self.to {
            None => Ok(None),
            Some(To::Server(url)) => Ok(Some(url)),
            Some(To::Destination(name)) => anyhow::bail!(
                "--to {name} is not a URL such as http://127.0.0.1:8080; the name of a destination goes with --events"
            ),
        }
    }

    /// The server's addresses, and what is known of its sources. A `plain` one is no callbox: what it is sent goes to its URL itself.
    ///
    /// The default configuration counts only for the server that it is about: `--to` may name another one, of which nothing is known.
    pub(super) fn target(&self, plain: bool) -> anyhow::Result<Target> {
        let to = self.server()?;
        let config = match (&self.config, to) {
            (Some(path), _) => Some(Config::load(path)?),
            (None, None) => Some(
                Config::load(Path::new(DEFAULT_CONFIG))
                    .context("no server to send to: name one with --to URL, or use --embedded")?,
            ),
            (None, Some(to)) => {
                Config::load(Path::new(DEFAULT_CONFIG)).ok().filter(|config| is_at(config, to))
            }
        };
        let mut push = match (to, &config) {
            (Some(to), _) => to.clone(),
            (None, Some(config)) => at(config.server.listen)?,
            (None, None) => anyhow::bail!("no server to send to"),
        };
        let api = match (&self.api, &config) {
            (Some(api), _) => api.clone(),
            (None, Some(config)) => at(config.api.listen)?,
            (None, None) => beside(&push),
        };
        let api_is_named = self.api.is_some() || config.is_some();
        let key = self.key.as_deref().map(secret).transpose()?;
        let routes = match config {
            _ if plain && (push.path() != "/" || push.query().is_some()) => exactly(&mut push),
            Some(config) => configured(config, &push),
            None => Routes::AsRecorded { called: push.as_str().trim_end_matches('/').to_owned() },
        };
        Ok(Target { addresses: Addresses { push, api, key }, routes, api_is_named })
    }
}

/// Takes path and query off the URL: everything is sent to them.
fn exactly(push: &mut Url) -> Routes {
    let query = push.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}{query}", push.path());
    // The braces of placeholders are percent-encoded in a URL.
    let target = target.replace("%7B", "{").replace("%7D", "}");
    push.set_path("");
    push.set_query(None);
    Routes::Exactly { target }
}

/// The routes of a server that is configured so, and is sent to at `push`.
fn configured(config: Config, push: &Url) -> Routes {
    let called = config.server.public_url.as_ref().unwrap_or(push).as_str();
    let called = called.trim_end_matches('/').to_owned();
    Routes::Configured { sources: config.sources, called }
}

/// Whether the configuration is about the server at `url`.
fn is_at(config: &Config, url: &Url) -> bool {
    let public = config.server.public_url.as_ref();
    let listens = at(config.server.listen).is_ok_and(|listen| listen.port() == url.port());
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    (listens && local) || public.is_some_and(|public| public.origin() == url.origin())
}

/// The URL of a server that listens on `address`; one that listens on every address is asked on loopback.
fn at(address: SocketAddr) -> anyhow::Result<Url> {
    let loopback = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    let ip = if address.ip().is_unspecified() { loopback } else { address.ip() };
    Ok(Url::parse(&format!("http://{}", SocketAddr::new(ip, address.port())))?)
}

/// Where the API usually is, if the vendors' side is at `push`.
fn beside(push: &Url) -> Url {
    let mut api = push.clone();
    api.set_path("");
    // Refused only by URLs without a host, which no request can go to anyway.
    let _ = api.set_port(Some(DEFAULT_API_PORT));
    api
}

/// The secret that an argument stands for: `env:NAME`, `file:PATH`, or itself.
fn secret(text: &str) -> anyhow::Result<Secret> {
    let value = if let Some(name) = text.strip_prefix("env:") {
        let environment = Environment::of_the_process();
        let value = environment.get(name).map(str::to_owned);
        value.with_context(|| format!("--key: the variable {name} is not set"))?
    } else if let Some(path) = text.strip_prefix("file:") {
        let read = std::fs::read_to_string(path);
        read.with_context(|| format!("--key: can't read {path}"))?.trim_end().to_owned()
    } else {
        text.to_owned()
    };
    Ok(Secret::new(value))
}
