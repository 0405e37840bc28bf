//! New ids for old fixtures: each id becomes another of the same shape, in the request and in what must come of it.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::Value;

use super::edit::{self, Kind, Leaf};
use super::fixture::Fixture;
use super::request::Request;
use crate::random::Random;

/// The shortest text that is taken for an id. Shorter ones are too often something else.
const SHORTEST: usize = 4;

/// Names that ids of messages and events go by, in small letters; besides them all that end in `id` or `ref`.
const NAMES: [&str; 6] = ["id", "umid", "ref_no", "refno", "msgid", "key"];

/// Names of ids that say who somebody is, not what was sent: a filter or a configuration may know them.
const WHO: [&str; 12] = [
    "accountid",
    "subaccountid",
    "businessaccountid",
    "channelid",
    "channeluserid",
    "recipientid",
    "templateid",
    "instanceid",
    "waid",
    "userid",
    "businessid",
    "chatid",
];

/// The new ids of one round: the same old one becomes the same new one in every fixture.
#[derive(Debug)]
pub struct Fresh {
    seed: [u8; 16],
    known: Mutex<BTreeMap<String, String>>,
}

impl Fresh {
    /// Ids that were never used before.
    #[must_use]
    pub fn new(random: &Random) -> Self {
        Self { seed: random.bytes(), known: Mutex::default() }
    }

    /// The fixture with its ids made anew. Its expectation follows.
    #[must_use]
    pub fn of(&self, fixture: &Fixture) -> Fixture {
        let mut fresh = fixture.clone();
        let Request { target, headers, body, .. } = &mut fresh.request;
        let typed = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = typed.map(|(_, value)| value.clone());
        *body = edit::body(content_type.as_deref(), body, &mut |leaf| self.renewed(leaf));
        if let Some((path, query)) = target.split_once('?') {
            *target = format!("{path}?{}", edit::query(query, &mut |leaf| self.renewed(leaf)));
        }
        if let Some(expectation) = &mut fresh.expectation {
            expectation.each_value(|value| self.follow(value));
        }
        fresh
    }

    fn renewed(&self, leaf: &Leaf<'_>) -> Option<String> {
        let named = leaf.kind != Kind::Name && is_id_name(leaf.name());
        (named && is_id(leaf.text)).then(|| self.new_one(leaf.text))
    }

    /// The new id for an old one, whichever letter case that is written in.
    fn new_one(&self, old: &str) -> String {
        let new = super::shape::another(&self.seed, old);
        self.known.lock().insert(old.to_owned(), new.clone());
        new
    }

    /// Puts new ids in the place of old ones, alone or as a word in a longer text.
    fn follow(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.followed(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.follow(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.follow(member)),
            Value::Number(number) => {
                let new = self.known.lock().get(&number.to_string()).cloned();
                if let Some(new) = new.and_then(|new| serde_json::from_str(&new).ok()) {
                    *number = new;
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn followed(&self, text: &str) -> String {
        let known = self.known.lock();
        if let Some(new) = known.get(text) {
            return new.clone();
        }
        let mut followed = text.to_owned();
        for (old, new) in known.iter().filter(|(old, _)| old.len() >= 2 * SHORTEST) {
            if followed.contains(old.as_str()) {
                followed = followed.replace(old.as_str(), new);
            }
        }
        followed
    }
}

fn is_id_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let ends = plain.ends_with("id") || plain.ends_with("ref");
    (NAMES.contains(&name.as_str()) || ends) && !WHO.contains(&plain.as_str())
}

/// Letters, digits and a few signs, with a digit among them, and no address.
fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:=+/".contains(&byte);
    text.len() >= SHORTEST
        && text.bytes().all(fits)
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && !text.starts_with('+')
        && !text.contains("://")
}
