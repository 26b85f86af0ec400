//! Step 137: no duplicate events, by unique indexes; indexes for search and archive; SES ids from headers.

use tokio_postgres::{Client, Transaction, error::SqlState};

use crate::{
    Prefix,
    error::sentence,
    schema::{
        MigrateError, Step,
        catalog::{self, FoundIndex},
        contract::{EVENTS, INDEXES, Index, LOGS, Predicate, quoted},
        online::{
            Failure, Session, Work,
            builds::{self, MARGIN_S},
            duplicates::{self, Kinds},
            mails, removed,
        },
    },
    sql::render,
};

/// Tables of ours that the step makes beside V137's indexes.
pub(in crate::schema) const OWN_TABLES: [&str; 2] = ["aftersend_removed_events", "aftersend_progress"];

/// V137's indexes, in the order in which it makes them.
pub(in crate::schema) fn indexes() -> impl DoubleEndedIterator<Item = &'static Index> {
    INDEXES.iter().filter(|index| index.step == Step::V137)
}

/// Goes up while an application goes on writing. `trigrams` is the schema that `pg_trgm` lives in, quoted.
///
/// Duplicates first, then the indexes that keep them out, and only then what may take its time.
pub(in crate::schema) async fn up_online(
    session: &mut Session<'_>,
    trigrams: &str,
) -> Result<Vec<String>, MigrateError> {
    session.run(&own_tables_sql(session.prefix)).await?;
    let since = duplicates::now(session, MARGIN_S).await?;
    let mut removed = match kinds_without_index(session).await? {
        Some(kinds) => duplicates::remove_all(session, kinds).await?,
        None => 0,
    };
    // Those that are there, too: they may have another name.
    for index in indexes() {
        let kinds = match index.predicate {
            Some(Predicate::Single) => Kinds::Single,
            Some(Predicate::Repeatable) => Kinds::Repeatable,
            _ => continue,
        };
        removed += builds::build_unique(session, index, kinds, since.clone()).await?;
    }
    let filled_in = mails::fill_in_ids(session).await?;
    for index in indexes().filter(|index| !index.unique) {
        builds::build(session, index, trigrams).await?;
    }
    Ok(notes(removed, filled_in))
}

/// Which events may be duplicates: those that no unique index keeps from it.
async fn kinds_without_index(session: &mut Session<'_>) -> Result<Option<Kinds>, MigrateError> {
    Ok(kinds_lacking(&session.indexes().await?))
}

/// Those that none of these unique indexes keeps from being doubled.
pub(in crate::schema) fn kinds_lacking(found: &[FoundIndex]) -> Option<Kinds> {
    let lacks = |predicate: Predicate| {
        !indexes()
            .filter(|index| index.predicate == Some(predicate))
            .all(|index| found.iter().any(|found| found.valid && index.matches(found).is_ok()))
    };
    match (lacks(Predicate::Single), lacks(Predicate::Repeatable)) {
        (true, true) => Some(Kinds::All),
        (true, false) => Some(Kinds::Single),
        (false, true) => Some(Kinds::Repeatable),
        (false, false) => None,
    }
}

/// Goes up in one transaction. Nobody writes events or mails meanwhile.
pub(in crate::schema) struct UpInTransaction<'a> {
    pub(in crate::schema) prefix: &'a Prefix,
    /// The schema that `pg_trgm` lives in, quoted.
    pub(in crate::schema) trigrams: &'a str,
    /// What writes down that the schema has the step.
    pub(in crate::schema) record: &'a str,
}

impl Work for UpInTransaction<'_> {
    type Done = Vec<String>;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Vec<String>, Failure> {
        let &Self { prefix, trigrams, record } = self;
        transaction.batch_execute(&lock_sql(prefix)).await?;
        transaction.batch_execute(&own_tables_sql(prefix)).await?;
        let removed = transaction.execute(&remove_all_sql(prefix), &[]).await?;
        let (found, _) = catalog::read_indexes(transaction.client(), prefix).await?;
        for index in indexes().filter(|index| index.unique) {
            put_in_place(transaction, prefix, trigrams, index, &found).await?;
        }
        let filled_in = transaction.execute(&fill_in_all_sql(prefix), &[]).await?;
        for index in indexes().filter(|index| !index.unique) {
            put_in_place(transaction, prefix, trigrams, index, &found).await?;
        }
        transaction.batch_execute(record).await?;
        Ok(notes(removed, filled_in))
    }
}

