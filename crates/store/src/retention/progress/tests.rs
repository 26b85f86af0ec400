//! What comes in behind that which was gone through goes as the rest does.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::super::{
    Pruner, Retention,
    tests::{days, prune},
};
use super::*;
use crate::testing::{Fixture, report};

fn days_ago(age: u32) -> Timestamp {
    Timestamp::now() - days(age)
}

/// An open of a mail of its own, which was sent then as well.
fn open(mail: &str, at: Timestamp) -> Value {
    json!({
        "eventType": "Open",
        "mail": {
            "timestamp": at.to_string(), "messageId": mail, "source": "shop@example.com",
            "destination": ["ann@example.com"],
        },
        "open": { "timestamp": at.to_string(), "ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0" },
    })
}

fn raw() -> Retention {
    Retention::new(None, None, Some(days(1)), None, false).unwrap()
}

/// Events cut down by a run of a pruner.
async fn cut(fixture: &Fixture, retention: Retention) -> u64 {
    prune(&mut Pruner::new(&fixture.store, retention)).await[0].1
}

/// A pruner of raw JSON that looks at so many events at first.
fn in_steps(fixture: &Fixture, rows_max: i64) -> Pruner {
    let place = PrunedKind::ALL.iter().position(|kind| *kind == PrunedKind::RawEvents).unwrap();
    Pruner { place, rows_max, ..Pruner::new(&fixture.store, raw()) }
}

/// Gives the pruner something to go through to the end, which is a few days ago.
async fn gone_through(fixture: &Fixture, retention: Retention) {
    fixture.ingest(&[open("recent", days_ago(5))]).await;
    assert_eq!(cut(fixture, retention).await, 1);
}

/// Days since the place up to which raw JSON was gone through.
async fn done_days_ago(fixture: &Fixture) -> i64 {
    let sql = r#"SELECT extract(epoch FROM now() - done_below)::bigint / 86400 AS days
        FROM "prefix".aftersend_retention WHERE kind = 'raw_events'"#;
    fixture.row(sql).await["days"].as_i64().unwrap()
}

