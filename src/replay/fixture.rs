//! A fixture: one callback in a file, and beside it what must come of it. `fixtures/README.md` describes the format.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::request::{BYTE_ORDER_MARK, Mistake, Request};
use super::template::{self, Values};
use crate::vendor;

/// A recorded callback and what must come of it.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// The path of its `.http` file.
    pub path: PathBuf,
    /// The file's name without its ending; `after` names fixtures of the same folder so.
    pub name: String,
    /// The code of the vendor that sends it.
    pub vendor: &'static str,
    /// What is sent.
    pub request: Request,
    /// What must come of it; nothing is known of a fixture that has no `.json`.
    pub expectation: Option<Expectation>,
}

/// What must come of a fixture: only what is named is compared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Where editors find the words of this file.
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The vendor's code, where the folder is not named after the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// How it is known that the vendor sends such a callback. Nothing is compared with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// How the source has to be configured, in the words of the configuration's `[sources.NAME]`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub source: Map<String, Value>,
    /// Whether credentials are made anew when it is sent, as `source.auth` asks for them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sign: bool,
    /// Whether words such as `{{now}}` are filled in: where they stand, unless this is `false`; with `true` an unknown one is a mistake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<bool>,
    /// Fixtures of the same folder that have to be sent first, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// The answer: its `status`, and any member of its JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Map<String, Value>>,
    /// The events, all of them, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<Value>>,
    /// Why the callback is kept but not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<Value>,
    /// The state of the message that the first event is about, once everything is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Value>,
    /// How the destination has to be configured that `received` speaks of, in the words of `[destinations.NAME]`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub destination: Map<String, Value>,
    /// What that destination has to get, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<Vec<Value>>,
}

/// How it is known that a vendor sends a callback of this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The vendor's pages describe it.
    Documented,
    /// Public code or samples send or handle it.
    Seen,
    /// Nothing public confirms it.
    Inferred,
    /// It is no vendor's: it shows what a configured sender may look like.
    Invented,
}

impl Expectation {
    /// The status that is expected of the answer, if one is named.
    #[must_use]
    pub fn status(&self) -> Option<u64> {
        self.answer.as_ref()?.get("status")?.as_u64()
    }

    /// Changes everything that is compared.
    pub fn each_value(&mut self, mut change: impl FnMut(&mut Value)) {
        let Self { answer, events, message, received, .. } = self;
        answer.iter_mut().flat_map(Map::values_mut).for_each(&mut change);
        let lists = [events, received].into_iter().flatten();
        lists.flat_map(|list| list.iter_mut()).chain(message).for_each(&mut change);
    }
}

/// A fixture that could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A file was named that is no fixture.
    #[error("{}: not a fixture, its name does not end in .http", .0.display())]
    NotAFixture(PathBuf),
    /// A pattern that can't be read.
    #[error("{}: not a pattern: {reason}", path.display())]
    Pattern {
        /// The pattern.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing was found.
    #[error("{}: no fixtures (.http files) in here", .0.display())]
    Empty(PathBuf),
    /// The `.http` file is not a request.
    #[error("{}: {mistake}", path.display())]
    Request {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        mistake: Mistake,
    },
    /// The `.json` file is not an expectation; the reason names the word and its place.
    #[error("{}: {reason}", path.display())]
    Expectation {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
    /// It is to go after a fixture that is not there.
    #[error("{}: `after` names `{name}`, but there is no {name}.http beside it", path.display())]
    Before {
        /// The file.
        path: PathBuf,
        /// The name of the other.
        name: String,
    },
    /// It is to go after itself.
    #[error("{}: `after` leads back to this fixture", .0.display())]
    Circle(PathBuf),
    /// It has a word between double braces that nobody knows.
    #[error(
        "{}: there is no value for `{{{{{word}}}}}`: known are uuid, now and seq; leave `template` out if it is meant as it stands",
        path.display()
    )]
    Word {
        /// The file.
        path: PathBuf,
        /// The word.
        word: String,
    },
    /// Nobody knows the vendor.
    #[error(
        "{}: no vendor is called `{vendor}`: name one as \"vendor\" in the .json, or as the folder",
        path.display()
    )]
    Vendor {
        /// The file.
        path: PathBuf,
        /// The word.
        vendor: String,
    },
}

impl Fixture {
    /// The status that is expected of the answer, if one is named.
    #[must_use]
    pub fn status(&self) -> Option<u64> {
        self.expectation.as_ref()?.status()
    }

    /// Whether something is filled in when it is sent, so that no two sendings are the same.
    #[must_use]
    pub fn is_templated(&self) -> bool {
        let expectation = self.expectation.as_ref();
        if expectation.is_some_and(|expectation| expectation.template == Some(false)) {
            return false;
        }
        let Request { target, headers, body, .. } = &self.request;
        let mut texts = headers.iter().map(|(_, value)| value).chain([target]);
        template::has_words(body) || texts.any(|text| template::has_words(text.as_bytes()))
    }

