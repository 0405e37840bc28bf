//! Header names and values in the configuration: only what can't break a request in two.

use std::collections::BTreeMap;

use super::judge::Judge;
use super::raw::Text;
use super::secrets::secret;
use crate::domain::destination::is_reserved;
use crate::domain::secret::Secret;

/// A header's name in small letters, if it is one (RFC 9110, 5.6.2).
pub(super) fn header_name(text: &str) -> Option<String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (!text.is_empty() && text.bytes().all(token)).then(|| text.to_ascii_lowercase())
}

/// Whether a text is visible ASCII, with spaces inside only.
pub(super) fn visible(text: &str) -> bool {
    text.trim() == text && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A destination's own headers.
pub(super) fn own_headers(
    raw: &BTreeMap<Text, Text>,
    judge: &mut Judge<'_>,
) -> Option<Vec<(String, Secret)>> {
    let mut seen: Vec<String> = Vec::new();
    let mut read = Vec::new();
    for (name, value) in raw {
        let read_name = own_name(name, judge);
        if let Some(name_read) = &read_name {
            if seen.contains(name_read) {
                judge.refuse(name, "the header is there twice, in different letter case")?;
            }
            seen.push(name_read.clone());
        }
        read.push(read_name.zip(own_value(value, judge)));
    }
    read.into_iter().collect()
}

fn own_name(name: &Text, judge: &mut Judge<'_>) -> Option<String> {
    let Some(read) = header_name(name.get_ref()) else {
        return judge.refuse(name, "not a header's name");
    };
    if is_reserved(&read) {
        return judge.refuse(name, "this header is callbox's own to set; take it out");
    }
    Some(read)
}

fn own_value(value: &Text, judge: &mut Judge<'_>) -> Option<Secret> {
    let read = secret(judge, value)?;
    if visible(read.expose()) {
        Some(read)
    } else {
        judge.refuse(value, "a header's value is visible ASCII, without spaces at its ends")
    }
}