#[tokio::test]
async fn old_events_are_found_behind_what_was_gone_through() {
    let fixture = Fixture::new().await;
    gone_through(&fixture, raw()).await;
    assert_eq!(done_days_ago(&fixture).await, 5);
    fixture.ingest(&[open("m1", days_ago(300)), open("m2", days_ago(200))]).await;
    assert_eq!(done_days_ago(&fixture).await, 337);
    assert_eq!(cut(&fixture, raw()).await, 2);
    // Now that is done, too.
    assert_eq!(done_days_ago(&fixture).await, 5);
    assert_eq!(cut(&fixture, raw()).await, 0);
    let json = fixture.rows(r#"SELECT event_data::text AS json FROM "prefix".phoenix_kit_email_events WHERE event_data ? 'mail'"#).await;
    assert_eq!(json, Vec::<Value>::new());
}

#[tokio::test]
async fn files_that_go_back_in_time_take_progress_back_seldom() {
    let fixture = Fixture::new().await;
    gone_through(&fixture, raw()).await;
    let version = async || {
        fixture.row(r#"SELECT xmin::text AS version FROM "prefix".aftersend_retention"#).await["version"]
            .clone()
    };
    let mut versions = vec![version().await];
    for age in (60..160).step_by(10) {
        fixture.ingest(&[open(&format!("m{age}"), days_ago(age))]).await;
        versions.push(version().await);
    }
    versions.dedup();
    assert_eq!(versions.len(), 4, "{versions:?}");
    assert_eq!(cut(&fixture, raw()).await, 10);
}

#[tokio::test]
async fn parked_old_events_are_found_when_they_join() {
    let fixture = Fixture::adopted(days(1)).await;
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "recent").await;
    gone_through(&fixture, raw()).await;
    assert_eq!(fixture.ingest(&[open("m2", days_ago(300))]).await.parked, 1);
    // What is parked is no event yet.
    assert_eq!(done_days_ago(&fixture).await, 5);
    fixture.log("pk_2").await;
    fixture.note_id("pk_2", "m2").await;
    assert_eq!(fixture.join().await.joined, 1);
    assert_eq!(cut(&fixture, raw()).await, 1);
}

/// A mail that was made from its events, and that its application logs after all: they get other rows.
#[tokio::test]
async fn old_events_are_found_when_their_mails_are_merged() {
    let fixture = Fixture::adopted(days(0)).await;
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "recent").await;
    fixture.ingest(&[open("m2", days_ago(300))]).await;
    fixture.join().await;
    fixture.ingest(&[open("recent", days_ago(5))]).await;
    assert_eq!(cut(&fixture, raw()).await, 2);
    // Somebody writes JSON of old events anew, of which nobody tells.
    fixture.run(r#"UPDATE "prefix".phoenix_kit_email_events SET event_data = '{"mail": {}, "open": {}, "eventType": "Open"}' WHERE occurred_at < now() - interval '299 days'"#).await;
    assert_eq!(cut(&fixture, raw()).await, 0);
    fixture.log("pk_2").await;
    fixture.note_id("pk_2", "m2").await;
    assert_eq!(fixture.join().await.merged, 1);
    assert_eq!(cut(&fixture, raw()).await, 1);
}

/// A repeat tells where an open came from, though that was forgotten.
#[tokio::test]
async fn what_a_repeat_tells_again_is_forgotten_again() {
    let fixture = Fixture::new().await;
    let retention = Retention::new(None, None, None, Some(days(1)), false).unwrap();
    let event = open("m1", days_ago(300));
    fixture.ingest(std::slice::from_ref(&event)).await;
    assert_eq!(cut(&fixture, retention).await, 1);
    gone_through(&fixture, retention).await;
    assert_eq!(fixture.ingest(std::slice::from_ref(&event)).await, report(0, 1, 0));
    let known = r#""prefix".phoenix_kit_email_events WHERE ip_address IS NOT NULL OR user_agent IS NOT NULL"#;
    assert_eq!(fixture.count(known).await, 1);
    assert_eq!(cut(&fixture, retention).await, 1);
    assert_eq!(fixture.count(known).await, 0);
}

#[tokio::test]
async fn progress_that_is_taken_back_while_a_run_is_under_way_stays_so() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[5, 4, 3].map(|age| open(&format!("m{age}"), days_ago(age)))).await;
    let mut pruner = in_steps(&fixture, 1);
    assert_eq!(pruner.round().await.unwrap().rows, 1);
    fixture.ingest(&[open("old", days_ago(300))]).await;
    assert_eq!(done_days_ago(&fixture).await, 337);
    assert_eq!(prune(&mut pruner).await[0].1, 2);
    assert_eq!(done_days_ago(&fixture).await, 337);
    assert_eq!(cut(&fixture, raw()).await, 1);
    assert_eq!(done_days_ago(&fixture).await, 3);
}

/// What a next run would begin before is not enough: this one goes on, and raises that.
#[tokio::test]
async fn what_comes_in_behind_a_run_that_goes_on_is_found() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[20, 3].map(|age| open(&format!("m{age}"), days_ago(age)))).await;
    let mut pruner = in_steps(&fixture, 1);
    assert_eq!(pruner.round().await.unwrap().rows, 1);
    fixture.ingest(&[open("old", days_ago(50))]).await;
    assert_eq!(prune(&mut pruner).await[0].1, 1);
    assert_eq!(cut(&fixture, raw()).await, 1);
}

/// After progress was taken back, another run has come to a place behind that of the first one.
#[tokio::test]
async fn a_run_does_not_raise_what_another_one_has_written() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[7, 6, 5].map(|age| open(&format!("m{age}"), days_ago(age)))).await;
    let mut first = in_steps(&fixture, 2);
    assert_eq!(first.round().await.unwrap().rows, 2);
    assert_eq!(done_days_ago(&fixture).await, 6);
    fixture.ingest(&[320, 300].map(|age| open(&format!("m{age}"), days_ago(age)))).await;
    let mut second = in_steps(&fixture, 1);
    assert_eq!(second.round().await.unwrap().rows, 1);
    assert_eq!(done_days_ago(&fixture).await, 320);
    drop(second);
    assert_eq!(prune(&mut first).await[0].1, 1);
    assert_eq!(done_days_ago(&fixture).await, 320);
    assert_eq!(cut(&fixture, raw()).await, 1);
    assert_eq!(done_days_ago(&fixture).await, 5);
}

