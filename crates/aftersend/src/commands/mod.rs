//! One module for each command.

mod archive;
pub(crate) mod config;
mod demo;
mod depth;
pub(crate) mod doctor;
mod erase;
mod figures;
mod hooks;
mod ingest;
mod log;
mod migrate;
mod polling;
mod quarantine;
mod search;
mod serve;
mod show;
pub(crate) mod signals;
mod upkeep;

use crate::{
    Outcome,
    cli::{Command, IngestCommand},
    config::Settings,
    database::Place,
    output::Output,
};

/// Nothing says which queue.
#[derive(Debug, thiserror::Error)]
#[error(
    "which queue? Give --queue-url URL (or AFTERSEND_QUEUE_URL), or name queues in the configuration file, each in a \
     [[queue]] with its `url`"
)]
pub(crate) struct NoQueue;

/// Whether a command has all it needs, as far as settings tell.
pub(crate) fn require(command: &Command, settings: &Settings) -> Result<(), NoQueue> {
    match command {
        Command::Ingest(IngestCommand::Sqs { .. }) if settings.queues.is_empty() => Err(NoQueue),
        _ => Ok(()),
    }
}

/// Runs a command that needs a database to its end.
pub(crate) async fn run(
    command: &Command,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    match command {
        Command::Demo(args) => demo::run(args, settings, place, output).await,
        Command::Serve(args) => serve::run(args, settings, place, output).await,
        Command::Migrate(command) => migrate::run(command, place, output).await,
        Command::Ingest(command) => ingest::run(command, settings, place, output).await,
        Command::Log(args) => log::run(args, place, output).await,
        Command::Quarantine(command) => quarantine::run(command, place, output).await,
        Command::Figures(command) => figures::run(command, place, output).await,
        Command::Archive(command) => archive::run(command, settings, place, output).await,
        Command::Erase(args) => erase::run(args, settings, place, output).await,
        Command::Search(args) => search::run(args, place, output).await,
        Command::Show(args) => show::run(args, place, output).await,
        // These look at what is there, and open it themselves if at all.
        Command::Doctor(args) => doctor::run(args, settings, &doctor::Reached::Place(place), output).await,
        // It says what holds without touching any of it.
        Command::Config(command) => config::run(command, settings, output),
    }
}
