//! Everything about one address, and mails that belong together.

use aftersend_event::RecipientState;

use super::time;
use crate::{
    MailSummary, NewBlock,
    testing::{Fixture, bounce, complaint, delivery, event_to, send},
};

#[tokio::test]
async fn an_address_is_told_of_with_its_block_and_the_event_behind_it() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[send("m1"), delivery("m1", "01:00.000"), send("m2"), send("m3")]).await;
    let report = fixture.store.find_address("Ann <ANN@example.com>").await.unwrap();
    assert_eq!((report.address.as_str(), report.totals.mails), ("ann@example.com", 3));
    assert_eq!(report.totals.by_state, [(RecipientState::Delivered, 1)].into());
    assert_eq!((report.block, report.cause), (None, None));

    fixture.ingest(&[bounce("m2", "02:00.000", "Permanent", "f1")]).await;
    fixture.ingest(&[bounce("m3", "01:00.000", "Permanent", "f2")]).await;
    let report = fixture.store.find_address("ann@example.com").await.unwrap();
    let block = report.block.unwrap();
    assert_eq!((block.reason.as_str(), block.holds, block.expires_at), ("hard_bounce", true, None));
    // The one that blocked, not the one that happened before it and arrived after it.
    let cause = report.cause.unwrap();
    assert_eq!(cause.occurred_at, time("2026-09-01T10:02:00Z"));
    let story = fixture.store.find_story("m2").await.unwrap().unwrap();
    assert_eq!(cause.mail, story.mail.summary.uuid);
    assert!(story.occurrences.iter().any(|occurrence| occurrence.uuid == cause.event));

    fixture.ingest(&[complaint("m1", "03:00.000", "f3")]).await;
    let report = fixture.store.find_address("ann@example.com").await.unwrap();
    assert_eq!(report.block.unwrap().reason, "complaint");
    assert_eq!(report.cause.unwrap().occurred_at, time("2026-09-01T10:03:00Z"));

    // What a person says has no event behind it.
    let wanted = NewBlock::new("ann@example.com", "asked us to stop", None).unwrap();
    fixture.store.block(&wanted, None).await.unwrap();
    let report = fixture.store.find_address("ann@example.com").await.unwrap();
    assert_eq!((report.block.unwrap().reason.as_str(), report.cause), ("asked us to stop", None));
    let nobody = fixture.store.find_address("\0").await.unwrap();
    assert_eq!((nobody.totals.mails, nobody.block), (0, None));
}

/// Newest first, page by page, also mails that no event has told of.
#[tokio::test]
async fn mails_to_an_address_come_page_by_page() {
    let fixture = Fixture::new().await;
    let mut events = Vec::new();
    for number in 0..7 {
        let mut event = send(&format!("m{number}"));
        event["mail"]["timestamp"] = format!("2026-09-01T10:0{}:00Z", number * 5 % 7).into();
        events.push(event);
    }
    // Beside somebody else, and where the column `to` shows another.
    events.push(event_to(
        &["ben@example.com", "ann@example.com"],
        "both",
        "Send",
        "send",
        serde_json::json!({}),
    ));
    fixture.ingest(&events).await;
    fixture.log("logged").await;
    fixture.ingest(&[event_to(&["ben@example.com"], "other", "Send", "send", serde_json::json!({}))]).await;
    let mut found = Vec::new();
    let mut older = None;
    loop {
        let page = fixture.store.list_mails_to("Ann@example.com", older, 2).await.unwrap();
        assert!(page.mails.len() <= 2);
        found.extend(page.mails);
        older = page.older;
        if older.is_none() {
            break;
        }
    }
    assert!(found.is_sorted_by_key(|mail| std::cmp::Reverse((mail.mail.sent_at, mail.mail.uuid))));
    let mut ids: Vec<&str> = found.iter().map(|mail| mail.mail.message_id.as_str()).collect();
    assert_eq!(ids[0], "logged");
    assert!(found[0].recipient.is_none() && found[1..].iter().all(|mail| mail.recipient.is_some()));
    ids.sort_unstable();
    assert_eq!(ids, ["both", "logged", "m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
}

#[tokio::test]
async fn related_mails_are_near_and_not_the_mail_itself() {
    let fixture = Fixture::new().await;
    let at = |mut event: serde_json::Value, time: &str, template: &str, campaign: &str| {
        event["mail"]["timestamp"] = time.into();
        event["mail"]["tags"] = serde_json::json!({ "template": [template], "campaign": [campaign] });
        event
    };
    let to_ben = |id: &str| event_to(&["ben@example.com"], id, "Send", "send", serde_json::json!({}));
    fixture
        .ingest(&[
            at(send("mail"), "2026-09-01T10:00:00Z", "order", "autumn"),
            at(send("same person"), "2026-09-03T10:00:00Z", "else", "else"),
            at(send("long ago"), "2026-07-01T10:00:00Z", "order", "autumn"),
            at(to_ben("same template"), "2026-09-02T10:00:00Z", "order", "else"),
            at(to_ben("same campaign"), "2026-08-20T10:00:00Z", "else", "autumn"),
            at(to_ben("both"), "2026-08-21T10:00:00Z", "order", "autumn"),
            at(to_ben("later"), "2026-09-20T10:00:00Z", "order", "else"),
            at(send("same person later"), "2026-09-25T10:00:00Z", "else", "else"),
            at(send("same person before"), "2026-08-30T00:00:00Z", "else", "else"),
        ])
        .await;
    let mail = fixture.store.find_story("mail").await.unwrap().unwrap().mail.summary;
    let related = fixture.store.related_mails(&mail, 5).await.unwrap();
    let ids =
        |mails: &[MailSummary]| -> Vec<String> { mails.iter().map(|mail| mail.message_id.clone()).collect() };
    assert_eq!(ids(&related.by_recipient), ["same person", "same person before", "same person later"]);
    assert_eq!(ids(&related.by_template), ["same template", "both", "later"]);
    assert_eq!(ids(&related.by_campaign), ["both", "same campaign"]);
    let one = fixture.store.related_mails(&mail, 1).await.unwrap();
    assert_eq!(ids(&one.by_template), ["same template"]);

    // With very many others in between, which are not all looked at.
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (uuid, message_id, "to", "from", sent_at, status, template_name, inserted_at, updated_at)
               SELECT md5(n::text)::uuid, 'm' || n, 'else@example.com', 'x',
                      timestamptz '2026-09-01 10:00Z' + (n % 2 - 0.5) * n * interval '1 s', 'sent', 'common', now(), now()
               FROM generate_series(1, 10000) AS n"#,
        )
        .await;
    let still = fixture.store.related_mails(&mail, 5).await.unwrap();
    assert_eq!(ids(&still.by_template), ["same template", "both", "later"]);
    assert_eq!(ids(&still.by_campaign), ["both", "same campaign"]);
    let summary = |id: &str| MailSummary {
        template_name: Some("common".to_owned()),
        message_id: id.to_owned(),
        ..mail.clone()
    };
    let common = fixture.store.related_mails(&summary("any"), 4).await.unwrap();
    assert_eq!(ids(&common.by_template), ["m1", "m2", "m3", "m4"]);
}
