//! Hostile destinations, all at once: each attempt ends with a named reason, little is read and less is kept, and others go on.

use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callbox::domain::delivery::{Attempt, DeliveryState, Outcome};
use callbox::domain::destination::{Destination, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::house::{House, destination};
use crate::support::receiver::Receiver;

/// The deadline of every hostile destination: what hangs is waited for so long.
const DEADLINE: Duration = Duration::from_millis(500);

/// The most that anybody gets rid of before it is cut off: what is read, and what the system's buffers take without being asked.
const SENT_MAX: usize = 24 << 20;

/// The most of a response that is kept.
const KEPT_MAX: usize = 4 * 1024;

/// A mebibyte of zeros, by gzip.
const BOMB: &str = include_str!("bomb.gz.hex");

type Behaviour = fn(Peer) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// One connection of a hostile sink, with what was written to it in all.
struct Peer {
    stream: TcpStream,
    written: Arc<AtomicUsize>,
}

impl Peer {
    /// Reads the request as far as its head.
    async fn head(&mut self) -> io::Result<()> {
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            if self.stream.read_buf(&mut request).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.written.fetch_add(bytes.len(), Ordering::SeqCst);
        Ok(())
    }

    /// Says something, and then this for as long as anybody listens.
    async fn for_ever(mut self, first: &[u8], then: &[u8]) -> io::Result<()> {
        self.head().await?;
        self.say(first).await?;
        loop {
            self.say(then).await?;
        }
    }

    /// Says something, lets go of nothing, and waits.
    async fn hang(mut self, answer: &[u8]) -> io::Result<()> {
        self.head().await?;
        self.say(answer).await?;
        std::future::pending().await
    }

    /// Says something and closes.
    async fn end(mut self, answer: &[u8]) -> io::Result<()> {
        self.head().await?;
        self.say(answer).await?;
        self.stream.shutdown().await?;
        // What is left of the request is taken in, so that closing does not cut off the answer.
        let _ = self.stream.read_to_end(&mut Vec::new()).await;
        Ok(())
    }
}

struct Sink {
    port: u16,
    connections: Arc<AtomicUsize>,
    written: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Sink {
    async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, written) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (count, total) = (Arc::clone(&connections), Arc::clone(&written));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let written = Arc::clone(&total);
                tokio::spawn(behaviour(Peer { stream, written }));
            }
        });
        Self { port, connections, written, task }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a sink does, and how an attempt at it has to end: the outcome, the status, and how the reason begins.
struct Hostility {
    name: &'static str,
    behaviour: Behaviour,
    outcome: Outcome,
    status: Option<u16>,
    reason: &'static str,
}

const TIMED_OUT: &str = "no whole response within 500ms";

/// A table of them: name, what it does, outcome, status, how the reason begins.
macro_rules! hostilities {
    ($($name:literal $outcome:ident $status:expr, $reason:expr, |$peer:ident| $does:expr;)+) => {
        vec![$(Hostility {
            name: $name,
            behaviour: |$peer| Box::pin($does),
            outcome: Outcome::$outcome,
            status: $status,
            reason: $reason,
        }),+]
    };
}

fn hostilities() -> Vec<Hostility> {
    let mut all = slow_ones();
    all.extend(wrong_ones());
    all
}

