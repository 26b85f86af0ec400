//! Step a1: what ingest needs beyond V137.

use tokio_postgres::{GenericClient, Transaction};

use crate::{
    Prefix,
    schema::{
        MigrateError, Step,
        contract::{EVENTS, LOGS},
        online::{Failure, Session, Work, fold, mails},
    },
    sql::render,
};

/// A part of the step: a transaction of its own.
pub(in crate::schema) struct Part {
    /// The table whose writers it keeps out for a moment.
    pub(in crate::schema) table: &'static str,
    pub(in crate::schema) statements: &'static str,
    /// What it makes: tables, and columns with their tables.
    pub(in crate::schema) objects: &'static [&'static str],
}

pub(in crate::schema) static PARTS: [Part; 3] = [
    Part {
        table: LOGS,
        statements: include_str!("../sql/a1_up_mails.sql"),
        objects: &["phoenix_kit_email_logs.aftersend_derived"],
    },
    Part {
        table: EVENTS,
        statements: include_str!("../sql/a1_up_events.sql"),
        objects: &[
            "phoenix_kit_email_events.aftersend_fingerprint",
            "phoenix_kit_email_events.aftersend_subtype",
            "phoenix_kit_email_events.aftersend_bot_verdict",
        ],
    },
    Part {
        table: LOGS,
        statements: include_str!("../sql/a1_up_tables.sql"),
        objects: &["aftersend_steps", "aftersend_folded_events", "aftersend_ids", "aftersend_quarantine"],
    },
];

/// Takes it up. Each table is kept from its writers by itself, and only where there is something to do: PostgreSQL
/// takes the lock also where `IF NOT EXISTS` finds nothing to add.
///
/// Everything may be done again, and is after an attempt that was broken off.
pub(in crate::schema) async fn up(session: &mut Session<'_>) -> Result<Vec<String>, MigrateError> {
    make_objects(session).await?;
    let marked = mails::mark_derived(session).await?;
    let folded = fold::fold_removed(session).await?;
    let mut notes = Vec::new();
    if marked > 0 {
        notes.push(format!("{marked} mails known from their events alone"));
    }
    if folded > 0 {
        notes.push(format!(
            "{folded} events that step 137 had removed, and that are none of those that stayed in their places, are \
             shown again: folded into aftersend_folded_events"
        ));
    }
    Ok(notes)
}

async fn make_objects(session: &mut Session<'_>) -> Result<(), MigrateError> {
    let rows = session.ask(include_str!("../sql/read_own_objects.sql"), &[&session.prefix.raw()]).await?;
    let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for part in parts_lacking(&there) {
        session.guarded(&[part.table], &render(part.statements, session.prefix)).await?;
    }
    Ok(())
}

/// The parts of which something is not there.
pub(in crate::schema) fn parts_lacking(there: &[String]) -> impl Iterator<Item = &'static Part> {
    let lacks = |object: &&str| !there.iter().any(|there| there == object);
    PARTS.iter().filter(move |part| part.objects.iter().any(lacks))
}

/// Takes it down.
pub(in crate::schema) struct Down<'a> {
    pub(in crate::schema) prefix: &'a Prefix,
    /// Refuse while its tables hold what no other table does.
    pub(in crate::schema) keep_own_rows: bool,
}

impl Work for Down<'_> {
    type Done = ();

    async fn run(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        if self.keep_own_rows {
            // Asked before, to refuse before anything is done; asked again, now that nobody can add to them.
            let lock = render(include_str!("../sql/lock_own_tables.sql"), self.prefix);
            transaction.batch_execute(&lock).await?;
            refuse_to_lose_own_rows(transaction, self.prefix).await?;
        }
        Ok(transaction.batch_execute(&render(include_str!("../sql/a1_down.sql"), self.prefix)).await?)
    }
}

/// How many folded events are lost with their table and yet not: they are removed events, whose rows stay, and are
/// folded again when the step goes up again.
async fn count_folded_from_removed(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<i64, MigrateError> {
    let failed = |error| MigrateError::database("counting rows of our own tables", &error);
    let table = ["aftersend_removed_events"].as_slice();
    let there = client
        .query_opt(include_str!("../sql/read_tables.sql"), &[&prefix.raw(), &table])
        .await
        .map_err(failed)?;
    if there.is_none() {
        return Ok(0);
    }
    let count = render(include_str!("../sql/count_folded_from_removed.sql"), prefix);
    Ok(client.query_one(&count, &[]).await.map_err(failed)?.get(0))
}

/// Refuses while tables of our own hold what no other table does.
pub(in crate::schema) async fn refuse_to_lose_own_rows(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<(), MigrateError> {
    let row = client
        .query_one(&render(include_str!("../sql/count_own_rows.sql"), prefix), &[])
        .await
        .map_err(|error| MigrateError::database("counting rows of our own tables", &error))?;
    let (folded, ids, quarantined): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    let counts = [folded - count_folded_from_removed(client, prefix).await?, ids, quarantined];
    let rows: Vec<String> = ["folded events", "further SES ids", "quarantined messages"]
        .iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    Err(MigrateError::OwnData { step: Step::A1, rows: rows.join(", ") })
}
