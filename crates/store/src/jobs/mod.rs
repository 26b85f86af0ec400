//! Jobs that run by themselves, and that one of them runs at a time, whichever process has them run.
//!
//! Compressing, archiving and deleting may each be killed anywhere and run twice at once. So what is kept here guards no data:
//! it keeps two processes from doing the same work, notes what was done, and says when the next run is due. It stands in two
//! tables, by the server's clock: any process sees it, and none need be there for the others to see it.

mod plan;
mod read;
mod room;
mod run;
mod schedule;
#[cfg(test)]
mod tests;

use std::{fmt, ops::AddAssign, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use plan::JobPlan;
pub use room::TableRoom;
pub use run::{BegunJob, Holding, StartedJob, Starting};
pub use schedule::{BadSchedule, Schedule};

/// Runs of a job that are kept, and that [`Store::job_runs`](crate::Store::job_runs) tells at most.
pub const JOB_RUNS_MAX: u32 = 50;

/// A runner that has been silent for so long has none of its run any more, whatever has become of it.
pub(crate) const SILENCE_MAX: Duration = Duration::from_mins(1);

/// The pause after a run that failed: this long after the first, and twice as long after each that follows.
const RETRY_PAUSE: Duration = Duration::from_mins(1);

/// The longest of these pauses.
const RETRY_PAUSE_MAX: Duration = Duration::from_hours(1);

/// For how long a run may be due, and no job at work, before it counts as planned by nobody: its process was killed, and never
/// came back with such a plan. Twice the longest time between two runs, so that an alert has its time.
const LATE_MAX: Duration = Duration::from_hours(2 * 7 * 24);

/// Characters of a failure's sentence that are kept.
const FAILURE_CHARS_MAX: usize = 1_000;

/// What is said of a run whose runner has vanished.
const LOST: &str = "the process that ran it ended, or lost the database, before it could say how it went";

/// A job. They run in this order, so that what is deleted was archived first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// Bodies of older mails are compressed.
    Compress,
    /// Older mails go to the archive, and leave the database if that is wanted.
    Archive,
    /// What is old enough is deleted.
    Prune,
}

impl Job {
    /// All jobs, in the order in which they run.
    pub const ALL: [Self; 3] = [Self::Compress, Self::Archive, Self::Prune];

    /// Its name, for people, metrics and the tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compress => "compress",
            Self::Archive => "archive",
            Self::Prune => "prune",
        }
    }

    /// The command that runs it by hand.
    pub const fn command(self) -> &'static str {
        match self {
            Self::Compress => "aftersend archive compress",
            Self::Archive => "aftersend archive run",
            Self::Prune => "aftersend archive prune",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.as_str() == name)
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a run did, or all runs of a job. Each job has some of these; the others are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobCounts {
    /// Bodies that were compressed.
    pub compressed_bodies: u64,
    /// Bytes that they took in the mails' table.
    pub raw_bytes: u64,
    /// Bytes that their data takes now.
    pub stored_bytes: u64,
    /// Objects that went to the archive.
    pub archived_objects: u64,
    /// Mails in them.
    pub archived_mails: u64,
    /// Events in them.
    pub archived_events: u64,
    /// Bytes of the objects.
    pub archived_bytes: u64,
    /// Mails that left the database, to the archive or for good.
    pub deleted_mails: u64,
    /// Bodies that were deleted and their mails not.
    pub deleted_bodies: u64,
    /// Events whose raw JSON was cut down.
    pub deleted_raw_events: u64,
    /// Events of which address, program and place were deleted.
    pub deleted_addresses: u64,
    /// About so many bytes in what was deleted.
    pub deleted_bytes: u64,
    /// Mails and events that stay until they are in the archive.
    pub kept_back: u64,
    /// Mails and events that somebody held or changed, left for the next run.
    pub put_off: u64,
    /// Mails and events that an application keeps: a table of its own refers to them, or a trigger says no.
    pub refused: u64,
}

