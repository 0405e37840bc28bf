//! Who may ask: a bearer key with its scopes; on a loopback listener that is configured so, this machine's own users without one.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::{Code, Problem};
use super::room::Room;
use crate::config::Scope;

/// Whether the request may do what `scope` opens.
pub(super) fn require(room: &Room, request: &HttpRequest, scope: Scope) -> Result<(), Problem> {
    let scopes = scopes(room, request)?;
    if scopes.contains(&scope) {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, format!("the key lacks the scope `{}`", scope.as_str())))
}

/// Whether the request may do what `scope` opens, where less is shown to those who may not.
pub(super) fn has(room: &Room, request: &HttpRequest, scope: Scope) -> bool {
    scopes(room, request).is_ok_and(|scopes| scopes.contains(&scope))
}

fn scopes(room: &Room, request: &HttpRequest) -> Result<Vec<Scope>, Problem> {
    if let Some(key) = bearer(request.headers()) {
        return scopes_of_key(room, key);
    }
    if room.config.api.anonymous && is_local(request.headers()) {
        return Ok(vec![Scope::Read, Scope::Raw, Scope::Operate]);
    }
    Err(Problem::new(
        Code::Unauthorized,
        "send `Authorization: Bearer KEY` with a key of this callbox's configuration",
    ))
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(key)
}

/// Every key is compared, whatever matched before, and every wrong one looks alike.
fn scopes_of_key(room: &Room, key: &[u8]) -> Result<Vec<Scope>, Problem> {
    let digest = Sha256::digest(key);
    let mut found = None;
    for known in room.config.api.keys.values() {
        if bool::from(known.sha256.ct_eq(digest.as_slice())) {
            found = Some(known);
        }
    }
    let now = room.clock.now();
    let valid = found.filter(|known| known.expires.is_none_or(|expires| now < expires));
    valid
        .map(|known| known.scopes.clone())
        .ok_or_else(|| Problem::new(Code::Unauthorized, "the key is not known, or no longer valid"))
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
