//! Keeping a callback: its row, its events, what they do to their messages, and who they are due to; one step.

use async_trait::async_trait;
use rusqlite::{Connection, Error, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::rows::{self, basis_word};
use super::{Patience, SqliteStore, drift, line, reread, tally};
use crate::clock::Time;
use crate::domain::callback::{Callback, CallbackOutcome};
use crate::domain::event::FoldedNote;
use crate::domain::id::EventId;
use crate::domain::message::Message;
use crate::store::{Appended, Intake, Kept, NewCallback, NewEvent, NewReading, Reread, StoreError};

#[async_trait]
impl Intake for SqliteStore {
    async fn append(&self, callback: NewCallback) -> Result<Appended, StoreError> {
        self.roomy()?;
        let written = Written::of(&callback)?;
        let step = move |connection: &Connection| append(connection, &callback, &written);
        self.writer()?.write(Patience::None, step).await
    }

    async fn reread(&self, reading: NewReading) -> Result<Option<Reread>, StoreError> {
        self.writer()?
            .write(Patience::Full, move |connection| reread::reread(connection, &reading))
            .await
    }
}

/// What the writing thread need not make itself.
struct Written {
    headers: String,
    body_sha256: [u8; 32],
}

impl Written {
    fn of(new: &NewCallback) -> Result<Self, StoreError> {
        let headers = serde_json::to_string(&new.callback.head.headers);
        let headers = headers.map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self { headers, body_sha256: Sha256::digest(&new.callback.body).into() })
    }
}

/// Whose events are kept, and when they enter the stream.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The callback.
    pub(super) callback: &'a Callback,
    /// When its events enter the stream: at its arrival, unless it is read again later.
    pub(super) entered: Time,
}

/// Keeps a callback with all that came of it.
fn append(
    connection: &Connection,
    new: &NewCallback,
    written: &Written,
) -> Result<Appended, Error> {
    let callback = &new.callback;
    let appended = match &new.kept {
        Kept::Events(events) => {
            let origin = Origin { callback, entered: callback.received_at };
            append_events(connection, origin, events)?
        }
        Kept::Quarantined(_) => nothing(CallbackOutcome::Quarantined),
        Kept::Unauthentic(..) => nothing(CallbackOutcome::Unauthentic),
    };
    let reason = match &new.kept {
        Kept::Events(_) => None,
        Kept::Quarantined(reason) | Kept::Unauthentic(reason, _) => Some(reason.as_str()),
    };
    insert_callback(connection, new, written, &appended, reason)?;
    drift::write(connection, &callback.source, &new.drift)?;
    tally::count(connection, callback, appended.outcome, reason)?;
    if let Kept::Unauthentic(_, quota) = &new.kept {
        tally::keep_within(connection, callback, *quota)?;
    }
    Ok(appended)
}

fn nothing(outcome: CallbackOutcome) -> Appended {
    Appended { outcome, events: Vec::new(), deliveries: 0 }
}

/// Keeps events with their deliveries; one that is known already is only noted as repeated.
pub(super) fn append_events(
    connection: &Connection,
    origin: Origin<'_>,
    events: &[NewEvent],
) -> Result<Appended, Error> {
    let mut appended = nothing(CallbackOutcome::Events);
    let mut known = 0;
    for event in events {
        if let Some((sequence, id)) = find(connection, event)? {
            known += 1;
            appended.events.push(id);
            connection
                .prepare_cached(
                    "INSERT INTO repetition (event, callback_uid, received_ms) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    sequence,
                    origin.callback.id.to_bytes(),
                    origin.callback.received_at.as_millis()
                ])?;
        } else {
            let (sequence, message) = insert_event(connection, origin, event, false)?;
            insert_deliveries(connection, origin, sequence, message.as_ref(), event)?;
            appended.events.push(event.id);
            appended.deliveries += event.deliveries.len();
        }
    }
    if known > 0 && known == events.len() {
        appended.outcome = CallbackOutcome::Duplicate;
    }
    Ok(appended)
}

/// The event that says the same, if there is one.
pub(super) fn find(
    connection: &Connection,
    event: &NewEvent,
) -> Result<Option<(i64, EventId)>, Error> {
    let mut find = connection.prepare_cached(
        "SELECT sequence, uid FROM event WHERE duplicate_key = ?1 AND digest = ?2",
    )?;
    find.query_row(params![event.key, event.digest], |row| {
        Ok((row.get(0)?, rows::id(row, 1, EventId::from_bytes)?))
    })
    .optional()
}

