//! `aftersend ingest`.

use std::{path::Path, time::Duration};

use aftersend_ingest::{Feed, FileFeed, Patience, Pump, QueueOptions, Refused, Shutdown, SqsFeed, Tally};
use aftersend_store::Store;
use anyhow::Context;

use super::signals;
use crate::{Outcome, cli::IngestCommand, database::Place, output::Output};

/// How long a run that can be repeated waits for a database that is busy or away.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(command: &IngestCommand, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    match command {
        IngestCommand::File { path, strict } => from_file(path, *strict, place, output).await,
        IngestCommand::Sqs { queue_url, endpoint_url, region, drain, strict } => {
            let options = QueueOptions {
                queue_url: queue_url.clone(),
                endpoint_url: endpoint_url.clone(),
                region: region.clone(),
                drain: *drain,
            };
            // The SDK's futures are large.
            Box::pin(from_queue(&options, *strict, place, output)).await
        }
    }
}

async fn from_file(path: &Path, strict: bool, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    // Before the database: a wrong name is told at once.
    let mut feed = FileFeed::open(path).with_context(|| name.clone())?;
    let store = place.store().await?;
    let run = Run { store: &store, patience: Patience::Limited(PATIENCE), name: &name, strict, output };
    // Nobody voices it: Ctrl-C ends a file's run at once, and what was not committed is not stored.
    let (_sender, shutdown) = Shutdown::channel();
    run.pump(&mut feed, shutdown).await
}

async fn from_queue(
    options: &QueueOptions,
    strict: bool,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let mut feed = SqsFeed::open(options).await?;
    let store = place.store().await?;
    let patience = if options.drain { Patience::Limited(PATIENCE) } else { Patience::Endless };
    let run = Run { store: &store, patience, name: "queue", strict, output };
    let (sender, shutdown) = Shutdown::channel();
    output.progress(format!(
        "Taking events from {}{}",
        options.queue_url,
        if options.drain { " until two long polls bring nothing" } else { " (Ctrl-C ends it)" }
    ))?;
    let pumping = run.pump(&mut feed, shutdown);
    tokio::pin!(pumping);
    tokio::select! {
        outcome = &mut pumping => return outcome,
        requested = signals::requested() => requested?,
    }
    // The batch under way is finished; what was received and not stored comes back to the queue by itself.
    sender.send_replace(true);
    pumping.await
}

struct Run<'a> {
    store: &'a Store,
    patience: Patience,
    name: &'a str,
    strict: bool,
    output: Output,
}

impl Run<'_> {
    async fn pump<F: Feed>(&self, feed: &mut F, shutdown: Shutdown) -> anyhow::Result<Outcome> {
        let name = self.name;
        let mut on_refused = |refused: &Refused| {
            eprintln!("{name}: {}: quarantined: {}", refused.origin, refused.reason);
        };
        let (tally, result) = Pump::new(self.store, self.patience, shutdown, &mut on_refused).run(feed).await;
        // Also after an error: what was done is done.
        report(&tally, self.output)?;
        result.with_context(|| {
            format!("{name}: not everything was taken in; run it again, repeats do no harm")
        })?;
        Ok(if self.strict && tally.quarantined > 0 { Outcome::Failed } else { Outcome::Done })
    }
}

fn report(tally: &Tally, output: Output) -> anyhow::Result<()> {
    if output.is_json() { output.json(tally) } else { Ok(output.text(tally.to_string())?) }
}
