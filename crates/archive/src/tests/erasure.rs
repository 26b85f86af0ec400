//! Who was erased does not come back from the archive, and is found there.

use std::collections::BTreeSet;

use aftersend_event::normalise_address;
use aftersend_simulator::simulate;
use aftersend_store::{ArchivedState, EraseReport, LogRefusal, LoggedMail};
use fastrand::Rng;
use serde_json::{Value, json};

use super::ground::{Ground, is_event, plan};
use crate::{Searched, search};

const ANN: &str = "ann@example.com";

fn event(mail: &str, to: &[&str], event_type: &str, key: &str, object: Value) -> Value {
    let mut event = json!({
        "eventType": event_type,
        "mail": {
            "timestamp": "2026-09-01T10:00:00.000Z", "messageId": mail, "source": "shop@example.com", "destination": to,
            "commonHeaders": { "to": to, "subject": "Your order" }, "tags": { "template": ["order"] },
        },
    });
    event[key] = object;
    event
}

fn send(mail: &str, to: &[&str]) -> Value {
    event(mail, to, "Send", "send", json!({}))
}

fn delivery(mail: &str, to: &[&str], who: &str) -> Value {
    let object = json!({ "timestamp": "2026-09-01T10:01:00.000Z", "recipients": [who] });
    event(mail, to, "Delivery", "delivery", object)
}

fn open(mail: &str, to: &[&str], second: u32) -> Value {
    let object = json!({ "timestamp": format!("2026-09-01T10:02:{second:02}.000Z"), "ipAddress": "192.0.2.1", "userAgent": "M" });
    event(mail, to, "Open", "open", object)
}

fn click(mail: &str, to: &[&str], link: &str) -> Value {
    event(mail, to, "Click", "click", json!({ "timestamp": "2026-09-01T10:03:00.000Z", "link": link }))
}

/// m1 went to Ann alone, m2 to her and Bob, m3 to Bob and speaks of her, m4 to Bob.
fn events() -> Vec<Value> {
    let both = ["Ann Smith <Ann@Example.com>", "bob@example.com"];
    let mut of_ann = send("m3", &["bob@example.com"]);
    of_ann["mail"]["commonHeaders"]["subject"] = "About ann@example.com".into();
    of_ann["mail"]["tags"]["template"] = json!(["of ann@example.com"]);
    vec![
        send("m1", &[ANN]),
        delivery("m1", &[ANN], ANN),
        open("m1", &[ANN], 1),
        click("m1", &[ANN], "https://example.com/a?e=ann%40example.com"),
        send("m2", &both),
        delivery("m2", &both, "ann@example.com"),
        delivery("m2", &both, "bob@example.com"),
        click("m2", &both, "https://example.com/b?e=ANN@example.com"),
        of_ann,
        send("m4", &["bob@example.com"]),
    ]
}

async fn with_everything() -> Ground {
    let ground = Ground::new().await;
    ground.ingest_values(&events()).await;
    let logged = [
        json!({ "message_id": "order-ann@example.com", "aws_message_id": "m1", "to": ANN, "from": "shop@example.com", "body": "Dear ann@example.com" }),
        json!({ "message_id": "o-2", "aws_message_id": "m2", "to": "bob@example.com", "from": "shop@example.com",
                "headers": { "Cc": "Ann Smith <ann@example.com>" }, "body": "Dear ann@example.com and bob@example.com" }),
    ];
    let mails: Vec<LoggedMail> =
        logged.iter().map(|line| LoggedMail::from_json(line.to_string().as_bytes()).unwrap()).collect();
    for outcome in ground.store.log_mails(&mails).await.unwrap() {
        outcome.unwrap();
    }
    ground
}

async fn erase(ground: &Ground, address: &str) -> EraseReport {
    ground.store.erase(address, false, &mut |_| {}).await.unwrap()
}

async fn find(ground: &Ground, address: &str, is_dry: bool) -> Searched {
    search(&ground.store, &ground.place, address, is_dry, &|_, _| ()).await.unwrap()
}

/// The places of every text in any table that names the address, plainly or in a URL.
async fn traces(ground: &Ground, address: &str) -> Vec<String> {
    let columns = ground
        .texts(&format!(
            r#"SELECT format('SELECT %L || '' '' || held.%I::text AS text FROM "prefix".%I AS held', c.relname, a.attname, c.relname)
               FROM pg_catalog.pg_attribute AS a
               JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'
               JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = '{}'
               WHERE a.attnum > 0 AND NOT a.attisdropped
                 AND format_type(a.atttypid, NULL) IN ('text', 'character varying', 'jsonb', 'text[]')"#,
            ground.prefix.raw()
        ))
        .await;
    assert!(columns.len() > 80, "{}", columns.len());
    let all = columns.join("\nUNION ALL\n");
    let quoted = address.replace('\'', "''");
    ground
        .texts(&format!(
            "SELECT text FROM ({all}) AS held
             WHERE strpos(lower(text), '{quoted}') > 0 OR strpos(lower(text), '{}') > 0",
            quoted.replace('@', "%40")
        ))
        .await
}

