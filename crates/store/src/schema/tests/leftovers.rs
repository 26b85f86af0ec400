//! What failed builds left, of ours or of somebody's, and what somebody is building or has built.

use aftersend_testkit::database::Client;
use tokio::task::JoinHandle;

use super::{
    assert_same_catalog,
    live::{Live, run},
};
use crate::{
    schema::{
        Migrator, Step,
        contract::{INDEXES, Index},
    },
    sql::render,
};

fn index(name: &str) -> &'static Index {
    INDEXES.iter().find(|index| index.name.ends_with(name)).unwrap()
}

/// A statement that builds an index of the contract's under another name.
fn build(index: &Index, name: &str) -> String {
    index.create_sql(&"mail".parse().unwrap(), "public", true).replace(index.name, name)
}

/// Runs a statement in a session of its own that is in nobody's way but that of one transaction.
fn start(client: Client, statement: &str) -> JoinHandle<Result<(), tokio_postgres::Error>> {
    let statement = render(statement, &"mail".parse().unwrap());
    tokio::spawn(async move { client.batch_execute(&statement).await })
}

const BUILDS: &str =
    "SELECT count(*) > 0 FROM pg_stat_progress_create_index WHERE datname = current_database()";

/// Leaves an index in the state that a build has in a phase: by ending the build there.
async fn leave(live: &Live, statement: &str, phase: &str) {
    let holder = live.database.client().await;
    let hold = if phase == "waiting for old snapshots" {
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class"
    } else {
        "BEGIN; LOCK TABLE \"prefix\".phoenix_kit_email_events, \"prefix\".phoenix_kit_email_logs \
         IN ROW EXCLUSIVE MODE"
    };
    run(&holder, hold).await;
    let task = start(live.database.client().await, statement);
    let here = format!(
        "SELECT pid::bigint FROM pg_stat_progress_create_index WHERE datname = current_database() AND phase = '{phase}'"
    );
    live.until(&format!("SELECT EXISTS ({here})")).await;
    live.number(&format!("SELECT pg_terminate_backend(({here})::int)::int::bigint")).await;
    task.await.unwrap().unwrap_err();
    drop(holder);
    live.until(&BUILDS.replace("> 0", "= 0")).await;
}

