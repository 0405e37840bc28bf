//! The baselines: an actix server that reads the body, answers, and keeps nothing, or the body alone, in a commit of its own.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::thread::{self, JoinHandle};

use actix_web::dev::ServerHandle;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer, rt};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

/// Of the same length as what callbox answers.
const ANSWER: &str =
    r#"{"callback":"cbk_00000000000000000000000000","events":["evt_00000000000000000000000000"]}"#;

/// A body that is to be kept, and whom to tell whether it was.
type Body = (web::Bytes, oneshot::Sender<bool>);

/// Bodies that may wait for the one thread that keeps them.
const WAITING_MAX: usize = 4_096;

/// A running baseline server, on a thread of its own.
pub(crate) struct Bare {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
    thread: JoinHandle<io::Result<()>>,
}

impl Bare {
    /// Starts it on a free port of loopback.
    pub(crate) fn start() -> io::Result<Self> {
        Self::serve(|config| {
            config.route("/in", web::post().to(answer));
        })
    }

    /// Starts one that writes each body to a database and syncs it before it answers, one after the other.
    pub(crate) fn start_syncing(database: &Path) -> Result<Self, Box<dyn Error>> {
        let database = open(database)?;
        let (write, mut bodies) = mpsc::channel::<Body>(WAITING_MAX);
        thread::spawn(move || {
            while let Some((body, done)) = bodies.blocking_recv() {
                let kept = database.execute("INSERT INTO callback (body) VALUES (?1)", [&*body]);
                // Who has gone does not want to know.
                let _ = done.send(kept.is_ok());
            }
        });
        Ok(Self::serve(move |config| {
            config.app_data(web::Data::new(write.clone())).route("/in", web::post().to(keep));
        })?)
    }

    fn serve(routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> io::Result<Self> {
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let thread = thread::spawn(move || {
            rt::System::new().block_on(async move {
                let server = HttpServer::new(move || App::new().configure(routes.clone()))
                    .disable_signals()
                    .bind(("127.0.0.1", 0))?;
                let address = server.addrs().first().copied();
                let server = server.run();
                ready.send((address, server.handle())).map_err(io::Error::other)?;
                server.await
            })
        });
        let (address, handle) = started.recv().map_err(io::Error::other)?;
        let address = address.ok_or_else(|| io::Error::other("bound to no address"))?;
        Ok(Self { address, handle, thread })
    }

    /// Stops it and waits until it has.
    pub(crate) fn stop(self) -> io::Result<()> {
        rt::System::new().block_on(self.handle.stop(true));
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the bare server panicked")))
    }
}

/// With synced commits, as callbox's store has them, and nothing else of it: a table without any index.
#[expect(clippy::disallowed_methods, reason = "a database of the bench's own")]
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let database = Connection::open(path)?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE callback (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
    )?;
    Ok(database)
}

async fn keep(body: web::Bytes, write: web::Data<mpsc::Sender<Body>>) -> HttpResponse {
    let (done, kept) = oneshot::channel();
    if write.send((body, done)).await.is_ok() && kept.await == Ok(true) {
        return HttpResponse::Ok().content_type("application/json").body(ANSWER);
    }
    HttpResponse::ServiceUnavailable().finish()
}

async fn answer(body: web::Bytes) -> HttpResponse {
    std::hint::black_box(body.len());
    HttpResponse::Ok().content_type("application/json").body(ANSWER)
}
