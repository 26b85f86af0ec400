//! Pages: their neighbours, mails that arrive meanwhile, and time that is up.

use std::{collections::BTreeSet, time::Duration};

use uuid::Uuid;

use super::{super::*, clock, query, search};
use crate::{
    MailPage, PageStart, Search,
    search::{MailCount, find::Pace, page::TIMESTAMPTZ_MIN_MICROS},
    testing::{Fixture, assert_says},
};

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

#[tokio::test]
async fn pages_neither_repeat_nor_skip_while_mails_arrive() {
    for (text, order, pace) in [
        ("", Order::NewestFirst, Pace::NORMAL),
        (
            "to:example",
            Order::OldestFirst,
            Pace { first_slice_rows: 2, slice_rows_max: 5, rare_rows_per_mail: 0 },
        ),
        (
            "example status:sent,delivered",
            Order::NewestFirst,
            Pace { rare_rows_per_mail: i64::MAX, ..Pace::NORMAL },
        ),
    ] {
        let fixture = Fixture::new().await;
        fill(&fixture, 1..=60, 4).await;
        let ask = async |page, mails_max| {
            fixture.store.search_at(&Search { order, page, mails_max, ..search(text) }, pace).await.unwrap()
        };
        let ways = |page: &MailPage| {
            let (older, newer) = (page.older.map(PageStart::OlderThan), page.newer.map(PageStart::NewerThan));
            if order == Order::NewestFirst { (older, newer) } else { (newer, older) }
        };
        let (ahead, behind) = (|page: &MailPage| ways(page).0, |page: &MailPage| ways(page).1);
        let all = names(&ask(PageStart::First, 100).await);
        assert_eq!(all.len(), 60);

        let mut seen: Vec<String> = Vec::new();
        let mut page = PageStart::First;
        let mut next = 1_000;
        let last = loop {
            let found = ask(page, 7).await;
            seen.extend(names(&found));
            // On each side of the place that the reader has come to, and in the same moments.
            fill(&fixture, next..=next + 7, 4).await;
            next += 8;
            let Some(start) = ahead(&found) else { break found };
            assert_eq!(found.mails.len(), 7);
            page = start;
        };
        let originals = |names: Vec<String>| -> Vec<String> {
            names.into_iter().filter(|name| all.contains(name)).collect()
        };
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "a mail came twice");
        assert_eq!(originals(seen), all);

        // And back again, from the last page to the first mail.
        let mut seen = names(&last);
        let mut found = last;
        while let Some(start) = behind(&found) {
            found = ask(start, 9).await;
            let mut names = names(&found);
            names.append(&mut seen);
            seen = names;
        }
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "a mail came twice");
        assert_eq!(originals(seen), all);
    }
}

#[tokio::test]
async fn a_page_knows_its_neighbours() {
    let fixture = Fixture::new().await;
    fill(&fixture, 1..=5, 100).await;
    let page = async |page, mails_max| {
        let found = fixture.store.search(&Search { page, mails_max, ..search("") }).await.unwrap();
        (names(&found).join(" "), found.newer, found.older)
    };
    let (names, newer, older) = page(PageStart::First, 2).await;
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
    assert_eq!(page(PageStart::First, 5).await, ("m5 m4 m3 m2 m1".to_owned(), None, None));
    // A page has one mail at least, and an end.
    assert_eq!(page(PageStart::First, 0).await.0, "m5");
    fill(&fixture, 10..=u32::try_from(PAGE_MAILS_MAX).unwrap() + 20, 7).await;
    let found = fixture.store.search(&Search { mails_max: usize::MAX, ..search("") }).await.unwrap();
    assert_eq!(found.mails.len(), PAGE_MAILS_MAX);
}

#[tokio::test]
async fn when_the_time_is_up_the_page_says_how_far_it_has_come_and_goes_on_from_there() {
    let fixture = Fixture::new().await;
    fill(&fixture, 1..=3_000, 3_000).await;
    // One mail fits, and it is the oldest; no index knows it. Slices are so short that the time is up on the way.
    fixture
        .run(r#"UPDATE "prefix".phoenix_kit_email_logs SET "from" = 'rare' WHERE message_id = 'm3000'"#)
        .await;
    let mut pace = Pace { first_slice_rows: 1, slice_rows_max: 1, rare_rows_per_mail: 0 };
    let budget = Duration::from_millis(25);
    let mut asked = Search { budget, ..search("from:rare") };
    let (mut stops, mut until) = (0, None);
    let found = loop {
        let page = match fixture.store.search_at(&asked, pace).await {
            // A slow moment of the machine: nothing was looked at in that time.
            Err(crate::QueryError::TimedOut) => continue,
            page => page.unwrap(),
        };
        let Some(looked_until) = page.looked_until else { break page };
        assert!(page.mails.is_empty());
        assert!(until.is_none_or(|until| looked_until < until), "it does not go on");
        until = Some(looked_until);
        stops += 1;
        asked.page = PageStart::OlderThan(page.older.unwrap());
        // The rest in one go.
        if stops == 3 {
            (asked.budget, pace) = (Duration::from_mins(1), Pace::NORMAL);
        }
    };
    assert_eq!(stops, 3);
    assert_eq!((names(&found).join(""), found.older), ("m3000".to_owned(), None));
}

#[tokio::test]
async fn no_time_at_all_is_an_error() {
    let fixture = Fixture::new().await;
    fill(&fixture, 1..=3, 3).await;
    let asked = Search { budget: Duration::ZERO, ..search("") };
    assert_says(fixture.store.search(&asked).await, &["longer than its time budget"]);
}

#[tokio::test]
async fn new_mails_are_counted_from_a_place_on() {
    let fixture = Fixture::new().await;
    fill(&fixture, 1..=10, 100).await;
    let top = fixture.store.search(&search("status:sent")).await.unwrap().mails[0].cursor();
    let newer = async |text: &str| fixture.store.count_newer(&query(text), &clock(), top).await.unwrap();
    assert_eq!(newer("status:sent").await, NewMails { count: 0, or_more: false });
    fill(&fixture, 11..=30, 100).await;
    assert_eq!(newer("status:sent").await, NewMails { count: 10, or_more: false });
    assert_eq!(newer("status:sent to15@").await, NewMails { count: 1, or_more: false });
    fill(&fixture, 31..=31 + 2 * u32::try_from(NEW_MAILS_MAX).unwrap(), 10_000).await;
    assert_eq!(newer("").await, NewMails { count: NEW_MAILS_MAX, or_more: true });
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
        let found = fixture.store.search(&Search { page, ..search("") }).await.unwrap();
        assert_eq!(found.mails.len(), expected);
    }
}

/// An application's row may hold what no list can show.
#[tokio::test]
async fn times_that_are_none_take_no_other_mail_away() {
    let fixture = Fixture::new().await;
    fill(&fixture, 1..=9, 4).await;
    for (id, time) in [("m1", "infinity"), ("m2", "-infinity"), ("m3", "20260-01-01Z")] {
        let sql = format!(
            r#"UPDATE "prefix".phoenix_kit_email_logs SET sent_at = '{time}' WHERE message_id = '{id}'"#
        );
        fixture.run(&sql).await;
    }
    for text in ["", "example", "status:delivered,sent", "to4@example.com"] {
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let (page, count) =
                fixture.store.search_and_count(&Search { order, ..search(text) }).await.unwrap();
            let found = if text.starts_with("to4") { 1 } else { 6 };
            assert_eq!(page.mails.len(), found, "{text}");
            assert_eq!(count, Some(MailCount::Exactly(found as u64)), "{text}");
        }
    }
}
