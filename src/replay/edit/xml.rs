//! XML: what stands between tags, in attributes and in comments.

use std::fmt::Write;

use super::units::Style;
use super::{Change, Kind, value};

/// The document with its values changed.
pub(super) fn edit(text: &str, change: &mut Change<'_>) -> String {
    let mut edited = String::with_capacity(text.len());
    let mut path: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (before, tag) =
            rest.split_at_checked(rest.find('<').unwrap_or(rest.len())).unwrap_or((rest, ""));
        edited.push_str(&between(before, &path, change));
        let (tag, behind) = split_tag(tag);
        rest = behind;
        if let Some(comment) = tag.strip_prefix("<!--").and_then(|tag| tag.strip_suffix("-->")) {
            let comment = value(comment, Style::Plain, &path, Kind::Raw, 0, change);
            let _ = write!(edited, "<!--{comment}-->");
        } else if let Some(data) =
            tag.strip_prefix("<![CDATA[").and_then(|tag| tag.strip_suffix("]]>"))
        {
            let data = value(data, Style::Plain, &path, Kind::Text, 0, change);
            let _ = write!(edited, "<![CDATA[{data}]]>");
        } else if tag.starts_with("</") {
            path.pop();
            edited.push_str(tag);
        } else if tag.starts_with("<?") || tag.starts_with("<!") || tag.is_empty() {
            edited.push_str(tag);
        } else {
            let name = tag.trim_start_matches('<').split([' ', '\t', '\r', '\n', '>', '/']).next();
            path.push(name.unwrap_or_default().to_owned());
            edited.push_str(&attributes(tag, &mut path, change));
            if tag.ends_with("/>") {
                path.pop();
            }
        }
    }
    edited
}

/// Text between tags; blanks around it stay.
fn between(text: &str, path: &[String], change: &mut Change<'_>) -> String {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return text.to_owned();
    }
    let written = value(trimmed, Style::Xml, path, Kind::Text, 0, change);
    text.replacen(trimmed, &written, 1)
}

/// The tag, comment or section at the beginning, and what is behind it.
fn split_tag(text: &str) -> (&str, &str) {
    let end = if text.starts_with("<!--") {
        "-->"
    } else if text.starts_with("<![CDATA[") {
        "]]>"
    } else {
        ">"
    };
    let length = text.find(end).map_or(text.len(), |at| at + end.len());
    text.split_at_checked(length).unwrap_or((text, ""))
}

fn attributes(tag: &str, path: &mut Vec<String>, change: &mut Change<'_>) -> String {
    let mut edited = String::with_capacity(tag.len());
    let mut rest = tag;
    while let Some((before, behind)) = rest.split_once('"') {
        let Some((inner, after)) = behind.split_once('"') else { break };
        let name = before.trim_end_matches(['=', ' ']).rsplit(' ').next().unwrap_or_default();
        path.push(name.to_owned());
        let written = value(inner, Style::Xml, path, Kind::Text, 0, change);
        path.pop();
        let _ = write!(edited, "{before}\"{written}\"");
        rest = after;
    }
    edited.push_str(rest);
    edited
}
