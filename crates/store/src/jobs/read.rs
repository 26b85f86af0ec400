//! Where jobs stand.

use tokio_postgres::Row;

use super::{
    JOB_RUNS_MAX, Job, JobOutcome, JobRun, JobState, LATE_MAX, LOST, RunningJob, SILENCE_MAX, counts,
};
use crate::{Examiner, QueryError, Store, sql::Statement};

type Read<T> = Result<T, tokio_postgres::Error>;

impl Store {
    /// Where each job stands, in the order in which they run.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn jobs(&self) -> Result<Vec<JobState>, QueryError> {
        let client = self.reader().await?;
        let read = client.prepare_cached(self.sql(Statement::ReadJobs)).await?;
        let rows = client.query(&read, &[&SILENCE_MAX.as_secs_f64()]).await?;
        Ok(states(&rows)?)
    }

    /// The last runs of a job that have ended, newest first; [`JOB_RUNS_MAX`] at most.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn job_runs(&self, job: Job, runs_max: u32) -> Result<Vec<JobRun>, QueryError> {
        let client = self.reader().await?;
        let list = client.prepare_cached(self.sql(Statement::ListJobRuns)).await?;
        let rows_max = i64::from(runs_max.min(JOB_RUNS_MAX));
        let rows = client.query(&list, &[&job.as_str(), &rows_max]).await?;
        Ok(rows.iter().filter_map(|row| last(row).transpose()).collect::<Read<_>>()?)
    }
}

impl Examiner {
    /// Where each job stands. Needs step a10.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or not in time.
    pub async fn jobs(&self) -> Result<Vec<JobState>, QueryError> {
        let read = crate::sql::render(include_str!("../sql/jobs/read.sql"), self.prefix());
        let rows = self.client().query(&read, &[&SILENCE_MAX.as_secs_f64()]).await?;
        Ok(states(&rows)?)
    }
}

impl Examiner {
    /// Whether step 136 made the tables, or an application did.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or not in time.
    pub async fn is_made_by_us(&self) -> Result<bool, QueryError> {
        let find = crate::sql::render(include_str!("../sql/find_maker.sql"), self.prefix());
        Ok(self.client().query_one(&find, &[]).await?.try_get(0)?)
    }
}

fn states(rows: &[Row]) -> Read<Vec<JobState>> {
    let mut states: Vec<JobState> = Job::ALL.map(JobState::untouched).into();
    for row in rows {
        // A newer program may have more.
        let Some(job) = Job::named(row.try_get("job")?) else { continue };
        let Some(state) = states.iter_mut().find(|state| state.job == job) else { continue };
        *state = read(job, row)?;
    }
    let at_work = JobState::at_work(&states);
    for state in &mut states {
        let is_late = state.overdue_s.is_some_and(|overdue_s| overdue_s > LATE_MAX.as_secs_f64());
        if state.schedule.is_none() || (is_late && at_work.is_none()) {
            state.unplan();
        }
    }
    Ok(states)
}

fn read(job: Job, row: &Row) -> Read<JobState> {
    let mut state = JobState {
        job,
        schedule: row.try_get("schedule")?,
        next_at: row.try_get("next_at")?,
        overdue_s: row.try_get("overdue_s")?,
        running: running(row)?,
        last: last(row)?,
        failures_in_a_row: u32::try_from(row.try_get::<_, i64>("failures_in_a_row")?).unwrap_or(u32::MAX),
        totals: counts(row.try_get("totals")?),
    };
    let is_alive: Option<bool> = row.try_get("is_alive")?;
    if is_alive != Some(true)
        && let Some(lost) = state.running.take()
    {
        // Nobody has written that down yet: whoever begins the next run does.
        state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
        state.totals += lost.did;
        state.last = Some(JobRun {
            number: lost.number,
            runner: lost.runner,
            by_schedule: lost.by_schedule,
            began_at: lost.began_at,
            ended_at: lost.heard_at.max(lost.began_at),
            outcome: JobOutcome::Failed(LOST.to_owned()),
            did: lost.did,
        });
    }
    Ok(state)
}

fn running(row: &Row) -> Read<Option<RunningJob>> {
    let (Some(number), Some(heard_at)) = (row.try_get("now_number")?, row.try_get("heard_at")?) else {
        return Ok(None);
    };
    Ok(Some(RunningJob {
        number,
        runner: row.try_get("now_runner")?,
        by_schedule: row.try_get("now_by_schedule")?,
        began_at: row.try_get("now_began_at")?,
        heard_at,
        did: counts(row.try_get("now_did")?),
    }))
}

fn last(row: &Row) -> Read<Option<JobRun>> {
    let (Some(number), Some(ended_at)) = (row.try_get("last_number")?, row.try_get("last_ended_at")?) else {
        return Ok(None);
    };
    let failure: Option<String> = row.try_get("last_failure")?;
    let outcome = match row.try_get("last_outcome")? {
        "done" => JobOutcome::Done,
        "stopped" => JobOutcome::Stopped,
        _ => JobOutcome::Failed(failure.unwrap_or_default()),
    };
    Ok(Some(JobRun {
        number,
        runner: row.try_get("last_runner")?,
        by_schedule: row.try_get("last_by_schedule")?,
        began_at: row.try_get("last_began_at")?,
        ended_at,
        outcome,
        did: counts(row.try_get("last_did")?),
    }))
}
