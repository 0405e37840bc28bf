//! The configuration: one TOML file and what the environment overrides of it, judged as a whole before anything starts.

mod api;
mod backlog;
mod destinations;
mod environment;
mod expect;
mod filter;
mod headers;
mod inherited;
mod judge;
mod load;
mod mapping;
mod mistakes;
mod pace;
mod raw;
mod reference;
mod schemes;
mod secrets;
mod server;
mod signatures;
mod sources;
mod tls;
mod transform;
mod tree;
mod urls;
mod written;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use url::Url;

pub use environment::Environment;
pub use inherited::{Inherited, Started, Supervised};
pub use mistakes::{ConfigError, Mistake, Place};
pub use reference::REFERENCE;

use crate::clock::Time;
use crate::domain::destination::Destination;
use crate::domain::name::Name;
use crate::domain::reach::Reach;
use crate::domain::source::Source;
use crate::store::Ages;

/// The whole configuration, valid.
#[derive(Clone, Debug)]
pub struct Config {
    /// The vendors' side.
    pub server: Server,
    /// The questions' side.
    pub api: Api,
    /// Where everything is kept.
    pub store: StoreSettings,
    /// The senders, by name.
    pub sources: Vec<Source>,
    /// The receivers, by name.
    pub destinations: Vec<Destination>,
}

/// Where vendors push.
#[derive(Clone, Debug)]
pub struct Server {
    /// The address listened on.
    pub listen: SocketAddr,
    /// What vendors see, for printing push URLs and for signatures over URLs; without a slash at its end.
    pub public_url: Option<Url>,
    /// Networks whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// The most connections of vendors at a time; one more waits.
    pub max_connections: usize,
}

/// Where questions are asked.
#[derive(Clone, Debug)]
pub struct Api {
    /// The address listened on.
    pub listen: SocketAddr,
    /// Whether requests to a loopback listener need no key.
    pub anonymous: bool,
    /// The keys, by name.
    pub keys: BTreeMap<Name, ApiKey>,
}

/// What an API key opens.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// SHA-256 of the key.
    pub sha256: [u8; 32],
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Whose things it opens.
    pub reach: Reach,
    /// Until when.
    pub expires: Option<Time>,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Ask about events, messages, deliveries.
    Read,
    /// See callbacks as they came: bodies and headers.
    Raw,
    /// Pause, resume, retry, cancel, replay.
    Operate,
}

impl Scope {
    /// The scope's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Raw => "raw",
            Self::Operate => "operate",
        }
    }
}

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The database file.
    pub path: PathBuf,
    /// Bytes of the disk that are kept free; without a number, a share of it.
    pub min_free: Option<u64>,
    /// Whether events are found by their words.
    pub text_search: bool,
    /// How long things are kept.
    pub retention: Ages,
    /// The most bytes of the database file; without a number, a share of the disk.
    pub max_size: Option<u64>,
}
