//! A run of a job, from its beginning to its end.
//!
//! Who runs one holds a *lease*: a row that names the run, and a time that must not grow old. A lock of the session alone would
//! not do: a pooler gives the session to others, and a machine that has vanished leaves its session behind for hours. A lease
//! alone would do, but would keep the next runner waiting after a kill; so the row names the runner's session where that is its
//! own, and a session that is gone ends the lease at once.

use std::{fmt, process, time::Duration};

use deadpool_postgres::{ClientWrapper, Transaction};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::types::ToSql;

use super::{
    FAILURE_CHARS_MAX, JOB_RUNS_MAX, Job, JobCounts, JobOutcome, LOST, RunningJob, SILENCE_MAX, Schedule,
    counts, counts_json, retry_pause,
};
use crate::{IngestError, Store, sql::Statement};

/// How long it may take to say that a run is at work: there must be time to say it once more before others may take over.
const BEAT_TIMEOUT: Duration = Duration::from_secs(15);

/// How often two sessions are compared, to find out whether they are the same to the server.
const COMPARISONS: u32 = 3;

/// Characters of a machine's name that are kept.
const MACHINE_CHARS_MAX: usize = 64;

/// Who has a job run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starting {
    /// Somebody, whenever they want. What is due by schedule stays so.
    ByHand,
    /// This schedule, where the job is due.
    BySchedule(Schedule),
}

/// What came of the wish to run a job.
#[derive(Debug)]
pub enum BegunJob {
    /// It may run: nobody else runs any job meanwhile.
    Ours(StartedJob),
    /// Somebody runs this job.
    Elsewhere(Job, RunningJob),
    /// It is not due any more, or not yet: somebody else was quicker, or it has just failed.
    NotDue,
}

/// Whether a run is still its runner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// It is.
    Ours,
    /// The runner was not heard of for too long, and another has taken over. The work may be done twice, which does no harm.
    Lost,
}

/// A run that is at work. Dropped without a word, it counts as failed once somebody looks.
pub struct StartedJob {
    store: Store,
    job: Job,
    number: i64,
    starting: Starting,
    /// Outside of the pool: as long as it is there, so is this runner.
    session: Option<Session>,
}

impl fmt::Debug for StartedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StartedJob({}, run {})", self.job, self.number)
    }
}

pub(super) struct Session {
    client: ClientWrapper,
    /// Whether the server gives it to nobody else.
    pub(super) is_own: bool,
}

impl Store {
    /// Begins a run, if nobody else runs a job. One that nobody has heard of any more is written down as failed.
    ///
    /// Not cancel-safe: dropped, it may leave a run that nobody does, which counts as failed once somebody looks.
    ///
    /// # Errors
    ///
    /// When the database does not answer, may not be written to or is not as it should be.
    pub async fn begin_job(&self, job: Job, starting: Starting) -> Result<BegunJob, IngestError> {
        let begun = self.in_time(Box::pin(begin(self, job, starting))).await;
        self.renew_writers_after(&begun);
        begun
    }

    pub(super) async fn job_session(&self) -> Result<Session, IngestError> {
        let client = deadpool_postgres::Object::take(self.writer().await?);
        // What is silent between two beats would be ended by a server that is set to.
        client.batch_execute("SET idle_session_timeout = 0").await?;
        let is_own = is_own(self, &client).await?;
        Ok(Session { client, is_own })
    }
}

