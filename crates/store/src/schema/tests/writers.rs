//! An application that goes on writing, duplicates among it, while the schema moves.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use aftersend_testkit::database::Client;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::live::Live;
use crate::{
    schema::{Limits, MigrateError},
    sql::render,
};

/// What a writer does, and how often.
#[derive(Clone, Copy, Debug)]
struct Habits {
    /// Between two mails or events.
    pause: Duration,
    /// Every so many transactions one stays open for a while.
    slow_every: u32,
    /// For how long.
    open_for: Duration,
    /// How many mails its events are spread over: the fewer, the more duplicates.
    mails: usize,
}

/// What became of what a writer wrote.
#[derive(Debug, Default)]
struct Written {
    mails: Vec<Uuid>,
    events: Vec<Uuid>,
    /// Refused as duplicates, by the name of the index.
    refused: BTreeMap<String, u32>,
    /// Anything else that went wrong.
    errors: Vec<String>,
    longest: Duration,
}

/// Writers at work.
struct Writers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Written>>,
}

impl Writers {
    async fn start(live: &Live, count: u64, seed: u64, habits: Habits) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for number in 0..count {
            let writer = Writer {
                client: live.database.client().await,
                random: fastrand::Rng::with_seed(seed + number),
                habits,
                recent: Vec::new(),
                written: Written::default(),
            };
            let stop = Arc::clone(&stop);
            tasks.push(tokio::spawn(writer.run(stop)));
        }
        Self { stop, tasks }
    }

    async fn stop(self) -> Written {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Written::default();
        for task in self.tasks {
            let one = task.await.unwrap();
            all.mails.extend(one.mails);
            all.events.extend(one.events);
            all.errors.extend(one.errors);
            for (index, count) in one.refused {
                *all.refused.entry(index).or_default() += count;
            }
            all.longest = all.longest.max(one.longest);
        }
        all
    }
}

struct Writer {
    client: Client,
    random: fastrand::Rng,
    habits: Habits,
    /// The last mails, whose events go on coming.
    recent: Vec<Uuid>,
    written: Written,
}

const MAIL: &str = "INSERT INTO \"prefix\".phoenix_kit_email_logs \
    (uuid, message_id, \"to\", \"from\", headers, inserted_at, updated_at) VALUES ($1, $2, 'a', 'b', $3, now(), now())";
const EVENT: &str = "INSERT INTO \"prefix\".phoenix_kit_email_events \
    (uuid, email_log_uuid, event_type, event_data, occurred_at, inserted_at, updated_at) \
    VALUES ($1, $2, $3, '{}', $4, now(), now())";
const UPDATE: &str =
    "UPDATE \"prefix\".phoenix_kit_email_logs SET status = $2, updated_at = now() WHERE uuid = $1";

impl Writer {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Written {
        let prefix = "mail".parse().unwrap();
        let [mail, event, update] = [MAIL, EVENT, UPDATE].map(|template| render(template, &prefix));
        let mut turns = tokio::time::interval(self.habits.pause);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut turn = 0;
        while !stop.load(Ordering::Relaxed) {
            turns.tick().await;
            turn += 1;
            let began = Instant::now();
            let slow = turn % self.habits.slow_every == 0;
            let result = if self.recent.len() < self.habits.mails || turn % 10 == 0 {
                self.mail(&mail).await
            } else {
                self.event(&event, (turn % 2 == 0).then_some(update.as_str()), slow).await
            };
            let waited =
                began.elapsed().saturating_sub(if slow { self.habits.open_for } else { Duration::ZERO });
            self.written.longest = self.written.longest.max(waited);
            if let Err(error) = result {
                let said = error.as_db_error();
                match said.filter(|said| *said.code() == SqlState::UNIQUE_VIOLATION) {
                    Some(said) => {
                        *self.written.refused.entry(said.constraint().unwrap().to_owned()).or_default() += 1;
                    }
                    None => self.written.errors.push(format!("{error:?}")),
                }
            }
        }
        self.written
    }

