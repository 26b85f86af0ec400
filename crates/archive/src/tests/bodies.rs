//! Bodies on their way: plain, compressed, an application's own, long, empty and odd.

use std::{collections::BTreeMap, time::Duration};

use aftersend_store::{ArchiveRunState, BodyState, Compressor, UnreadableMails};
use uuid::Uuid;

use super::ground::{Ground, assert_same, later};
use crate::{RunOptions, run};

/// As long as a body may be.
const LONG_BYTES: usize = 40 * 1024 * 1024;

/// What is easy to break on the way through JSON, PostgreSQL and zstd. PostgreSQL's text holds no U+0000.
fn odd() -> Vec<String> {
    let padded = |text: &str| format!("{text}{}", "<p>padding that resembles itself</p>".repeat(20));
    vec![
        padded("\u{2028}\u{2029}\u{85}\u{b}\u{c}\r\n\t\u{1}\u{1f}\u{7f}"),
        padded("\u{202e}\u{2066}right to left\u{2069}\u{202c}\u{200f}\u{feff}"),
        padded(r#"{"lone": "\ud800", "\udfff": "\u0000", "slash": "\/", "quote": "\""}"#),
        padded("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} e\u{301} \u{10ffff}\u{e000}\u{fffd}\u{fffe}"),
        padded("\\x00 \\\\ \\' $$ %s {} \"\" '' ; DROP TABLE x; --"),
        "\n".repeat(300),
        "\u{2028}".to_owned(),
    ]
}

async fn write(ground: &Ground, bodies: &[String]) -> BTreeMap<Uuid, String> {
    let insert = format!(
        r#"INSERT INTO {}.phoenix_kit_email_logs
               (uuid, message_id, aws_message_id, "to", "from", template_name, sent_at, body_full, inserted_at, updated_at)
           VALUES ($1, $1::uuid::text, 'ses-' || $1::uuid::text, $2, 'app@example.com', 't', '2026-01-05', $3, now(), now())"#,
        ground.prefix.quoted()
    );
    let mut written = BTreeMap::new();
    for (number, body) in bodies.iter().enumerate() {
        let (uuid, to) = (Uuid::now_v7(), format!("{number}@example.com"));
        ground.client.execute(&insert, &[&uuid, &to, body]).await.unwrap();
        written.insert(uuid, body.clone());
    }
    written
}

async fn compress(ground: &Ground) {
    let mut compressor = Compressor::new(&ground.store, Duration::ZERO);
    while !compressor.round().await.unwrap().is_through {}
}

async fn require_all(ground: &Ground, bodies: &BTreeMap<Uuid, String>) {
    for (mail, body) in bodies {
        // Compared before it is shown: a message of 40 MB helps nobody.
        let found = ground.store.read_body(*mail).await.unwrap().unwrap_or_default();
        let place = found.bytes().zip(body.bytes()).position(|(found, body)| found != body);
        assert_eq!((found.len(), place), (body.len(), None), "{mail}");
    }
}

/// Compressed, archived, proven, deleted, and brought back into an empty database: row by row and body by body.
#[tokio::test]
async fn compressed_bodies_come_back_as_they_were_written() {
    let ground = Ground::with_traffic(41).await;
    let mut bodies: Vec<String> = odd();
    bodies.extend((0..80).map(|n| format!("<p>Dear {n}</p>{}", "<p>what all have in common</p>".repeat(30))));
    bodies.extend(vec![format!("the same {}", "of several ".repeat(50)); 5]);
    bodies.push(String::new());
    let written = write(&ground, &bodies).await;
    // What an application's own archiver left: gzip in base64, and a body that it has thrown away.
    let gzip = "H4sIAAAAAAAA/8tIzcnJVyjPL8pJUQAAhRFKDQsAAAA=";
    ground
        .run_sql(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", sent_at, body_full, body_compressed, inserted_at, updated_at)
               VALUES ('packed', 'ses-packed', 'a@x.org', 'b@x.org', '2026-01-05', '{gzip}', true, now(), now()),
                      ('gone', 'ses-gone', 'a@x.org', 'b@x.org', '2026-01-05', NULL, true, now(), now())"#
        ))
        .await;
    let rows = ground.rows().await;
    compress(&ground).await;
    let stored = ground.count("aftersend_bodies").await;
    assert!(stored > 80 && ground.count("aftersend_shared_bodies").await > 0, "{stored}");
    require_all(&ground, &written).await;

    let mails = ground.count("phoenix_kit_email_logs").await;
    let report = ground.archive(true).await;
    assert_eq!(i64::try_from(report.removed.removed).unwrap(), mails, "{report:?}");
    assert_eq!(ground.count("aftersend_bodies").await, 0);
    ground.assert_verified().await;

    let mut empty = Ground::new().await;
    empty.place = ground.place.clone();
    for back in [&ground, &empty] {
        let restored = back.restore().await;
        assert_eq!(i64::try_from(restored.mails.restored).unwrap(), mails, "{restored:?}");
        require_all(back, &written).await;
        let expected: Vec<String> = rows
            .iter()
            .filter(|row| {
                !row.starts_with("phoenix_kit_email_blocklist") || std::ptr::eq(back, &raw const ground)
            })
            .cloned()
            .collect();
        assert_same(&back.rows().await, &expected, "after they came back");
        let gone = back
            .texts(r#"SELECT uuid::text FROM "prefix".phoenix_kit_email_logs WHERE message_id = 'gone'"#)
            .await;
        let gone: Uuid = gone[0].parse().unwrap();
        assert_eq!(back.store.body_state(gone).await.unwrap(), BodyState::Discarded);
    }
    // And once more round, from what came back.
    compress(&empty).await;
    require_all(&empty, &written).await;
}

#[tokio::test]
async fn the_longest_and_the_shortest_body_pass_through_all_of_it() {
    let ground = Ground::new().await;
    // Odd ones now and then: what takes seconds otherwise takes minutes without optimisation.
    let mut long = String::with_capacity(LONG_BYTES);
    while long.len() < LONG_BYTES - 70_000 {
        long.push_str("<p>Ä\u{2028}</p>\u{1f600}\\\"\u{1}");
        long.push_str(&"plain words that take no room ".repeat(2_000));
    }
    long.extend(std::iter::repeat_n('x', LONG_BYTES - long.len()));
    let written = write(&ground, &[long, String::new(), "x".to_owned()]).await;
    compress(&ground).await;
    assert_eq!(ground.count("aftersend_bodies").await, 1);
    require_all(&ground, &written).await;
    let report = ground.archive(true).await;
    assert_eq!((report.sums.mails, report.removed.removed), (3, 3), "{report:?}");
    ground.restore().await;
    require_all(&ground, &written).await;
}

#[tokio::test]
async fn a_damaged_body_keeps_its_own_mail_alone_from_the_archive() {
    let ground = Ground::new().await;
    let bodies: Vec<String> =
        (0..5).map(|n| format!("<p>Dear {n}</p>{}", "<p>what all have in common</p>".repeat(30))).collect();
    let written = write(&ground, &bodies).await;
    compress(&ground).await;
    assert_eq!(ground.count("aftersend_bodies").await, 5);
    let damaged = *written.keys().next().unwrap();
    let damage = |by: &str| {
        format!(
            r#"UPDATE "prefix".aftersend_bodies SET digest = digest {by} WHERE email_log_uuid = '{damaged}'"#
        )
    };
    ground.run_sql(&damage("+ 1")).await;
    for archived in [4, 0_usize] {
        let options = RunOptions { delete_archived: true, whole: true, ..RunOptions::before(later()) };
        let report = run(&ground.store, &ground.place, options, &|_| ()).await.unwrap();
        assert_eq!((report.sums.mails, report.removed.removed), (archived as u64, archived), "{report:?}");
        let told = (report.sums.unreadable_mails, report.sums.first_unreadable);
        assert_eq!(told, (1, Some(damaged)), "{report:?}");
        let last = ground.store.archive_runs(1).await.unwrap().remove(0);
        assert_eq!((last.sums, last.state), (report.sums, ArchiveRunState::Done));
    }
    let told = ground.store.unreadable_mails().await.unwrap();
    assert_eq!(told, Some(UnreadableMails { mails: 1, may_be_more: false, first: damaged }));
    // Mended, it goes.
    ground.run_sql(&damage("- 1")).await;
    let options = RunOptions { delete_archived: true, whole: true, ..RunOptions::before(later()) };
    let report = run(&ground.store, &ground.place, options, &|_| ()).await.unwrap();
    assert_eq!((report.removed.removed, report.sums.unreadable_mails), (1, 0), "{report:?}");
    assert_eq!(ground.store.unreadable_mails().await.unwrap(), None);
    ground.assert_verified().await;
    ground.restore().await;
    require_all(&ground, &written).await;
}

/// Left out by several runs, and given up: its row is deleted, and the mail goes without a body.
#[tokio::test]
async fn a_damaged_body_that_is_given_up_keeps_its_mail_no_longer() {
    let ground = Ground::new().await;
    let bodies: Vec<String> =
        (0..3).map(|n| format!("<p>Dear {n}</p>{}", "<p>what all have in common</p>".repeat(30))).collect();
    let written = write(&ground, &bodies).await;
    compress(&ground).await;
    ground.run_sql(r#"UPDATE "prefix".aftersend_bodies SET digest = digest + 1"#).await;
    let options = RunOptions { whole: true, ..RunOptions::before(later()) };
    assert_eq!(run(&ground.store, &ground.place, options, &|_| ()).await.unwrap().sums.unreadable_mails, 3);
    // A later run is not through all of them, and meets another one.
    let other = Uuid::now_v7();
    ground
        .run_sql(&format!(
            r#"INSERT INTO "prefix".aftersend_archive_runs (store, ended_at, walked_below, unreadable_mails, first_unreadable)
               VALUES ('file:///x', now(), now(), 1, '{other}')"#
        ))
        .await;
    let told = ground.store.unreadable_mails().await.unwrap();
    assert_eq!(told, Some(UnreadableMails { mails: 3, may_be_more: true, first: other }));
    ground.run_sql(r#"DELETE FROM "prefix".aftersend_bodies"#).await;
    let report = run(&ground.store, &ground.place, options, &|_| ()).await.unwrap();
    assert_eq!((report.sums.mails, report.sums.unreadable_mails), (3, 0), "{report:?}");
    assert_eq!(ground.store.unreadable_mails().await.unwrap(), None);
    for mail in written.keys() {
        assert_eq!(ground.store.body_state(*mail).await.unwrap(), BodyState::Discarded);
    }
}
