//! The person in simulated days: pauses, resumes, tries again at once, cancels, and in the end clears up what blocks.

use super::desk::{Place, Row};
use super::weather::some_time;
use super::world::{HOUR, Happening, MINUTE, Sabotage, Step, World};

impl World<'_> {
    pub(super) fn operate(&mut self) -> Step {
        let gap = if self.calm { HOUR } else { some_time(&self.random, MINUTE, 12 * HOUR) };
        self.plan(gap, Happening::Operator);
        if self.process.is_none() {
            return Ok(());
        }
        for place in 0..self.towns.len() {
            if self.calm || self.random.below(2) == 0 {
                for row in self.witness.blocking(place) {
                    let again = self.random.below(2) == 0;
                    self.by_hand(row, again)?;
                }
                self.desk.set_paused(place, false);
                self.step()?;
                self.lane(place).resume();
                self.witness.resumed(place);
            } else if self.random.below(8) == 0 {
                self.pause(place)?;
            } else if self.desk.len() > 0 {
                let row = self.random.below(self.desk.len());
                let again = self.random.below(3) > 0;
                self.by_hand(row, again)?;
            }
        }
        self.wake();
        Ok(())
    }

    fn by_hand(&mut self, row: Row, again: bool) -> Step {
        if again && self.desk.retry_now(row) == Some(true) {
            self.witness.retried(row, self.now);
        } else if !again && self.desk.cancel(row) == Some(true) {
            self.witness.left(row);
        }
        self.step()
    }

    pub(super) fn pause(&mut self, place: Place) -> Step {
        if self.sabotage != Sabotage::DeafToThePause {
            self.lane(place).pause("by hand");
        }
        self.witness.paused(place, self.now);
        self.step()?;
        self.desk.set_paused(place, true);
        self.step()
    }
}
