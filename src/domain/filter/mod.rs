//! A filter: conditions on an event's content, in the JSON objects that users of webhook gateways know.
//!
//! An object asks for all its fields, at any depth or by dotted paths; a plain value has to be equal; `$` words compare. Where an
//! event has an array, one element that satisfies is enough, and a list of plain values has to be found in it as a whole. A field
//! that an event does not have satisfies nothing but `$exist = false` and `$not`.
//!
//! Looking at an event costs at most the number of clauses times the event's size, and each text is searched up to
//! [`SEARCHED_MAX`] bytes.

mod compile;
mod explain;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use regex::Regex;
use serde_json::{Number, Value};

pub use compile::{FilterMistake, OPERATORS, Problem};
pub use explain::Clause;

/// The most bytes of a text that a regular expression searches.
pub const SEARCHED_MAX: usize = 16 * 1024;

/// Conditions on an event, ready to be looked at. Cheap to clone.
#[derive(Clone)]
pub struct Filter {
    root: Arc<Node>,
    written: Arc<Value>,
}

impl fmt::Debug for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Filter({})", self.written)
    }
}

impl Filter {
    /// Whether an event, as it is sent, satisfies the filter.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.root.holds(Some(event))
    }

    /// The filter as it was written.
    #[must_use]
    pub fn written(&self) -> &Value {
        &self.written
    }
}

/// One condition on a value; the value is `None` where the event has none.
#[derive(Debug)]
enum Node {
    /// All of them.
    All(Vec<Node>),
    /// At least one of them.
    Any(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
    /// An object with these fields; in an array, one element that has them all.
    Fields(Vec<(Field, Node)>),
    /// An array in which each of these is found.
    Contains(Vec<Node>),
    /// A comparison.
    Test(Test),
}

/// A field of an object: its key as it was written, and the way that it stands for if there are dots in it.
#[derive(Debug)]
struct Field {
    key: String,
    way: Vec<String>,
}

/// A comparison with a fixed value.
#[derive(Debug)]
enum Test {
    Equal(Value),
    NotEqual(Value),
    /// The value is among these; one of an array's elements is.
    In(Vec<Value>),
    NotIn(Vec<Value>),
    /// The text holds this one; the array has it as an element.
    Holds(String),
    HoldsNot(String),
    Order(Comparison, Bound),
    Exist(bool),
    Starts(Vec<String>),
    Ends(Vec<String>),
    Regex(Regex),
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// What a value is put in order with.
#[derive(Debug)]
enum Bound {
    Number(Number),
    Text(String),
}

impl Node {
    fn holds(&self, value: Option<&Value>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(value)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(value)),
            Self::Not(node) => !node.holds(value),
            Self::Fields(fields) => match value {
                Some(Value::Array(items)) => items.iter().any(|item| self.holds(Some(item))),
                Some(_) | None => fields.iter().all(|(field, node)| field.holds(value, node)),
            },
            Self::Contains(nodes) => match value {
                Some(Value::Array(items)) => {
                    nodes.iter().all(|node| items.iter().any(|item| node.holds(Some(item))))
                }
                Some(_) | None => false,
            },
            Self::Test(test) => test.holds(value),
        }
    }
}

impl Field {
    fn holds(&self, value: Option<&Value>, node: &Node) -> bool {
        match value {
            Some(Value::Object(object)) if object.contains_key(&self.key) => {
                node.holds(object.get(&self.key))
            }
            Some(_) | None => along(&self.way, value, node),
        }
    }
}

/// Goes the way and judges what is there. In an array, a number means one element; `$`, or anything else, any of them.
fn along(way: &[String], value: Option<&Value>, node: &Node) -> bool {
    let Some((step, rest)) = way.split_first() else { return node.holds(value) };
    match value {
        Some(Value::Object(object)) => along(rest, object.get(step), node),
        Some(Value::Array(items)) => match step.parse::<usize>() {
            Ok(index) => along(rest, items.get(index), node),
            Err(_) if step == "$" => items.iter().any(|item| along(rest, Some(item), node)),
            Err(_) => items.iter().any(|item| along(way, Some(item), node)),
        },
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {
            node.holds(None)
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return matches!(self, Self::Exist(false)) };
        match self {
            Self::Equal(wanted) => is(value, wanted),
            Self::NotEqual(unwanted) => !is(value, unwanted),
            Self::In(list) => list.iter().any(|wanted| is(value, wanted)),
            Self::NotIn(list) => !list.iter().any(|unwanted| is(value, unwanted)),
            Self::Holds(part) => holds(value, part),
            Self::HoldsNot(part) => !holds(value, part),
            Self::Exist(wanted) => *wanted,
            Self::Order(comparison, bound) => {
                any(value, |value| bound.order(value).is_some_and(|order| comparison.fits(order)))
            }
            Self::Starts(beginnings) => text(value, |text| {
                beginnings.iter().any(|beginning| text.starts_with(beginning.as_str()))
            }),
            Self::Ends(endings) => {
                text(value, |text| endings.iter().any(|ending| text.ends_with(ending.as_str())))
            }
            Self::Regex(pattern) => text(value, |text| {
                let searched = text.get(..text.floor_char_boundary(SEARCHED_MAX));
                pattern.is_match(searched.unwrap_or(text))
            }),
        }
    }
}

impl Comparison {
    fn fits(self, order: Ordering) -> bool {
        match self {
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }
}

impl Bound {
    /// How a value stands to this; `None` if they can't be put in order. Amounts of money are text in events, so that nothing is
    /// rounded: next to a number, a text that is one counts as one.
    fn order(&self, value: &Value) -> Option<Ordering> {
        match (value, self) {
            (Value::Number(number), Self::Number(bound)) => numbers(number, bound),
            (Value::String(text), Self::Number(bound)) => {
                let number: Number = text.parse().ok()?;
                numbers(&number, bound)
            }
            (Value::String(text), Self::Text(bound)) => Some(text.as_str().cmp(bound)),
            (Value::Number(_), Self::Text(_))
            | (Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_), _) => None,
        }
    }
}

/// Whether a value is the wanted one, or an array with it as an element.
fn is(value: &Value, wanted: &Value) -> bool {
    equal(value, wanted)
        || (!wanted.is_array()
            && value.as_array().is_some_and(|items| items.iter().any(|item| equal(item, wanted))))
}

fn holds(value: &Value, part: &str) -> bool {
    match value {
        Value::String(text) => text.contains(part),
        Value::Array(items) => items.iter().any(|item| item.as_str() == Some(part)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// Whether this is so of the value, or of one of an array's elements.
fn any(value: &Value, so: impl Fn(&Value) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(so),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            so(value)
        }
    }
}

fn text(value: &Value, so: impl Fn(&str) -> bool) -> bool {
    any(value, |value| value.as_str().is_some_and(&so))
}

/// Equal as JSON: numbers by what they are worth, so that 1 is 1.0.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            numbers(one, other).is_some_and(Ordering::is_eq)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has = |key: &String, value: &Value| {
                other.get(key).is_some_and(|found| equal(value, found))
            };
            one.len() == other.len() && one.iter().all(|(key, value)| has(key, value))
        }
        (one, other) => one == other,
    }
}

fn numbers(one: &Number, other: &Number) -> Option<Ordering> {
    if let (Some(one), Some(other)) = (one.as_i128(), other.as_i128()) {
        return Some(one.cmp(&other));
    }
    one.as_f64()?.partial_cmp(&other.as_f64()?)
}

#[cfg(test)]
mod tests;
