//! Where an event belongs: its message, and what of it is there already; folding it in.

use std::borrow::Cow;

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::rows;
use crate::clock::Time;
use crate::domain::callback::Callback;
use crate::domain::event::{Draft, FoldedNote};
use crate::domain::id::EventId;
use crate::domain::message::{Message, State};
use crate::store::NewEvent;

/// The message that an event is about, if this is the first one about it, which it mostly is. Made before the writing thread has
/// to do with it.
pub(super) struct First {
    message: Message,
    folded: String,
}

impl First {
    /// What each event makes of its message alone; nothing where it is about none.
    pub(super) fn all(
        callback: &Callback,
        events: &[NewEvent],
    ) -> serde_json::Result<Vec<Option<Self>>> {
        let first = |event: &NewEvent| {
            let about = Message::about(&callback.source, &event.draft);
            let folded = about.map(|mut message| {
                message.fold(&event.draft, callback.received_at);
                serde_json::to_string(&message).map(|folded| Self { message, folded })
            });
            folded.transpose()
        };
        events.iter().map(first).collect()
    }
}

/// Where an event belongs, and what is there.
pub(super) struct Place<'a> {
    /// What it is about, if that is a message.
    pub(super) message: Option<About<'a>>,
    /// The event that says the same, if there is one.
    pub(super) same: Option<(i64, EventId)>,
    /// Whether an event that says something else has its key.
    pub(super) shares_key: bool,
}

/// A message before an event.
pub(super) enum About<'a> {
    /// There is none yet.
    New(&'a First),
    /// It has this row, and was this.
    Known(i64, Box<Message>),
}

impl<'a> Place<'a> {
    /// Looks an event's place up.
    pub(super) fn find(
        connection: &Connection,
        event: &NewEvent,
        first: Option<&'a First>,
    ) -> Result<Self, Error> {
        let message = first.map(|first| About::find(connection, first)).transpose()?;
        let mut place = Self { message, same: None, shares_key: false };
        match &place.message {
            // A message's first event repeats none.
            Some(About::New(_)) => {}
            Some(About::Known(row, _)) => {
                let mut find = connection.prepare_cached(
                    "SELECT sequence, uid, digest FROM event WHERE message = ?1 AND duplicate_key = ?2",
                )?;
                place.compare(event, find.query(params![row, event.key])?)?;
            }
            None => {
                let mut find = connection.prepare_cached(
                    "SELECT sequence, uid, digest FROM event WHERE message IS NULL AND duplicate_key = ?1",
                )?;
                place.compare(event, find.query([event.key])?)?;
            }
        }
        Ok(place)
    }

    /// Looks at the events of the same key.
    fn compare(&mut self, event: &NewEvent, mut found: rusqlite::Rows<'_>) -> Result<(), Error> {
        while let Some(row) = found.next()? {
            if row.get::<_, [u8; 16]>(2)? == event.digest {
                self.same = Some((row.get(0)?, rows::id(row, 1, EventId::from_bytes)?));
            } else {
                self.shares_key = true;
            }
        }
        Ok(())
    }
}

impl<'a> About<'a> {
    fn find(connection: &Connection, first: &'a First) -> Result<Self, Error> {
        let First { message, .. } = first;
        let known = connection
            .prepare_cached("SELECT id, folded FROM message WHERE message_id = ?1 AND source = ?2 AND instance = ?3")?
            .query_row(params![message.id, message.source.as_str(), instance(message)], |row| {
                Ok((row.get::<_, i64>(0)?, rows::json::<Message>(row, 1)?))
            })
            .optional()?;
        Ok(known.map_or(Self::New(first), |(row, message)| Self::Known(row, Box::new(message))))
    }
}

/// As it stands in its column, which is part of a key.
fn instance(message: &Message) -> &str {
    message.instance.as_deref().unwrap_or_default()
}

/// A message with one more event folded in.
pub(super) struct Folded<'a> {
    /// Its row.
    pub(super) row: i64,
    /// What is noted on the event, if the message has a state.
    pub(super) note: Option<FoldedNote>,
    /// The message.
    pub(super) message: Cow<'a, Message>,
}

/// Folds an event into its message.
pub(super) fn fold<'a>(
    connection: &Connection,
    about: About<'a>,
    draft: &Draft,
    at: Time,
) -> Result<Folded<'a>, Error> {
    match about {
        About::New(first) => {
            let row = insert_message(connection, first)?;
            let note = first.message.state().map(|state| FoldedNote { state, changed: true });
            Ok(Folded { row, note, message: Cow::Borrowed(&first.message) })
        }
        About::Known(row, mut message) => {
            let before = message.state();
            message.fold(draft, at);
            let state = message.state();
            write_message(connection, row, &message)?;
            let note = state.map(|state| FoldedNote { state, changed: before != Some(state) });
            Ok(Folded { row, note, message: Cow::Owned(*message) })
        }
    }
}

/// Writes a message to its row.
pub(super) fn write_message(
    connection: &Connection,
    row: i64,
    message: &Message,
) -> Result<(), Error> {
    let folded = serde_json::to_string(message)
        .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
    let state = message.state().map(State::as_str);
    let updated = message.updated_at.as_millis();
    connection
        .prepare_cached("UPDATE message SET state = ?2, conversation = ?3, updated_ms = ?4, folded = ?5 WHERE id = ?1")?
        .execute(params![row, state, message.conversation, updated, folded])
        .map(|_| ())
}

/// Writes a new message; its row.
fn insert_message(connection: &Connection, first: &First) -> Result<i64, Error> {
    let First { message, folded } = first;
    connection
        .prepare_cached(
            "INSERT INTO message (message_id, source, instance, state, conversation, updated_ms, folded)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            message.id,
            message.source.as_str(),
            instance(message),
            message.state().map(State::as_str),
            message.conversation,
            message.updated_at.as_millis(),
            folded
        ])?;
    Ok(connection.last_insert_rowid())
}
