//! What is done to the databases, and how long it takes.

use std::time::Duration;

use aftersend_store::{Prefix, Store, TagNames};
use anyhow::{Context as _, ensure};
use fastrand::Rng;
use serde::Serialize;
use serde_json::Value;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use uuid::Uuid;

use super::data::{Mail, Mails};
use crate::{
    cli::ArchiveOptions,
    product::Product,
    session::Session,
    statistics::{maximum, milliseconds, percentile, rounded},
};

const PLAIN: &str = include_str!("../sql/archive/plain.sql");
const TOUCH: &str = include_str!("../sql/archive/touch.sql");

/// Rows that a plain update changes at once, in a transaction.
const PLAIN_ROWS: usize = 50;

/// For how long the writer is measured alone.
const ALONE: Duration = Duration::from_secs(10);

/// How long bodies took to be read, each alone.
#[derive(Debug, Serialize)]
pub(super) struct Read {
    bodies: usize,
    p50_ms: f64,
    p95_ms: f64,
    max_ms: f64,
    /// The mean length of all bodies.
    #[serde(skip)]
    pub(super) body_bytes: f64,
}

/// How long an application's updates took, from when they were due.
#[derive(Debug, Serialize)]
pub(super) struct Waits {
    writes_per_second: u32,
    alone: Latencies,
    beside_compressing: Latencies,
    /// Meanwhile.
    bodies_per_second: f64,
}

/// Times of writes.
#[derive(Debug, Serialize)]
struct Latencies {
    writes: usize,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// From when it was sent.
    longest_write_ms: f64,
}

/// Changes all mails by plain updates, a transaction for so many rows.
pub(super) async fn plain_updates(address: &str, mails: u32) -> anyhow::Result<f64> {
    let session = Session::open(address, "bench plain").await?;
    let all = "SELECT uuid FROM phoenix_kit_email_logs ORDER BY sent_at";
    let uuids: Vec<Uuid> = session.query(all, &[]).await?.iter().map(|row| row.get(0)).collect();
    let plain = session.prepare(PLAIN).await?;
    let began = Instant::now();
    let mut updated = 0;
    for some in uuids.chunks(PLAIN_ROWS) {
        updated += session.execute(&plain, &[&some]).await?;
    }
    let took = began.elapsed();
    ensure!(updated == u64::from(mails), "{updated} of {mails} mails were updated");
    Ok(f64::from(mails) / took.as_secs_f64())
}

/// A run that did not compress all it should have has no figures.
pub(super) fn require_done(said: &Value, mails: u32) -> anyhow::Result<()> {
    ensure!(
        said["bodies"].as_u64() == Some(mails.into()),
        "of {mails} bodies not all were compressed: {said}"
    );
    Ok(())
}

/// Reads bodies as the site does, each alone, and compares them with what was written.
pub(super) async fn read(address: &str, mails: Mails, options: &ArchiveOptions) -> anyhow::Result<Read> {
    let store = Store::open(&address.parse()?, Prefix::default(), TagNames::default()).await?;
    let mut body_bytes = 0;
    let mut count = 0_u32;
    let mut sampled: Vec<Mail> = Vec::new();
    let share = f64::from(options.reads) / f64::from(options.mails);
    let mut random = Rng::with_seed(1);
    for mail in mails {
        count += 1;
        body_bytes += mail.body.len();
        if random.f64() < share {
            sampled.push(mail);
        }
    }
    random.shuffle(&mut sampled);
    let mut times = Vec::new();
    for mail in &sampled {
        let began = Instant::now();
        let body = store.read_body(mail.uuid).await?;
        times.push(milliseconds(began.elapsed()));
        ensure!(body.as_ref() == Some(&mail.body), "the body of mail {} is not what was written", mail.uuid);
    }
    let of = |percent| percentile(times.iter().copied(), percent).map(rounded).context("no body was read");
    #[expect(clippy::cast_precision_loss, reason = "a mean is shown to thousandths")]
    let mean = body_bytes as f64 / f64::from(count.max(1));
    Ok(Read { bodies: times.len(), p50_ms: of(50)?, p95_ms: of(95)?, max_ms: of(100)?, body_bytes: mean })
}

/// Compresses while an application goes on changing mails, after it was measured alone.
pub(super) async fn beside_writer(
    address: &str,
    product: &Product,
    mails: Mails,
    options: &ArchiveOptions,
) -> anyhow::Result<Waits> {
    let uuids: Vec<Uuid> = mails.map(|mail| mail.uuid).collect();
    let per_second = options.writes_per_second;
    let alone = {
        let (_stop, stopped) = watch::channel(false);
        let writing = write(address, &uuids, per_second, stopped, Some(ALONE));
        writing.await?
    };
    let (stop, stopped) = watch::channel(false);
    let compressing = async {
        let compressed = product.compress(address).await;
        stop.send_replace(true);
        compressed
    };
    let (compressed, beside) = tokio::join!(compressing, write(address, &uuids, per_second, stopped, None));
    let (took, said) = compressed?;
    // What the writer held just then stays for the next time.
    let bodies = said["bodies"].as_u64().unwrap_or(0) + said["put_off"].as_u64().unwrap_or(0);
    ensure!(bodies == u64::from(options.mails), "not all bodies were compressed: {said}");
    Ok(Waits {
        writes_per_second: per_second,
        alone,
        beside_compressing: beside?,
        bodies_per_second: rounded(f64::from(options.mails) / took.as_secs_f64()),
    })
}

/// Changes mails at fixed times until told to stop, or for a time.
async fn write(
    address: &str,
    uuids: &[Uuid],
    per_second: u32,
    mut stopped: watch::Receiver<bool>,
    time: Option<Duration>,
) -> anyhow::Result<Latencies> {
    let session = Session::open(address, "bench writer").await?;
    let touch = session.prepare(TOUCH).await?;
    let interval = Duration::from_secs(1) / per_second;
    let mut random = Rng::with_seed(2);
    let began = Instant::now();
    let mut due = began;
    let mut times = Vec::new();
    let mut longest_write = Duration::ZERO;
    while time.is_none_or(|time| began.elapsed() < time) {
        tokio::select! {
            biased;
            _ = stopped.changed() => break,
            () = sleep_until(due) => {}
        }
        let sent = Instant::now();
        session.execute(&touch, &[&uuids[random.usize(..uuids.len())]]).await?;
        longest_write = longest_write.max(sent.elapsed());
        // From when it was due: a write that was stuck can't hide those behind it.
        times.push(milliseconds(due.elapsed()));
        due += interval;
    }
    let of = |percent| percentile(times.iter().copied(), percent).map(rounded).context("nothing was written");
    Ok(Latencies {
        writes: times.len(),
        p50_ms: of(50)?,
        p99_ms: of(99)?,
        max_ms: maximum(times.iter().copied()).map_or(0.0, rounded),
        longest_write_ms: rounded(milliseconds(longest_write)),
    })
}
