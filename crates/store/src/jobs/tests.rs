use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use aftersend_testkit::{Database, PoolMode, Pooler};

use super::*;
use crate::{DatabaseAddress, Store, TagNames, testing::Fixture};

/// How long to wait for what is to come.
const PATIENCE: Duration = Duration::from_mins(1);

fn nightly() -> Schedule {
    "daily 03:00".parse().unwrap()
}

async fn begin(store: &Store, job: Job) -> BegunJob {
    store.begin_job(job, Starting::ByHand).await.unwrap()
}

async fn ours(store: &Store, job: Job) -> StartedJob {
    match begin(store, job).await {
        BegunJob::Ours(started) => started,
        other => panic!("{other:?}"),
    }
}

/// Begins a run once nobody else has one.
async fn in_turn(store: &Store, job: Job, starting: &Starting) -> StartedJob {
    let began = Instant::now();
    loop {
        match store.begin_job(job, starting.clone()).await {
            Ok(BegunJob::Ours(started)) => return started,
            other => assert!(began.elapsed() < PATIENCE, "{other:?}"),
        }
        tokio::task::yield_now().await;
    }
}

async fn state(store: &Store, job: Job) -> JobState {
    store.jobs().await.unwrap().into_iter().find(|state| state.job == job).unwrap()
}

/// Has a job be due, and says how it stands then.
async fn make_due(fixture: &Fixture, job: Job) {
    let plan = JobPlan { schedule: nightly(), jobs: vec![job] };
    fixture.store.due_job(&plan).await.unwrap();
    fixture
        .run(&format!(
            r#"UPDATE "prefix".aftersend_jobs SET next_at = now() - interval '1 s' WHERE job = '{job}'"#
        ))
        .await;
}

fn bodies(compressed_bodies: u64) -> JobCounts {
    JobCounts { compressed_bodies, ..JobCounts::default() }
}

#[tokio::test]
async fn a_run_is_seen_from_its_beginning_to_its_end() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let untouched: Vec<JobState> = Job::ALL.map(JobState::untouched).into();
    assert_eq!(store.jobs().await.unwrap(), untouched);

    let mut started = ours(store, Job::Compress).await;
    assert_eq!(started.beat(&bodies(3)).await.unwrap(), Holding::Ours);
    let seen = state(store, Job::Compress).await;
    let running = seen.running.unwrap();
    assert_eq!((running.number, running.did, running.by_schedule), (started.number(), bodies(3), false));
    assert!(running.runner.contains(&process::id().to_string()), "{}", running.runner);
    assert_eq!(seen.last, None);

    assert_eq!(started.end(&JobOutcome::Done, &bodies(7)).await.unwrap(), Holding::Ours);
    let seen = state(store, Job::Compress).await;
    let last = seen.last.unwrap();
    assert_eq!((seen.running, last.outcome, last.did), (None, JobOutcome::Done, bodies(7)));
    assert!(last.began_at <= last.ended_at);
    // Said twice it changes nothing.
    assert_eq!(started.end(&JobOutcome::Stopped, &bodies(9)).await.unwrap(), Holding::Lost);
    let mut again = ours(store, Job::Compress).await;
    again.end(&JobOutcome::Done, &bodies(5)).await.unwrap();
    assert_eq!(state(store, Job::Compress).await.totals, bodies(12));
    let runs = store.job_runs(Job::Compress, 10).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.did).collect::<Vec<_>>(), [bodies(5), bodies(7)]);
}

