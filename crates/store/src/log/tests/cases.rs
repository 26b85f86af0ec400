//! One case after the other.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::*;
use crate::testing::{Fixture, at, bounce, delivery, open, report, send};

pub(super) fn mail(json: &Value) -> LoggedMail {
    LoggedMail::from_json(json.to_string().as_bytes()).unwrap()
}

async fn log(fixture: &Fixture, lines: &[Value]) -> Vec<Result<Logged, LogRefusal>> {
    let mails: Vec<LoggedMail> = lines.iter().map(mail).collect();
    fixture.store.log_mails(&mails).await.unwrap()
}

async fn outcome(fixture: &Fixture, line: &Value) -> LogOutcome {
    log(fixture, std::slice::from_ref(line)).await.remove(0).unwrap().outcome
}

fn order(more: Value) -> Value {
    let mut line = json!({ "message_id": "o-1", "to": "ann@example.com", "from": "Shop <shop@example.com>" });
    let (Value::Object(line_fields), Value::Object(more)) = (&mut line, more) else { unreachable!() };
    line_fields.extend(more);
    line
}

async fn columns(fixture: &Fixture, columns: &str) -> Value {
    fixture.row(&format!(r#"SELECT {columns} FROM "prefix".phoenix_kit_email_logs AS mail"#)).await
}

#[tokio::test]
async fn a_mail_is_logged_with_all_that_is_said_of_it() {
    let fixture = Fixture::new().await;
    let line = order(json!({
        "aws_message_id": "m1", "subject": "Your order", "template": "order", "campaign": "autumn",
        "configuration_set": "main", "tags": { "kind": "order" }, "headers": { "X-Order": "7" },
        "body": { "html": "<p>Hello\u{0}</p>", "text": "Hello" }, "attachments_count": 1, "size_bytes": 900,
        "locale": "de", "user_uuid": "018f0000-0000-7000-8000-000000000001",
        "queued_at": at("00:00"), "sent_at": at("00:01"),
    }));
    assert_eq!(outcome(&fixture, &line).await, LogOutcome::Created);
    let all = r#"message_id, aws_message_id, "to", "from", subject, template_name, campaign_id, configuration_set,
        message_tags, headers, body_full, body_preview, attachments_count, size_bytes, locale, user_uuid, queued_at,
        sent_at, status, provider, aftersend_derived, body_compressed"#;
    let expected = json!({
        "message_id": "o-1", "aws_message_id": "m1", "to": "ann@example.com", "from": "Shop <shop@example.com>",
        "subject": "Your order", "template_name": "order", "campaign_id": "autumn", "configuration_set": "main",
        "message_tags": { "kind": ["order"] }, "headers": { "X-Order": "7" }, "body_full": "<p>Hello\u{FFFD}</p>",
        "body_preview": "Hello", "attachments_count": 1, "size_bytes": 900, "locale": "de",
        "user_uuid": "018f0000-0000-7000-8000-000000000001", "queued_at": "2026-09-01T10:00:00+00:00",
        "sent_at": "2026-09-01T10:00:01+00:00", "status": "sent", "provider": "aws_ses", "aftersend_derived": null,
        "body_compressed": false,
    });
    assert_eq!(columns(&fixture, all).await, expected);
    let before = columns(&fixture, "to_jsonb(mail), xmin::text").await;
    assert_eq!(outcome(&fixture, &line).await, LogOutcome::Unchanged);
    assert_eq!(columns(&fixture, "to_jsonb(mail), xmin::text").await, before, "not even written");
    // A part of it again changes nothing either.
    assert_eq!(
        outcome(&fixture, &json!({ "message_id": "o-1", "subject": "Your order" })).await,
        LogOutcome::Unchanged
    );
    assert_eq!(
        outcome(
            &fixture,
            &json!({ "aws_message_id": "m1", "body": { "html": "<p>Hello\u{0}</p>", "text": "Hello" } })
        )
        .await,
        LogOutcome::Unchanged
    );
}

#[tokio::test]
async fn the_later_word_wins_and_what_is_not_said_stays() {
    let fixture = Fixture::new().await;
    let first = order(json!({
        "subject": "One", "tags": { "a": "1", "b": "1" }, "headers": { "X": "1" }, "body": "one", "queued_at": at("00:00"),
    }));
    assert_eq!(outcome(&fixture, &first).await, LogOutcome::Created);
    assert_eq!(
        columns(&fixture, "status, sent_at").await,
        json!({ "status": "queued", "sent_at": "2026-09-01T10:00:00+00:00" })
    );
    let second = json!({
        "message_id": "o-1", "aws_message_id": "m1", "subject": "Two", "tags": { "b": "2" }, "headers": { "Y": ["2", "3"] },
        "body": { "html": "<p>two", "text": "two" }, "sent_at": at("00:05"), "status": "sent",
    });
    assert_eq!(outcome(&fixture, &second).await, LogOutcome::Updated);
    // Who queued it says so late: no status falls.
    assert_eq!(
        outcome(&fixture, &json!({ "message_id": "o-1", "status": "queued" })).await,
        LogOutcome::Unchanged
    );
    let found = columns(
        &fixture,
        r#""to", subject, message_tags, headers, body_full, body_preview, status, sent_at, queued_at"#,
    )
    .await;
    let expected = json!({
        "to": "ann@example.com", "subject": "Two", "message_tags": { "a": ["1"], "b": ["2"] },
        "headers": { "X": "1", "Y": ["2", "3"] }, "body_full": "<p>two", "body_preview": "two", "status": "sent",
        "sent_at": "2026-09-01T10:00:05+00:00", "queued_at": "2026-09-01T10:00:00+00:00",
    });
    assert_eq!(found, expected);
}

/// What events say of columns that nobody logs is the same, whichever came first.
#[tokio::test]
async fn a_mail_made_from_events_becomes_its_applications() {
    let line =
        order(json!({ "aws_message_id": "m1", "subject": "Mine", "tags": { "kind": "order" }, "body": "B" }));
    let events = [send("m1"), delivery("m1", "01:00"), open("m1", "02:00", None)];
    let mut contents = Vec::new();
    for adopted in [false, true] {
        for order in ["log first", "events first", "events, made beside, then the log"] {
            let fixture =
                if adopted { Fixture::adopted(Duration::from_hours(1)).await } else { Fixture::new().await };
            let mut fixture = fixture;
            if order == "log first" {
                assert_eq!(outcome(&fixture, &line).await, LogOutcome::Created);
                assert_eq!(fixture.ingest(&events).await, report(3, 0, 0));
            } else {
                fixture.ingest(&events).await;
                if order.contains("beside") {
                    fixture.wait_for(Duration::ZERO);
                    fixture.join().await;
                }
                let is_made = !adopted || order.contains("beside");
                let expected = if is_made { LogOutcome::Joined } else { LogOutcome::Created };
                assert_eq!(outcome(&fixture, &line).await, expected, "{adopted} {order}");
            }
            assert_eq!(
                fixture.count(r#""prefix".phoenix_kit_email_orphaned_events"#).await,
                0,
                "{adopted} {order}"
            );
            assert_eq!(outcome(&fixture, &line).await, LogOutcome::Unchanged, "{adopted} {order}");
            fixture.join().await;
            let content = fixture.rows(include_str!("../../../test_data/logical_content.sql")).await;
            assert_eq!(content.len(), 1);
            assert_eq!(
                (&content[0]["subject"], &content[0]["template_name"]),
                (&json!("Mine"), &json!("order"))
            );
            assert_eq!(
                (&content[0]["sent_at"], &content[0]["status"]),
                (&json!("2026-09-01T10:00:00+00:00"), &json!("opened"))
            );
            assert_eq!(content[0]["message_tags"], json!({ "kind": ["order"] }));
            contents.push((adopted, order, content));
        }
    }
    for (adopted, order, content) in &contents {
        assert_eq!(content, &contents[0].2, "{adopted} {order}");
    }
}

/// The application's row is there without the SES id, and so is one made from events: they become one.
#[tokio::test]
async fn two_rows_of_a_mail_become_one() {
    for adopted in [false, true] {
        let mut fixture = if adopted { Fixture::adopted(Duration::ZERO).await } else { Fixture::new().await };
        let events = [send("m1"), delivery("m1", "01:00"), bounce("m1", "02:00", "Permanent", "f1")];
        outcome(&fixture, &order(json!({ "subject": "S", "body": "B" }))).await;
        fixture.ingest(&events).await;
        fixture.join().await;
        fixture.wait_for(Duration::from_hours(1));
        assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 2);
        let id = json!({ "message_id": "o-1", "aws_message_id": "m1" });
        assert_eq!(outcome(&fixture, &id).await, LogOutcome::Joined, "{adopted}");
        let found = columns(
            &fixture,
            "message_id, aws_message_id, subject, body_full, status, delivered_at, sent_at",
        )
        .await;
        let expected = json!({
            "message_id": "o-1", "aws_message_id": "m1", "subject": "S", "body_full": "B", "status": "hard_bounced",
            "delivered_at": "2026-09-01T10:01:00+00:00", "sent_at": "2026-09-01T10:00:00+00:00",
        });
        assert_eq!(found, expected, "{adopted}");
        assert_eq!(fixture.ingest(&events).await, report(0, 3, 0));
        assert_eq!(outcome(&fixture, &id).await, LogOutcome::Unchanged);
    }
}

#[tokio::test]
async fn a_mail_that_is_sent_again_keeps_both_ids() {
    let fixture = Fixture::new().await;
    for id in ["m1", "m2"] {
        outcome(&fixture, &order(json!({ "aws_message_id": id }))).await;
    }
    // The first again is no third sending.
    assert_eq!(outcome(&fixture, &order(json!({ "aws_message_id": "m1" }))).await, LogOutcome::Unchanged);
    fixture
        .ingest(&[send("m1"), delivery("m1", "01:00"), send("m2"), bounce("m2", "02:00", "Transient", "f")])
        .await;
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 1);
    for id in ["m1", "m2", "o-1"] {
        let story = fixture.store.find_story(id).await.unwrap().unwrap();
        assert_eq!((story.mail.summary.status.as_str(), story.occurrences.len()), ("delivered", 4), "{id}");
    }
}

#[tokio::test]
async fn what_cannot_be_logged_is_refused_by_itself() {
    let fixture = Fixture::new().await;
    outcome(&fixture, &order(json!({ "aws_message_id": "m1" }))).await;
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_ids VALUES ('gone', NULL, 'erased'), ('old', NULL, 'deleted')"#,
        )
        .await;
    let lines = [
        order(json!({ "message_id": "o-2", "aws_message_id": "m1" })),
        json!({ "message_id": "o-3", "subject": "S" }),
        order(json!({ "message_id": "o-4", "aws_message_id": "gone" })),
        json!({ "aws_message_id": "old", "to": "a@example.com", "from": "b@example.com" }),
        json!({ "to": "a@example.com", "from": "b@example.com" }),
        order(json!({ "aws_message_id": "gone" })),
    ];
    let outcomes = log(&fixture, &lines).await;
    assert_eq!(outcomes[0], Err(LogRefusal::OtherMail("o-1".to_owned())));
    assert_eq!(outcomes[1], Err(LogRefusal::Unknown));
    assert_eq!((&outcomes[2], &outcomes[3]), (&Err(LogRefusal::Removed), &Err(LogRefusal::Removed)));
    let given = outcomes[4].as_ref().unwrap();
    assert_eq!(
        (given.outcome, given.message_id.clone()),
        (LogOutcome::Created, format!("logged:{}", given.uuid))
    );
    assert_eq!(outcomes[5], Err(LogRefusal::Removed));
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 2);
}

