//! A small HTTP server that stands in for a destination: it answers as it is told and remembers what it got.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Time;
use crate::domain::callback::{Callback, Head};
use crate::domain::id::CallbackId;
use crate::domain::secret::Secret;
use crate::domain::source::Scheme;
use crate::vendor::authenticity;

/// The secret that deliveries to a sink are signed with, known to everybody: the base64 of "callbox-sink-not-a-secret".
pub const SECRET: &str = "whsec_Y2FsbGJveC1zaW5rLW5vdC1hLXNlY3JldA==";

/// The longest head that is read, in bytes.
const HEAD_MAX: u64 = 64 * 1024;

/// The longest body that is read, in bytes.
const BODY_MAX: usize = 64 * 1024 * 1024;

/// One request as a destination got it.
#[derive(Clone, Debug)]
pub struct Received {
    /// Method, path, query, and the headers, sorted, their names in small letters.
    pub head: Head,
    /// The body, byte for byte.
    pub body: Bytes,
    /// The status that it was answered.
    pub answered: u16,
}

impl Received {
    /// The body as JSON, if it is.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(&name.to_ascii_lowercase())
    }

    /// Whether one of these secrets signs it by Standard Webhooks, at the time it says itself.
    #[must_use]
    pub fn is_signed_with(&self, secrets: &[Secret]) -> bool {
        let Ok(source) = "sink".parse() else { return false };
        let said = self.header("webhook-timestamp").and_then(|text| text.parse::<i64>().ok());
        let at = Time::from_millis(said.unwrap_or_default().saturating_mul(1_000));
        let callback = Callback {
            id: CallbackId::from_bits(0),
            source,
            received_at: at,
            head: self.head.clone(),
            body: self.body.clone(),
        };
        let scheme = Scheme::StandardWebhooks { secrets: secrets.to_vec() };
        authenticity::check(&[scheme], &callback, "").is_ok()
    }

    /// As expectations speak of it: `method`, `path`, `query`, `headers`, `content_type`, `body`, `signed`, `answered`.
    #[must_use]
    pub fn told(&self, secrets: &[Secret]) -> Value {
        let mut told = Map::new();
        let headers = self.head.headers.iter();
        let headers: Map<String, Value> =
            headers.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        told.insert("method".to_owned(), self.head.method.as_str().into());
        told.insert("path".to_owned(), self.head.path.as_str().into());
        told.insert("query".to_owned(), self.head.query.as_str().into());
        if let Some(content_type) = self.header("content-type") {
            told.insert("content_type".to_owned(), content_type.into());
        }
        let text = || String::from_utf8_lossy(&self.body).into_owned().into();
        told.insert("body".to_owned(), self.json().unwrap_or_else(text));
        told.insert("headers".to_owned(), Value::Object(headers));
        told.insert("signed".to_owned(), self.is_signed_with(secrets).into());
        told.insert("answered".to_owned(), self.answered.into());
        Value::Object(told)
    }
}

/// The words that an expectation of a received request may have.
pub const WORDS: [&str; 8] =
    ["method", "path", "query", "headers", "content_type", "body", "signed", "answered"];

/// A destination on a free loopback port.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    state: Arc<State>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct State {
    received: Mutex<Vec<Received>>,
    answers: Mutex<VecDeque<u16>>,
    count: watch::Sender<usize>,
}

impl Sink {
    /// Begins to listen. Everything is answered 204 unless told otherwise.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            received: Mutex::default(),
            answers: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let stop = CancellationToken::new();
        let keeping = Arc::clone(&state);
        let handler: Handler = Arc::new(move |head, body| keeping.keep(head, body));
        tokio::spawn(serve(listener, stop.clone(), handler));
        Ok(Self { address, state, stop })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers the next requests so, one after the other, and those behind them 204 again.
    pub fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        self.state.answers.lock().extend(statuses);
    }

    /// Everything that came until now, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().clone()
    }

    /// Returns once at least so many requests have come.
    pub async fn reaches(&self, count: usize) {
        let mut counted = self.state.count.subscribe();
        // The sender lives as long as `self`.
        let _ = counted.wait_for(|seen| *seen >= count).await;
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl State {
    fn keep(&self, head: Head, body: Bytes) -> u16 {
        let answered = self.answers.lock().pop_front().unwrap_or(204);
        let count = {
            let mut received = self.received.lock();
            received.push(Received { head, body, answered });
            received.len()
        };
        self.count.send_replace(count);
        answered
    }
}

/// What answers a request: it gets head and body and says the status.
pub type Handler = Arc<dyn Fn(Head, Bytes) -> u16 + Send + Sync>;

/// Takes connections until `stop`, one request each.
pub async fn serve(listener: TcpListener, stop: CancellationToken, handler: Handler) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, peer)) = accepted else { continue };
        let (handler, stop) = (Arc::clone(&handler), stop.clone());
        tokio::spawn(async move {
            // A connection that breaks is the sender's trouble: it tries again.
            let _ = stop.run_until_cancelled(converse(stream, peer, handler)).await;
        });
    }
}

/// One request, one answer.
async fn converse(stream: TcpStream, peer: SocketAddr, handler: Handler) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let status = match read(&mut stream, peer).await? {
        Some((head, body)) => handler(head, body),
        None => 400,
    };
    let length = if status == 204 { "" } else { "Content-Length: 0\r\n" };
    let answer = format!("HTTP/1.1 {status} -\r\n{length}Connection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// Reads one HTTP/1.1 request whose body has a length; nothing if it is another one.
async fn read(
    stream: &mut BufReader<TcpStream>,
    peer: SocketAddr,
) -> std::io::Result<Option<(Head, Bytes)>> {
    let mut lines = stream.take(HEAD_MAX).lines();
    let request_line = lines.next_line().await?.unwrap_or_default();
    let mut words = request_line.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = Vec::new();
    while let Some(line) = lines.next_line().await?.filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else { return Ok(None) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let head = Head {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        token: None,
        remote: Some(peer.ip()),
    };
    let length = head.header("content-length").and_then(|length| length.parse::<usize>().ok());
    let Some(length) = length.filter(|length| *length <= BODY_MAX) else { return Ok(None) };
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some((head, body.into())))
}
