//! The table of the Evolution API's events: a new one is one line here.

use serde_json::Value;

use super::envelope::Envelope;
use super::item::{Item, Missing, Told};
use super::{calls, chats, connection, edits, groups, history, people, update, upsert};

/// Reads one thing of an event's data.
pub(super) type Each = fn(&Envelope, &mut Item) -> Result<Told, Missing>;

/// How an event's data is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reader {
    /// One event for each thing in it.
    Each(Each),
    /// One event for all of it.
    Whole(fn(&Envelope, &Value) -> Told),
    /// Not at all: what it says is nothing of ours, and is kept as it is.
    Unread,
}

/// One event that the API has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Its name, as the API writes it in `event`.
    pub(super) name: &'static str,
    /// How its data is read.
    pub(super) reader: Reader,
}

const fn each(name: &'static str, reader: Each) -> Known {
    Known { name, reader: Reader::Each(reader) }
}

const fn whole(name: &'static str, reader: fn(&Envelope, &Value) -> Told) -> Known {
    Known { name, reader: Reader::Whole(reader) }
}

const fn unread(name: &'static str) -> Known {
    Known { name, reader: Reader::Unread }
}

static EVENTS: &[Known] = &[
    each("messages.upsert", upsert::arrived),
    each("send.message", upsert::sent),
    each("messages.update", update::read),
    each("messages.edited", edits::edited),
    each("send.message.update", edits::edited),
    each("messages.delete", edits::deleted),
    whole("messages.set", history::messages),
    whole("contacts.set", history::contacts),
    whole("chats.set", history::chats),
    each("connection.update", connection::moved),
    each("status.instance", connection::moved),
    each("qrcode.updated", connection::pairing),
    each("logout.instance", connection::ended),
    each("remove.instance", connection::ended),
    each("instance.delete", connection::ended),
    each("instance.create", connection::created),
    each("contacts.upsert", people::contact),
    each("contacts.update", people::contact),
    each("presence.update", people::presence),
    each("chats.upsert", chats::chat),
    each("chats.update", chats::chat),
    each("chats.delete", chats::chat),
    each("groups.upsert", groups::group),
    each("groups.update", groups::group),
    each("group.update", groups::group),
    each("group-participants.update", groups::participants),
    each("call", calls::call),
    each("labels.edit", chats::label),
    each("labels.association", chats::label),
    unread("application.startup"),
    unread("typebot.start"),
    unread("typebot.change-status"),
];

/// The event of this name in any spelling: `MESSAGES_UPSERT`, `messages.upsert`, `messages-upsert`.
pub(super) fn find(name: &str) -> Option<Known> {
    let name = name.trim();
    EVENTS.iter().copied().find(|known| {
        known.name.len() == name.len()
            && known
                .name
                .bytes()
                .zip(name.bytes())
                .all(|(ours, theirs)| plain(ours) == plain(theirs))
    })
}

fn plain(letter: u8) -> u8 {
    if matches!(letter, b'_' | b'-') { b'.' } else { letter.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_spelling() {
        let table = [
            ("MESSAGES_UPSERT", Some("messages.upsert")),
            ("messages-upsert", Some("messages.upsert")),
            (" Messages.Upsert ", Some("messages.upsert")),
            ("GROUP_PARTICIPANTS_UPDATE", Some("group-participants.update")),
            ("group-participants.update", Some("group-participants.update")),
            ("TYPEBOT_CHANGE_STATUS", Some("typebot.change-status")),
            ("messages", None),
            ("messages upsert", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(find(name).map(|known| known.name), expected, "{name}");
        }
    }
}
