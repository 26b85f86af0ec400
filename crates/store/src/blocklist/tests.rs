use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::testing::{Fixture, bounce, complaint, send};

const ANN: &str = "ann@example.com";

fn for_good(reason: &str) -> NewBlock {
    NewBlock::new(ANN, reason, None).unwrap()
}

/// A block that runs out in so many hours, or ran out so many ago.
fn until(reason: &str, hours: i64) -> NewBlock {
    NewBlock::new(ANN, reason, Some(Timestamp::now() + SignedDuration::from_hours(hours))).unwrap()
}

async fn held(fixture: &Fixture) -> Option<(String, bool)> {
    let block = fixture.store.find_block(ANN).await.unwrap()?;
    Some((block.reason, block.expires_at.is_some()))
}

#[test]
fn what_can_not_be_blocked_is_refused() {
    for address in ["", "ann", "@x.org", "ann@", "a@b@c", "a b@x.org", "a\u{7}@x.org", "a\0@x.org"] {
        assert_eq!(NewBlock::new(address, "r", None), Err(BadBlock::Address), "{address:?}");
    }
    for address in
        ["ann@x.org;bounce;", "ann@x.org>", "ann@x.org,", "ann@x(y).org", "ann@\"x\".org", "ann@x.org'"]
    {
        assert!(NewBlock::new(address, "r", None).is_err(), "{address:?}");
    }
    for address in [
        "ann@x-1.my_host.org",
        "ann@[192.0.2.1]",
        "ann@[ipv6:2001:db8::1]",
        "o'ann+1=a;b@bücher.example",
        "ann@x",
    ] {
        assert_eq!(NewBlock::new(address, "r", None).unwrap().address(), address);
    }
    let long = format!("{}@x.org", "a".repeat(255));
    assert_eq!(NewBlock::new(&long, "r", None), Err(BadBlock::AddressTooLong));
    assert_eq!(NewBlock::new(ANN, "  ", None), Err(BadBlock::NoReason));
    assert_eq!(NewBlock::new(ANN, "two\nlines", None), Err(BadBlock::Reason));
    assert_eq!(NewBlock::new(ANN, &"r".repeat(256), None), Err(BadBlock::Reason));
    assert_eq!(NewBlock::new(ANN, "r", Some(Timestamp::MIN)), Err(BadBlock::End));
    assert_eq!(NewBlock::new("Ann <ANN@Example.com>", "r", None).unwrap().address(), ANN);
}

/// Each of these in this order, and what stands then.
#[tokio::test]
async fn a_block_never_weakens_a_stronger_one() {
    let fixture = Fixture::new().await;
    for (wanted, outcome, reason, has_end) in [
        (until("away", -1), Blocked::Added, "away", true),
        // That one has run out.
        (until("away", 2), Blocked::Strengthened, "away", true),
        (until("gone", 1), Blocked::Held, "away", true),
        (until("gone", 3), Blocked::Strengthened, "gone", true),
        (for_good("hard_bounce"), Blocked::Strengthened, "hard_bounce", false),
        (until("gone", 1_000), Blocked::Held, "hard_bounce", false),
        (for_good("hard_bounce"), Blocked::Held, "hard_bounce", false),
        (for_good("complaint"), Blocked::Strengthened, "complaint", false),
        (for_good("hard_bounce"), Blocked::Held, "complaint", false),
        (for_good("asked us"), Blocked::Strengthened, "asked us", false),
        (for_good("asked us"), Blocked::Held, "asked us", false),
        (for_good("asked us by phone"), Blocked::Strengthened, "asked us by phone", false),
        (for_good("complaint"), Blocked::Held, "asked us by phone", false),
    ] {
        assert_eq!(fixture.store.block(&wanted, None).await.unwrap(), outcome, "{wanted:?}");
        assert_eq!(held(&fixture).await, Some((reason.to_owned(), has_end)), "{wanted:?}");
    }
    // Nor does an event, which does strengthen one that runs out.
    fixture.ingest(&[complaint("m1", "01:00.000", "f1")]).await;
    assert_eq!(held(&fixture).await, Some(("asked us by phone".to_owned(), false)));
    fixture.store.unblock(ANN).await.unwrap();
    fixture.store.block(&until("away", 5), None).await.unwrap();
    fixture.ingest(&[complaint("m2", "01:00.000", "f2")]).await;
    assert_eq!(held(&fixture).await, Some(("complaint".to_owned(), false)));
}

