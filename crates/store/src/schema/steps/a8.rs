//! Step a8: what is known of mails in the archive, and what outlives them.

use tokio_postgres::{GenericClient, Transaction};

use super::tables::Tables;
use crate::{
    Prefix,
    schema::{
        MigrateError, Step,
        online::{Failure, Work},
    },
    sql::render,
};

/// What it makes, but for an index of the rows that step 137 removed: it goes with their table where that goes, and only
/// speeds up what would be right without. Of what is there, only these rows get an index.
pub(in crate::schema) static STEP: Tables = Tables {
    objects: &[
        "aftersend_archive_runs",
        "aftersend_archive_objects",
        "aftersend_archived_mails",
        "aftersend_archived_mails_here_idx",
        "aftersend_archived_mails_due_idx",
        "aftersend_archived_mails_object_idx",
        "aftersend_archived_mails_message_id_idx",
        "aftersend_late_events",
        "aftersend_removed_figures",
        "aftersend_removed_domains",
        "aftersend_removed_bounces",
        "aftersend_removed_links",
    ],
    up: include_str!("../sql/a8_up.sql"),
    down: include_str!("../sql/a8_down.sql"),
    locks: &[],
};

/// The tables that must not change while their rows are counted and then dropped.
pub(in crate::schema) const TABLES: [&str; 8] = [
    "aftersend_archive_runs",
    "aftersend_archive_objects",
    "aftersend_archived_mails",
    "aftersend_late_events",
    "aftersend_removed_figures",
    "aftersend_removed_domains",
    "aftersend_removed_bounces",
    "aftersend_removed_links",
];

/// Takes it down.
pub(in crate::schema) struct Down<'a> {
    pub(in crate::schema) prefix: &'a Prefix,
    /// Refuse while something would be lost.
    pub(in crate::schema) keep_own_rows: bool,
}

impl Work for Down<'_> {
    type Done = ();

    async fn run(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        if self.keep_own_rows {
            // Asked before, to refuse before anything is done; asked again, now that nobody can write there.
            for table in TABLES {
                let schema = self.prefix.quoted();
                let lock = format!("LOCK TABLE {schema}.{table} IN ACCESS EXCLUSIVE MODE");
                transaction.batch_execute(&lock).await?;
            }
            refuse_to_lose_archived(transaction, self.prefix).await?;
        }
        Ok(transaction.batch_execute(&render(STEP.down, self.prefix)).await?)
    }
}

/// Refuses while only these tables know of mails that are gone.
pub(in crate::schema) async fn refuse_to_lose_archived(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<(), MigrateError> {
    let row = client
        .query_one(&render(include_str!("../sql/count_archived.sql"), prefix), &[])
        .await
        .map_err(|error| MigrateError::database("counting archived mails", &error))?;
    let (mails, late, figures): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    if (mails, late, figures) == (0, 0, 0) {
        return Ok(());
    }
    let rows = format!(
        "what is known of {mails} archived mails, {late} late events and {figures} rows of figures of removed mails"
    );
    Err(MigrateError::OwnData { step: Step::A8, rows })
}
