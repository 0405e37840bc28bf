//! Handing events out: the worker against real destinations and a real store, with time in the test's hand.

use callbox::clock::Clock;
use callbox::domain::delivery::{DeliveryState, Outcome, Trigger};
use callbox::domain::destination::{Destination, Format};
use callbox::domain::secret::Secret;
use callbox::store::{Outbox, Questions};

use crate::support::house::{BODY, House, SECOND, destination, name_of};
use crate::support::receiver::Receiver;

#[tokio::test]
async fn two_failures_and_a_success_are_three_attempts_of_the_same_bytes() {
    let mut crm = Receiver::start().await;
    crm.then(503).then(500);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let ids = house.receive(&["crm"]).await;

    house.work().await;
    house.work().await; // not due yet
    assert_eq!(house.outcomes(ids[0]).await, [Outcome::Rejected]);
    let waiting = house.delivery(ids[0]).await;
    assert_eq!(waiting.state, DeliveryState::Pending);
    let wait = waiting.due_at.unwrap().since(house.clock.now());
    assert!((8 * SECOND..=12 * SECOND).contains(&wait), "{wait:?}");

    house.clock.advance(12 * SECOND);
    house.work().await;
    house.clock.advance(120 * SECOND);
    house.work().await;
    house.clock.advance(1_000 * SECOND);
    house.work().await;

    let done = house.delivery(ids[0]).await;
    assert_eq!(done.state, DeliveryState::Succeeded);
    let attempts: Vec<_> =
        done.attempts.iter().map(|attempt| (attempt.number, attempt.status)).collect();
    assert_eq!(attempts, [(1, Some(503)), (2, Some(500)), (3, Some(200))]);

    let requests = crm.requests();
    assert_eq!(requests.len(), 3);
    for (request, number) in requests.iter().zip(["1", "2", "3"]) {
        assert_eq!(request.body, requests[0].body);
        assert_eq!(request.header("webhook-id"), Some(&*done.event_id.to_string()));
        assert_eq!(request.header("webhook-attempt"), Some(number));
        assert_eq!(request.header("callbox-delivery"), Some(&*done.id.to_string()));
    }
    let (event, _) = house.store.event(done.event_id).await.unwrap().unwrap();
    assert_eq!(requests[0].body, serde_json::to_vec(&event).unwrap());
}

#[tokio::test]
async fn a_delivery_is_exhausted_when_its_schedule_is_and_can_still_be_retried_by_hand() {
    let mut crm = Receiver::start().await;
    crm.then(500).then(500).then(500);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let ids = house.receive(&["crm"]).await;
    for _ in 0..5 {
        house.work().await;
        house.clock.advance(1_000 * SECOND);
    }
    assert_eq!(crm.requests().len(), 3);
    assert_eq!(house.delivery(ids[0]).await.state, DeliveryState::Exhausted);

    let trigger = Trigger::Manual;
    house.store.retry_now(ids[0], trigger, house.clock.now()).await.unwrap();
    house.work().await;
    let done = house.delivery(ids[0]).await;
    assert_eq!(done.state, DeliveryState::Succeeded);
    assert_eq!(done.attempts.last().unwrap().trigger, trigger);
}

#[tokio::test]
async fn what_waits_and_what_was_cut_off_is_due_again_after_a_restart() {
    let mut crm = Receiver::start().await;
    crm.then(500).then_silence(1);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let failed = house.receive(&["crm"]).await;
    house.work().await;
    let cut_off = house.receive(&["crm"]).await;
    assert_eq!(house.worker.tick().await.in_flight, 1);
    crm.next().await;
    crm.next().await;

    let mut house = house.restart().await;
    house.work().await;
    assert_eq!(house.outcomes(cut_off[0]).await, [Outcome::Unknown, Outcome::Succeeded]);
    assert_eq!(house.outcomes(failed[0]).await, [Outcome::Rejected]);
    house.clock.advance(12 * SECOND);
    house.work().await;
    assert_eq!(house.outcomes(failed[0]).await, [Outcome::Rejected, Outcome::Succeeded]);
}

