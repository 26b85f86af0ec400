//! Whatever comes first, events or logs, over however many connections, the end is what a plain model says.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use aftersend_event::Status;
use aftersend_simulator::{Plan, SCENARIOS_REQUIRED, simulate};
use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::{super::*, cases::mail};
use crate::{
    Joiner,
    ingest::tests::is_event,
    testing::{Fixture, ingest_bodies},
};

/// A mail as an application has it, in lines that may be logged in any order and number.
struct Scripted {
    whole: Map<String, Value>,
    ids: Vec<String>,
    lines: Vec<Value>,
}

/// Cuts what an application knows of a mail into lines, which overlap.
fn script(number: usize, ids: &[String], rng: &mut Rng) -> Scripted {
    let mut whole = Map::new();
    for (name, value) in [
        ("subject", json!(format!("Subject {number}"))),
        ("template", json!(format!("template-{}", number % 3))),
        ("campaign", json!("spring")),
        ("configuration_set", json!("main")),
        ("tags", json!({ "shop": number.to_string() })),
        ("headers", json!({ "X-Number": number.to_string() })),
        ("body", json!({ "html": format!("<p>{number}</p>"), "text": number.to_string() })),
        ("attachments_count", json!(number)),
        ("size_bytes", json!(1_000 + number)),
        ("locale", json!("de")),
        ("queued_at", json!("2026-08-01T10:00:00Z")),
        ("sent_at", json!(format!("2026-08-01T10:00:{:02}Z", number % 60))),
    ] {
        if rng.u8(0..4) > 0 {
            whole.insert(name.to_owned(), value);
        }
    }
    let own = |line: &mut Map<String, Value>| {
        line.insert("message_id".to_owned(), format!("own-{number}").into());
        line.insert("to".to_owned(), "to@example.com".into());
        line.insert("from".to_owned(), "app@example.com".into());
    };
    let mut lines = Vec::new();
    for id in ids {
        let mut line = Map::new();
        own(&mut line);
        line.insert("aws_message_id".to_owned(), id.as_str().into());
        lines.push(line);
    }
    for (name, value) in &whole {
        for _ in 0..rng.usize(1..3) {
            let place = rng.usize(0..=lines.len());
            if place == lines.len() {
                lines.push(Map::new());
            }
            own(&mut lines[place]);
            lines[place].insert(name.clone(), value.clone());
        }
    }
    let lines = lines.into_iter().map(Value::Object).collect();
    Scripted { whole, ids: ids.to_vec(), lines }
}

enum Work {
    Events(Vec<Arc<[u8]>>),
    Lines(Vec<Value>),
}

async fn work_off(fixture_store: Store, queue: Arc<Mutex<VecDeque<Work>>>) {
    loop {
        let Some(work) = queue.lock().unwrap().pop_front() else { return };
        loop {
            let done = match &work {
                Work::Events(bodies) => {
                    ingest_bodies(&fixture_store, bodies.iter().map(AsRef::as_ref)).await.map(drop)
                }
                Work::Lines(lines) => {
                    let mails: Vec<LoggedMail> = lines.iter().map(mail).collect();
                    let logged = fixture_store.log_mails(&mails).await;
                    logged.map_err(|broken_off| broken_off.error).map(|outcomes| {
                        for outcome in outcomes {
                            outcome.unwrap();
                        }
                    })
                }
            };
            match done {
                Err(IngestError::Repeat(_) | IngestError::Away(_)) => {}
                done => break done.unwrap(),
            }
        }
    }
}

