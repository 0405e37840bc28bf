//! What a WhatsApp message says: its type, its text, and where its medium can be had.

use serde_json::{Map, Value, json};

use super::item::member;
use super::{interactive, redact};
use crate::domain::event::{Content, Media};
use crate::vendor::read::{Fields, fields};

/// Members that wrap a message in another one, in the order in which they are opened.
const WRAPPERS: [&str; 8] = [
    "deviceSentMessage",
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "editedMessage",
    "botInvokeMessage",
];

/// The most wrappers that are opened; real ones are two deep.
const WRAPPERS_MAX: usize = 4;

/// The vendor's words for what a message is, and ours.
const KINDS: [(&str, &str); 27] = [
    ("conversation", "text"),
    ("extendedTextMessage", "text"),
    ("imageMessage", "image"),
    ("videoMessage", "video"),
    ("ptvMessage", "video"),
    ("audioMessage", "audio"),
    ("documentMessage", "document"),
    ("stickerMessage", "sticker"),
    ("lottieStickerMessage", "sticker"),
    ("locationMessage", "location"),
    ("liveLocationMessage", "location"),
    ("contactMessage", "contacts"),
    ("contactsArrayMessage", "contacts"),
    ("reactionMessage", "reaction"),
    ("pollCreationMessage", "poll"),
    ("pollCreationMessageV2", "poll"),
    ("pollCreationMessageV3", "poll"),
    ("pollUpdateMessage", "poll"),
    ("listResponseMessage", "interactive"),
    ("buttonsResponseMessage", "interactive"),
    ("templateButtonReplyMessage", "interactive"),
    ("interactiveResponseMessage", "interactive"),
    ("interactiveMessage", "interactive"),
    ("buttonsMessage", "interactive"),
    ("listMessage", "interactive"),
    ("buttonMessage", "interactive"),
    ("templateMessage", "template"),
];

/// Reads the content of an event's data: `message`, with `messageType` where that says more.
pub(super) fn of_message(data: &mut Fields, base64: Option<&str>) -> Option<Content> {
    let word = data.text("messageType");
    let url = data.text("mediaUrl");
    let mut content = data
        .within("message", |message| {
            unwrap(message);
            read(message, word.as_deref(), url.clone(), base64)
        })
        .flatten()
        .or_else(|| word.as_deref().map(|word| bare(word, url, base64)));
    if let Some(content) = &mut content
        && let Some(votes) = data.take("pollUpdates")
    {
        add_votes(content, votes);
    }
    content
}

/// Adds the votes that a poll has got.
pub(super) fn add_votes(content: &mut Content, votes: Value) {
    let votes = redact::part(Map::from_iter([("votes".to_owned(), votes)]));
    let poll = content.more.entry("poll").or_insert_with(|| json!({}));
    if let Value::Object(poll) = poll {
        poll.extend(votes);
    }
}

/// The message that this one answers: beside the content in the second generation, within it in the first.
pub(super) fn quoted(data: &mut Fields) -> Option<String> {
    let stanza = |fields: &mut Fields| {
        fields.within("contextInfo", |context| context.text("stanzaId")).flatten()
    };
    let beside = stanza(data);
    let within = data.within("message", |message| {
        unwrap(message);
        let on_top = stanza(message);
        KINDS.iter().fold(on_top, |found, (name, _)| {
            found.or_else(|| message.within(name, stanza).flatten())
        })
    });
    beside.or(within.flatten())
}

/// Opens what wraps the message, and puts its members in the wrapper's place.
pub(super) fn unwrap(message: &mut Fields) {
    for _ in 0..WRAPPERS_MAX {
        let inner = WRAPPERS.iter().find_map(|name| {
            let (_, inner) = member(message.get(name)?.as_object()?, "message")?;
            inner.is_object().then(|| message.object(name)?.object("message")).flatten()
        });
        let Some(inner) = inner else { return };
        for (name, value) in inner.into_map() {
            message.put(&name, value);
        }
    }
}

