//! `aftersend archive run`.

use std::time::{Duration, Instant};

use aftersend_archive::{ArchivePlace, RunOptions, RunReport, older_than, plan};
use aftersend_store::{Job, RunSums, Store, UnreadableMails};
use anyhow::bail;
use jiff::Timestamp;
use serde_json::json;

use super::{address, bar, progress::bytes};
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
            bar.set_message(format!("{} looked at{sent_at}", mails_of(mails)));
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
                "{} that went out before {} would be archived, {} in the archive already; the bodies of all these take {}",
                mails_of(plan.mails),
                before.strftime("%Y-%m-%d %H:%M:%S UTC"),
                be(plan.archived),
                bytes(plan.body_bytes)
            ))?;
        }
        return Ok(Outcome::Done);
    }
    let archive = ArchivePlace::open(address("--to", args.store.as_deref(), settings)?).await?;
    if let Some(other) = other_place(&store, &archive).await? {
        output.progress(other)?;
    }
    let bar = bar("{spinner} {msg}");
    let tally = Tally::default();
    let watch = |progress: aftersend_archive::RunProgress| {
        tally.set(jobs::archiving(&progress));
        let sent_at =
            progress.sent_at.map_or(String::new(), |at| format!(", up to {}", at.strftime("%Y-%m-%d")));
        let (mails, bytes) = (mails_of(progress.mails), bytes(progress.bytes));
        bar.set_message(format!(
            "{mails}, {bytes}{sent_at}; {} removed here",
            text::number(progress.removed)
        ));
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
    output.text(archived(sums))?;
    if removed.removed > 0 {
        output.text(format!(
            "{} left the database. Autovacuum lets new rows have their room; the files on the disk keep their size \
             until VACUUM FULL or pg_repack writes the tables anew",
            mails_of(removed.removed as u64)
        ))?;
    }
    if let Some(first) = sums.first_unreadable {
        let left_out = UnreadableMails { mails: sums.unreadable_mails, may_be_more: false, first };
        output.text(format!("{}: {UNREADABLE_FIX}", unreadable(&left_out)))?;
    }
    for (mails, why) in [
        (removed.changed, "left for the next run: changed after archiving"),
        (removed.skipped, "left for the next run: held by somebody"),
        (removed.refused, "kept here by another table or a trigger of an application’s"),
    ] {
        if mails > 0 {
            output.text(format!("{} {why}", mails_of(mails as u64)))?;
        }
    }
    if report.cleared > 0 {
        let objects = text::count_of(report.cleared, "object", "objects");
        output
            .text(format!("{objects} removed from the archive: begun by earlier runs, and never proven"))?;
    }
    if report.joined > 0 {
        let events = text::count_of(report.joined as u64, "late event", "late events");
        output.text(format!("{events} stored with mails that are here again"))?;
    }
    Ok(())
}

/// What is in the archive now that was not.
fn archived(sums: &RunSums) -> String {
    let objects = text::count_of(sums.objects, "object", "objects");
    let events = |count: u64| text::count_of(count, "event", "events");
    let late = if sums.late_events > 0 {
        format!(", {} of them late", text::number(sums.late_events))
    } else {
        String::new()
    };
    match sums.objects {
        0 if sums.unreadable_mails > 0 => "nothing else was to be archived".to_owned(),
        0 => "nothing was to be archived: all that is old enough is in the archive as it is".to_owned(),
        _ if sums.mails == 0 => {
            format!(
                "{} of mails that are away went to the archive, in {objects} of {}",
                events(sums.events),
                bytes(sums.bytes)
            )
        }
        _ => format!(
            "{} with {}{late} went to the archive, in {objects} of {}",
            mails_of(sums.mails),
            events(sums.events),
            bytes(sums.bytes)
        ),
    }
}

/// Runs that are looked at for the last one that archived anything.
const LOOKED_AT_MAX: u32 = 50;

/// What to say where earlier runs went to another place.
async fn other_place(store: &Store, archive: &ArchivePlace) -> anyhow::Result<Option<String>> {
    let last = store.archive_runs(LOOKED_AT_MAX).await?.into_iter().find(|run| run.sums.objects > 0);
    let other = last
        .map(|run| run.store)
        .filter(|other| other.trim_end_matches('/') != archive.shown().trim_end_matches('/'));
    let Some(other) = other else { return Ok(None) };
    let objects = store.archive_counts().await?.objects;
    Ok((objects > 0).then(|| {
        format!(
            "note: what was archived last went to {other}, and this run goes to {}. `verify` and `restore` look in one place: copy the {} \
             there that this database has in the archive",
            archive.shown(),
            text::count_of(objects, "object", "objects")
        )
    }))
}

fn mails_of(count: u64) -> String {
    text::count_of(count, "mail", "mails")
}

fn be(count: u64) -> String {
    format!("{} {}", text::number(count), if count == 1 { "is" } else { "are" })
}

/// What to do about damaged bodies.
pub(super) const BODY_FIX: &str = "put their rows of aftersend_bodies, or the dictionaries and shared bodies that these refer \
     to, back from a backup, or delete these rows, which gives the bodies up";

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
