//! V137's eight indexes: what each must be, and what of it is there.

use tokio_postgres::Client;

use crate::Prefix;

/// An index of V137.
struct Index {
    name: &'static str,
    unique: bool,
    method: &'static str,
    columns: &'static [&'static str],
    /// As [`normalised`] leaves it.
    predicate: Option<&'static str>,
}

const INDEXES: [Index; 8] = [
    Index {
        name: "phoenix_kit_email_events_log_uuid_event_type_index",
        unique: true,
        method: "btree",
        columns: &["email_log_uuid", "event_type"],
        predicate: Some("event_type<>ALLARRAY['open','click']"),
    },
    Index {
        name: "phoenix_kit_email_events_log_uuid_type_occurred_index",
        unique: true,
        method: "btree",
        columns: &["email_log_uuid", "event_type", "occurred_at"],
        predicate: Some("event_type=ANYARRAY['open','click']"),
    },
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

const fn trigrams(name: &'static str, columns: &'static [&'static str]) -> Index {
    Index { name, unique: false, method: "gin", columns, predicate: None }
}

const fn partial(name: &'static str, columns: &'static [&'static str], predicate: &'static str) -> Index {
    Index { name, unique: false, method: "btree", columns, predicate: Some(predicate) }
}

/// What of V137's indexes a schema has.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that are not there, or are no use.
    pub(super) lacks: Vec<String>,
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
        let Some(row) = row else {
            found.lacks.push(index.name.to_owned());
            continue;
        };
        let columns: Vec<String> = row.try_get("columns")?;
        let predicate: Option<String> = row.try_get("predicate")?;
        let wrong = if !row.try_get::<_, bool>("valid")? {
            Some("left invalid by a build that failed".to_owned())
        } else if row.try_get::<_, bool>("unique")? != index.unique {
            Some(if index.unique { "not unique" } else { "unique" }.to_owned())
        } else if row.try_get::<_, &str>("method")? != index.method {
            Some(format!("not of the kind {}", index.method))
        } else if columns != index.columns {
            Some(format!("on {} instead of {}", columns.join(", "), index.columns.join(", ")))
        } else if predicate.as_deref().map(normalised).as_deref() != index.predicate {
            Some("for other rows than it should be".to_owned())
        } else {
            None
        };
        if let Some(wrong) = wrong {
            found.lacks.push(index.name.to_owned());
            found.wrong.push((index.name.to_owned(), wrong));
        }
    }
    Ok(found)
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
