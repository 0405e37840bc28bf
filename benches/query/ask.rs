//! A whole callbox on a store that is there, somebody who asks it, and callbacks that arrive at a steady rate meanwhile.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use callbox::app::{self, Surroundings};
use callbox::clock::{Clock, SystemClock};
use callbox::config::{Config, Environment};
use tokio_util::sync::CancellationToken;

/// Connections that the callbacks come over.
const CONNECTIONS: u32 = 8;

/// A running callbox.
pub(crate) struct Inbox {
    /// Where vendors push.
    pub(crate) vendors: SocketAddr,
    /// Where questions are asked.
    pub(crate) api: SocketAddr,
    stop: CancellationToken,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Inbox {
    /// Starts one on this store.
    pub(crate) fn start(path: &Path) -> Result<Self, Box<dyn Error>> {
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[api]\nlisten = \"127.0.0.1:0\"\nanonymous = \"loopback\"\n\
             [store]\npath = '{}'\nmin_free = \"1MiB\"\n[sources.bench]\nvendor = \"wavecell\"\nauth = [{{ type = \"none\" }}]\n",
            path.display()
        );
        let config = Config::parse(&text, "bench.toml", &Environment::default())?;
        let (ready, started) = sync_channel(1);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(async {
                let app = app::build(config, Surroundings::of_the_machine()).await?;
                ready.send((app.vendors_address(), app.api_address()))?;
                app.run_until(stopped, CancellationToken::new()).await
            })
        });
        let (vendors, api) = started.recv().map_err(|_| "callbox ended at its start")?;
        Ok(Self { vendors, api, stop, thread })
    }

    /// Stops it in good order.
    pub(crate) fn stop(self) -> Result<(), Box<dyn Error>> {
        self.stop.cancel();
        Ok(self.thread.join().map_err(|_| "callbox panicked")??)
    }
}

/// How long things took.
#[derive(Default)]
pub(crate) struct Took(Vec<Duration>);

impl Took {
    /// One more.
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// What `percent` of them did not exceed, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(place).copied().unwrap_or_default().as_secs_f64() * 1_000.0
    }

    /// The same, as it is printed.
    pub(crate) fn millis(&self, percent: usize) -> String {
        format!("{:.2} ms", self.percentile(percent))
    }
}

/// Sends so many callbacks a second for so long, or if that is for ever, until `meanwhile` is through; how long each took.
pub(crate) fn push(
    address: SocketAddr,
    rate: u32,
    most: Duration,
    meanwhile: impl FnOnce(),
) -> Result<Took, Box<dyn Error>> {
    let sent = send(address, rate, most, &Arc::new(SystemClock::new()), meanwhile)?;
    Ok(Took(sent.into_iter().map(|sent| sent.took).collect()))
}

/// The same; when each was acknowledged, by its number.
pub(crate) fn push_noting(
    address: SocketAddr,
    rate: u32,
    most: Duration,
    clock: &Arc<SystemClock>,
) -> Result<Vec<(u64, Duration)>, Box<dyn Error>> {
    let sent = send(address, rate, most, clock, || {})?;
    Ok(sent.into_iter().map(|sent| (sent.number, sent.at)).collect())
}

/// A callback that was acknowledged.
struct Sent {
    number: u64,
    at: Duration,
    took: Duration,
}

fn send(
    address: SocketAddr,
    rate: u32,
    most: Duration,
    clock: &Arc<SystemClock>,
    meanwhile: impl FnOnce(),
) -> Result<Vec<Sent>, Box<dyn Error>> {
    let over = Arc::new(AtomicBool::new(false));
    let numbers = Arc::new(AtomicU64::new(SystemClock::new().now().as_millis().unsigned_abs()));
    let start = clock.elapsed();
    let clients: Vec<JoinHandle<io::Result<Vec<Sent>>>> = (0..CONNECTIONS)
        .map(|place| {
            let (over, numbers, clock) =
                (Arc::clone(&over), Arc::clone(&numbers), Arc::clone(clock));
            let every = Duration::from_secs(1) * CONNECTIONS / rate;
            let first = start + every * place / CONNECTIONS;
            let end = start.saturating_add(most);
            thread::spawn(move || client(address, (first, every, end), &clock, &over, &numbers))
        })
        .collect();
    meanwhile();
    if most == Duration::MAX {
        over.store(true, Ordering::Relaxed);
    }
    let mut sent = Vec::new();
    for client in clients {
        sent.extend(client.join().map_err(|_| "a client panicked")??);
    }
    Ok(sent)
}

/// Sends a callback at every beat, whether or not the last one was late: so what waits behind a slow one counts too.
fn client(
    address: SocketAddr,
    (mut beat, every, end): (Duration, Duration, Duration),
    clock: &SystemClock,
    over: &AtomicBool,
    numbers: &AtomicU64,
) -> io::Result<Vec<Sent>> {
    let (mut line, mut sent) = (Line::open(address)?, Vec::new());
    while beat < end && !over.load(Ordering::Relaxed) {
        thread::park_timeout(beat.saturating_sub(clock.elapsed())); // nobody wakes it
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        line.ask("POST", "/in/bench", &receipt(number))?;
        let at = clock.elapsed();
        sent.push(Sent { number, at, took: at.saturating_sub(beat) });
        beat += every;
    }
    Ok(sent)
}

fn receipt(number: u64) -> String {
    format!(
        r#"{{"version":9,"namespace":"ChatApps","eventType":"outbound_message_status_changed","payload":{{"umid":"live-{number}","clientMessageId":"live-ref-{number}","channel":"whatsapp","user":{{"msisdn":"+12025550188"}},"status":{{"state":"delivered","timestamp":"2026-08-12T09:15:57.00Z"}}}}}}"#
    )
}

/// A connection that is kept.
pub(crate) struct Line {
    address: SocketAddr,
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Line {
    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { address, stream, answer: Vec::new() })
    }

    /// Asks, and reads the answer whole; an error unless its status is 200.
    pub(crate) fn ask(&mut self, method: &str, target: &str, body: &str) -> io::Result<usize> {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes())?;
        self.answer.clear();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = self.stream.read(&mut buffer)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.answer.extend(buffer.iter().take(read));
            if let Some(length) = whole(&self.answer)
                && self.answer.len() >= length
            {
                break;
            }
        }
        if self.answer.starts_with(b"HTTP/1.1 200") {
            return Ok(self.answer.len());
        }
        let text = String::from_utf8_lossy(&self.answer).into_owned();
        Err(io::Error::other(format!("{method} {target} was answered {text}")))
    }
}

/// The length of head and body together, once the head is whole.
fn whole(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Some(end + 4 + length?)
}
