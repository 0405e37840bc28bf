//! The judgement over a simulation: whether the server knows every message as it must be known, by a ladder of its own.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::story::{Moment, Told};
use crate::domain::message::State;
use crate::replay::client::{Client, ClientError, segment};

/// The rungs, lowest first: the ladder, written down once more, so that a mistake in the fold does not hide here as well.
const LADDER: [(State, &str); 5] = [
    (State::Queued, "queued"),
    (State::Sent, "sent"),
    (State::Failed, "failed"),
    (State::Delivered, "delivered"),
    (State::Read, "read"),
];

/// The most messages that are named.
const NAMED_MAX: usize = 10;

/// What was told of one message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    /// What the server acknowledged.
    pub acknowledged: Told,
    /// What it did not, so that it may have it or not.
    pub uncertain: Told,
}

/// What the server knows of one message.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Its state; none for one that somebody wrote.
    pub state: Option<String>,
    /// Whether it is marked so.
    pub contradictory: bool,
    /// How many events it has.
    pub events: u32,
    /// How often it is in the list.
    pub listed: u32,
}

/// What differs.
#[derive(Debug, Default, Serialize)]
pub struct Verdict {
    /// Messages that were told of.
    pub messages: usize,
    /// Events that the server has of them.
    pub events: u64,
    /// Messages that the server does not know.
    pub missing: usize,
    /// Messages whose state is another one.
    pub wrong_state: usize,
    /// Messages that are marked contradictory and are not, or the other way round.
    pub wrongly_marked: usize,
    /// Messages with fewer events than were acknowledged.
    pub events_missing: usize,
    /// Messages with more events than were told of, or that are listed twice.
    pub doubled: usize,
    /// Some of them, in words.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missing + self.wrong_state + self.wrongly_marked + self.events_missing + self.doubled
            == 0
    }

    /// Judges what the server knows by what it was told.
    #[must_use]
    pub fn of(accounts: &BTreeMap<String, Account>, known: &BTreeMap<String, Known>) -> Self {
        let mut verdict = Self::default();
        let nothing = Known::default();
        for (id, account) in accounts {
            verdict.messages += 1;
            verdict.judge(id, *account, known.get(id).unwrap_or(&nothing));
        }
        verdict
    }

    fn judge(&mut self, id: &str, account: Account, known: &Known) {
        self.events += u64::from(known.events);
        let all = account.acknowledged.or(account.uncertain);
        if known.listed == 0 {
            if !account.acknowledged.is_empty() {
                self.missing += 1;
                self.name(format!("{id}: acknowledged, but the server does not know it"));
            }
            return;
        }
        let (least, most) = (rung(account.acknowledged), rung(all));
        let found = known.state.as_deref().map(|state| {
            LADDER.iter().position(|(_, word)| *word == state).unwrap_or(LADDER.len())
        });
        if found < least || found > most {
            self.wrong_state += 1;
            let word = |rung: Option<usize>| {
                rung.and_then(|rung| LADDER.get(rung)).map_or("no state", |(_, word)| *word)
            };
            let state = known.state.as_deref().unwrap_or("no state");
            self.name(format!("{id}: expected {}, got {state}", word(most)));
        }
        let (surely, perhaps) = (is_contradictory(account.acknowledged), is_contradictory(all));
        if (surely && !known.contradictory) || (known.contradictory && !perhaps) {
            self.wrongly_marked += 1;
            self.name(format!("{id}: contradictory is {}", known.contradictory));
        }
        if known.events < account.acknowledged.count() {
            self.events_missing += 1;
            let expected = account.acknowledged.count();
            self.name(format!(
                "{id}: {expected} callbacks were acknowledged, {} events are there",
                known.events
            ));
        }
        if known.events > all.count() || known.listed > 1 {
            self.doubled += 1;
            self.name(format!("{id}: {} events of {} callbacks", known.events, all.count()));
        }
    }

    fn name(&mut self, example: String) {
        if self.examples.len() < NAMED_MAX {
            self.examples.push(example);
        }
    }
}

