//! A fixture: one callback in a file, and beside it what must come of it. `fixtures/README.md` describes the format.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::request::{Mistake, Request};
use crate::vendor;

/// The deepest folder below a given one that is looked into; a link that leads back to its parent ends here.
const DEPTH_MAX: usize = 16;

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
    /// The vendor's code, where the folder is not named after the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// How it is known that the vendor sends such a callback. Nothing is compared with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// How the source has to be configured, in the words of the configuration's `[sources.NAME]`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub source: Map<String, Value>,
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
    pub quarantined: Option<String>,
    /// The state of the message that the first event is about, once everything is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Value>,
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
            | Self::Vendor { path, .. } => path,
        }
    }
}

/// The fixtures' files at `path`: the `.http` file itself, or those of a folder and everything below it, sorted.
pub fn find(path: &Path) -> Result<Vec<PathBuf>, FixtureError> {
    let io = |source| FixtureError::Io { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(io)?.is_dir() {
        let fits = is_fixture(path);
        return fits
            .then(|| vec![path.to_owned()])
            .ok_or(FixtureError::NotAFixture(path.to_owned()));
    }
    let mut files = Vec::new();
    collect(path, 0, &mut files)?;
    files.sort();
    if files.is_empty() { Err(FixtureError::Empty(path.to_owned())) } else { Ok(files) }
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
    let expectation: Option<Expectation> =
        expected.map(serde_json::from_slice).transpose().map_err(|reason| {
            FixtureError::Expectation { path: path.with_extension("json"), reason }
        })?;
    let named = expectation.as_ref().and_then(|expectation| expectation.vendor.clone());
    let code = named.unwrap_or_else(|| folder(path));
    let Some(vendor) = vendor::find(&code) else {
        return Err(FixtureError::Vendor { path: path.to_owned(), vendor: code });
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Fixture { path: path.to_owned(), name, vendor: vendor.code(), request, expectation })
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), FixtureError> {
    let io = |source| FixtureError::Io { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_dir() {
            if depth < DEPTH_MAX {
                collect(&path, depth + 1, files)?;
            }
        } else if is_fixture(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_fixture(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "http")
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
    fn folders_are_searched_below_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(matches!(find(folder.path()), Err(FixtureError::Empty(_))));
        fs::create_dir(path("wavecell")).unwrap();
        for name in ["wavecell/b.http", "wavecell/b.json", "a.http", "README.md"] {
            fs::write(path(name), REQUEST).unwrap();
        }
        assert_eq!(find(folder.path()).unwrap(), [path("a.http"), path("wavecell/b.http")]);
        assert_eq!(find(&path("a.http")).unwrap(), [path("a.http")]);
        assert!(matches!(find(&path("README.md")), Err(FixtureError::NotAFixture(_))));
        assert!(matches!(find(&path("gone")), Err(FixtureError::Io { .. })));
    }
}
