//! A disk that is full, or fails: never a 2xx that is not on it, and no need for anyone to put things right by hand.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use callbox::clock::Clock;
use callbox::random::Random;
use callbox::store::sqlite::{DiskRoom, SqliteStore};
use callbox::store::{Kept, StoreError};

use crate::durable::{assert_bodies, assert_kept};
use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::load::Load;
use crate::support::program::Place;
use crate::support::shelf::Shelf;

const SHOP: &str = r#"
min_free = "1048576GiB"
[sources.shop]
vendor = "wavecell"
auth = [{ type = "none" }]
"#;

#[tokio::test]
async fn a_disk_that_is_nearly_full_refuses_callbacks_and_answers_questions() {
    let callbox = Callbox::start(SHOP).await;
    let refused = callbox.push("shop", receipt("m1", "sent")).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert_eq!(callbox.ask("/readyz").await.status, 503);
    let health = callbox.ask("/health").await;
    assert_eq!(health.status, 503);
    let reason = health.json()["components"]["store"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("MiB are free, and callbox keeps"), "{reason}");
    assert_eq!(callbox.events("").await.len(), 0);
}

/// Bytes that the test's disk has free.
static FREE: AtomicU64 = AtomicU64::new(0);

#[tokio::test]
async fn callbacks_are_taken_again_by_themselves_once_there_is_room() {
    const MIB: u64 = 1024 * 1024;
    let shelf = Shelf::new(|folder: &Path, clock: Arc<dyn Clock>| {
        let ask = |_: &Path| Ok(DiskRoom { free: FREE.load(Ordering::SeqCst), total: 1024 * MIB });
        let path = folder.join("callbox.db");
        let random = Random::from_seed(1);
        Arc::new(SqliteStore::open_keeping(&path, &clock, &random, None, ask).unwrap())
    });
    let push = async || shelf.store.append(shelf.callback("{}", Kept::Events(Vec::new()))).await;
    assert!(matches!(push().await, Err(StoreError::Full(_))));
    assert!(matches!(shelf.store.ready().await, Err(StoreError::Full(_))));
    FREE.store(300 * MIB, Ordering::SeqCst);
    assert!(push().await.is_err(), "nobody has looked again yet");
    shelf.store.look_at_disk().await.unwrap();
    push().await.unwrap();
    shelf.store.ready().await.unwrap();
    FREE.store(200 * MIB, Ordering::SeqCst);
    shelf.store.look_at_disk().await.unwrap();
    assert!(push().await.is_err());
    shelf.store.recover(shelf.now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_disk_ends_the_program_with_74_and_loses_nothing_that_was_acknowledged() {
    let place = Place::new("");
    for blocks in [1_000, 4_000, 12_000] {
        let mut program = place.start_bounded(blocks);
        let load = Load::start(program.vendors, 8);
        let ended = tokio::task::block_in_place(|| program.wait());
        let pushed = load.end().await;
        assert_eq!(ended.code(), Some(74), "{blocks}");
        eprintln!(
            "files bounded to {blocks} blocks: {} acknowledged, {} refused, {} not answered",
            pushed.acknowledged.len(),
            pushed.refused,
            pushed.unanswered
        );
        assert!(!pushed.acknowledged.is_empty());

        let program = place.start();
        assert_kept(program.api, &pushed.acknowledged).await;
        assert_bodies(program.api, &pushed.acknowledged).await;
    }
}
