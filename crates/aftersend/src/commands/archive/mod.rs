//! `aftersend archive`, a file for each of its commands.

mod compress;
mod decompress;
mod jobs;
mod progress;
mod prune;
mod restore;
mod run;
mod status;
mod verify;

use std::io::IsTerminal;

use aftersend_archive::{ArchiveError, ArchivePlace};
use aftersend_store::Store;
use indicatif::{ProgressBar, ProgressStyle};

pub(super) use self::run::{UNREADABLE_FIX, unreadable};

use crate::{Outcome, cli::ArchiveCommand, config::Settings, database::Place, output::Output};

/// Nothing says where the archive is.
#[derive(Debug, thiserror::Error)]
#[error(
    "where is the archive? Give {0} URL, or `store` in [archive] of the configuration: file:///folder or s3://bucket/folder"
)]
struct NoStore(&'static str);

pub(crate) async fn run(
    command: &ArchiveCommand,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    match command {
        ArchiveCommand::Compress(args) => compress::run(args, settings, place, output).await,
        ArchiveCommand::Decompress => decompress::run(place, output).await,
        ArchiveCommand::Prune { dry_run } => prune::run(*dry_run, settings, place, output).await,
        ArchiveCommand::Run(args) => run::run(args, settings, place, output).await,
        ArchiveCommand::Verify(args) => verify::run(args, settings, place, output).await,
        ArchiveCommand::Restore(args) => restore::run(args, settings, place, output).await,
        ArchiveCommand::Status => status::run(place, output).await,
    }
}

/// The archive of the configuration, if it names one and anything ever went there.
pub(super) async fn configured(settings: &Settings, store: &Store) -> anyhow::Result<Option<ArchivePlace>> {
    match settings.archive.store.as_deref() {
        Some(url) => existing(url, store).await,
        None => Ok(None),
    }
}

/// The archive there; nothing where it is a folder that is still to be made, and the database counts on nothing in it.
async fn existing(url: &str, store: &Store) -> anyhow::Result<Option<ArchivePlace>> {
    match ArchivePlace::open_existing(url).await {
        Err(ArchiveError::NoFolder(_)) if store.archive_counts().await?.objects == 0 => Ok(None),
        place => Ok(Some(place?)),
    }
}

fn address<'a>(
    flag: &'static str,
    given: Option<&'a str>,
    settings: &'a Settings,
) -> Result<&'a str, NoStore> {
    given.or(settings.archive.store.as_deref()).ok_or(NoStore(flag))
}

/// A bar on a terminal; elsewhere nothing, since the end says it all.
pub(super) fn bar(template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}
