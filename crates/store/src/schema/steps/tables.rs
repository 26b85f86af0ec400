//! Steps that make tables of our own in a moment, and read no row of anybody's.

use crate::{
    Prefix,
    schema::{MigrateError, online::Session},
    sql::render,
};

/// What such a step makes, and how.
pub(in crate::schema) struct Tables {
    /// The tables, and indexes beside them.
    pub(in crate::schema) objects: &'static [&'static str],
    /// Makes them. May be done again.
    pub(in crate::schema) up: &'static str,
    /// Drops them.
    pub(in crate::schema) down: &'static str,
    /// Tables of others that are locked for a moment: a foreign key locks the table that it names.
    pub(in crate::schema) locks: &'static [&'static str],
}

impl Tables {
    /// The statements that make what is not there; nothing where all of it is.
    pub(in crate::schema) fn up_sql(&self, prefix: &Prefix, there: &[String]) -> Option<String> {
        let is_whole = self.objects.iter().all(|object| there.iter().any(|there| there == object));
        (!is_whole).then(|| render(self.up, prefix))
    }

    /// Takes the step up.
    pub(in crate::schema) async fn up(&self, session: &mut Session<'_>) -> Result<(), MigrateError> {
        let rows = session.ask(include_str!("../sql/read_own_objects.sql"), &[&session.prefix.raw()]).await?;
        let there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        if let Some(statements) = self.up_sql(session.prefix, &there) {
            session.guarded(self.locks, &statements).await?;
        }
        Ok(())
    }

    /// Takes the step down, whatever stands in the tables, and has it forgotten.
    pub(in crate::schema) async fn down(
        &self,
        session: &mut Session<'_>,
        forget: &str,
    ) -> Result<(), MigrateError> {
        let statements = format!("{}{forget}", render(self.down, session.prefix));
        session.guarded(&[], &statements).await
    }
}
