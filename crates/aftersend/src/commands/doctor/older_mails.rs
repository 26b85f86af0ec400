//! What is done with older mails by itself: whether it is done, and whether there is a way to the archive.

use std::time::Duration;

use aftersend_archive::ArchivePlace;
use aftersend_store::{Examiner, Job, JobOutcome, JobState};
use jiff::Timestamp;

use super::{database::ago, report::Report};
use crate::{
    commands::{
        archive::{UNREADABLE_FIX, unreadable},
        migrate::text,
    },
    config::Settings,
    jobs::Wanted,
};

/// Failures in a row from which on somebody has to do something about it. Fewer may pass by themselves.
const FAILURES_MAX: u32 = 3;

/// How long to wait for the archive's storage.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// Looks at jobs. Needs step a10.
pub(super) async fn look(examiner: &Examiner, settings: &Settings, report: &mut Report) {
    report.begin("older mails");
    let told = settings.archive.compress;
    let compresses = match told {
        Some(told) => told,
        None => match examiner.is_made_by_us().await {
            Ok(is_ours) => is_ours,
            Err(error) => return report.unknown("jobs", format!("who made the tables: {error}"), None),
        },
    };
    let jobs = match examiner.jobs().await {
        Ok(jobs) => jobs,
        Err(error) => return report.unknown("jobs", format!("how jobs stand: {error}"), None),
    };
    let wanted = Wanted::of(settings);
    let interval_s = settings.archive.schedule.interval().map(|interval| interval.as_secs_f64());
    if interval_s.is_none() {
        report.well("schedule", "nothing is done by itself: `archive.schedule` is off");
    } else {
        report.well("schedule", format!("`serve` looks after them: {}", settings.archive.schedule));
    }
    if !compresses && told.is_none() {
        let why = "bodies are not compressed, since an application made these tables, which could not read them; if it reads no \
                   bodies: `archive.compress = true`";
        report.well("compress", why);
    }
    if settings.archive.store.is_some() != settings.archive.after.is_some() {
        let (there, missing) = match &settings.archive.store {
            Some(_) => ("`archive.store`", "`archive.archive_after`"),
            None => ("`archive.archive_after`", "`archive.store`"),
        };
        report.warn(
            "archive",
            format!("{there} is set and {missing} is not, so that nothing is archived by itself"),
            format!("set {missing}, or take {there} away"),
        );
    }
    let at_work = JobState::at_work(&jobs);
    for state in jobs.iter().filter(|state| wanted.has_set_up(state.job, compresses)) {
        about(state, at_work, interval_s, report);
    }
    match examiner.unreadable_mails().await {
        Ok(Some(left_out)) => report.warn("archive_bodies", unreadable(&left_out), UNREADABLE_FIX),
        Ok(None) if wanted.has_set_up(Job::Archive, compresses) => {
            report.well("archive_bodies", "no mail is left out of the archive for a damaged body");
        }
        Ok(None) => {}
        Err(error) => report.unknown("archive_bodies", format!("which mails are left out: {error}"), None),
    }
}

const fn check(job: Job) -> &'static str {
    match job {
        Job::Compress => "job_compress",
        Job::Archive => "job_archive",
        Job::Prune => "job_prune",
    }
}

