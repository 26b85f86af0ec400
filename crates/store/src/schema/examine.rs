//! Where a schema stands, for somebody who looks for what is wrong: also one that is old, foreign or not there.

use tokio_postgres::Client;

use super::{LastRun, MigrateError, SchemaStatus, Verification, pooler, verify};
use crate::{Connection, DatabaseAddress, Examiner, Prefix, QueryError, Store};

/// What a schema says of itself, and what its catalog says.
#[derive(Clone, Debug)]
pub struct SchemaFindings {
    /// How far it has come.
    pub status: SchemaStatus,
    /// What of its tables, columns and indexes is not as its step says. Rows are not looked at, as
    /// [`Migrator::verify`](super::Migrator::verify) does.
    pub catalog: Verification,
    /// What the last migration has written about itself, where one has.
    pub last_run: Option<LastRun>,
}

impl Examiner {
    /// Where the schema stands.
    ///
    /// # Errors
    ///
    /// When its marker can't be read, a newer program has been at work there, or the user may not look.
    pub async fn schema(&self) -> Result<SchemaFindings, MigrateError> {
        findings(self.client(), self.prefix()).await
    }
}

impl Store {
    /// Where the schema stands, for a page. Rows are not looked at.
    ///
    /// # Errors
    ///
    /// As of [`Examiner::schema`], and when the database falls silent.
    pub async fn schema_findings(&self) -> Result<SchemaFindings, MigrateError> {
        let failed = |error: QueryError| MigrateError::Database {
            doing: "reading the schema".to_owned(),
            reason: error.to_string(),
        };
        let reader = self.reader().await.map_err(failed)?;
        reader.in_time(findings(reader.client(), self.prefix())).await.map_err(failed)?
    }
}

async fn findings(client: &Client, prefix: &Prefix) -> Result<SchemaFindings, MigrateError> {
    Ok(SchemaFindings {
        status: SchemaStatus::read(client, prefix).await?,
        catalog: verify::compare_catalog(client, prefix).await?,
        last_run: last_run(client, prefix).await?,
    })
}

/// Whether sessions of that address are shared with other clients.
pub(crate) async fn is_pooled(
    connection: &Connection,
    address: &DatabaseAddress,
) -> Result<bool, MigrateError> {
    pooler::is_between(connection, address).await
}

async fn last_run(client: &Client, prefix: &Prefix) -> Result<Option<LastRun>, MigrateError> {
    let read = LastRun::read(client, prefix).await;
    read.map_err(|error| MigrateError::database("reading the progress of migrations", &error))
}
