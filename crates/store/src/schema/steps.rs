//! What each step does.

use tokio_postgres::{Client, GenericClient, Transaction, error::SqlState};

use super::{MigrateError, Step};
use crate::{Prefix, error::sentence, sql::render};

/// The tables of step 136, in the order in which they refer to each other. Names and types are the contract's.
/// What this program makes carries a comment that says so: `down` drops that, and nothing else.
const V136_TABLES: [(&str, &str); 7] = [
    ("phoenix_kit", include_str!("sql/136/phoenix_kit.sql")),
    ("phoenix_kit_email_logs", include_str!("sql/136/phoenix_kit_email_logs.sql")),
    ("phoenix_kit_email_events", include_str!("sql/136/phoenix_kit_email_events.sql")),
    ("phoenix_kit_email_blocklist", include_str!("sql/136/phoenix_kit_email_blocklist.sql")),
    ("phoenix_kit_email_templates", include_str!("sql/136/phoenix_kit_email_templates.sql")),
    ("phoenix_kit_email_metrics", include_str!("sql/136/phoenix_kit_email_metrics.sql")),
    ("phoenix_kit_email_orphaned_events", include_str!("sql/136/phoenix_kit_email_orphaned_events.sql")),
];

/// Step a1.
pub(super) const A1_UP: &str = include_str!("sql/a1_up.sql");

/// Runs a step's statements and says what it did to rows.
pub(super) async fn apply(
    transaction: &Transaction<'_>,
    prefix: &Prefix,
    step: Step,
    up: bool,
) -> Result<Vec<String>, tokio_postgres::Error> {
    match (step, up) {
        (Step::V136, true) => v136_up(transaction, prefix).await,
        (Step::V137, true) => v137_up(transaction, prefix).await,
        (Step::A1, true) => {
            transaction.batch_execute(&render(A1_UP, prefix)).await?;
            Ok(Vec::new())
        }
        (Step::A1, false) => {
            transaction.batch_execute(&render(include_str!("sql/a1_down.sql"), prefix)).await?;
            Ok(Vec::new())
        }
        (Step::V137, false) => {
            transaction.batch_execute(&render(include_str!("sql/137_down.sql"), prefix)).await?;
            Ok(vec!["backfilled SES ids stay, as V137 specifies".to_owned()])
        }
        (Step::V136, false) => {
            transaction.batch_execute(&render(include_str!("sql/136_down.sql"), prefix)).await?;
            drop_uuid_function(transaction, prefix).await?;
            Ok(Vec::new())
        }
    }
}

/// Makes the tables that are missing: all of them, or those that somebody did without.
async fn v136_up(
    transaction: &Transaction<'_>,
    prefix: &Prefix,
) -> Result<Vec<String>, tokio_postgres::Error> {
    let names: Vec<&str> = V136_TABLES.iter().map(|(name, _)| *name).collect();
    let rows = transaction.query(include_str!("sql/read_tables.sql"), &[&prefix.raw(), &names]).await?;
    let present: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    make_uuid_function(transaction, prefix).await?;
    let mut made = Vec::new();
    for (name, statements) in V136_TABLES {
        if !present.iter().any(|table| table == name) {
            transaction.batch_execute(&render(statements, prefix)).await?;
            made.push(format!("the missing table {name} made"));
        }
    }
    transaction.batch_execute(&render(include_str!("sql/136_unique_indexes.sql"), prefix)).await?;
    Ok(if present.is_empty() { Vec::new() } else { made })
}

/// Marks again what was made from events before step a1 went down.
pub(super) async fn mark_derived(client: &Client, prefix: &Prefix) -> Result<u64, tokio_postgres::Error> {
    client.execute(&render(include_str!("sql/a1_mark_derived.sql"), prefix), &[]).await
}

async fn v137_up(
    transaction: &Transaction<'_>,
    prefix: &Prefix,
) -> Result<Vec<String>, tokio_postgres::Error> {
    let removed = transaction
        .execute(&render(include_str!("sql/137_remove_duplicate_events.sql"), prefix), &[])
        .await?;
    transaction.batch_execute(&render(include_str!("sql/137_single_events_index.sql"), prefix)).await?;
    transaction.batch_execute(&render(include_str!("sql/137_repeatable_events_index.sql"), prefix)).await?;
    let backfilled = transaction
        .execute(&render(include_str!("sql/137_backfill_aws_message_id.sql"), prefix), &[])
        .await?;
    let trigrams: String = transaction.query_one(include_str!("sql/find_trigrams.sql"), &[]).await?.get(0);
    let indexes = render(include_str!("sql/137_search_indexes.sql"), prefix).replace("\"trgm\"", &trigrams);
    transaction.batch_execute(&indexes).await?;
    let mut notes = Vec::new();
    if removed > 0 {
        notes.push(format!("{removed} duplicate events removed"));
    }
    if backfilled > 0 {
        notes.push(format!("{backfilled} mails given their SES id from their headers"));
    }
    Ok(notes)
}

