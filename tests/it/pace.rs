//! How fast and how often a destination is tried: its rate, answers that are not tried again, and how it comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use callbox::clock::{Clock, Time};
use callbox::domain::delivery::{DeliveryState, Outcome};
use callbox::domain::destination::Destination;
use callbox::domain::lane::FailFast;
use callbox::domain::retry::RetrySchedule;
use callbox::store::Questions;
use serde_json::Value;

use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::house::{House, SECOND, destination, name_of};
use crate::support::receiver::Receiver;

/// The clock's step.
const STEP: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_rate_spaces_deliveries_out_retries_included() {
    let mut crm = Receiver::start().await;
    crm.then(500).then(500).then(500);
    let retry = RetrySchedule(vec![Duration::ZERO; 3]);
    let slow = Destination { rate: Some(2.0), retry, ..destination("crm", &crm.url) };
    let mut house = House::start(vec![slow]).await;
    for _ in 0..17 {
        house.receive(&["crm"]).await;
    }
    let mut arrived = Vec::new();
    for step in 0..240_u32 {
        house.work().await;
        let came = crm.requests().len();
        arrived.extend(std::iter::repeat_n(step * STEP, came));
        house.clock.advance(STEP);
    }
    assert_eq!(arrived.len(), 20, "17 deliveries and 3 retries");
    for (number, at) in arrived.iter().enumerate() {
        let planned = Duration::from_millis(500) * u32::try_from(number).unwrap();
        assert!((planned..=planned + 2 * STEP).contains(at), "number {number} at {at:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_to_be_tried_again_exhausts_its_delivery_at_once() {
    let crm = Receiver::start().await;
    crm.then(422).then(500);
    let fail_fast = FailFast(vec![400..=407, 422..=422]);
    let strict = Destination { fail_fast, max_concurrency: 1, ..destination("crm", &crm.url) };
    let mut house = House::start(vec![strict]).await;
    let ids = [house.receive(&["crm"]).await[0], house.receive(&["crm"]).await[0]];
    house.work().await;
    let ended = house.delivery(ids[0]).await;
    assert_eq!((ended.state, ended.attempts.len()), (DeliveryState::Exhausted, 1));
    let reason = ended.attempts[0].reason.as_deref();
    assert_eq!(reason, Some("422 Unprocessable Entity; not tried again, by fail_fast"));
    assert_eq!(house.delivery(ids[1]).await.state, DeliveryState::Pending);
    house.clock.advance(12 * SECOND);
    house.work().await;
    assert_eq!(house.outcomes(ids[1]).await, [Outcome::Rejected, Outcome::Succeeded]);
}

#[tokio::test]
async fn half_of_twenty_attempts_that_fail_open_the_breaker_though_none_fail_in_a_row() {
    let seen = Arc::new(AtomicUsize::new(0));
    let turn = Arc::clone(&seen);
    let good = move || turn.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
    let judge = move |_: &_| if good() { 200 } else { 500 };
    let crm = Receiver::judging(judge).await;
    let one = Destination { max_concurrency: 1, ..destination("crm", &crm.url) };
    let mut house = House::start(vec![one]).await;
    for _ in 0..40 {
        house.receive(&["crm"]).await;
    }
    house.work().await;
    let standing = house.destinations.standing(&name_of("crm")).unwrap();
    assert_eq!((seen.load(Ordering::SeqCst), standing.breaker.as_str()), (20, "open"));
}

#[tokio::test]
async fn a_destination_that_comes_back_to_a_long_backlog_is_not_trampled() {
    const CAP: usize = 16;
    let status = Arc::new(AtomicU16::new(503));
    let answer = Arc::clone(&status);
    let crm = Receiver::judging(move |_| answer.load(Ordering::SeqCst)).await;
    let wide = Destination { max_concurrency: CAP, ..destination("crm", &crm.url) };
    let mut house = House::start(vec![wide]).await;
    for _ in 0..500 {
        house.receive(&["crm"]).await;
    }
    house.work().await;
    let name = name_of("crm");
    let breaker =
        |house: &House| house.destinations.standing(&name).unwrap().breaker.as_str().to_owned();
    assert_eq!(breaker(&house), "open");
    // While it is away it is probed, by one delivery at a time, and ever more rarely.
    let mut probes = 0;
    for _ in 0..3_600 {
        house.clock.advance(SECOND);
        let started = house.worker.tick().await.started;
        assert!(started <= 1, "{started} probes");
        probes += started;
        house.worker.settle().await;
    }
    assert!((5..=12).contains(&probes), "{probes} probes in an hour");

    status.store(200, Ordering::SeqCst);
    let (mut rounds, mut most) = (Vec::new(), 0);
    while house.store.backlog(&name).await.unwrap().waiting > 0 {
        house.clock.advance(SECOND);
        let round = house.worker.tick().await;
        most = most.max(round.in_flight);
        if round.started > 0 {
            rounds.push(round.started);
        }
        house.worker.settle().await;
    }
    assert_eq!(rounds[..6], [1, 2, 4, 8, 16, 16]);
    assert_eq!(most, CAP);
}

#[tokio::test]
async fn when_something_is_tried_next_is_shown_before_it_comes() {
    let crm = Receiver::start().await;
    for _ in 0..10 {
        crm.then(500);
    }
    let shop = "[sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\n";
    let configured = crm.configured("crm", "retry = [\"10m\", \"1h\"]");
    let callbox = Callbox::start(&format!("{shop}{configured}")).await;
    let standing = callbox.json("/v1/destinations/crm").await;
    assert!(standing.get("next_attempt_at").is_none() && standing.get("quiet_until").is_none());
    for number in 0..9 {
        callbox.push("shop", receipt(&format!("m{number}"), "sent")).await.callback();
    }
    let now = callbox.clock.now().to_string();
    let failed = |told: &Value| told["next_attempt_at"].as_str().is_some_and(|next| next > &*now);
    let standing = callbox.until("/v1/destinations/crm", failed).await;
    let time = |told: &Value, key: &str| told[key].as_str().unwrap().parse::<Time>().unwrap();
    let (least, most) =
        (callbox.clock.now().after(480 * SECOND), callbox.clock.now().after(720 * SECOND));
    let next = time(&standing, "next_attempt_at");
    assert!((least..=most).contains(&next) && standing.get("quiet_until").is_none(), "{standing}");
    callbox.push("shop", receipt("tenth", "sent")).await.callback();
    let open = |told: &Value| told["breaker"] == "open" && told["in_flight"] == 0;
    let standing = callbox.until("/v1/destinations/crm", open).await;
    let quiet = time(&standing, "quiet_until");
    assert!((24 * SECOND..=36 * SECOND).contains(&quiet.since(callbox.clock.now())), "{standing}");
    let metrics = callbox.ask("/metrics").await.text();
    for line in [
        "callbox_destination_breaker{destination=\"crm\",state=\"open\"} 1",
        "callbox_destination_breaker{destination=\"crm\",state=\"closed\"} 0",
        "callbox_destination_success_ratio{destination=\"crm\"} 0.0",
        "callbox_destination_latency_seconds{destination=\"crm\",quantile=\"0.99\"} ",
        "callbox_destination_next_attempt_seconds{destination=\"crm\"} ",
    ] {
        assert!(
            metrics.lines().any(|found| found.starts_with(line)),
            "{line} is not in\n{metrics}"
        );
    }
    callbox.order("/v1/destinations/crm/pause").await;
    assert!(callbox.json("/v1/destinations/crm").await.get("next_attempt_at").is_none());
}
