//! The key `filter` of a destination: conditions on an event's content, as a table or as the JSON that other gateways take.

use std::ops::Range;

use serde_json::{Map, Number, Value as Json};
use toml::{Spanned, Value};

use super::judge::Judge;
use super::mistakes::did_you_mean;
use super::raw::RawTree;
use crate::domain::filter::{Filter, FilterMistake, OPERATORS, Problem};

/// The filter, if there is one and it is right.
#[expect(
    clippy::option_option,
    reason = "the outer one is the judge's: a mistake was noted; the inner one says that there is none"
)]
pub(super) fn filter(
    raw: Option<&Spanned<RawTree>>,
    judge: &mut Judge<'_>,
) -> Option<Option<Filter>> {
    let Some(raw) = raw else { return Some(None) };
    let written = match raw.get_ref() {
        RawTree::Value(Value::String(text)) => match serde_json::from_str(text) {
            Ok(json) => json,
            Err(error) => return judge.refuse(raw, format!("not JSON: {error}")),
        },
        RawTree::Table(_) | RawTree::List(_) | RawTree::Value(_) => json(raw, judge)?,
    };
    match Filter::compile(&written) {
        Ok(filter) => Some(Some(filter)),
        Err(mistakes) => {
            for mistake in mistakes {
                let message = told(raw, &mistake);
                judge.mistakes.refuse(place(raw, &mistake.way), message);
            }
            None
        }
    }
}

/// What was written, as JSON.
fn json(raw: &Spanned<RawTree>, judge: &mut Judge<'_>) -> Option<Json> {
    match raw.get_ref() {
        RawTree::Table(entries) => {
            let fields = entries
                .iter()
                .map(|(key, value)| json(value, judge).map(|value| (key.get_ref().clone(), value)));
            let fields: Vec<_> = fields.collect();
            fields.into_iter().collect::<Option<Map<_, _>>>().map(Json::Object)
        }
        RawTree::List(items) => judge.each(items, |judge, item| json(item, judge)).map(Json::Array),
        RawTree::Value(Value::String(text)) => Some(Json::String(text.clone())),
        RawTree::Value(Value::Integer(number)) => Some(Json::from(*number)),
        RawTree::Value(Value::Float(number)) => match Number::from_f64(*number) {
            Some(number) => Some(Json::Number(number)),
            None => judge.refuse(raw, "JSON has no such number"),
        },
        RawTree::Value(Value::Boolean(value)) => Some(Json::Bool(*value)),
        RawTree::Value(Value::Datetime(_) | Value::Array(_) | Value::Table(_)) => {
            judge.refuse(raw, "not a value that a filter can hold")
        }
    }
}

/// The mistake in words. Where the filter is one text, its way is part of them.
fn told(raw: &Spanned<RawTree>, mistake: &FilterMistake) -> String {
    let FilterMistake { way, problem } = mistake;
    let hint = match problem {
        Problem::Operator(word) if word == "$ref" => {
            "; a filter compares with fixed values".to_owned()
        }
        Problem::Operator(word) => format!("; {}", did_you_mean(word, OPERATORS)),
        Problem::Takes(..)
        | Problem::Field(..)
        | Problem::UnknownYet(_)
        | Problem::EmptyKey
        | Problem::NotAnObject
        | Problem::TooMuch(_)
        | Problem::Regex(_) => String::new(),
    };
    match raw.get_ref() {
        RawTree::Value(_) if !way.is_empty() => format!("{}: {problem}{hint}", way.join(".")),
        RawTree::Value(_) | RawTree::Table(_) | RawTree::List(_) => format!("{problem}{hint}"),
    }
}

