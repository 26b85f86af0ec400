//! Invariant 1: what the database says in the end depends on which events arrived, and on nothing else.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aftersend_event::Message;
use aftersend_simulator::{Plan, SCENARIOS_REQUIRED, Traffic, events, simulate};
use fastrand::Rng;
use serde_json::Value;

use crate::{
    BatchReport, IngestError, Store,
    testing::{Fixture, ingest_bodies},
};

/// Everything that has to be equal, as rows of text: what DESIGN.md names the logical content.
async fn logical_content(fixture: &Fixture) -> Vec<Value> {
    let mut rows = fixture.rows(include_str!("../../../test_data/logical_content.sql")).await;
    rows.extend(fixture.rows(r#"SELECT email, reason, expires_at FROM "prefix".phoenix_kit_email_blocklist ORDER BY email"#).await);
    rows
}

pub(crate) fn is_event(message: &[u8]) -> bool {
    matches!(aftersend_event::read(message), Ok(Message::Event(document)) if document.event().is_ok())
}

/// Batches that several connections take from.
type Queue = Arc<Mutex<VecDeque<Vec<Arc<[u8]>>>>>;

/// Stores batches until there are none, each as often as it takes.
async fn pump(store: Store, queue: Queue) -> BatchReport {
    let mut sum = BatchReport::default();
    loop {
        let Some(batch) = queue.lock().unwrap().pop_front() else { return sum };
        let report = loop {
            match ingest_bodies(&store, batch.iter().map(AsRef::as_ref)).await {
                Err(IngestError::Repeat(_) | IngestError::Away(_)) => {}
                result => break result.unwrap(),
            }
        };
        sum.stored += report.stored;
        sum.repeated += report.repeated;
        sum.folded += report.folded;
        assert_eq!(report.stored + report.repeated + report.folded, batch.len());
    }
}

/// Cuts messages into batches of all sizes, and stores them over some connections at once.
pub(crate) async fn store_at_random(fixture: &Fixture, messages: &[Arc<[u8]>], rng: &mut Rng) -> BatchReport {
    let mut messages = messages.to_vec();
    rng.shuffle(&mut messages);
    let size_max = [1, 7, 60, 400][rng.usize(0..4)].max(messages.len() / 80);
    let mut batches = VecDeque::new();
    while !messages.is_empty() {
        let size = rng.usize(1..=size_max).min(messages.len());
        batches.push_back(messages.split_off(messages.len() - size));
    }
    let queue: Queue = Arc::new(Mutex::new(batches));
    let pumps: Vec<_> = (0..rng.usize(1..=8))
        .map(|_| tokio::spawn(pump(fixture.store.clone(), Arc::clone(&queue))))
        .collect();
    let mut sum = BatchReport::default();
    for pump in pumps {
        let report = pump.await.unwrap();
        sum.stored += report.stored;
        sum.repeated += report.repeated;
        sum.folded += report.folded;
    }
    sum
}

async fn order_repetition_and_cut_leave_no_trace(seed: u64) {
    let plan = Plan { seed, mails: SCENARIOS_REQUIRED + 8, malformed: 0, controls: 0, ..Plan::default() };
    let fixture = Fixture::new().await;

    // Once, in the order in which they were made up, in one batch.
    let plain: Vec<Vec<u8>> = events(&plan).iter().map(|event| event.json().into_bytes()).collect();
    let report = ingest_bodies(&fixture.store, plain.iter().map(Vec::as_slice)).await.unwrap();
    let traffic = simulate(&plan);
    assert_eq!(report.stored + report.folded, traffic.truth.distinct_events, "seed {seed}");
    assert!(report.folded > 0, "seed {seed}: nothing to fold");
    let expected = logical_content(&fixture).await;
    compare_with_truth(&fixture.store, &traffic, seed).await;

    // Repeated, wrapped, spelled anew, out of order; and then all of it once more, which changes nothing.
    let messages: Vec<Arc<[u8]>> =
        traffic.messages.iter().filter(|message| is_event(message)).map(|m| m.as_slice().into()).collect();
    let mut rng = Rng::with_seed(seed);
    for round in 0..2 {
        fixture
            .run(
                r#"TRUNCATE "prefix".phoenix_kit_email_logs, "prefix".phoenix_kit_email_events,
                   "prefix".aftersend_folded_events, "prefix".aftersend_recipients, "prefix".phoenix_kit_email_blocklist CASCADE"#,
            )
            .await;
        let sum = store_at_random(&fixture, &messages, &mut rng).await;
        assert_eq!(sum.stored + sum.folded, traffic.truth.distinct_events, "seed {seed}, round {round}");
        assert_eq!(sum.stored + sum.folded + sum.repeated, messages.len(), "seed {seed}, round {round}");
        let found = logical_content(&fixture).await;
        assert_same(&found, &expected, &format!("seed {seed}, round {round}"));
    }
    let sum = store_at_random(&fixture, &messages, &mut rng).await;
    assert_eq!((sum.stored, sum.folded), (0, 0), "seed {seed}");
    assert_same(&logical_content(&fixture).await, &expected, &format!("seed {seed}, again"));
}

fn assert_same(found: &[Value], expected: &[Value], when: &str) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{when}");
    }
    assert_eq!(found.len(), expected.len(), "{when}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_repetition_and_cut_leave_no_trace_as_ever() {
    order_repetition_and_cut_leave_no_trace(1).await;
}

/// Another seed each time: what it finds is told by the message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_repetition_and_cut_leave_no_trace_at_random() {
    order_repetition_and_cut_leave_no_trace(fastrand::u64(2..)).await;
}

/// Many connections on the same few mails: every lock is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_connections_store_each_event_once() {
    let fixture = Fixture::new().await;
    let plan = Plan { seed: 5, mails: 6, ..Plan::default() };
    let messages: Vec<Arc<[u8]>> =
        events(&plan).iter().map(|event| event.json().into_bytes().into()).collect();
    let distinct = simulate(&plan).truth.distinct_events;
    let mut all: VecDeque<Vec<Arc<[u8]>>> = VecDeque::new();
    for round in 0..24 {
        let mut messages = messages.clone();
        Rng::with_seed(round).shuffle(&mut messages);
        all.push_back(messages);
    }
    let queue: Queue = Arc::new(Mutex::new(all));
    let pumps: Vec<_> =
        (0..8).map(|_| tokio::spawn(pump(fixture.store.clone(), Arc::clone(&queue)))).collect();
    let (mut new, mut repeated) = (0, 0);
    for pump in pumps {
        let report = pump.await.unwrap();
        new += report.stored + report.folded;
        repeated += report.repeated;
    }
    assert_eq!(new, distinct);
    assert_eq!(new + repeated, 24 * messages.len());
}

async fn compare_with_truth(store: &Store, traffic: &Traffic, seed: u64) {
    let verdict = store.compare(&traffic.truth).await.unwrap();
    assert!(verdict.holds(), "seed {seed}: {}", verdict.differences.join("\n"));
}
