//! `ingest sqs`, against a server that speaks the protocol.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
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

#[tokio::test]
async fn without_a_queue_it_says_how_to_name_one() {
    let said = Setup::empty().await.run(&["ingest", "sqs"]).fails(2);
    assert!(said.contains("--queue-url URL") && said.contains("[[queue]]"), "{said}");
    let said = Setup::empty().await.run(&["ingest", "sqs", "--queue", "ses"]).fails(2);
    assert!(said.contains("names no queue"), "{said}");
    let said = Setup::empty().await.run(&["ingest", "sqs", "--visibility-timeout", "13h"]).fails(2);
    assert!(said.contains("from 1 to 43200"), "{said}");
    let said = Setup::empty().await.run(&["ingest", "sqs", "--visibility-timeout", "90"]).fails(2);
    assert!(said.contains("it looks like 30s, 5m, 1h 30m or 2d"), "{said}");
}

/// The program with a configuration file.
fn configured(setup: &Setup, file: &Path, arguments: &[&str]) -> Command {
    let mut command = setup.program();
    command.arg("--config").arg(file).args(arguments);
    command
}

/// A `[[queue]]` table.
fn table(name: &str, queue_url: &str, endpoint_url: &str) -> String {
    format!("[[queue]]\nname = '{name}'\nurl = '{queue_url}'\nendpoint_url = '{endpoint_url}'\n")
}

#[tokio::test]
async fn one_process_drains_all_queues_of_the_file_each_at_its_endpoint() {
    let traffic = simulate(&Plan { seed: 8, mails: 40, malformed: 0, controls: 0, ..Plan::default() });
    let setup = Setup::migrated().await;
    let (one, other) = tokio::join!(QueueServer::start(), QueueServer::start());
    // The same name at both: only the endpoint tells them apart.
    let (first, second) = (one.create_queue("events").await, other.create_queue("events").await);
    let (half, rest) = traffic.messages.split_at(traffic.messages.len() / 2);
    one.send_all(&first, half).await;
    other.send_all(&second, rest).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queues.toml");
    let text = table("first", &first, one.endpoint_url()) + &table("second", &second, other.endpoint_url());
    std::fs::write(&file, text + "pollers = 1\n").unwrap();

    let drain = ["ingest", "sqs", "--drain", "--json"];
    let tally = ended(configured(&setup, &file, &drain).output().unwrap()).json();
    assert_eq!(tally["received"], traffic.messages.len());
    assert_eq!(tally["queues"]["first"]["received"], half.len());
    assert_eq!(tally["queues"]["second"]["received"], rest.len());
    for (server, queue_url) in [(&one, &first), (&other, &second)] {
        let counts = server.counts(queue_url).await;
        assert_eq!((counts.visible, counts.in_flight), (0, 0));
    }
    let new = tally["stored"].as_u64().unwrap() + tally["folded"].as_u64().unwrap();
    assert_eq!(new, traffic.truth.distinct_events as u64);

    // One of them alone, by its name.
    one.send_all(&first, &half[..1]).await;
    other.send_all(&second, &rest[..1]).await;
    let alone = [&drain[..], &["--queue", "second"]].concat();
    let tally = ended(configured(&setup, &file, &alone).output().unwrap()).json();
    assert_eq!((tally["received"].as_u64(), &tally["queues"]), (Some(1), &serde_json::Value::Null));
    assert_eq!(one.counts(&first).await.visible, 1);
    let said =
        ended(configured(&setup, &file, &["ingest", "sqs", "--queue", "secnd"]).output().unwrap()).fails(2);
    assert!(said.contains("did you mean `second`?"), "{said}");
}

