//! A JSON object that is emptied as it is read: what an adapter takes is mapped, and what is left is the event's `extra`.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The most bytes of JSON that an event's `extra` has; the whole body is in the callback.
const EXTRA_MAX: usize = 16 * 1024;

/// The deepest nesting that events keep. JSON readers stop at 128 levels, and an event's own come on top of the vendor's.
const DEPTH_MAX: usize = 64;

/// Keys, in small letters, whose values are secrets wherever a vendor puts them.
const SECRET_KEYS: [&str; 12] = [
    "apikey",
    "api_key",
    "authorization",
    "access_token",
    "accesstoken",
    "token",
    "password",
    "secret",
    "clientsecret",
    "client_secret",
    "jwt_key",
    "pairingcode",
];

/// What stands in place of a secret.
const REDACTED: &str = "[redacted]";

/// A JSON object that is emptied as it is read. Names are found whatever their letter case; an exact match goes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// The members of an object.
    #[must_use]
    pub fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// Reads a body as a JSON object; the error is a reason for the quarantine.
    ///
    /// # Errors
    /// When the body is empty, is not JSON, or is JSON but not an object.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let value = parse(body)?;
        if let Value::Object(members) = value {
            return Ok(Self(members));
        }
        Err(format!("the body is JSON, but {} where an object was expected", kind(&value)))
    }

    /// Takes a member out, whatever it is; `null` counts as absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.take_if(name, |_| true).filter(|value| !value.is_null())
    }

    /// Whether there is such a member that is not null.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Looks at a member without taking it; `null` counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(&*self.key(name)?).filter(|value| !value.is_null())
    }

    /// Looks at a text, number or boolean without taking it; as text, never empty.
    #[must_use]
    pub fn peek(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }

    /// Takes a text; numbers and booleans are read as text too. Empty counts as absent; anything else is left where it is.
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.take_if(name, |value| !value.is_array() && !value.is_object())? {
            Value::String(text) => Some(text).filter(|text| !text.is_empty()),
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => text(&other),
        }
    }

    /// Takes the first of several members that has a text. The others are left.
    pub fn text_of(&mut self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    /// Takes a whole number, written as a number or as text; anything else is left where it is.
    pub fn integer(&mut self, name: &str) -> Option<i64> {
        let key = self.key(name)?;
        let number = match self.0.get(&*key)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }?;
        self.0.remove(&*key);
        Some(number)
    }

    /// Takes a boolean, written as one, as text or as 0 and 1; anything else is left where it is.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        let key = self.key(name)?;
        let word = text(self.0.get(&*key)?)?.to_ascii_lowercase();
        let value = match word.as_str() {
            "true" | "1" | "yes" => true,
            "false" | "0" | "no" => false,
            _ => return None,
        };
        self.0.remove(&*key);
        Some(value)
    }

    /// Takes an array; anything else is left where it is.
    pub fn array(&mut self, name: &str) -> Option<Vec<Value>> {
        let taken = self.take_if(name, Value::is_array)?;
        if let Value::Array(items) = taken { Some(items) } else { None }
    }

    /// Takes an object out as a whole; anything else is left where it is.
    pub fn object(&mut self, name: &str) -> Option<Self> {
        let taken = self.take_if(name, Value::is_object)?;
        if let Value::Object(members) = taken { Some(Self(members)) } else { None }
    }

    /// Reads within an object and leaves in place what was not taken of it. `None` if there is no such object.
    pub fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let key = self.key(name)?;
        let place = self.0.get_mut(&*key)?;
        let mut inner = Self(std::mem::take(place.as_object_mut()?));
        let result = read(&mut inner);
        if inner.0.is_empty() {
            self.0.remove(&*key);
        } else {
            *place = Value::Object(inner.0);
        }
        Some(result)
    }

    /// Puts a member (back) in.
    pub fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members as they are.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// What is left, as an event's part: without nulls and empty texts, secrets redacted.
    #[must_use]
    pub fn into_part(self) -> Map<String, Value> {
        clean_map(self.0)
    }

    /// What is left, as an event's `extra`: without nulls and empty texts, secrets redacted, at most 16 KiB.
    #[must_use]
    pub fn into_extra(self) -> Map<String, Value> {
        bounded(clean_map(self.0))
    }

    /// Takes a member out if it is as wanted, else leaves it.
    fn take_if(&mut self, name: &str, is_wanted: impl FnOnce(&Value) -> bool) -> Option<Value> {
        let key = self.key(name)?;
        if is_wanted(self.0.get(&*key)?) { self.0.remove(&*key) } else { None }
    }

    /// The key as it is written: the exact one, else one that differs in letter case alone.
    fn key<'n>(&self, name: &'n str) -> Option<Cow<'n, str>> {
        if self.0.contains_key(name) {
            return Some(Cow::Borrowed(name));
        }
        let mut keys = self.0.keys();
        keys.find(|key| key.eq_ignore_ascii_case(name)).cloned().map(Cow::Owned)
    }
}

