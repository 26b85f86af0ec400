use aftersend_event::{RecipientState, Status};
use serde_json::json;

use super::STORY_OCCURRENCES_MAX;
use crate::{
    RecipientCounts,
    testing::{Fixture, at, bounce, click, delivery, event, event_to, open, send},
};

async fn message_id_of(fixture: &Fixture, id: &str) -> Option<String> {
    fixture.store.find_story(id).await.unwrap().map(|story| story.mail.summary.message_id)
}

#[tokio::test]
async fn a_mail_is_found_by_each_of_its_ids() {
    let fixture = Fixture::new().await;
    let uuid = "01990000-0000-7000-8000-000000000001";
    fixture
        .run(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (uuid, message_id, aws_message_id, "to", "from", inserted_at, updated_at)
               VALUES ('{uuid}', 'pk_1', 'ses-1', 'a', 'b', now(), now()),
                      ('01990000-0000-7000-8000-000000000002', '01990000-0000-7000-8000-000000000009', NULL, 'a', 'b',
                       now(), now());
               INSERT INTO "prefix".aftersend_ids VALUES ('ses-older', '{uuid}', 'alias')"#
        ))
        .await;
    for id in
        [uuid, &uuid.to_uppercase(), &uuid.replace('-', ""), "pk_1", "ses-1", "ses-older", " \tses-1\r\n"]
    {
        assert_eq!(message_id_of(&fixture, id).await.as_deref(), Some("pk_1"), "{id:?}");
    }
    // An application's own id may look like ours.
    let looks_like_ours = "01990000-0000-7000-8000-000000000009";
    assert_eq!(message_id_of(&fixture, looks_like_ours).await.as_deref(), Some(looks_like_ours));
    for id in ["", "  ", "ses", "SES-1", "\0", "pk_1\0", "%", &"x".repeat(10_000), "' OR true --"] {
        assert_eq!(message_id_of(&fixture, id).await, None, "{id:?}");
    }
}

#[tokio::test]
async fn mails_are_found_by_how_their_uuids_begin() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs (uuid, message_id, "to", "from", inserted_at, updated_at)
               VALUES ('01990000-aaaa-7000-8000-000000000001', 'one', 'a', 'b', now(), now()),
                      ('01990000-aaaa-7000-8000-000000000002', 'two', 'a', 'b', now(), now()),
                      ('01990000-bbbb-7000-8000-000000000003', 'three', 'a', 'b', now(), now()),
                      ('ffffffff-ffff-ffff-ffff-ffffffffffff', 'last', 'a', 'b', now(), now())"#,
        )
        .await;
    let found = async |beginning: &str, mails_max| -> Vec<String> {
        let mails = fixture.store.find_mails_beginning(beginning, mails_max).await.unwrap();
        mails.into_iter().map(|mail| mail.message_id).collect()
    };
    assert_eq!(found("01990000", 5).await, ["one", "two", "three"]);
    assert_eq!(found("01990000", 2).await, ["one", "two"]);
    assert_eq!(found(" 01990000-AAAA- ", 5).await, ["one", "two"]);
    assert_eq!(found("01990000b", 5).await, ["three"]);
    assert_eq!(found("01990000-aaaa-7000-8000-000000000002", 5).await, ["two"]);
    assert_eq!(found("ffffffff", 5).await, ["last"]);
    for none in ["0199000", "", "01990001", "0199000g0", "01990000%", &"0".repeat(33), "é1990000"] {
        assert_eq!(found(none, 5).await, Vec::<String>::new(), "{none}");
    }
}

#[tokio::test]
async fn of_two_mails_the_one_that_ses_knows_by_the_id_is_meant() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", inserted_at, updated_at)
               VALUES ('x', 'other', 'a', 'b', now(), now()), ('by column', 'x', 'a', 'b', now(), now()),
                      ('y', NULL, 'a', 'b', now(), now()), ('by alias', NULL, 'a', 'b', now(), now());
               INSERT INTO "prefix".aftersend_ids
               SELECT 'y', uuid, 'alias' FROM "prefix".phoenix_kit_email_logs WHERE message_id = 'by alias'"#,
        )
        .await;
    assert_eq!(message_id_of(&fixture, "x").await.as_deref(), Some("by column"));
    assert_eq!(message_id_of(&fixture, "y").await.as_deref(), Some("by alias"));
}