    /// The fixture with every word such as `{{now}}` filled in, in request and expectation.
    #[must_use]
    pub fn filled(&self, values: &mut Values<'_>) -> Self {
        let mut filled = self.clone();
        if !self.is_templated() {
            return filled;
        }
        let request = &mut filled.request;
        request.target = values.fill(&request.target);
        request.body = values.fill_bytes(&request.body);
        for (_, value) in &mut request.headers {
            *value = values.fill(value);
        }
        if let Some(expectation) = &mut filled.expectation {
            expectation.each_value(|value| values.fill_json(value));
        }
        filled
    }
}

impl FixtureError {
    /// The file or folder that it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::NotAFixture(path)
            | Self::Empty(path)
            | Self::Circle(path)
            | Self::Io { path, .. }
            | Self::Request { path, .. }
            | Self::Expectation { path, .. }
            | Self::Before { path, .. }
            | Self::Pattern { path, .. }
            | Self::Word { path, .. }
            | Self::Vendor { path, .. } => path,
        }
    }
}

/// The fixture of one `.http` file and the `.json` beside it.
pub fn load(path: &Path) -> Result<Fixture, FixtureError> {
    let io = |path: &Path, source| FixtureError::Io { path: path.to_owned(), source };
    let recorded = fs::read(path).map_err(|source| io(path, source))?;
    let beside = path.with_extension("json");
    let expected = match fs::read(&beside) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(io(&beside, error)),
    };
    parse(path, &recorded.into(), expected.as_deref())
}

/// The fixture of a recorded request and the text of its expectation; `path` names it.
pub fn parse(
    path: &Path,
    recorded: &Bytes,
    expected: Option<&[u8]>,
) -> Result<Fixture, FixtureError> {
    let request = Request::parse(recorded)
        .map_err(|mistake| FixtureError::Request { path: path.to_owned(), mistake })?;
    let expected = expected.map(|text| text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text));
    let expectation: Option<Expectation> =
        expected.map(serde_json::from_slice).transpose().map_err(|reason| {
            FixtureError::Expectation { path: path.with_extension("json"), reason }
        })?;
    let named = expectation.as_ref().and_then(|expectation| expectation.vendor.clone());
    let code = named.unwrap_or_else(|| folder(path));
    let Some(vendor) = vendor::find(&code) else {
        return Err(FixtureError::Vendor { path: path.to_owned(), vendor: code });
    };
    if expectation.as_ref().is_some_and(|expectation| expectation.template == Some(true)) {
        let behind = expected.map(|text| (path.with_extension("json"), text));
        for (path, bytes) in [(path.to_owned(), &recorded[..])].into_iter().chain(behind) {
            if let Some(word) = template::unknown_words(bytes).into_iter().next() {
                return Err(FixtureError::Word { path, word });
            }
        }
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Fixture { path: path.to_owned(), name, vendor: vendor.code(), request, expectation })
}

/// The name of the folder that a file stands in.
fn folder(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    folder.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "POST /in/wavecell HTTP/1.1\n\n{}";

    fn reason(path: &str, request: &'static str, json: Option<&str>) -> String {
        let parsed = parse(Path::new(path), &request.into(), json.map(str::as_bytes));
        parsed.map_or_else(|error| error.to_string(), |fixture| fixture.vendor.to_owned())
    }

    #[test]
    fn the_vendor_is_the_one_that_is_named_or_else_the_folders() {
        assert_eq!(reason("fixtures/wavecell/a.http", REQUEST, None), "wavecell");
        assert_eq!(reason("flat/a.http", REQUEST, Some(r#"{"vendor":"wachat"}"#)), "wachat");
        assert!(reason("flat/a.http", REQUEST, Some("{}")).contains("no vendor is called `flat`"));
    }

    #[test]
    fn what_is_wrong_is_said_with_the_file_and_the_word() {
        let path = "wavecell/a.http";
        let unknown = reason(path, REQUEST, Some(r#"{"evnts":[]}"#));
        assert!(unknown.contains("wavecell/a.json") && unknown.contains("`evnts`"), "{unknown}");
        let basis = reason(path, REQUEST, Some(r#"{"basis":"guessed"}"#));
        assert!(basis.contains("`guessed`") && basis.contains("`documented`"), "{basis}");
        assert_eq!(reason(path, REQUEST, Some(r#"{"basis":"seen"}"#)), "wavecell");
        let broken = reason(path, "POST /in/wavecell HTTP/1.1", None);
        assert!(broken.contains("wavecell/a.http: no empty line"), "{broken}");
        let shape = reason(path, REQUEST, Some(r#"{"events":{}}"#));
        assert!(shape.contains("expected a sequence"), "{shape}");
    }

    #[test]
    fn the_schema_for_editors_has_the_same_words() {
        let error = serde_json::from_str::<Expectation>(r#"{"no-such-word":0}"#).unwrap_err();
        let error = error.to_string();
        let known = error.split_once("expected one of").unwrap().1;
        let mut known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
        let schema = include_str!("../../fixtures/fixture.schema.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let mut words: Vec<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        known.sort_unstable();
        words.sort_unstable();
        assert_eq!(known, words);
    }
}