/// Else it would be there twice: here, and in the archive with its events.
#[tokio::test]
async fn a_mail_that_is_in_the_archive_is_not_made_again() {
    let fixture = Fixture::new().await;
    outcome(&fixture, &order(json!({ "message_id": "here", "aws_message_id": "s-here" }))).await;
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_archived_mails
                   (email_log_uuid, object_number, digest, events, removed_at, message_id)
               VALUES ('018f0000-0000-7000-8000-000000000001', 1, '\x00', 1, now(), 'o-1'),
                      ('018f0000-0000-7000-8000-000000000002', 1, '\x00', 1, NULL, 'back');
               INSERT INTO "prefix".aftersend_ids
               VALUES ('s-1', '018f0000-0000-7000-8000-000000000001', 'archived')"#,
        )
        .await;
    for line in [
        order(json!({ "aws_message_id": "s-1" })),
        order(json!({})),
        order(json!({ "message_id": "another", "aws_message_id": "s-1" })),
        json!({ "aws_message_id": "s-1", "to": "a@example.com", "from": "b@example.com" }),
        json!({ "message_id": "s-1", "subject": "S" }),
        json!({ "message_id": "o-1", "subject": "S" }),
        // It is known by another id here: two mails must not become one unseen.
        json!({ "message_id": "here", "aws_message_id": "s-1" }),
    ] {
        assert_eq!(log(&fixture, std::slice::from_ref(&line)).await, [Err(LogRefusal::Archived)], "{line}");
    }
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 1);
    // What is not in the archive alone is logged as ever.
    assert_eq!(outcome(&fixture, &order(json!({ "message_id": "back" }))).await, LogOutcome::Created);
    assert_eq!(
        outcome(&fixture, &json!({ "message_id": "here", "subject": "T" })).await,
        LogOutcome::Updated
    );
}