/// Whoever begins counts itself in, and out before it ends: more than one would be seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_runs_at_a_time_however_many_race() {
    let fixture = Fixture::new().await;
    let inside = Arc::new(AtomicU32::new(0));
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..6 {
        // A pool of connections for each, as processes have.
        let store = Store::open(&fixture.address, fixture.prefix.clone(), TagNames::default()).await.unwrap();
        let inside = Arc::clone(&inside);
        racers.spawn(async move {
            for round in 0..4 {
                let mut started = in_turn(&store, Job::ALL[(racer + round) % 3], &Starting::ByHand).await;
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                assert_eq!(started.beat(&bodies(1)).await.unwrap(), Holding::Ours);
                assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                let ended = loop {
                    // Others ask for the same rows all the time.
                    if let Ok(ended) = started.end(&JobOutcome::Done, &bodies(1)).await {
                        break ended;
                    }
                };
                assert_eq!(ended, Holding::Ours);
            }
        });
    }
    while let Some(raced) = racers.join_next().await {
        raced.unwrap();
    }
    let states = fixture.store.jobs().await.unwrap();
    assert_eq!(states.iter().map(|state| state.totals.compressed_bodies).sum::<u64>(), 24);
    assert!(states.iter().all(|state| state.running.is_none() && state.failures_in_a_row == 0), "{states:?}");
}

#[tokio::test]
async fn while_one_runs_others_are_told_who() {
    let fixture = Fixture::new().await;
    let mut started = ours(&fixture.store, Job::Archive).await;
    for job in Job::ALL {
        let BegunJob::Elsewhere(busy, running) = begin(&fixture.store, job).await else { panic!("{job}") };
        assert_eq!((busy, running.number), (Job::Archive, started.number()));
    }
    // Another schema of the same database has jobs of its own.
    let other = Fixture::new().await;
    ours(&other.store, Job::Archive).await.end(&JobOutcome::Done, &bodies(0)).await.unwrap();
    started.end(&JobOutcome::Done, &bodies(0)).await.unwrap();
}

/// As after a kill: the session goes, and nothing else is said.
#[tokio::test]
async fn a_runner_that_has_vanished_is_followed_at_once() {
    let fixture = Fixture::new().await;
    make_due(&fixture, Job::Compress).await;
    let by_schedule = Starting::BySchedule(nightly());
    let mut started = in_turn(&fixture.store, Job::Compress, &by_schedule).await;
    started.beat(&bodies(4)).await.unwrap();
    drop(started);
    // It was due, and is.
    let mut next = in_turn(&fixture.store, Job::Compress, &by_schedule).await;
    let seen = state(&fixture.store, Job::Compress).await;
    assert_eq!((seen.failures_in_a_row, seen.totals), (1, bodies(4)));
    let last = seen.last.unwrap();
    assert_eq!((last.outcome, last.did), (JobOutcome::Failed(LOST.to_owned()), bodies(4)));
    next.end(&JobOutcome::Done, &bodies(1)).await.unwrap();
    let seen = state(&fixture.store, Job::Compress).await;
    assert_eq!((seen.failures_in_a_row, seen.totals), (0, bodies(5)));
}

/// A job that ends its own process would else do so at every start.
#[tokio::test]
async fn a_job_whose_runners_vanish_again_and_again_is_put_off() {
    let fixture = Fixture::new().await;
    make_due(&fixture, Job::Prune).await;
    let by_schedule = Starting::BySchedule(nightly());
    for _ in 0..2 {
        drop(in_turn(&fixture.store, Job::Prune, &by_schedule).await);
    }
    let began = Instant::now();
    loop {
        match fixture.store.begin_job(Job::Prune, by_schedule.clone()).await {
            Ok(BegunJob::NotDue) => break,
            // The session's end takes a moment.
            Ok(BegunJob::Elsewhere(..)) | Err(_) => assert!(began.elapsed() < PATIENCE),
            other => panic!("{other:?}"),
        }
    }
    let seen = state(&fixture.store, Job::Prune).await;
    assert_eq!(seen.failures_in_a_row, 2);
    let wait_s = -seen.overdue_s.unwrap();
    assert!((1.0..=120.0).contains(&wait_s), "{wait_s}");
    // By hand it runs whenever somebody wants.
    ours(&fixture.store, Job::Prune).await.end(&JobOutcome::Done, &bodies(0)).await.unwrap();
}

