//! What poison costs, counted in transactions: tests of the pump with storages that count and refuse.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard},
};

use aftersend_store::{Batch, BatchReport};
use proptest::prelude::*;

use super::*;
use crate::{
    Received, Refused,
    fixture::{Ground, delivery},
};

mod bodies;

/// A message with a number to know it by.
fn message(number: usize, body: impl Into<Vec<u8>>) -> Received<usize> {
    Received { body: body.into(), origin: number.to_string(), overlong_bytes: None, receipt: number }
}

fn deliveries(count: usize) -> Vec<Received<usize>> {
    (0..count).map(|number| message(number, delivery(&number.to_string()))).collect()
}

/// A feed with one batch.
struct OneBatch<'m> {
    messages: Option<&'m [Received<usize>]>,
    acknowledged: Vec<usize>,
}

impl Feed for OneBatch<'_> {
    type Receipt = usize;

    const NAME: &'static str = "test";

    async fn receive(&mut self, messages_max: usize) -> Result<Option<Vec<Received<usize>>>, FeedError> {
        let messages = self.messages.take();
        assert!(messages.is_none_or(|messages| messages.len() <= messages_max));
        Ok(messages.map(<[Received<usize>]>::to_vec))
    }

    async fn acknowledge(&mut self, receipts: Vec<usize>) -> Result<usize, FeedError> {
        self.acknowledged.extend(receipts);
        Ok(0)
    }
}

/// What became of a batch.
struct Run {
    tally: Tally,
    result: Result<(), PumpError>,
    refused: Vec<Refused>,
    acknowledged: Vec<usize>,
}

/// Remembers what was refused.
#[derive(Default)]
struct Told(Mutex<Vec<Refused>>);

impl Observer for Told {
    fn refused(&self, _feed: &str, message: &Refused) {
        self.0.lock().unwrap().push(message.clone());
    }
}

async fn pump<S: Storage + Clone>(storage: &S, messages: &[Received<usize>]) -> Run {
    let mut feed = OneBatch { messages: Some(messages), acknowledged: Vec::new() };
    let told = Arc::new(Told::default());
    let patience = Patience::Limited(Duration::from_secs(20));
    let pump = Pump::new(storage.clone(), Shutdown::channel().1, told.clone());
    let (tally, result) = pump.run("test", &mut feed, patience).await;
    let mut acknowledged = feed.acknowledged;
    acknowledged.sort_unstable();
    let refused = std::mem::take(&mut *told.0.lock().unwrap());
    Run { tally, result, refused, acknowledged }
}

/// A store that refuses what it is told to, and counts.
#[derive(Clone, Default)]
struct Fake {
    /// Events that can't be stored.
    poisoned: BTreeSet<usize>,
    /// Two events that can't be stored together.
    at_odds: Option<(usize, usize)>,
    /// What befalls the attempt of that number.
    failing: Option<(usize, fn() -> IngestError)>,
    ledger: Arc<Mutex<Ledger>>,
}

#[derive(Default)]
struct Ledger {
    /// The events of each attempt.
    attempts: Vec<BTreeSet<usize>>,
    stored: BTreeSet<usize>,
    quarantined: Vec<(usize, String)>,
}

impl Fake {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }
}

