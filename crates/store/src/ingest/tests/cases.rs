//! Cases that trackers of this kind got wrong in production, one by one.

use serde_json::{Value, json};

use crate::testing::{Fixture, at, bounce, click, complaint, delivery, event, event_to, open, report, send};

/// The mail's status and times, as far as they are set, and how many rows and folded rows it has.
async fn mail(fixture: &Fixture, id: &str) -> Value {
    fixture
        .row(&format!(
            r#"SELECT status, delivered_at, opened_at, clicked_at, bounced_at, complained_at,
                      (SELECT count(*) FROM "prefix".phoenix_kit_email_events WHERE email_log_uuid = mail.uuid) AS rows,
                      (SELECT count(*) FROM "prefix".aftersend_folded_events WHERE email_log_uuid = mail.uuid) AS folded
               FROM "prefix".phoenix_kit_email_logs AS mail WHERE aws_message_id = '{id}'"#
        ))
        .await
}

/// Asserts some of the fields of a row.
fn assert_fields(row: &Value, expected: Value) {
    let Value::Object(expected) = expected else { panic!("an object") };
    for (name, value) in expected {
        assert_eq!(row[&name], value, "{name} of {row}");
    }
}

fn stored_at(time: &str) -> String {
    let whole = format!("2026-09-01T10:{time}+00:00");
    whole.replace(".000+", "+")
}

