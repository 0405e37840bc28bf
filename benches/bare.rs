//! The baseline: an actix server that reads the body, answers, and keeps nothing.

use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, rt, web};

/// Of the same length as what callbox answers.
const ANSWER: &str =
    r#"{"callback":"cbk_00000000000000000000000000","events":["evt_00000000000000000000000000"]}"#;

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
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let thread = thread::spawn(move || {
            rt::System::new().block_on(async move {
                let server = HttpServer::new(|| App::new().route("/in", web::post().to(answer)))
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

async fn answer(body: web::Bytes) -> HttpResponse {
    std::hint::black_box(body.len());
    HttpResponse::Ok().content_type("application/json").body(ANSWER)
}
