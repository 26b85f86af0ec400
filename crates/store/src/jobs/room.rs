//! What deleting leaves in files: PostgreSQL gives room to new rows, and hardly any of it to the disk.

use jiff::Timestamp;

use crate::{QueryError, Store, sql::Statement};

/// The tables that jobs take from.
const TABLES: [&str; 5] = [
    "phoenix_kit_email_logs",
    "phoenix_kit_email_events",
    "aftersend_recipients",
    "aftersend_folded_events",
    "aftersend_bodies",
];

/// What a table's files hold, by PostgreSQL's own statistics, which are estimates and lag behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRoom {
    /// The table.
    pub table: String,
    /// Its files, with those of values that are kept apart (TOAST), without indexes.
    pub table_bytes: u64,
    /// Those of its indexes.
    pub index_bytes: u64,
    /// Rows that are there.
    pub live_rows: u64,
    /// Rows that are deleted or outdated, whose room nobody can use before a vacuum.
    /// <https://www.postgresql.org/docs/current/routine-vacuuming.html>
    pub dead_rows: u64,
    /// When it was last vacuumed, by autovacuum or somebody.
    pub vacuumed_at: Option<Timestamp>,
    /// About so many bytes of the rows' own file hold nothing; nothing where the table was never analysed. What is free among values
    /// that are kept apart is not known.
    pub free_bytes: Option<u64>,
}

impl Store {
    /// What the files of the tables hold that jobs take from, the largest first.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn table_room(&self) -> Result<Vec<TableRoom>, QueryError> {
        let client = self.reader().await?;
        let read = client.prepare_cached(self.sql(Statement::ReadTableRoom)).await?;
        let rows = client.query(&read, &[&TABLES.as_slice()]).await?;
        let mut tables = Vec::new();
        for row in &rows {
            let number =
                |name: &str| row.try_get::<_, i64>(name).map(|number| u64::try_from(number).unwrap_or(0));
            tables.push(TableRoom {
                table: row.try_get("name")?,
                table_bytes: number("table_bytes")?,
                index_bytes: number("index_bytes")?,
                live_rows: number("live_rows")?,
                dead_rows: number("dead_rows")?,
                vacuumed_at: row.try_get("vacuumed_at")?,
                free_bytes: row.try_get::<_, Option<i64>>("free_bytes")?.map(i64::unsigned_abs),
            });
        }
        Ok(tables)
    }
}
