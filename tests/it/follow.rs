//! Following events: pages that wait for the first one, and streams that begin where the last one ended.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::SECOND;
use crate::support::bodies::{inbound, receipt};
use crate::support::callbox::Callbox;
use crate::support::http;
use crate::support::program::Place;

const SHOP: &str = r#"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "none" }]
"#;

/// Times that the clock is advanced, each with a question to the store in between, before a test gives up waiting.
const ROUNDS_MAX: usize = 5_000;

/// The same, where nothing shows that the wait is over: many times what one look into the store takes.
const ROUNDS: usize = 50;

/// A reader of a stream of events, on a connection of its own.
struct Stream {
    connection: TcpStream,
    received: Vec<u8>,
}

/// One event of a stream: its cursor and itself.
type Piece = (String, Value);

impl Stream {
    async fn open(api: SocketAddr, target: &str, last: Option<&str>) -> Self {
        let mut stream = Self::begin(api, target, last).await;
        stream.until(|text| text.contains("retry: ")).await;
        stream
    }

    async fn begin(api: SocketAddr, target: &str, last: Option<&str>) -> Self {
        let mut connection = TcpStream::connect(api).await.unwrap();
        let last = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let request = format!("GET {target} HTTP/1.1\r\nhost: {api}\r\n{last}\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        Self { connection, received: Vec::new() }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }

    /// Reads until what was received is as wanted; `false` if the connection ends before.
    async fn until(&mut self, wanted: impl Fn(&str) -> bool) -> bool {
        while !wanted(&self.text()) {
            let mut buffer = vec![0; 1 << 20];
            match self.connection.read(&mut buffer).await {
                Ok(0) | Err(_) => return false,
                Ok(length) => self.received.extend(&buffer[..length]),
            }
        }
        true
    }

    /// Reads so many events in all.
    async fn events(&mut self, count: usize) -> Vec<Piece> {
        let whole = |text: &str| text.matches("\n\n").count() > count;
        assert!(self.until(whole).await, "the stream ended: {}", self.text());
        self.seen()
    }

    /// The events that came whole.
    fn seen(&self) -> Vec<Piece> {
        let text = self.text();
        let text = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        let lines = |name: &'static str| {
            text.lines().filter_map(move |line| line.strip_prefix(name)).map(str::to_owned)
        };
        let events = lines("data: ").map(|data| serde_json::from_str(&data).unwrap());
        lines("id: ").zip(events).collect()
    }
}

fn subjects(pieces: &[Piece]) -> Vec<&str> {
    pieces.iter().map(|(_, event)| event["subject"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_page_that_waits_comes_as_soon_as_something_fits() {
    let callbox = Callbox::start(SHOP).await;
    callbox.push("shop", receipt("old", "sent")).await.callback();
    let cursor = callbox.json("/v1/events").await["cursor"].as_str().unwrap().to_owned();
    let target = format!("/v1/events?type=message.delivered&wait=60s&cursor={cursor}");
    let pushes = async {
        callbox.push("shop", receipt("a", "sent")).await.callback();
        callbox.push("shop", receipt("b", "delivered")).await.callback();
    };
    let (page, ()) = tokio::join!(callbox.json(&target), pushes);
    assert_eq!(page["data"][0]["subject"], "b");
    // What is there already is not waited for, and the cursor goes on behind it.
    let again = callbox.json(&format!("/v1/events?wait=60s&order=asc&cursor={cursor}")).await;
    assert_eq!(again["data"].as_array().unwrap().len(), 2);
    assert_eq!(again["cursor"], page["cursor"]);
}

#[tokio::test]
async fn a_page_that_waited_in_vain_is_empty_and_can_be_gone_on_from() {
    let callbox = Callbox::start(SHOP).await;
    let page = tokio::select! {
        page = callbox.json("/v1/events?wait=30s") => page,
        () = async {
            for _ in 0..ROUNDS_MAX {
                callbox.clock.advance(SECOND * 30);
                callbox.ask("/v1/events?limit=1").await;
            }
        } => unreachable!("nobody waits so long"),
    };
    assert_eq!((&page["data"], page.get("next_cursor")), (&json!([]), None));
    let cursor = page["cursor"].as_str().unwrap();
    callbox.push("shop", receipt("a", "sent")).await.callback();
    let next = callbox.json(&format!("/v1/events?wait=30s&cursor={cursor}")).await;
    assert_eq!(next["data"][0]["subject"], "a");
}

#[tokio::test]
async fn what_can_not_be_waited_for_is_refused() {
    let callbox = Callbox::start(SHOP).await;
    for (target, expected) in [
        ("/v1/events?wait=61s", "up to 60s"),
        ("/v1/events?wait=soon", "a length of time"),
        ("/v1/events?wait=1s&order=desc", "asc"),
        ("/v1/events/stream?cursor=nonsense", "another store"),
        ("/v1/events/stream?limit=5", "there is no parameter `limit`"),
        ("/v1/events/stream?phone=none", "digits"),
    ] {
        let detail = callbox.ask(target).await.problem(400, "invalid_parameter");
        assert!(detail.contains(expected), "{target}: {detail}");
    }
}

#[tokio::test]
async fn a_stream_begins_now_and_goes_on_where_the_last_one_ended() {
    let callbox = Callbox::start(SHOP).await;
    callbox.push("shop", receipt("old", "sent")).await.callback();
    let mut stream = Stream::open(callbox.api, "/v1/events/stream?type=message.*", None).await;
    assert!(stream.text().contains("content-type: text/event-stream"), "{}", stream.text());
    for id in ["a", "b", "c"] {
        callbox.push("shop", receipt(id, "sent")).await.callback();
    }
    let seen = stream.events(3).await;
    assert_eq!(subjects(&seen), ["a", "b", "c"]);
    let stored = callbox.json("/v1/events?limit=1").await["data"][0].clone();
    assert_eq!(seen[2].1, stored);

    drop(stream);
    callbox.push("shop", receipt("d", "sent")).await.callback();
    let last = seen[1].0.as_str();
    let mut stream = Stream::open(callbox.api, "/v1/events/stream", Some(last)).await;
    assert_eq!(subjects(&stream.events(2).await), ["c", "d"]);
    let target = format!("/v1/events/stream?cursor={}", seen[0].0);
    let mut stream = Stream::open(callbox.api, &target, None).await;
    assert_eq!(subjects(&stream.events(3).await), ["b", "c", "d"]);
    let mut stream = Stream::open(callbox.api, &target, Some(last)).await;
    assert_eq!(subjects(&stream.events(2).await), ["c", "d"]);
    // A cursor of a stream is one of the list, too.
    let page = callbox.json(&format!("/v1/events?order=asc&cursor={last}")).await;
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_shows_that_it_is_alive() {
    let callbox = Callbox::start(SHOP).await;
    let mut stream = Stream::open(callbox.api, "/v1/events/stream", None).await;
    let beats = |text: &str| text.matches(": nothing new\n").count() >= 2;
    tokio::select! {
        alive = stream.until(beats) => assert!(alive),
        () = async {
            for _ in 0..ROUNDS_MAX {
                callbox.clock.advance(SECOND * 15);
                callbox.ask("/v1/events?limit=1").await;
            }
        } => unreachable!("it stays silent"),
    }
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_and_loses_nothing() {
    const EVENTS: usize = 24;
    let callbox = Callbox::start(SHOP).await;
    let mut stream = Stream::open(callbox.api, "/v1/events/stream", None).await;
    let much = "rye ".repeat(200_000);
    for number in 0..EVENTS {
        callbox.push("shop", inbound(&number.to_string(), &much)).await.callback();
    }
    for _ in 0..ROUNDS {
        callbox.clock.advance(SECOND * 31);
        callbox.ask("/v1/events?limit=1").await;
    }
    // It was ended; and then its connection was, since nobody took even that.
    stream.until(|text| text.ends_with("\r\n0\r\n\r\n")).await;
    let seen = stream.seen();
    assert!(seen.len() < EVENTS, "it was not cut");
    let last = seen.last().unwrap().0.clone();
    let mut stream = Stream::open(callbox.api, "/v1/events/stream", Some(&last)).await;
    let rest = stream.events(EVENTS - seen.len()).await;
    let all: Vec<String> =
        subjects(&seen).into_iter().chain(subjects(&rest)).map(str::to_owned).collect();
    assert_eq!(all, (0..EVENTS).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_head_of_a_stream_opens_none() {
    let callbox = Callbox::start(SHOP).await;
    // More than there are seats, on connections that stay open.
    let mut connections = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(callbox.api).await.unwrap();
        let request = "HEAD /v1/events/stream HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0);
        }
        let head = String::from_utf8(received).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/event-stream"), "{head}");
        connections.push(stream);
    }
    Stream::open(callbox.api, "/v1/events/stream", None).await;
}

#[tokio::test]
async fn whoever_follows_is_let_go_when_callbox_stops() {
    let place = Place::new("");
    let mut program = place.start();
    let mut stream = Stream::open(program.api, "/v1/events/stream", None).await;
    let mut waiting = Stream::begin(program.api, "/v1/events?wait=60s", None).await;
    assert_eq!(http::send(program.api, "GET", "/healthz", &[], b"").await.unwrap().status, 200);
    program.terminate();
    assert!(waiting.until(|text| text.contains("\"data\":[]")).await, "{}", waiting.text());
    assert!(stream.until(|text| text.ends_with("0\r\n\r\n")).await, "{}", stream.text());
    assert!(program.wait().success());
}
