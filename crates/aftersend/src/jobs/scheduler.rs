//! Jobs by schedule, for as long as `serve` runs.

use std::{sync::Arc, time::Duration};

use aftersend_ingest::Shutdown;
use aftersend_store::{
    BegunJob, Holding, IngestError, Job, JobOutcome, JobPlan, StartedJob, Starting, Store,
};
use tokio::sync::Notify;

use super::{Tally, Wanted, hold::hold, work::work};
use crate::watch::Watch;

/// How often it is asked what is due. The server's clock is looked at each time, so that none need be trusted to run on.
const TICK: Duration = Duration::from_secs(20);

/// For how long the end of a run is tried to be written down once this program is to end.
const LAST_WORD: Duration = Duration::from_secs(3);

/// Says the same trouble once, until it is over or another.
#[derive(Default)]
struct Trouble(Option<String>);

impl Trouble {
    fn say(&mut self, error: &IngestError) {
        let sentence = error.to_string();
        if self.0.as_ref() != Some(&sentence) {
            tracing::warn!(
                reason = sentence,
                "what is done with older mails waits for the database; it goes on by itself"
            );
            self.0 = Some(sentence);
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
        let scheduler = &mut self;
        let mut wish = scheduler.shutdown.clone();
        let Some(plan) = scheduler.plan().await else { return };
        loop {
            let mut is_idle = true;
            match scheduler.look(&plan).await {
                Ok(None) => scheduler.trouble.is_over(),
                Ok(Some(job)) => {
                    scheduler.trouble.is_over();
                    // What is due next is looked for at once.
                    is_idle = !scheduler.run(job, &plan).await;
                }
                Err(error) => scheduler.trouble.say(&error),
            }
            let pause = if is_idle { TICK } else { Duration::ZERO };
            tokio::select! {
                biased;
                () = wish.requested() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Writes down what is planned, as soon as the database takes it; nothing where it is time to end.
    async fn plan(&mut self) -> Option<JobPlan> {
        let mut wish = self.shutdown.clone();
        let planning = async {
            loop {
                let planned = async {
                    let plan = self.wanted.plan(&self.store).await?;
                    self.store.plan_jobs(&plan).await.map(|()| plan)
                };
                match planned.await {
                    Ok(plan) => return plan,
                    Err(error) => self.trouble.say(&error),
                }
                tokio::time::sleep(TICK).await;
            }
        };
        tokio::select! {
            biased;
            () = wish.requested() => None,
            plan = planning => Some(plan),
        }
    }

    async fn look(&mut self, plan: &JobPlan) -> Result<Option<Job>, IngestError> {
        tokio::select! {
            biased;
            () = self.shutdown.requested() => Ok(None),
            due = self.store.due_job(plan) => due,
        }
    }

    /// Runs a job. Whether there may be more to do at once.
    async fn run(&mut self, job: Job, plan: &JobPlan) -> bool {
        let mut started = match self.store.begin_job(job, Starting::BySchedule(plan.schedule.clone())).await {
            Ok(BegunJob::Ours(started)) => started,
            Ok(BegunJob::Elsewhere(busy, running)) => {
                tracing::debug!(job = busy.as_str(), runner = running.runner, "a job is at work elsewhere");
                return false;
            }
            Ok(BegunJob::NotDue) => return false,
            Err(error) => {
                self.trouble.say(&error);
                return false;
            }
        };
        tracing::info!(job = job.as_str(), run = started.number(), "a job begins");
        self.news.notify_one();
        let tally = Tally::default();
        let working = work(&self.store, job, &self.wanted, &tally);
        let outcome = tokio::select! {
            biased;
            () = self.shutdown.requested() => JobOutcome::Stopped,
            // The futures of the SDK are large.
            held = hold(&mut started, &tally, Box::pin(working)) => match held {
                Some(Ok(())) => JobOutcome::Done,
                Some(Err(error)) => JobOutcome::Failed(error.to_string()),
                None => {
                    tracing::warn!(job = job.as_str(), "another process has taken the job over, and goes on with it");
                    return false;
                }
            },
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
        loop {
            let ending = started.end(outcome, &did);
            let ended = if self.shutdown.is_requested() {
                // Unsaid, it counts as failed once somebody looks, and is run again.
                let Ok(ended) = tokio::time::timeout(LAST_WORD, ending).await else { return false };
                ended
            } else {
                ending.await
            };
            match ended {
                Ok(Holding::Ours) => {
                    tracing::info!(job = job.as_str(), outcome = outcome.as_str(), "a job has ended");
                    self.news.notify_one();
                    return true;
                }
                Ok(Holding::Lost) => return false,
                Err(error) => self.trouble.say(&error),
            }
            if self.shutdown.is_requested() {
                return false;
            }
            tokio::select! {
                () = self.shutdown.requested() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }
}
