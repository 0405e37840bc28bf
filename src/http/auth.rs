//! Who may ask: a bearer key with its scopes; on a loopback listener that is configured so, this machine's own users without one.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::head;
use super::problem::{Code, Problem};
use super::room::Room;
use crate::config::Scope;
use crate::domain::name::Name;
use crate::domain::reach::Reach;

/// Somebody who asks, and what they may.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The name of their key; none where this machine's own users need none.
    pub(super) name: Option<Name>,
    scopes: Vec<Scope>,
    /// Whose things they may see.
    pub(super) reach: Reach,
}

impl Caller {
    /// Whether they may do what `scope` opens, and why not.
    pub(super) fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.has(scope) {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, format!("the key lacks the scope `{}`", scope.as_str())))
    }

    /// Whether they may do what `scope` opens, where less is shown to those who may not.
    pub(super) fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// Whoever the operation has admitted; nobody, where it asks for no key.
impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let admitted = request.extensions().get::<Self>().cloned();
        ready(admitted.ok_or_else(|| Problem::new(Code::Unauthorized, SEND_A_KEY)))
    }
}

const SEND_A_KEY: &str =
    "send `Authorization: Bearer KEY` with a key of this callbox's configuration";

/// Who sent the request.
pub(super) fn caller(room: &Room, request: &HttpRequest) -> Result<Caller, Problem> {
    if let Some(key) = bearer(request.headers()) {
        return by_key(room, request, key);
    }
    if room.config.api.anonymous && is_local(request.headers()) {
        let scopes = vec![Scope::Read, Scope::Raw, Scope::Operate];
        return Ok(Caller { name: None, scopes, reach: Reach::EVERYTHING });
    }
    Err(Problem::new(Code::Unauthorized, SEND_A_KEY))
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(key)
}

/// Every key is compared, whatever matched before, and every wrong one looks alike. An address that sent too many wrong ones is
/// not looked at for a while, so that guessing gets it nowhere.
fn by_key(room: &Room, request: &HttpRequest, key: &[u8]) -> Result<Caller, Problem> {
    let address = head::sender(request, &room.config.server.trusted_proxies);
    if let Some(wait) = room.wrong_keys.wait(address, room.clock.elapsed()) {
        let detail =
            "too many wrong keys came from this address; wait as long as `Retry-After` says";
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        return Err(Problem::new(Code::TooManyFailures, detail).with(header::RETRY_AFTER, seconds));
    }
    let digest = Sha256::digest(key);
    let mut found = None;
    for (name, known) in &room.config.api.keys {
        if bool::from(known.sha256.ct_eq(digest.as_slice())) {
            found = Some((name, known));
        }
    }
    let now = room.clock.now();
    let valid = found.filter(|(_, known)| known.expires.is_none_or(|expires| now < expires));
    let Some((name, known)) = valid else {
        room.wrong_keys.note(address, room.clock.elapsed());
        return Err(Problem::new(Code::Unauthorized, "the key is not known, or no longer valid"));
    };
    room.key_uses.note(name, now);
    Ok(Caller {
        name: Some(name.clone()),
        scopes: known.scopes.clone(),
        reach: known.reach.clone(),
    })
}

/// Whether the request is from this machine's own user: by its name for us, and not sent by a page of somebody else's.
fn is_local(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let Some(host) = text("host") else { return false };
    let own_origin =
        |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| authority == host);
    is_loopback_name(host)
        && text("origin").is_none_or(own_origin)
        && text("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
}

/// `localhost`, `127.x` or `[::1]`, with or without a port.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') =>
        {
            name
        }
        _ => host,
    };
    let is_loopback_v4 =
        name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    name.eq_ignore_ascii_case("localhost") || name == "[::1]" || is_loopback_v4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in [
            "localhost",
            "localhost:8081",
            "LocalHost:1",
            "127.0.0.1:8081",
            "127.9.9.9",
            "[::1]",
            "[::1]:8081",
        ] {
            assert!(is_loopback_name(host), "{host}");
        }
        for host in [
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com:80",
            "10.0.0.1",
            "[::2]:1",
            "",
            "::1",
        ] {
            assert!(!is_loopback_name(host), "{host}");
        }
    }
}
