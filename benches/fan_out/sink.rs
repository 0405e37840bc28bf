//! A destination that costs as little as one can: it reads requests, answers 200, and notes what arrived when.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long everything may take to arrive before the bench gives up.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a sink does with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Answers,
    Hangs,
    Refuses,
}

/// What arrived.
#[derive(Default)]
struct Seen {
    count: AtomicU64,
    notes: AtomicBool,
    arrivals: Mutex<Vec<(String, Duration)>>,
}

/// A sink on a thread of its own.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    pub(crate) clock: Arc<SystemClock>,
}

impl Sink {
    pub(crate) fn start(behaviour: Behaviour) -> Result<Self, Box<dyn Error>> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (seen, clock) = (Arc::<Seen>::default(), Arc::new(SystemClock::new()));
        if behaviour == Behaviour::Refuses {
            return Ok(Self { address, seen, clock }); // the listener is gone: nobody answers there
        }
        listener.set_nonblocking(true)?;
        let (log, time) = (Arc::clone(&seen), Arc::clone(&clock));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, behaviour, Arc::clone(&log), Arc::clone(&time)));
                }
            });
        });
        Ok(Self { address, seen, clock })
    }

    /// Forgets what it counted, and from now on notes what arrives when, or no more.
    pub(crate) fn note(&self, is_wanted: bool) {
        self.seen.count.store(0, Ordering::SeqCst);
        self.seen.notes.store(is_wanted, Ordering::SeqCst);
    }

    /// What arrived when, by the id of the message.
    pub(crate) fn arrivals(&self) -> Vec<(String, Duration)> {
        std::mem::take(&mut self.seen.arrivals.lock())
    }

    /// Waits until so many requests have arrived.
    pub(crate) fn until(&self, wanted: u64) -> Result<(), Box<dyn Error>> {
        let start = self.clock.elapsed();
        while self.seen.count.load(Ordering::SeqCst) < wanted {
            if self.clock.elapsed().saturating_sub(start) > PATIENCE {
                return Err(format!("{wanted} events did not all arrive").into());
            }
            thread::park_timeout(Duration::from_millis(1));
        }
        Ok(())
    }
}

async fn serve(
    mut stream: TcpStream,
    behaviour: Behaviour,
    seen: Arc<Seen>,
    clock: Arc<SystemClock>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer: Vec<u8> = Vec::with_capacity(8_192);
    loop {
        while let Some((body, whole)) = request(&buffer) {
            if behaviour == Behaviour::Hangs {
                std::future::pending::<()>().await;
            }
            if seen.notes.load(Ordering::Relaxed)
                && let Some(subject) = subject(buffer.get(body..whole).unwrap_or_default())
            {
                seen.arrivals.lock().push((subject, clock.elapsed()));
            }
            buffer.drain(..whole);
            seen.count.fetch_add(1, Ordering::SeqCst);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// Where a whole request's body begins, and where it ends.
fn request(buffer: &[u8]) -> Option<(usize, usize)> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(buffer.get(..head)?).ok()?.to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let whole = head + length.and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
    (buffer.len() >= whole).then_some((head, whole))
}

fn subject(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, behind) = text.split_once("\"subject\":\"")?;
    behind.split_once('"').map(|(subject, _)| subject.to_owned())
}
