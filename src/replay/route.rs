//! How a fixture reaches its source: under which name, and with whose credentials.

use serde_json::Value;

use super::fixture::Fixture;
use super::request::Request;
use crate::clock::Time;
use crate::domain::callback::Head;
use crate::domain::source::Source;
use crate::vendor::authenticity;

/// What is known of the sources of the server that fixtures are sent to.
#[derive(Clone, Debug)]
pub enum Routes {
    /// Nothing: each fixture is sent as it is recorded.
    AsRecorded,
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
            Self::AsRecorded => Ok(fixture.request.as_recorded(fixture.vendor)),
            Self::Configured { sources, called } => {
                let source = choose(sources, fixture)?;
                fits(source, fixture)?;
                sign(source, &fixture.request.addressed_to(source.name.as_str()), called, now)
            }
        }
    }
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
            "timezone" => value.as_str() != source.reading.timezone.iana_name(),
            "decode_escapes" => **value != Value::Bool(source.reading.decode_escapes),
            _ => true,
        })
        .map(|(key, _)| key.as_str())
        .collect();
    if other.is_empty() {
        return Ok(());
    }
    let (name, keys) = (&source.name, other.join("`, `"));
    Err(format!("it needs a source with its own `{keys}`, and `{name}` is configured otherwise"))
}
