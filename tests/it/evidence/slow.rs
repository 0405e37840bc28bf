//! A thousand clients of each slow kind beside honest ones: what the honest ones feel of it, and when the slow ones are cut off.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{amount, tell};
use crate::support::bodies::receipt;
use crate::support::http;
use crate::support::program::Place;

/// Connections that push as fast as they are answered.
const HONEST: usize = 8;

/// A kind of slow client: what it sends to be answered, what it begins with then, and what it sends each second.
struct Kind {
    name: &'static str,
    first: &'static str,
    begin: &'static str,
    drip: &'static str,
    /// Seconds within which it has to be cut off.
    cut_within: u64,
}

const ASK: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
const HEAD: &str = "POST /in/shop HTTP/1.1\r\nx-a: ";
const BODY: &str = "POST /in/shop HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n";

const KINDS: [Kind; 5] = [
    Kind { name: "heads", first: "", begin: HEAD, drip: "a", cut_within: 15 },
    Kind { name: "second heads", first: ASK, begin: "POST /in", drip: "/", cut_within: 15 },
    Kind { name: "bodies", first: "", begin: BODY, drip: "{", cut_within: 30 },
    Kind { name: "unused connections", first: "", begin: "", drip: "", cut_within: 15 },
    Kind { name: "idle connections", first: ASK, begin: "", drip: "", cut_within: 30 },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs thousands of connections and a minute; tests/evidence/run runs it"]
async fn a_thousand_slow_clients_of_each_kind_are_cut_off_and_honest_ones_go_on() {
    let each = usize::try_from(amount("CALLBOX_EVIDENCE_SLOW", 1_000)).unwrap();
    let pushes = usize::try_from(amount("CALLBOX_EVIDENCE_PUSHES", 1_500)).unwrap();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let place = Place::new("");
    let program = place.start();
    let clock = Arc::new(SystemClock::new());
    let warm = honest(program.vendors, pushes, &clock).await;
    assert_eq!(warm.len(), HONEST * pushes);
    let alone = honest(program.vendors, pushes, &clock).await;

    // Whoever is cut off comes again at once, as long as the honest ones are looked at.
    let come_again = Arc::new(AtomicBool::new(true));
    let mut slow = JoinSet::new();
    for kind in &KINDS {
        for _ in 0..each {
            let (clock, come_again) = (Arc::clone(&clock), Arc::clone(&come_again));
            let to = program.vendors;
            slow.spawn(async move {
                let mut longest = Duration::ZERO;
                loop {
                    let lasted = last(kind, to, &clock).await.unwrap();
                    longest = longest.max(lasted);
                    if !come_again.load(Ordering::Relaxed) {
                        return (kind.name, longest);
                    }
                }
            });
        }
    }
    let mut beside = honest(program.vendors, pushes, &clock).await;
    beside.extend(honest(program.vendors, pushes, &clock).await);
    come_again.store(false, Ordering::Relaxed);
    let mut cut = Vec::new();
    while let Some(one) = slow.join_next().await {
        cut.push(one.unwrap());
    }
    for kind in &KINDS {
        let of_kind = cut.iter().filter(|(name, _)| *name == kind.name);
        let longest = of_kind.map(|(_, lasted)| *lasted).max().unwrap();
        let found = format!("all cut off, the last after {:.1} s", longest.as_secs_f64());
        tell(&format!("slow {}", kind.name), &each.to_string(), &found);
        assert!(longest < Duration::from_secs(kind.cut_within), "{}: {longest:?}", kind.name);
    }
    let told = |latencies: &[Duration]| {
        let p50 = percentile(latencies, 50).as_secs_f64() * 1_000.0;
        let p99 = percentile(latencies, 99).as_secs_f64() * 1_000.0;
        format!("p50 {p50:.1} ms, p99 {p99:.1} ms")
    };
    let found = format!("{}; beside the slow ones {}", told(&alone), told(&beside));
    tell("honest callbacks", &(alone.len() + beside.len()).to_string(), &found);
    assert_eq!(beside.len(), 2 * HONEST * pushes, "an honest callback was refused");
}

/// How long the acknowledgement of each callback took that honest clients pushed.
async fn honest(to: SocketAddr, pushes: usize, clock: &Arc<SystemClock>) -> Vec<Duration> {
    let mut clients = JoinSet::new();
    for client in 0..HONEST {
        let clock = Arc::clone(clock);
        clients.spawn(async move {
            let mut stream = TcpStream::connect(to).await.unwrap();
            let mut latencies = Vec::new();
            for push in 0..pushes {
                let started = clock.elapsed();
                let body = receipt(&format!("m-{client}-{push}-{}", started.as_nanos()), "sent");
                let head = format!(
                    "POST /in/shop HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all((head + &body).as_bytes()).await.unwrap();
                let mut received = Vec::new();
                while http::answer(&received).is_err() {
                    assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0);
                }
                http::answer(&received).unwrap().callback();
                latencies.push(clock.elapsed().saturating_sub(started));
            }
            latencies
        });
    }
    let mut all = Vec::new();
    while let Some(latencies) = clients.join_next().await {
        all.extend(latencies.unwrap());
    }
    all
}

/// How long a slow client lasts, from the moment at which it begins to be slow.
async fn last(kind: &Kind, to: SocketAddr, clock: &SystemClock) -> io::Result<Duration> {
    let mut stream = TcpStream::connect(to).await?;
    if !kind.first.is_empty() {
        stream.write_all(kind.first.as_bytes()).await?;
        let mut received = Vec::new();
        while http::answer(&received).is_err() {
            if stream.read_buf(&mut received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
    let started = clock.elapsed();
    let (mut reading, mut writing) = stream.split();
    // Whatever is wrong with the connection, it is over.
    let _ = writing.write_all(kind.begin.as_bytes()).await;
    let mut buffer = [0; 1_024];
    loop {
        tokio::select! {
            read = reading.read(&mut buffer) => {
                if !matches!(read, Ok(length) if length > 0) {
                    return Ok(clock.elapsed().saturating_sub(started));
                }
            }
            () = clock.sleep(Duration::from_secs(1)) => {
                let _ = writing.write_all(kind.drip.as_bytes()).await;
            }
        }
    }
}

fn percentile(latencies: &[Duration], percent: usize) -> Duration {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * percent).div_ceil(100) - 1]
}
