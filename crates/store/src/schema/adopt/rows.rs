//! Questions about rows, asked only where something is different. Each reads its table once at most.

use tokio_postgres::Client;

use crate::{
    Prefix,
    schema::contract::{FOREIGN_KEY, quoted},
};

/// How many rows are named as examples.
const EXAMPLES_MAX: i64 = 3;

/// What PostgreSQL reads as a UUID. <https://www.postgresql.org/docs/current/datatype-uuid.html>
pub(super) const UUID_PATTERN: &str = r"^\{?[0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}\}?$";

/// The rows of a schema's tables.
pub(super) struct Rows<'a> {
    client: &'a Client,
    prefix: &'a Prefix,
}

impl<'a> Rows<'a> {
    pub(super) fn new(client: &'a Client, prefix: &'a Prefix) -> Self {
        Self { client, prefix }
    }

    pub(super) fn table(&self, table: &str) -> String {
        format!("{}.{}", self.prefix.quoted(), quoted(table))
    }

    async fn number(&self, sql: &str) -> Result<i64, tokio_postgres::Error> {
        Ok(self.client.query_one(sql, &[]).await?.get(0))
    }

    /// Whether there are any.
    pub(super) async fn any(&self, table: &str) -> Result<bool, tokio_postgres::Error> {
        let sql = format!("SELECT EXISTS (SELECT FROM {})", self.table(table));
        Ok(self.client.query_one(&sql, &[]).await?.get(0))
    }

    /// How many there are, counted up to one more than a limit.
    pub(super) async fn count_up_to(&self, table: &str, limit: i64) -> Result<i64, tokio_postgres::Error> {
        self.number(&format!(
            "SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS some_rows",
            self.table(table),
            limit + 1
        ))
        .await
    }

    /// How many keep a condition.
    pub(super) async fn count_where(
        &self,
        table: &str,
        condition: &str,
    ) -> Result<i64, tokio_postgres::Error> {
        self.number(&format!("SELECT count(*) FROM {} WHERE {condition}", self.table(table))).await
    }

    /// The uuids of some that keep a condition.
    pub(super) async fn examples(
        &self,
        table: &str,
        condition: &str,
    ) -> Result<Vec<String>, tokio_postgres::Error> {
        let sql = format!(
            "SELECT uuid::text FROM {} WHERE ({condition}) AND uuid IS NOT NULL LIMIT {EXAMPLES_MAX}",
            self.table(table)
        );
        Ok(self.client.query(&sql, &[]).await?.iter().map(|row| row.get(0)).collect())
    }

    /// The query for rows that are there several times by some expressions, none of which is NULL.
    pub(super) fn doubled_sql(&self, table: &str, keys: &[String], condition: &str, shown: &str) -> String {
        let list = keys.join(", ");
        let set: Vec<String> = keys.iter().map(|key| format!("{key} IS NOT NULL")).collect();
        format!(
            "SELECT {shown} FROM {} WHERE {} AND {condition} GROUP BY {list} HAVING count(*) > 1",
            self.table(table),
            set.join(" AND ")
        )
    }

    /// How many keys are there several times, and the uuid of a row of some of them.
    pub(super) async fn doubled(
        &self,
        table: &str,
        keys: &[String],
        condition: &str,
    ) -> Result<(i64, Vec<String>), tokio_postgres::Error> {
        let groups = self.doubled_sql(table, keys, condition, "min(uuid::text) AS uuid");
        let sql = format!(
            "WITH doubled AS MATERIALIZED ({groups}) \
             SELECT (SELECT count(*) FROM doubled), \
                    ARRAY(SELECT uuid FROM doubled WHERE uuid IS NOT NULL ORDER BY uuid LIMIT {EXAMPLES_MAX})"
        );
        let row = self.client.query_one(&sql, &[]).await?;
        Ok((row.get(0), row.get(1)))
    }

    /// How many events lead to no mail. Texts are compared where the columns are not UUIDs yet.
    pub(super) async fn orphans(&self, as_text: bool) -> Result<i64, tokio_postgres::Error> {
        let (here, there) = if as_text {
            (normalised_uuid("event.email_log_uuid"), normalised_uuid("mail.uuid"))
        } else {
            ("event.email_log_uuid".to_owned(), "mail.uuid".to_owned())
        };
        self.number(&format!(
            "SELECT count(*) FROM {} AS event WHERE event.{} IS NOT NULL \
             AND NOT EXISTS (SELECT FROM {} AS mail WHERE {there} = {here})",
            self.table(FOREIGN_KEY.table),
            FOREIGN_KEY.column,
            self.table(FOREIGN_KEY.to)
        ))
        .await
    }

    /// What keeps a column's type from being changed, each named with what it is.
    pub(super) async fn dependents(
        &self,
        table: &str,
        column: &str,
    ) -> Result<Vec<String>, tokio_postgres::Error> {
        let sql = include_str!("../sql/read_dependents.sql");
        let rows = self.client.query(sql, &[&self.prefix.raw(), &table, &column]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

/// A text that is a UUID, without what different spellings of one UUID differ in.
pub(super) fn normalised_uuid(expression: &str) -> String {
    format!("lower(translate({expression}::text, '{{}}-', ''))")
}
