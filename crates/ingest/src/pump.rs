//! Pull, store, acknowledge.
//!
//! A message is acknowledged only after the transaction that stored it, or its quarantine, has committed.

use std::{fmt, future::Future, io, time::Duration};

use aftersend_event::{Document, Event, Message};
use aftersend_store::{Arrival, Batch, BatchReport, IngestError, Poison, Store};
use serde::Serialize;
use tokio::{sync::watch, time::Instant};

/// Messages that are stored together at most. Beyond some hundreds a batch gains little and holds its locks longer.
const BATCH_MESSAGES_MAX: usize = 500;
const _: () = assert!(BATCH_MESSAGES_MAX <= aftersend_store::BATCH_MESSAGES_MAX);

/// The first pause before a batch is tried again, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How long a batch that is being stored may still take once a shutdown is requested. A database that does not
/// answer would hold up the end for as long as a connection may take, or a statement.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// A message as a feed delivers it.
#[derive(Clone, Debug)]
pub struct Received<R> {
    /// The message.
    pub body: Vec<u8>,
    /// Where in the feed it stood, for people: `line 12`, a message id.
    pub origin: String,
    /// Its length in bytes, where the feed kept only the beginning of it.
    pub overlong_bytes: Option<u64>,
    /// What acknowledges it.
    pub receipt: R,
}

/// Where messages come from.
pub trait Feed {
    /// What acknowledges a message.
    type Receipt: Send;

    /// The kind of feed, as the quarantine records it.
    const NAME: &'static str;

    /// The next messages, at most so many; nothing when the feed has ended. An empty list means that none came
    /// within the feed's patience.
    ///
    /// Dropping the future may leave messages unacknowledged that were on their way; the feed delivers them again.
    fn receive(
        &mut self,
        messages_max: usize,
    ) -> impl Future<Output = Result<Option<Vec<Received<Self::Receipt>>>, FeedError>> + Send;

    /// Tells the feed that messages are safe. What can't be acknowledged comes again, and is a repeat then.
    fn acknowledge(
        &mut self,
        receipts: Vec<Self::Receipt>,
    ) -> impl Future<Output = Result<(), FeedError>> + Send;
}

/// Why a feed gives no messages.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// A file can't be read.
    #[error("the file can't be read further: {0}")]
    Read(io::Error),
    /// A queue does not answer as it should.
    #[error("{0}")]
    Queue(String),
}

/// Why pumping stopped.
#[derive(Debug, thiserror::Error)]
pub enum PumpError {
    /// The feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The store. What was not stored was not acknowledged.
    #[error(transparent)]
    Store(#[from] IngestError),
}

/// What became of all messages of a run. The parts add up to `received`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Messages that the feed delivered and that are done with: stored, in the quarantine, or dropped.
    pub received: usize,
    /// Events that were new.
    pub stored: usize,
    /// Events that were known.
    pub repeated: usize,
    /// Events that were new and share their place with another.
    pub folded: usize,
    /// Events kept until their mail is known.
    pub parked: usize,
    /// Messages that are no events: confirmations, SES's greeting.
    pub control: usize,
    /// Messages that can't be read or stored, kept in the quarantine.
    pub quarantined: usize,
}

impl Tally {
    fn add(&mut self, report: BatchReport) {
        self.stored += report.stored;
        self.repeated += report.repeated;
        self.folded += report.folded;
        self.parked += report.parked;
        self.quarantined += report.quarantined;
        self.received += report.stored + report.repeated + report.folded + report.parked + report.quarantined;
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.stored += other.stored;
        self.repeated += other.repeated;
        self.folded += other.folded;
        self.parked += other.parked;
        self.control += other.control;
        self.quarantined += other.quarantined;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} received: {} stored, {} repeated, {} folded, {} parked, {} control, {} quarantined",
            self.received,
            self.stored,
            self.repeated,
            self.folded,
            self.parked,
            self.control,
            self.quarantined
        )
    }
}

/// A message that went into the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where in the feed it stood.
    pub origin: String,
    /// What is wrong with it, without quoting it.
    pub reason: String,
}

/// How long a batch is tried again while the database is busy or away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// So long, then the run ends with the error. For files, which can be read again.
    Limited(Duration),
    /// For as long as it takes. For a poller that a supervisor would only start again.
    Endless,
}

