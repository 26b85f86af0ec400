//! Two jobs at once, an application that holds and changes mails, and ends at any moment.

use std::{collections::HashMap, time::Instant};

use super::*;
use crate::testing::assert_says;

async fn require_all(fixture: &Fixture, texts: &HashMap<Uuid, String>) {
    for (mail, text) in texts {
        assert_eq!(fixture.store.read_body(*mail).await.unwrap().as_ref(), Some(text));
    }
}

#[tokio::test]
async fn two_jobs_at_once_compress_each_body_once() {
    let fixture = Fixture::new().await;
    let mut texts = HashMap::new();
    for number in 0..600_u64 {
        // Some are the same.
        let text = if number % 10 == 0 { body(3, number / 100) } else { body(number % 3, number) };
        let (template, to) = (format!("t{}", number % 3), format!("{number}@example.com"));
        texts.insert(log(&fixture, &to, Some(&template), "2026-01-01", Some(&text)).await, text);
    }
    let (first, second) = tokio::join!(compress(&fixture), compress(&fixture));
    let last = compress(&fixture).await;
    let sum = first.compressed + second.compressed + last.compressed;
    assert_eq!(sum, 600, "{first:?} {second:?} {last:?}");
    assert!(first.shared + second.shared + last.shared >= 40, "{first:?} {second:?} {last:?}");
    require_all(&fixture, &texts).await;
    let (first, second) = tokio::join!(decompress(&fixture), decompress(&fixture));
    let last = decompress(&fixture).await;
    assert_eq!(first.put_back + second.put_back + last.put_back, 600, "{first:?} {second:?} {last:?}");
    require_all(&fixture, &texts).await;
}

