use serde_json::json;

use super::*;
use crate::testing::{Fixture, send};

/// Mails whose bodies are in every place that there is.
async fn with_bodies() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.ingest(&[send("m1"), send("m2"), send("m3"), send("m4"), send("m5")]).await;
    fixture
        .run(
            r#"UPDATE "prefix".phoenix_kit_email_logs SET body_full = repeat('plain ', 1000) WHERE aws_message_id = 'm1';
               UPDATE "prefix".phoenix_kit_email_logs SET body_full = 'H4sIAAAA', body_compressed = true
               WHERE aws_message_id = 'm2';
               UPDATE "prefix".phoenix_kit_email_logs SET body_compressed = true WHERE aws_message_id IN ('m3', 'm4');
               INSERT INTO "prefix".aftersend_shared_bodies (digest, bytes, compressed) VALUES (1, 5000, '\x00');
               INSERT INTO "prefix".aftersend_bodies (digest, email_log_uuid, bytes, shared_id)
               SELECT 1, mail.uuid, 5000, body.id
               FROM "prefix".phoenix_kit_email_logs AS mail, "prefix".aftersend_shared_bodies AS body
               WHERE mail.aws_message_id = 'm4'"#,
        )
        .await;
    fixture
}

#[tokio::test]
async fn each_body_is_told_where_it_is() {
    let fixture = with_bodies().await;
    let sizes = fixture.store.table_sizes().await.unwrap();
    assert_eq!((sizes.mails, sizes.events), (Estimate::exact(5), Estimate::exact(5)));
    let bodies = fixture.store.body_places(&sizes).await.unwrap();
    let one = Estimate::exact(1);
    let stored_bytes = bodies.stored_bytes;
    assert!(stored_bytes >= 2 * 8192, "a page of each of two tables at least: {stored_bytes}");
    assert_eq!(
        bodies,
        BodyPlaces {
            plain: one,
            plain_bytes: Estimate::exact(6_000),
            elsewhere: one,
            elsewhere_bytes: Estimate::exact(8),
            discarded: one,
            without: one,
            compressed: one,
            shared: one,
            compressed_bytes: Estimate::exact(5_000),
            stored_bytes,
        }
    );
}

#[tokio::test]
async fn sizes_are_those_that_postgresql_tells() {
    let fixture = with_bodies().await;
    let sizes = fixture.store.table_sizes().await.unwrap();
    let all = fixture
        .rows(
            r#"SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes
               FROM pg_class AS c WHERE c.relnamespace = '"prefix"'::regnamespace AND c.relkind = 'r'
                 AND c.relname <> 'phoenix_kit' ORDER BY c.relname"#,
        )
        .await;
    let told: Vec<_> =
        sizes.tables.iter().map(|table| json!({ "name": table.name, "bytes": table.all_bytes() })).collect();
    assert_eq!(told, all);
    let mails = sizes.table("phoenix_kit_email_logs");
    assert!(mails.rows.index_bytes > 0 && mails.long_values.index_bytes > 0, "{mails:?}");
    assert_eq!(sizes.table("nowhere"), TableSize::default());
}

