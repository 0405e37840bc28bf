//! Who looks on: knows the rules as they are told to people, none of the code that keeps them, and says what must not be.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use callbox::domain::delivery::{DeliveryState, Outcome};
use callbox::domain::lane::{Ending, Lesson};
use callbox::domain::rounds::IN_FLIGHT_MAX;
use callbox::store::Next;

use super::desk::{Desk, Place, Row};
use super::weather::Town;

/// What was decided this long ago may still be on its way out.
const ROUND: Duration = Duration::from_millis(100);

const SECOND: Duration = Duration::from_secs(1);

/// Whether all is well; else what is not.
pub(super) type Seen = Result<(), String>;

#[derive(Default)]
pub(super) struct Witness {
    towns: Vec<TownSeen>,
    stories: Vec<Story>,
    /// The deliveries of a line that have not left it, and who comes first.
    lines: BTreeMap<(Place, usize), VecDeque<Row>>,
    open: BTreeSet<Row>,
    in_flight: usize,
}

struct TownSeen {
    cap: usize,
    rate: Option<f64>,
    waits: Vec<Duration>,
    fails_fast: bool,
    in_flight: usize,
    starts: VecDeque<Duration>,
    paused_since: Option<Duration>,
    /// It asked to be left alone.
    away: Option<(Duration, Duration)>,
    /// Its breaker is open.
    rests: Option<(Duration, Duration)>,
    failures: u32,
    recent: VecDeque<(u64, bool)>,
    /// Since when its breaker opened last, and how often it succeeded after that, while it bounds how much goes out.
    back: Option<(Duration, usize)>,
}

/// What is known of one delivery.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact that a person would note by itself"
)]
struct Story {
    place: Place,
    line: Option<usize>,
    in_hand: bool,
    blocks: bool,
    out_of_turn: bool,
    counted: usize,
    by_hand: usize,
    crashes: u32,
    earliest: Duration,
    fast: bool,
}

fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> Seen {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl Witness {
    pub(super) fn new(towns: &[Town]) -> Self {
        let seen = |town: &Town| TownSeen {
            cap: town.manners.max_concurrency,
            rate: town.manners.rate,
            waits: town.manners.retry.0.clone(),
            fails_fast: town.manners.fail_fast.names(422),
            in_flight: 0,
            starts: VecDeque::new(),
            paused_since: None,
            away: None,
            rests: None,
            failures: 0,
            recent: VecDeque::new(),
            back: None,
        };
        Self { towns: towns.iter().map(seen).collect(), ..Self::default() }
    }

    pub(super) fn made(&mut self, place: Place, line: Option<usize>, now: Duration) {
        let row = self.stories.len();
        self.open.insert(row);
        if let Some(line) = line {
            self.lines.entry((place, line)).or_default().push_back(row);
        }
        self.stories.push(Story {
            place,
            line,
            in_hand: false,
            blocks: false,
            out_of_turn: false,
            counted: 0,
            by_hand: 0,
            crashes: 0,
            earliest: now,
            fast: false,
        });
    }

    /// The program starts again: what it knew only in memory is forgotten.
    pub(super) fn booted(&mut self, cleanly: bool, now: Duration, desk: &mut dyn Desk) -> Seen {
        for (place, town) in self.towns.iter_mut().enumerate() {
            town.in_flight = 0;
            town.failures = 0;
            town.starts.clear();
            town.recent.clear();
            (town.away, town.rests, town.back) = (None, None, None);
            let paused = desk.is_paused(place);
            town.paused_since = paused.then(|| town.paused_since.unwrap_or(now));
        }
        self.in_flight = 0;
        let mut poisoned = Vec::new();
        for row in &self.open {
            let story = &mut self.stories[*row];
            if std::mem::take(&mut story.in_hand) {
                story.crashes += u32::from(!cleanly);
                story.earliest = Duration::ZERO;
            }
            if desk.state(*row).0 == DeliveryState::Exhausted && !story.blocks {
                demand(story.crashes >= 3, || format!("{row} is poison after {}", story.crashes))?;
                poisoned.push(*row);
            }
        }
        for row in poisoned {
            self.gave_up(row);
        }
        Ok(())
    }

    /// A delivery was claimed: it is in the program's hands.
    pub(super) fn claimed(&mut self, row: Row) {
        self.stories[row].in_hand = true;
    }

    pub(super) fn started(&mut self, row: Row, now: Duration) -> Seen {
        let most = IN_FLIGHT_MAX + self.towns.len();
        let story = &self.stories[row];
        let town = &mut self.towns[story.place];
        demand(self.open.contains(&row) && !story.blocks, || format!("{row} had ended"))?;
        let paused = town.paused_since.is_some_and(|since| now > since + ROUND);
        demand(!paused, || format!("{row} goes to a paused destination"))?;
        let within = |times: Option<(Duration, Duration)>| {
            times.is_some_and(|(since, until)| now > since + ROUND && now < until)
        };
        demand(!within(town.away), || format!("{row} goes to one that asked to be left alone"))?;
        demand(!within(town.rests), || format!("{row} goes through an open breaker"))?;
        town.in_flight += 1;
        self.in_flight += 1;
        let at_once = town.in_flight;
        demand(at_once <= town.cap, || format!("{at_once} at once are more than {}", town.cap))?;
        demand(self.in_flight <= most, || format!("more than {most} in all"))?;
        if let Some((_, successes)) = town.back.filter(|(since, _)| now > *since + ROUND) {
            demand(at_once <= 1 + successes, || format!("a ramp of {at_once} after {successes}"))?;
        }
        if let Some(rate) = town.rate {
            town.starts.push_back(now);
            while town.starts.front().is_some_and(|start| *start + 20 * SECOND <= now) {
                town.starts.pop_front();
            }
            let most = rate * 20.0 + (rate / 20.0).max(1.0) + 1.0;
            let started = u32::try_from(town.starts.len()).unwrap();
            demand(f64::from(started) <= most, || format!("a rate of {started} in 20 s"))?;
        }
        let budget = town.waits.len() + 1 + story.by_hand;
        demand(story.counted < budget, || format!("{row} is beyond its budget of {budget}"))?;
        let millisecond = Duration::from_millis(1);
        let early = story.earliest.saturating_sub(now + millisecond);
        demand(early.is_zero(), || format!("{row} is {early:?} too early"))?;
        if let (Some(line), false) = (story.line, story.out_of_turn) {
            let first = self.lines.get(&(story.place, line)).and_then(|line| line.front());
            demand(first == Some(&row), || format!("{row} before {first:?} of its line"))?;
        }
        Ok(())
    }

    /// An attempt ended, and the program made this of it.
    pub(super) fn learned(
        &mut self,
        row: Row,
        ending: Ending,
        lesson: Lesson,
        (now, elapsed): (Duration, Duration),
    ) -> Seen {
        let story = &mut self.stories[row];
        let town = &mut self.towns[story.place];
        story.fast = town.fails_fast && ending.status == Some(422);
        let good = ending.outcome == Outcome::Succeeded || story.fast;
        let was_open = town.rests;
        let second = elapsed.as_secs();
        while town.recent.front().is_some_and(|(then, _)| then + 60 <= second) {
            town.recent.pop_front();
        }
        if good {
            town.failures = 0;
            town.rests = None;
            let back = town.back.map(|(since, successes)| (since, successes + 1));
            town.back = back.filter(|(_, successes)| *successes < town.cap);
        } else if was_open.is_none_or(|(_, until)| now >= until) {
            town.failures += 1;
        }
        if good || was_open.is_none() {
            town.recent.push_back((second, !good));
        }
        let bad = town.recent.iter().filter(|(_, bad)| *bad).count();
        let half = town.recent.len() >= 20 && bad * 2 >= town.recent.len();
        let opens = match was_open {
            Some((_, until)) => !good && now >= until,
            None => !good && (town.failures >= 10 || half),
        };
        match lesson.rests {
            Some(rest) => {
                demand(opens, || "the breaker opened without a reason".to_owned())?;
                let usual = 24 * SECOND..=18 * 60 * SECOND;
                demand(usual.contains(&rest), || format!("the breaker rests for {rest:?}"))?;
                town.rests = Some((now, now + rest));
                town.back = Some((now, 0));
                town.recent.clear();
            }
            None => demand(!opens, || "the breaker did not open".to_owned())?,
        }
        let asked = ending.retry_after.unwrap_or_default();
        if matches!(ending.status, Some(429 | 503)) && !asked.is_zero() {
            let since = town.away.filter(|(_, until)| *until > now).map_or(now, |(since, _)| since);
            let until = town.away.map_or(Duration::ZERO, |(_, until)| until);
            town.away = Some((since, until.max(now + asked)));
        }
        let wait = town.waits.get(story.counted).copied().unwrap_or_default();
        story.earliest = now + (wait * 4 / 5).max(asked);
        Ok(())
    }

    /// What became of an attempt is written down, and its slot free.
    pub(super) fn recorded(&mut self, row: Row, next: Next) -> Seen {
        let story = &mut self.stories[row];
        let town = &self.towns[story.place];
        story.in_hand = false;
        story.counted += 1;
        let budget = town.waits.len() + 1;
        match next {
            Next::RetryAt(_) => {}
            Next::Succeeded => self.left(row),
            Next::Exhausted | Next::Blocks => {
                let used_up = story.counted >= budget || story.fast;
                demand(used_up, || format!("{row} was given up before its budget of {budget}"))?;
                if next == Next::Blocks { self.gave_up(row) } else { self.left(row) }
            }
        }
        Ok(())
    }

    /// What became of an attempt was not written down, though the program goes on.
    pub(super) fn forgotten(&mut self, row: Row) {
        let story = &mut self.stories[row];
        (story.in_hand, story.earliest) = (false, Duration::ZERO);
    }

    pub(super) fn slot_is_free(&mut self, row: Row) {
        self.in_flight -= 1;
        self.towns[self.stories[row].place].in_flight -= 1;
    }

    pub(super) fn paused(&mut self, place: Place, now: Duration) {
        self.towns[place].paused_since.get_or_insert(now);
    }

    pub(super) fn resumed(&mut self, place: Place) {
        let town = &mut self.towns[place];
        (town.paused_since, town.away, town.rests, town.back) = (None, None, None, None);
        town.failures = 0;
        town.recent.clear();
    }

    pub(super) fn retried(&mut self, row: Row, now: Duration) {
        let story = &mut self.stories[row];
        story.earliest = now;
        if self.open.insert(row) {
            story.out_of_turn = true;
            story.by_hand += 1;
        } else if std::mem::take(&mut story.blocks) {
            story.by_hand += 1;
        }
    }

    /// It leaves its line, and whatever it was, it is over.
    pub(super) fn left(&mut self, row: Row) {
        self.open.remove(&row);
        let story = &mut self.stories[row];
        story.blocks = false;
        let Some(line) = story.line else { return };
        if let Some(line) = self.lines.get_mut(&(story.place, line)) {
            line.retain(|other| *other != row);
        }
    }

    /// It has no attempts left, and stays where it is in its line.
    fn gave_up(&mut self, row: Row) {
        let story = &mut self.stories[row];
        if story.line.is_some() && !story.out_of_turn {
            story.blocks = true;
        } else {
            self.left(row);
        }
    }

    /// The deliveries that hold up those behind them.
    pub(super) fn blocking(&self, place: Place) -> Vec<Row> {
        let open = self.open.iter().copied();
        open.filter(|row| self.stories[*row].blocks && self.stories[*row].place == place).collect()
    }

    pub(super) fn open(&self) -> &BTreeSet<Row> {
        &self.open
    }

    /// Nothing that was acknowledged is without an end or a schedule.
    pub(super) fn looks_round(&self, desk: &mut dyn Desk) -> Seen {
        for row in &self.open {
            let (story, (state, has_time)) = (&self.stories[*row], desk.state(*row));
            let first =
                story.line.and_then(|line| self.lines.get(&(story.place, line))?.front().copied());
            let well = match state {
                DeliveryState::Pending => has_time || first.is_some_and(|first| first != *row),
                DeliveryState::InFlight => story.in_hand,
                DeliveryState::Exhausted => story.blocks,
                DeliveryState::Succeeded | DeliveryState::Expired | DeliveryState::Cancelled => {
                    false
                }
            };
            demand(well, || format!("{row} is lost: {state:?}, and nobody has it"))?;
        }
        Ok(())
    }
}