/// A runner that hangs, or is cut off without its server noticing, and clocks that jump.
#[tokio::test]
async fn a_lease_that_is_out_of_time_is_nobodys() {
    for heard in ["now() - interval '2 min'", "now() + interval '2 min'", "now() + interval '30 years'"] {
        let fixture = Fixture::new().await;
        let mut hangs = ours(&fixture.store, Job::Archive).await;
        fixture
            .run(&format!(r#"UPDATE "prefix".aftersend_jobs SET heard_at = {heard} WHERE job = 'archive'"#))
            .await;
        // Nobody has taken over yet, and it is there after all.
        assert_eq!(state(&fixture.store, Job::Archive).await.running, None, "{heard}");
        assert_eq!(hangs.beat(&bodies(1)).await.unwrap(), Holding::Ours);
        assert!(state(&fixture.store, Job::Archive).await.running.is_some());

        fixture
            .run(&format!(r#"UPDATE "prefix".aftersend_jobs SET heard_at = {heard} WHERE job = 'archive'"#))
            .await;
        let mut next = ours(&fixture.store, Job::Archive).await;
        assert_eq!(hangs.beat(&bodies(2)).await.unwrap(), Holding::Lost);
        assert_eq!(hangs.end(&JobOutcome::Done, &bodies(2)).await.unwrap(), Holding::Lost);
        assert_eq!(next.beat(&bodies(0)).await.unwrap(), Holding::Ours, "{heard}");
        next.end(&JobOutcome::Done, &bodies(0)).await.unwrap();
    }
}

#[tokio::test]
async fn a_runner_that_loses_its_session_goes_on_with_another() {
    let fixture = Fixture::new().await;
    let mut started = ours(&fixture.store, Job::Compress).await;
    fixture
        .run(
            r#"SELECT pg_terminate_backend(session_pid) FROM "prefix".aftersend_jobs WHERE job = 'compress'"#,
        )
        .await;
    let began = Instant::now();
    while started.beat(&bodies(2)).await.is_err() {
        assert!(began.elapsed() < PATIENCE);
    }
    assert_eq!(started.end(&JobOutcome::Done, &bodies(2)).await.unwrap(), Holding::Ours);
}

#[tokio::test]
async fn failures_are_tried_again_ever_later_and_counted() {
    let fixture = Fixture::new().await;
    let by_schedule = Starting::BySchedule(nightly());
    for (failures, pause_s) in [(1, 60.0), (2, 120.0), (3, 240.0)] {
        make_due(&fixture, Job::Archive).await;
        let mut started = in_turn(&fixture.store, Job::Archive, &by_schedule).await;
        let failed = JobOutcome::Failed("the bucket is away".to_owned());
        started.end(&failed, &bodies(0)).await.unwrap();
        let seen = state(&fixture.store, Job::Archive).await;
        assert_eq!((seen.failures_in_a_row, seen.last.unwrap().outcome), (failures, failed));
        let wait_s = -seen.overdue_s.unwrap();
        // Earlier where the schedule has it earlier.
        assert!(wait_s <= pause_s && (wait_s > pause_s - 30.0 || is_soon(&nightly(), pause_s)), "{wait_s}");
        let again = fixture.store.begin_job(Job::Archive, by_schedule.clone()).await.unwrap();
        assert!(matches!(again, BegunJob::NotDue), "{again:?}");
    }
    // Stopped, it is due at once, and no failure.
    make_due(&fixture, Job::Archive).await;
    let mut started = in_turn(&fixture.store, Job::Archive, &by_schedule).await;
    started.end(&JobOutcome::Stopped, &bodies(0)).await.unwrap();
    assert_eq!(state(&fixture.store, Job::Archive).await.failures_in_a_row, 3);
    let mut started = in_turn(&fixture.store, Job::Archive, &by_schedule).await;
    started.end(&JobOutcome::Done, &bodies(0)).await.unwrap();
    let seen = state(&fixture.store, Job::Archive).await;
    assert_eq!(seen.failures_in_a_row, 0);
    assert_eq!(seen.next_at, nightly().next_after(seen.last.unwrap().ended_at));
}

fn is_soon(schedule: &Schedule, within_s: f64) -> bool {
    let now = Timestamp::now();
    schedule.next_after(now).is_some_and(|next| next.duration_since(now).as_secs_f64() < within_s)
}

#[test]
fn the_pause_grows_to_an_hour() {
    let minutes = |failures| retry_pause(failures).as_secs() / 60;
    assert_eq!([1, 2, 3, 6, 7, 8, i64::MAX].map(minutes), [1, 2, 4, 32, 60, 60, 60]);
    assert_eq!([0, i64::MIN].map(minutes), [1, 1]);
}

#[tokio::test]
async fn what_is_due_comes_in_order_and_once() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let plan = JobPlan { schedule: nightly(), jobs: vec![Job::Compress, Job::Prune] };
    assert_eq!(store.due_job(&plan).await.unwrap(), None);
    let stands = async |job| {
        let state = state(store, job).await;
        (state.schedule, state.next_at.is_some())
    };
    assert_eq!(stands(Job::Compress).await, (Some("daily 03:00".to_owned()), true));
    assert_eq!(stands(Job::Archive).await, (None, false));

    fixture.run(r#"UPDATE "prefix".aftersend_jobs SET next_at = now() - interval '3 years'"#).await;
    let by_schedule = Starting::BySchedule(nightly());
    for job in [Job::Compress, Job::Prune] {
        assert_eq!(store.due_job(&plan).await.unwrap(), Some(job));
        let mut started = in_turn(store, job, &by_schedule).await;
        started.end(&JobOutcome::Done, &bodies(0)).await.unwrap();
        let again = store.begin_job(job, by_schedule.clone()).await.unwrap();
        assert!(matches!(again, BegunJob::NotDue), "{again:?}");
    }
    assert_eq!(store.due_job(&plan).await.unwrap(), None);

    // A clock that has gone back.
    fixture.run(r#"UPDATE "prefix".aftersend_jobs SET next_at = now() + interval '30 years'"#).await;
    store.due_job(&plan).await.unwrap();
    let ahead_s = -state(store, Job::Compress).await.overdue_s.unwrap();
    assert!(ahead_s <= 24.0 * 3_600.0, "{ahead_s}");
}

/// A process that starts, or looks, must not take from others what they have on their schedules.
#[tokio::test]
async fn what_is_due_stays_due_whoever_else_starts() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    make_due(&fixture, Job::Archive).await;
    let due_at = state(store, Job::Archive).await.next_at.unwrap();
    for (schedule, jobs) in [
        ("daily 03:00", vec![Job::Compress]),
        ("off", Job::ALL.to_vec()),
        ("every 6 hours", Job::ALL.to_vec()),
    ] {
        let other = JobPlan { schedule: schedule.parse().unwrap(), jobs };
        store.due_job(&other).await.unwrap();
        assert_eq!(state(store, Job::Archive).await.next_at, Some(due_at), "{schedule}");
    }
    let plan = JobPlan { schedule: nightly(), jobs: vec![Job::Archive] };
    assert_eq!(store.due_job(&plan).await.unwrap(), Some(Job::Archive));
}

#[tokio::test]
async fn each_of_two_schedules_holds() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let [often, seldom] = ["every 10 minutes", "every 7 days"]
        .map(|schedule| JobPlan { schedule: schedule.parse().unwrap(), jobs: vec![Job::Prune] });
    let in_s = async || -state(store, Job::Prune).await.overdue_s.unwrap();
    for plan in [&often, &seldom, &often] {
        store.due_job(plan).await.unwrap();
        assert!(in_s().await <= 600.0);
    }
    make_due(&fixture, Job::Prune).await;
    let by_schedule = Starting::BySchedule(seldom.schedule.clone());
    in_turn(store, Job::Prune, &by_schedule).await.end(&JobOutcome::Done, &bodies(0)).await.unwrap();
    store.due_job(&often).await.unwrap();
    assert!(in_s().await <= 600.0);
}

#[tokio::test]
async fn a_job_is_planned_until_all_that_plan_it_have_ended() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let plan = JobPlan { schedule: nightly(), jobs: vec![Job::Compress, Job::Archive] };
    store.due_job(&plan).await.unwrap();
    make_due(&fixture, Job::Archive).await;
    let is_planned = async |job| {
        let state = state(store, job).await;
        assert_eq!(state.schedule.is_some(), state.next_at.is_some(), "{state:?}");
        assert_eq!(state.schedule.is_some(), state.overdue_s.is_some(), "{state:?}");
        state.schedule.is_some()
    };
    let other = JobPlan { schedule: "every day".parse().unwrap(), jobs: Job::ALL.to_vec() };
    store.unplan_jobs(&other).await.unwrap();
    assert!(is_planned(Job::Compress).await && is_planned(Job::Archive).await);
    let less = JobPlan { jobs: vec![Job::Archive], ..plan.clone() };
    store.unplan_jobs(&less).await.unwrap();
    assert!(is_planned(Job::Compress).await && !is_planned(Job::Archive).await);
    // Whoever plans it next does what was missed.
    assert_eq!(store.due_job(&plan).await.unwrap(), Some(Job::Archive));
    assert!(is_planned(Job::Archive).await);

    // Whoever was killed has not said so.
    let late = async |days: u32| {
        fixture
            .run(&format!(
                r#"UPDATE "prefix".aftersend_jobs SET next_at = now() - interval '{days} days'
                   WHERE job = 'archive'"#
            ))
            .await;
        is_planned(Job::Archive).await
    };
    assert!(late(13).await && !late(15).await);
    // It may wait for another, however long that takes.
    let mut other = ours(store, Job::Compress).await;
    assert!(is_planned(Job::Archive).await);
    other.end(&JobOutcome::Done, &bodies(0)).await.unwrap();
    assert!(!is_planned(Job::Archive).await);
    assert_eq!(store.due_job(&plan).await.unwrap(), Some(Job::Archive));
}

#[tokio::test]
async fn older_runs_are_forgotten() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".aftersend_job_runs (job, runner, by_schedule, ended_at, outcome)
               SELECT job, 'process 1', true, now(), 'done'
               FROM generate_series(1, 80), unnest('{compress,prune}'::text[]) AS job"#,
        )
        .await;
    ours(&fixture.store, Job::Compress).await.end(&JobOutcome::Done, &bodies(1)).await.unwrap();
    let runs = fixture.store.job_runs(Job::Compress, 1_000).await.unwrap();
    assert_eq!((runs.len(), runs[0].did), (50, bodies(1)));
    let kept = r#""prefix".aftersend_job_runs WHERE job = "#;
    assert_eq!(fixture.count(&format!("{kept}'compress'")).await, 50);
    assert_eq!(fixture.count(&format!("{kept}'prune'")).await, 80);
}

