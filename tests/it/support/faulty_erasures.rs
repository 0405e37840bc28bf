//! The erasures of a store that fails when a test says so: they never do.

use std::sync::Arc;

use async_trait::async_trait;
use callbox::domain::delivery::Delivery;
use callbox::domain::erasure::Erasure;
use callbox::domain::event::Event;
use callbox::domain::id::{CallbackId, ErasureId};
use callbox::domain::person::Marks;
use callbox::domain::query::{Page, PageRequest};
use callbox::store::{
    End, EraseDone, EraseStep, Erasures, Learned, Plan, SeenInFile, Standing, StoreError, Theirs,
};

use super::faulty::FaultyStore;

#[async_trait]
impl Erasures for FaultyStore {
    async fn begin_erasure(&self, erasure: Erasure, plan: Plan) -> Result<(), StoreError> {
        self.inner.begin_erasure(erasure, plan).await
    }

    async fn erasure(&self, id: ErasureId) -> Result<Option<Erasure>, StoreError> {
        self.inner.erasure(id).await
    }

    async fn erasures(&self, page: PageRequest) -> Result<Page<Erasure>, StoreError> {
        self.inner.erasures(page).await
    }

    async fn erasing(&self) -> Result<Option<Standing>, StoreError> {
        self.inner.erasing().await
    }

    async fn learn(&self, sought: Arc<Marks>, after: i64) -> Result<Learned, StoreError> {
        self.inner.learn(sought, after).await
    }

    async fn keep_marks(&self, id: ErasureId, marks: Marks) -> Result<(), StoreError> {
        self.inner.keep_marks(id, marks).await
    }

    async fn erase(&self, step: EraseStep) -> Result<EraseDone, StoreError> {
        self.inner.erase(step).await
    }

    async fn empty_log(&self) -> Result<bool, StoreError> {
        self.inner.empty_log().await
    }

    async fn look_into_file(
        &self,
        marks: Arc<Marks>,
        texts: Arc<[String]>,
        from: u64,
    ) -> Result<SeenInFile, StoreError> {
        self.inner.look_into_file(marks, texts, from).await
    }

    async fn rewrite(&self, largest: u64) -> Result<bool, StoreError> {
        self.inner.rewrite(largest).await
    }

    async fn end_erasure(&self, end: End) -> Result<(), StoreError> {
        self.inner.end_erasure(end).await
    }

    async fn theirs(
        &self,
        marks: Arc<Marks>,
        after: i64,
    ) -> Result<Theirs<(Event, Vec<Delivery>)>, StoreError> {
        self.inner.theirs(marks, after).await
    }

    async fn naming(
        &self,
        marks: Arc<Marks>,
        after: i64,
    ) -> Result<Theirs<CallbackId>, StoreError> {
        self.inner.naming(marks, after).await
    }
}
