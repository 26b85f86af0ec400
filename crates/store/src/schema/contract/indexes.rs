//! Every index of V136 and V137 but those of the primary keys.

use super::{
    quoted,
    tables::{BLOCKLIST, EVENTS, LOGS, METRICS, ORPHANED_EVENTS, TEMPLATES},
};
use crate::{
    Prefix,
    schema::{Step, catalog::FoundIndex},
};

/// An index of the contract.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::schema) struct Index {
    /// The step that makes it.
    pub(in crate::schema) step: Step,
    /// Its name, without the schema.
    pub(in crate::schema) name: &'static str,
    pub(in crate::schema) table: &'static str,
    pub(in crate::schema) unique: bool,
    pub(in crate::schema) method: Method,
    /// Its key columns, as they are named.
    pub(in crate::schema) columns: &'static [&'static str],
    /// The rows it holds; all without one.
    pub(in crate::schema) predicate: Option<Predicate>,
    /// Whether storing and searching mail are wrong or hopelessly slow without it. Of V136, an operator may have
    /// dropped what no query of theirs needs, and mail still comes in.
    pub(in crate::schema) relied_on: bool,
}

/// How an index finds rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schema) enum Method {
    /// A b-tree with the operators that are the type's default.
    Btree,
    /// GIN over the trigrams of a text. <https://www.postgresql.org/docs/current/pgtrgm.html>
    Trigrams,
}

/// Which rows a partial index holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schema) enum Predicate {
    /// Those in which this column has a value.
    IsSet(&'static str),
    /// Events that may come several times to a mail: opens and clicks.
    Repeatable,
    /// All other events.
    Single,
}

/// All of them: V136's, then V137's in the order in which V137 makes them.
pub(in crate::schema) static INDEXES: [Index; 45] = [
    unique(LOGS, "phoenix_kit_email_logs_message_id_uidx", &["message_id"]).relied_on(),
    unique(LOGS, "phoenix_kit_email_logs_aws_message_id_uidx", &["aws_message_id"])
        .only(Predicate::IsSet("aws_message_id"))
        .relied_on(),
    unique(LOGS, "phoenix_kit_email_logs_aws_message_id_index", &["aws_message_id"])
        .only(Predicate::IsSet("aws_message_id")),
    unique(LOGS, "phoenix_kit_email_logs_uuid_idx", &["uuid"]),
    plain(LOGS, "phoenix_kit_email_logs_message_ids_idx", &["message_id", "aws_message_id"]),
    plain(LOGS, "phoenix_kit_email_logs_to_sent_at_idx", &["to", "sent_at"]),
    plain(LOGS, "phoenix_kit_email_logs_status_sent_at_idx", &["status", "sent_at"]),
    plain(LOGS, "phoenix_kit_email_logs_sent_at_idx", &["sent_at"]),
    plain(LOGS, "phoenix_kit_email_logs_provider_sent_at_idx", &["provider", "sent_at"]),
    plain(LOGS, "phoenix_kit_email_logs_campaign_id_idx", &["campaign_id"]),
    plain(LOGS, "phoenix_kit_email_logs_template_name_idx", &["template_name"]),
    plain(LOGS, "phoenix_kit_email_logs_user_uuid_idx", &["user_uuid"]),
    plain(LOGS, "idx_email_logs_locale", &["locale"]),
    unique(EVENTS, "phoenix_kit_email_events_uuid_idx", &["uuid"]),
    plain(EVENTS, "phoenix_kit_email_events_occurred_at_idx", &["occurred_at"]),
    plain(EVENTS, "phoenix_kit_email_events_type_occurred_at_idx", &["event_type", "occurred_at"]),
    plain(EVENTS, "phoenix_kit_email_events_email_log_uuid_idx", &["email_log_uuid"]),
    unique(BLOCKLIST, "phoenix_kit_email_blocklist_email_uidx", &["email"]).relied_on(),
    plain(BLOCKLIST, "phoenix_kit_email_blocklist_expires_at_idx", &["expires_at"]),
    plain(BLOCKLIST, "phoenix_kit_email_blocklist_email_expires_idx", &["email", "expires_at"]),
    plain(BLOCKLIST, "phoenix_kit_email_blocklist_reason_inserted_idx", &["reason", "inserted_at"]),
    plain(BLOCKLIST, "phoenix_kit_email_blocklist_user_uuid_idx", &["user_uuid"]),
    unique(TEMPLATES, "phoenix_kit_email_templates_name_index", &["name"]),
    unique(TEMPLATES, "phoenix_kit_email_templates_slug_index", &["slug"]),
    plain(TEMPLATES, "phoenix_kit_email_templates_category_index", &["category"]),
    plain(TEMPLATES, "phoenix_kit_email_templates_status_index", &["status"]),
    plain(TEMPLATES, "phoenix_kit_email_templates_is_system_index", &["is_system"]),
    plain(TEMPLATES, "phoenix_kit_email_templates_usage_count_index", &["usage_count"]),
    plain(TEMPLATES, "phoenix_kit_email_templates_last_used_at_index", &["last_used_at"]),
    plain(TEMPLATES, "phoenix_kit_email_templates_inserted_at_index", &["inserted_at"]),
    plain(TEMPLATES, "phoenix_kit_email_templates_category_status_index", &["category", "status"]),
    plain(TEMPLATES, "phoenix_kit_email_templates_status_is_system_index", &["status", "is_system"]),
    unique(METRICS, "phoenix_kit_email_metrics_key_date_uidx", &["metric_key", "metric_date"]),
    plain(METRICS, "phoenix_kit_email_metrics_date_idx", &["metric_date"]),
    plain(ORPHANED_EVENTS, "phoenix_kit_orphaned_events_aws_id_idx", &["aws_message_id"]),
    plain(ORPHANED_EVENTS, "phoenix_kit_orphaned_events_matched_idx", &["matched"]),
    plain(ORPHANED_EVENTS, "phoenix_kit_orphaned_events_type_received_idx", &["event_type", "received_at"]),
    unique(EVENTS, "phoenix_kit_email_events_log_uuid_event_type_index", &["email_log_uuid", "event_type"])
        .only(Predicate::Single)
        .of_v137(),
    unique(
        EVENTS,
        "phoenix_kit_email_events_log_uuid_type_occurred_index",
        &["email_log_uuid", "event_type", "occurred_at"],
    )
    .only(Predicate::Repeatable)
    .of_v137(),
    trigrams("phoenix_kit_email_logs_to_trgm_index", &["to"]),
    trigrams("phoenix_kit_email_logs_subject_trgm_index", &["subject"]),
    trigrams("phoenix_kit_email_logs_campaign_id_trgm_index", &["campaign_id"]),
    plain(LOGS, "phoenix_kit_email_logs_template_opened_index", &["template_name", "opened_at"])
        .only(Predicate::IsSet("opened_at"))
        .of_v137(),
    plain(LOGS, "phoenix_kit_email_logs_template_clicked_index", &["template_name", "clicked_at"])
        .only(Predicate::IsSet("clicked_at"))
        .of_v137(),
    plain(LOGS, "phoenix_kit_email_logs_compress_scan_index", &["sent_at"])
        .only(Predicate::IsSet("body_full"))
        .of_v137(),
];

