//! What a filter made of an event, condition by condition, for whoever wonders why it was or was not delivered.

use serde::Serialize;
use serde_json::Value;

use super::{Bound, Comparison, Field, Filter, Node, Test};

/// The most elements of an array that are shown one by one.
const SHOWN_MAX: usize = 20;

/// One condition, and how it went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clause {
    /// Where in the event, such as `data.channel`; empty for the whole of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The operator; `$eq` for a plain value.
    pub operator: &'static str,
    /// What was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// What the event has there; absent where it has nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
    /// Whether it holds.
    pub matched: bool,
    /// The conditions that it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<Clause>,
}

impl Filter {
    /// Every condition, and how it went with this event, which satisfies the filter if all of them match.
    #[must_use]
    pub fn explain(&self, event: &Value) -> Vec<Clause> {
        let mut clauses = Vec::new();
        explain(&self.root, "", Some(event), &mut clauses);
        clauses
    }
}

fn explain(node: &Node, path: &str, value: Option<&Value>, clauses: &mut Vec<Clause>) {
    let matched = node.holds(value);
    match node {
        Node::All(nodes) => {
            for node in nodes {
                explain(node, path, value, clauses);
            }
        }
        Node::Any(nodes) => {
            let each = nodes.iter().map(|node| alternative(node, path, value)).collect();
            clauses.push(Clause::group(path, "$or", matched, each));
        }
        Node::Not(node) => {
            let mut inner = Vec::new();
            explain(node, path, value, &mut inner);
            clauses.push(Clause::group(path, "$not", matched, inner));
        }
        Node::Contains(nodes) => {
            let each = nodes.iter().map(|node| contained(node, path, value)).collect();
            let group = Clause::group(path, "$and", matched, each);
            clauses.push(Clause { actual: value.cloned(), ..group });
        }
        Node::Fields(fields) => match value {
            Some(Value::Array(items)) => {
                let each = items.iter().take(SHOWN_MAX).enumerate().map(|(index, item)| {
                    let (path, mut inner) = (below(path, &index.to_string()), Vec::new());
                    explain(node, &path, Some(item), &mut inner);
                    Clause::group(&path, "$and", node.holds(Some(item)), inner)
                });
                clauses.push(Clause::group(path, "$or", matched, each.collect()));
            }
            Some(_) | None => {
                for (field, node) in fields {
                    of_field(field, node, path, value, clauses);
                }
            }
        },
        Node::Test(test) => {
            let (operator, expected) = test.written();
            let (expected, actual) = (Some(expected), value.cloned());
            clauses.push(Clause {
                expected,
                actual,
                ..Clause::group(path, operator, matched, Vec::new())
            });
        }
    }
}

/// One of several; what belongs together in it is shown together.
fn alternative(node: &Node, path: &str, value: Option<&Value>) -> Clause {
    let mut inner = Vec::new();
    explain(node, path, value, &mut inner);
    if inner.len() == 1
        && let Some(only) = inner.pop()
    {
        return only;
    }
    Clause::group(path, "$and", node.holds(value), inner)
}

/// A field's conditions: those on the value, where there is one value; else, on an array on the way, how they went as a whole.
fn of_field(
    field: &Field,
    node: &Node,
    path: &str,
    value: Option<&Value>,
    clauses: &mut Vec<Clause>,
) {
    let at = below(path, &field.key);
    let by_key =
        value.and_then(|value| value.as_object()).and_then(|object| object.get(&field.key));
    let mut found = value;
    let mut passes_array = false;
    for step in &field.way {
        found = match found {
            Some(Value::Object(object)) => object.get(step),
            Some(Value::Array(items)) if step.parse::<usize>().is_ok() => {
                step.parse().ok().and_then(|index: usize| items.get(index))
            }
            Some(Value::Array(_)) => {
                passes_array = true;
                break;
            }
            Some(_) | None => None,
        };
    }
    if by_key.is_some() || !passes_array {
        return explain(node, &at, by_key.or(found), clauses);
    }
    // The conditions are those of any element; which one, the outcome as a whole tells.
    let mut asked = Vec::new();
    explain(node, &at, None, &mut asked);
    let matched = field.holds(value, node);
    for mut clause in asked {
        clause.matched = matched;
        clause.actual = found.cloned();
        clauses.push(clause);
    }
}

/// Whether an array has what a plain list asks for.
fn contained(node: &Node, path: &str, value: Option<&Value>) -> Clause {
    let mut asked = Vec::new();
    explain(node, path, None, &mut asked);
    let items = value.and_then(Value::as_array);
    let matched = items.is_some_and(|items| items.iter().any(|item| node.holds(Some(item))));
    let expected = match asked.as_slice() {
        [one] => one.expected.clone(),
        _ => None,
    };
    Clause { expected, ..Clause::group(path, "$in", matched, Vec::new()) }
}

impl Clause {
    fn group(path: &str, operator: &'static str, matched: bool, clauses: Vec<Self>) -> Self {
        let (expected, actual) = (None, None);
        Self { path: path.to_owned(), operator, expected, actual, matched, clauses }
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl Test {
    /// The operator and what stands beside it.
    fn written(&self) -> (&'static str, Value) {
        let texts = |texts: &[String]| match texts {
            [one] => Value::from(one.as_str()),
            several => Value::from(several),
        };
        match self {
            Self::Equal(value) => ("$eq", value.clone()),
            Self::NotEqual(value) => ("$neq", value.clone()),
            Self::In(list) => ("$in", Value::Array(list.clone())),
            Self::NotIn(list) => ("$nin", Value::Array(list.clone())),
            Self::Holds(part) => ("$in", Value::from(part.as_str())),
            Self::HoldsNot(part) => ("$nin", Value::from(part.as_str())),
            Self::Order(comparison, bound) => (comparison.word(), bound.written()),
            Self::Exist(wanted) => ("$exist", Value::Bool(*wanted)),
            Self::Starts(beginnings) => ("$startsWith", texts(beginnings)),
            Self::Ends(endings) => ("$endsWith", texts(endings)),
            Self::Regex(pattern) => ("$regex", Value::from(pattern.as_str())),
        }
    }
}

impl Comparison {
    fn word(self) -> &'static str {
        match self {
            Self::Greater => "$gt",
            Self::GreaterOrEqual => "$gte",
            Self::Less => "$lt",
            Self::LessOrEqual => "$lte",
        }
    }
}

impl Bound {
    fn written(&self) -> Value {
        match self {
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::from(text.as_str()),
        }
    }
}