#[tokio::test]
async fn what_sets_autovacuum_off_is_what_the_settings_of_the_table_say() {
    let fixture = Fixture::new().await;
    let begins_from = async || {
        fixture.store.table_sizes().await.unwrap().table("phoenix_kit_email_logs").rows.vacuum.begins_from
    };
    assert_eq!(begins_from().await, Some(50), "of an empty table, as PostgreSQL is set by itself");
    fixture
        .run(r#"ALTER TABLE "prefix".phoenix_kit_email_logs SET (autovacuum_vacuum_threshold = 7000)"#)
        .await;
    assert_eq!(begins_from().await, Some(7_000));
    fixture.run(r#"ALTER TABLE "prefix".phoenix_kit_email_logs SET (autovacuum_enabled = false)"#).await;
    assert_eq!(begins_from().await, None);
}

#[tokio::test]
async fn mails_that_are_gone_are_told_with_the_archive() {
    let fixture = Fixture::new().await;
    let sizes = fixture.store.table_sizes().await.unwrap();
    assert_eq!(fixture.store.gone_mails(&sizes).await.unwrap(), GoneMails::default());
    assert_eq!(fixture.store.archive_sums().await.unwrap(), ArchiveSums::default());
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_ids (aws_message_id, email_log_uuid, state) VALUES
                   ('a', gen_random_uuid(), 'archived'), ('b', gen_random_uuid(), 'deleted'),
                   ('c', gen_random_uuid(), 'deleted'), ('d', NULL, 'erased'), ('e', gen_random_uuid(), 'alias');
               INSERT INTO "prefix".aftersend_archive_objects
                   (run_number, name, kind, state, mails, events, bytes, content_bytes, first_sent_at, last_sent_at)
               VALUES (1, 'one', 'mails', 'deleted', 2, 5, 100, 900, '2026-01-01Z', '2026-01-31Z'),
                      (1, 'two', 'late', 'verified', 1, 1, 10, 90, NULL, NULL),
                      (1, 'three', 'mails', 'verified', 1, 3, 50, 500, '2026-02-01Z', '2026-02-02Z'),
                      (2, 'four', 'mails', 'written', NULL, NULL, NULL, NULL, NULL, NULL),
                      (2, 'five', 'mails', 'abandoned', 7, 7, 7, 7, '2020-01-01Z', '2020-01-01Z');
               INSERT INTO "prefix".aftersend_archived_mails (email_log_uuid, object_number, digest, events, removed_at)
               VALUES (gen_random_uuid(), 1, '', 2, now()), (gen_random_uuid(), 1, '', 2, now()),
                      (gen_random_uuid(), 3, '', 2, NULL);
               INSERT INTO "prefix".aftersend_late_events
                   (email_log_uuid, record, fingerprint, aws_message_id, event_data)
               VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'a', '{}')"#,
        )
        .await;
    let sizes = fixture.store.table_sizes().await.unwrap();
    assert_eq!(
        fixture.store.gone_mails(&sizes).await.unwrap(),
        GoneMails {
            archived: Estimate::exact(2),
            archived_and_here: Estimate::exact(1),
            archived_ids: Estimate::exact(1),
            deleted_ids: Estimate::exact(2),
            erased_ids: Estimate::exact(1),
            late_events: Estimate::exact(1),
        }
    );
    assert_eq!(
        fixture.store.archive_sums().await.unwrap(),
        ArchiveSums {
            objects: 3,
            bytes: 160,
            content_bytes: 1_490,
            events: 9,
            first_sent_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            last_sent_at: Some("2026-02-02T00:00:00Z".parse().unwrap()),
            leftovers: 2,
        }
    );
}

/// Of a large table some pages are read, and the rest is concluded from them.
#[tokio::test]
async fn a_sample_of_a_large_table_tells_of_the_whole() {
    let fixture = Fixture::new().await;
    // A row of a page each, and more pages than a sample reads.
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_ids (aws_message_id, state)
               SELECT rpad(number::text, 200, '-'), CASE WHEN number % 4 = 0 THEN 'erased' ELSE 'deleted' END
               FROM generate_series(1, 60000) AS number;
               ANALYZE "prefix".aftersend_ids"#,
        )
        .await;
    let sizes = fixture.store.table_sizes().await.unwrap();
    let sample = sizes.sample("aftersend_ids");
    assert!(!sample.is_whole() && sample.percent > 10.0, "{sample:?}");
    let gone = fixture.store.gone_mails(&sizes).await.unwrap();
    for (estimate, about) in [(gone.deleted_ids, 45_000), (gone.erased_ids, 15_000)] {
        assert!(estimate.is_rough && estimate.count.abs_diff(about) < about / 20, "{gone:?}");
    }
}

#[test]
fn a_part_of_the_pages_stands_for_all_of_the_rows() {
    let sample = Sample::of(10 * SAMPLE_PAGES, 1_000_000);
    assert!((sample.percent - 10.0).abs() < 0.001);
    assert_eq!(sample.whole(25_000, 100_000), Estimate::rough(250_000));
    assert_eq!(sample.whole(0, 0), Estimate::rough(0));
    assert_eq!(sample.whole(2, 2_000_000), Estimate::rough(2), "the table has grown since it was estimated");
    assert_eq!(Sample::of(SAMPLE_PAGES, 7).whole(3, 9), Estimate::exact(3));
    assert_eq!(Estimate::exact(1) + Estimate::rough(2), Estimate::rough(3));
}