/// Reads a body as JSON; the error is a reason for the quarantine.
///
/// # Errors
/// When the body is empty, is not UTF-8 or is not JSON.
pub fn parse(body: &[u8]) -> Result<Value, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err("the body is empty".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| format!("the body is not valid JSON: {error}"))
}

/// A text, number or boolean as text; `None` for anything else and for the empty text.
#[must_use]
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What a JSON value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A value without nulls and empty texts, objects and arrays, secrets redacted, and without what is nested deeper than 64 levels;
/// `None` if nothing is left.
#[must_use]
pub fn clean(mut value: Value) -> Option<Value> {
    clean_within(&mut value, DEPTH_MAX).then_some(value)
}

fn clean_map(mut members: Map<String, Value>) -> Map<String, Value> {
    clean_members(&mut members, DEPTH_MAX);
    members
}

/// Cleans a value in its place; false if nothing is left of it.
fn clean_within(value: &mut Value, depth: usize) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => {
            let Some(inner) = depth.checked_sub(1) else { return false };
            items.retain_mut(|item| clean_within(item, inner));
            !items.is_empty()
        }
        Value::Object(members) => {
            let Some(inner) = depth.checked_sub(1) else { return false };
            clean_members(members, inner);
            !members.is_empty()
        }
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn clean_members(members: &mut Map<String, Value>, depth: usize) {
    members.retain(|key, value| {
        let is_kept = clean_within(value, depth);
        if is_kept && SECRET_KEYS.iter().any(|secret| key.eq_ignore_ascii_case(secret)) {
            *value = Value::from(REDACTED);
        }
        is_kept
    });
}

/// Drops the largest members until the rest is small enough.
fn bounded(mut members: Map<String, Value>) -> Map<String, Value> {
    // Most bodies are so small that nothing has to be measured.
    if members_max(&members) <= EXTRA_MAX {
        return members;
    }
    let written = |value: &Value| serde_json::to_vec(value).map_or(usize::MAX, |bytes| bytes.len());
    // Each member is measured once: a body may have a million of them.
    let mut sizes: Vec<(usize, String)> = members
        .iter()
        .map(|(key, value)| (written(value).saturating_add(key.len() + 4), key.clone()))
        .collect();
    sizes.sort_unstable();
    let mut total = sizes.iter().map(|(size, _)| *size).fold(2, usize::saturating_add);
    while total > EXTRA_MAX {
        let Some((size, largest)) = sizes.pop() else { break };
        members.remove(&largest);
        total = total.saturating_sub(size);
    }
    members
}

/// The most bytes in which members can be written: in a text, a character of one byte may take six.
fn members_max(members: &Map<String, Value>) -> usize {
    let each = members.iter().map(|(key, value)| 6 * key.len() + 4 + value_max(value));
    2 + each.sum::<usize>()
}

