//! A migrator that is killed, at any moment, and the next one that goes on.

use std::time::{Duration, Instant};

use aftersend_testkit::database::Client;
use tokio::task::JoinHandle;

use super::{
    assert_same_catalog,
    live::{Live, pid, run},
};
use crate::schema::{MigrateError, Step, StepReport, contract::INDEXES};

/// Sets how often the tests of this file kill, and the seed of the first time.
const TIMES_VARIABLE: &str = "AFTERSEND_TEST_KILLS";
const SEED_VARIABLE: &str = "AFTERSEND_TEST_SEED";

const MAILS: i32 = 1_000;

/// The migrator's session, but for those it has beside it.
const MIGRATOR: &str = "application_name = 'aftersend migrate' AND datname = current_database()";

/// What is there after a step.
#[derive(Clone, Debug)]
struct Outcome {
    catalog: Vec<String>,
    rows: Vec<String>,
}

async fn outcome(live: &Live) -> Outcome {
    Outcome { catalog: live.catalog().await, rows: live.rows().await }
}

impl Outcome {
    async fn assert_same(&self, live: &Live, what: &str) {
        let found = outcome(live).await;
        assert_eq!(found.rows, self.rows, "{what}");
        assert_same_catalog(&found.catalog, &self.catalog);
    }
}

/// A database that goes up and down and up, with what it looks like then when nobody disturbs it.
struct Undisturbed {
    live: Live,
    up: Outcome,
    down: Outcome,
    took: [Duration; 2],
}

impl Undisturbed {
    async fn new() -> Self {
        let live = Live::with_mails(MAILS).await;
        live.run(
            "CREATE TABLE public.without_id AS SELECT uuid FROM \"prefix\".phoenix_kit_email_logs \
             WHERE aws_message_id IS NULL",
        )
        .await;
        let began = Instant::now();
        live.up().await.unwrap();
        let up_took = began.elapsed();
        live.assert_migrated().await;
        let up = outcome(&live).await;
        let began = Instant::now();
        live.down_restoring().await.unwrap();
        let down_took = began.elapsed();
        let down = outcome(&live).await;
        live.up().await.unwrap();
        up.assert_same(&live, "up, down, up").await;
        live.down_restoring().await.unwrap();
        let undisturbed = Self { live, up, down, took: [up_took, down_took] };
        undisturbed.forget_ids().await;
        undisturbed.until_gone().await;
        undisturbed
    }

    /// Undoes the backfill, which `down` leaves.
    async fn forget_ids(&self) {
        self.live
            .run(
                "UPDATE \"prefix\".phoenix_kit_email_logs SET aws_message_id = NULL \
                 WHERE uuid IN (SELECT uuid FROM public.without_id)",
            )
            .await;
    }

    /// Goes up and down undisturbed, after somebody was killed going up.
    async fn finish_up(&self, what: &str) {
        self.live.up().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        self.live.assert_migrated().await;
        self.up.assert_same(&self.live, what).await;
    }

    async fn finish_down(&self, what: &str) {
        self.live.down_restoring().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        self.down.assert_same(&self.live, what).await;
        self.forget_ids().await;
    }

    fn start(&self, up: bool) -> JoinHandle<Result<Vec<StepReport>, MigrateError>> {
        let (address, prefix) = (self.live.address.clone(), self.live.prefix.clone());
        tokio::spawn(async move {
            let mut migrator = crate::schema::Migrator::open(&address, prefix).await?;
            if up {
                return migrator.up(Step::V137).await;
            }
            let options =
                crate::schema::DownOptions { restore_removed: true, ..crate::schema::DownOptions::default() };
            migrator.down(crate::schema::Target::Step(Step::V136), options).await
        })
    }

    /// Kills at the first moment at which a query gives true. Says whether that moment was met.
    async fn kill_when(&self, up: bool, condition: &str) -> bool {
        let task = self.start(up);
        self.live.until(&format!("SELECT ({condition}) OR {}", task_marked(up))).await;
        self.terminate().await;
        let Err(killed) = task.await.unwrap() else { return false };
        let said = killed.to_string();
        assert!(said.contains("Run this again") || said.contains("terminating"), "{said}");
        true
    }

