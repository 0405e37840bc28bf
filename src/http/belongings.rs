//! What is kept of a person, line by line: their events with who had them, and the callbacks that name them.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use crate::clock::Time;
use crate::domain::id::{CallbackId, EventId};
use crate::domain::person::{Links, Marks, Wanted};
use crate::store::{Store, StoreError};

/// An export under way.
pub(super) struct Export {
    store: Arc<dyn Store>,
    marks: Arc<Marks>,
    at: Stage,
    /// Lines that are not given out yet.
    waiting: VecDeque<Value>,
    /// Their events.
    theirs: HashSet<EventId>,
    callbacks: u64,
}

/// What comes next.
enum Stage {
    Events(i64),
    Callbacks(i64),
    Ended,
}

impl Export {
    /// Finds out by what they are known, and begins.
    pub(super) async fn of(
        store: Arc<dyn Store>,
        wanted: &Wanted,
        now: Time,
    ) -> Result<Self, StoreError> {
        let mut links = Links::of(wanted);
        loop {
            let sought = Arc::new(links.sought().clone());
            let mut after = Some(0);
            while let Some(place) = after {
                let learned = store.learn(Arc::clone(&sought), place).await?;
                links.add(learned.found);
                after = learned.next;
            }
            if !links.end_round() {
                break;
            }
        }
        let marks = Arc::new(links.marks().clone());
        let head = json!({
            "kind": "export",
            "at": now,
            "about": wanted.word(),
            "phones": marks.phones.iter().map(|digits| format!("+{digits}")).collect::<Vec<_>>(),
            "ids": marks.ids,
        });
        let (at, waiting) = (Stage::Events(0), VecDeque::from([head]));
        Ok(Self { store, marks, at, waiting, theirs: HashSet::new(), callbacks: 0 })
    }

    /// All of its lines. What fails on the way ends it without its last line.
    pub(super) fn lines(self) -> impl Stream<Item = Result<Bytes, StoreError>> {
        stream::try_unfold(self, async |mut export| {
            loop {
                if let Some(line) = export.waiting.pop_front() {
                    return Ok(Some((Bytes::from(format!("{line}\n")), export)));
                }
                if matches!(export.at, Stage::Ended) {
                    return Ok(None);
                }
                export.go_on().await?;
            }
        })
    }

    async fn go_on(&mut self) -> Result<(), StoreError> {
        let marks = Arc::clone(&self.marks);
        match self.at {
            Stage::Events(after) => {
                let found = self.store.theirs(marks, after).await?;
                for (event, deliveries) in &found.items {
                    self.theirs.insert(event.id);
                    self.waiting.push_back(
                        json!({ "kind": "event", "event": event, "deliveries": deliveries }),
                    );
                }
                self.at = found.next.map_or(Stage::Callbacks(0), Stage::Events);
            }
            Stage::Callbacks(after) => {
                let found = self.store.naming(marks, after).await?;
                for id in found.items {
                    self.callback(id).await?;
                }
                self.at = found.next.map_or(Stage::Ended, Stage::Callbacks);
                if matches!(self.at, Stage::Ended) {
                    let (events, callbacks) = (self.theirs.len(), self.callbacks);
                    self.waiting.push_back(
                        json!({ "kind": "end", "events": events, "callbacks": callbacks }),
                    );
                }
            }
            Stage::Ended => {}
        }
        Ok(())
    }

    /// A callback as it came; it may have gone in the meantime.
    async fn callback(&mut self, id: CallbackId) -> Result<(), StoreError> {
        let Some(record) = self.store.callback(id).await? else { return Ok(()) };
        let Some((_, body)) = self.store.callback_body(id).await? else { return Ok(()) };
        self.callbacks += 1;
        let head = &record.callback.head;
        let mut callback = json!({
            "id": id,
            "source": record.callback.source,
            "received_at": record.callback.received_at,
            "method": head.method,
            "path": head.path,
            "query": head.query,
            "content_type": head.header("content-type"),
            "outcome": record.outcome,
        });
        let (name, text) = match std::str::from_utf8(&body) {
            Ok(text) => ("body", text.to_owned()),
            Err(_) => ("body_base64", STANDARD.encode(&body)),
        };
        // One that brought what others wrote too is named, and what it said of the person is in the events.
        let is_theirs = record.events.iter().all(|id| self.theirs.contains(id));
        if let Some(fields) = callback.as_object_mut() {
            if is_theirs {
                fields.insert(name.to_owned(), Value::String(text));
            } else {
                fields.remove("query");
                fields.insert(
                    "withheld".to_owned(),
                    Value::from("it carries what others wrote, too"),
                );
            }
            fields.retain(|_, value| !value.is_null() && value != "");
        }
        self.waiting.push_back(json!({ "kind": "callback", "callback": callback }));
        Ok(())
    }
}
