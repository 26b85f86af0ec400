use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
};

use aftersend_simulator::TOPIC_VALIDATED;
use tokio::time::Instant;

use super::*;
use crate::{
    Received,
    fixture::{FEED, Ground, delivery, send, until},
};

mod mended;
mod paused;

/// What a message must have led to before it may be acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stands {
    /// The mail with this id has an event.
    For(String),
    InQuarantine,
    Nowhere,
}

/// A feed that looks in the database, by a session of its own, at what it is told is safe, and delivers again what
/// was not acknowledged.
struct StrictFeed<'g> {
    ground: &'g Ground,
    /// Each with how often it was delivered and acknowledged.
    messages: Vec<(Vec<u8>, Stands)>,
    waiting: VecDeque<usize>,
    in_flight: BTreeSet<usize>,
    deliveries: BTreeMap<usize, u32>,
    acknowledged: Vec<usize>,
    batch: usize,
    /// Fails the receive, or the acknowledgement, of so many calls from now.
    receive_fails_after: Option<usize>,
    acknowledge_fails: bool,
}

impl<'g> StrictFeed<'g> {
    fn new(ground: &'g Ground, messages: Vec<(Vec<u8>, Stands)>) -> Self {
        Self {
            ground,
            waiting: (0..messages.len()).collect(),
            messages,
            in_flight: BTreeSet::new(),
            deliveries: BTreeMap::new(),
            acknowledged: Vec::new(),
            batch: usize::MAX,
            receive_fails_after: None,
            acknowledge_fails: false,
        }
    }

    fn acknowledged_all_once(&self) -> bool {
        let mut sorted = self.acknowledged.clone();
        sorted.sort_unstable();
        sorted == (0..self.messages.len()).collect::<Vec<_>>()
    }
}

impl Feed for StrictFeed<'_> {
    type Receipt = usize;

    const NAME: &'static str = "strict";

    async fn receive(&mut self, messages_max: usize) -> Result<Option<Vec<Received<usize>>>, FeedError> {
        if let Some(calls) = &mut self.receive_fails_after {
            if *calls == 0 {
                return Err(FeedError::Queue("the queue is on strike".to_owned()));
            }
            *calls -= 1;
        }
        let count = messages_max.min(self.batch).min(self.waiting.len());
        if count == 0 {
            return Ok(None);
        }
        let delivered: Vec<usize> = self.waiting.drain(..count).collect();
        self.in_flight.extend(&delivered);
        Ok(Some(
            delivered
                .into_iter()
                .map(|place| {
                    *self.deliveries.entry(place).or_default() += 1;
                    let body = self.messages[place].0.clone();
                    Received { body, origin: format!("place {place}"), overlong_bytes: None, receipt: place }
                })
                .collect(),
        ))
    }

    async fn acknowledge(&mut self, receipts: Vec<usize>) -> Result<usize, FeedError> {
        let somewhere = receipts.iter().any(|&place| self.messages[place].1 != Stands::Nowhere);
        let (stored, quarantined) = if somewhere {
            (self.ground.stored().await, self.ground.quarantined().await)
        } else {
            // There may be no tables to look at.
            Default::default()
        };
        for &place in &receipts {
            let (body, stands) = &self.messages[place];
            assert!(
                match stands {
                    Stands::For(id) => stored.contains(id),
                    Stands::InQuarantine => quarantined.contains(body),
                    Stands::Nowhere => true,
                },
                "place {place} was acknowledged and is not safe: {stands:?}"
            );
            assert!(
                self.in_flight.remove(&place),
                "place {place} was acknowledged and had not been received"
            );
        }
        if self.acknowledge_fails {
            return Err(FeedError::Queue("nobody takes receipts".to_owned()));
        }
        self.acknowledged.extend(receipts);
        Ok(0)
    }

    async fn release(&mut self, receipts: Vec<usize>) {
        for place in receipts {
            assert!(self.in_flight.remove(&place), "place {place} was released and had not been received");
            self.waiting.push_back(place);
        }
    }
}

fn event(id: &str) -> (Vec<u8>, Stands) {
    (delivery(id).into_bytes(), Stands::For(id.to_owned()))
}

fn events(name: &str, count: usize) -> Vec<(Vec<u8>, Stands)> {
    (0..count).map(|number| event(&format!("{name}-{number}"))).collect()
}

