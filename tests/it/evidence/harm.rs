//! A long queue for a dead and a hung destination: what the healthy one beside them feels of it.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::{amount, tell};
use crate::support::bodies::receipt;
use crate::support::http;
use crate::support::load::Connection;
use crate::support::program::{Place, Program};
use crate::support::receiver::Receiver;

/// Events of one callback that fills the queues.
const EVENTS_A_CALLBACK: u64 = 1_000;

/// Callbacks a second while the time to arrival is measured, and over how many connections.
const STEADY_RATE: u32 = 200;
const CONNECTIONS: u32 = 16;

/// Pairs of measurements, one of each program in turn.
const PAIRS: usize = 5;

/// The most that the healthy destination may lose, and that the program may take.
const P99_RISE_MAX: Duration = Duration::from_millis(100);
const RATE_LEFT_MIN: f64 = 0.9;
const MEMORY_MAX_KIB: u64 = 400 * 1024;

const BULK: &str = r#"
[sources.bulk]
vendor = "generic"
auth = [{ type = "none" }]
[sources.bulk.mapping]
each = "/events"
type = "text:message.received"
id = "/id"
"#;

/// When each event arrived, by its id.
#[derive(Default)]
struct Arrivals {
    at: Mutex<HashMap<String, Duration>>,
    count: watch::Sender<usize>,
}

/// A program with a healthy, a dead and a hung destination.
struct Side {
    _place: Place,
    program: Program,
    healthy: Arc<Arrivals>,
    _receiver: Receiver,
    _hung: JoinHandle<()>,
    clock: Arc<SystemClock>,
    pushed: u32,
}

/// What the healthy destination gets.
struct Measured {
    p99: Duration,
    /// Deliveries a second from a backlog.
    rate: f64,
}

