//! What happens to each message of a simulation, and in which order its callbacks go out.

use crate::domain::message::State;
use crate::random::Random;
use crate::vendor::habits::Habits;

/// How the traffic is disturbed; shares of 0 to 1.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    /// Of the callbacks, how many leave their place in the order.
    pub disorder: f64,
    /// Of the callbacks, how many are sent twice.
    pub duplicates: f64,
    /// Of the callbacks, how many come when all others were sent.
    pub late: f64,
}

/// What happens to a message: everything that is told of it, as bits, one for each [`Moment`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told(u8);

/// Something that a callback tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Somebody wrote the message.
    Received,
    /// The message has come so far.
    Reached(State),
}

/// One callback that goes out.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// The number of its message.
    pub message: u32,
    /// What it tells.
    pub moment: Moment,
    /// Whether it was sent before.
    pub is_copy: bool,
}

/// The callbacks of a run in the order in which they go out, and how many of them were disturbed.
#[derive(Debug, Default)]
pub struct Script {
    /// The callbacks.
    pub sendings: Vec<Sending>,
    /// How many left their place.
    pub disordered: usize,
    /// How many come last.
    pub late: usize,
    /// How many are copies.
    pub copies: usize,
}

impl Told {
    /// The same, with this moment.
    #[must_use]
    pub fn and(self, moment: Moment) -> Self {
        Self(self.0 | bit(moment))
    }

    /// What either tells.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this moment is told.
    #[must_use]
    pub fn has(self, moment: Moment) -> bool {
        self.0 & bit(moment) != 0
    }

    /// How many moments are told.
    #[must_use]
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether nothing is told.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

fn bit(moment: Moment) -> u8 {
    match moment {
        Moment::Received => 1,
        Moment::Reached(State::Queued) => 2,
        Moment::Reached(State::Sent) => 4,
        Moment::Reached(State::Failed) => 8,
        Moment::Reached(State::Delivered) => 16,
        Moment::Reached(State::Read) => 32,
    }
}

/// How far apart a message's callbacks are, in other messages.
const APART: u64 = 40;

/// How far a callback that leaves its place is moved at most, in other messages.
const ASTRAY: u64 = 400;

/// The callbacks of so many messages.
#[must_use]
pub fn script(
    messages: u32,
    habits: &Habits,
    disturbance: &Disturbance,
    random: &Random,
) -> Script {
    let mut script = Script::default();
    // A place in the order, finer than messages so that none share one.
    let mut placed: Vec<(u64, Sending)> = Vec::new();
    let end = u64::from(messages) * 8 + 8 * (APART * 8 + ASTRAY);
    for message in 0..messages {
        for (step, moment) in life(habits, random).into_iter().enumerate() {
            let step = u64::try_from(step).unwrap_or_default();
            let mut place = u64::from(message) * 8 + step * 8 * APART + 8 * ASTRAY;
            if is_hit(disturbance.late, random) {
                script.late += 1;
                place += end;
            } else if is_hit(disturbance.disorder, random) {
                script.disordered += 1;
                place = (place + drawn(16 * ASTRAY, random)).saturating_sub(8 * ASTRAY);
            }
            placed.push((place, Sending { message, moment, is_copy: false }));
            if is_hit(disturbance.duplicates, random) {
                script.copies += 1;
                // At once, or much later.
                let far = if random.below(2) == 0 { 8 } else { 8 * ASTRAY };
                let place = place + drawn(far, random);
                placed.push((place, Sending { message, moment, is_copy: true }));
            }
        }
    }
    placed.sort_by_key(|(place, _)| *place);
    script.sendings = placed.into_iter().map(|(_, sending)| sending).collect();
    script
}

/// All that is told of one message: one in eight is somebody's, the others go as far as messages go.
fn life(habits: &Habits, random: &Random) -> Vec<Moment> {
    if random.below(8) == 0 {
        return vec![Moment::Received];
    }
    let reached = |state: &State| Moment::Reached(*state);
    let rungs = habits.reports;
    let before_arrival: Vec<Moment> = rungs
        .iter()
        .take_while(|state| !matches!(state, State::Delivered | State::Read))
        .map(reached)
        .collect();
    match random.below(20) {
        // Failed for good.
        0 => before_arrival.into_iter().chain([Moment::Reached(State::Failed)]).collect(),
        // Failed, and arrived by a later try of the vendor's; not every one of them is read, too.
        1 => {
            let highest = if random.below(2) == 0 { State::Delivered } else { State::Read };
            let arrived = rungs.iter().filter(|state| {
                matches!(state, State::Delivered | State::Read) && **state <= highest
            });
            before_arrival
                .into_iter()
                .chain([Moment::Reached(State::Failed)])
                .chain(arrived.map(reached))
                .collect()
        }
        // Sent, and nothing was heard of it since.
        2 => before_arrival,
        // Delivered, not read.
        3..=8 => rungs.iter().filter(|state| **state != State::Read).map(reached).collect(),
        _ => rungs.iter().map(reached).collect(),
    }
}

fn is_hit(share: f64, random: &Random) -> bool {
    let drawn = u32::try_from(random.below(1_000_000)).unwrap_or_default();
    f64::from(drawn) < share * 1_000_000.0
}

fn drawn(below: u64, random: &Random) -> u64 {
    random.below(usize::try_from(below).unwrap_or(usize::MAX)).try_into().unwrap_or_default()
}
