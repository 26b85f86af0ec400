//! `aftersend archive compress`.

use std::time::{Duration, Instant};

use aftersend_store::{CompressReport, Compressor, Job, Store};
use serde_json::json;

use super::progress::{Shown, bytes};
use crate::{
    Outcome,
    cli::CompressArgs,
    commands::migrate::text,
    config::Settings,
    database::Place,
    jobs::{self, Pace, Tally},
    output::Output,
};

/// Its application could not read the bodies.
#[derive(Debug, thiserror::Error)]
#[error(
    "an application made these tables, and it could not read compressed bodies any more: nothing was done. To compress \
     all the same, say --adopted, or set `archive.compress = true`; `aftersend archive decompress` puts them back"
)]
struct Adopted;

/// The configuration says no.
#[derive(Debug, thiserror::Error)]
#[error(
    "`archive.compress` is false in the configuration: nothing was done. Take that away, or say --adopted to compress all the \
     same"
)]
struct SwitchedOff;

pub(super) async fn run(
    args: &CompressArgs,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let store = place.store().await?;
    let told = if args.adopted { Some(true) } else { settings.archive.compress };
    // Looking is harmless.
    if !args.dry_run && !store.compresses(told).await? {
        return Err(if told.is_some() { SwitchedOff.into() } else { Adopted.into() });
    }
    let older_than = args.older_than.unwrap_or(settings.archive.compress_after);
    let began = Instant::now();
    let report =
        if args.dry_run { look(&store, older_than).await? } else { compress(&store, older_than).await? };
    if output.is_json() {
        output.json(&json!({
            "dry_run": args.dry_run,
            "bodies": report.compressed,
            "body_bytes": report.body_bytes,
            "before_bytes": report.column_bytes,
            "after_bytes": (!args.dry_run).then_some(report.stored_bytes),
            "recompressed": report.recompressed,
            "shared": report.shared,
            "dictionaries": report.dictionaries,
            "kept": report.kept,
            "too_long": report.too_long,
            "put_off": report.put_off,
            "seconds": began.elapsed().as_secs_f64(),
        }))?;
    } else {
        for line in said(&report, args.dry_run) {
            output.text(line)?;
        }
    }
    Ok(Outcome::Done)
}

fn said(report: &CompressReport, is_dry: bool) -> Vec<String> {
    let bodies = |count: u64| text::count_of(count, "body", "bodies");
    let (compressed, whole) = (bodies(report.compressed), bytes(report.body_bytes));
    let (before, after) = (bytes(report.column_bytes), bytes(report.stored_bytes));
    let mut lines = vec![match (report.compressed, is_dry) {
        (0, true) => "no body would be compressed: none that is old enough waits for it".to_owned(),
        (0, false) => "no body was compressed: none that is old enough waits for it".to_owned(),
        (1, true) => format!("1 body of {whole} would be compressed; it takes {before} now"),
        (_, true) => format!("{compressed} of {whole} in all would be compressed; they take {before} now"),
        (1, false) => format!("1 body of {whole} was compressed, from {before} to {after}"),
        (_, false) => {
            let dictionaries = text::count_of(report.dictionaries, "new dictionary", "new dictionaries");
            format!(
                "{compressed} of {whole} in all were compressed, from {before} to {after}, with {dictionaries}"
            )
        }
    }];
    for (count, what) in [
        (report.recompressed, "of these had been compressed by an application in its own way"),
        (report.shared, "of these have the same text as others, and are stored once"),
        (
            report.kept,
            "left uncompressed: short, no smaller afterwards, kept by a trigger, or not readable as what the mails say of them",
        ),
        (report.too_long, "left uncompressed: longer than 40 MB"),
        (report.put_off, "left for the next time: somebody held or changed the mails"),
    ] {
        if count > 0 {
            lines.push(format!("{} {what}", bodies(count)));
        }
    }
    if !is_dry && report.compressed > 0 {
        // What nobody expects: the files stay as long as they were.
        lines.push(
            "autovacuum makes the room they took free for new mails; only VACUUM FULL, which locks the table, gives it back to \
             the disk"
                .to_owned(),
        );
    }
    lines
}

async fn look(store: &Store, older_than: Duration) -> anyhow::Result<CompressReport> {
    let mut compressor = Compressor::new(store, older_than).dry();
    let mut sum = CompressReport::default();
    while !sum.is_through {
        sum += jobs::patiently(&mut compressor).await?;
    }
    Ok(sum)
}

/// Compresses all that is due, as a run of the job.
async fn compress(store: &Store, older_than: Duration) -> anyhow::Result<CompressReport> {
    let tally = Tally::default();
    let work = async {
        let mut shown = Shown::new(Compressor::new(store, older_than).due().await?);
        let mut tell = |sum: &CompressReport| {
            tally.set(jobs::compressed(sum));
            let (before, after) = (bytes(sum.column_bytes), bytes(sum.stored_bytes));
            let says = format!("{}, {before} to {after}", text::count_of(sum.compressed, "body", "bodies"));
            shown.report(sum.compressed + sum.kept + sum.too_long + sum.put_off, &says);
        };
        Ok(jobs::compress(store, older_than, Pace::AtOnce, &mut tell).await?)
    };
    jobs::by_hand(store, Job::Compress, &tally, Box::pin(work)).await
}
