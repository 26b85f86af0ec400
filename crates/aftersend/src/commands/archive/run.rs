//! `aftersend archive run`.

use std::time::{Duration, Instant};

use aftersend_archive::{RunOptions, RunReport, older_than, plan};
use aftersend_store::{Job, UnreadableMails};
use anyhow::bail;
use jiff::Timestamp;
use serde_json::json;

use super::{bar, open};
use crate::{
    Outcome,
    cli::RunArgs,
    commands::migrate::text,
    config::Settings,
    database::Place,
    jobs::{self, ArchiverElsewhere, Tally},
    output::Output,
};

pub(super) async fn run(
    args: &RunArgs,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let Some(age) = args.older_than.or(settings.archive.after) else {
        bail!(
            "how old are mails that go to the archive? Give --older-than TIME, or `archive_after` in [archive] of the \
             configuration, such as 180d"
        );
    };
    let store = place.store().await?;
    let before = older_than(&store, age).await?;
    if args.dry_run {
        let bar = bar("{spinner} {msg}");
        let watch = |mails: u64, sent_at: Option<Timestamp>| {
            let sent_at = sent_at.map_or(String::new(), |at| format!(", up to {}", at.strftime("%Y-%m-%d")));
            bar.set_message(format!("{mails} mails looked at{sent_at}"));
            bar.tick();
        };
        let plan = plan(&store, before, &watch).await?;
        bar.finish_and_clear();
        if output.is_json() {
            output.json(&json!({
                "dry_run": true, "before": before.to_string(), "mails": plan.mails, "archived": plan.archived,
                "body_bytes": plan.body_bytes, "first_sent_at": plan.first_sent_at.map(|at| at.to_string()),
                "last_sent_at": plan.last_sent_at.map(|at| at.to_string()),
            }))?;
        } else {
            output.text(format!(
                "{} mails sent before {before} would be archived, {} are in the archive already; the bodies of both are {} bytes",
                plan.mails, plan.archived, plan.body_bytes
            ))?;
        }
        return Ok(Outcome::Done);
    }
    let archive = open("--to", args.store.as_deref(), settings).await?;
    let bar = bar("{spinner} {msg}");
    let tally = Tally::default();
    let watch = |progress: aftersend_archive::RunProgress| {
        tally.set(jobs::archiving(&progress));
        let sent_at =
            progress.sent_at.map_or(String::new(), |at| format!(", up to {}", at.strftime("%Y-%m-%d")));
        let (mails, bytes, removed) = (progress.mails, progress.bytes, progress.removed);
        bar.set_message(format!("{mails} mails in {bytes} bytes{sent_at}; {removed} removed here"));
        bar.tick();
    };
    let delete_archived = settings.archive.delete_archived;
    let options = RunOptions { delete_archived, whole: args.whole, ..RunOptions::before(before) };
    let began = Instant::now();
    let work = async {
        let report = aftersend_archive::run(&store, &archive, options, &watch).await?;
        if report.is_elsewhere {
            return Err(ArchiverElsewhere.into());
        }
        tally.set(jobs::archived(&report));
        Ok(report)
    };
    let report = jobs::by_hand(&store, Job::Archive, &tally, Box::pin(work)).await?;
    bar.finish_and_clear();
    tell(&report, began.elapsed(), output)?;
    Ok(Outcome::Done)
}

fn tell(report: &RunReport, took: Duration, output: Output) -> anyhow::Result<()> {
    let (sums, removed) = (&report.sums, &report.removed);
    if output.is_json() {
        return output.json(&json!({
            "objects": sums.objects, "mails": sums.mails, "events": sums.events,
            "late_events": sums.late_events, "bytes": sums.bytes, "removed": removed.removed, "changed": removed.changed,
            "skipped": removed.skipped, "refused": removed.refused, "cleared": report.cleared,
            "unreadable": sums.unreadable_mails, "first_unreadable": sums.first_unreadable,
            "seconds": took.as_secs_f64(),
        }));
    }
    output.text(format!(
        "{} mails with {} events are in the archive now, in {} objects of {} bytes",
        sums.mails, sums.events, sums.objects, sums.bytes
    ))?;
    if removed.removed > 0 {
        output.text(format!(
            "{} mails left the database. Autovacuum lets new rows have their room; the files on the disk keep their size \
             until VACUUM FULL or pg_repack writes the tables anew",
            removed.removed
        ))?;
    }
    if let Some(first) = sums.first_unreadable {
        let left_out = UnreadableMails { mails: sums.unreadable_mails, may_be_more: false, first };
        output.text(format!("{}: {UNREADABLE_FIX}", unreadable(&left_out)))?;
    }
    for (mails, why) in [
        (removed.changed, "have changed since they were archived, and go to the next run"),
        (removed.skipped, "were held by others, and go to the next run"),
        (removed.refused, "are kept by another table or a trigger of an application's"),
    ] {
        if mails > 0 {
            output.text(format!("{mails} mails {why}"))?;
        }
    }
    Ok(())
}

/// What to do with mails that are left out of the archive.
pub(in crate::commands) const UNREADABLE_FIX: &str = "put their rows of aftersend_bodies, or the dictionaries and shared \
     bodies that these refer to, back from a backup, or delete these rows, which gives the bodies up; then `aftersend archive \
     run --whole`";

/// What to say of mails that are left out of the archive.
pub(in crate::commands) fn unreadable(left_out: &UnreadableMails) -> String {
    let (be, whose) = if left_out.mails == 1 && !left_out.may_be_more {
        ("is", "its stored body is")
    } else {
        ("are", "their stored bodies are")
    };
    let more = if left_out.may_be_more { ", or more," } else { "" };
    let mails = text::count_of(left_out.mails, "mail", "mails");
    format!("{mails}{more} {be} left out of the archive, since {whose} damaged, the first {}", left_out.first)
}
