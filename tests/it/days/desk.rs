//! The store of simulated days: its steps as the worker and an operator take them, each of them whole, and what a crash leaves of it.

use std::collections::{BTreeMap, BTreeSet};

use callbox::clock::Time;
use callbox::domain::delivery::{DeliveryState, Outcome};
use callbox::store::Next;

/// Crashes in one delivery that end it.
const CRASHES_MAX: u32 = 3;

/// The number of a delivery, in the order in which they were made.
pub(super) type Row = usize;

/// The number of a destination.
pub(super) type Place = usize;

/// What an event is handed to, and whether in the order of its line.
pub(super) struct Duty {
    pub(super) to: Place,
    pub(super) in_line: bool,
}

/// A delivery that was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) row: Row,
    pub(super) number: u32,
    pub(super) counted: u32,
}

/// The steps that are taken at a store; each is one transaction.
pub(super) trait Desk {
    /// Time goes on.
    fn tell_time(&mut self, now: Time);
    /// The program ends, in good order or not, and what is on disk is opened again.
    fn reopen(&mut self, cleanly: bool);
    /// Keeps an event of a line, with what is to be delivered of it.
    fn append(&mut self, line: usize, duties: &[Duty]);
    fn recover(&mut self);
    fn unblock(&mut self, place: Place);
    fn next_due(&mut self, place: Place) -> Option<Time>;
    fn claim(&mut self, place: Place, limit: usize) -> Vec<Taken>;
    fn record(&mut self, taken: Taken, outcome: Outcome, next: Next);
    fn retry_now(&mut self, row: Row) -> Option<bool>;
    fn cancel(&mut self, row: Row) -> Option<bool>;
    fn set_paused(&mut self, place: Place, paused: bool);
    fn is_paused(&mut self, place: Place) -> bool;
    /// Where a delivery stands, and whether it has a time at which it is due.
    fn state(&mut self, row: Row) -> (DeliveryState, bool);
    /// How many deliveries there are.
    fn len(&self) -> usize;
}

/// The steps over plain collections.
#[derive(Default)]
pub(super) struct ModelDesk {
    now: Option<Time>,
    uncleanly: bool,
    rows: Vec<Kept>,
    /// What waits and has its turn.
    due: BTreeSet<(Place, Time, Row)>,
    under_way: BTreeSet<Row>,
    /// Who stands in a line, first in front.
    lines: BTreeMap<(Place, usize), BTreeSet<Row>>,
    paused: BTreeSet<Place>,
}

struct Kept {
    place: Place,
    /// The line that it stands in, for as long as it does.
    line: Option<usize>,
    state: DeliveryState,
    made: Time,
    /// When it is due; `None` while it is not its turn.
    due: Option<Time>,
    attempts: u32,
    counted: u32,
    crashes: u32,
}

impl ModelDesk {
    fn now(&self) -> Time {
        self.now.unwrap()
    }

    /// Writes down where a delivery stands, and keeps the index of what is due.
    fn put(&mut self, row: Row, state: DeliveryState, due: Option<Time>) {
        let kept = &mut self.rows[row];
        if let (DeliveryState::Pending, Some(due)) = (kept.state, kept.due) {
            self.due.remove(&(kept.place, due, row));
        }
        (kept.state, kept.due) = (state, due);
        if let (DeliveryState::Pending, Some(due)) = (state, due) {
            self.due.insert((kept.place, due, row));
        }
        if state == DeliveryState::InFlight {
            self.under_way.insert(row);
        } else {
            self.under_way.remove(&row);
        }
    }

    /// Takes a delivery out of its line; the next one has its turn.
    fn leave(&mut self, row: Row) {
        let kept = &mut self.rows[row];
        let Some(line) = kept.line.take() else { return };
        let place = kept.place;
        let line = self.lines.get_mut(&(place, line)).unwrap();
        line.remove(&row);
        let Some(first) = line.first().copied() else { return };
        let next = &self.rows[first];
        if next.state == DeliveryState::Pending && next.due.is_none() {
            let made = next.made;
            self.put(first, DeliveryState::Pending, Some(made));
        }
    }
}

impl Desk for ModelDesk {
    fn tell_time(&mut self, now: Time) {
        self.now = Some(now);
    }

    fn reopen(&mut self, cleanly: bool) {
        self.uncleanly = !cleanly;
    }

