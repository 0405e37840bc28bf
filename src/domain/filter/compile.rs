//! From a filter as it is written to one that can be looked at, with every mistake and its place.

use std::sync::Arc;

use regex::RegexBuilder;
use serde_json::{Map, Value};

use super::{Bound, Comparison, Field, Filter, Node, Test};

/// Every `$` word there is.
pub const OPERATORS: [&str; 15] = [
    "$eq",
    "$neq",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$exist",
    "$startsWith",
    "$endsWith",
    "$regex",
    "$and",
    "$or",
    "$not",
];

/// What every event has at its top.
const TOP: [&str; 8] =
    ["specversion", "id", "type", "source", "subject", "time", "datacontenttype", "data"];

/// What `data` can have, beside what only the commit tells.
const DATA: [&str; 27] = [
    "vendor",
    "dialect",
    "channel",
    "direction",
    "received_at",
    "time_basis",
    "callback_id",
    "account",
    "sub_account",
    "instance",
    "message",
    "extra",
    "contact",
    "template",
    "connection",
    "quality",
    "account_update",
    "link",
    "survey",
    "call",
    "number",
    "group",
    "chat",
    "presence",
    "label",
    "history",
    "alarm",
];

/// What is known of an event only once it is committed, when its destinations are chosen already.
const UNKNOWN_YET: [&str; 4] =
    ["data.sequence", "data.revised", "data.replaced_by", "data.message.folded"];

/// The most conditions of one filter; looking at an event costs so many times its size at the most.
const CLAUSES_MAX: usize = 256;

/// The most keys on the way to a value, places in lists included.
const DEPTH_MAX: usize = 32;

/// The most values in one list.
const LIST_MAX: usize = 1_000;

/// The most characters of a regular expression, and the most bytes that it becomes.
const REGEX_MAX: usize = 1_024;
const REGEX_BYTES_MAX: usize = 256 * 1024;

/// A mistake in a filter, and the keys that lead to it; a list's elements by their number from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterMistake {
    /// The way to it.
    pub way: Vec<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong in a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A `$` word that there is not.
    #[error("`{0}` is not an operator of filters")]
    Operator(String),
    /// An operator beside a value that it can't compare with.
    #[error("{0} takes {1}")]
    Takes(&'static str, &'static str),
    /// A field that no event has, and the one that was probably meant.
    #[error("no event has a field `{0}`; did you mean `{1}`?")]
    Field(String, String),
    /// A field that is not known yet when destinations are chosen.
    #[error(
        "`{0}` is known only once the event is committed, and its destinations are chosen before that: filter by something else, or let the destination look at it"
    )]
    UnknownYet(String),
    /// A key that is empty, or has an empty part between its dots.
    #[error("a field's name is empty")]
    EmptyKey,
    /// A filter is an object.
    #[error("a filter is an object, such as {{ data = {{ channel = \"whatsapp\" }} }}")]
    NotAnObject,
    /// Too large in some way.
    #[error("{0}")]
    TooMuch(String),
    /// Not a regular expression.
    #[error("not a regular expression: {0}")]
    Regex(String),
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// Every mistake in it, each with its way.
    pub fn compile(written: &Value) -> Result<Self, Vec<FilterMistake>> {
        let mut compiler = Compiler { clauses: 0, way: Vec::new(), mistakes: Vec::new() };
        let root = match written {
            Value::Object(object) => Some(compiler.object(object, &[])),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => compiler.refuse(Problem::NotAnObject),
        };
        match root {
            Some(root) if compiler.mistakes.is_empty() => {
                Ok(Self { root: Arc::new(root), written: Arc::new(written.clone()) })
            }
            Some(_) | None => Err(compiler.mistakes),
        }
    }
}

/// Reads on after a mistake, so that all are told at once.
struct Compiler {
    clauses: usize,
    /// Where it reads, by the keys as they are written.
    way: Vec<String>,
    mistakes: Vec<FilterMistake>,
}

