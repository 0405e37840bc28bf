//! A recorded request: the head in lines that an editor can change, the body byte for byte.

use std::fmt::Write;

use bytes::Bytes;

/// Headers that belong to one connection; whoever sends the request writes its own.
pub const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "connection"];

/// A request as a `.http` file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `POST` or `GET`, say.
    pub method: String,
    /// Path and query as they stand in the request line.
    pub target: String,
    /// In the file's order, names as written; without those that say how the body was framed on its old connection.
    pub headers: Vec<(String, String)>,
    /// Everything behind the empty line.
    pub body: Bytes,
}

/// What is wrong with a `.http` file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// The head never ends.
    #[error("no empty line behind the headers, so it can't be told where the body begins")]
    NoEnd,
    /// The first line is not a request line.
    #[error("line 1 is not a request line such as `POST /in/SOURCE HTTP/1.1`")]
    RequestLine,
    /// A line of the head is not a header.
    #[error("line {0} is not a header such as `Content-Type: application/json`")]
    Header(usize),
}

impl Request {
    /// Reads a `.http` file: request line, headers, an empty line, the body. The head's lines end in LF or CRLF.
    pub fn parse(file: &Bytes) -> Result<Self, Mistake> {
        let mark = if file.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let (first, mut place) = line(file, mark).ok_or(Mistake::NoEnd)?;
        let (method, target) = request_line(&first).ok_or(Mistake::RequestLine)?;
        let mut headers = Vec::new();
        for number in 2.. {
            let (text, next) = line(file, place).ok_or(Mistake::NoEnd)?;
            place = next;
            if text.is_empty() {
                break;
            }
            let (name, value) = text.split_once(':').ok_or(Mistake::Header(number))?;
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(Mistake::Header(number));
            }
            if !FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
                headers.push((name.to_owned(), value.trim().to_owned()));
            }
        }
        Ok(Self { method, target, headers, body: file.slice(place..) })
    }

    /// The request as a `.http` file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = format!("{} {} HTTP/1.1\n", self.method, self.target);
        for (name, value) in &self.headers {
            let value: String =
                value.chars().filter(|letter| !matches!(letter, '\r' | '\n')).collect();
            let _ = writeln!(file, "{name}: {value}");
        }
        file.push('\n');
        let mut file = file.into_bytes();
        file.extend_from_slice(&self.body);
        file
    }

    /// The name of the source that the target is addressed to: the segment behind `/in/`.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        let behind = self.path().strip_prefix("/in/")?;
        behind.split('/').next().filter(|name| !name.is_empty())
    }

    /// The request as it is, to the source that it names; if it names none, to the one of its vendor's name.
    #[must_use]
    pub fn as_recorded(&self, vendor: &str) -> Self {
        if self.source().is_some() { self.clone() } else { self.addressed_to(vendor) }
    }

    /// The same request to the source `name`; what stands behind the old one's name, a token say, stays.
    #[must_use]
    pub fn addressed_to(&self, name: &str) -> Self {
        let prefix = self.source().map(|old| format!("/in/{old}")).unwrap_or_default();
        let rest = self.target.strip_prefix(prefix.as_str()).unwrap_or_default();
        let rest = if rest == "/" { "" } else { rest };
        Self { target: format!("/in/{name}{rest}"), ..self.clone() }
    }

    /// The path of the target, percent-encoding and all.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query of the target, without its question mark; empty if there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

/// What some editors put before the first letter of a file.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The line at `place`, without its end, and where the next one begins; nothing if no line ends behind `place`.
fn line(file: &Bytes, place: usize) -> Option<(String, usize)> {
    let rest = file.get(place..)?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = rest.get(..end)?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Some((text(line), place + end + 1))
}

/// The bytes as text: UTF-8, or else Latin-1, as the server reads headers.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}

fn request_line(line: &str) -> Option<(String, String)> {
    let mut words = line.split_ascii_whitespace();
    let (method, target, version) = (words.next()?, words.next()?, words.next());
    let method_fits = method.bytes().all(|byte| byte.is_ascii_uppercase());
    let version_fits = version.is_none_or(|version| version.starts_with("HTTP/"));
    let fits = method_fits && target.starts_with('/') && version_fits && words.next().is_none();
    fits.then(|| (method.to_owned(), target.to_owned()))
}

/// Whether the byte may stand in a header's name (RFC 9110, `token`).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(file: &'static [u8]) -> Result<Request, Mistake> {
        Request::parse(&Bytes::from_static(file))
    }

    #[test]
    fn the_head_may_end_its_lines_either_way_and_the_body_is_taken_byte_for_byte() {
        let lf =
            parse(b"POST /in/a?b=c HTTP/1.1\nX-One: 1\nx-one:2\nContent-Length: 99\n\n\r\n\xff\n");
        let crlf = parse(b"\xef\xbb\xbfPOST /in/a?b=c\r\nX-One:  1 \r\nx-one: 2\r\n\r\n\r\n\xff\n");
        let expected = Request {
            method: "POST".to_owned(),
            target: "/in/a?b=c".to_owned(),
            headers: vec![("X-One".into(), "1".into()), ("x-one".into(), "2".into())],
            body: Bytes::from_static(b"\r\n\xff\n"),
        };
        assert_eq!(lf.as_ref(), Ok(&expected));
        assert_eq!(crlf.as_ref(), Ok(&expected));
        assert_eq!((expected.path(), expected.query()), ("/in/a", "b=c"));
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_line() {
        let cases: [(&[u8], Mistake); 8] = [
            (b"", Mistake::NoEnd),
            (b"POST /in/a HTTP/1.1\nA: b\n", Mistake::NoEnd),
            (b"{}\n\n", Mistake::RequestLine),
            (b"post /in/a HTTP/1.1\n\n", Mistake::RequestLine),
            (b"POST in/a HTTP/1.1\n\n", Mistake::RequestLine),
            (b"POST /in/a b HTTP/1.1\n\n", Mistake::RequestLine),
            (b"POST /in/a HTTP/1.1\nA: b\n{\"a\": 1}\n\n", Mistake::Header(3)),
            (b"POST /in/a HTTP/1.1\nA b: c\n\n", Mistake::Header(2)),
        ];
        for (file, mistake) in cases {
            assert_eq!(parse(file), Err(mistake), "{}", String::from_utf8_lossy(file));
        }
    }

    #[test]
    fn a_request_can_be_sent_to_another_source() {
        let cases = [
            ("/in/a", "/in/b"),
            ("/in/a/", "/in/b"),
            ("/in/a/token?x=1", "/in/b/token?x=1"),
            ("/in/a?x=/in/a", "/in/b?x=/in/a"),
            ("/", "/in/b"),
            ("/hook?x=1", "/in/b/hook?x=1"),
        ];
        for (target, expected) in cases {
            let request = Request {
                method: "POST".to_owned(),
                target: target.to_owned(),
                headers: Vec::new(),
                body: Bytes::new(),
            };
            assert_eq!(request.addressed_to("b").target, expected, "{target}");
        }
    }
}
