//! How a fixture reaches its source: under which name, and with whose credentials.

use serde_json::{Value, json};

use super::fixture::Fixture;
use super::request::Request;
use crate::clock::Time;
use crate::config::{Config, Environment};
use crate::domain::callback::Head;
use crate::domain::source::Source;
use crate::vendor::authenticity;

/// What is known of the sources of the server that fixtures are sent to.
#[derive(Clone, Debug)]
pub enum Routes {
    /// Nothing: each fixture is sent as it is recorded, or signed as its own `source` says.
    AsRecorded {
        /// What vendors call the server, up to where the path begins.
        called: String,
    },
    /// It is no callbox: everything goes to this URL, in which `{source}` and `{vendor}` stand for the fixture's.
    Exactly {
        /// The path, and the query if there is one.
        target: String,
    },
    /// Each fixture is sent to one of its vendor's sources, with that one's credentials.
    Configured {
        /// The server's sources.
        sources: Vec<Source>,
        /// What vendors call it, up to where the path begins.
        called: String,
    },
}

impl Routes {
    /// The request that brings `fixture` to its source at the moment `now`.
    ///
    /// # Errors
    /// Why it has to be skipped: no source fits it.
    pub fn route(&self, fixture: &Fixture, now: Time) -> Result<Request, String> {
        match self {
            Self::AsRecorded { called } => {
                let request = fixture.request.as_recorded(fixture.vendor);
                if !signs(fixture) {
                    return Ok(request);
                }
                sign(&own_source(fixture)?, &request, called, now)
            }
            Self::Exactly { target } => {
                let source = fixture.request.source().unwrap_or(fixture.vendor);
                let target = target.replace("{source}", source).replace("{vendor}", fixture.vendor);
                let request = Request { target: target.clone(), ..fixture.request.clone() };
                if !signs(fixture) {
                    return Ok(request);
                }
                let signed = sign(&own_source(fixture)?, &request, "", now)?;
                Ok(Request { target, ..signed })
            }
            Self::Configured { sources, called } => {
                let source = choose(sources, fixture)?;
                fits(source, fixture)?;
                sign(source, &fixture.request.addressed_to(source.name.as_str()), called, now)
            }
        }
    }
}

impl Routes {
    /// The name of the source that a vendor's callbacks go to: this one, else the first of the vendor's, else one of its name.
    ///
    /// # Errors
    /// When there is none.
    pub fn name_of(&self, vendor: &str, name: Option<&str>) -> Result<String, NoSource> {
        match self {
            Self::AsRecorded { .. } | Self::Exactly { .. } => Ok(name.unwrap_or(vendor).to_owned()),
            Self::Configured { sources, .. } => {
                let fits = |source: &&Source| {
                    source.vendor == vendor && name.is_none_or(|name| source.name.as_str() == name)
                };
                let source = sources.iter().find(fits);
                let missing = || NoSource {
                    name: name.map(|name| format!("`{name}` ")).unwrap_or_default(),
                    vendor: vendor.to_owned(),
                };
                source.map(|source| source.name.to_string()).ok_or_else(missing)
            }
        }
    }

    /// The request with the credentials that the source of this name asks for, at the moment `now`.
    ///
    /// # Errors
    /// Why it can't be signed.
    pub fn address(&self, name: &str, request: &Request, now: Time) -> Result<Request, String> {
        let Self::Configured { sources, called } = self else { return Ok(request.clone()) };
        let source = sources.iter().find(|source| source.name.as_str() == name);
        source.map_or_else(|| Ok(request.clone()), |source| sign(source, request, called, now))
    }
}

/// No source of a vendor is configured, or none of that name.
#[derive(Debug, thiserror::Error)]
#[error(
    "no source {name}of the vendor `{vendor}` is configured: name one with --source, or configure it"
)]
pub struct NoSource {
    name: String,
    vendor: String,
}

fn signs(fixture: &Fixture) -> bool {
    fixture.expectation.as_ref().is_some_and(|expectation| expectation.sign)
}

/// What vendors call a server of which nothing is known.
const NOWHERE: &str = "https://callbox.example";

/// The source that a fixture describes itself.
fn own_source(fixture: &Fixture) -> Result<Source, String> {
    let mut settings = serde_json::Map::new();
    settings.extend(fixture.expectation.iter().flat_map(|known| known.source.clone()));
    settings.insert("vendor".to_owned(), fixture.vendor.into());
    // The URL matters to those who sign it, and is given where that is done.
    let document = json!({ "server": { "public_url": NOWHERE }, "sources": { "own": settings } });
    let text = toml::to_string(&document).map_err(|error| error.to_string())?;
    let config = Config::parse(&text, "the fixture's `source`", &Environment::default());
    let sources = config.map_err(|error| error.to_string())?.sources;
    let own = sources.into_iter().next().ok_or("the fixture's `source` is no source")?;
    let name = fixture.request.source().unwrap_or(fixture.vendor).parse();
    Ok(Source { name: name.map_err(|_| "its request names no source".to_owned())?, ..own })
}

/// The request with the credentials that `source` asks for.
fn sign(source: &Source, request: &Request, called: &str, now: Time) -> Result<Request, String> {
    let mut headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect();
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut head = Head {
        method: request.method.clone(),
        path: request.path().to_owned(),
        query: request.query().to_owned(),
        headers,
        token: None,
        remote: None,
    };
    authenticity::sign(&source.auth, &mut head, &request.body, now, called)
        .map_err(|refusal| format!("`{}` can't be signed for: {refusal}", source.name))?;
    let signed = Request { headers: head.headers, ..request.clone() };
    let token = head.token.map(|token| format!("{}/{}", source.name, token.expose()));
    Ok(token.map_or_else(|| signed.clone(), |place| signed.addressed_to(&place)))
}

/// The source of the name that is recorded, or else the first of the same vendor.
fn choose<'a>(sources: &'a [Source], fixture: &Fixture) -> Result<&'a Source, String> {
    let mut of_vendor = sources.iter().filter(|source| source.vendor == fixture.vendor);
    let named = |source: &&Source| fixture.request.source() == Some(source.name.as_str());
    of_vendor
        .clone()
        .find(named)
        .or_else(|| of_vendor.next())
        .ok_or_else(|| format!("no source of the vendor `{}` is configured", fixture.vendor))
}

/// Whether the source is configured as the fixture needs it.
fn fits(source: &Source, fixture: &Fixture) -> Result<(), String> {
    let wanted = fixture.expectation.iter().flat_map(|expectation| &expectation.source);
    let other: Vec<&str> = wanted
        .filter(|(key, value)| match key.as_str() {
            "vendor" => false,
            "auth" => !signs(fixture),
            "timezone" => value.as_str() != source.reading.timezone.iana_name(),
            "decode_escapes" => **value != Value::Bool(source.reading.decode_escapes),
            // Written the same way, so that what was captured from a server fits it.
            key => source.written.get(key) != Some(value),
        })
        .map(|(key, _)| key.as_str())
        .collect();
    if other.is_empty() {
        return Ok(());
    }
    let (name, keys) = (&source.name, other.join("`, `"));
    Err(format!("it needs a source with its own `{keys}`, and `{name}` is configured otherwise"))
}
