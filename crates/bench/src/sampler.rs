//! Who waits for a lock, as the server sees it.

use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::session::Session;

const WAITING: &str = include_str!("sql/waiting.sql");

/// How often it looks. A wait is known to this much, and a shorter one can go unseen.
pub(crate) const INTERVAL: Duration = Duration::from_millis(5);

/// The longest wait at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Wait {
    pub(crate) waited_ms: f64,
    pub(crate) locktype: String,
    pub(crate) mode: String,
    /// What is locked, if it is a table or an index.
    pub(crate) relation: String,
}

/// One look.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) at: Instant,
    pub(crate) longest: Option<Wait>,
}

/// Looks at who waits until told to stop. Between looks it holds no snapshot and no transaction, so that no concurrent
/// build has to wait for it. Dropped, it stops.
pub(crate) struct Sampler {
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<anyhow::Result<Vec<Sample>>>>,
}

impl Sampler {
    /// Begins to watch those of the server's processes.
    pub(crate) async fn start(address: &str, process_ids: &[i32]) -> anyhow::Result<Self> {
        let session = Session::open(address, "bench sampler").await?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(sample(session, process_ids.to_vec(), stopped));
        Ok(Self { stop, task: Some(task) })
    }

    /// Stops, and tells what was seen.
    pub(crate) async fn finish(mut self) -> anyhow::Result<Vec<Sample>> {
        self.stop.send_replace(true);
        let task = self.task.take().context("the sampler had stopped before")?;
        task.await?
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn sample(
    session: Session,
    process_ids: Vec<i32>,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<Vec<Sample>> {
    let waiting = session.prepare(WAITING).await?;
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // Bounded by the time that a run may take.
    let mut samples = Vec::new();
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => return Ok(samples),
            _ = ticks.tick() => {}
        }
        let row = session.query_opt(&waiting, &[&process_ids]).await.context("looking at who waits")?;
        let longest = row.map(|row| Wait {
            waited_ms: row.get("waited_ms"),
            locktype: row.get("locktype"),
            mode: row.get("mode"),
            relation: row.get("relation"),
        });
        samples.push(Sample { at: Instant::now(), longest });
    }
}
