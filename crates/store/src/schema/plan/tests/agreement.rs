//! What a run sends to the server is what was planned, statement by statement.

use super::{Own, wire};
use crate::{
    Prefix,
    schema::{Migrator, Plan, Step, StepReport, UpOptions},
};

/// What changes neither tables nor the catalog nor takes a lock on them.
const HARMLESS: [&str; 9] =
    ["SELECT", "SET", "BEGIN", "START", "COMMIT", "ROLLBACK", "DECLARE", "FETCH", "CLOSE"];

/// Statements that change something or lock it. What runs for batch after batch counts once, and what only the run
/// knows is left out.
fn changing(statements: Vec<String>) -> Vec<String> {
    let mut changing: Vec<String> = statements
        .into_iter()
        .filter(|statement| !HARMLESS.iter().any(|word| statement.starts_with(word)))
        // A question, unless a part of it writes.
        .filter(|statement| {
            !statement.starts_with("WITH ")
                || ["INSERT INTO ", "UPDATE \"", "DELETE FROM "].iter().any(|word| statement.contains(word))
        })
        .map(|statement| match statement.split_once("secs => ") {
            Some((before, after)) => {
                format!("{before}secs => _{}", after.trim_start_matches(|c: char| "0123456789.…".contains(c)))
            }
            None => statement,
        })
        .collect();
    changing.dedup();
    changing
}

/// What was planned. What is to run only if something turns up may have been left out.
fn planned(plan: &Plan, sent: &[String]) -> Vec<String> {
    let operations = plan.steps.iter().flat_map(|step| &step.operations);
    changing(
        operations
            .flat_map(|operation| {
                let statements = operation.statements.iter().flat_map(|text| wire::statements(text));
                statements.filter(|statement| !operation.conditional || sent.contains(statement))
            })
            .collect(),
    )
}

/// Plans, runs, and compares. Gives both.
async fn check(own: &Own, prefix: &Prefix, options: UpOptions) -> (Plan, Vec<StepReport>) {
    let plan = own.plan(prefix, options).await;
    assert_eq!(plan.obstacles, [], "{plan:#?}");
    let wire = wire::Wire::to(own.database.url()).await;
    let mut migrator = Migrator::open(&wire.address, prefix.clone()).await.unwrap();
    let reports = migrator.up(options).await.unwrap();
    let sent = changing(wire.migrators());
    let planned = planned(&plan, &sent);
    for (number, (planned, sent)) in planned.iter().zip(&sent).enumerate() {
        assert_eq!(planned, sent, "statement {number} for {prefix}, planned and sent");
    }
    assert_eq!(planned.len(), sent.len(), "{prefix}: {:#?}", [planned.last(), sent.last()]);
    let steps: Vec<Step> = reports.iter().map(|report| report.step).collect();
    assert_eq!(plan.steps.iter().map(|step| step.step).collect::<Vec<_>>(), steps);
    // And then there is nothing left to do.
    assert!(own.plan(prefix, options).await.is_empty());
    (plan, reports)
}