    async fn mail(&mut self, mail: &str) -> Result<(), tokio_postgres::Error> {
        let uuid = self.key();
        let headers = serde_json::json!({ "MessageId": format!("late-{}", uuid.as_u128() % 50) });
        let transaction = self.client.transaction().await?;
        transaction.execute(mail, &[&uuid, &format!("pk_{uuid}"), &headers]).await?;
        transaction.commit().await?;
        self.written.mails.push(uuid);
        if self.recent.len() >= self.habits.mails {
            self.recent.remove(0);
        }
        self.recent.push(uuid);
        Ok(())
    }

    async fn event(
        &mut self,
        event: &str,
        update: Option<&str>,
        slow: bool,
    ) -> Result<(), tokio_postgres::Error> {
        let uuid = self.key();
        let mail = self.recent[self.random.usize(..self.recent.len())];
        let event_type = ["delivery", "open", "click", "bounce", "open"][self.random.usize(..5)];
        // Opens and clicks of the same second, and some that come late.
        let second = jiff::Timestamp::now().as_second();
        let late = if self.random.u8(..4) == 0 { 30 * 86_400 } else { 0 };
        let occurred_at = jiff::Timestamp::from_second(second - second % 5 - late).unwrap();
        let transaction = self.client.transaction().await?;
        transaction.execute(event, &[&uuid, &mail, &event_type, &occurred_at]).await?;
        if let Some(update) = update {
            transaction.execute(update, &[&mail, &"delivered"]).await?;
        }
        if slow {
            tokio::time::sleep(self.habits.open_for).await;
        }
        transaction.commit().await?;
        self.written.events.push(uuid);
        Ok(())
    }

    /// Of time, random, or of a clock that runs backwards.
    fn key(&mut self) -> Uuid {
        match self.random.u8(..3) {
            0 => Uuid::now_v7(),
            1 => uuid::Builder::from_random_bytes(self.random.u128(..).to_be_bytes()).into_uuid(),
            _ => {
                let ago = u64::try_from(self.written.events.len()).unwrap();
                let seconds = u64::try_from(jiff::Timestamp::now().as_second()).unwrap() - 3_600 - ago;
                let mut random = [0; 10];
                random.fill_with(|| self.random.u8(..));
                uuid::Builder::from_unix_timestamp_millis(seconds * 1_000, &random).into_uuid()
            }
        }
    }
}

/// That every row which was there before or was written is there, or was removed and kept, and no other.
async fn assert_nothing_lost(live: &Live, before: &[Uuid], written: &Written) {
    let expected: HashSet<Uuid> = before.iter().chain(&written.events).copied().collect();
    let there = live.uuids("SELECT uuid FROM \"prefix\".phoenix_kit_email_events").await;
    let removed = live.uuids("SELECT uuid FROM \"prefix\".aftersend_removed_events").await;
    let found: HashSet<Uuid> = there.iter().chain(&removed).copied().collect();
    assert_eq!(found.len(), there.len() + removed.len(), "rows are there and removed");
    assert_eq!(expected.difference(&found).count(), 0, "rows are lost");
    assert_eq!(found.difference(&expected).count(), 0, "rows came from nowhere");
    let unplaced = live
        .number(
            "SELECT count(*) FROM \"prefix\".aftersend_removed_events AS removed WHERE NOT EXISTS ( \
                 SELECT FROM \"prefix\".phoenix_kit_email_events AS event \
                 WHERE event.email_log_uuid = removed.email_log_uuid AND event.event_type = removed.\"row\" ->> 'event_type' \
                   AND (event.event_type NOT IN ('open', 'click') \
                        OR event.occurred_at = (removed.\"row\" ->> 'occurred_at')::timestamptz))",
        )
        .await;
    assert_eq!(unplaced, 0, "nothing stands in a removed row's place");
    for mail in &written.mails {
        let there = "SELECT FROM mail.phoenix_kit_email_logs WHERE uuid = $1";
        assert!(live.client.query_opt(there, &[mail]).await.unwrap().is_some(), "the mail {mail} is lost");
    }
}

