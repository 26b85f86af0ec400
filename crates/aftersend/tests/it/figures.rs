//! `figures rebuild`.

use crate::program::Setup;

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
