//! What a run found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

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
    verdicts: BTreeMap<PathBuf, Verdict>,
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
        let noted = self.verdicts.entry(path).or_insert(Verdict::Passed);
        if matches!(noted, Verdict::Passed) {
            *noted = verdict;
        }
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
        for verdict in self.verdicts.values() {
            match verdict {
                Verdict::Passed => counts.passed += 1,
                Verdict::Differs(_) => counts.differ += 1,
                Verdict::Skipped(_) => counts.skipped += 1,
                Verdict::Failed(_) => counts.failed += 1,
            }
        }
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
        let fixtures: Vec<Value> = self.verdicts.iter().map(fixture_json).collect();
        json!({
            "fixtures": fixtures,
            "passed": passed, "differ": differ, "skipped": skipped, "failed": failed,
        })
    }
}

impl fmt::Display for Report {
    /// The report for people: every fixture that did not pass, and a line of counts.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, verdict) in &self.verdicts {
            let path = path.display();
            match verdict {
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

/// A difference on three lines, so that the two values stand below each other.
fn show(difference: &Difference, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (expected, actual) = (difference.expected(), difference.actual());
    writeln!(formatter, "    {}", difference.path)?;
    writeln!(formatter, "        expected {GOOD}{expected}{GOOD:#}")?;
    writeln!(formatter, "        got      {BAD}{actual}{BAD:#}")
}

fn fixture_json((path, verdict): (&PathBuf, &Verdict)) -> Value {
    let path = path.display().to_string();
    match verdict {
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