/// The wish that a run ends.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// A wish, and the handle that voices it by sending `true`.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Waits for the wish; for ever once nobody is left to voice it.
    pub async fn requested(&mut self) {
        if self.0.wait_for(|requested| *requested).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the wish is older than what is under way may still take.
    async fn overdue(&mut self) {
        self.requested().await;
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    }
}

/// Moves messages from a feed into the store.
pub struct Pump<'a> {
    store: &'a Store,
    patience: Patience,
    shutdown: Shutdown,
    on_refused: &'a mut (dyn FnMut(&Refused) + Send),
}

/// Why messages were not stored.
enum Unstored {
    Store(IngestError),
    Shutdown,
}

impl<'a> Pump<'a> {
    /// A pump that reports each message put into quarantine.
    pub fn new(
        store: &'a Store,
        patience: Patience,
        shutdown: Shutdown,
        on_refused: &'a mut (dyn FnMut(&Refused) + Send),
    ) -> Self {
        Self { store, patience, shutdown, on_refused }
    }

    /// Pumps until the feed ends or a shutdown is requested; a batch that is being committed is finished and
    /// acknowledged first, if that does not take longer than some seconds.
    ///
    /// Returns what became of the messages that were acknowledged, also when it ends with an error: the first of
    /// the feed, or the first of the store that trying again does not mend.
    pub async fn run<F: Feed>(&mut self, feed: &mut F) -> (Tally, Result<(), PumpError>) {
        let mut tally = Tally::default();
        loop {
            let received = tokio::select! {
                biased;
                () = self.shutdown.requested() => return (tally, Ok(())),
                received = feed.receive(BATCH_MESSAGES_MAX) => received,
            };
            let messages = match received {
                Ok(Some(messages)) if messages.is_empty() => continue,
                Ok(Some(messages)) => messages,
                Ok(None) => return (tally, Ok(())),
                Err(error) => return (tally, Err(error.into())),
            };
            match self.store_messages(F::NAME, &messages).await {
                Ok(part) => tally += part,
                Err(Unstored::Shutdown) => return (tally, Ok(())),
                Err(Unstored::Store(error)) => return (tally, Err(error.into())),
            }
            let receipts = messages.into_iter().map(|message| message.receipt).collect();
            if let Err(error) = feed.acknowledge(receipts).await {
                return (tally, Err(error.into()));
            }
        }
    }