impl Compiler {
    fn refuse<T>(&mut self, problem: Problem) -> Option<T> {
        let mistake = FilterMistake { way: self.way.clone(), problem };
        if self.mistakes.last() != Some(&mistake) {
            self.mistakes.push(mistake);
        }
        None
    }

    /// Reads what stands below a key.
    fn below<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.way.push(key.to_owned());
        let read = read(self);
        self.way.pop();
        read
    }

    /// What a value asks for. `place` is where in an event that is, as far as it is known.
    fn value(&mut self, written: &Value, place: &[&str]) -> Node {
        if !self.has_room() {
            return Node::All(Vec::new());
        }
        match written {
            Value::Object(object) => self.object(object, place),
            Value::Array(items) => {
                self.bounded(items);
                let nodes = items.iter().enumerate().map(|(index, item)| {
                    self.below(&index.to_string(), |this| this.value(item, place))
                });
                Node::Contains(nodes.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Node::Test(Test::Equal(written.clone()))
            }
        }
    }

    fn object(&mut self, object: &Map<String, Value>, place: &[&str]) -> Node {
        let (mut nodes, mut fields) = (Vec::new(), Vec::new());
        for (key, written) in object {
            self.below(key, |this| {
                if key.starts_with('$') && !key.starts_with("$.") {
                    nodes.extend(this.operator(key, written, place));
                } else {
                    let way: Vec<String> = key.split('.').map(str::to_owned).collect();
                    let mut place = place.to_vec();
                    place.extend(way.iter().map(String::as_str));
                    if this.check_place(&place) {
                        let node = this.value(written, &place);
                        fields.push((Field { key: key.clone(), way: way.clone() }, node));
                    }
                }
            });
        }
        if !fields.is_empty() {
            nodes.push(Node::Fields(fields));
        }
        match nodes.len() {
            1 => nodes.pop().unwrap_or(Node::All(Vec::new())),
            _ => Node::All(nodes),
        }
    }

    fn operator(&mut self, word: &str, written: &Value, place: &[&str]) -> Option<Node> {
        let test = match word {
            "$and" => return self.several("$and", written, place).map(Node::All),
            "$or" => return self.several("$or", written, place).map(Node::Any),
            "$not" => return Some(Node::Not(Box::new(self.value(written, place)))),
            "$eq" => Test::Equal(written.clone()),
            "$neq" => Test::NotEqual(written.clone()),
            "$in" => self.among("$in", written, Test::In, Test::Holds)?,
            "$nin" => self.among("$nin", written, Test::NotIn, Test::HoldsNot)?,
            "$gt" => self.order("$gt", Comparison::Greater, written)?,
            "$gte" => self.order("$gte", Comparison::GreaterOrEqual, written)?,
            "$lt" => self.order("$lt", Comparison::Less, written)?,
            "$lte" => self.order("$lte", Comparison::LessOrEqual, written)?,
            "$exist" => match written {
                Value::Bool(wanted) => Test::Exist(*wanted),
                Value::Null
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_) => {
                    return self.refuse(Problem::Takes("$exist", "true or false"));
                }
            },
            "$startsWith" => Test::Starts(self.texts("$startsWith", written)?),
            "$endsWith" => Test::Ends(self.texts("$endsWith", written)?),
            "$regex" => self.regex(written)?,
            other => return self.refuse(Problem::Operator(other.to_owned())),
        };
        self.has_room().then_some(Node::Test(test))
    }

    fn several(
        &mut self,
        word: &'static str,
        written: &Value,
        place: &[&str],
    ) -> Option<Vec<Node>> {
        let Some(items) = written.as_array().filter(|items| !items.is_empty()) else {
            return self.refuse(Problem::Takes(word, "a list of at least one condition"));
        };
        self.bounded(items);
        let nodes = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.below(&index.to_string(), |this| this.value(item, place)));
        Some(nodes.collect())
    }

    fn among(
        &mut self,
        word: &'static str,
        written: &Value,
        list: fn(Vec<Value>) -> Test,
        part: fn(String) -> Test,
    ) -> Option<Test> {
        match written {
            Value::Array(items) => {
                self.bounded(items);
                Some(list(items.clone()))
            }
            Value::String(text) => Some(part(text.clone())),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                self.refuse(Problem::Takes(word, "a list of values, or a part of a text"))
            }
        }
    }

    fn order(
        &mut self,
        word: &'static str,
        comparison: Comparison,
        written: &Value,
    ) -> Option<Test> {
        let bound = match written {
            Value::Number(number) => Bound::Number(number.clone()),
            Value::String(text) => Bound::Text(text.clone()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return self.refuse(Problem::Takes(word, "a number or a text"));
            }
        };
        Some(Test::Order(comparison, bound))
    }

    /// A text, or a list of which one will do.
    fn texts(&mut self, word: &'static str, written: &Value) -> Option<Vec<String>> {
        let texts = match written {
            Value::Array(items) if !items.is_empty() => {
                self.bounded(items);
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Value::String(text) => Some(vec![text.clone()]),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        };
        texts.or_else(|| self.refuse(Problem::Takes(word, "a text, or a list of texts")))
    }

    fn regex(&mut self, written: &Value) -> Option<Test> {
        let Some(pattern) = written.as_str() else {
            return self.refuse(Problem::Takes("$regex", "a regular expression as a text"));
        };
        if pattern.chars().count() > REGEX_MAX {
            let told = format!("a regular expression has at most {REGEX_MAX} characters");
            return self.refuse(Problem::TooMuch(told));
        }
        match RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build() {
            Ok(regex) => Some(Test::Regex(regex)),
            Err(regex::Error::CompiledTooBig(_)) => {
                let told = "the regular expression grows too large: repeat less, or write (?-u:\\w) for \\w";
                self.refuse(Problem::TooMuch(told.to_owned()))
            }
            Err(error) => {
                // The last line of several says what is wrong; those before it draw the pattern.
                let told = error.to_string();
                let last = told.lines().last().unwrap_or_default();
                self.refuse(Problem::Regex(last.trim_start_matches("error: ").to_owned()))
            }
        }
    }

    /// Refuses what no event has where that is plain, and what is known too late.
    fn check_place(&mut self, place: &[&str]) -> bool {
        if place.iter().any(|step| step.is_empty()) {
            return self.refuse::<()>(Problem::EmptyKey).is_some();
        }
        let whole = place.join(".");
        let late = UNKNOWN_YET.iter().find(|late| {
            whole.strip_prefix(**late).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if let Some(late) = late {
            return self.refuse::<()>(Problem::UnknownYet((*late).to_owned())).is_some();
        }
        let meant = match place {
            [first, ..] if !TOP.contains(first) => {
                let below = DATA.contains(first).then(|| format!("data.{first}"));
                below.or_else(|| near(first, &TOP).map(str::to_owned))
            }
            ["data", second, ..] if !DATA.contains(second) => {
                near(second, &DATA).map(|near| format!("data.{near}"))
            }
            _ => None,
        };
        match meant {
            Some(meant) => self.refuse::<()>(Problem::Field(whole, meant)).is_some(),
            None => true,
        }
    }

    /// Counts a condition.
    fn has_room(&mut self) -> bool {
        self.clauses += 1;
        if self.way.len() > DEPTH_MAX {
            let told = format!("a filter nests at most {DEPTH_MAX} deep");
            return self.refuse::<()>(Problem::TooMuch(told)).is_some();
        }
        if self.clauses == CLAUSES_MAX + 1 {
            let told = format!("a filter has at most {CLAUSES_MAX} conditions");
            return self.refuse::<()>(Problem::TooMuch(told)).is_some();
        }
        self.clauses <= CLAUSES_MAX
    }

    fn bounded(&mut self, items: &[Value]) {
        if items.len() > LIST_MAX {
            let told = format!("a list in a filter has at most {LIST_MAX} values");
            self.refuse::<()>(Problem::TooMuch(told));
        }
    }
}

/// The name that was probably meant: one slip of the pen away.
fn near<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().find(|known| {
        strsim::damerau_levenshtein(word, known) <= if known.len() > 4 { 2 } else { 1 }
    });
    near.copied()
}