/// Those that take their time, or never end.
fn slow_ones() -> Vec<Hostility> {
    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    hostilities! {
        "silent" TimedOut None, TIMED_OUT, |peer| peer.hang(b"");
        "deaf" TimedOut None, TIMED_OUT, |peer| async move {
            let _held = peer;
            std::future::pending().await
        };
        "half-a-status" TimedOut None, TIMED_OUT, |peer| peer.hang(b"HTTP/1.1 20");
        "half-a-head" TimedOut None, TIMED_OUT, |peer| peer.hang(b"HTTP/1.1 200 OK\r\nx-a: b\r\n");
        "half-a-body" TimedOut Some(200), TIMED_OUT, |peer| peer.hang(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
        "dripping-head" TimedOut None, TIMED_OUT, |peer| async move {
            let mut peer = peer;
            peer.head().await?;
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            for byte in b"HTTP/1.1 200 OK\r\nx-a: ".iter().copied().chain(std::iter::repeat(b'a')) {
                pace.tick().await;
                peer.say(&[byte]).await?;
            }
            Ok(())
        };
        "dripping-body" TimedOut Some(200), TIMED_OUT, |peer| async move {
            let mut peer = peer;
            peer.head().await?;
            peer.say(CHUNKED).await?;
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            loop {
                pace.tick().await;
                peer.say(b"1\r\nx\r\n").await?;
            }
        };
        "continuing" TimedOut None, TIMED_OUT, |peer| async move {
            let mut peer = peer;
            peer.head().await?;
            let mut pace = tokio::time::interval(Duration::from_millis(5));
            loop {
                pace.tick().await;
                peer.say(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
        };
        "endless-body" Succeeded Some(200), "", |peer| peer.for_ever(b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 65_536]);
        "endless-failure" Rejected Some(500), "500 Internal Server Error", |peer| peer.for_ever(b"HTTP/1.1 500 Oh\r\n\r\n", &[b'x'; 65_536]);
        "endless-promise" Rejected Some(503), "503 Service Unavailable", |peer| peer.for_ever(b"HTTP/1.1 503 Busy\r\ncontent-length: 1099511627776\r\n\r\n", &[b'x'; 65_536]);
        "endless-status" Unreachable None, "malformed answer: ", |peer| peer.for_ever(b"HTTP/1.1 200 ", &[b'x'; 65_536]);
        "endless-header" Unreachable None, "malformed answer: ", |peer| peer.for_ever(b"HTTP/1.1 200 OK\r\nx-a: ", &[b'x'; 65_536]);
        "endless-chunk-size" Unreachable Some(200), "malformed answer: ", |peer| peer.for_ever(CHUNKED, &[b'1'; 65_536]);
        "endless-chunk-extension" Unreachable Some(200), "malformed answer: ", |peer| peer.for_ever(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;a=", &[b'x'; 65_536]);
    }
}

/// Those that answer what is no answer.
fn wrong_ones() -> Vec<Hostility> {
    hostilities! {
        "many-headers" Unreachable None, "malformed answer: ", |peer| {
            let answer = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-a: y\r\n".repeat(100_000));
            async move { peer.end(answer.as_bytes()).await }
        };
        "bomb" Rejected Some(500), "500 Internal Server Error", |peer| async move {
            let bomb = hex::decode(BOMB.trim()).unwrap();
            let head = format!("HTTP/1.1 500 Oh\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", bomb.len());
            peer.end(&[head.as_bytes(), &bomb].concat()).await
        };
        "resetting" Unreachable None, "connection reset", |peer| async move {
            let mut peer = peer;
            peer.head().await?;
            rustix::net::sockopt::set_socket_linger(&peer.stream, Some(Duration::ZERO))?;
            Ok(())
        };
        "closing" Unreachable None, "connection closed before the answer was whole", |peer| peer.end(b"");
        "cut-off" Unreachable Some(200), "connection closed before the answer was whole", |peer| peer.end(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf");
        "talking-ssh" Unreachable None, "malformed answer: ", |peer| peer.end(b"SSH-2.0-OpenSSH_9.2\r\n");
        "binary" Unreachable None, "malformed answer: ", |peer| peer.end(&[0; 512]);
        "of-two-lengths" Unreachable None, "malformed answer: ", |peer| peer.end(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab");
        "of-status-99999" Unreachable None, "malformed answer: ", |peer| peer.end(b"HTTP/1.1 99999 Odd\r\n\r\n");
        "switching" Rejected Some(101), "101 Switching Protocols", |peer| peer.end(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: odd\r\nconnection: upgrade\r\n\r\n");
    }
}

/// The first attempt at each of these destinations, and the sinks behind them.
async fn attempts(hostilities: &[Hostility]) -> (Vec<Attempt>, Vec<Sink>) {
    let (mut sinks, mut configured) = (Vec::new(), Vec::new());
    let mut healthy = Receiver::start().await;
    for hostility in hostilities {
        let sink = Sink::start(hostility.behaviour).await;
        let url = format!("http://127.0.0.1:{}/hook", sink.port);
        configured.push(Destination { timeout: DEADLINE, ..destination(hostility.name, &url) });
        sinks.push(sink);
    }
    configured.push(destination("healthy", &healthy.url));
    let names: Vec<String> = configured.iter().map(|one| one.name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut house = House::start(configured).await;
    let ids = house.receive(&names).await;
    house.work().await;
    let mut attempts = Vec::new();
    for id in &ids {
        attempts.extend(house.delivery(*id).await.attempts);
    }
    let last = house.delivery(*ids.last().unwrap()).await;
    assert_eq!(last.state, DeliveryState::Succeeded);
    assert_eq!(healthy.requests().len(), 1);
    (attempts, sinks)
}

#[tokio::test]
async fn every_attempt_at_a_hostile_destination_ends_with_its_reason() {
    let hostilities = hostilities();
    assert!(hostilities.len() >= 12);
    let (attempts, sinks) = attempts(&hostilities).await;
    assert_eq!(attempts.len(), hostilities.len() + 1);
    let mut wrong = Vec::new();
    for ((hostility, attempt), sink) in hostilities.iter().zip(&attempts).zip(&sinks) {
        let Hostility { name, outcome, status, reason, .. } = hostility;
        let told = attempt.reason.as_deref().unwrap_or_default();
        let kept = attempt.response.as_ref().map_or(0, String::len);
        let as_it_should = (attempt.outcome, attempt.status) == (*outcome, *status)
            && told.starts_with(reason)
            && told.len() <= 256
            && kept <= KEPT_MAX
            && sink.written.load(Ordering::SeqCst) <= SENT_MAX
            && sink.connections.load(Ordering::SeqCst) == 1;
        if !as_it_should {
            let (sent, times) = (&sink.written, &sink.connections);
            wrong.push(format!("{name}: {sent:?} bytes, {times:?} times, {attempt:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn redirects_lead_nowhere() {
    let inside = Sink::start(|peer| Box::pin(peer.end(b"HTTP/1.1 200 OK\r\n\r\n"))).await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{}/\r\nrefresh: 0\r\ncontent-length: 0\r\n\r\n",
        inside.port
    );
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let peer = Peer { stream, written: Arc::default() };
            peer.end(answer.as_bytes()).await.unwrap();
        }
    });
    let mut house = House::start(vec![destination("crm", &url)]).await;
    let ids = house.receive(&["crm"]).await;
    house.work().await;
    let attempt = house.delivery(ids[0]).await.attempts.remove(0);
    assert_eq!(attempt.reason.as_deref(), Some("302 Found; redirects are not followed"));
    assert_eq!(inside.connections.load(Ordering::SeqCst), 0);
    task.abort();
}

#[tokio::test]
async fn addresses_that_are_not_allowed_are_never_connected_to() {
    let inside = Sink::start(|peer| Box::pin(peer.end(b"HTTP/1.1 200 OK\r\n\r\n"))).await;
    let hosts =
        ["127.0.0.1", "localhost", "127.1", "0x7f.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"];
    let configured = hosts.iter().enumerate().map(|(number, host)| {
        let url = format!("http://{host}:{}/", inside.port);
        let named = destination(&format!("d{number}"), &url);
        Destination { allow_subnets: vec!["10.0.0.0/8".parse().unwrap()], ..named }
    });
    let mut house = House::start(configured.collect()).await;
    let names: Vec<String> = (0..hosts.len()).map(|number| format!("d{number}")).collect();
    let ids = house.receive(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    house.work().await;
    for (id, host) in ids.iter().zip(hosts) {
        let attempt = house.delivery(*id).await.attempts.remove(0);
        assert_eq!(attempt.outcome, Outcome::Refused, "{host} {attempt:?}");
        assert!(attempt.reason.unwrap().contains("is refused: "), "{host}");
    }
    assert_eq!(inside.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn tls_that_never_comes_and_tls_that_is_none_have_names() {
    let certificate = include_str!("certificates/authority.pem").to_owned();
    let tls = Tls { ca: Some(certificate), identity: None };
    let cases: [(Behaviour, Outcome, &str); 3] = [
        (
            |peer| {
                Box::pin(async move {
                    let _held = peer;
                    std::future::pending().await
                })
            },
            Outcome::TimedOut,
            TIMED_OUT,
        ),
        (
            |peer| {
                Box::pin(async move {
                    let mut peer = peer;
                    peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?;
                    peer.stream.read_to_end(&mut Vec::new()).await.map(drop)
                })
            },
            Outcome::Unreachable,
            "tls: the other side does not speak TLS",
        ),
        (
            |peer| {
                Box::pin(async move {
                    let mut peer = peer;
                    // A record that says it is a handshake of 16 KiB, and a byte of it now and then.
                    peer.say(&[22, 3, 3, 0x40, 0]).await?;
                    let mut pace = tokio::time::interval(Duration::from_millis(20));
                    loop {
                        pace.tick().await;
                        peer.say(&[2]).await?;
                    }
                })
            },
            Outcome::TimedOut,
            TIMED_OUT,
        ),
    ];
    for (behaviour, outcome, reason) in cases {
        let sink = Sink::start(behaviour).await;
        let url = format!("https://localhost:{}/", sink.port);
        let crm = Destination { tls: tls.clone(), timeout: DEADLINE, ..destination("crm", &url) };
        let mut house = House::start(vec![crm]).await;
        let ids = house.receive(&["crm"]).await;
        house.work().await;
        let attempt = house.delivery(ids[0]).await.attempts.remove(0);
        assert_eq!((attempt.outcome, attempt.reason.as_deref()), (outcome, Some(reason)));
    }
}
