//! The days themselves: a clock that jumps from happening to happening, and the program in between, until it stops or crashes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use callbox::clock::Time;
use callbox::domain::delivery::Outcome;
use callbox::domain::lane::{Ending, Lane};
use callbox::domain::rounds::{POLL, Rounds, Survey};
use callbox::random::Random;
use callbox::store::Next;

use super::desk::{Desk, Duty, Place, Row, Taken};
use super::weather::{Town, Weather, pick, some_time};
use super::witness::Witness;

/// When the first day begins, as the tests' other clocks do.
static BEGIN: LazyLock<Time> = LazyLock::new(|| "2026-08-12T09:15:57.000Z".parse().unwrap());

const MILLISECOND: Duration = Duration::from_millis(1);
pub(super) const MINUTE: Duration = Duration::from_mins(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);

/// After the last day nothing bad happens any more, and within this time everything has to end.
const CALM: Duration = Duration::from_hours(72);

/// Where the program is changed so that the witness has something to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sabotage {
    None,
    DeafToTheBreaker,
    DeafToThePause,
    NoRamp,
    NoRate,
    OneTooMany,
    TwoOfALine,
    ForgetsAResult,
    OneMoreTry,
    TriesAtOnce,
}

/// What came of a life.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    pub(super) events: usize,
    pub(super) deliveries: usize,
    pub(super) attempts: usize,
    pub(super) crashes: usize,
    /// What went out when, and how it ended.
    pub(super) acts: Vec<(Duration, Row, &'static str)>,
}

impl Life {
    pub(super) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.attempts += other.attempts;
        self.crashes += other.crashes;
    }
}

impl fmt::Display for Life {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, deliveries, attempts, crashes, .. } = self;
        write!(
            formatter,
            "{events} events, {deliveries} deliveries, {attempts} attempts, {crashes} stops and crashes"
        )
    }
}

/// Why the program does not go on.
pub(super) enum Halt {
    Crash,
    Wrong(String),
}

impl From<String> for Halt {
    fn from(what: String) -> Self {
        Self::Wrong(what)
    }
}

pub(super) type Step = Result<(), Halt>;

pub(super) enum Happening {
    Event,
    Weather(Place),
    Operator,
    LookRound,
    Boot,
    Stop,
    /// Of the process with this number.
    Own(u32, Own),
}

/// What the program does by itself.
pub(super) enum Own {
    /// The first half of a round; only if it is still the next one that is planned.
    Survey(u64),
    Claim(Survey),
    Start(Vec<(Place, Taken)>),
    End(Place, Taken, Ending),
    Record(Place, Taken, Outcome, Next),
}

/// What is lost in a crash.
pub(super) struct Process {
    pub(super) lanes: Vec<Lane>,
    pub(super) rounds: Rounds,
    pub(super) born: Duration,
    pub(super) in_flight: usize,
    pub(super) in_round: bool,
    pub(super) woken: bool,
    /// The number of the next round's plan; older ones are void.
    pub(super) planned: u64,
}

pub(super) struct World<'a> {
    pub(super) random: Random,
    pub(super) now: Duration,
    pub(super) agenda: BTreeMap<u64, Happening>,
    pub(super) order: BinaryHeap<Reverse<(Duration, u64)>>,
    pub(super) happenings: u64,
    pub(super) towns: Vec<Town>,
    pub(super) desk: &'a mut dyn Desk,
    pub(super) process: Option<Process>,
    pub(super) processes: u32,
    pub(super) cleanly: bool,
    pub(super) steps_left: usize,
    pub(super) calm: bool,
    pub(super) poison: BTreeSet<Row>,
    pub(super) lines: usize,
    pub(super) witness: Witness,
    pub(super) sabotage: Sabotage,
    pub(super) life: Life,
    pub(super) last_day: Duration,
}

/// The wall clock's time.
pub(super) fn wall(now: Duration) -> Time {
    BEGIN.after(now)
}

