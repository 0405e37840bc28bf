//! Who is on the other side: phone numbers where the vendor documents one, else the channel's own ids.

use crate::domain::event::{Channel, Party};
use crate::vendor::read::{Fields, channels, phones};

/// Takes the other side of a message of a messaging app.
pub(super) fn user(fields: &mut Fields, channel: Option<Channel>) -> Option<Party> {
    let party = fields.within("user", |user| {
        let msisdn = phone(user, "msisdn");
        let id = user.text_of(&["channelUserId", "msisdn"]);
        let from_id = || id.as_deref().filter(|_| ids_are_phones(channel)).and_then(phones::e164);
        Party { phone: msisdn.or_else(from_id), id, name: user.text("name") }
    });
    party.and_then(Party::known)
}

/// Takes an address of SMS: a phone number, or a sender name or short code, which stays an id.
pub(super) fn address(fields: &mut Fields, name: &str) -> Option<Party> {
    let phone = phone(fields, name);
    let id = fields.text(name);
    Party { id, phone, name: None }.known()
}

/// The conversation with a party: the same value in both directions.
pub(super) fn conversation(party: Option<&Party>) -> Option<String> {
    party.and_then(|party| party.phone.clone().or_else(|| party.id.clone()))
}

/// Takes a documented phone number, if it is a possible one; else it is left where it is.
pub(super) fn phone(fields: &mut Fields, name: &str) -> Option<String> {
    let phone = phones::e164(&fields.peek(name)?)?;
    fields.take(name);
    Some(phone)
}

/// Takes the channel's name; one that we don't know is left where it is.
pub(super) fn channel(fields: &mut Fields, name: &str) -> Option<Channel> {
    let channel = channels::channel(&fields.peek(name)?);
    if channel != Channel::Other {
        fields.take(name);
    }
    Some(channel)
}

/// Whether `channelUserId` is documented as the phone's digits. Newer ids of WhatsApp's stand in the same place, but their
/// form (`US.1349…`) is never that of a number; where no channel is named, the form alone decides.
fn ids_are_phones(channel: Option<Channel>) -> bool {
    matches!(
        channel,
        None | Some(
            Channel::Sms
                | Channel::Whatsapp
                | Channel::Viber
                | Channel::Rcs
                | Channel::LineNotification
                | Channel::ZaloNotification
        )
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn user_of(user: &Value, channel: Channel) -> Option<Party> {
        let body = json!({ "user": user });
        self::user(&mut Fields::parse(body.to_string().as_bytes()).unwrap(), Some(channel))
    }

    #[test]
    fn a_phone_is_known_only_where_the_value_is_one() {
        let table = [
            (json!({"msisdn": "+12025550188"}), Channel::Whatsapp, None, Some("+12025550188")),
            (
                json!({"channelUserId": "12025550188"}),
                Channel::Whatsapp,
                Some("12025550188"),
                Some("+12025550188"),
            ),
            (
                json!({"msisdn": "+12025550188", "channelUserId": "US.64070605632735634317"}),
                Channel::Whatsapp,
                Some("US.64070605632735634317"),
                Some("+12025550188"),
            ),
            (
                json!({"channelUserId": "12025550188"}),
                Channel::Messenger,
                Some("12025550188"),
                None,
            ),
            (json!({"channelUserId": "U0ab1"}), Channel::Line, Some("U0ab1"), None),
            (json!({"msisdn": "unknown"}), Channel::Whatsapp, Some("unknown"), None),
        ];
        for (user, channel, id, phone) in table {
            let party = user_of(&user, channel).unwrap();
            assert_eq!((party.id.as_deref(), party.phone.as_deref()), (id, phone), "{user}");
        }
        assert_eq!(user_of(&json!({"msisdn": "", "channelUserId": null}), Channel::Line), None);
    }
}
