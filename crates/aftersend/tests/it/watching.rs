//! `ingest sqs` as those see it who watch over it: probes, metrics, and a feed that has failed.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    net::TcpStream,
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use aftersend_testkit::{
    QueueProxy, QueueServer,
    queue::proxy::{Call, Fate, Faults},
};
use rustix::process::{Pid, Signal, kill_process};

use crate::program::Setup;

/// For what must come about.
const PATIENCE: Duration = Duration::from_mins(1);

/// A poller with probes, ended with the test.
struct Poller {
    process: Child,
    address: String,
    log: Receiver<String>,
}

impl Poller {
    fn start(setup: &Setup, arguments: &[&str]) -> Self {
        let mut command = setup.program();
        command.args(["ingest", "sqs", "--metrics-listen", "127.0.0.1:0"]).args(arguments);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = lines_of(process.stderr.take().unwrap());
        let said = lines_of(process.stdout.take().unwrap());
        let line = said.recv_timeout(PATIENCE).unwrap();
        let address =
            line.strip_prefix("Metrics are at http://").and_then(|rest| rest.strip_suffix("/metrics"));
        let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { process, address, log }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Waits until a path answers so.
    async fn until(&self, path: &str, what: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path);
            if answer.contains(what) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path} does not say {what} but {answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn stop(mut self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        // It has ended by itself where the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines of a pipe, as they come.
fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (said, heard) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            // Nobody listens any more once the test has heard enough.
            let _ = said.send(line.unwrap());
        }
    });
    heard
}

fn event(id: usize) -> String {
    format!(
        r#"{{"eventType":"Send","mail":{{"timestamp":"2026-11-20T10:00:00.000Z","messageId":"m{id}","source":"a@example.com","destination":["jane@example.com"]}},"send":{{}}}}"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poller_answers_probes_and_tells_its_queues_depth() {
    let setup = Setup::migrated().await;
    let server = QueueServer::start().await;
    let url = server.create_queue("orders").await;
    server.send_all(&url, &(0..3).map(event).collect::<Vec<_>>()).await;
    // At another program, for longer than this test.
    assert_eq!(server.receive(&url, 600).await.len(), 3);
    server.send_all(&url, &[event(3)]).await;
    let poller = Poller::start(&setup, &["--queue-url", &url]);
    assert!(poller.get("/healthz").ends_with("\r\n\r\nok\n"));
    poller.until("/readyz", "200 OK").await;
    poller.until("/metrics", "aftersend_messages_received_total{feed=\"orders\"} 1\n").await;
    let metrics =
        poller.until("/metrics", "aftersend_queue_messages{feed=\"orders\",state=\"waiting\"}").await;
    assert!(metrics.contains("aftersend_queue_messages{feed=\"orders\",state=\"delayed\"} 0\n"), "{metrics}");
    let in_flight = metrics
        .lines()
        .find_map(|line| line.strip_prefix("aftersend_queue_messages{feed=\"orders\",state=\"in_flight\"} "));
    assert!(in_flight.unwrap().parse::<u64>().unwrap() >= 3, "{metrics}");
    poller.until("/metrics", "aftersend_feed_condition{feed=\"orders\",condition=\"running\"} 1\n").await;
    for page in ["/mails", "/feeds", "/"] {
        assert!(poller.get(page).starts_with("HTTP/1.1 404"), "{page}");
    }
    poller.stop();
    let said =
        setup.run(&["ingest", "sqs", "--queue-url", &url, "--metrics-listen", "0.0.0.0:4102"]).fails(2);
    assert!(said.contains("this machine only"), "{said}");
}

/// Lets nobody read attributes.
struct Forbidding;

impl Faults for Forbidding {
    fn before(&self, call: &mut Call) -> Fate {
        if call.action == "GetQueueAttributes" {
            Fate::Refuse(403, "AccessDeniedException")
        } else {
            Fate::Pass
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_depth_that_may_not_be_asked_for_is_told_once_and_has_no_metric() {
    let setup = Setup::migrated().await;
    let server = QueueServer::start().await;
    let url = server.create_queue("orders").await;
    server.send_all(&url, &[event(0)]).await;
    let proxy = QueueProxy::start(&server, Forbidding).await;
    let poller = Poller::start(&setup, &["--queue-url", &proxy.url(&url)]);
    let told = poller.log.recv_timeout(PATIENCE).unwrap();
    assert!(
        told.contains("how much waits in the queue can't be told") && told.contains("sqs:GetQueueAttributes"),
        "{told}"
    );
    let metrics = poller.until("/metrics", "aftersend_messages_received_total{feed=\"orders\"} 1\n").await;
    assert!(!metrics.contains("aftersend_queue_messages{"), "{metrics}");
    poller.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_has_failed_is_not_ready_until_it_answers_however_often_it_is_tried() {
    let setup = Setup::migrated().await;
    let server = QueueServer::start().await;
    let there = server.create_queue("there").await;
    let late = there.replace("there", "late");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aftersend.toml");
    std::fs::write(&file, format!("[[queue]]\nurl = '{there}'\n[[queue]]\nurl = '{late}'\n")).unwrap();
    let poller = Poller::start(&setup, &["--config", file.to_str().unwrap()]);
    let failed = poller.until("/readyz", "the feed late has failed").await;
    assert!(failed.starts_with("HTTP/1.1 503") && failed.contains("there is no such queue"), "{failed}");
    // It is tried again and fails again, which the log tells a second time.
    assert!(poller.log.recv_timeout(PATIENCE).unwrap().contains("no events come in from this queue"));
    let deadline = Instant::now() + PATIENCE;
    while poller.log.try_recv().is_err() {
        let ready = poller.get("/readyz");
        assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
        let metrics = poller.get("/metrics");
        assert!(
            metrics.contains("aftersend_feed_condition{feed=\"late\",condition=\"failed\"} 1\n"),
            "{metrics}"
        );
        assert!(Instant::now() < deadline, "it was not tried again");
    }
    // It answers as soon as it is there, although nothing is in it.
    server.create_queue("late").await;
    poller.until("/readyz", "200 OK").await;
    poller.until("/metrics", "aftersend_feed_condition{feed=\"late\",condition=\"running\"} 1\n").await;
    poller.stop();
}
