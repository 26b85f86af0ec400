//! Bodies as they stand in their mails' rows.

use std::collections::HashMap;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::body::elsewhere::{self, Elsewhere};

/// The column of a mail's body.
pub(super) struct Column {
    /// What it says, unless it can't be read: an application's own archiver has marked it as compressed, and it is not what
    /// that one writes, or is too long.
    pub(super) text: Option<String>,
    /// Whether an application's own archiver has compressed it.
    pub(super) was_elsewhere: bool,
    /// Of the row that it was read from.
    pub(super) row_version: i64,
}

impl Column {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let column: String = row.try_get("body_full")?;
        let was_elsewhere: bool = row.try_get("body_compressed")?;
        let text = match was_elsewhere.then(|| elsewhere::read(&column)) {
            None => Some(column),
            Some(Elsewhere::Text(text)) => Some(text),
            Some(Elsewhere::Other | Elsewhere::TooLong) => None,
        };
        Ok(Self { text, was_elsewhere, row_version: row.try_get("row_version")? })
    }
}

/// What rows of [`Statement::ReadColumns`](crate::sql::Statement::ReadColumns) hold.
pub(super) fn columns_of(rows: &[Row]) -> Result<HashMap<Uuid, Column>, tokio_postgres::Error> {
    rows.iter().map(|row| Ok((row.try_get("uuid")?, Column::of(row)?))).collect()
}
