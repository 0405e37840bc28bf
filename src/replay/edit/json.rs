//! JSON, value by value, however broken: what stands in quotes before a colon is a name, all else that is no punctuation a value.

use super::units::{Style, Units};
use super::{Change, Kind, value};

/// Where we are: inside an object, behind this name; or inside an array.
enum Frame {
    Object(Option<String>),
    Array,
}

/// The text with its values changed; `path` are the names that lead to it.
pub(super) fn edit(
    text: &str,
    path: &mut Vec<String>,
    depth: usize,
    change: &mut Change<'_>,
) -> String {
    let mut edited = String::with_capacity(text.len());
    let mut frames: Vec<Frame> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            letter if is_punctuation(letter) => letter.len_utf8(),
            _ => rest.find(|letter| is_punctuation(letter) || letter == '"').unwrap_or(rest.len()),
        };
        let (token, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = behind;
        match first {
            '{' => frames.push(Frame::Object(None)),
            '[' => frames.push(Frame::Array),
            '}' | ']' => {
                if let Some(Frame::Object(Some(_))) = frames.pop() {
                    path.pop();
                }
            }
            ',' => {
                if let Some(Frame::Object(name @ Some(_))) = frames.last_mut() {
                    *name = None;
                    path.pop();
                }
            }
            '"' => {
                edited.push_str(&string(token, rest, &mut frames, path, depth, change));
                continue;
            }
            letter if is_punctuation(letter) => {}
            _ => {
                edited.push_str(&bare(token, path, depth, change));
                continue;
            }
        }
        edited.push_str(token);
    }
    edited
}

fn is_punctuation(letter: char) -> bool {
    letter.is_ascii_whitespace() || "{}[],:".contains(letter)
}

/// How long the text in quotes at the beginning of `rest` is, with its quotes; all of it, if it never ends.
fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A text in quotes: a name if a colon follows where one can stand, else a value.
fn string(
    token: &str,
    rest: &str,
    frames: &mut [Frame],
    path: &mut Vec<String>,
    depth: usize,
    change: &mut Change<'_>,
) -> String {
    let inner = token.strip_prefix('"').unwrap_or(token);
    let (inner, end) = inner.strip_suffix('"').map_or((inner, ""), |inner| (inner, "\""));
    let is_name = rest.trim_ascii_start().starts_with(':');
    let kind = match frames.last_mut() {
        Some(Frame::Object(name @ None)) if is_name => {
            let said = Units::read(inner, Style::Json).text();
            let written = value(inner, Style::Json, path, Kind::Name, depth, change);
            path.push(said.clone());
            *name = Some(said);
            return format!("\"{written}{end}");
        }
        _ => Kind::Text,
    };
    let written = value(inner, Style::Json, path, kind, depth, change);
    format!("\"{written}{end}")
}

/// What stands without quotes: a number, one of JSON's three words, or something broken.
fn bare(token: &str, path: &[String], depth: usize, change: &mut Change<'_>) -> String {
    if matches!(token, "true" | "false" | "null") {
        return token.to_owned();
    }
    let is_number = serde_json::from_str::<serde_json::Number>(token).is_ok();
    let kind = if is_number { Kind::Number } else { Kind::Text };
    value(token, Style::Plain, path, kind, depth, change)
}
