//! Which row is whose: mails known from events alone, and mails that an application has logged.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    UnknownMails,
    testing::{Fixture, bounce, click, delivery, ingest_bodies, open, report, send},
};

/// A row as an application writes it.
async fn log(fixture: &Fixture, message_id: &str, aws_message_id: Option<&str>) {
    let aws_message_id = aws_message_id.map_or("NULL".to_owned(), |id| format!("'{id}'"));
    fixture
        .run(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", subject, message_tags, sent_at, inserted_at, updated_at,
                    status, template_name)
               VALUES ('{message_id}', {aws_message_id}, 'x@example.com', 'app@example.com', 'S', '{{"a": "b"}}',
                       '2026-09-01 12:00:00Z', now(), now(), 'queued', NULL)"#
        ))
        .await;
}

async fn mails(fixture: &Fixture) -> Vec<Value> {
    fixture
        .rows(
            r#"SELECT message_id, aws_message_id, status, aftersend_derived AS derived,
                      (SELECT count(*) FROM "prefix".phoenix_kit_email_events WHERE email_log_uuid = mail.uuid) AS rows
               FROM "prefix".phoenix_kit_email_logs AS mail ORDER BY inserted_at, aws_message_id"#,
        )
        .await
}

#[tokio::test]
async fn an_unknown_mail_is_made_from_its_events() {
    let fixture = Fixture::new().await;
    // The earliest time of sending, the longest text, all tags.
    let mut first = delivery("m1", "01:00");
    first["mail"]["timestamp"] = "2026-09-01T09:00:00.5Z".into();
    let mut second = open("m1", "02:00", None);
    second["mail"]["commonHeaders"]["subject"] = "Your order has been sent".into();
    second["mail"]["tags"] = json!({ "campaign": ["autumn"], "ses:configuration-set": ["main"], "x": ["1"] });
    fixture.ingest(&[second]).await;
    fixture.ingest(&[first]).await;
    let row = fixture
        .row(
            r#"SELECT message_id, aws_message_id, "to", "from", subject, template_name, campaign_id,
                      configuration_set, message_tags, provider, sent_at, status, aftersend_derived
               FROM "prefix".phoenix_kit_email_logs"#,
        )
        .await;
    let expected = json!({
        "message_id": "m1", "aws_message_id": "m1", "to": "ann@example.com", "from": "Shop <shop@example.com>",
        "subject": "Your order has been sent", "template_name": "order", "campaign_id": "autumn",
        "configuration_set": "main", "provider": "aws_ses", "sent_at": "2026-09-01T09:00:00.5+00:00",
        "message_tags": {
            "campaign": ["autumn"], "template": ["order"], "ses:configuration-set": ["main"], "x": ["1"],
        },
        "status": "opened", "aftersend_derived": true,
    });
    assert_eq!(row, expected);
}

#[tokio::test]
async fn an_applications_row_keeps_what_it_says_and_gets_status_and_times() {
    let fixture = Fixture::new().await;
    log(&fixture, "pk_1", Some("m1")).await;
    fixture.ingest(&[delivery("m1", "01:00"), click("m1", "02:00", "https://example.com")]).await;
    let row = fixture
        .row(
            r#"SELECT message_id, "to", "from", subject, template_name, message_tags, sent_at, status, delivered_at,
                      clicked_at, provider, aftersend_derived
               FROM "prefix".phoenix_kit_email_logs"#,
        )
        .await;
    let expected = json!({
        "message_id": "pk_1", "to": "x@example.com", "from": "app@example.com", "subject": "S",
        "template_name": null, "message_tags": { "a": "b" }, "sent_at": "2026-09-01T12:00:00+00:00",
        "status": "clicked", "delivered_at": "2026-09-01T10:01:00+00:00",
        "clicked_at": "2026-09-01T10:02:00+00:00", "provider": "unknown", "aftersend_derived": null,
    });
    assert_eq!(row, expected);
}

#[tokio::test]
async fn a_state_of_an_applications_own_yields_to_what_events_say() {
    let fixture = Fixture::new().await;
    log(&fixture, "pk_1", Some("m1")).await;
    let set = r#"UPDATE "prefix".phoenix_kit_email_logs SET status = 'handed_over'"#;
    fixture.run(set).await;
    let mut nothing = delivery("m1", "01:00");
    nothing["eventType"] = "Teleported".into();
    fixture.ingest(&[nothing]).await;
    assert_eq!(mails(&fixture).await[0]["status"], "handed_over");
    fixture.ingest(&[send("m1")]).await;
    assert_eq!(mails(&fixture).await[0]["status"], "sent");
}