/// Whether a session is nobody else's. A pooler that gives each transaction another session either gives one of ours to the
/// other connection, or gives ours another one. Where it does neither, by chance, only the wait for a runner that was killed is
/// shorter than it should be.
async fn is_own(store: &Store, client: &ClientWrapper) -> Result<bool, IngestError> {
    const WHO: &str = "SELECT pg_catalog.pg_backend_pid()";
    let ours: i32 = client.query_typed_one(WHO, &[]).await?.try_get(0)?;
    for _ in 0..COMPARISONS {
        let other: i32 = store.writer().await?.query_typed_one(WHO, &[]).await?.try_get(0)?;
        let again: i32 = client.query_typed_one(WHO, &[]).await?.try_get(0)?;
        if ours != again || ours == other {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn begin(store: &Store, job: Job, starting: Starting) -> Result<BegunJob, IngestError> {
    let mut session = store.job_session().await?;
    let is_own = session.is_own;
    let make = session.client.prepare_cached(store.sql(Statement::MakeJobs)).await?;
    session.client.execute(&make, &[&Job::ALL.map(Job::as_str).as_slice()]).await?;
    let transaction = session.client.transaction().await?;
    let lock = transaction.prepare_cached(store.sql(Statement::LockJobs)).await?;
    let rows = transaction.query(&lock, &[&SILENCE_MAX.as_secs_f64()]).await?;
    let mut due = None;
    for row in &rows {
        let Some(named) = Job::named(row.try_get("job")?) else { continue };
        let (now, mut next_at): (Timestamp, Option<Timestamp>) =
            (row.try_get("now")?, row.try_get("next_at")?);
        let heard_at: Option<Timestamp> = row.try_get("heard_at")?;
        if let (Some(number), Some(heard_at)) = (row.try_get::<_, Option<i64>>("run_number")?, heard_at) {
            if row.try_get::<_, Option<bool>>("is_alive")? == Some(true) {
                let running = running(store, &transaction, number, heard_at).await?;
                return Ok(BegunJob::Elsewhere(named, running));
            }
            let failures = row.try_get::<_, i64>("failures_in_a_row")?.saturating_add(1);
            let put_off = put_off(&starting, failures, heard_at, now);
            lose(store, &transaction, named, (number, heard_at), put_off).await?;
            next_at = put_off.or(next_at);
        }
        if named == job {
            due = next_at.filter(|next_at| *next_at <= now);
        }
    }
    if matches!(starting, Starting::BySchedule(_)) && due.is_none() {
        transaction.commit().await?;
        return Ok(BegunJob::NotDue);
    }
    let begin = transaction.prepare_cached(store.sql(Statement::BeginJobRun)).await?;
    let by_schedule = matches!(starting, Starting::BySchedule(_));
    let row = transaction.query_one(&begin, &[&job.as_str(), &runner(), &by_schedule]).await?;
    let number: i64 = row.try_get("number")?;
    let hold = transaction.prepare_cached(store.sql(Statement::HoldJob)).await?;
    transaction.execute(&hold, &[&job.as_str(), &number, &is_own]).await?;
    transaction.commit().await?;
    Ok(BegunJob::Ours(StartedJob { store: store.clone(), job, number, starting, session: Some(session) }))
}

/// Until when a job is put off whose runner has vanished. The first time not at all: it may have been killed for any reason. A
/// job that ends its process again and again would else do so at each start.
fn put_off(starting: &Starting, failures: i64, heard_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let Starting::BySchedule(schedule) = starting else { return None };
    if failures <= 1 {
        return None;
    }
    let next = retry_at(schedule, failures, heard_at.min(now))?;
    (next > now).then_some(next)
}

/// When a job is tried again that has failed at a time.
fn retry_at(schedule: &Schedule, failures: i64, failed_at: Timestamp) -> Option<Timestamp> {
    let pause = SignedDuration::try_from(retry_pause(failures)).ok()?;
    let next = schedule.next_after(failed_at)?;
    Some(failed_at.checked_add(pause).ok()?.min(next))
}

async fn running(
    store: &Store,
    transaction: &Transaction<'_>,
    number: i64,
    heard_at: Timestamp,
) -> Result<RunningJob, IngestError> {
    let find = transaction.prepare_cached(store.sql(Statement::FindJobRun)).await?;
    let row = transaction.query_one(&find, &[&number]).await?;
    Ok(RunningJob {
        number,
        runner: row.try_get("runner")?,
        by_schedule: row.try_get("by_schedule")?,
        began_at: row.try_get("began_at")?,
        heard_at,
        did: counts(row.try_get("did")?),
    })
}

/// Writes down that a run's runner has vanished.
async fn lose(
    store: &Store,
    transaction: &Transaction<'_>,
    job: Job,
    (number, heard_at): (i64, Timestamp),
    put_off: Option<Timestamp>,
) -> Result<(), IngestError> {
    let lose = transaction.prepare_cached(store.sql(Statement::LoseJobRun)).await?;
    transaction.execute(&lose, &[&number, &heard_at, &LOST]).await?;
    let read = transaction.prepare_cached(store.sql(Statement::LockJobRun)).await?;
    let row = transaction.query_one(&read, &[&job.as_str(), &number]).await?;
    let mut totals = counts(row.try_get("totals")?);
    let find = transaction.prepare_cached(store.sql(Statement::FindJobRun)).await?;
    if let Some(run) = transaction.query_opt(&find, &[&number]).await? {
        totals += counts(run.try_get("did")?);
    }
    let failures = row.try_get::<_, i64>("failures_in_a_row")?.saturating_add(1);
    let next_at: Option<Timestamp> = row.try_get("next_at")?;
    let release = transaction.prepare_cached(store.sql(Statement::ReleaseJob)).await?;
    let next_at = put_off.or(next_at);
    transaction.execute(&release, &[&job.as_str(), &failures, &counts_json(&totals), &next_at]).await?;
    tracing::warn!(job = job.as_str(), run = number, "a run of a job was lost: {LOST}");
    Ok(())
}

impl StartedJob {
    /// The job.
    pub fn job(&self) -> Job {
        self.job
    }

    /// The number of the run.
    pub fn number(&self) -> i64 {
        self.number
    }

    /// Says that the runner is there, and what it has done so far. To be said every ten seconds or so: after a minute of silence
    /// others may take over.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to. The next try has a connection of its own.
    pub async fn beat(&mut self, did: &JobCounts) -> Result<Holding, IngestError> {
        let held = tokio::time::timeout(BEAT_TIMEOUT, self.say(did)).await.unwrap_or_else(|_| {
            Err(IngestError::Away(format!("it did not answer within {} s", BEAT_TIMEOUT.as_secs())))
        });
        self.renew_after(&held);
        held
    }

    async fn say(&mut self, did: &JobCounts) -> Result<Holding, IngestError> {
        let Self { store, job, number, session, .. } = self;
        let session = there(store, session).await?;
        let beat = session.client.prepare_cached(store.sql(Statement::BeatJob)).await?;
        let did = counts_json(did);
        let values: [&(dyn ToSql + Sync); 4] = [&job.as_str(), number, &did, &session.is_own];
        let held = session.client.query_opt(&beat, &values).await?;
        Ok(if held.is_some() { Holding::Ours } else { Holding::Lost })
    }

    /// Has the next question go by another session, where this one may be of no use.
    fn renew_after(&mut self, said: &Result<Holding, IngestError>) {
        self.store.renew_writers_after(said);
        if !matches!(said, Ok(_) | Err(IngestError::Repeat(_))) {
            self.session = None;
        }
    }

    /// Writes down how the run ended, and when the next one is due. It may be said again where it fails, and only then.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn end(&mut self, outcome: &JobOutcome, did: &JobCounts) -> Result<Holding, IngestError> {
        let store = self.store.clone();
        let ended = store.in_time(self.write_end(outcome, did)).await;
        self.renew_after(&ended);
        ended
    }

    async fn write_end(&mut self, outcome: &JobOutcome, did: &JobCounts) -> Result<Holding, IngestError> {
        let Self { store, job, number, starting, session } = self;
        let session = there(store, session).await?;
        let transaction = session.client.transaction().await?;
        let lock = transaction.prepare_cached(store.sql(Statement::LockJobRun)).await?;
        let Some(row) = transaction.query_opt(&lock, &[&job.as_str(), &*number]).await? else {
            return Ok(Holding::Lost);
        };
        let failures: i64 = row.try_get("failures_in_a_row")?;
        let (failures, failure) = match outcome {
            JobOutcome::Done => (0, None),
            JobOutcome::Stopped => (failures, None),
            JobOutcome::Failed(sentence) => (
                failures.saturating_add(1),
                Some(sentence.chars().take(FAILURE_CHARS_MAX).collect::<String>()),
            ),
        };
        let now: Timestamp = row.try_get("now")?;
        let next_at = match (&*starting, outcome) {
            (Starting::ByHand, _) => row.try_get("next_at")?,
            (Starting::BySchedule(schedule), JobOutcome::Done) => schedule.next_after(now),
            (Starting::BySchedule(schedule), JobOutcome::Failed(_)) => retry_at(schedule, failures, now),
            // Whoever is there next goes on.
            (Starting::BySchedule(_), JobOutcome::Stopped) => Some(now),
        };
        let mut totals = counts(row.try_get("totals")?);
        totals += *did;
        let end = transaction.prepare_cached(store.sql(Statement::EndJobRun)).await?;
        transaction.execute(&end, &[&*number, &outcome.as_str(), &counts_json(did), &failure]).await?;
        if *job == Job::Archive && *outcome != JobOutcome::Done {
            // The archiver was dropped where it stood, or could not reach the database any more.
            let close = transaction.prepare_cached(store.sql(Statement::CloseArchiveRuns)).await?;
            transaction.execute(&close, &[&*number, &failure]).await?;
        }
        let release = transaction.prepare_cached(store.sql(Statement::ReleaseJob)).await?;
        transaction.execute(&release, &[&job.as_str(), &failures, &counts_json(&totals), &next_at]).await?;
        let forget = transaction.prepare_cached(store.sql(Statement::ForgetJobRuns)).await?;
        transaction.execute(&forget, &[&job.as_str(), &i64::from(JOB_RUNS_MAX)]).await?;
        transaction.commit().await?;
        Ok(Holding::Ours)
    }
}

/// The session, a new one where the last is closed. One that was lost without a word fails a question first.
async fn there<'a>(store: &Store, session: &'a mut Option<Session>) -> Result<&'a mut Session, IngestError> {
    let open = session.take().filter(|session| !session.client.is_closed());
    let open = match open {
        Some(open) => open,
        None => store.job_session().await?,
    };
    Ok(session.insert(open))
}

/// This process, for people who look for it.
fn runner() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine: String = machine.trim().chars().take(MACHINE_CHARS_MAX).collect();
    let process = process::id();
    if machine.is_empty() { format!("process {process}") } else { format!("process {process} on {machine}") }
}
