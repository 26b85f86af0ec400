//! `ingest sqs`, against a server that speaks the protocol.

use std::{
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use aftersend_simulator::{Plan, simulate};
use aftersend_testkit::QueueServer;

use crate::program::{Setup, ended};

fn start(setup: &Setup, queue_url: &str, endpoint_url: &str) -> Child {
    start_with(setup, queue_url, endpoint_url, &["--drain"])
}

fn start_with(setup: &Setup, queue_url: &str, endpoint_url: &str, arguments: &[&str]) -> Child {
    setup
        .program()
        .args(["ingest", "sqs", "--json", "--queue-url", queue_url, "--endpoint-url", endpoint_url])
        .args(arguments)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn two_processes_on_one_queue_store_each_event_once() {
    let traffic = simulate(&Plan { seed: 5, mails: 60, copies_max: 1, malformed: 0, ..Plan::default() });
    let (alone, raced) = (Setup::migrated().await, Setup::migrated().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    std::fs::write(&path, traffic.messages.join(&b"\n"[..])).unwrap();
    alone.run(&["ingest", "file", path.to_str().unwrap()]).ok();

    let server = QueueServer::start().await;
    let queue_url = server.create_queue("events").await;
    for _ in 0..3 {
        server.send_all(&queue_url, &traffic.messages).await;
    }
    let pollers =
        [start(&raced, &queue_url, server.endpoint_url()), start(&raced, &queue_url, server.endpoint_url())];
    let mut received = 0;
    let mut new = 0;
    for poller in pollers {
        let tally = ended(poller.wait_with_output().unwrap()).json();
        received += tally["received"].as_u64().unwrap();
        new += tally["stored"].as_u64().unwrap() + tally["folded"].as_u64().unwrap();
    }
    assert_eq!(received, 3 * traffic.messages.len() as u64);
    assert_eq!(new, traffic.truth.distinct_events as u64);
    assert_eq!(raced.content().await, alone.content().await);
    let counts = server.counts(&queue_url).await;
    assert_eq!((counts.visible, counts.in_flight), (0, 0));
}

#[tokio::test]
async fn a_poller_that_is_told_to_stop_hands_back_what_it_holds() {
    let traffic = simulate(&Plan { seed: 6, mails: 20, copies_max: 1, malformed: 0, ..Plan::default() });
    let setup = Setup::migrated().await;
    let server = QueueServer::start().await;
    let queue_url = server.create_queue("events").await;
    server.send_all(&queue_url, &traffic.messages).await;
    let blocker = setup.client().await;
    let lock = format!(
        r#"BEGIN; LOCK TABLE "{}".phoenix_kit_email_events IN EXCLUSIVE MODE"#,
        setup.schema.prefix()
    );
    blocker.batch_execute(&lock).await.unwrap();

    let poller = start_with(&setup, &queue_url, server.endpoint_url(), &["--pollers", "2"]);
    let messages = traffic.messages.len() as u64;
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.counts(&queue_url).await.in_flight < messages {
        assert!(Instant::now() < deadline, "the poller takes no messages");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let began = Instant::now();
    let process = rustix::process::Pid::from_raw(i32::try_from(poller.id()).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    let stored = ended(poller.wait_with_output().unwrap()).json();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!((stored["stored"].as_u64(), stored["quarantined"].as_u64()), (Some(0), Some(0)));
    let counts = server.counts(&queue_url).await;
    // Confirmations need no database.
    let controls = stored["control"].as_u64().unwrap();
    assert_eq!((counts.visible, counts.in_flight), (messages - controls, 0));

    blocker.batch_execute("ROLLBACK").await.unwrap();
    let drain = start_with(&setup, &queue_url, server.endpoint_url(), &["--drain", "--pollers", "4"]);
    let tally = ended(drain.wait_with_output().unwrap()).json();
    assert_eq!(tally["received"].as_u64().unwrap(), messages - controls);
    let new = tally["stored"].as_u64().unwrap() + tally["folded"].as_u64().unwrap();
    assert_eq!(new, traffic.truth.distinct_events as u64);
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_named() {
    let setup = Setup::migrated().await;
    let server = QueueServer::start().await;
    let known = server.create_queue("known").await;
    let unknown = known.replace("known", "unknown");
    let run = ended(start(&setup, &unknown, server.endpoint_url()).wait_with_output().unwrap());
    let said = run.fails(1);
    assert!(said.contains("there is no such queue") && said.contains(&unknown), "{said}");
}

#[tokio::test]
async fn a_url_that_is_none_is_wrong_usage() {
    let setup = Setup::migrated().await;
    let said = setup.run(&["ingest", "sqs", "--queue-url", "ses-events"]).fails(2);
    assert!(said.contains("`ses-events` is no queue URL; it looks like https://"), "{said}");
}
