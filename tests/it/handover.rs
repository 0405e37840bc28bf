//! Another release takes over: whoever pushes meanwhile waits a moment, and nobody is refused.

use std::fs;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::durable::{assert_bodies, assert_kept};
use crate::support::http;
use crate::support::program::{Place, Program};
use crate::support::vendor::{Pushed, Vendor};

/// Restarts and reloads in one run.
const RESTARTS: usize = 10;
const RELOADS: usize = 5;

/// Pushes between one and the next.
const BETWEEN: usize = 60;

/// What stands in for systemd: it holds the sockets, hears what the service tells, and keeps the connections that it leaves.
struct Manager {
    place: Place,
    sockets: Vec<TcpListener>,
    told: UnixDatagram,
    kept: Vec<OwnedFd>,
}

impl Manager {
    fn of(place: Place) -> Self {
        let told = UnixDatagram::bind(place.path().join("notify")).unwrap();
        let sockets = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        Self { place, sockets, told, kept: Vec::new() }
    }

    fn address(&self, index: usize) -> SocketAddr {
        self.sockets[index].local_addr().unwrap()
    }

    /// Starts the service with its sockets and what the last one left; it is ready once this returns.
    fn start(&mut self) -> Program {
        let sockets = self.sockets.iter().map(|socket| socket.try_clone().unwrap().into());
        let sockets: Vec<OwnedFd> = sockets.chain(self.kept.drain(..)).collect();
        let notify = self.place.path().join("notify");
        let notify = ("NOTIFY_SOCKET", notify.to_str().unwrap());
        let program = self.place.start_with(sockets, &[notify, ("LISTEN_FDNAMES", "api:vendors")]);
        assert_eq!((program.api, program.vendors), (self.address(0), self.address(1)));
        while !self.hear().unwrap().contains("READY=1\n") {}
        program
    }

    /// Stops the service, and keeps the connections that it leaves.
    fn stop(&mut self, program: &mut Program) {
        program.terminate();
        assert_eq!(program.wait().code(), Some(0));
        self.told.set_nonblocking(true).unwrap();
        let mut told = String::new();
        while let Some(more) = self.hear() {
            told.push_str(&more);
        }
        self.told.set_nonblocking(false).unwrap();
        assert!(told.contains("STOPPING=1\n"), "{told}");
    }

    /// One message of the service; none if there is none yet, and nobody waits for it.
    fn hear(&mut self) -> Option<String> {
        let (mut text, mut space) = ([0; 4096], [MaybeUninit::uninit(); 4096]);
        let mut attached = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut text)];
        let heard = recvmsg(&self.told, &mut parts, &mut attached, RecvFlags::empty()).ok()?;
        for message in attached.drain() {
            if let RecvAncillaryMessage::ScmRights(sockets) = message {
                self.kept.extend(sockets);
            }
        }
        Some(String::from_utf8(text[..heard.bytes].to_vec()).unwrap())
    }
}

/// Checks that everything was acknowledged at the first try and is there, and tells how it went.
async fn assert_nothing_missed(what: &str, program: &Program, pushed: &Pushed) {
    eprintln!(
        "{what}: {} acknowledged, {} failed, the slowest after {:.2} s",
        pushed.acknowledged.len(),
        pushed.failed.len(),
        pushed.slowest.as_secs_f64()
    );
    assert!(pushed.failed.is_empty(), "{:?}", pushed.failed);
    assert_bodies(program.api, &pushed.acknowledged).await;
    assert_kept(program.api, &pushed.acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_upgrades_and_five_reloads_refuse_nobody() {
    let place = Place::new("");
    let mut program = place.start();
    let before = program.id();
    let mut vendor = Vendor::start(program.vendors);
    for round in 0..RESTARTS {
        vendor.go_on(BETWEEN).await;
        program.upgrade();
        if round < RELOADS {
            vendor.go_on(BETWEEN).await;
            let told = http::send(program.api, "POST", "/v1/reload", &[], b"").await.unwrap();
            assert_eq!(told.status, 200, "{}", told.text());
        }
    }
    vendor.go_on(BETWEEN).await;
    let pushed = vendor.end().await;
    // Whoever watches over the process sees the same one.
    assert_eq!(program.id(), before);
    assert_nothing_missed("10 upgrades, 5 reloads", &program, &pushed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_restarts_by_who_holds_the_sockets_refuse_nobody() {
    let mut manager = Manager::of(Place::new(""));
    let mut program = manager.start();
    let mut vendor = Vendor::start(program.vendors);
    let mut left = 0;
    for _ in 0..RESTARTS {
        vendor.go_on(BETWEEN).await;
        manager.stop(&mut program);
        left += manager.kept.len();
        program = manager.start();
    }
    vendor.go_on(BETWEEN).await;
    let pushed = vendor.end().await;
    assert!(left > 0, "no connection was at rest at any stop");
    assert_nothing_missed("10 restarts", &program, &pushed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_upgrade_with_a_migration_refuses_nobody_and_loses_nothing() {
    let mut manager = Manager::of(Place::new(""));
    let mut program = manager.start();
    let mut vendor = Vendor::start(program.vendors);
    vendor.go_on(10 * BETWEEN).await;
    manager.stop(&mut program);
    let today = as_an_older_release_left_it(&manager.place.database());
    program = manager.start();
    vendor.go_on(BETWEEN).await;
    let pushed = vendor.end().await;
    assert_nothing_missed("1 upgrade with a migration", &program, &pushed).await;
    drop(program);
    assert_eq!(version(&open(&manager.place.database())), today);
}

/// Takes away what the last steps brought; the version that it had.
fn as_an_older_release_left_it(database: &Path) -> i64 {
    let store = open(database);
    let today = version(&store);
    let older = "DROP TRIGGER delivery_leaves_line; DROP TRIGGER delivery_gone_from_line;
                 DROP INDEX delivery_line; DROP INDEX delivery_blocking; ALTER TABLE delivery DROP COLUMN order_key;
                 DROP TABLE count; DROP TABLE consumer; DROP TABLE alarm; DROP TABLE replay;
                 DROP INDEX delivery_replayed; ALTER TABLE delivery DROP COLUMN replay;
                 DROP TABLE known_by; DROP TABLE words; DROP TABLE indexed;
                 PRAGMA user_version = 5;";
    store.execute_batch(older).unwrap();
    today
}

fn open(database: &Path) -> Connection {
    Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}

fn version(store: &Connection) -> i64 {
    store.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_release_that_refuses_the_configuration_does_not_take_over() {
    let place = Place::new("");
    let log = place.path().join("log");
    let program = place.start_logging(&log);
    let right = place.text();
    fs::write(place.configuration(), right.replace("vendor =", "vendro =")).unwrap();
    program.ask_to_upgrade();
    while !fs::read_to_string(&log).unwrap().contains("nothing took over") {
        let ready = http::send(program.vendors, "GET", "/readyz", &[], b"").await.unwrap();
        assert_eq!(ready.status, 200);
    }
    assert!(fs::read_to_string(&log).unwrap().contains("vendro"));
    assert_eq!(http::send(program.api, "GET", "/health", &[], b"").await.unwrap().status, 200);
}
