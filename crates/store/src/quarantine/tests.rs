use serde_json::json;

use super::*;
use crate::{Batch, Poison, testing::Fixture};

/// A uuid whose order is that of its number.
fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number << 80)
}

async fn quarantine(fixture: &Fixture, poisons: &[(&[u8], &str, &'static str)]) {
    let poisons = poisons
        .iter()
        .map(|(body, reason, feed)| Poison {
            body,
            reason: (*reason).to_owned(),
            feed,
            origin: "line 7".into(),
        })
        .collect();
    fixture.store.ingest(&Batch { arrivals: Vec::new(), poisons }).await.unwrap();
}

/// Messages with the numbers from 1 on, the higher the newer, all with bodies of that length.
async fn fill(fixture: &Fixture, messages: usize, body_bytes: usize) {
    fixture
        .run(&format!(
            r#"
            INSERT INTO "prefix".aftersend_quarantine
                (body_sha256, uuid, body, reason, feed, origin, times_received, first_received_at, last_received_at)
            SELECT sha256(body), (lpad(to_hex(n), 12, '0') || repeat('0', 20))::uuid, body,
                   CASE WHEN n % 2 = 0 THEN 'even' ELSE 'odd' END, CASE WHEN n % 3 = 0 THEN 'sqs' ELSE 'file' END,
                   'line ' || n, n, timestamptz '2026-09-01' + n * interval '1 s', now()
            FROM generate_series(1, {messages}) AS n, decode(lpad(to_hex(n), {digits}, '0'), 'hex') AS body
            "#,
            digits = body_bytes * 2
        ))
        .await;
}

fn numbers(messages: &[Quarantined]) -> Vec<u64> {
    messages.iter().map(|message| message.times_received).collect()
}

#[tokio::test]
async fn pages_go_from_the_newest_to_the_oldest_and_miss_nothing() {
    let fixture = Fixture::new().await;
    let empty = fixture.store.list_quarantine(&QuarantineFilter::default(), None, 5).await.unwrap();
    assert!(empty.messages.is_empty() && !empty.more);
    fill(&fixture, 25, 8).await;
    for (filter, expected) in [
        (QuarantineFilter::default(), (1..=25).rev().collect::<Vec<u64>>()),
        (
            QuarantineFilter { feed: Some("sqs".to_owned()), ..Default::default() },
            vec![24, 21, 18, 15, 12, 9, 6, 3],
        ),
        (
            QuarantineFilter {
                reason: Some("EVE".to_owned()),
                feed: Some("sqs".to_owned()),
                ..Default::default()
            },
            vec![24, 18, 12, 6],
        ),
        // What LIKE gives a meaning stands for itself; a NUL is in no row.
        (QuarantineFilter { reason: Some("e%n".to_owned()), ..Default::default() }, vec![]),
        (QuarantineFilter { feed: Some("sq\0".to_owned()), ..Default::default() }, vec![]),
        (
            QuarantineFilter { uuids: Some(vec![uuid(3), uuid(20), uuid(99)]), ..Default::default() },
            vec![20, 3],
        ),
        (QuarantineFilter { uuids: Some(Vec::new()), ..Default::default() }, vec![]),
    ] {
        for messages_max in [1, 4, 25, 500] {
            let mut seen = Vec::new();
            let mut before = None;
            loop {
                let page = fixture.store.list_quarantine(&filter, before, messages_max).await.unwrap();
                assert!(page.messages.len() <= messages_max);
                seen.extend(numbers(&page.messages));
                before = page.messages.last().map(|message| message.uuid);
                if !page.more {
                    break;
                }
            }
            assert_eq!(seen, expected, "{filter:?}, {messages_max}");
        }
        let size = fixture.store.count_quarantined(&filter, None).await.unwrap();
        let oldest = expected
            .last()
            .map(|number| format!("2026-09-01T00:00:{number:02}Z").parse::<Timestamp>().unwrap());
        let oldest = QuarantineSize { messages: expected.len() as u64, oldest_received_at: oldest };
        assert_eq!(size, oldest, "{filter:?}");
    }
    let below = fixture.store.count_quarantined(&QuarantineFilter::default(), Some(uuid(11))).await.unwrap();
    assert_eq!(below.messages, 10);
    let long = QuarantineFilter { reason: Some("x".repeat(201)), ..Default::default() };
    assert!(fixture.store.list_quarantine(&long, None, 1).await.is_err());
}

#[tokio::test]
async fn bodies_come_exactly_and_within_a_limit_of_bytes() {
    let fixture = Fixture::new().await;
    let binary: Vec<u8> = (0..=255).collect();
    quarantine(&fixture, &[(&binary, "binary", "sqs"), (b"", "empty", "file")]).await;
    let messages = fixture.store.read_quarantine(&QuarantineFilter::default(), None, 500).await.unwrap();
    let mut bodies: Vec<&[u8]> = messages.iter().map(|message| &*message.body).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, [b"" as &[u8], &binary]);
    for message in &messages {
        assert_eq!(message.about.body_bytes, message.body.len() as u64);
        assert_eq!((message.about.times_received, &*message.about.origin), (1, "line 7"));
    }

    let fixture = Fixture::new().await;
    // Three and a half fit: the fourth begins before the limit.
    let body_bytes = QUARANTINE_READ_BYTES_MAX * 2 / 7;
    fill(&fixture, 9, body_bytes).await;
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let read = fixture.store.read_quarantine(&QuarantineFilter::default(), before, 500).await.unwrap();
        let Some(last) = read.last() else { break };
        before = Some(last.about.uuid);
        seen.push(read.iter().map(|message| message.about.times_received).collect::<Vec<_>>());
        assert!(read.iter().all(|message| message.body.len() == body_bytes));
    }
    assert_eq!(seen, [vec![9, 8, 7, 6], vec![5, 4, 3, 2], vec![1]]);

    let fixture = Fixture::new().await;
    fill(&fixture, QUARANTINE_PAGE_MAX + 1, 2).await;
    let read = fixture.store.read_quarantine(&QuarantineFilter::default(), None, 500).await.unwrap();
    assert_eq!(read.len(), QUARANTINE_PAGE_MAX);
    let few = fixture.store.read_quarantine(&QuarantineFilter::default(), None, 3).await.unwrap();
    assert_eq!(few, read[..3]);
}

