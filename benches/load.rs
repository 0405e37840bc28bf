//! The load of the benches: keep-alive clients on a thread of their own, each sending the next callback when the last was answered.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::usage;

/// Where the number of a callback stands in [`RECEIPT`]; as many digits as the last group of a UUID has.
const NUMBER: &str = "############";

/// A delivery receipt as the vendor sends it, but for the number that makes each one a message's first.
const RECEIPT: &str = r#"{"version":9,"namespace":"ChatApps","eventType":"outbound_message_status_changed","description":"ChatApps outbound message delivery receipt","payload":{"umid":"4f290edb-ecd8-4d2e-b9e1-############","batchId":"7c1f0a52-93d4-4f0e-8b6a-2d5e8c90b7a1","clientMessageId":"km-276596","clientBatchId":"autumn-kettles-07","subAccountId":"kettle_shop_hq","channel":"whatsapp","user":{"msisdn":"+12025550188","channelUserId":"12025550188"},"status":{"state":"delivered","detail":"delivered_to_recipient","timestamp":"2026-08-12T09:15:57.00Z"},"whatsapp":{"pricingCategory":"utility"}}}"#;

/// What one run of clients saw.
#[derive(Clone, Default)]
pub(crate) struct Measured {
    /// How long each answer with status 200 took.
    pub(crate) latencies: Vec<Duration>,
    /// Answers with another status.
    pub(crate) refused: usize,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// What the clients themselves took of the processors.
    pub(crate) client_time: Duration,
}

impl Measured {
    /// Takes another run of the same case in.
    pub(crate) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.refused += other.refused;
        self.elapsed += other.elapsed;
        self.client_time += other.client_time;
    }

    /// Answers with status 200 per second.
    pub(crate) fn rate(&self) -> f64 {
        let answered = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        f64::from(answered) / self.elapsed.as_secs_f64()
    }

    /// The latency that `percent` of the answers did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(place).copied().unwrap_or_default()
    }
}

/// Sends receipts to `POST path` over `connections` connections for `duration`, each with a number of its own from `numbers`.
pub(crate) fn run(
    address: SocketAddr,
    path: &str,
    connections: usize,
    duration: Duration,
    numbers: &Arc<AtomicU64>,
) -> io::Result<Measured> {
    let request = Request::new(address, path);
    let numbers = Arc::clone(numbers);
    let clients = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let before = usage::of_thread();
        let measured = runtime.block_on(all(address, request, connections, duration, numbers))?;
        Ok(Measured { client_time: usage::of_thread().saturating_sub(before), ..measured })
    });
    clients.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
}

/// Sends one `POST` without a body; an error unless it is answered 200.
pub(crate) fn post(address: SocketAddr, path: &str) -> io::Result<()> {
    let request = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\n\r\n");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut socket = TcpStream::connect(address).await?;
        socket.write_all(request.as_bytes()).await?;
        match read_answer(&mut socket, &mut Vec::new()).await? {
            200 => Ok(()),
            status => Err(io::Error::other(format!("POST {path} was answered {status}"))),
        }
    })
}

async fn all(
    address: SocketAddr,
    request: Request,
    connections: usize,
    duration: Duration,
    numbers: Arc<AtomicU64>,
) -> io::Result<Measured> {
    let mut sockets = Vec::with_capacity(connections);
    for _ in 0..connections {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        sockets.push(socket);
    }
    let clock = Arc::new(SystemClock::new());
    let mut clients = tokio::task::JoinSet::new();
    for socket in sockets {
        let (request, clock, numbers) = (request.clone(), Arc::clone(&clock), Arc::clone(&numbers));
        clients.spawn(client(socket, request, duration, clock, numbers));
    }
    let mut measured = Measured::default();
    while let Some(one) = clients.join_next().await {
        measured.add(one.map_err(io::Error::other)??);
    }
    measured.elapsed = clock.elapsed();
    Ok(measured)
}

async fn client(
    mut socket: TcpStream,
    mut request: Request,
    duration: Duration,
    clock: Arc<SystemClock>,
    numbers: Arc<AtomicU64>,
) -> io::Result<Measured> {
    let mut measured = Measured::default();
    let mut answer = Vec::with_capacity(4096);
    while clock.elapsed() < duration {
        request.number(numbers.fetch_add(1, Ordering::Relaxed));
        let sent = clock.elapsed();
        socket.write_all(&request.bytes).await?;
        if read_answer(&mut socket, &mut answer).await? == 200 {
            measured.latencies.push(clock.elapsed().saturating_sub(sent));
        } else {
            measured.refused += 1;
        }
    }
    Ok(measured)
}

/// A request as it goes over the wire.
#[derive(Clone)]
struct Request {
    bytes: Vec<u8>,
    number_at: usize,
}

impl Request {
    fn new(address: SocketAddr, path: &str) -> Self {
        let text = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{RECEIPT}",
            RECEIPT.len()
        );
        let number_at = text.find(NUMBER).unwrap_or_default();
        Self { bytes: text.into_bytes(), number_at }
    }

    fn number(&mut self, number: u64) {
        let digits = format!("{number:0width$x}", width = NUMBER.len());
        let place = self.bytes.iter_mut().skip(self.number_at);
        place.zip(digits.bytes()).for_each(|(byte, digit)| *byte = digit);
    }
}

/// Reads one answer whole and returns its status. `buffer` is scratch space, kept between answers.
async fn read_answer(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<u16> {
    buffer.clear();
    loop {
        if let Some((status, length)) = parse_head(buffer)?
            && buffer.len() >= length
        {
            return Ok(status);
        }
        if socket.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The status, and the length of head and body together; nothing while the head is not whole.
fn parse_head(bytes: &[u8]) -> io::Result<Option<(u16, usize)>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let unreadable = || io::Error::other("an answer without status or content-length");
    let head = bytes.get(..end).and_then(|head| std::str::from_utf8(head).ok());
    let mut lines = head.ok_or_else(unreadable)?.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let (status, length) = status.zip(length).ok_or_else(unreadable)?;
    Ok(Some((status, end + 4 + length)))
}
