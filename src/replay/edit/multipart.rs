//! Multipart forms: each part's value, and the name of its file.

use super::units::Style;
use super::{Change, Kind, value};

/// The boundary: the one that the content type names, or else the first line's.
pub(super) fn boundary(content_type: &str, text: &str) -> Option<String> {
    let named = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let fits = name.trim().eq_ignore_ascii_case("boundary");
        fits.then(|| value.trim().trim_matches('"').to_owned())
    });
    let first = text.lines().next().and_then(|line| line.trim_end().strip_prefix("--"));
    named
        .filter(|named| text.contains(&format!("--{named}")))
        .or_else(|| first.map(str::to_owned))
        .filter(|boundary| !boundary.is_empty())
}

/// The form with its values changed.
pub(super) fn edit(boundary: &str, text: &str, change: &mut Change<'_>) -> String {
    let line = format!("--{boundary}");
    let parts = text.split(line.as_str()).map(|part| edit_part(part, change));
    parts.collect::<Vec<_>>().join(&line)
}

fn edit_part(part: &str, change: &mut Change<'_>) -> String {
    let (blank, end) =
        if part.contains("\r\n\r\n") { ("\r\n\r\n", "\r\n") } else { ("\n\n", "\n") };
    let Some((head, body)) = part.split_once(blank) else { return part.to_owned() };
    let name = parameter(head, "name").unwrap_or_default().to_owned();
    let mut path = vec![name];
    let head = match parameter(head, "filename") {
        Some(filename) if !filename.is_empty() => {
            path.push("filename".to_owned());
            let written = value(filename, Style::Plain, &path, Kind::Text, 0, change);
            path.pop();
            head.replacen(filename, &written, 1)
        }
        _ => head.to_owned(),
    };
    let (body, tail) = body.strip_suffix(end).map_or((body, ""), |body| (body, end));
    let body = value(body, Style::Plain, &path, Kind::Text, 0, change);
    format!("{head}{blank}{body}{tail}")
}

/// A parameter of the part's head, in quotes or not.
fn parameter<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split([';', '\n']).find_map(|piece| {
        let (known, value) = piece.trim().split_once('=')?;
        let fits = known.trim().eq_ignore_ascii_case(name);
        fits.then(|| value.trim().trim_matches('"'))
    })
}
