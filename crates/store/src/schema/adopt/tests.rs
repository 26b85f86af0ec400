//! Databases that drifted, each in one way and in many at once. Builds go on concurrently, so every test has a
//! database of its own, and its cases a schema each.

use std::{sync::Arc, time::Duration};

use aftersend_testkit::{
    Database,
    database::{Client, TestDatabase},
};

use super::{Cure, Repair, judge, run, survey};
use crate::{
    Connection, DatabaseAddress, Prefix,
    schema::{
        Limits, MigrateError, Migrator, Step, catalog::Catalog, compare, online::Session,
        tests::assert_same_catalog,
    },
    sql::render,
    testing::assert_says,
};

mod drifts;

use drifts::{DRIFTS, OBSTACLES};

/// A database of the test's own.
struct Own {
    database: TestDatabase,
    address: DatabaseAddress,
    client: Client,
}

/// A schema at V136 in it, as an application's own hand made it, with rows.
struct Case<'a> {
    own: &'a Own,
    prefix: Prefix,
}

impl Own {
    async fn new() -> Self {
        let database = Database::get().await.fresh_database().await;
        database.create_pg_trgm().await;
        let address = database.url().parse().unwrap();
        let client = database.client().await;
        Self { database, address, client }
    }

    async fn case(&self, name: &str) -> Case<'_> {
        let case = Case { own: self, prefix: format!("case_of_{name}").parse().unwrap() };
        case.run(include_str!("../../../test_data/v136_by_hand.sql")).await;
        case.run(include_str!("../../../test_data/v136_drift_rows.sql")).await;
        case
    }
}

impl Case<'_> {
    /// Runs repairs as the migrator does.
    async fn repair(&self, repairs: &[Repair], limits: Limits) -> Result<Vec<String>, MigrateError> {
        let mut connection = Connection::open(&self.own.address).await?;
        let task = (Step::V136, true);
        let mut session = Session::new(
            &mut connection.client,
            &self.own.address,
            &self.prefix,
            limits,
            Arc::default(),
            task,
        );
        run(&mut session, repairs).await
    }

    async fn try_run(&self, template: &str) -> Result<(), tokio_postgres::Error> {
        self.own.client.batch_execute(&render(template, &self.prefix)).await
    }

    async fn run(&self, template: &str) {
        self.try_run(template).await.unwrap_or_else(|error| panic!("{error:?}\n{template}"));
    }

    async fn number(&self, template: &str) -> i64 {
        self.own.client.query_one(&render(template, &self.prefix), &[]).await.unwrap().get(0)
    }

    async fn up(&self) -> Result<Vec<String>, MigrateError> {
        let mut migrator = Migrator::open(&self.own.address, self.prefix.clone()).await.unwrap();
        let reports = migrator.up(Step::V136).await?;
        assert!(reports.len() <= 1, "{reports:?}");
        Ok(reports.into_iter().flat_map(|report| report.notes).collect())
    }

    /// Every object, a line each, but for the places of columns, which nobody can change, and for the comments that
    /// tell who made a table or a function.
    async fn catalog(&self) -> Vec<String> {
        let sql = render(include_str!("../../../test_data/catalog.sql"), &self.prefix);
        let rows = self.own.client.query(&sql, &[]).await.unwrap();
        let mut lines: Vec<String> = rows
            .iter()
            .map(|row| row.get::<_, String>(0).replace(self.prefix.raw(), "…"))
            .filter(|line| !line.starts_with("function "))
            .map(|line| match line.strip_prefix("column ").and_then(|rest| rest.split_once(' ')) {
                Some((place, rest)) => format!("column {} {rest}", place.split('.').next().unwrap()),
                None if line.starts_with("table ") => line.replace(": made by Aftersend", ": "),
                None => line,
            })
            .collect();
        lines.sort();
        lines
    }

    /// Every row of every table, as text.
    async fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        let tables = self
            .own
            .client
            .query(
                "SELECT tablename::text FROM pg_tables WHERE schemaname = $1 ORDER BY 1",
                &[&self.prefix.raw()],
            )
            .await
            .unwrap();
        for table in tables {
            let table: &str = table.get(0);
            let sql =
                render(&format!("SELECT t::text FROM \"prefix\".{table} AS t ORDER BY 1"), &self.prefix);
            let found = self.own.client.query(&sql, &[]).await.unwrap();
            rows.extend(found.iter().map(|row| format!("{table} {}", row.get::<_, &str>(0))));
        }
        rows
    }

    /// That nothing is left to be done, and what the tables must look like then.
    async fn assert_whole(&self, expected: &[String]) {
        let catalog: Vec<String> = self
            .catalog()
            .await
            .into_iter()
            .filter(|line| !line.contains("aftersend_removed_events"))
            .collect();
        assert_same_catalog(&catalog, expected);
        assert!(survey(&self.own.client, &self.prefix, 136).await.unwrap().is_empty());
    }
}

