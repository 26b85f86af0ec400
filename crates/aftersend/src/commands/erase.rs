//! `aftersend erase`.

use std::{
    io::{self, BufRead, IsTerminal},
    time::{Duration, Instant},
};

use aftersend_store::{EraseError, EraseReport, Store};
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use serde_json::json;

use crate::{Outcome, cli::EraseArgs, database::Place, output::Output};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

const AGAIN: &str = "not all of it was erased; run it again, it goes on with what is left";

pub(crate) async fn run(args: &EraseArgs, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let store = place.store().await?;
    if !args.dry_run && !args.yes {
        // A look first: what is erased can't be brought back.
        let would = erase(&store, args, true).await?;
        if !agreed(&would)? {
            bail!("nothing was erased");
        }
    }
    let report = erase(&store, args, args.dry_run).await.context(AGAIN)?;
    tell(&report, args.dry_run, output)?;
    Ok(Outcome::Done)
}

async fn erase(store: &Store, args: &EraseArgs, is_dry: bool) -> Result<EraseReport, EraseError> {
    let bar = io::stderr().is_terminal().then(ProgressBar::new_spinner);
    let mut said = Instant::now();
    let mut on_progress = |report: &EraseReport| {
        let line = format!(
            "{} mails looked at, {} of the person's, {} of others with the person",
            report.mails_swept, report.mails_emptied, report.mails_cleaned
        );
        match &bar {
            Some(bar) => {
                bar.set_message(line);
                bar.tick();
            }
            None if said.elapsed() >= LINE_EVERY => {
                said = Instant::now();
                eprintln!("{line}");
            }
            None => {}
        }
    };
    let report = Box::pin(store.erase(&args.recipient, is_dry, &mut on_progress)).await;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    report
}

/// Whether a person agrees. Without a person to ask, nobody does.
fn agreed(would: &EraseReport) -> anyhow::Result<bool> {
    let what = format!(
        "{} mails would be emptied, and the address taken out of {} more, for good",
        would.mails_emptied, would.mails_cleaned
    );
    if !io::stdin().is_terminal() {
        bail!("{what}, and there is no terminal to ask on: say --yes, or look first with --dry-run");
    }
    eprint!("{what}. Go on? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn tell(report: &EraseReport, dry_run: bool, output: Output) -> anyhow::Result<()> {
    let EraseReport {
        mails_emptied,
        mails_cleaned,
        events,
        parked,
        removed,
        quarantined,
        blocks,
        mails_swept,
        archive_objects,
    } = report;
    if output.is_json() {
        return output.json(&json!({
            "dry_run": dry_run, "mails_emptied": mails_emptied, "mails_cleaned": mails_cleaned, "events": events,
            "parked": parked, "removed": removed, "quarantined": quarantined, "blocks": blocks,
            "mails_swept": mails_swept, "archive_objects": archive_objects,
        }));
    }
    let would = if dry_run { "would be " } else { "" };
    output.text(format!("{mails_emptied} mails that went to this address alone: {would}emptied"))?;
    output.text(format!("{mails_cleaned} mails of others that name it: it is {would}taken out"))?;
    output.text(format!(
        "{events} events {would}cut down or cleaned, {parked} parked, {removed} that step 137 removed"
    ))?;
    output.text(format!("{quarantined} messages {would}taken out of the quarantine"))?;
    output.text(format!("{blocks} blocks {would}kept as a hash"))?;
    for object in archive_objects {
        output.text(format!("still in the archive: {object}"))?;
    }
    if !dry_run {
        output.progress(
            "Backups, and what VACUUM has not cleared yet, still hold it; an application's own tables do if it wrote there",
        )?;
    }
    Ok(())
}