/// Where the mistake was written: its value, or its key if the value is a table.
fn place(raw: &Spanned<RawTree>, way: &[String]) -> Range<usize> {
    let Some((step, rest)) = way.split_first() else { return raw.span() };
    match raw.get_ref() {
        RawTree::Table(entries) => {
            let found = entries.iter().find(|(key, _)| key.get_ref() == step);
            found.map_or(
                raw.span(),
                |(key, value)| {
                    if rest.is_empty() { key.span() } else { place(value, rest) }
                },
            )
        }
        RawTree::List(items) => {
            let item = step.parse::<usize>().ok().and_then(|index| items.get(index));
            item.map_or(raw.span(), |item| place(item, rest))
        }
        RawTree::Value(_) => raw.span(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment};

    const DESTINATION: &str = "[destinations.crm]\nurl = \"https://crm.example.com/hooks\"\n";

    fn told(filter: &str) -> String {
        let text = format!("{DESTINATION}{filter}\n");
        match Config::parse(&text, "c.toml", &Environment::default()) {
            Ok(config) => format!("{:?}", config.destinations[0].filter),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_filter_is_a_table_in_any_form_or_json() {
        let expected = r#"Some(Filter({"data":{"channel":{"$in":["sms","line"]},"extra":{"n":1.5}},"type":"message.read"}))"#;
        for filter in [
            r#"filter = { type = "message.read", data = { channel = { "$in" = ["sms", "line"] }, extra = { n = 1.5 } } }"#,
            "[destinations.crm.filter]\ntype = \"message.read\"\n[destinations.crm.filter.data]\nchannel.\"$in\" = [\"sms\", \"line\"]\nextra.n = 1.5",
            r#"filter = '{"type": "message.read", "data": {"channel": {"$in": ["sms", "line"]}, "extra": {"n": 1.5}}}'"#,
        ] {
            assert_eq!(told(filter), expected, "{filter}");
        }
        assert_eq!(told(""), "None");
        assert_eq!(told("filter = {}"), "Some(Filter({}))");
    }

    #[test]
    fn a_mistake_in_a_filter_is_told_with_line_and_key_path() {
        let table = [
            (
                "filter = { data = { channel = { \"$inn\" = [\"sms\"] } } }",
                "c.toml:3: [destinations.crm] filter.data.channel.$inn: `$inn` is not an operator of filters; did you mean `$in`?",
            ),
            (
                "[destinations.crm.filter]\n\"$or\" = [\n  { type = \"x\" },\n  { time = { \"$gt\" = true } },\n]",
                "c.toml:6: [destinations.crm] filter.$or[1].time.$gt: $gt takes a number or a text",
            ),
            (
                "filter = { channel = \"sms\" }",
                "c.toml:3: [destinations.crm] filter.channel: no event has a field `channel`; did you mean `data.channel`?",
            ),
            (
                "filter = '{\"time\": {\"$gt\": true}}'",
                "c.toml:3: [destinations.crm] filter: time.$gt: $gt takes a number or a text",
            ),
            (
                "filter = '{\"time\": '",
                "c.toml:3: [destinations.crm] filter: not JSON: EOF while parsing a value at line 1 column 9",
            ),
            (
                "filter = { time = { \"$gt\" = 2026-08-12 } }",
                "c.toml:3: [destinations.crm] filter.time.$gt: times are texts in events: put it into quotes, such as \"2026-08-12T09:15:57Z\"",
            ),
            (
                "filter = [1]",
                "c.toml:3: [destinations.crm] filter: a filter is an object, such as { data = { channel = \"whatsapp\" } }",
            ),
        ];
        for (filter, expected) in table {
            assert_eq!(told(filter), expected, "{filter}");
        }
    }

    #[test]
    fn a_variable_can_bring_the_filter() {
        let variable = ("CALLBOX__DESTINATIONS__CRM__FILTER", "{ channel = 1 }");
        let environment = Environment::from([variable]);
        let error = Config::parse(DESTINATION, "c.toml", &environment).unwrap_err().to_string();
        assert!(error.starts_with("CALLBOX__DESTINATIONS__CRM__FILTER: "), "{error}");
    }
}