    /// Ends the migrator's session on the server, and waits until it has gone.
    async fn terminate(&self) {
        self.live
            .run(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {MIGRATOR}"))
            .await;
        self.until_gone().await;
    }

    async fn until_gone(&self) {
        self.live.until(&format!("SELECT count(*) = 0 FROM pg_stat_activity WHERE {MIGRATOR}")).await;
    }
}

/// That it has been quicker than we.
fn task_marked(up: bool) -> String {
    let marker = if up { 137 } else { 136 };
    format!("obj_description('\"prefix\".phoenix_kit'::regclass) = '{marker}'")
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|value| value.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments() {
    let undisturbed = Undisturbed::new().await;
    let seed = number(SEED_VARIABLE).unwrap_or_else(|| fastrand::u64(..1_000_000));
    for seed in (seed..).take(usize::try_from(number(TIMES_VARIABLE).unwrap_or(6)).unwrap()) {
        let mut random = fastrand::Rng::with_seed(seed);
        for up in [true, false] {
            let moment = undisturbed.took[usize::from(!up)].mul_f64(random.f64());
            let terminates = random.bool();
            let what = format!(
                "{SEED_VARIABLE}={seed}: {} after {moment:?}, {}",
                if up { "up" } else { "down" },
                if terminates { "by the server" } else { "by the client" },
            );
            println!("{what}");
            let task = undisturbed.start(up);
            tokio::time::sleep(moment).await;
            if terminates {
                undisturbed.terminate().await;
            } else {
                task.abort();
            }
            // It may have been quicker, or not there yet; and what the server still does is for the next one to wait for.
            let _ = task.await;
            if up {
                undisturbed.finish_up(&what).await;
            } else {
                undisturbed.finish_down(&what).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_each_build() {
    let undisturbed = Undisturbed::new().await;
    let mut killed = 0;
    for index in INDEXES.iter().filter(|index| index.step == Step::V137) {
        let runs = format!(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE {MIGRATOR} AND state = 'active' \
             AND query LIKE 'CREATE%{}%'",
            index.name
        );
        killed += usize::from(undisturbed.kill_when(true, &runs).await);
        undisturbed.finish_up(index.name).await;
        undisturbed.finish_down(index.name).await;
    }
    println!("{killed} of 8 builds killed");
    // A build takes some milliseconds, and one or the other is missed.
    assert!(killed >= 3, "{killed}");
}

/// A session that is in the way of some phase.
async fn holding(live: &Live, statements: &str) -> Client {
    let client = live.database.client().await;
    run(&client, &format!("BEGIN; {statements}")).await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_waits_in_each_phase() {
    let undisturbed = Undisturbed::new().await;
    let building = |phase: &str| {
        format!(
            "SELECT count(*) > 0 FROM pg_stat_progress_create_index \
             WHERE datname = current_database() AND phase = '{phase}'"
        )
    };
    let waits = format!(
        "SELECT count(*) > 0 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND {MIGRATOR}"
    );
    let duplicate = "SELECT FROM \"prefix\".phoenix_kit_email_events AS event WHERE event_data ->> 'copy' = '1' FOR UPDATE";
    let mail = "SELECT FROM \"prefix\".phoenix_kit_email_logs WHERE headers <> '{}' FOR UPDATE";
    let writes = "INSERT INTO \"prefix\".phoenix_kit_email_events SELECT * FROM \"prefix\".phoenix_kit_email_events \
        LIMIT 0; LOCK TABLE \"prefix\".phoenix_kit_email_events IN ROW EXCLUSIVE MODE";
    let snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class";
    let marker = "LOCK TABLE \"prefix\".phoenix_kit IN SHARE MODE";
    for (what, held, when) in [
        ("removing", duplicate, waits.as_str()),
        ("before the build", writes, &building("waiting for writers before build")),
        ("after the build", snapshot, &building("waiting for old snapshots")),
        ("backfill", mail, &waits),
        ("marker", marker, &waits),
    ] {
        println!("{what}");
        let holder = holding(&undisturbed.live, held).await;
        assert!(undisturbed.kill_when(true, when).await, "{what}");
        drop(holder);
        undisturbed.finish_up(what).await;
        undisturbed.finish_down(what).await;
    }
    let removed = "SELECT FROM \"prefix\".aftersend_removed_events FOR UPDATE";
    let progress = "SELECT FROM \"prefix\".aftersend_progress";
    for (what, held) in
        [("dropping", writes), ("restoring", removed), ("the marker, down", marker), ("own tables", progress)]
    {
        println!("{what}");
        undisturbed.finish_up(what).await;
        let holder = holding(&undisturbed.live, held).await;
        assert!(undisturbed.kill_when(false, &waits).await, "{what}");
        drop(holder);
        undisturbed.finish_down(what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_migrator_goes_on_when_the_first_is_cut_off() {
    let undisturbed = Undisturbed::new().await;
    let live = &undisturbed.live;
    let holder = holding(live, "LOCK TABLE \"prefix\".phoenix_kit_email_events IN ROW EXCLUSIVE MODE").await;
    let first = undisturbed.start(true);
    live.until("SELECT count(*) > 0 FROM pg_stat_progress_create_index WHERE datname = current_database()")
        .await;
    let first_pid = live.number(&format!("SELECT pid::bigint FROM pg_stat_activity WHERE {MIGRATOR}")).await;
    let second = undisturbed.start(true);
    live.until(&format!("SELECT count(*) = 2 FROM pg_stat_activity WHERE {MIGRATOR}")).await;
    live.number(&format!("SELECT pg_terminate_backend({first_pid})::int::bigint")).await;
    first.await.unwrap().unwrap_err();
    assert!(!second.is_finished());
    assert!(pid(&holder).await > 0);
    drop(holder);
    second.await.unwrap().unwrap();
    live.assert_migrated().await;
    undisturbed.up.assert_same(live, "the second").await;
}
