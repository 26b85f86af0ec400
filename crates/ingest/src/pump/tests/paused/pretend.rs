//! A queue and a database that do as they are told.

use std::sync::Mutex;

use aftersend_store::{Batch, BatchReport};
use tokio::sync::Notify;

use super::*;

const LEASE: Duration = Duration::from_secs(30);
const LONG_POLL: Duration = Duration::from_secs(20);

/// A queue as SQS would be it: what was received is hidden for a time, and each receive is counted.
#[derive(Default)]
pub(super) struct Queue {
    messages: Mutex<Vec<Message>>,
    arrived: Notify,
    /// What a receive fails with, if it does.
    pub(super) receive_fails: Mutex<Option<Fails>>,
    /// What an acknowledgement fails with, if it does.
    pub(super) acknowledge_fails: Mutex<Option<Fails>>,
    pub(super) receives: AtomicUsize,
}

pub(super) type Fails = Box<dyn FnMut() -> Option<FeedError> + Send>;

struct Message {
    body: Vec<u8>,
    receive_count: u32,
    hidden_until: Option<Instant>,
    deleted: bool,
}

impl Queue {
    pub(super) fn with(bodies: impl IntoIterator<Item = Vec<u8>>) -> Arc<Self> {
        let queue = Self::default();
        queue.send(bodies);
        Arc::new(queue)
    }

    pub(super) fn send(&self, bodies: impl IntoIterator<Item = Vec<u8>>) {
        let messages = bodies.into_iter().map(|body| Message {
            body,
            receive_count: 0,
            hidden_until: None,
            deleted: false,
        });
        self.messages.lock().unwrap().extend(messages);
        self.arrived.notify_waiters();
    }

    fn fail(fails: &Mutex<Option<Fails>>) -> Result<(), FeedError> {
        fails.lock().unwrap().as_mut().and_then(|fails| fails()).map_or(Ok(()), Err)
    }

    fn hide(&self, place: usize, duration: Duration) {
        self.messages.lock().unwrap()[place].hidden_until = Some(Instant::now() + duration);
    }

    /// How many messages are hidden, and how many nobody has.
    pub(super) fn counts(&self) -> (usize, usize) {
        let messages = self.messages.lock().unwrap();
        let left = messages.iter().filter(|message| !message.deleted);
        let (hidden, visible): (Vec<_>, Vec<_>) =
            left.partition(|message| message.hidden_until.is_some_and(|until| until > Instant::now()));
        (hidden.len(), visible.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts() == (0, 0)
    }

    pub(super) fn receive_counts(&self) -> Vec<u32> {
        self.messages.lock().unwrap().iter().map(|message| message.receive_count).collect()
    }

    pub(super) fn pollers(self: &Arc<Self>, count: usize) -> Vec<Poller> {
        (0..count).map(|_| Poller(self.clone())).collect()
    }
}

pub(super) struct Poller(Arc<Queue>);

impl Feed for Poller {
    type Receipt = usize;

    const NAME: &'static str = "told";

    async fn receive(&mut self, messages_max: usize) -> Result<Option<Vec<Received<usize>>>, FeedError> {
        self.0.receives.fetch_add(1, Ordering::Relaxed);
        Queue::fail(&self.0.receive_fails)?;
        let deadline = Instant::now() + LONG_POLL;
        loop {
            let arrived = self.0.arrived.notified();
            let mut received = Vec::new();
            for (place, message) in self.0.messages.lock().unwrap().iter_mut().enumerate() {
                let now = Instant::now();
                let is_hidden = message.hidden_until.is_some_and(|until| until > now);
                if message.deleted || is_hidden || received.len() == messages_max {
                    continue;
                }
                message.hidden_until = Some(now + LEASE);
                message.receive_count += 1;
                let (body, origin) = (message.body.clone(), format!("place {place}"));
                received.push(Received { body, origin, overlong_bytes: None, receipt: place });
            }
            if !received.is_empty() || Instant::now() >= deadline {
                return Ok(Some(received));
            }
            // What becomes visible again makes no noise.
            tokio::select! {
                () = arrived => {}
                () = tokio::time::sleep(LONG_POLL / 4) => {}
            }
        }
    }

    async fn acknowledge(&mut self, receipts: Vec<usize>) -> Result<usize, FeedError> {
        Queue::fail(&self.0.acknowledge_fails)?;
        let mut messages = self.0.messages.lock().unwrap();
        for place in receipts {
            messages[place].deleted = true;
        }
        Ok(0)
    }

    fn lease(&self) -> Option<Duration> {
        Some(LEASE)
    }

    async fn keep(&mut self, messages: &[Received<usize>]) {
        for message in messages {
            self.0.hide(message.receipt, LEASE);
        }
    }

    async fn release(&mut self, receipts: Vec<usize>) {
        for place in receipts {
            self.0.hide(place, Duration::ZERO);
        }
    }
}

/// What a database says to a batch, by the ids of its mails and the time since it began.
pub(super) type Says = Box<dyn Fn(&[String], Duration) -> Result<(), IngestError> + Send + Sync>;

/// In place of a mail's id, for what goes into quarantine.
pub(super) const POISON: &str = "poison";

/// A database that takes a tenth of a second for a batch.
pub(super) struct Database {
    began: Instant,
    says: Says,
    pub(super) stored: Mutex<BTreeSet<String>>,
    /// When it was asked to store something.
    pub(super) tries: Mutex<Vec<Duration>>,
}

impl Database {
    pub(super) fn new(
        says: impl Fn(&[String], Duration) -> Result<(), IngestError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            began: Instant::now(),
            says: Box::new(says),
            stored: Mutex::default(),
            tries: Mutex::default(),
        }
    }

    /// Away, or whatever else, until a time.
    pub(super) fn back_after(
        time: Duration,
        error: impl Fn() -> IngestError + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |_, now| if now < time { Err(error()) } else { Ok(()) })
    }
}

impl Storage for Arc<Database> {
    async fn ingest(&self, batch: &Batch<'_>) -> Result<BatchReport, IngestError> {
        self.tries.lock().unwrap().push(self.began.elapsed());
        let mut ids: Vec<String> =
            batch.arrivals.iter().map(|arrival| arrival.event.mail.message_id.to_string()).collect();
        ids.extend(batch.poisons.iter().map(|_| POISON.to_owned()));
        (self.says)(&ids, self.began.elapsed())?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut report = BatchReport { quarantined: batch.poisons.len(), ..BatchReport::default() };
        let mut stored = self.stored.lock().unwrap();
        for id in ids.into_iter().filter(|id| id != POISON) {
            if stored.insert(id) { report.stored += 1 } else { report.repeated += 1 }
        }
        Ok(report)
    }
}

pub(super) fn bodies(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| delivery(&format!("mail-{number}")).into_bytes()).collect()
}

pub(super) fn away() -> IngestError {
    IngestError::Away("Connection refused".to_owned())
}

pub(super) fn full() -> IngestError {
    IngestError::Blocked("the disk is full".to_owned())
}
