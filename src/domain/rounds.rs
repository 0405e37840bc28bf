//! A round of handing out: which destinations are asked for work, how much of it each is given, and until when there is none; pure.
//!
//! A round has two halves, because the store is asked between them: [`survey`] goes by how destinations stand, [`Rounds::plan`] by
//! when each one's next delivery is due.

use std::time::Duration;

use super::fairness::{Demand, deal};
use super::lane::Room;
use crate::clock::Time;

/// The most attempts under way in all; a destination with none gets one beyond it.
pub const IN_FLIGHT_MAX: usize = 512;

/// The longest that the worker rests, whatever a plan says: a wake-up that got lost costs no more.
pub const POLL: Duration = Duration::from_secs(5);

/// The rest after the store failed.
pub const STORE_REST: Duration = Duration::from_secs(1);

/// The first half of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The destinations that could take something, by their number, and what they could use.
    pub open: Vec<(usize, Demand)>,
    /// How long the others can be left alone.
    rest: Duration,
}

/// Goes by how each destination stands, at `elapsed` on [`crate::clock::Clock::elapsed`]'s scale.
#[must_use]
pub fn survey(rooms: impl IntoIterator<Item = Room>, elapsed: Duration) -> Survey {
    let mut survey = Survey { open: Vec::new(), rest: Duration::MAX };
    for (number, room) in rooms.into_iter().enumerate() {
        match room {
            Room::Some(demand) => survey.open.push((number, demand)),
            Room::Later(moment) => survey.rest = survey.rest.min(moment.saturating_sub(elapsed)),
            Room::None => {}
        }
    }
    survey
}

/// When a destination's next delivery is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// At this time, or since.
    At(Time),
    /// It has none that waits.
    Never,
    /// The store could not say.
    Unknown,
}

/// What a round does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many deliveries are claimed for which destination, by its number.
    pub claims: Vec<(usize, usize)>,
    /// How long nothing more can be done, if nothing comes of the claims and nothing else happens.
    pub rest: Duration,
}

/// Deals out what is free, in turn from round to round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rounds {
    turn: usize,
}

impl Rounds {
    /// The second half of a round at `now`, while `in_flight` attempts are under way in all. `due` goes beside the survey's
    /// [`Survey::open`].
    #[must_use]
    pub fn plan(&mut self, survey: &Survey, due: &[Due], in_flight: usize, now: Time) -> Plan {
        let mut plan = Plan { claims: Vec::new(), rest: survey.rest };
        let mut ready = Vec::new();
        for (open, due) in survey.open.iter().zip(due) {
            match due {
                Due::At(moment) if *moment <= now => ready.push(*open),
                Due::At(moment) => plan.rest = plan.rest.min(moment.since(now)),
                Due::Never => {}
                Due::Unknown => plan.rest = plan.rest.min(STORE_REST),
            }
        }
        let demands: Vec<Demand> = ready.iter().map(|(_, demand)| *demand).collect();
        let shares = deal(IN_FLIGHT_MAX.saturating_sub(in_flight), &demands, self.turn);
        self.turn = self.turn.wrapping_add(1);
        let claims = ready.iter().zip(shares).filter(|(_, share)| *share > 0);
        plan.claims = claims.map(|((number, _), share)| (*number, share)).collect();
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn idle(slots: usize) -> Demand {
        Demand { slots, in_flight: 0 }
    }

    #[test]
    fn whoever_has_room_and_something_due_gets_it_and_the_others_are_waited_for() {
        let at = |seconds: i64| Due::At(Time::from_millis(seconds * 1_000));
        let rooms = [
            Room::Some(idle(2)),
            Room::None,
            Room::Later(7 * SECOND),
            Room::Some(idle(3)),
            Room::Some(idle(4)),
        ];
        let survey = survey(rooms, 4 * SECOND);
        assert_eq!(survey.open, [(0, idle(2)), (3, idle(3)), (4, idle(4))]);
        let now = Time::from_millis(100_000);
        let mut rounds = Rounds::default();
        let mut plan = |due: [Due; 3]| {
            let plan = rounds.plan(&survey, &due, 0, now);
            (plan.claims, plan.rest)
        };
        assert_eq!(plan([at(100), Due::Never, at(99)]), (vec![(0, 2), (4, 4)], 3 * SECOND));
        assert_eq!(plan([at(102), at(101), Due::Never]), (vec![], SECOND));
        assert_eq!(plan([at(104), Due::Never, Due::Never]), (vec![], 3 * SECOND));
        assert_eq!(plan([Due::Unknown, Due::Never, Due::Never]), (vec![], STORE_REST));
    }

    #[test]
    fn a_round_without_anything_to_wait_for_says_so() {
        let survey = survey([Room::Some(idle(1)), Room::None], SECOND);
        let plan = Rounds::default().plan(&survey, &[Due::Never], 0, Time::from_millis(0));
        assert_eq!((plan.claims, plan.rest), (vec![], Duration::MAX));
    }
}