#[tokio::test]
async fn a_timeline_has_folded_occurrences_in_their_place() {
    let fixture = Fixture::new().await;
    // The same moment for what SES stamps alike: a send stands before its rejection.
    let reject = event("m1", "Reject", "reject", json!({ "reason": "Bad content" }));
    let mut delay = event("m1", "DeliveryDelay", "deliveryDelay", json!({ "timestamp": at("00:30") }));
    delay["deliveryDelay"]["delayType"] = "MailboxFull".into();
    delay["deliveryDelay"]["delayedRecipients"] =
        json!([{ "emailAddress": "Ann@Example.com", "diagnosticCode": "smtp; 452" }]);
    let events = [
        click("m1", "05:00", "https://example.com/b"),
        bounce("m1", "03:00", "Permanent", "f2"),
        click("m1", "05:00", "https://example.com/a"),
        open("m1", "04:00", Some("Likely")),
        bounce("m1", "02:00", "Transient", "f1"),
        reject,
        delivery("m1", "01:00"),
        delay,
        send("m1"),
    ];
    fixture.ingest(&events).await;
    let story = fixture.store.find_story("m1").await.unwrap().unwrap();
    assert!(!story.truncated);
    let told: Vec<(&str, Option<&str>)> = story
        .occurrences
        .iter()
        .map(|o| {
            (&*o.event_type, o.bounce_type.as_deref().or(o.link_url.as_deref()).or(o.bot_verdict.as_deref()))
        })
        .collect();
    let clicks = [&told[7], &told[8]];
    assert_eq!(
        told[..7],
        [
            ("send", None),
            ("reject", None),
            ("delivery_delay", None),
            ("delivery", None),
            ("bounce", Some("soft")),
            ("bounce", Some("hard")),
            ("open", Some("Likely")),
        ]
    );
    assert!(
        clicks.iter().all(|(event_type, _)| *event_type == "click") && clicks[0] != clicks[1],
        "{clicks:?}"
    );
    // Which of two in one moment was stored first leaves no trace in what is told.
    let other = Fixture::new().await;
    other.ingest(&[events[2].clone(), events[0].clone()]).await;
    let other = other.store.find_story("m1").await.unwrap().unwrap();
    let links = |story: &super::Story| -> Vec<Option<String>> {
        story.occurrences.iter().rev().take(2).map(|o| o.link_url.clone()).collect()
    };
    assert_eq!(links(&other), links(&story));
    assert_eq!(story.occurrences.iter().filter(|o| o.folded).count(), 2);

    let delay = &story.occurrences[2];
    assert_eq!(delay.recipients, ["ann@example.com"]);
    assert_eq!(delay.diagnostics, ["smtp; 452"]);
    assert_eq!(delay.delay_type.as_deref(), Some("MailboxFull"));
    assert_eq!(story.occurrences[1].reject_reason.as_deref(), Some("Bad content"));
    let states: Vec<Status> = story.mail.times.iter().map(|(status, _)| *status).collect();
    let expected = [
        Status::Delayed,
        Status::Delivered,
        Status::Opened,
        Status::Clicked,
        Status::Bounced,
        Status::Rejected,
    ];
    assert_eq!(states, expected);
    assert!(story.mail.derived);
}