const fn plain(table: &'static str, name: &'static str, columns: &'static [&'static str]) -> Index {
    Index {
        step: Step::V136,
        name,
        table,
        unique: false,
        method: Method::Btree,
        columns,
        predicate: None,
        relied_on: false,
    }
}

const fn unique(table: &'static str, name: &'static str, columns: &'static [&'static str]) -> Index {
    Index { unique: true, ..plain(table, name, columns) }
}

const fn trigrams(name: &'static str, columns: &'static [&'static str]) -> Index {
    Index { method: Method::Trigrams, ..plain(LOGS, name, columns) }.of_v137()
}

impl Index {
    const fn only(self, predicate: Predicate) -> Self {
        Self { predicate: Some(predicate), ..self }
    }

    const fn relied_on(self) -> Self {
        Self { relied_on: true, ..self }
    }

    const fn of_v137(self) -> Self {
        Self { step: Step::V137, relied_on: true, ..self }
    }

    /// The statement that builds it under its name.
    ///
    /// `trigrams` is the schema that `pg_trgm` lives in, quoted; other indexes do without. With `concurrently` the
    /// statement blocks no writer and must stand outside a transaction.
    /// <https://www.postgresql.org/docs/current/sql-createindex.html>
    pub(in crate::schema) fn create_sql(
        &self,
        prefix: &Prefix,
        trigrams: &str,
        concurrently: bool,
    ) -> String {
        let unique = if self.unique { "UNIQUE " } else { "" };
        let concurrently = if concurrently { "CONCURRENTLY " } else { "" };
        let (method, operators) = match self.method {
            Method::Btree => ("", String::new()),
            Method::Trigrams => ("USING gin ", format!(" {trigrams}.gin_trgm_ops")),
        };
        let keys: Vec<String> =
            self.columns.iter().map(|column| format!("{}{operators}", quoted(column))).collect();
        let predicate = self.predicate.map_or(String::new(), |rows| format!(" WHERE {}", rows.sql()));
        format!(
            "CREATE {unique}INDEX {concurrently}{} ON {}.{} {method}({}){predicate}",
            self.name,
            prefix.quoted(),
            self.table,
            keys.join(", ")
        )
    }

    /// Whether an index does what this one must, whatever its name is and whether its build has ended or not.
    ///
    /// # Errors
    ///
    /// What is different, to stand behind "it is".
    pub(in crate::schema) fn matches(&self, found: &FoundIndex) -> Result<(), String> {
        let kind = match self.method {
            Method::Btree => "btree",
            Method::Trigrams => "gin gin_trgm_ops",
        };
        if found.table != self.table {
            return Err(format!("on another table, {}", found.table));
        }
        if found.unique != self.unique {
            return Err(if self.unique { "not unique" } else { "unique" }.to_owned());
        }
        if found.kind() != kind {
            return Err(format!("not of the kind {kind}"));
        }
        if found.columns != self.columns {
            return Err(format!("on {} instead of {}", found.columns.join(", "), self.columns.join(", ")));
        }
        let predicate = found.predicate.as_deref().map(normalised);
        if predicate.as_deref() != self.predicate.map(Predicate::normalised).as_deref() {
            return Err("for other rows than it should be".to_owned());
        }
        found.oddity().map_or(Ok(()), |oddity| Err(oddity.to_owned()))
    }
}

impl Predicate {
    /// As SQL.
    pub(in crate::schema) fn sql(self) -> String {
        match self {
            Self::IsSet(column) => format!("{} IS NOT NULL", quoted(column)),
            Self::Repeatable => "event_type IN ('open', 'click')".to_owned(),
            Self::Single => "event_type NOT IN ('open', 'click')".to_owned(),
        }
    }

    /// As [`normalised`] leaves what PostgreSQL prints of it.
    fn normalised(self) -> String {
        match self {
            Self::IsSet(column) => format!("{column}ISNOTNULL"),
            Self::Repeatable => "event_type=ANYARRAY['open','click']".to_owned(),
            Self::Single => "event_type<>ALLARRAY['open','click']".to_owned(),
        }
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
