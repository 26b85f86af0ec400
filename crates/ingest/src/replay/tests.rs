use aftersend_store::Poison;

use super::*;
use crate::fixture::{Ground, delivery, until};

/// How long a replay waits in these tests.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a replay came to.
struct Run {
    tally: Tally,
    result: Result<(), PumpError>,
    refused: Vec<Refused>,
}

async fn replay(ground: &Ground, filter: &QuarantineFilter) -> Run {
    replay_with(ground, filter, PATIENCE, Shutdown::channel().1).await
}

async fn replay_with(
    ground: &Ground,
    filter: &QuarantineFilter,
    patience: Duration,
    shutdown: Shutdown,
) -> Run {
    let mut refused = Vec::new();
    let mut on_refused = |message: &Refused| refused.push(message.clone());
    let (tally, result) =
        super::replay(&ground.store, filter.clone(), patience, shutdown, &mut on_refused).await;
    Run { tally, result, refused }
}

async fn replay_all(ground: &Ground) -> Run {
    let run = replay(ground, &QuarantineFilter::default()).await;
    if let Err(error) = &run.result {
        panic!("{error}");
    }
    run
}

/// Puts bodies into the quarantine as an older version might have.
async fn quarantine(ground: &Ground, bodies: &[Vec<u8>]) {
    for bodies in bodies.chunks(500) {
        let poisons = bodies
            .iter()
            .map(|body| Poison {
                body,
                reason: "not understood".to_owned(),
                feed: "sqs",
                origin: "message 1".into(),
            })
            .collect();
        ground.store.ingest(&Batch { arrivals: Vec::new(), poisons }).await.unwrap();
    }
}

fn deliveries(name: &str, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| delivery(&format!("{name}-{number}")).into_bytes()).collect()
}

/// What the quarantine holds beside bodies.
async fn rows(ground: &Ground) -> Vec<String> {
    ground
        .texts(
            "SELECT concat_ws(' | ', convert_from(body, 'UTF8'), reason, feed, origin, times_received, \
             first_received_at = last_received_at) FROM {p}.aftersend_quarantine ORDER BY 1",
        )
        .await
}

#[tokio::test]
async fn what_can_be_stored_leaves_and_what_cannot_stays_with_its_reason() {
    let ground = Ground::new().await;
    let control = aftersend_simulator::TOPIC_VALIDATED.as_bytes().to_vec();
    let mut bodies = deliveries("m", 3);
    bodies.extend([control, b"{".to_vec()]);
    quarantine(&ground, &bodies).await;
    quarantine(&ground, &bodies[4..]).await;
    let run = replay_all(&ground).await;
    let expected = Tally { received: 5, stored: 3, control: 1, quarantined: 1, ..Tally::default() };
    assert_eq!(run.tally, expected);
    assert_eq!(ground.event_count().await, 3);
    let [refused] = run.refused.as_slice() else { panic!("{:?}", run.refused) };
    assert!(refused.reason.contains("broken JSON"), "{refused:?}");
    let uuids = ground.texts("SELECT uuid::text FROM {p}.aftersend_quarantine").await;
    assert_eq!(uuids, [refused.origin.as_str()]);
    // It did not come again.
    assert_eq!(rows(&ground).await, [format!("{{ | {} | sqs | message 1 | 2 | f", refused.reason)]);

    let run = replay_all(&ground).await;
    assert_eq!(run.tally, Tally { received: 1, quarantined: 1, ..Tally::default() });
}

