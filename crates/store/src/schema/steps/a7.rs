//! Step a7: bodies of older mails, compressed, outside of the mails' table.

use tokio_postgres::{GenericClient, Transaction};

use crate::{
    Prefix,
    schema::{
        MigrateError, Step,
        contract::LOGS,
        online::{Failure, Session, Work},
    },
    sql::render,
};

/// What it makes.
pub(in crate::schema) const OBJECTS: [&str; 9] = [
    BODIES,
    "aftersend_bodies_dictionary_idx",
    "aftersend_bodies_digest_idx",
    "aftersend_bodies_shared_idx",
    "aftersend_body_dictionaries",
    "aftersend_body_dictionaries_idx",
    "aftersend_kept_bodies",
    "aftersend_shared_bodies",
    "aftersend_shared_bodies_dictionary_idx",
];

/// The table of the bodies.
pub(in crate::schema) const BODIES: &str = "aftersend_bodies";

/// Makes the tables.
pub(in crate::schema) const UP: &str = include_str!("../sql/a7_up.sql");

/// The statements that make what is not there; nothing where all of it is.
pub(in crate::schema) fn up_sql(prefix: &Prefix, there: &[String]) -> Option<String> {
    let is_whole = OBJECTS.iter().all(|object| there.iter().any(|there| there == object));
    (!is_whole).then(|| render(UP, prefix))
}

/// Takes it up, in a moment: no body is touched.
pub(in crate::schema) async fn up(session: &mut Session<'_>) -> Result<Vec<String>, MigrateError> {
    let rows = session.ask(include_str!("../sql/read_own_objects.sql"), &[&session.prefix.raw()]).await?;
    let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if let Some(statements) = up_sql(session.prefix, &there) {
        // A foreign key locks the table that it names.
        session.guarded(&[LOGS], &statements).await?;
    }
    Ok(Vec::new())
}

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
        Ok(transaction.batch_execute(&render(include_str!("../sql/a7_down.sql"), self.prefix)).await?)
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
