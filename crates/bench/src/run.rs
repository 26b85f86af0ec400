//! One run: a clone of a database, step 137 on it, an application beside it or not, and a look at the result.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    clone::on_clone,
    data::Template,
    product::{Migration, Product, Way},
    sampler::{Sample, Sampler, Wait},
    server::PrivateServer,
    session::Session,
    statistics::{maximum, milliseconds, percentile, rounded},
    writer::{Kind, Load, Outcome, Write, Writer},
};

const OUTCOME: &str = include_str!("sql/outcome.sql");

/// The indexes that step 137 makes.
const INDEXES: i64 = 8;

/// What is the case during a run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Situation {
    /// Nobody else is at the database.
    Quiet,
    /// An application writes throughout.
    Writer(Load),
}

/// What one run came to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    /// From the program's start to its end.
    pub(crate) seconds: f64,
    /// The processor time of the program itself, to hundredths: what of that a faster build could save.
    pub(crate) program_processor_seconds: Option<f64>,
    /// What the application met meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) writer: Option<WriterFigures>,
    /// What the program said, in its own words.
    pub(crate) said: Value,
}

/// What the application met in a span of time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WriterFigures {
    pub(crate) writes_done: usize,
    /// Duplicates that an index refused.
    pub(crate) writes_refused: usize,
    /// Writes that failed otherwise, by the server's code.
    pub(crate) writes_failed: BTreeMap<String, usize>,
    /// The longest statement, as the application sees it.
    pub(crate) write_max_ms: f64,
    /// What the longest statement was to do.
    pub(crate) write_max_kind: Option<&'static str>,
    pub(crate) write_p50_ms: f64,
    pub(crate) write_p99_ms: f64,
    /// From when a write was due to its end: what a user of the application waits.
    pub(crate) from_schedule_max_ms: f64,
    pub(crate) from_schedule_p99_ms: f64,
    /// The longest wait for a lock, as the server sees it; 0 where no look found anybody waiting.
    pub(crate) lock_wait_max_ms: f64,
    pub(crate) lock_wait_longest: Option<Wait>,
    pub(crate) samples: usize,
    pub(crate) samples_with_waits: usize,
    /// How far apart the looks were at most: no wait can be longer than the figure by more than this.
    pub(crate) sample_gap_max_ms: f64,
}

impl Figures {
    fn new(migration: Migration, writer: Option<WriterFigures>) -> Self {
        Self {
            seconds: rounded((migration.ended - migration.began).as_secs_f64()),
            program_processor_seconds: migration.processor_time.map(|time| rounded(time.as_secs_f64())),
            writer,
            said: migration.said,
        }
    }
}

/// Runs step 137 on a clone.
pub(crate) async fn migrate(
    server: &PrivateServer,
    product: &Product,
    template: &Template,
    way: Way,
    situation: Situation,
    lead: Duration,
) -> anyhow::Result<Figures> {
    on_clone(server, &template.name, async |address| match situation {
        Situation::Quiet => migrate_quietly(product, address, template, way).await,
        Situation::Writer(load) => migrate_beside_writer(product, address, template, way, load, lead).await,
    })
    .await
}

/// Lets the application write for a while without any step.
pub(crate) async fn write_alone(
    server: &PrivateServer,
    template: &Template,
    load: Load,
    lead: Duration,
    duration: Duration,
) -> anyhow::Result<WriterFigures> {
    on_clone(server, &template.name, async |address| {
        let writer = Writer::start(address, load, template.events).await?;
        let sampler = Sampler::start(address, writer.process_ids()).await?;
        sleep(lead).await;
        let began = Instant::now();
        sleep(duration).await;
        let ended = Instant::now();
        let samples = sampler.finish().await?;
        let writes = writer.finish().await?;
        writer_figures(&writes, &samples, began, ended)
    })
    .await
}