/// Logs before events, as writers take them: a mail is logged, then its events come.
pub(in crate::schema) fn lock_sql(prefix: &Prefix) -> String {
    let lock = |table| format!("LOCK TABLE {}.{table} IN SHARE ROW EXCLUSIVE MODE", prefix.quoted());
    [LOGS, EVENTS].map(lock).join(";\n")
}

/// Makes the tables of ours.
pub(in crate::schema) fn own_tables_sql(prefix: &Prefix) -> String {
    render(include_str!("../sql/137_own_tables.sql"), prefix)
}

/// Removes every duplicate at once.
pub(in crate::schema) fn remove_all_sql(prefix: &Prefix) -> String {
    render(include_str!("../sql/137_remove_all_duplicates.sql"), prefix)
}

/// Gives every mail its SES id at once.
pub(in crate::schema) fn fill_in_all_sql(prefix: &Prefix) -> String {
    render(include_str!("../sql/137_backfill_aws_message_id.sql"), prefix)
}

async fn put_in_place(
    transaction: &Transaction<'_>,
    prefix: &Prefix,
    trigrams: &str,
    index: &Index,
    found: &[FoundIndex],
) -> Result<(), tokio_postgres::Error> {
    for statement in put_in_place_sql(prefix, trigrams, index, found) {
        transaction.batch_execute(&statement).await?;
    }
    Ok(())
}

/// Builds an index, or takes one that somebody built under another name.
pub(in crate::schema) fn put_in_place_sql(
    prefix: &Prefix,
    trigrams: &str,
    index: &Index,
    found: &[FoundIndex],
) -> Vec<String> {
    let alike = || found.iter().filter(|found| index.matches(found).is_ok());
    if alike().any(|found| found.valid && found.name == index.name) {
        return Vec::new();
    }
    let mut statements: Vec<String> = alike()
        .filter(|found| !found.valid)
        .map(|left_over| format!("DROP INDEX {}.{}", prefix.quoted(), quoted(&left_over.name)))
        .collect();
    statements.push(match alike().find(|found| found.valid) {
        Some(other) => builds::rename_sql(prefix, &other.name, index),
        None => index.create_sql(prefix, trigrams, false),
    });
    statements
}

fn notes(removed: u64, filled_in: u64) -> Vec<String> {
    let mut notes = Vec::new();
    if removed > 0 {
        notes.push(format!("{removed} duplicate events removed, and kept in aftersend_removed_events"));
    }
    if filled_in > 0 {
        notes.push(format!("{filled_in} mails given their SES id from their headers"));
    }
    notes
}

/// Goes down while an application goes on writing: the indexes in the reverse of the order they were made in, then,
/// if asked for, the events that were removed.
pub(in crate::schema) async fn down_online(
    session: &mut Session<'_>,
    restore: bool,
) -> Result<Vec<String>, MigrateError> {
    for index in indexes().rev() {
        builds::drop(session, index).await?;
    }
    let mut notes =
        vec!["its indexes dropped".to_owned(), "backfilled SES ids stay, as V137 specifies".to_owned()];
    if restore {
        notes.extend(restore_removed(session).await?);
    }
    Ok(notes)
}

/// Takes back what an `up` did that was broken off before the marker, or a `down` left: puts removed events back, where
/// there are any. Unique indexes that were built already would refuse them.
pub(in crate::schema) async fn take_back(session: &mut Session<'_>) -> Result<Vec<String>, MigrateError> {
    if !has_removed_events(session).await? {
        return Ok(Vec::new());
    }
    down_online(session, true).await
}

/// Puts removed events back, where there are any.
async fn restore_removed(session: &mut Session<'_>) -> Result<Vec<String>, MigrateError> {
    if !has_removed_events(session).await? {
        return Ok(Vec::new());
    }
    let outcome = removed::restore(session).await?;
    let mut notes = vec![format!("{} removed events put back", outcome.put_back)];
    if outcome.gone > 0 {
        notes.push(format!(
            "{} removed events skipped, whose mails are gone; they stay in aftersend_removed_events",
            outcome.gone
        ));
    }
    if outcome.there > 0 {
        notes.push(format!(
            "{} removed events skipped, whose keys other events have; they stay in aftersend_removed_events",
            outcome.there
        ));
    }
    Ok(notes)
}

async fn has_removed_events(session: &mut Session<'_>) -> Result<bool, MigrateError> {
    has_table(session, OWN_TABLES[0]).await
}

