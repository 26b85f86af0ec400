//! What is in the way, and what a plan says about numbers.

use aftersend_testkit::database::Client;

use super::Own;
use crate::{
    DatabaseAddress, Prefix,
    schema::{LastRun, Manner, Migrator, Plan, PlannedWay, Step, UpOptions, tests::catalog_lines},
    sql::render,
};

fn said(plan: &Plan) -> Vec<(&str, &str)> {
    plan.obstacles.iter().map(|obstacle| (&*obstacle.what, &*obstacle.fix)).collect()
}

/// The only obstacle, checked for parts of what is said and of what to do.
#[track_caller]
fn check(plan: &Plan, what: &str, fix: &str) {
    let said = said(plan);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].0.contains(what) && said[0].1.contains(fix), "{said:#?}");
    assert!(plan.steps.is_empty());
}

#[tokio::test]
async fn what_makes_up_fail_is_an_obstacle_with_its_fix() {
    let own = Own::new().await;
    own.database.create_pg_trgm().await;
    let prefix = own.by_hand("mail").await;
    let all = UpOptions::default();
    let table = r#"COMMENT ON TABLE "prefix".phoenix_kit IS "#;
    for (marker, what, fix) in [
        ("NULL", "has no comment", "COMMENT ON TABLE \"mail\".phoenix_kit IS '136'"),
        ("'many'", "has the comment `many`", "IS '136'"),
        ("'135'", "version 135", "PhoenixKit's own migrations"),
        ("'0'", "says 0", "IS '136'"),
    ] {
        own.run(&prefix, &format!("{table}{marker}")).await;
        check(&own.plan(&prefix, all).await, what, fix);
    }
    own.run(&prefix, &format!("{table}'136'")).await;

    let index =
        r#"CREATE INDEX phoenix_kit_email_logs_to_trgm_index ON "prefix".phoenix_kit_email_logs ("to")"#;
    own.run(&prefix, index).await;
    check(
        &own.plan(&prefix, all).await,
        "of no use",
        "DROP INDEX \"mail\".phoenix_kit_email_logs_to_trgm_index",
    );
    own.run(&prefix, r#"DROP INDEX "prefix".phoenix_kit_email_logs_to_trgm_index"#).await;

    let wrong = r#"ALTER TABLE "prefix".phoenix_kit_email_blocklist ALTER COLUMN email TYPE bytea USING email::bytea"#;
    own.run(&prefix, wrong).await;
    let plan = own.plan(&prefix, all).await;
    assert!(
        said(&plan).iter().any(|(what, fix)| what.contains("bytea") && !fix.is_empty()),
        "{:#?}",
        said(&plan)
    );
    let right = r#"ALTER TABLE "prefix".phoenix_kit_email_blocklist
        ALTER COLUMN email TYPE varchar(255) USING convert_from(email, 'UTF8')"#;
    own.run(&prefix, right).await;
    own.run(&prefix, r#"ALTER DATABASE "prefix" SET default_transaction_read_only = on"#.replace("\"prefix\"", &format!("\"{}\"", own.database.name())).as_str())
        .await;
    check(&own.plan(&prefix, all).await, "read-only", "primary");
}

#[tokio::test]
async fn rights_that_lack_are_named() {
    let own = Own::new().await;
    let prefix = own.by_hand("mail").await;
    let role = format!("{}_reader", own.database.name());
    own.client
        .batch_execute(&format!(
            "CREATE ROLE \"{role}\" LOGIN; GRANT USAGE ON SCHEMA mail TO \"{role}\"; \
             GRANT SELECT ON ALL TABLES IN SCHEMA mail TO \"{role}\""
        ))
        .await
        .unwrap();
    let config: tokio_postgres::Config = own.database.url().parse().unwrap();
    let address = format!("{}&user={role}", own.database.url());
    let address = if own.database.url().contains("://") { address } else { address.replace('&', " ") };
    let address: DatabaseAddress = address.parse().unwrap();
    let plan = Migrator::plan(&address, &prefix, &UpOptions::default()).await;
    let dropped = format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\"");
    own.client.batch_execute(&dropped).await.unwrap();
    let plan = plan.unwrap_or_else(|error| panic!("{error}, as {:?}", config.get_user()));
    let said = said(&plan);
    let has = |what: &str, fix: &str| said.iter().any(|(w, f)| w.contains(what) && f.contains(fix));
    assert!(
        has("may not make tables in the schema mail", "GRANT CREATE, USAGE ON SCHEMA \"mail\""),
        "{said:#?}"
    );
    assert!(has("phoenix_kit_email_logs belongs to", "Run this as"), "{said:#?}");
    assert!(has("needs the extension pg_trgm", "CREATE EXTENSION pg_trgm"), "{said:#?}");
    assert!(plan.steps.is_empty());
}

/// A transaction that builds would wait for is told of, and never what it runs.
#[tokio::test]
async fn transactions_in_the_way_are_told_of() {
    let own = Own::new().await;
    let prefix = own.by_hand("mail").await;
    let other = Client::connect(own.database.url()).await;
    other
        .batch_execute(
            "SET application_name = 'the shop'; BEGIN ISOLATION LEVEL REPEATABLE READ; \
             SELECT 'a secret' FROM mail.phoenix_kit_email_events LIMIT 1",
        )
        .await
        .unwrap();
    // Until it has lasted for long enough to be told of.
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    let plan = loop {
        let plan = own.plan(&prefix, UpOptions::default()).await;
        if !plan.blockers.is_empty() {
            break plan;
        }
        assert!(std::time::Instant::now() < deadline, "it was never told of");
    };
    let blocker = &plan.blockers[0];
    assert_eq!(blocker.application.as_deref(), Some("the shop"));
    assert_eq!(blocker.state.as_deref(), Some("idle in transaction"));
    assert!(blocker.pid.is_some() && blocker.since.is_some(), "{blocker:?}");
    assert!(blocker.holds_up == "index builds and drops, changes of columns", "{blocker:?}");
    assert!(!format!("{plan:?}").contains("secret"));
}

/// A plan changes nothing, and needs no turn.
#[tokio::test]
async fn a_plan_changes_nothing_and_waits_for_no_migrator() {
    let own = Own::new().await;
    let prefix = own.by_hand("mail").await;
    let before = catalog_lines(&own.client, &prefix).await;
    let waiting = Migrator::open(&own.address(), prefix.clone()).await.unwrap();
    for in_transaction in [false, true] {
        let plan = own.plan(&prefix, UpOptions { in_transaction, ..UpOptions::default() }).await;
        let way = if in_transaction { PlannedWay::InTransaction } else { PlannedWay::Online };
        assert_eq!((plan.way, plan.steps.len()), (way, 11));
        let kept_out = plan.totals.writers_kept_out_seconds_min;
        assert_eq!(kept_out.is_some(), in_transaction, "{:?}", plan.totals);
        // The plain way locks before it changes anything.
        let first = &plan.steps[0].operations.iter().find(|o| !o.locks.is_empty()).unwrap();
        assert_eq!(first.manner == Manner::TheTransaction, in_transaction, "{first:?}");
    }
    drop(waiting);
    assert_eq!(catalog_lines(&own.client, &prefix).await, before);
    assert_eq!(own.plan(&prefix, Step::V136).await.steps.len(), 0);
}

/// Where a run was broken off, its rate is what a time is told from.
#[tokio::test]
async fn the_rate_of_a_run_that_was_broken_off_counts() {
    let own = Own::new().await;
    let prefix: Prefix = own.by_hand("mail").await;
    own.run(&prefix, include_str!("../../sql/137_own_tables.sql")).await;
    own.run(
        &prefix,
        r#"INSERT INTO "prefix".aftersend_progress
               (singleton, step, direction, phase, done, total, unit, percent, server_pid, phase_began_at, updated_at)
           VALUES (true, '137', 'up', 'removing duplicate events', 100, 2000, 'events', 5, 0,
                   '2026-09-01 10:00:00Z', '2026-09-01 10:00:10Z')"#,
    )
    .await;
    let run: LastRun = Migrator::last_run(&own.address(), &prefix).await.unwrap().unwrap();
    assert!(!run.running && !run.is_done(), "{run:?}");
    let events = render("SELECT count(*) FROM \"prefix\".phoenix_kit_email_events", &prefix);
    let events: i64 = own.client.query_one(&events, &[]).await.unwrap().get(0);
    let plan = own.plan(&prefix, UpOptions::default()).await;
    let removal = plan.steps[0].operations.iter().find(|o| o.what.contains("duplicate events")).unwrap();
    let time = removal.time.as_ref().unwrap();
    assert!(!time.at_least && time.from.contains("2026-09-01 10:00:10"), "{time:?}");
    let expected = i32::try_from(events).unwrap();
    assert!((time.seconds - f64::from(expected) / 10.0).abs() < 0.01, "{time:?} for {events} events");
}
