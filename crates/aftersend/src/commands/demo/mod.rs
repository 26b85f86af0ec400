//! `aftersend demo`: made-up traffic through the real pipeline, held against the truth about it.

mod check;
mod feed;

use std::{
    fs::{File, TryLockError},
    sync::Arc,
};

use aftersend_ingest::{Patience, Pump, Shutdown, Tally, keep_figures_continually};
use aftersend_simulator::{Plan, Traffic, simulate};
use aftersend_store::{
    Store, Verdict,
    schema::{DownOptions, Migrator, Step, Target},
};
use aftersend_web::Site;
use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{serve, upkeep::upkeep};
use crate::{
    Outcome, cli::DemoArgs, config::Settings, database::Place, output::Output, rereading::Replaying,
    watch::Watch,
};
use feed::{Queue, SimulatedFeed};

/// Pollers that race for the made-up messages, as they would for a queue's.
const POLLERS: usize = 4;

/// How far back the made-up mail reaches.
const SPAN: SignedDuration = SignedDuration::from_hours(14 * 24);

pub(crate) async fn run(
    args: &DemoArgs,
    settings: &Settings,
    place: &Place,
    output: Output,
) -> anyhow::Result<Outcome> {
    // First of all: a demo whose site has no place should not have wiped the one that has it.
    let listener = if args.once { None } else { Some(serve::listen(settings.listen).await?) };
    let _alone = alone(place)?;
    let store = empty_store(place).await?;

    let traffic = simulate(&plan(args)?);
    let truth = &traffic.truth;
    output.progress(format!(
        "sent         {:>7} messages: {} mails, {} distinct events with repeats in any order, {} malformed, {} control",
        truth.messages,
        truth.mails.len(),
        truth.distinct_events,
        truth.malformed,
        truth.controls
    ))?;
    let watch = Arc::new(Watch::new(()));
    let tally = stream(&store, &traffic, watch.clone()).await?;
    print_tally(&tally, output)?;

    if args.breaking {
        let broken = break_one(&store, &traffic).await?;
        output.progress(format!("broken on purpose: the status of mail {broken}"))?;
    }
    let verdict = check::run(&store, &traffic, &tally).await?;
    report(&traffic, &tally, &verdict, output)?;
    if let Some(listener) = listener {
        hints(place, &traffic, output)?;
        serve::announce(&listener, &[], None, output)?;
        let (stop, shutdown) = Shutdown::channel();
        let rereading = Arc::new(Replaying { store: store.clone(), shutdown: shutdown.clone() });
        let site = Site::new(store.clone(), watch).with_rereading(rereading).with_upkeep(upkeep(settings));
        let keeping = keep_figures_continually(&store, shutdown.clone());
        let (served, ()) = tokio::join!(serve::site(listener, site, &stop, &shutdown), keeping);
        served?;
    }
    Ok(if verdict.holds() { Outcome::Done } else { Outcome::Failed })
}

fn plan(args: &DemoArgs) -> anyhow::Result<Plan> {
    // So that the newest mail on the site is some minutes old, whenever the demo runs.
    let end = Timestamp::from_second(Timestamp::now().as_second() / 60 * 60)?;
    Ok(Plan { seed: args.seed, mails: args.mails as usize, start: end - SPAN, span: SPAN, ..Plan::default() })
}

