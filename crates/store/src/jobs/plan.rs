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
    /// What is to stand for one of its jobs, of which something stands: when it is due. Nothing where it runs none by itself.
    ///
    /// A run that is due stays so, whoever made it due and however often anybody starts: it is missing until somebody does it.
    /// One that lies further ahead than the schedule ever puts it was put there by a clock that has gone back since, or by
    /// another schedule.
    fn settle(&self, next_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let next = self.schedule.next_after(now)?;
        Some(next_at.map_or(next, |next_at| next_at.min(next)))
    }
}

impl Store {
    /// The first job of the plan that is due by the server's clock. What of the plan is missing is written down; what others plan
    /// is left alone.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn due_job(&self, plan: &JobPlan) -> Result<Option<Job>, IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let look = client.prepare_cached(self.sql(Statement::LookAtJobs)).await?;
            let mut rows = client.query(&look, &[]).await?;
            if rows.len() < Job::ALL.len() {
                let make = client.prepare_cached(self.sql(Statement::MakeJobs)).await?;
                client.execute(&make, &[&Job::ALL.map(Job::as_str).as_slice()]).await?;
                rows = client.query(&look, &[]).await?;
            }
            let mut due = None;
            for row in &rows {
                let Some(job) = Job::named(row.try_get("job")?).filter(|job| plan.jobs.contains(job)) else {
                    continue;
                };
                let stood: (Option<String>, Option<Timestamp>) =
                    (row.try_get("schedule")?, row.try_get("next_at")?);
                let now: Timestamp = row.try_get("now")?;
                let Some(next_at) = plan.settle(stood.1, now) else { continue };
                let settled = (Some(plan.schedule.to_string()), Some(next_at));
                if settled != stood {
                    let write = client.prepare_cached(self.sql(Statement::PlanJob)).await?;
                    client
                        .execute(&write, &[&job.as_str(), &settled.0, &settled.1, &stood.0, &stood.1])
                        .await?;
                }
                if next_at <= now && due.is_none_or(|due| job < due) {
                    due = Some(job);
                }
            }
            Ok(due)
        })
        .await
    }

    /// Writes down that nobody plans these jobs any more: for a process that ends in order. Where another one does, it says so
    /// again the next time it looks. What was due stays due, for whoever plans the job next.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to. It may be said again then.
    pub async fn unplan_jobs(&self, plan: &JobPlan) -> Result<(), IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let unplan = client.prepare_cached(self.sql(Statement::UnplanJob)).await?;
            let schedule = plan.schedule.to_string();
            // Each by itself: who begins a run locks them all, in their order.
            for job in &plan.jobs {
                client.execute(&unplan, &[&job.as_str(), &schedule]).await?;
            }
            Ok(())
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
        let next =
            |next_at: Option<&str>, now: &str| plan.settle(next_at.map(at), at(now)).map(|at| at.to_string());
        let soon = Some("2026-11-24T03:00:00Z".to_owned());
        assert_eq!(next(None, "2026-11-23T12:00:00Z"), soon);
        assert_eq!(next(Some("2026-11-24T03:00:00Z"), "2026-11-23T12:00:00Z"), soon);
        assert_eq!(next(Some("2050-01-01T03:00:00Z"), "2026-11-23T12:00:00Z"), soon);
        // A clock that has jumped ahead makes it due, once.
        assert_eq!(next(Some("2026-11-24T03:00:00Z"), "2050-01-01T12:00:00Z"), soon);
        let off = JobPlan { schedule: Schedule::Off, ..plan };
        assert_eq!(off.settle(Some(at("2026-11-24T03:00:00Z")), at("2026-11-23T12:00:00Z")), None);
    }
}
