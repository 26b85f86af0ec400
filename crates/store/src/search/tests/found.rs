//! What is found by which words, on mails as they come in.

use aftersend_event::RecipientState::{HardBounced, Sent};
use serde_json::json;

use super::{found, query, search};
use crate::{
    Recipient, Search,
    search::{Order, query::QUERY_TERMS_MAX},
    testing::{Fixture, bounce, click, complaint, delivery, event_to, open, send},
};

#[tokio::test]
async fn a_text_is_found_in_recipient_subject_and_campaign_in_any_case() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, "to", "from", subject, campaign_id, status, inserted_at, updated_at)
               VALUES ('recipient', 'Zoe@Example.com', 'zoe@example.org', NULL, NULL, 'sent', now(), now()),
                      ('subject', 'a@example.com', 'x@example.com', 'Hello ZOE, 100% off_er', NULL, 'sent', now(), now()),
                      ('campaign', 'b@example.com', 'x@example.com', 'Plain', 'summer_zoe', 'clicked', now(), now()),
                      ('sender', 'c@example.com', 'zoe@example.com', 'Nothing', 'x', 'sent', now(), now()),
                      ('wildcards', 'd@example.com', 'x', '1000 offer', 'summer-x', 'sent', now(), now()),
                      ('backslash', 'e@example.com', 'x', 'C:\temp', NULL, 'sent', now(), now()),
                      ('accents', 'f@example.com', 'x', 'ÉTÉ à Zürich 東京', NULL, 'sent', now(), now())"#,
        )
        .await;
    for (text, expected) in [
        ("zoe", &["campaign", "recipient", "subject"][..]),
        ("ZOE@e", &["recipient"]),
        ("from:zoe", &["recipient", "sender"]),
        ("-from:zoe zoe", &["campaign", "subject"]),
        // What LIKE gives a meaning stands for itself.
        ("100%", &["subject"]),
        ("off_er", &["subject"]),
        ("summer_", &["campaign"]),
        ("%", &["subject"]),
        (r"C:\t", &["backslash"]),
        (r"\", &["backslash"]),
        ("no such text", &[]),
        ("z\0oe", &["campaign", "recipient", "subject"]),
        ("京", &["accents"]),
        ("Zürich", &["accents"]),
        ("hello 100", &["subject"]),
        (r#""hello 100""#, &[]),
        (r#""ZOE, 100""#, &["subject"]),
        // What is unknown of a mail does not hold of it.
        ("-subject:zoe -campaign:x status:sent -e", &[]),
        ("-subject:o status:sent", &["accents", "backslash", "recipient"]),
        ("'; DROP TABLE mails; --", &[]),
        ("$1", &[]),
        ("recipient", &["recipient"]),
        ("id:sender", &["sender"]),
        ("-id:sender campaign:x", &["wildcards"]),
    ] {
        assert_eq!(found(&fixture, text).await, expected, "{text}");
    }
    assert_eq!(found(&fixture, "").await.len(), 7);
    // Letters beyond ASCII have a case where the database's locale says so.
    let folds = fixture.row("SELECT 'É' ILIKE 'é' AS folds").await["folds"] == true;
    assert_eq!(!found(&fixture, "été").await.is_empty(), folds);
}

/// A blind copy and a second recipient stand in no column of the mail.
#[tokio::test]
async fn a_mail_is_found_by_the_whole_address_of_any_recipient() {
    let fixture = Fixture::new().await;
    let to = |mail: &str, addresses: &[&str]| event_to(addresses, mail, "Send", "send", json!({}));
    fixture
        .ingest(&[
            to("m1", &["ann@example.com", "Bob <bob@example.com>"]),
            to("m2", &["bob@example.com"]),
            to("m3", &["cyd@example.com"]),
        ])
        .await;
    for (text, expected) in [
        ("bob@example.com", &["m1", "m2"][..]),
        ("to:BOB@example.com", &["m1", "m2"]),
        (" Bob <BOB@example.com>", &["m1", "m2"]),
        ("bob@", &["m2"]),
        ("ob@example.com", &["m2"]),
        ("nobody@example.com", &[]),
        ("-bob@example.com", &["m3"]),
        ("from:bob@example.com", &[]),
    ] {
        assert_eq!(found(&fixture, text).await, expected, "{text}");
    }
}

#[tokio::test]
async fn a_list_tells_to_how_many_each_mail_went_and_what_became_of_one_of_them() {
    let fixture = Fixture::new().await;
    let to = |mail: &str, addresses: &[&str]| event_to(addresses, mail, "Send", "send", json!({}));
    let two = ["ann@example.com", "bob@example.com"];
    fixture
        .ingest(&[
            to("m1", &two),
            delivery("m2", "10:00"),
            bounce("m2", "10:01", "Permanent", "f1"),
            to("m3", &["bob@example.com"]),
        ])
        .await;
    let mails = fixture.store.search(&search("")).await.unwrap().mails;
    let uuids: Vec<_> = mails.iter().map(|mail| mail.uuid).collect();
    let told = async |address: Option<&str>| {
        let known = fixture.store.recipients_of(&uuids, address).await.unwrap();
        let mut told: Vec<_> = mails
            .iter()
            .map(|mail| {
                let known = &known[&mail.uuid];
                let state = known.one.as_ref().map(Recipient::state);
                (mail.message_id.as_str(), known.listed_count, state)
            })
            .collect();
        told.sort_by_key(|(message_id, ..)| *message_id);
        told
    };
    let expected = [("m1", 2, Some(Sent)), ("m2", 1, Some(HardBounced)), ("m3", 1, None)];
    assert_eq!(told(Some("Ann@Example.com")).await, expected);
    let expected = [("m1", 2, None), ("m2", 1, Some(HardBounced)), ("m3", 1, Some(Sent))];
    assert_eq!(told(None).await, expected);
}

/// More mails than are looked up beforehand: then each is asked.
#[tokio::test]
async fn an_address_with_very_many_mails_is_found_in_all_of_them() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (uuid, message_id, "to", "from", sent_at, status, inserted_at, updated_at)
               SELECT md5(n::text)::uuid, 'm' || n, 'to' || n || '@example.com', 'x', now() - n * interval '1 s', 'sent',
                      now(), now()
               FROM generate_series(1, 6000) AS n;
               INSERT INTO "prefix".aftersend_recipients (email_log_uuid, address, listed)
               SELECT md5(n::text)::uuid, 'copies@example.com', true FROM generate_series(1, 6000) AS n WHERE n <> 17"#,
        )
        .await;
    let mut export = fixture.store.export(query("copies@example.com"), super::clock(), Order::OldestFirst);
    let mut mails = Vec::new();
    loop {
        let batch = export.next_batch().await.unwrap();
        if batch.is_empty() {
            break;
        }
        mails.extend(batch.into_iter().map(|mail| mail.summary.message_id));
    }
    let expected: Vec<String> = (1..=6000).rev().filter(|&n| n != 17).map(|n| format!("m{n}")).collect();
    assert_eq!(mails, expected);
    assert_eq!(found(&fixture, "-to:copies@example.com").await, ["m17"]);
}

