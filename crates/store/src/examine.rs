//! A database as somebody looks at it who wants to know what is wrong: reachable or not, whatever its schema.
//!
//! Every question stands alone, so that one which gets no answer leaves the others. Nothing is changed: the session is
//! read-only, waits for no lock longer than [`LOCK_TIMEOUT_S`] and for no answer longer than [`STATEMENT_TIMEOUT_S`].

use std::time::SystemTime;

use jiff::Timestamp;
use tokio_postgres::{Client, Row};

use crate::{
    Connection, DatabaseAddress, Parked, Prefix, QuarantineSize, QueryError,
    schema::{self, MigrateError},
    sql::render,
};

/// How long a question may take.
const STATEMENT_TIMEOUT_S: u32 = 10;

/// How long a question may wait for a lock.
const LOCK_TIMEOUT_S: u32 = 2;

/// What storing, joining and reading need of each table.
///
/// A test compares it with the statements themselves.
const NEEDS: [(&str, &[Right]); 39] = [
    ("phoenix_kit_email_logs", &Right::ALL),
    ("phoenix_kit_email_events", &Right::ALL),
    ("phoenix_kit_email_orphaned_events", &Right::ALL),
    ("phoenix_kit_email_blocklist", &Right::ALL),
    ("aftersend_folded_events", &Right::ALL),
    ("aftersend_ids", &Right::ALL),
    ("aftersend_quarantine", &Right::ALL),
    ("aftersend_recipients", &Right::ALL),
    ("aftersend_removed_events", &Right::ALL),
    ("aftersend_figure_marks", &[Right::Select, Right::Insert, Right::Delete]),
    ("aftersend_figure_scan", &[Right::Select, Right::Update]),
    ("aftersend_figures_by_quarter", &[Right::Select, Right::Insert, Right::Delete]),
    ("aftersend_figures_by_template", &[Right::Select, Right::Insert, Right::Delete]),
    ("aftersend_figures_by_day", &[Right::Select, Right::Insert, Right::Delete]),
    ("aftersend_domains_by_quarter", &Right::ALL),
    ("aftersend_domains_by_day", &Right::ALL),
    ("aftersend_domains_by_template", &Right::ALL),
    ("aftersend_bounces_by_quarter", &Right::ALL),
    ("aftersend_bounces_by_day", &[Right::Select, Right::Insert, Right::Delete]),
    ("aftersend_links_by_quarter", &Right::ALL),
    ("aftersend_links_by_template", &Right::ALL),
    ("aftersend_retention", &[Right::Select, Right::Insert, Right::Update]),
    ("aftersend_keys", &[Right::Select, Right::Insert]),
    ("aftersend_erased", &Right::ALL),
    ("aftersend_archive_runs", &[Right::Select, Right::Insert, Right::Update]),
    ("aftersend_archive_objects", &[Right::Select, Right::Insert, Right::Update]),
    ("aftersend_archived_mails", &Right::ALL),
    ("aftersend_late_events", &Right::ALL),
    ("aftersend_removed_figures", &[Right::Select, Right::Insert, Right::Update]),
    ("aftersend_removed_domains", &[Right::Select, Right::Insert, Right::Update]),
    ("aftersend_removed_bounces", &[Right::Select, Right::Insert]),
    ("aftersend_removed_links", &[Right::Select, Right::Insert, Right::Update]),
    ("aftersend_body_dictionaries", &Right::ALL),
    ("aftersend_shared_bodies", &Right::ALL),
    ("aftersend_bodies", &Right::ALL),
    ("aftersend_kept_bodies", &Right::ALL),
    ("aftersend_jobs", &[Right::Select, Right::Insert, Right::Update]),
    ("aftersend_job_runs", &Right::ALL),
    ("aftersend_steps", &[Right::Select]),
];

/// A right on a table. <https://www.postgresql.org/docs/current/ddl-priv.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// `SELECT`
    Select,
    /// `INSERT`
    Insert,
    /// `UPDATE`
    Update,
    /// `DELETE`
    Delete,
}

