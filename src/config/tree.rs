//! The file's text as a tree in which every key and value knows where it was written, the environment's overrides included.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistakes::Place;

/// The configuration as written. Overrides lie behind the end of the file, each in a range of its own, so that a range of bytes
/// is enough to tell where something was written.
#[derive(Clone, Debug)]
pub(super) struct Tree<'a> {
    file_name: &'a str,
    text: &'a str,
    root: Spanned<DeTable<'a>>,
    variables: Vec<(Range<usize>, &'a str)>,
}

/// One step on the way from the root to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl<'a> Tree<'a> {
    /// Reads the file's text. If it is not TOML, the tree is empty, and the error says why.
    pub(super) fn parse(file_name: &'a str, text: &'a str) -> (Self, Option<toml::de::Error>) {
        let (root, error) = match DeTable::parse(text) {
            Ok(root) => (root, None),
            Err(error) => (Spanned::new(0..text.len(), DeTable::new()), Some(error)),
        };
        (Self { file_name, text, root, variables: Vec::new() }, error)
    }

    /// The root, for the reader of shapes, which eats it.
    pub(super) fn root(&self) -> Spanned<DeTable<'a>> {
        self.root.clone()
    }

    /// The table at these keys, if there is one.
    pub(super) fn table(&self, keys: &[&str]) -> Option<&DeTable<'a>> {
        keys.iter()
            .try_fold(self.root.get_ref(), |table, key| table.get(*key)?.get_ref().as_table())
    }

    /// Remembers which range is whose.
    pub(super) fn note(&mut self, variable: &'a str, range: &Range<usize>) {
        self.variables.push((range.clone(), variable));
    }

    /// Puts the value of a variable where its path says; `range` is the variable's, behind the end of the file.
    /// `false` if something on the way is not a table.
    pub(super) fn set(
        &mut self,
        variable: &'a str,
        range: &Range<usize>,
        path: &'a [String],
        value: Spanned<DeValue<'a>>,
    ) -> bool {
        self.note(variable, range);
        let Some((last, sections)) = path.split_last() else { return false };
        let mut table = self.root.get_mut();
        for key in sections {
            let next = table
                .entry(spanned(range, key))
                .or_insert_with(|| Spanned::new(range.clone(), DeValue::Table(DeTable::new())));
            let DeValue::Table(below) = next.get_mut() else { return false };
            table = below;
        }
        table.remove(last.as_str());
        table.insert(spanned(range, last), value);
        true
    }

    /// Where a range of bytes was written.
    pub(super) fn place_of(&self, span: &Range<usize>) -> Place {
        let variable = self.variables.iter().find(|(range, _)| range.contains(&span.start));
        if let Some((_, name)) = variable {
            return Place::Variable((*name).to_owned());
        }
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        let line = before.split(|byte| *byte == b'\n').count();
        Place::Line(self.file_name.to_owned(), line)
    }

    /// The names of the section and of the key in it that a range of bytes belongs to. A key that is `unknown` is not named
    /// itself, but what it was found in.
    pub(super) fn names_at(&self, span: &Range<usize>, unknown: Option<&str>) -> (String, String) {
        let mut path = self.path_at(span, unknown);
        if unknown.is_some() {
            path.pop();
        }
        let names: Vec<Option<&str>> = path.iter().map(Step::key).collect();
        let depth = match names.as_slice() {
            [Some("sources" | "destinations"), ..] => 2,
            [Some("api"), Some("keys"), ..] => 3,
            [Some(first), ..] => usize::from(self.table(&[first]).is_some()),
            [None, ..] | [] => 0,
        };
        let (section, key) = path.split_at_checked(depth).unwrap_or((&path, &[]));
        (dotted(section), dotted(key))
    }

    /// Takes the innermost keyed value at a range of bytes, or the `unknown` key there, out of the tree; `false` if there is none.
    pub(super) fn remove_at(&mut self, span: &Range<usize>, unknown: Option<&str>) -> bool {
        let mut path = self.path_at(span, unknown);
        let last = loop {
            match path.pop() {
                Some(Step::Key(key)) => break key,
                Some(Step::Index(_)) => {}
                None => return false,
            }
        };
        let mut steps = path.iter();
        let Some(first) = steps.next() else {
            return self.root.get_mut().remove(last.as_str()).is_some();
        };
        let Step::Key(first) = first else { return false };
        let mut value = self.root.get_mut().get_mut(first.as_str());
        for step in steps {
            value = value.and_then(|value| match (step, value.get_mut()) {
                (Step::Key(key), DeValue::Table(table)) => table.get_mut(key.as_str()),
                (Step::Index(index), DeValue::Array(array)) => array.get_mut(*index),
                _ => None,
            });
        }
        let Some(DeValue::Table(table)) = value.map(Spanned::get_mut) else { return false };
        table.remove(last.as_str()).is_some()
    }

    /// The way to the smallest key or value that covers a range of bytes. The keys that a variable had to make on its way all
    /// have its range: an `unknown` one among them is told by its name.
    fn path_at(&self, span: &Range<usize>, unknown: Option<&str>) -> Vec<Step> {
        let mut search = Search { span: span.clone(), way: Vec::new(), best: None };
        search.table(self.root.get_ref());
        let mut path = search.best.map(|(_, path)| path).unwrap_or_default();
        let meant = path.iter().rposition(|step| unknown.is_some() && step.key() == unknown);
        path.truncate(meant.map_or(path.len(), |place| place + 1));
        path
    }
}

impl Step {
    fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Index(_) => None,
        }
    }
}

/// A walk over the whole tree: a section's own range covers no more than its header, so ranges don't guide the way down.
struct Search {
    span: Range<usize>,
    way: Vec<Step>,
    best: Option<(usize, Vec<Step>)>,
}

impl Search {
    fn table(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            self.way.push(Step::Key(key.get_ref().clone().into_owned()));
            self.consider(&key.span());
            self.value(value);
            self.way.pop();
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) {
        self.consider(&value.span());
        if let DeValue::Table(table) = value.get_ref() {
            self.table(table);
        }
        if let DeValue::Array(array) = value.get_ref() {
            for (index, element) in array.iter().enumerate() {
                self.way.push(Step::Index(index));
                self.value(element);
                self.way.pop();
            }
        }
    }

    /// The smallest wins; of equals, the deepest, since an override's range belongs to all that it had to make on the way.
    fn consider(&mut self, range: &Range<usize>) {
        let covers = range.start <= self.span.start && self.span.end <= range.end;
        let better = self.best.as_ref().is_none_or(|(size, path)| {
            range.len() < *size || (range.len() == *size && path.len() <= self.way.len())
        });
        if covers && better {
            self.best = Some((range.len(), self.way.clone()));
        }
    }
}

fn spanned<'a>(range: &Range<usize>, key: &'a str) -> Spanned<Cow<'a, str>> {
    Spanned::new(range.clone(), Cow::Borrowed(key))
}

/// `auth[0].secrets`.
fn dotted(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Index(index) => {
                // Writing into a String cannot fail.
                let _ = write!(text, "[{index}]");
            }
        }
    }
    text
}