#[tokio::test]
async fn a_mail_is_found_by_what_happened_to_it_and_when() {
    let fixture = Fixture::new().await;
    let mut second_bounce = bounce("m3", "30:00", "Permanent", "f2");
    second_bounce["bounce"]["bounceSubType"] = "NoEmail".into();
    fixture
        .ingest(&[
            send("m1"),
            delivery("m1", "00:10.000"),
            open("m1", "20:00", None),
            open("m1", "40:00", None),
            send("m2"),
            click("m2", "20:00", "https://example.com/a"),
            bounce("m3", "20:00", "Transient", "f1"),
            // Folded, since the row is taken.
            second_bounce,
            complaint("m4", "50:00", "f3"),
        ])
        .await;
    for (text, expected) in [
        ("event:send", &["m1", "m2"][..]),
        ("event:opened", &["m1"]),
        ("-event:send", &["m3", "m4"]),
        ("event:open@2026-09-01T10:30Z..", &["m1"]),
        ("event:open@..2026-09-01T10:20Z", &[]),
        ("event:open@2026-09-01", &["m1"]),
        ("event:open@2026-09-02", &[]),
        ("event:bounce@2026-09-01T10:25Z..2026-09-01T10:35Z", &["m3"]),
        ("bounce:hard", &["m3"]),
        ("bounce:Soft", &["m3"]),
        ("bounce:noemail", &["m3"]),
        ("bounce:General", &["m3"]),
        ("bounce:undetermined", &[]),
        ("event:complaint status:complaint", &["m4"]),
        ("status:clicked,complaint", &["m2", "m4"]),
        ("template:order tag:campaign=autumn tag:template -event:bounce", &["m1", "m2", "m4"]),
        ("template:orde", &[]),
        ("tag:campaign=autum", &[]),
        ("campaign:AUTU domain:example.com event:click", &["m2"]),
        ("domain:ample.com", &[]),
        ("after:2026-09-01 before:2026-09-02 event:click", &["m2"]),
        ("after:2026-09-01T10:00:01Z", &[]),
        ("before:2026-09-01T10:00:00Z", &[]),
        ("-before:2026-09-01T10:00:00Z event:click", &["m2"]),
        ("-after:2026-09-01T10:00:00Z", &[]),
    ] {
        assert_eq!(found(&fixture, text).await, expected, "{text}");
    }
}

