//! A database of a test's own at V136, with mails and events in it as an application left them.

use std::time::{Duration, Instant};

use aftersend_testkit::{
    Database,
    database::{Client, TestDatabase},
};
use uuid::Uuid;

use crate::{
    DatabaseAddress, Prefix,
    schema::{DownOptions, Limits, MigrateError, Migrator, Step, StepReport, Target, UpOptions},
    sql::render,
};

/// How long anything that a test waits for may take on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// A database, and a session to look into it. It is a superuser's, and no migrator's.
pub(super) struct Live {
    pub(super) client: Client,
    pub(super) address: DatabaseAddress,
    pub(super) prefix: Prefix,
    pub(super) database: TestDatabase,
}

impl Live {
    /// V136 without rows.
    pub(super) async fn new() -> Self {
        let live = Self::bare().await;
        live.database.create_pg_trgm().await;
        live.migrator().await.up(Step::V136).await.unwrap();
        live
    }

    /// Not even a schema.
    pub(super) async fn bare() -> Self {
        let database = Database::get().await.fresh_database().await;
        let address = database.url().parse().unwrap();
        Self { client: database.client().await, address, prefix: "mail".parse().unwrap(), database }
    }

    /// V136 with so many mails, and events of them, many twice.
    pub(super) async fn with_mails(mails: i32) -> Self {
        let live = Self::new().await;
        live.fill(mails).await;
        live
    }

    /// Makes the same rows each time: keys against the order of time, duplicates of every kind, ids in headers.
    pub(super) async fn fill(&self, mails: i32) {
        let fill = include_str!("../../../test_data/v136_many.sql").replace("10000", &mails.to_string());
        self.run(&fill).await;
    }

    pub(super) async fn migrator(&self) -> Migrator {
        Migrator::open(&self.address, self.prefix.clone()).await.unwrap()
    }

    /// Up to 137 with the default limits.
    pub(super) async fn up(&self) -> Result<Vec<StepReport>, MigrateError> {
        self.up_within(Limits::default()).await
    }

    pub(super) async fn up_within(&self, limits: Limits) -> Result<Vec<StepReport>, MigrateError> {
        let options = UpOptions { target: Step::V137, limits, ..UpOptions::default() };
        Migrator::open(&self.address, self.prefix.clone()).await?.up(options).await
    }

    /// Down to 136, with the removed events put back.
    pub(super) async fn down_restoring(&self) -> Result<Vec<StepReport>, MigrateError> {
        let options = DownOptions { restore_removed: true, ..DownOptions::default() };
        let mut migrator = Migrator::open(&self.address, self.prefix.clone()).await?;
        migrator.down(Target::Step(Step::V136), options).await
    }

    /// Runs SQL with the schema spelled `"prefix"`.
    pub(super) async fn run(&self, template: &str) {
        run(&self.client, template).await;
    }

    /// A number that a query gives, with the schema spelled `"prefix"`.
    pub(super) async fn number(&self, template: &str) -> i64 {
        let sql = render(template, &self.prefix);
        self.client.query_one(&sql, &[]).await.unwrap_or_else(|error| panic!("{error:?}\n{sql}")).get(0)
    }

    /// The first column of a query.
    pub(super) async fn texts(&self, template: &str) -> Vec<String> {
        let sql = render(template, &self.prefix);
        let rows = self.client.query(&sql, &[]).await.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub(super) async fn uuids(&self, template: &str) -> Vec<Uuid> {
        let rows = self.client.query(&render(template, &self.prefix), &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Waits until a query that gives a boolean gives true, and says so when it never does.
    pub(super) async fn until(&self, template: &str) {
        let sql = render(template, &self.prefix);
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let row =
                self.client.query_one(&sql, &[]).await.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
            if row.get(0) {
                return;
            }
            assert!(Instant::now() < deadline, "never true: {sql}");
            tokio::task::yield_now().await;
        }
    }

    /// Every object, a line each.
    pub(super) async fn catalog(&self) -> Vec<String> {
        self.texts(include_str!("../../../test_data/catalog.sql")).await
    }

    /// A line for each table that says whether its rows are the same as in another database.
    pub(super) async fn rows(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (table, columns) in [
            ("phoenix_kit_email_logs", "row"),
            ("phoenix_kit_email_events", "row"),
            (
                "aftersend_removed_events",
                "(row.uuid, row.email_log_uuid, row.kept_uuid, row.step, row.\"row\")",
            ),
        ] {
            let there = format!("SELECT (to_regclass('mail.{table}') IS NOT NULL)::int::bigint");
            if self.number(&there).await == 0 {
                lines.push(format!("no {table}"));
                continue;
            }
            lines.extend(
                self.texts(&format!(
                    "SELECT '{table} ' || count(*) || ' ' || coalesce(md5(string_agg({columns}::text, ' ' ORDER BY uuid)), '') \
                     FROM \"prefix\".{table} AS row"
                ))
                .await,
            );
        }
        lines
    }

    /// That V137 is there, whole, and that nothing is there twice.
    pub(super) async fn assert_migrated(&self) {
        let status = Migrator::status(&self.address, &self.prefix).await.unwrap();
        assert!(status.has(Step::V137), "{:?}", status.steps);
        let twice = "SELECT count(*) FROM (SELECT FROM \"prefix\".phoenix_kit_email_events \
             GROUP BY email_log_uuid, event_type, CASE WHEN event_type IN ('open', 'click') THEN occurred_at END \
             HAVING count(*) > 1) AS twice";
        assert_eq!(self.number(twice).await, 0, "duplicates are left");
        assert_eq!(self.invalid().await, Vec::<String>::new(), "left-overs");
    }

    /// The names of indexes that are not valid.
    pub(super) async fn invalid(&self) -> Vec<String> {
        self.texts("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1").await
    }
}

/// Runs SQL with the schema spelled `"prefix"` in some session.
pub(super) async fn run(client: &Client, template: &str) {
    let sql = render(template, &"mail".parse().unwrap());
    client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
}

/// The server's process number of a session.
pub(super) async fn pid(client: &Client) -> i32 {
    client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0)
}
