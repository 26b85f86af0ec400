//! Step a6: sums of figures by domains, reasons of bounces and links.

use crate::{
    Prefix,
    schema::{MigrateError, online::Session},
    sql::render,
};

/// What it makes.
pub(in crate::schema) const OBJECTS: [&str; 9] = [
    "aftersend_domains_by_quarter",
    "aftersend_domains_by_day",
    "aftersend_domains_by_day_harmed_idx",
    "aftersend_domains_by_template",
    "aftersend_domains_by_template_harmed_idx",
    "aftersend_bounces_by_quarter",
    "aftersend_bounces_by_day",
    "aftersend_links_by_quarter",
    "aftersend_links_by_template",
];

/// Makes the tables, and asks whoever keeps figures to count all there is once more: that takes minutes for millions of
/// mails, and is no migration's.
const UP: &str = include_str!("../sql/a6_up.sql");

/// Drops them.
pub(in crate::schema) const DOWN: &str = include_str!("../sql/a6_down.sql");

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

/// Takes it down. What is lost is told again by the mails and their events.
pub(in crate::schema) async fn down(session: &mut Session<'_>, forget: &str) -> Result<(), MigrateError> {
    let statements = format!("{}{forget}", render(DOWN, session.prefix));
    session.guarded(&[], &statements).await
}
