//! A batch's way into the store: read, stored, tried again, halved.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aftersend_event::{Document, Event, Message};
use aftersend_store::{Arrival, Batch, BatchReport, IngestError, Poison};
use tokio::{sync::Semaphore, time::Instant};

use super::{
    Patience, SHUTDOWN_GRACE, Storage, Tally,
    gate::{Gate, Trouble, Turn},
    health::{Backoff, Health},
    size::BatchSize,
};
use crate::{Commit, Committed, Received, Refused, Shutdown, busy::busy};

/// The first pause before a batch is tried again, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The gate closes when a connection could not be had so many times in a row. Once is a session that an
/// administrator ended, or a server's restart that is over: the next connection will do.
const AWAY_TRIES: u32 = 2;

/// How long a batch is held while the gate is closed. Holding costs nothing: the queue does not count it, and when a
/// database comes back after a restart or a failover, all is stored without one message received twice. Handing back
/// costs one receive each, and gives other programs the chance, which may reach the database where this one can't.
pub(super) const HOLD_MAX: Duration = Duration::from_mins(10);

/// Why messages were not stored.
#[derive(Debug)]
pub(super) enum Unstored {
    /// The store, and trying again is of no use or beyond patience.
    Store(IngestError),
    /// The database has been away for [`HOLD_MAX`].
    Held,
    /// A shutdown was requested.
    Shutdown,
}

/// Messages, and which of them are done with: stored, in the quarantine, or dropped.
pub(super) struct Load<R> {
    pub(super) messages: Vec<Received<R>>,
    pub(super) done: Vec<bool>,
}

impl<R> Load<R> {
    pub(super) fn new(messages: Vec<Received<R>>) -> Self {
        let done = vec![false; messages.len()];
        Self { messages, done }
    }

    /// The receipts of those that are done with, and the other messages.
    pub(super) fn part(self) -> (Vec<R>, Vec<Received<R>>) {
        let (mut safe, mut rest) = (Vec::with_capacity(self.messages.len()), Vec::new());
        for (message, done) in self.messages.into_iter().zip(self.done) {
            if done {
                safe.push(message.receipt);
            } else {
                rest.push(message);
            }
        }
        (safe, rest)
    }
}

/// Stores what one poller brings.
pub(super) struct Storing<S> {
    pub(super) storage: Arc<S>,
    /// A permit for each batch that may be stored at once, where that has a limit.
    pub(super) slots: Option<Arc<Semaphore>>,
    pub(super) gate: Arc<Gate>,
    pub(super) health: Arc<Health>,
    pub(super) shutdown: Shutdown,
    pub(super) patience: Patience,
    pub(super) size: BatchSize,
    /// The kind of feed, as the quarantine records it.
    pub(super) kind: &'static str,
    /// Whether and as whom this one finds out when the gate may be opened.
    pub(super) turn: Option<Turn>,
    pub(super) tally: Tally,
}

/// What of a batch PostgreSQL may refuse.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Events,
    /// Nothing but messages for the quarantine: no event is at fault if PostgreSQL refuses those.
    Poisons,
}

/// An event on its way into the store.
struct Candidate<'m> {
    place: usize,
    json: &'m str,
    event: Event<'m>,
}

/// A message for the quarantine.
struct Bad {
    place: usize,
    reason: String,
}

impl<S: Storage> Storing<S> {
    /// Stores messages, all of them one way or the other unless something is in the way, and marks those that are
    /// done with. `held_for_ever` are messages that outlast [`HOLD_MAX`].
    pub(super) async fn store<R: Sync>(
        &mut self,
        messages: &[Received<R>],
        done: &mut [bool],
        held_for_ever: bool,
    ) -> Result<(), Unstored> {
        let Sorted { documents, controls, mut bads } = busy(|| Sorted::of(messages));
        if !controls.is_empty() {
            for &place in &controls {
                done[place] = true;
            }
            self.tally.add_controls(controls.len());
            self.health.observer.controls(&self.health.feed, controls.len());
        }
        let candidates = busy(|| read_events(&documents, &mut bads));
        if candidates.is_empty() && bads.is_empty() {
            return Ok(());
        }
        let mut attempt = Attempt { storing: self, messages, done, held_for_ever, began: Instant::now() };
        match attempt.commit(&candidates, &bads).await {
            Err(Unstored::Store(IngestError::Data(_))) => {
                attempt.quarantine(&bads).await?;
                attempt.store_by_halves(&candidates).await
            }
            outcome => outcome,
        }
    }
}

