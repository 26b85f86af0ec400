use std::collections::BTreeSet;

use super::*;
use crate::testing::{Fixture, assert_says};

/// Mails whose numbers run against the order of their keys; many are sent in the same moment.
async fn fill(fixture: &Fixture, numbers: std::ops::RangeInclusive<u32>, moments: u32) {
    fixture
        .run(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (uuid, message_id, "to", "from", sent_at, status, inserted_at, updated_at)
               SELECT md5(n::text)::uuid, 'm' || n, 'to' || n || '@example.com', 'x@example.com',
                      timestamptz '2026-09-01 10:00:00Z' + (n % {moments}) * interval '1 s',
                      CASE WHEN n % 2 = 0 THEN 'delivered' ELSE 'sent' END, now(), now()
               FROM generate_series({}, {}) AS n"#,
            numbers.start(),
            numbers.end(),
        ))
        .await;
}

fn names(page: &MailPage) -> Vec<String> {
    page.mails.iter().map(|mail| mail.message_id.clone()).collect()
}

async fn search(fixture: &Fixture, text: &str) -> Vec<String> {
    let query = MailQuery { text: Some(text.to_owned()), ..MailQuery::default() };
    let mut found = names(&fixture.store.list_mails(&query).await.unwrap());
    found.sort();
    found
}

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_mails_arrive() {
    let fixture = Fixture::new().await;
    fill(&fixture, 1..=60, 4).await;
    let all = names(
        &fixture.store.list_mails(&MailQuery { mails_max: 100, ..MailQuery::default() }).await.unwrap(),
    );
    assert_eq!(all.len(), 60);

    let mut seen: Vec<String> = Vec::new();
    let mut page = PageStart::Newest;
    let mut next = 1_000;
    let last = loop {
        let query = MailQuery { page, mails_max: 7, ..MailQuery::default() };
        let found = fixture.store.list_mails(&query).await.unwrap();
        seen.extend(names(&found));
        // On each side of the place that the reader has come to, and in the same moments.
        fill(&fixture, next..=next + 7, 4).await;
        next += 8;
        let Some(older) = found.older else { break found };
        assert_eq!(found.mails.len(), 7);
        page = PageStart::OlderThan(older);
    };
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "a mail came twice");
    let originals =
        |names: Vec<String>| -> Vec<String> { names.into_iter().filter(|name| all.contains(name)).collect() };
    assert_eq!(originals(seen), all);

    // And forward again, from the last page to the newest mail.
    let mut page = PageStart::NewerThan(last.mails[0].cursor());
    let mut seen = names(&last);
    loop {
        let query = MailQuery { page, mails_max: 9, ..MailQuery::default() };
        let found = fixture.store.list_mails(&query).await.unwrap();
        assert!(found.older.is_some());
        let mut names = names(&found);
        names.append(&mut seen);
        seen = names;
        match found.newer {
            Some(newer) => page = PageStart::NewerThan(newer),
            None => break,
        }
    }
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "a mail came twice");
    let from = all.iter().position(|name| Some(name) == originals(seen.clone()).last()).unwrap();
    assert_eq!(originals(seen), all[..=from]);
}

