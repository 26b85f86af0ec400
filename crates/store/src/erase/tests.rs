//! After an erasure the address is nowhere, and stays nowhere; what counts is as it was.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use super::*;
use crate::{
    Arrival, Batch, LogOutcome, LogRefusal, Logged, LoggedMail, NewBlock, Poison,
    testing::{Fixture, at, bounce, click, complaint, delivery, event_to, open, send},
};

pub(super) const ANN: &str = "ann@example.com";

pub(super) async fn erase(fixture: &Fixture, address: &str) -> EraseReport {
    fixture.store.erase(address, false, &mut |_| {}).await.unwrap()
}

/// Every row of every table in which any column names the address, in any case, plainly or in base64.
async fn traces(fixture: &Fixture, address: &str) -> Vec<Value> {
    let columns = fixture
        .rows(
            r#"SELECT c.relname AS "table", a.attname AS "column", format_type(a.atttypid, NULL) AS type
               FROM pg_catalog.pg_attribute AS a
               JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'
               JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'prefix'
               WHERE a.attnum > 0 AND NOT a.attisdropped
                 AND format_type(a.atttypid, NULL) IN ('text', 'character varying', 'jsonb', 'bytea', 'text[]')"#,
        )
        .await;
    assert!(columns.len() > 80, "{}", columns.len());
    let mut found = Vec::new();
    for column in columns {
        let (table, name) = (column["table"].as_str().unwrap(), column["column"].as_str().unwrap());
        let text = match column["type"].as_str().unwrap() {
            "bytea" => format!("encode(\"{name}\", 'escape')"),
            _ => format!("\"{name}\"::text"),
        };
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, address);
        let encoded = encoded.trim_end_matches('=');
        let query = format!(
            r#"SELECT '{table}.{name}' AS place, {text} AS text FROM "prefix"."{table}"
               WHERE {text} ILIKE '%{address}%' OR {text} ILIKE '%{}%' OR {text} LIKE '%{}%'"#,
            address.replace('@', "\\%40"),
            &encoded[..encoded.len() - 2],
        );
        found.extend(fixture.rows(&query).await);
    }
    found
}

/// Whether a trace is more than the end of another's address.
fn is_hers(row: &Value) -> bool {
    let text = row["text"].as_str().unwrap().to_lowercase().replace("joann@example.com", "");
    text.contains(ANN) || !row["text"].as_str().unwrap().to_lowercase().contains("joann@example.com")
}

async fn figures(fixture: &Fixture) -> Vec<Value> {
    fixture.recount_figures().await;
    let figures = r#"SELECT * FROM "prefix".aftersend_figures_by_template ORDER BY starts_at, place"#;
    let mut rows = fixture.rows(figures).await;
    // Of each mail: what happened to it when, and what is known of its recipients.
    rows.extend(
        fixture
            .rows(
                r#"SELECT mail.uuid, mail.status, mail.template_name, mail.delivered_at, mail.bounced_at, mail.opened_at,
                          (
                              SELECT jsonb_agg(jsonb_build_array(event_type, occurred_at, fingerprint, bounce_type) ORDER BY fingerprint)
                              FROM (
                                  SELECT event_type, occurred_at, aftersend_fingerprint AS fingerprint, bounce_type
                                  FROM "prefix".phoenix_kit_email_events WHERE email_log_uuid = mail.uuid
                                  UNION ALL
                                  SELECT event_type, occurred_at, fingerprint, bounce_type
                                  FROM "prefix".aftersend_folded_events WHERE email_log_uuid = mail.uuid
                              ) AS event
                          ) AS events,
                          (
                              -- A recipient of whom nothing is known but that the mail went there counts as none does.
                              SELECT nullif(jsonb_agg(state ORDER BY state::text), '[{"listed": true}]')
                              FROM (
                                  SELECT jsonb_strip_nulls(to_jsonb(recipient) - 'email_log_uuid' - 'address') AS state
                                  FROM "prefix".aftersend_recipients AS recipient WHERE email_log_uuid = mail.uuid
                              ) AS recipient
                          ) AS recipients
                   FROM "prefix".phoenix_kit_email_logs AS mail ORDER BY mail.uuid"#,
            )
            .await,
    );
    rows
}

