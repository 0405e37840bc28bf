//! Places in a callback: in its JSON, its form, its query or its headers, or always the same.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// Where a field is found in a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the JSON of the event, `/data/id`: the body, or the item of [`super::Mapping::each`].
    Event(Pointer),
    /// In the JSON of the whole body, `body:/account/id`.
    Body(Pointer),
    /// In a field of the form, `form:id`.
    Form(String),
    /// In a header, in small letters, `header:x-event`.
    Header(String),
    /// In a parameter of the query, `query:id`.
    Query(String),
    /// Always this, `text:sms`.
    Text(String),
}

/// The text was not a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a place such as \"/data/id\", \"body:/account/id\", \"form:id\", \"query:id\", \"header:x-event\" or \"text:sms\""
)]
pub struct NotAPlace;

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        if text.starts_with('/') {
            return text.parse().map(Self::Event);
        }
        let (kind, name) = text.split_once(':').ok_or(NotAPlace)?;
        if name.is_empty() {
            return Err(NotAPlace);
        }
        match kind {
            "body" => name.parse().map(Self::Body),
            "form" => Ok(Self::Form(name.to_owned())),
            "header" => Ok(Self::Header(name.to_ascii_lowercase())),
            "query" => Ok(Self::Query(name.to_owned())),
            "text" => Ok(Self::Text(name.to_owned())),
            _ => Err(NotAPlace),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(pointer) => formatter.write_str(pointer.as_str()),
            Self::Body(pointer) => write!(formatter, "body:{}", pointer.as_str()),
            Self::Form(name) => write!(formatter, "form:{name}"),
            Self::Header(name) => write!(formatter, "header:{name}"),
            Self::Query(name) => write!(formatter, "query:{name}"),
            Self::Text(text) => write!(formatter, "text:{text}"),
        }
    }
}

/// A JSON Pointer (RFC 6901); the empty one is the document itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    /// What stands between the slashes, unescaped once and not for each callback.
    tokens: Vec<String>,
}

impl Pointer {
    /// The pointer as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value in `document` that the pointer points at.
    #[must_use]
    pub fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.tokens.iter().try_fold(document, |value, token| match value {
            Value::Object(members) => members.get(token),
            Value::Array(items) => items.get(index(token)?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    }

    /// The value in `document` that the pointer points at, to be changed.
    #[must_use]
    pub fn find_mut<'v>(&self, document: &'v mut Value) -> Option<&'v mut Value> {
        self.tokens.iter().try_fold(document, |value, token| match value {
            Value::Object(members) => members.get_mut(token),
            Value::Array(items) => items.get_mut(index(token)?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        })
    }
}

/// The place in an array that a token names: digits, without a zero in front.
fn index(token: &str) -> Option<usize> {
    let is_canonical = token == "0" || token.starts_with(|first| matches!(first, '1'..='9'));
    if is_canonical { token.parse().ok() } else { None }
}

impl FromStr for Pointer {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let begins = text.is_empty() || text.starts_with('/');
        let mut tildes = text.split('~').skip(1);
        let escaped = tildes.all(|behind| behind.starts_with(['0', '1']));
        if !begins || !escaped {
            return Err(NotAPlace);
        }
        let tokens = text.split('/').skip(1);
        let tokens = tokens.map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
        Ok(Self { text: text.to_owned(), tokens })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_finds_what_the_standard_says() {
        let mut document = json!({"a": [{"b": 1}, 2], "a/b": 3, "m~n": 4, "": 5, "0": 6, "~1": 7});
        for text in [
            "", "/a", "/a/0/b", "/a/1", "/a/2", "/a/01", "/a/+1", "/a/-", "/a/", "/a~1b", "/m~0n",
            "/", "//", "/0", "/~01", "/a/0/b/c", "/x",
        ] {
            let pointer: Pointer = text.parse().unwrap();
            assert_eq!(pointer.find(&document), document.pointer(text), "{text}");
            let found = pointer.find_mut(&mut document).cloned();
            assert_eq!(found.as_ref(), document.pointer(text), "{text}");
        }
    }

    #[test]
    fn places_are_read_as_they_are_written_and_anything_else_is_refused() {
        for text in ["/data/id", "/a~1b/0", "body:/x", "form:a:b", "query:id", "text:a b"] {
            assert_eq!(text.parse::<Place>().map(|place| place.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("header:X-Event".parse(), Ok(Place::Header("x-event".to_owned())));
        for text in ["", "id", "form:", "cookie:id", "/a~2", "/a~", "body:id"] {
            assert_eq!(text.parse::<Place>(), Err(NotAPlace), "{text}");
        }
    }
}
