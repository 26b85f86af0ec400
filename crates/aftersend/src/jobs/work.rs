//! The work of each job, from its beginning to its end, in rounds that each commit.

use std::time::Duration;

use aftersend_archive::{ArchiveError, ArchivePlace, RunOptions, RunProgress, RunReport};
use aftersend_store::{
    CompressReport, Compressor, IngestError, Job, JobCounts, PruneRound, PrunedKind, Pruner, Retention, Store,
};
use tokio::time::Instant;

use super::{Tally, Wanted, sentence};
use crate::config::Archive;

/// How long to wait for a database that is busy or away, in all and at first.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// How often all mails are gone through again for what was put off.
const PASSES_MAX: usize = 3;

/// Between two rounds that have deleted something: half of the time is left to whoever takes events in.
const PACE_MAX: Duration = Duration::from_millis(500);

/// How fast to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Somebody waits for the end.
    AtOnce,
    /// Nobody does, and others work beside.
    Gently,
}

/// An archiver that is no job is at it: one of a program that has the library, or one whose job was taken for ended.
#[derive(Debug, thiserror::Error)]
#[error(
    "another archiver, which is not at work as a job, holds the lock of this schema's archive: one runs at a time, and this \
     one did nothing. Run it again when that one has ended"
)]
pub(crate) struct ArchiverElsewhere;

/// Whatever stops a job.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error("{}", sentence(.0))]
    Store(#[from] IngestError),
    #[error("{}", archive_sentence(.0))]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    ArchiverElsewhere(#[from] ArchiverElsewhere),
    #[error(
        "`archive.store` and `archive.archive_after` say where mails go and when; one of them is missing"
    )]
    NoArchive,
}

fn archive_sentence(error: &ArchiveError) -> String {
    match error {
        ArchiveError::Store(error) => sentence(error),
        error => error.to_string(),
    }
}

/// Does a job's work as the settings have it. Cancel-safe: what was committed is done, and the rest is found again.
pub(super) async fn work(store: &Store, job: Job, wanted: &Wanted, tally: &Tally) -> Result<(), WorkError> {
    let Wanted { archive, retention } = wanted;
    match job {
        Job::Compress => {
            let mut tell = |sum: &CompressReport| tally.set(compressed(sum));
            compress(store, archive.compress_after, Pace::Gently, &mut tell).await?;
        }
        Job::Archive => run_archive(store, archive, tally).await?,
        Job::Prune => {
            let mut sum = JobCounts::default();
            let mut tell = |round: &PruneRound| {
                sum += pruned(round);
                tally.set(sum);
            };
            prune(store, *retention, false, &mut tell).await?;
        }
    }
    Ok(())
}

async fn run_archive(store: &Store, archive: &Archive, tally: &Tally) -> Result<(), WorkError> {
    let (Some(url), Some(after)) = (&archive.store, archive.after) else { return Err(WorkError::NoArchive) };
    let place = ArchivePlace::open(url).await?;
    let before = aftersend_archive::older_than(store, after).await?;
    let options = RunOptions { delete_archived: archive.delete_archived, ..RunOptions::before(before) };
    let report =
        aftersend_archive::run(store, &place, options, &|progress| tally.set(archiving(&progress))).await?;
    if report.is_elsewhere {
        return Err(ArchiverElsewhere.into());
    }
    tally.set(archived(&report));
    Ok(())
}

/// Compresses all bodies that are due, and goes through them once more where something was put off. Tells after each round what
/// was done so far.
pub(crate) async fn compress(
    store: &Store,
    older_than: Duration,
    pace: Pace,
    tell: &mut (dyn FnMut(&CompressReport) + Send),
) -> Result<CompressReport, IngestError> {
    let compressor = Compressor::new(store, older_than);
    let mut compressor = if pace == Pace::Gently { compressor.gently() } else { compressor };
    let mut sum = CompressReport::default();
    for _ in 0..PASSES_MAX {
        // What stays counts once, in the last pass.
        (sum.kept, sum.too_long, sum.put_off, sum.is_through) = (0, 0, 0, false);
        while !sum.is_through {
            sum += patiently(&mut compressor).await?;
            tell(&sum);
            tokio::time::sleep(compressor.rest()).await;
        }
        if sum.put_off == 0 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(sum)
}

/// A round, again where the database is busy or away for a while.
pub(crate) async fn patiently(compressor: &mut Compressor) -> Result<CompressReport, IngestError> {
    let began = Instant::now();
    loop {
        match compressor.round().await {
            Err(IngestError::Repeat(_) | IngestError::Away(_)) if began.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
            }
            round => return round,
        }
    }
}

/// Deletes all that is old enough, or says what would be. Tells of each round.
pub(crate) async fn prune(
    store: &Store,
    retention: Retention,
    dry_run: bool,
    tell: &mut (dyn FnMut(&PruneRound) + Send),
) -> Result<(), IngestError> {
    let pruner = Pruner::new(store, retention);
    let mut pruner = if dry_run { pruner.dry() } else { pruner };
    let (mut answered, mut pause) = (Instant::now(), PAUSE);
    loop {
        let began = Instant::now();
        let round = match pruner.round().await {
            Err(IngestError::Repeat(_) | IngestError::Away(_)) if answered.elapsed() < PATIENCE => {
                tokio::time::sleep(pause).await;
                pause *= 2;
                continue;
            }
            round => round?,
        };
        (answered, pause) = (Instant::now(), PAUSE);
        tell(&round);
        if round.is_through {
            return Ok(());
        }
        if round.rows > 0 && !dry_run {
            tokio::time::sleep(began.elapsed().min(PACE_MAX)).await;
        }
    }
}

/// What compressing did, as jobs have it.
pub(crate) fn compressed(report: &CompressReport) -> JobCounts {
    JobCounts {
        compressed_bodies: report.compressed,
        raw_bytes: report.column_bytes,
        stored_bytes: report.stored_bytes,
        put_off: report.put_off,
        ..JobCounts::default()
    }
}

/// What an archiver has done so far.
pub(crate) fn archiving(progress: &RunProgress) -> JobCounts {
    JobCounts {
        archived_mails: progress.mails,
        archived_bytes: progress.bytes,
        deleted_mails: progress.removed,
        ..JobCounts::default()
    }
}

/// What it did in the end.
pub(crate) fn archived(report: &RunReport) -> JobCounts {
    let (sums, removed) = (&report.sums, &report.removed);
    JobCounts {
        archived_objects: sums.objects,
        archived_mails: sums.mails,
        archived_events: sums.events,
        archived_bytes: sums.bytes,
        deleted_mails: sums.removed_mails,
        put_off: (removed.changed + removed.skipped) as u64,
        refused: removed.refused as u64,
        ..JobCounts::default()
    }
}

/// What a round has deleted.
pub(crate) fn pruned(round: &PruneRound) -> JobCounts {
    let mut counts = JobCounts {
        deleted_bytes: round.bytes,
        kept_back: round.kept_back,
        put_off: round.put_off,
        refused: round.refused,
        ..JobCounts::default()
    };
    match round.kind {
        None => {}
        Some(PrunedKind::Mails) => counts.deleted_mails = round.rows,
        Some(PrunedKind::Bodies | PrunedKind::StoredBodies) => counts.deleted_bodies = round.rows,
        Some(PrunedKind::RawEvents | PrunedKind::RawFolded) => counts.deleted_raw_events = round.rows,
        Some(PrunedKind::AddressesOfEvents | PrunedKind::AddressesOfFolded) => {
            counts.deleted_addresses = round.rows;
        }
    }
    counts
}
