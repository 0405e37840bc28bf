//! The program's own steps in a simulated day, as the worker takes them: survey, claim, start, learn, record.

use std::time::Duration;

use callbox::domain::breaker::BreakerState;
use callbox::domain::delivery::Outcome;
use callbox::domain::fairness::Demand;
use callbox::domain::lane::{Ending, Fate, Lane, Room};
use callbox::domain::rounds::{Due, Survey, survey};
use callbox::store::Next;

use super::desk::{Place, Taken};
use super::weather::pick;
use super::world::{HOUR, Halt, Own, Process, Sabotage, Step, World, wall};

impl World<'_> {
    pub(super) fn running(&mut self) -> &mut Process {
        self.process.as_mut().expect("only a running program takes steps")
    }

    pub(super) fn lane(&mut self, place: Place) -> &mut Lane {
        &mut self.running().lanes[place]
    }

    fn elapsed(&mut self) -> Duration {
        let now = self.now;
        now.saturating_sub(self.running().born)
    }

    /// Rouses the worker.
    pub(super) fn wake(&mut self) {
        let Some(process) = &mut self.process else { return };
        process.woken = true;
        if !process.in_round {
            self.next_round(Duration::ZERO);
        }
    }

    pub(super) fn next_round(&mut self, after: Duration) {
        let process = self.running();
        process.in_round = false;
        process.planned += 1;
        let number = process.planned;
        self.own(after, Own::Survey(number));
    }

    fn room(&mut self, place: Place) -> Room {
        let (elapsed, sabotage) = (self.elapsed(), self.sabotage);
        let cap = self.towns[place].manners.max_concurrency;
        let lane = self.lane(place);
        let in_flight = lane.in_flight();
        let all = Room::Some(Demand { slots: cap.saturating_sub(in_flight), in_flight });
        let open = lane.paused().is_none() && in_flight < cap;
        let behind_the_breaker = match lane.breaker(elapsed) {
            BreakerState::Open { until } => lane.quiet_until(elapsed) == Some(until),
            BreakerState::Closed | BreakerState::HalfOpen => false,
        };
        match (lane.room(elapsed), sabotage) {
            (_, Sabotage::DeafToTheBreaker) if open && behind_the_breaker => all,
            (Room::Some(_) | Room::None, Sabotage::NoRamp) if open => all,
            (Room::Some(demand), Sabotage::OneTooMany) => {
                Room::Some(Demand { slots: demand.slots + 1, ..demand })
            }
            (room, _) => room,
        }
    }

    pub(super) fn survey(&mut self, number: u64) -> Step {
        if number != self.running().planned || self.running().in_round {
            return Ok(());
        }
        let process = self.running();
        (process.in_round, process.woken) = (true, false);
        let rooms: Vec<Room> = (0..self.towns.len()).map(|place| self.room(place)).collect();
        let survey = survey(rooms, self.elapsed());
        let pause = self.soon(pick(&self.random, &[1, 1, 15]));
        self.own(pause, Own::Claim(survey));
        self.step()
    }

    pub(super) fn claim(&mut self, survey: &Survey) -> Step {
        let due = survey.open.iter().map(|(place, _)| self.desk.next_due(*place));
        let due: Vec<Due> = due.map(|due| due.map_or(Due::Never, Due::At)).collect();
        let now = wall(self.now);
        let process = self.running();
        let plan = process.rounds.plan(survey, &due, process.in_flight, now);
        let mut all = Vec::new();
        for (place, share) in plan.claims {
            self.step()?;
            for taken in self.desk.claim(place, share) {
                self.witness.claimed(taken.row);
                all.push((place, taken));
            }
        }
        self.step()?;
        if !all.is_empty() {
            let pause = self.soon(pick(&self.random, &[1, 1, 15]));
            self.own(pause, Own::Start(all));
            return Ok(());
        }
        self.running().in_round = false;
        if self.running().woken {
            self.next_round(Duration::ZERO);
        } else if plan.rest < Duration::MAX {
            // Polls that find nothing are left out.
            let number = self.running().planned;
            self.own(plan.rest, Own::Survey(number));
        }
        Ok(())
    }

    pub(super) fn start(&mut self, all: Vec<(Place, Taken)>) -> Step {
        for (place, taken) in all {
            self.step()?;
            let elapsed = self.elapsed();
            self.lane(place).started(elapsed);
            self.running().in_flight += 1;
            self.life.attempts += 1;
            self.life.acts.push((self.now, taken.row, "starts"));
            self.witness.started(taken.row, self.now)?;
            let (takes, ending) = self.towns[place].answer(&self.random);
            self.own(takes, Own::End(place, taken, ending));
        }
        self.next_round(Duration::ZERO);
        Ok(())
    }

    pub(super) fn end(&mut self, place: Place, taken: Taken, ending: Ending) -> Step {
        self.step()?;
        if self.poison.contains(&taken.row) {
            return Err(Halt::Crash);
        }
        let (now, elapsed) = (self.now, self.elapsed());
        let lane = &mut self.process.as_mut().expect("it runs").lanes[place];
        let lesson = lane.learn(ending, elapsed, &self.random);
        let fate = lane.fate(ending, taken.counted, &self.random);
        self.witness.learned(taken.row, ending, lesson, (now, elapsed))?;
        if lesson.gone {
            self.pause(place)?;
        }
        let next = match (fate, self.sabotage) {
            (Fate::RetryIn(_), Sabotage::TriesAtOnce) => Next::RetryAt(wall(now)),
            (Fate::Exhausted | Fate::Blocks, Sabotage::OneMoreTry) => {
                Next::RetryAt(wall(now + HOUR))
            }
            (Fate::RetryIn(wait), _) => Next::RetryAt(wall(now).after(wait)),
            (Fate::Succeeded, _) => Next::Succeeded,
            (Fate::Exhausted, _) => Next::Exhausted,
            (Fate::Blocks, _) => Next::Blocks,
        };
        self.life.acts.push((now, taken.row, ending.outcome.as_str()));
        let slow = self.random.below(50) == 0;
        let pause = self.soon(if slow { 5_000 } else { 10 });
        self.own(pause, Own::Record(place, taken, ending.outcome, next));
        Ok(())
    }

    pub(super) fn record(
        &mut self,
        place: Place,
        taken: Taken,
        outcome: Outcome,
        next: Next,
    ) -> Step {
        self.step()?;
        if self.sabotage == Sabotage::ForgetsAResult && self.random.below(100) == 0 {
            self.witness.forgotten(taken.row);
        } else {
            self.desk.record(taken, outcome, next);
            self.witness.recorded(taken.row, next)?;
        }
        self.step()?;
        self.lane(place).over();
        self.running().in_flight -= 1;
        self.witness.slot_is_free(taken.row);
        self.wake();
        Ok(())
    }
}
