//! Changing values inside recorded bytes while everything around them stays letter for letter: JSON, forms, multipart, XML, text.

mod form;
mod json;
mod lossless;
mod multipart;
mod units;
mod xml;

use bytes::Bytes;

pub use units::Style;

use units::Units;

/// How deep JSON inside of texts inside of JSON is followed.
const NESTED_MAX: usize = 4;

/// One value in a body: where it stands and what it says.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    /// The names on the way to it; arrays add none.
    pub path: &'a [String],
    /// What it says, unescaped.
    pub text: &'a str,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A number in JSON, as it is written.
    Number,
    /// The name of a member, which some senders make of an address.
    Name,
    /// A body that is neither JSON nor a form nor anything else that is known.
    Raw,
}

impl Leaf<'_> {
    /// The last name on the way; empty if there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }
}

/// Says what a value becomes; nothing leaves it as it is.
pub type Change<'a> = dyn FnMut(&Leaf<'_>) -> Option<String> + 'a;

/// The body with its values changed. Whatever its form, and however broken: what is not a value stays as it is.
pub fn body(content_type: Option<&str>, body: &Bytes, change: &mut Change<'_>) -> Bytes {
    let text = lossless::text(body);
    let content_type = content_type.unwrap_or_default();
    let edited = match form_of(content_type, &text) {
        Form::Json => json::edit(&text, &mut Vec::new(), 0, change),
        Form::Xml => xml::edit(&text, change),
        Form::Multipart(boundary) => multipart::edit(&boundary, &text, change),
        Form::Urlencoded => form::edit(&text, &mut Vec::new(), change),
        Form::Unknown => value(&text, Style::Plain, &[], Kind::Raw, 0, change),
    };
    lossless::bytes(&edited)
}

/// The query with its values changed.
pub fn query(query: &str, change: &mut Change<'_>) -> String {
    form::edit(query, &mut Vec::new(), change)
}

/// A segment of a path with its value changed.
pub fn path_segment(segment: &str, change: &mut Change<'_>) -> String {
    value(segment, Style::Form, &["path".to_owned()], Kind::Text, 0, change)
}

/// A text on its own, such as a header's value, changed.
pub fn text(name: &str, text: &str, change: &mut Change<'_>) -> String {
    value(text, Style::Plain, &[name.to_owned()], Kind::Text, 0, change)
}

enum Form {
    Json,
    Xml,
    Multipart(String),
    Urlencoded,
    Unknown,
}

/// What the body is: by its first letter, for content types are not to be trusted.
fn form_of(content_type: &str, text: &str) -> Form {
    let begins = text.trim_start_matches('\u{feff}').trim_start();
    if begins.starts_with(['{', '[']) {
        return Form::Json;
    }
    if begins.starts_with('<') {
        return Form::Xml;
    }
    if begins.starts_with("--")
        && let Some(boundary) = multipart::boundary(content_type, begins)
    {
        return Form::Multipart(boundary);
    }
    let is_json = content_type.to_ascii_lowercase().contains("json");
    if is_json && begins.starts_with('"') {
        return Form::Json;
    }
    if begins.contains('=') && !begins.contains(['\n', '{']) {
        return Form::Urlencoded;
    }
    Form::Unknown
}

/// One value, escaped in `style`, after its change. JSON inside of it is changed value by value.
fn value(
    raw: &str,
    style: Style,
    path: &[String],
    kind: Kind,
    depth: usize,
    change: &mut Change<'_>,
) -> String {
    let units = Units::read(raw, style);
    let text = units.text();
    let begins = text.trim_start();
    let nests = depth < NESTED_MAX
        && kind == Kind::Text
        && begins.starts_with(['{', '['])
        && serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
    let changed = if nests {
        Some(json::edit(&text, &mut path.to_vec(), depth + 1, change))
    } else {
        change(&Leaf { path, text: &text, kind })
    };
    match changed {
        Some(changed) if changed != text => units.write(&changed),
        _ => raw.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every value in capitals, with its path before it.
    fn edited(content_type: &str, text: &str) -> String {
        let bytes = body(Some(content_type), &Bytes::from(text.to_owned()), &mut |leaf| {
            (leaf.kind != Kind::Name).then(|| leaf.text.to_uppercase())
        });
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn only_values_change_and_how_they_are_written_stays() {
        let table = [
            (
                "",
                r#"{ "a" : "x\u00e9y\n" , "b":[1, true,null,{"c" :"d"}] }"#,
                r#"{ "a" : "X\u00c9Y\n" , "b":[1, true,null,{"c" :"D"}] }"#,
            ),
            ("", r#"{"a":"{\"b\":\"c\"}"}"#, r#"{"a":"{\"b\":\"C\"}"}"#),
            ("", r#"{"a":"b "c" d","e":f}"#, r#"{"a":"B "C" D","e":F}"#),
            ("", "a=x+%C3%A9%zz&b&c=%41z", "a=X+%C3%89%ZZ&B&c=%41Z"),
            (
                "",
                "<a b=\"c\"><!-- d --><e>f &amp; g</e></a>",
                "<a b=\"C\"><!-- D --><e>F &amp; G</e></a>",
            ),
            ("", "plain words", "PLAIN WORDS"),
            (
                "multipart/form-data; boundary=xx",
                "--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--xx--\r\n",
                "--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nB\r\n--xx--\r\n",
            ),
        ];
        for (content_type, text, expected) in table {
            assert_eq!(edited(content_type, text), expected, "{text}");
        }
    }

    #[test]
    fn values_are_found_by_their_path() {
        let found = |content_type: &str, text: &'static str| {
            let mut found = Vec::new();
            body(Some(content_type), &Bytes::from_static(text.as_bytes()), &mut |leaf| {
                found.push(format!("{}={}", leaf.path.join("."), leaf.text));
                None
            });
            found.join(" ")
        };
        let json = r#"{"a":{"b":[{"c":1},"x"]},"d":"{\"e\":\"f\"}"}"#;
        assert_eq!(found("", json), "=a a=b a.b=c a.b.c=1 a.b=x =d d=e d.e=f");
        assert_eq!(found("", "a=b&c%20d=e+f&g"), "=a a=b =c d c d=e f =g");
        assert_eq!(found("", "<a><b>c</b></a>"), "a.b=c");
        let part =
            "--x\r\ncontent-disposition: form-data; name=a; filename=\"f.txt\"\r\n\r\nz\r\n--x--";
        assert_eq!(found("multipart/form-data", part), "a.filename=f.txt a=z");
    }

    proptest! {
        #[test]
        fn what_is_not_changed_stays_byte_for_byte(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..5_usize) {
            let openings: [&[u8]; 5] = [b"{\"a\":\"", b"a=", b"<a>", b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", b""];
            let whole: Bytes = [openings[kind], &bytes].concat().into();
            let same = body(None, &whole, &mut |_| None);
            prop_assert_eq!(&same, &whole);
            // Nor does anything fail that is changed.
            body(None, &whole, &mut |leaf| Some(leaf.text.chars().rev().collect()));
        }
    }
}
