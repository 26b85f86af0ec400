//! Jobs: when each last ran, what it did, whether it failed, what runs now and what comes next.

use aftersend_store::{Job, JobCounts, JobOutcome, JobRun, JobState, RunningJob};

use crate::{
    Upkeep,
    clock::{Clock, Moment},
    numbers::{bytes, grouped},
    text, times,
    words::{Label, Tone, times_over},
};

/// Seconds that a run may be due, while no job is at work, before somebody is told that nobody runs it. Whoever does looks every
/// few seconds.
const OVERDUE_S_MAX: f64 = 600.0;

/// A job, as the page shows it.
pub(crate) struct JobCard {
    /// For links to it.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) about: String,
    pub(crate) command: &'static str,
    pub(crate) label: Label,
    pub(crate) schedule: Option<String>,
    pub(crate) running: Option<RunningTold>,
    pub(crate) last: Option<LastTold>,
    pub(crate) failure: Option<String>,
    /// How often it failed since it was last done.
    pub(crate) failures: Option<String>,
    pub(crate) next: Option<Moment>,
    /// The job that is at work, where this one is due and waits for that.
    pub(crate) waits_for: Option<&'static str>,
    /// Whether it should have run long ago, and nobody runs any job.
    pub(crate) is_overdue: bool,
    /// What all its runs came to.
    pub(crate) totals: Option<String>,
}

/// A run that is at work.
pub(crate) struct RunningTold {
    pub(crate) since: Moment,
    pub(crate) runner: String,
    pub(crate) so_far: String,
    pub(crate) heard: Moment,
}

/// The last run.
pub(crate) struct LastTold {
    pub(crate) ended: Moment,
    pub(crate) took: String,
    pub(crate) did: String,
    pub(crate) by_hand: bool,
}

/// How the jobs are, in a sentence at the top of the page.
pub(crate) struct JobsTold {
    pub(crate) tone: Tone,
    pub(crate) sentence: String,
    /// The job that it is about.
    pub(crate) id: Option<&'static str>,
}

impl JobCard {
    /// Of a job, beside which another may be at work.
    pub(super) fn new(state: &JobState, at_work: Option<Job>, upkeep: &Upkeep, clock: &Clock) -> Self {
        let job = state.job;
        let is_overdue = is_overdue(state, at_work);
        let is_due = state.overdue_s.is_some_and(|overdue_s| overdue_s > 0.0);
        let failure = match state.last.as_ref().map(|last| &last.outcome) {
            Some(JobOutcome::Failed(reason)) => Some(text::value(reason)),
            _ => None,
        };
        let many = state.failures_in_a_row > 1;
        Self {
            id: id(job),
            name: name(job),
            about: about(job, upkeep),
            command: job.command(),
            label: label(state, is_overdue),
            schedule: state.schedule.as_deref().map(text::value),
            running: state.running.as_ref().map(|running| RunningTold::new(job, running, clock)),
            last: state.last.as_ref().map(|last| LastTold::new(job, last, clock)),
            failures: (failure.is_some() && many).then(|| times_over(state.failures_in_a_row as usize)),
            failure,
            next: state.next_at.map(|at| clock.moment_ahead(at)),
            waits_for: at_work.filter(|at_work| is_due && *at_work != job).map(name),
            is_overdue,
            // What stays is met again by each run, and adds up to nothing.
            totals: did(job, &JobCounts { kept_back: 0, put_off: 0, refused: 0, ..state.totals }),
        }
    }
}

impl RunningTold {
    fn new(job: Job, running: &RunningJob, clock: &Clock) -> Self {
        Self {
            since: clock.moment(running.began_at),
            runner: text::value(&running.runner),
            so_far: did(job, &running.did).unwrap_or_else(|| "nothing yet".to_owned()),
            heard: clock.moment(running.heard_at),
        }
    }
}

impl LastTold {
    fn new(job: Job, last: &JobRun, clock: &Clock) -> Self {
        let took = last.ended_at.duration_since(last.began_at).as_secs_f64().max(0.0);
        Self {
            ended: clock.moment(last.ended_at),
            took: times::lasting(took),
            did: did(job, &last.did).unwrap_or_else(|| {
                let nothing =
                    if last.outcome == JobOutcome::Done { "nothing was due" } else { "nothing was done" };
                nothing.to_owned()
            }),
            by_hand: !last.by_schedule,
        }
    }
}

fn id(job: Job) -> &'static str {
    match job {
        Job::Compress => "job-compress",
        Job::Archive => "job-archive",
        Job::Prune => "job-prune",
    }
}

fn name(job: Job) -> &'static str {
    match job {
        Job::Compress => "Compressing",
        Job::Archive => "Archiving",
        Job::Prune => "Deleting",
    }
}

/// What the job does, and where it is set up.
fn about(job: Job, upkeep: &Upkeep) -> String {
    match job {
        Job::Compress => {
            format!("Bodies of mails older than {} get small.", times::aged(upkeep.compress_after))
        }
        Job::Archive => match (&upkeep.archive, upkeep.archive_after) {
            (Some(_), Some(after)) => {
                let then = if upkeep.delete_archived { ", and leave the database" } else { "" };
                format!("Mails older than {} go to the archive{then}.", times::aged(after))
            }
            _ => "Old mails go to the archive, once one is set up.".to_owned(),
        },
        Job::Prune if upkeep.deletes => "What is older than the configuration allows is deleted.".to_owned(),
        Job::Prune => "Nothing is deleted for its age: no delete_…_after is set.".to_owned(),
    }
}