#[tokio::test]
async fn a_mail_that_somebody_holds_or_changes_is_left_for_another_time() {
    let fixture = Fixture::new().await;
    let held = log(&fixture, "a@example.com", None, "2026-01-01", Some(&body(1, 1))).await;
    let free = log(&fixture, "b@example.com", None, "2026-01-01", Some(&body(1, 2))).await;
    let mut other = fixture.schema.client().await;
    let transaction = other.transaction().await.unwrap();
    let update = fixture.sql(r#"UPDATE "prefix".phoenix_kit_email_logs SET body_full = $2 WHERE uuid = $1"#);
    let changed = body(1, 3);
    transaction.execute(&update, &[&held, &changed]).await.unwrap();
    let report = compress(&fixture).await;
    assert_eq!((report.compressed, report.put_off), (1, 1), "{report:?}");
    transaction.commit().await.unwrap();
    assert_eq!(fixture.store.read_body(held).await.unwrap().as_ref(), Some(&changed));
    assert_eq!(compress(&fixture).await.compressed, 1);
    assert_eq!(fixture.store.read_body(held).await.unwrap().as_ref(), Some(&changed));
    assert_eq!(fixture.store.read_body(free).await.unwrap(), Some(body(1, 2)));
}

/// How long a job may take to get to a place.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Sequences are seen by all, whoever commits what. Whoever is about to write into the table stops until the gate is open; a
/// lock would hold it for half a second only.
const GATE: &str = r#"
    CREATE SEQUENCE "prefix".entered;
    CREATE SEQUENCE "prefix".gate;
    CREATE FUNCTION "prefix".wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM nextval('"prefix".entered');
        WHILE NOT (SELECT is_called FROM "prefix".gate) LOOP PERFORM pg_sleep(0.005); END LOOP;
        RETURN NULL;
    END $$;
    CREATE TRIGGER wait_at_gate BEFORE INSERT ON "prefix".TABLE
    FOR EACH STATEMENT EXECUTE FUNCTION "prefix".wait_at_gate();
"#;

/// Starts a job, which stops before it writes into that table.
async fn start_to_gate(fixture: &Fixture, table: &str) -> tokio::task::JoinHandle<CompressReport> {
    fixture.run(&GATE.replace("TABLE", table)).await;
    let store = fixture.store.clone();
    let job = tokio::spawn(async move { Compressor::new(&store, OLDER_THAN).round().await.unwrap() });
    let began = Instant::now();
    while fixture.row(r#"SELECT is_called FROM "prefix".entered"#).await["is_called"] == false {
        assert!(began.elapsed() < WAIT_MAX, "nothing is written into {table}");
        tokio::task::yield_now().await;
    }
    job
}

async fn open_gate(fixture: &Fixture) {
    fixture.run(r#"SELECT nextval('"prefix".gate')"#).await;
}

/// Between reading bodies and moving them nothing is locked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_after_it_was_read_is_moved_as_it_is_or_not_at_all() {
    let fixture = Fixture::new().await;
    let mut mails = Vec::new();
    for number in 0..30 {
        let to = format!("{number}@example.com");
        let text = body(1, number);
        mails.push((log(&fixture, &to, Some("t"), "2026-01-01", Some(&text)).await, text));
    }
    // The job has read the bodies by then, and locks none yet.
    let job = start_to_gate(&fixture, "aftersend_body_dictionaries").await;
    let update = fixture.sql(
        r#"UPDATE "prefix".phoenix_kit_email_logs SET opened_at = now(), status = 'opened' WHERE uuid = $1"#,
    );
    fixture.client.execute(&update, &[&mails[0].0]).await.unwrap();
    mails[1].1 = body(2, 1);
    write(&fixture, mails[1].0, Some(&mails[1].1), false).await;
    // The same, and written anew.
    write(&fixture, mails[2].0, Some(&mails[2].1), false).await;
    // Of the same length.
    mails[3].1 = mails[3].1.replacen("Dear", "dear", 1);
    write(&fixture, mails[3].0, Some(&mails[3].1), false).await;
    open_gate(&fixture).await;
    let report = job.await.unwrap();
    assert_eq!((report.compressed, report.put_off), (28, 2), "{report:?}");
    let texts: HashMap<Uuid, String> = mails.into_iter().collect();
    require_all(&fixture, &texts).await;
    assert_eq!(compress(&fixture).await.compressed, 2);
    require_all(&fixture, &texts).await;
    decompress(&fixture).await;
    require_all(&fixture, &texts).await;
}

/// One job finds that a mail's stored body is another's, too; before it says so, an application rewrites that mail, and another
/// job stores what it says now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_stored_anew_meanwhile_is_not_taken_for_the_old_one() {
    let fixture = Fixture::new().await;
    let (old, new) = (body(1, 1), body(2, 2));
    let rewritten = log(&fixture, "a@example.com", None, "2026-01-01", Some(&old)).await;
    assert_eq!(compress(&fixture).await.compressed, 1);
    let same = log(&fixture, "b@example.com", None, "2026-01-01", Some(&old)).await;
    let first = start_to_gate(&fixture, "aftersend_shared_bodies").await;
    write(&fixture, rewritten, Some(&new), false).await;
    let second = Compressor::new(&fixture.store, OLDER_THAN).round().await.unwrap();
    open_gate(&fixture).await;
    let first = first.await.unwrap();
    assert_eq!((second.compressed, first.compressed, first.shared), (1, 1, 1), "{second:?} {first:?}");
    let texts = HashMap::from([(rewritten, new), (same, old)]);
    require_all(&fixture, &texts).await;
    decompress(&fixture).await;
    require_all(&fixture, &texts).await;
}

