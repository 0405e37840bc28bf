//! The plainest HTTP client there is: what a test writes is what goes over the wire, and what comes back is kept whole.

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Header lines: names and values.
pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

/// An answer as it came.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of the header `name`, which is in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| unreachable!("{error}: {} {}", self.status, self.text()))
    }

    /// What is answered for a callback: its id.
    #[track_caller]
    pub(crate) fn callback(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["callback"].as_str().unwrap().to_owned()
    }

    /// What is answered for a callback: its events' ids.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<String> {
        let ids = self.json()["events"].as_array().unwrap().clone();
        ids.into_iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// Checks that it is a problem with this status and code, and gives its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> String {
        let body = self.json();
        assert_eq!((self.status, body["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], "about:blank");
        assert!(!body["title"].as_str().unwrap().is_empty());
        body["detail"].as_str().unwrap().to_owned()
    }
}

/// Sends one request on a connection of its own. `Host` is the address, unless the headers say otherwise.
pub(crate) async fn send(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: Headers<'_>,
    body: &[u8],
) -> io::Result<Answer> {
    let mut request = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        write!(request, "host: {to}\r\n").unwrap();
    }
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    if method != "GET" && !headers.iter().any(|(name, _)| *name == "transfer-encoding") {
        write!(request, "content-length: {}\r\n", body.len()).unwrap();
    }
    request.push_str("\r\n");
    let received = receive(to, &[request.as_bytes(), body].concat()).await?;
    // What answers HEAD tells of a body that does not come.
    if method == "HEAD" { Ok(head(&received)?.0) } else { answer(&received) }
}

/// Writes these bytes on a connection of its own, and reads the answer to the connection's end.
pub(crate) async fn exchange(to: SocketAddr, bytes: &[u8]) -> io::Result<Answer> {
    answer(&receive(to, bytes).await?)
}

async fn receive(to: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(to).await?;
    let (mut reading, mut writing) = stream.split();
    let mut received = Vec::new();
    // A server may answer, and close, before it has read everything: then its answer counts.
    let (written, read) =
        tokio::join!(writing.write_all(bytes), reading.read_to_end(&mut received));
    if received.is_empty() {
        written?;
        read?;
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    Ok(received)
}

/// The head of the first answer in these bytes, and what comes behind it.
fn head(bytes: &[u8]) -> io::Result<(Answer, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    Ok((Answer { status, head, body: Vec::new() }, &bytes[end + 4..]))
}

/// The first answer in these bytes, if it is whole.
pub(crate) fn answer(bytes: &[u8]) -> io::Result<Answer> {
    let (mut answer, rest) = head(bytes)?;
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(rest).ok_or(io::ErrorKind::UnexpectedEof)?;
        return Ok(answer);
    }
    let length = answer.header("content-length").map_or(Ok(0), str::parse::<usize>);
    let length = length.map_err(|_| io::ErrorKind::InvalidData)?;
    answer.body = rest.get(..length).ok_or(io::ErrorKind::UnexpectedEof)?.to_vec();
    Ok(answer)
}

/// A body that came in pieces of which each says how long it is.
fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|pair| pair == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).ok()?, 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(end + 2..end + 2 + length)?);
        body = body.get(end + 4 + length..)?;
    }
}
