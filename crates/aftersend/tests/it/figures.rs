//! `figures rebuild`.

use std::{
    collections::BTreeSet,
    process::Stdio,
    time::{Duration, Instant},
};

use crate::program::{Setup, ended};

/// How long to wait for what is to come.
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn mails_that_somebody_else_wrote_are_counted() {
    let setup = Setup::migrated().await;
    let prefix = setup.schema.prefix();
    let client = setup.client().await;
    client
        .batch_execute(&format!(
            r#"INSERT INTO "{prefix}".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", sent_at, inserted_at, updated_at)
               SELECT 'a' || n, 'a' || n, 'a@x.org', 'b@x.org', timestamptz '2026-09-01T00:00:00Z' + n * interval '1 min',
                      now(), now()
               FROM generate_series(0, 599) AS n"#
        ))
        .await
        .unwrap();
    let sent = async || -> i64 {
        let sum = format!(r#"SELECT coalesce(sum(sent), 0) FROM "{prefix}".aftersend_figures_by_quarter"#);
        client.query_one(&sum, &[]).await.unwrap().get(0)
    };
    // All there is, since nobody has counted yet.
    let report = setup.run(&["figures", "rebuild", "--json"]).json();
    assert_eq!((report["quarters"].as_u64(), sent().await), (Some(40), 600));
    client
        .batch_execute(&format!(
            r#"DELETE FROM "{prefix}".phoenix_kit_email_logs WHERE message_id IN ('a0', 'a100', 'a599')"#
        ))
        .await
        .unwrap();
    let range = ["--from", "2026-09-01T01:00:00Z", "--to", "2026-09-01T02:00:00Z"];
    let said = setup.run(&[&["figures", "rebuild"], &range[..]].concat()).ok();
    assert!(said.contains("4 quarters of an hour were counted anew"), "{said}");
    assert_eq!(sent().await, 599);
    let refused = setup.run(&["figures", "rebuild", "--from", "yesterday"]).fails(2);
    assert!(refused.contains("--from"), "{refused}");
}

/// A round of another process holds the row that asks are noted in for as long as it takes.
#[tokio::test]
async fn a_round_that_takes_long_is_waited_for() {
    let setup = Setup::migrated().await;
    let prefix = setup.schema.prefix();
    let client = setup.client().await;
    client
        .batch_execute(&format!(r#"BEGIN; SELECT FROM "{prefix}".aftersend_figure_scan FOR UPDATE"#))
        .await
        .unwrap();
    let mut program = setup.program();
    program.args(["figures", "rebuild", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let waiting = "SELECT pid, query_start::text FROM pg_catalog.pg_stat_get_activity(NULL)
                   WHERE pg_catalog.pg_blocking_pids(pid) @> ARRAY[pg_catalog.pg_backend_pid()]";
    let (began, mut waits) = (Instant::now(), BTreeSet::new());
    // Given up by the server, it is asked for again.
    while waits.len() < 2 {
        assert!(began.elapsed() < PATIENCE && child.try_wait().unwrap().is_none(), "{waits:?}");
        client.batch_execute("SELECT pg_catalog.pg_stat_clear_snapshot()").await.unwrap();
        for row in client.query(waiting, &[]).await.unwrap() {
            waits.insert((row.get::<_, i32>(0), row.get::<_, String>(1)));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(ended(child.wait_with_output().unwrap()).json()["quarters"], 0);
}
