//! The sender against real servers on loopback, friendly and hostile ones.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::domain::backlog::{BacklogBounds, StartFrom};
use crate::domain::destination::{Format, Tls};
use crate::domain::lane::FailFast;
use crate::domain::order::OnExhausted;
use crate::domain::retry::RetrySchedule;
use crate::domain::secret::Secret;

const NOW: i64 = 1_786_526_157_000;

/// A server that answers every connection with the same bytes, once the request is there whole.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: tokio::sync::mpsc::Receiver<String>,
    task: JoinHandle<()>,
}

/// What a server does once it has answered.
#[derive(Clone, Copy)]
enum Then {
    Close,
    Wait,
    Drip,
    Flood,
}

impl Server {
    async fn start(answer: &str, then: Then) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (sender, requests) = tokio::sync::mpsc::channel(8);
        let (count, answer) = (Arc::clone(&connections), answer.to_owned());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, answer.clone(), then, sender.clone()));
            }
        });
        Self { address, connections, requests, task }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: String,
    then: Then,
    requests: tokio::sync::mpsc::Sender<String>,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"{}") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let _ = requests.send(String::from_utf8_lossy(&request).into_owned()).await;
    stream.write_all(answer.as_bytes()).await?;
    match then {
        Then::Close => {}
        Then::Wait => std::future::pending().await,
        Then::Drip => {
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            loop {
                pace.tick().await;
                stream.write_all(b"1\r\nx\r\n").await?;
            }
        }
        Then::Flood => loop {
            stream.write_all(&[b'x'; 16 * 1024]).await?;
        },
    }
    Ok(())
}

fn destination(url: &str) -> Destination {
    Destination {
        name: "crm".parse().unwrap(),
        url: url.parse().unwrap(),
        events: Vec::new(),
        sources: Vec::new(),
        channels: Vec::new(),
        filter: None,
        secrets: vec![Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned())],
        headers: vec![("x-team".to_owned(), Secret::new("kettles".to_owned()))],
        format: Format::Event,
        transform: None,
        tls: Tls::default(),
        timeout: Duration::from_secs(20),
        max_concurrency: 8,
        order: None,
        rate: None,
        fail_fast: FailFast::default(),
        on_exhausted: OnExhausted::default(),
        retry: RetrySchedule::default(),
        from: StartFrom::Now,
        backlog: BacklogBounds::default(),
        enabled: true,
        allow_subnets: vec!["127.0.0.0/8".parse().unwrap()],
    }
}

fn parcel() -> Parcel {
    Parcel {
        delivery: DeliveryId::from_bits(1),
        event: EventId::from_bits(2),
        replay: None,
        attempt: 3,
        hops: 1,
        content_type: Some("application/json".to_owned()),
        body: Bytes::from_static(b"{}"),
    }
}

async fn send(destination: &Destination) -> Verdict {
    let sender = Sender::new(destination, Vec::new()).unwrap();
    sender.send(&parcel(), Time::from_millis(NOW)).await
}

async fn send_to(server: &Server) -> Verdict {
    send(&destination(&format!("http://{}/hook?a=b", server.address))).await
}

async fn send_briefly(server: &Server) -> Verdict {
    let url = format!("http://{}/hook", server.address);
    send(&Destination { timeout: Duration::from_millis(200), ..destination(&url) }).await
}

#[tokio::test]
async fn a_2xx_answer_is_success_and_the_request_says_who_we_are() {
    let mut server = Server::start("HTTP/1.1 204 No Content\r\n\r\n", Then::Close).await;
    let verdict = send_to(&server).await;
    assert_eq!((verdict.outcome, verdict.status), (Outcome::Succeeded, Some(204)), "{verdict:?}");
    let request = server.requests.recv().await.unwrap();
    let sent: Vec<&str> = request.split("\r\n").collect();
    for line in [
        "POST /hook?a=b HTTP/1.1",
        "webhook-id: evt_00000000000000000000000002",
        "webhook-timestamp: 1786526157",
        "webhook-attempt: 3",
        "webhook-hops: 1",
        "callbox-delivery: dlv_00000000000000000000000001",
        "content-type: application/json",
        concat!("user-agent: callbox/", env!("CARGO_PKG_VERSION")),
        "x-team: kettles",
    ] {
        assert!(sent.contains(&line), "{line} is not in\n{request}");
    }
    assert!(sent.iter().any(|line| line.starts_with("webhook-signature: v1,")));
}

#[tokio::test]
async fn another_status_is_rejected_with_its_words_and_the_body_s_beginning() {
    let table = [
        ("HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\nboom", 500, "500 Internal Server Error"),
        ("HTTP/1.1 410 Gone\r\ncontent-length: 4\r\n\r\nboom", 410, "410 Gone"),
        ("HTTP/1.1 599 Odd\r\ncontent-length: 4\r\n\r\nboom", 599, "599 without a name"),
        ("HTTP/1.1 400 No\r\ncontent-length: 999\r\n\r\nboom", 400, "400 Bad Request"),
    ];
    for (answer, status, reason) in table {
        let server = Server::start(answer, Then::Close).await;
        let verdict = send_to(&server).await;
        assert_eq!((verdict.outcome, verdict.status), (Outcome::Rejected, Some(status)));
        assert_eq!(verdict.reason.as_deref(), Some(reason));
        assert_eq!(verdict.response.as_deref(), Some("boom"));
    }
}

