//! The copy of what was sent, which some receipts carry: `outboundContent`.

use serde_json::{Map, Value};

use super::content;
use super::draft::word;
use crate::domain::event::{Content, Media};
use crate::vendor::read::Fields;

/// Members that are kept as they are, under the same names.
const KEPT: [&str; 6] = ["template", "header", "footer", "actions", "cards", "meta"];

/// Takes the copy of what was sent. Masked ones have nothing but a type and the reason.
pub(super) fn take(payload: &mut Fields) -> Option<Content> {
    payload.within("outboundContent", |sent| {
        sent.text("channel");
        let header = sent.within("header", header).unwrap_or_default();
        let text = sent.within("body", |body| body.text("text")).flatten();
        let mut taken = Content {
            kind: kind(sent.text("contentType"), header.kind, sent),
            text,
            more: header.location,
            ..Content::default()
        };
        if let Some(media) = header.media {
            let caption = taken.text.clone().filter(|_| !sent.has("template"));
            taken.media.push(Media { caption, ..media });
        }
        for name in KEPT {
            if let Some(value) = kept(sent, name) {
                taken.more.insert(name.to_owned(), value);
            }
        }
        taken
    })
}

/// What the header of a message holds besides its own text.
#[derive(Default)]
struct Header {
    kind: Option<String>,
    media: Option<Media>,
    location: Map<String, Value>,
}

fn header(header: &mut Fields) -> Header {
    let media = header.within("media", |media| Media {
        url: media.text("url"),
        filename: media.text("filename"),
        ..Media::default()
    });
    let location = header.object("location").map(Fields::into_part).unwrap_or_default();
    let location = if location.is_empty() {
        Map::new()
    } else {
        Map::from_iter([("location".to_owned(), Value::Object(location))])
    };
    Header {
        kind: header.peek("type"),
        media: media.filter(|media| *media != Media::default()),
        location,
    }
}

/// The type: plain media are what their header is; the other words stay, in small letters.
fn kind(said: Option<String>, header: Option<String>, sent: &Fields) -> String {
    let said = said.map(|said| word(&said)).filter(|said| !said.is_empty());
    let said = said.unwrap_or_else(|| {
        let implied = if sent.has("template") { "template" } else { "text" };
        implied.to_owned()
    });
    let of_header = header.filter(|_| said == "media").and_then(|header| content::kind(&header));
    of_header.unwrap_or(said)
}

fn kept(sent: &mut Fields, name: &str) -> Option<Value> {
    let value = sent.take(name)?;
    crate::vendor::read::fields::clean(value)
}
