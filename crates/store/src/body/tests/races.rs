//! Two jobs at once, an application that holds and changes mails, and ends at any moment.

use std::collections::HashMap;

use super::*;

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