#[tokio::test]
async fn retry_after_is_handed_on() {
    let answer = "HTTP/1.1 503 Busy\r\nretry-after: 90\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(answer, Then::Close).await;
    assert_eq!(send_to(&server).await.retry_after, Some(Duration::from_secs(90)));
}

#[tokio::test]
async fn a_redirect_is_rejected_and_nobody_goes_there() {
    let inside = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Then::Close).await;
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        let answer = format!(
            "HTTP/1.1 {status}\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n",
            inside.address
        );
        let server = Server::start(&answer, Then::Close).await;
        let verdict = send_to(&server).await;
        assert_eq!(verdict.outcome, Outcome::Rejected);
        assert_eq!(verdict.reason.unwrap(), format!("{status}; redirects are not followed"));
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn slow_destinations_are_cut_at_the_deadline() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let cases = [("", Then::Wait), ("HTTP/1.1 200", Then::Wait), (chunked, Then::Drip)];
    for (answer, then) in cases {
        let server = Server::start(answer, then).await;
        let verdict = send_briefly(&server).await;
        assert_eq!(verdict.outcome, Outcome::TimedOut, "{answer} {verdict:?}");
        assert_eq!(verdict.reason.as_deref(), Some("no whole response within 200ms"));
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_and_only_its_beginning_kept() {
    for (status, outcome, kept) in
        [("200 OK", Outcome::Succeeded, None), ("500 Oh", Outcome::Rejected, Some(KEPT_MAX))]
    {
        let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n");
        let server = Server::start(&answer, Then::Flood).await;
        let verdict = send_to(&server).await;
        assert_eq!(verdict.outcome, outcome, "{verdict:?}");
        assert_eq!(verdict.response.map(|text| text.len()), kept);
    }
}

#[tokio::test]
async fn what_is_not_http_is_unreachable_with_a_reason() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-a: y\r\n".repeat(1_000));
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf";
    for answer in ["SSH-2.0-OpenSSH_9.2\r\n", "\0\0\0\0\r\n\r\n", "", &many, broken] {
        let server = Server::start(answer, Then::Close).await;
        let verdict = send_to(&server).await;
        let head: String = answer.chars().take(20).collect();
        assert_eq!(verdict.outcome, Outcome::Unreachable, "{head} {verdict:?}");
        let reason = verdict.reason.unwrap();
        assert!(
            reason.starts_with("malformed answer: ") || reason.starts_with("connection "),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn what_can_not_be_connected_to_is_unreachable_with_a_reason() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let verdict = send(&destination(&format!("http://{free}/"))).await;
    assert_eq!(verdict.outcome, Outcome::Unreachable);
    assert_eq!(verdict.reason.as_deref(), Some("connection refused"));

    // No label of a name is that long, so no name server is asked.
    let verdict = send(&destination(&format!("http://{}.invalid/", "x".repeat(70)))).await;
    assert_eq!(verdict.outcome, Outcome::Unreachable);
    assert!(verdict.reason.as_deref().unwrap().starts_with("dns: "), "{verdict:?}");
}

#[tokio::test]
async fn the_guard_refuses_loopback_by_address_and_by_name_without_connecting() {
    let server = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Then::Close).await;
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{port}/");
        let verdict = send(&Destination { allow_subnets: Vec::new(), ..destination(&url) }).await;
        assert_eq!(verdict.outcome, Outcome::Refused, "{host} {verdict:?}");
        assert!(verdict.reason.unwrap().ends_with("is refused: loopback"), "{host}");
    }
    assert_eq!(server.connections(), 0);

    let url = format!("http://localhost:{port}/");
    let sender = Sender::new(&destination(&url), vec![server.address]).unwrap();
    let verdict = sender.send(&parcel(), Time::from_millis(NOW)).await;
    assert_eq!(verdict.outcome, Outcome::Refused, "{verdict:?}");
    assert_eq!(server.connections(), 0);
}

#[test]
fn proxy_variables_are_ignored() {
    let proxy = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let path = std::env::current_exe().unwrap();
    let name = "delivery::sender::tests::a_2xx_answer_is_success_and_the_request_says_who_we_are";
    let mut again = std::process::Command::new(path);
    again.args(["--exact", name]);
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"] {
        again.env(variable, &address);
    }
    let output = again.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    proxy.set_nonblocking(true).unwrap();
    assert!(proxy.accept().is_err(), "the proxy was asked");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_named_so() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    // A machine without any root certificates has no client for TLS at all, and says so.
    if let Ok(sender) = Sender::new(&destination(&format!("https://{address}/")), Vec::new()) {
        let verdict = sender.send(&parcel(), Time::from_millis(NOW)).await;
        assert_eq!(verdict.outcome, Outcome::Unreachable);
        assert_eq!(verdict.reason.as_deref(), Some("tls: the other side does not speak TLS"));
    }
    task.abort();
}

#[test]
fn headers_that_are_not_a_destination_s_to_set_are_refused() {
    let with = |name: &str, value: &str| {
        let headers = vec![(name.to_owned(), Secret::new(value.to_owned()))];
        Sender::new(&Destination { headers, ..destination("http://example.com/") }, Vec::new())
    };
    assert!(with("authorization", "Bearer abc").is_ok());
    for (name, value) in [
        ("webhook-id", "x"),
        ("host", "example.org"),
        ("content-length", "1"),
        ("transfer-encoding", "chunked"),
        ("a b", "x"),
        ("x-a", "line\r\nx-b: y"),
        ("x-a", "\u{1f600}"),
    ] {
        assert!(matches!(with(name, value), Err(SenderError::Header(..))), "{name}");
    }
}
