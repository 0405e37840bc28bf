//! A destination: a real HTTP server on loopback whose answers are scripted, and which remembers what it got.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The most requests that wait to be looked at.
const REQUESTS_MAX: usize = 256;

/// Answers 200 unless told otherwise.
pub(crate) struct Receiver {
    pub(crate) url: String,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: mpsc::Receiver<Request>,
    task: JoinHandle<()>,
}

#[derive(Clone, Debug)]
enum Answer {
    /// This status, with these further header lines.
    Status(u16, String),
    /// None at all.
    Silence,
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The value of the header `name`, which is in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let answers = Arc::<Mutex<VecDeque<Answer>>>::default();
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        let script = Arc::clone(&answers);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), sender.clone()));
            }
        });
        Self { url, answers, requests, task }
    }

    /// Answers each request with the status that `judge` gives it, and remembers none.
    pub(crate) async fn judging(judge: impl Fn(&Request) -> u16 + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (_, requests) = mpsc::channel(1);
        let judge = Arc::new(judge);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let judge = Arc::clone(&judge);
                tokio::spawn(async move {
                    let mut buffer = Vec::new();
                    while let Some(request) = read(&mut stream, &mut buffer).await? {
                        reply(&mut stream, judge(&request), "").await?;
                    }
                    std::io::Result::Ok(())
                });
            }
        });
        Self { url, answers: Arc::default(), requests, task }
    }

    /// The section of a configuration that makes a destination of it, with these further lines.
    pub(crate) fn configured(&self, name: &str, more: &str) -> String {
        let url = &self.url;
        format!(
            "[destinations.{name}]\nurl = \"{url}\"\nallow_subnets = [\"127.0.0.0/8\"]\n\
             secrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]\n{more}\n"
        )
    }

    /// Answers the next request with this status.
    pub(crate) fn then(&self, status: u16) -> &Self {
        self.then_with(status, "")
    }

    /// Answers the next request with this status and these header lines, each ended by CR LF.
    pub(crate) fn then_with(&self, status: u16, headers: &str) -> &Self {
        self.answers.lock().push_back(Answer::Status(status, headers.to_owned()));
        self
    }

    /// Never answers this many further requests.
    pub(crate) fn then_silence(&self, times: usize) -> &Self {
        self.answers.lock().extend(std::iter::repeat_n(Answer::Silence, times));
        self
    }

    /// The next request, once it is there.
    pub(crate) async fn next(&mut self) -> Request {
        self.requests.recv().await.unwrap()
    }

    /// The requests that arrived and were not looked at yet.
    pub(crate) fn requests(&mut self) -> Vec<Request> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers one connection's requests, one after the other.
async fn serve(
    mut stream: TcpStream,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: mpsc::Sender<Request>,
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await? {
        let answer = answers.lock().pop_front().unwrap_or(Answer::Status(200, String::new()));
        let _ = requests.send(request).await;
        let Answer::Status(status, headers) = answer else { std::future::pending().await };
        reply(&mut stream, status, &headers).await?;
    }
    Ok(())
}

async fn reply(stream: &mut TcpStream, status: u16, headers: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} Scripted\r\n{headers}content-length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Request>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let mut request = Request { head, body: Vec::new() };
            let length = request.header("content-length").map_or(0, |text| text.parse().unwrap());
            let whole = end + 4 + length;
            if buffer.len() >= whole {
                request.body = buffer[end + 4..whole].to_vec();
                buffer.drain(..whole);
                return Ok(Some(request));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
