//! `serve`.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
};

use aftersend_testkit::QueueServer;

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Setup, ended};

#[tokio::test]
async fn the_site_is_served_until_it_is_told_to_stop() {
    let setup = Setup::migrated().await;
    let mut server = Server(
        setup
            .program()
            .args(["serve", "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let (address, _) = listening(&mut server.0);
    let page = get(&address, "/");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("aftersend ingest"), "an empty site says how events get in");

    // Its address is taken: the sentence names another.
    let said = setup.run(&["serve", "--listen", &address]).fails(1);
    assert!(said.contains("another one: --listen"), "{said}");

    kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
    assert!(server.0.wait().unwrap().success());
}

/// Reads the first line that the program says: where the site is, and what else it says there.
pub(crate) fn listening(child: &mut Child) -> (String, serde_json::Value) {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: serde_json::Value = serde_json::from_str(&line).unwrap();
    (said["listening"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned(), said)
}

pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

/// Waits until the page of mails shows what it should.
async fn shows(address: &str, what: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(40);
    while !get(address, "/mails").contains(what) {
        assert!(std::time::Instant::now() < deadline, "the site does not show {what}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

fn event(subject: &str) -> String {
    format!(
        r#"{{"eventType":"Send","mail":{{"timestamp":"2026-11-20T10:00:00.000Z","messageId":"{subject}","source":"a@example.com","destination":["jane@example.com"],"commonHeaders":{{"subject":"{subject}"}}}},"send":{{}}}}"#
    )
}

#[tokio::test]
async fn it_polls_the_queues_of_the_file_and_one_that_is_missing_stops_neither() {
    let setup = Setup::migrated().await;
    let queues = QueueServer::start().await;
    let there = queues.create_queue("there").await;
    let late = there.replace("there", "late");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aftersend.toml");
    let endpoint = queues.endpoint_url();
    let text = format!(
        "listen = '127.0.0.1:0'\n[[queue]]\nurl = '{there}'\nendpoint_url = '{endpoint}'\n\
         [[queue]]\nurl = '{late}'\nendpoint_url = '{endpoint}'\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut command = setup.program();
    command.args(["serve", "--json", "--config"]).arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = Server(command.spawn().unwrap());
    let log = lines_of(server.0.stderr.take().unwrap());
    let (address, said) = listening(&mut server.0);
    assert_eq!(said["queues"], serde_json::json!(["there", "late"]));
    queues.send_all(&there, &[event("First-subject")]).await;
    shows(&address, "First-subject").await;
    let metrics = get(&address, "/metrics");
    assert!(metrics.contains("aftersend_messages_received_total{feed=\"there\"} 1\n"), "{metrics}");
    let page = get(&address, "/feeds");
    assert!(page.contains("<bdi>there</bdi>") && page.contains("Running"), "{page}");
    // The one that is missing is told, with its name and what to do, and taken in as soon as it is there.
    let told = log.recv_timeout(std::time::Duration::from_secs(40)).unwrap();
    assert!(
        told.contains("ERROR") && told.contains("late") && told.contains("there is no such queue"),
        "{told}"
    );
    assert!(get(&address, "/feeds").contains("<bdi>late</bdi>"));
    assert_eq!(queues.create_queue("late").await, late);
    queues.send_all(&late, &[event("Second-subject")]).await;
    shows(&address, "Second-subject").await;
    kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
    assert!(server.0.wait().unwrap().success());
    let counts = queues.counts(&late).await;
    assert_eq!((counts.visible, counts.in_flight), (0, 0));

    // Without them it is the site alone.
    queues.send_all(&there, &[event("Third-subject")]).await;
    let mut command = setup.program();
    command.args(["serve", "--json", "--no-ingest", "--config"]).arg(&file).stdout(Stdio::piped());
    let mut server = Server(command.spawn().unwrap());
    let (address, said) = listening(&mut server.0);
    assert_eq!(said["queues"], serde_json::json!([]));
    assert!(get(&address, "/mails").contains("Second-subject"));
    kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
    assert!(server.0.wait().unwrap().success());
    // A queue may hand a message to the long poll of a program that has just gone; it was not deleted in any case.
    let counts = queues.counts(&there).await;
    assert_eq!(counts.visible + counts.in_flight, 1);
    assert!(!setup.run(&["search"]).ok().contains("Third-subject"));
}

#[tokio::test]
async fn events_that_wait_join_their_mail_while_it_serves() {
    let setup = Setup::migrated().await;
    let folder = tempfile::tempdir().unwrap();
    let (events, file) = (folder.path().join("events"), folder.path().join("aftersend.toml"));
    std::fs::write(&events, event("parked")).unwrap();
    std::fs::write(&file, "listen = '127.0.0.1:0'\n[ingest]\nunknown_mails = 'park'\n").unwrap();
    let mut command = setup.program();
    command.args(["ingest", "file", "--json", "--config"]).arg(&file).arg(&events);
    let tally = ended(command.output().unwrap()).json();
    assert_eq!((tally["parked"].as_u64(), tally["stored"].as_u64()), (Some(1), Some(0)));

    let mut command = setup.program();
    command.args(["serve", "--json", "--config"]).arg(&file).stdout(Stdio::piped());
    let mut server = Server(command.spawn().unwrap());
    let (address, _) = listening(&mut server.0);
    let logs = format!("\"{}\".phoenix_kit_email_logs", setup.schema.prefix());
    let log = format!(
        "INSERT INTO {logs} (message_id, aws_message_id, \"to\", \"from\", subject, inserted_at, updated_at)
         VALUES ('m1', 'parked', 'jane@example.com', 'a@example.com', 'As it was logged', now(), now())"
    );
    setup.client().await.batch_execute(&log).await.unwrap();
    shows(&address, "As it was logged").await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(40);
    while setup.run(&["show", "parked", "--json"]).json()["occurrences"].as_array().unwrap().is_empty() {
        assert!(std::time::Instant::now() < deadline, "the event has not joined its mail");
    }
    kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
    assert!(server.0.wait().unwrap().success());
}

/// The lines of a pipe, as they come.
pub(crate) fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (said, heard) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            // Nobody listens any more once the test has heard enough.
            let _ = said.send(line.unwrap());
        }
    });
    heard
}

/// Ended with the test, however that ends.
pub(crate) struct Server(pub(crate) Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended by itself where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