    fn append(&mut self, line: usize, duties: &[Duty]) {
        for duty in duties {
            let row = self.rows.len();
            let now = self.now();
            let line = duty.in_line.then_some(line);
            let is_first = line.is_none_or(|line| {
                let queue = self.lines.entry((duty.to, line)).or_default();
                queue.insert(row);
                queue.len() == 1
            });
            self.rows.push(Kept {
                place: duty.to,
                line,
                state: DeliveryState::Pending,
                made: now,
                due: None,
                attempts: 0,
                counted: 0,
                crashes: 0,
            });
            self.put(row, DeliveryState::Pending, is_first.then_some(now));
        }
    }

    fn recover(&mut self) {
        for row in std::mem::take(&mut self.under_way) {
            let kept = &mut self.rows[row];
            kept.crashes += u32::from(self.uncleanly);
            let poison = kept.crashes >= CRASHES_MAX;
            let state = if poison { DeliveryState::Exhausted } else { DeliveryState::Pending };
            let now = self.now();
            self.put(row, state, Some(now));
        }
    }

    fn unblock(&mut self, place: Place) {
        let blocking = |row: &Row| {
            let kept = &self.rows[*row];
            kept.state == DeliveryState::Exhausted
        };
        let lines = self.lines.range((place, 0)..(place + 1, 0));
        let blocking: Vec<Row> =
            lines.flat_map(|(_, line)| line.iter().copied().filter(blocking)).collect();
        for row in blocking {
            self.leave(row);
        }
    }

    fn next_due(&mut self, place: Place) -> Option<Time> {
        let begin = (place, Time::from_millis(i64::MIN), 0);
        let next = self.due.range(begin..).next();
        next.filter(|(found, ..)| *found == place).map(|(_, due, _)| *due)
    }

    fn claim(&mut self, place: Place, limit: usize) -> Vec<Taken> {
        let begin = (place, Time::from_millis(i64::MIN), 0);
        let due = self.due.range(begin..=(place, self.now(), usize::MAX));
        let rows: Vec<Row> = due.map(|(_, _, row)| *row).take(limit).collect();
        let taken = rows.into_iter().map(|row| {
            let due = self.rows[row].due;
            self.put(row, DeliveryState::InFlight, due);
            let kept = &mut self.rows[row];
            kept.attempts += 1;
            Taken { row, number: kept.attempts, counted: kept.counted }
        });
        taken.collect()
    }

    fn record(&mut self, taken: Taken, _: Outcome, next: Next) {
        self.rows[taken.row].counted += 1;
        let due = self.rows[taken.row].due;
        match next {
            Next::Succeeded => self.put(taken.row, DeliveryState::Succeeded, due),
            Next::RetryAt(at) => self.put(taken.row, DeliveryState::Pending, Some(at)),
            Next::Exhausted | Next::Blocks => self.put(taken.row, DeliveryState::Exhausted, due),
        }
        if matches!(next, Next::Succeeded | Next::Exhausted) {
            self.leave(taken.row);
        }
    }

    fn retry_now(&mut self, row: Row) -> Option<bool> {
        let kept = self.rows.get(row)?;
        let waits_its_turn = kept.state == DeliveryState::Pending && kept.due.is_none();
        if kept.state == DeliveryState::InFlight || waits_its_turn {
            return Some(false);
        }
        let now = self.now();
        self.put(row, DeliveryState::Pending, Some(now));
        Some(true)
    }

    fn cancel(&mut self, row: Row) -> Option<bool> {
        let kept = self.rows.get(row)?;
        let blocks = kept.line.is_some() && kept.state == DeliveryState::Exhausted;
        if kept.state != DeliveryState::Pending && !blocks {
            return Some(false);
        }
        self.put(row, DeliveryState::Cancelled, kept.due);
        self.leave(row);
        Some(true)
    }

    fn set_paused(&mut self, place: Place, paused: bool) {
        if paused {
            self.paused.insert(place);
        } else {
            self.paused.remove(&place);
        }
    }

    fn is_paused(&mut self, place: Place) -> bool {
        self.paused.contains(&place)
    }

    fn state(&mut self, row: Row) -> (DeliveryState, bool) {
        let kept = &self.rows[row];
        (kept.state, kept.due.is_some())
    }

    fn len(&self) -> usize {
        self.rows.len()
    }
}
