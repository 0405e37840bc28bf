//! Answering questions from the reading threads.

mod arrivals;
mod callbacks;
mod conversations;
mod deliveries;
mod events;
mod messages;
#[cfg(test)]
mod plans;
mod story;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, Error};

use super::{SqliteStore, drift};
use crate::domain::delivery::Delivery;
use crate::domain::drift::{Finding, Seen};
use crate::domain::event::Event;
use crate::domain::id::{CallbackId, DeliveryId, EventId};
use crate::domain::message::Message;
use crate::domain::name::Name;
use crate::domain::query::{
    CallbackFilter, DeliveryFilter, EventFilter, MessageFilter, Order, Page, PageRequest, Place,
};
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

    async fn drift(&self) -> Result<Vec<(Name, Finding, Seen)>, StoreError> {
        self.readers()?.read(drift::all).await
    }
}

/// Rows that one page examines, as a bound on the walk below.
const EXAMINED_MAX: usize = crate::domain::query::EXAMINED_MAX;

/// Rows fetched at a time while a page is filled.
const BATCH: usize = 500;

/// Walks a list by its row numbers, a batch at a time, until the page is full, the list ends, or enough was examined.
///
/// `fetch` gives up to `limit` rows behind `after` in the list's order, each with its number, and `None` for a row that is
/// not wanted. So what the page says of its end is exact: nothing is skipped, nothing comes twice.
fn walk<T>(
    page: PageRequest,
    mut fetch: impl FnMut(i64, usize) -> Result<Vec<(i64, Option<T>)>, Error>,
) -> Result<Page<T>, Error> {
    let beginning = match page.order {
        Order::Descending => i64::MAX,
        Order::Ascending => 0,
    };
    let mut after = page.after.map_or(beginning, |place| place.0);
    let mut place = page.after;
    let mut items = Vec::new();
    let mut examined = 0;
    while examined < EXAMINED_MAX {
        let wanted = BATCH.min(page.limit + 1);
        let rows = fetch(after, wanted)?;
        let last = rows.len() < wanted;
        for (number, item) in rows {
            if items.len() == page.limit && item.is_some() {
                return Ok(Page { items, place, more: true });
            }
            examined += 1;
            after = number;
            place = Some(Place(number));
            items.extend(item);
        }
        if last {
            return Ok(Page { items, place, more: false });
        }
    }
    Ok(Page { items, place, more: true })
}

/// The comparison and order of a list's SQL.
fn direction(order: Order) -> (&'static str, &'static str) {
    match order {
        Order::Descending => ("<", "DESC"),
        Order::Ascending => (">", "ASC"),
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