fn to_two(mail: &str, event_type: &str, key: &str, object: Value) -> Value {
    let mut event =
        event_to(&["Ann Smith <Ann@Example.com>", "bob@example.com"], mail, event_type, key, object);
    event["mail"]["headers"] =
        json!([{ "name": "To", "value": "\"Smith, Ann\" <ANN@example.com>, bob@example.com" }]);
    event
}

/// Everything that names Ann, and some that does not.
fn events() -> Vec<Value> {
    let mut told = bounce("m1", "02:00", "Permanent", "f1");
    told["bounce"]["bouncedRecipients"][0]["diagnosticCode"] =
        "smtp; 550 5.1.1 <ann@example.com> unknown".into();
    let mut link = click("m1", "03:00", "https://example.com/a?email=ann%40example.com");
    link["mail"]["headers"] = json!([{ "name": "X-Id", "value": "YW5uQGV4YW1wbGUuY29tCg==" }]);
    let to_bob = |mail: &str, event_type: &str, key: &str, object: Value| {
        event_to(&["bob@example.com"], mail, event_type, key, object)
    };
    let mut forwarded = to_bob(
        "m3",
        "Bounce",
        "bounce",
        json!({
            "timestamp": at("01:00"), "bounceType": "Transient", "bounceSubType": "General", "feedbackId": "f3",
            "bouncedRecipients": [{ "emailAddress": "bob@example.com", "diagnosticCode": "from ann@example.com" }],
        }),
    );
    forwarded["mail"]["commonHeaders"]["subject"] = "About ann@example.com".into();
    vec![
        send("m1"),
        delivery("m1", "01:00"),
        delivery("m1", "01:30"),
        told,
        open("m1", "02:30", Some("Likely")),
        link,
        to_two("m2", "Send", "send", json!({})),
        to_two(
            "m2",
            "Delivery",
            "delivery",
            json!({ "timestamp": at("01:00"), "recipients": ["ann@example.com"] }),
        ),
        to_two(
            "m2",
            "Delivery",
            "delivery",
            json!({ "timestamp": at("02:00"), "recipients": ["bob@example.com"] }),
        ),
        to_two(
            "m2",
            "Complaint",
            "complaint",
            json!({
                "timestamp": at("03:00"), "feedbackId": "f2", "complaintFeedbackType": "abuse",
                "complainedRecipients": [{ "emailAddress": "Ann@Example.com" }],
            }),
        ),
        forwarded,
        to_bob("m4", "Send", "send", json!({})),
        event_to(&["joann@example.com"], "m5", "Send", "send", json!({})),
    ]
}

async fn with_everything() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.ingest(&events()).await;
    let logged = [
        json!({
            "message_id": "order-ann@example.com", "aws_message_id": "m1", "to": "Ann <ann@example.com>", "from": "shop@example.com",
            "subject": "Ann", "headers": { "To": "Ann <ann@example.com>" }, "body": { "html": "<p>Hello ann@example.com", "text": "Hello" },
            "tags": { "person": "ann" }, "template": "order",
        }),
        json!({
            "message_id": "o-2", "aws_message_id": "m2", "to": "ann@example.com", "from": "shop@example.com", "subject": "Both",
            "headers": { "Cc": "Bob <bob@example.com>, Ann Smith <ANN@example.com>" }, "body": "Dear ann@example.com and bob@example.com",
        }),
        // Nobody has told of these but the application.
        json!({ "message_id": "o-6", "to": "ANN@example.com", "from": "shop@example.com", "queued_at": at("00:00") }),
        json!({ "message_id": "o-7", "aws_message_id": "m7", "to": "ann@example.com", "from": "shop@example.com", "sent_at": at("00:00") }),
    ];
    let mails: Vec<LoggedMail> =
        logged.iter().map(|line| LoggedMail::from_json(line.to_string().as_bytes()).unwrap()).collect();
    for outcome in fixture.store.log_mails(&mails).await.unwrap() {
        outcome.unwrap();
    }
    fixture
        .store
        .block(&NewBlock::new("ann@example.com", "asked by phone", None).unwrap(), None)
        .await
        .unwrap();
    let poisons =
        [b"{\"to\": \"ann\\u0040example.com\"".as_slice(), b"YW5uQGV4YW1wbGUuY29tCg==", b"bob@example.com"];
    let poison = |body| Poison { body, reason: "broken".to_owned(), feed: "file", origin: "line 1".into() };
    let batch = Batch { arrivals: Vec::<Arrival<'_>>::new(), poisons: poisons.map(poison).to_vec() };
    fixture.store.ingest(&batch).await.unwrap();
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_removed_events (uuid, email_log_uuid, kept_uuid, step, "row")
               SELECT gen_random_uuid(), uuid, gen_random_uuid(), '137', '{"event_data": {"recipients": ["ann@example.com"]}}'
               FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id IN ('m1', 'm2')"#,
        )
        .await;
    fixture
}

