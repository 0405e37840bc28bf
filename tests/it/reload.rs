//! Another configuration while everything runs: SIGHUP and `callbox reload`.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::bodies::receipt;
use crate::support::http::{self, Answer};
use crate::support::load::Load;
use crate::support::program::{Place, Program};
use crate::support::receiver::Receiver;

/// Looks after which something should have happened; each one is a request.
const LOOKS_MAX: usize = 20_000;

async fn push(program: &Program, source: &str, body: &str) -> Answer {
    let path = format!("/in/{source}");
    http::send(program.vendors, "POST", &path, &[], body.as_bytes()).await.unwrap()
}

async fn ask(program: &Program, method: &str, target: &str) -> Answer {
    http::send(program.api, method, target, &[], b"").await.unwrap()
}

async fn until(program: &Program, target: &str, wanted: impl Fn(&Value) -> bool) {
    for _ in 0..LOOKS_MAX {
        if wanted(&ask(program, "GET", target).await.json()) {
            return;
        }
    }
    unreachable!("{target} never became what was waited for")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_and_destinations_are_exchanged_under_load_and_nothing_is_refused() {
    let mut crm = Receiver::start().await;
    let place = Place::new("");
    let program = place.start();
    let load = Load::start(program.vendors, 4);
    let before = place.text();
    let more = "[sources.kiosk]\nvendor = \"wessaal\"\nauth = [{ type = \"token\", secrets = [\"k1\"] }]\n";
    fs::write(place.configuration(), format!("{before}{more}{}", crm.configured("crm", "")))
        .unwrap();
    assert_eq!(push(&program, "kiosk/k1", "{}").await.status, 404);
    program.hang_up();
    until(&program, "/v1/destinations", |page| page["data"][0]["name"] == "crm").await;
    let sources = ask(&program, "GET", "/v1/sources").await.json();
    assert_eq!(sources["data"].as_array().unwrap().len(), 2, "{sources:#}");
    assert_eq!(push(&program, "kiosk/k1", "{}").await.status, 200);
    push(&program, "shop", &receipt("after", "sent")).await;
    crm.next().await;

    fs::write(place.configuration(), &before).unwrap();
    let told = ask(&program, "POST", "/v1/reload").await;
    let wanted = json!({"sources": 1, "destinations": 0, "keys": 0, "needs_restart": []});
    assert_eq!((told.status, told.json()), (200, wanted));
    assert_eq!(push(&program, "kiosk/k1", "{}").await.status, 404);
    let pushed = load.end().await;
    assert_eq!(pushed.unanswered, 0);
    assert!(!pushed.acknowledged.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_changes_nothing_and_says_where_it_is_wrong() {
    let place = Place::new("");
    let program = place.start();
    let right = place.text();
    fs::write(place.configuration(), right.replace("vendor =", "vendro =")).unwrap();
    let refused = ask(&program, "POST", "/v1/reload").await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("vendro"), "{}", refused.text());
    assert_eq!(push(&program, "shop", &receipt("m1", "sent")).await.status, 200);

    // What is bound to the process waits for the next start, and the rest is taken over.
    let moved = right.replace("server.listen = \"127.0.0.1:0\"", "server.listen = \"127.0.0.1:1\"");
    fs::write(
        place.configuration(),
        format!("{moved}[sources.kiosk]\nvendor = \"wachat\"\nauth = [{{ type = \"none\" }}]\n"),
    )
    .unwrap();
    let told = ask(&program, "POST", "/v1/reload").await.json();
    assert_eq!((&told["sources"], &told["needs_restart"]), (&json!(2), &json!(["server.listen"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_is_taken_up_under_load_gets_past_and_present_without_a_gap() {
    let arrived = Arc::<Mutex<BTreeSet<String>>>::default();
    let book = Arc::clone(&arrived);
    let crm = Receiver::judging(move |request| {
        book.lock().insert(request.header("webhook-id").unwrap().to_owned());
        200
    })
    .await;
    let place = Place::new("");
    let program = place.start();
    let load = Load::start(program.vendors, 4);
    until(&program, "/v1/sources", |page| page["data"][0]["received"].as_u64() > Some(200)).await;
    let more = crm.configured("crm", "from = \"beginning\"\nmax_concurrency = 64");
    fs::write(place.configuration(), format!("{}{more}", place.text())).unwrap();
    program.hang_up();
    let taken = |page: &Value| page["ended"]["succeeded"].as_u64() > Some(100);
    until(&program, "/v1/destinations", |page| taken(&page["data"][0])).await;
    let pushed = load.end().await;
    let all = pushed.acknowledged.len();
    until(&program, "/v1/destinations/crm", |crm| crm["ended"]["succeeded"] == all).await;
    assert_eq!(arrived.lock().len(), all);
}
