//! A source as it was written, without what proves anything: enough to set up another one that reads alike.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::tree::Tree;
use crate::domain::source::Source;

/// The keys that say how a source reads and answers.
const KEYS: [&str; 6] = ["timezone", "decode_escapes", "mapping", "answer", "answers", "max_body"];

/// The keys of a scheme that hold what only one sender may know, or where it is.
const SECRET: [&str; 2] = ["secrets", "networks"];

/// Notes of each source how it was written.
pub(super) fn note(tree: &Tree<'_>, sources: &mut [Source]) {
    let Ok(document) = Value::deserialize(toml::Deserializer::from(tree.root())) else { return };
    for source in sources {
        let written = document.get("sources").and_then(|all| all.get(source.name.as_str()));
        source.written =
            written.and_then(Value::as_object).map(without_secrets).unwrap_or_default();
    }
}

fn without_secrets(written: &Map<String, Value>) -> Map<String, Value> {
    let mut kept: Map<String, Value> = KEYS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), written.get(*key)?.clone())))
        .collect();
    let schemes = written.get("auth").and_then(Value::as_array).into_iter().flatten();
    let schemes = schemes.filter_map(Value::as_object).map(|scheme| {
        let open = scheme.iter().filter(|(key, _)| !SECRET.contains(&key.as_str()));
        Value::Object(open.map(|(key, value)| (key.clone(), value.clone())).collect())
    });
    kept.insert("auth".to_owned(), schemes.collect());
    kept
}