/// Inserts an event and folds it into its message; its sequence and that message. It is a revision if it stands in for another one, or if another
/// one has its key.
pub(super) fn insert_event(
    connection: &Connection,
    origin: Origin<'_>,
    event: &NewEvent,
    revises: bool,
) -> Result<(i64, Option<Message>), Error> {
    let Origin { callback, entered } = origin;
    let folded = fold(connection, callback, event)?;
    let message = folded.as_ref().map(|folded| folded.row);
    let note = folded.as_ref().and_then(|folded| folded.note);
    let draft = &event.draft;
    // The unique key is the last word on what is a repetition: a second one is an error here, and the callback is refused.
    connection
        .prepare_cached(
            "INSERT INTO event (uid, callback_uid, message, source, type, subject, time_ms, time_basis,
                                received_ms, revised, folded_state, folded_changed, duplicate_key, digest, data, extra,
                                arrived_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                     ?16 OR EXISTS (SELECT 1 FROM event WHERE duplicate_key = ?12), ?10, ?11, ?12, ?13, ?14, ?15,
                     nullif(?17, ?9))",
        )?
        .execute(params![
            event.id.to_bytes(),
            callback.id.to_bytes(),
            message,
            callback.source.as_str(),
            draft.kind.as_str(),
            draft.subject,
            draft.when.at.as_millis(),
            basis_word(draft.when.basis),
            entered.as_millis(),
            note.map(|note| note.state.as_str()),
            note.is_some_and(|note| note.changed),
            event.key,
            event.digest,
            event.data,
            event.extra,
            revises,
            callback.received_at.as_millis(),
        ])?;
    Ok((connection.last_insert_rowid(), folded.map(|folded| folded.message)))
}

/// Makes an event due for everyone who wants it.
fn insert_deliveries(
    connection: &Connection,
    origin: Origin<'_>,
    sequence: i64,
    about: Option<&Message>,
    event: &NewEvent,
) -> Result<(), Error> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO delivery (uid, event, destination, state, made_ms, due_ms, cause)
         VALUES (?1, ?2, ?3, 'pending', ?4, ?4, 'schedule')",
    )?;
    for delivery in &event.deliveries {
        if line::queue_up(connection, origin, sequence, about, delivery)? {
            continue;
        }
        insert.execute(params![
            delivery.id.to_bytes(),
            sequence,
            delivery.destination.as_str(),
            origin.entered.as_millis()
        ])?;
    }
    Ok(())
}

/// A message with one more event folded in.
struct Folded {
    row: i64,
    /// What is noted on the event, if the message has a state.
    note: Option<FoldedNote>,
    message: Message,
}

/// Folds an event into its message.
fn fold(
    connection: &Connection,
    callback: &Callback,
    event: &NewEvent,
) -> Result<Option<Folded>, Error> {
    let Some(fresh) = Message::about(&callback.source, &event.draft) else { return Ok(None) };
    let instance = fresh.instance.clone().unwrap_or_default();
    let known = connection
        .prepare_cached("SELECT id, folded FROM message WHERE message_id = ?1 AND source = ?2 AND instance = ?3")?
        .query_row(params![fresh.id, fresh.source.as_str(), instance], |row| {
            Ok((row.get::<_, i64>(0)?, rows::json::<Message>(row, 1)?))
        })
        .optional()?;
    let (row, mut message) = known.map_or((None, fresh), |(row, message)| (Some(row), message));
    let before = message.state();
    message.fold(&event.draft, callback.received_at);
    let state = message.state();
    let row = write_message(connection, row, &message, &instance)?;
    let note = state.map(|state| FoldedNote { state, changed: before != Some(state) });
    Ok(Some(Folded { row, note, message }))
}

pub(super) fn write_message(
    connection: &Connection,
    row: Option<i64>,
    message: &Message,
    instance: &str,
) -> Result<i64, Error> {
    let folded = serde_json::to_string(message)
        .map_err(|error| Error::ToSqlConversionFailure(Box::new(error)))?;
    let state = message.state().map(crate::domain::message::State::as_str);
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
        .execute(params![message.id, message.source.as_str(), instance, state, message.conversation, updated, folded])?;
    Ok(connection.last_insert_rowid())
}

fn insert_callback(
    connection: &Connection,
    new: &NewCallback,
    written: &Written,
    appended: &Appended,
    reason: Option<&str>,
) -> Result<(), Error> {
    let callback = &new.callback;
    let head = &callback.head;
    let events: Vec<u8> = appended.events.iter().flat_map(|id| id.to_bytes()).collect();
    connection
        .prepare_cached(
            "INSERT INTO callback (uid, source, received_ms, outcome, reason, events, method, path, query,
                                   headers, remote, token_hash, body_sha256, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            callback.id.to_bytes(),
            callback.source.as_str(),
            callback.received_at.as_millis(),
            appended.outcome.as_str(),
            reason,
            events,
            head.method,
            head.path,
            head.query,
            written.headers,
            head.remote.map(|address| address.to_string()),
            new.token_hash,
            written.body_sha256,
            callback.body.as_ref(),
        ])?;
    Ok(())
}
