//! The same steps at the store that callbox has, on a disk of its own.

use std::collections::BTreeMap;

use callbox::clock::{Clock, Time};
use callbox::domain::delivery::{Attempt, DeliveryState, Outcome, Trigger};
use callbox::domain::id::DeliveryId;
use callbox::domain::name::Name;
use callbox::domain::order::OrderedBy;
use callbox::store::{Next, Recorded};
use tokio::runtime::{Builder, Runtime};

use super::desk::{Desk, Duty, Place, Row, Taken};
use crate::support::SECOND;
use crate::support::house::name_of;
use crate::support::shelf::{STORES, Shelf};

/// A store of which each step is waited for.
pub(super) struct ShelvedDesk {
    runtime: Runtime,
    shelf: Option<Shelf>,
    ids: Vec<DeliveryId>,
    rows: BTreeMap<DeliveryId, Row>,
    events: usize,
}

fn name(place: Place) -> Name {
    name_of(&format!("d{place}"))
}

impl ShelvedDesk {
    pub(super) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let shelf = Some(Shelf::new(STORES[0]));
        Self { runtime, shelf, ids: Vec::new(), rows: BTreeMap::new(), events: 0 }
    }

    fn shelf(&self) -> &Shelf {
        self.shelf.as_ref().unwrap()
    }

    fn now(&self) -> Time {
        self.shelf().now()
    }
}

impl Desk for ShelvedDesk {
    fn tell_time(&mut self, now: Time) {
        let there = self.shelf();
        there.clock.advance(now.since(there.clock.now()));
    }

    fn reopen(&mut self, cleanly: bool) {
        let there = self.shelf.take().unwrap();
        let opened = async { if cleanly { there.restart().await } else { there.crash().await } };
        self.shelf = Some(self.runtime.block_on(opened));
    }

    fn append(&mut self, line: usize, duties: &[Duty]) {
        self.events += 1;
        let to: Vec<String> = duties.iter().map(|duty| format!("d{}", duty.to)).collect();
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        let there = self.shelf.as_ref().unwrap();
        let mut event = there.event(&format!("m{line}"), &self.events.to_string(), &to);
        for (delivery, duty) in event.deliveries.iter_mut().zip(duties) {
            delivery.order = duty.in_line.then_some(OrderedBy::Message);
            self.rows.insert(delivery.id, self.ids.len());
            self.ids.push(delivery.id);
        }
        self.runtime.block_on(there.append(vec![event]));
    }

    fn recover(&mut self) {
        self.runtime.block_on(self.shelf().store.recover(self.now())).unwrap();
    }

    fn unblock(&mut self, place: Place) {
        self.runtime.block_on(self.shelf().store.unblock(&name(place))).unwrap();
    }

    fn next_due(&mut self, place: Place) -> Option<Time> {
        let due = self.runtime.block_on(self.shelf().store.next_due(&name(place))).unwrap();
        due.filter(|due| due.as_millis() < Time::from_millis(i64::MAX).as_millis())
    }

    fn claim(&mut self, place: Place, limit: usize) -> Vec<Taken> {
        let place = name(place);
        let claim = self.shelf().store.claim(&place, limit, self.now());
        let claimed = self.runtime.block_on(claim).unwrap();
        let taken = |claimed: &callbox::store::Claimed| Taken {
            row: self.rows[&claimed.id],
            number: claimed.number,
            counted: claimed.counted,
        };
        claimed.iter().map(taken).collect()
    }

    fn record(&mut self, taken: Taken, outcome: Outcome, next: Next) {
        let attempt = Attempt {
            number: taken.number,
            started_at: self.now(),
            duration: SECOND,
            outcome,
            status: None,
            reason: None,
            trigger: Trigger::Schedule,
            response: None,
        };
        let recorded = Recorded { delivery: self.ids[taken.row], attempt, next };
        self.runtime.block_on(self.shelf().store.record(recorded)).unwrap();
    }

    fn retry_now(&mut self, row: Row) -> Option<bool> {
        let retry = self.shelf().store.retry_now(self.ids[row], Trigger::Manual, self.now());
        self.runtime.block_on(retry).unwrap()
    }

    fn cancel(&mut self, row: Row) -> Option<bool> {
        let cancel = self.shelf().store.cancel(self.ids[row], "by hand");
        self.runtime.block_on(cancel).unwrap()
    }

    fn set_paused(&mut self, place: Place, paused: bool) {
        let reason = paused.then(|| "by hand".to_owned());
        let place = name(place);
        let paused = self.shelf().store.set_paused(&place, reason);
        self.runtime.block_on(paused).unwrap();
    }

    fn is_paused(&mut self, place: Place) -> bool {
        let paused = self.runtime.block_on(self.shelf().store.paused()).unwrap();
        paused.iter().any(|(paused, _)| *paused == name(place))
    }

    fn state(&mut self, row: Row) -> (DeliveryState, bool) {
        let delivery = self.runtime.block_on(self.shelf().delivery(self.ids[row]));
        (delivery.state, delivery.behind.is_none())
    }

    fn len(&self) -> usize {
        self.ids.len()
    }
}
