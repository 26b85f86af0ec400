//! Reads messages of the quarantine anew, by the way that every message goes: the quarantine is a feed, and what is
//! refused again is kept where it is.
//!
//! A message leaves the quarantine only after the transaction that stored its event has committed. When a run ends in
//! between, the message stays, and its event is a repeat the next time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aftersend_event::limits::MESSAGE_BYTES_MAX;
use aftersend_store::{Batch, BatchReport, IngestError, Poison, QuarantineFilter, QueryError, Store};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Feed, FeedError, Patience, Pump, PumpError, Received, Refused, Shutdown, Storage, Tally};

/// The first pause before messages that are locked are dropped again, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Reads all messages of the quarantine that fit anew, each once, from the newest that is there now to the oldest:
/// what feeds bring meanwhile is newer, and what is refused again stays behind. A database that is busy or away is
/// waited for so long.
///
/// Returns what became of them, also when it ends with an error or a shutdown is requested; there, `quarantined` are
/// those that are still refused, each of which is reported. What was stored or is no event has left the quarantine.
/// Bodies are held in memory up to [`QUARANTINE_READ_BYTES_MAX`](aftersend_store::QUARANTINE_READ_BYTES_MAX) and one
/// message.
pub async fn replay(
    store: &Store,
    filter: QuarantineFilter,
    patience: Duration,
    shutdown: Shutdown,
    on_refused: &mut (dyn FnMut(&Refused) + Send),
) -> (Tally, Result<(), PumpError>) {
    let desk = Arc::new(Desk { store: store.clone(), notes: Mutex::default() });
    let mut feed = QuarantineFeed { desk: desk.clone(), filter, before: None, patience, on_refused };
    // The feed tells of what is refused, once it is settled what is said.
    let pump = Pump::new(Rereading { desk }, shutdown, Arc::new(()));
    pump.run(QuarantineFeed::NAME, &mut feed, Patience::Limited(patience)).await
}

/// What the feed and the storage of a replay share.
struct Desk {
    store: Store,
    notes: Mutex<Notes>,
}

/// About messages that were read and are not done with.
#[derive(Default)]
struct Notes {
    /// The reasons of those of which the quarantine holds the beginning only.
    cut: BTreeMap<Uuid, String>,
    /// Why those that are refused again are.
    refused: BTreeMap<Uuid, String>,
}

impl Desk {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Nothing is left half done by somebody who panicked: each change is one call.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops messages, again and again while somebody holds them or the database is away.
    async fn drop_patiently(&self, uuids: &[Uuid], patience: Duration) -> Result<(), FeedError> {
        let began = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            match self.store.drop_quarantined(uuids).await {
                Err(IngestError::Repeat(_) | IngestError::Away(_)) if began.elapsed() < patience => {}
                Err(error) => {
                    let sentence = format!(
                        "{} messages were done with and could not be taken out of the quarantine: {error}",
                        uuids.len()
                    );
                    return Err(FeedError::Queue(sentence));
                }
                Ok(_) => return Ok(()),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// The quarantine as a feed. A message is named by its uuid; to acknowledge one that was not refused again is to drop
/// it.
struct QuarantineFeed<'a> {
    desk: Arc<Desk>,
    filter: QuarantineFilter,
    /// Everything from here on was read.
    before: Option<Uuid>,
    patience: Duration,
    on_refused: &'a mut (dyn FnMut(&Refused) + Send),
}

impl Feed for QuarantineFeed<'_> {
    type Receipt = Uuid;

    const NAME: &'static str = "quarantine";

    async fn receive(&mut self, messages_max: usize) -> Result<Option<Vec<Received<Uuid>>>, FeedError> {
        let read = self.desk.store.read_quarantine(&self.filter, self.before, messages_max).await;
        let messages = read.map_err(|error| match error {
            QueryError::Unreachable(_) => FeedError::Away(error.to_string()),
            _ => FeedError::Queue(error.to_string()),
        })?;
        let Some(last) = messages.last() else { return Ok(None) };
        self.before = Some(last.about.uuid);
        let mut notes = self.desk.notes();
        let mut received = Vec::with_capacity(messages.len());
        for message in messages {
            let uuid = message.about.uuid;
            if message.body.len() >= MESSAGE_BYTES_MAX {
                notes.cut.insert(uuid, message.about.reason);
            }
            let origin = uuid.to_string();
            received.push(Received { body: message.body, origin, overlong_bytes: None, receipt: uuid });
        }
        Ok(Some(received))
    }

    async fn acknowledge(&mut self, receipts: Vec<Uuid>) -> Result<usize, FeedError> {
        let mut done = Vec::with_capacity(receipts.len());
        let mut refused = Vec::new();
        {
            let mut notes = self.desk.notes();
            for uuid in receipts {
                notes.cut.remove(&uuid);
                match notes.refused.remove(&uuid) {
                    Some(reason) => refused.push(Refused { origin: uuid.to_string(), reason }),
                    None => done.push(uuid),
                }
            }
        }
        for refused in &refused {
            (self.on_refused)(refused);
        }
        if !done.is_empty() {
            self.desk.drop_patiently(&done, self.patience).await?;
        }
        Ok(0)
    }
}

/// The store as a replay uses it: poison is in the quarantine already, and gets the reason that holds now.
struct Rereading {
    desk: Arc<Desk>,
}

impl Storage for Rereading {
    async fn ingest(&self, batch: &Batch<'_>) -> Result<BatchReport, IngestError> {
        let mut report = BatchReport::default();
        // Before the events: done again, because those have to be, this changes nothing.
        if !batch.poisons.is_empty() {
            let refused: Vec<(Uuid, String)> =
                batch.poisons.iter().map(|poison| self.reason_now(poison)).collect::<Result<_, _>>()?;
            self.desk.store.refuse_again(&refused).await?;
            report.quarantined = refused.len();
            self.desk.notes().refused.extend(refused);
        }
        if !batch.arrivals.is_empty() {
            let events = Batch { poisons: Vec::new(), ..batch.clone() };
            let quarantined = report.quarantined;
            report = self.desk.store.ingest(&events).await?;
            report.quarantined = quarantined;
        }
        Ok(report)
    }
}

impl Rereading {
    /// Which message it is, and why it is refused. Of one that was longer than a message may be, the quarantine holds
    /// the beginning: that this ends in the middle is no news, and that it was cut must not be forgotten.
    fn reason_now(&self, poison: &Poison<'_>) -> Result<(Uuid, String), IngestError> {
        let uuid: Uuid = poison.origin.parse().map_err(|_| {
            IngestError::Blocked(format!(
                "a fault of Aftersend: {} is no message of the quarantine",
                poison.origin
            ))
        })?;
        let reason = self.desk.notes().cut.get(&uuid).cloned().unwrap_or_else(|| poison.reason.clone());
        Ok((uuid, reason))
    }
}

#[cfg(test)]
mod tests;
