//! The sections `[server]` and `[store]`: where vendors push, and where everything is kept.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::judge::Judge;
use super::raw::{Anything, RawApi, RawServer, RawStore, Text};
use super::urls::web_url;
use super::{Api, Server, StoreSettings};
use crate::store::Ages;

/// Where vendors push unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Connections of vendors at a time unless told otherwise.
const CONNECTIONS: usize = 8_192;

/// The bounds of `max_connections`.
const CONNECTIONS_BOUNDS: RangeInclusive<usize> = 16..=1_000_000;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A hundred years: as good as for ever, and within what times can say.
const KEPT_MAX: Duration = Duration::from_hours(100 * 365 * 24);

/// The most bytes that may be kept free: 1 PiB.
const MIN_FREE_MAX: u64 = 1 << 50;

/// The bounds of the database file's size: an empty one has a third of the least, and SQLite ends before the most.
const MAX_SIZE: RangeInclusive<u64> = MIB..=1 << 47;

const MIB: u64 = 1 << 20;

pub(super) fn server(raw: &RawServer, judge: &mut Judge<'_>) -> Option<Server> {
    let listen = address(raw.listen.as_ref(), LISTEN, judge);
    let public_url = match &raw.public_url {
        None => Some(None),
        Some(text) => web_url(text, judge).map(Some),
    };
    if let (Some(text), Some(Some(url))) = (&raw.public_url, &public_url)
        && url.query().is_some()
    {
        judge.refuse(text, "has to end before the query: `/in/SOURCE` is put behind it")?;
    }
    let trusted_proxies = judge.each(&raw.trusted_proxies, Judge::network);
    let max_connections = match &raw.max_connections {
        None => Some(CONNECTIONS),
        Some(value) => connections(value, judge),
    };
    Some(Server {
        listen: listen?,
        public_url: public_url?,
        trusted_proxies: trusted_proxies?,
        max_connections: max_connections?,
    })
}

fn connections(value: &Anything, judge: &mut Judge<'_>) -> Option<usize> {
    let number = value.get_ref().as_integer().and_then(|number| usize::try_from(number).ok());
    number.filter(|number| CONNECTIONS_BOUNDS.contains(number)).or_else(|| {
        let (least, most) = CONNECTIONS_BOUNDS.into_inner();
        judge.refuse(value, format!("has to be a whole number, {least} to {most}"))
    })
}

/// An address to listen on.
pub(super) fn address(
    text: Option<&Text>,
    default: SocketAddr,
    judge: &mut Judge<'_>,
) -> Option<SocketAddr> {
    let Some(text) = text else { return Some(default) };
    match text.get_ref().parse() {
        Ok(address) => Some(address),
        Err(_) => judge
            .refuse(text, "not an address and port such as \"127.0.0.1:8080\" or \"[::1]:8080\""),
    }
}

/// Both listeners can't have one address; an unspecified address takes the port of all.
pub(super) fn differ(
    raw_server: &RawServer,
    raw_api: &RawApi,
    server: Option<&Server>,
    api: Option<&Api>,
    judge: &mut Judge<'_>,
) {
    let (Some(server), Some(api)) = (server, api) else { return };
    let (one, other) = (server.listen, api.listen);
    let overlaps =
        one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    if one.port() != other.port() || one.port() == 0 || !overlaps {
        return;
    }
    if let Some(text) = raw_api.listen.as_ref().or(raw_server.listen.as_ref()) {
        let message =
            format!("[server] listens on {one} and [api] on {other}: give them two ports");
        let _: Option<()> = judge.refuse(text, message);
    }
}

pub(super) fn store(raw: &RawStore, judge: &mut Judge<'_>) -> Option<StoreSettings> {
    let path = match &raw.path {
        Some(text) if text.get_ref().is_empty() => judge.refuse(text, "the path is empty"),
        Some(text) => Some(PathBuf::from(text.get_ref())),
        None => Some(PathBuf::from("data/callbox.db")),
    };
    let retention = &raw.retention;
    let callbacks = kept(retention.callbacks.as_ref(), 90, judge);
    let events = kept(retention.events.as_ref(), 90, judge);
    let attempts = kept(retention.attempts.as_ref(), 30, judge);
    let quarantined = kept(retention.quarantined.as_ref(), 90, judge);
    let unauthentic = kept(retention.unauthentic.as_ref(), 90, judge);
    let max_size = match &retention.max_size {
        None => Some(None),
        Some(value) => judge.bytes(value, MAX_SIZE).map(Some),
    };
    let retention = Ages {
        callbacks: callbacks?,
        quarantined: quarantined?,
        unauthentic: unauthentic?,
        events: events?,
        attempts: attempts?,
    };
    let min_free = match &raw.min_free {
        None => Some(None),
        Some(value) => judge.bytes(value, 1..=MIN_FREE_MAX).map(Some),
    };
    let text_search = raw.text_search.unwrap_or(true);
    Some(StoreSettings {
        path: path?,
        min_free: min_free?,
        text_search,
        retention,
        max_size: max_size?,
    })
}

fn kept(text: Option<&Text>, default_days: u32, judge: &mut Judge<'_>) -> Option<Duration> {
    text.map_or(Some(DAY * default_days), |text| judge.duration(text, HOUR, KEPT_MAX))
}