/// A person who takes a block off means it: what has come in before changes nothing any more, and what is new does.
#[tokio::test]
async fn what_comes_again_blocks_nobody_again() {
    let fixture = Fixture::new().await;
    let events = [
        send("m1"),
        bounce("m1", "01:00.000", "Transient", "f0"),
        // Folded: the other one holds its place.
        bounce("m1", "02:00.000", "Permanent", "f1"),
        send("m2"),
        complaint("m2", "01:00.000", "f2"),
    ];
    fixture.ingest(&events).await;
    assert_eq!(held(&fixture).await, Some(("complaint".to_owned(), false)));
    let user = Uuid::from_u128(7);
    let lifted = fixture.store.unblock(" Ann@Example.com ").await.unwrap().unwrap();
    assert_eq!((lifted.address.as_str(), lifted.reason.as_str(), lifted.holds), (ANN, "complaint", true));
    assert_eq!(fixture.store.unblock(ANN).await.unwrap(), None);

    let report = fixture.ingest(&events).await;
    assert_eq!((report.stored, report.folded, report.repeated), (0, 0, 5));
    // What events say does not depend on how often they come: the block is there again.
    assert_eq!(held(&fixture).await, Some(("complaint".to_owned(), false)));

    fixture.store.unblock(ANN).await.unwrap();
    fixture.store.block(&for_good("asked us"), Some(user)).await.unwrap();
    assert_eq!(fixture.store.find_block(ANN).await.unwrap().unwrap().user, Some(user));
}

/// A parked bounce blocks at once, and not when it joins its mail.
#[tokio::test]
async fn what_was_parked_does_not_block_by_joining() {
    let fixture = Fixture::adopted(std::time::Duration::from_hours(1)).await;
    let bounced = [bounce("m1", "01:00.000", "Permanent", "f1")];
    assert_eq!(fixture.ingest(&bounced).await.parked, 1);
    assert_eq!(held(&fixture).await, Some(("hard_bounce".to_owned(), false)));
    fixture.store.unblock(ANN).await.unwrap();
    fixture.log("own").await;
    fixture.note_id("own", "m1").await;
    fixture.join().await;
    assert_eq!(held(&fixture).await, None);
}

/// What a record says that comes after another one of the same occurrence, in any order and any batch.
#[tokio::test]
async fn a_block_does_not_depend_on_which_record_of_an_occurrence_came_first() {
    let records = || ["Transient", "Permanent"].map(|kind| bounce("m1", "01:00.000", kind, "f1"));
    for adopted in [false, true] {
        for order in [[0, 1], [1, 0]] {
            let fixture = if adopted {
                Fixture::adopted(std::time::Duration::from_hours(1)).await
            } else {
                Fixture::new().await
            };
            for place in order {
                fixture.ingest(&[records()[place].clone()]).await;
            }
            let blocked = Some(("hard_bounce".to_owned(), false));
            assert_eq!(held(&fixture).await, blocked, "{adopted}, {order:?}");
        }
    }
}

