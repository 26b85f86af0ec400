//! Mails of an application's, of which less is known than of others.

use super::{day, sent};
use crate::{
    Alarm, BucketWidth, DomainFigures, Figures, Overview, TimeZoneName,
    testing::{Fixture, open},
};

async fn overview(fixture: &Fixture) -> Overview {
    fixture.recount_figures().await;
    fixture.store.overview(day(), BucketWidth::Day, &TimeZoneName::utc(), None).await.unwrap()
}

/// Logs a mail with what an application noted of it.
async fn logged(fixture: &Fixture, message_id: &str, aws_message_id: Option<&str>, noted: &str) {
    let id = aws_message_id.map_or("NULL".to_owned(), |id| format!("'{id}'"));
    fixture
        .run(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", sent_at, inserted_at, updated_at)
               VALUES ('{message_id}', {id}, 'Ann@Example.com', 'app@example.com', '2026-09-01T10:00:00Z', now(), now());
               UPDATE "prefix".phoenix_kit_email_logs SET {noted} WHERE message_id = '{message_id}'"#
        ))
        .await;
}

async fn bounced(fixture: &Fixture, message_id: &str, bounce_type: &str, subtype: &str) {
    fixture
        .run(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_events
                   (email_log_uuid, event_type, event_data, occurred_at, bounce_type, inserted_at, updated_at, uuid)
               SELECT uuid, 'bounce', '{{"bounceType": "x", "bounceSubType": "{subtype}", "_source": "x"}}',
                      '2026-09-01T10:00:05Z', '{bounce_type}', now(), now(), gen_random_uuid()
               FROM "prefix".phoenix_kit_email_logs WHERE message_id = '{message_id}'"#
        ))
        .await;
}

const LATER: &str = "'2026-09-01T10:00:05Z'";

#[tokio::test]
async fn a_mail_that_only_its_row_tells_of_is_one_recipient() {
    let fixture = Fixture::new().await;
    // Not handed to SES yet: not sent.
    logged(&fixture, "q", None, "status = 'queued'").await;
    assert_eq!(overview(&fixture).await.figures, Figures::default());
    logged(&fixture, "s", Some("s1"), "status = 'sent'").await;
    logged(&fixture, "d", Some("d1"), &format!("delivered_at = {LATER}, opened_at = {LATER}")).await;
    logged(&fixture, "r", Some("r1"), &format!("rejected_at = {LATER}")).await;
    logged(&fixture, "c", Some("c1"), &format!("delivered_at = {LATER}, complained_at = {LATER}")).await;
    let bounces =
        [("h", "hard", "General"), ("w", "soft", "MailboxFull"), ("u", "undetermined", "Undetermined")];
    let never = [("n", "hard", "OnAccountSuppressionList")];
    for (id, bounce_type, subtype) in bounces.into_iter().chain(never) {
        logged(&fixture, id, Some(&format!("{id}1")), &format!("bounced_at = {LATER}")).await;
        bounced(&fixture, id, bounce_type, subtype).await;
    }
    let expected = Figures {
        mails: 7,
        sent: 7,
        delivered: 2,
        delivered_mails: 2,
        hard_bounced: 1,
        soft_bounced: 1,
        undetermined_bounced: 1,
        not_tried: 1,
        complained: 1,
        rejected: 1,
        opened: 1,
        ..Figures::default()
    };
    assert_eq!(overview(&fixture).await.figures, expected);
    let domains = fixture.store.worst_domains(day(), None, 10).await.unwrap();
    // The row alone does not tell that SES did not try.
    let domain = "example.com".to_owned();
    assert_eq!(domains, [DomainFigures { domain, sent: 7, delivered: 2, bounced: 4, complained: 1 }]);
    let reasons = fixture.store.bounce_reasons(day(), 10).await.unwrap();
    let told: Vec<(Option<&str>, u64)> =
        reasons.iter().map(|reason| (reason.subtype.as_deref(), reason.bounces)).collect();
    assert_eq!(told.len(), 4, "{reasons:?}");
    assert!(told.contains(&(Some("MailboxFull"), 1)), "{reasons:?}");
}

/// What is known must not become less when an event arrives that tells of recipients.
#[tokio::test]
async fn the_first_event_takes_nothing_back() {
    let fixture = Fixture::adopted(std::time::Duration::from_hours(1)).await;
    logged(&fixture, "d", Some("m1"), &format!("delivered_at = {LATER}")).await;
    let before = overview(&fixture).await.figures;
    assert_eq!(before, Figures { delivered: 1, delivered_mails: 1, ..sent(1) });
    let report = fixture.ingest(&[open("m1", "07:00.000", None)]).await;
    assert_eq!(report.stored, 1);
    assert_eq!(overview(&fixture).await.figures, Figures { opened: 1, ..before });
}

#[tokio::test]
async fn mails_without_news_raise_the_alarm() {
    let fixture = Fixture::new().await;
    let signals = fixture.store.signals().await.unwrap();
    assert_eq!(signals.silence, None);
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", sent_at, inserted_at, updated_at)
               SELECT 'm' || n, CASE WHEN n <> 1 THEN 'm' || n END, 'a@x.org', 'b@x.org',
                      now() - n * interval '1 min', now(), now()
               FROM generate_series(1, 200) AS n;
               INSERT INTO "prefix".phoenix_kit_email_events
                   (uuid, email_log_uuid, event_type, occurred_at, inserted_at, updated_at)
               SELECT gen_random_uuid(), uuid, 'delivery', now() - interval '2 hours 30 s', now(), now()
               FROM "prefix".phoenix_kit_email_logs WHERE message_id = 'm130'"#,
        )
        .await;
    let signals = fixture.store.signals().await.unwrap();
    let silence = signals.silence.unwrap();
    // Those of the last quarter of an hour may well be without news.
    assert!((105..=106).contains(&silence.mails_since), "{silence:?}");
    assert!((7_230.0..7_400.0).contains(&silence.age_s), "{silence:?}");
    let seen = fixture.store.seen_types().await.unwrap();
    assert!(seen.get("delivery").is_some() && seen.get("open").is_none(), "{seen:?}");
    let now = jiff::Timestamp::now();
    let alarms = signals.alarms(&Figures::default(), &seen, day(), now);
    assert!(matches!(alarms.as_slice(), [Alarm::Silence(_)]), "{alarms:?}");
}
