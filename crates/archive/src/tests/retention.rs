//! What is archived and stays here for a while: compressed, cut down by retention, deleted when its time comes.

use std::time::Duration;

use aftersend_simulator::SCENARIOS_REQUIRED;
use aftersend_store::{Compressor, Decompressor, PrunedKind, Pruner, Retention};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ground::{Ground, assert_same};

const DAY: Duration = Duration::from_hours(24);

/// Mails of long ago, each with a body.
async fn old(seed: u64) -> Ground {
    let ground = Ground::with_traffic(seed).await;
    ground
        .run_sql(
            r#"UPDATE "prefix".phoenix_kit_email_logs
               SET sent_at = sent_at - interval '400 days',
                   body_full = (SELECT string_agg(md5(message_id || n), ' ') FROM generate_series(1, 60) AS n);
               UPDATE "prefix".phoenix_kit_email_events SET occurred_at = occurred_at - interval '400 days';
               UPDATE "prefix".aftersend_folded_events SET occurred_at = occurred_at - interval '400 days'"#,
        )
        .await;
    ground
}

async fn compress(ground: &Ground) {
    let mut compressor = Compressor::new(&ground.store, Duration::ZERO);
    while !compressor.round().await.unwrap().is_through {}
}

async fn decompress(ground: &Ground) {
    let mut decompressor = Decompressor::new(&ground.store);
    while !decompressor.round().await.unwrap().is_through {}
}

/// Rows that went or were cut down, and rows that were kept back, of all kinds but where opens came from, which some lack.
async fn prune(ground: &Ground, retention: Retention) -> (u64, u64) {
    let mut pruner = Pruner::new(&ground.store, retention);
    let (mut rows, mut kept_back) = (0, 0);
    loop {
        let round = pruner.round().await.unwrap();
        if !matches!(round.kind, Some(PrunedKind::AddressesOfEvents | PrunedKind::AddressesOfFolded)) {
            rows += round.rows;
        }
        kept_back += round.kept_back;
        if round.is_through {
            return (rows, kept_back);
        }
    }
}

fn raw() -> Retention {
    Retention::new(None, None, Some(DAY), Some(DAY), true).unwrap()
}

/// What this program does to an archived mail makes it no other mail: it goes when its time comes, and the archive has all of
/// it.
#[tokio::test]
async fn what_is_cut_or_compressed_after_it_was_archived_still_goes() {
    for by_archiver in [true, false] {
        let ground = old(43).await;
        let (rows, figures) = (ground.rows().await, ground.figures().await);
        let mails = u64::try_from(ground.count("phoenix_kit_email_logs").await).unwrap();
        assert_eq!(ground.archive(false).await.sums.mails, mails);
        compress(&ground).await;
        let (cut, kept_back) = prune(&ground, raw()).await;
        assert!(cut > mails && kept_back == 0, "{cut} {kept_back}");
        decompress(&ground).await;
        compress(&ground).await;
        assert!(ground.count("aftersend_bodies").await > 0);
        let bodies = Retention::new(None, Some(DAY), None, None, true).unwrap();
        assert_eq!(prune(&ground, bodies).await, (mails, 0));
        // The archive has them, so nothing goes there again, least of all without what was cut off.
        assert_eq!(ground.archive(false).await.sums.mails, 0);
        ground.assert_verified().await;
        let mut back = Ground::new().await;
        if by_archiver {
            let report = ground.archive(true).await;
            assert_eq!((report.sums.mails, report.removed.removed as u64), (0, mails), "{report:?}");
            assert_same(&ground.recounted_figures().await, &figures, "after they left");
            ground.restore().await;
            assert_same(&ground.rows().await, &rows, "after they came back");
        } else {
            let all = Retention::new(Some(40 * DAY), None, None, None, true).unwrap();
            assert_eq!(prune(&ground, all).await, (mails, 0));
            assert_same(&ground.recounted_figures().await, &figures, "after they went");
        }
        ground.assert_verified().await;
        back.place = ground.place.clone();
        back.restore().await;
        let is_mail = |row: &&String| !row.starts_with("phoenix_kit_email_blocklist");
        let expected: Vec<String> = rows.iter().filter(is_mail).cloned().collect();
        assert_same(&back.rows().await, &expected, "in an empty database");
    }
}

