//! A recorded request: the head in lines that an editor can change, the body byte for byte.

use bytes::Bytes;

/// A request as a `.http` file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `POST` or `GET`, say.
    pub method: String,
    /// Path and query as they stand in the request line.
    pub target: String,
    /// In the file's order, names as written; without `Content-Length`, which is the body's own.
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
    #[error("line 1 is not a request line such as `POST /in/wavecell HTTP/1.1`")]
    RequestLine,
    /// A line of the head is not a header.
    #[error("line {0} is not a header such as `Content-Type: application/json`")]
    Header(usize),
}

impl Request {
    /// Reads a `.http` file: request line, headers, an empty line, the body. The head's lines end in LF or CRLF.
    pub fn parse(file: &Bytes) -> Result<Self, Mistake> {
        let (first, mut place) = line(file, 0).ok_or(Mistake::NoEnd)?;
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
            if !name.eq_ignore_ascii_case("content-length") {
                headers.push((name.to_owned(), value.trim().to_owned()));
            }
        }
        Ok(Self { method, target, headers, body: file.slice(place..) })
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