/// Where an application keeps an event, it is passed over only with what is written of that.
#[tokio::test]
async fn what_comes_in_before_an_event_that_is_kept_is_found() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[open("kept", days_ago(40)), open("recent", days_ago(5))]).await;
    fixture
        .run(
            r#"CREATE FUNCTION "prefix".refuse() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN IF OLD.occurred_at < now() - interval '39 days' AND OLD.occurred_at > now() - interval '41 days'
               THEN RAISE EXCEPTION 'mine' USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$;
               CREATE TRIGGER refuse BEFORE UPDATE ON "prefix".phoenix_kit_email_events
               FOR EACH ROW EXECUTE FUNCTION "prefix".refuse()"#,
        )
        .await;
    let mut pruner = Pruner::new(&fixture.store, raw());
    let round = pruner.round().await.unwrap();
    assert_eq!((round.refused, round.rows), (1, 0));
    fixture.ingest(&[open("old", days_ago(300))]).await;
    assert_eq!(prune(&mut pruner).await[0].1, 2);
    assert_eq!(done_days_ago(&fixture).await, 5);
    // It is behind what is done, and no run begins with it again.
    fixture.run(r#"UPDATE "prefix".phoenix_kit_email_events SET updated_at = now() WHERE occurred_at > now() - interval '10 days'"#).await;
    assert_eq!(pruner_refusals(&fixture).await, 1);
    fixture
        .run(r#"UPDATE "prefix".aftersend_retention SET done_below = done_below + interval '3 days'"#)
        .await;
    assert_eq!(pruner_refusals(&fixture).await, 0);
}

async fn pruner_refusals(fixture: &Fixture) -> u64 {
    let mut pruner = Pruner::new(&fixture.store, raw());
    let mut refused = 0;
    loop {
        let round = pruner.round().await.unwrap();
        refused += round.refused;
        if round.is_through {
            return refused;
        }
    }
}

/// Neither passes the other: who looks at old events waits for those who are about to commit some, and they for it.
#[tokio::test]
async fn lookers_and_writers_of_old_events_wait_for_each_other() {
    let fixture = Fixture::new().await;
    gone_through(&fixture, raw()).await;
    fixture.ingest(&[open("m1", days_ago(20))]).await;

    // Old events are about to be committed, and could be passed.
    let other = fixture.schema.client().await;
    let hold = render_in_transaction(&fixture, Statement::HoldDone);
    other.batch_execute(&hold).await.unwrap();
    let mut pruner = Pruner::new(&fixture.store, raw());
    assert!(matches!(pruner.round().await, Err(IngestError::Repeat(_))));
    // Others store old events at once, and a dry look has nothing to write.
    fixture.try_ingest(&[open("m2", days_ago(300))]).await.unwrap();
    assert_eq!(prune(&mut Pruner::new(&fixture.store, raw()).dry()).await[0].1, 2);
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(prune(&mut pruner).await[0].1, 2);

    // A look is under way.
    other.batch_execute(&render_in_transaction(&fixture, Statement::LockDone)).await.unwrap();
    let old = fixture.try_ingest(&[open("m3", days_ago(300))]).await;
    assert!(matches!(old, Err(IngestError::Repeat(_))), "{old:?}");
    assert_eq!(fixture.try_ingest(&[open("m4", days_ago(29))]).await.unwrap(), report(1, 0, 0));
    other.batch_execute("COMMIT").await.unwrap();
}

fn render_in_transaction(fixture: &Fixture, statement: Statement) -> String {
    format!("BEGIN; {}", fixture.store.sql(statement))
}

/// Whoever waits for who has taken progress back reads what that one has written.
#[tokio::test]
async fn progress_is_taken_back_to_the_earliest_of_all() {
    let fixture = Fixture::new().await;
    gone_through(&fixture, raw()).await;
    for ages in [[250, 300], [400, 350]] {
        let mut first = fixture.store.writer().await.unwrap();
        let first = first.build_transaction().start().await.unwrap();
        tell_pruner(&fixture.store, &first, Earliest::of([days_ago(ages[0])])).await.unwrap();
        let mut second = fixture.store.writer().await.unwrap();
        let second = second.build_transaction().start().await.unwrap();
        let (told, committed) = tokio::join!(
            tell_pruner(&fixture.store, &second, Earliest::of([days_ago(ages[1])])),
            first.commit()
        );
        committed.unwrap();
        // One that lost its patience would be tried again.
        if told.is_ok() {
            second.commit().await.unwrap();
        } else {
            drop(second);
            let mut again = fixture.store.writer().await.unwrap();
            let again = again.build_transaction().start().await.unwrap();
            tell_pruner(&fixture.store, &again, Earliest::of([days_ago(ages[1])])).await.unwrap();
            again.commit().await.unwrap();
        }
        assert!(done_days_ago(&fixture).await >= i64::from(*ages.iter().max().unwrap()));
    }
}

async fn store_some(store: crate::Store, writer: u64, mut rng: Rng, events: Arc<AtomicUsize>) {
    let mut age = 700;
    for batch in 0..40 {
        // In order, against it, or at random.
        age = match writer {
            0 => age - 17,
            1 => 40 + batch * 16,
            _ => rng.u32(1..700),
        };
        let opens: Vec<Value> = (0..rng.u32(1..4))
            .map(|n| open(&format!("w{writer}b{batch}n{n}"), days_ago(age) + days(rng.u32(0..30))))
            .collect();
        let bodies: Vec<Vec<u8>> = opens.iter().map(|open| open.to_string().into_bytes()).collect();
        loop {
            match crate::testing::ingest_bodies(&store, bodies.iter().map(Vec::as_slice)).await {
                Err(IngestError::Repeat(_)) => {}
                stored => {
                    events.fetch_add(stored.unwrap().stored, Ordering::Relaxed);
                    break;
                }
            }
        }
    }
}

/// However writers and pruners meet, one more run finds all that is left.
async fn nothing_is_passed_for_ever(seed: u64) {
    let fixture = Fixture::new().await;
    let retention = Retention::new(None, None, Some(days(2)), Some(days(1)), false).unwrap();
    gone_through(&fixture, retention).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let events = Arc::new(AtomicUsize::new(0));
    let mut rng = Rng::with_seed(seed);
    let mut pruners = JoinSet::new();
    for _ in 0..2 {
        let (store, is_over, mut rng) = (fixture.store.clone(), Arc::clone(&is_over), rng.fork());
        pruners.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let mut pruner = Pruner::new(&store, retention);
                // Some are broken off.
                for _ in 0..rng.u32(1..200) {
                    pruner.rows_max = rng.i64(1..20);
                    match pruner.round().await {
                        Ok(round) if round.is_through => break,
                        Ok(_) | Err(IngestError::Repeat(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        });
    }
    let mut writers = JoinSet::new();
    for writer in 0..3 {
        writers.spawn(store_some(fixture.store.clone(), writer, rng.fork(), Arc::clone(&events)));
    }
    writers.join_all().await;
    is_over.store(true, Ordering::Relaxed);
    pruners.join_all().await;
    prune(&mut Pruner::new(&fixture.store, retention)).await;
    let left = r#""prefix".phoenix_kit_email_events WHERE occurred_at < now() - interval '2 days'
        AND (event_data ? 'mail' OR ip_address IS NOT NULL OR user_agent IS NOT NULL)"#;
    assert!(events.load(Ordering::Relaxed) > 100, "seed {seed}");
    assert_eq!(fixture.count(left).await, 0, "seed {seed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_passed_for_ever_as_ever() {
    nothing_is_passed_for_ever(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_passed_for_ever_at_random() {
    nothing_is_passed_for_ever(fastrand::u64(..)).await;
}
