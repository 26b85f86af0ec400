//! Puts back the events that step 137 removed.

use uuid::Uuid;

use super::{MigrateError, Session};
use crate::sql::render;

/// Rows that are looked at between two questions. Few in tests, whose tables are small.
const ROWS_PER_RANGE: i64 = if cfg!(test) { 40 } else { 10_000 };

const TABLES: [&str; 3] = ["phoenix_kit_email_events", "phoenix_kit_email_logs", "aftersend_removed_events"];

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::schema) struct Restored {
    /// They are events again.
    pub(in crate::schema) put_back: u64,
    /// They stay where they are, because their mail is gone.
    pub(in crate::schema) gone: u64,
    /// They stay where they are, because another event has their key.
    pub(in crate::schema) there: u64,
}

/// Puts back what can be. A row leaves the table of removed rows in the transaction that makes it an event again.
pub(in crate::schema) async fn restore(session: &mut Session<'_>) -> Result<Restored, MigrateError> {
    let total = session.estimate_rows("aftersend_removed_events").await?;
    session.phase("putting removed events back", total, "events");
    let find = render(include_str!("../sql/137_list_removed.sql"), session.prefix);
    let restore = restore_statement(session).await?;
    let mut from: Option<Uuid> = None;
    let mut outcome = Restored::default();
    loop {
        let rows = session.ask(&find, &[&from, &ROWS_PER_RANGE]).await?;
        let found: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        let Some(last) = found.last() else { break };
        from = Some(*last);
        let restored =
            session.in_batches(&restore, &TABLES, &found, |batch| vec![Box::new(batch.to_vec())]).await?;
        session.board.add(found.len() as u64);
        outcome.put_back += restored;
    }
    let left = render(include_str!("../sql/137_count_removed.sql"), session.prefix);
    if let Some(row) = session.ask(&left, &[]).await?.first() {
        let count = |place| u64::try_from(row.get::<_, i64>(place)).unwrap_or(0);
        (outcome.gone, outcome.there) = (count(0), count(1));
    }
    Ok(outcome)
}

/// The statement for the columns that events have today. The application may have given them others since: a row
/// without a value for one gets its default, as it would have when the column came.
async fn restore_statement(session: &mut Session<'_>) -> Result<String, MigrateError> {
    let columns = render(include_str!("../sql/find_columns_of_events.sql"), session.prefix);
    let rows = session.ask(&columns, &[]).await?;
    let row = rows.first().expect("an aggregate over all rows is one row");
    Ok(render(include_str!("../sql/137_restore_removed.sql"), session.prefix)
        .replace("\"columns\"", row.get(0))
        .replace("\"values\"", row.get(1))
        .replace("\"defaults\"", row.get(2)))
}
