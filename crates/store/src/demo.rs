//! What the demo needs to hold the database against the simulator's truth.

use uuid::Uuid;

use crate::{QueryError, Store, sql::Statement};

/// Blocks that are listed at most.
pub const BLOCKS_MAX: i64 = 100_000;

/// How many rows the store holds, counted one by one: exact, and slow on large tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Mails.
    pub mails: u64,
    /// Events with a row of their own.
    pub events: u64,
    /// Folded events.
    pub folded: u64,
    /// Bodies in the quarantine.
    pub quarantined: u64,
}

impl Store {
    /// Counts all rows.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or takes longer than its time budget.
    pub async fn count_all(&self) -> Result<Counts, QueryError> {
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::CountAll)).await?;
        let row = client.query_one(&statement, &[]).await?;
        let count = |column: &str| -> Result<u64, tokio_postgres::Error> {
            Ok(row.try_get::<_, i64>(column)?.unsigned_abs())
        };
        Ok(Counts {
            mails: count("mails")?,
            events: count("events")?,
            folded: count("folded")?,
            quarantined: count("quarantined")?,
        })
    }

    /// The blocked addresses and why, by address; up to [`BLOCKS_MAX`].
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn list_blocks(&self) -> Result<Vec<(String, String)>, QueryError> {
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::ListBlocks)).await?;
        let rows = client.query(&statement, &[&BLOCKS_MAX]).await?;
        Ok(rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// Writes a falsehood into one mail: the demo shows with it that its check can fail.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn falsify_mail(&self, uuid: Uuid) -> Result<(), QueryError> {
        let client = self.writer().await?;
        let statement = client.prepare_cached(self.sql(Statement::FalsifyMail)).await?;
        client.execute(&statement, &[&uuid]).await?;
        Ok(())
    }
}
