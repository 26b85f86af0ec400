//! The command line: what each command means in terms of the other rooms.
#![doc = include_str!("../README.md")]

mod cli;
mod commands;
mod config;
mod database;
mod jobs;
mod output;
mod rereading;
mod watch;

use std::{io, process::ExitCode};

use aftersend_store::search::query::SearchTextError;
use anyhow::bail;
use clap::{CommandFactory, Parser};

use crate::{
    cli::{Cli, Command, DoctorArgs},
    commands::doctor::Reached,
    config::{ConfigError, Settings},
    database::Place,
    output::Output,
};

/// What a command came to, as far as the exit code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// It ran to its end, and what it was asked to find out is bad news.
    Failed,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.global.version {
        println!("aftersend {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let Some(command) = &cli.command else {
        eprintln!("{}", Cli::command().render_help());
        return ExitCode::from(2);
    };
    log_to_stderr();
    match run(&cli, command) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        // Whoever read our output has seen enough: `aftersend search … | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", causes(&error));
            if is_usage(&error) { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

fn run(cli: &Cli, command: &Command) -> anyhow::Result<Outcome> {
    let output = Output::new(cli.global.json);
    if let Command::Doctor(args) = command {
        return diagnose(cli, args, output);
    }
    let settings = Settings::load(&cli.flags())?;
    for note in &settings.notes {
        eprintln!("{note}");
    }
    if let Command::Config(command) = command {
        return commands::config::run(command, &settings, output);
    }
    commands::require(command, &settings)?;
    if command.only_looks()
        && let Some(folder) = Place::unmade(&settings)?
    {
        bail!(
            "there is nothing to look at: no database was made in {} yet. `aftersend serve` or `aftersend ingest` makes it; \
             another one is named by --data-dir or --database-url, and the demo's is in a folder `demo` below",
            folder.display()
        );
    }
    // Before the runtime: starting the embedded server blocks, and stopping it must come after everything else.
    let place = Place::open(&settings, matches!(command, Command::Demo(_)))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(commands::run(command, &settings, &place, output));
    drop(runtime);
    let stopped = place.close();
    let outcome = outcome?;
    stopped?;
    Ok(outcome)
}

/// Looks at what can be looked at, also where a part of it is missing or can't be used.
fn diagnose(cli: &Cli, args: &DoctorArgs, output: Output) -> anyhow::Result<Outcome> {
    let settings = match Settings::load(&cli.flags()) {
        Ok(settings) => settings,
        Err(error) if error.is_of_command_line() => return Err(error.into()),
        Err(error) => return commands::doctor::misconfigured(&error, output),
    };
    let place = match Place::unmade(&settings) {
        Ok(Some(folder)) => Err(Reached::Unmade(folder)),
        Ok(None) => Place::open(&settings, false).map_err(|error| Reached::Failed(causes(&error))),
        Err(error) => Err(Reached::Failed(causes(&error))),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = match &place {
        Ok(place) => runtime.block_on(commands::doctor::run(args, &settings, &Reached::Place(place), output)),
        Err(reached) => runtime.block_on(commands::doctor::run(args, &settings, reached, output)),
    };
    drop(runtime);
    let stopped = place.map_or(Ok(()), Place::close);
    let outcome = outcome?;
    stopped?;
    Ok(outcome)
}

/// Warnings and errors by default; `AFTERSEND_LOG=debug` tells more. Never an address, a subject or a body.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("AFTERSEND_LOG")
        // What the SDK has tried for credentials is in the sentence that says that there are none.
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,aws_config=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .init();
}

/// The error and what caused it, without saying twice what an outer error repeats of an inner one.
fn causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// Whether what was asked for was wrong in itself.
fn is_usage(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ConfigError>().is_some()
        || error.downcast_ref::<commands::NoQueue>().is_some()
        || error.downcast_ref::<SearchTextError>().is_some()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}