#[tokio::test]
async fn the_first_digits_of_an_id_name_one_message_or_are_too_few() {
    let fixture = Fixture::new().await;
    fill(&fixture, 17, 8).await;
    let find = async |text: &str| fixture.store.find_quarantined(text.parse().unwrap()).await.unwrap();
    for (text, number) in [
        ("000000000005", 5),
        ("00000000-0011", 17),
        ("00000000-000A-", 10),
        ("00000000-0005-0000-0000-000000000000", 5),
    ] {
        match find(text).await {
            QuarantineMatch::One(message) => assert_eq!(message.times_received, number, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(find("0000").await, QuarantineMatch::Several);
    assert_eq!(find("00000000001").await, QuarantineMatch::Several);
    assert_eq!(find("00000000002").await, QuarantineMatch::None);
    assert_eq!(find("ffffffffffffffffffffffffffffffff").await, QuarantineMatch::None);
    for bad in ["", "000", "0-0-0", "xyz0", "0000 ", "00000000-0005-0000-0000-0000000000000", "00000é"] {
        assert_eq!(bad.parse::<QuarantineId>(), Err(BadQuarantineId), "{bad}");
    }
    let id: QuarantineId = "00AB-f".parse().unwrap();
    assert_eq!(id.to_string(), "00abf");
    assert_eq!(QuarantineId::from(uuid(5)).to_string(), uuid(5).simple().to_string());
}

#[tokio::test]
async fn refused_again_is_not_received_again() {
    let fixture = Fixture::new().await;
    quarantine(&fixture, &[(b"a", "old", "sqs"), (b"b", "old", "file"), (b"a", "old", "sqs")]).await;
    let rows = r#"SELECT convert_from(body, 'UTF8') AS body, reason, feed, origin, times_received,
                         last_received_at = first_received_at AS once, xmin::text AS version
                  FROM "prefix".aftersend_quarantine ORDER BY body"#;
    let before = fixture.rows(rows).await;
    let uuids: Vec<Uuid> = {
        let page = fixture.store.list_quarantine(&QuarantineFilter::default(), None, 9).await.unwrap();
        page.messages.iter().filter(|message| message.feed == "sqs").map(|message| message.uuid).collect()
    };
    let refused = [(uuids[0], "ne\0w".to_owned()), (uuid(1), "of nobody".to_owned())];
    fixture.store.refuse_again(&refused).await.unwrap();
    let after = fixture.rows(rows).await;
    let mut expected = before.clone();
    expected[0]["reason"] = "ne\u{FFFD}w".into();
    expected[0]["version"] = after[0]["version"].clone();
    assert_eq!(after, expected);
    assert_eq!(after[0]["times_received"], 2);
    // The same reason writes nothing.
    fixture.store.refuse_again(&refused).await.unwrap();
    assert_eq!(fixture.rows(rows).await, after);
}

#[tokio::test]
async fn dropping_counts_what_was_there() {
    let fixture = Fixture::new().await;
    fill(&fixture, 6, 8).await;
    assert_eq!(fixture.store.drop_quarantined(&[]).await.unwrap(), 0);
    assert_eq!(fixture.store.drop_quarantined(&[uuid(2), uuid(5), uuid(9)]).await.unwrap(), 2);
    let page = fixture.store.list_quarantine(&QuarantineFilter::default(), None, 9).await.unwrap();
    assert_eq!(numbers(&page.messages), [6, 4, 3, 1]);
}

#[tokio::test]
async fn drops_and_feeds_that_race_never_deadlock() {
    let fixture = Fixture::new().await;
    let bodies: Vec<Vec<u8>> = (0..60_u8).map(|number| vec![number; 9]).collect();
    let poisons: Vec<(&[u8], &str, &'static str)> =
        bodies.iter().map(|body| (body.as_slice(), "again", "sqs")).collect();
    let feeding = async {
        for _ in 0..15 {
            quarantine(&fixture, &poisons).await;
        }
    };
    let dropping = async {
        for round in 0..15 {
            let page = fixture.store.list_quarantine(&QuarantineFilter::default(), None, 500).await.unwrap();
            let mut uuids: Vec<Uuid> = page.messages.iter().map(|message| message.uuid).collect();
            let reasons: Vec<_> = uuids.iter().map(|uuid| (*uuid, format!("round {round}"))).collect();
            fixture.store.refuse_again(&reasons).await.unwrap();
            uuids.reverse();
            fixture.store.drop_quarantined(&uuids).await.unwrap();
        }
    };
    // An error of either side ends the test: a lock that was waited for too long, or a deadlock.
    tokio::join!(feeding, dropping);
    quarantine(&fixture, &poisons).await;
    let counted = fixture.row(r#"SELECT count(*) AS bodies FROM "prefix".aftersend_quarantine"#).await;
    assert_eq!(counted, json!({ "bodies": 60 }));
}
