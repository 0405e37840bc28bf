//! The section `[api]`: where questions are asked, and which keys open what.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use toml::Value;

use super::judge::Judge;
use super::raw::{Anything, RawApi, RawKey, Text};
use super::server::address;
use super::{Api, ApiKey, Scope};
use crate::clock::Time;
use crate::domain::name::Name;

/// Where questions are asked unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

pub(super) fn api(raw: &RawApi, judge: &mut Judge<'_>) -> Option<Api> {
    let listen = address(raw.listen.as_ref(), LISTEN, judge);
    let anonymous = match &raw.anonymous {
        None => Some(false),
        Some(text) => judge.word(text, &[("loopback", true)]),
    };
    if let (Some(text), Some(listen)) = (&raw.anonymous, listen)
        && !listen.ip().is_loopback()
    {
        let message = format!(
            "is for a loopback listener only, and [api] listens on {listen}: leave `anonymous` out and use keys (`callbox keys new`)"
        );
        judge.refuse(text, message)?;
    }
    let keys: Vec<_> = raw.keys.iter().map(|(name, raw)| key(name, raw, judge)).collect();
    let keys: Option<BTreeMap<Name, ApiKey>> = keys.into_iter().collect();
    Some(Api { listen: listen?, anonymous: anonymous?, keys: keys? })
}

fn key(name: &Text, raw: &RawKey, judge: &mut Judge<'_>) -> Option<(Name, ApiKey)> {
    let read_name = judge.read::<Name>(name);
    let sha256 = match &raw.sha256 {
        None => lacks(name, "sha256", judge),
        Some(text) => hash(text, judge),
    };
    let scopes = match &raw.scopes {
        None => lacks(name, "scopes", judge),
        Some(list) if list.get_ref().is_empty() => {
            judge.refuse(list, "a key without scopes opens nothing")
        }
        Some(list) => {
            let known = [("read", Scope::Read), ("raw", Scope::Raw), ("operate", Scope::Operate)];
            judge.each(list.get_ref(), |judge, word| judge.word(word, &known))
        }
    };
    let expires = match &raw.expires {
        None => Some(None),
        Some(value) => time(value, judge).map(Some),
    };
    Some((read_name?, ApiKey { sha256: sha256?, scopes: scopes?, expires: expires? }))
}

fn hash(text: &Text, judge: &mut Judge<'_>) -> Option<[u8; 32]> {
    let mut sha256 = [0; 32];
    match hex::decode_to_slice(text.get_ref(), &mut sha256) {
        Ok(()) => Some(sha256),
        Err(_) => judge.refuse(text, "not a SHA-256 in hexadecimal; `callbox keys new` prints one"),
    }
}

/// A moment, as a text or as TOML writes it.
pub(super) fn time(value: &Anything, judge: &mut Judge<'_>) -> Option<Time> {
    let text = match value.get_ref() {
        Value::String(text) => text.clone(),
        Value::Datetime(time) => time.to_string(),
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Array(_)
        | Value::Table(_) => {
            return judge.refuse(value, "expected a time");
        }
    };
    match text.parse() {
        Ok(time) => Some(time),
        Err(error) => judge.refuse(value, error),
    }
}

fn lacks<R>(section: &Text, key: &str, judge: &mut Judge<'_>) -> Option<R> {
    judge.mistakes.lacks(section.span(), format!("lacks `{key}`; `callbox keys new` prints it"));
    None
}
