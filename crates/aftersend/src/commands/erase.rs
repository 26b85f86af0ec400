//! `aftersend erase`.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, IsTerminal},
    time::{Duration, Instant},
};

use aftersend_archive::{ArchivePlace, Holding, Searched};
use aftersend_store::{EraseError, EraseReport, Store};
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use serde_json::json;

use super::{archive, migrate::text};
use crate::{Outcome, cli::EraseArgs, config::Settings, database::Place, output::Output};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What to do with objects that hold somebody.
const HELD: &str = "a restore leaves out who was erased; the objects themselves stay as they are until they are deleted whole";

const AGAIN: &str = "not all of it was erased; run it again, it goes on with what is left";

/// What became of the archive.
enum InArchive {
    /// There is none.
    None,
    /// There is one, and nothing says where.
    Unknown { objects: u64 },
    Searched {
        searched: Searched,
        /// Objects that the database counts on and that were not there.
        missing: u64,
    },
}

impl InArchive {
    fn is_whole(&self) -> bool {
        match self {
            Self::None => true,
            Self::Unknown { .. } => false,
            Self::Searched { searched, missing } => {
                searched.unread.is_empty() && !searched.is_beside_run && *missing == 0
            }
        }
    }
}

pub(crate) async fn run(
    args: &EraseArgs,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let store = place.store().await?;
    // Opened first: who can't reach the archive hears of it before anything is erased.
    let archive = archive::configured(settings, &store).await?;
    if !args.dry_run && !args.yes {
        // A look first: what is erased can't be brought back.
        let would = erase(&store, args, true).await?;
        if !agreed(&would)? {
            bail!("nothing was erased");
        }
    }
    let report = erase(&store, args, args.dry_run).await.context(AGAIN)?;
    let in_archive = match &archive {
        Some(archive) => {
            let objects = store.archive_counts().await?.objects;
            let searched = search(&store, archive, args).await.context(AGAIN)?;
            let missing = objects.saturating_sub(searched.objects + searched.unread.len() as u64);
            InArchive::Searched { searched, missing }
        }
        None => match store.archive_counts().await?.objects {
            0 => InArchive::None,
            objects => InArchive::Unknown { objects },
        },
    };
    tell(&report, &in_archive, args.dry_run, output)?;
    Ok(if in_archive.is_whole() { Outcome::Done } else { Outcome::Failed })
}

async fn search(store: &Store, archive: &ArchivePlace, args: &EraseArgs) -> anyhow::Result<Searched> {
    let bar = archive::bar("[{bar:20}] {pos} of {len} objects of the archive");
    let watch = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let searched = aftersend_archive::search(store, archive, &args.recipient, args.dry_run, &watch).await?;
    bar.finish_and_clear();
    Ok(searched)
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
        "{} would be emptied, and the address taken out of {} more, for good",
        text::count_of(would.mails_emptied, "mail", "mails"),
        would.mails_cleaned
    );
    if !io::stdin().is_terminal() {
        bail!("{what}, and there is no terminal to ask on: say --yes, or look first with --dry-run");
    }
    eprint!("{what}. Go on? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn tell(report: &EraseReport, archive: &InArchive, dry_run: bool, output: Output) -> anyhow::Result<()> {
    let EraseReport {
        mails_emptied,
        mails_cleaned,
        events,
        parked,
        removed,
        quarantined,
        blocks,
        late,
        sums,
        dictionaries,
        dictionaries_kept,
        mails_swept,
        archive_objects,
    } = report;
    if output.is_json() {
        return output.json(&json!({
            "dry_run": dry_run, "mails_emptied": mails_emptied, "mails_cleaned": mails_cleaned, "events": events,
            "parked": parked, "removed": removed, "quarantined": quarantined, "blocks": blocks, "late": late,
            "sums": sums, "dictionaries": dictionaries, "dictionaries_kept": dictionaries_kept,
            "mails_swept": mails_swept, "archive": archive_json(archive, archive_objects),
        }));
    }
    let would = if dry_run { "would be " } else { "" };
    let mails = |count: u64| text::count_of(count, "mail", "mails");
    output.text(format!("{} to this address alone: {would}emptied", mails(*mails_emptied)))?;
    output.text(format!("{} of others: the address {would}taken out", mails(*mails_cleaned)))?;
    output.text(format!(
        "{} {would}cut down or cleaned, {parked} parked, {removed} that step 137 removed, {late} late",
        text::count_of(*events, "event", "events")
    ))?;
    output.text(format!(
        "{} {would}taken out of the quarantine",
        text::count_of(*quarantined, "message", "messages")
    ))?;
    output.text(format!("{} {would}kept as a hash", text::count_of(*blocks, "block", "blocks")))?;
    if *dictionaries > 0 {
        output.text(format!("{dictionaries} dictionaries of compressed bodies {would}dropped"))?;
    }
    if *dictionaries_kept > 0 {
        output.text(format!(
            "{dictionaries_kept} dictionaries of compressed bodies still name the address: `archive compress` was at work, or \
             bodies that can't be read refer to them; run this again when no job is"
        ))?;
    }
    tell_of_archive(archive, archive_objects, dry_run, output)?;
    if !dry_run {
        output.progress(
            "Backups, and what VACUUM has not cleared yet, still hold it; an application's own tables do if it wrote there",
        )?;
    }
    Ok(())
}

