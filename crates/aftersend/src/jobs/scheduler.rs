//! Jobs by schedule, for as long as `serve` runs.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use aftersend_ingest::Shutdown;
use aftersend_store::{
    BegunJob, Holding, IngestError, Job, JobOutcome, JobPlan, JobState, QueryError, Schedule, StartedJob,
    Starting, Store,
};
use futures_util::FutureExt;
use tokio::sync::Notify;

use super::{Tally, Wanted, hold::hold, sentence, work::WorkError, work::work};
use crate::watch::Watch;

/// How often it is asked what is due. The server's clock is looked at each time, so that none need be trusted to run on.
const TICK: Duration = Duration::from_secs(20);

/// How soon it is asked again while the database is in trouble.
const TROUBLE_PAUSE: Duration = Duration::from_secs(5);

/// How soon it is said again that this process plans nothing any more, where the database did not take it.
const UNPLAN_PAUSE: Duration = Duration::from_millis(200);

/// For how long what is being written down may take once this program is to end.
const LAST_WORD: Duration = Duration::from_secs(3);

/// What a run says that panicked. The panic's own words may hold what belongs in no table.
const PANICKED: &str = "a fault of this program itself has ended it; the log of `aftersend serve` has more, and a report of it is \
                        welcome";

/// Says the same trouble once, until it is over or another.
#[derive(Default)]
struct Trouble(Option<String>);

impl Trouble {
    fn say(&mut self, sentence: &str) {
        if self.0.as_deref() != Some(sentence) {
            tracing::warn!(
                reason = sentence,
                "what is done with older mails waits for the database; it goes on by itself"
            );
            self.0 = Some(sentence.to_owned());
        }
    }

    fn is_over(&mut self) {
        if self.0.take().is_some() {
            tracing::info!("older mails are looked after again");
        }
    }
}

/// Runs jobs when they are due, one after the other, until a shutdown is requested; ends then as soon as what is under way has
/// been broken off and noted. Never fails: what goes wrong is noted and logged, and tried again after a longer pause.
pub(crate) async fn run_by_schedule(store: Store, wanted: Wanted, watch: Arc<Watch>, shutdown: Shutdown) {
    let news = Notify::new();
    let telling = tell(&store, &watch, &news, shutdown.clone());
    let scheduler =
        Scheduler { store: store.clone(), wanted, news: &news, shutdown, trouble: Trouble::default() };
    tokio::join!(scheduler.run_all(), telling);
}

