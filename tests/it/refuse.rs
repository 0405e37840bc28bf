//! Starting where nothing should start: a store that is in use, damaged, foreign, newer or gone is refused, and left as it is.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::evidence::tell;
use crate::support::bodies::receipt;
use crate::support::http;
use crate::support::program::Place;

/// A place whose store has some callbacks in it, and was closed in good order.
async fn filled() -> Place {
    let place = Place::new("");
    let mut program = place.start();
    for number in 0..200 {
        let body = receipt(&format!("m{number}"), "delivered");
        let answer = http::send(program.vendors, "POST", "/in/shop", &[], body.as_bytes()).await;
        answer.unwrap().callback();
    }
    program.terminate();
    assert_eq!(program.wait().code(), Some(0));
    place
}

/// Does this to the database as another tool would.
fn alter(database: &Path, sql: &str) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    Connection::open_with_flags(database, flags).unwrap().execute_batch(sql).unwrap();
}

/// Puts other bytes over those from `start` on.
fn scribble(database: &Path, start: usize, length: usize) {
    let mut bytes = fs::read(database).unwrap();
    bytes[start..start + length].fill(0x5a);
    fs::write(database, bytes).unwrap();
}

/// What is done to a database, and what the refusal has to say of it.
type Harm = (&'static str, fn(&Path), &'static str);

const HARMS: [Harm; 17] = [
    ("a damaged header", |file| scribble(file, 0, 16), "is damaged"),
    ("damaged tables", |file| scribble(file, 100, 3_900), "is damaged"),
    ("a damaged page", |file| scribble(file, 20 * 4_096, 4_096), "is damaged"),
    ("half of it", halve, "is damaged"),
    ("something else", |file| fs::write(file, "Dear diary").unwrap(), "is damaged"),
    ("another program's", |file| alter(file, "PRAGMA application_id = 7"), "not one of callbox's"),
    ("a newer release's", |file| alter(file, "PRAGMA user_version = 99"), "of a newer callbox"),
    ("missing", |file| fs::remove_file(file).unwrap(), "missing or empty"),
    ("empty", |file| fs::write(file, "").unwrap(), "missing or empty"),
    ("a link", link, "is a link"),
    (
        "one of two names",
        |file| fs::hard_link(file, file.with_extension("two")).unwrap(),
        "several names",
    ),
    ("a folder", |file| folder(file, "db"), "callbox.db is a folder"),
    ("a folder as its log", |file| folder(file, "db-wal"), "callbox.db-wal is a folder"),
    ("a folder as its memory", |file| folder(file, "db-shm"), "callbox.db-shm is a folder"),
    ("a folder as its lock", |file| folder(file, "lock"), "callbox.lock is a folder"),
    ("a folder as its key", |file| folder(file, "key"), "callbox.key is a folder"),
    (
        "another file as its key",
        |file| fs::write(file.with_extension("key"), "none").unwrap(),
        "not a key: 64 hexadecimal digits were expected; restore it from the backup",
    ),
];

/// A folder in place of the file with this ending.
fn folder(database: &Path, ending: &str) {
    let path = database.with_extension(ending);
    let _ = fs::remove_file(&path); // not all of them are there
    fs::create_dir(path).unwrap();
}

fn halve(database: &Path) {
    let bytes = fs::read(database).unwrap();
    fs::write(database, &bytes[..bytes.len() / 8_192 * 4_096]).unwrap();
}

fn link(database: &Path) {
    let target = database.with_extension("moved");
    fs::rename(database, &target).unwrap();
    std::os::unix::fs::symlink(&target, database).unwrap();
}

#[tokio::test]
async fn a_store_that_is_not_as_it_should_be_is_refused_and_left_as_it_is() {
    let place = filled().await;
    let database = place.database();
    let whole = fs::read(&database).unwrap();
    let key = fs::read(database.with_extension("key")).unwrap();
    for (what, harm, expected) in HARMS {
        harm(&database);
        let before = fs::read(&database).ok();
        let output = place.refusal();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains(expected), "{what}: {said}");
        assert!(said.contains("callbox.db"), "{what}: {said}");
        assert!(output.stdout.is_empty(), "{what}: it had a banner");
        assert!(fs::read(&database).ok() == before, "{what}: the file was changed");
        for ending in ["two", "db", "moved", "db-wal", "db-shm", "lock", "key"] {
            let path = database.with_extension(ending);
            let _ = if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) };
        }
        fs::write(&database, &whole).unwrap();
        fs::write(database.with_extension("key"), &key).unwrap();
    }
    // As it was, it is taken again.
    place.start();
    let amount = format!("{} kinds", HARMS.len());
    tell("Damaged, foreign, missing or linked database", &amount, "all refused, none changed");
}

#[tokio::test]
async fn a_store_whose_log_is_gone_after_an_unclean_end_is_refused_until_somebody_says_otherwise() {
    let place = Place::new("");
    let mut program = place.start();
    let body = receipt("m1", "delivered");
    let answer = http::send(program.vendors, "POST", "/in/shop", &[], body.as_bytes()).await;
    let acknowledged = answer.unwrap().callback();
    program.kill();
    let (log, aside) = (place.path().join("data/callbox.db-wal"), place.path().join("aside"));
    fs::rename(&log, &aside).unwrap();
    for _ in 0..2 {
        let output = place.refusal();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("callbox.db-wal is missing, though"), "{said}");
        assert!(!log.exists(), "the refusal made a log");
    }
    let copy = place.path().join("copy.db");
    fs::copy(place.database(), &copy).unwrap();
    // Put back, it has what was acknowledged.
    fs::rename(&aside, &log).unwrap();
    let mut program = place.start();
    let path = format!("/v1/callbacks/{acknowledged}");
    assert_eq!(http::send(program.api, "GET", &path, &[], b"").await.unwrap().status, 200);
    program.terminate();
    assert_eq!(program.wait().code(), Some(0));
    assert!(!log.exists(), "a clean stop leaves no log");
    drop(place.start());
    // Where it is lost for good, an empty one says so.
    fs::copy(&copy, place.database()).unwrap();
    let _ = fs::remove_file(&log);
    fs::write(&log, "").unwrap();
    let program = place.start();
    assert_eq!(http::send(program.api, "GET", &path, &[], b"").await.unwrap().status, 404);
}

#[tokio::test]
async fn a_second_program_on_the_same_store_is_refused_and_the_first_goes_on() {
    let place = Place::new("");
    let first = place.start();
    let output = place.refusal();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is in use by another callbox"), "{said}");
    let body = receipt("m1", "delivered");
    let answer = http::send(first.vendors, "POST", "/in/shop", &[], body.as_bytes()).await;
    answer.unwrap().callback();
}
