//! `aftersend archive prune`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, IsTerminal},
};

use aftersend_store::{Job, JobCounts, PruneRound, PrunedKind, Retention, Store};
use anyhow::bail;
use indicatif::ProgressBar;
use serde_json::json;

use super::progress::bytes;
use crate::{Outcome, commands::migrate::text, config::Settings, database::Place, jobs, output::Output};

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

async fn prune(store: &Store, retention: Retention, dry_run: bool, tally: &mut Tally) -> anyhow::Result<()> {
    let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let (told, mut counts) = (jobs::Tally::default(), JobCounts::default());
    let mut tell = |round: &PruneRound| {
        let Some(kind) = round.kind else { return };
        let nothing = PruneRound { rows: 0, bytes: 0, kept_back: 0, put_off: 0, refused: 0, ..*round };
        let sum = tally.entry(kind).or_insert(nothing);
        sum.rows += round.rows;
        sum.bytes += round.bytes;
        sum.kept_back += round.kept_back;
        sum.put_off += round.put_off;
        sum.refused += round.refused;
        counts += jobs::pruned(round);
        told.set(counts);
        bar.set_message(words(kind, sum.rows));
        bar.tick();
    };
    let work = async { Ok(jobs::prune(store, retention, dry_run, &mut tell).await?) };
    let done = if dry_run { work.await } else { jobs::by_hand(store, Job::Prune, &told, work).await };
    bar.finish_and_clear();
    done
}

/// So many of a kind.
fn words(kind: PrunedKind, rows: u64) -> String {
    let events = |of: &str| format!("{of} of {}", text::count_of(rows, "event", "events"));
    let folded = |of: &str| format!("{of} of {}", text::count_of(rows, "folded event", "folded events"));
    match kind {
        PrunedKind::Mails => text::count_of(rows, "mail", "mails"),
        PrunedKind::Bodies => text::count_of(rows, "body", "bodies"),
        PrunedKind::StoredBodies => text::count_of(rows, "compressed body", "compressed bodies"),
        PrunedKind::RawEvents => events("the raw JSON"),
        PrunedKind::RawFolded => folded("the raw JSON"),
        PrunedKind::AddressesOfEvents => events("addresses and programs"),
        PrunedKind::AddressesOfFolded => folded("addresses and programs"),
    }
}

fn tell(tally: &Tally, dry_run: bool, output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        let kinds: serde_json::Map<String, serde_json::Value> = tally
            .iter()
            .map(|(kind, sum)| {
                let parts = json!({
                    "rows": sum.rows, "bytes": sum.bytes, "kept_back": sum.kept_back, "put_off": sum.put_off,
                    "refused": sum.refused,
                });
                (kind.name().to_owned(), parts)
            })
            .collect();
        return output.json(&json!({ "dry_run": dry_run, "deleted": kinds }));
    }
    let done = if dry_run { "would be deleted" } else { "deleted" };
    let is_any = |sum: &PruneRound| sum.rows + sum.kept_back + sum.put_off + sum.refused > 0;
    if !tally.values().any(is_any) {
        output.text("nothing is old enough to be deleted")?;
    }
    for (kind, sum) in tally.iter().filter(|(_, sum)| is_any(sum)) {
        let mut line = format!("{} {done}, about {}", words(*kind, sum.rows), bytes(sum.bytes));
        if sum.kept_back > 0 {
            write!(line, ", {} kept until they are in the archive", text::number(sum.kept_back))?;
        }
        if sum.put_off > 0 {
            write!(
                line,
                ", {} left for the next run: somebody held or changed them",
                text::number(sum.put_off)
            )?;
        }
        if sum.refused > 0 {
            write!(line, ", {} kept by a table or a trigger of an application", text::number(sum.refused))?;
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
