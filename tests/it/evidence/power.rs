//! Power loss: the program's calls are recorded under load, a disk is made as a power cut at each of them could leave it, and the
//! store is opened on it. All that was acknowledged before has to be there.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use callbox::clock::{Clock, SystemClock};
use callbox::domain::id::{CallbackId, EventId};
use callbox::domain::query::{CallbackFilter, Order, PageRequest};
use callbox::random::Random;
use callbox::store::sqlite::{SqliteStore, inspect};
use callbox::store::{Outbox, Questions, Upkeep};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::disk::{CUTS, Disk, Image};
use super::trace::{self, Moment, What};
use super::{amount, broken, tell};
use crate::support::load::{Acknowledged, Load};
use crate::support::program::Place;

/// Images in one run, unless `CALLBOX_EVIDENCE_IMAGES` says otherwise.
const IMAGES: u64 = 600;

/// Callbacks that each of the runs gets acknowledged, unless `CALLBOX_EVIDENCE_ACKNOWLEDGED` says otherwise.
const ACKNOWLEDGED: u64 = 150;

const CONNECTIONS: usize = 6;

/// Threads that open images.
const OPENERS: usize = 2;

/// A destination that nobody listens at, so that claims and attempts are written between the callbacks.
const NOBODY: &str = "[destinations.crm]\nurl = \"http://127.0.0.1:9\"\nevents = [\"*\"]\nallow_subnets = [\"127.0.0.0/8\"]\n";

/// A run of the program: the disk before it, and what it did.
struct Run {
    before: Disk,
    moments: Vec<Moment>,
}

/// A disk that a power cut left, and how many callbacks had been acknowledged by then.
struct Left {
    image: Image,
    due: usize,
    how: String,
}