const LOGS_AND_EVENTS: &str = r#"SELECT (SELECT count(*) FROM "prefix".phoenix_kit_email_logs)
    + (SELECT count(*) FROM "prefix".phoenix_kit_email_events)"#;

#[tokio::test]
async fn what_lacks_nothing_is_left_alone() {
    let own = Own::new().await;
    let case = own.case("nothing").await;
    let (catalog, rows) = (case.catalog().await, case.rows().await);
    assert!(case.up().await.unwrap().is_empty());
    assert_same_catalog(&case.catalog().await, &catalog);
    assert_eq!(case.rows().await, rows);
    // Wider is fine, and so is what is an operator's own.
    case.run(
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN subject TYPE text, ADD COLUMN note text;
           CREATE INDEX own_idx ON "prefix".phoenix_kit_email_logs (note)"#,
    )
    .await;
    assert!(case.up().await.unwrap().is_empty());
}

#[tokio::test]
async fn each_drift_is_repaired() {
    check_each_drift(true).await;
}

#[tokio::test]
async fn each_drift_is_repaired_where_mails_are_none() {
    check_each_drift(false).await;
}

/// Each way of drifting by itself.
async fn check_each_drift(with_rows: bool) {
    let own = Own::new().await;
    let expected = own.case("fresh").await.catalog().await;
    // Types and defaults are changed in the same way whether there are rows or not.
    let differs = |drift: &str| with_rows || !(drift.contains(" TYPE ") || drift.contains(" DEFAULT"));
    for (place, (drift, said)) in DRIFTS.iter().enumerate().filter(|(_, (drift, _))| differs(drift)) {
        let case = own.case(&place.to_string()).await;
        if !with_rows {
            case.run(r#"TRUNCATE "prefix".phoenix_kit_email_logs CASCADE"#).await;
        }
        case.run(drift).await;
        let before = case.number(LOGS_AND_EVENTS).await;
        let notes = case.up().await.unwrap_or_else(|error| panic!("{error}\n{drift}"));
        assert!(!notes.is_empty(), "{drift}");
        if with_rows {
            assert!(
                notes.iter().any(|note| note.contains(said)),
                "`{said}` is not in {notes:?} after {drift}"
            );
        }
        case.assert_whole(&expected).await;
        assert_eq!(case.number(LOGS_AND_EVENTS).await + removed(&case).await, before, "{drift}");
        case.run(r#"DROP SCHEMA "prefix" CASCADE"#).await;
    }
}

async fn removed(case: &Case<'_>) -> i64 {
    let there =
        case.number(r#"SELECT (to_regclass('"prefix".aftersend_removed_events') IS NOT NULL)::int::bigint"#);
    match there.await {
        0 => 0,
        _ => {
            case.number(r#"SELECT count(*) FROM "prefix".aftersend_removed_events WHERE step = '136'"#).await
        }
    }
}

/// Any of them together, in any order; what does not go with those before is left out.
#[tokio::test]
async fn drifts_together_are_repaired() {
    let own = Own::new().await;
    let expected = own.case("fresh").await.catalog().await;
    let cases: u64 = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    for seed in 0..cases {
        let mut random = fastrand::Rng::with_seed(seed);
        let case = own.case(&format!("seed_{seed}")).await;
        let mut drifts: Vec<&str> = DRIFTS.iter().map(|(drift, _)| *drift).collect();
        random.shuffle(&mut drifts);
        drifts.truncate(if seed == 0 { drifts.len() } else { random.usize(2..8) });
        // A change of a column's type would make an invalid index whole again.
        drifts.sort_by_key(|drift| drift.contains("pg_index"));
        let mut applied = Vec::new();
        for drift in drifts {
            if case.try_run(&format!("BEGIN; {drift}; COMMIT")).await.is_ok() {
                applied.push(drift);
            } else {
                case.run("ROLLBACK").await;
            }
        }
        let before = case.number(LOGS_AND_EVENTS).await;
        case.up().await.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{applied:#?}"));
        case.assert_whole(&expected).await;
        assert_eq!(case.number(LOGS_AND_EVENTS).await + removed(&case).await, before, "seed {seed}");
        case.run(r#"DROP SCHEMA "prefix" CASCADE"#).await;
    }
}

/// Each obstacle by itself, beside a drift that could be repaired.
#[tokio::test]
async fn an_obstacle_keeps_everything_as_it_is() {
    let own = Own::new().await;
    for (place, (obstacle, said)) in OBSTACLES.iter().enumerate() {
        let case = own.case(&format!("obstacle_{place}")).await;
        case.run(obstacle).await;
        case.run(r#"DROP INDEX "prefix".phoenix_kit_email_logs_sent_at_idx"#).await;
        let (catalog, rows) = (case.catalog().await, case.rows().await);
        let error = match case.up().await {
            Err(error @ MigrateError::Drifted { .. }) => error.to_string(),
            other => panic!("{other:?} after {obstacle}"),
        };
        for part in *said {
            let part = render(part, &case.prefix);
            assert!(error.contains(&part), "`{part}` is not in: {error}");
        }
        assert!(!error.contains('@'), "an address is in: {error}");
        assert_same_catalog(&case.catalog().await, &catalog);
        assert_eq!(case.rows().await, rows);
        case.run(r#"DROP SCHEMA "prefix" CASCADE"#).await;
    }
}

/// What a row gets where it has nothing comes from the row.
#[tokio::test]
async fn times_are_filled_from_each_other() {
    let own = Own::new().await;
    let case = own.case("times").await;
    case.run(
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP COLUMN inserted_at, ALTER COLUMN updated_at DROP NOT NULL;
           UPDATE "prefix".phoenix_kit_email_logs SET updated_at = NULL;
           ALTER TABLE "prefix".phoenix_kit_email_events DROP COLUMN occurred_at"#,
    )
    .await;
    case.up().await.unwrap();
    let wrong = case
        .number(
            r#"SELECT count(*) FROM "prefix".phoenix_kit_email_logs
               WHERE inserted_at IS DISTINCT FROM sent_at OR updated_at IS DISTINCT FROM sent_at"#,
        )
        .await;
    assert_eq!(wrong, 0);
    let wrong = case
        .number(r#"SELECT count(*) FROM "prefix".phoenix_kit_email_events WHERE occurred_at <> inserted_at"#)
        .await;
    assert_eq!(wrong, 0);
}

#[tokio::test]
async fn events_of_no_mail_are_kept_whole() {
    let own = Own::new().await;
    let case = own.case("orphans").await;
    case.run(
        r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT fk_email_events_email_log_uuid;
           DELETE FROM "prefix".phoenix_kit_email_logs WHERE message_id = 'pk_3'"#,
    )
    .await;
    let orphans = r#"SELECT count(*) FROM "prefix".phoenix_kit_email_events AS e
        WHERE NOT EXISTS (SELECT FROM "prefix".phoenix_kit_email_logs AS l WHERE l.uuid = e.email_log_uuid)"#;
    let number = case.number(orphans).await;
    assert!(number > 600, "more than a batch: {number}");
    case.run(
        r#"CREATE TABLE "prefix".expected AS SELECT uuid, to_jsonb(e) AS "row" FROM "prefix".phoenix_kit_email_events AS e
           WHERE NOT EXISTS (SELECT FROM "prefix".phoenix_kit_email_logs AS l WHERE l.uuid = e.email_log_uuid)"#,
    )
    .await;
    let notes = case.up().await.unwrap();
    assert!(
        notes.iter().any(|note| note.contains(&format!("{number} events of no mail moved"))),
        "{notes:?}"
    );
    assert_eq!(case.number(orphans).await, 0);
    let same = r#"SELECT count(*) FROM "prefix".expected JOIN "prefix".aftersend_removed_events USING (uuid, "row")"#;
    assert_eq!(case.number(same).await, number);
}

/// Ended anywhere, the next run goes on.
#[tokio::test]
async fn a_run_that_was_ended_is_finished_by_the_next() {
    let own = Own::new().await;
    let expected = own.case("fresh").await.catalog().await;
    let all: Vec<&str> = DRIFTS.iter().map(|(drift, _)| *drift).collect();
    for stop in [1, 3, 5, 8, 12, 20] {
        let case = own.case(&format!("stop_{stop}")).await;
        for drift in &all {
            if case.try_run(&format!("BEGIN; {drift}; COMMIT")).await.is_err() {
                case.run("ROLLBACK").await;
            }
        }
        let mut repairs = survey(&own.client, &case.prefix, 136).await.unwrap();
        assert!(repairs.len() > 20, "{}", repairs.len());
        // The first so many acts, wherever in a repair that ends.
        let mut acts = stop;
        for repair in &mut repairs {
            repair.acts.truncate(acts);
            acts -= repair.acts.len();
        }
        case.repair(&repairs, Limits::default()).await.unwrap();
        case.up().await.unwrap();
        case.assert_whole(&expected).await;
        case.run(r#"DROP SCHEMA "prefix" CASCADE"#).await;
    }
}

/// A session that sits on a table keeps a repair from it, and neither waits long for the other.
#[tokio::test]
async fn who_holds_a_lock_is_not_waited_for_for_ever() {
    let own = Own::new().await;
    let case = own.case("held").await;
    case.run(r#"ALTER TABLE "prefix".phoenix_kit_email_events DROP COLUMN link_url"#).await;
    let repairs = survey(&own.client, &case.prefix, 136).await.unwrap();
    let other = own.database.client().await;
    let read = render(r#"BEGIN; SELECT FROM "prefix".phoenix_kit_email_events LIMIT 1"#, &case.prefix);
    other.batch_execute(&read).await.unwrap();
    let hasty = Limits {
        lock_timeout: Duration::from_millis(5),
        wait_budget: Duration::from_millis(100),
        ..Limits::default()
    };
    assert_says(case.repair(&repairs, hasty).await, &["step 136", "idle in transaction", "does not give up"]);
    other.batch_execute("COMMIT").await.unwrap();
    case.repair(&repairs, hasty).await.unwrap();
    assert!(survey(&own.client, &case.prefix, 136).await.unwrap().is_empty());
}

/// Above the limit nothing is written anew, and the statement is told.
#[tokio::test]
async fn a_large_table_is_not_written_anew() {
    let own = Own::new().await;
    let case = own.case("large").await;
    case.run(
        r#"INSERT INTO "prefix".phoenix_kit_email_metrics (metric_key, inserted_at, updated_at)
           SELECT n::text, now(), now() FROM generate_series(1, 50001) AS n;
           ALTER TABLE "prefix".phoenix_kit_email_metrics ALTER COLUMN value TYPE int"#,
    )
    .await;
    let error = case.up().await.unwrap_err().to_string();
    let statement = render(
        r#"ALTER TABLE "prefix"."phoenix_kit_email_metrics" ALTER COLUMN "value" TYPE bigint;"#,
        &case.prefix,
    );
    assert!(error.contains("more than 50,000 rows") && error.contains(&statement), "{error}");
    case.run(r#"DELETE FROM "prefix".phoenix_kit_email_metrics WHERE metric_key IN ('1', 'sent')"#).await;
    case.up().await.unwrap();
}

/// The statements for a quiet hour do it, keys and defaults in their way included.
#[tokio::test]
async fn what_is_told_for_a_quiet_hour_works() {
    let own = Own::new().await;
    let expected = own.case("fresh").await.catalog().await;
    let case = own.case("quiet").await;
    case.run(
        r#"INSERT INTO "prefix".phoenix_kit_email_events
               (email_log_uuid, event_type, occurred_at, inserted_at, updated_at)
           SELECT '01990000-0000-7000-8000-000000000005', 'click', now() + n * interval '1 s', now(), now()
           FROM generate_series(1, 50001) AS n;
           ALTER TABLE "prefix".phoenix_kit_email_events DROP CONSTRAINT fk_email_events_email_log_uuid,
               ALTER COLUMN email_log_uuid TYPE varchar(255);
           ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN uuid DROP DEFAULT,
               ALTER COLUMN uuid TYPE varchar(255);
           ALTER TABLE "prefix".phoenix_kit_email_events ADD CONSTRAINT fk_email_events_email_log_uuid
               FOREIGN KEY (email_log_uuid) REFERENCES "prefix".phoenix_kit_email_logs (uuid) ON DELETE CASCADE"#,
    )
    .await;
    let error = case.up().await.unwrap_err().to_string();
    let statements = error.split_once("In a quiet hour: ").unwrap().1;
    case.run(statements.lines().next().unwrap()).await;
    case.up().await.unwrap();
    case.assert_whole(&expected).await;
}

/// An application that goes on writing meets no error, and all it wrote is there.
#[tokio::test]
async fn writers_go_on_meanwhile() {
    let own = Own::new().await;
    let expected = own.case("fresh").await.catalog().await;
    let case = own.case("busy").await;
    case.run(
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP CONSTRAINT phoenix_kit_email_logs_pkey CASCADE,
               ALTER COLUMN uuid DROP NOT NULL, ALTER COLUMN status DROP NOT NULL, DROP COLUMN retry_count;
           UPDATE "prefix".phoenix_kit_email_logs SET status = NULL WHERE message_id <> 'pk_1';
           DELETE FROM "prefix".phoenix_kit_email_logs WHERE message_id = 'pk_3';
           DROP INDEX "prefix".phoenix_kit_email_logs_message_id_uidx, "prefix".phoenix_kit_email_events_uuid_idx;
           ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN user_agent TYPE varchar(80)"#,
    )
    .await;
    let writer = own.database.client().await;
    let write = render(
        r#"WITH mail AS (
               INSERT INTO "prefix".phoenix_kit_email_logs (message_id, "to", "from", inserted_at, updated_at)
               SELECT 'new ' || gen_random_uuid(), 'a', 'b', now(), now()
               RETURNING uuid
           )
           SELECT uuid FROM mail"#,
        &case.prefix,
    );
    let add = render(
        r#"INSERT INTO "prefix".phoenix_kit_email_events (email_log_uuid, event_type, inserted_at, updated_at)
           SELECT $1, 'send', now(), now()"#,
        &case.prefix,
    );
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (begun, beginning) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let (mut written, mut begun, mut stopped) = (0_i64, Some(begun), stopped);
        while stopped.try_recv().is_err() {
            let mail: uuid::Uuid = writer.query_one(&write, &[]).await.unwrap().get(0);
            writer.execute(&add, &[&mail]).await.unwrap();
            written += 1;
            if let Some(begun) = begun.take() {
                begun.send(()).unwrap();
            }
        }
        written
    });
    beginning.await.unwrap();
    let up = case.up().await;
    stop.send(()).unwrap();
    let written = task.await.unwrap();
    up.unwrap();
    assert!(written > 1, "{written}");
    case.assert_whole(&expected).await;
    let there = case
        .number(
            r#"SELECT count(*) FROM "prefix".phoenix_kit_email_events AS event
               JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = event.email_log_uuid
               WHERE mail.message_id LIKE 'new %'"#,
        )
        .await;
    assert_eq!(there, written);
}

/// What looks like a leftover and is being built just now is its builder's.
#[tokio::test]
async fn an_index_that_is_being_built_is_left_to_its_builder() {
    let own = Own::new().await;
    let expected = own.case("fresh").await.catalog().await;
    let case = own.case("building").await;
    case.run(r#"DROP INDEX "prefix".phoenix_kit_email_logs_sent_at_idx"#).await;
    let (holder, builder) = (own.database.client().await, own.database.client().await);
    let write =
        r#"BEGIN; UPDATE "prefix".phoenix_kit_email_logs SET subject = 'held' WHERE message_id = 'pk_1'"#;
    holder.batch_execute(&render(write, &case.prefix)).await.unwrap();
    let build = render(
        r#"CREATE INDEX CONCURRENTLY phoenix_kit_email_logs_sent_at_idx ON "prefix".phoenix_kit_email_logs (sent_at)"#,
        &case.prefix,
    );
    let task = tokio::spawn(async move { builder.batch_execute(&build).await });
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let catalog = Catalog::read(&own.client, &case.prefix).await.unwrap();
        if catalog.indexes.iter().any(|found| found.builder.is_some()) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the build has not begun");
        tokio::task::yield_now().await;
    }
    let error = case.up().await.unwrap_err().to_string();
    assert!(error.contains("phoenix_kit_email_logs_sent_at_idx is being built by process"), "{error}");
    holder.batch_execute("COMMIT").await.unwrap();
    task.await.unwrap().unwrap();
    assert!(case.up().await.unwrap().is_empty());
    case.assert_whole(&expected).await;
}

/// Only an owner can do it, which is said before anything is done.
#[tokio::test]
async fn tables_of_another_user_are_left_alone() {
    let own = Own::new().await;
    let case = own.case("others").await;
    case.run(r#"DROP INDEX "prefix".phoenix_kit_email_logs_sent_at_idx"#).await;
    let url = format!("{}&options=-c%20role%3Dpg_read_all_data", own.database.url());
    let mut migrator = Migrator::open(&url.parse().unwrap(), case.prefix.clone()).await.unwrap();
    let error = migrator.up(Step::V136).await.unwrap_err().to_string();
    let parts = ["phoenix_kit_email_logs is to be changed, and belongs to", "as the owner of the tables"];
    assert!(parts.iter().all(|part| error.contains(part)), "{error}");
}

/// What an operator may keep is told, and stops nothing.
#[tokio::test]
async fn a_unique_index_of_an_operators_own_is_told() {
    let own = Own::new().await;
    let case = own.case("refusing").await;
    case.run(r#"CREATE UNIQUE INDEX one_subject ON "prefix".phoenix_kit_email_logs (subject, message_id)"#)
        .await;
    case.run(r#"CREATE UNIQUE INDEX one_time ON "prefix".phoenix_kit_email_logs (sent_at)"#).await;
    assert!(case.up().await.unwrap().is_empty());
    let catalog = Catalog::read(&own.client, &case.prefix).await.unwrap();
    let drifts = compare::drifts(&catalog, Step::V136);
    let judgements = judge(&own.client, &case.prefix, &catalog, drifts).await.unwrap();
    let [judgement] = &judgements[..] else { panic!("{judgements:?}") };
    assert!(judgement.what.contains("one_time") && matches!(judgement.cure, Cure::Leave(_)), "{judgement:?}");
}
