//! Rows without a fingerprint: an application's own, and ours after step a1 went down and up again.

use serde_json::{Value, json};

use crate::{
    schema::{DownOptions, Step, Target},
    testing::{Fixture, bounce, click, complaint, delivery, open, report, send},
};

/// A mail with SES id `m1`, as `PhoenixKit` logs it, and one event with its sub-object for JSON.
async fn logged(fixture: &Fixture, event_type: &str, occurred_at: &str, event_data: &Value) {
    fixture
        .run(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", inserted_at, updated_at)
               VALUES ('pk_1', 'm1', 'ann@example.com', 'shop@example.com', now(), now());
               INSERT INTO "prefix".phoenix_kit_email_events
                   (email_log_uuid, event_type, occurred_at, event_data, inserted_at, updated_at)
               SELECT uuid, '{event_type}', '{occurred_at}', '{event_data}', now(), now()
               FROM "prefix".phoenix_kit_email_logs"#
        ))
        .await;
}

async fn events(fixture: &Fixture) -> (i64, i64) {
    (
        fixture.count(r#""prefix".phoenix_kit_email_events"#).await,
        fixture.count(r#""prefix".aftersend_folded_events"#).await,
    )
}

#[tokio::test]
async fn down_and_up_again_doubles_nothing() {
    let fixture = Fixture::new().await;
    let stored = [
        send("m1"),
        delivery("m1", "01:00.250"),
        open("m1", "02:00.500", Some("Likely")),
        click("m1", "03:00", "https://example.com/a"),
        bounce("m1", "04:00", "Permanent", "f1"),
        complaint("m1", "05:00", "f2"),
    ];
    assert_eq!(fixture.ingest(&stored).await, report(6, 0, 0));
    let content = r#"SELECT event_type, occurred_at, link_url, aftersend_fingerprint, aftersend_subtype,
                            aftersend_bot_verdict
                     FROM "prefix".phoenix_kit_email_events ORDER BY event_type"#;
    let before = fixture.rows(content).await;
    let mut migrator = fixture.migrator().await;
    migrator.down(Target::Step(Step::V136), DownOptions::default()).await.unwrap();
    migrator.up(Step::LATEST).await.unwrap();
    assert_eq!(fixture.ingest(&stored).await, report(0, 6, 0));
    assert_eq!(fixture.rows(content).await, before);
    assert_eq!(fixture.ingest(&stored).await, report(0, 6, 0));
    // Another occurrence in a claimed row's place is still another one.
    assert_eq!(fixture.ingest(&[bounce("m1", "03:30", "Transient", "f0")]).await, report(0, 0, 1));
}

#[tokio::test]
async fn an_applications_row_tells_by_its_part_of_the_event_which_occurrence_it_is() {
    let fixture = Fixture::new().await;
    let mut part = bounce("m1", "01:00.250", "Transient", "f1")["bounce"].take();
    part["_source"] = "sqs".into();
    logged(&fixture, "bounce", "2026-09-01T10:01:00Z", &part).await;
    // Another bounce first: it must not take the row for its own.
    assert_eq!(fixture.ingest(&[bounce("m1", "02:00", "Permanent", "f2")]).await, report(0, 0, 1));
    assert_eq!(fixture.ingest(&[bounce("m1", "01:00.250", "Transient", "f1")]).await, report(0, 1, 0));
    assert_eq!(events(&fixture).await, (1, 1));
    // The row keeps the application's time.
    let row = fixture
        .row(r#"SELECT occurred_at, aftersend_subtype AS subtype FROM "prefix".phoenix_kit_email_events"#)
        .await;
    assert_eq!(row, json!({ "occurred_at": "2026-09-01T10:01:00+00:00", "subtype": "General" }));
}

/// An application cuts the times of opens and clicks to the second, which V137's index takes for other times.
#[tokio::test]
async fn an_applications_open_is_the_one_of_its_second_that_its_json_tells() {
    let fixture = Fixture::new().await;
    let mut part = open("m1", "01:00.250", None)["open"].take();
    part["_source"] = "sqs".into();
    logged(&fixture, "open", "2026-09-01T10:01:00Z", &part).await;
    // Others of that second first, and of that moment.
    let others = [open("m1", "01:00.750", None), click("m1", "01:00.250", "https://example.com/")];
    assert_eq!(fixture.ingest(&others).await, report(2, 0, 0));
    for _ in 0..2 {
        let same = open("m1", "01:00.250", Some("Likely"));
        assert_eq!(fixture.ingest(&[same]).await, report(0, 1, 0));
        assert_eq!(fixture.ingest(&others).await, report(0, 2, 0));
    }
    assert_eq!(fixture.ingest(&[open("m1", "01:00", None)]).await, report(0, 0, 1));
    let rows = fixture
        .rows(
            r#"SELECT occurred_at, aftersend_bot_verdict AS verdict FROM "prefix".phoenix_kit_email_events
               WHERE event_type = 'open' ORDER BY occurred_at"#,
        )
        .await;
    let expected = [
        json!({ "occurred_at": "2026-09-01T10:01:00+00:00", "verdict": "Likely" }),
        json!({ "occurred_at": "2026-09-01T10:01:00.75+00:00", "verdict": null }),
    ];
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn an_applications_open_that_tells_nothing_is_the_first_of_its_second() {
    let fixture = Fixture::new().await;
    logged(&fixture, "open", "2026-09-01T10:01:00Z", &json!({})).await;
    let opens = [open("m1", "01:00.250", None), open("m1", "01:00.750", None), open("m1", "01:01.250", None)];
    assert_eq!(fixture.ingest(&opens).await, report(2, 1, 0));
    assert_eq!(fixture.ingest(&opens).await, report(0, 3, 0));
}

#[tokio::test]
async fn an_applications_send_absorbs_the_send_of_ses_and_keeps_its_clock() {
    let fixture = Fixture::new().await;
    logged(&fixture, "send", "2026-09-01T10:00:07Z", &json!({})).await;
    for _ in 0..2 {
        assert_eq!(fixture.ingest(&[send("m1")]).await, report(0, 1, 0));
        let row = fixture.row(r#"SELECT occurred_at FROM "prefix".phoenix_kit_email_events"#).await;
        assert_eq!(row["occurred_at"], "2026-09-01T10:00:07+00:00");
    }
    assert_eq!(events(&fixture).await, (1, 0));
}

#[tokio::test]
async fn a_row_that_tells_nothing_is_the_first_that_comes() {
    let fixture = Fixture::new().await;
    logged(&fixture, "delivery", "2026-09-01T10:01:00Z", &json!({ "note": "by hand" })).await;
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00.250")]).await, report(0, 1, 0));
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00.250")]).await, report(0, 1, 0));
    assert_eq!(fixture.ingest(&[delivery("m1", "07:00")]).await, report(0, 0, 1));
}

/// Two records of one occurrence that contradict each other leave the same row, whichever comes first.
#[tokio::test]
async fn contradictions_are_settled_the_same_way_in_either_order() {
    let fixture = Fixture::new().await;
    let told = |mail: &str, kind: &str, agent: Option<&str>| {
        let mut complaint = complaint(mail, "01:00", "f1");
        complaint["complaint"]["complaintFeedbackType"] = kind.into();
        complaint["complaint"]["userAgent"] = json!(agent);
        complaint
    };
    let bounced = |mail: &str, kind: &str| bounce(mail, "02:00", kind, "f2");
    let first = [("abuse", None, "Undetermined"), ("virus", Some("Feedback Loop"), "Permanent")];
    for (mail, order) in [("m1", [first[0], first[1]]), ("m2", [first[1], first[0]])] {
        for (kind, agent, bounce_type) in order {
            fixture.ingest(&[told(mail, kind, agent), bounced(mail, bounce_type)]).await;
        }
    }
    let rows = fixture
        .rows(
            r#"SELECT event_type, complaint_type, user_agent, bounce_type FROM "prefix".phoenix_kit_email_events
               JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = email_log_uuid
               ORDER BY aws_message_id, event_type"#,
        )
        .await;
    assert_eq!(rows[..2], rows[2..]);
    assert_eq!((&rows[0]["bounce_type"], &rows[1]["complaint_type"]), (&json!("hard"), &json!("abuse")));
    assert_eq!(rows[1]["user_agent"], "Feedback Loop");
}

/// `event_data` may be NULL, and a `send` of the application's has a later clock than that of SES.
#[tokio::test]
async fn a_row_without_json_is_a_repeat_and_stays_as_the_application_wrote_it() {
    let fixture = Fixture::new().await;
    logged(&fixture, "complaint", "2026-09-01T10:09:00Z", &json!({})).await;
    fixture
        .run(
            r#"UPDATE "prefix".phoenix_kit_email_events
               SET event_data = NULL, complaint_type = 'spam', user_agent = 'Moz'"#,
        )
        .await;
    for _ in 0..2 {
        assert_eq!(fixture.ingest(&[complaint("m1", "05:00", "f1"), send("m2")]).await.folded, 0);
        let row = fixture
            .row(
                r#"SELECT occurred_at, complaint_type, user_agent, aftersend_fingerprint IS NOT NULL AS claimed
                   FROM "prefix".phoenix_kit_email_events WHERE event_type = 'complaint'"#,
            )
            .await;
        let expected = json!({
            "occurred_at": "2026-09-01T10:09:00+00:00", "complaint_type": "spam", "user_agent": "Moz", "claimed": true,
        });
        assert_eq!(row, expected);
    }
}

/// A row that this program can't read must not hold up the others: the event is to blame, not the moment.
#[tokio::test]
async fn a_mail_with_an_endless_time_blames_the_event() {
    let fixture = Fixture::new().await;
    logged(&fixture, "queued", "2026-09-01T10:00:00Z", &json!({})).await;
    fixture.run(r#"UPDATE "prefix".phoenix_kit_email_logs SET sent_at = 'infinity'"#).await;
    let error = fixture.try_ingest(&[send("m1")]).await.unwrap_err();
    assert!(matches!(error, crate::IngestError::Data(_)), "{error:?}");
}

#[tokio::test]
async fn mails_made_from_events_are_known_as_such_after_down_and_up() {
    let fixture = Fixture::new().await;
    let mut bare = open("m1", "02:00", None);
    let mail = bare["mail"].as_object_mut().unwrap();
    mail.remove("commonHeaders");
    mail.remove("tags");
    fixture.ingest(&[bare]).await;
    let mut migrator = fixture.migrator().await;
    migrator.down(Target::Step(Step::V136), DownOptions::default()).await.unwrap();
    migrator.up(Step::LATEST).await.unwrap();
    fixture.ingest(&[send("m1")]).await;
    let row = fixture.row(r#"SELECT subject, campaign_id FROM "prefix".phoenix_kit_email_logs"#).await;
    assert_eq!(row, json!({ "subject": "Your order", "campaign_id": "autumn" }));
}