async fn check_beside_writers(seed: u64, count: u64, habits: Habits) {
    let live = Live::with_mails(5_000).await;
    let before = live.uuids("SELECT uuid FROM \"prefix\".phoenix_kit_email_events").await;
    let writers = Writers::start(&live, count, seed, habits).await;
    live.until(
        "SELECT count(*) > 20 FROM \"prefix\".phoenix_kit_email_logs WHERE message_id LIKE 'pk\\_%-%'",
    )
    .await;
    let began = Instant::now();
    let result = live.up().await;
    let took = began.elapsed();
    let written = writers.stop().await;
    println!(
        "seed {seed}, {habits:?}: up took {took:.1?}; {} mails, {} events ({} a second), refused {:?}, \
         longest wait of a writer {:.0?}",
        written.mails.len(),
        written.events.len(),
        written.events.len() * 1_000 / usize::try_from(took.as_millis()).unwrap(),
        written.refused,
        written.longest
    );
    let reports = result.unwrap();
    println!("{:?}", reports.iter().flat_map(|report| &report.notes).collect::<Vec<_>>());
    assert_eq!(written.errors, Vec::<String>::new());
    live.assert_migrated().await;
    assert_nothing_lost(&live, &before, &written).await;
    check_down_beside_writers(&live, &before, &written, habits).await;
}

/// And back, with all that was removed.
async fn check_down_beside_writers(live: &Live, before: &[Uuid], written: &Written, habits: Habits) {
    let writers = Writers::start(live, 3, 100, habits).await;
    let reports = live.down_restoring().await;
    let later = writers.stop().await;
    reports.unwrap();
    assert_eq!(later.errors, Vec::<String>::new());
    let expected: HashSet<Uuid> =
        before.iter().chain(&written.events).chain(&later.events).copied().collect();
    let there = live.uuids("SELECT uuid FROM \"prefix\".phoenix_kit_email_events").await;
    assert_eq!(there.len(), expected.len());
    assert!(there.iter().all(|uuid| expected.contains(uuid)), "rows came from nowhere");
    println!("down: longest wait of a writer {:.0?}", later.longest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn up_ends_beside_writers_of_duplicates() {
    let habits = Habits {
        pause: Duration::from_millis(20),
        slow_every: u32::MAX,
        open_for: Duration::ZERO,
        mails: 10,
    };
    check_beside_writers(1, 2, habits).await;
}

/// Nearly every event is a duplicate, and every third is committed late: a build waits for those, and what they
/// wrote is there only then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn up_ends_beside_writers_of_duplicates_in_long_transactions() {
    let habits = Habits {
        pause: Duration::from_millis(20),
        slow_every: 3,
        open_for: Duration::from_millis(200),
        mails: 5,
    };
    check_beside_writers(2, 6, habits).await;
}

/// A trigger stands for a writer who is faster than we are: what is removed is there again.
#[tokio::test]
async fn a_build_that_meets_duplicates_every_time_ends_and_says_what_to_stop() {
    let live = Live::with_mails(100).await;
    let before = live.uuids("SELECT uuid FROM \"prefix\".phoenix_kit_email_events").await;
    live.run(
        "CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER keep BEFORE DELETE ON \"prefix\".phoenix_kit_email_events
             FOR EACH ROW EXECUTE FUNCTION public.keep()",
    )
    .await;
    let failed = live.up_within(Limits { tries_max: 2, ..Limits::default() }).await;
    assert!(matches!(failed, Err(MigrateError::NeverUnique { tries: 2, .. })), "{failed:?}");
    let said = failed.unwrap_err().to_string();
    assert!(
        said.contains("could not be built in 2 tries") && said.contains("Stop what writes events"),
        "{said}"
    );
    live.run("DROP FUNCTION public.keep CASCADE").await;
    live.up().await.unwrap();
    live.assert_migrated().await;
    assert_nothing_lost(&live, &before, &Written::default()).await;
}
