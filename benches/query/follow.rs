//! Followers of a stream of events: whether each hears of every one, and how long after its acknowledgement.

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};

use crate::ask::{self, Took};

/// Followers.
const FOLLOWERS: usize = 50;

/// How long callbacks arrive.
const TIME: Duration = Duration::from_secs(20);

/// How long a follower waits for what is still missing at the end.
const PATIENCE: Duration = Duration::from_secs(10);

/// When each message was heard of, by its number.
type Heard = HashMap<u64, Duration>;

/// Follows and prints what came of it.
pub(crate) fn measure(
    vendors: SocketAddr,
    api: SocketAddr,
    rate: u32,
) -> Result<(), Box<dyn Error>> {
    let (clock, over) = (Arc::new(SystemClock::new()), Arc::new(AtomicBool::new(false)));
    let ready = Arc::new(Barrier::new(FOLLOWERS + 1));
    let followers: Vec<JoinHandle<std::io::Result<Heard>>> = (0..FOLLOWERS)
        .map(|_| {
            let (clock, over, ready) = (Arc::clone(&clock), Arc::clone(&over), Arc::clone(&ready));
            thread::spawn(move || follow(api, &clock, &over, &ready))
        })
        .collect();
    ready.wait();
    let acknowledged = ask::push_noting(vendors, rate, TIME, &clock)?;
    over.store(true, Ordering::Relaxed);
    let (mut took, mut missed) = (Took::default(), 0_usize);
    for follower in followers {
        let heard = follower.join().map_err(|_| "a follower panicked")??;
        for (number, at) in &acknowledged {
            match heard.get(number) {
                Some(heard) => took.add(heard.saturating_sub(*at)),
                None => missed += 1,
            }
        }
    }
    println!(
        "{FOLLOWERS} followers of {} events at {rate} a second: {missed} missed; from acknowledgement to follower p50 {}, p99 {}",
        acknowledged.len(),
        took.millis(50),
        took.millis(99)
    );
    Ok(())
}

fn follow(
    api: SocketAddr,
    clock: &SystemClock,
    over: &AtomicBool,
    ready: &Barrier,
) -> std::io::Result<Heard> {
    let mut stream = TcpStream::connect(api)?;
    stream.set_read_timeout(Some(PATIENCE / 10))?;
    write!(stream, "GET /v1/events/stream HTTP/1.1\r\nhost: {api}\r\n\r\n")?;
    let (mut reader, mut heard) = (BufReader::with_capacity(1 << 16, stream), Heard::new());
    let (mut line, mut has_begun, mut end) = (String::new(), false, None);
    loop {
        match reader.read_line(&mut line) {
            Ok(0) => return Ok(heard),
            Ok(_) => {}
            // Nothing came for a while; what is there of a line is kept.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                if over.load(Ordering::Relaxed) {
                    return Ok(heard);
                }
                continue;
            }
            Err(error) => return Err(error),
        }
        if !has_begun && line.starts_with("retry:") {
            has_begun = true;
            ready.wait();
        }
        if let Some((_, rest)) = line.split_once("\"subject\":\"live-")
            && let Some(number) = rest.split('"').next().and_then(|number| number.parse().ok())
        {
            heard.insert(number, clock.elapsed());
        }
        line.clear();
        if over.load(Ordering::Relaxed) {
            let end = *end.get_or_insert_with(|| clock.elapsed() + PATIENCE);
            if clock.elapsed() > end {
                return Ok(heard);
            }
        }
    }
}
