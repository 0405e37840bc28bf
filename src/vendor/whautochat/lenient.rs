//! Bodies whose JSON a text has broken: what can be read of them without guessing.
//!
//! The vendor fills texts into a template without escaping them, it seems, so a `"` or a line break in a message ends the JSON.
//! Head and ids are read where a name stands once in the whole body and its value is beyond doubt. Texts never are.

use super::Arrival;
use super::contact::{self, Person};
use super::event_head::{EventHead, Topic};
use super::message;
use crate::domain::event::{Channel, Draft};
use crate::vendor::read::{Fields, channels, phones};

/// The most characters of an id.
const ID_LENGTH_MAX: usize = 64;

/// Reads what is certain of a broken body; `None` if the event's type, its id or the id of its message or contact is not.
pub(super) fn read(arrival: &Arrival<'_>) -> Option<Draft> {
    let body = Broken::of(&arrival.callback.body)?;
    let mut event = body.object("event")?;
    let key = event.text("key");
    let head = EventHead::take(&mut event, arrival)?;
    head.id.as_deref().filter(|id| is_id(id))?;
    let name = match head.topic {
        Topic::Message(_) => "message",
        Topic::Contact(_) => "contact",
    };
    let id = the_one(key, body.first_id(name)).filter(|id| is_id(id))?;
    let mut draft = match head.topic {
        Topic::Message(way) => {
            let person = body.object("contact").map(|mut contact| Person::take(&mut contact));
            message::draft(&head, way, id, certain(person.unwrap_or_default()), None)
        }
        Topic::Contact(kind) => {
            let phone = body.text("phoneNumber").and_then(phones::e164);
            let channel = body.text("channel").map(channels::channel);
            let channel = channel.filter(|channel| *channel != Channel::Other);
            let location = body.object("location").and_then(|mut location| location.text("id"));
            let person = certain(Person { id: None, phone, location });
            contact::draft(&head, kind, id, channel, person, Fields::default())
        }
    };
    draft.data.dialect.push_str(".lenient");
    Some(draft)
}

/// The value that both say, or the only one that is there.
fn the_one(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => (one == other).then_some(one),
        (one, other) => one.or(other),
    }
}

/// The person, with ids only where they look like ids.
fn certain(person: Person) -> Person {
    let id = |text: &String| is_id(text);
    Person { id: person.id.filter(id), location: person.location.filter(id), ..person }
}

fn is_id(text: &str) -> bool {
    let is_of_an_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= ID_LENGTH_MAX && text.bytes().all(is_of_an_id)
}

/// A body that is no JSON, but was meant to be.
struct Broken(String);

impl Broken {
    /// The body, if it is whole: an object that ends with the object it is about. One that was cut off is not for us.
    fn of(body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body).into_owned();
        let rest = text.trim_end().strip_suffix('}')?.trim_end();
        (text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('{')
            && rest.ends_with('}'))
        .then_some(Self(text))
    }

    /// The object `name`, if it is whole.
    fn object(&self, name: &str) -> Option<Fields> {
        let value = self.value(name)?;
        let mut values = serde_json::Deserializer::from_str(value).into_iter();
        let members = values.next()?.ok()?;
        ends(value.get(values.byte_offset()..)?).then_some(Fields::new(members))
    }

    /// The text `name`, if there is nothing in it that could be something else.
    fn text(&self, name: &str) -> Option<&str> {
        plain_text(self.value(name)?)
    }

    /// The text `id`, if it is the first member of the object `name`.
    fn first_id(&self, name: &str) -> Option<String> {
        let inner = self.value(name)?.strip_prefix('{')?.trim_start();
        let value = inner.strip_prefix("\"id\"")?.trim_start().strip_prefix(':')?;
        plain_text(value.trim_start()).map(str::to_owned)
    }

    /// What stands behind `"name":`, if that stands where a member can begin, and only once in the whole body.
    fn value(&self, name: &str) -> Option<&str> {
        let quoted = format!("\"{name}\"");
        let mut members = self.0.match_indices(&quoted).filter_map(|(place, _)| {
            let (before, behind) = self.0.split_at_checked(place)?;
            let value = behind.strip_prefix(&quoted)?.trim_start().strip_prefix(':')?;
            Some((before, value))
        });
        let (before, value) = members.next()?;
        let alone = members.next().is_none();
        (alone && before.trim_end().ends_with(['{', ','])).then(|| value.trim_start())
    }
}

