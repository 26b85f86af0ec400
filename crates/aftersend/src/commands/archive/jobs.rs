//! How jobs stand, and what their tables' files hold, for `aftersend archive status`.

use aftersend_store::{Job, JobCounts, JobOutcome, JobRun, JobState, TableRoom};
use jiff::Timestamp;
use serde_json::json;

use super::progress::bytes;
use crate::commands::migrate::text;

/// Tables with less than this in their files are not worth a word.
const TOLD_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// Of a file, the share that is free from which on that is worth a word: a tenth.
const TOLD_SHARE: u64 = 10;

pub(super) fn job_json(state: &JobState) -> serde_json::Value {
    json!({
        "job": state.job.as_str(),
        "schedule": state.schedule,
        "next_at": state.next_at.map(|at| at.to_string()),
        "failures_in_a_row": state.failures_in_a_row,
        "running": state.running.as_ref().map(|run| json!({
            "number": run.number, "runner": run.runner, "by_schedule": run.by_schedule,
            "began_at": run.began_at.to_string(), "heard_at": run.heard_at.to_string(), "did": run.did,
        })),
        "last": state.last.as_ref().map(run_json),
        "totals": state.totals,
    })
}

fn run_json(run: &JobRun) -> serde_json::Value {
    let failure = match &run.outcome {
        JobOutcome::Failed(sentence) => Some(sentence),
        JobOutcome::Done | JobOutcome::Stopped => None,
    };
    json!({
        "number": run.number, "runner": run.runner, "by_schedule": run.by_schedule,
        "began_at": run.began_at.to_string(), "ended_at": run.ended_at.to_string(),
        "outcome": run.outcome.as_str(), "failure": failure, "did": run.did,
    })
}

/// A job in one line or two: what ran last, what it did, what comes next, and for which other one it waits that is at work.
pub(super) fn job_lines(state: &JobState, at_work: Option<Job>) -> Vec<String> {
    let name = state.job.as_str();
    let last = match (&state.running, &state.last) {
        (Some(running), _) => {
            let (since, did) = (minute(running.began_at), did(&running.did));
            let did = did.unwrap_or_else(|| "nothing".to_owned());
            format!("at work since {since}, by {}; so far {did}", running.runner)
        }
        (None, None) => "has not run yet".to_owned(),
        (None, Some(run)) => {
            let took_s = run.ended_at.duration_since(run.began_at).as_secs_f64();
            let how = match &run.outcome {
                JobOutcome::Done => "done",
                JobOutcome::Stopped => "stopped half way",
                JobOutcome::Failed(_) => "failed",
            };
            let nothing =
                if run.outcome == JobOutcome::Done { "nothing was due" } else { "nothing was done" };
            let did = did(&run.did).unwrap_or_else(|| nothing.to_owned());
            format!("last run {}, {how} after {}: {did}", minute(run.began_at), text::seconds(took_s))
        }
    };
    let next = match (&state.next_at, &state.schedule) {
        // What it was due for is what it is at.
        (Some(next_at), _)
            if state
                .running
                .as_ref()
                .is_some_and(|running| running.by_schedule && running.began_at >= *next_at) =>
        {
            "the next one is planned when it ends".to_owned()
        }
        (Some(next_at), schedule) => {
            let is_due = state.overdue_s.is_some_and(|overdue_s| overdue_s > 0.0);
            let schedule = schedule.as_ref().map_or(String::new(), |schedule| format!(" ({schedule})"));
            let next = format!("{}{schedule}", minute(*next_at));
            match at_work.filter(|at_work| *at_work != state.job) {
                _ if !is_due => format!("next {next}"),
                Some(other) => format!("due since {next}: it waits for `{other}` to end"),
                None => {
                    format!("due since {next}: `aftersend serve` runs it, or {}", state.job.command())
                }
            }
        }
        (None, _) => format!("not planned; by hand: {}", state.job.command()),
    };
    let mut lines = vec![format!("{name:<9} {last}; {next}")];
    if state.running.is_none()
        && let Some(JobOutcome::Failed(sentence)) = state.last.as_ref().map(|run| &run.outcome)
    {
        let times = match state.failures_in_a_row {
            0 | 1 => String::new(),
            failures => format!("{} times in a row; the last time: ", text::number(failures.into())),
        };
        lines.push(format!("  it failed: {times}{sentence}"));
        lines.push(format!("  do what it says, then: {}", state.job.command()));
    }
    lines
}

/// What a run did, in words, but for what it did none of.
fn did(counts: &JobCounts) -> Option<String> {
    let (mail, body, event) = (("mail", "mails"), ("body", "bodies"), ("event", "events"));
    let any = ("mail or event", "mails or events");
    let compressed = format!("compressed, {} to {}", bytes(counts.raw_bytes), bytes(counts.stored_bytes));
    let parts = [
        (counts.compressed_bodies, body, compressed),
        (counts.archived_mails, mail, format!("archived, {}", bytes(counts.archived_bytes))),
        (counts.deleted_mails, mail, "deleted here".to_owned()),
        (counts.deleted_bodies, body, "deleted".to_owned()),
        (counts.deleted_raw_events, event, "without raw JSON".to_owned()),
        (counts.deleted_addresses, event, "without addresses".to_owned()),
        (counts.kept_back, any, "kept until archived".to_owned()),
        (counts.put_off, any, "left for the next run".to_owned()),
        (counts.refused, any, "kept by a table or a trigger of an application".to_owned()),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, (one, many), what)| format!("{} {what}", text::count_of(count, one, many)))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