async fn migrate_quietly(
    product: &Product,
    address: &str,
    template: &Template,
    way: Way,
) -> anyhow::Result<Figures> {
    let migration = product.take_step(address, way).await?;
    check_outcome(address, template.distinct_events).await?;
    Ok(Figures::new(migration, None))
}

async fn migrate_beside_writer(
    product: &Product,
    address: &str,
    template: &Template,
    way: Way,
    load: Load,
    lead: Duration,
) -> anyhow::Result<Figures> {
    let writer = Writer::start(address, load, template.events).await?;
    let sampler = Sampler::start(address, writer.process_ids()).await?;
    sleep(lead).await;
    let migration = product.take_step(address, way).await?;
    let samples = sampler.finish().await?;
    let writes = writer.finish().await?;
    let stored =
        writes.iter().filter(|write| write.kind.is_distinct_event() && write.outcome == Outcome::Done);
    let stored = i64::try_from(stored.count())?;
    check_outcome(address, template.distinct_events + stored).await?;
    let writer = writer_figures(&writes, &samples, migration.began, migration.ended)?;
    Ok(Figures::new(migration, Some(writer)))
}

/// A step that is quick because it left work undone would win every comparison.
async fn check_outcome(address: &str, events_expected: i64) -> anyhow::Result<()> {
    let session = Session::open(address, "bench").await?;
    let row = session.query_one(OUTCOME, &[]).await.context("looking at the result")?;
    let (events, ids_missing, indexes): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    ensure!(
        events == events_expected && ids_missing == 0 && indexes == INDEXES,
        "the step left {events} events instead of {events_expected}, {ids_missing} ids to backfill, and {indexes} of \
         {INDEXES} indexes"
    );
    Ok(())
}

fn writer_figures(
    writes: &[Write],
    samples: &[Sample],
    began: Instant,
    ended: Instant,
) -> anyhow::Result<WriterFigures> {
    // A write that only reaches into the span counts, since the span may be why it took so long.
    let writes: Vec<&Write> =
        writes.iter().filter(|write| write.ended >= began && write.sent <= ended).collect();
    let samples: Vec<&Sample> =
        samples.iter().filter(|sample| (began..=ended).contains(&sample.at)).collect();
    let statements = || writes.iter().map(|write| milliseconds(write.ended - write.sent));
    let from_schedule = || writes.iter().map(|write| milliseconds(write.ended - write.due));
    let known = |figure: Option<f64>| figure.map(rounded).context("the application wrote nothing meanwhile");

    let mut writes_failed = BTreeMap::new();
    for write in &writes {
        if let Outcome::Failed(code) = &write.outcome {
            *writes_failed.entry(code.clone()).or_default() += 1;
        }
    }
    let count = |outcome: &Outcome| writes.iter().filter(|write| write.outcome == *outcome).count();
    let longest = writes.iter().max_by_key(|write| write.ended - write.sent);
    let waits = || samples.iter().filter_map(|sample| sample.longest.as_ref());
    let longest_wait = waits().max_by(|one, other| one.waited_ms.total_cmp(&other.waited_ms));
    let gaps = samples.windows(2).map(|pair| milliseconds(pair[1].at - pair[0].at));
    Ok(WriterFigures {
        writes_done: count(&Outcome::Done),
        writes_refused: count(&Outcome::Refused),
        writes_failed,
        write_max_ms: known(maximum(statements()))?,
        write_max_kind: longest.map(|write| write.kind).map(Kind::name),
        write_p50_ms: known(percentile(statements(), 50))?,
        write_p99_ms: known(percentile(statements(), 99))?,
        from_schedule_max_ms: known(maximum(from_schedule()))?,
        from_schedule_p99_ms: known(percentile(from_schedule(), 99))?,
        lock_wait_max_ms: longest_wait.map_or(0.0, |wait| rounded(wait.waited_ms)),
        lock_wait_longest: longest_wait.cloned(),
        samples: samples.len(),
        samples_with_waits: waits().count(),
        sample_gap_max_ms: rounded(maximum(gaps).unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests;
