//! Dictionaries that name a person go, and every body stays what it is.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use super::super::tests::{ANN, erase};
use crate::{
    Compressor, LoggedMail,
    testing::{Fixture, at},
};

/// A dictionary that was made before any of its addresses was left out.
async fn with_dictionary_that_names(fixture: &Fixture, address: &str) -> i64 {
    let mut rng = Rng::with_seed(1);
    let words: String = (0..3_000).map(|_| rng.alphanumeric()).collect();
    let template = |number: usize| {
        format!("<p>Dear customer {number},</p><p>Questions? Somebody answers them: </p>{words}")
    };
    let lines = (0..40).map(|number| {
        // Some bodies are the same.
        let number = number.min(30);
        json!({
            "message_id": format!("d{number}-{}", rng.u64(..)), "to": format!("r{}@example.com", rng.u64(..)), "from": "shop@example.com",
            "template": "order", "body": template(number), "sent_at": at("00:00"),
        })
    });
    let lines: Vec<Value> = lines.collect();
    let mails: Vec<LoggedMail> =
        lines.iter().map(|line| LoggedMail::from_json(line.to_string().as_bytes()).unwrap()).collect();
    fixture.store.log_mails(&mails).await.unwrap();
    // What dictionaries hold that this program makes is tested beside it.
    let dictionary = format!("Somebody answers them: {address}{}", template(0));
    let packed = zstd::bulk::compress(dictionary.as_bytes(), 3).unwrap();
    let insert = fixture.sql(
        r#"INSERT INTO "prefix".aftersend_body_dictionaries (template_name, month, packed, bytes, made_from)
           VALUES ('order', '2026-09-01', $1, $2, 3)"#,
    );
    let bytes = i32::try_from(dictionary.len()).unwrap();
    fixture.client.execute(&insert, &[&packed, &bytes]).await.unwrap();
    let mut compressor = Compressor::new(&fixture.store, Duration::ZERO);
    while !compressor.round().await.unwrap().is_through {}
    fixture.count(r#""prefix".aftersend_bodies WHERE dictionary_id IS NOT NULL"#).await
}

async fn bodies(fixture: &Fixture) -> Vec<(String, String)> {
    let mails = fixture.rows(r#"SELECT uuid FROM "prefix".phoenix_kit_email_logs ORDER BY message_id"#).await;
    let mut bodies = Vec::new();
    for mail in mails {
        let uuid = mail["uuid"].as_str().unwrap().to_owned();
        let body = fixture.store.read_body(uuid.parse().unwrap()).await.unwrap().unwrap();
        bodies.push((uuid, body));
    }
    bodies
}

#[tokio::test]
async fn dictionaries_that_name_the_person_go_and_bodies_stay() {
    let fixture = Fixture::new().await;
    let own = with_dictionary_that_names(&fixture, ANN).await;
    let shared = r#""prefix".aftersend_shared_bodies WHERE dictionary_id IS NOT NULL"#;
    assert!(own >= 30 && fixture.count(shared).await == 1, "{own}");
    let before = bodies(&fixture).await;
    let dry = fixture.store.erase(ANN, true, &mut |_| {}).await.unwrap();
    assert_eq!((dry.dictionaries, dry.dictionaries_kept), (1, 0));
    assert_eq!(fixture.count(r#""prefix".aftersend_body_dictionaries"#).await, 1);
    assert_eq!(erase(&fixture, "bob@example.com").await.dictionaries, 0);
    assert_eq!(fixture.count(r#""prefix".aftersend_body_dictionaries"#).await, 1);

    let report = erase(&fixture, ANN).await;
    assert_eq!((report.dictionaries, report.dictionaries_kept, report.mails_cleaned), (1, 0, 0));
    assert_eq!(fixture.count(r#""prefix".aftersend_body_dictionaries"#).await, 0);
    assert_eq!(bodies(&fixture).await, before);
    assert_eq!(erase(&fixture, ANN).await.dictionaries, 0);
}

/// What can't be read can't be stored anew: that a dictionary stays because of it is told.
#[tokio::test]
async fn a_dictionary_that_damaged_bodies_need_stays_and_is_told() {
    let fixture = Fixture::new().await;
    let own = with_dictionary_that_names(&fixture, ANN).await;
    fixture
        .run(
            r#"UPDATE "prefix".aftersend_bodies SET digest = digest + 1
               WHERE email_log_uuid = (SELECT email_log_uuid FROM "prefix".aftersend_bodies
                                       WHERE dictionary_id IS NOT NULL ORDER BY email_log_uuid LIMIT 1)"#,
        )
        .await;
    let report = erase(&fixture, ANN).await;
    assert_eq!((report.dictionaries, report.dictionaries_kept), (0, 1));
    assert!(own > 1);
    assert_eq!(fixture.count(r#""prefix".aftersend_bodies WHERE dictionary_id IS NOT NULL"#).await, 1);
}