#[tokio::test]
async fn what_postgresql_refused_is_stored_once_it_may() {
    let ground = Ground::new().await;
    ground
        .execute(
            "ALTER TABLE {p}.phoenix_kit_email_events ADD CONSTRAINT no CHECK (NOT event_data ? 'poison')",
        )
        .await;
    let poison = |id: &str| delivery(id).replacen('{', r#"{"poison":1,"#, 1).into_bytes();
    let mut bodies = deliveries("m", 600);
    bodies[0] = poison("first");
    bodies[450] = poison("later");
    quarantine(&ground, &bodies).await;
    let run = replay_all(&ground).await;
    assert_eq!(run.tally, Tally { received: 600, stored: 598, quarantined: 2, ..Tally::default() });
    assert!(run.refused.iter().all(|refused| refused.reason.contains("(23514)")), "{:?}", run.refused);
    assert_eq!(ground.quarantined().await.len(), 2);

    ground.execute("ALTER TABLE {p}.phoenix_kit_email_events DROP CONSTRAINT no").await;
    let run = replay_all(&ground).await;
    assert_eq!(run.tally, Tally { received: 2, stored: 2, ..Tally::default() });
    assert_eq!(ground.quarantined().await.len(), 0);
    assert_eq!(ground.event_count().await, 600);
}

#[tokio::test]
async fn each_is_read_once_however_many_stay() {
    let ground = Ground::new().await;
    let bodies: Vec<Vec<u8>> = (0..1_203).map(|number| format!("no event {number}").into_bytes()).collect();
    quarantine(&ground, &bodies).await;
    // They come again while they are read anew, and others with them.
    let again = async {
        for round in 0..5 {
            quarantine(&ground, &bodies).await;
            quarantine(&ground, &[format!("newer {round}").into_bytes()]).await;
        }
    };
    let (run, ()) = tokio::join!(replay_all(&ground), again);
    assert!((1_203..=1_208).contains(&run.tally.received), "{}", run.tally);
    assert_eq!(run.tally.received, run.tally.quarantined);
    let told: std::collections::BTreeSet<&str> =
        run.refused.iter().map(|refused| refused.origin.as_str()).collect();
    assert_eq!(told.len(), run.refused.len());
    let times = ground
        .texts("SELECT DISTINCT times_received::text FROM {p}.aftersend_quarantine WHERE body LIKE 'no%'");
    assert_eq!(times.await, ["6"]);
}

#[tokio::test]
async fn a_filter_and_names_leave_the_rest_alone() {
    let ground = Ground::new().await;
    quarantine(&ground, &deliveries("m", 6)).await;
    ground
        .execute(
            "UPDATE {p}.aftersend_quarantine SET feed = 'file' WHERE convert_from(body, 'UTF8') ~ '\"m-[0-2]\"'; \
             UPDATE {p}.aftersend_quarantine SET reason = 'ripe' WHERE convert_from(body, 'UTF8') ~ '\"m-[23]\"'",
        )
        .await;
    let none =
        replay(&ground, &QuarantineFilter { feed: Some("web".to_owned()), ..Default::default() }).await;
    assert_eq!(none.tally, Tally::default());
    let filter =
        QuarantineFilter { feed: Some("file".to_owned()), reason: Some("RIPE".to_owned()), uuids: None };
    assert_eq!(replay(&ground, &filter).await.tally.stored, 1);
    assert_eq!(ground.stored().await.into_iter().collect::<Vec<_>>(), ["m-2"]);
    let named = ground
        .texts(
            "SELECT uuid::text FROM {p}.aftersend_quarantine WHERE convert_from(body, 'UTF8') ~ '\"m-[05]\"'",
        )
        .await;
    let uuids = Some(named.iter().map(|uuid| uuid.parse().unwrap()).collect());
    assert_eq!(replay(&ground, &QuarantineFilter { uuids, ..Default::default() }).await.tally.stored, 2);
    assert_eq!(ground.stored().await.into_iter().collect::<Vec<_>>(), ["m-0", "m-2", "m-5"]);
    assert_eq!(ground.quarantined().await.len(), 3);
}

/// A run that ends between the commit and the removal leaves the row; its event is a repeat the next time.
#[tokio::test]
async fn a_message_leaves_only_after_its_event_is_committed() {
    let ground = Ground::new().await;
    quarantine(&ground, &deliveries("m", 3)).await;
    ground
        .execute(
            "CREATE FUNCTION {p}.hold() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE 'held' USING ERRCODE = '53100'; END $$; \
             CREATE TRIGGER hold BEFORE DELETE ON {p}.aftersend_quarantine EXECUTE FUNCTION {p}.hold()",
        )
        .await;
    let run = replay(&ground, &QuarantineFilter::default()).await;
    let said = run.result.unwrap_err().to_string();
    assert!(said.contains("3 messages were done with") && said.contains("refuses it (53100)"), "{said}");
    assert_eq!(run.tally.stored, 3);
    assert_eq!((ground.event_count().await, ground.quarantined().await.len()), (3, 3));

    ground.execute("DROP TRIGGER hold ON {p}.aftersend_quarantine").await;
    let run = replay_all(&ground).await;
    assert_eq!(run.tally, Tally { received: 3, repeated: 3, ..Tally::default() });
    assert_eq!((ground.event_count().await, ground.quarantined().await.len()), (3, 0));

    // And nothing leaves whose event could not be stored.
    quarantine(&ground, &deliveries("n", 3)).await;
    ground.execute("ALTER TABLE {p}.phoenix_kit_email_events RENAME TO away").await;
    let run = replay(&ground, &QuarantineFilter::default()).await;
    assert!(matches!(run.result, Err(PumpError::Store(IngestError::Schema(_)))), "{:?}", run.result);
    assert_eq!(ground.quarantined().await.len(), 3);
}

#[tokio::test]
async fn what_was_cut_stays_cut_and_says_so() {
    let ground = Ground::new().await;
    let long =
        format!("{}\n", delivery("long").replacen('{', &format!(r#"{{"a":"{}","#, "x".repeat(1_200_000)), 1));
    let mut feed = crate::FileFeed::new(Box::new(std::io::Cursor::new(long.into_bytes())));
    let run = ground.pump_with(&mut feed, Patience::Endless, Shutdown::channel().1).await;
    assert_eq!(run.tally.quarantined, 1);
    let reason = &run.refused[0].reason;
    assert!(reason.contains("more than SES, SNS and SQS carry"), "{reason}");
    let body = ground.quarantined().await;
    let run = replay_all(&ground).await;
    assert_eq!(run.tally, Tally { received: 1, quarantined: 1, ..Tally::default() });
    assert_eq!(&run.refused[0].reason, reason);
    assert_eq!(ground.texts("SELECT reason FROM {p}.aftersend_quarantine").await, [reason.as_str()]);
    assert_eq!(ground.quarantined().await, body);
}

#[tokio::test]
async fn a_lock_is_waited_for_and_patience_has_an_end() {
    let ground = Ground::new().await;
    quarantine(&ground, &deliveries("m", 2)).await;
    let holder = ground.session().await;
    holder
        .batch_execute(&ground.sql("BEGIN; SELECT FROM {p}.aftersend_quarantine FOR UPDATE"))
        .await
        .unwrap();
    let run = replay_with(&ground, &QuarantineFilter::default(), Duration::ZERO, Shutdown::channel().1).await;
    let said = run.result.unwrap_err().to_string();
    assert!(said.contains("could not be taken out of the quarantine"), "{said}");
    assert_eq!(ground.quarantined().await.len(), 2);

    let release = async {
        let first = ground.waiting_session().await;
        until("it gives way", async || (!ground.waiting_sessions().await.contains(&first)).then_some(()))
            .await;
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let (run, ()) = tokio::join!(replay_all(&ground), release);
    assert_eq!(run.tally, Tally { received: 2, repeated: 2, ..Tally::default() });
    assert_eq!(ground.quarantined().await.len(), 0);
}

#[tokio::test]
async fn a_shutdown_ends_it_between_batches() {
    let ground = Ground::new().await;
    quarantine(&ground, &deliveries("m", 2)).await;
    let (sender, shutdown) = Shutdown::channel();
    sender.send_replace(true);
    let run = replay_with(&ground, &QuarantineFilter::default(), PATIENCE, shutdown).await;
    run.result.unwrap();
    assert_eq!((run.tally, ground.quarantined().await.len()), (Tally::default(), 2));
}

#[tokio::test]
async fn two_replays_and_a_feed_at_once_store_each_event_once() {
    let ground = Ground::new().await;
    let bodies = deliveries("m", 300);
    quarantine(&ground, &bodies).await;
    let feeding = async { quarantine(&ground, &bodies[..100]).await };
    let (one, other, ()) = tokio::join!(replay_all(&ground), replay_all(&ground), feeding);
    assert_eq!(one.tally.stored + other.tally.stored, 300);
    assert_eq!(ground.event_count().await, 300);
    // What the feed brought again after its event was stored is still there, and is a repeat.
    let rest = replay_all(&ground).await;
    assert_eq!((rest.tally.stored, ground.quarantined().await.len()), (0, 0));
}
