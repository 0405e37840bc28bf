//! How slots that all destinations share are dealt out, so that a busy or hung one takes nothing from the others; pure.

/// What a destination that has something due could use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How many attempts it may start now, by its own bounds.
    pub slots: usize,
    /// How many of its attempts are under way.
    pub in_flight: usize,
}

/// How many attempts each destination starts now: `free` slots dealt one by one in turn, beginning with number `start`.
///
/// No destination gets so many that it holds more than are left free: one alone gets half of all, two a third each, and however
/// many hang, as much is left for the next one as each of them has. One with nothing under way gets a slot even when none is free:
/// so the sum can exceed `free` by one for each destination, and no number of hung ones stops the rest.
#[must_use]
pub fn deal(free: usize, demands: &[Demand], start: usize) -> Vec<usize> {
    let mut dealt: Vec<usize> = demands
        .iter()
        .map(|demand| if demand.in_flight == 0 { demand.slots.min(1) } else { 0 })
        .collect();
    let mut left = free.saturating_sub(dealt.iter().sum());
    let start = start.checked_rem(demands.len()).unwrap_or(0);
    let mut served = true;
    while left > 0 && served {
        served = false;
        let turns = demands.iter().zip(dealt.iter_mut()).enumerate();
        let (before, behind): (Vec<_>, Vec<_>) = turns.partition(|(index, _)| *index < start);
        for (_, (demand, share)) in behind.into_iter().chain(before) {
            if left > 0 && *share < demand.slots && demand.in_flight + *share < left {
                *share += 1;
                left -= 1;
                served = true;
            }
        }
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_dealt_in_turn_and_a_newcomer_is_never_turned_away() {
        let idle = |slots| Demand { slots, in_flight: 0 };
        let busy = |slots| Demand { slots, in_flight: 3 };
        let table: [(usize, &[Demand], usize, &[usize]); 13] = [
            (10, &[], 3, &[]),
            (100, &[idle(8), idle(2)], 0, &[8, 2]),
            (10, &[idle(100)], 0, &[5]),
            (9, &[idle(100), idle(100)], 0, &[3, 3]),
            (9, &[idle(100), idle(1)], 0, &[4, 1]),
            (3, &[busy(8), busy(8)], 0, &[0, 0]),
            (8, &[busy(8), busy(8)], 0, &[2, 2]),
            (7, &[busy(8), busy(8)], 0, &[2, 1]),
            (7, &[busy(8), busy(8)], 1, &[1, 2]),
            (7, &[busy(8), idle(8)], 0, &[1, 3]),
            (0, &[busy(8), idle(8)], 0, &[0, 1]),
            (0, &[idle(0), idle(8)], 0, &[0, 1]),
            (1, &[idle(8), idle(8), idle(8)], 0, &[1, 1, 1]),
        ];
        for (free, demands, start, shares) in table {
            assert_eq!(deal(free, demands, start), shares, "{free} {demands:?} {start}");
        }
    }
}
