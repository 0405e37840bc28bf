//! Answering questions from the reading threads.

mod arrivals;
pub(super) use arrivals::place_before;
mod callbacks;
mod conversations;
pub(super) mod deliveries;
mod events;
mod messages;
#[cfg(test)]
mod plans;
mod search;
mod story;
mod walk;

pub(super) use events::count as count_events;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, Error};

use super::{SqliteStore, counts, drift};
use crate::domain::delivery::Delivery;
use crate::domain::drift::{Finding, Seen};
use crate::domain::event::Event;
use crate::domain::id::{CallbackId, DeliveryId, EventId};
use crate::domain::message::Message;
use crate::domain::name::Name;
use crate::domain::query::{
    CallbackFilter, DeliveryFilter, EventFilter, MessageFilter, Page, PageRequest,
};
use crate::domain::stats::{Counts, StatsFilter};
use crate::store::{
    Backlog, CallbackRecord, Questions, SourceCounts, StoreError, StoredCallback, Story,
};

#[async_trait]
impl Questions for SqliteStore {
    async fn events(
        &self,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        self.readers()?.read(move |connection| events::page(connection, &filter, page)).await
    }

    async fn event(&self, id: EventId) -> Result<Option<(Event, Vec<Delivery>)>, StoreError> {
        self.readers()?.read(move |connection| events::one(connection, id)).await
    }

    async fn messages(
        &self,
        filter: MessageFilter,
        page: PageRequest,
    ) -> Result<Page<Message>, StoreError> {
        self.readers()?.read(move |connection| messages::page(connection, &filter, page)).await
    }

    async fn conversation(
        &self,
        source: &Name,
        conversation: &str,
        page: PageRequest,
    ) -> Result<Option<Page<Event>>, StoreError> {
        let (source, conversation) = (source.clone(), conversation.to_owned());
        self.readers()?
            .read(move |connection| conversations::page(connection, &source, &conversation, page))
            .await
    }

    async fn message(
        &self,
        source: &Name,
        id: &str,
        instance: Option<&str>,
    ) -> Result<Option<Story>, StoreError> {
        let (source, id, instance) = (source.clone(), id.to_owned(), instance.map(str::to_owned));
        self.readers()?
            .read(move |connection| story::story(connection, &source, &id, instance.as_deref()))
            .await
    }

    async fn callback(&self, id: CallbackId) -> Result<Option<CallbackRecord>, StoreError> {
        self.readers()?.read(move |connection| callbacks::one(connection, id)).await
    }

    async fn callback_body(
        &self,
        id: CallbackId,
    ) -> Result<Option<(Option<String>, Bytes)>, StoreError> {
        let found = self.readers()?.read(move |connection| callbacks::body(connection, id)).await?;
        found.transpose()
    }

    async fn stored_callback(&self, id: CallbackId) -> Result<Option<StoredCallback>, StoreError> {
        let found =
            self.readers()?.read(move |connection| callbacks::stored(connection, id)).await?;
        found.transpose()
    }

    async fn callbacks(
        &self,
        filter: CallbackFilter,
        page: PageRequest,
    ) -> Result<Page<CallbackRecord>, StoreError> {
        self.readers()?.read(move |connection| callbacks::page(connection, &filter, page)).await
    }

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        self.readers()?.read(move |connection| deliveries::page(connection, &filter, page)).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.readers()?.read(move |connection| deliveries::one(connection, id)).await
    }

    async fn backlog(&self, destination: &Name) -> Result<Backlog, StoreError> {
        let destination = destination.clone();
        self.readers()?.read(move |connection| deliveries::backlog(connection, &destination)).await
    }

    async fn intake_of(&self, source: &Name) -> Result<SourceCounts, StoreError> {
        let source = source.clone();
        self.readers()?.read(move |connection| callbacks::counts(connection, &source)).await
    }

    async fn counts(&self, filter: StatsFilter) -> Result<Counts, StoreError> {
        self.readers()?.read(move |connection| counts::read(connection, &filter)).await
    }

    async fn drift(&self) -> Result<Vec<(Name, Finding, Seen)>, StoreError> {
        self.readers()?.read(drift::all).await
    }
}

/// Looks up one row by its 16-byte id.
fn by_uid<T>(
    connection: &Connection,
    sql: &str,
    uid: [u8; 16],
    read: impl FnOnce(&rusqlite::Row<'_>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    use rusqlite::OptionalExtension;
    connection.prepare_cached(sql)?.query_row([uid], read).optional()
}
