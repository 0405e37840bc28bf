//! A request's query parameters, read strictly: what can't be read, or isn't known, is named with what is allowed.

use std::str::FromStr;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

use super::problem::{Code, Problem};
use crate::domain::event::{Channel, Direction};
use crate::domain::message::State;

/// What a time looks like.
pub(super) const TIME: &str = "an RFC 3339 time such as 2026-08-12T09:15:57Z";

/// A query's parameters; each is taken by its name, and none may be left.
#[derive(Debug)]
pub(super) struct Params {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Params {
    /// The parameters of a query string.
    pub(super) fn read(query: &str) -> Result<Self, Problem> {
        let pairs = serde_urlencoded::from_str(query).map_err(|error| {
            Problem::new(Code::InvalidParameter, format!("the query can't be read: {error}"))
        })?;
        Ok(Self { pairs, known: Vec::new() })
    }

    /// Parameters that stand elsewhere than in a query.
    pub(super) fn of(pairs: Vec<(String, String)>) -> Self {
        Self { pairs, known: Vec::new() }
    }

    /// All values of a parameter that may be repeated, in order.
    pub(super) fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        self.pairs.extract_if(.., |(known, _)| known == name).map(|(_, value)| value).collect()
    }

    /// The value of a parameter that may stand once.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name);
        if values.len() > 1 {
            return Err(invalid(name, "it stands more than once"));
        }
        let value = values.pop();
        if value.as_ref().is_some_and(String::is_empty) {
            return Err(invalid(name, "it is empty"));
        }
        Ok(value)
    }

    /// The value of a parameter that its type reads.
    pub(super) fn parsed<T: FromStr>(
        &mut self,
        name: &'static str,
        allowed: &str,
    ) -> Result<Option<T>, Problem> {
        let value = self.text(name)?;
        value.map(|text| text.parse().map_err(|_| not_allowed(name, &text, allowed))).transpose()
    }

    /// The value of a parameter that is one of a few words.
    pub(super) fn word<T>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Problem>
    where
        T: Clone,
    {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| value.clone());
        let allowed = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found.map(Some).ok_or_else(|| not_allowed(name, &text, &allowed()))
    }

    /// A length of time such as `30s`, `10m` or `2h`.
    pub(super) fn duration(&mut self, name: &'static str) -> Result<Option<Duration>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let span = text.parse::<Span>().ok();
        let length =
            span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
        let length = length.and_then(|length| Duration::try_from(length).ok());
        length
            .map(Some)
            .ok_or_else(|| not_allowed(name, &text, "a length of time such as 30s, 10m or 2h"))
    }

    /// The parameter `channel`.
    pub(super) fn channel(&mut self) -> Result<Option<Channel>, Problem> {
        let known: Vec<_> =
            Channel::ALL.iter().map(|channel| (channel.as_str(), *channel)).collect();
        self.word("channel", &known)
    }

    /// The parameter `direction`.
    pub(super) fn direction(&mut self) -> Result<Option<Direction>, Problem> {
        let known = [("inbound", Direction::Inbound), ("outbound", Direction::Outbound)];
        self.word("direction", &known)
    }

    /// The parameter `state`, of messages.
    pub(super) fn state(&mut self) -> Result<Option<State>, Problem> {
        let known: Vec<_> = State::ALL.iter().map(|state| (state.as_str(), *state)).collect();
        self.word("state", &known)
    }

    /// The parameter `phone`, of which the digits alone are compared.
    pub(super) fn phone(&mut self) -> Result<Option<String>, Problem> {
        let Some(text) = self.text("phone")? else { return Ok(None) };
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        if digits.is_empty() {
            return Err(not_allowed("phone", &text, "a number with digits in it"));
        }
        Ok(Some(digits))
    }

    /// Refuses what was not asked for, so that a mistyped filter never means "all".
    pub(super) fn end(self) -> Result<(), Problem> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let nearest = self.known.iter().max_by(|one, other| {
            strsim::jaro_winkler(one, name).total_cmp(&strsim::jaro_winkler(other, name))
        });
        let hint =
            nearest.map_or_else(String::new, |nearest| format!("; the nearest is `{nearest}`"));
        let known = self.known.join(", ");
        let shown: String = name.chars().take(64).collect();
        Err(Problem::new(
            Code::InvalidParameter,
            format!("there is no parameter `{shown}`{hint}; there are: {known}"),
        ))
    }
}

/// That a parameter's value is not one of those allowed.
pub(super) fn not_allowed(name: &str, text: &str, allowed: &str) -> Problem {
    let shown: String = text.chars().take(64).collect();
    invalid(name, &format!("`{shown}` is not allowed; allowed: {allowed}"))
}

fn invalid(name: &str, why: &str) -> Problem {
    Problem::new(Code::InvalidParameter, format!("parameter `{name}`: {why}"))
}