impl Storage for Fake {
    async fn ingest(&self, batch: &Batch<'_>) -> Result<BatchReport, IngestError> {
        let numbers: BTreeSet<usize> =
            batch.arrivals.iter().map(|arrival| arrival.event.mail.message_id.parse().unwrap()).collect();
        let mut ledger = self.ledger();
        ledger.attempts.push(numbers.clone());
        if let Some((attempt, failure)) = self.failing
            && attempt == ledger.attempts.len()
        {
            return Err(failure());
        }
        let together =
            self.at_odds.is_some_and(|(one, other)| numbers.contains(&one) && numbers.contains(&other));
        if together || !numbers.is_disjoint(&self.poisoned) {
            return Err(IngestError::Data("too long".to_owned()));
        }
        ledger.stored.extend(&numbers);
        let poisons = batch.poisons.iter();
        ledger
            .quarantined
            .extend(poisons.map(|poison| (poison.origin.parse().unwrap(), poison.reason.clone())));
        Ok(BatchReport { stored: numbers.len(), quarantined: batch.poisons.len(), ..BatchReport::default() })
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

/// Stores deliveries of which some are poisoned, and gives the number of transactions.
fn transactions(count: usize, poisoned: &[usize]) -> usize {
    let fake = Fake { poisoned: poisoned.iter().copied().collect(), ..Fake::default() };
    let run = block_on(pump(&fake, &deliveries(count)));
    run.result.unwrap();
    let stored = count - poisoned.len();
    let expected = Tally { received: count, stored, quarantined: poisoned.len(), ..Tally::default() };
    assert_eq!(run.tally, expected, "{count}, {poisoned:?}");
    assert_eq!(run.acknowledged, (0..count).collect::<Vec<_>>());
    let ledger = fake.ledger();
    assert!(ledger.stored.is_disjoint(&fake.poisoned));
    assert_eq!(ledger.stored.len(), stored);
    let mut quarantined: Vec<usize> = ledger.quarantined.iter().map(|(number, _)| *number).collect();
    quarantined.sort_unstable();
    assert_eq!(quarantined, poisoned);
    assert!(ledger.quarantined.iter().all(|(_, reason)| reason == "PostgreSQL can't hold it: too long"));
    assert_eq!(run.refused.len(), poisoned.len());
    for number in poisoned {
        let alone = BTreeSet::from([*number]);
        assert!(ledger.attempts.contains(&alone), "{number} was never tried alone");
    }
    ledger.attempts.len()
}

/// Times that a batch can be halved.
fn halvings(count: usize) -> usize {
    count.next_power_of_two().ilog2() as usize
}

#[test]
fn one_poisoned_event_costs_a_bisect() {
    for count in [1, 2, 3, 10, 17, 500] {
        // All places of few, some of many.
        let places = (0..count).step_by(count / 17 + 1);
        let most = places.map(|place| transactions(count, &[place])).max().unwrap();
        // The whole, two halves on each level, one for what is refused; a single event is tried twice.
        assert!(most <= 2 + 2 * halvings(count).max(1), "{count} messages took {most}");
    }
    assert_eq!(transactions(500, &[]), 1);
    assert!(transactions(500, &[250]) <= 20);
}

#[test]
fn a_batch_of_nothing_but_poison_ends_in_bounded_work() {
    let all: Vec<usize> = (0..500).collect();
    let most = transactions(500, &all);
    assert!(most < 3 * 500, "{most}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn exactly_what_is_poisoned_is_refused(poisoned in prop::collection::btree_set(0_usize..200, 0..20)) {
        let poisoned: Vec<usize> = poisoned.into_iter().collect();
        let bound = 1 + poisoned.len() * (1 + 2 * halvings(200));
        prop_assert!(transactions(200, &poisoned) <= bound);
    }
}

#[test]
fn an_event_that_can_be_stored_alone_is_not_blamed() {
    for at_odds in [(0, 1), (3, 4), (0, 9), (8, 9)] {
        let fake = Fake { at_odds: Some(at_odds), ..Fake::default() };
        let run = block_on(pump(&fake, &deliveries(10)));
        run.result.unwrap();
        assert_eq!(run.tally, Tally { received: 10, stored: 10, ..Tally::default() }, "{at_odds:?}");
        assert!(run.refused.is_empty() && fake.ledger().quarantined.is_empty());
    }
}

#[test]
fn what_stands_in_the_way_repeats_the_batch_and_halves_nothing() {
    let undisturbed = Fake { poisoned: BTreeSet::from([70]), ..Fake::default() };
    block_on(pump(&undisturbed, &deliveries(100))).result.unwrap();
    // At once, and in the middle of a bisect.
    for attempt in [1, 4, 9] {
        let failure: fn() -> IngestError = || IngestError::Repeat("a lock".to_owned());
        let fake =
            Fake { poisoned: BTreeSet::from([70]), failing: Some((attempt, failure)), ..Fake::default() };
        let run = block_on(pump(&fake, &deliveries(100)));
        run.result.unwrap();
        assert_eq!(run.tally, Tally { received: 100, stored: 99, quarantined: 1, ..Tally::default() });
        let mut expected = undisturbed.ledger().attempts.clone();
        expected.insert(attempt, expected[attempt - 1].clone());
        assert_eq!(fake.ledger().attempts, expected, "attempt {attempt}");
    }
}

#[test]
fn what_a_person_must_mend_blames_no_event() {
    let failures: [fn() -> IngestError; 2] =
        [|| IngestError::Schema("no index".to_owned()), || IngestError::Blocked("disk".to_owned())];
    for failure in failures {
        for attempt in [1, 4] {
            let fake =
                Fake { poisoned: BTreeSet::from([70]), failing: Some((attempt, failure)), ..Fake::default() };
            let run = block_on(pump(&fake, &deliveries(100)));
            assert!(matches!(run.result, Err(PumpError::Store(_))), "{:?}", run.result);
            assert_eq!((fake.ledger().attempts.len(), run.refused.len()), (attempt, 0));
            assert!(fake.ledger().quarantined.is_empty());
        }
    }
}

#[test]
fn what_is_known_to_be_bad_goes_with_the_batch() {
    let mut messages = deliveries(20);
    messages[4] = message(4, "{");
    messages[5] = message(5, *b"\xff");
    messages[6] = Received { overlong_bytes: Some(7_000_000), ..message(6, "[") };
    messages[7] = message(7, aftersend_simulator::TOPIC_VALIDATED);
    let fake = Fake::default();
    let run = block_on(pump(&fake, &messages));
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 20, stored: 16, control: 1, quarantined: 3, ..Tally::default() });
    assert_eq!(fake.ledger().attempts.len(), 1);
    assert!(fake.ledger().quarantined[2].1.contains("7000000 bytes"));
    // And before the halving, where that comes to it.
    let fake = Fake { poisoned: BTreeSet::from([0]), ..Fake::default() };
    block_on(pump(&fake, &messages)).result.unwrap();
    let order: Vec<usize> = fake.ledger().quarantined.iter().map(|(number, _)| *number).collect();
    assert_eq!(order, [4, 5, 6, 0]);
}

/// A real store that counts its transactions.
#[derive(Clone)]
struct Counting {
    store: Store,
    transactions: Arc<Mutex<usize>>,
}

impl Counting {
    fn new(ground: &Ground) -> Self {
        Self { store: ground.store.clone(), transactions: Arc::default() }
    }

    fn transactions(&self) -> usize {
        *self.transactions.lock().unwrap()
    }
}

impl Storage for Counting {
    async fn ingest(&self, batch: &Batch<'_>) -> Result<BatchReport, IngestError> {
        *self.transactions.lock().unwrap() += 1;
        self.store.ingest(batch).await
    }
}
