//! What a message of a messaging app says: text, media, places, answers to buttons, lists, flows and call permissions.

use serde_json::{Map, Value};

use super::draft::wrapped;
use crate::clock::Time;
use crate::domain::event::{Content, Media};
use crate::vendor::read::Fields;

/// Names under which the title of a tapped button or row stands.
const TAPPED: [&str; 4] = ["button_reply", "list_reply", "buttonReply", "listReply"];

/// Takes `type` and `content`. Media can be fetched until `expires_at`, where that is known.
pub(super) fn take(fields: &mut Fields, expires_at: Option<Time>) -> Option<Content> {
    let kind = fields.text("type").and_then(|word| kind(&word));
    let content = fields.within("content", |content| body(content, kind.clone(), expires_at));
    content.or_else(|| {
        let text = fields.text("content");
        let kind = kind.or_else(|| text.as_ref().map(|_| "text".to_owned()))?;
        Some(Content { kind, text, ..Content::default() })
    })
}

/// Our word for a type of content: the vendor's in small letters, but for files, which everybody else calls documents. A blank
/// one says nothing.
pub(super) fn kind(word: &str) -> Option<String> {
    let word = word.trim().to_ascii_lowercase();
    let word = if word == "file" { "document".to_owned() } else { word };
    Some(word).filter(|word| !word.is_empty())
}

fn body(fields: &mut Fields, kind: Option<String>, expires_at: Option<Time>) -> Content {
    let mut content =
        Content { kind: kind.unwrap_or_else(|| implied(fields)), ..Content::default() };
    content.text = fields.text("text");
    if let Some(url) = fields.text("url") {
        let caption = content.text.clone();
        content.media.push(Media { url: Some(url), caption, expires_at, ..Media::default() });
    }
    if let Some(location) = fields.object("location") {
        put(&mut content.more, "location", location.into_part());
    }
    let mut interactive = Map::new();
    if let Some(answer) = fields.object("interactive") {
        content.text = content.text.take().or_else(|| tapped(&answer));
        interactive = with_responses(answer).into_part();
    }
    if let Some(payload) = fields.text("payload") {
        interactive.insert("payload".to_owned(), payload.into());
    }
    put(&mut content.more, "interactive", interactive);
    content
}

/// The type of content whose type is not said.
fn implied(fields: &Fields) -> String {
    let known = [("interactive", "interactive"), ("location", "location"), ("url", "media")];
    let found = known.iter().find(|(name, _)| fields.has(name));
    found.map_or("text", |(_, kind)| kind).to_owned()
}

/// The title of the button or row that was tapped: it is what the user saw themselves say.
fn tapped(answer: &Fields) -> Option<String> {
    TAPPED.iter().find_map(|name| wrapped(answer.get(name)?.clone()).text("title"))
}

/// The answers of a flow come as JSON inside a text; read, so that they can be asked for. Text that is no JSON stays text.
fn with_responses(mut answer: Fields) -> Fields {
    for name in ["nfmReply", "nfm_reply"] {
        answer.within(name, |flow| {
            for name in ["responseJson", "response_json"] {
                let read = flow.peek(name).and_then(|text| serde_json::from_str(&text).ok());
                if let Some(responses) = read.filter(|value: &Value| value.is_object()) {
                    flow.take(name);
                    flow.put(name, responses);
                }
            }
        });
    }
    answer
}

fn put(more: &mut Map<String, Value>, name: &str, members: Map<String, Value>) {
    if !members.is_empty() {
        more.insert(name.to_owned(), Value::Object(members));
    }
}