async fn make_uuid_function(
    transaction: &Transaction<'_>,
    prefix: &Prefix,
) -> Result<(), tokio_postgres::Error> {
    // PhoenixKit's own function of that name may be there already, and is as good.
    if uuid_function_comment(transaction, prefix).await?.is_none() {
        transaction.batch_execute(&render(include_str!("sql/uuid_generate_v7.sql"), prefix)).await?;
    }
    Ok(())
}

async fn drop_uuid_function(
    transaction: &Transaction<'_>,
    prefix: &Prefix,
) -> Result<(), tokio_postgres::Error> {
    if uuid_function_comment(transaction, prefix).await?.as_deref() == Some("made by Aftersend") {
        transaction.batch_execute(&format!("DROP FUNCTION {}.uuid_generate_v7()", prefix.quoted())).await?;
    }
    Ok(())
}

/// The comment of the function, empty where it has none; nothing where there is no such function.
async fn uuid_function_comment(
    transaction: &Transaction<'_>,
    prefix: &Prefix,
) -> Result<Option<String>, tokio_postgres::Error> {
    let row = transaction.query_opt(include_str!("sql/find_uuid_function.sql"), &[&prefix.raw()]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Makes the Postgres schema where it is missing. Looked up first: `IF NOT EXISTS` would ask for the right to
/// create schemas even where there is nothing to create.
pub(super) async fn make_schema(client: &Client, prefix: &Prefix) -> Result<(), MigrateError> {
    let failed = |error: &tokio_postgres::Error| MigrateError::database("making the schema", error);
    let present = client
        .query_opt("SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1", &[&prefix.raw()])
        .await
        .map_err(|error| failed(&error))?;
    if present.is_some() {
        return Ok(());
    }
    match client.batch_execute(&format!("CREATE SCHEMA {}", prefix.quoted())).await {
        Ok(()) => Ok(()),
        Err(error) if error.code() == Some(&SqlState::DUPLICATE_SCHEMA) => Ok(()),
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Err(MigrateError::Permission {
                step: Step::V136,
                reason: sentence(&error),
                hint: "Have the schema made for you: CREATE SCHEMA … AUTHORIZATION …",
            })
        }
        Err(error) => Err(failed(&error)),
    }
}

/// Makes the extension where it is missing, in a statement of its own: two databases' worth of programs may
/// try at once, and the loser's error must not poison a step's transaction.
pub(super) async fn make_trigrams(client: &Client, prefix: &Prefix) -> Result<(), MigrateError> {
    let failed = |error: &tokio_postgres::Error| MigrateError::database("looking for pg_trgm", error);
    let present = include_str!("sql/find_trigrams.sql");
    if client.query_opt(present, &[]).await.map_err(|error| failed(&error))?.is_some() {
        return Ok(());
    }
    // In `public` where there is one: an extension belongs to the database, not to one prefix in it.
    let public = client
        .query_opt("SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'public'", &[])
        .await
        .map_err(|error| failed(&error))?;
    let schema = if public.is_some() { "\"public\"".to_owned() } else { prefix.quoted() };
    let Err(error) = client.batch_execute(&format!("CREATE EXTENSION pg_trgm WITH SCHEMA {schema}")).await
    else {
        return Ok(());
    };
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

/// Keeps everybody else from the tables that step a1 made.
pub(super) async fn lock_own_tables(
    transaction: &Transaction<'_>,
    prefix: &Prefix,
) -> Result<(), tokio_postgres::Error> {
    transaction.batch_execute(&render(include_str!("sql/lock_own_tables.sql"), prefix)).await
}

/// Refuses while tables of our own hold what no other table does.
pub(super) async fn refuse_to_lose_own_rows(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<(), MigrateError> {
    let row = client
        .query_one(&render(include_str!("sql/count_own_rows.sql"), prefix), &[])
        .await
        .map_err(|error| MigrateError::database("counting rows of our own tables", &error))?;
    let counts: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
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