#[tokio::test]
async fn a_queue_that_is_not_there_leaves_the_others_to_be_drained() {
    let setup = Setup::migrated().await;
    let traffic = simulate(&Plan { seed: 9, mails: 10, malformed: 0, ..Plan::default() });
    let server = QueueServer::start().await;
    let known = server.create_queue("known").await;
    server.send_all(&known, &traffic.messages).await;
    let unknown = known.replace("known", "unknown");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queues.toml");
    let endpoint = server.endpoint_url();
    std::fs::write(&file, table("missing", &unknown, endpoint) + &table("there", &known, endpoint)).unwrap();
    let run = ended(configured(&setup, &file, &["ingest", "sqs", "--drain", "--json"]).output().unwrap());
    let tally: serde_json::Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(tally["queues"]["there"]["received"], traffic.messages.len());
    let said = run.fails(1);
    assert!(said.contains("queue missing: ") && said.contains("there is no such queue"), "{said}");
    assert_eq!(server.counts(&known).await.visible, 0);

    // A poller none of whose queues can be polled ends, for a supervisor to see.
    let text = table("a", &unknown, endpoint) + &table("b", &known.replace("known", "neither"), endpoint);
    std::fs::write(&file, text).unwrap();
    let said = ended(configured(&setup, &file, &["ingest", "sqs"]).output().unwrap()).fails(1);
    assert!(said.contains("queue a: ") && said.contains("queue b: "), "{said}");
}

/// Answers one call after the other with a refusal, and gives what each was signed with.
fn refuse_all(listener: TcpListener) -> std::sync::mpsc::Receiver<String> {
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let header = |name: &str| {
                let value = |line: &str| Some(line.split_once(':')?.1.trim().to_owned());
                head.lines().find(|line| line.to_ascii_lowercase().starts_with(name)).and_then(value)
            };
            let length = header("content-length:").map_or(0, |length| length.parse().unwrap());
            reader.by_ref().take(length).read_to_end(&mut Vec::new()).unwrap();
            let body = r#"{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"no"}"#;
            let answer = format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n{body}",
                body.len()
            );
            // A client that has gone needs no answer, and a test that has ended no report.
            let _ = reader.get_mut().write_all(answer.as_bytes());
            let signed = header("authorization:").unwrap_or_default();
            let key = signed.split_once("Credential=").map_or("", |(_, key)| key);
            if said.send(key.to_owned()).is_err() {
                return;
            }
        }
    });
    heard
}

#[tokio::test]
async fn a_profile_gives_credentials_and_region_whatever_the_environment_has() {
    let setup = Setup::migrated().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let heard = refuse_all(listener);
    let folder = tempfile::tempdir().unwrap();
    let (aws, file) = (folder.path().join("aws"), folder.path().join("queues.toml"));
    std::fs::write(
        &aws,
        "[profile america]\nregion = us-west-2\naws_access_key_id = FROMPROFILE\naws_secret_access_key = x\n\
         [profile program]\nregion = eu-west-3\ncredential_process = /bin/echo '{\"Version\":1,\"AccessKeyId\":\"FROMPROGRAM\",\"SecretAccessKey\":\"x\"}'\n",
    )
    .unwrap();
    std::fs::write(&file, table("q", &format!("{endpoint}/0/q"), &endpoint) + "profile = 'america'\n")
        .unwrap();
    let run = |arguments: &[&str]| {
        let mut command = configured(&setup, &file, &["ingest", "sqs", "--drain"]);
        command.args(arguments).env("AWS_CONFIG_FILE", &aws).env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command.env("AWS_ACCESS_KEY_ID", "FROMENVIRONMENT").env("AWS_SECRET_ACCESS_KEY", "x");
        ended(command.output().unwrap()).fails(1)
    };
    let signed_with = || -> Vec<String> { heard.try_iter().collect() };
    assert!(run(&[]).contains("AccessDenied"));
    let signed = signed_with();
    assert!(signed[0].starts_with("FROMPROFILE/") && signed[0].contains("/us-west-2/sqs/"), "{signed:?}");

    run(&["--profile", "program"]);
    let signed = signed_with();
    assert!(signed[0].starts_with("FROMPROGRAM/") && signed[0].contains("/eu-west-3/sqs/"), "{signed:?}");

    let said = run(&["--profile", "nobody"]);
    assert!(said.contains("the profile nobody gives no AWS credentials"), "{said}");
    assert!(signed_with().is_empty());
}