async fn states(ground: &Ground) -> Vec<String> {
    ground.texts(r#"SELECT aws_message_id || ' ' || state FROM "prefix".aftersend_ids ORDER BY 1"#).await
}

/// The sums but for links, which may have lost what named somebody; with the address for pseudonyms of it.
fn without_links(sums: &[String]) -> Vec<String> {
    let named = |row: &String| {
        let mut row = row.clone();
        while let Some(place) = row.find("erased-") {
            row.replace_range(place..place + "erased-0123456789abcdef@example.com".len(), ANN);
        }
        row
    };
    let mut sums: Vec<String> = sums.iter().filter(|row| !row.contains("\"link")).map(named).collect();
    sums.sort();
    sums
}

#[tokio::test]
async fn archived_mails_are_found_and_those_to_the_person_alone_never_come_back() {
    let ground = with_everything().await;
    let sums = ground.figures().await;
    assert_eq!(ground.archive(true).await.removed.removed, 4);
    // One waits here, one is in an object of late events.
    let both = [ANN, "bob@example.com"];
    assert_eq!(ground.ingest_values(&[open("m1", &[ANN], 5), open("m2", &both, 5)]).await.late, 2);
    assert_eq!(ground.archive(true).await.sums.late_events, 2);
    assert_eq!(ground.ingest_values(&[open("m1", &[ANN], 6), open("m2", &both, 6)]).await.late, 2);
    assert!(!traces(&ground, ANN).await.is_empty());

    let would = find(&ground, "ANN@example.com", true).await;
    assert_eq!(would.erased, 0);
    let report = erase(&ground, ANN).await;
    assert_eq!((report.late, report.mails_emptied), (2, 0), "{report:?}");
    let left = traces(&ground, ANN).await;
    assert!(left.is_empty(), "{left:#?}");
    // What is late of hers told already that m1 was hers alone.
    assert!(states(&ground).await.contains(&"m1 erased".to_owned()), "{:?}", states(&ground).await);
    let found = find(&ground, ANN, false).await;
    assert_eq!(found.holding, would.holding);
    let sum = |of: fn(&crate::Holding) -> u64| found.holding.values().map(of).sum::<u64>();
    assert_eq!((sum(|held| held.mails), sum(|held| held.alone), sum(|held| held.late_events)), (3, 1, 2));
    assert!(found.unread.is_empty() && !found.is_beside_run && found.objects >= 2, "{found:?}");
    assert_eq!(ground.store.find_archived("m1").await.unwrap().unwrap().state, ArchivedState::Erased);
    assert_eq!(ground.store.find_archived("m2").await.unwrap().unwrap().state, ArchivedState::Archived);
    assert!(ground.store.find_archived("order-ann@example.com").await.unwrap().is_none());
    assert_eq!(without_links(&ground.recounted_figures().await), without_links(&sums));

    let restored = ground.restore().await;
    let mails = &restored.mails;
    assert_eq!((mails.restored, mails.erased, mails.cleaned, mails.withheld), (3, 1, 2, 0), "{restored:?}");
    let left = traces(&ground, ANN).await;
    assert!(left.is_empty(), "{left:#?}");
    let story = ground.store.find_story("m2").await.unwrap().unwrap();
    assert_eq!((story.recipients.len(), story.occurrences.len()), (2, 6), "{story:?}");
    assert!(story.recipients.iter().any(|recipient| recipient.address == "bob@example.com"));
    let body = ground.store.read_body(story.mail.summary.uuid).await.unwrap().unwrap();
    assert!(body.starts_with("Dear erased-") && body.ends_with("and bob@example.com"), "{body}");
    let sums_of = |rows: &[String]| -> Vec<String> {
        without_links(rows).into_iter().filter(|row| row.contains("\"domain")).collect()
    };
    assert_eq!(sums_of(&ground.recounted_figures().await), sums_of(&sums));

    // A redelivery and the application's own word of it are too late.
    let again = ground.ingest_values(&events()).await;
    assert_eq!((again.stored, again.folded, again.late), (0, 0, 4), "{again:?}");
    for id in ["m1", "order-ann@example.com"] {
        let line = json!({ "message_id": id, "aws_message_id": "m1", "to": ANN, "from": "shop@example.com", "sent_at": "2026-09-01T10:00:00Z" });
        let mail = LoggedMail::from_json(line.to_string().as_bytes()).unwrap();
        let outcome = ground.store.log_mails(&[mail]).await.unwrap().remove(0);
        assert!(matches!(outcome, Err(LogRefusal::Removed)), "{outcome:?}");
    }
    assert!(traces(&ground, ANN).await.is_empty());

    // What came back without her goes to the archive so; only the objects from before hold her.
    ground.run_sql(r#"UPDATE "prefix".aftersend_archived_mails SET restored_at = NULL"#).await;
    assert_eq!(ground.archive(true).await.sums.mails, 2, "m4 is there as it was");
    ground.assert_verified().await;
    assert_eq!(find(&ground, ANN, false).await.holding, found.holding);
    let last = ground.restore().await;
    assert_eq!((last.mails.erased, last.mails.restored), (1, 3), "{last:?}");
    assert!(traces(&ground, ANN).await.is_empty());
}

/// Mails that an application logged and SES never knew: no id of SES's tells of them.
#[tokio::test]
async fn mails_without_an_ses_id_say_that_they_were_erased() {
    let ground = Ground::new().await;
    let mails: Vec<LoggedMail> = [("o-1", ANN), ("o-2", ANN), ("o-3", "bob@example.com")]
        .map(|(id, to)| {
            let line = json!({ "message_id": id, "to": to, "from": "shop@example.com", "sent_at": "2026-09-01T10:00:00Z" });
            LoggedMail::from_json(line.to_string().as_bytes()).unwrap()
        })
        .into();
    for outcome in ground.store.log_mails(&mails).await.unwrap() {
        outcome.unwrap();
    }
    ground.archive(true).await;
    let state = async |id: &str| ground.store.find_archived(id).await.unwrap().map(|mail| mail.state);
    let uuid = ground.store.find_archived("o-1").await.unwrap().unwrap().uuid.unwrap().to_string();
    erase(&ground, ANN).await;
    assert_eq!(state("o-1").await, Some(ArchivedState::Archived), "nobody has looked whose it is");
    assert_eq!(find(&ground, ANN, true).await.erased, 0);
    assert_eq!(find(&ground, ANN, false).await.erased, 2);
    assert_eq!(find(&ground, ANN, false).await.erased, 0, "they were before");
    for id in ["o-1", "o-2", uuid.as_str()] {
        assert_eq!(state(id).await, Some(ArchivedState::Erased), "{id}");
    }
    assert_eq!(state("o-3").await, Some(ArchivedState::Archived));
    let restored = ground.restore().await;
    assert_eq!((restored.mails.restored, restored.mails.erased), (1, 2), "{restored:?}");
    assert_eq!(state("o-1").await, Some(ArchivedState::Erased));
    assert!(traces(&ground, ANN).await.is_empty());
    // One that is here is told by itself.
    ground.archive(false).await;
    erase(&ground, "bob@example.com").await;
    assert_eq!(find(&ground, "bob@example.com", false).await.erased, 0);
    assert_eq!((state("o-3").await, ground.count("phoenix_kit_email_logs").await), (None, 1));
}

/// Nobody has looked through the archive: the hash alone keeps her away.
#[tokio::test]
async fn a_restore_asks_by_itself_who_was_erased() {
    let ground = with_everything().await;
    ground.archive(true).await;
    erase(&ground, ANN).await;
    assert!(states(&ground).await.contains(&"m1 archived".to_owned()));
    let restored = ground.restore().await;
    assert_eq!(
        (restored.mails.restored, restored.mails.erased, restored.mails.cleaned),
        (3, 1, 2),
        "{restored:?}"
    );
    assert!(states(&ground).await.contains(&"m1 erased".to_owned()));
    let left = traces(&ground, ANN).await;
    assert!(left.is_empty(), "{left:#?}");
    // Bob after Ann: now m2 went to nobody who is left.
    ground.run_sql(r#"UPDATE "prefix".aftersend_archived_mails SET restored_at = NULL"#).await;
    ground.archive(true).await;
    erase(&ground, "bob@example.com").await;
    let restored = ground.restore().await;
    assert_eq!(restored.mails.restored, 0, "{restored:?}");
    assert!(traces(&ground, ANN).await.is_empty() && traces(&ground, "bob@example.com").await.is_empty());
    assert_eq!(ground.count("phoenix_kit_email_logs").await, 0);
}

/// An application has written the mail anew meanwhile: it gets what it lacks, without her.
#[tokio::test]
async fn a_merge_brings_nobody_back() {
    let ground = with_everything().await;
    ground.archive(true).await;
    erase(&ground, ANN).await;
    ground
        .run_sql(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", status, sent_at, inserted_at, updated_at)
               VALUES ('pk_again', 'm2', 'bob@example.com', 'shop@example.com', 'queued', '2026-09-02', now(), now())"#,
        )
        .await;
    let restored = ground.restore().await;
    assert_eq!((restored.mails.merged, restored.mails.erased), (1, 1), "{restored:?}");
    assert_eq!(ground.store.find_story("m2").await.unwrap().unwrap().occurrences.len(), 4);
    let left = traces(&ground, ANN).await;
    assert!(left.is_empty(), "{left:#?}");
}

/// Mails that are here and in the archive, and objects that can't be read.
#[tokio::test]
async fn objects_are_named_also_where_their_mails_are_here_and_what_cannot_be_read_is_told() {
    let ground = with_everything().await;
    ground.archive(false).await;
    let report = erase(&ground, ANN).await;
    assert_eq!((report.mails_emptied, report.mails_cleaned), (1, 2));
    let found = find(&ground, ANN, false).await;
    let names: BTreeSet<String> = found.holding.keys().cloned().collect();
    assert_eq!(report.archive_objects, names);
    assert_eq!(found.erased, 0, "they are here, and were erased here");
    // What is here is due again as it is now.
    assert_eq!(ground.archive(false).await.sums.mails, 3);
    let name = names.first().unwrap();
    let lines = ground.folder.path().join(format!("{name}.ndjson.zst"));
    let mut bytes = std::fs::read(&lines).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&lines, bytes).unwrap();
    ground.place.put("2026-09-01/half-mails.ndjson.zst", b"half".to_vec()).await.unwrap();
    let found = find(&ground, ANN, false).await;
    assert_eq!(found.unread.len(), 2, "{found:?}");
    assert!(found.unread[name].contains("checksum") && found.holding.is_empty(), "{found:?}");
    assert!(found.unread["2026-09-01/half-mails"].contains("never finished"), "{found:?}");
}

/// Whoever is erased, whatever was archived by then: nothing comes back, and what counts stays.
async fn nobody_comes_back(seed: u64) {
    let traffic = simulate(&plan(seed));
    let mut messages: Vec<&[u8]> =
        traffic.messages.iter().map(Vec::as_slice).filter(|m| is_event(m)).collect();
    let mut rng = Rng::with_seed(seed);
    rng.shuffle(&mut messages);
    let ground = Ground::new().await;
    let (first, rest) = messages.split_at(messages.len() / 2);
    ground.ingest(first).await;
    ground.archive(rng.bool()).await;
    ground.ingest(rest).await;
    ground.archive(true).await;
    if rng.bool() {
        ground.restore().await;
    }
    let addresses = ground
        .texts(r#"SELECT DISTINCT address FROM "prefix".aftersend_recipients ORDER BY 1"#)
        .await
        .into_iter()
        .chain(traffic.truth.mails.values().flat_map(|mail| mail.recipients.keys().cloned()))
        .map(|address| normalise_address(&address))
        .filter(|address| address.contains('@'))
        .collect::<BTreeSet<String>>();
    let addresses: Vec<String> = addresses.into_iter().collect();
    let address = rng.choice(&addresses).unwrap().clone();
    let sums = ground.recounted_figures().await;
    erase(&ground, &address).await;
    let found = find(&ground, &address, false).await;
    assert!(found.unread.is_empty(), "seed {seed}: {found:?}");
    assert_eq!(
        without_links(&ground.recounted_figures().await),
        without_links(&sums),
        "seed {seed}, {address}"
    );
    let restored = ground.restore().await;
    assert!(restored.mails.unreadable.is_empty() && restored.damaged.is_empty(), "seed {seed}: {restored:?}");
    ground.ingest(&messages).await;
    ground.join().await;
    let left: Vec<String> = traces(&ground, &address).await;
    // Not where it is the end of another's address.
    let is_own = |text: &&String| {
        let lower = text.to_lowercase();
        lower.match_indices(address.as_str()).any(|(place, _)| {
            let before = lower[..place].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '+' | '-'))
        })
    };
    let left: Vec<&String> = left.iter().filter(is_own).collect();
    assert!(left.is_empty(), "seed {seed}, {address}: {left:#?}");
}

#[tokio::test]
async fn nobody_comes_back_as_ever() {
    nobody_comes_back(1).await;
}

#[tokio::test]
async fn nobody_comes_back_at_random() {
    nobody_comes_back(fastrand::u64(2..1 << 40)).await;
}
