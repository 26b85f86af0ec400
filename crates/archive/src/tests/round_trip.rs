//! Mails go and come back, row by row.

use aftersend_store::ArchivedState;

use super::ground::{Ground, assert_same, only_restored};
use crate::Wanted;

/// Columns and values as applications have them, and what is hard to carry.
const HARD: &str = r#"
    ALTER TABLE "prefix".phoenix_kit_email_logs
        ADD COLUMN app_amount numeric, ADD COLUMN app_seen_at timestamptz, ADD COLUMN app_bytes bytea,
        ADD COLUMN app_words json, ADD COLUMN app_list int[], ADD COLUMN app_real double precision,
        ADD COLUMN app_length int GENERATED ALWAYS AS (length(message_id)) STORED,
        ADD COLUMN app_number bigint GENERATED ALWAYS AS IDENTITY;
    ALTER TABLE "prefix".phoenix_kit_email_events ADD COLUMN app_note text DEFAULT 'ours';
    UPDATE "prefix".phoenix_kit_email_logs SET
        app_amount = 12345678901234567890.123456789012345678901234567890, app_seen_at = '2026-09-01T10:00:00.123456Z',
        app_bytes = '\x00ff0a0d', app_words = '{"b": 1, "a":  [1.0, 1e400],   "b": 2}', app_list = '{1,NULL,3}', app_real = 0.1::float8 + 0.2::float8, body_full = '';
    UPDATE "prefix".phoenix_kit_email_logs SET body_full = repeat(E'<p>\\ \t\r\n\u0001\u2028\U0001F600"''</p>', 20000)
    WHERE uuid = (SELECT min(uuid::text)::uuid FROM "prefix".phoenix_kit_email_logs);
    UPDATE "prefix".phoenix_kit_email_logs SET body_full = NULL, app_seen_at = 'infinity'
    WHERE uuid = (SELECT max(uuid::text)::uuid FROM "prefix".phoenix_kit_email_logs);
    INSERT INTO "prefix".aftersend_ids (aws_message_id, email_log_uuid, state)
    SELECT 'second-' || aws_message_id, uuid, 'alias' FROM "prefix".phoenix_kit_email_logs LIMIT 7;
    INSERT INTO "prefix".aftersend_removed_events (uuid, email_log_uuid, kept_uuid, step, "row")
    SELECT gen_random_uuid(), email_log_uuid, uuid, '137', to_jsonb(event)
    FROM "prefix".phoenix_kit_email_events AS event LIMIT 9;
"#;

async fn hard(seed: u64) -> Ground {
    let ground = Ground::with_traffic(seed).await;
    ground.run_sql(HARD).await;
    ground
}

#[tokio::test]
async fn mails_leave_and_come_back_as_they_were() {
    let ground = hard(1).await;
    let (rows, figures) = (ground.rows().await, ground.figures().await);
    let mails = ground.count("phoenix_kit_email_logs").await;
    let blocks = ground.count("phoenix_kit_email_blocklist").await;
    assert!(mails > 40 && blocks > 0 && ground.count("aftersend_folded_events").await > 0);

    let report = ground.archive(true).await;
    assert_eq!(report.sums.mails, u64::try_from(mails).unwrap(), "{report:?}");
    assert_eq!(report.removed.removed, usize::try_from(mails).unwrap(), "{report:?}");
    assert!(report.sums.objects > 1, "{report:?}");
    for table in [
        "phoenix_kit_email_logs",
        "phoenix_kit_email_events",
        "aftersend_recipients",
        "aftersend_folded_events",
        "aftersend_removed_events",
    ] {
        assert_eq!(ground.count(table).await, 0, "{table}");
    }
    assert_eq!(ground.count("phoenix_kit_email_blocklist").await, blocks);
    // What they came to stays, even where it is counted anew.
    assert_same(&ground.figures().await, &figures, "after they left");
    assert_same(&ground.recounted_figures().await, &figures, "counted anew");
    ground.assert_verified().await;
    assert_eq!(ground.archive(true).await.sums.objects, 0);

    let restored = ground.restore().await;
    assert_eq!(restored.mails, only_restored(usize::try_from(mails).unwrap()));
    assert_same(&ground.rows().await, &rows, "after they came back");
    assert_same(&ground.figures().await, &figures, "after they came back");
    assert_same(&ground.recounted_figures().await, &figures, "counted anew after they came back");

    let again = ground.restore().await;
    assert_eq!((again.mails.present, again.mails.restored), (usize::try_from(mails).unwrap(), 0));
    assert_same(&ground.rows().await, &rows, "after it was done again");
    // They are in the archive as they are, and whoever asked for them may look at them for a while.
    let next = ground.archive(true).await;
    assert_eq!((next.sums.objects, next.removed.removed), (0, 0), "{next:?}");
    assert_same(&ground.rows().await, &rows, "after the next run");
}

