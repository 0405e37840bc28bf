//! Clients that take their time: a head without an end, a body that nobody wants, answers that nobody takes. Each is cut off.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::callbox::Callbox;

const OPEN: &str = "[sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\n";

/// The most seconds that pass for somebody who has to be cut off within far fewer.
const SECONDS_MAX: usize = 20_000;

/// Reads until so much was read.
async fn read_past(stream: &mut TcpStream, end: &str) -> String {
    let mut received = Vec::new();
    while !String::from_utf8_lossy(&received).contains(end) {
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "the connection has ended");
    }
    String::from_utf8(received).unwrap()
}

/// Lets time pass until the connection is at its end, sending a byte each second.
async fn cut_off(callbox: &Callbox, stream: &mut TcpStream, byte: &[u8]) {
    let mut received = Vec::new();
    for _ in 0..SECONDS_MAX {
        tokio::select! {
            biased;
            read = stream.read_buf(&mut received) => {
                if !matches!(read, Ok(length) if length > 0) {
                    return;
                }
            }
            // Questions take their time, so that the one who waits gets to run.
            _ = callbox.ask("/healthz") => {
                callbox.clock.advance(Duration::from_secs(1));
                // The connection may end at any moment; then reading says so.
                let _ = stream.write_all(byte).await;
            }
        }
    }
    unreachable!("it was never cut off");
}

/// Whether the cut is counted, soon after the client saw it.
async fn counted(callbox: &Callbox, reason: &str) -> bool {
    let line = format!("callbox_connections_cut_total{{reason=\"{reason}\"}} 1");
    for _ in 0..LOOKS {
        if callbox.ask("/metrics").await.text().contains(&line) {
            return true;
        }
    }
    false
}

/// Looks at the metrics until a cut has to be there.
const LOOKS: usize = 1_000;

#[tokio::test]
async fn a_second_head_has_no_more_time_than_the_first() {
    let callbox = Callbox::start(OPEN).await;
    let mut stream = TcpStream::connect(callbox.vendors).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_past(&mut stream, "ok\n").await;
    stream.write_all(b"POST /in/shop HTTP/1.1\r\nx-a: ").await.unwrap();
    cut_off(&callbox, &mut stream, b"a").await;
    assert!(counted(&callbox, "head").await);
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_hold_its_connection() {
    let callbox = Callbox::start(OPEN).await;
    let mut stream = TcpStream::connect(callbox.vendors).await.unwrap();
    let head =
        "POST /in/nobody HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_past(&mut stream, "}").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    cut_off(&callbox, &mut stream, b"1\r\na\r\n").await;
}

#[tokio::test]
async fn whoever_takes_no_answers_is_not_listened_to_and_then_cut_off() {
    const ENOUGH: usize = 64 << 20; // far more than a system holds for a connection
    let callbox = Callbox::start(OPEN).await;
    let mut stream = TcpStream::connect(callbox.vendors).await.unwrap();
    let many = "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1_000);
    let mut sent = 0;
    let (_reading, mut writing) = stream.split();
    let mut seconds = 0;
    while sent < ENOUGH && seconds < SECONDS_MAX {
        tokio::select! {
            biased;
            written = writing.write(many.as_bytes()) => match written {
                Ok(length) => sent += length,
                Err(_) => break,
            },
            _ = callbox.ask("/healthz") => {
                seconds += 1;
                callbox.clock.advance(Duration::from_secs(1));
            }
        }
    }
    assert!(sent < ENOUGH, "it was listened to for {sent} bytes");
    assert!(seconds < SECONDS_MAX, "it was never cut off");
    assert!(counted(&callbox, "answer").await);
}
