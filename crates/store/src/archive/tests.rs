//! What a run asks again and again goes by index, however many mails there are.

use jiff::Timestamp;

use crate::{
    ArchiveEstimate,
    ingest::tests::{check_planned, filled, planned},
    sql::Statement,
    testing::Fixture,
};

#[tokio::test]
async fn what_is_due_is_found_by_index() {
    let fixture = filled().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_archived_mails (email_log_uuid, object_number, digest, mail_updated_at, events)
               SELECT uuid, 1, '\x00', updated_at, CASE WHEN random() < 0.001 THEN -1 ELSE 3 END
               FROM "prefix".phoenix_kit_email_logs;
               INSERT INTO "prefix".aftersend_bodies (digest, email_log_uuid, bytes, compressed)
               SELECT 1, uuid, 1, '\x00' FROM "prefix".phoenix_kit_email_logs;
               ANALYZE "prefix".aftersend_archived_mails, "prefix".aftersend_bodies"#,
        )
        .await;
    let (custom, time) = (&["force_custom_plan"][..], "now()".to_owned());
    let key = "'00000000-0000-7000-8000-000000000000'::uuid".to_owned();
    let (mails, archived) = ("phoenix_kit_email_logs_", "aftersend_archived_mails_pkey");
    let page = [time.clone(), key.clone(), "5".to_owned()];
    check_planned(&fixture, custom, Statement::ArchiveMade, &page, &[mails, archived]).await;
    let due = "aftersend_archived_mails_due_idx";
    check_planned(&fixture, custom, Statement::ArchiveChanged, &page, &[mails, due]).await;
    let page = [time, "now() - interval '1 hour'".to_owned(), key, "5".to_owned()];
    check_planned(&fixture, custom, Statement::ArchiveCandidates, &page, &[mails, archived]).await;
    check_planned(&fixture, custom, Statement::ArchiveEstimate, &page, &[mails, archived]).await;
    let some = [r"ARRAY[md5('mail7')::uuid, md5('mail8')::uuid]".to_owned()];
    check_planned(&fixture, custom, Statement::MarkArchivedDue, &some, &[archived]).await;
}

#[tokio::test]
async fn what_is_here_of_mails_that_come_back_is_found_by_index() {
    let fixture = filled().await;
    let uuids = r"ARRAY[md5('mail7')::uuid, md5('mail8')::uuid]".to_owned();
    let (ids, own) = ("ARRAY['m7', 'alias9']".to_owned(), "ARRAY['m7', 'own8']".to_owned());
    check_planned(
        &fixture,
        &["force_custom_plan", "force_generic_plan"],
        Statement::FindStandingMails,
        &[uuids, ids, own],
        &[
            "phoenix_kit_email_logs_aws_message_id_",
            "phoenix_kit_email_logs_message_id",
            "aftersend_ids_pkey",
        ],
    )
    .await;
}

/// A page of an object's mails begins where the last one ended, however many the object still has.
#[tokio::test]
async fn what_may_leave_is_read_in_its_order() {
    let fixture = filled().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_archive_objects (run_number, name, kind, state)
               SELECT 1, 'object' || n, 'mails', 'verified' FROM generate_series(1, 600) AS n;
               INSERT INTO "prefix".aftersend_archived_mails (email_log_uuid, object_number, digest, mail_updated_at, events)
               SELECT uuid, 1 + row_number() OVER (ORDER BY uuid) / 3000, '\x00', updated_at, 3
               FROM "prefix".phoenix_kit_email_logs;
               ANALYZE "prefix".aftersend_archived_mails, "prefix".aftersend_archive_objects"#,
        )
        .await;
    let key = "'00000000-0000-7000-8000-000000000000'::uuid".to_owned();
    let page = [key, "1".to_owned(), "20".to_owned(), "now()".to_owned(), "30".to_owned()];
    let indexes = ["aftersend_archived_mails_here_idx", "phoenix_kit_email_logs_"];
    check_planned(&fixture, &["force_custom_plan"], Statement::FindRemovable, &page, &indexes).await;
    let nodes = planned(&fixture, "force_custom_plan", Statement::FindRemovable, &page).await;
    assert!(nodes.iter().all(|(node, _)| !node.contains("Sort")), "{nodes:?}");
}

/// In statements of which each ends soon, however many mails there are.
#[tokio::test]
async fn an_estimate_goes_through_all_page_by_page() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (uuid, message_id, "to", "from", sent_at, body_full, inserted_at, updated_at)
               SELECT md5(n::text)::uuid, n::text, 'ann@example.com', 'app@example.com',
                      timestamptz '2026-01-01Z' + interval '1 hour' * (n / 3000), repeat('x', n % 3), now(), now()
               FROM generate_series(0, 20499) AS n;
               INSERT INTO "prefix".aftersend_archived_mails (email_log_uuid, object_number, digest, events)
               SELECT uuid, 1, '\x00', 0 FROM "prefix".phoenix_kit_email_logs WHERE message_id::int % 5 = 0"#,
        )
        .await;
    // Mails of one moment lie on both sides of a page's end.
    let before: Timestamp = "2026-01-01T06:00:00Z".parse().unwrap();
    let (mut sum, mut pages, mut next) = (ArchiveEstimate::default(), Vec::new(), None);
    loop {
        let (page, after) = fixture.store.archive_estimate(before, next).await.unwrap();
        pages.push(page.mails);
        sum += page;
        next = after;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(pages, [10_000, 8_000]);
    let expected = ArchiveEstimate {
        mails: 18_000,
        body_bytes: (0..18_000).map(|n| n % 3).sum(),
        archived: 3_600,
        first_sent_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        last_sent_at: Some("2026-01-01T05:00:00Z".parse().unwrap()),
    };
    assert_eq!(sum, expected);
}
