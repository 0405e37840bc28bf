//! Why a destination gets an event or does not: each thing that it asks for, and how that went.

use serde::Serialize;
use serde_json::{Value, json};

use super::destination::Destination;
use super::event::Event;
use super::filter::Clause;

/// How an event fares with a destination.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wish {
    /// Whether the event would be delivered, were it to come in now.
    pub wanted: bool,
    /// Everything that has to match, in the order in which it is looked at.
    pub checks: Vec<Check>,
}

/// One thing that a destination asks for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The key of the configuration: `enabled`, `events`, `sources`, `channels` or `filter`.
    pub check: &'static str,
    /// Whether the event fits.
    pub matched: bool,
    /// What is configured.
    pub expected: Value,
    /// What the event has; absent where it has nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
    /// Why, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The conditions of a filter, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<Clause>,
}

impl Destination {
    /// How the event fares, in the words of the configuration.
    #[must_use]
    pub fn explain(&self, event: &Event) -> Wish {
        let mut checks = vec![self.check_enabled(), self.check_events(event)];
        if !self.sources.is_empty() {
            let matched = self.sources.contains(&event.source);
            checks.push(check("sources", matched, json!(self.sources), Some(json!(event.source))));
        }
        if !self.channels.is_empty() {
            let channel = event.data.channel;
            let matched = channel.is_some_and(|channel| self.channels.contains(&channel));
            let actual = channel.map(|channel| json!(channel));
            let reason = channel.is_none().then(|| "the event is not about a channel".to_owned());
            let channels = check("channels", matched, json!(self.channels), actual);
            checks.push(Check { reason, ..channels });
        }
        if let Some(filter) = &self.filter {
            let value = event.as_filtered();
            let clauses = filter.explain(&value);
            let whole = check("filter", filter.matches(&value), filter.written().clone(), None);
            checks.push(Check { clauses, ..whole });
        }
        Wish { wanted: checks.iter().all(|check| check.matched), checks }
    }

    fn check_enabled(&self) -> Check {
        check("enabled", self.enabled, json!(true), Some(json!(self.enabled)))
    }

    fn check_events(&self, event: &Event) -> Check {
        let kind = event.kind;
        let fitting = self.events.iter().find(|glob| glob.matches(kind.as_str()));
        let named = self
            .events
            .iter()
            .any(|glob| glob.matches(kind.as_str()) && (!kind.is_alarm() || glob.names_alarms()));
        let reason = match fitting {
            Some(glob) if named => Some(format!("`{glob}` matches")),
            Some(_) => Some(
                "callbox's own alarms go only where a pattern begins with `callbox.`".to_owned(),
            ),
            None => Some("no pattern matches".to_owned()),
        };
        let globs: Vec<String> = self.events.iter().map(ToString::to_string).collect();
        let events = check("events", named, json!(globs), Some(json!(kind)));
        Check { reason, ..events }
    }
}

fn check(check: &'static str, matched: bool, expected: Value, actual: Option<Value>) -> Check {
    Check { check, matched, expected, actual, reason: None, clauses: Vec::new() }
}
