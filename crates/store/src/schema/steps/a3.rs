//! Step a3: a row for each recipient of a mail.

use tokio_postgres::GenericClient;

use crate::{
    Prefix,
    schema::{
        MigrateError, Step,
        contract::LOGS,
        online::{Session, recipients},
    },
    sql::render,
};

/// What it makes.
pub(in crate::schema) const TABLE: &str = "aftersend_recipients";

/// Makes the table with its index.
pub(in crate::schema) const UP: &str = include_str!("../sql/a3_up.sql");

/// Drops it.
pub(in crate::schema) const DOWN: &str = include_str!("../sql/a3_down.sql");

/// Takes it up: the table in a moment, then what the stored events tell, beside an application that writes. What a
/// broken off attempt has filled in, the next one finds as it should be.
pub(in crate::schema) async fn up(session: &mut Session<'_>) -> Result<Vec<String>, MigrateError> {
    let there = session
        .ask(include_str!("../sql/read_tables.sql"), &[&session.prefix.raw(), &[TABLE].as_slice()])
        .await?;
    if there.is_empty() {
        session.guarded(&[LOGS], &render(UP, session.prefix)).await?;
    }
    let filled = recipients::fill_in(session).await?;
    Ok(match filled {
        0 => Vec::new(),
        _ => vec![format!("{filled} recipients of mails whose events are stored already")],
    })
}

/// Takes it down. Dropping a foreign key locks the table that it names, too.
pub(in crate::schema) async fn down(session: &mut Session<'_>, forget: &str) -> Result<(), MigrateError> {
    let statements = format!("{}{forget}", render(DOWN, session.prefix));
    session.guarded(&[LOGS], &statements).await
}

/// Refuses while the table holds what the stored events do not tell.
///
/// Only asked before anything is done: with the table locked, reading the events would keep ingest waiting. What comes
/// in between has been stored in the last moment, by an ingest that ought to be stopped by then.
pub(in crate::schema) async fn refuse_to_lose_own_rows(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<(), MigrateError> {
    let failed = |error| MigrateError::database("counting rows of our own tables", &error);
    let there = client
        .query_opt(include_str!("../sql/read_tables.sql"), &[&prefix.raw(), &[TABLE].as_slice()])
        .await
        .map_err(failed)?;
    if there.is_none() {
        return Ok(());
    }
    let count = render(include_str!("../sql/count_underived_recipients.sql"), prefix);
    let count: i64 = client.query_one(&count, &[]).await.map_err(failed)?.get(0);
    if count == 0 {
        return Ok(());
    }
    let rows = format!("{count} recipients of mails whose events an application has stored in part");
    Err(MigrateError::OwnData { step: Step::A3, rows })
}
