//! The statement that merges recipients, held against the merge in Rust.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::testing::{Fixture, at, event_to};

const ADDRESSES: [&str; 3] = ["ann@example.com", "bob@example.com", "cyd@example.com"];

/// Some of the addresses, one at least.
fn some(rng: &mut Rng) -> Vec<&'static str> {
    let mut some = ADDRESSES.to_vec();
    rng.shuffle(&mut some);
    some.truncate(rng.usize(1..=ADDRESSES.len()));
    some
}

/// Something that happened to one of few mails. Each event has an opinion of its own on whom the mail went to.
fn anything(rng: &mut Rng) -> Value {
    let mail = format!("m{}", rng.u32(0..4));
    let (destination, named) = (some(rng), some(rng));
    let time = at(&format!("00:{:02}", rng.u32(0..60)));
    let feedback_id = format!("{:016x}", rng.u64(..));
    let addresses: Vec<Value> = named.iter().map(|address| json!({ "emailAddress": address })).collect();
    let (event_type, key, object) = match rng.u32(0..6) {
        0 => ("Send", "send", json!({})),
        1 => ("Delivery", "delivery", json!({ "timestamp": time, "recipients": named })),
        2 => ("DeliveryDelay", "deliveryDelay", json!({ "timestamp": time, "delayedRecipients": addresses })),
        3 => {
            let object =
                json!({ "timestamp": time, "complainedRecipients": addresses, "feedbackId": feedback_id });
            ("Complaint", "complaint", object)
        }
        _ => {
            let kind = ["Permanent", "Transient", "Undetermined"][rng.usize(0..3)];
            let subtype = ["General", "General", "OnAccountSuppressionList"][rng.usize(0..3)];
            let object = json!({
                "timestamp": time, "bounceType": kind, "bounceSubType": subtype,
                "bouncedRecipients": addresses, "feedbackId": feedback_id,
            });
            ("Bounce", "bounce", object)
        }
    };
    event_to(&destination, &mail, event_type, key, object)
}

async fn recipients(fixture: &Fixture) -> Vec<Value> {
    fixture
        .rows(
            r#"SELECT mail.aws_message_id, to_jsonb(recipient) - 'email_log_uuid' AS recipient
               FROM "prefix".aftersend_recipients AS recipient
               JOIN "prefix".phoenix_kit_email_logs AS mail ON mail.uuid = email_log_uuid
               ORDER BY aws_message_id, address"#,
        )
        .await
}

/// All events in one batch are merged before they reach the database; one by one, it merges them.
#[tokio::test]
async fn the_database_merges_as_a_batch_does() {
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    let fixture = Fixture::new().await;
    for round in 0..6 {
        let mut events: Vec<Value> = (0..60).map(|_| anything(&mut rng)).collect();
        fixture.ingest(&events).await;
        let expected = recipients(&fixture).await;
        assert!(expected.len() >= 6, "seed {seed}: {expected:?}");
        fixture.run(r#"TRUNCATE "prefix".phoenix_kit_email_logs CASCADE"#).await;

        rng.shuffle(&mut events);
        let mut rest = &events[..];
        while !rest.is_empty() {
            let (batch, others) = rest.split_at(rng.usize(1..=rest.len().min(5)));
            fixture.ingest(batch).await;
            rest = others;
        }
        let found = recipients(&fixture).await;
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "seed {seed}, round {round}");
        }
        assert_eq!(found.len(), expected.len(), "seed {seed}, round {round}");

        // What would change nothing is not even locked.
        let places =
            r#"SELECT ctid::text, xmin::text, xmax::text FROM "prefix".aftersend_recipients ORDER BY ctid"#;
        let before = fixture.rows(places).await;
        fixture.ingest(&events).await;
        assert_eq!(fixture.rows(places).await, before, "seed {seed}, round {round}");
        fixture.run(r#"TRUNCATE "prefix".phoenix_kit_email_logs CASCADE"#).await;
    }
}