fn value_max(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 32,
        Value::String(text) => 2 + 6 * text.len(),
        Value::Array(items) => 2 + items.iter().map(|item| 1 + value_max(item)).sum::<usize>(),
        Value::Object(members) => members_max(members),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        let Value::Object(members) = value else { panic!("an object") };
        Fields::new(members)
    }

    #[test]
    fn what_is_taken_is_gone_and_what_is_left_keeps_its_place() {
        let mut body = fields(
            json!({"Payload": {"umid": "u1", "new": 1, "user": {"msisdn": "+1", "x": null}}, "v": 9}),
        );
        let umid = body.within("payload", |payload| {
            payload.within("user", |user| user.text("msisdn"));
            payload.text("UMID")
        });
        assert_eq!(umid, Some(Some("u1".to_owned())));
        assert_eq!(Value::Object(body.into_extra()), json!({"Payload": {"new": 1}, "v": 9}));
    }

    #[test]
    fn numbers_and_booleans_are_read_in_either_form() {
        let mut body =
            fields(json!({"a": 1, "b": "2", "c": "true", "d": 0, "e": "", "f": null, "g": [1]}));
        assert_eq!(body.text("a").as_deref(), Some("1"));
        assert_eq!(body.integer("b"), Some(2));
        assert_eq!(body.boolean("c"), Some(true));
        assert_eq!(body.boolean("d"), Some(false));
        assert_eq!(body.text("e"), None);
        assert_eq!(body.text("f"), None);
        assert_eq!(body.text("g"), None);
        assert_eq!(Value::Object(body.into_extra()), json!({"g": [1]}));
    }

    #[test]
    fn secrets_are_redacted_and_extra_is_bounded() {
        let body = fields(
            json!({"apikey": "K", "deep": [{"ApiKey": "K2", "ok": 1}], "big": "x".repeat(20_000)}),
        );
        let extra = Value::Object(body.into_extra());
        assert_eq!(
            extra,
            json!({"apikey": "[redacted]", "deep": [{"ApiKey": "[redacted]", "ok": 1}]})
        );
    }

    #[test]
    fn a_body_of_very_many_members_is_bounded_at_once() {
        let many: Map<String, Value> =
            (0..200_000).map(|number| (number.to_string(), Value::from(1))).collect();
        let extra = Value::Object(Fields::new(many).into_extra()).to_string();
        assert!((EXTRA_MAX / 2..=EXTRA_MAX).contains(&extra.len()), "{}", extra.len());
    }

    proptest! {
        #[test]
        fn no_member_takes_more_than_it_is_thought_to_take_at_most(
            key in any::<String>(),
            texts in prop::collection::vec(any::<String>(), 0..4),
            number in any::<f64>(),
            control in "[\\x00-\\x1f]{0,8}",
        ) {
            let members = json!({&key: [texts, [number], control, i64::MIN, {&control: null}]});
            let Value::Object(members) = members else { panic!("an object") };
            let written = serde_json::to_string(&members).unwrap().len();
            prop_assert!(written <= members_max(&members), "{written}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_to_be_read_again_is_left_to_the_callback() {
        let nested = |depth: usize| {
            serde_json::from_str::<Value>(&("[".repeat(depth) + "1" + &"]".repeat(depth))).unwrap()
        };
        let extra = fields(json!({"deep": nested(65), "flat": nested(64)})).into_extra();
        assert_eq!(Value::Object(extra), json!({"flat": nested(64)}));
    }

    #[test]
    fn bodies_that_are_no_object_say_why() {
        assert_eq!(Fields::parse(b" \n").unwrap_err(), "the body is empty");
        assert!(Fields::parse(b"[1]").unwrap_err().contains("an array"));
        assert!(Fields::parse(b"{\"a\":").unwrap_err().contains("not valid JSON"));
        assert!(
            Fields::parse("[".repeat(100_000).as_bytes()).unwrap_err().contains("not valid JSON")
        );
        assert!(Fields::parse(b"\xef\xbb\xbf{}").is_ok());
    }
}
