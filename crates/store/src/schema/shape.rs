//! What speaks against moving a schema though its tables are as the contract says.

use tokio_postgres::Client;

use super::{MigrateError, Step, contract::TABLE_NAMES, indexes};
use crate::Prefix;

/// Refuses where an index has a name of V137's and is another one: `IF NOT EXISTS` would take it for the real one.
pub(super) async fn require_true_indexes(client: &Client, prefix: &Prefix) -> Result<(), MigrateError> {
    let found = indexes::read(client, prefix)
        .await
        .map_err(|error| MigrateError::database("checking the indexes", &error))?;
    match found.wrong.into_iter().find(|(index, _)| index.step == Step::V137) {
        None => Ok(()),
        Some((index, wrong)) => {
            Err(MigrateError::WrongIndex { prefix: prefix.clone(), index: index.name.to_owned(), wrong })
        }
    }
}

/// Whether every one of the six tables carries the mark of step 136.
pub(super) async fn made_by_us(client: &Client, prefix: &Prefix) -> Result<bool, MigrateError> {
    let row = client
        .query_one(include_str!("sql/count_made_by_us.sql"), &[&prefix.raw(), &TABLE_NAMES.as_slice()])
        .await
        .map_err(|error| MigrateError::database("asking who made the tables", &error))?;
    Ok(usize::try_from(row.get::<_, i64>(0)) == Ok(TABLE_NAMES.len()))
}

/// Whether there are neither mails nor events, or not even their tables.
pub(super) async fn has_no_rows(client: &Client, prefix: &Prefix) -> Result<bool, MigrateError> {
    let failed = |error: tokio_postgres::Error| MigrateError::database("looking for rows", &error);
    let tables = ["phoenix_kit_email_logs", "phoenix_kit_email_events"].as_slice();
    let rows =
        client.query(include_str!("sql/read_tables.sql"), &[&prefix.raw(), &tables]).await.map_err(failed)?;
    for row in &rows {
        let any = format!("SELECT FROM {}.{} LIMIT 1", prefix.quoted(), row.get::<_, &str>(0));
        if client.query_opt(&any, &[]).await.map_err(failed)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}
