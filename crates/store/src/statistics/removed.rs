//! Figures of mails that are removed: kept apart, so that a recount of what is left loses nothing of them.
//!
//! Whoever removes mails calls [`record`] before, in the same transaction, and whoever brings them back calls it after: then
//! each mail is counted once at any moment, among those that are here or among those that are not. Neither leaves a mark,
//! since neither changes a sum.

use std::collections::BTreeSet;

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use uuid::Uuid;

use super::quarter::{QUARTER_S, quarter_start};
use crate::{IngestError, Store, sql::Statement};

/// Which way mails go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// They are here, and about to be removed.
    Out,
    /// They are here again.
    Back,
}

/// Keeps what these mails have come to apart from what is counted of those that are here. The mails are locked, and their
/// events and recipients are here.
pub(crate) async fn record(
    store: &Store,
    transaction: &Transaction<'_>,
    mails: &[Uuid],
    way: Way,
) -> Result<(), IngestError> {
    let find = transaction.prepare_cached(store.sql(Statement::FindSendingTimes)).await?;
    let rows = transaction.query(&find, &[&mails]).await?;
    let mut bounds: BTreeSet<Timestamp> = BTreeSet::new();
    for row in &rows {
        let quarter = quarter_start(row.try_get(0)?);
        bounds.insert(quarter);
        // The end of each, so that a gap is a bucket of its own.
        let end = Timestamp::from_second(quarter.as_second() + QUARTER_S).unwrap_or(Timestamp::MAX);
        bounds.insert(end);
    }
    if bounds.is_empty() {
        return Ok(());
    }
    let bounds: Vec<Timestamp> = bounds.into_iter().collect();
    let sign: i32 = match way {
        Way::Out => 1,
        Way::Back => -1,
    };
    let (templates, templates_apart, rows_max) = (None::<Vec<String>>, true, i64::MAX);
    let record = transaction.prepare_cached(store.sql(Statement::RecordRemoved)).await?;
    transaction.execute(&record, &[&bounds, &templates, &templates_apart, &rows_max, &mails, &sign]).await?;
    for list in
        [Statement::RecordRemovedDomains, Statement::RecordRemovedBounces, Statement::RecordRemovedLinks]
    {
        let record = transaction.prepare_cached(store.sql(list)).await?;
        transaction.execute(&record, &[&bounds, &templates, &mails, &sign]).await?;
    }
    Ok(())
}
