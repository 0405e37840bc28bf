//! A request's head as the rest of callbox knows it: headers sorted, the token cut out, the sender's address found.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::HttpRequest;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;

use crate::domain::callback::Head;
use crate::domain::secret::Secret;
use crate::domain::source::{Scheme, Source};

/// The head of a push to `source`, as it is authenticated and kept.
pub(super) fn read(request: &HttpRequest, source: &Source, trusted: &[IpNet]) -> Head {
    let headers = headers(request);
    let mut path = request.path().to_owned();
    let mut query = request.query_string().to_owned();
    let token = cut_token(source, &headers, &mut path, &mut query);
    let remote = sender(request, trusted);
    Head { method: request.method().as_str().to_owned(), path, query, headers, token, remote }
}

/// Sorted by name; the values of one name in the order of arrival, which is all the order there is.
fn headers(request: &HttpRequest) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
        .collect();
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    headers
}

/// UTF-8 where it is, else Latin-1, in which every byte means something.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}

/// Cuts the token out of path or query, if the source authenticates by one: `?token=` first, else the segment behind the name.
fn cut_token(
    source: &Source,
    headers: &[(String, String)],
    path: &mut String,
    query: &mut String,
) -> Option<Secret> {
    let (secrets, header) = source.auth.iter().find_map(|scheme| match scheme {
        Scheme::Token { secrets, header } => Some((secrets, header)),
        Scheme::None
        | Scheme::Header { .. }
        | Scheme::Basic { .. }
        | Scheme::Bearer { .. }
        | Scheme::Hmac(_)
        | Scheme::StandardWebhooks { .. }
        | Scheme::Jwt { .. }
        | Scheme::AllowIps { .. } => None,
    })?;
    let from_query = token_of_query(path, query);
    let in_header =
        header.as_ref().is_some_and(|name| headers.iter().any(|(known, _)| known == name));
    let base = format!("/in/{}", source.name);
    let below = path
        .strip_prefix(&base)
        .and_then(|below| below.strip_prefix('/'))
        .unwrap_or_default()
        .to_owned();
    let (segment, rest) = below
        .split_once('/')
        .map_or((below.as_str(), None), |(segment, rest)| (segment, Some(rest)));
    let decoded = percent_decode_str(segment).decode_utf8_lossy().into_owned();
    // A segment that is a valid token never stays in the path, even if the token came in another place as well.
    let known = secrets.iter().any(|secret| secret.matches(decoded.as_bytes()));
    if known || (from_query.is_none() && !in_header && !segment.is_empty()) {
        *path = rest.map_or(base.clone(), |rest| format!("{base}/{rest}"));
        return from_query.or(Some(Secret::new(decoded)));
    }
    from_query
}

/// Cuts every `token=…` out of the query; the first one counts. Its value ends at the first `/`: some vendors append the event's
/// name to the whole URL, and what they append is put where it belongs, behind the path.
fn token_of_query(path: &mut String, query: &mut String) -> Option<Secret> {
    let mut token = None;
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some(value) = pair.strip_prefix("token=") else {
            kept.push(pair);
            continue;
        };
        if token.is_some() {
            continue; // whatever it is, it may be a secret
        }
        let (value, appended) = value.split_once('/').unwrap_or((value, ""));
        token = Some(Secret::new(percent_decode_str(value).decode_utf8_lossy().into_owned()));
        if !appended.is_empty() {
            path.push('/');
            path.push_str(appended);
        }
    }
    if token.is_some() {
        *query = kept.join("&");
    }
    token
}

/// Who sent it: the peer; behind trusted proxies, the last forwarded address that is not one of them.
pub(super) fn sender(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted =
        |address: &IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    if !peer.is_some_and(|peer| is_trusted(&peer)) {
        return peer;
    }
    let forwarded: Vec<String> =
        request.headers().get_all("x-forwarded-for").map(|value| text(value.as_bytes())).collect();
    let mut nearest = peer;
    let hops = forwarded.iter().flat_map(|value| value.split(',')).map(str::trim);
    for hop in hops.rev().filter(|hop| !hop.is_empty()) {
        let Some(address) = forwarded_address(hop) else { break };
        nearest = Some(address.to_canonical());
        if !is_trusted(&address) {
            break;
        }
    }
    nearest
}

