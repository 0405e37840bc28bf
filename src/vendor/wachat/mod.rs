//! WAChat and its twin `NusaSMS`: inbound messages pushed as forms, and what may come of the status answer.

mod escapes;
mod habits;
mod inbox;
mod status;

use sha2::{Digest, Sha256};

use super::habits::Habits;
use super::read::{Fields, forms, phones, times};
use super::{Authentic, Reading, Vendor};
use crate::clock::Time;
use crate::domain::event::{Channel, Data, Direction, Draft, EventType, Party, When};
use crate::domain::source::ReadSettings;

/// WAChat: form pushes, urlencoded or multipart; a JSON object with the same names is read too.
#[derive(Debug)]
pub struct Wachat;

impl Vendor for Wachat {
    fn code(&self) -> &'static str {
        "wachat"
    }

    fn habits(&self) -> Option<Habits> {
        Some(habits::HABITS)
    }

    fn default_timezone(&self) -> &'static str {
        "Asia/Jakarta"
    }

    fn read(&self, callback: &Authentic<'_>, settings: &ReadSettings) -> Reading {
        let callback = callback.callback();
        let fields = match forms::fields_or_json(callback) {
            Ok(fields) => fields,
            Err(reason) => return Reading::Quarantine(reason),
        };
        let push = Push { fields, received_at: callback.received_at, settings };
        let draft = status::read(push).or_else(inbox::read);
        draft.map_or_else(|push| unknown(push, &callback.body), Reading::one)
    }
}

/// A push on its way through the adapter; handed back by those that do not know it.
struct Push<'a> {
    fields: Fields,
    received_at: Time,
    settings: &'a ReadSettings,
}

impl Push<'_> {
    /// Takes the time out of `field`, else the time of arrival; what cannot be read as a time stays where it is.
    fn when(&mut self, field: Option<&str>) -> When {
        let read = field.and_then(|name| {
            let when = self.written(&self.fields.peek(name)?)?;
            self.fields.take(name);
            Some(when)
        });
        read.unwrap_or_else(|| times::received(self.received_at))
    }

    /// A time as it was written. A `+` before a zone that was not escaped in the form has become a blank.
    fn written(&self, text: &str) -> Option<When> {
        let zone = &self.settings.timezone;
        times::written(text, zone).or_else(|| {
            let (time, offset) = text.rsplit_once(' ')?;
            times::written(&format!("{}+{offset}", time.trim_end()), zone)
        })
    }
}

/// What all of this vendor's messages have in common.
fn message_data(dialect: &str, direction: Direction) -> Data {
    Data {
        vendor: "wachat".to_owned(),
        dialect: dialect.to_owned(),
        channel: Some(Channel::Whatsapp),
        direction: Some(direction),
        ..Data::default()
    }
}

/// One side of a message, by its number.
fn party(number: &str) -> Party {
    match phones::e164(number) {
        Some(phone) => Party { phone: Some(phone), ..Party::default() },
        None => Party { id: Some(number.to_owned()), ..Party::default() },
    }
}

/// A push that fits nothing we know is kept as it is, if there is anything in it.
fn unknown(push: Push<'_>, body: &[u8]) -> Reading {
    if push.fields.clone().into_part().is_empty() {
        return Reading::Quarantine("the body has no field with a value".to_owned());
    }
    let data = Data {
        vendor: "wachat".to_owned(),
        dialect: "unknown".to_owned(),
        extra: push.fields.into_extra(),
        ..Data::default()
    };
    Reading::one(Draft {
        kind: EventType::Unknown,
        subject: None,
        when: times::received(push.received_at),
        duplicate_key: format!("unknown:{}", hex::encode(Sha256::digest(body))),
        data,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::callback::{Callback, Head};
    use crate::domain::id::CallbackId;
    use crate::domain::source::Scheme;
    use crate::vendor::authenticity;

    /// What the adapter makes of a body.
    pub(super) fn read(content_type: &str, body: &[u8], decode_escapes: bool) -> Reading {
        let callback = Callback {
            id: CallbackId::from_bits(1),
            source: "wachat".parse().unwrap(),
            received_at: "2026-08-12T03:16:00Z".parse().unwrap(),
            head: Head {
                method: "POST".to_owned(),
                path: "/in/wachat".to_owned(),
                query: String::new(),
                headers: vec![("content-type".to_owned(), content_type.to_owned())],
                token: None,
                remote: None,
            },
            body: Bytes::copy_from_slice(body),
        };
        let authentic = authenticity::check(&[Scheme::None], &callback, "").unwrap();
        let timezone = TimeZone::get(Wachat.default_timezone()).unwrap();
        Wachat.read(&authentic, &ReadSettings { timezone, decode_escapes, mapping: None })
    }

    /// The one event of an urlencoded body.
    pub(super) fn event(body: &str) -> Draft {
        let reading = read("application/x-www-form-urlencoded", body.as_bytes(), false);
        let Reading::Events(mut events) = reading else { panic!("{body}: {reading:?}") };
        assert_eq!(events.len(), 1, "{body}");
        events.remove(0)
    }

    #[test]
    fn what_fits_nothing_is_kept_as_unknown_unless_nothing_is_there() {
        let event = event("hello=1&apikey=K&msg=&empty=");
        assert_eq!(event.kind, EventType::Unknown);
        let extra = serde_json::json!({"hello": "1", "apikey": "[redacted]"});
        assert_eq!(serde_json::Value::Object(event.data.extra), extra);
        for body in ["empty=&msg=", "{}", "", "&&"] {
            let reading = read("application/x-www-form-urlencoded", body.as_bytes(), false);
            assert!(matches!(reading, Reading::Quarantine(_)), "{body}: {reading:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_reading_and_the_same_one_twice(
            content_type in "(application/(json|x-www-form-urlencoded)|multipart/form-data; boundary=k|\\PC{0,9})",
            names in prop::collection::vec("(id|msg|originator|status|ref_no|receive_date|read_date|\\PC{0,4})=[^&]{0,12}", 0..6),
            junk in prop::collection::vec(any::<u8>(), 0..24),
        ) {
            let body = [names.join("&").as_bytes(), &junk].concat();
            prop_assert_eq!(read(&content_type, &body, true), read(&content_type, &body, true));
            prop_assert_eq!(read(&content_type, &junk, true), read(&content_type, &junk, true));
        }
    }
}
