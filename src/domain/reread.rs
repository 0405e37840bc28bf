//! What becomes of a callback's events when it is read again: which are the same, which replace another, which are new.

/// What tells a repetition of an event: the hash of its source, type and vendor's key, and the hash of what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The hash of source, type and the vendor's key recipe.
    pub key: [u8; 16],
    /// The hash of what it says.
    pub digest: [u8; 16],
}

/// What an event of today's reading is to the events of the earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The earlier event at this place says the same.
    Same(usize),
    /// It says something else than the earlier event at this place, and stands in for it.
    Replaces(usize),
    /// The earlier reading had nothing like it.
    New,
}

/// The fate of each of today's events, in order.
///
/// Those with the same key belong together. The type is part of the key, so a status or an event that an adapter has since learned
/// to understand comes with another one: what is left over on both sides belongs together in order.
#[must_use]
pub fn compare(earlier: &[Mark], today: &[Mark]) -> Vec<Fate> {
    let mut fates: Vec<Option<Fate>> = today
        .iter()
        .map(|mark| earlier.iter().position(|known| known == mark).map(Fate::Same))
        .collect();
    let mut left: Vec<usize> =
        (0..earlier.len()).filter(|place| !fates.contains(&Some(Fate::Same(*place)))).collect();
    let rules: [fn(&Mark, &Mark) -> bool; 2] = [|known, mark| known.key == mark.key, |_, _| true];
    for belongs in rules {
        for (fate, mark) in fates.iter_mut().zip(today).filter(|(fate, _)| fate.is_none()) {
            let found = left
                .iter()
                .position(|place| earlier.get(*place).is_some_and(|known| belongs(known, mark)));
            *fate = found.map(|found| Fate::Replaces(left.remove(found)));
        }
    }
    fates.into_iter().map(|fate| fate.unwrap_or(Fate::New)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(text: &str) -> Vec<Mark> {
        let mark =
            |pair: &str| Mark { key: [pair.as_bytes()[0]; 16], digest: [pair.as_bytes()[1]; 16] };
        text.split_whitespace().map(mark).collect()
    }

    #[test]
    fn events_belong_together_by_key_and_then_by_order() {
        let cases: [(&str, &str, &[Fate]); 9] = [
            ("", "", &[]),
            ("", "a1", &[Fate::New]),
            ("a1", "", &[]),
            ("a1", "a1", &[Fate::Same(0)]),
            ("a1", "a2", &[Fate::Replaces(0)]),
            ("a1 b1", "b2 a1", &[Fate::Replaces(1), Fate::Same(0)]),
            ("a1", "a1 a1", &[Fate::Same(0), Fate::Same(0)]),
            ("u1 b1", "c1 b1 d1", &[Fate::Replaces(0), Fate::Same(1), Fate::New]),
            ("u1 b1", "c1 b2", &[Fate::Replaces(0), Fate::Replaces(1)]),
        ];
        for (earlier, today, expected) in cases {
            assert_eq!(compare(&marks(earlier), &marks(today)), expected, "{earlier} / {today}");
        }
    }
}