/// An event that PostgreSQL refuses, once [`refuse_poisoned`] has told it to.
fn refused(id: &str) -> Vec<u8> {
    delivery(id).replacen('{', r#"{"poison":true,"#, 1).into_bytes()
}

/// What no message should be able to provoke any more, an application's own constraint does.
async fn refuse_poisoned(ground: &Ground) {
    ground
        .execute(
            "ALTER TABLE {p}.phoenix_kit_email_events ADD CONSTRAINT unpoisoned CHECK (NOT event_data ? 'poison')",
        )
        .await;
}

/// Makes a bad message that no other equals, from a name.
type Maker<'a> = &'a dyn Fn(&str) -> Vec<u8>;

#[tokio::test]
async fn poisoned_messages_harm_no_other() {
    let ground = Ground::new().await;
    refuse_poisoned(&ground).await;
    let cut_off = |id: &str| delivery(id).as_bytes()[..180].to_vec();
    let huge_number = |id: &str| delivery(id).replacen('{', r#"{"ignored":1e400000,"#, 1).into_bytes();
    let no_id = |id: &str| delivery(id).replace("messageId", &format!("no{id}")).into_bytes();
    let no_text = |id: &str| [id.as_bytes(), b"\xff\xfe"].concat();
    let makers: [(Maker<'_>, &str); 5] = [
        (&cut_off, "JSON"),
        (&huge_number, "EXPONENT_DIGITS_MAX"),
        (&no_id, "messageId"),
        (&no_text, "UTF-8"),
        (&refused, "PostgreSQL can't hold it: new row for relation"),
    ];
    let several: &[usize] = &[0, 1, 2, 100, 101, 250, 333, 334, 335, 498, 499];
    let over_batches: &[usize] = &[0, 499, 500, 501, 1_000, 1_009];
    let cases: [(&str, usize, &[usize], Range<usize>); 6] = [
        // The first kind and the last: unreadable ones are known before the batch is stored, refused ones after.
        ("several", 500, several, 0..1),
        ("several", 500, several, 4..5),
        ("over batches", 1_010, over_batches, 4..5),
        ("first", 20, &[0], 0..5),
        ("middle and last", 21, &[10, 20], 0..5),
        ("alone", 1, &[0], 0..5),
    ];
    for (case, count, places, kinds) in cases {
        for kind in kinds {
            let (make, reason) = makers[kind];
            let mut messages = events(&format!("{case}-{kind}"), count);
            for &place in places {
                messages[place] = (make(&format!("{case}-{kind}-bad-{place}")), Stands::InQuarantine);
            }
            check_poisons(&ground, messages, &|_| reason, &format!("{case}, {reason}")).await;
        }
    }
    // All kinds of them, among others and alone.
    for (case, good_ones) in [("mixed", 3), ("only", 0)] {
        let mut messages = Vec::new();
        for number in 0..40 {
            messages.extend(events(&format!("{case}-{number}"), good_ones));
            messages.push((makers[number % 5].0(&format!("{case}-bad-{number}")), Stands::InQuarantine));
        }
        let reason = |place: usize| makers[place / (good_ones + 1) % 5].1;
        check_poisons(&ground, messages, &reason, case).await;
    }
}

async fn check_poisons(
    ground: &Ground,
    messages: Vec<(Vec<u8>, Stands)>,
    reason: &dyn Fn(usize) -> &'static str,
    case: &str,
) {
    let count = messages.len();
    let poisoned: BTreeSet<usize> =
        (0..count).filter(|&place| messages[place].1 == Stands::InQuarantine).collect();
    let before = ground.store.count_all().await.unwrap();
    let mut feed = StrictFeed::new(ground, messages);
    let run = ground.pump(&mut feed).await;
    run.result.unwrap();
    let stored = count - poisoned.len();
    let expected = Tally { received: count, stored, quarantined: poisoned.len(), ..Tally::default() };
    assert_eq!(run.tally, expected, "{case}");
    assert!(feed.acknowledged_all_once(), "{case}");
    let told: BTreeMap<String, String> =
        run.refused.iter().map(|refused| (refused.origin.clone(), refused.reason.clone())).collect();
    assert_eq!(told.len(), run.refused.len(), "{case}: each is told of once");
    for &place in &poisoned {
        assert!(told[&format!("place {place}")].contains(reason(place)), "{case}: {:?}", run.refused);
    }
    let after = ground.store.count_all().await.unwrap();
    assert_eq!(after.events - before.events, stored as u64, "{case}");
    assert_eq!(after.quarantined - before.quarantined, poisoned.len() as u64, "{case}");
    let rows =
        ground.texts("SELECT reason || ' | ' || origin || ' | ' || feed FROM {p}.aftersend_quarantine").await;
    for refused in &run.refused {
        let row = format!("{} | {} | strict", refused.reason, refused.origin);
        assert!(rows.contains(&row), "{case}: {row} is not in the quarantine");
    }
}

#[tokio::test]
async fn a_quarantine_that_refuses_blames_no_event() {
    let ground = Ground::new().await;
    ground
        .execute(
            "ALTER TABLE {p}.aftersend_quarantine ADD CONSTRAINT closed CHECK (body <> 'not to be kept')",
        )
        .await;
    for good_ones in [0, 1, 20] {
        let mut messages = events(&format!("beside-{good_ones}"), good_ones);
        messages.push((b"not to be kept".to_vec(), Stands::InQuarantine));
        let mut feed = StrictFeed::new(&ground, messages);
        let patience = Patience::Limited(Duration::from_mins(1));
        let run = ground.pump_with(&mut feed, patience, Shutdown::channel().1).await;
        let error = run.result.unwrap_err().to_string();
        assert!(error.contains("the quarantine refuses a message"), "{error}");
        assert_eq!((run.tally, run.refused), (Tally::default(), Vec::new()));
        assert!(feed.acknowledged.is_empty());
    }
    assert_eq!(ground.store.count_all().await.unwrap(), aftersend_store::Counts::default());
}

/// A row lock on a mail, held by another session: what an application in the middle of something would do.
async fn lock_mail(ground: &Ground, id: &str) -> aftersend_testkit::database::Client {
    let session = ground.session().await;
    session.batch_execute("BEGIN").await.unwrap();
    let lock = ground.sql("SELECT FROM {p}.phoenix_kit_email_logs WHERE aws_message_id = $1 FOR UPDATE");
    assert_eq!(session.execute(&lock, &[&id]).await.unwrap(), 1);
    session
}

/// A store that holds the mail `locked`, and messages of which one is about it.
async fn with_a_mail() -> (Ground, Vec<(Vec<u8>, Stands)>) {
    let ground = Ground::new().await;
    let first = vec![(send("locked").into_bytes(), Stands::For("locked".to_owned()))];
    ground.pump(&mut StrictFeed::new(&ground, first)).await.result.unwrap();
    let mut messages = events("other", 50);
    // The delivery; the mail itself is stored.
    messages.insert(25, event("locked"));
    messages.insert(30, (b"unreadable".to_vec(), Stands::InQuarantine));
    messages.insert(31, (TOPIC_VALIDATED.as_bytes().to_vec(), Stands::Nowhere));
    (ground, messages)
}

fn tally_of_all() -> Tally {
    Tally { received: 53, stored: 51, control: 1, quarantined: 1, ..Tally::default() }
}

/// The confirmation's place, which is done with before anything is stored, and what that comes to.
const CONTROL: [usize; 1] = [31];

fn tally_of_control() -> Tally {
    Tally { received: 1, control: 1, ..Tally::default() }
}

#[tokio::test]
async fn a_batch_outlives_locks_and_lost_connections() {
    let (ground, messages) = with_a_mail().await;
    let blocker = lock_mail(&ground, "locked").await;
    let mut feed = StrictFeed::new(&ground, messages);
    let trouble = async {
        let first = ground.waiting_session().await;
        // It gives way by itself, and comes again.
        until("it waits no more", async || (!ground.waiting_sessions().await.contains(&first)).then_some(()))
            .await;
        // Three connections are lost, each in the middle of the batch.
        let mut ended = BTreeSet::new();
        while ended.len() < 3 {
            let session = ground.waiting_session().await;
            let killed =
                ground.client.query_one("SELECT pg_terminate_backend($1)", &[&session]).await.unwrap();
            if killed.get(0) {
                ended.insert(session);
            }
            until("it is gone", async || (!ground.waiting_sessions().await.contains(&session)).then_some(()))
                .await;
        }
        ground.waiting_session().await;
        assert_eq!(ground.event_count().await, 1, "nothing of the batch is visible");
        assert_eq!(ground.quarantined().await, BTreeSet::new());
        blocker.batch_execute("COMMIT").await.unwrap();
    };
    let (run, ()) = tokio::join!(ground.pump(&mut feed), trouble);
    run.result.unwrap();
    assert_eq!(run.tally, tally_of_all());
    assert_eq!(run.refused.len(), 1, "told once, although tried often: {:?}", run.refused);
    assert!(feed.acknowledged_all_once());
    assert!(feed.deliveries.values().all(|&times| times == 1), "the same batch was tried again");
    assert_eq!(ground.quarantined().await, BTreeSet::from([b"unreadable".to_vec()]));
    assert_eq!(ground.event_count().await, 52);
}

#[tokio::test]
async fn patience_has_an_end_and_acknowledges_nothing() {
    let (ground, messages) = with_a_mail().await;
    let blocker = lock_mail(&ground, "locked").await;
    let mut feed = StrictFeed::new(&ground, messages);
    feed.batch = 40;
    let patience = Patience::Limited(Duration::from_millis(1));
    let run = ground.pump_with(&mut feed, patience, Shutdown::channel().1).await;
    assert!(matches!(run.result, Err(PumpError::Store(IngestError::Repeat(_)))), "{:?}", run.result);
    assert_eq!((run.tally, run.refused), (tally_of_control(), Vec::new()));
    assert_eq!(feed.acknowledged, CONTROL);
    assert!(feed.in_flight.is_empty(), "the others were handed back");
    assert_eq!(ground.event_count().await, 1);

    blocker.batch_execute("ROLLBACK").await.unwrap();
    let run = ground.pump(&mut feed).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 52, stored: 51, quarantined: 1, ..Tally::default() });
    assert!(feed.acknowledged_all_once());
}

#[tokio::test]
async fn a_missing_index_ends_a_run_that_can_be_repeated_and_pauses_a_poller() {
    let (ground, messages) = with_a_mail().await;
    let indexes = ground
        .texts(
            "SELECT indexname || '|' || indexdef FROM pg_indexes WHERE schemaname = '{p}' \
             AND tablename = 'phoenix_kit_email_events' AND indexdef LIKE '%UNIQUE%event_type%<> ALL%'",
        )
        .await;
    assert_eq!(indexes.len(), 1, "{indexes:?}");
    let (name, definition) = indexes[0].split_once('|').unwrap();
    ground.execute(&format!("DROP INDEX {{p}}.{name}")).await;
    let mut feed = StrictFeed::new(&ground, messages);
    let patience = Patience::Limited(Duration::from_mins(1));
    let run = ground.pump_with(&mut feed, patience, Shutdown::channel().1).await;
    let error = run.result.unwrap_err();
    assert!(matches!(error, PumpError::Store(IngestError::Schema(_))), "{error:?}");
    assert!(error.to_string().contains("run `aftersend migrate status`"), "{error}");
    // Of the confirmation nothing is to be stored.
    assert_eq!(run.tally, Tally { received: 1, control: 1, ..Tally::default() });
    assert_eq!((feed.acknowledged.len(), run.refused.len()), (1, 0));
    assert_eq!((ground.event_count().await, ground.quarantined().await), (1, BTreeSet::new()));

    // The others were handed back.
    let told = Arc::new(crate::fixture::Told::default());
    let pump = Pump::new(ground.store.clone(), Shutdown::channel().1, told.clone());
    let mend = async {
        until("the poller pauses", async || {
            told.conditions().iter().any(|told| told.contains("aftersend migrate status")).then_some(())
        })
        .await;
        ground.execute(definition).await;
    };
    let ((tally, result), ()) = tokio::join!(pump.run(FEED, &mut feed, Patience::Endless), mend);
    result.unwrap();
    assert_eq!(tally, Tally { received: 52, stored: 51, quarantined: 1, ..Tally::default() });
    assert!(feed.acknowledged_all_once());
    assert_eq!(told.conditions().iter().filter(|told| told.contains("the database")).count(), 2);
    assert_eq!(told.conditions()[2..], ["the database running", "the feed ended"]);
}

#[tokio::test]
async fn controls_are_acknowledged_and_need_no_database() {
    let ground = Ground::without_tables().await;
    let confirmation = r#"{"Type":"SubscriptionConfirmation","TopicArn":"arn:aws:sns:eu-central-1:1:t"}"#;
    let bodies = [TOPIC_VALIDATED, confirmation, TOPIC_VALIDATED];
    let messages = bodies.iter().map(|body| (body.as_bytes().to_vec(), Stands::Nowhere)).collect();
    let mut feed = StrictFeed::new(&ground, messages);
    let run = ground.pump(&mut feed).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 3, control: 3, ..Tally::default() });
    assert!(feed.acknowledged_all_once());
}

