//! Step a10: jobs that run by themselves, and what their last runs did.

use crate::{
    Prefix,
    schema::{MigrateError, online::Session},
    sql::render,
};

/// What it makes.
pub(in crate::schema) const OBJECTS: [&str; 2] = ["aftersend_jobs", "aftersend_job_runs"];

/// Makes the tables.
const UP: &str = include_str!("../sql/a10_up.sql");

/// Drops them.
pub(in crate::schema) const DOWN: &str = include_str!("../sql/a10_down.sql");

/// The statements that make what is not there; nothing where all of it is.
pub(in crate::schema) fn up_sql(prefix: &Prefix, there: &[String]) -> Option<String> {
    let is_whole = OBJECTS.iter().all(|object| there.iter().any(|there| there == object));
    (!is_whole).then(|| render(UP, prefix))
}

/// What the ledger's checksum and the listing are made of.
pub(in crate::schema) const fn template() -> &'static str {
    UP
}

/// Takes it up, in a moment: no row of anybody's is read.
pub(in crate::schema) async fn up(session: &mut Session<'_>) -> Result<Vec<String>, MigrateError> {
    let rows = session.ask(include_str!("../sql/read_own_objects.sql"), &[&session.prefix.raw()]).await?;
    let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if let Some(statements) = up_sql(session.prefix, &there) {
        session.guarded(&[], &statements).await?;
    }
    Ok(Vec::new())
}

/// Takes it down. A job that is at work goes on, and says that its result could not be written down.
pub(in crate::schema) async fn down(session: &mut Session<'_>, forget: &str) -> Result<(), MigrateError> {
    let statements = format!("{}{forget}", render(DOWN, session.prefix));
    session.guarded(&[], &statements).await
}
