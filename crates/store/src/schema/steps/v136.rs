//! Step 136: the six tables.

use tokio_postgres::{Client, GenericClient, Transaction, error::SqlState};

use crate::{
    Prefix,
    error::sentence,
    schema::{
        MigrateError, Step,
        online::{Failure, Work},
    },
    sql::render,
};

/// The tables of step 136, in the order in which they refer to each other. Names and types are the contract's.
/// What this program makes carries a comment that says so: `down` drops that, and nothing else.
pub(in crate::schema) const V136_TABLES: [(&str, &str); 7] = [
    ("phoenix_kit", include_str!("../sql/136/phoenix_kit.sql")),
    ("phoenix_kit_email_logs", include_str!("../sql/136/phoenix_kit_email_logs.sql")),
    ("phoenix_kit_email_events", include_str!("../sql/136/phoenix_kit_email_events.sql")),
    ("phoenix_kit_email_blocklist", include_str!("../sql/136/phoenix_kit_email_blocklist.sql")),
    ("phoenix_kit_email_templates", include_str!("../sql/136/phoenix_kit_email_templates.sql")),
    ("phoenix_kit_email_metrics", include_str!("../sql/136/phoenix_kit_email_metrics.sql")),
    ("phoenix_kit_email_orphaned_events", include_str!("../sql/136/phoenix_kit_email_orphaned_events.sql")),
];

/// The statements that make one of them.
pub(in crate::schema) fn table(name: &str) -> &'static str {
    V136_TABLES.iter().find(|(table, _)| *table == name).map_or("", |(_, statements)| statements)
}

/// Makes the tables that are missing: all of them, or those that somebody did without.
pub(in crate::schema) struct Up<'a> {
    pub(in crate::schema) prefix: &'a Prefix,
    /// What writes down that the schema has the step.
    pub(in crate::schema) record: &'a str,
}

impl Work for Up<'_> {
    type Done = Vec<String>;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Vec<String>, Failure> {
        let prefix = self.prefix;
        let names: Vec<&str> = V136_TABLES.iter().map(|(name, _)| *name).collect();
        let rows =
            transaction.query(include_str!("../sql/read_tables.sql"), &[&prefix.raw(), &names]).await?;
        let present: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let has_function = uuid_function_comment(transaction, prefix).await?.is_some();
        let mut made = Vec::new();
        for (name, statements) in up_sql(prefix, &present, has_function) {
            transaction.batch_execute(&statements).await?;
            made.extend(name.map(|name| format!("the missing table {name} made")));
        }
        transaction.batch_execute(self.record).await?;
        Ok(if present.is_empty() { Vec::new() } else { made })
    }
}

/// Drops the six tables and the marker, and what belongs to them.
pub(in crate::schema) struct Down<'a> {
    pub(in crate::schema) prefix: &'a Prefix,
}

impl Work for Down<'_> {
    type Done = ();

    async fn run(&self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        transaction.batch_execute(&render(include_str!("../sql/136_down.sql"), self.prefix)).await?;
        Ok(drop_uuid_function(transaction, self.prefix).await?)
    }
}

/// What makes the tables that are missing, each with the table's name; without one, what stands beside tables.
pub(in crate::schema) fn up_sql(
    prefix: &Prefix,
    present: &[String],
    has_uuid_function: bool,
) -> Vec<(Option<&'static str>, String)> {
    // PhoenixKit's own function of that name may be there already, and is as good.
    let function = (!has_uuid_function).then_some((None, include_str!("../sql/uuid_generate_v7.sql")));
    let missing = V136_TABLES.iter().filter(|(name, _)| !present.iter().any(|table| table == name));
    let missing = missing.map(|(name, statements)| (Some(*name), *statements));
    let indexes = [(None, include_str!("../sql/136_unique_indexes.sql"))];
    let all = function.into_iter().chain(missing).chain(indexes);
    all.map(|(name, statements)| (name, render(statements, prefix))).collect()
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
pub(in crate::schema) async fn uuid_function_comment(
    client: &impl GenericClient,
    prefix: &Prefix,
) -> Result<Option<String>, tokio_postgres::Error> {
    let row = client.query_opt(include_str!("../sql/find_uuid_function.sql"), &[&prefix.raw()]).await?;
    Ok(row.map(|row| row.get(0)))
}

/// Makes the Postgres schema.
pub(in crate::schema) fn create_schema_sql(prefix: &Prefix) -> String {
    format!("CREATE SCHEMA {}", prefix.quoted())
}

/// Makes the Postgres schema where it is missing. Looked up first: `IF NOT EXISTS` would ask for the right to
/// create schemas even where there is nothing to create.
pub(in crate::schema) async fn make_schema(client: &Client, prefix: &Prefix) -> Result<(), MigrateError> {
    let failed = |error: &tokio_postgres::Error| MigrateError::database("making the schema", error);
    let present = client
        .query_opt("SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1", &[&prefix.raw()])
        .await
        .map_err(|error| failed(&error))?;
    if present.is_some() {
        return Ok(());
    }
    match client.batch_execute(&create_schema_sql(prefix)).await {
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
