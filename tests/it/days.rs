//! Simulated days: what decides about deliveries, with clock, chance, store and network in the hand of a seed, and crashes anywhere.
//!
//! Each seed makes destinations with manners of their own, weather for each of them, events in bursts, an operator, and stops and
//! crashes between any two steps. What decides is the program's own: `domain::lane` (breaker, rate, retry, pause) and
//! `domain::rounds` (who is asked, how much, until when to rest), as the worker drives them. A witness that knows none of it looks on
//! and says what must not be. The store is a model of the steps that the real one takes; that they agree is shown by living the
//! same days over SQLite and comparing every act.

mod desk;
mod operator;
mod process;
mod shelved;
mod weather;
mod witness;
mod world;

use std::ops::Range;
use std::time::Duration;

use parking_lot::Mutex;

use self::desk::ModelDesk;
use self::shelved::ShelvedDesk;
use self::world::{Life, Sabotage, live};
use crate::evidence::{amount, tell};

const DAY: Duration = Duration::from_hours(24);

/// Lives the days of these seeds on two threads; the sum of it, or the first failure by seed.
fn live_all(seeds: Range<u64>, days: u32, sabotage: Sabotage) -> Result<Life, String> {
    let next = Mutex::new(seeds.start);
    let sum = Mutex::new((Life::default(), None::<(u64, String)>));
    let work = || {
        loop {
            let seed = {
                let mut next = next.lock();
                *next += 1;
                *next - 1
            };
            if seed >= seeds.end || sum.lock().1.is_some() {
                return;
            }
            let lived = live(seed, days * DAY, sabotage, &mut ModelDesk::default());
            let mut sum = sum.lock();
            match lived {
                Ok(life) => sum.0.add(&life),
                Err(what) if sum.1.as_ref().is_none_or(|(first, _)| seed < *first) => {
                    sum.1 = Some((seed, what));
                }
                Err(_) => {}
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    match sum.into_inner() {
        (life, None) => Ok(life),
        (_, Some((seed, what))) => Err(format!("seed {seed}, {days} days: {what}")),
    }
}

fn hold(seeds: Range<u64>, days: u32) {
    let count = seeds.end - seeds.start;
    let lived = live_all(seeds, days, Sabotage::None).map(|life| life.to_string());
    let extent = format!("{count} seeds of {days} days");
    tell("Simulated days of delivering", &extent, lived.as_deref().unwrap_or("failed"));
    assert_eq!(lived.err(), None);
}

#[test]
fn on_no_simulated_day_is_a_delivery_lost_overdone_or_turned_round() {
    hold(0..200, 2);
}

#[test]
#[ignore = "the judged extent: minutes"]
fn in_ten_thousand_simulated_weeks_no_delivery_is_lost_overdone_or_turned_round() {
    hold(0..amount("CALLBOX_EVIDENCE_SEEDS", 10_000), 7);
}

#[test]
fn what_is_broken_on_purpose_is_seen() {
    for (sabotage, told) in [
        (Sabotage::DeafToTheBreaker, "breaker"),
        (Sabotage::NoRamp, "ramp"),
        (Sabotage::OneTooMany, "more than"),
        (Sabotage::TwoOfALine, "line"),
        (Sabotage::NoRate, "rate"),
        (Sabotage::ForgetsAResult, "lost"),
        (Sabotage::OneMoreTry, "budget"),
        (Sabotage::TriesAtOnce, "too early"),
        (Sabotage::DeafToThePause, "paused"),
    ] {
        let told_so = live_all(0..100, 2, sabotage).unwrap_err();
        assert!(told_so.contains(told), "{sabotage:?}: {told_so}");
    }
}

#[test]
fn the_same_days_over_sqlite_go_the_same_way() {
    let mut sum = Life::default();
    for seed in 1..=3 {
        let (mut model, mut shelved) = (ModelDesk::default(), ShelvedDesk::new());
        let modelled = live(seed, DAY / 2, Sabotage::None, &mut model).unwrap();
        let real = live(seed, DAY / 2, Sabotage::None, &mut shelved).unwrap();
        let differs = modelled.acts.iter().zip(&real.acts).position(|(model, real)| model != real);
        if let Some(first) = differs {
            let around = first.saturating_sub(5)..=first;
            assert_eq!(modelled.acts[around.clone()], real.acts[around], "seed {seed}");
        }
        assert_eq!(modelled.acts.len(), real.acts.len(), "seed {seed}");
        sum.add(&modelled);
    }
    assert!(sum.crashes >= 3 && sum.attempts > 300, "{sum}");
}
