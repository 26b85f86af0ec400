//! `aftersend archive status`.

use aftersend_store::{
    ArchiveCounts, ArchiveObject, ArchiveRun, ArchiveRunState, JobState, ObjectKind, ObjectState,
    UnreadableMails,
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    jobs,
    progress::bytes,
    run::{UNREADABLE_FIX, unreadable},
};
use crate::{Outcome, commands::migrate::text, database::Place, output::Output};

/// Runs and objects that are shown, the last ones.
const SHOWN_MAX: u32 = 20;

pub(super) async fn run(place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let store = place.store().await?;
    let (runs, objects) =
        (store.archive_runs(SHOWN_MAX).await?, store.archive_objects(None, SHOWN_MAX).await?);
    let (counts, left_out) = (store.archive_counts().await?, store.unreadable_mails().await?);
    // What keeps everybody from a table, as VACUUM FULL does, keeps nobody from all else.
    let (jobs, room) = (store.jobs().await?, store.table_room().await);
    if output.is_json() {
        output.json(&json!({
            "jobs": jobs.iter().map(jobs::job_json).collect::<Vec<_>>(),
            "tables": room.ok().map(|room| room.iter().map(jobs::room_json).collect::<Vec<_>>()),
            "objects": counts.objects, "mails": counts.mails, "removed": counts.removed, "bytes": counts.bytes,
            "late_events": counts.late_events, "left_out": left_out.as_ref().map(left_out_json),
            "runs": runs.iter().map(run_json).collect::<Vec<_>>(),
            "last_objects": objects.iter().map(object_json).collect::<Vec<_>>(),
        }))?;
        return Ok(Outcome::Done);
    }
    let at_work = JobState::at_work(&jobs);
    for line in jobs.iter().flat_map(|state| jobs::job_lines(state, at_work)) {
        output.text(line)?;
    }
    match room {
        Ok(room) => {
            for line in jobs::room_lines(&room) {
                output.text(line)?;
            }
        }
        Err(error) => output.text(format!("what the tables' files hold can't be told now: {error}"))?,
    }
    output.text(holds(&counts))?;
    if counts.late_events > 0 {
        let events = text::count_of(counts.late_events, "late event", "late events");
        output.text(format!("{events} of mails that are away, for the next object"))?;
    }
    if let Some(left_out) = &left_out {
        output.text(format!("{}: {UNREADABLE_FIX}", unreadable(left_out)))?;
    }
    for run in &runs {
        output.text(run_line(run))?;
    }
    for object in &objects {
        output.text(object_line(object, &runs))?;
    }
    Ok(Outcome::Done)
}

fn holds(counts: &ArchiveCounts) -> String {
    if counts.objects == 0 {
        return "nothing is in the archive".to_owned();
    }
    format!(
        "the archive holds {} in {} of {}; {} of the mails left the database",
        text::count_of(counts.mails, "mail", "mails"),
        text::count_of(counts.objects, "object", "objects"),
        bytes(counts.bytes),
        text::number(counts.removed)
    )
}

/// An object in a line. Why it failed, the run may have said.
fn object_line(object: &ArchiveObject, runs: &[ArchiveRun]) -> String {
    let holds = object.facts.as_ref().map_or(String::new(), |facts| match object.kind {
        ObjectKind::Mails => format!("  {}", text::count_of(facts.mails, "mail", "mails")),
        ObjectKind::Late => format!("  {}", text::count_of(facts.events, "late event", "late events")),
    });
    let (name, state) = (
        &object.name,
        match object.state {
            ObjectState::Written => "not proven yet",
            ObjectState::Verified => "proven",
            ObjectState::Deleted => "proven, its mails left the database",
            ObjectState::Abandoned => "given up before it was proven",
        },
    );
    let is_told = |failure: &&str| !runs.iter().any(|run| run.state.failure() == Some(failure));
    let failure =
        object.failure.as_deref().filter(is_told).map_or(String::new(), |failure| format!(": {failure}"));
    format!("  object {name}{holds}: {state}{failure}")
}

/// A run in a line: when it began, how far it came, and how it ended.
fn run_line(run: &ArchiveRun) -> String {
    let sums = &run.sums;
    let at = run.ended_at.map_or(String::new(), |at| format!(" at {}", second(at)));
    let state = match &run.state {
        ArchiveRunState::AtWork => "at work".to_owned(),
        ArchiveRunState::Done => format!("done{at}"),
        ArchiveRunState::Stopped => format!("stopped{at}; the next run goes on from there"),
        ArchiveRunState::Failed(failure) => format!("failed{at}: {failure}"),
        ArchiveRunState::Lost => {
            "ended by force: its process was killed, or lost the database; the next run goes on from there"
                .to_owned()
        }
    };
    let left_out = match sums.unreadable_mails {
        0 => String::new(),
        mails => format!(", {} left out", text::number(mails)),
    };
    format!(
        "  run {:<6} {}  {} in {}, {} removed{left_out}: {state}",
        run.number,
        second(run.began_at),
        text::count_of(sums.mails, "mail", "mails"),
        text::count_of(sums.objects, "object", "objects"),
        text::number(sums.removed_mails)
    )
}

fn left_out_json(left_out: &UnreadableMails) -> serde_json::Value {
    json!({ "mails": left_out.mails, "may_be_more": left_out.may_be_more, "first": left_out.first })
}

fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn run_json(run: &ArchiveRun) -> serde_json::Value {
    json!({
        "number": run.number, "store": run.store, "began_at": run.began_at.to_string(),
        "ended_at": run.ended_at.map(|at| at.to_string()), "state": run.state.as_str(), "objects": run.sums.objects, "mails": run.sums.mails,
        "events": run.sums.events, "late_events": run.sums.late_events, "bytes": run.sums.bytes,
        "removed": run.sums.removed_mails, "unreadable": run.sums.unreadable_mails,
        "first_unreadable": run.sums.first_unreadable, "failure": run.state.failure(),
    })
}

fn object_json(object: &ArchiveObject) -> serde_json::Value {
    let facts = object.facts.as_ref();
    json!({
        "name": object.name, "kind": object.kind.name(), "state": object.state.name(),
        "mails": facts.map(|facts| facts.mails), "events": facts.map(|facts| facts.events),
        "bytes": facts.map(|facts| facts.bytes), "written_at": object.written_at.to_string(),
        "verified_at": object.verified_at.map(|at| at.to_string()), "failure": object.failure,
    })
}
