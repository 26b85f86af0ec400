//! Step a7: bodies of older mails, compressed, outside of the mails' table.

use tokio_postgres::{GenericClient, Transaction};

use super::tables::Tables;
use crate::{
    Prefix,
    schema::{
        MigrateError, Step,
        contract::LOGS,
        online::{Failure, Work},
    },
    sql::render,
};

/// No body is touched.
pub(in crate::schema) static STEP: Tables = Tables {
    objects: &[
        BODIES,
        "aftersend_bodies_dictionary_idx",
        "aftersend_bodies_digest_idx",
        "aftersend_bodies_shared_idx",
        "aftersend_body_dictionaries",
        "aftersend_body_dictionaries_idx",
        "aftersend_kept_bodies",
        "aftersend_shared_bodies",
        "aftersend_shared_bodies_dictionary_idx",
    ],
    up: include_str!("../sql/a7_up.sql"),
    down: include_str!("../sql/a7_down.sql"),
    locks: &[LOGS],
};

/// The table of the bodies.
pub(in crate::schema) const BODIES: &str = "aftersend_bodies";

/// Takes it down.
pub(in crate::schema) struct Down<'a> {
    pub(in crate::schema) prefix: &'a Prefix,
    /// Refuse while bodies are stored.
    pub(in crate::schema) keep_own_rows: bool,
}

impl Work for Down<'_> {
    type Done = ();

    async fn run(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        if self.keep_own_rows {
            // Asked before, to refuse before anything is done; asked again, now that nobody can add to them.
            let lock = render(include_str!("../sql/a7_lock_bodies.sql"), self.prefix);
            transaction.batch_execute(&lock).await?;
            refuse_to_lose_bodies(transaction, self.prefix).await?;
        }
        Ok(transaction.batch_execute(&render(STEP.down, self.prefix)).await?)
    }
}

/// Refuses while bodies are stored that stand nowhere else.
pub(in crate::schema) async fn refuse_to_lose_bodies(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<(), MigrateError> {
    let failed = |error| MigrateError::database("counting stored bodies", &error);
    let table = [BODIES].as_slice();
    let there = client
        .query_opt(include_str!("../sql/read_tables.sql"), &[&prefix.raw(), &table])
        .await
        .map_err(failed)?;
    if there.is_none() {
        return Ok(());
    }
    let count = render(include_str!("../sql/count_stored_bodies.sql"), prefix);
    match client.query_one(&count, &[]).await.map_err(failed)?.get::<_, i64>(0) {
        0 => Ok(()),
        bodies => Err(MigrateError::StoredBodies { step: Step::A7, bodies: bodies.unsigned_abs() }),
    }
}
