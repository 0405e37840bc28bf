//! The demo's downstream service: a small HTTP server that checks signatures, fails at first, and recovers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::callback::{Callback, Head};
use crate::domain::id::CallbackId;
use crate::domain::name::Name;
use crate::domain::secret::Secret;
use crate::domain::source::Scheme;
use crate::vendor::authenticity;

/// The path that is answered 503 at first; all others are taken at once.
pub(super) const UNSTEADY: &str = "/warehouse";

/// How many events the unsteady path refuses at first. So few that the breaker before it stays closed.
const REFUSED_EVENTS: usize = 4;

/// How often it refuses each of them.
const REFUSALS: u32 = 2;

/// The longest head that is read, in bytes.
const HEAD_MAX: u64 = 64 * 1024;

/// The longest body that is read, in bytes.
const BODY_MAX: usize = 64 * 1024 * 1024;

/// What the sink has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Deliveries it took.
    pub(super) taken: usize,
    /// Attempts it answered 503.
    pub(super) refused: usize,
    /// Attempts whose signature was not right.
    pub(super) forged: usize,
}

/// The demo's downstream service.
#[derive(Debug)]
pub(super) struct Sink {
    secret: Secret,
    source: Name,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tally: Tally,
    /// The attempts on the unsteady path, by `webhook-id`.
    attempts: BTreeMap<String, u32>,
}

impl Sink {
    /// A sink that takes what is signed with `secret`.
    #[must_use]
    pub(super) fn new(secret: Secret, source: Name, clock: Arc<dyn Clock>) -> Self {
        Self { secret, source, clock, state: Mutex::default() }
    }

    /// What it has seen until now.
    #[must_use]
    pub(super) fn tally(&self) -> Tally {
        self.state.lock().tally
    }

    /// Takes connections until `shutdown`.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: CancellationToken) {
        while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
            let Ok((stream, peer)) = accepted else { continue };
            let (sink, shutdown) = (Arc::clone(&self), shutdown.clone());
            tokio::spawn(async move {
                // A connection that breaks is the sender's trouble: it tries again.
                let _ = shutdown.run_until_cancelled(sink.converse(stream, peer)).await;
            });
        }
    }

    /// One request, one answer.
    async fn converse(&self, stream: TcpStream, peer: SocketAddr) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let status = match read(&mut stream, peer).await? {
            Some((head, body)) => self.judge(head, body),
            None => "400 Bad Request",
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }

    /// The status line's words for a delivery.
    fn judge(&self, head: Head, body: Bytes) -> &'static str {
        let id = head.header("webhook-id").unwrap_or_default().to_owned();
        let unsteady = head.path == UNSTEADY;
        let callback = Callback {
            id: CallbackId::from_bits(0),
            source: self.source.clone(),
            received_at: self.clock.now(),
            head,
            body,
        };
        let scheme = Scheme::StandardWebhooks { secrets: vec![self.secret.clone()] };
        let authentic = authenticity::check(&[scheme], &callback, "").is_ok();
        let mut state = self.state.lock();
        if !authentic {
            state.tally.forged += 1;
            return "401 Unauthorized";
        }
        if unsteady && state.refuses(id) {
            state.tally.refused += 1;
            return "503 Service Unavailable";
        }
        state.tally.taken += 1;
        "204 No Content"
    }
}

impl State {
    /// Whether this attempt comes too early.
    fn refuses(&mut self, id: String) -> bool {
        if !self.attempts.contains_key(&id) && self.attempts.len() >= REFUSED_EVENTS {
            return false;
        }
        let attempts = self.attempts.entry(id).or_default();
        *attempts += 1;
        *attempts <= REFUSALS
    }
}

/// Reads one HTTP/1.1 request whose body has a length; nothing if it is another one.
async fn read(
    stream: &mut BufReader<TcpStream>,
    peer: SocketAddr,
) -> std::io::Result<Option<(Head, Bytes)>> {
    let mut lines = stream.take(HEAD_MAX).lines();
    let request_line = lines.next_line().await?.unwrap_or_default();
    let mut words = request_line.split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = Vec::new();
    while let Some(line) = lines.next_line().await?.filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else { return Ok(None) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let head = Head {
        method: method.to_owned(),
        path: path.to_owned(),
        query: String::new(),
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
