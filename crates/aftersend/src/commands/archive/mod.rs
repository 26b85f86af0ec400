//! `aftersend archive`, a file for each of its commands.

mod compress;
mod decompress;
mod progress;
mod prune;

use crate::{Outcome, cli::ArchiveCommand, config::Settings, database::Place, output::Output};

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
    }
}