impl AddAssign for JobCounts {
    fn add_assign(&mut self, other: Self) {
        for (sum, count) in [
            (&mut self.compressed_bodies, other.compressed_bodies),
            (&mut self.raw_bytes, other.raw_bytes),
            (&mut self.stored_bytes, other.stored_bytes),
            (&mut self.archived_objects, other.archived_objects),
            (&mut self.archived_mails, other.archived_mails),
            (&mut self.archived_events, other.archived_events),
            (&mut self.archived_bytes, other.archived_bytes),
            (&mut self.deleted_mails, other.deleted_mails),
            (&mut self.deleted_bodies, other.deleted_bodies),
            (&mut self.deleted_raw_events, other.deleted_raw_events),
            (&mut self.deleted_addresses, other.deleted_addresses),
            (&mut self.deleted_bytes, other.deleted_bytes),
            (&mut self.kept_back, other.kept_back),
            (&mut self.put_off, other.put_off),
            (&mut self.refused, other.refused),
        ] {
            *sum = sum.saturating_add(count);
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// All that was due was done.
    Done,
    /// It could not go on; what it had done stays done. The sentence says why, without an address or a secret.
    Failed(String),
    /// Its process was told to end; the rest is done by the next run.
    Stopped,
}

impl JobOutcome {
    /// In a word, for people, metrics and the tables.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// A run that has ended. Times are the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRun {
    /// Its number, which grows.
    pub number: i64,
    /// Which process of which machine ran it: `process 4711 on mail1`.
    pub runner: String,
    /// Whether the schedule had it run, or somebody by hand.
    pub by_schedule: bool,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended; of one whose runner has vanished, when that was last heard of.
    pub ended_at: Timestamp,
    /// How it ended.
    pub outcome: JobOutcome,
    /// What it did.
    pub did: JobCounts,
}

/// A run that is at work. Times are the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningJob {
    /// Its number, which grows.
    pub number: i64,
    /// Which process of which machine runs it.
    pub runner: String,
    /// Whether the schedule has it run, or somebody by hand.
    pub by_schedule: bool,
    /// Since when.
    pub began_at: Timestamp,
    /// When its runner last said so.
    pub heard_at: Timestamp,
    /// What it has done so far.
    pub did: JobCounts,
}

/// Where a job stands. Times are the server's.
#[derive(Clone, Debug, PartialEq)]
pub struct JobState {
    /// The job.
    pub job: Job,
    /// When it runs by itself, as the process has it that last planned it: `daily 03:00`. Nothing where none does: all that did
    /// have ended in order, or it has been due for two weeks.
    pub schedule: Option<String>,
    /// When the next run is due; after a failure that is earlier than the schedule has it. Nothing without a schedule.
    pub next_at: Option<Timestamp>,
    /// Seconds since then, by the server's clock; below 0 until then.
    pub overdue_s: Option<f64>,
    /// The run that is at work.
    pub running: Option<RunningJob>,
    /// The last run that has ended.
    pub last: Option<JobRun>,
    /// Runs that have failed since one was done.
    pub failures_in_a_row: u32,
    /// What all runs came to that have ended, those too that are not kept any more.
    pub totals: JobCounts,
}

impl JobState {
    /// The job that is at work, by hand or by schedule, in any process: all others wait for it.
    pub fn at_work(states: &[Self]) -> Option<Job> {
        states.iter().find(|state| state.running.is_some()).map(|state| state.job)
    }

    /// Of a job that nobody has planned or begun.
    fn untouched(job: Job) -> Self {
        Self {
            job,
            schedule: None,
            next_at: None,
            overdue_s: None,
            running: None,
            last: None,
            failures_in_a_row: 0,
            totals: JobCounts::default(),
        }
    }

    /// Nobody plans it.
    fn unplan(&mut self) {
        (self.schedule, self.next_at, self.overdue_s) = (None, None, None);
    }
}

/// The pause after so many failures in a row.
fn retry_pause(failures_in_a_row: i64) -> Duration {
    let doublings = u32::try_from(failures_in_a_row.saturating_sub(1).clamp(0, 16)).unwrap_or(16);
    RETRY_PAUSE.saturating_mul(1 << doublings).min(RETRY_PAUSE_MAX)
}

/// Counts as they stand in the tables. What an older program has written lacks some, and a newer one's may have more.
fn counts(json: &str) -> JobCounts {
    serde_json::from_str(json).unwrap_or_default()
}

fn counts_json(counts: &JobCounts) -> String {
    serde_json::to_string(counts).unwrap_or_else(|_| "{}".to_owned())
}
