//! The configuration file as it is written: every key there is, each with its place in the file, nothing judged yet.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

/// A text with its place in the file.
pub(super) type Text = Spanned<String>;

/// A value whose shape is judged by hand, with its place in the file.
pub(super) type Anything = Spanned<Value>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawConfig {
    pub(super) server: RawServer,
    pub(super) api: RawApi,
    pub(super) store: RawStore,
    pub(super) sources: BTreeMap<Text, RawSource>,
    pub(super) destinations: BTreeMap<Text, RawDestination>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawServer {
    pub(super) listen: Option<Text>,
    pub(super) public_url: Option<Text>,
    pub(super) trusted_proxies: Vec<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawApi {
    pub(super) listen: Option<Text>,
    pub(super) anonymous: Option<Text>,
    pub(super) keys: BTreeMap<Text, RawKey>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawKey {
    pub(super) sha256: Option<Text>,
    pub(super) scopes: Option<Spanned<Vec<Text>>>,
    pub(super) expires: Option<Anything>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStore {
    pub(super) path: Option<Text>,
    pub(super) retention: RawRetention,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRetention {
    pub(super) callbacks: Option<Text>,
    pub(super) events: Option<Text>,
    pub(super) attempts: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSource {
    pub(super) vendor: Option<Text>,
    pub(super) auth: Option<Spanned<Vec<Spanned<RawScheme>>>>,
    pub(super) max_body: Option<Anything>,
    pub(super) timezone: Option<Text>,
    pub(super) decode_escapes: bool,
    pub(super) answer: RawAnswer,
    pub(super) answers: BTreeMap<Text, RawAnswer>,
    pub(super) unauthentic_answer: Option<Spanned<u16>>,
    pub(super) unauthentic_keep: RawQuota,
    pub(super) rate: Option<Anything>,
}

/// Every key that some scheme has; which scheme has which is judged in `schemes`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawScheme {
    pub(super) r#type: Option<Text>,
    pub(super) secrets: Option<Spanned<Vec<Text>>>,
    pub(super) header: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) algorithm: Option<Text>,
    pub(super) encoding: Option<Text>,
    pub(super) prefix: Option<Text>,
    pub(super) parts: Option<Spanned<Vec<Text>>>,
    pub(super) timestamp_header: Option<Text>,
    pub(super) tolerance: Option<Text>,
    pub(super) networks: Option<Spanned<Vec<Text>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAnswer {
    pub(super) status: Option<Spanned<u16>>,
    pub(super) content_type: Option<Text>,
    pub(super) body: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawQuota {
    pub(super) callbacks: Option<u32>,
    pub(super) bytes: Option<Anything>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDestination {
    pub(super) url: Option<Text>,
    pub(super) events: Option<Spanned<Vec<Text>>>,
    pub(super) sources: Vec<Text>,
    pub(super) channels: Vec<Text>,
    pub(super) filter: Option<Anything>,
    pub(super) secrets: Vec<Text>,
    pub(super) headers: BTreeMap<Text, Text>,
    pub(super) format: Option<Text>,
    pub(super) timeout: Option<Text>,
    pub(super) max_concurrency: Option<Spanned<usize>>,
    pub(super) rate: Option<Anything>,
    pub(super) order: Option<Text>,
    pub(super) retry: Option<Vec<Text>>,
    pub(super) enabled: Option<bool>,
    pub(super) from: Option<Anything>,
    pub(super) backlog_max_age: Option<Anything>,
    pub(super) backlog_max_events: Option<Anything>,
    pub(super) allow_subnets: Vec<Text>,
}
