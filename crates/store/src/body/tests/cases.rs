//! Single mails, and values that are easy to break.

use super::{super::elsewhere, *};
use crate::{
    BodyState, QueryError, StoredBodies,
    schema::{DownOptions, Step, Target},
    testing::assert_says,
};

/// A text that no compression makes much smaller.
fn noise(bytes: usize, seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..bytes).map(|_| random.alphanumeric()).collect()
}

#[tokio::test]
async fn a_body_is_read_wherever_it_is() {
    let fixture = Fixture::adopted(Duration::from_hours(1)).await;
    let packed = elsewhere::pack("<p>ä</p>".as_bytes());
    let packed_bytes = packed.len() as u64;
    for (body, compressed, state, read) in [
        (None, false, BodyState::None, None),
        (Some("<p>ä"), false, BodyState::Kept { bytes: 5 }, Some("<p>ä")),
        (Some(""), false, BodyState::Kept { bytes: 0 }, Some("")),
        (Some("H4sIAAAA"), true, BodyState::CompressedElsewhere { stored_bytes: 8 }, Some("H4sIAAAA")),
        (
            Some(packed.as_str()),
            true,
            BodyState::CompressedElsewhere { stored_bytes: packed_bytes },
            Some("<p>ä</p>"),
        ),
        (Some("<p>ä"), true, BodyState::MarkedCompressed { bytes: 5 }, Some("<p>ä")),
        (None, true, BodyState::Discarded, None),
    ] {
        let mail = log(&fixture, "ann@example.com", None, "2026-01-02", body).await;
        write(&fixture, mail, body, compressed).await;
        assert_eq!(fixture.store.body_state(mail).await.unwrap(), state);
        assert_eq!(fixture.store.read_body(mail).await.unwrap().as_deref(), read, "{state:?}");
    }
    assert_eq!(fixture.store.body_state(Uuid::nil()).await.unwrap(), BodyState::None);
    assert_eq!(fixture.store.read_body(Uuid::nil()).await.unwrap(), None);
}

