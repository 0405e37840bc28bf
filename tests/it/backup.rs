//! Backups: made beside a running server, whole or not there at all, and good for a restore.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::durable::{assert_bodies, assert_kept};
use crate::support::load::Load;
use crate::support::program::Place;

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

fn backup(place: &Place, to: &Path) -> Output {
    place.run(&["backup", to.to_str().unwrap()])
}

/// A place whose store is this backup.
fn restored(from: &Path) -> Place {
    let place = Place::new("");
    fs::create_dir_all(place.database().parent().unwrap()).unwrap();
    fs::copy(from, place.database()).unwrap();
    fs::copy(from.with_extension("key"), place.database().with_extension("key")).unwrap();
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_holds_every_acknowledgement_that_is_older_than_its_start() {
    let place = Place::new("");
    let program = place.start();
    let mut before = Load::start(program.vendors, 8);
    before.reach(500).await;
    let before = before.end().await;
    let during = Load::start(program.vendors, 8);
    let file = place.path().join("backup.db");
    let output = tokio::task::block_in_place(|| backup(&place, &file));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let during = during.end().await;
    assert_eq!(during.refused + during.unanswered, 0, "a backup keeps nobody out");
    drop(program);

    let copy = restored(&file);
    let checked = copy.run(&["check", "--deep"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert!(text(&checked.stderr).contains("is whole"), "{}", text(&checked.stderr));
    let program = copy.start();
    assert_kept(program.api, &before.acknowledged).await;
    assert_bodies(program.api, &before.acknowledged).await;
    eprintln!("{} acknowledgements from before a backup are in it", before.acknowledged.len());
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_leaves_nothing_half_done() {
    let place = Place::new("");
    let file = place.path().join("backup.db");
    let none = backup(&place, &file);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("there is no store at"), "{}", text(&none.stderr));
    assert!(!file.exists());

    drop(place.start());
    assert!(backup(&place, &file).status.success());
    let key = file.with_extension("key");
    assert_eq!(fs::read(&key).unwrap(), fs::read(place.database().with_extension("key")).unwrap());
    let kept = fs::read(&file).unwrap();
    let again = backup(&place, &file);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("exists already"), "{}", text(&again.stderr));
    assert_eq!(fs::read(&file).unwrap(), kept);
    let names = fs::read_dir(place.path()).unwrap().count();
    assert_eq!(names, 4, "the configuration, the data, the backup and its key");
}

#[tokio::test]
async fn a_deep_check_finds_a_changed_byte() {
    let place = Place::new("");
    let mut program = place.start();
    let mut load = Load::start(program.vendors, 1);
    load.reach(50).await;
    load.end().await;
    program.terminate();
    program.wait();
    let whole = place.run(&["check", "--deep"]);
    assert!(whole.status.success(), "{}", text(&whole.stderr));

    let mut bytes = fs::read(place.database()).unwrap();
    let word = b"harbour_bakery_hq";
    let spots: Vec<usize> = (0..bytes.len() - word.len())
        .filter(|spot| &bytes[*spot..*spot + word.len()] == word)
        .collect();
    assert!(!spots.is_empty());
    for spot in spots {
        bytes[spot] = b'H';
    }
    fs::write(place.database(), bytes).unwrap();
    let damaged = place.run(&["check", "--deep"]);
    assert_eq!(damaged.status.code(), Some(1));
    let told = text(&damaged.stderr);
    assert!(
        told.contains("is not what was received") && told.contains("restore a backup"),
        "{told}"
    );
}
