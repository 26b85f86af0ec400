//! Dictionaries that compressed bodies share, and that name a person: one of them may hold an address that many bodies had.
//!
//! The bodies are stored anew without it, some per transaction, and it goes. No body changes by that: those that name the person
//! were cleaned before.

use std::sync::Arc;

use tokio_postgres::types::{FromSqlOwned, ToSql};
use uuid::Uuid;

use super::{Erasure, retry};
use crate::{
    IngestError,
    body::{Stored, unpack, without_dictionary},
    ingest::transaction::Writer,
    sql::Statement,
};

/// Dictionaries that one question looks at: each has some tens of kilobytes.
const PAGE_DICTIONARIES: i64 = 32;

/// Bodies that are stored anew in one transaction at most, and bytes of them after which none is added.
const PAGE_BODIES: i64 = 50;
const PAGE_BODY_BYTES_MAX: i64 = 4 * 1024 * 1024;

/// Bodies that can't be read at most, of one dictionary: with more it stays without a further look.
const DAMAGED_MAX: usize = 1_000;

/// How often a dictionary's bodies are gone through: a job that compresses may know it, and store others with it meanwhile.
const PASSES_MAX: usize = 10;

impl Erasure<'_> {
    pub(super) async fn sweep_dictionaries(&mut self) -> Result<(), IngestError> {
        let store = self.store;
        let mut after = 0_i32;
        loop {
            let page = retry(async || {
                let client = store.writer().await?;
                let list = client.prepare_cached(store.sql(Statement::ListDictionaries)).await?;
                let mut page: Vec<(i32, Option<Vec<u8>>)> = Vec::new();
                for row in client.query(&list, &[&after, &PAGE_DICTIONARIES]).await? {
                    let bytes = usize::try_from(row.try_get::<_, i32>("bytes")?).unwrap_or(0);
                    page.push((row.try_get("id")?, unpack(row.try_get("packed")?, bytes).ok()));
                }
                Ok::<_, IngestError>(page)
            })
            .await?;
            let is_last = i64::try_from(page.len()).is_ok_and(|rows| rows < PAGE_DICTIONARIES);
            for (id, dictionary) in page {
                after = id;
                // Nobody reads anything with one that is damaged, or anything out of it.
                let Some(dictionary) = dictionary.filter(|bytes| self.person.is_in_bytes(bytes)) else {
                    continue;
                };
                if self.is_dry || self.drop_dictionary(id, Arc::new(dictionary)).await? {
                    self.report.dictionaries += 1;
                } else {
                    self.report.dictionaries_kept += 1;
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Says whether it is gone.
    async fn drop_dictionary(&self, id: i32, dictionary: Arc<Vec<u8>>) -> Result<bool, IngestError> {
        for _ in 0..PASSES_MAX {
            let own = (Statement::TakeBodiesOfDictionary, Statement::WriteBodiesPlainly);
            let shared = (Statement::TakeSharedOfDictionary, Statement::WriteSharedPlainly);
            let is_damaged = self.store_plainly::<Uuid>(own, id, &dictionary).await?
                | self.store_plainly::<i32>(shared, id, &dictionary).await?;
            let dropped: i64 = retry(async || {
                let client = self.store.writer().await?;
                let drop = client.prepare_cached(self.store.sql(Statement::DropDictionaries)).await?;
                let row = client.query_one(&drop, &[&(id - 1), &1_i64, &0_f64]).await?;
                Ok(row.try_get("dropped")?)
            })
            .await?;
            if dropped > 0 || is_damaged {
                return Ok(dropped > 0);
            }
        }
        Ok(false)
    }

    /// Stores the bodies of a dictionary without it, and says whether some can't be read.
    async fn store_plainly<K>(
        &self,
        (take, write): (Statement, Statement),
        id: i32,
        dictionary: &Arc<Vec<u8>>,
    ) -> Result<bool, IngestError>
    where
        K: FromSqlOwned + ToSql + Clone + PartialEq + Send + Sync + 'static,
    {
        let mut damaged: Vec<K> = Vec::new();
        while damaged.len() < DAMAGED_MAX {
            let (rows, unread) = retry(async || {
                let mut client = self.store.writer().await?;
                let writer =
                    Writer { store: self.store, transaction: client.build_transaction().start().await? };
                let take = writer.prepare(take).await?;
                let rows = writer
                    .transaction
                    .query(&take, &[&id, &damaged, &PAGE_BODIES, &PAGE_BODY_BYTES_MAX])
                    .await?;
                let mut bodies: Vec<Stored<K>> = Vec::with_capacity(rows.len());
                for row in &rows {
                    bodies.push(Stored {
                        key: row.try_get("key")?,
                        digest: row.try_get("digest")?,
                        bytes: usize::try_from(row.try_get::<_, i32>("bytes")?).unwrap_or(0),
                        compressed: row.try_get("compressed")?,
                    });
                }
                let mut unread: Vec<K> = bodies.iter().map(|body| body.key.clone()).collect();
                let dictionary = Arc::clone(dictionary);
                let plain = tokio::task::spawn_blocking(move || without_dictionary(&dictionary, bodies));
                let no_memory =
                    || IngestError::Blocked("there is not enough memory to compress a body".to_owned());
                let plain = plain.await.map_err(|_| no_memory())?.map_err(|_| no_memory())?;
                unread.retain(|key| !plain.iter().any(|body| body.key == *key));
                let (keys, texts): (Vec<K>, Vec<&[u8]>) =
                    plain.iter().map(|body| (body.key.clone(), body.compressed.as_slice())).unzip();
                let write = writer.prepare(write).await?;
                writer.transaction.execute(&write, &[&keys, &texts]).await?;
                writer.transaction.commit().await?;
                Ok::<_, IngestError>((rows.len(), unread))
            })
            .await?;
            damaged.extend(unread);
            if rows == 0 {
                break;
            }
        }
        Ok(!damaged.is_empty())
    }
}

#[cfg(test)]
mod tests;
