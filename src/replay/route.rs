//! How a fixture reaches its source: under which name, and with whose credentials.

use serde_json::Value;

use super::fixture::Fixture;
use super::request::Request;
use crate::domain::source::Source;

/// What is known of the sources of the server that fixtures are sent to.
#[derive(Clone, Debug)]
pub enum Routes {
    /// Nothing: each fixture is sent as it is recorded.
    AsRecorded,
    /// These are its sources: each fixture is sent to one of its vendor's, with that one's credentials.
    Configured(Vec<Source>),
}

impl Routes {
    /// The request that brings `fixture` to its source.
    ///
    /// # Errors
    /// Why it has to be skipped: no source fits it.
    pub fn route(&self, fixture: &Fixture) -> Result<Request, String> {
        let recorded = match fixture.request.source() {
            Some(_) => fixture.request.clone(),
            None => fixture.request.addressed_to(fixture.vendor),
        };
        match self {
            Self::AsRecorded => Ok(recorded),
            Self::Configured(sources) => {
                let source = choose(sources, fixture, &recorded)?;
                fits(source, fixture)?;
                Ok(recorded.addressed_to(source.name.as_str()))
            }
        }
    }
}

/// The source of the name that is recorded, or else the first of the same vendor.
fn choose<'a>(
    sources: &'a [Source],
    fixture: &Fixture,
    recorded: &Request,
) -> Result<&'a Source, String> {
    let mut of_vendor = sources.iter().filter(|source| source.vendor == fixture.vendor);
    let named = |source: &&Source| recorded.source() == Some(source.name.as_str());
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
