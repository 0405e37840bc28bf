//! What people read on a terminal: aligned tables, local times, and texts of strangers that no terminal obeys.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// The most characters of a text in a table.
const CELL_MAX: usize = 48;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const OPEN: Style = AnsiColor::Yellow.on_default();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// Rows under headings, each column as wide as its widest cell.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// One cell of a table.
#[derive(Debug)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Table {
    /// A table with these headings.
    pub(super) fn new<const N: usize>(headings: [&str; N]) -> Self {
        let cell = |heading: &str| Cell { text: heading.to_owned(), style: BOLD };
        Self { rows: vec![headings.into_iter().map(cell).collect()] }
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    /// The table, or a sentence if there is nothing in it.
    pub(super) fn or(self, nothing: &str) -> String {
        if self.rows.len() > 1 { self.to_string() } else { format!("{nothing}\n") }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.text.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            let mut owed = 0; // blanks that stand before the next text, but not at a line's end
            for (cell, width) in row.iter().zip(&widths) {
                let Cell { text, style } = cell;
                if !text.is_empty() {
                    write!(line, "{:owed$}{style}{text}{style:#}", "")?;
                    owed = 0;
                }
                owed += width - text.chars().count() + 2;
            }
            writeln!(formatter, "{line}")?;
        }
        Ok(())
    }
}

/// A text of a stranger's, shortened and made harmless.
pub(super) fn plain(text: &str) -> Cell {
    Cell { text: shortened(text), style: Style::new() }
}

/// An id, whole: people copy it.
pub(super) fn id(text: &str) -> Cell {
    Cell { text: harmless(text), style: DIM }
}

/// A time, in the local zone.
pub(super) fn time(text: &str) -> Cell {
    Cell { text: local(text), style: Style::new() }
}

/// A state, in its colour.
pub(super) fn state(word: &str) -> Cell {
    Cell { text: harmless(word), style: colour(word) }
}

/// What a state, outcome or type means to who waits for the best.
pub(super) fn colour(word: &str) -> Style {
    match word.strip_prefix("message.").unwrap_or(word) {
        "delivered" | "read" | "succeeded" | "active" | "closed" => GOOD,
        "failed" | "exhausted" | "expired" | "cancelled" | "open" | "rejected" | "timed_out"
        | "unreachable" | "refused" | "contradictory" => BAD,
        "queued" | "sent" | "pending" | "in_flight" | "paused" | "half_open" => OPEN,
        _ => Style::new(),
    }
}

/// The text at a place in a JSON value; empty if there is none. Numbers are written out.
pub(super) fn at(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
            String::new()
        }
    }
}

/// An RFC 3339 time in the local zone; as it stands if it is none.
pub(super) fn local(text: &str) -> String {
    let Ok(time) = text.parse::<Timestamp>() else { return harmless(text) };
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The text in one line, with everything that a terminal would obey written out.
pub(super) fn harmless(text: &str) -> String {
    let escape = |letter: char| {
        if letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        {
            letter.escape_default().to_string()
        } else {
            letter.to_string()
        }
    };
    text.chars().map(escape).collect()
}

fn shortened(text: &str) -> String {
    let text = harmless(text);
    if text.chars().count() <= CELL_MAX {
        return text;
    }
    text.chars().take(CELL_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_with_text() {
        let mut table = Table::new(["id", "state", "says"]);
        table.row([id("a"), plain("gone"), plain("")]);
        table.row([id("longer"), plain(""), plain("é")]);
        let text = anstream::adapter::strip_str(&table.to_string()).to_string();
        assert_eq!(text, "id      state  says\na       gone\nlonger         é\n");
        assert_eq!(Table::new(["id"]).or("nothing"), "nothing\n");
    }

    #[test]
    fn no_text_of_a_strangers_is_obeyed_or_longer_than_a_cell() {
        assert_eq!(plain("a\u{1b}[31m\nb\u{202e}").text, "a\\u{1b}[31m\\nb\\u{202e}");
        let long = plain(&"x".repeat(CELL_MAX + 1)).text;
        assert!(long.chars().count() == CELL_MAX && long.ends_with('…'));
        assert_eq!(plain(&"x".repeat(CELL_MAX)).text.len(), CELL_MAX);
    }

    #[test]
    fn what_is_no_time_is_shown_as_it_is() {
        assert_eq!(local("soon"), "soon");
        assert_eq!(local("2026-08-12T09:15:57.000Z").len(), "2026-08-12 09:15:57".len());
    }
}
