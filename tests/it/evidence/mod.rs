//! What shows that the promises hold: checks that need tools, privileges or time, run together by `tests/evidence/run`.

mod disk;
mod full_disk;
mod harm;
mod idle;
mod io_errors;
mod power;
mod slow;
mod start_errors;
mod trace;

use std::io::Write;

/// How much of something a run does: what the environment says, or this.
pub(crate) fn amount(variable: &str, usual: u64) -> u64 {
    setting(variable).map_or(usual, |text| text.parse().unwrap())
}

/// What is broken on purpose in the program under test, if anything: then a check has to find it.
pub(crate) fn broken() -> Option<String> {
    setting("CALLBOX_EVIDENCE_BROKEN")
}

fn setting(variable: &str) -> Option<String> {
    std::env::var_os(variable).map(|text| text.into_string().unwrap())
}

/// Puts a line into the table that `tests/evidence/run` prints: what was done, how often, and what came of it.
pub(crate) fn tell(what: &str, amount: &str, found: &str) {
    let what = broken().map_or(what.to_owned(), |broken| format!("{what}, with {broken}"));
    let line = format!("| {what} | {amount} | {found} |");
    eprintln!("{line}");
    if let Some(table) = setting("CALLBOX_EVIDENCE_TABLE") {
        let mut table = std::fs::File::options().create(true).append(true).open(table).unwrap();
        writeln!(table, "{line}").unwrap();
    }
}