#[tokio::test]
async fn they_come_back_into_an_empty_database() {
    let ground = hard(2).await;
    let (rows, figures) = (ground.rows().await, ground.figures().await);
    ground.archive(false).await;
    let mut other = Ground::new().await;
    other.place = ground.place.clone();
    other.run_sql(HARD).await;
    let restored = other.restore().await;
    let expected: Vec<String> =
        rows.iter().filter(|row| !row.starts_with("phoenix_kit_email_blocklist")).cloned().collect();
    assert_same(&other.rows().await, &expected, "in another database");
    assert_same(&other.figures().await, &figures, "in another database");
    assert!(restored.mails.unknown_columns.is_empty(), "{restored:?}");
    other.assert_verified().await;

    // Where an application's columns are not there, their names are told.
    let mut bare = Ground::new().await;
    bare.place = ground.place.clone();
    let restored = bare.restore().await;
    let unknown: Vec<&str> = restored.mails.unknown_columns.iter().map(String::as_str).collect();
    assert!(unknown.contains(&"phoenix_kit_email_logs.app_amount"), "{unknown:?}");
    assert!(unknown.contains(&"phoenix_kit_email_events.app_note"), "{unknown:?}");
    assert_eq!(bare.count("phoenix_kit_email_logs").await, ground.count("phoenix_kit_email_logs").await);
}

