//! The contract of every store: what its steps do, written against the traits alone.

use callbox::domain::callback::CallbackOutcome;
use callbox::domain::delivery::{DeliveryState, Outcome, Trigger};
use callbox::domain::id::DeliveryId;
use callbox::domain::query::{
    CallbackFilter, DeliveryFilter, EventFilter, Order, Page, PageRequest,
};
use callbox::domain::source::Quota;
use callbox::store::{Backlog, Ended, Kept, Next, StoreError};

use crate::support::house::name_of;
use crate::support::shelf::{STORES, Shelf, crm};
use crate::support::{MINUTE, SECOND};

/// The beginning of a list, oldest first.
const OLDEST: PageRequest = PageRequest { limit: 50, order: Order::Ascending, after: None };

fn ids(claimed: &[callbox::store::Claimed]) -> Vec<DeliveryId> {
    claimed.iter().map(|claimed| claimed.id).collect()
}

#[tokio::test]
async fn what_is_known_makes_no_event_and_no_delivery_and_what_says_something_else_is_revised() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let first = shelf.append(vec![shelf.event("a", "sent", &["crm", "erp"])]).await;
        assert_eq!((first.outcome, first.deliveries), (CallbackOutcome::Events, 2));
        let again = shelf.append(vec![shelf.event("a", "sent", &["crm", "erp"])]).await;
        assert_eq!((again.outcome, again.deliveries), (CallbackOutcome::Duplicate, 0));
        assert_eq!(again.events, first.events);
        let other = vec![shelf.event("a", "sent", &["crm"]), shelf.event("a", "seen", &["crm"])];
        let other = shelf.append(other).await;
        assert_eq!((other.outcome, other.deliveries), (CallbackOutcome::Events, 1));
        assert_eq!(other.events[0], first.events[0]);
        // A repetition within one callback is one, too.
        let twice = vec![shelf.event("b", "sent", &["crm"]), shelf.event("b", "sent", &["crm"])];
        let twice = shelf.append(twice).await;
        assert_eq!((twice.outcome, twice.deliveries), (CallbackOutcome::Events, 1));
        assert_eq!(twice.events[0], twice.events[1]);
        let nothing = shelf.append(Vec::new()).await;
        assert_eq!((nothing.outcome, nothing.events.len()), (CallbackOutcome::Events, 0));

        let page = shelf.store.events(EventFilter::default(), OLDEST).await.unwrap();
        let told: Vec<_> = page.items.iter().map(|event| (event.id, event.revised)).collect();
        let expected =
            [(first.events[0], false), (other.events[1], true), (twice.events[0], false)];
        assert_eq!(told, expected);
        assert!(page.items.is_sorted_by(|one, next| one.sequence < next.sequence));
        let counts = shelf.store.intake_of(&name_of("shop")).await.unwrap();
        assert_eq!((counts.received, counts.duplicates), (5, 1));
    }
}

#[tokio::test]
async fn a_step_that_can_not_be_done_leaves_nothing_and_harms_nobody_else() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let first = shelf.event("a", "sent", &["crm"]);
        let mut clash = shelf.event("b", "sent", &["crm"]);
        clash.id = first.id;
        shelf.append(vec![first]).await;
        let good = shelf.callback("good", Kept::Events(vec![shelf.event("c", "sent", &["crm"])]));
        let bad =
            shelf.callback("bad", Kept::Events(vec![shelf.event("d", "sent", &["crm"]), clash]));
        let (bad_id, good_id) = (bad.callback.id, good.callback.id);
        let (bad, good) = tokio::join!(shelf.store.append(bad), shelf.store.append(good));
        assert!(matches!(bad, Err(StoreError::Failed(_))), "{bad:?}");
        assert_eq!(good.unwrap().deliveries, 1);
        assert!(shelf.store.callback(bad_id).await.unwrap().is_none());
        assert!(shelf.store.callback(good_id).await.unwrap().is_some());
        assert_eq!(shelf.store.backlog(&crm()).await.unwrap().waiting, 2);
    }
}

