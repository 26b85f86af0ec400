#![doc = include_str!("../README.md")]

mod archive;
mod cli;
mod clone;
mod data;
mod disk;
mod ingest;
mod machine;
mod measure;
mod processor;
mod product;
mod progress;
mod report;
mod run;
mod sampler;
mod search;
mod server;
mod session;
mod statistics;
mod writer;

use std::{fs, io, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::{Cli, Command, PlaceOptions, SearchOptions},
    product::Product,
    progress::say,
    search::Kept,
    server::PrivateServer,
};

/// What shells report for a program that Ctrl-C ended.
const EXIT_INTERRUPTED: u8 = 130;

/// What a bench came to.
struct Measured {
    /// The report, as one line of JSON.
    report: String,
    failed_runs: usize,
}

impl Measured {
    fn new(report: &impl Serialize, failed_runs: usize) -> anyhow::Result<Self> {
        Ok(Self { report: serde_json::to_string(report)?, failed_runs })
    }
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(io::stderr)
        .init();
    let measured = match Cli::parse().command {
        Command::Migrate(options) => {
            let start = || PrivateServer::start(&options.place.folder);
            run(&options.place, data::bytes_needed(&options), start, async |product, server| {
                let report = measure::migrate(&options, product, server).await?;
                Measured::new(&report, report.failed_runs())
            })
        }
        Command::Ingest(options) => {
            let start = || PrivateServer::start(&options.place.folder);
            run(&options.place, ingest::bytes_needed(&options), start, async |product, server| {
                let report = ingest::measure(&options, product, server).await?;
                Measured::new(&report, report.failed_runs())
            })
        }
        Command::Search(options) => search(&options),
        Command::Archive(options) => {
            let start = || PrivateServer::start(&options.place.folder);
            run(&options.place, archive::bytes_needed(&options), start, async |product, server| {
                let report = archive::measure(&options, product, server).await?;
                Measured::new(&report, 0)
            })
        }
    };
    match measured {
        Ok(Some(Measured { failed_runs: 0, .. })) => ExitCode::SUCCESS,
        Ok(Some(Measured { failed_runs, .. })) => {
            say(format!("error: {failed_runs} runs failed; each says why in the report"));
            ExitCode::FAILURE
        }
        Ok(None) => {
            say("interrupted; the server is stopped, and what is not kept for later is removed");
            ExitCode::from(EXIT_INTERRUPTED)
        }
        Err(error) => {
            say(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// `script/bench search`, whose data is kept.
fn search(options: &SearchOptions) -> anyhow::Result<Option<Measured>> {
    let kept = Kept::open(&options.place.folder, options.mails)?;
    // An earlier bench may have been killed.
    kept.remove_unfinished()?;
    let found = kept.note();
    let bytes_needed = search::bytes_needed(options, &kept);
    run(
        &options.place,
        bytes_needed,
        || PrivateServer::start_kept(kept),
        async |product, server| {
            let report = search::measure(options, product, server, found).await?;
            Measured::new(&report, report.failed_cases())
        },
    )
}

/// A whole bench, and `None` when it was interrupted. Nothing of it stays on the machine but what is kept on purpose, however
/// it ends.
fn run(
    place: &PlaceOptions,
    bytes_needed: u64,
    start: impl FnOnce() -> anyhow::Result<PrivateServer>,
    measure: impl AsyncFnOnce(&Product, &PrivateServer) -> anyhow::Result<Measured>,
) -> anyhow::Result<Option<Measured>> {
    let product = Product::find(place.aftersend.as_deref())?;
    disk::require_room(&place.folder, bytes_needed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Before the server, so that from here on a signal ends the bench in order.
    let mut signals = {
        let _runtime = runtime.enter();
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]
    };
    // Outside of the runtime: to start and stop the server blocks, and it must outlive whatever uses it.
    let server = start()?;
    let measured = runtime.block_on(async {
        tokio::select! {
            measured = measure(&product, &server) => measured.map(Some),
            () = any_of(&mut signals) => Ok(None),
        }
    });
    drop(runtime);
    let stopped = server.stop();
    let measured = measured?;
    stopped?;
    if let Some(Measured { report, .. }) = &measured {
        if let Some(path) = &place.output {
            fs::write(path, format!("{report}\n")).with_context(|| format!("writing {}", path.display()))?;
        }
        println!("{report}");
    }
    Ok(measured)
}

async fn any_of([interrupt, terminate]: &mut [Signal; 2]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