/// What comes back with bodies that were compressed when they left is what the archive has.
#[tokio::test]
async fn what_came_back_goes_again_without_another_run() {
    let ground = old(45).await;
    compress(&ground).await;
    let mails = u64::try_from(ground.count("phoenix_kit_email_logs").await).unwrap();
    assert!(ground.count("aftersend_bodies").await > 0);
    assert_eq!(ground.archive(true).await.removed.removed as u64, mails);
    ground.restore().await;
    let bodies = Retention::new(None, Some(DAY), None, None, true).unwrap();
    assert_eq!(prune(&ground, bodies).await, (mails, 0));
    let (cut, kept_back) = prune(&ground, raw()).await;
    assert!(cut > mails && kept_back == 0, "{cut} {kept_back}");
    assert_eq!(ground.archive(false).await.sums.mails, 0);
    ground.assert_verified().await;
}

/// What an application changed without a word is kept back once, and in the archive the next time.
#[tokio::test]
async fn what_differs_is_kept_back_until_the_next_run() {
    let ground = old(44).await;
    ground.archive(false).await;
    ground
        .run_sql(
            r#"UPDATE "prefix".phoenix_kit_email_logs SET subject = 'another one'
               WHERE uuid = (SELECT email_log_uuid FROM "prefix".phoenix_kit_email_events ORDER BY uuid LIMIT 1)"#,
        )
        .await;
    let (_, kept_back) = prune(&ground, raw()).await;
    assert!(kept_back > 0);
    let marked = r#"SELECT mail.subject FROM "prefix".aftersend_archived_mails AS archived
        JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = archived.email_log_uuid WHERE archived.events = -1"#;
    assert_eq!(ground.texts(marked).await, ["another one"]);
    assert_eq!(ground.archive(false).await.sums.mails, 1);
    let (cut, kept_back) = prune(&ground, raw()).await;
    assert!(cut > 0 && kept_back == 0, "{cut} {kept_back}");
    ground.assert_verified().await;
}

/// A body that an application wrote anew, without a word, and that was compressed since, does not go as the one before it.
#[tokio::test]
async fn a_body_that_took_the_place_of_another_is_archived() {
    let ground = old(45).await;
    compress(&ground).await;
    ground.archive(false).await;
    ground
        .run_sql(
            r#"UPDATE "prefix".phoenix_kit_email_logs
               SET body_full = (SELECT string_agg(md5(n::text), '-') FROM generate_series(1, 60) AS n), body_compressed = false
               WHERE uuid = (SELECT min(uuid::text)::uuid FROM "prefix".phoenix_kit_email_logs)"#,
        )
        .await;
    compress(&ground).await;
    let mails = usize::try_from(ground.count("phoenix_kit_email_logs").await).unwrap();
    let report = ground.archive(true).await;
    assert_eq!((report.sums.mails, report.removed.removed), (1, mails), "{report:?}");
    ground.restore().await;
    let with = r#"SELECT left(body_full, 9) FROM "prefix".phoenix_kit_email_logs WHERE body_full LIKE '%-%'"#;
    assert_eq!(ground.texts(with).await, ["c4ca4238a"]);
}

/// A compressed body belongs to the mail as the rest does, though its row does not show it.
#[tokio::test]
async fn another_stored_body_is_another_mail() {
    let ground = old(46).await;
    compress(&ground).await;
    ground.archive(false).await;
    ground
        .run_sql(
            r#"UPDATE "prefix".aftersend_bodies AS body
               SET digest = other.digest, bytes = other.bytes, dictionary_id = other.dictionary_id,
                   shared_id = other.shared_id, compressed = other.compressed
               FROM (SELECT * FROM "prefix".aftersend_bodies ORDER BY email_log_uuid DESC LIMIT 1) AS other
               WHERE body.email_log_uuid = (SELECT min(email_log_uuid::text)::uuid FROM "prefix".aftersend_bodies)"#,
        )
        .await;
    let report = ground.archive(true).await;
    assert_eq!((report.removed.changed, ground.count("phoenix_kit_email_logs").await), (1, 1), "{report:?}");
    let report = ground.archive(true).await;
    assert_eq!((report.sums.mails, report.removed.removed), (1, 1), "{report:?}");
}

