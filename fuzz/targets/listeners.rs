//! A whole callbox, asked and pushed to with any bytes over the wire: never a panic, a 5xx, or no end.
//!
//! The first byte says whom and how; the rest is a raw request, a body for one of the sources, or a query of one of the lists,
//! with filters and cursors.
#![no_main]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use callbox::app::{self, Surroundings};
use libfuzzer_sys::fuzz_target;
use tokio_util::sync::CancellationToken;

const PLACES: [&str; 6] = ["wachat", "wavecell", "wessaal", "whautochat", "generic", "form"];
const LISTS: [&str; 6] = ["events", "messages", "callbacks", "deliveries", "conversations/form/x", "destinations"];
const KINDS: [&str; 4] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/xml; charset=utf-16",
];

/// The addresses of a callbox that runs for as long as the fuzzer: vendors' and API's.
static RUNNING: LazyLock<(SocketAddr, SocketAddr)> = LazyLock::new(|| {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let folder = tempfile::tempdir().expect("there is room");
        let mut config = callbox_fuzz::config();
        config.store.path = folder.path().join("callbox.db");
        config.store.min_free = Some(1);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        runtime.block_on(async {
            let app = app::build(config, Surroundings::of_the_machine()).await.expect("it starts");
            tell.send((app.vendors_address(), app.api_address())).expect("somebody waits");
            app.run_until(CancellationToken::new(), CancellationToken::new()).await.expect("it runs");
        });
    });
    told.recv().expect("it has started")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let (vendors, api) = *RUNNING;
    let number = usize::from(how / 4);
    let (to, request) = match how % 4 {
        0 => (vendors, rest.to_vec()),
        1 => (api, rest.to_vec()),
        2 => {
            let (place, kind) = (PLACES[number % PLACES.len()], KINDS[number / PLACES.len() % KINDS.len()]);
            let head = format!(
                "POST /in/{place} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
                rest.len()
            );
            (vendors, [head.as_bytes(), rest].concat())
        }
        _ => {
            let list = LISTS[number % LISTS.len()];
            let query: Vec<u8> = rest.iter().copied().filter(u8::is_ascii_graphic).collect();
            let head = format!("GET /v1/{list}?");
            let end = b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            (api, [head.as_bytes(), &query, end].concat())
        }
    };
    // A stream or a wait for what comes next has no end of its own; whoever asks for one is not answered wrongly.
    let waits = request.windows(5).any(|word| word == b"wait=") || request.windows(6).any(|word| word == b"stream");
    if waits {
        return;
    }
    let mut stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    let _ = stream.write_all(&request);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert!(error.kind() == std::io::ErrorKind::ConnectionReset, "no end: {error}");
    }
    assert!(!answer.starts_with(b"HTTP/1.1 5"), "{}", String::from_utf8_lossy(&answer));
});
