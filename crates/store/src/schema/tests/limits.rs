//! What stands in the way: locks, settings of the server, rights, and tables that have changed.

use std::time::Duration;

use aftersend_testkit::database::Client;

use super::{
    assert_same_catalog,
    leftovers::owned_by_a_role,
    live::{Live, pid, run},
};
use crate::{
    schema::{DownOptions, Limits, Migrator, Step, Target},
    sql::render,
    testing::assert_says,
};

/// Too short to wait for anybody who does not go by himself.
const IMPATIENT: Limits = Limits {
    lock_timeout: Duration::from_millis(50),
    wait_budget: Duration::from_millis(600),
    tries_max: 20,
};

async fn holding(live: &Live, statements: &str) -> Client {
    let client = live.database.client().await;
    run(&client, statements).await;
    client
}

/// What writers do, each statement with a time limit that stands for their patience.
async fn write(live: &Live, client: &Client) {
    let statements = [
        "SET statement_timeout = '5s'; SET lock_timeout = '1s'",
        "INSERT INTO \"prefix\".phoenix_kit_email_logs (message_id, \"to\", \"from\", inserted_at, updated_at) \
         VALUES ('pk_w' || clock_timestamp(), 'a', 'b', now(), now())",
        "INSERT INTO \"prefix\".phoenix_kit_email_events (email_log_uuid, event_type, occurred_at, inserted_at, updated_at) \
         SELECT uuid, 'open', clock_timestamp(), now(), now() FROM \"prefix\".phoenix_kit_email_logs \
         WHERE message_id = 'pk_153'",
        "UPDATE \"prefix\".phoenix_kit_email_logs SET status = 'opened' WHERE message_id = 'pk_153'",
    ];
    for statement in statements {
        client.batch_execute(&render(statement, &live.prefix)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_in_the_way_is_named_and_writers_go_on() {
    let live = Live::with_mails(200).await;
    let writer = live.database.client().await;
    let events = "SELECT count(*) FROM \"prefix\".phoenix_kit_email_events";
    // Somebody who only reads, and began before: nobody's fault where a row's lock is waited for.
    let mut reader = Some(holding(&live, &format!("BEGIN; {events}")).await);
    for held in [
        "BEGIN; SELECT FROM \"prefix\".phoenix_kit_email_events WHERE event_data ->> 'copy' = '1' FOR UPDATE",
        "BEGIN; LOCK TABLE \"prefix\".phoenix_kit_email_events IN ROW EXCLUSIVE MODE",
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM pg_class",
        "BEGIN; SELECT FROM \"prefix\".phoenix_kit_email_logs WHERE headers <> '{}' FOR UPDATE",
        "BEGIN; LOCK TABLE \"prefix\".phoenix_kit IN SHARE MODE",
    ] {
        let holder = holding(&live, held).await;
        let holder_pid = pid(&holder).await;
        let address = live.address.clone();
        let (prefix, limits) = (live.prefix.clone(), IMPATIENT);
        let up = tokio::spawn(async move {
            let options = crate::schema::UpOptions { target: Step::V137, limits, ..Default::default() };
            Migrator::open(&address, prefix).await?.up(options).await
        });
        while !up.is_finished() {
            write(&live, &writer).await;
        }
        let named = format!("process {holder_pid} of the server");
        assert_says(up.await.unwrap(), &["step 137", &named, "in a transaction since", "run this again"]);
        println!("{held}");
        drop((holder, reader.take()));
        live.until("SELECT count(*) = 0 FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()")
            .await;
    }
    live.up().await.unwrap();
    live.assert_migrated().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vacuum_is_waited_for() {
    let live = Live::with_mails(300).await;
    live.run("DELETE FROM \"prefix\".phoenix_kit_email_logs WHERE message_id LIKE '%7'").await;
    let vacuum = live.database.client().await;
    let vacuum = tokio::spawn(async move {
        vacuum.batch_execute("SET vacuum_cost_delay = '20ms'; SET vacuum_cost_limit = 1").await.unwrap();
        vacuum.batch_execute("VACUUM mail.phoenix_kit_email_logs, mail.phoenix_kit_email_events").await
    });
    live.until("SELECT count(*) > 0 FROM pg_stat_progress_vacuum WHERE datname = current_database()").await;
    live.migrator().await.up(Step::LATEST).await.unwrap();
    vacuum.await.unwrap().unwrap();
    live.assert_migrated().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_the_database_change_nothing() {
    let (plain, odd) = tokio::join!(Live::with_mails(300), Live::with_mails(300));
    let name = odd.database.name();
    for setting in [
        "default_transaction_isolation = 'serializable'",
        "default_transaction_deferrable = on",
        "statement_timeout = '250ms'",
        "lock_timeout = '1ms'",
        "idle_in_transaction_session_timeout = '300ms'",
        "idle_session_timeout = '300ms'",
        "search_path = 'nowhere'",
        "DateStyle = 'SQL, DMY'",
        "TimeZone = 'Asia/Kathmandu'",
        "IntervalStyle = 'sql_standard'",
        "extra_float_digits = -15",
        "bytea_output = 'escape'",
        "standard_conforming_strings = off",
        "synchronous_commit = on",
        "enable_indexscan = off",
        "jit_above_cost = 0",
        "row_security = off",
    ] {
        let set = format!("ALTER DATABASE \"{name}\" SET {setting}");
        plain.client.batch_execute(&set).await.unwrap_or_else(|error| panic!("{setting}: {error:?}"));
    }
    for live in [&plain, &odd] {
        live.run(
            "ALTER TABLE \"prefix\".phoenix_kit_email_events ADD weight float8 DEFAULT 0.1 + 0.2, \
             ADD took interval DEFAULT '-1 year 2 days -3 hours', ADD raw bytea DEFAULT '\\x005c27ff'",
        )
        .await;
        live.up().await.unwrap();
        live.assert_migrated().await;
    }
    assert_eq!(odd.rows().await, plain.rows().await);
    for live in [&plain, &odd] {
        live.down_restoring().await.unwrap();
    }
    assert_eq!(odd.rows().await, plain.rows().await);
    assert_same_catalog(&odd.catalog().await, &plain.catalog().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_do_all_of_it_does_none_of_it() {
    let live = Live::with_mails(50).await;
    let url = owned_by_a_role(&live).await;
    let (catalog, rows) = (live.catalog().await, live.rows().await);
    let owner = "pg_read_server_files";
    for (taken, given_back, parts) in [
        (
            format!(
                "ALTER SCHEMA \"prefix\" OWNER TO CURRENT_USER; GRANT USAGE ON SCHEMA \"prefix\" TO {owner}"
            ),
            format!("REVOKE ALL ON SCHEMA \"prefix\" FROM {owner}; ALTER SCHEMA \"prefix\" OWNER TO {owner}"),
            ["may not create anything in the schema mail", "GRANT CREATE ON SCHEMA"],
        ),
        (
            format!(
                "ALTER TABLE \"prefix\".phoenix_kit_email_events OWNER TO CURRENT_USER; \
                 GRANT ALL ON \"prefix\".phoenix_kit_email_events TO {owner}"
            ),
            format!(
                "REVOKE ALL ON \"prefix\".phoenix_kit_email_events FROM {owner}; \
                 ALTER TABLE \"prefix\".phoenix_kit_email_events OWNER TO {owner}"
            ),
            ["only their owner may alter the tables", "Run it as the owner"],
        ),
        (
            "CREATE SCHEMA \"odd; name\"; ALTER EXTENSION pg_trgm SET SCHEMA \"odd; name\"".to_owned(),
            "ALTER EXTENSION pg_trgm SET SCHEMA public; DROP SCHEMA \"odd; name\"".to_owned(),
            ["use of the schema \"odd; name\"", "GRANT USAGE ON SCHEMA"],
        ),
        (
            format!(
                "DROP EXTENSION pg_trgm; REVOKE CREATE ON DATABASE \"{}\" FROM PUBLIC",
                live.database.name()
            ),
            "CREATE EXTENSION pg_trgm SCHEMA public".to_owned(),
            ["permission denied to create extension", "CREATE EXTENSION pg_trgm"],
        ),
    ] {
        live.run(&taken).await;
        let mut migrator = Migrator::open(&url.parse().unwrap(), live.prefix.clone()).await.unwrap();
        assert_says(migrator.up(Step::V137).await, &["step 137", parts[0], parts[1]]);
        live.run(&given_back).await;
        assert_eq!(live.rows().await, rows, "{parts:?}");
        let acl = |lines: Vec<String>| {
            lines.into_iter().filter(|line| !line.starts_with("table ")).collect::<Vec<_>>()
        };
        assert_same_catalog(&acl(live.catalog().await), &acl(catalog.clone()));
    }
    let read_only = format!("{url}%20-c%20default_transaction_read_only%3Don");
    let mut migrator = Migrator::open(&read_only.parse().unwrap(), live.prefix.clone()).await.unwrap();
    assert_says(migrator.up(Step::V137).await, &["step 137", "read-only"]);
    assert_eq!(live.rows().await, rows);
    drop(migrator);

    let mut migrator = Migrator::open(&url.parse().unwrap(), live.prefix.clone()).await.unwrap();
    migrator.up(Step::LATEST).await.unwrap();
    live.assert_migrated().await;
    let options = DownOptions { restore_removed: true, ..DownOptions::default() };
    migrator.down(Target::Step(Step::V136), options).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_events_go_back_into_tables_that_have_changed() {
    let live = Live::with_mails(200).await;
    let events = "SELECT count(*) FROM \"prefix\".phoenix_kit_email_events";
    let before = live.number(events).await;
    live.up().await.unwrap();
    let removed = live.number("SELECT count(*) FROM \"prefix\".aftersend_removed_events").await;
    assert!(removed > 100);
    live.run(
        "ALTER TABLE \"prefix\".phoenix_kit_email_events ADD \"Its \"\"kind\"\"\" text NOT NULL DEFAULT 'it''s', \
             ADD twice int GENERATED ALWAYS AS (2 * length(event_type)) STORED, ADD nothing text, \
             ADD number bigint GENERATED ALWAYS AS IDENTITY, DROP COLUMN geo_location; \
         CREATE TABLE public.saved AS SELECT * FROM \"prefix\".aftersend_removed_events ORDER BY uuid LIMIT 2; \
         DELETE FROM \"prefix\".phoenix_kit_email_logs WHERE message_id = 'pk_100'; \
         INSERT INTO \"prefix\".phoenix_kit_email_events (uuid, email_log_uuid, event_type, inserted_at, updated_at) \
         SELECT saved.uuid, mail.uuid, 'rendering_failure', now(), now() FROM public.saved, \
             (SELECT uuid FROM \"prefix\".phoenix_kit_email_logs WHERE message_id = 'pk_1') AS mail LIMIT 1",
    )
    .await;
    let gone = live
        .number(
            "SELECT count(*) FROM \"prefix\".aftersend_removed_events \
             WHERE email_log_uuid NOT IN (SELECT uuid FROM \"prefix\".phoenix_kit_email_logs)",
        )
        .await;
    assert!(gone > 50, "{gone}");
    let notes = live.down_restoring().await.unwrap().remove(0).notes;
    let expected = [
        format!("{} removed events put back", removed - gone - 1),
        format!("{gone} removed events skipped, whose mails are gone"),
        "1 removed events skipped, whose keys other events have".to_owned(),
        format!("{} removed events stay", gone + 1),
    ];
    for note in &expected {
        assert!(notes.iter().any(|said| said.starts_with(note)), "`{note}` is not in {notes:?}");
    }
    let filled = "SELECT count(*) FROM \"prefix\".phoenix_kit_email_events \
                  WHERE \"Its \"\"kind\"\"\" = 'it''s' AND twice = 2 * length(event_type) AND nothing IS NULL";
    assert_eq!(live.number(filled).await, live.number(events).await);

    // And later, when the key is free.
    live.run("DELETE FROM \"prefix\".phoenix_kit_email_events WHERE event_type = 'rendering_failure'").await;
    let notes = live.down_restoring().await.unwrap().remove(0).notes;
    assert!(notes.contains(&"1 removed events put back".to_owned()), "{notes:?}");
    let mail_s = live.number("SELECT count(*) FROM \"prefix\".aftersend_removed_events").await;
    assert_eq!(mail_s, gone);
    let of_the_mail = 5 * 31;
    assert_eq!(live.number(events).await, before - of_the_mail);
    live.up().await.unwrap();
    live.assert_migrated().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_schemas_of_a_database_go_up_at_once() {
    let live = Live::with_mails(500).await;
    let other = "other".parse::<crate::Prefix>().unwrap();
    Migrator::open(&live.address, other.clone()).await.unwrap().up(Step::V136).await.unwrap();
    live.run(
        "INSERT INTO other.phoenix_kit_email_logs SELECT * FROM \"prefix\".phoenix_kit_email_logs; \
         INSERT INTO other.phoenix_kit_email_events SELECT * FROM \"prefix\".phoenix_kit_email_events",
    )
    .await;
    let (one, two) = tokio::join!(live.up(), async {
        Migrator::open(&live.address, other.clone()).await?.up(Step::V137).await
    });
    assert_eq!(one.unwrap().remove(0).notes, two.unwrap().remove(0).notes);
    live.assert_migrated().await;
    assert!(Migrator::status(&live.address, &other).await.unwrap().has(Step::V137));
}