#[tokio::test]
async fn a_story_without_end_is_cut_and_says_so() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[send("m1")]).await;
    let add = |from: usize, to: usize| {
        format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_events
                   (uuid, email_log_uuid, event_type, occurred_at, event_data, inserted_at, updated_at)
               SELECT gen_random_uuid(), uuid, 'open', sent_at + n * interval '1 s', '"an application''s own"', now(), now()
               FROM "prefix".phoenix_kit_email_logs, generate_series({from}, {to}) AS n"#
        )
    };
    fixture.run(&add(1, STORY_OCCURRENCES_MAX - 1)).await;
    let story = fixture.store.find_story("m1").await.unwrap().unwrap();
    assert_eq!((story.occurrences.len(), story.truncated), (STORY_OCCURRENCES_MAX, false));
    fixture.run(&add(STORY_OCCURRENCES_MAX, STORY_OCCURRENCES_MAX + 5)).await;
    let story = fixture.store.find_story("m1").await.unwrap().unwrap();
    assert_eq!((story.occurrences.len(), story.truncated), (STORY_OCCURRENCES_MAX, true));
    assert_eq!(story.occurrences[0].event_type, "send");
    assert!(story.occurrences.is_sorted_by_key(|occurrence| occurrence.occurred_at));
}

#[tokio::test]
async fn each_recipient_has_a_state_of_its_own() {
    let fixture = Fixture::new().await;
    let three = ["ann@example.com", "Bob <bob@example.com>", "cyd@example.com"];
    let told = |event_type: &str, key: &str, object| event_to(&three, "m1", event_type, key, object);
    let bounced = |time: &str, kind: &str, address: &str| {
        let object = json!({ "timestamp": at(time), "bounceType": kind, "feedbackId": format!("{time}{address}"),
            "bouncedRecipients": [{ "emailAddress": address }] });
        told("Bounce", "bounce", object)
    };
    let delivered = json!({ "timestamp": at("01:00"), "recipients": ["ann@example.com", "bob@example.com"] });
    fixture
        .ingest(&[
            told("Delivery", "delivery", delivered),
            bounced("02:00", "Permanent", "BOB@example.com"),
            bounced("03:00", "Permanent", "forward@example.net"),
            bounced("00:30", "Transient", "bob@example.com"),
        ])
        .await;
    let story = fixture.store.find_story("m1").await.unwrap().unwrap();
    let states: Vec<_> = story.recipients.iter().map(|r| (r.address.as_str(), r.listed, r.state())).collect();
    let expected = [
        ("ann@example.com", true, RecipientState::Delivered),
        ("bob@example.com", true, RecipientState::HardBounced),
        ("cyd@example.com", true, RecipientState::Sent),
        ("forward@example.net", false, RecipientState::HardBounced),
    ];
    assert_eq!(states, expected);
    let times: Vec<_> =
        story.recipients[1].times.iter().map(|(state, at)| (*state, at.to_string())).collect();
    let expected = [
        (RecipientState::SoftBounced, "2026-09-01T10:00:30Z".to_owned()),
        (RecipientState::Delivered, "2026-09-01T10:01:00Z".to_owned()),
        (RecipientState::HardBounced, "2026-09-01T10:02:00Z".to_owned()),
    ];
    assert_eq!(times, expected);
    let counts = RecipientCounts::of(&story.recipients);
    assert_eq!(counts.to_string(), "1 of 3 delivered, 1 bounced, 1 without news");
    // The forward neither counts nor is blocked.
    let blocked = [("bob@example.com".to_owned(), "hard_bounce".to_owned())];
    assert_eq!(fixture.store.list_blocks().await.unwrap(), blocked);
}

/// An address may be longer than an index takes, and spelled so that it grows in lower case.
#[tokio::test]
async fn the_longest_address_has_its_row() {
    let fixture = Fixture::new().await;
    let long = format!("{}@example.com", "İ".repeat(1_000));
    let object = json!({ "timestamp": at("01:00"), "recipients": [long] });
    fixture.ingest(&[event_to(&[&long, "a\0b@example.com"], "m1", "Delivery", "delivery", object)]).await;
    let story = fixture.store.find_story("m1").await.unwrap().unwrap();
    assert_eq!(story.recipients.len(), 2);
    assert_eq!(story.recipients[0].address, "a\u{FFFD}b@example.com");
    assert_eq!(story.recipients[1].state(), RecipientState::Delivered);
    assert!(story.recipients[1].address.len() > 2_500, "{}", story.recipients[1].address.len());
}