#[tokio::test]
async fn what_is_not_authentic_is_kept_within_the_quota_the_oldest_going_first() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let quota = Quota { callbacks: 2, bytes: 10 };
        let bodies = async || -> Vec<u64> {
            let outcome = Some(CallbackOutcome::Unauthentic);
            let source = Some(name_of("shop"));
            let filter = CallbackFilter { source, outcome, ..CallbackFilter::default() };
            let page = shelf.store.callbacks(filter, OLDEST).await.unwrap();
            page.items.iter().map(|record| record.body_size).collect()
        };
        for (body, expected) in
            [("1", vec![1]), ("22", vec![1, 2]), ("333", vec![2, 3]), ("88888888", vec![8])]
        {
            let kept = Kept::Unauthentic("wrong".to_owned(), quota);
            let appended = shelf.store.append(shelf.callback(body, kept)).await.unwrap();
            assert_eq!(appended.outcome, CallbackOutcome::Unauthentic);
            assert_eq!(bodies().await, expected);
        }
        let counts = shelf.store.intake_of(&name_of("shop")).await.unwrap();
        assert_eq!(counts.unauthentic, [("wrong".to_owned(), 4)]);
    }
}

#[tokio::test]
async fn a_claim_takes_what_is_due_longest_first_and_nobody_takes_it_again() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let oldest = shelf.due("a").await;
        shelf.clock.advance(SECOND);
        let others = [shelf.due("b").await, shelf.due("c").await];
        shelf.append(vec![shelf.event("d", "sent", &["erp"])]).await;
        let early = shelf.store.claim(&crm(), 9, shelf.now().before(MINUTE)).await.unwrap();
        assert_eq!(ids(&early), []);
        assert_eq!(ids(&shelf.claim(1).await), [oldest]);
        let claimed = shelf.claim(9).await;
        assert_eq!(ids(&claimed), others);
        assert_eq!((claimed[0].number, claimed[0].counted), (1, 0));
        assert_eq!(claimed[0].trigger, Trigger::Schedule);
        assert_eq!(ids(&shelf.claim(9).await), []);
        assert_eq!(shelf.state(oldest).await, DeliveryState::InFlight);
        assert_eq!(shelf.store.next_due(&crm()).await.unwrap(), None);
        let backlog = shelf.store.backlog(&crm()).await.unwrap();
        let made = shelf.now().before(SECOND);
        assert_eq!(
            backlog,
            Backlog {
                waiting: 3,
                oldest_pending_at: Some(made),
                ended: Ended::default(),
                blocked: 0
            }
        );
    }
}

#[tokio::test]
async fn a_recorded_attempt_decides_what_becomes_of_its_delivery() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let delivery = shelf.due("a").await;
        let later = shelf.now().after(MINUTE);
        shelf.attempt(Outcome::Rejected, Next::RetryAt(later)).await;
        assert_eq!(shelf.state(delivery).await, DeliveryState::Pending);
        assert_eq!(shelf.store.next_due(&crm()).await.unwrap(), Some(later));
        shelf.clock.advance(MINUTE);
        let second = shelf.attempt(Outcome::TimedOut, Next::Exhausted).await;
        assert_eq!((second.number, second.counted), (2, 1));
        assert_eq!(shelf.state(delivery).await, DeliveryState::Exhausted);
        assert_eq!(shelf.outcomes(delivery).await, [Outcome::Rejected, Outcome::TimedOut]);

        let other = shelf.due("b").await;
        shelf.attempt(Outcome::Succeeded, Next::Succeeded).await;
        assert_eq!(shelf.state(other).await, DeliveryState::Succeeded);
        let ended = Ended { succeeded: 1, exhausted: 1, ..Ended::default() };
        let backlog = shelf.store.backlog(&crm()).await.unwrap();
        assert_eq!(backlog, Backlog { ended, ..Backlog::default() });
        let filter =
            DeliveryFilter { state: Some(DeliveryState::Succeeded), ..DeliveryFilter::default() };
        let Page { items, .. } = shelf.store.deliveries(filter, OLDEST).await.unwrap();
        assert_eq!(items.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [other]);
    }
}

#[tokio::test]
async fn what_a_crash_cut_off_is_due_again_uncounted_but_the_third_time_it_is_poison() {
    for open in STORES {
        let mut shelf = Shelf::new(open);
        let poison = shelf.due("a").await;
        for crash in 1..=3 {
            assert_eq!(ids(&shelf.claim(1).await), [poison]);
            shelf = shelf.crash().await;
            let due = shelf.store.recover(shelf.now()).await.unwrap();
            assert_eq!(due, usize::from(crash < 3));
            assert_eq!(shelf.outcomes(poison).await, vec![Outcome::Unknown; crash]);
            assert_eq!(shelf.store.recover(shelf.now()).await.unwrap(), 0);
        }
        let ended = shelf.delivery(poison).await;
        assert_eq!(
            (ended.state, ended.reason.as_deref()),
            (DeliveryState::Exhausted, Some("poison"))
        );

        // Somebody may still want it tried; and no attempt was counted so far.
        let trigger = Trigger::Manual;
        assert_eq!(shelf.store.retry_now(poison, trigger, shelf.now()).await.unwrap(), Some(true));
        let claimed = shelf.attempt(Outcome::Succeeded, Next::Succeeded).await;
        assert_eq!((claimed.number, claimed.counted, claimed.trigger), (4, 0, trigger));
    }
}