fn archive_json(archive: &InArchive, known: &BTreeSet<String>) -> serde_json::Value {
    match archive {
        InArchive::None => json!({ "searched": false, "objects": [], "unread": [] }),
        InArchive::Unknown { .. } => {
            let objects: Vec<_> = known.iter().map(|name| json!({ "object": name })).collect();
            json!({ "searched": false, "objects": objects, "unread": [] })
        }
        InArchive::Searched { searched, missing } => {
            let holding = |(name, held): (&String, &Holding)| {
                json!({
                    "object": name, "mails": held.mails, "alone": held.alone, "late_events": held.late_events,
                })
            };
            let unread: Vec<_> = searched
                .unread
                .iter()
                .map(|(name, reason)| json!({ "object": name, "what": reason }))
                .collect();
            json!({
                "searched": true, "read": searched.objects,
                "objects": searched.holding.iter().map(holding).collect::<Vec<_>>(), "unread": unread,
                "mails_erased": searched.erased, "beside_run": searched.is_beside_run, "missing": missing,
            })
        }
    }
}

fn tell_of_archive(
    archive: &InArchive,
    known: &BTreeSet<String>,
    dry_run: bool,
    output: Output,
) -> anyhow::Result<()> {
    let (searched, missing) = match archive {
        InArchive::None => return Ok(()),
        InArchive::Unknown { objects } => {
            for object in known {
                output.text(format!("still in the archive: {object}"))?;
            }
            return Ok(output.text(format!(
                "the archive has {objects} objects, which were not looked through: set `archive.store` in the configuration, \
                 and run this again"
            ))?);
        }
        InArchive::Searched { searched, missing } => (searched, *missing),
    };
    for (name, held) in &searched.holding {
        let late = if held.late_events > 0 {
            format!(" and {} late events", held.late_events)
        } else {
            String::new()
        };
        output.text(format!("still in the archive: {name}, with {} mails{late}", held.mails))?;
    }
    if searched.holding.is_empty() {
        output.text(format!("no object of the archive names it, of {} that were read", searched.objects))?;
    } else {
        output.text(HELD)?;
    }
    if !dry_run && searched.erased > 0 {
        output.text(format!("{} archived mails will not be brought back", searched.erased))?;
    }
    for (name, reason) in &searched.unread {
        output.text(format!("not read, and may name it: {name}: {reason}"))?;
    }
    if missing > 0 {
        let objects = text::count_of(missing, "object", "objects");
        output.text(format!(
            "{objects} that the database counts on are not where `archive.store` says, and may name it: `aftersend archive \
             verify` names them; put them back there, or correct the setting, and run this again"
        ))?;
    }
    if searched.is_beside_run {
        output.text("an archiver was at work all the while, and may have written more: run this again when it has ended")?;
    }
    Ok(())
}
