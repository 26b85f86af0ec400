//! Invariant 1: what the database says in the end depends on which events arrived, and on nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

use aftersend_event::{BotVerdict, Message, RecipientState};
use aftersend_simulator::{
    Plan, SCENARIOS_REQUIRED, Traffic, TrueMail, TrueOccurrence, TrueRecipient, events, simulate,
};
use fastrand::Rng;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    BatchReport, IngestError, Occurrence, RecipientCounts, Store, Story,
    testing::{Fixture, ingest_bodies},
};

/// Everything that has to be equal, as rows of text: what DESIGN.md names the logical content.
async fn logical_content(fixture: &Fixture) -> Vec<Value> {
    let mut rows = fixture.rows(include_str!("../../../test_data/logical_content.sql")).await;
    rows.extend(fixture.rows(r#"SELECT email, reason, expires_at FROM "prefix".phoenix_kit_email_blocklist ORDER BY email"#).await);
    rows
}

pub(super) fn is_event(message: &[u8]) -> bool {
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
pub(super) async fn store_at_random(fixture: &Fixture, messages: &[Arc<[u8]>], rng: &mut Rng) -> BatchReport {
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
                   "prefix".aftersend_folded_events, "prefix".aftersend_recipients, "prefix".phoenix_kit_email_blocklist"#,
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
    let truth = &traffic.truth;
    let counts = store.count_all().await.unwrap();
    assert_eq!(counts.mails, truth.mails.len() as u64, "seed {seed}");
    assert_eq!(counts.events + counts.folded, truth.distinct_events as u64, "seed {seed}");
    let blocks: Vec<(String, String)> =
        truth.blocked.iter().map(|(address, reason)| (address.clone(), (*reason).to_owned())).collect();
    assert_eq!(store.list_blocks().await.unwrap(), blocks, "seed {seed}");
    for (id, mail) in &truth.mails {
        let story =
            store.find_story(id).await.unwrap().unwrap_or_else(|| panic!("seed {seed}: no mail {id}"));
        assert_eq!(described(&story), expected(mail), "seed {seed}, mail {id}");
        let occurrences: Vec<TrueOccurrence> = story.occurrences.iter().map(meaning).collect();
        assert_eq!(occurrences.len(), mail.occurrences.len(), "seed {seed}, mail {id}");
        assert_eq!(
            occurrences.into_iter().collect::<BTreeSet<_>>(),
            mail.occurrences,
            "seed {seed}, mail {id}"
        );
        assert_eq!(recipients(&story), mail.recipients, "seed {seed}, mail {id}");
        assert_eq!(story.recipients.len(), mail.recipients.len(), "seed {seed}, mail {id}");
        let counts = RecipientCounts::of(&story.recipients);
        for state in RecipientState::ALL {
            let all = mail.recipients.values();
            let expected = all.filter(|recipient| recipient.listed && recipient.state() == state).count();
            assert_eq!(counts.in_state(state), expected, "seed {seed}, mail {id}, {state}");
        }
        assert_eq!(counts.all(), mail.destination.len(), "seed {seed}, mail {id}");
    }
}

pub(super) fn recipients(story: &Story) -> BTreeMap<String, TrueRecipient> {
    let recipient = |found: &crate::Recipient| {
        let times = found.times.iter().copied().collect();
        (found.address.clone(), TrueRecipient { listed: found.listed, times })
    };
    story.recipients.iter().map(recipient).collect()
}

/// A mail without its occurrences, so that a difference shows at a glance.
#[derive(Debug, PartialEq, Eq)]
struct Described {
    texts: Vec<Option<String>>,
    tags: Vec<(String, Vec<String>)>,
    sent_at: Timestamp,
    times: Vec<(&'static str, Timestamp)>,
}

fn described(story: &Story) -> Described {
    let found = &story.mail.summary;
    Described {
        texts: vec![
            Some(found.status.clone()),
            Some(found.message_id.clone()),
            Some(found.to.clone()),
            Some(found.from.clone()),
            found.subject.clone(),
            found.template_name.clone(),
            found.campaign_id.clone(),
            story.mail.configuration_set.clone(),
        ],
        tags: story.mail.tags.iter().map(|(name, values)| (name.clone(), values.clone())).collect(),
        sent_at: found.sent_at,
        times: story.mail.times.iter().map(|(status, at)| (status.name(), *at)).collect(),
    }
}

fn expected(mail: &TrueMail) -> Described {
    let times = [
        ("delayed", mail.delayed_at),
        ("delivered", mail.delivered_at),
        ("opened", mail.opened_at),
        ("clicked", mail.clicked_at),
        ("bounced", mail.bounced_at),
        ("failed", mail.failed_at),
        ("rejected", mail.rejected_at),
        ("complaint", mail.complained_at),
    ];
    Described {
        texts: vec![
            Some(mail.status.name().to_owned()),
            Some(mail.message_id.clone()),
            Some(mail.to.clone()),
            Some(mail.from.clone()),
            mail.subject.clone(),
            mail.template_name.clone(),
            mail.campaign_id.clone(),
            mail.configuration_set.clone(),
        ],
        tags: mail
            .tags
            .iter()
            .map(|(name, values)| (name.clone(), values.iter().cloned().collect()))
            .collect(),
        sent_at: mail.sent_at,
        times: times.into_iter().filter_map(|(name, at)| Some((name, at?))).collect(),
    }
}

fn meaning(occurrence: &Occurrence) -> TrueOccurrence {
    TrueOccurrence {
        event_type: occurrence.event_type.clone(),
        occurred_at: occurrence.occurred_at,
        subtype: occurrence.subtype.clone(),
        recipients: occurrence.recipients.clone(),
        link: occurrence.link_url.clone(),
        bot_verdict: match occurrence.bot_verdict.as_deref() {
            Some("Likely") => Some(BotVerdict::Likely),
            Some("Unlikely") => Some(BotVerdict::Unlikely),
            _ => None,
        },
    }
}