/// Looks at a job, beside which another may be at work, and which is to run every so many seconds.
fn about(state: &JobState, at_work: Option<Job>, interval_s: Option<f64>, report: &mut Report) {
    let (job, check, now) = (state.job, check(state.job), Timestamp::now());
    if state.failures_in_a_row > 0
        && let Some(run) = &state.last
    {
        let why = match &run.outcome {
            JobOutcome::Failed(sentence) => sentence,
            JobOutcome::Stopped | JobOutcome::Done => "it was stopped since",
        };
        let times = match state.failures_in_a_row {
            1 => "its last run has failed".to_owned(),
            failures => format!("{failures} runs in a row have failed"),
        };
        let what = format!("{job}: {times}, the last at {}: {why}", ago(run.ended_at, now));
        let fix =
            format!("do what it says, then `{}`; `serve` tries again by itself, ever later", job.command());
        return if state.failures_in_a_row >= FAILURES_MAX {
            report.wrong(check, what, fix);
        } else {
            report.warn(check, what, fix);
        };
    }
    if let Some(running) = &state.running {
        let since = ago(running.began_at, now);
        return report.well(check, format!("{job}: at work since {since}, by {}", running.runner));
    }
    let last = state.last.as_ref().map_or("it has not run yet".to_owned(), |run| {
        format!("its last run ended at {}, {}", ago(run.ended_at, now), run.outcome.as_str())
    });
    if let (Some(other), Some(next_at), Some(0.0..)) = (at_work, state.next_at, state.overdue_s) {
        let since = ago(next_at, now);
        return report
            .well(check, format!("{job}: {last}; due since {since}, it waits for `{other}` to end"));
    }
    match (interval_s, state.overdue_s, state.next_at) {
        // Due for longer than an interval, it was begun more than two ago.
        (Some(interval_s), Some(overdue_s), Some(next_at)) if overdue_s > interval_s => report.warn(
            check,
            format!("{job}: due since {}, and {last}", ago(next_at, now)),
            format!("`serve` runs it: start it, or see its log; by hand: `{}`", job.command()),
        ),
        (_, _, Some(next_at)) => {
            let next = next_at.strftime("%Y-%m-%d %H:%M UTC");
            report.well(check, format!("{job}: {last}; the next is due at {next}"));
        }
        (Some(_), _, None) => report.warn(
            check,
            format!("{job}: no run is planned, and {last}"),
            format!("`serve` plans it when it starts with this configuration; by hand: `{}`", job.command()),
        ),
        (None, _, None) => {
            report.well(check, format!("{job}: {last}; it is run by hand: `{}`", job.command()));
        }
    }
}

/// Looks whether there is a way to the archive. Writes nothing there.
pub(super) async fn look_at_store(settings: &Settings, report: &mut Report) {
    let Some(url) = &settings.archive.store else { return };
    report.begin("archive");
    let asked = tokio::time::timeout(PROBE_TIMEOUT, ArchivePlace::probe(url)).await;
    match asked {
        Ok(Ok(true)) => report.well("archive_store", format!("{url} answers, and may be listed")),
        Ok(Ok(false)) => report.warn(
            "archive_store",
            format!("there is no folder for {url} yet"),
            "the first `aftersend archive run` makes it, if its user may",
        ),
        Ok(Err(error)) => report.refused("archive_store", error.to_string()),
        Err(_) => report.wrong(
            "archive_store",
            format!("{url} does not answer within {}", text::seconds(PROBE_TIMEOUT.as_secs_f64())),
            "look whether this machine reaches it: its name, the endpoint in AWS_ENDPOINT_URL_S3, a proxy, a firewall",
        ),
    }
}

#[cfg(test)]
mod tests {
    use aftersend_store::JobCounts;

    use super::*;
    use crate::commands::doctor::report::Grade;

    #[test]
    fn a_job_that_waits_for_another_needs_nobody() {
        let next_at = Timestamp::now() - Duration::from_hours(25);
        let due = JobState {
            job: Job::Archive,
            schedule: Some("daily 03:00".to_owned()),
            next_at: Some(next_at),
            overdue_s: Some(90_000.0),
            running: None,
            last: None,
            failures_in_a_row: 0,
            totals: JobCounts::default(),
        };
        let look = |at_work| {
            let mut report = Report::default();
            about(&due, at_work, Some(86_400.0), &mut report);
            let finding = report.findings.remove(0);
            (finding.grade, finding.what)
        };
        let (grade, what) = look(None);
        assert!(grade == Grade::Warning && what.contains("archive: due since"), "{what}");
        let (grade, what) = look(Some(Job::Compress));
        assert!(grade == Grade::Well && what.ends_with("it waits for `compress` to end"), "{what}");
    }
}
