//! Metrics of jobs: what the database says of them, whichever process ran them.

use aftersend_store::{Job, JobState};
use jiff::Timestamp;
use metrics::{counter, gauge};

use super::{Metrics, truth};

const RUNNING: &str = "aftersend_job_running";
const LAST_START: &str = "aftersend_job_last_start_timestamp_seconds";
const LAST_END: &str = "aftersend_job_last_end_timestamp_seconds";
const LAST_DURATION: &str = "aftersend_job_last_duration_seconds";
const LAST_OUTCOME: &str = "aftersend_job_last_outcome";
const NEXT: &str = "aftersend_job_next_timestamp_seconds";
const FAILURES: &str = "aftersend_job_failures_in_a_row";
const COMPRESSED: &str = "aftersend_bodies_compressed_total";
const RAW_BYTES: &str = "aftersend_bodies_raw_bytes_total";
const STORED_BYTES: &str = "aftersend_bodies_stored_bytes_total";
const ARCHIVED: &str = "aftersend_mails_archived_total";
const ARCHIVED_BYTES: &str = "aftersend_archived_bytes_total";
const DELETED: &str = "aftersend_mails_deleted_total";

pub(super) const COUNTERS: [(&str, &str); 6] = [
    (COMPRESSED, "Bodies that were compressed, by all runs"),
    (RAW_BYTES, "Bytes that these took in the mails' table before"),
    (STORED_BYTES, "Bytes that their data took after"),
    (ARCHIVED, "Mails that went to the archive, by all runs"),
    (ARCHIVED_BYTES, "Bytes of the objects that they went in"),
    (DELETED, "Mails that left the database, by job: to the archive, or for good"),
];

pub(super) const GAUGES: [(&str, &str); 7] = [
    (
        RUNNING,
        "1 while the job is at work, in any process; NaN, as all of these, if the database did not say",
    ),
    (LAST_START, "When the last run of the job began that has ended, in seconds since 1970"),
    (LAST_END, "When it ended"),
    (LAST_DURATION, "How long it took"),
    (LAST_OUTCOME, "1 for how it ended: done, failed or stopped; 0 for the others"),
    (NEXT, "When the next run is due, in seconds since 1970; NaN if none is"),
    (FAILURES, "Runs of the job that have failed since one was done"),
];

impl Metrics {
    /// How jobs stand; nothing where the database does not answer.
    #[expect(clippy::cast_precision_loss, reason = "counts that people look at are below 2^53")]
    pub(in crate::watch) fn jobs(&self, jobs: Option<&[JobState]>) {
        let seconds = |at: Timestamp| at.as_millisecond() as f64 / 1_000.0;
        self.record(|| {
            for job in Job::ALL {
                let name = job.as_str();
                let state = jobs.and_then(|jobs| jobs.iter().find(|state| state.job == job));
                let last = state.and_then(|state| state.last.as_ref());
                let gauges = [
                    (RUNNING, state.map(|state| truth(state.running.is_some()))),
                    (LAST_START, last.map(|run| seconds(run.began_at))),
                    (LAST_END, last.map(|run| seconds(run.ended_at))),
                    (LAST_DURATION, last.map(|run| run.ended_at.duration_since(run.began_at).as_secs_f64())),
                    (NEXT, state.and_then(|state| state.next_at).map(seconds)),
                    (FAILURES, state.map(|state| f64::from(state.failures_in_a_row))),
                ];
                for (gauge, value) in gauges {
                    // An old value would look like a true one.
                    gauge!(gauge, "job" => name).set(value.unwrap_or(f64::NAN));
                }
                for outcome in ["done", "failed", "stopped"] {
                    let is_so = last.map_or(f64::NAN, |run| truth(run.outcome.as_str() == outcome));
                    gauge!(LAST_OUTCOME, "job" => name, "outcome" => outcome).set(is_so);
                }
                // Counts only grow, and stay as they were while the database is silent.
                let Some(totals) = state.map(|state| state.totals) else { continue };
                match job {
                    Job::Compress => {
                        counter!(COMPRESSED).absolute(totals.compressed_bodies);
                        counter!(RAW_BYTES).absolute(totals.raw_bytes);
                        counter!(STORED_BYTES).absolute(totals.stored_bytes);
                    }
                    Job::Archive => {
                        counter!(ARCHIVED).absolute(totals.archived_mails);
                        counter!(ARCHIVED_BYTES).absolute(totals.archived_bytes);
                        counter!(DELETED, "job" => name).absolute(totals.deleted_mails);
                    }
                    Job::Prune => counter!(DELETED, "job" => name).absolute(totals.deleted_mails),
                }
            }
        });
    }
}
