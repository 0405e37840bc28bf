//! Keeping a callback: its row, its events, what they do to their messages, and who they are due to; one step.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Error, params};
use sha2::{Digest, Sha256};

use super::counts::Counting;
use super::floors::Floors;
use super::place::{First, Place, fold};
use super::rows::basis_word;
use super::{Patience, SqliteStore, drift, joining, line, reread, tally};
use crate::clock::Time;
use crate::domain::callback::{Callback, CallbackOutcome};
use crate::domain::message::Message;
use crate::domain::name::Name;
use crate::store::{Appended, Intake, Kept, NewCallback, NewEvent, NewReading, Reread, StoreError};

#[async_trait]
impl Intake for SqliteStore {
    async fn append(&self, callback: NewCallback) -> Result<Appended, StoreError> {
        self.roomy()?;
        let written = Written::of(&callback)?;
        let (floors, counting) = (Arc::clone(&self.floors), Arc::clone(&self.counting));
        let step = move |connection: &Connection| {
            append(connection, &callback, &written, &floors, &counting)
        };
        self.writer()?.write(Patience::None, step).await
    }

    async fn reread(&self, reading: NewReading) -> Result<Option<Reread>, StoreError> {
        let (floors, counting) = (Arc::clone(&self.floors), Arc::clone(&self.counting));
        let step =
            move |connection: &Connection| reread::reread(connection, &reading, &floors, &counting);
        self.writer()?.write(Patience::Full, step).await
    }

    async fn forget_drift(&self, source: &Name) -> Result<usize, StoreError> {
        let source = source.clone();
        let step = move |connection: &Connection| drift::forget(connection, &source);
        self.writer()?.write(Patience::Full, step).await
    }
}

/// What the writing thread need not make itself.
struct Written {
    headers: String,
    body_sha256: [u8; 32],
    firsts: Vec<Option<First>>,
}

impl Written {
    fn of(new: &NewCallback) -> Result<Self, StoreError> {
        let failed = |error: serde_json::Error| StoreError::Failed(error.to_string());
        let firsts = match &new.kept {
            Kept::Events(events) => First::all(&new.callback, events).map_err(failed)?,
            Kept::Quarantined(_) | Kept::Unauthentic(..) => Vec::new(),
        };
        let headers = serde_json::to_string(&new.callback.head.headers).map_err(failed)?;
        Ok(Self { headers, body_sha256: Sha256::digest(&new.callback.body).into(), firsts })
    }
}

/// Whose events are kept, and when they enter the stream.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The callback.
    pub(super) callback: &'a Callback,
    /// When its events enter the stream: at its arrival, unless it is read again later.
    pub(super) entered: Time,
    /// Numbers that are not used again.
    pub(super) floors: &'a Floors,
    /// Where they are counted.
    pub(super) counting: &'a Counting,
}

/// Keeps a callback with all that came of it.
fn append(
    connection: &Connection,
    new: &NewCallback,
    written: &Written,
    floors: &Floors,
    counting: &Counting,
) -> Result<Appended, Error> {
    let callback = &new.callback;
    let appended = match &new.kept {
        Kept::Events(events) => {
            let origin = Origin { callback, entered: callback.received_at, floors, counting };
            append_events(connection, origin, events, &written.firsts)?
        }
        Kept::Quarantined(_) => nothing(CallbackOutcome::Quarantined),
        Kept::Unauthentic(..) => nothing(CallbackOutcome::Unauthentic),
    };
    let reason = match &new.kept {
        Kept::Events(_) => None,
        Kept::Quarantined(reason) | Kept::Unauthentic(reason, _) => Some(reason.as_str()),
    };
    insert_callback(connection, new, written, &appended, reason, floors.callback.next())?;
    drift::write(connection, &callback.source, &new.drift)?;
    counting.callback(callback.received_at, &callback.source, appended.outcome, reason);
    if let Kept::Unauthentic(_, quota) = &new.kept {
        tally::keep_within(connection, callback, *quota)?;
    }
    Ok(appended)
}

fn nothing(outcome: CallbackOutcome) -> Appended {
    Appended { outcome, events: Vec::new(), deliveries: 0 }
}