#[tokio::test]
async fn one_mail_is_found_by_any_of_its_ids_and_brought_back_alone() {
    let ground = hard(3).await;
    let ids = ground
        .texts(
            r#"SELECT mail.uuid || ' ' || mail.aws_message_id || ' ' || ids.aws_message_id
               FROM "prefix".aftersend_ids AS ids
               JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = ids.email_log_uuid LIMIT 1"#,
        )
        .await;
    ground.archive(true).await;
    for id in ids[0].split(' ') {
        let found = ground.store.find_archived(id).await.unwrap().unwrap();
        assert_eq!(
            (found.state, found.uuid.unwrap().to_string().as_str()),
            (ArchivedState::Archived, &ids[0][..36])
        );
        assert!(found.object.is_some() && found.archived_at.is_some() && found.removed_at.is_some());
        assert!(ground.store.find_story(id).await.unwrap().is_none());
    }
    assert!(ground.store.find_archived("nobody's").await.unwrap().is_none());
    let alias = ids[0].split(' ').next_back().unwrap();
    let wanted = Wanted::Ids([alias.to_owned(), "nobody's".to_owned()].into());
    let restored = ground.restore_wanted(&wanted).await;
    assert_eq!(restored.mails, only_restored(1));
    assert_eq!(restored.not_found, ["nobody's".to_owned()].into());
    assert_eq!(ground.count("phoenix_kit_email_logs").await, 1);
    assert!(ground.store.find_story(alias).await.unwrap().is_some());
    assert!(ground.store.find_archived(alias).await.unwrap().is_none());
    // Known here, its object is found without reading all of them.
    let known = ground
        .texts(r#"SELECT aws_message_id FROM "prefix".aftersend_ids WHERE state = 'archived' LIMIT 1"#)
        .await;
    let restored = ground.restore_wanted(&Wanted::Ids(known.into_iter().collect())).await;
    assert_eq!((restored.mails.restored, restored.objects), (1, 1), "{restored:?}");
}

#[tokio::test]
async fn what_was_deleted_or_erased_on_purpose_stays_away() {
    let ground = Ground::with_traffic(4).await;
    ground.archive(true).await;
    ground.run_sql(r#"UPDATE "prefix".aftersend_ids SET state = 'erased' WHERE aws_message_id = (SELECT min(aws_message_id) FROM "prefix".aftersend_ids)"#).await;
    let mails = ground.count("aftersend_archived_mails").await;
    let restored = ground.restore().await;
    assert_eq!((restored.mails.withheld, restored.mails.restored), (1, usize::try_from(mails).unwrap() - 1));
}

/// What an application has written under the same id meanwhile is the mail; it gets what it lacks.
#[tokio::test]
async fn a_mail_that_was_made_again_meanwhile_is_merged() {
    let ground = Ground::with_traffic(5).await;
    let occurrences = async |id: &str| {
        let story = ground.store.find_story(id).await.unwrap().unwrap();
        let mut told: Vec<_> = story
            .occurrences
            .iter()
            .map(|o| (o.event_type.clone(), o.occurred_at, o.link_url.clone()))
            .collect();
        told.sort();
        (story.mail.summary.status.clone(), told, story.recipients.len())
    };
    let ids = ground
        .texts(
            r#"SELECT aws_message_id FROM "prefix".phoenix_kit_email_logs WHERE clicked_at IS NOT NULL ORDER BY 1 LIMIT 1"#,
        )
        .await;
    let id = &ids[0];
    ground
        .run_sql(&format!(
            r#"UPDATE "prefix".phoenix_kit_email_logs SET body_full = 'Hello' WHERE aws_message_id = '{id}'"#
        ))
        .await;
    let before = occurrences(id).await;
    let figures = ground.figures().await;
    ground.archive(true).await;
    ground
        .run_sql(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", status, sent_at, inserted_at, updated_at)
               VALUES ('pk_again', '{id}', 'ann@example.com', 'shop@example.com', 'queued', '2026-09-02', now(), now())"#
        ))
        .await;
    let restored = ground.restore().await;
    assert_eq!(restored.mails.merged, 1, "{restored:?}");
    assert_eq!(occurrences(id).await, before);
    let told = ground
        .texts(&format!(
            r#"SELECT message_id || ' ' || body_full FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id = '{id}'"#
        ))
        .await;
    assert_eq!(told, ["pk_again Hello"]);
    assert!(ground.texts(r#"SELECT message_id FROM "prefix".phoenix_kit_email_logs WHERE message_id LIKE 'aftersend:%'"#).await.is_empty());
    assert_eq!(
        ground
            .texts(r#"SELECT aws_message_id FROM "prefix".aftersend_ids WHERE state = 'archived'"#)
            .await
            .len(),
        0
    );
    let again = ground.restore().await;
    assert_eq!((again.mails.merged, again.mails.restored, again.mails.unreadable), (0, 0, Vec::new()));
    // The same mails, one of them at another time: what was removed is subtracted, and what is here is counted.
    let sums = |rows: &[String]| -> i64 {
        rows.iter()
            .filter(|row| row.contains("opened_within"))
            .map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap()["delivered"].as_i64().unwrap())
            .sum()
    };
    assert_eq!(sums(&ground.recounted_figures().await), sums(&figures));
}

/// Into a new database, after the events of the archived mails have been taken in there: what no event tells comes back, too.
#[tokio::test]
async fn what_only_the_application_told_comes_back_to_mails_that_events_have_made() {
    let send = |id: &str| {
        serde_json::json!({
            "eventType": "Send", "send": {},
            "mail": {
                "timestamp": "2026-01-05T10:00:00.000Z", "messageId": id, "source": "app@example.com",
                "destination": ["ann@example.com"],
            },
        })
    };
    let ground = Ground::new().await;
    ground
        .run_sql(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", subject, template_name, headers, sent_at, body_full, user_uuid,
                    queued_at, inserted_at, updated_at)
               SELECT 'order-' || n, 'ses-' || n, 'ann@example.com', 'app@example.com', 'Order ' || n, 'order',
                      '{"X-Order": "7"}', '2026-01-05T10:00:00Z', repeat('the body ', 100) || n,
                      'a0000000-0000-4000-8000-000000000001', '2026-01-05T09:00:00Z', now(), now()
               FROM generate_series(1, 3) AS n"#,
        )
        .await;
    ground.ingest_values(&[send("ses-1"), send("ses-2"), send("ses-3")]).await;
    // Archived with its body in its row, and elsewhere.
    ground.archive(false).await;
    let what = r#"SELECT concat_ws('|', message_id, aws_message_id, subject, template_name, headers, md5(body_full), body_compressed,
                                   user_uuid, queued_at, aftersend_derived, aftersend_logged)
                  FROM "prefix".phoenix_kit_email_logs ORDER BY aws_message_id"#;
    let told = ground.texts(what).await;

    let mut other = Ground::new().await;
    other.place = ground.place.clone();
    other.ingest_values(&[send("ses-1"), send("ses-2")]).await;
    // This one's body was thrown away here on purpose.
    other
        .run_sql(
            r#"UPDATE "prefix".phoenix_kit_email_logs SET body_compressed = true WHERE aws_message_id = 'ses-2'"#,
        )
        .await;
    let restored = other.restore().await;
    let mails = &restored.mails;
    assert_eq!((mails.restored, mails.merged, mails.present), (1, 2, 0), "{restored:?}");
    let found = other.texts(what).await;
    assert_eq!((&found[0], &found[2]), (&told[0], &told[2]));
    let fields: Vec<&str> = found[1].split('|').collect();
    assert_eq!(fields[..4], ["order-2", "ses-2", "Order 2", "order"]);
    assert!(fields.contains(&r#"{"X-Order": "7"}"#) && fields.contains(&"t"), "{fields:?}");
    let sql = r#"SELECT coalesce(body_full, 'none') FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id = 'ses-2'"#;
    assert_eq!(other.texts(sql).await, ["none"]);
    // Once more, and nothing is lacking any more.
    let restored = other.restore().await;
    assert_eq!((restored.mails.merged, restored.mails.present), (0, 3), "{restored:?}");
    let figures = other.figures().await;
    assert_eq!(other.recounted_figures().await, figures);
}
