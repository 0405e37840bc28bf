//! What is wrong with a configuration, each mistake with its file, line and key, and the nearest right word.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use super::tree::Tree;

/// How many mistakes are told at once; whoever made more has mended some by then.
const TOLD_MAX: usize = 20;

/// Why a configuration was not taken. Nothing has been started or written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there, or can't be read.
    #[error("can't read {} (--config FILE names another)", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It can be read, but not taken.
    #[error("{}", each_on_a_line(.0))]
    Mistaken(Vec<Mistake>),
}

fn each_on_a_line(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n")
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it was written.
    pub place: Place,
    /// The section's name, such as `sources.crm`; empty at the top of the file.
    pub section: String,
    /// The key within the section, such as `auth[0].secrets`; empty if the section as a whole is meant.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Where a mistake was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, at a line, counted from 1.
    Line(String, usize),
    /// In a variable of the environment.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(file, line) => write!(formatter, "{file}:{line}"),
            Self::Variable(name) => formatter.write_str(name),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.place)?;
        if !self.section.is_empty() {
            write!(formatter, "[{}] ", self.section)?;
        }
        if !self.key.is_empty() {
            write!(formatter, "{}: ", self.key)?;
        }
        formatter.write_str(&self.message)
    }
}

/// A mistake whose place is still a range of bytes.
#[derive(Debug)]
struct Finding {
    span: Range<usize>,
    unknown: Option<String>,
    message: String,
}

/// The mistakes found so far, so that several can be told at once.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    findings: Vec<Finding>,
    misshapen: bool,
}

impl Mistakes {
    /// The value at `span` is wrong.
    pub(super) fn refuse(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.findings.push(Finding { span, unknown: None, message: message.into() });
    }

    /// The section at `span` lacks something. Kept back where keys could not be read: they would be called missing too.
    pub(super) fn lacks(&mut self, span: Range<usize>, message: impl Into<String>) {
        if !self.misshapen {
            self.refuse(span, message);
        }
    }

    /// What the reader of the file's shape found: text that is not TOML, an `unknown` key, a value of the wrong kind.
    pub(super) fn misshapen(&mut self, span: Range<usize>, unknown: Option<&str>, message: &str) {
        self.misshapen = true;
        self.findings.push(Finding {
            span,
            unknown: unknown.map(str::to_owned),
            message: match unknown {
                Some(key) => unknown_key(key, message),
                None => readable(message),
            },
        });
    }

    /// Whether there are as many as are told at once.
    pub(super) fn suffice(&self) -> bool {
        self.findings.len() >= TOLD_MAX
    }

    /// The mistakes with their places, in the file's order, those of the environment last.
    pub(super) fn placed(mut self, tree: &Tree<'_>) -> Vec<Mistake> {
        self.findings.sort_by_key(|finding| finding.span.start);
        self.findings.truncate(TOLD_MAX);
        let placed = self.findings.into_iter().map(|finding| {
            let (section, key) = tree.names_at(&finding.span, finding.unknown.as_deref());
            Mistake { place: tree.place_of(&finding.span), section, key, message: finding.message }
        });
        placed.collect()
    }
}

/// ``unknown key `vender`; did you mean `vendor`?``, from serde's message, which lists the known keys in backticks.
fn unknown_key(key: &str, message: &str) -> String {
    let (_, expected) = message.split_once("expected").unwrap_or_default();
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    format!("unknown key `{key}`; {}", did_you_mean(key, known))
}

/// A serde message without the value it met, which may be a secret, and in words that are not Rust's.
fn readable(message: &str) -> String {
    if !message.starts_with("invalid ") {
        return message.to_owned();
    }
    let Some((_, expected)) = message.rsplit_once("expected ") else { return message.to_owned() };
    let expected = match expected {
        "u16" | "u32" | "u64" | "usize" => "a whole number in its range",
        "a string" => "a text in quotes",
        "a sequence" => "a list in square brackets",
        "a boolean" => "true or false",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    format!("expected {expected}")
}

/// A hint at the nearest right word; where none is near, at all of them.
pub(super) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    let nearest = known
        .clone()
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance);
    if let Some((distance, candidate)) = nearest
        && distance <= (word.len() / 3).max(2)
        && distance < word.len()
    {
        return format!("did you mean `{candidate}`?");
    }
    let known: Vec<String> = known.into_iter().map(|word| format!("`{word}`")).collect();
    if known.is_empty() {
        "there is none".to_owned()
    } else {
        format!("known: {}", known.join(", "))
    }
}