/// Keeps events with their deliveries; one that is known already is only noted as repeated. `firsts` goes beside them.
pub(super) fn append_events(
    connection: &Connection,
    origin: Origin<'_>,
    events: &[NewEvent],
    firsts: &[Option<First>],
) -> Result<Appended, Error> {
    let mut appended = nothing(CallbackOutcome::Events);
    let mut known = 0;
    for (event, first) in events.iter().zip(firsts) {
        let place = Place::find(connection, event, first.as_ref())?;
        if let Some((sequence, id)) = place.same {
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
            let (sequence, message) = insert_event(connection, origin, event, place, false)?;
            insert_deliveries(connection, origin, sequence, message.as_deref(), event)?;
            appended.events.push(event.id);
            appended.deliveries += event.deliveries.len();
        }
    }
    if known > 0 && known == events.len() {
        appended.outcome = CallbackOutcome::Duplicate;
    }
    Ok(appended)
}

/// Inserts an event and folds it into its message; its sequence and that message. It is a revision if it stands in for another
/// one, or if another one has its key.
pub(super) fn insert_event<'a>(
    connection: &Connection,
    origin: Origin<'_>,
    event: &NewEvent,
    place: Place<'a>,
    replaces: bool,
) -> Result<(i64, Option<Cow<'a, Message>>), Error> {
    let Origin { callback, entered, floors, counting } = origin;
    let revised = replaces || place.shares_key;
    let folded = place
        .message
        .map(|message| fold(connection, message, &event.draft, callback.received_at))
        .transpose()?;
    let message = folded.as_ref().map(|folded| folded.row);
    let note = folded.as_ref().and_then(|folded| folded.note);
    let draft = &event.draft;
    // The unique key is the last word on what is a repetition: a second one is an error here, and the callback is refused.
    connection
        .prepare_cached(
            "INSERT INTO event (sequence, uid, callback_uid, message, source, type, subject, time_ms, time_basis,
                                received_ms, revised, folded_state, folded_changed, duplicate_key, digest, data, extra,
                                arrived_ms)
             VALUES (?18, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?16, ?10, ?11, ?12, ?13, ?14, ?15, nullif(?17, ?9))",
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
            revised,
            callback.received_at.as_millis(),
            floors.event.next(),
        ])?;
    counting.event(entered, &callback.source, draft.kind);
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
        "INSERT INTO delivery (id, uid, event, destination, state, made_ms, due_ms, cause)
         VALUES (?5, ?1, ?2, ?3, 'pending', ?4, ?4, 'schedule')",
    )?;
    for delivery in &event.deliveries {
        // What is to come in order waits until its destination is through with the past, which takes it along.
        if delivery.order.is_some() && joining::is_joining(connection, &delivery.destination)? {
            continue;
        }
        if line::queue_up(connection, origin, sequence, about, delivery)? {
            continue;
        }
        insert.execute(params![
            delivery.id.to_bytes(),
            sequence,
            delivery.destination.as_str(),
            origin.entered.as_millis(),
            origin.floors.delivery.next(),
        ])?;
    }
    Ok(())
}

fn insert_callback(
    connection: &Connection,
    new: &NewCallback,
    written: &Written,
    appended: &Appended,
    reason: Option<&str>,
    number: i64,
) -> Result<(), Error> {
    let callback = &new.callback;
    let head = &callback.head;
    let events: Vec<u8> = appended.events.iter().flat_map(|id| id.to_bytes()).collect();
    connection
        .prepare_cached(
            "INSERT INTO callback (id, uid, source, received_ms, outcome, reason, events, method, path, query,
                                   headers, remote, token_hash, body_sha256, body)
             VALUES (?15, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
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
            number,
        ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn no_row_is_written_by_way_of_a_table_made_for_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, std::path::Path::new("callbox.db")).unwrap();
        let texts = [include_str!("append.rs"), include_str!("place.rs")];
        let mut looked_at = 0;
        for text in texts {
            for sql in text.split('"').filter(|part| part.starts_with(concat!("INSERT", " INTO ")))
            {
                let mut explain = connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
                let mut steps = explain.raw_query();
                while let Some(step) = steps.next().unwrap() {
                    assert_ne!(step.get::<_, String>(1).unwrap(), "OpenEphemeral", "{sql}");
                }
                looked_at += 1;
            }
        }
        assert!(looked_at >= 5, "{looked_at}");
    }
}
