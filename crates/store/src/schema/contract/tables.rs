//! The six tables of V136, their columns, and the one foreign key.

use crate::Prefix;

/// A table of the contract. Its primary key is its column `uuid`.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::schema) struct Table {
    pub(in crate::schema) name: &'static str,
    pub(in crate::schema) columns: &'static [Column],
}

/// A column of the contract.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::schema) struct Column {
    pub(in crate::schema) name: &'static str,
    pub(in crate::schema) kind: Kind,
    pub(in crate::schema) not_null: bool,
    pub(in crate::schema) default: Option<Default>,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schema) enum Kind {
    Uuid,
    /// With that many characters at most.
    Varchar(u16),
    Text,
    Integer,
    Bigint,
    Boolean,
    Jsonb,
    /// A `timestamptz`.
    Time,
    Date,
}

/// What a column gets where an insert leaves it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schema) enum Default {
    /// A UUID of version 7, by the schema's own function.
    UuidV7,
    Now,
    Today,
    EmptyObject,
    Text(&'static str),
    Integer(i32),
    False,
}

/// A foreign key of the contract.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::schema) struct ForeignKey {
    pub(in crate::schema) name: &'static str,
    pub(in crate::schema) table: &'static str,
    pub(in crate::schema) column: &'static str,
    /// The table it leads to, by that one's primary key. A row there takes those that lead to it along when it goes.
    pub(in crate::schema) to: &'static str,
}

pub(in crate::schema) const LOGS: &str = "phoenix_kit_email_logs";
pub(in crate::schema) const EVENTS: &str = "phoenix_kit_email_events";
pub(super) const BLOCKLIST: &str = "phoenix_kit_email_blocklist";
pub(super) const TEMPLATES: &str = "phoenix_kit_email_templates";
pub(super) const METRICS: &str = "phoenix_kit_email_metrics";
pub(in crate::schema) const ORPHANED_EVENTS: &str = "phoenix_kit_email_orphaned_events";

/// The table whose comment tells the version.
pub(in crate::schema) const MARKER_TABLE: &str = "phoenix_kit";

/// The foreign key from an event to its mail, the only one.
pub(in crate::schema) const FOREIGN_KEY: ForeignKey =
    ForeignKey { name: "fk_email_events_email_log_uuid", table: EVENTS, column: "email_log_uuid", to: LOGS };

const TEXT: Kind = Kind::Varchar(255);

/// The six tables, in the order in which they refer to each other.
pub(in crate::schema) static TABLES: [Table; 6] = [
    Table {
        name: LOGS,
        columns: &[
            KEY,
            some("message_id", TEXT),
            some("to", TEXT),
            some("from", TEXT),
            any("subject", TEXT),
            any("headers", Kind::Jsonb).or(Default::EmptyObject),
            any("body_preview", Kind::Text),
            any("body_full", Kind::Text),
            any("template_name", TEXT),
            any("campaign_id", TEXT),
            some("attachments_count", Kind::Integer).or(Default::Integer(0)),
            any("size_bytes", Kind::Integer),
            some("retry_count", Kind::Integer).or(Default::Integer(0)),
            any("error_message", Kind::Text),
            some("status", TEXT).or(Default::Text("sent")),
            some("sent_at", Kind::Time).or(Default::Now),
            any("delivered_at", Kind::Time),
            any("configuration_set", TEXT),
            any("message_tags", Kind::Jsonb).or(Default::EmptyObject),
            some("provider", TEXT).or(Default::Text("unknown")),
            some("inserted_at", Kind::Time),
            some("updated_at", Kind::Time),
            any("aws_message_id", TEXT),
            any("bounced_at", Kind::Time),
            any("complained_at", Kind::Time),
            any("opened_at", Kind::Time),
            any("clicked_at", Kind::Time),
            some("body_compressed", Kind::Boolean).or(Default::False),
            any("queued_at", Kind::Time),
            any("rejected_at", Kind::Time),
            any("failed_at", Kind::Time),
            any("delayed_at", Kind::Time),
            any("user_uuid", Kind::Uuid),
            some("locale", Kind::Varchar(10)).or(Default::Text("en")),
        ],
    },
    Table {
        name: EVENTS,
        columns: &[
            KEY,
            some("email_log_uuid", Kind::Uuid),
            some("event_type", TEXT),
            any("event_data", Kind::Jsonb).or(Default::EmptyObject),
            some("occurred_at", Kind::Time).or(Default::Now),
            any("ip_address", TEXT),
            any("user_agent", TEXT),
            any("geo_location", Kind::Jsonb).or(Default::EmptyObject),
            any("link_url", TEXT),
            any("bounce_type", TEXT),
            any("complaint_type", TEXT),
            some("inserted_at", Kind::Time),
            some("updated_at", Kind::Time),
            any("reject_reason", TEXT),
            any("delay_type", TEXT),
            any("subscription_type", TEXT),
            any("failure_reason", TEXT),
        ],
    },
    Table {
        name: BLOCKLIST,
        columns: &[
            KEY,
            some("email", TEXT),
            some("reason", TEXT),
            any("expires_at", Kind::Time),
            some("inserted_at", Kind::Time).or(Default::Now),
            some("updated_at", Kind::Time).or(Default::Now),
            any("user_uuid", Kind::Uuid),
        ],
    },
    Table {
        name: TEMPLATES,
        columns: &[
            KEY,
            some("name", TEXT),
            some("slug", TEXT),
            some("display_name", Kind::Jsonb),
            any("description", Kind::Jsonb),
            some("subject", Kind::Jsonb),
            some("html_body", Kind::Jsonb),
            some("text_body", Kind::Jsonb),
            some("category", TEXT).or(Default::Text("transactional")),
            some("status", TEXT).or(Default::Text("draft")),
            any("variables", Kind::Jsonb).or(Default::EmptyObject),
            any("metadata", Kind::Jsonb).or(Default::EmptyObject),
            some("usage_count", Kind::Integer).or(Default::Integer(0)),
            any("last_used_at", Kind::Time),
            some("version", Kind::Integer).or(Default::Integer(1)),
            some("is_system", Kind::Boolean).or(Default::False),
            any("created_by_user_uuid", Kind::Uuid),
            any("updated_by_user_uuid", Kind::Uuid),
            some("inserted_at", Kind::Time),
            some("updated_at", Kind::Time),
        ],
    },
    Table {
        name: METRICS,
        columns: &[
            KEY,
            some("metric_key", TEXT),
            some("value", Kind::Bigint).or(Default::Integer(0)),
            any("metadata", Kind::Jsonb).or(Default::EmptyObject),
            some("metric_date", Kind::Date).or(Default::Today),
            some("inserted_at", Kind::Time),
            some("updated_at", Kind::Time),
        ],
    },
    Table {
        name: ORPHANED_EVENTS,
        columns: &[
            KEY,
            some("aws_message_id", TEXT),
            some("event_type", TEXT),
            some("event_data", Kind::Jsonb).or(Default::EmptyObject),
            some("received_at", Kind::Time).or(Default::Now),
            some("matched", Kind::Boolean).or(Default::False),
            any("matched_at", Kind::Time),
            any("matched_email_log_uuid", Kind::Uuid),
            any("error_message", Kind::Text),
            some("inserted_at", Kind::Time),
            some("updated_at", Kind::Time),
        ],
    },
];