/// Messages by what they turned out to be, each with its place.
struct Sorted<'m> {
    documents: Vec<(usize, Document<'m>)>,
    controls: Vec<usize>,
    bads: Vec<Bad>,
}

impl<'m> Sorted<'m> {
    fn of<R>(messages: &'m [Received<R>]) -> Self {
        let documents = Vec::with_capacity(messages.len());
        let mut sorted = Self { documents, controls: Vec::new(), bads: Vec::new() };
        for (place, message) in messages.iter().enumerate() {
            match read(message) {
                Ok(Message::Event(document)) => sorted.documents.push((place, document)),
                Ok(Message::Control(_)) => sorted.controls.push(place),
                Err(reason) => sorted.bads.push(Bad { place, reason }),
            }
        }
        sorted
    }
}

/// The events of documents; what can't be read joins the bad ones.
fn read_events<'d>(documents: &'d [(usize, Document<'_>)], bads: &mut Vec<Bad>) -> Vec<Candidate<'d>> {
    let mut candidates = Vec::with_capacity(documents.len());
    for (place, document) in documents {
        match document.event() {
            Ok(event) => candidates.push(Candidate { place: *place, json: document.storable_json(), event }),
            Err(error) => bads.push(Bad { place: *place, reason: error.to_string() }),
        }
    }
    candidates
}

/// One batch, from its first try on.
struct Attempt<'s, S, R> {
    storing: &'s mut Storing<S>,
    messages: &'s [Received<R>],
    done: &'s mut [bool],
    held_for_ever: bool,
    began: Instant,
}

impl<S: Storage, R: Sync> Attempt<'_, S, R> {
    /// Stores what PostgreSQL refused as a whole: halves of it, and halves of those that it refuses, too, until
    /// what is refused is one event.
    async fn store_by_halves(&mut self, candidates: &[Candidate<'_>]) -> Result<(), Unstored> {
        let (first, second) = candidates.split_at(candidates.len() / 2);
        let mut parts = vec![second, first];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.commit(part, &[]).await {
                Err(Unstored::Store(IngestError::Data(reason))) if part.len() == 1 => {
                    let reason = format!("PostgreSQL can't hold it: {reason}");
                    self.quarantine(&[Bad { place: part[0].place, reason }]).await?;
                }
                Err(Unstored::Store(IngestError::Data(_))) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Puts messages into quarantine, without any event beside them that could be taken for the fault.
    async fn quarantine(&mut self, bads: &[Bad]) -> Result<(), Unstored> {
        if bads.is_empty() { Ok(()) } else { self.commit(&[], bads).await }
    }

    /// Stores events and poison in one transaction, and tells of it.
    async fn commit(&mut self, candidates: &[Candidate<'_>], bads: &[Bad]) -> Result<(), Unstored> {
        let began = Instant::now();
        let batch = Batch {
            arrivals: candidates
                .iter()
                .map(|candidate| Arrival { event: &candidate.event, json: candidate.json })
                .collect(),
            poisons: bads
                .iter()
                .map(|bad| {
                    let message = &self.messages[bad.place];
                    Poison {
                        body: &message.body,
                        reason: bad.reason.clone(),
                        feed: self.storing.kind,
                        origin: (&*message.origin).into(),
                    }
                })
                .collect(),
        };
        let content = if candidates.is_empty() { Content::Poisons } else { Content::Events };
        let report = self.try_until_stored(&batch, content).await?;
        let places =
            candidates.iter().map(|candidate| candidate.place).chain(bads.iter().map(|bad| bad.place));
        for place in places {
            self.done[place] = true;
        }
        self.storing.tally.add(report);
        self.tell(candidates, bads, report, began.elapsed());
        Ok(())
    }

    /// Tells of what is committed now.
    fn tell(&self, candidates: &[Candidate<'_>], bads: &[Bad], report: BatchReport, took: Duration) {
        let Health { feed, observer, .. } = &*self.storing.health;
        let now = SystemTime::now();
        let events = candidates.iter().map(|candidate| Committed::now(&candidate.event, now)).collect();
        observer.committed(feed, &Commit { report, took, events });
        for bad in bads {
            let origin = self.messages[bad.place].origin.clone();
            observer.refused(feed, &Refused { origin, reason: bad.reason.clone() });
        }
    }

    /// Stores a batch, again and again while others stand in the way or the database is away.
    async fn try_until_stored(
        &mut self,
        batch: &Batch<'_>,
        content: Content,
    ) -> Result<BatchReport, Unstored> {
        let mut backoff = Backoff::new(PAUSE_MIN, PAUSE_MAX);
        let mut aways = 0;
        let mut told = false;
        loop {
            if self.storing.turn.is_none() {
                self.pass_gate().await?;
            }
            let error = match self.try_once(batch).await? {
                Ok(report) => {
                    self.answered();
                    return Ok(report);
                }
                Err(IngestError::Data(reason)) if content == Content::Poisons => IngestError::Blocked(
                    format!("the quarantine refuses a message, so nothing of it was acknowledged: {reason}"),
                ),
                Err(error) => error,
            };
            let trouble = Trouble::of(&error);
            if trouble.is_none() {
                self.answered();
            }
            if self.is_final(&error) {
                return Err(Unstored::Store(error));
            }
            aways = if matches!(trouble, Some(Trouble::Away(_))) { aways + 1 } else { 0 };
            match trouble {
                Some(Trouble::Away(_)) if aways < AWAY_TRIES => {}
                Some(trouble) => self.closed(trouble),
                None if !told && backoff.is_longest() => {
                    told = true;
                    tracing::warn!(reason = %error, "a batch waits for others in the database");
                }
                None => {}
            }
            if self.storing.turn.is_some() && self.is_held_too_long() {
                return Err(Unstored::Held);
            }
            tokio::select! {
                biased;
                () = self.storing.shutdown.requested() => return Err(Unstored::Shutdown),
                () = tokio::time::sleep(backoff.pause()) => {}
            }
        }
    }

    async fn try_once(&mut self, batch: &Batch<'_>) -> Result<Result<BatchReport, IngestError>, Unstored> {
        let Storing { storage, slots, size, shutdown, .. } = &mut *self.storing;
        // Held until this try is over, and not between two: who waits for others holds up nobody.
        let _slot = match slots {
            None => None,
            Some(slots) => tokio::select! {
                biased;
                () = shutdown.requested() => return Err(Unstored::Shutdown),
                slot = slots.acquire() => Some(slot.expect("nobody closes it")),
            },
        };
        let began = Instant::now();
        tokio::select! {
            biased;
            outcome = storage.ingest(batch) => {
                match &outcome {
                    Ok(_) => size.stored(batch.arrivals.len() + batch.poisons.len(), began.elapsed()),
                    Err(IngestError::Repeat(_)) => size.stood_aside(),
                    Err(_) => {}
                }
                Ok(outcome)
            }
            // A commit on its way is not waited for: if it succeeds, the messages come again and are repeats.
            () = shutdown.overdue(SHUTDOWN_GRACE) => Err(Unstored::Shutdown),
        }
    }

    /// Waits while somebody else finds out whether the database is back.
    async fn pass_gate(&mut self) -> Result<(), Unstored> {
        let limit = match self.storing.patience {
            Patience::Limited(patience) => patience.min(HOLD_MAX),
            Patience::Endless => HOLD_MAX,
        };
        let Storing { gate, shutdown, patience, .. } = &mut *self.storing;
        tokio::select! {
            biased;
            () = gate.passed() => return Ok(()),
            () = shutdown.requested() => return Err(Unstored::Shutdown),
            () = tokio::time::sleep_until(self.began + limit) => {}
        }
        match (patience, gate.trouble()) {
            (Patience::Limited(_), Some(trouble)) => Err(Unstored::Store(IngestError::Blocked(trouble))),
            // It was opened this very moment.
            (Patience::Limited(_), None) => Ok(()),
            (Patience::Endless, _) => Err(Unstored::Held),
        }
    }

    /// The database answered, whatever it said.
    fn answered(&mut self) {
        self.storing.gate.open();
        self.storing.turn = None;
    }

    /// The database takes nothing.
    fn closed(&mut self, trouble: Trouble) {
        let Storing { gate, turn, .. } = &mut *self.storing;
        match turn {
            Some(held) if held.failed(trouble.clone()) => {}
            _ => *turn = gate.close(trouble),
        }
    }

    /// Whether there is nothing to wait for, or it has been waited for long enough.
    fn is_final(&self, error: &IngestError) -> bool {
        match error {
            IngestError::Data(_) | IngestError::TooLarge(_) | IngestError::Unaccounted { .. } => true,
            IngestError::Repeat(_) | IngestError::Away(_) => match self.storing.patience {
                Patience::Limited(patience) => self.began.elapsed() >= patience,
                Patience::Endless => false,
            },
            IngestError::Blocked(_) | IngestError::Schema(_) => {
                matches!(self.storing.patience, Patience::Limited(_))
            }
        }
    }

    fn is_held_too_long(&self) -> bool {
        !self.held_for_ever && self.began.elapsed() >= HOLD_MAX
    }
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