#[tokio::test]
async fn a_person_goes_and_what_counts_stays() {
    let fixture = with_everything().await;
    let before = figures(&fixture).await;
    let had = traces(&fixture, ANN).await.len();
    assert!(had > 20, "{had}");
    let dry = fixture.store.erase("Ann <ANN@example.com>", true, &mut |_| {}).await.unwrap();
    assert_eq!(traces(&fixture, ANN).await.len(), had);

    let report = erase(&fixture, "Ann <ANN@example.com>").await;
    let found = traces(&fixture, ANN).await;
    let left: Vec<&Value> = found.iter().filter(|row| is_hers(row)).collect();
    assert!(left.is_empty(), "{left:#?}");
    // Another's address, which has the same end, is where it was.
    assert_eq!(found.len(), 3, "{found:#?}");
    let names = fixture.count(
        r#"(SELECT to_jsonb(mail)::text || coalesce((SELECT string_agg(to_jsonb(event)::text, '') FROM "prefix".phoenix_kit_email_events AS event WHERE email_log_uuid = mail.uuid), '') AS text
            FROM "prefix".phoenix_kit_email_logs AS mail) AS mail WHERE text LIKE '%Smith%'"#,
    );
    assert_eq!(names.await, 0, "a name goes with its address");
    assert_eq!((report.mails_emptied, report.mails_cleaned, report.quarantined, report.blocks), (3, 2, 2, 1));
    assert_eq!((dry.mails_emptied, dry.quarantined, dry.blocks), (3, 2, 1));
    assert_eq!(figures(&fixture).await, before);
    // Others' parts are there.
    let both = fixture.store.find_story("m2").await.unwrap().unwrap();
    assert_eq!(both.mail.summary.subject.as_deref(), Some("Both"));
    assert!(both.recipients.iter().any(|recipient| recipient.address == "bob@example.com"));
    assert_eq!(both.occurrences.len(), 4);
    let body = fixture
        .row(r#"SELECT body_full, headers FROM "prefix".phoenix_kit_email_logs WHERE message_id = 'o-2'"#)
        .await;
    let (body, headers) = (body["body_full"].as_str().unwrap(), body["headers"]["Cc"].as_str().unwrap());
    assert!(body.starts_with("Dear erased-") && body.ends_with(" and bob@example.com"), "{body}");
    assert!(headers.starts_with("Bob <bob@example.com>, erased-"), "{headers}");
    // The block holds for who knows the address.
    let block = fixture.store.find_block("Ann@Example.com").await.unwrap().unwrap();
    assert_eq!((block.reason.as_str(), block.holds), ("asked by phone", true));
    assert_eq!(fixture.store.find_block("bob@example.com").await.unwrap(), None);

    let again = erase(&fixture, ANN).await;
    assert_eq!((again.mails_emptied, again.mails_cleaned, again.events, again.quarantined), (0, 0, 0, 0));
    assert_eq!(
        fixture.store.unblock(ANN).await.unwrap().map(|block| block.reason),
        Some("asked by phone".to_owned())
    );
    assert_eq!(fixture.store.find_block(ANN).await.unwrap(), None);
}

