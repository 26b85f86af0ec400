//! `aftersend archive compress`.

use std::time::{Duration, Instant};

use aftersend_store::{CompressReport, Compressor, IngestError, Store};
use serde_json::json;

use super::progress::{Shown, bytes};
use crate::{Outcome, cli::CompressArgs, config::Settings, database::Place, output::Output};

/// How long to wait for a database that is busy or away.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(200);

/// How often all mails are gone through again for what was put off.
const PASSES_MAX: usize = 3;

/// Its application could not read the bodies.
#[derive(Debug, thiserror::Error)]
#[error(
    "an application made these tables, and it could not read compressed bodies any more: nothing was done. To compress \
     all the same, say --adopted, or set `archive.compress = true`; `aftersend archive decompress` puts them back"
)]
struct Adopted;

/// The configuration says no.
#[derive(Debug, thiserror::Error)]
#[error("`archive.compress` is false: nothing was done")]
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
    let (bodies, before) = (report.compressed, bytes(report.column_bytes));
    let mut lines = vec![if is_dry {
        format!("{bodies} bodies of {} would be compressed; they take {before} now", bytes(report.body_bytes))
    } else {
        format!(
            "{bodies} bodies of {} were compressed: from {before} to {}, with {} new dictionaries",
            bytes(report.body_bytes),
            bytes(report.stored_bytes),
            report.dictionaries
        )
    }];
    for (number, what) in [
        (report.recompressed, "of them an application had compressed in its own way"),
        (report.shared, "of them are the same as others, and stored once"),
        (
            report.kept,
            "stay: they are short, can't be read as what they are marked as, or would be no smaller",
        ),
        (report.too_long, "stay: they are longer than 40 MB"),
        (report.put_off, "stay for the next time: somebody held or changed their mails"),
    ] {
        if number > 0 {
            lines.push(format!("{number} {what}"));
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
        sum += patiently(&mut compressor).await?;
    }
    Ok(sum)
}

/// Goes through all that is due, and once more where something was put off.
async fn compress(store: &Store, older_than: Duration) -> anyhow::Result<CompressReport> {
    let mut compressor = Compressor::new(store, older_than);
    let mut shown = Shown::new(compressor.due().await?);
    let mut sum = CompressReport::default();
    for _ in 0..PASSES_MAX {
        // What stays counts once, in the last pass.
        (sum.kept, sum.too_long, sum.put_off, sum.is_through) = (0, 0, 0, false);
        while !sum.is_through {
            sum += patiently(&mut compressor).await?;
            let says = format!(
                "{} bodies, {} to {}",
                sum.compressed,
                bytes(sum.column_bytes),
                bytes(sum.stored_bytes)
            );
            shown.report(sum.compressed + sum.kept + sum.too_long + sum.put_off, &says);
        }
        if sum.put_off == 0 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(sum)
}

/// A round, again where the database is busy or away for a while.
async fn patiently(compressor: &mut Compressor) -> anyhow::Result<CompressReport> {
    let began = Instant::now();
    loop {
        match compressor.round().await {
            Ok(report) => return Ok(report),
            Err(IngestError::Repeat(_) | IngestError::Away(_)) if began.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
