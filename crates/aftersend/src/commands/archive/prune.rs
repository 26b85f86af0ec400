//! `aftersend archive prune`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, IsTerminal},
    time::Duration,
};

use aftersend_store::{IngestError, PruneRound, PrunedKind, Pruner, Retention, Store};
use anyhow::bail;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::time::Instant;

use crate::{Outcome, config::Settings, database::Place, output::Output};

/// How long to wait for a database that is busy or away, and the first pause.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// Between two rounds that have deleted something: half of the time is left to whoever takes events in.
const PACE_MAX: Duration = Duration::from_millis(500);

/// What was done, by kind.
type Tally = BTreeMap<PrunedKind, PruneRound>;

pub(crate) async fn run(
    dry_run: bool,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let retention = settings.retention;
    if retention.keeps_all() {
        bail!(
            "nothing says what is to be deleted: set `archive.delete_after`, `archive.delete_bodies_after`, \
             `archive.delete_raw_after` or `archive.delete_addresses_after` in the configuration file"
        );
    }
    let store = place.store().await?;
    let mut tally = Tally::new();
    let result = prune(&store, retention, dry_run, &mut tally).await;
    // Also after an error: what was done is done.
    tell(&tally, dry_run, output)?;
    result?;
    Ok(Outcome::Done)
}

async fn prune(
    store: &Store,
    retention: Retention,
    dry_run: bool,
    tally: &mut Tally,
) -> Result<(), IngestError> {
    let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
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
        if let Some(kind) = round.kind {
            let sum = tally.entry(kind).or_insert(PruneRound {
                rows: 0,
                bytes: 0,
                kept_back: 0,
                put_off: 0,
                ..round
            });
            sum.rows += round.rows;
            sum.bytes += round.bytes;
            sum.kept_back += round.kept_back;
            sum.put_off += round.put_off;
            bar.set_message(format!("{}: {} rows", words(kind), sum.rows));
            bar.tick();
        }
        if round.is_through {
            bar.finish_and_clear();
            return Ok(());
        }
        if round.rows > 0 && !dry_run {
            tokio::time::sleep(began.elapsed().min(PACE_MAX)).await;
        }
    }
}

const fn words(kind: PrunedKind) -> &'static str {
    match kind {
        PrunedKind::Mails => "mails",
        PrunedKind::Bodies => "bodies",
        PrunedKind::StoredBodies => "compressed bodies",
        PrunedKind::RawEvents => "raw JSON of events",
        PrunedKind::RawFolded => "raw JSON of folded events",
        PrunedKind::AddressesOfEvents => "addresses and programs of events",
        PrunedKind::AddressesOfFolded => "addresses and programs of folded events",
    }
}

fn tell(tally: &Tally, dry_run: bool, output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        let kinds: serde_json::Map<String, serde_json::Value> = tally
            .iter()
            .map(|(kind, sum)| {
                let parts = json!({
                    "rows": sum.rows, "bytes": sum.bytes, "kept_back": sum.kept_back, "put_off": sum.put_off,
                });
                (kind.name().to_owned(), parts)
            })
            .collect();
        return output.json(&json!({ "dry_run": dry_run, "deleted": kinds }));
    }
    let done = if dry_run { "would be deleted" } else { "deleted" };
    for (kind, sum) in tally {
        let mut line = format!("{}: {} {done}, about {} bytes", words(*kind), sum.rows, sum.bytes);
        if sum.kept_back > 0 {
            write!(line, ", {} kept until they are in the archive", sum.kept_back)?;
        }
        if sum.put_off > 0 {
            write!(line, ", {} left for the next run", sum.put_off)?;
        }
        output.text(line)?;
    }
    if !dry_run && tally.values().any(|sum| sum.rows > 0) {
        output.progress(
            "Autovacuum frees the room for new rows; the files stay as large as they are until VACUUM FULL or a rewrite",
        )?;
    }
    Ok(())
}
