//! The configuration file as it is written: every key there is, each with its place in the file, nothing judged yet.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
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
    pub(super) max_connections: Option<Anything>,
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
    pub(super) sources: Option<Spanned<Vec<Text>>>,
    pub(super) expires: Option<Anything>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStore {
    pub(super) path: Option<Text>,
    pub(super) min_free: Option<Anything>,
    pub(super) text_search: Option<bool>,
    pub(super) retention: RawRetention,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRetention {
    pub(super) callbacks: Option<Text>,
    pub(super) quarantined: Option<Text>,
    pub(super) unauthentic: Option<Text>,
    pub(super) events: Option<Text>,
    pub(super) attempts: Option<Text>,
    pub(super) max_size: Option<Anything>,
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
    pub(super) mapping: Option<Spanned<RawMapping>>,
    pub(super) expect: Option<Spanned<RawExpect>>,
    pub(super) stuck: Option<Spanned<RawStuck>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawExpect {
    pub(super) within: Option<Text>,
    pub(super) days: Option<Text>,
    pub(super) hours: Option<Text>,
    pub(super) timezone: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStuck {
    pub(super) after: Option<Text>,
    pub(super) at_least: Option<Spanned<usize>>,
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

/// One place, or several of which the first that has a value wins.
pub(super) type Places = Spanned<RawPlaces>;

#[derive(Debug)]
pub(super) enum RawPlaces {
    One(String),
    Several(Vec<Text>),
}

/// Reads either form. An untagged enum would lose the places in the file.
impl<'de> Deserialize<'de> for RawPlaces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;
        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = RawPlaces;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a place in quotes, or a list of places")
            }

            fn visit_str<E>(self, text: &str) -> Result<RawPlaces, E> {
                Ok(RawPlaces::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawPlaces, A::Error> {
                let items = SeqAccessDeserializer::new(items);
                Vec::deserialize(items).map(RawPlaces::Several)
            }
        }
        deserializer.deserialize_any(OneOrSeveral)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMapping {
    pub(super) each: Option<Text>,
    pub(super) takes_get: bool,
    pub(super) types: BTreeMap<Text, Text>,
    pub(super) statuses: BTreeMap<Text, Text>,
    pub(super) time_format: Option<Text>,
    pub(super) duplicate_key: Option<Text>,
    pub(super) r#type: Option<Places>,
    pub(super) id: Option<Places>,
    pub(super) subject: Option<Places>,
    pub(super) time: Option<Places>,
    pub(super) status: Option<Places>,
    pub(super) status_detail: Option<Places>,
    pub(super) channel: Option<Places>,
    pub(super) direction: Option<Places>,
    pub(super) conversation: Option<Places>,
    pub(super) client_ref: Option<Places>,
    pub(super) batch_ref: Option<Places>,
    pub(super) reply_to: Option<Places>,
    pub(super) account: Option<Places>,
    pub(super) sub_account: Option<Places>,
    pub(super) instance: Option<Places>,
    pub(super) from_id: Option<Places>,
    pub(super) from_phone: Option<Places>,
    pub(super) from_name: Option<Places>,
    pub(super) to_id: Option<Places>,
    pub(super) to_phone: Option<Places>,
    pub(super) to_name: Option<Places>,
    pub(super) text: Option<Places>,
    pub(super) content_type: Option<Places>,
    pub(super) media_url: Option<Places>,
    pub(super) media_mime: Option<Places>,
    pub(super) media_filename: Option<Places>,
    pub(super) error_code: Option<Places>,
    pub(super) error_reason: Option<Places>,
}

/// A template, or a table with it and the type of what it makes.
#[derive(Debug)]
pub(super) enum RawTransform {
    Template(String),
    Table(RawTransformTable),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTransformTable {
    pub(super) template: Option<Text>,
    pub(super) content_type: Option<Text>,
}

impl<'de> Deserialize<'de> for RawTransform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RawTransform;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a template in quotes, or a table")
            }

            fn visit_str<E>(self, text: &str) -> Result<RawTransform, E> {
                Ok(RawTransform::Template(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawTransform, A::Error> {
                let table = RawTransformTable::deserialize(MapAccessDeserializer::new(map));
                table.map(RawTransform::Table)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A value of any shape, each part of it with its place in the file.
#[derive(Debug)]
pub(super) enum RawTree {
    Table(Vec<(Text, Spanned<RawTree>)>),
    List(Vec<Spanned<RawTree>>),
    Value(Value),
}

impl<'de> Deserialize<'de> for RawTree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = RawTree;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<RawTree, E> {
                Ok(RawTree::Value(Value::Boolean(value)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<RawTree, E> {
                Ok(RawTree::Value(Value::Integer(value)))
            }

            fn visit_f64<E>(self, value: f64) -> Result<RawTree, E> {
                Ok(RawTree::Value(Value::Float(value)))
            }

            fn visit_str<E>(self, value: &str) -> Result<RawTree, E> {
                Ok(RawTree::Value(Value::String(value.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RawTree, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(RawTree::List)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawTree, A::Error> {
                let mut entries = Vec::new();
                loop {
                    match map.next_entry() {
                        Ok(Some(entry)) => entries.push(entry),
                        Ok(None) => return Ok(RawTree::Table(entries)),
                        // A time without quotes comes as a map whose one key has no place in the file.
                        Err(error) if error.to_string().contains("expected a spanned value") => {
                            return Err(A::Error::custom(
                                "times are texts in events: put it into quotes, such as \"2026-08-12T09:15:57Z\"",
                            ));
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        deserializer.deserialize_any(Any)
    }
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
    pub(super) filter: Option<Spanned<RawTree>>,
    pub(super) secrets: Vec<Text>,
    pub(super) headers: BTreeMap<Text, Text>,
    pub(super) format: Option<Text>,
    pub(super) transform: Option<Spanned<RawTransform>>,
    pub(super) ca: Option<Text>,
    pub(super) client_cert: Option<Text>,
    pub(super) client_key: Option<Text>,
    pub(super) timeout: Option<Text>,
    pub(super) max_concurrency: Option<Spanned<usize>>,
    pub(super) rate: Option<Anything>,
    pub(super) order: Option<Text>,
    pub(super) on_exhausted: Option<Text>,
    pub(super) retry: Option<Vec<Text>>,
    pub(super) retry_for: Option<Text>,
    pub(super) fail_fast: Vec<Anything>,
    pub(super) enabled: Option<bool>,
    pub(super) from: Option<Anything>,
    pub(super) backlog_max_age: Option<Text>,
    pub(super) backlog_max_events: Option<Spanned<u64>>,
    pub(super) allow_subnets: Vec<Text>,
}