impl Side {
    async fn start(clock: &Arc<SystemClock>) -> Self {
        let healthy = Arc::<Arrivals>::default();
        let (book, watch) = (Arc::clone(&healthy), Arc::clone(clock));
        let receiver = Receiver::judging(move |request| {
            let id = request.header("webhook-id").unwrap().to_owned();
            let mut at = book.at.lock();
            at.entry(id).or_insert_with(|| watch.elapsed());
            book.count.send_replace(at.len());
            200
        })
        .await;
        let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let section = |name: &str, listener: &TcpListener| {
            let address = listener.local_addr().unwrap();
            format!(
                "[destinations.{name}]\nurl = \"http://{address}/\"\nsources = [\"bulk\"]\nallow_subnets = [\"127.0.0.0/8\"]\n\
                 secrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]\n"
            )
        };
        let more = "sources = [\"shop\"]\nmax_concurrency = 64";
        let text = format!(
            "{BULK}{}{}{}",
            receiver.configured("healthy", more),
            section("dead", &dead),
            section("hung", &silent)
        );
        drop(dead); // nobody listens there any more
        let hung = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((stream, _)) = silent.accept().await {
                open.push(stream);
            }
        });
        let place = Place::new(&text);
        let program = place.start();
        let clock = Arc::clone(clock);
        let (pushed, receiver) = (0, receiver);
        Self { _place: place, program, healthy, _receiver: receiver, _hung: hung, clock, pushed }
    }

    /// Queues so many events for the dead and the hung destination.
    async fn queue(&self, events: u64) {
        let mut pushers = JoinSet::new();
        for part in 0..4 {
            let to = self.program.vendors;
            pushers.spawn(async move {
                let mut connection = Connection::open(to).await.unwrap();
                for callback in (part..events.div_ceil(EVENTS_A_CALLBACK)).step_by(4) {
                    let ids = (0..EVENTS_A_CALLBACK)
                        .map(|one| format!("{{\"id\":\"{callback}-{one}\"}}"));
                    let body = format!("{{\"events\":[{}]}}", ids.collect::<Vec<_>>().join(","));
                    let answer = connection.push_to("bulk", &body).await.unwrap();
                    assert_eq!(answer.status, 200, "{}", answer.text());
                }
            });
        }
        pushers.join_all().await;
    }

    async fn ask(&self, method: &str, target: &str) -> Value {
        let answer = http::send(self.program.api, method, target, &[], b"").await.unwrap();
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    /// Pushes callbacks, `rate` a second or as fast as they are answered; when each event was acknowledged.
    async fn push(&mut self, number: u32, rate: Option<u32>) -> HashMap<String, Duration> {
        let (first, start) = (self.pushed, self.clock.elapsed());
        self.pushed += number;
        let mut pushers = JoinSet::new();
        for part in 0..CONNECTIONS {
            let (to, clock) = (self.program.vendors, Arc::clone(&self.clock));
            pushers.spawn(async move {
                let mut connection = Connection::open(to).await.unwrap();
                let mut acknowledged = Vec::new();
                for one in (part..number).step_by(usize::try_from(CONNECTIONS).unwrap()) {
                    if let Some(rate) = rate {
                        let due = start + Duration::from_secs(1) * one / rate;
                        clock.sleep(due.saturating_sub(clock.elapsed())).await;
                    }
                    let body = receipt(&format!("m{}", first + one), "sent");
                    let answer = connection.push_to("shop", &body).await.unwrap();
                    acknowledged.push((answer.events().remove(0), clock.elapsed()));
                }
                acknowledged
            });
        }
        pushers.join_all().await.into_iter().flatten().collect()
    }

    /// Waits until everything that was pushed has arrived.
    async fn arrive(&self) {
        let all = usize::try_from(self.pushed).unwrap();
        self.healthy.count.subscribe().wait_for(|count| *count == all).await.unwrap();
    }

    async fn measure(&mut self, number: u32) -> Measured {
        let acknowledged = self.push(number, Some(STEADY_RATE)).await;
        self.arrive().await;
        let mut times: Vec<Duration> = {
            let at = self.healthy.at.lock();
            acknowledged.iter().map(|(id, acked)| at[id].saturating_sub(*acked)).collect()
        };
        times.sort_unstable();
        let p99 = times[(times.len() * 99).div_ceil(100) - 1];
        self.ask("POST", "/v1/destinations/healthy/pause").await;
        self.push(4 * number, None).await;
        let start = self.clock.elapsed();
        self.ask("POST", "/v1/destinations/healthy/resume").await;
        self.arrive().await;
        let took = self.clock.elapsed().saturating_sub(start);
        Measured { p99, rate: f64::from(4 * number) / took.as_secs_f64() }
    }

    /// The most memory that the program has taken so far.
    fn memory_kib(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.program.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a minute or more, and a machine that does nothing else; tests/evidence/run runs it"]
async fn a_long_queue_for_a_dead_and_a_hung_destination_costs_the_healthy_one_next_to_nothing() {
    let queued = amount("CALLBOX_EVIDENCE_QUEUE", 1_000_000);
    let number = u32::try_from(amount("CALLBOX_EVIDENCE_PUSHES", 1_000)).unwrap();
    let clock = Arc::new(SystemClock::new());
    let (mut alone, mut beside) = (Side::start(&clock).await, Side::start(&clock).await);
    beside.queue(queued).await;
    for name in ["dead", "hung"] {
        let standing = beside.ask("GET", &format!("/v1/destinations/{name}")).await;
        assert!(standing["backlog"].as_u64().unwrap() >= queued, "{standing:#}");
    }
    alone.measure(number / 2).await; // warms up
    beside.measure(number / 2).await;
    let (mut rises, mut left) = (Vec::new(), Vec::new());
    for pair in 1..=PAIRS {
        let (one, other) = (alone.measure(number).await, beside.measure(number).await);
        let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
        let found = format!(
            "p99 {:.1} ms, {:.0}/s; beside the queue p99 {:.1} ms, {:.0}/s",
            millis(one.p99),
            one.rate,
            millis(other.p99),
            other.rate
        );
        tell(&format!("healthy destination, pair {pair}"), &number.to_string(), &found);
        rises.push(other.p99.saturating_sub(one.p99));
        left.push(other.rate / one.rate);
    }
    rises.sort_unstable();
    left.sort_by(f64::total_cmp);
    let (rise, left, memory) = (rises[PAIRS / 2], left[PAIRS / 2], beside.memory_kib());
    let found = format!(
        "the healthy one's p99 rises by {:.1} ms, {:.0} % of its rate is left, at most {} MiB of memory",
        rise.as_secs_f64() * 1_000.0,
        left * 100.0,
        memory / 1024
    );
    tell("waiting for a dead and a hung destination", &format!("{queued} each"), &found);
    assert!(rise <= P99_RISE_MAX && left >= RATE_LEFT_MIN && memory <= MEMORY_MAX_KIB, "{found}");
}