#[tokio::test]
async fn what_was_appended_and_recorded_outlives_a_crash() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let (done, waiting) = (shelf.due("a").await, shelf.due("b").await);
        shelf.attempt(Outcome::Succeeded, Next::Succeeded).await;
        shelf.store.set_paused(&crm(), Some("tired".to_owned())).await.unwrap();
        let key = shelf.store.key();
        let before = shelf.store.events(EventFilter::default(), OLDEST).await.unwrap();

        let shelf = shelf.crash().await;
        assert_eq!(shelf.store.recover(shelf.now()).await.unwrap(), 0);
        assert_eq!(shelf.store.events(EventFilter::default(), OLDEST).await.unwrap(), before);
        assert_eq!(shelf.state(done).await, DeliveryState::Succeeded);
        assert_eq!(shelf.state(waiting).await, DeliveryState::Pending);
        assert_eq!(shelf.store.paused().await.unwrap(), [(crm(), "tired".to_owned())]);
        assert_eq!(shelf.store.key(), key);
        shelf.store.set_paused(&crm(), None).await.unwrap();
        assert_eq!(shelf.store.paused().await.unwrap(), []);
    }
}

#[tokio::test]
async fn an_operator_retries_what_waits_or_has_ended_and_cancels_what_waits() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let (store, now, trigger) = (&shelf.store, shelf.now(), Trigger::Manual);
        let delivery = shelf.due("a").await;
        shelf.attempt(Outcome::Rejected, Next::RetryAt(now.after(60 * MINUTE))).await;
        assert_eq!(store.retry_now(delivery, trigger, now).await.unwrap(), Some(true));
        let claimed = shelf.claim(1).await.remove(0);
        assert_eq!(claimed.trigger, trigger);
        assert_eq!(store.retry_now(delivery, trigger, now).await.unwrap(), Some(false));
        assert_eq!(store.cancel(delivery, "no").await.unwrap(), Some(false));

        shelf.end(&claimed, Outcome::Rejected, Next::RetryAt(now)).await;
        assert_eq!(store.cancel(delivery, "not wanted").await.unwrap(), Some(true));
        let cancelled = shelf.delivery(delivery).await;
        assert_eq!(cancelled.state, DeliveryState::Cancelled);
        assert_eq!(cancelled.reason.as_deref(), Some("not wanted"));
        assert_eq!(ids(&shelf.claim(1).await), []);
        assert_eq!(store.cancel(delivery, "again").await.unwrap(), Some(false));
        assert_eq!(store.retry_now(delivery, trigger, now).await.unwrap(), Some(true));
        let claimed = shelf.attempt(Outcome::Succeeded, Next::Succeeded).await;
        assert_eq!((claimed.id, claimed.number, claimed.counted), (delivery, 3, 2));

        let nobody = DeliveryId::from_bits(1);
        assert_eq!(store.retry_now(nobody, trigger, now).await.unwrap(), None);
        assert_eq!(store.cancel(nobody, "no").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_closed_store_says_so_whatever_it_is_asked() {
    for open in STORES {
        let shelf = Shelf::new(open);
        let delivery = shelf.due("a").await;
        let last = shelf.store.append(shelf.callback("last", Kept::Events(Vec::new())));
        let (last, closed) = tokio::join!(last, shelf.store.close());
        // What was asked for before the end is done before the end.
        assert!(last.is_ok() && closed.is_ok(), "{last:?} {closed:?}");
        let store = &shelf.store;
        let callback = shelf.callback("late", Kept::Events(Vec::new()));
        let answers = [
            store.append(callback).await.err(),
            store.ready().await.err(),
            store.close().await.err(),
            store.recover(shelf.now()).await.err(),
            store.claim(&crm(), 1, shelf.now()).await.err(),
            store.next_due(&crm()).await.err(),
            store.cancel(delivery, "no").await.err(),
            store.paused().await.err(),
            store.events(EventFilter::default(), OLDEST).await.err(),
            store.delivery(delivery).await.err(),
            store.backlog(&crm()).await.err(),
        ];
        for (number, answer) in answers.into_iter().enumerate() {
            assert!(matches!(answer, Some(StoreError::Closed)), "{number}: {answer:?}");
        }
    }
}