/// An address as proxies write it: bare, or with the port it came from; of IPv6 also in brackets alone.
fn forwarded_address(hop: &str) -> Option<IpAddr> {
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    hop.parse().ok().or_else(with_port).or_else(|| bracketed().map(IpAddr::V6))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::domain::source::{Answer, Quota, ReadSettings};

    fn source(auth: Vec<Scheme>) -> Source {
        Source {
            name: "shop".parse().unwrap(),
            vendor: "wessaal",
            auth,
            max_body: 1,
            rate: None,
            reading: ReadSettings {
                timezone: jiff::tz::TimeZone::UTC,
                decode_escapes: false,
                mapping: None,
            },
            answer: Answer::default(),
            answers: std::collections::BTreeMap::new(),
            unauthentic_answer: 401,
            unauthentic_keep: Quota::default(),
            written: serde_json::Map::new(),
            expect: None,
            stuck: None,
        }
    }

    fn by_token(header: Option<&str>) -> Source {
        let secrets = vec![Secret::new("s3cret".to_owned())];
        source(vec![Scheme::Token { secrets, header: header.map(str::to_owned) }])
    }

    #[test]
    fn the_token_is_cut_out_wherever_it_stands() {
        let table = [
            ("/in/shop/s3cret", "/in/shop", "", Some("s3cret")),
            ("/in/shop/s3cret/messages-upsert", "/in/shop/messages-upsert", "", Some("s3cret")),
            ("/in/shop/wrong/x?a=1", "/in/shop/x", "a=1", Some("wrong")),
            ("/in/shop?token=s3cret&a=1", "/in/shop", "a=1", Some("s3cret")),
            (
                "/in/shop?a=1&token=s3cret/messages-upsert",
                "/in/shop/messages-upsert",
                "a=1",
                Some("s3cret"),
            ),
            (
                "/in/shop/messages-upsert?token=s3cret",
                "/in/shop/messages-upsert",
                "",
                Some("s3cret"),
            ),
            ("/in/shop?token=s3cret&a=1&token=s3cret", "/in/shop", "a=1", Some("s3cret")),
            ("/in/shop?token=wrong&token=s3cret/x", "/in/shop", "", Some("wrong")),
            ("/in/shop/s3%63ret", "/in/shop", "", Some("s3cret")),
            ("/in/shop", "/in/shop", "", None),
        ];
        for (uri, path, query, token) in table {
            let head = read(&TestRequest::with_uri(uri).to_http_request(), &by_token(None), &[]);
            assert_eq!((head.path.as_str(), head.query.as_str()), (path, query), "{uri}");
            assert_eq!(head.token.as_ref().map(Secret::expose), token, "{uri}");
        }
    }

    #[test]
    fn a_header_may_carry_the_token_and_a_valid_one_never_stays_in_the_path() {
        let source = by_token(Some("x-token"));
        let request = TestRequest::with_uri("/in/shop/s3cret/x")
            .insert_header(("X-Token", "s3cret"))
            .to_http_request();
        let head = read(&request, &source, &[]);
        assert_eq!((head.path.as_str(), head.header("x-token")), ("/in/shop/x", Some("s3cret")));
        let request = TestRequest::with_uri("/in/shop/event")
            .insert_header(("X-Token", "s3cret"))
            .to_http_request();
        assert_eq!(read(&request, &source, &[]).path, "/in/shop/event");
    }

    #[test]
    fn without_token_authentication_nothing_is_cut() {
        let request = TestRequest::with_uri("/in/shop/a/b?token=x").to_http_request();
        let head = read(&request, &source(vec![Scheme::None]), &[]);
        assert_eq!((head.path.as_str(), head.query.as_str()), ("/in/shop/a/b", "token=x"));
        assert!(head.token.is_none());
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let source = source(vec![Scheme::None]);
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let table = [
            ("203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
            ("203.0.113.9:4711, 10.0.0.2:80", "203.0.113.9"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[203.0.113.9]", "10.0.0.1"),
            ("198.51.100.7, 203.0.113.9, ,", "203.0.113.9"),
            ("203.0.113.9, 10.0.0.256", "10.0.0.1"),
            ("203.0.113.9, unknown", "10.0.0.1"),
            ("", "10.0.0.1"),
        ];
        for (forwarded, remote) in table {
            let request = TestRequest::with_uri("/in/shop")
                .peer_addr("10.0.0.1:5000".parse().unwrap())
                .insert_header(("X-Forwarded-For", forwarded))
                .to_http_request();
            let found = |trusted: &[IpNet]| read(&request, &source, trusted).remote.unwrap();
            assert_eq!(found(&trusted), remote.parse::<IpAddr>().unwrap(), "{forwarded}");
            assert_eq!(found(&[]), "10.0.0.1".parse::<IpAddr>().unwrap(), "{forwarded}");
        }
    }
}
