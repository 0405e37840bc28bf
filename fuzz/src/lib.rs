//! What the targets share: the sources, and a callback made of a recorded request.

use bytes::Bytes;
use callbox::clock::Time;
use callbox::config::{Config, Environment};
use callbox::domain::callback::{Callback, Head};
use callbox::domain::id::CallbackId;
use callbox::domain::source::Source;
use callbox::replay::request::Request;

/// The configuration of the targets.
pub const SOURCES: &str = include_str!("../sources.toml");

/// The configuration, read.
#[must_use]
pub fn config() -> Config {
    Config::parse(SOURCES, "sources.toml", &Environment::default()).expect("it is as it should be")
}

/// The callback that a recorded request would be, if the bytes are one; for every source the same.
#[must_use]
pub fn callback(recorded: &[u8], source: &Source) -> Option<Callback> {
    let request = Request::parse(&Bytes::copy_from_slice(recorded)).ok()?;
    let mut headers = request.headers.clone();
    for (name, _) in &mut headers {
        name.make_ascii_lowercase();
    }
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    Some(Callback {
        id: CallbackId::from_bits(1),
        source: source.name.clone(),
        received_at: Time::from_millis(1_786_526_158_000),
        head: Head {
            method: request.method.clone(),
            path: request.path().to_owned(),
            query: request.query().to_owned(),
            headers,
            token: None,
            remote: None,
        },
        body: request.body,
    })
}