#[tokio::test]
async fn a_row_logged_under_the_ses_id_is_that_mail() {
    let fixture = Fixture::new().await;
    log(&fixture, "m1", None).await;
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00")]).await, report(1, 0, 0));
    let expected = json!([{ "message_id": "m1", "aws_message_id": "m1", "status": "delivered", "derived": null, "rows": 1 }]);
    assert_eq!(json!(mails(&fixture).await), expected);
}

#[tokio::test]
async fn a_ses_id_that_is_another_mails_own_id_gets_a_mail_of_its_own() {
    let fixture = Fixture::new().await;
    log(&fixture, "m1", Some("m9")).await;
    // In one batch with that other mail, and with one that nobody knows.
    let events = [delivery("m1", "01:00"), delivery("m9", "02:00"), send("m5")];
    assert_eq!(fixture.ingest(&events).await, report(3, 0, 0));
    assert_eq!(fixture.ingest(&events).await, report(0, 3, 0));
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 3);
    let own = fixture
        .row(
            r#"SELECT message_id = 'aftersend:' || uuid AS own, status, aftersend_derived AS derived
               FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id = 'm1'"#,
        )
        .await;
    assert_eq!(own, json!({ "own": true, "status": "delivered", "derived": true }));
    // Who asks for m1 means the one that SES knows by it.
    let story = fixture.store.find_story("m1").await.unwrap().unwrap();
    assert_eq!(story.mail.summary.aws_message_id.as_deref(), Some("m1"));
}

#[tokio::test]
async fn an_id_beside_the_columns_joins_its_mail() {
    let fixture = Fixture::new().await;
    log(&fixture, "pk_1", Some("m1")).await;
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_ids
               SELECT id, uuid, 'alias' FROM "prefix".phoenix_kit_email_logs, unnest(ARRAY['m2', 'm3']) AS id"#,
        )
        .await;
    // By its column's id and by both others in one batch, and by one of them alone.
    let events =
        [delivery("m1", "01:00"), open("m2", "02:00", None), click("m3", "03:00", "https://example.com")];
    assert_eq!(fixture.ingest(&events).await, report(3, 0, 0));
    assert_eq!(fixture.ingest(&[delivery("m2", "00:30")]).await, report(0, 0, 1));
    let expected = json!([{ "message_id": "pk_1", "aws_message_id": "m1", "status": "clicked", "derived": null, "rows": 3 }]);
    assert_eq!(json!(mails(&fixture).await), expected);
    let row = fixture.row(r#"SELECT delivered_at FROM "prefix".phoenix_kit_email_logs"#).await;
    assert_eq!(row["delivered_at"], "2026-09-01T10:00:30+00:00");
}

#[tokio::test]
async fn the_column_decides_where_an_id_stands_in_both_places() {
    let fixture = Fixture::new().await;
    log(&fixture, "pk_1", Some("m1")).await;
    log(&fixture, "pk_2", Some("m2")).await;
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_ids
               SELECT 'm2', uuid, 'alias' FROM "prefix".phoenix_kit_email_logs WHERE message_id = 'pk_1'"#,
        )
        .await;
    assert_eq!(fixture.ingest(&[delivery("m2", "01:00")]).await, report(1, 0, 0));
    let states: Vec<Value> = mails(&fixture).await.iter().map(|mail| mail["status"].clone()).collect();
    assert_eq!(states, ["queued", "delivered"]);
}

#[tokio::test]
async fn an_id_whose_mail_is_gone_leads_nowhere() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_ids
               VALUES ('m1', gen_random_uuid(), 'alias'), ('m2', NULL, 'archived')"#,
        )
        .await;
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00"), delivery("m2", "01:00")]).await, report(2, 0, 0));
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 2);
}

/// A mail that was removed on purpose is not made anew by an event that comes late. Its address is blocked all the same.
#[tokio::test]
async fn a_mail_that_was_removed_on_purpose_stays_away() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_ids
               VALUES ('m1', gen_random_uuid(), 'deleted'), ('m2', NULL, 'erased')"#,
        )
        .await;
    let events = [
        delivery("m1", "01:00"),
        delivery("m1", "01:00"),
        bounce("m2", "01:00", "Permanent", "f1"),
        delivery("m3", "01:00"),
    ];
    for rule in [UnknownMails::Create, UnknownMails::Park { park_for: Duration::ZERO }] {
        let store = fixture.store.clone().with_unknown_mails(rule);
        let bodies = events.each_ref().map(Value::to_string);
        let report = ingest_bodies(&store, bodies.iter().map(String::as_bytes)).await.unwrap();
        assert_eq!((report.late, report.repeated), (3, usize::from(rule != UnknownMails::Create)));
    }
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 1);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_orphaned_events"#).await, 0);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_blocklist"#).await, 1);
}