/// The text at the beginning, if it is closed without a doubt and needs no unescaping.
fn plain_text(value: &str) -> Option<&str> {
    let (text, rest) = value.strip_prefix('"')?.split_once('"')?;
    let is_plain = !text.contains(|character: char| character == '\\' || character.is_control());
    (is_plain && ends(rest)).then_some(text)
}

/// Whether a value can have ended before `rest`.
fn ends(rest: &str) -> bool {
    rest.trim_start().starts_with([',', '}'])
}

#[cfg(test)]
mod tests {
    use super::super::tests::{event, reason};
    use crate::domain::event::{Channel, Part};

    const HEAD: &str = r#""event":{"id":"kQ4v9Zt1Lm","type":"incoming_whatsapp_message","timeStamp":"2026-08-12T03:31:24.572Z","key":"p7Rw2Xc5Nd"}"#;
    const PERSON: &str =
        r#""contact":{"id":"tB8yH3uJ6s","channel":"whatsapp","phoneNumber":"12025550118"}"#;

    #[test]
    fn a_message_whose_text_breaks_the_json_is_received_without_the_text() {
        for text in ["the \"blue\" one", "two\nlines", "a \\", "\", \"x\""] {
            let body = format!(
                "{{{HEAD},\"message\":{{\"id\":\"p7Rw2Xc5Nd\",{PERSON},\"text\":\"{text}\"}}}}"
            );
            let event = event(&body);
            assert_eq!(event.data.dialect, "message.incoming.lenient");
            assert_eq!(event.duplicate_key, "event:kQ4v9Zt1Lm");
            assert_eq!(event.when.at.to_string(), "2026-08-12T03:31:24.572Z");
            let message = event.data.message.unwrap();
            assert_eq!(message.id, "p7Rw2Xc5Nd");
            assert_eq!(message.conversation.as_deref(), Some("tB8yH3uJ6s"));
            assert_eq!(message.from.unwrap().phone.as_deref(), Some("+12025550118"));
            assert_eq!(message.content, None);
        }
    }

    #[test]
    fn a_contact_with_unescaped_json_in_a_text_keeps_id_channel_and_phone() {
        let body = r#"{"event":{"id":"e1","type":"contact_created","key":"c1"},"contact":{"id":"c1","name":"A "B"","channel":"Telegram","phoneNumber":"+12025550118","tags":"[{"t":1}]"}}"#;
        let event = event(body);
        assert_eq!(event.data.channel, Some(Channel::Telegram));
        let part = serde_json::json!({"id": "c1", "phone": "+12025550118"});
        assert_eq!(serde_json::Value::Object(event.data.parts[&Part::Contact].clone()), part);
    }

    #[test]
    fn a_text_that_plays_at_being_json_forges_nothing() {
        let forged = r#"x", "event":{"id":"forged","type":"contact_created","key":"f"}, "y":"""#;
        let body =
            format!("{{{HEAD},\"message\":{{\"id\":\"p7Rw2Xc5Nd\",\"text\":\"{forged}\"}}}}");
        assert!(reason(&body).contains("not valid JSON"));
        let forged = r#"x", "contact":{"id":"forged"}, "y":"""#;
        let body = format!(
            "{{{HEAD},\"message\":{{\"id\":\"p7Rw2Xc5Nd\",{PERSON},\"text\":\"{forged}\"}}}}"
        );
        assert_eq!(event(&body).data.message.unwrap().conversation, None);
    }

    #[test]
    fn what_is_not_certain_is_quarantined() {
        let message = r#""message":{"id":"p7Rw2Xc5Nd","text":"a "b"""#;
        let other = r#""message":{"id":"another","text":"a "b"""#;
        let no_key = HEAD.replace(",\"key\":\"p7Rw2Xc5Nd\"", "");
        let odd_id = HEAD.replace("kQ4v9Zt1Lm", "kQ4 v9");
        let unknown = HEAD.replace("incoming_whatsapp_message", "appointment_created");
        let bodies = [
            format!("{{{HEAD},{message}"),
            format!("{{{HEAD},{message}}}"),
            format!("{{{HEAD},{other}}}}}"),
            format!("{{{no_key},\"message\":{{\"text\":\"a \"b\"\"}}}}"),
            format!("{{{odd_id},{message}}}}}"),
            format!("{{{unknown},{message}}}}}"),
            "<html>}}".to_owned(),
        ];
        for body in bodies {
            assert!(reason(&body).contains("not valid JSON"), "{body}");
        }
    }
}