/// A mail that was logged by its SES id alone gets its own id when somebody says it.
#[tokio::test]
async fn an_own_id_may_come_later() {
    let fixture = Fixture::new().await;
    let line = json!({ "aws_message_id": "m1", "to": "ann@example.com", "from": "shop@example.com" });
    assert_eq!(outcome(&fixture, &line).await, LogOutcome::Created);
    assert_eq!(outcome(&fixture, &line).await, LogOutcome::Unchanged);
    assert_eq!(
        outcome(&fixture, &json!({ "message_id": "o-1", "aws_message_id": "m1" })).await,
        LogOutcome::Updated
    );
    assert_eq!(columns(&fixture, "message_id").await, json!({ "message_id": "o-1" }));
    assert_eq!(outcome(&fixture, &line).await, LogOutcome::Unchanged);
    // SES's id as the own one, before and after its events.
    fixture.ingest(&[send("m2")]).await;
    let taken = json!({ "message_id": "m2", "subject": "S" });
    assert_eq!(outcome(&fixture, &taken).await, LogOutcome::Joined);
    assert_eq!(outcome(&fixture, &order(json!({ "message_id": "m3" }))).await, LogOutcome::Created);
    assert_eq!(fixture.ingest(&[send("m3")]).await, report(1, 0, 0));
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 3);
}