/// What opening the images came to.
#[derive(Default)]
struct Found {
    opened: u64,
    /// Images with something lost, altered or damaged, or that were refused.
    bad: u64,
    lost: u64,
    /// The first ones, in words.
    told: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace; tests/evidence/run runs it"]
async fn a_power_cut_at_any_call_loses_nothing_that_was_acknowledged() {
    let place = Place::new(NOBODY);
    let directory = place.database().parent().unwrap().to_owned();
    let (mut runs, mut pushed) = (Vec::new(), Vec::new());
    // A new store that is stopped in good order, then one with something in it that is killed.
    for ending in [true, false] {
        let before = Disk::of(&directory);
        let trace = place.path().join("trace");
        let mut program = place.start_traced(&trace, &trace::ARGUMENTS);
        let mut load = Load::start(program.vendors, CONNECTIONS);
        let wanted = amount("CALLBOX_EVIDENCE_ACKNOWLEDGED", ACKNOWLEDGED);
        load.reach(usize::try_from(wanted).unwrap()).await;
        if ending {
            program.terminate();
            program.wait();
        } else {
            program.kill();
        }
        pushed.extend(load.end().await.acknowledged);
        runs.push(Run { before, moments: trace::read(&trace, &directory) });
    }
    let acknowledged = in_order(&runs, &pushed);
    assert!(acknowledged.len() >= pushed.len(), "the trace misses acknowledgements");

    let images = amount("CALLBOX_EVIDENCE_IMAGES", IMAGES);
    let found = replay(runs, &acknowledged, 0, images);
    found.judge("Power cut at any write", acknowledged.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace; tests/evidence/run runs it"]
async fn a_power_cut_while_an_older_store_becomes_todays_loses_nothing() {
    let place = Place::new(NOBODY);
    let directory = place.database().parent().unwrap().to_owned();
    let kept: Vec<_> = old_store(&place.database()).into_iter().map(Some).collect();
    let before = Disk::of(&directory);
    let trace = place.path().join("trace");
    let mut program = place.start_traced(&trace, &trace::ARGUMENTS);
    program.terminate();
    program.wait();
    let run = Run { before, moments: trace::read(&trace, &directory) };
    let images = amount("CALLBOX_EVIDENCE_IMAGES", IMAGES).div_ceil(4);
    let found = replay(vec![run], &kept, kept.len(), images);
    found.judge("Power cut in a migration", kept.len());
}

/// Makes a store as the first release did, with callbacks that have an event and a delivery each; those.
fn old_store(database: &Path) -> Vec<Acknowledged> {
    std::fs::create_dir_all(database.parent().unwrap()).unwrap();
    std::fs::write(database.with_extension("key"), "ab".repeat(32)).unwrap();
    let flags =
        rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_CREATE;
    let connection = rusqlite::Connection::open_with_flags(database, flags).unwrap();
    let settings = "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = 0x63626f78; PRAGMA journal_mode = WAL;";
    connection.execute_batch(settings).unwrap();
    connection.execute_batch(include_str!("first.sql")).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let of_number = |number: u128| {
        let (callback, event) = (CallbackId::from_bits(number), EventId::from_bits(number));
        let body = number.to_string();
        let sum = Sha256::digest(&body);
        let uid = number.to_be_bytes();
        let row = rusqlite::named_params! { ":uid": uid, ":body": body.as_bytes(), ":sum": sum.as_slice() };
        for insert in OLD_ROWS {
            connection.prepare(insert).unwrap().execute(row).unwrap();
        }
        Acknowledged {
            callback: callback.to_string(),
            events: vec![event.to_string()],
            sha256: hex::encode(sum),
        }
    };
    (1..=100).map(of_number).collect()
}

/// What the first release kept of a callback with one event and one delivery.
const OLD_ROWS: [&str; 3] = [
    "INSERT INTO callback (uid, source, received_ms, outcome, events, method, path, query, headers, body_sha256, body)
     VALUES (:uid, 'shop', 1, 'events', :uid, 'POST', '/in/shop', '', '[]', :sum, :body)",
    "INSERT INTO event (uid, callback_uid, source, type, time_ms, time_basis, received_ms, revised, folded_changed,
                        duplicate_key, digest, data)
     SELECT :uid, :uid, 'shop', 'unknown', 1, 'vendor', 1, 0, 0, :sum, :body, '{}'",
    "INSERT INTO delivery (uid, event, destination, state, made_ms, due_ms, cause)
     SELECT :uid, sequence, 'crm', 'pending', 1, 9999999999999, 'schedule' FROM event WHERE uid = :uid AND :sum <> :body",
];

impl Found {
    /// Tells what was found, and fails if it is not what has to be.
    fn judge(&self, what: &str, acknowledged: usize) {
        let amount = format!("{} images, {acknowledged} callbacks", self.opened);
        let lost = format!("{} lost or altered; {} images damaged or refused", self.lost, self.bad);
        tell(what, &amount, &lost);
        self.told.iter().for_each(|told| eprintln!("{told}"));
        if broken().is_some() {
            assert!(self.lost > 0, "the check does not see what is broken");
        } else {
            assert_eq!(self.bad, 0);
        }
    }
}

/// What was acknowledged, in the order in which the answers left.
fn in_order(runs: &[Run], pushed: &[Acknowledged]) -> Vec<Option<Acknowledged>> {
    let known: HashMap<&str, &Acknowledged> =
        pushed.iter().map(|one| (one.callback.as_str(), one)).collect();
    let moments = runs.iter().flat_map(|run| &run.moments);
    let answers = moments.filter_map(|moment| {
        let What::Acknowledged { callback } = &moment.what else { return None };
        // One whose answer the kill caught on its way is not known; the place in the order stays its own.
        Some(known.get(callback.as_str()).copied().cloned())
    });
    answers.collect()
}

/// Makes the images, spread evenly over all moments, and has them opened. Of what was acknowledged, the first `due` were so before.
fn replay(
    runs: Vec<Run>,
    acknowledged: &[Option<Acknowledged>],
    mut due: usize,
    images: u64,
) -> Found {
    let moments: usize = runs.iter().map(|run| run.moments.len()).sum();
    let found = Mutex::new(Found::default());
    let (hand_in, handed_in) = std::sync::mpsc::sync_channel::<Left>(4);
    let handed_in = Mutex::new(handed_in);
    std::thread::scope(|scope| {
        for _ in 0..OPENERS {
            let (found, handed_in) = (&found, &handed_in);
            scope.spawn(move || {
                let opener = Opener::new();
                loop {
                    let Ok(left) = handed_in.lock().recv() else { return };
                    let (lost, told) = opener.open(&left, acknowledged);
                    let mut found = found.lock();
                    found.opened += 1;
                    found.lost += lost;
                    found.bad += u64::from(told.is_some());
                    if found.told.len() < 10 {
                        found.told.extend(told.map(|told| format!("{}: {told}", left.how)));
                    }
                }
            });
        }
        let (random, mut passed, mut made) = (Random::from_seed(1), 0_u64, 0);
        for (run, Run { before: mut disk, moments: all }) in runs.into_iter().enumerate() {
            for moment in all {
                due += usize::from(matches!(moment.what, What::Acknowledged { .. }));
                let line = moment.line;
                disk.follow(moment);
                passed += 1;
                while made < images * passed / u64::try_from(moments).unwrap() {
                    let number = usize::try_from(made).unwrap();
                    let cut = CUTS[number % CUTS.len()];
                    made += 1;
                    let how = format!("run {run}, line {line}, {cut:?}, {due} acknowledged");
                    hand_in.send(Left { image: disk.after(cut, &random), due, how }).unwrap();
                }
            }
        }
        drop(hand_in);
    });
    found.into_inner()
}

/// Opens one image after the other.
struct Opener {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    clock: Arc<dyn Clock>,
}

impl Opener {
    fn new() -> Self {
        // In memory where that is possible: what is looked at is what the store reads, not how it gets to a disk.
        let memory = Path::new("/dev/shm");
        let within = if memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self {
            folder: tempfile::tempdir_in(within).unwrap(),
            runtime,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// How many of those that are due are lost or altered, and what is wrong.
    fn open(&self, left: &Left, acknowledged: &[Option<Acknowledged>]) -> (u64, Option<String>) {
        for file in std::fs::read_dir(self.folder.path()).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
        for (name, bytes) in &left.image {
            std::fs::write(self.folder.path().join(name), bytes).unwrap();
        }
        let path = self.folder.path().join("callbox.db");
        let due: Vec<&Acknowledged> = acknowledged[..left.due].iter().flatten().collect();
        let kept = match self.runtime.block_on(self.kept(&path)) {
            Ok(kept) => kept,
            Err(refused) => {
                return (u64::try_from(due.len()).unwrap(), Some(format!("refused: {refused}")));
            }
        };
        let lost = due.iter().filter(|one| {
            kept.get(&one.callback) != Some(&(one.sha256.clone(), one.events.clone()))
        });
        let lost = u64::try_from(lost.count()).unwrap();
        if lost > 0 {
            return (lost, Some(format!("{lost} of {} are lost or altered", due.len())));
        }
        let inspection = inspect(&path).unwrap();
        if !inspection.findings.is_empty() {
            return (0, Some(inspection.findings.join("; ")));
        }
        // Callback, event and delivery are one commit: none is there without the others.
        let alike =
            inspection.callbacks == inspection.events && inspection.events == inspection.deliveries;
        (0, (!alike).then(|| format!("half a commit: {inspection:?}")))
    }

    /// Every callback that the store has, as its own code reads it.
    async fn kept(&self, path: &Path) -> anyhow::Result<HashMap<String, (String, Vec<String>)>> {
        let store = SqliteStore::open(path, &self.clock, &Random::from_seed(1))?;
        store.recover(self.clock.now()).await?;
        let mut kept = HashMap::new();
        let mut request = PageRequest { limit: 200, order: Order::Ascending, after: None };
        loop {
            let page = store.callbacks(CallbackFilter::default(), request).await?;
            for record in page.items {
                let events = record.events.iter().map(ToString::to_string).collect();
                kept.insert(
                    record.callback.id.to_string(),
                    (hex::encode(record.body_sha256), events),
                );
            }
            request.after = page.place;
            if !page.more {
                break;
            }
        }
        store.close().await?;
        Ok(kept)
    }
}