async fn whole() -> (Live, Vec<String>) {
    let live = Live::with_mails(200).await;
    live.up().await.unwrap();
    let catalog = live.catalog().await;
    live.down_restoring().await.unwrap();
    (live, catalog)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_builds_left_is_cleared_away_or_used() {
    let (live, catalog) = whole().await;
    let single = index("log_uuid_event_type_index");
    let (to, scan) = (index("to_trgm_index"), index("compress_scan_index"));
    // Under the contract's name, and not ready; under another name, and ready.
    leave(&live, &build(single, single.name), "waiting for writers before build").await;
    leave(&live, &build(scan, scan.name), "waiting for old snapshots").await;
    leave(&live, &build(scan, "by_hand"), "waiting for old snapshots").await;
    leave(&live, &build(to, to.name), "waiting for old snapshots").await;
    // What REINDEX leaves, twice.
    live.run(&build(to, "whole")).await;
    for phase in ["waiting for writers before build", "waiting for old snapshots"] {
        leave(&live, "REINDEX INDEX CONCURRENTLY \"prefix\".whole", phase).await;
    }
    live.run("ALTER INDEX \"prefix\".whole_ccnew RENAME TO whole_ccold").await;
    let left = live.invalid().await;
    assert_eq!(left.len(), 6, "{left:?}");
    live.up().await.unwrap();
    live.assert_migrated().await;
    assert_same_catalog(&live.catalog().await, &catalog);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_refuses_duplicates_already_is_kept() {
    let live = Live::with_mails(50).await;
    let single = index("log_uuid_event_type_index");
    live.run("DELETE FROM \"prefix\".phoenix_kit_email_events").await;
    leave(&live, &build(single, single.name), "waiting for old snapshots").await;
    let number = format!("SELECT '\"prefix\".{}'::regclass::oid::bigint", single.name);
    let before = live.number(&number).await;
    live.run("INSERT INTO \"prefix\".phoenix_kit_email_events (email_log_uuid, event_type, inserted_at, updated_at) \
              SELECT uuid, 'send', now(), now() FROM \"prefix\".phoenix_kit_email_logs")
        .await;
    let twice = "INSERT INTO \"prefix\".phoenix_kit_email_events (email_log_uuid, event_type, inserted_at, updated_at) \
              SELECT uuid, 'send', now(), now() FROM \"prefix\".phoenix_kit_email_logs LIMIT 1";
    let refused = live.client.batch_execute(&render(twice, &live.prefix)).await.unwrap_err();
    assert_eq!(refused.as_db_error().unwrap().constraint(), Some(single.name));
    live.up().await.unwrap();
    live.assert_migrated().await;
    // Built again beside itself: another one has the name now.
    assert_ne!(live.number(&number).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_built_ahead_are_taken_under_any_name() {
    let (live, catalog) = whole().await;
    live.up().await.unwrap();
    let rows = live.rows().await;
    live.down_restoring().await.unwrap();
    let (opened, subject) = (index("template_opened_index"), index("subject_trgm_index"));
    live.run(&build(opened, "by hand").replace("by hand", "\"by \"\"hand\"\"\"")).await;
    // A name of the contract's on one that failed, and the same built well under another.
    leave(&live, &build(subject, subject.name), "waiting for old snapshots").await;
    live.run(&build(subject, "searching")).await;
    let numbers = live.number("SELECT '\"prefix\".searching'::regclass::oid::bigint").await;
    live.up().await.unwrap();
    live.assert_migrated().await;
    assert_eq!(live.rows().await, rows);
    assert_same_catalog(&live.catalog().await, &catalog);
    let named = format!("SELECT '\"prefix\".{}'::regclass::oid::bigint", subject.name);
    assert_eq!(live.number(&named).await, numbers);

    // The same twice: the second stays, and is nobody's business.
    live.down_restoring().await.unwrap();
    for name in [opened.name, "again"] {
        live.run(&build(opened, name)).await;
    }
    live.up().await.unwrap();
    live.assert_migrated().await;
    assert_eq!(live.number("SELECT count(*) FROM pg_class WHERE relname = 'again'").await, 1);
}

/// Built by somebody else, which the server hides from whoever is neither that user nor a superuser.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_user_builds_is_waited_for() {
    let live = Live::with_mails(200).await;
    let owner = owned_by_a_role(&live).await;
    let subject = index("subject_trgm_index");
    let holder = live.database.client().await;
    run(&holder, "BEGIN; LOCK TABLE \"prefix\".phoenix_kit_email_logs IN ROW EXCLUSIVE MODE").await;
    let building = start(live.database.client().await, &build(subject, subject.name));
    live.until(BUILDS).await;
    let address = owner.parse().unwrap();
    let prefix = live.prefix.clone();
    let up = tokio::spawn(async move { Migrator::open(&address, prefix).await?.up(Step::V137).await });
    live.until(
        "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'phoenix_kit_email_events_log_uuid_type_occurred_index')",
    )
    .await;
    live.until(
        "SELECT EXISTS (SELECT FROM \"prefix\".aftersend_progress WHERE phase LIKE 'waiting for somebody%') \
         OR EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'DROP INDEX CONCURRENTLY%subject%' AND state = 'active')",
    )
    .await;
    let number = format!("SELECT '\"prefix\".{}'::regclass::oid::bigint", subject.name);
    let theirs = live.number(&number).await;
    drop(holder);
    building.await.unwrap().unwrap();
    up.await.unwrap().unwrap();
    live.assert_migrated().await;
    assert_eq!(live.number(&number).await, theirs, "what they built was dropped");
}

/// Gives all of it to a role that is no superuser, and says how to connect as that.
pub(super) async fn owned_by_a_role(live: &Live) -> String {
    // A role of PostgreSQL's own with a right that is of no use here; nobody has to make it or clean it up.
    let role = "pg_read_server_files";
    live.run(&format!(
        "ALTER SCHEMA \"prefix\" OWNER TO {role}; \
         DO $$DECLARE name text; BEGIN \
             FOR name IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'mail'::regnamespace AND relkind = 'r' LOOP \
                 EXECUTE format('ALTER TABLE %s OWNER TO {role}', name); \
             END LOOP; END$$; \
         ALTER FUNCTION \"prefix\".uuid_generate_v7() OWNER TO {role}"
    ))
    .await;
    format!("{}&options=-c%20role%3D{role}", live.database.url())
}