fn is_overdue(state: &JobState, at_work: Option<Job>) -> bool {
    at_work.is_none() && state.overdue_s.is_some_and(|overdue_s| overdue_s > OVERDUE_S_MAX)
}

fn label(state: &JobState, is_overdue: bool) -> Label {
    let (word, tone, sign) = match (&state.running, &state.last) {
        (Some(_), _) => ("Running", Tone::Opened, "delay"),
        (None, Some(last)) => match last.outcome {
            JobOutcome::Failed(_) => ("Failed", Tone::Bounced, "failure"),
            _ if is_overdue => ("Overdue", Tone::Waiting, "delay"),
            JobOutcome::Done => ("Done", Tone::Delivered, "delivery"),
            JobOutcome::Stopped => ("Stopped", Tone::Neutral, "other"),
        },
        (None, None) if is_overdue => ("Overdue", Tone::Waiting, "delay"),
        (None, None) if state.schedule.is_some() => ("Not run yet", Tone::Neutral, "queued"),
        (None, None) => ("Off", Tone::Neutral, "other"),
    };
    Label::new(word, tone, sign)
}

/// What a run did; nothing where it did nothing.
fn did(job: Job, counts: &JobCounts) -> Option<String> {
    let told = |count: u64, one: &str, many: &str| {
        (count > 0).then(|| format!("{} {}", grouped(count), if count == 1 { one } else { many }))
    };
    let mut parts: Vec<String> = Vec::new();
    match job {
        Job::Compress => {
            let bodies = told(counts.compressed_bodies, "body", "bodies");
            parts.extend(bodies.map(|bodies| {
                format!("{bodies} compressed, {} to {}", bytes(counts.raw_bytes), bytes(counts.stored_bytes))
            }));
        }
        Job::Archive => {
            let mails = told(counts.archived_mails, "mail", "mails");
            let objects = told(counts.archived_objects, "object", "objects");
            parts.extend(objects.map(|objects| {
                let mails = mails.unwrap_or_else(|| "late events".to_owned());
                format!("{mails} archived in {objects}, {}", bytes(counts.archived_bytes))
            }));
            parts.extend(told(counts.deleted_mails, "mail removed here", "mails removed here"));
        }
        Job::Prune => {
            let deleted = [
                told(counts.deleted_mails, "mail", "mails"),
                told(counts.deleted_bodies, "body", "bodies"),
                told(counts.deleted_raw_events, "event’s JSON", "events’ JSON"),
                told(counts.deleted_addresses, "event’s address", "events’ addresses"),
            ];
            let deleted: Vec<_> = deleted.into_iter().flatten().collect();
            if !deleted.is_empty() {
                parts.push(format!("deleted {}, about {}", deleted.join(", "), bytes(counts.deleted_bytes)));
            }
            parts.extend(
                (counts.kept_back > 0)
                    .then(|| format!("{} kept until they are in the archive", grouped(counts.kept_back))),
            );
        }
    }
    let put_off = (counts.put_off > 0).then(|| grouped(counts.put_off));
    parts.extend(put_off.map(|count| format!("{count} left for the next run, since somebody held them")));
    let refused = (counts.refused > 0).then(|| grouped(counts.refused));
    parts.extend(refused.map(|count| format!("{count} kept by a table or a trigger of an application")));
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// How the jobs are: what is worst of them, in a sentence.
pub(super) fn told(states: &[JobState], clock: &Clock) -> JobsTold {
    let failed =
        states.iter().filter(|state| state.failures_in_a_row > 0).max_by_key(|s| s.failures_in_a_row);
    if let Some(state) = failed {
        let when = state.last.as_ref().map_or(String::new(), |last| clock.ago(last.ended_at));
        let sentence = match state.failures_in_a_row {
            1 => format!("{} failed {when}.", name(state.job)),
            failures => {
                format!(
                    "{} has failed {} in a row, last {when}.",
                    name(state.job),
                    times_over(failures as usize)
                )
            }
        };
        return JobsTold { tone: Tone::Bounced, sentence, id: Some(id(state.job)) };
    }
    let at_work = JobState::at_work(states);
    if let Some(state) = states.iter().find(|state| is_overdue(state, at_work)) {
        let since = state.next_at.map_or(String::new(), |at| format!(" since {}", clock.to_the_second(at)));
        let sentence = format!(
            "{} is due{since}, and nobody runs it: the process that has it on its schedule is not running.",
            name(state.job)
        );
        return JobsTold { tone: Tone::Waiting, sentence, id: Some(id(state.job)) };
    }
    if let Some((state, running)) = states.iter().find_map(|state| Some((state, state.running.as_ref()?))) {
        let sentence = format!("{} is under way; it began {}.", name(state.job), clock.ago(running.began_at));
        return JobsTold { tone: Tone::Opened, sentence, id: Some(id(state.job)) };
    }
    let next = states.iter().filter_map(|state| state.next_at).min();
    match next {
        Some(next) => {
            let is_new = states.iter().all(|state| state.last.is_none());
            let how = if is_new { "Nothing has run yet" } else { "Every job did its work when it last ran" };
            let sentence = format!("{how}. The next run comes {}.", clock.ahead(next));
            JobsTold { tone: if is_new { Tone::Neutral } else { Tone::Delivered }, sentence, id: None }
        }
        None => JobsTold {
            tone: Tone::Neutral,
            sentence: "No job runs by itself here; each can be run by its command.".to_owned(),
            id: None,
        },
    }
}