pub(super) fn room_json(room: &TableRoom) -> serde_json::Value {
    json!({
        "table": room.table, "table_bytes": room.table_bytes, "index_bytes": room.index_bytes,
        "live_rows": room.live_rows, "dead_rows": room.dead_rows, "free_bytes": room.free_bytes,
        "vacuumed_at": room.vacuumed_at.map(|at| at.to_string()),
    })
}

/// What deletes have left in files, where it is worth a word: what comes back by itself, and what does not.
pub(super) fn room_lines(rooms: &[TableRoom]) -> Vec<String> {
    let told: Vec<String> = rooms.iter().filter_map(room_line).collect();
    if told.is_empty() {
        return told;
    }
    let advice = "  Autovacuum makes room of dead rows that new rows use. The files keep their size, but for what is free at their \
                  very end; only VACUUM FULL, which keeps everybody out meanwhile, or pg_repack makes them smaller.";
    [told, vec![advice.to_owned()]].concat()
}

fn room_line(room: &TableRoom) -> Option<String> {
    let free = room.free_bytes.filter(|free| *free > room.table_bytes / TOLD_SHARE);
    let has_dead = room.dead_rows > room.live_rows / TOLD_SHARE;
    if room.table_bytes < TOLD_BYTES_MIN || (free.is_none() && !has_dead) {
        return None;
    }
    let free =
        free.map_or(String::new(), |free| format!(", of which about {} are free for new rows", bytes(free)));
    let vacuumed = room.vacuumed_at.map_or("never".to_owned(), minute);
    Some(format!(
        "{}: {} in files{free}, and {} of indexes; about {} wait for a vacuum (the last: {vacuumed})",
        room.table,
        bytes(room.table_bytes),
        bytes(room.index_bytes),
        text::count_of(room.dead_rows, "dead row", "dead rows")
    ))
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_job_is_told_with_what_it_did_and_what_comes_next() {
        let did =
            JobCounts { compressed_bodies: 3, raw_bytes: 9_000, stored_bytes: 400, ..JobCounts::default() };
        let run = JobRun {
            number: 7,
            runner: "process 4 on mail1".to_owned(),
            by_schedule: true,
            began_at: at("2026-11-23T03:00:10Z"),
            ended_at: at("2026-11-23T03:01:40Z"),
            outcome: JobOutcome::Done,
            did,
        };
        let state = JobState {
            job: Job::Compress,
            schedule: Some("daily 03:00".to_owned()),
            next_at: Some(at("2026-11-24T03:00:00Z")),
            overdue_s: Some(-5.0),
            running: None,
            last: Some(run.clone()),
            failures_in_a_row: 0,
            totals: did,
        };
        assert_eq!(
            job_lines(&state, None),
            [
                "compress  last run 2026-11-23 03:00 UTC, done after 90 s: 3 bodies compressed, 9.0 kB to 400 B; next 2026-11-24 \
              03:00 UTC (daily 03:00)"
            ]
        );
        let due = JobState { overdue_s: Some(90_000.0), ..state.clone() };
        let [alone, waiting] = [None, Some(Job::Prune)].map(|at_work| job_lines(&due, at_work).concat());
        let since = "; due since 2026-11-24 03:00 UTC (daily 03:00): ";
        let by_hand = format!("{since}`aftersend serve` runs it, or aftersend archive compress");
        assert!(alone.ends_with(&by_hand), "{alone}");
        assert!(waiting.ends_with(&format!("{since}it waits for `prune` to end")), "{waiting}");
        let failed = JobRun {
            outcome: JobOutcome::Failed("the disk is full".to_owned()),
            did: JobCounts::default(),
            ..run
        };
        let state = JobState { last: Some(failed), failures_in_a_row: 4, next_at: None, ..state };
        assert_eq!(
            job_lines(&state, None),
            [
                "compress  last run 2026-11-23 03:00 UTC, failed after 90 s: nothing was done; not planned; by hand: aftersend archive \
                 compress",
                "  it failed: 4 times in a row; the last time: the disk is full",
                "  do what it says, then: aftersend archive compress",
            ]
        );
    }

    #[test]
    fn room_is_told_where_there_is_much_of_it() {
        let full = TableRoom {
            table: "mails".to_owned(),
            table_bytes: 1_000_000_000,
            index_bytes: 500_000_000,
            live_rows: 1_000_000,
            dead_rows: 10,
            vacuumed_at: None,
            free_bytes: Some(1_000),
        };
        assert!(room_lines(std::slice::from_ref(&full)).is_empty());
        let dead = TableRoom { dead_rows: 400_000, ..full.clone() };
        let freed = TableRoom {
            free_bytes: Some(400_000_000),
            vacuumed_at: Some(at("2026-11-23T03:00:00Z")),
            ..full.clone()
        };
        let small = TableRoom { table_bytes: 1_000, ..freed.clone() };
        let lines = room_lines(&[dead, freed, small]);
        assert_eq!(
            lines[0],
            "mails: 1.0 GB in files, and 500.0 MB of indexes; about 400,000 dead rows wait for a vacuum (the last: never)"
        );
        assert!(lines[1].contains("about 400.0 MB are free for new rows"), "{}", lines[1]);
        assert!(lines[2].contains("VACUUM FULL") && lines.len() == 3);
    }
}