impl Right {
    /// All that a table of ours may need.
    pub const ALL: [Self; 4] = [Self::Select, Self::Insert, Self::Update, Self::Delete];

    /// As `GRANT` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// A server and the way that its database treats this user.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of the server")]
pub struct ServerFindings {
    /// As the server spells it: `15.14 (Debian 15.14-0+deb12u1)`.
    pub version: String,
    /// The first number of it.
    pub version_major: i32,
    /// Who we are there.
    pub user: String,
    /// Whether it is a standby.
    pub is_standby: bool,
    /// Whether transactions of this user are read-only unless they say otherwise.
    pub is_read_only: bool,
    /// By how many seconds the server's clock is ahead of this machine's.
    pub clock_ahead_s: f64,
    /// Connections that this user may still open, as far as the server's and the user's own limit tell.
    pub connections_free: i64,
    /// Whether the database has the extension `pg_trgm`.
    pub has_trigrams: bool,
    /// Whether the server has it to offer.
    pub offers_trigrams: bool,
    /// Settings that a role or a database may have, as a new session finds them: name and value, those that the server
    /// knows.
    pub settings: Vec<(String, String)>,
}

impl ServerFindings {
    /// A setting as a new session finds it.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A table that is there and that the user may not use as ingest does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRights {
    /// The table.
    pub table: String,
    /// What the user lacks.
    pub missing: Vec<Right>,
    /// Whether policies hide rows of it from the user.
    /// <https://www.postgresql.org/docs/current/ddl-rowsecurity.html>
    pub has_policies: bool,
}

/// What the user may do with tables of ours that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RightsFindings {
    /// Whether the schema is there.
    pub has_schema: bool,
    /// Whether the user may look into it.
    pub may_enter: bool,
    /// How many tables that ingest uses are there.
    pub tables: usize,
    /// Those of them with something wrong.
    pub wrong: Vec<TableRights>,
}

/// The newest of what was stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// When SES says that the newest event happened that was taken in.
    pub event_at: Option<Timestamp>,
    /// When the newest mail was sent.
    pub mail_at: Option<Timestamp>,
}

/// Asks a database what may be wrong with it, on a connection of its own.
pub struct Examiner {
    connection: Connection,
    prefix: Prefix,
    /// Whether a pooler gives each transaction another session of the server.
    is_pooled: bool,
}

impl Examiner {
    /// Connects, and finds out whether a pooler stands in between.
    ///
    /// # Errors
    ///
    /// When there is no way to the database. What says so names what to do.
    pub async fn open(address: &DatabaseAddress, prefix: Prefix) -> Result<Self, MigrateError> {
        let connection = Connection::open(address).await?;
        let is_pooled = schema::is_pooled(&connection, address).await?;
        // A pooler would hand the session, with what was set there, to the next client.
        if !is_pooled {
            let settings = format!(
                "SET application_name = 'aftersend doctor'; SET default_transaction_read_only = on; \
                 SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'; SET lock_timeout = '{LOCK_TIMEOUT_S}s'; \
                 SET TimeZone = 'UTC'; SET client_min_messages = 'warning'"
            );
            let set = connection.client.batch_execute(&settings).await;
            set.map_err(|error| MigrateError::database("preparing the session", &error))?;
        }
        Ok(Self { connection, prefix, is_pooled })
    }

    /// Whether a pooler stands in between that gives each transaction another session of the server. Then nothing else
    /// should be asked.
    pub fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    pub(crate) fn client(&self) -> &Client {
        &self.connection.client
    }

