//! Working while a run is held: others see that somebody is at it, and how far.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aftersend_store::{
    BegunJob, Holding, Job, JobCounts, JobOutcome, RunningJob, StartedJob, Starting, Store,
};
use tokio::time::Instant;

use super::sentence;
use crate::commands::signals;

/// How often it is said that a run is at work: six times before others may take over.
const BEAT: Duration = Duration::from_secs(10);

/// For how long a command waits while another run is at work: one that was killed a moment ago may not be gone yet.
const ELSEWHERE_PATIENCE: Duration = Duration::from_secs(3);
const ELSEWHERE_PAUSE: Duration = Duration::from_millis(100);

/// For how long a run that ends is tried to be written down.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// What a run has done so far: set by who works, read by who says so.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<JobCounts>);

impl Tally {
    pub(crate) fn set(&self, counts: JobCounts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    pub(crate) fn get(&self) -> JobCounts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody runs a job already.
#[derive(Debug, thiserror::Error)]
#[error(
    "the job `{job}` is at work since {since}, by {runner}{how}: one runs at a time, and this command did nothing. \
     `aftersend archive status` tells how far it is; run this again when it is done"
)]
pub(crate) struct Elsewhere {
    job: Job,
    since: String,
    runner: String,
    how: &'static str,
}

impl Elsewhere {
    fn new(job: Job, running: RunningJob) -> Self {
        Self {
            job,
            since: running.began_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            runner: running.runner,
            how: if running.by_schedule { ", by schedule" } else { "" },
        }
    }
}

/// Somebody wanted it to end.
#[derive(Debug, thiserror::Error)]
#[error("stopped: what was done stays done, and the next run goes on from there")]
struct Stopped;

/// Another runner took this one for gone.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database was out of reach for so long that another run of this job may have begun; this one has ended"
)]
struct TakenOver;

/// Works, and says so from time to time; nothing where another runner has taken over meanwhile. Cancel-safe if the work is.
pub(super) async fn hold<T>(
    started: &mut StartedJob,
    tally: &Tally,
    work: impl Future<Output = T>,
) -> Option<T> {
    let beats = async {
        loop {
            tokio::time::sleep(BEAT).await;
            match started.beat(&tally.get()).await {
                Ok(Holding::Ours) => {}
                Ok(Holding::Lost) => return,
                // The work finds out for itself whether it can go on.
                Err(error) => tracing::debug!(%error, "that a job is at work could not be said"),
            }
        }
    };
    tokio::select! {
        biased;
        worked = work => Some(worked),
        () = beats => None,
    }
}

/// Runs a job that somebody has asked for, and writes down what came of it. Ctrl-C and SIGTERM stop it, from here on.
///
/// # Errors
///
/// When another run is at work, when it is stopped, and as the work has it.
pub(crate) async fn by_hand<T>(
    store: &Store,
    job: Job,
    tally: &Tally,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut started = begin(store, job).await?;
    let worked = tokio::select! {
        biased;
        signal = signals::requested() => Err(signal.map_or_else(|error| error, |()| Stopped.into())),
        held = hold(&mut started, tally, work) => held.unwrap_or_else(|| Err(TakenOver.into())),
    };
    let outcome = match &worked {
        Ok(_) => JobOutcome::Done,
        Err(error) if error.is::<Stopped>() => JobOutcome::Stopped,
        Err(error) => JobOutcome::Failed(error.downcast_ref().map_or(error.to_string(), sentence)),
    };
    let ended = tokio::time::timeout(END_PATIENCE, started.end(&outcome, &tally.get())).await;
    // What was done is done, whether or not anybody knows.
    match ended {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tracing::warn!(job = job.as_str(), %error, "what a job did could not be written down");
        }
        Err(_) => tracing::warn!(job = job.as_str(), "what a job did could not be written down in time"),
    }
    worked
}

async fn begin(store: &Store, job: Job) -> anyhow::Result<StartedJob> {
    let began = Instant::now();
    loop {
        match store.begin_job(job, Starting::ByHand).await {
            Ok(BegunJob::Ours(started)) => return Ok(started),
            Ok(BegunJob::Elsewhere(job, running)) if began.elapsed() >= ELSEWHERE_PATIENCE => {
                return Err(Elsewhere::new(job, running).into());
            }
            Err(error @ aftersend_store::IngestError::Repeat(_)) if began.elapsed() >= ELSEWHERE_PATIENCE => {
                return Err(error.into());
            }
            Ok(_) | Err(aftersend_store::IngestError::Repeat(_)) => tokio::time::sleep(ELSEWHERE_PAUSE).await,
            Err(error) => return Err(error.into()),
        }
    }
}