#[tokio::test]
async fn a_hung_destination_holds_only_its_own_slots() {
    let (mut hung, mut crm) = (Receiver::start().await, Receiver::start().await);
    hung.then_silence(100);
    let configured = vec![destination("hung", &hung.url), destination("crm", &crm.url)];
    let mut house = House::start(configured).await;
    for _ in 0..10 {
        house.receive(&["hung", "crm"]).await;
    }
    let mut arrived = 0;
    while arrived < 10 {
        let round = house.worker.tick().await;
        for _ in 0..round.started.min(4) {
            crm.next().await;
            arrived += 1;
        }
        assert!(round.in_flight <= 8);
        tokio::task::yield_now().await; // lets the attempts go on
    }
    assert_eq!(house.destinations.standing(&name_of("hung")).unwrap().in_flight, 4);
    assert_eq!(house.store.backlog(&name_of("hung")).await.unwrap().waiting, 10);
    assert!(hung.requests().len() <= 4);
}

#[tokio::test]
async fn a_destination_that_answers_410_is_paused_until_it_is_resumed() {
    let mut crm = Receiver::start().await;
    crm.then(410);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let ids = house.receive(&["crm"]).await;
    house.work().await;
    house.receive(&["crm"]).await;
    house.clock.advance(1_000 * SECOND);
    house.work().await;
    assert_eq!(crm.requests().len(), 1);

    let mut house = house.restart().await;
    house.work().await;
    let standing = house.destinations.standing(&name_of("crm")).unwrap();
    assert_eq!(standing.paused.as_deref(), Some("it answered 410 Gone"));
    assert_eq!(crm.requests().len(), 0);

    assert!(house.destinations.resume(&name_of("crm")).await.unwrap());
    house.work().await;
    assert_eq!(crm.requests().len(), 2);
    assert_eq!(house.outcomes(ids[0]).await, [Outcome::Rejected, Outcome::Succeeded]);
    assert!(!house.destinations.resume(&name_of("nobody")).await.unwrap());
}

#[tokio::test]
async fn retry_after_holds_the_whole_destination() {
    let mut crm = Receiver::start().await;
    crm.then_with(429, "retry-after: 600\r\n");
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    house.receive(&["crm"]).await;
    house.work().await;
    house.receive(&["crm"]).await;
    house.clock.advance(599 * SECOND);
    house.work().await;
    assert_eq!(crm.requests().len(), 1);
    house.clock.advance(SECOND);
    house.work().await;
    assert_eq!(crm.requests().len(), 2);
}

#[tokio::test]
async fn behind_an_open_breaker_deliveries_wait_without_being_tried() {
    let mut crm = Receiver::start().await;
    for _ in 0..10 {
        crm.then(500);
    }
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    for _ in 0..10 {
        house.receive(&["crm"]).await;
    }
    house.work().await;
    let untried = house.receive(&["crm"]).await;
    house.work().await;
    assert_eq!(crm.requests().len(), 10);
    assert_eq!(house.outcomes(untried[0]).await, []);
    let breaker = |house: &House| house.destinations.standing(&name_of("crm")).unwrap().breaker;
    assert_eq!(breaker(&house).as_str(), "open");

    house.clock.advance(36 * SECOND);
    assert_eq!(breaker(&house).as_str(), "half_open");
    assert_eq!(house.worker.tick().await.started, 1);
    house.worker.settle().await;
    assert_eq!(breaker(&house).as_str(), "closed");
    assert_eq!(house.worker.tick().await.started, 2);
    house.work().await;
    assert_eq!(house.outcomes(untried[0]).await, [Outcome::Succeeded]);
}

#[tokio::test]
async fn formats_decide_what_is_posted() {
    let mut crm = Receiver::start().await;
    let table = [
        (Format::Event, "application/json"),
        (Format::CloudEvents, "application/cloudevents+json"),
        (Format::Raw, "application/x-www-form-urlencoded"),
    ];
    for (format, content_type) in table {
        let configured = vec![Destination { format, ..destination("crm", &crm.url) }];
        let mut house = House::start(configured).await;
        house.receive(&["crm"]).await;
        house.work().await;
        let request = crm.next().await;
        assert_eq!(request.header("content-type"), Some(content_type));
        assert_eq!(request.body == BODY, format == Format::Raw);
    }
}

