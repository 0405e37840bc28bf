//! Which numbers and ids are one person's: those that events show side by side, unless somebody else has them too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{ID_MIN, Marks, Wanted, is_shared, other_sides, phone_of_address};
use crate::domain::event::{Event, Part};

/// Ids and numbers that one look may follow, in all; somebody has a handful.
const LINKS_MAX: usize = 1_000;

/// Looks through everything that are taken, at the most: each finds what hangs on what the one before found.
const ROUNDS_MAX: u32 = 5;

/// A number and an id that stand side by side in an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    id: String,
    phone: String,
}

impl Found {
    /// These two.
    #[must_use]
    pub fn new(id: &str, phone: &str) -> Self {
        Self { id: id.to_owned(), phone: phone.to_owned() }
    }
}

/// What is found out about a person by looking through every event, perhaps several times.
#[derive(Clone, Debug)]
pub struct Links {
    marks: Marks,
    /// What is looked for in this round: what is sure, and what may be theirs.
    sought: Marks,
    seen: BTreeSet<Found>,
    round: u32,
}

impl Links {
    /// Before the first look.
    #[must_use]
    pub fn of(wanted: &Wanted) -> Self {
        let marks = Marks::of(wanted);
        Self { sought: marks.clone(), marks, seen: BTreeSet::new(), round: 0 }
    }

    /// What is looked for in this round.
    #[must_use]
    pub fn sought(&self) -> &Marks {
        &self.sought
    }

    /// What is known to be theirs.
    #[must_use]
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Takes in what a part of the events showed.
    pub fn add(&mut self, found: impl IntoIterator<Item = Found>) {
        let room = LINKS_MAX.saturating_sub(self.seen.len());
        self.seen.extend(found.into_iter().take(room));
    }

    /// After a look through all events; whether another one may find more.
    pub fn end_round(&mut self) -> bool {
        let (mut phones_of, mut ids_of) =
            (BTreeMap::<_, BTreeSet<String>>::new(), BTreeMap::<_, BTreeSet<String>>::new());
        for Found { id, phone } in std::mem::take(&mut self.seen) {
            phones_of.entry(id.clone()).or_default().insert(phone.clone());
            ids_of.entry(phone).or_default().insert(id);
        }
        // What was sought in this round was seen wherever it stands: an id that has one number is that one's.
        let only = |id: &String| phones_of.get(id).filter(|phones| phones.len() == 1);
        for id in self.sought.ids.clone() {
            let Some(phone) = only(&id).and_then(BTreeSet::first) else { continue };
            if self.marks.ids.contains(&id) || self.marks.phones.contains(phone) {
                self.marks.phones.insert(phone.clone());
                self.marks.ids.insert(id);
            }
        }
        let mut next = self.marks.clone();
        for phone in &self.marks.phones {
            next.ids.extend(ids_of.get(phone).into_iter().flatten().cloned());
        }
        self.round += 1;
        // What was turned down in this round is not sought again.
        next.ids.retain(|id| self.marks.ids.contains(id) || !self.sought.ids.contains(id));
        let more = next != self.sought && self.round < ROUNDS_MAX;
        let is_settled = next == self.marks && self.sought.phones == next.phones;
        self.sought = next;
        more && !is_settled
    }
}

impl Marks {
    /// The numbers that stand beside an id in this event, where one of the two is sought.
    #[must_use]
    pub fn links(&self, event: &Event) -> Vec<Found> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        if let Some(message) = &event.data.message {
            let sides =
                other_sides(event.data.direction, message.from.as_ref(), message.to.as_ref());
            for party in sides.into_iter().flatten() {
                pairs.extend(party.id.clone().zip(party.phone.clone()));
            }
        }
        for (part, fields) in &event.data.parts {
            if *part == Part::Call {
                pairs.extend(self.of_call(fields));
            } else {
                collect(fields, &mut pairs);
            }
        }
        let pairs = pairs.into_iter().filter(|(id, _)| !is_shared(id));
        let pairs = pairs.map(|(id, phone)| Found {
            id,
            phone: phone.chars().filter(char::is_ascii_digit).collect(),
        });
        pairs
            .filter(|found| self.ids.contains(&found.id) || self.phones.contains(&found.phone))
            .collect()
    }
}

impl Marks {
    /// The ids of a call with them: its recording has no number.
    fn of_call(&self, call: &Map<String, Value>) -> Vec<(String, String)> {
        let texts = || call.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
        let with_them = |phone: &&String| {
            let one = Self { phones: [(*phone).clone()].into(), ids: BTreeSet::new() };
            texts().any(|(_, text)| one.names(text))
        };
        let Some(phone) = self.phones.iter().find(with_them) else { return Vec::new() };
        let ids = texts().filter(|(name, text)| name.ends_with("_id") && text.len() >= ID_MIN);
        ids.map(|(_, id)| (id.to_owned(), phone.clone())).collect()
    }
}

/// Every object that has an id and a phone.
fn collect(part: &Map<String, Value>, pairs: &mut Vec<(String, String)>) {
    let text = |name: &str| part.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(id) = text("id") {
        let phone = text("phone").or_else(|| phone_of_address(&id));
        pairs.extend(phone.map(|phone| (id, phone)));
    }
    for value in part.values() {
        match value {
            Value::Object(inner) => collect(inner, pairs),
            Value::Array(items) => {
                items.iter().filter_map(Value::as_object).for_each(|inner| collect(inner, pairs));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
