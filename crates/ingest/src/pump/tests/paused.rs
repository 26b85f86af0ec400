//! What pollers do about a queue and a database that are in trouble, on a clock that stands still while they work.

mod pretend;

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{
    fixture::{Run, Told},
    pump::storing::HOLD_MAX,
};
use pretend::{Database, POISON, Queue, away, bodies, full};

const MINUTE: Duration = Duration::from_mins(1);
/// How often it is looked whether something has come about.
const STEP: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// Endless pollers on a queue, until something has come about.
async fn poll_until(
    queue: &Arc<Queue>,
    database: Database,
    pollers: usize,
    done: impl Fn(&Told, &Queue) -> bool,
) -> (Run, Arc<Database>) {
    let database = Arc::new(database);
    let told = Arc::new(Told::default());
    let (sender, shutdown) = Shutdown::channel();
    let pump = Pump::new(database.clone(), shutdown, told.clone());
    let running = pump.run_pollers(FEED, queue.pollers(pollers), Patience::Endless);
    let stop = async {
        let deadline = Instant::now() + 24 * HOUR;
        while !done(&told, queue) {
            assert!(Instant::now() < deadline, "it has not come about: {:?}", told.conditions());
            tokio::time::sleep(STEP).await;
        }
        sender.send_replace(true);
    };
    let ((tally, result), ()) = tokio::join!(running, stop);
    (Run::new(tally, result, &told), database)
}

