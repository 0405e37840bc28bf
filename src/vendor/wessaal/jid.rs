//! WhatsApp's addresses (`12025550118@s.whatsapp.net`, `…@lid`, `…@g.us`) and the key by which a message is known.

use crate::domain::event::{Direction, MessagePart, Party};
use crate::vendor::read::{Fields, phones};

/// What names a message: its id, the chat it stands in, and who wrote it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MessageKey {
    /// The message's id, letter for letter.
    pub(super) id: String,
    /// The chat: a person, a group or a channel.
    pub(super) chat: Option<String>,
    /// Who wrote it, where the chat is not a person.
    pub(super) participant: Option<String>,
    /// Whether the instance's owner wrote it.
    pub(super) from_me: Option<bool>,
    /// Addresses that may tell the phone behind a hidden id.
    alternates: Vec<String>,
}

impl MessageKey {
    /// Reads the members of a key, whether they stand in `key` or beside the rest. `None` without an id.
    pub(super) fn take(fields: &mut Fields, id_names: &[&str]) -> Option<Self> {
        let id = fields.text_of(id_names)?;
        let from_me = fields.boolean("fromMe");
        // Beside a message of ours it says who reported, or repeats the owner: that is no side of the message.
        let participant = match from_me {
            Some(true) => fields.peek("participant"),
            Some(false) | None => fields.text("participant"),
        };
        let alternates =
            ["participantAlt", "participantPn", "senderPn", "remoteJidAlt", "previousRemoteJid"];
        Some(Self {
            id,
            chat: fields.text("remoteJid"),
            participant,
            from_me,
            alternates: alternates.iter().filter_map(|name| fields.text(name)).collect(),
        })
    }

    /// Reads the object `key`; `None` without one, or without an id in it.
    pub(super) fn within(fields: &mut Fields) -> Option<Self> {
        fields.within("key", |key| Self::take(key, &["id"])).flatten()
    }

    /// The way the message went, where the key tells.
    pub(super) fn direction(&self) -> Option<Direction> {
        self.from_me.map(|ours| if ours { Direction::Outbound } else { Direction::Inbound })
    }

    /// The message of this key: who wrote to whom, in which chat.
    pub(super) fn message(&self, owner: Option<&str>) -> MessagePart {
        let owner = party(owner);
        let others = self.without_phone_of(owner.as_ref());
        let (from, to) = match self.direction() {
            Some(Direction::Outbound) => (owner, others.other_side()),
            Some(Direction::Inbound) => (others.author(), owner),
            None => (None, None),
        };
        let conversation = self.chat.clone();
        MessagePart { id: self.id.clone(), conversation, from, to, ..MessagePart::default() }
    }

    /// Whether many write in the chat, so that its address is nobody's own.
    pub(super) fn is_shared(&self) -> bool {
        self.chat.as_deref().is_some_and(|chat| !is_person(chat))
    }

    /// The key without addresses of the owner's phone: `senderPn` says who wrote, which may be us, and then it tells
    /// nothing of the other side.
    fn without_phone_of(&self, owner: Option<&Party>) -> Self {
        let own = owner.and_then(|owner| owner.phone.as_ref());
        let is_own = |jid: &str| own.is_some() && alternate_phone(jid).as_ref() == own;
        let alternates = self.alternates.iter().filter(|jid| !is_own(jid)).cloned().collect();
        Self { alternates, ..self.clone() }
    }

    /// Who wrote a message that is not ours.
    fn author(&self) -> Option<Party> {
        if self.is_shared() {
            let id = self.participant.clone().or_else(|| self.alternates.first().cloned());
            self.party(id)
        } else {
            self.other_side()
        }
    }

    /// The chat as a party: the person, or the group.
    fn other_side(&self) -> Option<Party> {
        if self.is_shared() {
            return Party { id: self.chat.clone(), ..Party::default() }.known();
        }
        self.party(self.chat.clone())
    }

    fn party(&self, id: Option<String>) -> Option<Party> {
        let known = id.as_deref().and_then(phone);
        let phone = known.or_else(|| self.alternates.iter().find_map(|jid| alternate_phone(jid)));
        Party { id, phone, name: None }.known()
    }
}

/// The party with this address.
pub(super) fn party(jid: Option<&str>) -> Option<Party> {
    let jid = jid?;
    Party { id: Some(jid.to_owned()), phone: phone(jid), name: None }.known()
}

/// The phone number of a person's address as E.164; hidden ids, groups and channels have none.
pub(super) fn phone(jid: &str) -> Option<String> {
    let (user, server) = jid.split_once('@')?;
    let has_phones =
        ["s.whatsapp.net", "c.us"].iter().any(|known| server.eq_ignore_ascii_case(known));
    // A device of the person stands behind a colon.
    let digits = user.split(':').next().unwrap_or(user);
    if has_phones && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        phones::e164(digits)
    } else {
        None
    }
}

/// `senderPn` and its like are phone numbers by name; some versions write them without a server.
pub(super) fn alternate_phone(text: &str) -> Option<String> {
    if text.contains('@') { phone(text) } else { phones::e164(text) }
}

/// Whether the address is one person's. An address without a server is taken for one.
fn is_person(jid: &str) -> bool {
    jid.split_once('@').is_none_or(|(_, server)| {
        ["s.whatsapp.net", "c.us", "lid"].iter().any(|known| server.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_persons_address_has_a_phone() {
        let table = [
            ("12025550118@s.whatsapp.net", Some("+12025550118")),
            ("12025550118:7@S.WhatsApp.net", Some("+12025550118")),
            ("447700900123@c.us", Some("+447700900123")),
            ("120255501180001@lid", None),
            ("120363041234567890@g.us", None),
            ("status@broadcast", None),
            ("12025550118", None),
            ("@s.whatsapp.net", None),
            ("", None),
        ];
        for (jid, expected) in table {
            assert_eq!(phone(jid).as_deref(), expected, "{jid}");
        }
    }
}
