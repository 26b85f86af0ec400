//! What is done with older mails: compressed, archived, deleted, by schedule or by hand, one at a time.

mod hold;
mod scheduler;
mod work;

use aftersend_store::{IngestError, Job, JobPlan, Retention, Store};

pub(crate) use hold::{Tally, by_hand};
pub(crate) use scheduler::run_by_schedule;
pub(crate) use work::{
    ArchiverElsewhere, Pace, archived, archiving, compress, compressed, patiently, prune, pruned,
};

use crate::config::{Archive, Settings};

/// What went wrong, for people who look after jobs and figures: the store's own words are about batches of events.
pub(crate) fn sentence(error: &IngestError) -> String {
    match error {
        IngestError::Repeat(reason) => {
            format!("another transaction holds what it needs, for longer than it waits: {reason}")
        }
        error => error.to_string(),
    }
}

/// What settings say of older mails.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    archive: Archive,
    retention: Retention,
}

impl Wanted {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self { archive: settings.archive.clone(), retention: settings.retention }
    }

    /// What of it `serve` is to do by itself.
    async fn plan(&self, store: &Store) -> Result<JobPlan, IngestError> {
        let compresses = store.compresses(self.archive.compress).await?;
        let jobs = Job::ALL.into_iter().filter(|job| self.has_set_up(*job, compresses)).collect();
        Ok(JobPlan { schedule: self.archive.schedule.clone(), jobs })
    }

    /// Whether a job has something to do. Whether bodies are to be compressed, the database may have to say.
    pub(crate) fn has_set_up(&self, job: Job, compresses: bool) -> bool {
        match job {
            Job::Compress => compresses,
            Job::Archive => self.archive.store.is_some() && self.archive.after.is_some(),
            Job::Prune => !self.retention.keeps_all(),
        }
    }
}
