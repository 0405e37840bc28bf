//! The text of a destination's URL, read so strictly that no two readers can see two different hosts in it.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

/// Reads a destination's URL, strictly: what other readers might take for another host is refused, not mended.
pub fn check_url(text: &str) -> Result<Url, UrlRefusal> {
    if let Some(odd) = text.chars().find(|letter| !letter.is_ascii_graphic() || *letter == '\\') {
        return Err(UrlRefusal::Character(odd));
    }
    let (scheme, rest) = text.split_once("://").ok_or(UrlRefusal::Scheme)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(UrlRefusal::Scheme);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(UrlRefusal::UserInfo);
    }
    if authority.contains('%') {
        return Err(UrlRefusal::EscapedHost);
    }
    if authority.is_empty() {
        return Err(UrlRefusal::Unreadable(url::ParseError::EmptyHost)); // `http:///a` would be mended to host `a`
    }
    let url = Url::parse(text).map_err(UrlRefusal::Unreadable)?;
    if url.port() == Some(0) { Err(UrlRefusal::PortZero) } else { Ok(url) }
}

/// The address of a URL whose host is one, and not a name: a resolver never sees it.
#[must_use]
pub fn literal_address(url: &Url) -> Option<SocketAddr> {
    let ip = match url.host()? {
        Host::Domain(_) => return None,
        Host::Ipv4(ip) => IpAddr::V4(ip),
        Host::Ipv6(ip) => IpAddr::V6(ip),
    };
    Some(SocketAddr::new(ip, url.port_or_known_default()?))
}

/// Why a text can't be a destination's URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefusal {
    /// Parsers drop or mend such characters, each in its own way, so that two readers see two hosts.
    #[error("a URL holds only visible ASCII characters and no backslash; found {0:?}")]
    Character(char),
    /// Another scheme, or none.
    #[error("a URL of a destination begins with http:// or https://")]
    Scheme,
    /// A user name or password.
    #[error("a URL of a destination holds no user name or password; use `headers` for that")]
    UserInfo,
    /// An escaped host.
    #[error("the host of a URL is written without %")]
    EscapedHost,
    /// Not a URL in some other way.
    #[error("not a URL: {0}")]
    Unreadable(url::ParseError),
    /// Port 0 can't be connected to.
    #[error("port 0 can't be connected to")]
    PortZero,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destination_urls_are_read_strictly() {
        for good in [
            "http://example.com",
            "HTTPS://Example.com:8443/a/b?c=%20d@e",
            "http://127.0.0.1:9000/hook",
            "http://[::1]/",
            "https://example.com/100%25",
        ] {
            assert!(check_url(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "http:127.0.0.1",
            "http:/127.0.0.1",
            "http:///example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "javascript://example.com",
            " http://example.com",
            "http://example.com\r\n",
            "http://exam\tple.com",
            "http://example.com/a b",
            "http://example.com\\@example.org",
            "http://exämple.com",
            "http://example.com/ä",
            "http://user@example.com",
            "http://user:word@example.com",
            "http://@example.com",
            "http://127.0.0%2e1",
            "http://%6c%6f%63alhost",
            "http://example.com:0/",
            "http://example.com:99999/",
            "http://",
            "http://?x",
            "http://[::1",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_spelling_of_an_address_is_seen_as_one() {
        let table = [
            ("http://127.0.0.1/", Some("127.0.0.1:80")),
            ("https://127.1/", Some("127.0.0.1:443")),
            ("http://0x7f000001:9/", Some("127.0.0.1:9")),
            ("http://2130706433/", Some("127.0.0.1:80")),
            ("http://0177.0.0.1/", Some("127.0.0.1:80")),
            ("http://[::ffff:7f00:1]/", Some("[::ffff:127.0.0.1]:80")),
            ("http://localhost/", None),
        ];
        for (url, address) in table {
            let wanted = address.map(|address| address.parse().unwrap());
            assert_eq!(literal_address(&check_url(url).unwrap()), wanted, "{url}");
        }
    }
}
