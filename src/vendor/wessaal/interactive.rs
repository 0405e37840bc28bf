//! Buttons, lists and their answers.

use serde_json::{Map, Value};

use super::content::more;
use crate::domain::event::Content;
use crate::vendor::read::Fields;

/// Where the different kinds of them keep what was shown or chosen, the closest first.
const TEXTS: [&str; 8] = [
    "selectedDisplayText",
    "title",
    "contentText",
    "description",
    "text",
    "hydratedContentText",
    "displayText",
    "name",
];

/// Where answers keep the id of what was chosen.
const CHOICES: [&str; 4] = ["selectedButtonId", "selectedId", "selectedRowId", "id"];

/// Reads the inside of a button, a list or a template, asked or answered.
pub(super) fn read(content: &mut Content, inner: &mut Fields) {
    let mut members = Map::new();
    let row = inner.within("singleSelectReply", |row| row.text("selectedRowId")).flatten();
    if let Some(id) = row.or_else(|| inner.text_of(&CHOICES)) {
        members.insert("id".to_owned(), Value::String(id));
    }
    // Answers of flows and native buttons carry their values as JSON in a text.
    let native = inner
        .within("nativeFlowResponseMessage", |flow| (flow.text("name"), flow.text("paramsJson")));
    if let Some((name, params)) = native {
        let named = [("name", name), ("params", params)];
        members.extend(
            named
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), Value::String(value?)))),
        );
    }
    let body = inner.within("body", |body| body.text("text")).flatten();
    content.text = body.or_else(|| inner.text_of(&TEXTS));
    for name in ["description", "footerText", "buttonText", "buttons", "sections"] {
        if let Some(value) = inner.take(name) {
            members.insert(name.to_owned(), value);
        }
    }
    more(content, Value::Object(members));
}
