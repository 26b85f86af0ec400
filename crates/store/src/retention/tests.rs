//! What is old enough goes, and nothing else.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{
    BatchReport, BodyState, Compressor, FigureKeeper, Period,
    testing::{Fixture, bounce, click, delivery, event, open, report, send},
};

const DAY: Duration = Duration::from_hours(24);

pub(super) fn days(days: u32) -> Duration {
    DAY * days
}

/// Rounds until it is through: rows by kind.
pub(super) async fn prune(pruner: &mut Pruner) -> Vec<(PrunedKind, u64, u64)> {
    let mut done: Vec<(PrunedKind, u64, u64)> = Vec::new();
    loop {
        let round = pruner.round().await.unwrap();
        if let Some(kind) = round.kind {
            match done.last_mut().filter(|(last, ..)| *last == kind) {
                Some((_, rows, kept_back)) => {
                    *rows += round.rows;
                    *kept_back += round.kept_back;
                }
                None => done.push((kind, round.rows, round.kept_back)),
            }
        }
        if round.is_through {
            return done;
        }
    }
}

/// Moves all that happened to a mail so many days before now.
async fn age(fixture: &Fixture, id: &str, days: u32) {
    fixture
        .run(&format!(
            r#"UPDATE "prefix".phoenix_kit_email_logs SET sent_at = now() - interval '{days} days' WHERE aws_message_id = '{id}';
               UPDATE "prefix".phoenix_kit_email_events SET occurred_at = now() - interval '{days} days' + (occurred_at - timestamptz '2026-09-01 10:00:00Z')
               WHERE email_log_uuid = (SELECT uuid FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id = '{id}');
               UPDATE "prefix".aftersend_folded_events SET occurred_at = now() - interval '{days} days'
               WHERE email_log_uuid = (SELECT uuid FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id = '{id}')"#
        ))
        .await;
}

