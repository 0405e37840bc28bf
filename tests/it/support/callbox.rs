//! A whole callbox for one test: its own store, free ports, time in the test's hand, chance from a seed.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use callbox::app::{self, Surroundings};
use callbox::config::{Config, Environment};
use callbox::random::Random;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::clock::ManualClock;
use super::http::{self, Answer};

/// How long something that has to come may take: far more than a busy machine needs, and only a bug takes all of it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where every test listens: on free ports.
const LISTEN: &str = "listen = \"127.0.0.1:0\"\n";

/// What vendors call us, for signatures over URLs.
const PUBLIC: &str = "public_url = \"https://hooks.example.com/inbox\"\n";

/// A running callbox. Dropping it stops it at once, and checks that nothing of it is left running.
pub(crate) struct Callbox {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) vendors: SocketAddr,
    pub(crate) api: SocketAddr,
    text: String,
    seed: u64,
    directory: Option<tempfile::TempDir>,
    stop: CancellationToken,
    hurry: CancellationToken,
    thread: Option<JoinHandle<usize>>,
}

impl Callbox {
    /// Starts with these sections of the configuration; without an `[api]` among them, anybody here may ask.
    pub(crate) async fn start(text: &str) -> Self {
        Self::start_seeded(text, 0).await
    }

    /// The same, with ids, key and jitter of another chance.
    pub(crate) async fn start_seeded(text: &str, seed: u64) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Self::start_in(directory, text, ManualClock::new(), seed).await
    }

    /// Stops, and starts again with what is on disk and the same clock.
    pub(crate) async fn restart(self) -> Self {
        let text = self.text.clone();
        self.restart_with(&text).await
    }

    /// The same, with these sections of the configuration in place of the others.
    pub(crate) async fn restart_with(mut self, text: &str) -> Self {
        let directory = self.directory.take().unwrap();
        let (clock, seed) = (Arc::clone(&self.clock), self.seed + 1);
        drop(self);
        Self::start_in(directory, text, clock, seed).await
    }

    async fn start_in(
        directory: tempfile::TempDir,
        text: &str,
        clock: Arc<ManualClock>,
        seed: u64,
    ) -> Self {
        let config = config(text, &directory.path().join("callbox.db"));
        let surroundings = Surroundings {
            clock: Arc::<ManualClock>::clone(&clock),
            ids: Random::from_seed(seed),
            jitter: Random::from_seed(seed),
        };
        let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
        let (tell, told) = oneshot::channel();
        let (stopping, hurrying) = (stop.clone(), hurry.clone());
        // A runtime of its own, so that what it leaves behind can be counted.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let app = app::build(config, surroundings).await.unwrap();
                tell.send((app.vendors_address(), app.api_address())).unwrap();
                app.run_until(stopping, hurrying).await.unwrap();
                left_running().await
            })
        });
        let (vendors, api) = told.await.expect("callbox should have started");
        let (directory, thread) = (Some(directory), Some(thread));
        let text = text.to_owned();
        Self { clock, vendors, api, text, seed, directory, stop, hurry, thread }
    }

    /// Pushes a JSON body to a source.
    pub(crate) async fn push(&self, source: &str, body: impl AsRef<[u8]>) -> Answer {
        let headers = [("content-type", "application/json")];
        self.post(&format!("/in/{source}"), &headers, body).await
    }

    /// Pushes whatever it is.
    pub(crate) async fn post(
        &self,
        target: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        http::send(self.vendors, "POST", target, headers, body.as_ref()).await.unwrap()
    }

    /// Asks a question.
    pub(crate) async fn ask(&self, target: &str) -> Answer {
        self.ask_with("GET", target, &[]).await
    }

    /// Orders something done.
    pub(crate) async fn order(&self, target: &str) -> Answer {
        self.ask_with("POST", target, &[]).await
    }

    pub(crate) async fn ask_with(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        http::send(self.api, method, target, headers, b"").await.unwrap()
    }

    /// The answer to a question that has one.
    pub(crate) async fn json(&self, target: &str) -> Value {
        let answer = self.ask(target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.json()
    }

    /// The newest events that a query of `/v1/events` finds, oldest first.
    pub(crate) async fn events(&self, query: &str) -> Vec<Value> {
        let mut page = self.json(&format!("/v1/events?limit=200&{query}")).await;
        assert!(page.get("next_cursor").is_none(), "more events than one page holds");
        let mut events: Vec<Value> = page["data"].as_array_mut().unwrap().drain(..).collect();
        events.reverse();
        events
    }

    /// A callback's body, byte for byte.
    pub(crate) async fn body_of(&self, callback: &str) -> Vec<u8> {
        let answer = self.ask(&format!("/v1/callbacks/{callback}/body")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.body
    }

    /// Asks until the answer is as wanted.
    pub(crate) async fn until(&self, target: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut latest = Value::Null;
        let looking = async {
            loop {
                latest = self.json(target).await;
                if wanted(&latest) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, looking).await;
        assert!(came.is_ok(), "{target} never became what was waited for: {latest:#}");
        latest
    }

    /// Everything that the store has written so far: the database, its log, and what stands beside them.
    pub(crate) fn bytes_on_disk(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.directory.as_ref().unwrap().path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

impl Drop for Callbox {
    fn drop(&mut self) {
        self.hurry.cancel();
        self.stop.cancel();
        let left = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            assert_eq!(left.expect("callbox should have ended well"), 0, "tasks are left running");
        }
    }
}

/// The tasks that outlive the end, once those that only had to notice it are gone.
async fn left_running() -> usize {
    let metrics = tokio::runtime::Handle::current().metrics();
    let ending = async {
        while metrics.num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    };
    // What is still there after that is counted, and is the test's failure.
    let _ = tokio::time::timeout(PATIENCE, ending).await;
    metrics.num_alive_tasks()
}

/// The whole configuration of a test.
fn config(text: &str, store: &Path) -> Config {
    let api = if text.contains("[api]") {
        String::new()
    } else {
        format!("[api]\n{LISTEN}anonymous = \"loopback\"\n")
    };
    let store = store.display();
    // A section of `[server]` that the test begins with is joined with ours.
    let (server, text) = text.strip_prefix("[server]\n").map_or(("", text), |keys| {
        let end = keys.find("\n[").map_or(0, |line| line + 1);
        keys.split_at(end)
    });
    let free = if text.contains("min_free") { "" } else { "min_free = \"1MiB\"\n" };
    let whole =
        format!("[server]\n{LISTEN}{PUBLIC}{server}{api}[store]\npath = \"{store}\"\n{free}{text}");
    Config::parse(&whole, "test.toml", &Environment::default())
        .unwrap_or_else(|error| unreachable!("{error}\n{whole}"))
}