/// As many terms as there may be, each of the kind that costs most.
#[tokio::test]
async fn the_largest_search_is_answered() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[send("m1"), send("m2")]).await;
    let terms = |what: &dyn Fn(usize) -> String| (0..QUERY_TERMS_MAX).map(what).collect::<Vec<_>>().join(" ");
    for text in [
        terms(&|n| format!("-person-{n}@example.com")),
        terms(&|n| format!("-event:open@..202{}-01-{:02}", n % 10, n + 1)),
        terms(&|n| format!("-bounce:subtype{n}")),
        terms(&|n| format!("-{n}{}", "%_\\".repeat(12))),
    ] {
        assert_eq!(found(&fixture, &text).await, ["m1", "m2"], "{text}");
    }
    let page = fixture.store.search(&Search { mails_max: 1, ..search(&"é".repeat(300)) }).await.unwrap();
    assert!(page.mails.is_empty());
}

#[tokio::test]
async fn an_export_tells_who_bounced_and_why() {
    let fixture = Fixture::new().await;
    let two = ["ann@example.com", "bob@example.com"];
    fixture
        .ingest(&[
            event_to(&two, "m1", "Send", "send", json!({})),
            event_to(
                &two,
                "m1",
                "Bounce",
                "bounce",
                json!({
                    "timestamp": "2026-05-03T10:01:00.000Z", "bounceType": "Permanent", "bounceSubType": "NoEmail",
                    "bouncedRecipients": [{ "emailAddress": "bob@example.com" }], "feedbackId": "f1",
                }),
            ),
            delivery("m2", "10:00"),
            bounce("m3", "10:01", "Transient", "f2"),
            delivery("m3", "10:02"),
        ])
        .await;
    // Of a row that an application alone has logged, no event tells.
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, "to", "from", status, sent_at, inserted_at, updated_at)
               VALUES ('m4', 'cyd@example.com', 'x', 'sent', now(), now(), now())"#,
        )
        .await;
    for text in ["", "ann@example.com", "event:send"] {
        let mut export = fixture.store.export(text.parse().unwrap(), super::clock(), Order::OldestFirst);
        let mails = export.next_batch().await.unwrap();
        let of = |id: &str| mails.iter().find(|mail| mail.summary.message_id == id);
        if let Some(mail) = of("m1") {
            assert_eq!(
                (&mail.recipients[..], &mail.bounced[..]),
                (&two.map(str::to_owned)[..], &[two[1].to_owned()][..])
            );
            assert_eq!(
                (mail.bounce_type.as_deref(), mail.bounce_reason.as_deref()),
                (Some("hard"), Some("NoEmail"))
            );
        }
        if text.is_empty() {
            assert_eq!(mails.len(), 4);
            let (m2, m3, m4) = (of("m2").unwrap(), of("m3").unwrap(), of("m4").unwrap());
            assert_eq!((m2.recipients.len(), m2.bounced.len(), m2.bounce_type.as_deref()), (1, 0, None));
            assert_eq!(
                (m3.bounced.len(), m3.bounce_type.as_deref()),
                (0, Some("soft")),
                "it arrived after all"
            );
            assert!(m4.recipients.is_empty() && m4.bounce_reason.is_none());
        }
    }
}