/// Lives the days of a seed; what must not be, if it was.
pub(super) fn live(
    seed: u64,
    days: Duration,
    sabotage: Sabotage,
    desk: &mut dyn Desk,
) -> Result<Life, String> {
    let random = Random::from_seed(seed);
    let mut towns: Vec<Town> = (0..2 + random.below(3)).map(|_| Town::new(&random)).collect();
    if matches!(sabotage, Sabotage::DeafToTheBreaker | Sabotage::NoRamp) {
        for town in &mut towns {
            town.manners.rate = None; // else the rate hides it
        }
    }
    let witness = Witness::new(&towns);
    let lines = pick(&random, &[1, 3, 20]);
    let mut world = World {
        random,
        now: Duration::ZERO,
        agenda: BTreeMap::new(),
        order: BinaryHeap::new(),
        happenings: 0,
        towns,
        desk,
        process: None,
        processes: 0,
        cleanly: true,
        steps_left: usize::MAX,
        calm: false,
        poison: BTreeSet::new(),
        lines,
        witness,
        sabotage,
        life: Life::default(),
        last_day: days,
    };
    let lived = world.live();
    lived.map_err(|what| format!("at {:?}: {what}", world.now))?;
    world.life.deliveries = world.desk.len();
    Ok(world.life)
}

