//! A vendor that keeps pushing at a steady rate and tries nothing twice: what was refused, reset or not answered is counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::bodies::receipt;
use super::load::{Acknowledged, Connection};

/// Connections that are kept, and pushed on ten times a second each.
const BUSY: usize = 10;

/// Connections that are kept, and rest most of the time.
const RESTING: usize = 30;

/// Who makes a connection for each push, ten times a second each.
const NEWCOMERS: usize = 8;

/// How long the longest push may take. Who waits in a queue for the next callbox waits less.
const PATIENCE: Duration = Duration::from_secs(30);

/// About 200 pushes a second: 100 on connections that are kept, 80 on new ones, 20 on connections that rest.
pub(crate) struct Vendor {
    pushers: JoinSet<Pushed>,
    acknowledged: watch::Receiver<usize>,
    stop: watch::Sender<bool>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Pushed {
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// What went wrong, of which nothing may.
    pub(crate) failed: Vec<String>,
    /// How long the slowest push took.
    pub(crate) slowest: Duration,
}

impl Vendor {
    pub(crate) fn start(to: SocketAddr) -> Self {
        let (count, acknowledged) = watch::channel(0);
        let count = Arc::new(count);
        let (stop, stopped) = watch::channel(false);
        let mut pushers = JoinSet::new();
        for number in 0..BUSY + RESTING + NEWCOMERS {
            let every = if number < RESTING { 1_500 } else { 100 };
            let pusher = Pusher {
                to,
                every: Duration::from_millis(every),
                keeps: number < RESTING + BUSY,
                count: Arc::clone(&count),
            };
            pushers.spawn(pusher.push(stopped.clone()));
        }
        Self { pushers, acknowledged, stop }
    }

    /// Waits until so many more were acknowledged.
    pub(crate) async fn go_on(&mut self, more: usize) {
        let wanted = *self.acknowledged.borrow_and_update() + more;
        self.acknowledged.wait_for(|reached| *reached >= wanted).await.unwrap();
    }

    /// Pushes no more, and waits for what is under way.
    pub(crate) async fn end(self) -> Pushed {
        self.stop.send_replace(true);
        let mut all = Pushed::default();
        for pushed in self.pushers.join_all().await {
            all.acknowledged.extend(pushed.acknowledged);
            all.failed.extend(pushed.failed);
            all.slowest = all.slowest.max(pushed.slowest);
        }
        all
    }
}

struct Pusher {
    to: SocketAddr,
    every: Duration,
    keeps: bool,
    count: Arc<watch::Sender<usize>>,
}

impl Pusher {
    async fn push(self, mut stopped: watch::Receiver<bool>) -> Pushed {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (mut pushed, clock) = (Pushed::default(), SystemClock::new());
        let mut pace = interval(self.every);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut kept: Option<Connection> = None;
        loop {
            tokio::select! {
                _ = pace.tick() => {}
                _ = stopped.changed() => return pushed,
            }
            let id = format!("steady-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            let body = receipt(&id, "delivered");
            let begun = clock.elapsed();
            let going = async {
                let mut connection = match kept.take() {
                    Some(connection) => connection,
                    None => Connection::open(self.to).await?,
                };
                let answer = connection.push_to("shop", &body).await?;
                Ok::<_, std::io::Error>((connection, answer))
            };
            match tokio::time::timeout(PATIENCE, going).await {
                Ok(Ok((connection, answer))) if answer.status == 200 => {
                    if self.keeps && answer.header("connection") != Some("close") {
                        kept = Some(connection);
                    }
                    pushed.acknowledged.push(Acknowledged::of(&body, &answer));
                    self.count.send_modify(|count| *count += 1);
                }
                Ok(Ok((_, answer))) => {
                    pushed.failed.push(format!("{id}: {} {}", answer.status, answer.text()));
                }
                Ok(Err(error)) => pushed.failed.push(format!("{id}: {error}")),
                Err(_) => pushed.failed.push(format!("{id}: no answer")),
            }
            pushed.slowest = pushed.slowest.max(clock.elapsed().saturating_sub(begun));
        }
    }
}
