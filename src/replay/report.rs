//! What a run found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::collection::Collection;
use super::compare::Difference;
use super::judge::Verdict;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const LEFT_OUT: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();

/// What a run found of each fixture.
#[derive(Debug, Default)]
pub struct Report {
    entries: BTreeMap<PathBuf, Entry>,
    notes: Vec<String>,
}

/// What a run found of one fixture.
#[derive(Debug)]
pub struct Entry {
    /// Whether it is as expected.
    pub verdict: Verdict,
    /// How long it took, all its rounds together.
    pub took: Duration,
}

/// How many fixtures had which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Everything was as expected.
    pub passed: usize,
    /// Something was not.
    pub differ: usize,
    /// They were not sent.
    pub skipped: usize,
    /// It can't be told.
    pub failed: usize,
}

impl Report {
    /// Notes the verdict over the fixture at `path`. Of several, as after several rounds, the first one that is not good stays.
    pub fn add(&mut self, path: PathBuf, verdict: Verdict) {
        self.add_timed(path, verdict, Duration::ZERO);
    }

    /// The same, with how long it took.
    pub fn add_timed(&mut self, path: PathBuf, verdict: Verdict, took: Duration) {
        let passed = || Entry { verdict: Verdict::Passed, took: Duration::ZERO };
        let noted = self.entries.entry(path).or_insert_with(passed);
        noted.took += took;
        if matches!(noted.verdict, Verdict::Passed) {
            noted.verdict = verdict;
        }
    }

    /// Says something about the run as a whole.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// What was found of each fixture, by path.
    pub fn entries(&self) -> impl Iterator<Item = (&Path, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_path(), entry))
    }

    /// Notes the fixtures that could not be loaded.
    pub fn add_broken(&mut self, collection: &Collection) {
        for error in collection.broken() {
            self.add(error.path().to_owned(), Verdict::Failed(error.to_string()));
        }
    }

    /// The verdicts, counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.entries.values().for_each(|entry| counts.count(&entry.verdict));
        counts
    }

    /// Whether nothing differs and nothing failed.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let Counts { differ, failed, .. } = self.counts();
        differ == 0 && failed == 0
    }

    /// The report for a program.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Counts { passed, differ, skipped, failed } = self.counts();
        let fixtures: Vec<Value> = self.entries.iter().map(fixture_json).collect();
        json!({
            "fixtures": fixtures, "notes": self.notes,
            "passed": passed, "differ": differ, "skipped": skipped, "failed": failed,
        })
    }
}

impl Counts {
    /// Counts one more.
    pub fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Differs(_) => self.differ += 1,
            Verdict::Skipped(_) => self.skipped += 1,
            Verdict::Failed(_) => self.failed += 1,
        }
    }
}

impl fmt::Display for Report {
    /// The report for people: every fixture that did not pass, and a line of counts.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, entry) in &self.entries {
            let path = path.display();
            match &entry.verdict {
                Verdict::Passed => {}
                Verdict::Differs(differences) => {
                    writeln!(formatter, "{BAD}differs{BAD:#} {BOLD}{path}{BOLD:#}")?;
                    differences.iter().try_for_each(|difference| show(difference, formatter))?;
                }
                Verdict::Skipped(reason) => {
                    writeln!(formatter, "{LEFT_OUT}skipped{LEFT_OUT:#} {path}: {reason}")?;
                }
                Verdict::Failed(reason) => {
                    writeln!(formatter, "{BAD}failed{BAD:#}  {BOLD}{path}{BOLD:#}")?;
                    writeln!(formatter, "    {reason}")?;
                }
            }
        }
        for note in &self.notes {
            writeln!(formatter, "{LEFT_OUT}note{LEFT_OUT:#}    {note}")?;
        }
        write!(formatter, "{}", self.counts())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, differ, skipped, failed } = self;
        let total = passed + differ + skipped + failed;
        let fixtures = if total == 1 { "fixture" } else { "fixtures" };
        write!(formatter, "{total} {fixtures}: {GOOD}{passed} passed{GOOD:#}")?;
        let differs = if *differ == 1 { "differs" } else { "differ" };
        for (count, word, style) in
            [(differ, differs, BAD), (skipped, "skipped", LEFT_OUT), (failed, "failed", BAD)]
        {
            if *count > 0 {
                write!(formatter, ", {style}{count} {word}{style:#}")?;
            }
        }
        Ok(())
    }
}

/// The most characters of a value that are shown around the place where two differ.
const SHOWN_MAX: usize = 160;

/// A difference on three lines, so that the two values stand below each other, and a mark below the first letter that differs.
fn show(difference: &Difference, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (expected, actual) = (difference.expected(), difference.actual());
    let (expected, actual, mark) = side_by_side(&expected, &actual);
    writeln!(formatter, "    {}", difference.path)?;
    writeln!(formatter, "        expected {GOOD}{expected}{GOOD:#}")?;
    writeln!(formatter, "        got      {BAD}{actual}{BAD:#}")?;
    if let Some(mark) = mark {
        writeln!(formatter, "                 {}{BAD}^{BAD:#}", " ".repeat(mark))?;
    }
    difference.note.as_ref().map_or(Ok(()), |note| writeln!(formatter, "        {note}"))
}

/// Two values as they are shown, and where the mark goes. Of long ones, what stands around the first difference.
fn side_by_side(expected: &str, actual: &str) -> (String, String, Option<usize>) {
    let pairs = expected.chars().zip(actual.chars());
    let same = pairs.take_while(|(one, other)| one == other).count();
    // One letter in common is the quotation mark.
    let mark = (same > 1).then_some(same);
    let longest = expected.chars().count().max(actual.chars().count());
    if longest <= SHOWN_MAX {
        return (expected.to_owned(), actual.to_owned(), mark);
    }
    let from = same.saturating_sub(SHOWN_MAX / 2);
    let cut = |text: &str| {
        let mut part: String = text.chars().skip(from).take(SHOWN_MAX).collect();
        if from > 0 {
            part.insert(0, '…');
        }
        if text.chars().count() > from + SHOWN_MAX {
            part.push('…');
        }
        part
    };
    (cut(expected), cut(actual), mark.map(|mark| mark - from + usize::from(from > 0)))
}

fn fixture_json((path, entry): (&PathBuf, &Entry)) -> Value {
    let path = path.display().to_string();
    match &entry.verdict {
        Verdict::Passed => json!({ "path": path, "verdict": "passed" }),
        Verdict::Differs(differences) => {
            json!({ "path": path, "verdict": "differs", "differences": differences })
        }
        Verdict::Skipped(reason) => {
            json!({ "path": path, "verdict": "skipped", "reason": reason })
        }
        Verdict::Failed(reason) => json!({ "path": path, "verdict": "failed", "reason": reason }),
    }
}