/// A body that was put away by somebody is not brought back by the same line.
#[tokio::test]
async fn a_body_that_was_put_away_stays_away() {
    let fixture = Fixture::new().await;
    let line = order(json!({ "body": "B" }));
    outcome(&fixture, &line).await;
    fixture
        .run(r#"UPDATE "prefix".phoenix_kit_email_logs SET body_full = NULL, body_compressed = true"#)
        .await;
    assert_eq!(outcome(&fixture, &line).await, LogOutcome::Unchanged);
    assert_eq!(columns(&fixture, "body_full").await, json!({ "body_full": null }));
}

/// A value that a trigger of the application's refuses harms no other line.
#[tokio::test]
async fn what_the_database_refuses_harms_no_other() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"CREATE FUNCTION "prefix".refuse() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN IF NEW.subject = 'no' THEN RAISE 'no'; END IF; RETURN NEW; END $$;
               CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON "prefix".phoenix_kit_email_logs
               FOR EACH ROW EXECUTE FUNCTION "prefix".refuse()"#,
        )
        .await;
    let lines: Vec<Value> = (0..9)
        .map(|n| {
            order(json!({ "message_id": format!("o-{n}"), "subject": if n == 4 { "no" } else { "yes" } }))
        })
        .collect();
    let outcomes = log(&fixture, &lines).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(matches!(outcome, Err(LogRefusal::Unfit(_))), n == 4, "{n}: {outcome:?}");
    }
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 8);
}

/// Figures count a mail where it was sent, as soon as that is known.
#[tokio::test]
async fn figures_follow() {
    let fixture = Fixture::new().await;
    outcome(&fixture, &order(json!({ "queued_at": at("00:00") }))).await;
    fixture.keep_figures().await;
    let sent = || async {
        let rows = fixture
            .rows(r#"SELECT starts_at, sent FROM "prefix".aftersend_figures_by_quarter WHERE sent > 0"#)
            .await;
        rows.iter().map(|row| row["starts_at"].as_str().unwrap()[11..16].to_owned()).collect::<Vec<_>>()
    };
    assert!(sent().await.is_empty());
    outcome(&fixture, &json!({ "message_id": "o-1", "aws_message_id": "m1", "sent_at": at("20:00") })).await;
    fixture.keep_figures().await;
    assert_eq!(sent().await, ["10:15"]);
    outcome(&fixture, &json!({ "message_id": "o-1", "sent_at": at("40:00") })).await;
    fixture.keep_figures().await;
    assert_eq!(sent().await, ["10:30"]);
}

/// A mail of which no event has told its recipients counts for the domain that its row has.
#[tokio::test]
async fn figures_follow_a_corrected_address() {
    let fixture = Fixture::new().await;
    outcome(&fixture, &order(json!({ "aws_message_id": "m1", "sent_at": at("00:00") }))).await;
    let domains = async || {
        fixture.keep_figures().await;
        let kept = r#"SELECT unnest(domains) AS domain FROM "prefix".aftersend_domains_by_quarter"#;
        let rows = fixture.rows(kept).await;
        rows.iter().map(|row| row["domain"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(domains().await, ["example.com"]);
    outcome(&fixture, &json!({ "message_id": "o-1", "to": "Ann <ann@example.org>" })).await;
    assert_eq!(domains().await, ["example.org"]);
}

#[test]
fn a_transaction_has_each_mail_once() {
    let line = |id: &str, ses: Option<&str>| mail(&order(json!({ "message_id": id, "aws_message_id": ses })));
    let mails =
        [line("a", None), line("b", Some("x")), line("c", Some("x")), line("x", None), line("d", None)];
    assert_eq!(chunk_length(&mails), 2);
    assert_eq!(chunk_length(&mails[2..]), 1);
    assert_eq!(chunk_length(&mails[3..]), 2);
    let heavy = mail(&order(json!({ "body": "x".repeat(LOG_CHUNK_BODY_BYTES_MAX + 1) })));
    assert_eq!(chunk_length(&[heavy.clone(), line("a", None)]), 1);
    assert_eq!(chunk_length(&vec![LoggedMail::default(); 500]), LOG_CHUNK_MAILS_MAX);
}
