//! Whether tables that are there already look as the contract says.

use tokio_postgres::Client;

use super::{MigrateError, indexes};
use crate::Prefix;

/// The six tables of V136.
pub(super) const TABLES: [&str; 6] = [
    "phoenix_kit_email_logs",
    "phoenix_kit_email_events",
    "phoenix_kit_email_blocklist",
    "phoenix_kit_email_templates",
    "phoenix_kit_email_metrics",
    "phoenix_kit_email_orphaned_events",
];

/// The table whose comment tells the version.
const MARKER_TABLE: &str = "phoenix_kit";

/// Columns that steps and ingest rely on, with the types they may have (text in place of varchar is wider, and fine).
const COLUMNS: &[(&str, &[&str], &[&str])] = &[
    ("phoenix_kit_email_logs", &["uuid"], &["uuid"]),
    (
        "phoenix_kit_email_logs",
        &[
            "message_id",
            "to",
            "from",
            "subject",
            "template_name",
            "campaign_id",
            "status",
            "configuration_set",
            "provider",
            "aws_message_id",
            "body_full",
            "body_preview",
            "error_message",
        ],
        &["character varying", "text"],
    ),
    ("phoenix_kit_email_logs", &["headers", "message_tags"], &["jsonb"]),
    (
        "phoenix_kit_email_logs",
        &[
            "sent_at",
            "delivered_at",
            "bounced_at",
            "complained_at",
            "opened_at",
            "clicked_at",
            "queued_at",
            "rejected_at",
            "failed_at",
            "delayed_at",
            "inserted_at",
            "updated_at",
        ],
        &["timestamp with time zone"],
    ),
    ("phoenix_kit_email_events", &["uuid", "email_log_uuid"], &["uuid"]),
    (
        "phoenix_kit_email_events",
        &[
            "event_type",
            "ip_address",
            "user_agent",
            "link_url",
            "bounce_type",
            "complaint_type",
            "reject_reason",
            "delay_type",
            "subscription_type",
            "failure_reason",
        ],
        &["character varying", "text"],
    ),
    ("phoenix_kit_email_events", &["event_data"], &["jsonb"]),
    (
        "phoenix_kit_email_events",
        &["occurred_at", "inserted_at", "updated_at"],
        &["timestamp with time zone"],
    ),
    ("phoenix_kit_email_blocklist", &["uuid"], &["uuid"]),
    ("phoenix_kit_email_blocklist", &["email", "reason"], &["character varying", "text"]),
    (
        "phoenix_kit_email_blocklist",
        &["expires_at", "inserted_at", "updated_at"],
        &["timestamp with time zone"],
    ),
];

/// Without a marker there must be no table of ours to be; with one, those that are there must be as the contract
/// says. A table that is missing can be made.
pub(super) async fn require(client: &Client, prefix: &Prefix, marker: u32) -> Result<(), MigrateError> {
    let found = columns(client, prefix).await?;
    let has_table = |table: &str| found.iter().any(|(t, _, _)| t == table);
    let mut differences: Vec<String> = Vec::new();
    if marker == 0 {
        let marked = has_table(MARKER_TABLE);
        if marked {
            differences.push(format!("the marker table {MARKER_TABLE} is there and says 0"));
        }
        differences.extend(TABLES.into_iter().filter(|table| has_table(table)).map(|table| {
            if marked {
                format!("the table {table} is there all the same")
            } else {
                format!("the table {table} is there, but the marker table phoenix_kit, which tells its version, is not")
            }
        }));
    } else {
        for (table, names, types) in COLUMNS {
            for name in names.iter().filter(|_| has_table(table)) {
                match found.iter().find(|(t, c, _)| t == table && c == name) {
                    None => differences.push(format!("{table} lacks the column {name}")),
                    Some((_, _, kind)) if !types.contains(&kind.as_str()) => {
                        differences.push(format!("{table}.{name} is {kind} instead of {}", types[0]));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(MigrateError::Drifted { prefix: prefix.clone(), differences })
}

async fn columns(client: &Client, prefix: &Prefix) -> Result<Vec<(String, String, String)>, MigrateError> {
    let tables: Vec<&str> = TABLES.into_iter().chain([MARKER_TABLE]).collect();
    let rows = client
        .query(include_str!("sql/read_columns.sql"), &[&prefix.raw(), &tables])
        .await
        .map_err(|error| MigrateError::database("reading the tables' columns", &error))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// Refuses where an index has a name of V137's and is another one: `IF NOT EXISTS` would take it for the real one.
pub(super) async fn require_true_indexes(client: &Client, prefix: &Prefix) -> Result<(), MigrateError> {
    let found = indexes::read(client, prefix)
        .await
        .map_err(|error| MigrateError::database("checking the indexes", &error))?;
    match found.wrong.into_iter().next() {
        None => Ok(()),
        Some((index, wrong)) => {
            Err(MigrateError::WrongIndex { prefix: prefix.clone(), index: index.name.to_owned(), wrong })
        }
    }
}

/// Whether every one of the six tables carries the mark of step 136.
pub(super) async fn made_by_us(client: &Client, prefix: &Prefix) -> Result<bool, MigrateError> {
    let row = client
        .query_one(include_str!("sql/count_made_by_us.sql"), &[&prefix.raw(), &TABLES.as_slice()])
        .await
        .map_err(|error| MigrateError::database("asking who made the tables", &error))?;
    Ok(usize::try_from(row.get::<_, i64>(0)) == Ok(TABLES.len()))
}

/// Whether there are neither mails nor events, or not even their tables.
pub(super) async fn has_no_rows(client: &Client, prefix: &Prefix) -> Result<bool, MigrateError> {
    let failed = |error: tokio_postgres::Error| MigrateError::database("looking for rows", &error);
    let tables = ["phoenix_kit_email_logs", "phoenix_kit_email_events"].as_slice();
    let rows =
        client.query(include_str!("sql/read_tables.sql"), &[&prefix.raw(), &tables]).await.map_err(failed)?;
    for row in &rows {
        let any = format!("SELECT FROM {}.{} LIMIT 1", prefix.quoted(), row.get::<_, &str>(0));
        if client.query_opt(&any, &[]).await.map_err(failed)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}