/// An open of a mail that was sent so many days ago.
fn open(mail: &str, days: u32) -> Value {
    let at = (Timestamp::now() - DAY * days).to_string();
    json!({
        "eventType": "Open",
        "mail": {
            "timestamp": at, "messageId": mail, "source": "shop@example.com", "destination": ["ann@example.com"],
        },
        "open": { "timestamp": at, "ipAddress": "192.0.2.1", "userAgent": "M" },
    })
}

/// Old events that have their JSON, or tell where they came from.
async fn whole(ground: &Ground) -> usize {
    let sql = r#"SELECT uuid::text FROM "prefix".phoenix_kit_email_events
        WHERE occurred_at < now() - interval '1 day'
          AND (event_data ? 'mail' OR ip_address IS NOT NULL OR user_agent IS NOT NULL)"#;
    ground.texts(sql).await.len()
}

fn raw_of_all() -> Retention {
    Retention::new(None, None, Some(DAY), Some(DAY), false).unwrap()
}

/// Mails come back with what was deleted from others of their age long ago.
#[tokio::test]
async fn what_comes_back_is_cut_down_behind_what_was_gone_through() {
    let ground = old(47).await;
    ground.archive(true).await;
    ground.ingest_values(&[open("recent", 3)]).await;
    prune(&ground, raw_of_all()).await;
    assert_eq!(ground.restore().await.mails.restored, SCENARIOS_REQUIRED + 20);
    assert!(whole(&ground).await > 100);
    prune(&ground, raw_of_all()).await;
    assert_eq!(whole(&ground).await, 0);
}

/// A mail that is here gets from the archive what it lacks.
#[tokio::test]
async fn what_a_mail_gets_back_is_cut_down_behind_what_was_gone_through() {
    let ground = Ground::new().await;
    ground.ingest_values(&[open("m1", 300), open("m1", 299), open("recent", 3)]).await;
    ground.archive(false).await;
    let first =
        r#"DELETE FROM "prefix".phoenix_kit_email_events WHERE occurred_at < now() - interval '299.5 days'"#;
    ground.run_sql(first).await;
    prune(&ground, raw_of_all()).await;
    assert_eq!(whole(&ground).await, 0);
    assert_eq!(ground.restore().await.mails.merged, 1);
    assert_eq!((ground.count("phoenix_kit_email_events").await, whole(&ground).await), (3, 2));
    prune(&ground, raw_of_all()).await;
    assert_eq!(whole(&ground).await, 0);
}

/// What was late for the archive joins a mail that is back.
#[tokio::test]
async fn what_was_late_is_cut_down_behind_what_was_gone_through() {
    let ground = Ground::new().await;
    ground.ingest_values(&[open("m1", 300)]).await;
    ground.archive(true).await;
    ground.ingest_values(&[open("m1", 299)]).await;
    ground.run_sql(r#"CREATE TABLE "prefix".kept AS SELECT * FROM "prefix".aftersend_late_events"#).await;
    ground.run_sql(r#"DELETE FROM "prefix".aftersend_late_events"#).await;
    ground.restore().await;
    ground.ingest_values(&[open("recent", 3)]).await;
    prune(&ground, raw_of_all()).await;
    ground.run_sql(r#"INSERT INTO "prefix".aftersend_late_events SELECT * FROM "prefix".kept"#).await;
    assert_eq!(ground.archive(false).await.joined, 1);
    assert_eq!(whole(&ground).await, 1);
    prune(&ground, raw_of_all()).await;
    assert_eq!(whole(&ground).await, 0);
}