#[tokio::test]
async fn bodies_of_a_template_are_compressed_with_its_dictionary_and_put_back() {
    let fixture = Fixture::new().await;
    let mut mails = Vec::new();
    for recipient in 0..60 {
        let (to, text) = (format!("r{recipient}@example.com"), body(1, recipient));
        mails.push((log(&fixture, &to, Some("order"), "2026-01-02", Some(&text)).await, text));
    }
    let young = log(&fixture, "r@example.com", Some("order"), "2999-01-01", Some(&body(1, 99))).await;
    let report = compress(&fixture).await;
    assert_eq!((report.looked_at, report.compressed, report.dictionaries), (60, 60, 1), "{report:?}");
    assert_eq!((report.kept, report.put_off, report.shared, report.recompressed), (0, 0, 0, 0));
    assert!(report.stored_bytes * 5 < report.body_bytes, "{report:?}");
    for (mail, text) in &mails {
        let state = fixture.store.body_state(*mail).await.unwrap();
        assert!(
            matches!(state, BodyState::Compressed { bytes, .. } if bytes == text.len() as u64),
            "{state:?}"
        );
        assert_eq!(fixture.store.read_body(*mail).await.unwrap().as_ref(), Some(text));
    }
    let touched = r#""prefix".phoenix_kit_email_logs WHERE updated_at <> '2026-01-01'"#;
    assert_eq!(fixture.count(touched).await, 0);
    assert!(matches!(fixture.store.body_state(young).await.unwrap(), BodyState::Kept { .. }));
    let stored = fixture.store.stored_bodies().await.unwrap();
    fixture.run(r#"ANALYZE "prefix".aftersend_bodies"#).await;
    assert_eq!(fixture.store.estimate_stored_bodies().await.unwrap(), stored.bodies);
    let StoredBodies { bodies, shared, dictionaries, body_bytes, .. } = stored;
    assert_eq!((bodies, shared, dictionaries, body_bytes), (60, 0, 1, report.body_bytes));
    // There is nothing to do any more.
    assert_eq!(compress(&fixture).await, CompressReport { is_through: true, ..CompressReport::default() });

    let report = decompress(&fixture).await;
    assert_eq!((report.put_back, report.outdated, report.damaged, report.put_off), (60, 0, 0, 0));
    for (mail, text) in &mails {
        let state = fixture.store.body_state(*mail).await.unwrap();
        assert_eq!(state, BodyState::Kept { bytes: text.len() as u64 });
        assert_eq!(fixture.store.read_body(*mail).await.unwrap().as_ref(), Some(text));
    }
    let StoredBodies { bodies, shared, dictionaries, .. } = fixture.store.stored_bodies().await.unwrap();
    assert_eq!((bodies, shared, dictionaries), (0, 0, 0));
}

/// A person can be erased from the mails; nobody looks into dictionaries.
#[tokio::test]
async fn a_dictionary_holds_nothing_of_one_recipients_own() {
    let fixture = Fixture::new().await;
    let mut own = Vec::new();
    for recipient in 0..40_u64 {
        let name = noise(24, recipient);
        let text = body(1, recipient).replace("Dear", &format!("Dear {name}"));
        own.push(name);
        let to = format!("r{recipient}@example.com");
        log(&fixture, &to, Some("order"), "2026-01-02", Some(&text)).await;
    }
    // Several mails to one person do not make what is in them common.
    let repeated = noise(24, 999);
    for number in 0..5 {
        let text = body(1, 500 + number).replace("Dear", &format!("Dear {repeated}"));
        log(&fixture, "Same@example.com", Some("order"), "2026-01-02", Some(&text)).await;
    }
    own.push(repeated);
    assert_eq!(compress(&fixture).await.dictionaries, 1);
    let find = fixture.sql(r#"SELECT packed, bytes FROM "prefix".aftersend_body_dictionaries"#);
    let row = fixture.client.query_one(&find, &[]).await.unwrap();
    let bytes = usize::try_from(row.get::<_, i32>(1)).unwrap();
    let dictionary = super::super::codec::unpack(row.get(0), bytes).unwrap();
    let holds = |text: &str| dictionary.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("<table style=\"width:600px;border:3px\"><tr><td>"));
    for name in own {
        assert!(!holds(&name[..12]) && !holds(&name[12..]), "{name}");
    }
}

#[tokio::test]
async fn the_same_body_is_stored_once() {
    let fixture = Fixture::new().await;
    let text = noise(20_000, 1);
    let first = log(&fixture, "a@example.com", None, "2026-01-01", Some(&text)).await;
    assert_eq!(compress(&fixture).await.shared, 0);
    let mut mails = vec![first];
    for number in 0..120 {
        let to = format!("{number}@example.com");
        mails.push(log(&fixture, &to, Some("news"), "2026-02-01", Some(&text)).await);
    }
    let report = compress(&fixture).await;
    assert_eq!((report.compressed, report.shared), (120, 120), "{report:?}");
    assert_eq!(fixture.count(r#""prefix".aftersend_shared_bodies"#).await, 1);
    assert_eq!(fixture.count(r#""prefix".aftersend_bodies WHERE compressed IS NOT NULL"#).await, 0);
    for mail in &mails {
        assert_eq!(fixture.store.read_body(*mail).await.unwrap().as_ref(), Some(&text));
    }
    // It stays as long as one mail has it.
    let delete = fixture.sql(r#"DELETE FROM "prefix".phoenix_kit_email_logs WHERE uuid = $1"#);
    for (number, mail) in mails.iter().enumerate() {
        fixture.client.execute(&delete, &[mail]).await.unwrap();
        if number % 40 == 0 || number > 118 {
            compress(&fixture).await;
            let left = i64::from(number + 1 < mails.len());
            assert_eq!(fixture.count(r#""prefix".aftersend_shared_bodies"#).await, left);
        }
    }
}

#[tokio::test]
async fn what_an_application_has_compressed_is_compressed_anew() {
    let fixture = Fixture::adopted(Duration::from_hours(1)).await;
    let mut mails = Vec::new();
    for recipient in 0..30 {
        let text = body(2, recipient);
        let packed = elsewhere::pack(text.as_bytes());
        let to = format!("{recipient}@example.com");
        let mail = log(&fixture, &to, Some("t"), "2026-01-05", Some(&packed)).await;
        write(&fixture, mail, Some(&packed), true).await;
        mails.push((mail, text));
    }
    let other = "<p>marked, and not compressed at all</p>".repeat(20);
    let odd = log(&fixture, "odd@example.com", Some("t"), "2026-01-05", None).await;
    write(&fixture, odd, Some(&other), true).await;
    let report = compress(&fixture).await;
    assert_eq!((report.compressed, report.recompressed, report.kept), (30, 30, 1), "{report:?}");
    assert_eq!(report.dictionaries, 1);
    assert!(report.stored_bytes * 2 < report.column_bytes, "{report:?}");
    for (mail, text) in &mails {
        assert_eq!(fixture.store.read_body(*mail).await.unwrap().as_ref(), Some(text));
    }
    assert_eq!(fixture.store.read_body(odd).await.unwrap().as_ref(), Some(&other));
    // Not looked into again.
    assert_eq!(fixture.count(r#""prefix".aftersend_kept_bodies"#).await, 1);
    assert_eq!(decompress(&fixture).await.put_back, 30);
    assert_eq!(fixture.store.read_body(mails[3].0).await.unwrap().as_ref(), Some(&mails[3].1));
}

#[tokio::test]
async fn a_body_that_gets_no_smaller_is_not_tried_each_night() {
    let fixture = Fixture::new().await;
    // Of letters and digits a quarter can be saved: too little to make up for a row.
    let mail = log(&fixture, "a@example.com", None, "2026-01-01", Some(&noise(400, 1))).await;
    let short = log(&fixture, "a@example.com", None, "2026-01-01", Some("short")).await;
    assert_eq!(compress(&fixture).await.kept, 2);
    let marks = r#""prefix".aftersend_kept_bodies"#;
    assert_eq!(fixture.count(marks).await, 1);
    let again = compress(&fixture).await;
    assert_eq!((again.looked_at, again.kept, again.compressed), (2, 2, 0));
    for mail in [mail, short] {
        assert!(matches!(fixture.store.body_state(mail).await.unwrap(), BodyState::Kept { .. }));
    }
    // Another body is tried.
    let text = body(1, 1);
    write(&fixture, mail, Some(&text), false).await;
    assert_eq!(compress(&fixture).await.compressed, 1);
    assert_eq!(fixture.store.read_body(mail).await.unwrap(), Some(text));
}

#[tokio::test]
async fn odd_texts_and_lengths_come_back() {
    let fixture = Fixture::new().await;
    let texts = vec![
        String::new(),
        " ".repeat(20_000),
        "\u{1}\u{7f}\u{85}\u{feff}\u{200d}🦀e\u{301}\u{10ffff}\r\n\t".repeat(600),
        "\u{fffd}".repeat(10_000),
        "ä".repeat(100_000),
        "H4sIAAAA".repeat(2_000),
        "7".repeat(30_000),
    ];
    // As long as SES lets anybody send, and a little longer than this program reads.
    let longest = "0123456789abcdef".repeat(usize::try_from(super::super::BODY_BYTES_MAX).unwrap() / 16);
    let mut mails = Vec::new();
    for (number, text) in texts.into_iter().chain([longest.clone()]).enumerate() {
        let template = (number % 2 == 0).then_some("odd");
        mails.push((log(&fixture, "a@example.com", template, "2026-01-01", Some(&text)).await, text));
    }
    let too_long = log(&fixture, "a@example.com", None, "2026-01-01", Some(&(longest + "x"))).await;
    let report = compress(&fixture).await;
    assert_eq!(report.too_long, 1, "{report:?}");
    // PostgreSQL's own compression of what repeats may leave nothing to win.
    assert!(report.compressed >= 4 && report.compressed + report.kept == 8, "{report:?}");
    for (mail, text) in &mails {
        let read = fixture.store.read_body(*mail).await.unwrap();
        assert!(read.as_ref() == Some(text), "{} bytes", text.len());
    }
    assert_eq!(fixture.store.read_body(too_long).await.unwrap(), None);
    assert_eq!(decompress(&fixture).await.put_back, report.compressed);
    for (mail, text) in &mails {
        let read = fixture.store.read_body(*mail).await.unwrap();
        assert!(read.as_ref() == Some(text), "{} bytes", text.len());
    }
}

#[tokio::test]
async fn a_damaged_body_is_an_error_that_names_its_mail() {
    let fixture = Fixture::new().await;
    let mut mails = Vec::new();
    for recipient in 0..30 {
        let to = format!("{recipient}@example.com");
        mails.push(log(&fixture, &to, Some("t"), "2026-01-01", Some(&body(1, recipient))).await);
    }
    compress(&fixture).await;
    // One round, and what it finds damaged stays.
    let flip = "octet_length(compressed) - 3";
    for damage in [
        format!("compressed = set_byte(compressed, {flip}, get_byte(compressed, {flip}) # 1)"),
        "compressed = substr(compressed, 1, octet_length(compressed) - 1)".to_owned(),
        "compressed = ''".to_owned(),
        "digest = digest + 1".to_owned(),
        "bytes = bytes - 1".to_owned(),
        "bytes = bytes + 1".to_owned(),
        "dictionary_id = NULL".to_owned(),
    ] {
        let mail = mails.pop().unwrap();
        let sql = format!(r#"UPDATE "prefix".aftersend_bodies SET {damage} WHERE email_log_uuid = '{mail}'"#);
        fixture.run(&sql).await;
        let read = fixture.store.read_body(mail).await;
        let is_named = matches!(&read, Err(QueryError::DamagedBody { mail: named, .. }) if *named == mail);
        assert!(is_named, "{damage}: {read:?}");
        assert_says(read, &[&mail.to_string(), "aftersend_bodies"]);
    }
    // A dictionary that is damaged gives errors for its bodies alone.
    let text = body(4, 1) + &body(4, 2);
    let plain = log(&fixture, "z@example.com", None, "2026-01-01", Some(&text)).await;
    compress(&fixture).await;
    fixture.run(r#"UPDATE "prefix".aftersend_body_dictionaries SET packed = substr(packed, 5)"#).await;
    assert!(fixture.store.read_body(mails[0]).await.is_err());
    assert_eq!(fixture.store.read_body(plain).await.unwrap(), Some(text));
    // What can't be read stays where it is.
    let report = decompress(&fixture).await;
    assert_eq!((report.put_back, report.damaged), (1, 30));
    assert!(report.first_damaged.is_some());
    assert_eq!(fixture.count(r#""prefix".aftersend_bodies"#).await, 30);
}

/// An application knows nothing of our tables.
#[tokio::test]
async fn what_an_application_writes_later_counts() {
    let fixture = Fixture::new().await;
    let rewritten = log(&fixture, "1@example.com", None, "2026-01-01", Some(&body(1, 1))).await;
    let cleared = log(&fixture, "2@example.com", None, "2026-01-01", Some(&body(1, 2))).await;
    let marked = log(&fixture, "3@example.com", None, "2026-01-01", Some(&body(1, 3))).await;
    assert_eq!(compress(&fixture).await.compressed, 3);
    let second = body(7, 7);
    write(&fixture, rewritten, Some(&second), false).await;
    write(&fixture, cleared, None, false).await;
    // It set the body alone, and left the mark that it did not know of.
    write(&fixture, marked, Some(&second), true).await;
    assert_eq!(fixture.store.read_body(rewritten).await.unwrap().as_ref(), Some(&second));
    assert_eq!(fixture.store.body_state(cleared).await.unwrap(), BodyState::None);
    assert_eq!(fixture.store.read_body(cleared).await.unwrap(), None);
    assert_eq!(fixture.store.read_body(marked).await.unwrap().as_ref(), Some(&second));
    assert_eq!(compress(&fixture).await.compressed, 1);
    assert_eq!(fixture.store.read_body(rewritten).await.unwrap().as_ref(), Some(&second));
    let report = decompress(&fixture).await;
    assert_eq!((report.put_back, report.outdated), (1, 2));
    assert_eq!(fixture.store.read_body(rewritten).await.unwrap().as_ref(), Some(&second));
    assert_eq!(fixture.store.read_body(marked).await.unwrap().as_ref(), Some(&second));
    assert_eq!(fixture.store.read_body(cleared).await.unwrap(), None);
}

#[tokio::test]
async fn who_made_the_tables_decides_unless_told() {
    let own = Fixture::new().await;
    let adopted = Fixture::adopted(Duration::from_hours(1)).await;
    for (told, expected) in [(None, [true, false]), (Some(true), [true, true]), (Some(false), [false, false])]
    {
        let found =
            [own.store.compresses(told).await.unwrap(), adopted.store.compresses(told).await.unwrap()];
        assert_eq!(found, expected, "{told:?}");
    }
}

#[tokio::test]
async fn the_step_goes_down_only_without_loss() {
    let fixture = Fixture::new().await;
    let text = body(1, 1);
    let mail = log(&fixture, "a@example.com", None, "2026-01-01", Some(&text)).await;
    compress(&fixture).await;
    let mut migrator = fixture.migrator().await;
    let to = Target::Step(Step::A6);
    let refused = migrator.down(to, DownOptions::default()).await;
    assert_says(refused, &["1 bodies", "aftersend archive decompress", "--discard-own-data"]);
    decompress(&fixture).await;
    migrator.down(to, DownOptions::default()).await.unwrap();
    migrator.up(Step::LATEST).await.unwrap();
    assert_eq!(fixture.store.read_body(mail).await.unwrap(), Some(text));
    compress(&fixture).await;
    let options = DownOptions { discard_own_data: true, ..DownOptions::default() };
    migrator.down(to, options).await.unwrap();
    migrator.up(Step::LATEST).await.unwrap();
    assert_eq!(fixture.store.body_state(mail).await.unwrap(), BodyState::Discarded);
}

#[tokio::test]
async fn dictionaries_are_by_month_and_go_with_their_last_body() {
    let fixture = Fixture::new().await;
    for (month, template) in [(1, 1), (2, 1), (3, 9)] {
        for recipient in 0..40 {
            let (sent_at, to) = (format!("2026-0{month}-11"), format!("{recipient}@example.com"));
            let text = body(template, month * 100 + recipient);
            log(&fixture, &to, Some("t"), &sent_at, Some(&text)).await;
        }
    }
    // The second month is served by the dictionary of the first; in the third the template has changed.
    let report = compress(&fixture).await;
    assert_eq!((report.compressed, report.dictionaries), (120, 2), "{report:?}");
    let months = r#"SELECT month FROM "prefix".aftersend_body_dictionaries ORDER BY id"#;
    let months = fixture.rows(months).await;
    let months: Vec<&str> = months.iter().map(|row| row["month"].as_str().unwrap()).collect();
    assert_eq!(months, ["2026-01-01", "2026-03-01"]);
    fixture.run(r#"DELETE FROM "prefix".phoenix_kit_email_logs WHERE sent_at >= '2026-03-01'"#).await;
    compress(&fixture).await;
    // It is young, and might be about to be used.
    let dictionaries = r#""prefix".aftersend_body_dictionaries"#;
    assert_eq!(fixture.count(dictionaries).await, 2);
    let age =
        r#"UPDATE "prefix".aftersend_body_dictionaries SET created_at = created_at - interval '2 hours'"#;
    fixture.run(age).await;
    compress(&fixture).await;
    assert_eq!(fixture.count(dictionaries).await, 1);
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let fixture = Fixture::new().await;
    let mut bytes = 0;
    for recipient in 0..500 {
        let text = body(1, recipient);
        bytes += text.len() as u64;
        log(&fixture, "a@example.com", Some("t"), "2026-01-01", Some(&text)).await;
    }
    let mut compressor = Compressor::new(&fixture.store, OLDER_THAN).dry();
    let report = compressor.round().await.unwrap();
    assert_eq!((report.compressed, report.body_bytes, report.stored_bytes), (500, bytes, 0));
    assert!(report.is_through && report.column_bytes > 0);
    assert_eq!(compressor.due().await.unwrap(), 500);
    let bodies = r#""prefix".phoenix_kit_email_logs WHERE body_full IS NOT NULL"#;
    assert_eq!(fixture.count(bodies).await, 500);
}