#[tokio::test]
async fn a_shutdown_ends_the_wait_for_a_lock() {
    let (ground, messages) = with_a_mail().await;
    let _blocker = lock_mail(&ground, "locked").await;
    let mut feed = StrictFeed::new(&ground, messages);
    let (sender, shutdown) = Shutdown::channel();
    let began = async {
        ground.waiting_session().await;
        sender.send_replace(true);
        Instant::now()
    };
    let (run, requested) = tokio::join!(ground.pump_with(&mut feed, Patience::Endless, shutdown), began);
    run.result.unwrap();
    assert!(requested.elapsed() < SHUTDOWN_GRACE, "it took {:?}", requested.elapsed());
    assert_eq!((run.tally, run.refused), (tally_of_control(), Vec::new()));
    assert_eq!(feed.acknowledged, CONTROL);
    assert!(feed.in_flight.is_empty(), "the others were handed back");
    assert_eq!(ground.event_count().await, 1);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_database_that_hangs() {
    let (ground, messages) = with_a_mail().await;
    ground
        .execute(
            "CREATE FUNCTION {p}.hang() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN PERFORM pg_sleep(50); RETURN NEW; END'; \
             CREATE TRIGGER hang BEFORE INSERT ON {p}.phoenix_kit_email_events EXECUTE FUNCTION {p}.hang()",
        )
        .await;
    let mut feed = StrictFeed::new(&ground, messages);
    let (sender, shutdown) = Shutdown::channel();
    let request = async {
        let sleeping = ground
            .sql("SELECT 1 FROM pg_stat_activity WHERE application_name = '{p}' AND wait_event = 'PgSleep'");
        until("the database hangs", async || ground.client.query_opt(&sleeping, &[]).await.unwrap()).await;
        sender.send_replace(true);
    };
    let (run, ()) = tokio::join!(ground.pump_with(&mut feed, Patience::Endless, shutdown), request);
    run.result.unwrap();
    assert_eq!(run.tally, tally_of_control());
    assert_eq!(feed.acknowledged, CONTROL);
    assert!(feed.in_flight.is_empty(), "the others were handed back");
}

#[tokio::test]
async fn a_shutdown_ends_the_wait_for_messages() {
    struct Quiet;
    impl Feed for Quiet {
        type Receipt = ();
        const NAME: &'static str = "quiet";
        async fn receive(&mut self, _messages_max: usize) -> Result<Option<Vec<Received<()>>>, FeedError> {
            std::future::pending().await
        }
        async fn acknowledge(&mut self, _receipts: Vec<()>) -> Result<usize, FeedError> {
            Ok(0)
        }
    }
    let ground = Ground::without_tables().await;
    let (sender, shutdown) = Shutdown::channel();
    let request = async { sender.send_replace(true) };
    let mut feed = Quiet;
    let (run, _) = tokio::join!(ground.pump_with(&mut feed, Patience::Endless, shutdown), request);
    run.result.unwrap();
    assert_eq!(run.tally, Tally::default());
}

#[tokio::test]
async fn a_feeds_error_ends_the_run_with_the_tally_so_far() {
    let ground = Ground::new().await;
    let mut feed = StrictFeed::new(&ground, events("before", 20));
    feed.batch = 5;
    feed.receive_fails_after = Some(3);
    let run = ground.pump(&mut feed).await;
    assert_eq!(run.result.unwrap_err().to_string(), "the queue is on strike");
    assert_eq!(run.tally, Tally { received: 15, stored: 15, ..Tally::default() });
    assert_eq!(feed.acknowledged, (0..15).collect::<Vec<_>>());

    // Stored, and not acknowledged: they come again and are repeats.
    feed.receive_fails_after = None;
    feed.acknowledge_fails = true;
    let run = ground.pump(&mut feed).await;
    assert_eq!(run.result.unwrap_err().to_string(), "nobody takes receipts");
    assert_eq!(run.tally, Tally { received: 5, stored: 5, ..Tally::default() });

    feed.acknowledge_fails = false;
    feed.waiting.extend(15..20);
    let run = ground.pump(&mut feed).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 5, repeated: 5, ..Tally::default() });
    assert!(feed.acknowledged_all_once());
    assert_eq!(ground.event_count().await, 20);
}

#[tokio::test]
async fn empty_receives_touch_no_database() {
    struct Idle(u32);
    impl Feed for Idle {
        type Receipt = ();
        const NAME: &'static str = "idle";
        async fn receive(&mut self, _messages_max: usize) -> Result<Option<Vec<Received<()>>>, FeedError> {
            self.0 += 1;
            Ok((self.0 < 10).then(Vec::new))
        }
        async fn acknowledge(&mut self, _receipts: Vec<()>) -> Result<usize, FeedError> {
            Err(FeedError::Queue("there is nothing to acknowledge".to_owned()))
        }
    }
    let ground = Ground::without_tables().await;
    let run = ground.pump(&mut Idle(0)).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally::default());
}
