//! What is known of the sources that are captured from: how they read, and credentials for their fixtures that are nobody's.

use std::collections::BTreeMap;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::cli::asking::Asking;
use crate::clock::Time;
use crate::config::{Config, Environment};
use crate::domain::source::{Scheme, SignedPart, Source};
use crate::replay::client::segment;
use crate::replay::golden::Reader;
use crate::replay::request::Request;
use crate::replay::shape::Chance;

/// Settings that say nothing of how a callback is read, and may say something of those who run the server.
const NOT_READING: [&str; 7] =
    ["answer", "answers", "rate", "expect", "stuck", "unauthentic_answer", "unauthentic_keep"];

/// A source of the server's.
#[derive(Debug)]
pub(super) struct Origin {
    source: Source,
    written: Map<String, Value>,
    /// The headers that its credentials come in, in small letters.
    credentials: Vec<String>,
}

impl Origin {
    /// The vendor's code.
    pub(super) fn vendor(&self) -> &'static str {
        self.source.vendor
    }

    /// Its section, with credentials that are nobody's.
    pub(super) fn source(&self) -> &Map<String, Value> {
        &self.written
    }

    /// Takes the credentials off a request: a fixture's are made when it is sent.
    pub(super) fn without_credentials(&self, request: &mut Request) {
        request.headers.retain(|(name, _)| !self.credentials.contains(&name.to_ascii_lowercase()));
    }

    /// Sees to it that the headers are there which a signature covers.
    pub(super) fn complete(&self, request: &mut Request) {
        for scheme in &self.source.auth {
            let Scheme::Hmac(scheme) = scheme else { continue };
            for part in &scheme.parts {
                let SignedPart::Header(name) = part else { continue };
                if !request.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                    request.headers.push((name.clone(), "fixture".to_owned()));
                }
            }
        }
    }

    /// Reads as it does what was received then.
    pub(super) fn reader(&self, received_at: Time) -> Reader {
        Reader {
            source: self.source.name.clone(),
            vendor: self.source.vendor,
            settings: self.source.reading.clone(),
            received_at,
        }
    }
}

/// The sources with these names; all of them if there are none.
pub(super) async fn origins(
    asking: &Asking,
    names: &[String],
    seed: [u8; 16],
) -> anyhow::Result<BTreeMap<String, Origin>> {
    let mut found = Vec::new();
    if names.is_empty() {
        let list = asking.get("/v1/sources").await?;
        found.extend(list.get("data").and_then(Value::as_array).into_iter().flatten().cloned());
    }
    for name in names {
        found.push(asking.get(&format!("/v1/sources/{}", segment(name))).await?);
    }
    found.iter().map(|shown| origin(shown, seed)).collect()
}

fn origin(shown: &Value, seed: [u8; 16]) -> anyhow::Result<(String, Origin)> {
    let text = |name: &str| shown.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = text("name");
    let mut written = shown.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
    written.retain(|key, _| !NOT_READING.contains(&key.as_str()));
    let schemes = written.remove("auth").and_then(|auth| auth.as_array().cloned());
    let schemes: Vec<Value> = schemes
        .unwrap_or_default()
        .into_iter()
        .filter_map(|scheme| replaced(scheme, seed))
        .collect();
    if !schemes.is_empty() {
        written.insert("auth".to_owned(), schemes.into());
    }
    let mut section = written.clone();
    section.entry("auth").or_insert_with(|| json!([{ "type": "none" }]));
    section.insert("vendor".to_owned(), text("vendor").into());
    let document = json!({
        "server": { "public_url": "https://callbox.example" },
        "sources": { name.as_str(): section },
    });
    let config = toml::to_string(&document)
        .map_err(anyhow::Error::from)
        .and_then(|toml| Ok(Config::parse(&toml, "the server's source", &Environment::default())?));
    let config = config.with_context(|| format!("the source `{name}` can't be set up again"))?;
    let source = config.sources.into_iter().next().context("the server told of no source")?;
    let credentials = source.auth.iter().flat_map(headers_of).collect();
    Ok((name, Origin { source, written, credentials }))
}

/// The headers in which a request shows what the scheme asks for.
fn headers_of(scheme: &Scheme) -> Vec<String> {
    match scheme {
        Scheme::None | Scheme::AllowIps { .. } | Scheme::Token { header: None, .. } => Vec::new(),
        Scheme::Token { header: Some(name), .. } | Scheme::Header { name, .. } => {
            vec![name.to_ascii_lowercase()]
        }
        Scheme::Basic { .. } | Scheme::Bearer { .. } | Scheme::Jwt { .. } => {
            vec!["authorization".to_owned()]
        }
        Scheme::Hmac(scheme) => {
            let names = [Some(&scheme.header), scheme.timestamp_header.as_ref()];
            names.into_iter().flatten().map(|name| name.to_ascii_lowercase()).collect()
        }
        Scheme::StandardWebhooks { .. } => {
            ["id", "timestamp", "signature"].map(|part| format!("webhook-{part}")).to_vec()
        }
    }
}

/// The scheme with a secret that is nobody's; nothing for one that a fixture can't satisfy, or need not.
fn replaced(scheme: Value, seed: [u8; 16]) -> Option<Value> {
    let Value::Object(mut scheme) = scheme else { return None };
    let kind = scheme.get("type")?.as_str()?.to_owned();
    let mut chance = Chance::new(&seed, &format!("secret {kind}"));
    let bytes: Vec<u8> = (0..24).map(|_| chance.byte()).collect();
    let secret = match kind.as_str() {
        "none" | "allow_ips" => return None,
        "basic" => format!("fixture:{}", hex::encode(&bytes)),
        "standard_webhooks" => format!("whsec_{}", STANDARD.encode(&bytes)),
        _ => hex::encode(&bytes),
    };
    scheme.insert("secrets".to_owned(), json!([secret]));
    Some(Value::Object(scheme))
}
