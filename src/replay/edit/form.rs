//! Forms and queries: pairs between ampersands, with percent signs, valid or not.

use super::units::{Style, Units};
use super::{Change, Kind, value};

/// The form with its values changed; `path` are the names that lead to it.
pub(super) fn edit(text: &str, path: &mut Vec<String>, change: &mut Change<'_>) -> String {
    let pairs = text.split('&').map(|pair| {
        let Some((name, raw)) = pair.split_once('=') else {
            return value(pair, Style::Form, path, Kind::Text, 0, change);
        };
        let new = value(name, Style::Form, path, Kind::Name, 0, change);
        path.push(Units::read(name, Style::Form).text());
        let written = value(raw, Style::Form, path, Kind::Text, 0, change);
        path.pop();
        format!("{new}={written}")
    });
    pairs.collect::<Vec<_>>().join("&")
}
