//! Storing events, in several ways, beside older mails: the program under test, what the server must do at least, a row at
//! a time, and from a queue.

mod check;
mod data;
mod events;
mod queue;
mod relay;
mod report;
mod rows;
mod run;

use jiff::Timestamp;

pub(crate) use data::bytes_needed;
use report::{Report, RunRecord, Setting};
use run::{Bench, Figures, Way};

use crate::{
    cli::IngestOptions,
    machine::{Machine, Postgres},
    product::Product,
    progress::say,
    server::PrivateServer,
    session::Session,
};

/// Every run of `script/bench ingest`. A run that fails is told of in the report; only what stops all is an error.
pub(crate) async fn measure(
    options: &IngestOptions,
    product: &Product,
    server: &PrivateServer,
) -> anyhow::Result<Report> {
    let began_at = Timestamp::now();
    let machine = Machine::read();
    let postgres = Postgres::read(&*Session::open(&server.maintenance_address(), "bench").await?).await?;
    let program = product.version().await?;

    let every = events::every_for(options.mails, options.row_events);
    let material = data::generate(options, product, server, server.folder(), every).await?;
    let mut bench = Bench::new(product, server, &material, every);
    let mut runs = Vec::new();
    for round in 1..=options.runs {
        for way in [Way::Aftersend, Way::Floor, Way::RowAtATime, Way::AftersendTwo] {
            runs.push(record(options, round, way, bench.run(way).await));
        }
    }
    let round_trips = bench.count_round_trips().await;
    say(match &round_trips {
        Ok(per_event) => format!("round trips per event: {per_event}"),
        Err(error) => format!("counting round trips failed: {error:#}"),
    });
    if options.messages > 0 {
        let every = events::every_for(options.mails, options.messages);
        let mut source = queue::Source::start(&events::in_time_order(options.mails, every)).await?;
        for round in 1..=options.runs {
            for way in [Way::Sqs, Way::SqsBare] {
                runs.push(record(options, round, way, bench.run_on_queue(way, &mut source, every).await));
            }
        }
    }
    let setting = Setting { began_at, machine, postgres, program, sizes: material.sizes };
    Ok(Report::new(options, setting, round_trips, runs))
}

fn record(options: &IngestOptions, round: u32, way: Way, result: anyhow::Result<Figures>) -> RunRecord {
    let said = match &result {
        Ok(figures) => {
            format!("{:.3} s, {:.0} events a second", figures.seconds, figures.events_per_second)
        }
        Err(error) => format!("failed: {error:#}"),
    };
    say(format!("round {round} of {}, {}: {said}", options.runs, way.name()));
    RunRecord::new(round, way, result)
}