#[tokio::test]
async fn whose_a_session_is() {
    let schema = Database::get().await.fresh_schema();
    for (mode, is_own) in [(PoolMode::Transaction, false), (PoolMode::Session, true)] {
        let pooler = Pooler::start(schema.url(), mode, 3).await;
        let address: DatabaseAddress = pooler.url().parse().unwrap();
        let store =
            Store::open(&address, schema.prefix().parse().unwrap(), TagNames::default()).await.unwrap();
        assert_eq!(store.job_session().await.unwrap().is_own, is_own, "{mode:?}");
    }
    let address: DatabaseAddress = schema.url().parse().unwrap();
    let store = Store::open(&address, schema.prefix().parse().unwrap(), TagNames::default()).await.unwrap();
    assert!(store.job_session().await.unwrap().is_own);
}

/// Where the session may be anybody's, only time tells.
#[tokio::test]
async fn a_shared_session_proves_nothing() {
    let fixture = Fixture::new().await;
    let started = ours(&fixture.store, Job::Compress).await;
    fixture.run(r#"UPDATE "prefix".aftersend_jobs SET session_pid = NULL, session_began_at = NULL"#).await;
    drop(started);
    assert!(matches!(begin(&fixture.store, Job::Compress).await, BegunJob::Elsewhere(..)));
    fixture
        .run(
            r#"UPDATE "prefix".aftersend_jobs SET heard_at = now() - interval '61 s' WHERE job = 'compress'"#,
        )
        .await;
    ours(&fixture.store, Job::Compress).await.end(&JobOutcome::Done, &bodies(0)).await.unwrap();
}
