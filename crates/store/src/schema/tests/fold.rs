//! Removed events that are other occurrences than the ones that stayed in their places.

mod written;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use written::{
    Kept, Row, delay, delivery_to, folded, forget_a1, removed, row, subscription, to_both, unreadable, up,
    written,
};

use super::names;
use crate::{
    ingest::record::Record,
    schema::{DownOptions, Step, Target},
    testing::{Fixture, assert_says, at, bounce, click, complaint, delivery, open, report, send},
};

/// Events of one mail, how many of their rows are removed and of these folded, if an application kept them.
fn kinds() -> Vec<(&'static str, Vec<Value>, i64, usize)> {
    let (a, b) = ("https://example.com/a", "https://example.com/b");
    vec![
        (
            "a delivery to each of two recipients",
            vec![
                delivery_to("m", "01:00.250", &["ann@example.com"]),
                delivery_to("m", "01:00.250", &["bob@example.com"]),
            ],
            1,
            1,
        ),
        (
            "a Transient bounce and a Permanent one",
            vec![bounce("m", "01:00", "Transient", "f1"), bounce("m", "02:00", "Permanent", "f2")],
            1,
            1,
        ),
        (
            "bounces without feedback ids",
            vec![bounce("m", "01:00", "Transient", ""), bounce("m", "01:00", "Permanent", "")],
            1,
            1,
        ),
        ("two complaints", vec![complaint("m", "01:00", "f1"), complaint("m", "01:00", "f2")], 1, 1),
        (
            "two links clicked in one moment",
            vec![click("m", "01:00.250", a), click("m", "01:00.250", b)],
            1,
            1,
        ),
        (
            "two links clicked in one second",
            vec![click("m", "01:00.250", a), click("m", "01:00.750", b)],
            1,
            1,
        ),
        (
            "opens in one second",
            vec![open("m", "01:00", None), open("m", "01:00.5", Some("Likely")), open("m", "01:01.5", None)],
            1,
            1,
        ),
        (
            "opens in one second, of a mail to several",
            vec![to_both(open("m", "01:00.1", None)), to_both(open("m", "01:00.2", None))],
            1,
            1,
        ),
        ("delays", vec![delay("m", "01:00"), delay("m", "02:00"), delay("m", "03:00")], 2, 2),
        (
            "subscriptions, of a mail to several",
            vec![to_both(subscription("m", "01:00")), to_both(subscription("m", "02:00"))],
            1,
            1,
        ),
        (
            "the same again",
            vec![
                send("m"),
                send("m"),
                delivery("m", "01:00.5"),
                delivery("m", "01:00.5"),
                bounce("m", "02:00", "Permanent", "f1"),
                bounce("m", "02:00", "Permanent", "f1"),
                open("m", "03:00.5", None),
                open("m", "03:00.5", Some("Likely")),
            ],
            4,
            0,
        ),
        (
            "another one, three times",
            vec![
                bounce("m", "01:00", "Transient", "f1"),
                bounce("m", "02:00", "Permanent", "f2"),
                bounce("m", "02:00", "Permanent", "f2"),
                bounce("m", "02:00", "Permanent", "f2"),
            ],
            3,
            1,
        ),
    ]
}