#[tokio::test]
async fn a_transient_bounce_hides_no_permanent_one_in_either_order() {
    let fixture = Fixture::new().await;
    let soft = |mail| bounce(mail, "01:00", "Transient", &format!("{mail}-soft"));
    let hard = |mail| bounce(mail, "02:00", "Permanent", &format!("{mail}-hard"));
    assert_eq!(fixture.ingest(&[soft("m1")]).await, report(1, 0, 0));
    assert_eq!(fixture.ingest(&[hard("m1")]).await, report(0, 0, 1));
    assert_eq!(fixture.ingest(&[hard("m2"), soft("m2")]).await, report(1, 0, 1));
    for id in ["m1", "m2"] {
        let expected = json!({
            "status": "hard_bounced", "bounced_at": stored_at("01:00"), "rows": 1, "folded": 1,
        });
        assert_fields(&mail(&fixture, id).await, expected);
    }
    // Stored or folded, each keeps its own kind.
    let kinds = fixture
        .rows(
            r#"SELECT bounce_type FROM "prefix".phoenix_kit_email_events
               UNION ALL SELECT bounce_type FROM "prefix".aftersend_folded_events ORDER BY 1"#,
        )
        .await;
    let kinds: Vec<&str> = kinds.iter().map(|row| row["bounce_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["hard", "hard", "soft", "soft"]);
}

#[tokio::test]
async fn the_second_recipients_delivery_is_kept() {
    let fixture = Fixture::new().await;
    let both = ["ann@example.com", "bob@example.com"];
    let to = |who: &str, time: &str| {
        let object = json!({ "timestamp": at(time), "recipients": [who] });
        event_to(&both, "m1", "Delivery", "delivery", object)
    };
    let events = [to("bob@example.com", "02:00"), to("ann@example.com", "01:00")];
    assert_eq!(fixture.ingest(&events).await, report(1, 0, 1));
    assert_eq!(fixture.ingest(&events).await, report(0, 2, 0));
    let story = fixture.store.find_story("m1").await.unwrap().unwrap();
    let recipients: Vec<&str> = story.occurrences.iter().map(|o| o.recipients[0].as_str()).collect();
    assert_eq!(recipients, both);
    assert_fields(&mail(&fixture, "m1").await, json!({ "delivered_at": stored_at("01:00") }));
}

#[tokio::test]
async fn two_links_in_one_millisecond_are_two_clicks() {
    let fixture = Fixture::new().await;
    let clicks = [
        click("m1", "01:00.123", "https://example.com/a"),
        click("m1", "01:00.123", "https://example.com/b"),
        click("m1", "01:00.124", "https://example.com/a"),
    ];
    assert_eq!(fixture.ingest(&clicks).await, report(2, 0, 1));
    assert_eq!(fixture.ingest(&clicks[..2]).await, report(0, 2, 0));
    assert_fields(&mail(&fixture, "m1").await, json!({ "status": "clicked", "rows": 2, "folded": 1 }));
}

#[tokio::test]
async fn the_same_bounce_in_both_formats_is_a_repeat_and_the_earliest_time_holds() {
    let fixture = Fixture::new().await;
    let published = bounce("m1", "02:00.000", "Permanent", "f1");
    let mut notified = bounce("m1", "01:00.000", "Permanent", "f1");
    let event_type = notified.as_object_mut().unwrap().remove("eventType").unwrap();
    notified["notificationType"] = event_type;
    assert_eq!(fixture.ingest(&[published]).await, report(1, 0, 0));
    assert_eq!(fixture.ingest(&[notified]).await, report(0, 1, 0));
    let expected = json!({ "bounced_at": stored_at("01:00"), "rows": 1, "folded": 0 });
    assert_fields(&mail(&fixture, "m1").await, expected);
    let row = fixture.row(r#"SELECT occurred_at FROM "prefix".phoenix_kit_email_events"#).await;
    assert_eq!(row["occurred_at"], stored_at("01:00"));
}

#[tokio::test]
async fn records_of_one_occurrence_in_one_batch_are_merged() {
    let fixture = Fixture::new().await;
    let mut without = bounce("m1", "01:00", "Permanent", "f1");
    without["bounce"].as_object_mut().unwrap().remove("bounceSubType");
    let with = bounce("m1", "02:00", "Permanent", "f1");
    for events in [[without.clone(), with.clone()], [with, without]] {
        fixture.run(r#"TRUNCATE "prefix".phoenix_kit_email_logs CASCADE"#).await;
        assert_eq!(fixture.ingest(&events).await, report(1, 1, 0));
        let row = fixture
            .row(r#"SELECT occurred_at, aftersend_subtype AS subtype FROM "prefix".phoenix_kit_email_events"#)
            .await;
        assert_eq!(row, json!({ "occurred_at": stored_at("01:00"), "subtype": "General" }));
    }
}

#[tokio::test]
async fn a_folded_bounce_takes_an_earlier_time_too() {
    let fixture = Fixture::new().await;
    let events = [bounce("m1", "01:00", "Transient", "f1"), bounce("m1", "03:00", "Permanent", "f2")];
    assert_eq!(fixture.ingest(&events).await, report(1, 0, 1));
    assert_eq!(fixture.ingest(&[bounce("m1", "02:00", "Permanent", "f2")]).await, report(0, 1, 0));
    assert_eq!(fixture.ingest(&[bounce("m1", "04:00", "Permanent", "f2")]).await, report(0, 1, 0));
    let row = fixture.row(r#"SELECT occurred_at FROM "prefix".aftersend_folded_events"#).await;
    assert_eq!(row["occurred_at"], stored_at("02:00"));
}

#[tokio::test]
async fn a_late_delivery_takes_nothing_back() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[click("m1", "02:00", "https://example.com/a"), open("m1", "01:30", None)]).await;
    fixture.ingest(&[delivery("m1", "01:00"), send("m1")]).await;
    let expected = json!({
        "status": "clicked", "delivered_at": stored_at("01:00"), "opened_at": stored_at("01:30"),
        "clicked_at": stored_at("02:00"),
    });
    assert_fields(&mail(&fixture, "m1").await, expected);
    // A bounce for good that comes after a delivery shows; an open after it does not hide it.
    fixture.ingest(&[bounce("m1", "03:00", "Permanent", "f1")]).await;
    fixture.ingest(&[open("m1", "04:00", Some("Likely"))]).await;
    assert_fields(&mail(&fixture, "m1").await, json!({ "status": "hard_bounced" }));
}

#[tokio::test]
async fn a_repeat_with_a_surer_verdict_sharpens_rows_and_folded_ones() {
    let fixture = Fixture::new().await;
    let told = |link: &str, verdict: Option<&str>| {
        let mut click = click("m1", "01:00.5", link);
        if let Some(verdict) = verdict {
            click["click"]["isBotEvent"] = verdict.into();
        }
        click
    };
    let verdicts = async || {
        let rows = fixture
            .rows(
                r#"SELECT link_url, aftersend_bot_verdict AS verdict FROM "prefix".phoenix_kit_email_events
                   UNION ALL SELECT link_url, bot_verdict FROM "prefix".aftersend_folded_events ORDER BY 1"#,
            )
            .await;
        rows.iter().map(|row| row["verdict"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(fixture.ingest(&[told("a", None), told("b", None)]).await, report(1, 0, 1));
    for (told_verdict, expected) in [
        (None, None),
        (Some("Unlikely"), Some("Unlikely")),
        (None, Some("Unlikely")),
        (Some("Likely"), Some("Likely")),
        (Some("Unlikely"), Some("Likely")),
    ] {
        let events = [told("a", told_verdict), told("b", told_verdict)];
        assert_eq!(fixture.ingest(&events).await, report(0, 2, 0));
        assert_eq!(verdicts().await, [expected.map(str::to_owned), expected.map(str::to_owned)]);
    }
    // Within one batch, too.
    let events = [
        open("m2", "01:00", Some("Unlikely")),
        open("m2", "01:00", Some("Likely")),
        open("m2", "01:00", None),
    ];
    assert_eq!(fixture.ingest(&events).await, report(1, 2, 0));
    let row = fixture
        .row(r#"SELECT aftersend_bot_verdict AS verdict FROM "prefix".phoenix_kit_email_events WHERE event_type = 'open'"#)
        .await;
    assert_eq!(row["verdict"], "Likely");
}

#[tokio::test]
async fn a_repeat_brings_a_missing_subtype() {
    let fixture = Fixture::new().await;
    let without = |id: &str| {
        let mut bounce = bounce("m1", "01:00", "Transient", id);
        bounce["bounce"].as_object_mut().unwrap().remove("bounceSubType");
        bounce
    };
    assert_eq!(fixture.ingest(&[without("f1"), without("f2")]).await, report(1, 0, 1));
    let with = [bounce("m1", "01:00", "Transient", "f1"), bounce("m1", "01:00", "Transient", "f2")];
    assert_eq!(fixture.ingest(&with).await, report(0, 2, 0));
    assert_eq!(fixture.ingest(&[without("f1"), without("f2")]).await, report(0, 2, 0));
    let rows = fixture
        .rows(
            r#"SELECT aftersend_subtype AS subtype FROM "prefix".phoenix_kit_email_events
               UNION ALL SELECT subtype FROM "prefix".aftersend_folded_events"#,
        )
        .await;
    assert_eq!(rows, [json!({ "subtype": "General" }), json!({ "subtype": "General" })]);
}

#[tokio::test]
async fn a_stronger_block_is_never_weakened() {
    let fixture = Fixture::new().await;
    let blocks = async || {
        let rows = fixture
            .rows(r#"SELECT email, reason, expires_at FROM "prefix".phoenix_kit_email_blocklist ORDER BY email"#)
            .await;
        rows.into_iter().map(|row| (row["reason"].clone(), row["expires_at"].clone())).collect::<Vec<_>>()
    };
    let hard = || bounce("m1", "01:00", "Permanent", "f1");
    let spam = || complaint("m1", "02:00", "f2");
    let set = async |reason: &str, expires_at: &str| {
        fixture
            .run(&format!(
                r#"DELETE FROM "prefix".phoenix_kit_email_blocklist;
                   INSERT INTO "prefix".phoenix_kit_email_blocklist (email, reason, expires_at)
                   VALUES ('ann@example.com', '{reason}', {expires_at})"#
            ))
            .await;
    };
    let forever = |reason: &str| vec![(json!(reason), Value::Null)];

    fixture.ingest(&[hard()]).await;
    assert_eq!(blocks().await, forever("hard_bounce"));
    fixture.ingest(&[spam()]).await;
    assert_eq!(blocks().await, forever("complaint"));
    fixture.ingest(&[hard()]).await;
    assert_eq!(blocks().await, forever("complaint"));
    // An application's own reason without an end stays.
    set("manual", "NULL").await;
    fixture.ingest(&[hard(), spam()]).await;
    assert_eq!(blocks().await, forever("manual"));
    // One that runs out is weaker than one that does not, whatever its reason.
    for reason in ["manual", "complaint", "hard_bounce"] {
        set(reason, "now() + interval '1 day'").await;
        fixture.ingest(&[hard()]).await;
        assert_eq!(blocks().await, forever("hard_bounce"));
    }
}

#[tokio::test]
async fn what_says_nothing_against_an_address_blocks_nobody() {
    let fixture = Fixture::new().await;
    let mut suppressed = bounce("m1", "01:00", "Permanent", "f1");
    suppressed["bounce"]["bounceSubType"] = "OnAccountSuppressionList".into();
    let mut not_spam = complaint("m2", "01:00", "f2");
    not_spam["complaint"]["complaintFeedbackType"] = "not-spam".into();
    let mut several = complaint("m3", "01:00", "f3");
    several["complaint"]["complainedRecipients"] =
        json!([{ "emailAddress": "a@example.com" }, { "emailAddress": "b@example.com" }]);
    fixture.ingest(&[suppressed, not_spam, several, bounce("m4", "01:00", "Transient", "f4")]).await;
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_blocklist"#).await, 0);
    assert_fields(&mail(&fixture, "m2").await, json!({ "status": "sent", "complained_at": null }));
    assert_fields(&mail(&fixture, "m3").await, json!({ "status": "complaint" }));
}

#[tokio::test]
async fn types_that_nobody_knows_yet_are_kept() {
    let fixture = Fixture::new().await;
    let teleported = event("m1", "Teleported", "teleported", json!({ "timestamp": at("01:00.25") }));
    assert_eq!(fixture.ingest(std::slice::from_ref(&teleported)).await, report(1, 0, 0));
    assert_eq!(fixture.ingest(&[teleported]).await, report(0, 1, 0));
    let row = fixture.row(r#"SELECT event_type, occurred_at FROM "prefix".phoenix_kit_email_events"#).await;
    assert_eq!(row, json!({ "event_type": "teleported", "occurred_at": "2026-09-01T10:01:00.25+00:00" }));
    assert_fields(&mail(&fixture, "m1").await, json!({ "status": "sent" }));
}

#[tokio::test]
async fn a_nul_character_is_replaced() {
    let fixture = Fixture::new().await;
    let mut event = open("m1", "01:00", None);
    event["mail"]["commonHeaders"]["subject"] = "a\0b".into();
    event["mail"]["tags"] = json!({ "na\0me": ["va\0lue"], "campaign": ["c\0"] });
    event["open"]["userAgent"] = "\0".into();
    assert_eq!(fixture.ingest(&[event]).await, report(1, 0, 0));
    let row = fixture
        .row(r#"SELECT subject, campaign_id, message_tags FROM "prefix".phoenix_kit_email_logs"#)
        .await;
    let expected = json!({
        "subject": "a\u{FFFD}b", "campaign_id": "c\u{FFFD}",
        "message_tags": { "na\u{FFFD}me": ["va\u{FFFD}lue"], "campaign": ["c\u{FFFD}"] },
    });
    assert_eq!(row, expected);
    assert_eq!(fixture.store.find_story("m1").await.unwrap().unwrap().occurrences.len(), 1);
}