/// Their names.
pub(in crate::schema) const TABLE_NAMES: [&str; 6] =
    [LOGS, EVENTS, BLOCKLIST, TEMPLATES, METRICS, ORPHANED_EVENTS];

const KEY: Column = some("uuid", Kind::Uuid).or(Default::UuidV7);

/// A column that may be NULL.
const fn any(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, not_null: false, default: None }
}

/// A column that may not.
const fn some(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, not_null: true, default: None }
}

/// The table of that name, if the contract has one.
pub(in crate::schema) fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// The name that PostgreSQL gives a table's primary key, and its index, of its own accord.
pub(in crate::schema) fn primary_key_name(table: &Table) -> String {
    format!("{}_pkey", table.name)
}

impl Column {
    const fn or(self, default: Default) -> Self {
        Self { default: Some(default), ..self }
    }
}

impl Kind {
    /// As SQL, and as PostgreSQL prints it.
    pub(in crate::schema) fn sql(self) -> String {
        match self {
            Self::Uuid => "uuid".to_owned(),
            Self::Varchar(characters) => format!("character varying({characters})"),
            Self::Text => "text".to_owned(),
            Self::Integer => "integer".to_owned(),
            Self::Bigint => "bigint".to_owned(),
            Self::Boolean => "boolean".to_owned(),
            Self::Jsonb => "jsonb".to_owned(),
            Self::Time => "timestamp with time zone".to_owned(),
            Self::Date => "date".to_owned(),
        }
    }
}

impl Default {
    /// As SQL.
    pub(in crate::schema) fn sql(self, prefix: &Prefix) -> String {
        match self {
            Self::UuidV7 => format!("{}.uuid_generate_v7()", prefix.quoted()),
            Self::Now => "now()".to_owned(),
            Self::Today => "CURRENT_DATE".to_owned(),
            Self::EmptyObject => "'{}'::jsonb".to_owned(),
            Self::Text(text) => format!("'{text}'"),
            Self::Integer(number) => number.to_string(),
            Self::False => "false".to_owned(),
        }
    }

    /// Whether that is what PostgreSQL printed of a column's default.
    pub(in crate::schema) fn is(self, printed: &str) -> bool {
        // Behind the value stands the type it was given: 'sent'::character varying.
        let value = printed.split("::").next().unwrap_or(printed).trim_matches(|c| matches!(c, '(' | ')'));
        match self {
            // PostgreSQL 18 has one of its own; an application's may live in any schema.
            Self::UuidV7 => {
                let name = printed.rsplit('.').next().unwrap_or(printed);
                matches!(name, "uuid_generate_v7()" | "uuidv7()")
            }
            Self::Now => matches!(printed, "now()" | "CURRENT_TIMESTAMP" | "transaction_timestamp()"),
            Self::Today => printed == "CURRENT_DATE",
            Self::EmptyObject => value == "'{}'",
            Self::Text(text) => value.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')) == Some(text),
            Self::Integer(number) => value.trim_matches('\'').parse() == Ok(number),
            Self::False => printed == "false",
        }
    }
}
