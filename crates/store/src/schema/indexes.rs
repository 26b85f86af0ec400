//! The indexes that keep rows from being doubled or make searches quick: what each must be, and what is there.

use tokio_postgres::{Client, Row};

use super::Step;
use crate::Prefix;

/// An index of the contract that the program relies on.
struct Index {
    step: Step,
    name: &'static str,
    table: &'static str,
    unique: bool,
    /// The access method, for GIN with the operator class.
    kind: &'static str,
    columns: &'static [&'static str],
    /// As [`normalised`] leaves it.
    predicate: Option<&'static str>,
}

const LOGS: &str = "phoenix_kit_email_logs";
const EVENTS: &str = "phoenix_kit_email_events";

const INDEXES: [Index; 11] = [
    unique(Step::V136, "phoenix_kit_email_logs_message_id_uidx", LOGS, &["message_id"], None),
    unique(
        Step::V136,
        "phoenix_kit_email_logs_aws_message_id_uidx",
        LOGS,
        &["aws_message_id"],
        Some("aws_message_idISNOTNULL"),
    ),
    unique(
        Step::V136,
        "phoenix_kit_email_blocklist_email_uidx",
        "phoenix_kit_email_blocklist",
        &["email"],
        None,
    ),
    unique(
        Step::V137,
        "phoenix_kit_email_events_log_uuid_event_type_index",
        EVENTS,
        &["email_log_uuid", "event_type"],
        Some("event_type<>ALLARRAY['open','click']"),
    ),
    unique(
        Step::V137,
        "phoenix_kit_email_events_log_uuid_type_occurred_index",
        EVENTS,
        &["email_log_uuid", "event_type", "occurred_at"],
        Some("event_type=ANYARRAY['open','click']"),
    ),
    trigrams("phoenix_kit_email_logs_to_trgm_index", &["\"to\""]),
    trigrams("phoenix_kit_email_logs_subject_trgm_index", &["subject"]),
    trigrams("phoenix_kit_email_logs_campaign_id_trgm_index", &["campaign_id"]),
    partial(
        "phoenix_kit_email_logs_template_opened_index",
        &["template_name", "opened_at"],
        "opened_atISNOTNULL",
    ),
    partial(
        "phoenix_kit_email_logs_template_clicked_index",
        &["template_name", "clicked_at"],
        "clicked_atISNOTNULL",
    ),
    partial("phoenix_kit_email_logs_compress_scan_index", &["sent_at"], "body_fullISNOTNULL"),
];

const fn unique(
    step: Step,
    name: &'static str,
    table: &'static str,
    columns: &'static [&'static str],
    predicate: Option<&'static str>,
) -> Index {
    Index { step, name, table, unique: true, kind: "btree", columns, predicate }
}

const fn trigrams(name: &'static str, columns: &'static [&'static str]) -> Index {
    Index {
        step: Step::V137,
        name,
        table: LOGS,
        unique: false,
        kind: "gin gin_trgm_ops",
        columns,
        predicate: None,
    }
}

const fn partial(name: &'static str, columns: &'static [&'static str], predicate: &'static str) -> Index {
    Index {
        step: Step::V137,
        name,
        table: LOGS,
        unique: false,
        kind: "btree",
        columns,
        predicate: Some(predicate),
    }
}

/// What of them a schema has.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that are not there, or are no use, with the step that makes them.
    pub(super) lacks: Vec<(Step, String)>,
    /// Those that have the name and are no use, with what is wrong with them.
    pub(super) wrong: Vec<(String, String)>,
}

/// Reads it from the catalog.
///
/// The name alone says little: a build that failed leaves an index that refuses nothing, and somebody may have made
/// another one by hand. `IF NOT EXISTS` would take either for the real one.
pub(super) async fn read(client: &Client, prefix: &Prefix) -> Result<Found, tokio_postgres::Error> {
    let names: Vec<&str> = INDEXES.iter().map(|index| index.name).collect();
    let rows = client.query(include_str!("sql/read_indexes.sql"), &[&prefix.raw(), &names]).await?;
    let mut found = Found::default();
    for index in &INDEXES {
        let row = rows.iter().find(|row| row.get::<_, &str>("name") == index.name);
        let wrong = row.map(|row| index.difference(row)).transpose()?.flatten();
        if row.is_none() || wrong.is_some() {
            found.lacks.push((index.step, index.name.to_owned()));
        }
        found.wrong.extend(wrong.map(|wrong| (index.name.to_owned(), wrong)));
    }
    Ok(found)
}

impl Index {
    /// What is wrong with what goes by its name, if anything is.
    fn difference(&self, row: &Row) -> Result<Option<String>, tokio_postgres::Error> {
        if !row.try_get::<_, bool>("is_index")? {
            return Ok(Some("no index".to_owned()));
        }
        let columns: Vec<String> = row.try_get("columns")?;
        let predicate: Option<String> = row.try_get("predicate")?;
        Ok(if row.try_get::<_, &str>("table_name")? != self.table {
            Some("on another table".to_owned())
        } else if !row.try_get::<_, bool>("valid")? {
            Some("left invalid by a build that failed".to_owned())
        } else if row.try_get::<_, bool>("unique")? != self.unique {
            Some(if self.unique { "not unique" } else { "unique" }.to_owned())
        } else if row.try_get::<_, &str>("kind")? != self.kind {
            Some(format!("not of the kind {}", self.kind))
        } else if columns != self.columns {
            Some(format!("on {} instead of {}", columns.join(", "), self.columns.join(", ")))
        } else if predicate.as_deref().map(normalised).as_deref() != self.predicate {
            Some("for other rows than it should be".to_owned())
        } else {
            None
        })
    }
}

/// A predicate without what depends on the column's type and on PostgreSQL's way of printing it.
fn normalised(predicate: &str) -> String {
    let mut text = predicate.to_owned();
    for cast in ["::character varying[]", "::character varying", "::text[]", "::text"] {
        text = text.replace(cast, "");
    }
    text.retain(|character| !matches!(character, ' ' | '(' | ')'));
    text.replace("['click','open']", "['open','click']")
}