#[tokio::test]
async fn what_differs_is_folded_and_ses_may_deliver_it_again() {
    use Kept::{Part, Whole};

    let mut rows = Vec::new();
    let mut events = Vec::new();
    let mut expected = Vec::new();
    let (mut removed_expected, mut folded_expected) = (0, 0);
    for (kind, of_mail, removed, folded) in kinds() {
        for (way, kept) in
            [[Part, Part], [Whole, Whole], [Part, Whole], [Whole, Part]].into_iter().enumerate()
        {
            let mail = format!("{kind}, {way}");
            for (number, mut event) in of_mail.iter().cloned().enumerate() {
                event["mail"]["messageId"] = mail.as_str().into();
                rows.push(row(kept[number % 2], &event));
                events.push(event);
            }
            expected.push((mail, folded));
            removed_expected += removed;
            folded_expected += folded;
        }
    }
    let fixture = written(&rows).await;
    let status = r#"SELECT DISTINCT status FROM "prefix".phoenix_kit_email_logs"#;
    assert_eq!(up(&fixture).await, folded_expected as u64);
    assert_eq!(removed(&fixture).await, removed_expected);
    let found = folded(&fixture).await;
    for (mail, folded) in &expected {
        assert_eq!(found.iter().filter(|row| row["mail"] == **mail).count(), *folded, "{mail}");
    }
    // The application's word on its mails stands, until SES reports on them.
    assert_eq!(fixture.rows(status).await, [json!({ "status": "sent" })]);
    for _ in 0..2 {
        for event in &events {
            let mail = &event["mail"]["messageId"];
            assert_eq!(fixture.ingest(std::slice::from_ref(event)).await, report(0, 1, 0), "{mail}: {event}");
        }
    }
    let again = folded(&fixture).await;
    let keys = |rows: &[Value]| rows.iter().map(|row| row["uuid"].clone()).collect::<Vec<_>>();
    assert_eq!(keys(&again), keys(&found));
    assert!(fixture.rows(status).await.contains(&json!({ "status": "hard_bounced" })));
}