/// Reads an unwrapped message.
pub(super) fn read(
    message: &mut Fields,
    word: Option<&str>,
    url: Option<String>,
    base64: Option<&str>,
) -> Option<Content> {
    let says = |name: &str| {
        message.get(name).is_some_and(|value| value.is_object() || fields::text(value).is_some())
    };
    let known = KINDS.iter().find(|(name, _)| says(name));
    let Some((name, kind)) = known else {
        return word.map(|word| bare(word, url.or_else(|| message.text("mediaUrl")), base64));
    };
    let mut content = Content { kind: (*kind).to_owned(), ..Content::default() };
    if let Some(text) = message.text(name) {
        content.text = Some(text);
        return Some(content);
    }
    let source = Media {
        url: url.or_else(|| message.text("mediaUrl")),
        body_pointer: base64.map(str::to_owned),
        ..Media::default()
    };
    message.within(name, |inner| inside(&mut content, inner, source));
    Some(content)
}

fn inside(content: &mut Content, inner: &mut Fields, source: Media) {
    match content.kind.as_str() {
        "text" => content.text = inner.text("text"),
        "image" | "video" | "audio" | "document" | "sticker" => medium(content, inner, source),
        "location" => {
            let named = ["degreesLatitude", "degreesLongitude", "name", "address", "url"];
            let ours = ["latitude", "longitude", "name", "address", "url"];
            let members = named
                .iter()
                .zip(ours)
                .filter_map(|(name, our)| inner.take(name).map(|value| (our.to_owned(), value)));
            let location: Map<String, Value> = members.collect();
            content.text = inner.text_of(&["caption", "comment"]);
            more(content, Value::Object(location));
        }
        "contacts" => {
            let cards = inner.array("contacts").unwrap_or_else(|| {
                let card =
                    [("displayName", inner.take("displayName")), ("vcard", inner.take("vcard"))];
                vec![card.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()]
            });
            more(content, cards.into_iter().map(contact).collect());
        }
        "reaction" => {
            let to = inner.within("key", |key| key.text("id")).flatten();
            content.text = inner.text("text");
            more(content, json!({"to": to}));
        }
        "poll" => poll(content, inner),
        _ => interactive::read(content, inner),
    }
}

/// A picture, a sound, a file. Its own `url` is encrypted, and no use to anyone without the key.
fn medium(content: &mut Content, inner: &mut Fields, source: Media) {
    content.text = inner.text("caption");
    // The business channel says here what it was given to send: an address, or the bytes themselves.
    let given = inner.text("media").filter(|given| given.starts_with("http"));
    let medium = Media {
        url: source.url.or(given),
        mime: inner.text_of(&["mimetype", "mime_type"]),
        filename: inner.text_of(&["fileName", "filename", "title"]),
        caption: content.text.clone(),
        ..source
    };
    if medium != Media::default() {
        content.media.push(medium);
    }
}

fn contact(card: Value) -> Value {
    let Value::Object(card) = card else { return Value::Null };
    let mut card = Fields::new(card);
    json!({"name": card.text("displayName"), "vcard": card.text("vcard")})
}

/// A poll that is asked, or a vote in one.
fn poll(content: &mut Content, inner: &mut Fields) {
    content.text = inner.text("name");
    let options: Vec<Value> = inner.array("options").unwrap_or_default();
    let options = options.into_iter().filter_map(|option| match option {
        Value::Object(option) => Fields::new(option).text("optionName").map(Value::from),
        other @ Value::String(_) => Some(other),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    });
    let options: Value = options.collect();
    let asked = inner.within("pollCreationMessageKey", |key| key.text("id")).flatten();
    let selectable = inner.integer("selectableOptionsCount");
    more(content, json!({"options": options, "selectable": selectable, "poll_id": asked}));
}

/// The content of a message of which only the vendor's word for its type is known.
fn bare(word: &str, url: Option<String>, base64: Option<&str>) -> Content {
    let known = KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    let kind = known.map_or_else(|| word.to_ascii_lowercase(), |(_, kind)| (*kind).to_owned());
    let medium = Media { url, body_pointer: base64.map(str::to_owned), ..Media::default() };
    let media = if medium == Media::default() { Vec::new() } else { vec![medium] };
    Content { kind, media, ..Content::default() }
}

/// Says what else there is, under the type's name; without nulls, empty texts, secrets and bytes.
pub(super) fn more(content: &mut Content, value: Value) {
    let named = Map::from_iter([(content.kind.clone(), value)]);
    content.more.extend(redact::part(named));
}
