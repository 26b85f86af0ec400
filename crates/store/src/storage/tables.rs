//! The tables: how large they are, and what room vacuum gives back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{COUNTED_BYTES_MAX, Estimate, Sample, count};
use crate::{QueryError, Store, sql::Statement};

/// Tables that are told of at most: there are some forty.
const TABLES_MAX: i64 = 200;

/// Rows, or pieces of long values, as the server keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TablePart {
    /// How many there are, as PostgreSQL estimates it.
    pub rows: u64,
    /// Pages that they take.
    pub pages: u64,
    /// Bytes of these, and of what maps them.
    pub bytes: u64,
    /// Bytes of the indexes on them.
    pub index_bytes: u64,
    /// What vacuum has done about it, and will.
    pub vacuum: Vacuum,
}

/// Dead rows, and what becomes of them.
/// <https://www.postgresql.org/docs/current/routine-vacuuming.html>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vacuum {
    /// Rows that were deleted or replaced and still take room, as the server's statistics have it.
    pub dead_rows: u64,
    /// Rows beside them that are none.
    pub live_rows: u64,
    /// When autovacuum was last through; nothing if it never was since the statistics begin.
    pub autovacuumed_at: Option<Timestamp>,
    /// When somebody's own `VACUUM` was.
    pub vacuumed_at: Option<Timestamp>,
    /// How many dead rows have autovacuum come; nothing where it is switched off.
    pub begins_from: Option<u64>,
}

impl TablePart {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            rows: count(row, "rows")?,
            pages: count(row, "pages")?,
            bytes: count(row, "row_bytes")?,
            index_bytes: count(row, "index_bytes")?,
            vacuum: Vacuum {
                dead_rows: count(row, "dead_rows")?,
                live_rows: count(row, "live_rows")?,
                autovacuumed_at: row.try_get("autovacuumed_at")?,
                vacuumed_at: row.try_get("vacuumed_at")?,
                begins_from: row.try_get::<_, Option<i64>>("vacuum_from")?.map(i64::unsigned_abs),
            },
        })
    }

    /// With its indexes.
    pub fn all_bytes(&self) -> u64 {
        self.bytes + self.index_bytes
    }

    pub(super) fn sample(&self) -> Sample {
        Sample::of(self.pages, self.rows)
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSize {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: TablePart,
    /// Where its long values are, in pieces of about 2 kB: its TOAST table.
    /// <https://www.postgresql.org/docs/current/storage-toast.html>
    pub long_values: TablePart,
}

impl TableSize {
    /// With all that belongs to it.
    pub fn all_bytes(&self) -> u64 {
        self.rows.all_bytes() + self.long_values.all_bytes()
    }
}

/// The tables of mail in a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSizes {
    /// By name.
    pub tables: Vec<TableSize>,
    /// Mails that are here.
    pub mails: Estimate,
    /// Events that are here, folded ones among them.
    pub events: Estimate,
    /// Recipients of these mails.
    pub recipients: Estimate,
}

impl TableSizes {
    /// The table of that name; one of nothing where there is none.
    pub fn table(&self, name: &str) -> TableSize {
        self.tables.iter().find(|table| table.name == name).cloned().unwrap_or_default()
    }

    /// The rows of the table of that name.
    pub(super) fn sample(&self, name: &str) -> Sample {
        self.table(name).rows.sample()
    }
}

impl Store {
    /// How large each table of mail is, and how many mails, events and recipients there are. Quick on tables of any size.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn table_sizes(&self) -> Result<TableSizes, QueryError> {
        let client = self.reader().await?;
        let list = client.prepare_cached(self.sql(Statement::ListTables)).await?;
        let mut tables: BTreeMap<String, TableSize> = BTreeMap::new();
        for row in client.query(&list, &[&TABLES_MAX]).await? {
            let name: String = row.try_get("name")?;
            let table = tables
                .entry(name)
                .or_insert_with_key(|name| TableSize { name: name.clone(), ..TableSize::default() });
            let part = TablePart::from_row(&row)?;
            if row.try_get("holds_long_values")? {
                table.long_values = part;
            } else {
                table.rows = part;
            }
        }
        let sizes = TableSizes { tables: tables.into_values().collect(), ..TableSizes::default() };
        let small = client.prepare_cached(self.sql(Statement::CountSmall)).await?;
        let counted = client.query_one(&small, &[&COUNTED_BYTES_MAX]).await?;
        let rows = |column: &str, table: &str| {
            let exact: Option<i64> = counted.try_get(column)?;
            let rough = || Estimate::rough(sizes.table(table).rows.rows);
            Ok::<_, tokio_postgres::Error>(
                exact.map_or_else(rough, |exact| Estimate::exact(exact.unsigned_abs())),
            )
        };
        let mails = rows("mails", "phoenix_kit_email_logs")?;
        let events = rows("events", "phoenix_kit_email_events")? + rows("folded", "aftersend_folded_events")?;
        let recipients = rows("recipients", "aftersend_recipients")?;
        Ok(TableSizes { mails, events, recipients, ..sizes })
    }
}