#[tokio::test]
async fn a_page_knows_its_neighbours() {
    let fixture = Fixture::new().await;
    fill(&fixture, 1..=5, 100).await;
    let page = async |page, mails_max| {
        let found =
            fixture.store.list_mails(&MailQuery { page, mails_max, ..MailQuery::default() }).await.unwrap();
        (names(&found).join(" "), found.newer, found.older)
    };
    let (names, newer, older) = page(PageStart::Newest, 2).await;
    assert_eq!((&*names, newer), ("m5 m4", None));
    let (names, newer, older) = page(PageStart::OlderThan(older.unwrap()), 2).await;
    assert_eq!(names, "m3 m2");
    assert!(newer.is_some());
    let (names, newer, older) = page(PageStart::OlderThan(older.unwrap()), 2).await;
    assert_eq!((&*names, older), ("m1", None));
    let (names, newer, _) = page(PageStart::NewerThan(newer.unwrap()), 2).await;
    assert_eq!(names, "m3 m2");
    let (names, newer, older) = page(PageStart::NewerThan(newer.unwrap()), 2).await;
    assert_eq!((&*names, newer), ("m5 m4", None));
    assert!(older.is_some());
    // Just as many as fit.
    assert_eq!(page(PageStart::Newest, 5).await, ("m5 m4 m3 m2 m1".to_owned(), None, None));
    // A page has one mail at least, and an end.
    assert_eq!(page(PageStart::Newest, 0).await.0, "m5");
    fill(&fixture, 10..=u32::try_from(PAGE_MAILS_MAX).unwrap() + 20, 7).await;
    let query = MailQuery { mails_max: usize::MAX, ..MailQuery::default() };
    assert_eq!(fixture.store.list_mails(&query).await.unwrap().mails.len(), PAGE_MAILS_MAX);
}

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
    assert_eq!(search(&fixture, "zoe").await, ["campaign", "recipient", "subject"]);
    assert_eq!(search(&fixture, "ZOE@e").await, ["recipient"]);
    // What LIKE gives a meaning stands for itself.
    assert_eq!(search(&fixture, "100%").await, ["subject"]);
    assert_eq!(search(&fixture, "off_er").await, ["subject"]);
    assert_eq!(search(&fixture, "summer_").await, ["campaign"]);
    assert_eq!(search(&fixture, "%").await, ["subject"]);
    assert_eq!(search(&fixture, r"c:\t").await, ["backslash"]);
    assert_eq!(search(&fixture, r"\").await, ["backslash"]);
    assert_eq!(search(&fixture, "no such text").await, Vec::<String>::new());
    assert_eq!(search(&fixture, "z\0oe").await.len(), 3);
    assert_eq!(search(&fixture, "").await.len(), 7);
    assert_eq!(search(&fixture, "京").await, ["accents"]);
    assert_eq!(search(&fixture, "Zürich").await, ["accents"]);
    // Letters beyond ASCII have a case where the database's locale says so.
    let folds = fixture.row("SELECT 'É' ILIKE 'é' AS folds").await["folds"] == true;
    assert_eq!(!search(&fixture, "été À").await.is_empty(), folds);

    let query =
        MailQuery { text: Some("zoe".to_owned()), status: Some(Status::Clicked), ..MailQuery::default() };
    assert_eq!(names(&fixture.store.list_mails(&query).await.unwrap()), ["campaign"]);
    let query = MailQuery { status: Some(Status::Sent), mails_max: 2, ..MailQuery::default() };
    let first = fixture.store.list_mails(&query).await.unwrap();
    let query = MailQuery { page: PageStart::OlderThan(first.older.unwrap()), mails_max: 10, ..query };
    let rest = fixture.store.list_mails(&query).await.unwrap();
    assert_eq!((first.mails.len(), rest.mails.len()), (2, 4));
    assert!(rest.mails.iter().all(|mail| mail.status == "sent"));
}

#[tokio::test]
async fn a_text_has_a_limit() {
    let fixture = Fixture::new().await;
    let list = async |text: String| {
        fixture.store.list_mails(&MailQuery { text: Some(text), ..MailQuery::default() }).await
    };
    // Counted in characters, wildcards once.
    assert!(list("ü%".repeat(SEARCH_TEXT_CHARS_MAX / 2)).await.unwrap().mails.is_empty());
    assert_says(list("x".repeat(SEARCH_TEXT_CHARS_MAX + 1)).await, &["too long", "200 characters"]);
}

#[tokio::test]
async fn a_cursor_goes_through_text_and_back() {
    for text in ["2026-09-01T10:00:00.123456Z", "1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"] {
        let cursor = Cursor { sent_at: text.parse().unwrap(), uuid: Uuid::now_v7() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    let uuid = Uuid::max();
    for nonsense in [
        String::new(),
        ".".to_owned(),
        "1".to_owned(),
        format!(".{uuid}"),
        "1.x".to_owned(),
        format!("1.5.{uuid}"),
        format!("x.{uuid}"),
        format!("9999999999999999999.{uuid}"),
        format!("9000000000000000000.{uuid}"),
        format!("{}.{uuid}", TIMESTAMPTZ_MIN_MICROS - 1),
    ] {
        assert_eq!(nonsense.parse::<Cursor>(), Err(BadCursor), "{nonsense}");
    }
    // The earliest that is taken is one that PostgreSQL takes, too.
    let fixture = Fixture::new().await;
    fill(&fixture, 1..=3, 4).await;
    let earliest: Cursor = format!("{TIMESTAMPTZ_MIN_MICROS}.{}", Uuid::nil()).parse().unwrap();
    for (page, expected) in [(PageStart::OlderThan(earliest), 0), (PageStart::NewerThan(earliest), 3)] {
        let found = fixture.store.list_mails(&MailQuery { page, ..MailQuery::default() }).await.unwrap();
        assert_eq!(found.mails.len(), expected);
    }
}

/// A blind copy and a second recipient stand in no column of the mail.
#[tokio::test]
async fn a_mail_is_found_by_the_whole_address_of_any_recipient() {
    let fixture = Fixture::new().await;
    let to = |mail: &str, addresses: &[&str]| {
        crate::testing::event_to(addresses, mail, "Send", "send", serde_json::json!({}))
    };
    fixture
        .ingest(&[
            to("m1", &["ann@example.com", "Bob <bob@example.com>"]),
            to("m2", &["bob@example.com"]),
            to("m3", &["cyd@example.com"]),
        ])
        .await;
    assert_eq!(search(&fixture, "bob@example.com").await, ["m1", "m2"]);
    assert_eq!(search(&fixture, " Bob <BOB@example.com>").await, ["m1", "m2"]);
    assert_eq!(search(&fixture, "bob@").await, ["m2"]);
    assert_eq!(search(&fixture, "ob@example.com").await, ["m2"]);
    assert_eq!(search(&fixture, "nobody@example.com").await, [""; 0]);
}