/// Has metrics say how jobs stand, whoever runs them.
async fn tell(store: &Store, watch: &Watch, news: &Notify, mut shutdown: Shutdown) {
    loop {
        let jobs = tokio::select! {
            biased;
            () = shutdown.requested() => return,
            jobs = store.jobs() => jobs,
        };
        watch.jobs(jobs.ok().as_deref());
        tokio::select! {
            biased;
            () = shutdown.requested() => return,
            () = news.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// What is due could not be found out.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error("{}", sentence(.0))]
    Plan(#[from] IngestError),
    #[error(transparent)]
    Jobs(#[from] QueryError),
}

struct Scheduler<'a> {
    store: Store,
    /// That a run has begun or ended.
    news: &'a Notify,
    wanted: Wanted,
    shutdown: Shutdown,
    trouble: Trouble,
}

impl Scheduler<'_> {
    async fn run_all(mut self) {
        let Some(plan) = self.plan().await else { return };
        self.run_planned(&plan).await;
        if plan.schedule != Schedule::Off {
            self.in_time(unplan(&self.store, &plan)).await;
        }
    }

    async fn run_planned(&mut self, plan: &JobPlan) {
        let mut wish = self.shutdown.clone();
        loop {
            let looked = tokio::select! {
                biased;
                () = wish.requested() => return,
                looked = self.look(plan) => looked,
            };
            let mut pause = TICK;
            match looked {
                Ok(due) => {
                    self.trouble.is_over();
                    if let Some(job) = due
                        && self.run(job, plan).await
                    {
                        // What is due next is looked for at once.
                        pause = Duration::ZERO;
                    }
                }
                Err(error) => {
                    self.trouble.say(&error.to_string());
                    pause = TROUBLE_PAUSE;
                }
            }
            tokio::select! {
                biased;
                () = wish.requested() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// What has to be written down whole, for which a wish to end leaves a little time; nothing after that.
    async fn in_time<T>(&self, writing: impl Future<Output = T>) -> Option<T> {
        let mut wish = self.shutdown.clone();
        let overdue = async {
            wish.requested().await;
            tokio::time::sleep(LAST_WORD).await;
        };
        tokio::select! {
            biased;
            written = writing => Some(written),
            () = overdue => None,
        }
    }

    /// What this process has to do by itself, as soon as the database says what it is needed for; nothing where it is time to end.
    async fn plan(&mut self) -> Option<JobPlan> {
        let mut wish = self.shutdown.clone();
        let planning = async {
            loop {
                match self.wanted.plan(&self.store).await {
                    Ok(plan) => return plan,
                    Err(error) => self.trouble.say(&sentence(&error)),
                }
                tokio::time::sleep(TROUBLE_PAUSE).await;
            }
        };
        tokio::select! {
            biased;
            () = wish.requested() => None,
            plan = planning => Some(plan),
        }
    }

    /// The job that is due, unless one is at work somewhere.
    async fn look(&self, plan: &JobPlan) -> Result<Option<Job>, LookError> {
        let Some(job) = self.store.due_job(plan).await? else { return Ok(None) };
        let at_work = JobState::at_work(&self.store.jobs().await?);
        Ok(at_work.is_none().then_some(job))
    }

    /// Runs a job. Whether there may be more to do at once.
    async fn run(&mut self, job: Job, plan: &JobPlan) -> bool {
        let starting = Starting::BySchedule(plan.schedule.clone());
        // Left half way, a run that nobody does counts as failed once somebody looks, and is run again.
        let Some(begun) = self.in_time(self.store.begin_job(job, starting)).await else { return false };
        let mut started = match begun {
            Ok(BegunJob::Ours(started)) => started,
            Ok(BegunJob::Elsewhere(busy, running)) => {
                tracing::debug!(job = busy.as_str(), runner = running.runner, "a job is at work elsewhere");
                return false;
            }
            Ok(BegunJob::NotDue) => return false,
            Err(error) => {
                self.trouble.say(&sentence(&error));
                return false;
            }
        };
        tracing::info!(job = job.as_str(), run = started.number(), "a job begins");
        self.news.notify_one();
        let tally = Tally::default();
        let working = work(&self.store, job, &self.wanted, &tally);
        let outcome = tokio::select! {
            biased;
            () = self.shutdown.requested() => Some(JobOutcome::Stopped),
            // The futures of the SDK are large.
            held = hold(&mut started, &tally, Box::pin(outcome_of(working))) => held,
            never = stay_planned(&self.store, plan) => match never {},
        };
        let Some(outcome) = outcome else {
            tracing::warn!(job = job.as_str(), "another process has taken the job over, and goes on with it");
            return false;
        };
        if let JobOutcome::Failed(reason) = &outcome {
            tracing::warn!(
                job = job.as_str(),
                reason,
                "a job failed; it is tried again by itself, ever later"
            );
        }
        self.end(started, &outcome, &tally).await
    }

    /// Writes down how a run ended, however long the database is away, unless it is time to end. Whether that was done.
    async fn end(&mut self, mut started: StartedJob, outcome: &JobOutcome, tally: &Tally) -> bool {
        let (job, did) = (started.job(), tally.get());
        let mut wish = self.shutdown.clone();
        loop {
            match self.in_time(started.end(outcome, &did)).await {
                Some(Ok(Holding::Ours)) => {
                    tracing::info!(job = job.as_str(), outcome = outcome.as_str(), "a job has ended");
                    self.news.notify_one();
                    return true;
                }
                // Unsaid, it counts as failed once somebody looks, and is run again.
                None | Some(Ok(Holding::Lost)) => return false,
                // The tables are gone: there is nothing to write it in.
                Some(Err(error @ IngestError::Schema(_))) => {
                    self.trouble.say(&error.to_string());
                    return false;
                }
                Some(Err(error)) => self.trouble.say(&sentence(&error)),
            }
            if self.shutdown.is_requested() {
                return false;
            }
            tokio::select! {
                () = wish.requested() => {}
                () = tokio::time::sleep(TROUBLE_PAUSE) => {}
            }
        }
    }
}

/// Says again and again, while a job is at work, that this process has the others on its schedule: another one that plans the same
/// and ends says that nobody does.
async fn stay_planned(store: &Store, plan: &JobPlan) -> Infallible {
    loop {
        tokio::time::sleep(TICK).await;
        // What keeps it from that, the run itself comes across.
        drop(store.due_job(plan).await);
    }
}

/// Writes down that this process plans nothing any more, unless the database is away.
async fn unplan(store: &Store, plan: &JobPlan) {
    while let Err(error) = store.unplan_jobs(plan).await {
        tracing::debug!(
            reason = sentence(&error),
            "that jobs are not planned any more could not be written down"
        );
        if !matches!(error, IngestError::Repeat(_)) {
            return;
        }
        tokio::time::sleep(UNPLAN_PAUSE).await;
    }
}

/// Works, and says how that ended. A fault in what one job uses must neither end the others nor go unnoticed.
async fn outcome_of(working: impl Future<Output = Result<(), WorkError>>) -> JobOutcome {
    // What it worked on is dropped with it.
    match AssertUnwindSafe(working).catch_unwind().await {
        Ok(Ok(())) => JobOutcome::Done,
        Ok(Err(error)) => JobOutcome::Failed(error.to_string()),
        Err(_) => JobOutcome::Failed(PANICKED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_has_failed_and_ends_nothing_else() {
        let panicking = async { panic!("with an address in it") };
        assert_eq!(outcome_of(panicking).await, JobOutcome::Failed(PANICKED.to_owned()));
        assert_eq!(outcome_of(async { Ok(()) }).await, JobOutcome::Done);
        let failed = outcome_of(async { Err(WorkError::NoArchive) }).await;
        assert_eq!(failed, JobOutcome::Failed(WorkError::NoArchive.to_string()));
    }
}
