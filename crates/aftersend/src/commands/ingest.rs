//! `aftersend ingest`.

use std::{num::NonZeroUsize, path::Path, sync::Arc, time::Duration};

use aftersend_ingest::{
    FileFeed, Observer, Patience, Pump, PumpError, QueueOptions, Refused, Shutdown, SqsFeed, Tally,
    join_continually, join_through,
};
use aftersend_store::UnknownMails;
use anyhow::Context;

use super::signals;
use crate::{Outcome, cli::IngestCommand, database::Place, output::Output};

/// How long a run that can be repeated waits for a database that is busy or away.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(command: &IngestCommand, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    match command {
        IngestCommand::File { path, strict, unknown_mails } => {
            from_file(path, *strict, (*unknown_mails).into(), place, output).await
        }
        IngestCommand::Sqs {
            queue_url,
            endpoint_url,
            region,
            pollers,
            visibility_timeout,
            drain,
            strict,
            unknown_mails,
        } => {
            let options = QueueOptions {
                queue_url: queue_url.clone(),
                endpoint_url: endpoint_url.clone(),
                region: region.clone(),
                visibility_timeout_s: *visibility_timeout,
                drain: *drain,
            };
            // The SDK's futures are large.
            Box::pin(from_queue(&options, *pollers, *strict, (*unknown_mails).into(), place, output)).await
        }
    }
}

async fn from_file(
    path: &Path,
    strict: bool,
    unknown_mails: UnknownMails,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    // Before the database: a wrong name is told at once.
    let mut feed = FileFeed::open(path).with_context(|| name.clone())?;
    let store = place.store().await?.with_unknown_mails(unknown_mails);
    // Nobody voices it: Ctrl-C ends a file's run at once, and what was not committed is not stored.
    let (_sender, shutdown) = Shutdown::channel();
    let pump = Pump::new(store.clone(), shutdown, Arc::new(Terminal));
    let (tally, result) = pump.run(&name, &mut feed, Patience::Limited(PATIENCE)).await;
    let outcome = ended(&name, &tally, result, strict, output)?;
    // Also what earlier runs have parked.
    join_through(&store, PATIENCE).await.context("the events that wait for their mail")?;
    Ok(outcome)
}

async fn from_queue(
    options: &QueueOptions,
    pollers: NonZeroUsize,
    strict: bool,
    unknown_mails: UnknownMails,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let feeds = SqsFeed::open_pollers(options, pollers).await?;
    let store = place.store().await?.with_unknown_mails(unknown_mails);
    let patience = if options.drain { Patience::Limited(PATIENCE) } else { Patience::Endless };
    let (sender, shutdown) = Shutdown::channel();
    output.progress(format!(
        "Taking events from {}{}",
        options.queue_url,
        if options.drain { " until two long polls bring nothing" } else { " (Ctrl-C ends it)" }
    ))?;
    let name = "queue";
    let pump = Pump::new(store.clone(), shutdown.clone(), Arc::new(Terminal));
    let pumping = async {
        let pumping = pump.run_pollers(name, feeds, patience);
        tokio::pin!(pumping);
        let outcome = tokio::select! {
            outcome = &mut pumping => Ok(outcome),
            requested = signals::requested() => {
                // What is being committed is finished, and what was received and not stored is handed back.
                sender.send_replace(true);
                let outcome = pumping.await;
                requested.map(|()| outcome)
            }
        };
        sender.send_replace(true);
        outcome
    };
    let (pumped, ()) = tokio::join!(pumping, join_continually(&store, shutdown.clone()));
    let (tally, result) = pumped?;
    let outcome = ended(name, &tally, result, strict, output)?;
    if options.drain {
        join_through(&store, PATIENCE).await.context("the events that wait for their mail")?;
    }
    Ok(outcome)
}

/// Names what goes into the quarantine, on standard error.
struct Terminal;

impl Observer for Terminal {
    fn refused(&self, feed: &str, message: &Refused) {
        eprintln!("{feed}: {}: quarantined: {}", message.origin, message.reason);
    }
}

fn ended(
    name: &str,
    tally: &Tally,
    result: Result<(), PumpError>,
    strict: bool,
    output: Output,
) -> anyhow::Result<Outcome> {
    // Also after an error: what was done is done.
    if output.is_json() {
        output.json(tally)?;
    } else {
        output.text(tally.to_string())?;
    }
    result
        .with_context(|| format!("{name}: not everything was taken in; run it again, repeats do no harm"))?;
    Ok(if strict && tally.quarantined > 0 { Outcome::Failed } else { Outcome::Done })
}