async fn stays_away(seed: u64, park_for: Option<Duration>) {
    let mut fixture = with_everything().await;
    erase(&fixture, ANN).await;
    if let Some(park_for) = park_for {
        fixture.run(r#"COMMENT ON TABLE "prefix".phoenix_kit_email_logs IS NULL"#).await;
        fixture.wait_for(park_for);
    }
    let before = figures(&fixture).await;
    let mails = fixture.count(r#""prefix".phoenix_kit_email_logs"#).await;
    let mut rng = Rng::with_seed(seed);
    // All of it again, and what nobody had heard of before: of a mail of hers, of one to two, of one that is not known.
    let mut again = events();
    let known = again.len();
    again.extend([
        complaint("m1", "09:00", "f9"),
        to_two(
            "m2",
            "Open",
            "open",
            json!({ "timestamp": at("09:00"), "ipAddress": "192.0.2.9", "userAgent": "x" }),
        ),
        bounce("m8", "09:00", "Permanent", "f8"),
        to_two(
            "m9",
            "Delivery",
            "delivery",
            json!({ "timestamp": at("09:00"), "recipients": ["ann@example.com", "bob@example.com"] }),
        ),
    ]);
    for _ in 0..2 {
        rng.shuffle(&mut again);
        for part in again.chunks(rng.usize(1..6)) {
            fixture.ingest(part).await;
        }
    }
    fixture.join().await;
    let poison = Poison {
        body: b"{\"to\": \"ann@example.com\"",
        reason: "x".to_owned(),
        feed: "file",
        origin: "y".into(),
    };
    let report = fixture.store.ingest(&Batch { arrivals: Vec::new(), poisons: vec![poison] }).await.unwrap();
    assert_eq!(report.quarantined, 1);
    let found = traces(&fixture, ANN).await;
    let left: Vec<&Value> = found.iter().filter(|row| is_hers(row)).collect();
    assert!(left.is_empty(), "seed {seed}: {left:#?}");
    // The block that a late bounce gives is a hash, too; the reason that was there is stronger.
    assert_eq!(fixture.store.find_block(ANN).await.unwrap().unwrap().reason, "asked by phone");
    let blocks = fixture.rows(r#"SELECT email FROM "prefix".phoenix_kit_email_blocklist"#).await;
    assert!(blocks.is_empty(), "{blocks:?}");
    // What was known is as it was, but for the one open of the mail to two.
    let rows = fixture.count(r#""prefix".phoenix_kit_email_events WHERE email_log_uuid IN (SELECT email_log_uuid FROM "prefix".aftersend_ids WHERE state = 'erased')"#);
    let of_hers = rows.await;
    assert!(of_hers > 0 && known > 0);
    let after = figures(&fixture).await;
    let by_uuid = |rows: &[Value], uuid: &Value| rows.iter().find(|row| row["uuid"] == *uuid).cloned();
    for row in before.iter().filter(|row| row.get("uuid").is_some()) {
        let now = by_uuid(&after, &row["uuid"]).unwrap();
        if now != *row {
            assert_eq!(
                (now["recipients"].clone(), now["status"].clone()),
                (row["recipients"].clone(), row["status"].clone()),
                "seed {seed}"
            );
            assert_eq!(
                now["events"].as_array().unwrap().len(),
                row["events"].as_array().unwrap().len() + 1,
                "seed {seed}"
            );
        }
    }
    if park_for.is_none_or(|park_for| park_for.is_zero()) {
        assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, mails + 2, "seed {seed}");
    }
}

#[tokio::test]
async fn nothing_that_comes_late_brings_the_person_back() {
    for seed in 1..=3 {
        stays_away(seed, None).await;
    }
    stays_away(4, Some(Duration::from_hours(1))).await;
    stays_away(fastrand::u64(5..), Some(Duration::ZERO)).await;
}

/// Events that wait for their mail are looked through, too, and those of the person's own mails never join.
#[tokio::test]
async fn parked_events_lose_the_person() {
    let mut fixture = Fixture::adopted(Duration::from_hours(1)).await;
    fixture.ingest(&events()).await;
    let erased = erase(&fixture, ANN).await;
    assert!(erased.parked > 5, "{erased:?}");
    let left: Vec<Value> = traces(&fixture, ANN).await;
    assert!(!left.iter().any(is_hers), "{left:#?}");
    fixture.wait_for(Duration::ZERO);
    fixture.join().await;
    // Her own mail is not made, and the one to two has all of its events.
    assert!(fixture.store.find_story("m1").await.unwrap().is_none());
    assert_eq!(fixture.store.find_story("m2").await.unwrap().unwrap().occurrences.len(), 4);
    let again = fixture.ingest(&events()).await;
    assert_eq!((again.repeated, again.late), (events().len() - 6, 6));
}

/// Who comes back is somebody whom a mail may reach again; what was sent before stays away.
#[tokio::test]
async fn a_later_mail_to_the_address_is_another_matter() {
    let fixture = with_everything().await;
    erase(&fixture, ANN).await;
    let line = |json: Value| LoggedMail::from_json(json.to_string().as_bytes()).unwrap();
    let lines = [
        line(
            json!({ "message_id": "o-6", "to": "ann@example.com", "from": "shop@example.com", "queued_at": at("00:00") }),
        ),
        line(
            json!({ "message_id": "new", "to": "ann@example.com", "from": "shop@example.com", "queued_at": at("00:00") }),
        ),
        line(
            json!({ "message_id": "o-2", "queued_at": at("00:00"), "headers": { "Bcc": "ann@example.com" } }),
        ),
        line(json!({ "message_id": "later", "to": "ann@example.com", "from": "shop@example.com" })),
    ];
    let outcomes = fixture.store.log_mails(&lines).await.unwrap();
    assert_eq!((&outcomes[0], &outcomes[1]), (&Err(LogRefusal::Removed), &Err(LogRefusal::Removed)));
    assert!(outcomes[2].is_ok() && outcomes[3].is_ok(), "{outcomes:?}");
    let found = traces(&fixture, ANN).await;
    let left: Vec<&Value> = found.iter().filter(|row| is_hers(row)).collect();
    assert_eq!(left.len(), 1, "{left:#?}");
    let mut event = send("m-later");
    event["mail"]["timestamp"] = "2126-01-01T00:00:00Z".into();
    fixture.ingest(&[event]).await;
    assert!(fixture.store.find_story("m-later").await.unwrap().unwrap().mail.summary.to.contains(ANN));
}

/// A line that an application sends again says no more of its age than the mail does that it is about.
#[tokio::test]
async fn a_line_without_times_is_as_old_as_its_mail() {
    let fixture = Fixture::new().await;
    let lines = [
        json!({
            "message_id": "o-1", "aws_message_id": "m1", "to": "bob@example.com", "from": "shop@example.com",
            "subject": "ann@example.com invited you", "headers": { "Cc": "Ann <ann@example.com>" },
            "body": "Dear Bob, ann@example.com invited you",
        }),
        json!({
            "message_id": "o-2", "aws_message_id": "m2", "to": "bob@example.com", "from": "shop@example.com",
            "subject": "S",
        }),
    ];
    let mails: Vec<LoggedMail> =
        lines.iter().map(|line| LoggedMail::from_json(line.to_string().as_bytes()).unwrap()).collect();
    fixture.store.log_mails(&mails).await.unwrap();
    let report = erase(&fixture, ANN).await;
    assert_eq!((report.mails_emptied, report.mails_cleaned), (0, 1));
    assert!(traces(&fixture, ANN).await.is_empty());

    let outcomes = fixture.store.log_mails(&mails).await.unwrap();
    let outcome =
        |outcome: &Result<Logged, LogRefusal>| outcome.as_ref().map(|logged| logged.outcome).unwrap();
    assert!(outcomes.iter().all(|of| outcome(of) == LogOutcome::Unchanged), "{outcomes:?}");
    assert!(traces(&fixture, ANN).await.is_empty());
    // By the SES id alone as well, and where the line makes the mail hers.
    let by_ses_id = json!({ "aws_message_id": "m2", "subject": "ann@example.com invited you" });
    let hers = json!({ "message_id": "o-2", "to": "Ann <ann@example.com>" });
    for (line, is_refused) in [(by_ses_id, false), (hers, true)] {
        let mail = LoggedMail::from_json(line.to_string().as_bytes()).unwrap();
        let outcome = fixture.store.log_mails(&[mail]).await.unwrap().remove(0);
        assert_eq!(outcome == Err(LogRefusal::Removed), is_refused, "{outcome:?}");
        assert!(traces(&fixture, ANN).await.is_empty(), "{line}");
    }
}

#[tokio::test]
async fn what_is_no_address_erases_nobody() {
    let fixture = Fixture::new().await;
    for text in ["", "ann", "@example.com", "a b@example.com", "a@b@c"] {
        let refused = fixture.store.erase(text, false, &mut |_| {}).await;
        assert!(matches!(refused, Err(EraseError::Address)), "{text}: {refused:?}");
    }
    assert_eq!(fixture.count(r#""prefix".aftersend_keys"#).await, 0);
    let nobody = erase(&fixture, "nobody@example.com").await;
    assert_eq!(nobody, EraseReport::default());
}

/// Of compressed bodies, the person's own go, and those of others are kept without the person.
#[tokio::test]
async fn compressed_bodies_lose_the_person() {
    let fixture = Fixture::new().await;
    let mut rng = Rng::with_seed(1);
    let items: Vec<String> = (0..60).map(|_| format!("{} of {}", rng.u8(..), rng.u32(..))).collect();
    let items = items.join(", ");
    let text = format!("Dear ann@example.com, thank you for your order: {items}.");
    let line = |id: &str, to: &str| json!({ "message_id": id, "aws_message_id": id, "to": to, "from": "shop@example.com", "body": text, "sent_at": at("00:00") });
    // Nothing but its body says that c3 has to do with her.
    let lines = [line("c1", "ann@example.com"), line("c2", "bob@example.com"), line("c3", "bob@example.com")];
    let mails: Vec<LoggedMail> =
        lines.iter().map(|line| LoggedMail::from_json(line.to_string().as_bytes()).unwrap()).collect();
    fixture.store.log_mails(&mails).await.unwrap();
    fixture
        .ingest(&[event_to(&["ann@example.com", "bob@example.com"], "c2", "Send", "send", json!({}))])
        .await;
    let mut compressor = crate::Compressor::new(&fixture.store, Duration::ZERO);
    while !compressor.round().await.unwrap().is_through {}
    let stored =
        fixture.count(r#""prefix".phoenix_kit_email_logs WHERE body_full IS NULL AND body_compressed"#).await;
    assert_eq!(stored, 3);
    let dry = fixture.store.erase(ANN, true, &mut |_| {}).await.unwrap();
    assert_eq!((dry.mails_emptied, dry.mails_cleaned), (1, 2));
    let report = erase(&fixture, ANN).await;
    assert_eq!((report.mails_emptied, report.mails_cleaned), (1, 2));
    assert_eq!(fixture.count(r#""prefix".aftersend_bodies"#).await, 0);
    assert_eq!(fixture.count(r#""prefix".aftersend_shared_bodies"#).await, 0);
    for id in ["c2", "c3"] {
        let kept = fixture
            .row(&format!(
                r#"SELECT uuid, body_full, body_compressed FROM "prefix".phoenix_kit_email_logs WHERE message_id = '{id}'"#
            ))
            .await;
        assert_eq!(kept["body_compressed"], false);
        let body =
            fixture.store.read_body(kept["uuid"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
        assert!(body.starts_with("Dear erased-") && !body.contains(ANN), "{body}");
    }
    assert!(traces(&fixture, ANN).await.is_empty());
}

/// Links of others' mails that hold the address in base64, as those who count clicks make them: the encoded text begins at any
/// character, and so does the address in it.
#[tokio::test]
async fn links_in_base64_lose_the_person() {
    use base64::Engine as _;

    let fixture = Fixture::new().await;
    let inner = ["ann@example.com", "a=ann@example.com", "aa=ann@example.com&b", "?e=ann%40example.com&n=1"];
    let mut events = vec![event_to(&["bob@example.com"], "m1", "Send", "send", json!({}))];
    for (number, text) in inner.iter().enumerate() {
        let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        for (place, path) in ["c/", "cc/", "ccc/", "?u="].iter().enumerate() {
            let link = format!("https://t.example.com/{path}{encoded}");
            let object = json!({ "timestamp": at(&format!("{number}{place}:00")), "link": link });
            events.push(event_to(&["bob@example.com"], "m1", "Click", "click", object));
        }
    }
    fixture.ingest(&events).await;
    assert_eq!(erase(&fixture, ANN).await.mails_cleaned, 1);
    let links = fixture
        .rows(r#"SELECT DISTINCT link_url AS link FROM "prefix".phoenix_kit_email_events WHERE link_url IS NOT NULL ORDER BY 1"#)
        .await;
    // Where a path can't be told from base64, a part of it goes as well.
    let expected = ["", "?u=", "c/", "cc/"]
        .map(|path| json!({ "link": format!("https://t.example.com/{path}(erased)") }));
    assert_eq!(links, expected);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_events WHERE event_data::text LIKE '%https://t.example.com/%' AND event_data::text NOT LIKE '%(erased)%'"#).await, 0);
}
