//! The XML form in which SMS receipts are documented too: turned into the same members as the JSON form has.

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

use super::draft::Fault;
use crate::domain::callback::Callback;

/// The most elements, texts and comments that are read; a receipt has about forty.
const NODES_MAX: u32 = 10_000;

/// How deep elements may stand in each other; in a receipt it is three.
const DEPTH_MAX: usize = 32;

/// Whether a body is XML: it begins so, or it is declared so and is no JSON.
pub(super) fn looks_like(callback: &Callback) -> bool {
    let body = callback.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&callback.body);
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let declared = matches!(callback.head.media_type().as_str(), "application/xml" | "text/xml");
    match first {
        Some(b'<') => true,
        Some(b'{' | b'[') => false,
        Some(_) | None => declared,
    }
}

/// The members of the root element, whatever its name; every value is text.
pub(super) fn members(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let malformed = |error: &dyn std::fmt::Display| {
        Fault::Malformed(format!("the body is not valid XML: {error}"))
    };
    let text = std::str::from_utf8(body).map_err(|error| malformed(&error))?;
    let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document =
        Document::parse_with_options(text.trim_start_matches('\u{feff}').trim_start(), options)
            .map_err(|error| malformed(&error))?;
    let root = document.root_element();
    if root.descendants().any(|node| node.ancestors().nth(DEPTH_MAX).is_some()) {
        return Err(malformed(&"its elements stand too deep in each other"));
    }
    Ok(children(root))
}

fn children(parent: Node<'_, '_>) -> Map<String, Value> {
    let mut members = Map::new();
    for child in parent.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        let value = value(child);
        match members.get_mut(name) {
            Some(Value::Array(items)) => items.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => {
                members.insert(name.to_owned(), value);
            }
        }
    }
    members
}

fn value(element: Node<'_, '_>) -> Value {
    if element.children().any(|child| child.is_element()) {
        return Value::Object(children(element));
    }
    let text: String =
        element.children().filter(Node::is_text).filter_map(|child| child.text()).collect();
    Value::from(text.trim())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_become_members_and_repeated_ones_a_list() {
        let body = b"<?xml version=\"1.0\"?>\n<root><a> 1 </a><b><c>x <!-- no -->&amp; y</c><c/></b></root>";
        assert_eq!(
            Value::Object(members(body).unwrap()),
            json!({"a": "1", "b": {"c": ["x & y", ""]}})
        );
    }

    #[test]
    fn what_is_no_plain_xml_is_refused_with_a_reason() {
        let deep = "<a>".repeat(40) + &"</a>".repeat(40);
        let endless = "<a>".repeat(300_000);
        let bodies: [&[u8]; 6] = [
            b"<root>",
            b"",
            b"<root>\xff</root>",
            b"<!DOCTYPE r [<!ENTITY e \"x\">]><r>&e;</r>",
            deep.as_bytes(),
            endless.as_bytes(),
        ];
        for body in bodies {
            let fault = members(body).unwrap_err().to_string();
            assert!(fault.starts_with("the body is not valid XML: "), "{fault}");
        }
    }
}
