//! Load: several connections that push one callback after the other, and remember what was acknowledged.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::BytesMut;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bodies::receipt;
use super::http::{self, Answer};

/// A callback that was answered 2xx.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) callback: String,
    pub(crate) events: Vec<String>,
    pub(crate) sha256: String,
}

impl Acknowledged {
    /// What this answer acknowledges.
    pub(crate) fn of(body: &str, answer: &Answer) -> Self {
        let (callback, events) = (answer.callback(), answer.events());
        Self { callback, events, sha256: hex::encode(Sha256::digest(body)) }
    }
}

/// Connections that push at the same time.
pub(crate) struct Load {
    pushers: JoinSet<Pushed>,
    acknowledged: watch::Receiver<usize>,
    stop: watch::Sender<bool>,
}

/// What one connection, or all of them, came to.
#[derive(Debug, Default)]
pub(crate) struct Pushed {
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// Requests of which some byte was sent, but that were not answered.
    pub(crate) unanswered: usize,
    /// Requests that were answered otherwise than 200.
    pub(crate) refused: usize,
}

impl Load {
    /// Begins to push to `/in/shop`; no two bodies are alike.
    pub(crate) fn start(vendors: SocketAddr, connections: usize) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (count, acknowledged) = watch::channel(0);
        let count = Arc::new(count);
        let (stop, stopped) = watch::channel(false);
        let mut pushers = JoinSet::new();
        for _ in 0..connections {
            let (count, stopped) = (Arc::clone(&count), stopped.clone());
            pushers.spawn(async move {
                let mut pushed = Pushed::default();
                let Ok(mut connection) = Connection::open(vendors).await else { return pushed };
                while !*stopped.borrow() {
                    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                    let body = receipt(&format!("message-{number}"), "delivered");
                    if !pushed.note(&body, connection.push(&body).await) {
                        break;
                    }
                    count.send_modify(|count| *count += 1);
                }
                pushed
            });
        }
        Self { pushers, acknowledged, stop }
    }

    /// Waits until so many were acknowledged in all, or nobody pushes any more.
    pub(crate) async fn reach(&mut self, count: usize) {
        let _ = self.acknowledged.wait_for(|reached| *reached >= count).await;
    }

    /// Pushes no more, and waits for what is under way.
    pub(crate) async fn end(self) -> Pushed {
        self.stop.send_replace(true);
        let mut all = Pushed::default();
        for pushed in self.pushers.join_all().await {
            all.acknowledged.extend(pushed.acknowledged);
            all.unanswered += pushed.unanswered;
            all.refused += pushed.refused;
        }
        all
    }
}

impl Pushed {
    /// Notes how a push ended; whether the connection goes on.
    fn note(&mut self, body: &str, ended: std::io::Result<Answer>) -> bool {
        match ended {
            Ok(answer) if answer.status == 200 => {
                self.acknowledged.push(Acknowledged::of(body, &answer));
                answer.header("connection") != Some("close")
            }
            Ok(_) => {
                self.refused += 1;
                false
            }
            Err(_) => {
                self.unanswered += 1;
                false
            }
        }
    }
}

/// A connection that is kept for one request after the other.
pub(crate) struct Connection {
    stream: TcpStream,
    received: BytesMut,
}

impl Connection {
    pub(crate) async fn open(to: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(to).await?, received: BytesMut::new() })
    }

    async fn push(&mut self, body: &str) -> std::io::Result<Answer> {
        self.push_to("shop", body).await
    }

    /// Pushes a body to a source.
    pub(crate) async fn push_to(&mut self, source: &str, body: &str) -> std::io::Result<Answer> {
        let length = body.len();
        self.send(&format!(
            "POST /in/{source} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    pub(crate) async fn ask(&mut self, target: &str) -> std::io::Result<Answer> {
        self.send(&format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await
    }

    async fn send(&mut self, request: &str) -> std::io::Result<Answer> {
        self.received.clear();
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(std::io::ErrorKind::ConnectionReset.into());
            }
            match http::answer(&self.received) {
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
                ended => return ended,
            }
        }
    }
}
