#![doc = include_str!("../README.md")]

mod cli;
mod data;
mod disk;
mod machine;
mod measure;
mod product;
mod progress;
mod report;
mod run;
mod sampler;
mod server;
mod session;
mod statistics;
mod writer;

use std::{fs, io, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::{Cli, Command, MigrateOptions},
    product::Product,
    progress::say,
    report::Report,
    server::PrivateServer,
};

/// What shells report for a program that Ctrl-C ended.
const EXIT_INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(io::stderr)
        .init();
    let Cli { command: Command::Migrate(options) } = Cli::parse();
    match migrate(&options) {
        Ok(Some(report)) if report.failed_runs() == 0 => ExitCode::SUCCESS,
        Ok(Some(report)) => {
            say(format!("error: {} runs failed; each says why in the report", report.failed_runs()));
            ExitCode::FAILURE
        }
        Ok(None) => {
            say("interrupted; the server is stopped and its data removed");
            ExitCode::from(EXIT_INTERRUPTED)
        }
        Err(error) => {
            say(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The whole bench, and `None` when it was interrupted. Nothing of it stays on the machine, however it ends.
fn migrate(options: &MigrateOptions) -> anyhow::Result<Option<Report>> {
    let product = Product::find(options.aftersend.as_deref())?;
    disk::require_room(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Before the server, so that from here on a signal ends the bench in order.
    let mut signals = {
        let _runtime = runtime.enter();
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]
    };
    // Outside of the runtime: to start and stop the server blocks, and it must outlive whatever uses it.
    let server = PrivateServer::start(&options.folder)?;
    let measured = runtime.block_on(async {
        tokio::select! {
            measured = measure::migrate(options, &product, &server) => measured.map(Some),
            () = any_of(&mut signals) => Ok(None),
        }
    });
    drop(runtime);
    let stopped = server.stop();
    let report = measured?;
    stopped?;
    if let Some(report) = &report {
        let line = serde_json::to_string(report)?;
        if let Some(path) = &options.output {
            fs::write(path, format!("{line}\n")).with_context(|| format!("writing {}", path.display()))?;
        }
        println!("{line}");
    }
    Ok(report)
}

async fn any_of([interrupt, terminate]: &mut [Signal; 2]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