fn rung(told: Told) -> Option<usize> {
    LADDER.iter().rposition(|(state, _)| told.has(Moment::Reached(*state)))
}

fn is_contradictory(told: Told) -> bool {
    let has = |state| told.has(Moment::Reached(state));
    has(State::Failed) && (has(State::Delivered) || has(State::Read))
}

/// What the server knows of the messages of a source since then, page by page.
///
/// # Errors
/// When the server can't be asked.
pub async fn ask(
    client: &Client,
    source: &str,
    since: crate::clock::Time,
    is_ours: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Known>, ClientError> {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let filter = format!("source={}&since={since}&order=asc&limit=200", segment(source));
    each(client, &format!("/v1/messages?{filter}"), |message| {
        let text = |name: &str| message.get(name).and_then(Value::as_str);
        let Some(id) = text("id").filter(|id| is_ours(id)) else { return };
        let entry = known.entry(id.to_owned()).or_default();
        entry.listed += 1;
        entry.state = text("state").map(str::to_owned);
        entry.contradictory = message.get("contradictory") == Some(&Value::Bool(true));
    })
    .await?;
    each(client, &format!("/v1/events?{filter}&type=message.*"), |event| {
        let id = event.pointer("/data/message/id").and_then(Value::as_str);
        let replaced = event.pointer("/data/replaced_by").is_some();
        if let Some(id) = id.filter(|id| is_ours(id) && !replaced) {
            known.entry(id.to_owned()).or_default().events += 1;
        }
    })
    .await?;
    Ok(known)
}

async fn each(
    client: &Client,
    list: &str,
    mut take: impl FnMut(&Value),
) -> Result<(), ClientError> {
    let mut cursor: Option<String> = None;
    loop {
        let behind = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = client.ask(&format!("{list}{behind}")).await?;
        page.get("data").and_then(Value::as_array).into_iter().flatten().for_each(&mut take);
        cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(moments: &[Moment]) -> Told {
        moments.iter().fold(Told::default(), |told, moment| told.and(*moment))
    }

    fn verdict(account: Account, known: Known) -> Verdict {
        let accounts = BTreeMap::from([("m".to_owned(), account)]);
        Verdict::of(&accounts, &BTreeMap::from([("m".to_owned(), known)]))
    }

    #[test]
    fn what_is_as_told_is_clean_and_everything_else_is_not() {
        let all =
            [State::Queued, State::Sent, State::Failed, State::Delivered].map(Moment::Reached);
        let account = Account { acknowledged: told(&all), uncertain: Told::default() };
        let known = |state: &str| Known {
            state: Some(state.to_owned()),
            contradictory: true,
            events: 4,
            listed: 1,
        };
        assert!(verdict(account, known("delivered")).is_clean());
        assert_eq!(verdict(account, known("failed")).wrong_state, 1);
        assert_eq!(verdict(account, known("read")).wrong_state, 1);
        assert_eq!(verdict(account, Known { state: None, ..known("") }).wrong_state, 1);
        assert_eq!(
            verdict(account, Known { contradictory: false, ..known("delivered") }).wrongly_marked,
            1
        );
        assert_eq!(verdict(account, Known { events: 3, ..known("delivered") }).events_missing, 1);
        assert_eq!(verdict(account, Known { events: 5, ..known("delivered") }).doubled, 1);
        assert_eq!(verdict(account, Known { listed: 2, ..known("delivered") }).doubled, 1);
        let gone = verdict(account, Known::default());
        assert_eq!((gone.missing, gone.examples.len()), (1, 1));
    }

    #[test]
    fn what_was_not_acknowledged_may_be_there_or_not() {
        let sent = told(&[Moment::Reached(State::Sent)]);
        let account =
            Account { acknowledged: sent, uncertain: told(&[Moment::Reached(State::Read)]) };
        let known = |state: &str, events| Known {
            state: Some(state.to_owned()),
            contradictory: false,
            events,
            listed: 1,
        };
        assert!(verdict(account, known("sent", 1)).is_clean());
        assert!(verdict(account, known("read", 2)).is_clean());
        assert_eq!(verdict(account, known("queued", 1)).wrong_state, 1);
    }
}