impl World<'_> {
    fn live(&mut self) -> Result<(), String> {
        self.plan(Duration::ZERO, Happening::Boot);
        self.plan(MILLISECOND, Happening::Event);
        self.plan(HOUR, Happening::LookRound);
        self.plan(HOUR, Happening::Operator);
        self.plan(HOUR * 9, Happening::Stop);
        for place in 0..self.towns.len() {
            let fine = some_time(&self.random, MINUTE, 240 * MINUTE);
            self.plan(fine, Happening::Weather(place));
        }
        while let Some(Reverse((at, number))) = self.order.pop() {
            self.now = at;
            if !self.calm && at > self.last_day {
                self.calm = true;
                self.steps_left = usize::MAX;
                self.towns.iter_mut().for_each(|town| town.weather = Weather::Fine);
            }
            if at > self.last_day + CALM {
                break;
            }
            let Some(what) = self.agenda.remove(&number) else { continue };
            self.desk.tell_time(wall(at));
            match self.happen(what) {
                Ok(()) => {}
                Err(Halt::Crash) => self.crash(false),
                Err(Halt::Wrong(what)) => return Err(what),
            }
        }
        self.witness.looks_round(self.desk)?;
        match self.witness.open().first() {
            None => Ok(()),
            Some(row) => Err(format!("{row} is lost: it never ended: {:?}", self.desk.state(*row))),
        }
    }

    pub(super) fn plan(&mut self, after: Duration, what: Happening) {
        self.happenings += 1;
        self.agenda.insert(self.happenings, what);
        self.order.push(Reverse((self.now + after, self.happenings)));
    }

    /// Plans what the running program does next.
    pub(super) fn own(&mut self, after: Duration, what: Own) {
        self.plan(after, Happening::Own(self.processes, what));
    }

    /// A moment at which the program can crash.
    pub(super) fn step(&mut self) -> Step {
        self.steps_left = self.steps_left.saturating_sub(1);
        if self.steps_left == 0 { Err(Halt::Crash) } else { Ok(()) }
    }

    pub(super) fn soon(&self, most: usize) -> Duration {
        Duration::from_millis(self.random.below(most) as u64)
    }

    fn happen(&mut self, what: Happening) -> Step {
        match what {
            Happening::Event => self.events(),
            Happening::Weather(place) => {
                if !self.calm {
                    let lasts = self.towns[place].change(&self.random);
                    self.plan(lasts, Happening::Weather(place));
                }
                Ok(())
            }
            Happening::Operator => self.operate(),
            Happening::LookRound => {
                self.plan(HOUR, Happening::LookRound);
                if self.process.is_some() {
                    self.witness.looks_round(self.desk)?;
                }
                Ok(())
            }
            Happening::Boot => self.boot(),
            Happening::Stop => {
                if !self.calm {
                    let next = some_time(&self.random, HOUR, 30 * HOUR);
                    self.plan(next, Happening::Stop);
                    if self.process.is_some() {
                        self.crash(true);
                    }
                }
                Ok(())
            }
            Happening::Own(process, own) if self.process.is_some() && process == self.processes => {
                match own {
                    Own::Survey(number) => self.survey(number),
                    Own::Claim(survey) => self.claim(&survey),
                    Own::Start(taken) => self.start(taken),
                    Own::End(place, taken, ending) => self.end(place, taken, ending),
                    Own::Record(place, taken, outcome, next) => {
                        self.record(place, taken, outcome, next)
                    }
                }
            }
            Happening::Own(..) => Ok(()),
        }
    }

    fn crash(&mut self, cleanly: bool) {
        self.life.crashes += 1;
        self.process = None;
        self.cleanly = cleanly;
        self.desk.reopen(cleanly);
        let away = if self.random.below(4) == 0 { 30 * MINUTE } else { MINUTE / 10 };
        let away = some_time(&self.random, MILLISECOND, away);
        self.plan(away, Happening::Boot);
    }

    fn boot(&mut self) -> Step {
        self.processes += 1;
        if !self.calm {
            let soon = self.random.below(10) == 0;
            self.steps_left = 1 + self.random.below(if soon { 30 } else { 3_000 });
        }
        let mut lanes = Vec::new();
        for (place, town) in self.towns.iter().enumerate() {
            let mut manners = town.manners.clone();
            if self.sabotage == Sabotage::NoRate {
                manners.rate = None;
            }
            let paused = self.desk.is_paused(place).then(|| "as before".to_owned());
            lanes.push(Lane::new(manners, paused));
        }
        self.step()?;
        self.desk.recover();
        self.witness.booted(self.cleanly, self.now, self.desk)?;
        self.cleanly = false;
        self.step()?;
        for place in 0..self.towns.len() {
            if !self.towns[place].manners.blocks {
                self.desk.unblock(place);
                for row in self.witness.blocking(place) {
                    self.witness.left(row);
                }
                self.step()?;
            }
        }
        self.process = Some(Process {
            lanes,
            rounds: Rounds::default(),
            born: self.now,
            in_flight: 0,
            in_round: false,
            woken: false,
            planned: 0,
        });
        self.next_round(Duration::ZERO);
        Ok(())
    }

    fn events(&mut self) -> Step {
        if self.calm {
            return Ok(());
        }
        let gap = some_time(&self.random, MILLISECOND, 300 * MINUTE);
        self.plan(gap, Happening::Event);
        if self.process.is_none() {
            return Ok(()); // nobody is there to take it
        }
        for _ in 0..=self.random.below(pick(&self.random, &[1, 4, 30])) {
            let line = self.random.below(self.lines);
            let mut duties = Vec::new();
            for (to, town) in self.towns.iter().enumerate() {
                if self.random.below(4) > 0 {
                    let in_line = town.ordered && self.sabotage != Sabotage::TwoOfALine;
                    duties.push(Duty { to, in_line });
                    self.witness.made(to, town.ordered.then_some(line), self.now);
                    if self.random.below(500) == 0 {
                        self.poison.insert(self.desk.len() + duties.len() - 1);
                    }
                }
            }
            self.life.events += 1;
            self.desk.append(line, &duties);
            self.step()?;
        }
        if self.random.below(10) > 0 {
            self.wake();
        } else {
            // The wake-up gets lost: the next poll finds it.
            let (poll, number) = (self.soon(POLL.as_millis() as usize), self.running().planned);
            self.own(poll, Own::Survey(number));
        }
        Ok(())
    }
}
