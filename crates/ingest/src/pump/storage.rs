//! Where batches go.

use std::future::Future;

use aftersend_store::{Batch, BatchReport, IngestError, Store};

/// Where batches go: the store. What a pump does about a database that is away, full or slow is tested with one that
/// is told to be.
pub trait Storage: Send + Sync + 'static {
    /// Stores a batch whole or not at all, as [`Store::ingest`] does. Cancel-safe.
    ///
    /// # Errors
    ///
    /// Those of [`Store::ingest`].
    fn ingest(&self, batch: &Batch<'_>) -> impl Future<Output = Result<BatchReport, IngestError>> + Send;
}

impl Storage for Store {
    async fn ingest(&self, batch: &Batch<'_>) -> Result<BatchReport, IngestError> {
        Self::ingest(self, batch).await
    }
}
