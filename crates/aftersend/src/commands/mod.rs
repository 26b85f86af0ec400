//! One module for each command.

mod demo;
mod ingest;
mod migrate;
mod quarantine;
mod search;
mod serve;
mod show;
mod signals;

use crate::{
    Outcome,
    cli::{Cli, Command},
    database::Place,
    output::Output,
};

/// Runs a command to its end.
pub(crate) async fn run(
    cli: &Cli,
    command: &Command,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    match command {
        Command::Demo(args) => demo::run(args, place, output).await,
        Command::Serve(args) => serve::run(args, place, output).await,
        Command::Migrate(command) => migrate::run(command, place, output).await,
        Command::Ingest(command) => ingest::run(command, place, output).await,
        Command::Quarantine(command) => quarantine::run(command, place, output).await,
        Command::Search(args) => search::run(args, place, output).await,
        Command::Show(args) => show::run(args, &cli.global, place, output).await,
    }
}