    /// Stores all of the messages, one way or the other.
    async fn store_messages<R>(&mut self, feed: &str, messages: &[Received<R>]) -> Result<Tally, Unstored> {
        let mut control = 0;
        let mut documents: Vec<(&Received<R>, Document<'_>)> = Vec::with_capacity(messages.len());
        let mut poisons: Vec<Poison<'_>> = Vec::new();
        for message in messages {
            match read(message) {
                Ok(Message::Event(document)) => documents.push((message, document)),
                Ok(Message::Control(_)) => control += 1,
                Err(reason) => poisons.push(poison(feed, message, reason)),
            }
        }
        let mut candidates: Vec<Candidate<'_, R>> = Vec::with_capacity(documents.len());
        for (message, document) in &documents {
            match document.event() {
                Ok(event) => candidates.push(Candidate { message, json: document.storable_json(), event }),
                Err(error) => poisons.push(poison(feed, message, error.to_string())),
            }
        }
        let mut tally = Tally { received: control, control, ..Tally::default() };
        if candidates.is_empty() && poisons.is_empty() {
            return Ok(tally);
        }
        let batch = Batch { arrivals: arrivals(&candidates), poisons };
        match self.store_batch(&batch).await {
            Err(Unstored::Store(IngestError::Data(_))) => {
                tally += self.quarantine(batch.poisons).await?;
                tally += self.store_by_halves(feed, &candidates).await?;
            }
            report => {
                tally.add(report?);
                self.report(&batch.poisons);
            }
        }
        Ok(tally)
    }

    /// Stores what PostgreSQL refused as a whole: halves of it, and halves of those that it refuses, too, until
    /// what is refused is one event.
    async fn store_by_halves<R>(
        &mut self,
        feed: &str,
        candidates: &[Candidate<'_, R>],
    ) -> Result<Tally, Unstored> {
        let mut tally = Tally::default();
        let (first, second) = candidates.split_at(candidates.len() / 2);
        let mut parts = vec![second, first];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let batch = Batch { arrivals: arrivals(part), poisons: Vec::new() };
            match self.store_batch(&batch).await {
                Err(Unstored::Store(IngestError::Data(reason))) if part.len() == 1 => {
                    let reason = format!("PostgreSQL can't hold it: {reason}");
                    tally += self.quarantine(vec![poison(feed, part[0].message, reason)]).await?;
                }
                Err(Unstored::Store(IngestError::Data(_))) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                report => tally.add(report?),
            }
        }
        Ok(tally)
    }

    /// Puts messages into quarantine, without any event beside them that could be taken for the fault.
    async fn quarantine(&mut self, poisons: Vec<Poison<'_>>) -> Result<Tally, Unstored> {
        let mut tally = Tally::default();
        if poisons.is_empty() {
            return Ok(tally);
        }
        let batch = Batch { arrivals: Vec::new(), poisons };
        match self.store_batch(&batch).await {
            Err(Unstored::Store(IngestError::Data(reason))) => {
                let sentence =
                    format!("the quarantine refuses a message, so nothing was acknowledged: {reason}");
                Err(Unstored::Store(IngestError::Blocked(sentence)))
            }
            report => {
                tally.add(report?);
                self.report(&batch.poisons);
                Ok(tally)
            }
        }
    }

    /// Stores a batch, again and again while others stand in the way or the database is away.
    async fn store_batch(&mut self, batch: &Batch<'_>) -> Result<BatchReport, Unstored> {
        let began = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            let outcome = tokio::select! {
                biased;
                outcome = self.store.ingest(batch) => outcome,
                // A commit on its way is not waited for: if it succeeds, the messages come again and are repeats.
                () = self.shutdown.overdue() => return Err(Unstored::Shutdown),
            };
            let reason = match outcome {
                Err(IngestError::Repeat(reason)) => reason,
                outcome => return outcome.map_err(Unstored::Store),
            };
            if let Patience::Limited(patience) = self.patience
                && began.elapsed() >= patience
            {
                return Err(Unstored::Store(IngestError::Repeat(reason)));
            }
            if pause >= PAUSE_MAX {
                tracing::warn!(reason, "the batch waits for the database");
            } else {
                tracing::debug!(reason, "the batch is tried again");
            }
            tokio::select! {
                biased;
                () = self.shutdown.requested() => return Err(Unstored::Shutdown),
                () = tokio::time::sleep(jittered(pause)) => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Tells of messages that are in the quarantine now.
    fn report(&mut self, poisons: &[Poison<'_>]) {
        for poison in poisons {
            (self.on_refused)(&Refused { origin: poison.origin.to_string(), reason: poison.reason.clone() });
        }
    }
}

/// An event on its way into the store.
struct Candidate<'m, R> {
    message: &'m Received<R>,
    json: &'m str,
    event: Event<'m>,
}

fn arrivals<'c, R>(candidates: &'c [Candidate<'_, R>]) -> Vec<Arrival<'c>> {
    candidates.iter().map(|candidate| Arrival { event: &candidate.event, json: candidate.json }).collect()
}

/// Racing pollers that were put off together must not come back together.
fn jittered(pause: Duration) -> Duration {
    // The low digits of the clock are random enough for this, and need no generator.
    let micros = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_micros() % 1_000);
    pause / 2 + pause / 2 * micros / 1_000
}

fn read<R>(message: &Received<R>) -> Result<Message<'_>, String> {
    if let Some(bytes) = message.overlong_bytes {
        let kept = message.body.len();
        return Err(format!(
            "it has {bytes} bytes, more than SES, SNS and SQS carry; the first {kept} are kept"
        ));
    }
    aftersend_event::read(&message.body).map_err(|error| error.to_string())
}

fn poison<'m, R>(feed: &'m str, message: &'m Received<R>, reason: String) -> Poison<'m> {
    Poison { body: &message.body, reason, feed, origin: (&*message.origin).into() }
}

#[cfg(test)]
mod tests;