async fn ids(fixture: &Fixture) -> Vec<Value> {
    let rows =
        fixture.rows(r#"SELECT aws_message_id AS id FROM "prefix".phoenix_kit_email_logs ORDER BY id"#).await;
    rows.into_iter().map(|mut row| row["id"].take()).collect()
}

#[test]
fn a_mail_stays_as_long_as_its_events_may_come() {
    let short = Retention::new(Some(days(36)), None, None, None, false).unwrap_err().to_string();
    assert!(short.contains("37 days") && short.contains("SNS"), "{short}");
    assert!(Retention::new(Some(days(37)), Some(days(1)), Some(days(1)), Some(days(1)), false).is_ok());
    assert!(Retention::new(None, None, None, None, false).unwrap().keeps_all());
}

#[tokio::test]
async fn old_mails_go_with_all_that_is_theirs_and_stay_away() {
    let fixture = Fixture::new().await;
    let old = [send("m1"), delivery("m1", "01:00"), delivery("m1", "02:00")];
    fixture.ingest(&old).await;
    fixture.ingest(&[send("m2"), delivery("m2", "01:00")]).await;
    age(&fixture, "m1", 50).await;
    age(&fixture, "m2", 30).await;
    fixture.run(r#"INSERT INTO "prefix".aftersend_ids SELECT 'm0', uuid, 'alias' FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id = 'm1'"#).await;
    let retention = Retention::new(Some(days(40)), None, None, None, false).unwrap();
    assert_eq!(prune(&mut Pruner::new(&fixture.store, retention).dry()).await, [(PrunedKind::Mails, 1, 0)]);
    assert_eq!(ids(&fixture).await, ["m1", "m2"]);
    // What should be in the archive first stays.
    let archived = Retention::new(Some(days(40)), None, None, None, true).unwrap();
    assert_eq!(prune(&mut Pruner::new(&fixture.store, archived)).await, [(PrunedKind::Mails, 0, 1)]);
    assert_eq!(prune(&mut Pruner::new(&fixture.store, retention)).await, [(PrunedKind::Mails, 1, 0)]);
    assert_eq!(ids(&fixture).await, ["m2"]);
    assert_eq!(fixture.count(r#""prefix".aftersend_folded_events"#).await, 0);
    let tombs = fixture.rows(r#"SELECT aws_message_id, state FROM "prefix".aftersend_ids ORDER BY 1"#).await;
    assert_eq!(tombs, ["m0", "m1"].map(|id| json!({ "aws_message_id": id, "state": "deleted" })));
    assert_eq!(fixture.ingest(&old).await, BatchReport { late: 3, ..report(0, 0, 0) });
    assert_eq!(ids(&fixture).await, ["m2"]);
    assert_eq!(prune(&mut Pruner::new(&fixture.store, retention)).await, [(PrunedKind::Mails, 0, 0)]);
}

/// A mail that somebody holds is left, and nobody waits for it.
#[tokio::test]
async fn a_mail_that_somebody_holds_is_left() {
    let fixture = Fixture::new().await;
    for id in ["m1", "m2"] {
        fixture.ingest(&[send(id)]).await;
        age(&fixture, id, 50).await;
    }
    let other = fixture.schema.client().await;
    let hold =
        r#"BEGIN; UPDATE "prefix".phoenix_kit_email_logs SET subject = 'mine' WHERE aws_message_id = 'm1'"#;
    other.batch_execute(&fixture.sql(hold)).await.unwrap();
    let retention = Retention::new(Some(days(40)), None, None, None, false).unwrap();
    assert_eq!(prune(&mut Pruner::new(&fixture.store, retention)).await, [(PrunedKind::Mails, 1, 0)]);
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(ids(&fixture).await, ["m1"]);
    assert_eq!(prune(&mut Pruner::new(&fixture.store, retention)).await, [(PrunedKind::Mails, 1, 0)]);
}

#[tokio::test]
async fn bodies_go_by_themselves() {
    let fixture = Fixture::new().await;
    for (id, days) in [("m1", 50), ("m2", 10)] {
        fixture.ingest(&[send(id)]).await;
        age(&fixture, id, days).await;
    }
    fixture
        .run(
            r#"UPDATE "prefix".phoenix_kit_email_logs SET body_full = repeat('x', 1000), body_preview = 'x'"#,
        )
        .await;
    let retention = Retention::new(None, Some(days(40)), None, None, false).unwrap();
    assert_eq!(
        prune(&mut Pruner::new(&fixture.store, retention)).await,
        [(PrunedKind::Bodies, 1, 0), (PrunedKind::StoredBodies, 0, 0)]
    );
    let bodies = fixture
        .rows(r#"SELECT length(body_full) AS full, body_preview, body_compressed FROM "prefix".phoenix_kit_email_logs ORDER BY aws_message_id"#)
        .await;
    assert_eq!(bodies[0], json!({ "full": null, "body_preview": null, "body_compressed": true }));
    assert_eq!(bodies[1], json!({ "full": 1000, "body_preview": "x", "body_compressed": false }));
    assert_eq!(
        prune(&mut Pruner::new(&fixture.store, retention)).await,
        [(PrunedKind::Bodies, 0, 0), (PrunedKind::StoredBodies, 0, 0)]
    );
}

/// Without their JSON events are still known, still count, and still take in nothing twice.
#[tokio::test]
async fn raw_json_goes_and_what_it_meant_stays() {
    let fixture = Fixture::new().await;
    let mut permanent = bounce("m1", "03:00", "Permanent", "f1");
    permanent["bounce"]["bouncedRecipients"][0]["diagnosticCode"] =
        "smtp; 550 5.1.1 ann@example.com unknown".into();
    let events = [
        send("m1"),
        delivery("m1", "01:00"),
        bounce("m1", "02:00", "Transient", "f0"),
        permanent,
        open("m1", "04:00", Some("Likely")),
        click("m1", "05:00", "https://example.com/a"),
    ];
    fixture.ingest(&events).await;
    let content = include_str!("../../test_data/logical_content.sql");
    let before = fixture.rows(content).await;
    let reasons = r#"SELECT bounce_type, event_data->'bounce'->'bouncedRecipients'->0->>'status' AS code
        FROM (SELECT bounce_type, event_data FROM "prefix".phoenix_kit_email_events UNION ALL
              SELECT bounce_type, event_data FROM "prefix".aftersend_folded_events) AS event
        WHERE bounce_type IS NOT NULL ORDER BY 1"#;
    let retention = Retention::new(None, None, Some(days(0)), Some(days(0)), false).unwrap();
    let dry = prune(&mut Pruner::new(&fixture.store, retention).dry()).await;
    let done = prune(&mut Pruner::new(&fixture.store, retention)).await;
    assert_eq!((done[0], done[1]), ((PrunedKind::RawEvents, 5, 0), (PrunedKind::RawFolded, 1, 0)));
    assert_eq!((dry[0], dry[1]), (done[0], done[1]));
    assert_eq!(done[2], (PrunedKind::AddressesOfEvents, 1, 0));
    assert_eq!(fixture.rows(content).await, before);
    let codes = fixture.rows(reasons).await;
    assert_eq!(
        codes,
        [json!({ "bounce_type": "hard", "code": "5.1.1" }), json!({ "bounce_type": "soft", "code": null })]
    );
    let left = fixture
        .count(
            r#"(SELECT event_data::text AS json FROM "prefix".phoenix_kit_email_events UNION ALL
                SELECT event_data::text FROM "prefix".aftersend_folded_events) AS event
               WHERE json LIKE '%ann@example.com%' OR json LIKE '%192.0.2.1%' OR json LIKE '%Mozilla%'"#,
        )
        .await;
    assert_eq!(left, 0);
    assert_eq!(
        fixture
            .count(
                r#""prefix".phoenix_kit_email_events WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL"#
            )
            .await,
        0
    );
    assert_eq!(fixture.ingest(&events).await, report(0, 6, 0));
    let again = prune(&mut Pruner::new(&fixture.store, retention)).await;
    assert!(
        again.iter().all(|(kind, rows, _)| *rows == 0 || *kind == PrunedKind::AddressesOfEvents),
        "{again:?}"
    );
}

/// A row that an application wrote gets its fingerprint before its JSON goes.
#[tokio::test]
async fn an_applications_row_is_known_without_its_json() {
    let fixture = Fixture::adopted(Duration::from_hours(1)).await;
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    let part = delivery("m1", "01:00")["delivery"].take();
    fixture
        .run(&format!(
            r#"INSERT INTO "prefix".phoenix_kit_email_events (email_log_uuid, event_type, occurred_at, event_data, inserted_at, updated_at)
               SELECT uuid, 'delivery', '2026-09-01 10:01:00Z', '{part}', now(), now() FROM "prefix".phoenix_kit_email_logs"#
        ))
        .await;
    let retention = Retention::new(None, None, Some(days(1)), None, false).unwrap();
    prune(&mut Pruner::new(&fixture.store, retention)).await;
    let kept = fixture.row(r#"SELECT event_data FROM "prefix".phoenix_kit_email_events"#).await;
    assert_eq!(kept["event_data"], json!({ "aftersend": "cut" }));
    let other = event(
        "m1",
        "Delivery",
        "delivery",
        json!({ "timestamp": crate::testing::at("02:00"), "recipients": ["bob@example.com"] }),
    );
    assert_eq!(fixture.ingest(&[delivery("m1", "01:00"), other]).await, report(0, 1, 1));
}

/// What comes in late is found, though the look has passed its time.
#[tokio::test]
async fn what_comes_late_is_found() {
    let fixture = Fixture::new().await;
    let retention = Retention::new(None, None, Some(days(1)), None, false).unwrap();
    fixture.ingest(&[send("m1"), delivery("m1", "30:00")]).await;
    assert_eq!(prune(&mut Pruner::new(&fixture.store, retention)).await[0].1, 2);
    fixture.ingest(&[open("m1", "10:00", None)]).await;
    assert_eq!(prune(&mut Pruner::new(&fixture.store, retention)).await[0].1, 1);
}

/// Two at once, in the middle of which one is dropped, do what one does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_at_once_do_what_one_does() {
    let fixture = Fixture::new().await;
    let events: Vec<Value> = (0..20).map(|n| send(&format!("m{n}"))).collect();
    fixture.ingest(&events).await;
    fixture.run(r#"UPDATE "prefix".phoenix_kit_email_logs SET sent_at = now() - interval '90 days'"#).await;
    let retention =
        Retention::new(Some(days(40)), Some(days(1)), Some(days(1)), Some(days(1)), false).unwrap();
    let mut workers = Vec::new();
    for _ in 0..3 {
        let mut pruner = Pruner::new(&fixture.store, retention);
        workers.push(tokio::spawn(async move {
            let mut rows = 0;
            loop {
                match pruner.round().await {
                    Ok(round) => {
                        rows += if round.kind == Some(PrunedKind::Mails) { round.rows } else { 0 };
                        if round.is_through {
                            return rows;
                        }
                    }
                    Err(IngestError::Repeat(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }));
    }
    let mut rows = 0;
    for worker in workers {
        rows += worker.await.unwrap();
    }
    assert_eq!(rows, 20);
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, 0);
    assert_eq!(fixture.count(r#""prefix".aftersend_ids WHERE state = 'deleted'"#).await, 20);
}

#[tokio::test]
async fn compressed_bodies_go_as_the_others_do() {
    let fixture = Fixture::new().await;
    for (id, days) in [("m1", 50), ("m2", 10)] {
        fixture.ingest(&[send(id)]).await;
        age(&fixture, id, days).await;
    }
    // PostgreSQL must not make it smaller by itself than anybody could.
    fixture
        .run(
            r#"UPDATE "prefix".phoenix_kit_email_logs
               SET body_full = (SELECT string_agg(md5(n::text), ' ') FROM generate_series(1, 60) AS n)"#,
        )
        .await;
    let mut compressor = Compressor::new(&fixture.store, DAY);
    while !compressor.round().await.unwrap().is_through {}
    assert_eq!(fixture.count(r#""prefix".aftersend_bodies"#).await, 2);
    let retention = Retention::new(None, Some(days(40)), None, None, false).unwrap();
    let gone = [(PrunedKind::Bodies, 0, 0), (PrunedKind::StoredBodies, 1, 0)];
    assert_eq!(prune(&mut Pruner::new(&fixture.store, retention).dry()).await, gone);
    assert_eq!(fixture.count(r#""prefix".aftersend_bodies"#).await, 2);
    assert_eq!(prune(&mut Pruner::new(&fixture.store, retention)).await, gone);
    let mails =
        fixture.rows(r#"SELECT uuid FROM "prefix".phoenix_kit_email_logs ORDER BY aws_message_id"#).await;
    let uuids: Vec<Uuid> = mails.iter().map(|row| row["uuid"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(fixture.store.body_state(uuids[0]).await.unwrap(), BodyState::Discarded);
    let kept = fixture.store.read_body(uuids[1]).await.unwrap().unwrap();
    assert_eq!((kept.len(), &kept[..8]), (60 * 33 - 1, "c4ca4238"));
}

/// What a deleted mail came to stays counted, also when its quarter of an hour is counted anew.
#[tokio::test]
async fn figures_of_deleted_mails_stay() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[send("m1"), delivery("m1", "01:00"), send("m2"), delivery("m2", "01:00")]).await;
    fixture.run(r#"UPDATE "prefix".phoenix_kit_email_logs SET sent_at = now() - interval '50 days'"#).await;
    let now = Timestamp::now();
    let period = Period::new(now - days(51), now - days(49)).unwrap().by_quarters();
    let counted = async || {
        fixture.store.recount_figures(None, None).await.unwrap();
        let mut keeper = FigureKeeper::new(&fixture.store).at_once();
        while !keeper.round().await.unwrap().is_through {}
        let overview = fixture
            .store
            .overview(period, crate::BucketWidth::Day, &crate::TimeZoneName::utc(), None)
            .await
            .unwrap();
        (overview.figures.sent, overview.figures.delivered)
    };
    assert_eq!(counted().await, (2, 2));
    let retention = Retention::new(Some(days(40)), None, None, None, false).unwrap();
    assert_eq!(prune(&mut Pruner::new(&fixture.store, retention)).await, [(PrunedKind::Mails, 2, 0)]);
    assert_eq!(counted().await, (2, 2));
}

/// A table or a trigger of an application's keeps a mail; the others go without it, and what is written down is of them alone.
#[tokio::test]
async fn what_an_application_keeps_stays_alone() {
    let fixture = Fixture::new().await;
    let events: Vec<Value> = (0..30).map(|n| send(&format!("m{n:02}"))).collect();
    fixture.ingest(&events).await;
    fixture
        .run(
            r#"UPDATE "prefix".phoenix_kit_email_logs SET sent_at = now() - interval '50 days', body_full = 'x';
               CREATE TABLE "prefix".app_letters (mail uuid REFERENCES "prefix".phoenix_kit_email_logs);
               CREATE TABLE "prefix".app_notes (mail uuid REFERENCES "prefix".phoenix_kit_email_logs DEFERRABLE INITIALLY DEFERRED);
               INSERT INTO "prefix".app_letters SELECT uuid FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id = 'm03';
               INSERT INTO "prefix".app_notes SELECT uuid FROM "prefix".phoenix_kit_email_logs WHERE aws_message_id = 'm11';
               CREATE FUNCTION "prefix".app_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   IF OLD.aws_message_id = 'm07' THEN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = 'no'; END IF;
                   IF OLD.aws_message_id IN ('m19', 'm20') THEN RETURN NULL; END IF;
                   IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                   RETURN NEW;
               END $$;
               CREATE TRIGGER app_keep BEFORE DELETE OR UPDATE ON "prefix".phoenix_kit_email_logs
               FOR EACH ROW EXECUTE FUNCTION "prefix".app_keep()"#,
        )
        .await;
    let refused = async |retention| {
        let mut pruner = Pruner::new(&fixture.store, retention);
        let (mut rows, mut refused) = (0, 0);
        loop {
            let round = pruner.round().await.unwrap();
            rows += round.rows;
            refused += round.refused;
            if round.is_through {
                return (rows, refused);
            }
        }
    };
    let bodies = Retention::new(None, Some(days(40)), None, None, false).unwrap();
    assert_eq!(refused(bodies).await, (27, 3));
    let mails = Retention::new(Some(days(40)), None, None, None, false).unwrap();
    // Twice: what stayed once adds nothing to the figures.
    for gone in [25, 0] {
        assert_eq!(refused(mails).await, (gone, 5));
        assert_eq!(ids(&fixture).await, ["m03", "m07", "m11", "m19", "m20"]);
        assert_eq!(fixture.count(r#""prefix".aftersend_ids WHERE state = 'deleted'"#).await, 25);
        let kept = r#"SELECT sum(mails)::int AS mails, sum(sent)::int AS sent FROM "prefix".aftersend_removed_figures"#;
        assert_eq!(fixture.row(kept).await, json!({ "mails": 25, "sent": 25 }));
    }
    // What the application keeps no longer goes.
    fixture
        .run(r#"DROP TRIGGER app_keep ON "prefix".phoenix_kit_email_logs; DROP TABLE "prefix".app_letters"#)
        .await;
    assert_eq!(refused(mails).await, (4, 1));
    assert_eq!(ids(&fixture).await, ["m11"]);
}

/// A trigger of the events' table keeps one event's JSON; the others' goes.
#[tokio::test]
async fn an_event_that_a_trigger_keeps_does_not_hold_up_the_others() {
    let fixture = Fixture::new().await;
    fixture
        .ingest(&[
            send("m1"),
            delivery("m1", "01:00"),
            open("m1", "02:00", None),
            click("m1", "03:00", "https://example.com/"),
        ])
        .await;
    fixture
        .run(
            r#"CREATE FUNCTION "prefix".app_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   IF OLD.event_type = 'delivery' THEN RETURN NULL; END IF;
                   RETURN NEW;
               END $$;
               CREATE TRIGGER app_keep BEFORE UPDATE ON "prefix".phoenix_kit_email_events
               FOR EACH ROW EXECUTE FUNCTION "prefix".app_keep()"#,
        )
        .await;
    let retention = Retention::new(None, None, Some(days(1)), None, false).unwrap();
    let mut pruner = Pruner::new(&fixture.store, retention);
    let mut refused = 0;
    loop {
        let round = pruner.round().await.unwrap();
        refused += round.refused;
        if round.is_through {
            break;
        }
    }
    let whole = r#""prefix".phoenix_kit_email_events WHERE NOT event_data ? 'aftersend'"#;
    assert_eq!((refused, fixture.count(whole).await), (1, 1));
}