#[tokio::test]
async fn many_are_imported_listed_searched_and_exported() {
    let fixture = Fixture::new().await;
    let lines: Vec<String> =
        (0..2_500).map(|number| format!("p{number:04}@example.com,left us,\n")).collect();
    let mut text = format!("{CSV_HEADER}{}", lines.concat());
    text.push_str("nobody\nold@example.com,away,2020-01-01T00:00:00Z\np0001@example.com,twice\n");
    let (blocks, problems): (Vec<_>, Vec<_>) = BlockLines::new(text.as_bytes()).partition(Result::is_ok);
    let blocks: Vec<NewBlock> = blocks.into_iter().map(Result::unwrap).collect();
    assert_eq!(problems.len(), 1);
    let counts = fixture.store.block_all(&blocks, None).await.unwrap();
    assert_eq!(counts, BlockCounts { added: 2_501, strengthened: 1, held: 0 });
    // What an application spelled its own way is found and taken off, too.
    fixture.run(r#"INSERT INTO "prefix".phoenix_kit_email_blocklist (uuid, email, reason) VALUES (gen_random_uuid(), 'Zoe@Example.com', '=manual')"#).await;
    assert!(fixture.store.find_block("Zoe@Example.com").await.unwrap().is_some());

    let mut query = BlocklistQuery { blocks_max: 1_000, ..BlocklistQuery::default() };
    let mut exported = Vec::new();
    loop {
        let page = fixture.store.list_blocklist(&query).await.unwrap();
        exported.extend(page.blocks);
        query.after = page.after;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(exported.len(), 2_502);
    let text: String = exported.iter().map(csv_line).collect();
    assert!(text.contains("Zoe@Example.com,'=manual,\r\n") && text.contains("p0001@example.com,twice,\r\n"));

    // Back where nothing is, and once more: the same list.
    fixture.run(r#"TRUNCATE "prefix".phoenix_kit_email_blocklist"#).await;
    let blocks: Vec<NewBlock> = BlockLines::new(text.as_bytes()).map(Result::unwrap).collect();
    let counts = fixture.store.block_all(&blocks, None).await.unwrap();
    assert_eq!(counts, BlockCounts { added: 2_502, strengthened: 0, held: 0 });
    let counts = fixture.store.block_all(&blocks, None).await.unwrap();
    // What has run out is written anew.
    assert_eq!(counts, BlockCounts { added: 0, strengthened: 1, held: 2_501 });

    let found = |query: BlocklistQuery| {
        let store = fixture.store.clone();
        async move {
            let page = store.list_blocklist(&query).await.unwrap();
            page.blocks.into_iter().map(|block| block.address).collect::<Vec<_>>()
        }
    };
    let text = |text: &str| BlocklistQuery { text: Some(text.to_owned()), ..BlocklistQuery::default() };
    assert_eq!(found(text("P2499")).await, ["p2499@example.com"]);
    assert_eq!(found(text("old@")).await, ["old@example.com"]);
    assert!(found(BlocklistQuery { with_expired: false, ..text("old@") }).await.is_empty());
    assert!(found(text("p%1")).await.is_empty());
    let twice = BlocklistQuery { reason: Some("twice".to_owned()), ..BlocklistQuery::default() };
    assert_eq!(found(twice).await, ["p0001@example.com"]);
}

#[tokio::test]
async fn those_that_fit_are_counted() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_blocklist (email, reason, expires_at)
               VALUES ('ann@example.com', 'hard_bounce', NULL), ('ben@example.com', 'asked', NULL),
                      ('cem@example.org', 'asked', now() - interval '1 day')"#,
        )
        .await;
    let all = BlocklistQuery::default();
    let text = |text: &str| Some(text.to_owned());
    for (query, expected) in [
        (all.clone(), 3),
        (BlocklistQuery { with_expired: false, ..all.clone() }, 2),
        (BlocklistQuery { text: text("EXAMPLE.com"), ..all.clone() }, 2),
        (BlocklistQuery { text: text("%"), ..all.clone() }, 0),
        (BlocklistQuery { reason: text("asked"), ..all.clone() }, 2),
        // The length of the list, whichever page of it is shown.
        (BlocklistQuery { after: text("ben@example.com"), blocks_max: 1, ..all.clone() }, 3),
    ] {
        assert_eq!(fixture.store.count_blocklist(&query).await.unwrap(), expected, "{query:?}");
    }
}
