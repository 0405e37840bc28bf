//! Form bodies as ordered pairs: urlencoded and multipart, decided by the content type or, where that is odd, by the body.

use std::convert::Infallible;
use std::future::Future;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use multer::{Field, Multipart};
use serde_json::{Map, Value, json};

use super::Fields;
use crate::domain::callback::{Callback, Head};

/// The most fields that are read of one body; the callback keeps all of them.
const FIELDS_MAX: usize = 1_000;

/// How far into a body the first part of a multipart form has to show itself, in bytes.
const LOOK_AT_MAX: usize = 1_024;

/// The body's fields: a form, or a JSON object with the same names.
///
/// # Errors
/// When the body is neither; the error is a reason for the quarantine.
pub fn fields_or_json(callback: &Callback) -> Result<Fields, String> {
    let body = callback.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&callback.body);
    if body.trim_ascii_start().starts_with(b"{") {
        return Fields::parse(body);
    }
    fields(callback).or_else(|reason| {
        let says_json = callback.head.media_type().ends_with("json");
        if says_json { Fields::parse(body) } else { Err(reason) }
    })
}

/// The form's fields. Of several with one name the first wins; the others are in the callback alone.
///
/// # Errors
/// When the body is no form; the error is a reason for the quarantine.
pub fn fields(callback: &Callback) -> Result<Fields, String> {
    let mut members = Map::new();
    for (name, value) in pairs(callback)? {
        members.entry(name).or_insert(value);
    }
    Ok(Fields::new(members))
}

/// The form's fields in the order they were sent, the first 1,000 of them. What is not UTF-8 is read as U+FFFD.
///
/// A value is a text; a file is described by `{"filename", "mime", "size"}`, its bytes stay in the callback.
///
/// # Errors
/// When the body is no form; the error is a reason for the quarantine.
pub fn pairs(callback: &Callback) -> Result<Vec<(String, Value)>, String> {
    if callback.body.trim_ascii().is_empty() {
        return Err("the body is empty".to_owned());
    }
    match layout(&callback.head, &callback.body)? {
        Layout::Urlencoded => urlencoded(&callback.body),
        Layout::Multipart { boundary } => multipart(boundary, callback.body.clone()),
    }
}

/// How a form is written.
enum Layout {
    Urlencoded,
    Multipart { boundary: String },
}

fn layout(head: &Head, body: &[u8]) -> Result<Layout, String> {
    let media_type = head.media_type();
    let named = head
        .header("content-type")
        .filter(|_| media_type.starts_with("multipart/"))
        .and_then(|value| multer::parse_boundary(value).ok());
    if let Some(boundary) = named.filter(|name| !name.is_empty()).or_else(|| first_boundary(body)) {
        return Ok(Layout::Multipart { boundary });
    }
    if media_type == "application/x-www-form-urlencoded" || looks_urlencoded(body) {
        return Ok(Layout::Urlencoded);
    }
    Err(if media_type.is_empty() {
        "the body is not a form, and has no content type".to_owned()
    } else {
        format!("the body is not a form, and its content type is `{media_type}`")
    })
}

/// The boundary that a multipart body opens with, for senders that forget to name it.
fn first_boundary(body: &[u8]) -> Option<String> {
    let start = body.get(..body.len().min(LOOK_AT_MAX))?;
    let start = String::from_utf8_lossy(start.strip_prefix(b"--")?).into_owned();
    let (boundary, part) = start.split_once("\r\n")?;
    let begins_a_field = part.to_ascii_lowercase().contains("content-disposition: form-data");
    (begins_a_field && !boundary.is_empty()).then(|| boundary.trim_end().to_owned())
}

/// Whether the body begins with a name and `=`, so that XML, JSON and prose are not taken for a form.
fn looks_urlencoded(body: &[u8]) -> bool {
    let end = body.iter().position(|byte| *byte == b'=').unwrap_or(0);
    let name = body.get(..end).unwrap_or_default();
    let is_of_a_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]%+".contains(byte);
    !name.is_empty() && name.iter().all(is_of_a_name)
}

