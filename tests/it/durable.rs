//! The promise itself: what was acknowledged is on disk, whatever happens to the process.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use callbox::clock::{Clock, SystemClock};
use callbox::random::Random;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::evidence::{amount, broken, tell};
use crate::support::bodies::receipt;
use crate::support::http;
use crate::support::load::{Acknowledged, Connection, Load};
use crate::support::program::Place;
use crate::support::receiver::Receiver;

/// Kills in one run, unless `CALLBOX_KILL_ROUNDS` says otherwise.
const ROUNDS: u64 = 50;

/// Callbacks that every round gets acknowledged at least before the kill, and at most that many more, unless
/// `CALLBOX_KILL_ACKNOWLEDGED` says otherwise.
const ACKNOWLEDGED: u64 = 20;

/// Kills after which a long run says how far it is.
const TOLD_EVERY: u64 = 50;

/// Connections that push at the same time.
const CONNECTIONS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_altered_by_a_kill_at_any_moment() {
    let rounds = amount("CALLBOX_KILL_ROUNDS", ROUNDS);
    let least = usize::try_from(amount("CALLBOX_KILL_ACKNOWLEDGED", ACKNOWLEDGED)).unwrap();
    let place = Place::new("");
    let clock = SystemClock::new();
    let (mut everything, mut kills, mut unanswered, mut gone) = (Vec::new(), 0, 0, 0);
    let mut slowest = Duration::ZERO;
    for seed in 0..rounds {
        let moment = least + Random::from_seed(seed).below(least);
        let mut program = place.start();
        let mut load = Load::start(program.vendors, CONNECTIONS);
        load.reach(moment).await;
        program.kill();
        kills += 1;
        let pushed = load.end().await;
        assert!(pushed.acknowledged.len() >= moment);
        unanswered += pushed.unanswered;

        let before = clock.elapsed();
        let program = place.start();
        let ready = http::send(program.vendors, "GET", "/readyz", &[], b"").await.unwrap();
        assert_eq!(ready.status, 200, "{}", ready.text());
        slowest = slowest.max(clock.elapsed().saturating_sub(before));
        gone += lost_bodies(program.api, &pushed.acknowledged).await.len();
        everything.extend(pushed.acknowledged);
        if kills % TOLD_EVERY == 0 {
            eprintln!("{kills} kills, {} acknowledged, {gone} lost or altered", everything.len());
        }
        if gone > 0 {
            break;
        }
    }
    let program = place.start();
    gone = gone.max(lost(program.api, &everything).await.len());
    let deep = place.run(&["check", "--deep"]);
    let amount =
        format!("{kills} kills, {} acknowledged, {unanswered} unanswered", everything.len());
    let integrity = if deep.status.success() { "whole" } else { "damaged" };
    let ready = slowest.as_secs_f64();
    let found =
        format!("{gone} lost or altered; store {integrity}; ready again within {ready:.2} s");
    tell("Killed under load", &amount, &found);
    if broken().is_some() {
        assert!(gone > 0, "the check does not see what is broken");
    } else {
        assert!(gone == 0 && deep.status.success(), "{}", String::from_utf8_lossy(&deep.stdout));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_nothing_and_resets_nobody() {
    let place = Place::new("");
    for moment in [1, 100, 500] {
        let mut program = place.start();
        let mut load = Load::start(program.vendors, CONNECTIONS);
        load.reach(moment).await;
        program.terminate();
        let status = program.wait();
        let pushed = load.end().await;
        eprintln!(
            "stopped after {moment}: {} acknowledged, {} refused, {} not answered",
            pushed.acknowledged.len(),
            pushed.refused,
            pushed.unanswered
        );
        assert_eq!(status.code(), Some(0));
        assert_eq!(pushed.unanswered, 0);
        let program = place.start();
        assert_bodies(program.api, &pushed.acknowledged).await;
        assert_kept(program.api, &pushed.acknowledged).await;
    }
}

/// Checks that every acknowledged callback, and each of its events, is there and is what was sent.
pub(crate) async fn assert_kept(api: SocketAddr, acknowledged: &[Acknowledged]) {
    let lost = lost(api, acknowledged).await;
    assert!(lost.is_empty(), "{} of {} are lost: {:?}", lost.len(), acknowledged.len(), lost[0]);
}

/// Those of which the callback, or one of its events, is not there or not what was sent.
async fn lost(api: SocketAddr, acknowledged: &[Acknowledged]) -> Vec<&Acknowledged> {
    let callbacks = everything(api, "callbacks").await;
    let callbacks: BTreeMap<&str, &Value> =
        callbacks.iter().map(|callback| (callback["id"].as_str().unwrap(), callback)).collect();
    let events = everything(api, "events").await;
    let events: BTreeSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    let mut lost = Vec::new();
    for one in acknowledged {
        let kept = callbacks.get(one.callback.as_str()).is_some_and(|callback| {
            callback["body_sha256"] == *one.sha256
                && callback["events"].as_array().unwrap().iter().eq(&one.events)
        });
        if !kept || !one.events.iter().all(|event| events.contains(event.as_str())) {
            lost.push(one);
        }
    }
    lost
}

/// Checks that these callbacks' bodies are, to the byte, what was sent.
pub(crate) async fn assert_bodies(api: SocketAddr, acknowledged: &[Acknowledged]) {
    let lost = lost_bodies(api, acknowledged).await;
    assert!(lost.is_empty(), "{} of {} are lost: {:?}", lost.len(), acknowledged.len(), lost[0]);
}

/// Those whose body is not there, or not to the byte what was sent.
async fn lost_bodies(api: SocketAddr, acknowledged: &[Acknowledged]) -> Vec<&Acknowledged> {
    let mut connection = Connection::open(api).await.unwrap();
    let mut lost = Vec::new();
    for one in acknowledged {
        let path = format!("/v1/callbacks/{}/body", one.callback);
        let answer = connection.ask(&path).await.unwrap();
        if answer.status != 200 || hex::encode(Sha256::digest(&answer.body)) != one.sha256 {
            lost.push(one);
        }
    }
    lost
}

/// A whole list, page after page.
async fn everything(api: SocketAddr, list: &str) -> Vec<Value> {
    let mut connection = Connection::open(api).await.unwrap();
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/{list}?order=asc&limit=200{cursor}");
        let mut page = connection.ask(&path).await.unwrap().json();
        all.append(page["data"].as_array_mut().unwrap());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn a_delivery_that_a_kill_cut_off_is_due_again_and_the_attempt_does_not_count() {
    let mut crm = Receiver::start().await;
    crm.then_silence(1).then(500);
    let place = Place::new(&crm.configured("crm", "retry = [\"1h\"]"));
    let mut program = place.start();
    let body = receipt("m1", "delivered");
    http::send(program.vendors, "POST", "/in/shop", &[], body.as_bytes()).await.unwrap().callback();
    let cut_off = crm.next().await;
    program.kill();

    let program = place.start();
    let again = crm.next().await;
    assert_eq!(again.header("webhook-id"), cut_off.header("webhook-id"));
    assert_eq!(again.body, cut_off.body);
    let mut connection = Connection::open(program.api).await.unwrap();
    let delivery = loop {
        let page = connection.ask("/v1/deliveries").await.unwrap().json();
        let delivery = page["data"][0].clone();
        if delivery["state"] != "in_flight" {
            break delivery;
        }
    };
    let attempts = delivery["attempts"].as_array().unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(outcomes, ["unknown", "rejected"]);
    // Of the two attempts that the schedule has, one is left.
    assert_eq!(delivery["state"], "pending");
}