#[tokio::test]
async fn a_folded_event_has_all_that_its_row_had() {
    let first = row(Kept::Part, &bounce("m1", "01:00", "Transient", "f1"));
    let second = row(Kept::Part, &bounce("m1", "02:00.250", "Permanent", "f2"));
    let fixture = written(&[first, second]).await;
    // An application's columns may be wider than ours.
    let long = "x".repeat(300);
    fixture
        .run(&format!(
            r#"ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN user_agent TYPE text;
               UPDATE "prefix".phoenix_kit_email_events
               SET ip_address = 'ip', user_agent = '{long}', link_url = 'link', bounce_type = 'its own word',
                   complaint_type = 'complaint', reject_reason = 'reject', delay_type = 'delay',
                   subscription_type = 'subscription', failure_reason = 'failure',
                   inserted_at = '2026-09-01T11:00:00Z'"#
        ))
        .await;
    assert_eq!(up(&fixture).await, 1);
    let row = fixture
        .row(r#"SELECT to_jsonb(folded) - 'email_log_uuid' - 'fingerprint' AS row FROM "prefix".aftersend_folded_events AS folded"#)
        .await;
    let mut part = bounce("m1", "02:00.250", "Permanent", "f2")["bounce"].take();
    part["_source"] = "sqs".into();
    let expected = json!({
        "uuid": "01990000-0000-7000-8000-000000000001", "event_type": "bounce", "event_data": part,
        "occurred_at": "2026-09-01T10:02:00+00:00", "ip_address": "ip", "user_agent": &long[..255],
        "link_url": "link", "bounce_type": "its own word", "complaint_type": "complaint",
        "reject_reason": "reject", "delay_type": "delay", "subscription_type": "subscription",
        "failure_reason": "failure", "subtype": "General", "bot_verdict": null,
        "inserted_at": "2026-09-01T11:00:00+00:00",
    });
    assert_eq!(row["row"], expected);
    let story = fixture.store.find_story("m1").await.unwrap().unwrap();
    assert_eq!(
        story.occurrences.iter().map(|occurrence| occurrence.folded).collect::<Vec<_>>(),
        [false, true]
    );
    // SES's own record of it adds nothing to what the application wrote.
    assert_eq!(fixture.ingest(&[bounce("m1", "02:00.250", "Permanent", "f2")]).await, report(0, 1, 0));
    let again = fixture
        .row(r#"SELECT to_jsonb(folded) - 'email_log_uuid' - 'fingerprint' AS row FROM "prefix".aftersend_folded_events AS folded"#)
        .await;
    assert_eq!(again["row"], expected);
}

#[tokio::test]
async fn what_can_not_be_told_is_a_repeat() {
    let part = |event: &Value| row(Kept::Part, event);
    let rows = [
        // The row that stays tells nothing, the removed one does; and the other way round.
        unreadable("m1", "delivery", "01:00"),
        part(&delivery("m1", "02:00")),
        part(&delivery("m2", "02:00")),
        unreadable("m2", "delivery", "01:00"),
        // Types of the application's own.
        unreadable("m3", "queued", "01:00"),
        unreadable("m3", "queued", "02:00"),
        // No JSON at all, and a mail that SES's id is not known of.
        part(&delivery("m4", "01:00")),
        Row { event_data: Value::Null, ..unreadable("m4", "delivery", "02:00") },
        part(&bounce("m5", "01:00", "Transient", "f1")),
        part(&bounce("m5", "02:00", "Permanent", "f2")),
    ];
    let fixture = written(&rows).await;
    fixture
        .run(
            r#"UPDATE "prefix".phoenix_kit_email_events SET event_data = NULL WHERE event_data = 'null';
               UPDATE "prefix".phoenix_kit_email_logs SET aws_message_id = NULL WHERE aws_message_id = 'm5'"#,
        )
        .await;
    assert_eq!(up(&fixture).await, 0);
    assert_eq!((removed(&fixture).await, folded(&fixture).await), (5, Vec::new()));
    // As ingest has it.
    assert_eq!(fixture.ingest(&[delivery("m1", "02:00"), delivery("m2", "02:00")]).await, report(0, 2, 0));
}

#[tokio::test]
async fn what_was_folded_is_not_lost_going_down_and_folded_again_going_up() {
    let first = row(Kept::Part, &bounce("m1", "01:00", "Transient", "f1"));
    let second = row(Kept::Part, &bounce("m1", "02:00", "Permanent", "f2"));
    let fixture = written(&[first, second.clone(), second]).await;
    assert_eq!(up(&fixture).await, 1);
    let expected = folded(&fixture).await;
    // Repeatable: nothing twice, and what an attempt had not come to.
    forget_a1(&fixture).await;
    assert_eq!(up(&fixture).await, 0);
    fixture.run(r#"DELETE FROM "prefix".aftersend_folded_events"#).await;
    forget_a1(&fixture).await;
    assert_eq!(up(&fixture).await, 1);
    assert_eq!(folded(&fixture).await, expected);

    let mut migrator = fixture.migrator().await;
    migrator.down(Target::Step(Step::V137), DownOptions::default()).await.unwrap();
    drop(migrator);
    assert_eq!(up(&fixture).await, 1);
    assert_eq!(folded(&fixture).await, expected);

    let restore = DownOptions { restore_removed: true, ..DownOptions::default() };
    let mut migrator = fixture.migrator().await;
    migrator.down(Target::Step(Step::V136), restore).await.unwrap();
    drop(migrator);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_events"#).await, 3);
    assert_eq!(up(&fixture).await, 1);
    assert_eq!(folded(&fixture).await, expected);

    // What ingest folded is in no other table.
    assert_eq!(fixture.ingest(&[bounce("m1", "03:00", "Permanent", "f3")]).await, report(0, 0, 1));
    let mut migrator = fixture.migrator().await;
    let refused = migrator.down(Target::Step(Step::V136), DownOptions::default()).await;
    assert_says(refused, &["1 folded events", "--discard-own-data"]);
    // Nor is it, of a row that nobody keeps any longer.
    fixture.run(r#"DELETE FROM "prefix".aftersend_removed_events"#).await;
    let refused = migrator.down(Target::Step(Step::V136), DownOptions::default()).await;
    assert_says(refused, &["2 folded events"]);
    fixture.run(r#"DROP TABLE "prefix".aftersend_removed_events"#).await;
    let refused = migrator.down(Target::Step(Step::V137), DownOptions::default()).await;
    assert_says(refused, &["2 folded events"]);
}

/// Ingest knows all recipients of a mail, an application's row one of them.
#[tokio::test]
async fn a_row_that_ingest_has_claimed_meanwhile_is_compared_by_what_it_says() {
    let opens = [to_both(open("m1", "01:00.1", None)), to_both(open("m1", "01:00.2", None))];
    let unsubscribed = to_both(subscription("m1", "02:00"));
    let events = [&opens[0], &opens[0], &opens[1], &unsubscribed, &unsubscribed];
    let fixture = written(&events.map(|event| row(Kept::Part, event))).await;
    assert_eq!(up(&fixture).await, 1);
    let supposed = folded(&fixture).await;
    assert_eq!(fixture.ingest(&[opens[0].clone(), unsubscribed]).await, report(0, 2, 0));
    fixture.run(r#"DELETE FROM "prefix".aftersend_folded_events"#).await;
    forget_a1(&fixture).await;
    assert_eq!(up(&fixture).await, 1);
    let known = folded(&fixture).await;
    assert_eq!(known[0]["uuid"], supposed[0]["uuid"]);
    let whole = Record::whole(&opens[1].to_string()).unwrap();
    assert_eq!(known[0]["fingerprint"], whole.fingerprint.to_string());
    assert_ne!(known[0]["fingerprint"], supposed[0]["fingerprint"]);
    assert_eq!(fixture.ingest(&opens).await, report(0, 2, 0));
}

/// An index that was lost let duplicates in while a1 was up, of ingest's own rows.
#[tokio::test]
async fn rows_that_ingest_wrote_are_told_by_what_it_found_out() {
    let fixture = Fixture::new().await;
    let mut bounced = bounce("m1", "01:00", "Transient", "f1");
    bounced["bounce"]["bounceSubType"] = "MailboxFull".into();
    fixture.ingest(&[bounced, open("m1", "02:00.5", None)]).await;
    fixture
        .run(
            r#"
            DROP INDEX "prefix".phoenix_kit_email_events_log_uuid_event_type_index,
                "prefix".phoenix_kit_email_events_log_uuid_type_occurred_index;
            INSERT INTO "prefix".phoenix_kit_email_events
            SELECT event.*
            FROM "prefix".phoenix_kit_email_events AS stored,
                 (VALUES (1, 'same'), (2, 'ffffffff-0000-0000-0000-000000000001'), (3, 'ffffffff-0000-0000-0000-000000000001'))
                     AS copy (number, fingerprint),
                 jsonb_populate_record(stored, jsonb_build_object(
                     'uuid', 'ffffffff-0000-7000-8000-00000000000' || number,
                     'aftersend_fingerprint', CASE WHEN fingerprint = 'same' THEN stored.aftersend_fingerprint::text ELSE fingerprint END,
                     'event_data', CASE WHEN fingerprint <> 'same' THEN '{}'::jsonb ELSE stored.event_data END
                 )) AS event
            WHERE stored.event_type = 'bounce'
            "#,
        )
        .await;
    let reports = fixture.migrator().await.up(Step::LATEST).await.unwrap();
    assert_eq!(names(&reports), [("137", true), ("a1", true)]);
    assert_eq!(removed(&fixture).await, 3);
    let row = fixture
        .row(r#"SELECT fingerprint, uuid, subtype, bounce_type FROM "prefix".aftersend_folded_events"#)
        .await;
    let expected = json!({
        "fingerprint": "ffffffff-0000-0000-0000-000000000001", "uuid": "ffffffff-0000-7000-8000-000000000002",
        "subtype": "MailboxFull", "bounce_type": "soft",
    });
    assert_eq!(row, expected);
    fixture.store.require_schema().await.unwrap();
    // Ours alone: whichever attempt comes to it does it.
    fixture
        .run(
            r#"DROP TABLE "prefix".aftersend_folded_events;
               DROP INDEX "prefix".phoenix_kit_email_events_log_uuid_event_type_index"#,
        )
        .await;
    let reports = fixture.migrator().await.up(Step::V137).await.unwrap();
    assert_eq!(names(&reports), [("137", true), ("a1", true)]);
    assert_eq!(folded(&fixture).await.len(), 1);
}

#[tokio::test]
async fn a_mail_that_is_gone_and_a_row_that_is_gone_are_passed_over() {
    let mut rows = Vec::new();
    for mail in ["m1", "m2", "m3"] {
        rows.push(row(Kept::Part, &bounce(mail, "01:00", "Transient", "f1")));
        rows.push(row(Kept::Part, &bounce(mail, "02:00", "Permanent", "f2")));
    }
    let fixture = written(&rows).await;
    fixture.migrator().await.up(Step::V137).await.unwrap();
    fixture
        .run(
            r#"DELETE FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id = 'm1';
               DELETE FROM "prefix".phoenix_kit_email_events
               WHERE email_log_uuid = (SELECT uuid FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id = 'm2')"#,
        )
        .await;
    assert_eq!(up(&fixture).await, 1);
    assert_eq!((removed(&fixture).await, folded(&fixture).await.len()), (3, 1));
    // What SES delivers again where nothing stands is stored, and is not there twice.
    assert_eq!(fixture.ingest(&[bounce("m2", "02:00", "Permanent", "f2")]).await, report(1, 0, 0));
}

#[tokio::test]
async fn thousands_in_one_place_cost_what_as_many_elsewhere_do() {
    const ROWS: u32 = 5_000;

    let click_of = |mail: &str, number: u32| {
        let mut row = row(Kept::Part, &click(mail, "01:00", "https://example.com/"));
        row.event_data["timestamp"] = at(&format!("01:00.{number:04}")).into();
        row
    };
    let apart = |number: u32| format!("m{}", number / 2);
    let mut rows: Vec<Row> = (0..ROWS).map(|number| click_of("one", number)).collect();
    rows.extend((0..ROWS).map(|number| click_of(&apart(number), number)));
    let fixture = written(&rows).await;
    fixture.migrator().await.up(Step::V137).await.unwrap();
    let began = Instant::now();
    assert_eq!(up(&fixture).await, u64::from(ROWS - 1 + ROWS / 2));
    // By the square it would be minutes.
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
    assert_eq!(fixture.count(r#""prefix".aftersend_folded_events"#).await, i64::from(ROWS - 1 + ROWS / 2));
}

/// Ingest has stored the removed event a second ago, in a place of its own, and has not committed yet.
#[tokio::test]
async fn beside_ingest_nothing_is_doubled() {
    let (a, b) = ("https://example.com/a", "https://example.com/b");
    let rows =
        [click("m1", "01:00.250", a), click("m1", "01:00.750", b)].map(|event| row(Kept::Part, &event));
    let fixture = written(&rows).await;
    assert_eq!(up(&fixture).await, 1);
    let fingerprint = folded(&fixture).await[0]["fingerprint"].as_str().unwrap().to_owned();
    fixture.run(r#"DELETE FROM "prefix".aftersend_folded_events"#).await;
    forget_a1(&fixture).await;

    let other = fixture.schema.client().await;
    let stored = fixture.sql(&format!(
        r#"BEGIN;
           SELECT FROM "prefix".phoenix_kit_email_logs FOR NO KEY UPDATE;
           INSERT INTO "prefix".phoenix_kit_email_events
               (uuid, email_log_uuid, event_type, occurred_at, aftersend_fingerprint, inserted_at, updated_at)
           SELECT gen_random_uuid(), uuid, 'click', '{}', '{fingerprint}', now(), now()
           FROM "prefix".phoenix_kit_email_logs"#,
        at("01:00.750")
    ));
    other.batch_execute(&stored).await.unwrap();
    let mut migrator = fixture.migrator().await;
    let going_up = tokio::spawn(async move { migrator.up(Step::LATEST).await.unwrap() });
    let waits = fixture
        .sql(r#"SELECT 1 FROM "prefix".aftersend_progress WHERE step = 'a1' AND waits_for IS NOT NULL"#);
    let deadline = Instant::now() + Duration::from_secs(30);
    while fixture.client.query(&waits, &[]).await.unwrap().is_empty() {
        assert!(Instant::now() < deadline, "it does not wait for the mail");
        tokio::task::yield_now().await;
    }
    other.batch_execute("COMMIT").await.unwrap();
    let reports = going_up.await.unwrap();
    assert_eq!(
        names(&reports),
        [
            ("a1", true),
            ("a2", true),
            ("a3", true),
            ("a4", true),
            ("a5", true),
            ("a6", true),
            ("a7", true),
            ("a8", true),
            ("a9", true),
            ("a10", true)
        ]
    );
    assert!(reports[0].notes.is_empty(), "{reports:?}");
    assert_eq!(folded(&fixture).await, Vec::<Value>::new());
}

/// Whatever an application kept of what SES told it: once the steps are done, everything that SES told is there, once.
#[tokio::test]
async fn everything_that_was_told_is_there_once() {
    let seed = std::env::var("AFTERSEND_PROPERTY_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("a whole number"));
    let mut random = fastrand::Rng::with_seed(seed);
    let mut rows = Vec::new();
    let mut events = Vec::new();
    for number in 0..80 {
        let mail = format!("m{number}");
        let several = random.bool();
        for _ in 0..random.usize(2..12) {
            let second = random.u8(0..2);
            let time = format!("01:0{second}.{}", ["000", "250", "750"][random.usize(0..3)]);
            let feedback_id = ["", "f1", "f2"][random.usize(0..3)];
            let event = match random.u8(0..8) {
                0 => send(&mail),
                1 => delivery(&mail, &time),
                2 => delivery_to(&mail, &time, &["bob@example.com"]),
                3 => bounce(&mail, &time, ["Transient", "Permanent"][random.usize(0..2)], feedback_id),
                4 => complaint(&mail, &time, feedback_id),
                5 => open(&mail, &time, [None, Some("Likely")][random.usize(0..2)]),
                6 => click(
                    &mail,
                    &time,
                    ["https://example.com/a", "https://example.com/b"][random.usize(0..2)],
                ),
                _ => delay(&mail, &time),
            };
            let event = if several { to_both(event) } else { event };
            rows.push(row([Kept::Part, Kept::Whole][random.usize(0..2)], &event));
            events.push(event);
        }
    }
    let fixture = written(&rows).await;
    assert!(up(&fixture).await > 0, "seed {seed}");
    let count = async || {
        (
            fixture.count(r#""prefix".phoenix_kit_email_events"#).await,
            fixture.count(r#""prefix".aftersend_folded_events"#).await,
        )
    };
    let before = count().await;
    random.shuffle(&mut events);
    for batch in events.chunks(37) {
        assert_eq!(fixture.ingest(batch).await, report(0, batch.len(), 0), "seed {seed}");
    }
    assert_eq!(count().await, before, "seed {seed}");
    // And nothing more than what was told, as a store has it that was told from the start.
    let plain = Fixture::new().await;
    plain.ingest(&events).await;
    let by_mail = r#"SELECT aws_message_id AS mail, event_type, count(*)
                     FROM "prefix".phoenix_kit_email_logs AS mail
                     JOIN (
                         SELECT email_log_uuid, event_type FROM "prefix".phoenix_kit_email_events
                         UNION ALL
                         SELECT email_log_uuid, event_type FROM "prefix".aftersend_folded_events
                     ) AS event ON event.email_log_uuid = mail.uuid
                     GROUP BY 1, 2 ORDER BY 1, 2"#;
    let (found, told) = (fixture.rows(by_mail).await, plain.rows(by_mail).await);
    for (found, told) in found.iter().zip(&told) {
        let of_mail: Vec<&Value> =
            events.iter().filter(|event| event["mail"]["messageId"] == told["mail"]).collect();
        assert_eq!(found, told, "seed {seed}: {of_mail:#?}");
    }
    assert_eq!(found.len(), told.len(), "seed {seed}");
}
