//! Step a9: which columns of a mail its application has logged through Aftersend, and who was erased.

use tokio_postgres::{GenericClient, Transaction};

use super::a1::Part;
use crate::{
    Prefix,
    schema::{
        MigrateError, Step,
        contract::LOGS,
        online::{Failure, Session, Work},
    },
    sql::render,
};

pub(in crate::schema) static PARTS: [Part; 2] = [
    Part {
        table: LOGS,
        statements: include_str!("../sql/a9_up_mails.sql"),
        objects: &["phoenix_kit_email_logs.aftersend_logged"],
    },
    Part {
        table: "aftersend_ids",
        statements: include_str!("../sql/a9_up_tables.sql"),
        objects: &["aftersend_keys", "aftersend_erased", "aftersend_retention"],
    },
];

/// What the step makes.
pub(in crate::schema) fn objects() -> impl Iterator<Item = &'static str> {
    PARTS.iter().flat_map(|part| part.objects).copied()
}

/// The parts of which something is not there.
pub(in crate::schema) fn parts_lacking(there: &[String]) -> impl Iterator<Item = &'static Part> {
    let lacks = |object: &&str| !there.iter().any(|there| there == object);
    PARTS.iter().filter(move |part| part.objects.iter().any(lacks))
}

/// Takes it up, in a moment: no row of anybody's is read. Everything may be done again.
pub(in crate::schema) async fn up(session: &mut Session<'_>) -> Result<Vec<String>, MigrateError> {
    let rows = session.ask(include_str!("../sql/read_own_objects.sql"), &[&session.prefix.raw()]).await?;
    let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for part in parts_lacking(&there) {
        session.guarded(&[part.table], &render(part.statements, session.prefix)).await?;
    }
    Ok(Vec::new())
}

/// Takes it down.
pub(in crate::schema) struct Down<'a> {
    pub(in crate::schema) prefix: &'a Prefix,
    /// Refuse while somebody stands among those who were erased.
    pub(in crate::schema) keep_own_rows: bool,
}

impl Work for Down<'_> {
    type Done = ();

    async fn run(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        if self.keep_own_rows {
            // Asked before, to refuse before anything is done; asked again, now that nobody can be erased any more.
            let lock = render(include_str!("../sql/a9_lock_erased.sql"), self.prefix);
            transaction.batch_execute(&lock).await?;
            refuse_to_lose_erased(transaction, self.prefix).await?;
        }
        Ok(transaction.batch_execute(&render(include_str!("../sql/a9_down.sql"), self.prefix)).await?)
    }
}

/// Refuses while people stand among those who were erased: their late events would bring them back.
pub(in crate::schema) async fn refuse_to_lose_erased(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<(), MigrateError> {
    let row = client
        .query_one(&render(include_str!("../sql/count_erased.sql"), prefix), &[])
        .await
        .map_err(|error| MigrateError::database("counting people who were erased", &error))?;
    match row.get::<_, i64>(0) {
        0 => Ok(()),
        erased => Err(MigrateError::OwnData { step: Step::A9, rows: format!("{erased} erased addresses") }),
    }
}