    pub(crate) fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// What the server says of itself and of this user.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub async fn server(&self) -> Result<ServerFindings, QueryError> {
        let asked_at = SystemTime::now();
        let row = self.client().query_one(include_str!("examine/sql/read_server.sql"), &[]).await?;
        // The server has looked at its clock in between, somewhere in the middle.
        let halfway = asked_at + asked_at.elapsed().unwrap_or_default() / 2;
        let here_s = halfway.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let settings = self.client().query(include_str!("examine/sql/read_settings.sql"), &[]).await?;
        Ok(ServerFindings {
            version: row.try_get("version")?,
            version_major: row.try_get::<_, i32>("version_number")? / 10_000,
            user: row.try_get("username")?,
            is_standby: row.try_get("is_standby")?,
            is_read_only: row.try_get("is_read_only")?,
            clock_ahead_s: row.try_get::<_, f64>("clock_s")? - here_s,
            connections_free: row.try_get("connections_free")?,
            has_trigrams: row.try_get("has_trigrams")?,
            offers_trigrams: row.try_get("offers_trigrams")?,
            settings: settings.iter().map(name_and_value).collect::<Result<_, _>>()?,
        })
    }

    /// What the user may do with the tables.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn rights(&self) -> Result<RightsFindings, QueryError> {
        let schema = self
            .client()
            .query_opt(include_str!("examine/sql/read_schema_rights.sql"), &[&self.prefix.raw()])
            .await?;
        let Some(schema) = schema else {
            return Ok(RightsFindings { has_schema: false, may_enter: false, tables: 0, wrong: Vec::new() });
        };
        let names: Vec<&str> = NEEDS.iter().map(|(table, _)| *table).collect();
        let rows = self
            .client()
            .query(include_str!("examine/sql/read_table_rights.sql"), &[&self.prefix.raw(), &names])
            .await?;
        let mut wrong = Vec::new();
        for row in &rows {
            let rights = table_rights(row)?;
            if !rights.missing.is_empty() || rights.has_policies {
                wrong.push(rights);
            }
        }
        Ok(RightsFindings { has_schema: true, may_enter: schema.try_get(0)?, tables: rows.len(), wrong })
    }

    /// Events that wait for their mail. Needs step a4.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or not in time.
    pub async fn parked(&self) -> Result<Parked, QueryError> {
        let row = self.ask(include_str!("sql/count_parked.sql")).await?;
        Ok(Parked {
            events: wide(row.try_get("events")?),
            oldest_received_at: row.try_get("oldest_received_at")?,
            oldest_age_s: row.try_get("oldest_age_s")?,
        })
    }

    /// The quarantine. Needs step a1.
    ///
    /// # Errors
    ///
    /// As [`parked`](Self::parked).
    pub async fn quarantined(&self) -> Result<QuarantineSize, QueryError> {
        let row = self.ask(include_str!("examine/sql/count_quarantine.sql")).await?;
        Ok(QuarantineSize {
            messages: wide(row.try_get("messages")?),
            oldest_received_at: row.try_get("oldest_received_at")?,
        })
    }

    /// The newest event and the newest mail. Needs step a1.
    ///
    /// # Errors
    ///
    /// As [`parked`](Self::parked).
    pub async fn newest(&self) -> Result<Newest, QueryError> {
        let row = self.ask(include_str!("examine/sql/find_newest.sql")).await?;
        Ok(Newest { event_at: row.try_get("event_at")?, mail_at: row.try_get("mail_at")? })
    }

    async fn ask(&self, template: &str) -> Result<Row, QueryError> {
        Ok(self.client().query_one(&render(template, &self.prefix), &[]).await?)
    }
}

fn name_and_value(row: &Row) -> Result<(String, String), tokio_postgres::Error> {
    Ok((row.try_get("name")?, row.try_get("value")?))
}

fn table_rights(row: &Row) -> Result<TableRights, tokio_postgres::Error> {
    let table: String = row.try_get("name")?;
    let needed = NEEDS.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, rights)| rights);
    let mut missing = Vec::new();
    for right in needed {
        if !row.try_get::<_, bool>(right.name().to_ascii_lowercase().as_str())? {
            missing.push(*right);
        }
    }
    Ok(TableRights { table, missing, has_policies: row.try_get("has_policies")? })
}

fn wide(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests;
