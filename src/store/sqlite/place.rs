//! Where an event belongs: its message, and what of it is there already; folding it in.

use rusqlite::{Connection, Error, OptionalExtension, params};

use super::rows;
use crate::clock::Time;
use crate::domain::callback::Callback;
use crate::domain::event::{Draft, FoldedNote};
use crate::domain::id::EventId;
use crate::domain::message::{Message, State};
use crate::store::NewEvent;

/// Where an event belongs, and what is there.
pub(super) struct Place {
    /// What it is about, if that is a message.
    pub(super) message: Option<About>,
    /// The event that says the same, if there is one.
    pub(super) same: Option<(i64, EventId)>,
    /// Whether an event that says something else has its key.
    pub(super) shares_key: bool,
}

/// A message as it was before an event.
pub(super) struct About {
    /// Its row, if it is there already.
    row: Option<i64>,
    message: Message,
}

impl Place {
    /// Looks an event's place up.
    pub(super) fn find(
        connection: &Connection,
        callback: &Callback,
        event: &NewEvent,
    ) -> Result<Self, Error> {
        let message = Message::about(&callback.source, &event.draft)
            .map(|fresh| About::find(connection, fresh))
            .transpose()?;
        let mut place = Self { message, same: None, shares_key: false };
        match place.message.as_ref().map(|about| about.row) {
            // A message's first event repeats none.
            Some(None) => {}
            Some(Some(row)) => {
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

impl About {
    fn find(connection: &Connection, fresh: Message) -> Result<Self, Error> {
        let known = connection
            .prepare_cached("SELECT id, folded FROM message WHERE message_id = ?1 AND source = ?2 AND instance = ?3")?
            .query_row(params![fresh.id, fresh.source.as_str(), instance(&fresh)], |row| {
                Ok((row.get::<_, i64>(0)?, rows::json::<Message>(row, 1)?))
            })
            .optional()?;
        Ok(known.map_or(Self { row: None, message: fresh }, |(row, message)| Self {
            row: Some(row),
            message,
        }))
    }
}

/// As it stands in its column, which is part of a key.
fn instance(message: &Message) -> &str {
    message.instance.as_deref().unwrap_or_default()
}

/// A message with one more event folded in.
pub(super) struct Folded {
    /// Its row.
    pub(super) row: i64,
    /// What is noted on the event, if the message has a state.
    pub(super) note: Option<FoldedNote>,
    /// The message.
    pub(super) message: Message,
}

/// Folds an event into its message.
pub(super) fn fold(
    connection: &Connection,
    about: About,
    draft: &Draft,
    at: Time,
) -> Result<Folded, Error> {
    let About { row, mut message } = about;
    let before = message.state();
    message.fold(draft, at);
    let state = message.state();
    let row = write_message(connection, row, &message)?;
    let note = state.map(|state| FoldedNote { state, changed: before != Some(state) });
    Ok(Folded { row, note, message })
}

/// Writes a message, to its row if it has one; the row.
pub(super) fn write_message(
    connection: &Connection,
    row: Option<i64>,
    message: &Message,
) -> Result<i64, Error> {
    let folded = serde_json::to_string(message)
        .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
    let state = message.state().map(State::as_str);
    let updated = message.updated_at.as_millis();
    if let Some(row) = row {
        connection
            .prepare_cached("UPDATE message SET state = ?2, conversation = ?3, updated_ms = ?4, folded = ?5 WHERE id = ?1")?
            .execute(params![row, state, message.conversation, updated, folded])?;
        return Ok(row);
    }
    connection
        .prepare_cached(
            "INSERT INTO message (message_id, source, instance, state, conversation, updated_ms, folded)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            message.id,
            message.source.as_str(),
            instance(message),
            state,
            message.conversation,
            updated,
            folded
        ])?;
    Ok(connection.last_insert_rowid())
}