#[tokio::test]
async fn a_destination_that_can_not_be_sent_to_fails_alone() {
    let mut crm = Receiver::start().await;
    let broken = Destination {
        secrets: vec![Secret::new("not base64!".to_owned())],
        ..destination("broken", &crm.url)
    };
    let mut house = House::start(vec![broken, destination("crm", &crm.url)]).await;
    let ids = house.receive(&["broken", "crm"]).await;
    house.work().await;
    let attempt = house.delivery(ids[0]).await.attempts.remove(0);
    assert_eq!(attempt.outcome, Outcome::Failed);
    assert!(attempt.reason.unwrap().contains("whsec_"));
    assert_eq!(house.outcomes(ids[1]).await, [Outcome::Succeeded]);
    assert_eq!(crm.requests().len(), 1);
}

#[tokio::test]
async fn a_running_worker_is_woken_by_news_and_by_the_clock() {
    let mut crm = Receiver::start().await;
    crm.then(500);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let (running, shutdown) = house.run().await;
    let delivery = house.receive(&["crm"]).await[0];
    house.wake.ring();
    crm.next().await;
    // The result is written down after the answer: once it is, the next attempt is planned.
    while house.delivery(delivery).await.state != DeliveryState::Pending {
        tokio::task::yield_now().await;
    }
    while crm.requests().is_empty() {
        house.clock.advance(SECOND);
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    running.await.unwrap();
    assert_eq!(house.outcomes(delivery).await, [Outcome::Rejected, Outcome::Succeeded]);
}

#[tokio::test]
async fn a_stopping_worker_waits_its_grace_and_then_cuts_off() {
    let mut crm = Receiver::start().await;
    crm.then_silence(1);
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let delivery = house.receive(&["crm"]).await[0];
    let (running, shutdown) = house.run().await;
    crm.next().await;
    shutdown.cancel();
    while !running.is_finished() {
        house.clock.advance(SECOND);
        tokio::task::yield_now().await;
    }
    assert_eq!(house.delivery(delivery).await.state, DeliveryState::InFlight);

    let mut house = house.restart().await;
    house.work().await;
    assert_eq!(house.outcomes(delivery).await, [Outcome::Unknown, Outcome::Succeeded]);
}

#[tokio::test]
async fn a_result_that_can_not_be_written_down_is_kept_and_written_later() {
    let mut crm = Receiver::start().await;
    let mut house = House::start(vec![destination("crm", &crm.url)]).await;
    let delivery = house.receive(&["crm"]).await[0];
    house.store.fail_next_records(2);
    house.worker.tick().await;
    crm.next().await;
    assert_eq!(house.delivery(delivery).await.state, DeliveryState::InFlight);
    while house.delivery(delivery).await.state == DeliveryState::InFlight {
        house.clock.advance(SECOND);
    }
    house.worker.settle().await;
    assert_eq!(house.outcomes(delivery).await, [Outcome::Succeeded]);
    assert_eq!(crm.requests().len(), 0, "it was sent again");
}

#[tokio::test]
async fn a_panic_while_sending_is_a_failed_attempt_and_the_worker_lives() {
    let mut crm = Receiver::start().await;
    let configured = vec![Destination { format: Format::Raw, ..destination("crm", &crm.url) }];
    let mut house = House::start(configured).await;
    let delivery = house.receive(&["crm"]).await[0];
    house.store.panic_at_next_body();
    house.work().await;
    let attempt = house.delivery(delivery).await.attempts.remove(0);
    assert_eq!(attempt.outcome, Outcome::Failed);
    assert_eq!(attempt.reason.as_deref(), Some("callbox panicked; please report it"));
    house.clock.advance(12 * SECOND);
    house.work().await;
    assert_eq!(house.outcomes(delivery).await, [Outcome::Failed, Outcome::Succeeded]);
    assert_eq!(crm.requests().len(), 1);
}
