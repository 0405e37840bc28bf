//! The order in which fixtures are sent: those that go after others behind them, the rest shuffled or held back as wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::collection::Collection;
use super::fixture::Fixture;
use super::judge::Verdict;
use super::report::Report;
use crate::random::Random;

/// How fixtures become traffic.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How often everything is sent.
    pub rounds: u32,
    /// How many requests are under way at the same time; without it, the folders go side by side, each in the order of its names.
    pub concurrency: Option<usize>,
    /// Whether the order is left to chance.
    pub shuffle: bool,
    /// The share of the fixtures, 0 to 1, that is held back until all others were sent.
    pub late: f64,
    /// How often each request is sent once more.
    pub duplicates: u32,
    /// Whether ids are other ones in every round.
    pub fresh_ids: bool,
}

impl Default for Plan {
    fn default() -> Self {
        let (rounds, duplicates) = (1, 0);
        Self { rounds, concurrency: None, shuffle: false, late: 0.0, duplicates, fresh_ids: false }
    }
}

/// Fixtures that go after one another, in this order. No other fixture has to be sent before or behind them.
pub type Group = Vec<Arc<Fixture>>;

/// What is sent one after the other; lanes go side by side.
pub type Lane = Vec<Group>;

impl Plan {
    /// The lanes of one round, and those that are sent when the others are through. What has no order goes into the report.
    pub fn lanes(
        &self,
        collection: &Collection,
        random: &Random,
        report: &mut Report,
    ) -> [Vec<Lane>; 2] {
        let mut groups = groups(collection, report);
        if self.shuffle {
            shuffle(&mut groups, random);
        }
        let (late, at_once): (Vec<Group>, Vec<Group>) =
            groups.into_iter().partition(|_| is_hit(self.late, random));
        [at_once, late].map(|groups| self.side_by_side(groups))
    }

    fn side_by_side(&self, groups: Vec<Group>) -> Vec<Lane> {
        if self.concurrency.is_some() || self.shuffle {
            return groups.into_iter().map(|group| vec![group]).collect();
        }
        let mut lanes: BTreeMap<PathBuf, Lane> = BTreeMap::new();
        for group in groups {
            let first = group.first().and_then(|fixture| fixture.path.parent());
            let folder = first.map(Path::to_owned).unwrap_or_default();
            lanes.entry(folder).or_default().push(group);
        }
        lanes.into_values().collect()
    }
}

/// Whether chance falls into `share`.
fn is_hit(share: f64, random: &Random) -> bool {
    const STEPS: u32 = 1_000_000;
    let drawn = u32::try_from(random.below(STEPS as usize)).unwrap_or_default();
    share > 0.0 && f64::from(drawn) < share * f64::from(STEPS)
}

/// Puts items into an order by chance (Fisher and Yates).
pub fn shuffle<T>(items: &mut [T], random: &Random) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last + 1));
    }
}

/// The fixtures in groups that belong together, in the order of their names.
fn groups(collection: &Collection, report: &mut Report) -> Vec<Group> {
    let mut groups: Vec<Option<Group>> = Vec::new();
    let mut group_of: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for fixture in collection.chosen() {
        let chain = match collection.chain(fixture) {
            Ok(chain) => chain,
            Err(error) => {
                report.add(fixture.path.clone(), Verdict::Failed(error.to_string()));
                continue;
            }
        };
        let touched: BTreeSet<usize> =
            chain.iter().filter_map(|fixture| group_of.get(&fixture.path).copied()).collect();
        let mut joined = Group::new();
        for index in touched {
            joined.extend(groups.get_mut(index).and_then(Option::take).unwrap_or_default());
        }
        joined.extend(chain.into_iter().filter(|fixture| !group_of.contains_key(&fixture.path)));
        for fixture in &joined {
            group_of.insert(fixture.path.clone(), groups.len());
        }
        groups.push(Some(joined));
    }
    groups.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::fixture::parse;

    fn collection(fixtures: &[(&str, &str)]) -> Collection {
        let fixture = |(name, after): &(&str, &str)| {
            let path = PathBuf::from(format!("wavecell/{name}.http"));
            let json = format!(r#"{{ "after": [{after}] }}"#);
            parse(&path, &"POST /in/wavecell HTTP/1.1\n\n".into(), Some(json.as_bytes())).unwrap()
        };
        Collection::of(fixtures.iter().map(fixture).collect())
    }

    fn names(lanes: &[Lane]) -> Vec<String> {
        let group = |group: &Group| {
            group.iter().map(|fixture| fixture.name.as_str()).collect::<Vec<_>>().join(" ")
        };
        lanes.iter().flatten().map(group).collect()
    }

    #[test]
    fn what_goes_after_something_stays_behind_it_in_any_order() {
        let collection =
            collection(&[("a", ""), ("b", r#""d""#), ("c", ""), ("d", ""), ("e", r#""d", "a""#)]);
        let mut report = Report::default();
        let plan = Plan { shuffle: true, ..Plan::default() };
        let mut orders = BTreeSet::new();
        for seed in 0..20 {
            let lanes = plan.lanes(&collection, &Random::from_seed(seed), &mut report);
            let mut found = names(&lanes.concat());
            orders.insert(found.clone());
            found.sort();
            assert_eq!(found, ["a d b e", "c"]);
        }
        assert_eq!(orders.len(), 2, "nothing was shuffled");
        let plan = Plan { late: 1.0, ..Plan::default() };
        let [at_once, late] = plan.lanes(&collection, &Random::from_seed(1), &mut report);
        assert_eq!((at_once.len(), names(&late).len()), (0, 2));
    }
}