fn all_stored(count: usize) -> Tally {
    Tally { received: count, stored: count, ..Tally::default() }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_costs_no_receive_and_is_asked_by_one() {
    let queue = Queue::with(bodies(5_000));
    let outage = 9 * MINUTE;
    let (run, database) =
        poll_until(&queue, Database::back_after(outage, away), 4, |_, queue| queue.is_empty()).await;
    run.result.unwrap();
    assert_eq!(run.tally, all_stored(5_000));
    assert!(queue.receive_counts().iter().all(|&count| count == 1), "each was received once");
    assert_eq!(
        run.told.conditions(),
        [
            "the feed running",
            "the database paused: the database is away: Connection refused",
            "the database running",
            "the feed ended"
        ]
    );
    // Pauses are between 2.5 and 5 s at last; before the gate was closed everybody has tried.
    let tries = database.tries.lock().unwrap().iter().filter(|&&time| time < outage).count();
    let pauses = usize::try_from(outage.as_millis() / 2_500).unwrap();
    assert!((pauses / 2..pauses + 24).contains(&tries), "{tries} tries");
}

#[tokio::test(start_paused = true)]
async fn nobody_receives_while_the_database_takes_nothing() {
    let queue = Queue::with(bodies(40));
    let database = Database::back_after(8 * MINUTE, full);
    let sent_late = AtomicUsize::new(0);
    let (run, _) = poll_until(&queue, database, 3, |told, queue| {
        if told.conditions().len() == 2 && sent_late.fetch_add(1, Ordering::Relaxed) == 60 {
            // A long poll that was under way when it began to pause is over by now.
            queue.send(bodies(60).split_off(40));
        }
        let is_paused = told.conditions().len() == 2;
        let late = queue.receive_counts().into_iter().skip(40).sum::<u32>();
        assert!(!is_paused || late == 0, "received while the database is full");
        queue.is_empty()
    })
    .await;
    run.result.unwrap();
    assert_eq!(run.tally, all_stored(60));
    assert_eq!(
        run.told.conditions()[1..3],
        ["the database paused: the disk is full", "the database running"]
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_long_outage_each_message_has_cost_one_receive_more_at_most() {
    let queue = Queue::with(bodies(1_600));
    let outage = HOUR;
    let handed_back = AtomicUsize::new(0);
    let (run, _) = poll_until(&queue, Database::back_after(outage, full), 4, |_, queue| {
        let (hidden, visible) = queue.counts();
        if hidden == 1 && visible == 1_599 {
            handed_back.fetch_add(1, Ordering::Relaxed);
        }
        queue.is_empty()
    })
    .await;
    run.result.unwrap();
    assert_eq!(run.tally, all_stored(1_600));
    let counts = queue.receive_counts();
    assert!(counts.iter().all(|&count| count <= 2), "{:?}", counts.iter().max());
    // One message only is kept from other programs, for as long as it takes.
    let looks = usize::try_from(outage.as_secs() - 2 * HOLD_MAX.as_secs()).unwrap();
    assert!(handed_back.into_inner() > looks, "the others are there for other programs");
    assert_eq!(run.told.counted("received") - run.told.counted("released"), 1_600);
    assert_eq!(run.told.conditions().len(), 4, "{:?}", run.told.conditions());
}

#[tokio::test(start_paused = true)]
async fn what_changes_about_the_trouble_is_told_once_each() {
    let queue = Queue::with(bodies(600));
    let database = Database::new(|_, now| match now.as_secs() {
        0..60 => Err(full()),
        60..70 => Err(away()),
        70..80 => Err(IngestError::Away("the database system is starting up".to_owned())),
        80..90 => Err(IngestError::Blocked("the database is read-only".to_owned())),
        90..100 => Err(IngestError::Schema("no index".to_owned())),
        _ => Ok(()),
    });
    let (run, _) = poll_until(&queue, database, 3, |_, queue| queue.is_empty()).await;
    run.result.unwrap();
    assert_eq!(run.tally, all_stored(600));
    let conditions = run.told.conditions();
    assert_eq!(conditions.len(), 7, "{conditions:?}");
    assert_eq!(conditions[1], "the database paused: the disk is full");
    assert_eq!(conditions[2], "the database paused: the database is away: Connection refused");
    assert_eq!(conditions[3], "the database paused: the database is read-only");
    assert!(conditions[4].contains("run `aftersend migrate status`"), "{conditions:?}");
    assert_eq!(conditions[5], "the database running");
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_pauses_nobody() {
    let queue = Queue::with(bodies(50));
    let failed = AtomicUsize::new(0);
    let database =
        Database::new(
            move |_, _| {
                if failed.fetch_add(1, Ordering::Relaxed) == 0 { Err(away()) } else { Ok(()) }
            },
        );
    let (run, _) = poll_until(&queue, database, 1, |_, queue| queue.is_empty()).await;
    run.result.unwrap();
    assert_eq!(run.told.conditions(), ["the feed running", "the feed ended"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_waits_for_a_lock_is_kept_and_holds_up_no_other() {
    let queue = Queue::with(bodies(500));
    // Somebody locks a mail for hours.
    let locked = "mail-250".to_owned();
    let database = Database::new(move |ids, now| {
        let stands_in_the_way = ids.contains(&locked) && now < HOUR;
        if stands_in_the_way { Err(IngestError::Repeat("lock timeout".to_owned())) } else { Ok(()) }
    });
    let sent_late = AtomicUsize::new(0);
    let (run, _) = poll_until(&queue, database, 2, |_, queue| {
        let (hidden, visible) = queue.counts();
        if visible == 0 && hidden == 500 && sent_late.fetch_add(1, Ordering::Relaxed) == 0 {
            queue.send(bodies(900).split_off(500));
        }
        queue.is_empty()
    })
    .await;
    run.result.unwrap();
    assert_eq!(run.tally, all_stored(900));
    assert!(queue.receive_counts().iter().all(|&count| count == 1));
    assert_eq!(run.told.conditions(), ["the feed running", "the feed ended"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_can_be_repeated_ends_and_hands_back() {
    for (error, takes) in [(away as fn() -> IngestError, MINUTE), (full, Duration::ZERO)] {
        let queue = Queue::with(bodies(1_500));
        let database = Arc::new(Database::new(move |_, _| Err(error())));
        let told = Arc::new(Told::default());
        let pump = Pump::new(database, Shutdown::channel().1, told.clone());
        let began = Instant::now();
        let (tally, result) = pump.run_pollers(FEED, queue.pollers(3), Patience::Limited(MINUTE)).await;
        let run = Run::new(tally, result, &told);
        let took = began.elapsed();
        assert!((takes..takes + 10 * Duration::from_secs(1)).contains(&took), "{took:?}");
        let said = run.result.unwrap_err().to_string();
        assert_eq!(said, error().to_string());
        assert_eq!(run.tally, Tally::default());
        assert_eq!(queue.counts(), (0, 1_500), "all was handed back");
        assert_eq!(told.conditions().last().unwrap(), &format!("the feed failed: {said}"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_of_a_batch_that_is_broken_off_is_acknowledged() {
    let queue = Queue::with(bodies(64));
    // One event is refused, so that the batch is halved; then the disk is full.
    let tries = AtomicUsize::new(0);
    let database = Arc::new(Database::new(move |ids, _| {
        let number = tries.fetch_add(1, Ordering::Relaxed);
        if number >= 4 {
            Err(full())
        } else if ids.contains(&"mail-40".to_owned()) {
            Err(IngestError::Data("not this one".to_owned()))
        } else {
            Ok(())
        }
    }));
    let told = Arc::new(Told::default());
    let pump = Pump::new(database, Shutdown::channel().1, told.clone());
    let mut poller = queue.pollers(1).remove(0);
    let (tally, result) = pump.run(FEED, &mut poller, Patience::Limited(MINUTE)).await;
    let run = Run::new(tally, result, &told);
    assert_eq!(run.result.unwrap_err().to_string(), "the disk is full");
    // The whole, its first half, the second half, its first half; mail 40 is in that.
    assert_eq!(run.tally, all_stored(32));
    assert_eq!(queue.counts(), (0, 32));
}

#[tokio::test(start_paused = true)]
async fn batches_grow_while_a_backlog_is_worked_off() {
    let queue = Queue::with(bodies(4_000));
    let sizes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = sizes.clone();
    let database = Database::new(move |ids, _| {
        seen.lock().unwrap().push(ids.len());
        Ok(())
    });
    let (run, _) = poll_until(&queue, database, 1, |_, queue| queue.is_empty()).await;
    run.result.unwrap();
    assert_eq!(run.tally, all_stored(4_000));
    assert_eq!(*sizes.lock().unwrap(), [500, 1_000, 1_000, 1_000, 500]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_hands_back_what_waits_for_the_database() {
    let queue = Queue::with(bodies(2_000));
    let database = Database::new(|_, _| Err(away()));
    let (run, _) = poll_until(&queue, database, 4, |_, queue| queue.counts() == (2_000, 0)).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally::default());
    assert_eq!(queue.counts(), (0, 2_000));
    assert_eq!(run.told.counted("released"), 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_takes_some_seconds_whatever_hangs() {
    /// A feed of which one thing never ends.
    struct Hanging(&'static str);
    impl Feed for Hanging {
        type Receipt = ();
        const NAME: &'static str = "hanging";
        async fn receive(&mut self, _messages_max: usize) -> Result<Option<Vec<Received<()>>>, FeedError> {
            if self.0 == "receive" {
                std::future::pending::<()>().await;
            }
            let body = delivery("a").into_bytes();
            Ok(Some(vec![Received { body, origin: String::new(), overlong_bytes: None, receipt: () }]))
        }
        async fn acknowledge(&mut self, _receipts: Vec<()>) -> Result<usize, FeedError> {
            if self.0 == "acknowledge" {
                std::future::pending::<()>().await;
            }
            Ok(0)
        }
        async fn release(&mut self, _receipts: Vec<()>) {
            if self.0 == "release" {
                std::future::pending::<()>().await;
            }
        }
    }
    for hangs in ["receive", "acknowledge", "release", "store"] {
        let database = Arc::new(Database::new(move |_, _| match hangs {
            "release" => Err(away()),
            _ => Ok(()),
        }));
        let told = Arc::new(Told::default());
        let (sender, shutdown) = Shutdown::channel();
        let pump = Pump::new(database, shutdown, told.clone());
        let feeds = vec![Hanging(hangs), Hanging(hangs)];
        let stop = async {
            tokio::time::sleep(MINUTE).await;
            sender.send_replace(true);
            Instant::now()
        };
        let running = pump.run_pollers(FEED, feeds, Patience::Endless);
        let ((tally, result), requested) = tokio::join!(running, stop);
        Run::new(tally, result, &told).result.unwrap();
        assert!(requested.elapsed() <= 3 * SHUTDOWN_GRACE, "{hangs}: {:?}", requested.elapsed());
        let unacknowledged = if hangs == "acknowledge" { 2 } else { 0 };
        assert_eq!(told.counted("unacknowledged"), unacknowledged);
    }
}

#[tokio::test(start_paused = true)]
async fn one_pollers_error_ends_the_others_in_order_and_is_returned() {
    let queue = Queue::with(bodies(4_000));
    let mut acknowledgements = 0;
    *queue.acknowledge_fails.lock().unwrap() = Some(Box::new(move || {
        acknowledgements += 1;
        (acknowledgements == 3).then(|| FeedError::Queue("deleting is forbidden".to_owned()))
    }));
    let (run, database) =
        poll_until(&queue, Database::new(|_, _| Ok(())), 3, |told, _| told.conditions().len() > 1).await;
    assert_eq!(run.result.unwrap_err().to_string(), "deleting is forbidden");
    let stored = database.stored.lock().unwrap().len();
    assert_eq!(run.tally, all_stored(stored), "what the others stored is counted");
    assert!(stored >= 3 * 500, "the others finished what they were storing: {stored}");
    assert_eq!(run.told.conditions()[1..], ["the feed failed: deleting is forbidden"]);
    // What was stored is gone but for the batch that could not be deleted, and nothing else is held.
    assert_eq!(queue.counts(), (500, 4_000 - stored));
}

#[tokio::test(start_paused = true)]
async fn one_pollers_panic_ends_the_others_in_order_and_is_passed_on() {
    let queue = Queue::with(bodies(2_000));
    let panicking = Arc::new(Database::new(|ids, _| {
        assert!(!ids.contains(&"mail-700".to_owned()), "on purpose");
        Ok(())
    }));
    let told = Arc::new(Told::default());
    let pump = Pump::new(panicking.clone(), Shutdown::channel().1, told.clone());
    let pollers = queue.pollers(3);
    let running = tokio::spawn(async move { pump.run_pollers(FEED, pollers, Patience::Endless).await });
    let panic = running.await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
    let stored = panicking.stored.lock().unwrap().len();
    // The batch of the panic is held by nobody and comes again by itself.
    assert_eq!(queue.counts(), (500, 2_000 - 500 - stored));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_away_is_told_once_and_polled_again() {
    let queue = Queue::with(bodies(10));
    let began = Instant::now();
    *queue.receive_fails.lock().unwrap() = Some(Box::new(move || {
        let is_away = (MINUTE..20 * MINUTE).contains(&began.elapsed());
        is_away.then(|| FeedError::Away(format!("throttled at {:?}", began.elapsed())))
    }));
    let sent = AtomicUsize::new(0);
    let (run, _) = poll_until(&queue, Database::new(|_, _| Ok(())), 3, |_, queue| {
        if began.elapsed() > 10 * MINUTE && sent.fetch_add(1, Ordering::Relaxed) == 0 {
            queue.send(bodies(20).split_off(10));
        }
        queue.is_empty() && sent.load(Ordering::Relaxed) > 0
    })
    .await;
    run.result.unwrap();
    assert_eq!(run.tally, all_stored(20));
    let conditions = run.told.conditions();
    assert_eq!(conditions.len(), 4, "{conditions:?}");
    assert!(conditions[1].starts_with("the feed paused: throttled at 6"), "{conditions:?}");
    assert_eq!(conditions[2], "the feed running");
    // Three pollers, pauses of 5 s at least after the first ones.
    let receives = queue.receives.load(Ordering::Relaxed);
    assert!(receives < 3 * (19 * 12 + 20), "{receives}");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_never_answers_is_given_up() {
    let second = Duration::from_secs(1);
    for (patience, takes) in
        [(Patience::Endless, 10 * second..20 * second), (Patience::Limited(MINUTE), Duration::ZERO..second)]
    {
        let queue = Queue::with(bodies(1));
        *queue.receive_fails.lock().unwrap() =
            Some(Box::new(|| Some(FeedError::Away("no such host".to_owned()))));
        let told = Arc::new(Told::default());
        let pump = Pump::new(Arc::new(Database::new(|_, _| Ok(()))), Shutdown::channel().1, told.clone());
        let began = Instant::now();
        let (tally, result) = pump.run_pollers(FEED, queue.pollers(2), patience).await;
        assert_eq!(Run::new(tally, result, &told).result.unwrap_err().to_string(), "no such host");
        assert!(takes.contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_that_refuses_pauses_an_endless_poller_and_blames_no_event() {
    let mut messages = bodies(20);
    messages.insert(7, b"unreadable".to_vec());
    let queue = Queue::with(messages);
    let database = Database::new(|ids, now| {
        let is_refused = ids.contains(&POISON.to_owned()) && now < MINUTE;
        if is_refused { Err(IngestError::Data("closed".to_owned())) } else { Ok(()) }
    });
    let (run, _) = poll_until(&queue, database, 1, |_, queue| queue.is_empty()).await;
    run.result.unwrap();
    assert_eq!((run.tally.quarantined, run.refused.len()), (1, 1));
    let paused = &run.told.conditions()[1];
    assert!(paused.starts_with("the database paused: the quarantine refuses a message"), "{paused}");
}