async fn has_table(session: &mut Session<'_>, name: &str) -> Result<bool, MigrateError> {
    let names: &[&str] = &[name];
    let rows = session.ask(include_str!("../sql/read_tables.sql"), &[&session.prefix.raw(), &names]).await?;
    Ok(!rows.is_empty())
}

/// Drops the tables of ours that step 137 made: the removed events only when there are none.
pub(in crate::schema) async fn drop_own_tables(
    session: &mut Session<'_>,
) -> Result<Vec<String>, MigrateError> {
    let schema = session.prefix.quoted();
    let mut notes = Vec::new();
    if has_removed_events(session).await? {
        let count = format!("SELECT count(*) FROM {schema}.aftersend_removed_events");
        let rows = session.ask(&count, &[]).await?;
        match rows.first().map_or(0, |row| row.get::<_, i64>(0)) {
            0 => session.guarded(&OWN_TABLES[..1], &format!("DROP TABLE {schema}.aftersend_removed_events")).await?,
            count => notes.push(format!(
                "{count} removed events stay in aftersend_removed_events; `migrate down --to 136 --restore-removed` \
                 puts them back"
            )),
        }
    }
    if has_table(session, OWN_TABLES[1]).await? {
        session.guarded(&OWN_TABLES[1..], &format!("DROP TABLE {schema}.aftersend_progress")).await?;
    }
    Ok(notes)
}

/// Where `pg_trgm` is, or is to be made.
pub(in crate::schema) struct Trigrams {
    /// The schema, quoted.
    pub(in crate::schema) schema: String,
    /// What makes it there, where it is missing.
    pub(in crate::schema) create: Option<String>,
}

impl Trigrams {
    pub(in crate::schema) async fn find(
        client: &Client,
        prefix: &Prefix,
    ) -> Result<Self, tokio_postgres::Error> {
        if let Some(row) = client.query_opt(include_str!("../sql/find_trigrams.sql"), &[]).await? {
            return Ok(Self { schema: row.get(0), create: None });
        }
        // In `public` where there is one: an extension belongs to the database, not to one prefix in it. Quoted by the
        // server, as it will be once it is there.
        let home = "SELECT pg_catalog.quote_ident(coalesce( \
                    (SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname = 'public'), $1))";
        let schema: String = client.query_one(home, &[&prefix.raw()]).await?.get(0);
        let create = Some(format!("CREATE EXTENSION pg_trgm WITH SCHEMA {schema}"));
        Ok(Self { schema, create })
    }
}

/// Makes the extension where it is missing, in a statement of its own: two databases' worth of programs may
/// try at once, and the loser's error must not poison a step's transaction.
pub(in crate::schema) async fn make_trigrams(client: &Client, prefix: &Prefix) -> Result<(), MigrateError> {
    let failed = |error: &tokio_postgres::Error| MigrateError::database("looking for pg_trgm", error);
    let trigrams = Trigrams::find(client, prefix).await.map_err(|error| failed(&error))?;
    let Some(create) = trigrams.create else { return Ok(()) };
    let Err(error) = client.batch_execute(&create).await else { return Ok(()) };
    let present = include_str!("../sql/find_trigrams.sql");
    if client.query_opt(present, &[]).await.map_err(|error| failed(&error))?.is_some() {
        return Ok(());
    }
    match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Err(MigrateError::Permission {
            step: Step::V137,
            reason: sentence(&error),
            hint: "Have it made once for this database by its owner: CREATE EXTENSION pg_trgm",
        }),
        Some(&SqlState::UNDEFINED_FILE | &SqlState::FEATURE_NOT_SUPPORTED) => Err(MigrateError::NoTrigrams),
        _ => Err(failed(&error)),
    }
}

/// The schema that the extension lives in, quoted.
pub(in crate::schema) async fn trigrams(session: &mut Session<'_>) -> Result<String, MigrateError> {
    let rows = session.ask(include_str!("../sql/find_trigrams.sql"), &[]).await?;
    let row = rows.first().ok_or(MigrateError::NoTrigrams)?;
    let (schema, usable): (String, bool) = (row.get(0), row.get(1));
    if usable {
        return Ok(schema);
    }
    Err(MigrateError::Permission {
        step: Step::V137,
        reason: format!("use of the schema {schema}, in which the extension pg_trgm lives"),
        hint: "Have that schema's owner allow it: GRANT USAGE ON SCHEMA … TO …",
    })
}