/// Whatever the server makes of what it is told to store, no original goes unless what is stored then says the same.
#[tokio::test]
async fn what_is_stored_otherwise_than_told_takes_no_original_away() {
    let fixture = Fixture::new().await;
    let mut texts = HashMap::new();
    for number in 0..30 {
        let to = format!("{number}@example.com");
        let text = body(1, number);
        texts.insert(log(&fixture, &to, Some("t"), "2026-01-01", Some(&text)).await, text);
    }
    let bodies = "BEFORE INSERT ON \"prefix\".aftersend_bodies";
    for (place, change, reason) in [
        (
            bodies,
            "NEW.compressed = set_byte(NEW.compressed, 30, get_byte(NEW.compressed, 30) # 1)",
            "is not what",
        ),
        (bodies, "NEW.compressed = substr(NEW.compressed, 2)", "is not what"),
        (bodies, "NEW.digest = NEW.digest + 1", "is not what"),
        (bodies, "NEW.bytes = NEW.bytes + 1", "is not what"),
        (bodies, "NEW.dictionary_id = NULL", "is not what"),
        (bodies, "IF (NEW.digest >> 1) % 2 = 0 THEN RETURN NULL; END IF", "was not stored"),
    ] {
        let trigger = format!(
            r#"CREATE OR REPLACE FUNCTION "prefix".otherwise() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN {change}; RETURN NEW; END $$;
               CREATE TRIGGER otherwise {place} FOR EACH ROW EXECUTE FUNCTION "prefix".otherwise();"#
        );
        fixture.run(&trigger).await;
        assert_says(
            Compressor::new(&fixture.store, OLDER_THAN).round().await,
            &[reason, "nothing was changed"],
        );
        fixture.run(r#"DROP FUNCTION "prefix".otherwise() CASCADE"#).await;
        require_all(&fixture, &texts).await;
        assert_eq!(fixture.count(r#""prefix".aftersend_bodies"#).await, 0, "{change}");
    }
    assert_eq!(compress(&fixture).await.compressed, 30);
    require_all(&fixture, &texts).await;
}

/// An application's trigger may keep what it wants: the bodies beside it are compressed, and it is not tried each night.
#[tokio::test]
async fn a_trigger_keeps_its_own_bodies_alone() {
    for change in [
        "RETURN NULL",
        "NEW.body_compressed = false; RETURN NEW",
        "NEW.body_full = OLD.body_full; RETURN NEW",
        "RAISE EXCEPTION 'no'",
    ] {
        let fixture = Fixture::new().await;
        let mut texts = HashMap::new();
        for number in 0..30 {
            let to = format!("{number}@example.com");
            let text = body(1, number);
            texts.insert(log(&fixture, &to, Some("t"), "2026-01-01", Some(&text)).await, text);
        }
        let trigger = format!(
            r#"CREATE FUNCTION "prefix".keep() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN IF OLD."to" NOT LIKE '7%' THEN RETURN NEW; END IF; {change}; END $$;
               CREATE TRIGGER keep BEFORE UPDATE ON "prefix".phoenix_kit_email_logs
               FOR EACH ROW EXECUTE FUNCTION "prefix".keep();"#
        );
        fixture.run(&trigger).await;
        let done = compress(&fixture).await;
        assert_eq!((done.compressed, done.kept, done.put_off), (29, 1, 0), "{change}");
        require_all(&fixture, &texts).await;
        assert_eq!(fixture.count(r#""prefix".aftersend_kept_bodies"#).await, 1, "{change}");
    }
}

/// What is dropped at any await leaves each body in one place.
#[tokio::test]
async fn a_round_that_is_broken_off_loses_nothing() {
    let fixture = Fixture::new().await;
    let mut texts = HashMap::new();
    for number in 0..200_u64 {
        let text = if number % 5 == 0 { body(3, 0) } else { body(1, number) };
        let to = format!("{number}@example.com");
        texts.insert(log(&fixture, &to, Some("t"), "2026-01-01", Some(&text)).await, text);
    }
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..60 {
        let time = Duration::from_micros(random.u64(..60_000));
        let mut compressor = Compressor::new(&fixture.store, OLDER_THAN);
        let is_broken = tokio::time::timeout(time, compressor.round()).await.is_err();
        if !is_broken || random.bool() {
            let mut decompressor = Decompressor::new(&fixture.store);
            let _ = tokio::time::timeout(time, decompressor.round()).await;
        }
    }
    require_all(&fixture, &texts).await;
    compress(&fixture).await;
    require_all(&fixture, &texts).await;
    decompress(&fixture).await;
    require_all(&fixture, &texts).await;
}