async fn events_and_logs_end_the_same(seed: u64) {
    let plan = Plan { seed, mails: SCENARIOS_REQUIRED + 10, malformed: 0, controls: 0, ..Plan::default() };
    let traffic = simulate(&plan);
    let mut rng = Rng::with_seed(seed);
    let adopted = rng.bool();
    let park_for = if rng.bool() { Duration::ZERO } else { Duration::from_hours(1) };
    let mut fixture = if adopted { Fixture::adopted(park_for).await } else { Fixture::new().await };

    let mut ids: Vec<String> = traffic.truth.mails.keys().cloned().collect();
    rng.shuffle(&mut ids);
    let mut scripts = Vec::new();
    // Some mails are nobody's, and some are sent twice.
    let nobodys = ids.split_off(ids.len() - 3);
    while let Some(id) = ids.pop() {
        let more = if rng.u8(0..4) == 0 { ids.pop() } else { None };
        let ids: Vec<String> = [Some(id), more].into_iter().flatten().collect();
        scripts.push(script(scripts.len(), &ids, &mut rng));
    }

    let mut works: Vec<Work> = Vec::new();
    let mut messages: Vec<Arc<[u8]>> =
        traffic.messages.iter().filter(|message| is_event(message)).map(|m| m.as_slice().into()).collect();
    rng.shuffle(&mut messages);
    while !messages.is_empty() {
        let size = rng.usize(1..=20).min(messages.len());
        works.push(Work::Events(messages.split_off(messages.len() - size)));
    }
    let mut lines: Vec<Value> = scripts.iter().flat_map(|script| script.lines.clone()).collect();
    lines.extend_from_within(..lines.len() / 3);
    rng.shuffle(&mut lines);
    while !lines.is_empty() {
        let size = rng.usize(1..=12).min(lines.len());
        works.push(Work::Lines(lines.split_off(lines.len() - size)));
    }
    rng.shuffle(&mut works);
    let queue = Arc::new(Mutex::new(works.into_iter().collect()));
    let workers: Vec<_> =
        (0..8).map(|_| tokio::spawn(work_off(fixture.store.clone(), Arc::clone(&queue)))).collect();
    let mut joiner = Joiner::new(&fixture.store);
    while !workers.iter().all(tokio::task::JoinHandle::is_finished) {
        joiner.round().await.unwrap();
        tokio::task::yield_now().await;
    }
    for worker in workers {
        worker.await.unwrap();
    }
    fixture.wait_for(Duration::ZERO);
    fixture.join().await;

    let rows = i64::try_from(scripts.len() + nobodys.len()).unwrap();
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_logs"#).await, rows, "seed {seed}");
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_orphaned_events"#).await, 0, "seed {seed}");
    for (number, script) in scripts.iter().enumerate() {
        compare(&fixture, &traffic.truth.mails, number, script, &format!("seed {seed}, mail {number}")).await;
    }
    // What is kept of the figures is what a recount says.
    let figures = || async {
        fixture
            .rows(r#"SELECT * FROM "prefix".aftersend_figures_by_template ORDER BY starts_at, template_name"#)
            .await
    };
    let strip = |rows: Vec<Value>| -> Vec<Value> {
        rows.into_iter()
            .filter(|row| row["mails"] != 0)
            .map(|mut row| {
                row.as_object_mut().unwrap().remove("place");
                row
            })
            .collect()
    };
    fixture.keep_figures().await;
    let kept = strip(figures().await);
    fixture.recount_figures().await;
    assert_eq!(kept, strip(figures().await), "seed {seed}");
}

/// The plain model: what lines say, else what the events of all its ids say.
async fn compare(
    fixture: &Fixture,
    truth: &BTreeMap<String, aftersend_simulator::TrueMail>,
    number: usize,
    script: &Scripted,
    when: &str,
) {
    let row = fixture
        .row(&format!(
            r#"SELECT mail.*, (SELECT count(*) FROM "prefix".phoenix_kit_email_events AS event WHERE email_log_uuid = mail.uuid)
                   + (SELECT count(*) FROM "prefix".aftersend_folded_events WHERE email_log_uuid = mail.uuid) AS events
               FROM "prefix".phoenix_kit_email_logs AS mail WHERE message_id = 'own-{number}'"#
        ))
        .await;
    let truths: Vec<_> = script.ids.iter().map(|id| &truth[id]).collect();
    for (field, column) in [
        ("subject", "subject"),
        ("template", "template_name"),
        ("campaign", "campaign_id"),
        ("configuration_set", "configuration_set"),
        ("attachments_count", "attachments_count"),
        ("size_bytes", "size_bytes"),
        ("locale", "locale"),
    ] {
        if let Some(said) = script.whole.get(field) {
            assert_eq!(&row[column], said, "{when}: {field}");
        }
    }
    assert_eq!((&row["to"], &row["from"]), (&json!("to@example.com"), &json!("app@example.com")), "{when}");
    if let Some(tags) = script.whole.get("tags") {
        assert_eq!(row["message_tags"], json!({ "shop": [tags["shop"]] }), "{when}");
    }
    if let Some(headers) = script.whole.get("headers") {
        assert_eq!(&row["headers"], headers, "{when}");
    }
    let body = script.whole.get("body").map_or(&Value::Null, |body| &body["html"]);
    assert_eq!(&row["body_full"], body, "{when}");
    let sent_at: Timestamp = row["sent_at"].as_str().unwrap().parse().unwrap();
    let expected = match script.whole.get("sent_at") {
        Some(said) => said.as_str().unwrap().parse().unwrap(),
        None => truths.iter().map(|truth| truth.sent_at).min().unwrap(),
    };
    assert_eq!(sent_at, expected, "{when}");
    if !script.whole.contains_key("subject") {
        let longest = truths.iter().filter_map(|truth| truth.subject.clone());
        let longest = longest.max_by(|a, b| (a.len(), b).cmp(&(b.len(), a)));
        assert_eq!(row["subject"].as_str(), longest.as_deref(), "{when}");
    }
    let status = truths.iter().map(|truth| truth.status).max().unwrap().max(Status::Sent);
    assert_eq!(row["status"], status.name(), "{when}");
    let earliest = truths.iter().filter_map(|truth| truth.delivered_at).min();
    let delivered_at = row["delivered_at"].as_str().map(|at| at.parse::<Timestamp>().unwrap());
    assert_eq!(delivered_at, earliest, "{when}");
    let events: usize = truths.iter().map(|truth| truth.occurrences.len()).sum();
    assert_eq!(row["events"], json!(events), "{when}");
    for id in &script.ids {
        let story = fixture.store.find_story(id).await.unwrap().unwrap_or_else(|| panic!("{when}: no {id}"));
        assert_eq!(story.mail.summary.message_id, format!("own-{number}"), "{when}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_logs_end_the_same_as_ever() {
    for seed in [1, 2, 3, 4, 17_538_612_758_220_719_055] {
        events_and_logs_end_the_same(seed).await;
    }
}

/// Another seed each time: what it finds is told by the message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_logs_end_the_same_at_random() {
    events_and_logs_end_the_same(fastrand::u64(5..)).await;
}
