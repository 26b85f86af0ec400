//! `aftersend ingest`.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aftersend_ingest::{
    FileFeed, Observer, Patience, Pump, Refused, Shutdown, join_continually, join_through,
    keep_figures_continually,
};
use aftersend_web::Site;
use anyhow::{Context, bail};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

use super::{
    depth,
    polling::{self, Failing, Polled, Terminal},
    signals,
};
use crate::{Outcome, cli::IngestCommand, config::Settings, database::Place, output::Output, watch::Watch};

/// How long a run that can be repeated waits for a database that is busy or away.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(
    command: &IngestCommand,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    match command {
        // The futures of the store and of the SDK are large.
        IngestCommand::File { path, strict, .. } => Box::pin(from_file(path, *strict, place, output)).await,
        IngestCommand::Sqs { drain, strict, .. } => {
            Box::pin(from_queues(settings, *drain, *strict, place, output)).await
        }
    }
}

async fn from_file(path: &Path, strict: bool, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    // Before the database: a wrong name is told at once.
    let feed = FileFeed::open(path).with_context(|| name.clone())?;
    let store = place.store().await?;
    // Nobody voices it: Ctrl-C ends a file's run at once, and what was not committed is not stored.
    let (_sender, shutdown) = Shutdown::channel();
    let pump = Pump::new(store.clone(), shutdown, Arc::new(Lines::default())).one_at_a_time();
    let running = pump.run_pollers(&name, feed.into_pollers(), Patience::Limited(PATIENCE));
    let (tally, result) = Box::pin(running).await;
    // Also after an error: what was done is done.
    if output.is_json() {
        output.json(&tally)?;
    } else if tally.received == 0 && result.is_ok() {
        output.text(format!("{name} is empty: nothing to take in"))?;
    } else {
        output.text(tally.to_string())?;
    }
    result.with_context(|| format!("{name}: {AGAIN}"))?;
    // Also what earlier runs have parked.
    join_through(&store, PATIENCE).await.context(PARKED)?;
    Ok(if strict && tally.quarantined > 0 { Outcome::Failed } else { Outcome::Done })
}

/// Lines of refused messages that are told at most: the rest is in the quarantine, and the sum at the end.
const REFUSED_LINES_MAX: usize = 20;

/// Tells people on standard error which lines of a file went into the quarantine: the first ones of many.
#[derive(Default)]
struct Lines {
    refused: AtomicUsize,
}

impl Observer for Lines {
    fn refused(&self, file: &str, message: &Refused) {
        match self.refused.fetch_add(1, Ordering::Relaxed) {
            before if before < REFUSED_LINES_MAX => {
                // A file's messages name it themselves: their origin outlives this run.
                let stream =
                    if message.origin.starts_with("line ") { format!("{file}: ") } else { String::new() };
                eprintln!("{stream}{}: quarantined: {}", message.origin, message.reason);
            }
            REFUSED_LINES_MAX => {
                eprintln!(
                    "more are quarantined than are named here; `aftersend quarantine list` has them all"
                );
            }
            _ => {}
        }
    }
}

const PARKED: &str = "the events that wait for their mail";
const AGAIN: &str = "not everything was taken in; run it again, repeats do no harm";

async fn from_queues(
    settings: &Settings,
    drain: bool,
    strict: bool,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    let queues = &*settings.queues;
    let store = place.store().await?;
    let listener = match settings.metrics_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    if let Some(listener) = &listener {
        output.progress(format!("Metrics are at http://{}/metrics", listener.local_addr()?))?;
    }
    for queue in queues {
        output.progress(format!(
            "Taking events from {}{}",
            queue.options.queue_url,
            if drain { " until two long polls bring nothing" } else { " (Ctrl-C ends it)" }
        ))?;
    }
    let failing = if drain || queues.len() == 1 { Failing::Leave } else { Failing::Retry };
    let (stop, shutdown) = Shutdown::channel();
    let watch = Arc::new(Watch::new(Terminal));
    let pump = Pump::new(store.clone(), shutdown.clone(), watch.clone());
    let polling = async {
        let drain = drain.then_some(PATIENCE);
        let polled = polling::poll(queues, drain, failing, &pump, &stop, &shutdown).await;
        stop.send_replace(true);
        polled
    };
    let joining = join_continually(&store, shutdown.clone());
    let keeping = keep_figures_continually(&store, shutdown.clone());
    let observing = async {
        let Some(listener) = listener else { return Ok(()) };
        let site = Site::new(store.clone(), watch.clone());
        // Nobody could read a depth without a listener.
        let measuring = depth::watch_depths(queues, &watch, &shutdown);
        tokio::join!(observe(listener, site, &stop, &shutdown), Box::pin(measuring)).0
    };
    let (polled, signal, (), (), observed) =
        tokio::join!(polling, signals::forward(&stop, shutdown.clone()), joining, keeping, observing);
    let polled = polled?;
    // Also after an error: what was done is done.
    report(&polled, output)?;
    signal?;
    observed?;
    require_success(&polled)?;
    if drain {
        join_through(&store, PATIENCE).await.context(PARKED)?;
    }
    Ok(if strict && polled.total().quarantined > 0 { Outcome::Failed } else { Outcome::Done })
}

/// Takes the address of probes and metrics.
async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("metrics can't be served on {address}; another one: --metrics-listen"))
}

/// Answers probes and scrapes until all ends. Should it fail, all ends: whoever watches over this program could not see
/// it any more.
async fn observe(
    listener: TcpListener,
    site: Site,
    stop: &watch::Sender<bool>,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let mut wish = shutdown.clone();
    let ended = aftersend_web::serve_operation(listener, site, async move { wish.requested().await }).await;
    stop.send_replace(true);
    ended.context("the metrics' listener")
}

fn require_success(polled: &Polled) -> anyhow::Result<()> {
    if polled.failures.is_empty() {
        return Ok(());
    }
    let sentences: Vec<String> =
        polled.failures.iter().map(|(queue, error)| format!("queue {queue}: {AGAIN}: {error:#}")).collect();
    bail!("{}", sentences.join("\nerror: "))
}

/// Tells what became of the messages: of each queue where there are several, and of all.
pub(super) fn report(polled: &Polled, output: Output) -> anyhow::Result<()> {
    let total = polled.total();
    let each = Some(&polled.tallies).filter(|tallies| tallies.len() > 1);
    if output.is_json() {
        let mut line = json!(total);
        if let Some(tallies) = each {
            line["queues"] = json!(tallies);
        }
        return output.json(&line);
    }
    for (queue, tally) in each.into_iter().flatten() {
        output.text(format!("{queue}: {tally}"))?;
    }
    Ok(output.text(total.to_string())?)
}