/// The pairs of an urlencoded form or query in their order, the first 1,000 of them. What is not UTF-8 is read as U+FFFD.
///
/// # Errors
/// When they cannot be read; the error is a reason for the quarantine.
pub fn urlencoded(body: &[u8]) -> Result<Vec<(String, Value)>, String> {
    let ampersands = body.iter().enumerate().filter(|(_, byte)| **byte == b'&');
    let end = ampersands.map(|(place, _)| place).nth(FIELDS_MAX - 1).unwrap_or(body.len());
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_bytes(body.get(..end).unwrap_or_default())
            .map_err(|error| format!("the form cannot be read: {error}"))?;
    Ok(pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
}

fn multipart(boundary: String, body: Bytes) -> Result<Vec<(String, Value)>, String> {
    let whole = stream::once(std::future::ready(Ok::<_, Infallible>(body)));
    let mut form = Multipart::new(whole, boundary);
    let mut pairs = Vec::new();
    while pairs.len() < FIELDS_MAX {
        let Some(part) = at_once(form.next_field())? else { break };
        let name = part.name().unwrap_or_default().to_owned();
        pairs.push((name, value(part)?));
    }
    Ok(pairs)
}

fn value(part: Field<'_>) -> Result<Value, String> {
    let Some(filename) = part.file_name().map(str::to_owned) else {
        return at_once(part.text()).map(Value::String);
    };
    let mime = part.content_type().map(ToString::to_string);
    let size = at_once(part.bytes())?.len();
    Ok(json!({"filename": filename, "mime": mime, "size": size}))
}

/// The result of a future that has nothing to wait for, since the whole body is in memory.
fn at_once<T>(future: impl Future<Output = multer::Result<T>>) -> Result<T, String> {
    let result = future.now_or_never().ok_or("the multipart form does not end")?;
    result.map_err(|error| format!("the multipart form cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Time;
    use crate::domain::id::CallbackId;

    fn callback(content_type: &str, body: &[u8]) -> Callback {
        Callback {
            id: CallbackId::from_bits(1),
            source: "wachat".parse().unwrap(),
            received_at: Time::from_millis(1_786_500_000_000),
            head: Head {
                method: "POST".to_owned(),
                path: "/in/wachat".to_owned(),
                query: String::new(),
                headers: vec![("content-type".to_owned(), content_type.to_owned())],
                token: None,
                remote: None,
            },
            body: Bytes::copy_from_slice(body),
        }
    }

    const MULTIPART: &str = "--kettle\r\nContent-Disposition: form-data; name=\"msg\"\r\n\r\nblue & red\r\n\
        --kettle\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"k.png\"\r\nContent-Type: image/png\r\n\r\n12345\r\n\
        --kettle--\r\n";

    #[test]
    fn urlencoded_pairs_keep_their_order_and_the_first_of_a_name_wins() {
        let body = callback("application/x-www-form-urlencoded", b"b=2&a=%41+x&b=3&bad=%zz%&u=%ff");
        let expected = [("b", "2"), ("a", "A x"), ("b", "3"), ("bad", "%zz%"), ("u", "\u{fffd}")];
        let pairs = pairs(&body).unwrap();
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), json!(value))));
        assert_eq!(fields(&body).unwrap().text("b").as_deref(), Some("2"));
    }

    #[test]
    fn multipart_forms_are_read_with_and_without_a_named_boundary() {
        for content_type in
            ["multipart/form-data; boundary=kettle", "multipart/form-data", "", "text/plain"]
        {
            let pairs = pairs(&callback(content_type, MULTIPART.as_bytes())).unwrap();
            assert_eq!(pairs[0], ("msg".to_owned(), json!("blue & red")), "{content_type}");
            let photo = json!({"filename": "k.png", "mime": "image/png", "size": 5});
            assert_eq!(pairs[1], ("photo".to_owned(), photo), "{content_type}");
        }
    }

    #[test]
    fn an_odd_content_type_is_no_obstacle_to_a_form() {
        for content_type in ["", "text/plain", "application/json", "nonsense"] {
            let mut read = fields_or_json(&callback(content_type, b"id=7&msg=x")).unwrap();
            assert_eq!(read.text("id").as_deref(), Some("7"), "{content_type}");
        }
        let urlencoded = "application/x-www-form-urlencoded";
        let mut read = fields_or_json(&callback(urlencoded, b" {\"id\": 7}")).unwrap();
        assert_eq!(read.text("id").as_deref(), Some("7"));
    }

    #[test]
    fn what_is_no_form_says_why() {
        let table: [(&str, &[u8], &str); 6] = [
            ("", b" \r\n", "empty"),
            ("", b"hello", "no content type"),
            ("text/xml", b"<a b=\"c\"/>", "`text/xml`"),
            ("application/json", b"[1]", "an array"),
            ("application/x-www-form-urlencoded", b"{\"id\":", "not valid JSON"),
            ("multipart/form-data; boundary=x", b"--x\r\nContent-Dis", "multipart"),
        ];
        for (content_type, body, reason) in table {
            let found = fields_or_json(&callback(content_type, body)).unwrap_err();
            assert!(found.contains(reason), "{found}");
        }
    }

    #[test]
    fn no_more_than_a_thousand_fields_are_read() {
        let body = "a=1&".repeat(5_000);
        let urlencoded = callback("application/x-www-form-urlencoded", body.as_bytes());
        assert_eq!(pairs(&urlencoded).unwrap().len(), FIELDS_MAX);
        let part = "--k\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
        let body = part.repeat(1_500) + "--k--\r\n";
        let multipart = callback("multipart/form-data; boundary=k", body.as_bytes());
        assert_eq!(pairs(&multipart).unwrap().len(), FIELDS_MAX);
    }

    /// What forms are made of, so that random bodies come close to one.
    const PIECES: [&[u8]; 16] = [
        b"--",
        b"a",
        b"-",
        b"\r\n",
        b"\r\n\r\n",
        b"=",
        b"&",
        b"%",
        b"{",
        b"}",
        b"\"",
        b":",
        b"\xff",
        b"\0",
        b"Content-Disposition: form-data; name=\"a\"",
        b"; filename=\"f\"",
    ];

    proptest! {
        #[test]
        fn any_bytes_under_any_content_type_are_read_without_panic(
            content_type in "(multipart/form-data(; boundary=[-a\" ]{0,4})?|application/(json|x-www-form-urlencoded)|\\PC{0,12})",
            pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40),
        ) {
            let callback = callback(&content_type, &pieces.concat());
            prop_assert_eq!(fields_or_json(&callback), fields_or_json(&callback));
        }
    }
}