/// A demo wipes what an earlier one left, which must not be one that still runs.
fn alone(place: &Place) -> anyhow::Result<Option<File>> {
    let Some(data_dir) = &place.data_dir else { return Ok(None) };
    let path = data_dir.join("demo.lock");
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another demo is running on {}; end it, or give this one a --data-dir of its own",
                data_dir.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// A store without a mail in it. The demo's own database is wiped; one given by URL must be empty.
async fn empty_store(place: &Place) -> anyhow::Result<Store> {
    let mut migrator = Migrator::open(&place.address, place.prefix.clone()).await?;
    if place.is_embedded() {
        migrator
            .down(
                Target::Nothing,
                DownOptions { discard_own_data: true, drop_data: true, ..DownOptions::default() },
            )
            .await?;
    }
    migrator.up(Step::LATEST).await?;
    drop(migrator);
    let store = place.store().await?;
    if store.count_all().await? != aftersend_store::Counts::default() {
        bail!(
            "the schema {0} holds mail, and the demo wants an empty one: --prefix {0}_demo, or leave --database-url out",
            place.prefix
        );
    }
    Ok(store)
}

/// Has several pollers race for the messages.
async fn stream(store: &Store, traffic: &Traffic, watch: Arc<Watch>) -> anyhow::Result<Tally> {
    let queue = Queue::new(&traffic.messages);
    let feeds = (0..POLLERS).map(|place| SimulatedFeed::new(queue.clone(), place)).collect();
    // Nobody voices it: Ctrl-C ends a demo at once.
    let (_sender, shutdown) = Shutdown::channel();
    let patience = Patience::Limited(std::time::Duration::from_mins(1));
    let pump = Pump::new(store.clone(), shutdown, watch);
    let (tally, result) = pump.run_pollers("simulator", feeds, patience).await;
    result?;
    Ok(tally)
}

/// Makes one mail wrong: the last by id, whichever that is.
async fn break_one(store: &Store, traffic: &Traffic) -> anyhow::Result<String> {
    let id = traffic.truth.mails.keys().next_back().context("the plan has mails")?;
    let story = store.find_story(id).await?.context("every mail of the truth should be in the database")?;
    store.falsify_mail(story.mail.summary.uuid).await?;
    Ok(id.clone())
}

fn print_tally(tally: &Tally, output: Output) -> anyhow::Result<()> {
    for (name, count, meaning) in [
        ("received", tally.received, "messages, each acknowledged after its commit"),
        ("stored", tally.stored, "events"),
        ("repeated", tally.repeated, "events that were known"),
        ("folded", tally.folded, "events beside another that holds their place in V137's index"),
        ("control", tally.control, "messages of SNS and SES that are no events"),
        ("quarantined", tally.quarantined, "messages that can't be read"),
    ] {
        output.progress(format!("{name:<12} {count:>7} {meaning}"))?;
    }
    Ok(())
}

fn report(traffic: &Traffic, tally: &Tally, verdict: &Verdict, output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        return output.json(&json!({
            "sent": traffic.truth.messages,
            "mails": traffic.truth.mails.len(),
            "distinct_events": traffic.truth.distinct_events,
            "tally": tally,
            "equal": verdict.holds(),
            "differences": verdict.differences,
        }));
    }
    if verdict.holds() {
        output.text(format!(
            "equal: {} mails and {} occurrences are as the simulator says, status, times and all",
            verdict.mails, verdict.occurrences
        ))?;
    } else {
        for difference in verdict.differences.iter().take(check::DIFFERENCES_SHOWN_MAX) {
            output.text(format!("different: {difference}"))?;
        }
        let count = verdict.differences.len();
        output
            .text(format!("NOT EQUAL: {count} {}", if count == 1 { "difference" } else { "differences" }))?;
    }
    Ok(())
}

fn hints(place: &Place, traffic: &Traffic, output: Output) -> anyhow::Result<()> {
    let Some(data_dir) = &place.data_dir else { return Ok(()) };
    output.progress("")?;
    output.progress("While the demo runs, the same mail on the command line:")?;
    // The program need not be where the shell looks for programs.
    let program = std::env::current_exe().map_or("aftersend".to_owned(), |path| path.display().to_string());
    let data_dir = data_dir.display();
    output.progress(format!("  {program} --data-dir {data_dir} search receipt"))?;
    if let Some(id) = traffic.truth.mails.keys().next() {
        output.progress(format!("  {program} --data-dir {data_dir} show {id}"))?;
    }
    if let Some(psql) = place.psql() {
        output.progress(format!("  {psql}"))?;
    }
    output.progress("")?;
    Ok(())
}