fn ways() -> [(&'static str, UpOptions); 2] {
    [("online", UpOptions::default()), ("plain", UpOptions { in_transaction: true, ..UpOptions::default() })]
}

#[tokio::test]
async fn on_an_empty_database() {
    let own = Own::new().await;
    for (name, options) in ways() {
        let (plan, _) = check(&own, &name.parse().unwrap(), options).await;
        assert_eq!(plan.steps.len(), Step::ALL.len());
        assert!(plan.totals.seconds_min.is_none(), "{:?}", plan.totals);
    }
}

#[tokio::test]
async fn on_a_database_of_136_with_rows() {
    let own = Own::new().await;
    for (name, options) in ways() {
        let prefix = own.by_hand(name).await;
        let (plan, reports) = check(&own, &prefix, options).await;
        let number = |amount: Option<crate::schema::Amount>| amount.filter(|a| a.measured).unwrap().number;
        let counted = [
            format!(
                "{} duplicate events removed, and kept in aftersend_removed_events",
                number(plan.totals.duplicate_events)
            ),
            format!("{} mails given their SES id from their headers", number(plan.totals.ids_filled_in)),
        ];
        assert_eq!(reports[0].notes, counted);
        assert_eq!(plan.totals.indexes_built, 8);
    }
}

#[tokio::test]
async fn on_a_database_of_137() {
    let own = Own::new().await;
    for (name, options) in ways() {
        let prefix = own.by_hand(name).await;
        let half = UpOptions { target: Step::V137, ..options };
        check(&own, &prefix, half).await;
        // As at 137, but of PhoenixKit's making, with later steps of its own, and without one of the indexes.
        own.run(
            &prefix,
            r#"DROP TABLE "prefix".aftersend_progress, "prefix".aftersend_removed_events;
               DROP INDEX "prefix".phoenix_kit_email_logs_compress_scan_index;
               COMMENT ON TABLE "prefix".phoenix_kit IS '139'"#,
        )
        .await;
        let (plan, _) = check(&own, &prefix, options).await;
        let steps: Vec<Step> = plan.steps.iter().map(|step| step.step).collect();
        assert_eq!(
            steps,
            [
                Step::V137,
                Step::A1,
                Step::A2,
                Step::A3,
                Step::A4,
                Step::A5,
                Step::A6,
                Step::A7,
                Step::A8,
                Step::A9,
                Step::A10
            ]
        );
        assert_eq!(plan.totals.indexes_built, 1);
    }
}

/// Indexes that an operator built ahead, under names of their own, and what failed builds left.
#[tokio::test]
async fn with_prebuilt_indexes_and_left_overs() {
    let own = Own::new().await;
    own.database.create_pg_trgm().await;
    for (name, options) in ways() {
        let prefix = own.by_hand(name).await;
        let schema = prefix.quoted();
        own.run(
            &prefix,
            r#"CREATE INDEX "My own" ON "prefix".phoenix_kit_email_logs USING gin (subject public.gin_trgm_ops)"#,
        )
        .await;
        let fails = format!(
            "CREATE UNIQUE INDEX CONCURRENTLY left_over ON {schema}.phoenix_kit_email_events \
             (email_log_uuid, event_type) WHERE event_type NOT IN ('open', 'click')"
        );
        own.client.batch_execute(&fails).await.unwrap_err();
        let (plan, _) = check(&own, &prefix, options).await;
        let said: Vec<&str> =
            plan.steps.iter().flat_map(|step| &step.operations).map(|operation| &*operation.what).collect();
        assert!(said.iter().any(|what| what.contains("ename") && !what.contains("failed")), "{said:#?}");
        assert!(said.iter().any(|what| what.contains("a failed build")), "{said:#?}");
        assert_eq!(plan.totals.indexes_built, 7);
    }
}

/// A build that failed after its index was ready is built again beside itself.
#[tokio::test]
async fn with_an_index_that_refuses_already() {
    let own = Own::new().await;
    own.database.create_pg_trgm().await;
    let prefix = own.by_hand("ready").await;
    own.run(
        &prefix,
        r#"DELETE FROM "prefix".phoenix_kit_email_events WHERE event_type IN ('open', 'click');
           CREATE UNIQUE INDEX phoenix_kit_email_events_log_uuid_type_occurred_index
               ON "prefix".phoenix_kit_email_events (email_log_uuid, event_type, occurred_at)
               WHERE event_type IN ('open', 'click');
           UPDATE pg_index SET indisvalid = false
               WHERE indexrelid = '"prefix".phoenix_kit_email_events_log_uuid_type_occurred_index'::regclass"#,
    )
    .await;
    let (plan, _) = check(&own, &prefix, UpOptions::default()).await;
    let statements = plan.steps.iter().flat_map(|step| &step.operations).flat_map(|o| &o.statements);
    assert_eq!(statements.filter(|statement| statement.starts_with("REINDEX")).count(), 1);
}

/// Tables that have drifted from V136: what is put right first is planned, too.
#[tokio::test]
async fn on_a_drifted_database() {
    let own = Own::new().await;
    own.database.create_pg_trgm().await;
    for (name, options) in ways() {
        let prefix = own.by_hand(name).await;
        own.run(
            &prefix,
            r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP COLUMN locale, DROP COLUMN delayed_at;
               DROP INDEX "prefix".phoenix_kit_email_logs_status_sent_at_idx;
               DROP TABLE "prefix".phoenix_kit_email_metrics;
               ALTER INDEX "prefix".phoenix_kit_email_events_occurred_at_idx RENAME TO another"#,
        )
        .await;
        let (plan, _) = check(&own, &prefix, options).await;
        assert_eq!(plan.steps[0].step, Step::V136);
        assert!(plan.steps[0].operations.len() >= 5, "{plan:#?}");
    }
}

/// Removed events that are other occurrences are folded, if there are any.
#[tokio::test]
async fn with_events_that_are_no_repeats() {
    let own = Own::new().await;
    own.database.create_pg_trgm().await;
    for (name, options) in ways() {
        let prefix = own.by_hand(name).await;
        own.run(
            &prefix,
            r#"UPDATE "prefix".phoenix_kit_email_events
               SET event_data = jsonb_build_object(
                   'timestamp', '2026-09-01T10:00:20.000Z', 'ipAddress', '192.0.2.1', 'userAgent', 'x',
                   'link', 'https://example.com/' || uuid)
               WHERE event_type = 'click'"#,
        )
        .await;
        let (plan, reports) = check(&own, &prefix, options).await;
        assert!(reports[1].notes.iter().any(|note| note.contains("folded")), "{reports:?}");
        let a1 = plan.steps.iter().find(|step| step.step == Step::A1).unwrap();
        assert_eq!(a1.operations.iter().filter(|operation| operation.conditional).count(), 1);
    }
}
