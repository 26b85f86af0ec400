//! What runs by itself, and when it is due.

use jiff::Timestamp;

use super::{Job, Schedule};
use crate::{IngestError, Store, sql::Statement};

/// What a process has run by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPlan {
    /// When.
    pub schedule: Schedule,
    /// Which jobs: those that are set up.
    pub jobs: Vec<Job>,
}

impl JobPlan {
    /// What of the plan is to stand for a job, of which something stands: its schedule and when it is due.
    ///
    /// A run that is due stays so. One that lies further ahead than the schedule ever puts it was put there by a clock that has
    /// gone back since, or by another schedule.
    fn settle(
        &self,
        job: Job,
        next_at: Option<Timestamp>,
        now: Timestamp,
    ) -> (Option<String>, Option<Timestamp>) {
        let is_planned = self.jobs.contains(&job);
        match self.schedule.next_after(now).filter(|_| is_planned) {
            None => (None, None),
            Some(next) => {
                let next = next_at.map_or(next, |next_at| next_at.min(next));
                (Some(self.schedule.to_string()), Some(next))
            }
        }
    }
}

impl Store {
    /// Writes down what runs by itself from now on, in place of what stood there: for a process that begins.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn plan_jobs(&self, plan: &JobPlan) -> Result<(), IngestError> {
        self.settle_jobs(plan, &Job::ALL).await.map(drop)
    }

    /// The first job that is due by the server's clock. What of the plan is missing is written down; jobs that are another
    /// process's alone are left alone.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn due_job(&self, plan: &JobPlan) -> Result<Option<Job>, IngestError> {
        let due = self.settle_jobs(plan, &plan.jobs).await?;
        Ok(due.into_iter().find(|job| plan.jobs.contains(job)))
    }

    /// Settles some jobs, and says which of them are due, in their order.
    async fn settle_jobs(&self, plan: &JobPlan, jobs: &[Job]) -> Result<Vec<Job>, IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let look = client.prepare_cached(self.sql(Statement::LookAtJobs)).await?;
            let mut rows = client.query(&look, &[]).await?;
            if rows.len() < Job::ALL.len() {
                let make = client.prepare_cached(self.sql(Statement::MakeJobs)).await?;
                client.execute(&make, &[&Job::ALL.map(Job::as_str).as_slice()]).await?;
                rows = client.query(&look, &[]).await?;
            }
            let mut due = Vec::new();
            for row in &rows {
                let Some(job) = Job::named(row.try_get("job")?).filter(|job| jobs.contains(job)) else {
                    continue;
                };
                let stood: (Option<String>, Option<Timestamp>) =
                    (row.try_get("schedule")?, row.try_get("next_at")?);
                let now: Timestamp = row.try_get("now")?;
                let settled = plan.settle(job, stood.1, now);
                if settled != stood {
                    let write = client.prepare_cached(self.sql(Statement::PlanJob)).await?;
                    client
                        .execute(&write, &[&job.as_str(), &settled.0, &settled.1, &stood.0, &stood.1])
                        .await?;
                }
                if settled.1.is_some_and(|next_at| next_at <= now) {
                    due.push(job);
                }
            }
            due.sort_unstable();
            Ok(due)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_puts_nothing_off_for_years() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let plan = JobPlan { schedule: "daily 03:00".parse().unwrap(), jobs: vec![Job::Compress] };
        let next = |next_at: Option<&str>, now: &str| {
            plan.settle(Job::Compress, next_at.map(at), at(now)).1.map(|at| at.to_string())
        };
        let soon = Some("2026-11-24T03:00:00Z".to_owned());
        assert_eq!(next(None, "2026-11-23T12:00:00Z"), soon);
        assert_eq!(next(Some("2026-11-24T03:00:00Z"), "2026-11-23T12:00:00Z"), soon);
        assert_eq!(next(Some("2050-01-01T03:00:00Z"), "2026-11-23T12:00:00Z"), soon);
        // A clock that has jumped ahead makes it due, once.
        assert_eq!(next(Some("2026-11-24T03:00:00Z"), "2050-01-01T12:00:00Z"), soon);
        assert_eq!(
            plan.settle(Job::Prune, Some(at("2026-11-24T03:00:00Z")), at("2026-11-23T12:00:00Z")),
            (None, None)
        );
        let off = JobPlan { schedule: Schedule::Off, ..plan };
        assert_eq!(off.settle(Job::Compress, None, at("2026-11-23T12:00:00Z")), (None, None));
    }
}
