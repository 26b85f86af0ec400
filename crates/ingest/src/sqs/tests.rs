mod inspect;
mod proxy;
mod visibility;

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
    sync::Arc,
};

use aftersend_simulator::{Plan, TOPIC_VALIDATED, Traffic, simulate};
use aftersend_testkit::{QueueServer, queue::Counts};
use serde_json::json;
use tokio::sync::OnceCell;

use super::{queue::CREDENTIALS_TIMEOUT, *};
use crate::{
    Patience, PumpError, Shutdown, Tally,
    fixture::{Ground, delivery, send, until},
};
use proxy::{Fault, Proxy};

const EMPTY: Counts = Counts { visible: 0, in_flight: 0 };

/// The queue server that the tests of a process share, each with a queue of its own, named after it.
async fn server() -> Arc<QueueServer> {
    static SERVER: OnceCell<Arc<QueueServer>> = OnceCell::const_new();
    SERVER.get_or_init(async || Arc::new(QueueServer::start().await)).await.clone()
}

/// Feeds that drain a queue together, without waiting for what is not there.
async fn feeds(queue_url: &str, count: usize) -> Vec<SqsFeed> {
    let options = QueueOptions { queue_url: queue_url.to_owned(), drain: true, ..QueueOptions::default() };
    let mut feeds = SqsFeed::open_pollers(&options, NonZeroUsize::new(count).unwrap()).await.unwrap();
    for feed in &mut feeds {
        feed.poll_s = 0;
    }
    feeds
}

/// A feed that drains a queue alone.
async fn feed(queue_url: &str) -> SqsFeed {
    feeds(queue_url, 1).await.remove(0)
}

async fn poller(queue_url: &str) -> SqsFeed {
    SqsFeed { drain: None, poll_s: 1, ..feed(queue_url).await }
}

fn deliveries(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| delivery(&format!("{name}-{number}"))).collect()
}

/// What of the simulator's traffic a queue can carry, each message so many times, in any order.
fn messages(traffic: &Traffic, times: usize) -> Vec<&str> {
    let texts = traffic.messages.iter().filter_map(|bytes| std::str::from_utf8(bytes).ok());
    let mut messages: Vec<&str> = texts.flat_map(|text| std::iter::repeat_n(text, times)).collect();
    fastrand::Rng::with_seed(3).shuffle(&mut messages);
    messages
}

#[tokio::test]
async fn a_drain_takes_everything_and_ends() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server.create_queue("a_drain_takes_everything_and_ends").await;
    let traffic = simulate(&Plan { mails: 80, malformed: 10, controls: 5, ..Plan::default() });
    let messages = messages(&traffic, 1);
    server.send_all(&queue_url, &messages).await;

    let run = ground.pump(&mut feed(&queue_url).await).await;
    run.result.unwrap();
    let not_text = traffic.truth.messages - messages.len();
    assert!(not_text > 0, "the simulator makes messages that no queue carries");
    assert_eq!(run.tally.received, messages.len());
    assert_eq!(run.tally.control, 5);
    assert_eq!(run.tally.quarantined, 10 - not_text);
    assert_eq!(run.tally.stored + run.tally.folded, traffic.truth.distinct_events);
    assert!(run.refused.iter().all(|refused| refused.origin.starts_with("message ")), "{:?}", run.refused);
    let counts = ground.store.count_all().await.unwrap();
    assert_eq!(counts.mails, traffic.truth.mails.len() as u64);
    assert_eq!(counts.quarantined, (10 - not_text) as u64);
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[tokio::test]
async fn two_pollers_and_threefold_delivery_store_each_event_once() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server.create_queue("two_pollers_and_threefold_delivery_store_each_event_once").await;
    let traffic = simulate(&Plan { mails: 60, seed: 2, ..Plan::default() });
    let messages = messages(&traffic, 3);
    server.send_all(&queue_url, &messages).await;

    let (mut one, mut other) = tokio::join!(feed(&queue_url), feed(&queue_url));
    let (one, other) = tokio::join!(ground.pump(&mut one), ground.pump(&mut other));
    one.result.unwrap();
    other.result.unwrap();
    assert!(one.tally.received > 0 && other.tally.received > 0, "{} and {}", one.tally, other.tally);
    let mut tally = one.tally;
    tally += other.tally;
    assert_eq!(tally.received, messages.len());
    assert_eq!(tally.stored + tally.folded, traffic.truth.distinct_events);
    let counts = ground.store.count_all().await.unwrap();
    assert_eq!(counts.events + counts.folded, traffic.truth.distinct_events as u64);
    assert_eq!(counts.mails, traffic.truth.mails.len() as u64);
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[tokio::test]
async fn a_malformed_message_leaves_the_queue_for_the_quarantine() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server.create_queue("a_malformed_message_leaves_the_queue_for_the_quarantine").await;
    let poison = r#"{"eventType":"Delivery"}"#;
    server.send_all(&queue_url, &[&delivery("a"), poison, TOPIC_VALIDATED, &delivery("b"), poison]).await;
    let run = ground.pump(&mut feed(&queue_url).await).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 5, stored: 2, control: 1, quarantined: 2, ..Tally::default() });
    assert_eq!(ground.quarantined().await, BTreeSet::from([poison.as_bytes().to_vec()]));
    assert_eq!(ground.texts("SELECT feed FROM {p}.aftersend_quarantine").await, ["sqs"]);
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

/// A store with a mail whose row another session locks.
async fn with_a_locked_mail() -> (Ground, aftersend_testkit::database::Client) {
    let ground = Ground::new().await;
    let mut first = crate::FileFeed::new(Box::new(std::io::Cursor::new(send("locked"))));
    ground.pump(&mut first).await.result.unwrap();
    let session = ground.session().await;
    session.batch_execute("BEGIN").await.unwrap();
    session.batch_execute(&ground.sql("SELECT FROM {p}.phoenix_kit_email_logs FOR UPDATE")).await.unwrap();
    (ground, session)
}

#[tokio::test]
async fn nothing_is_deleted_before_the_commit() {
    let ((ground, blocker), server) = tokio::join!(with_a_locked_mail(), server());
    let queue_url = server.create_queue("nothing_is_deleted_before_the_commit").await;
    let mut bodies = deliveries("other", 24);
    bodies.insert(12, delivery("locked"));
    bodies.push("unreadable".to_owned());
    server.send_all(&queue_url, &bodies).await;

    let mut feed = feed(&queue_url).await;
    let look = async {
        // Twice the batch has met the lock and has been rolled back.
        for _ in 0..2 {
            let session = ground.waiting_session().await;
            until("it gives way", async || {
                (!ground.waiting_sessions().await.contains(&session)).then_some(())
            })
            .await;
        }
        assert_eq!(server.counts(&queue_url).await, Counts { visible: 0, in_flight: 26 });
        assert_eq!((ground.event_count().await, ground.quarantined().await.len()), (1, 0));
        blocker.batch_execute("ROLLBACK").await.unwrap();
    };
    let (run, ()) = tokio::join!(ground.pump(&mut feed), look);
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 26, stored: 25, quarantined: 1, ..Tally::default() });
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[tokio::test]
async fn exactly_the_deletes_that_failed_are_tried_again() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server.create_queue("exactly_the_deletes_that_failed_are_tried_again").await;
    server.send_all(&queue_url, &deliveries("mail", 10)).await;
    let proxy = Proxy::start(server.clone(), |action, before| match (action, before) {
        ("DeleteMessageBatch", 0) => Fault::FailEntries(&["0", "3", "9"]),
        ("DeleteMessageBatch", 1) => Fault::DropBefore,
        ("DeleteMessageBatch", 2) => Fault::FailEntries(&["1"]),
        ("DeleteMessageBatch", 3) => Fault::DropAfter,
        _ => Fault::Pass,
    })
    .await;

    let run = ground.pump(&mut feed(&proxy.url(&queue_url)).await).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 10, stored: 10, ..Tally::default() });
    let calls = proxy.calls("DeleteMessageBatch");
    let all = calls[0].receipts();
    let receipts: Vec<Vec<&str>> = calls.iter().map(proxy::Call::receipts).collect();
    // After the first answer, a connection that ended, an answer, and one more that ended.
    assert_eq!(all.len(), 10);
    assert_eq!(receipts[1..3], [vec![all[0], all[3], all[9]], vec![all[0], all[3], all[9]]]);
    assert_eq!(receipts[3..], [vec![all[3]], vec![all[3]]]);
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[tokio::test]
async fn messages_that_could_not_be_deleted_come_again_as_repeats() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server
        .create_queue_with(
            "messages_that_could_not_be_deleted_come_again_as_repeats",
            &json!({"VisibilityTimeout": "2"}),
        )
        .await;
    server.send_all(&queue_url, &deliveries("mail", 5)).await;
    let tries = DELETE_TRIES_MAX as usize;
    let proxy = Proxy::start(server.clone(), move |action, before| match action {
        "DeleteMessageBatch" if before < tries => Fault::FailAllEntries,
        _ => Fault::Pass,
    })
    .await;
    // It is long polls that bring them again before the drain ends.
    let mut feed = feed(&proxy.url(&queue_url)).await;
    feed.poll_s = 1;
    let run = ground.pump(&mut feed).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 10, stored: 5, repeated: 5, ..Tally::default() });
    assert_eq!(ground.event_count().await, 5);
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[tokio::test]
async fn a_receipt_that_is_not_valid_any_more_is_not_tried_again() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server
        .create_queue_with(
            "a_receipt_that_is_not_valid_any_more_is_not_tried_again",
            &json!({"VisibilityTimeout": "2"}),
        )
        .await;
    server.send_all(&queue_url, &deliveries("mail", 5)).await;
    let proxy = Proxy::start(server.clone(), |action, before| match (action, before) {
        ("DeleteMessageBatch", 0) => Fault::ExpireEntries(&["1", "3"]),
        _ => Fault::Pass,
    })
    .await;
    let mut feed = feed(&proxy.url(&queue_url)).await;
    // It is a long poll that brings them again before the drain ends.
    feed.poll_s = 1;
    let run = ground.pump(&mut feed).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 7, stored: 5, repeated: 2, ..Tally::default() });
    assert_eq!(run.told.counted("unacknowledged"), 2);
    let calls = proxy.calls("DeleteMessageBatch");
    let (all, again) = (calls[0].receipts(), calls[1].receipts());
    assert_eq!((calls.len(), all.len(), again.len()), (2, 5, 2));
    assert!(again.iter().all(|receipt| !all.contains(receipt)), "with new receipts");
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[tokio::test]
async fn what_a_queue_delivers_twice_at_once_is_stored_once() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server.create_queue("what_a_queue_delivers_twice_at_once_is_stored_once").await;
    server.send_all(&queue_url, &deliveries("mail", 4)).await;
    let proxy = Proxy::start(server.clone(), |action, before| match (action, before) {
        ("ReceiveMessage", 0) => Fault::Repeat,
        _ => Fault::Pass,
    })
    .await;
    let run = ground.pump(&mut feed(&proxy.url(&queue_url)).await).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 8, stored: 4, repeated: 4, ..Tally::default() });
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[tokio::test]
async fn a_message_without_a_receipt_is_left_for_the_next_time() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server
        .create_queue_with(
            "a_message_without_a_receipt_is_left_for_the_next_time",
            &json!({"VisibilityTimeout": "1"}),
        )
        .await;
    server.send_all(&queue_url, &deliveries("mail", 4)).await;
    let proxy = Proxy::start(server.clone(), |action, before| match (action, before) {
        ("ReceiveMessage", 0) => Fault::NoReceipts,
        _ => Fault::Pass,
    })
    .await;
    let mut feed = feed(&proxy.url(&queue_url)).await;
    feed.poll_s = 1;
    let run = ground.pump(&mut feed).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 4, stored: 4, ..Tally::default() });
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[tokio::test]
async fn a_drain_outlives_throttling() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server.create_queue("a_drain_outlives_throttling").await;
    server.send_all(&queue_url, &deliveries("mail", 30)).await;
    // After the first answer, and more often than the SDK tries.
    let proxy = Proxy::start(server.clone(), |action, before| match (action, before) {
        ("ReceiveMessage", 1..8) => Fault::Refuse(400, "RequestThrottled"),
        ("DeleteMessageBatch", 0..4) => Fault::Refuse(400, "ThrottlingException"),
        _ => Fault::Pass,
    })
    .await;
    let patience = Patience::Limited(Duration::from_mins(1));
    let mut feed = feed(&proxy.url(&queue_url)).await;
    let run = ground.pump_with(&mut feed, patience, Shutdown::channel().1).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 30, stored: 30, ..Tally::default() });
    let conditions = run.told.conditions();
    assert!(conditions[1].contains("the feed paused: ") && conditions[1].contains("RequestThrottled"));
    assert_eq!(conditions[2..], ["the feed running", "the feed ended"]);
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[tokio::test]
async fn the_pollers_of_a_drain_take_everything_and_end_together() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server.create_queue("the_pollers_of_a_drain_take_everything_and_end_together").await;
    server.send_all(&queue_url, &deliveries("mail", 1_300)).await;
    let patience = Patience::Limited(Duration::from_mins(1));
    let run = ground.pump_pollers(feeds(&queue_url, 3).await, patience, Shutdown::channel().1).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 1_300, stored: 1_300, ..Tally::default() });
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[test]
fn a_drain_is_over_when_each_poller_has_found_nothing_twice() {
    let empty_polls = Arc::new(Mutex::new(vec![0; 3]));
    let [first, second, third] = [0, 1, 2].map(|place| Drain { empty_polls: empty_polls.clone(), place });
    for _ in 0..3 {
        assert!(!first.got_nothing());
        assert!(!second.got_nothing());
    }
    assert!(!third.got_nothing());
    // What one finds may have company.
    second.got_messages();
    for drain in [&first, &second, &third] {
        assert!(!drain.got_nothing());
    }
    assert!(!first.got_nothing());
    assert!(!second.got_nothing());
    assert!(third.got_nothing(), "the third has ended");
    // It is not waited for when another finds something late.
    first.got_messages();
    assert!(!first.got_nothing());
    assert!(!second.got_nothing());
    assert!(!first.got_nothing());
    assert!(second.got_nothing());
    assert!(first.got_nothing());
}

#[tokio::test]
async fn large_messages_make_small_batches() {
    let message = |bytes: usize| Received {
        body: vec![b'x'; bytes],
        origin: String::new(),
        overlong_bytes: None,
        receipt: SqsReceipt { handle: String::new(), received_at: Instant::now() },
    };
    let mut feed = feeds("http://127.0.0.1:9/000000000000/q", 3).await.remove(0);
    assert_eq!(feed.room(500), 4, "the first ones may be large");
    let rooms = [7, 15, 31, 63, 127, 255, 493, 492, 491, 490];
    for room in rooms {
        feed.take(vec![message(2_000)]);
        assert_eq!(feed.room(500), room);
    }
    let mib = 1024 * 1024;
    feed.take(vec![message(mib)]);
    assert_eq!(feed.room(500), 2);
    feed.take(vec![message(mib), message(mib), message(mib)]);
    assert_eq!(feed.room(500), 0);
    // The next batch begins carefully.
    feed.gathered.clear();
    assert_eq!(feed.room(500), 4);
}

#[tokio::test]
async fn a_queue_that_forbids_deleting_ends_the_run() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server.create_queue("a_queue_that_forbids_deleting_ends_the_run").await;
    server.send_all(&queue_url, &deliveries("mail", 5)).await;
    let proxy = Proxy::start(server.clone(), |action, _| match action {
        "DeleteMessageBatch" => Fault::Refuse(403, "AccessDeniedException"),
        _ => Fault::Pass,
    })
    .await;
    let url = proxy.url(&queue_url);
    let run = ground.pump(&mut poller(&url).await).await;
    let error = run.result.unwrap_err().to_string();
    let expected = format!(
        "messages are stored and can't be deleted: the queue {url}: the credentials are another account's or may not \
         do sqs:DeleteMessage; grant them sqs:DeleteMessage on it (AccessDeniedException: so it was told)"
    );
    assert_eq!(error, expected);
    assert_eq!(run.tally, Tally { received: 5, stored: 5, ..Tally::default() });
    assert_eq!(proxy.calls("DeleteMessageBatch").len(), 1);
}

#[tokio::test]
async fn a_poller_outlives_a_queue_that_is_away() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server.create_queue("a_poller_outlives_a_queue_that_is_away").await;
    server.send_all(&queue_url, &deliveries("first", 3)).await;
    // The first answers have messages, the next calls fail in all ways that pass; more often than the SDK tries.
    let proxy = Proxy::start(server.clone(), |action, before| match (action, before) {
        ("ReceiveMessage", 2 | 3 | 6) => Fault::DropBefore,
        ("ReceiveMessage", 4 | 5) => Fault::Refuse(503, "ServiceUnavailable"),
        ("ReceiveMessage", 7 | 8) => Fault::Refuse(400, "RequestThrottled"),
        _ => Fault::Pass,
    })
    .await;
    let (sender, shutdown) = Shutdown::channel();
    let mut poller = poller(&proxy.url(&queue_url)).await;
    let meanwhile = async {
        until("the queue has been away and is back", async || {
            (proxy.calls("ReceiveMessage").len() > 9).then_some(())
        })
        .await;
        server.send_all(&queue_url, &deliveries("second", 3)).await;
        until("all is stored and deleted", async || (server.counts(&queue_url).await == EMPTY).then_some(()))
            .await;
        sender.send_replace(true);
    };
    let (run, ()) = tokio::join!(ground.pump_with(&mut poller, Patience::Endless, shutdown), meanwhile);
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 6, stored: 6, ..Tally::default() });
}

#[tokio::test]
async fn a_queue_that_is_none_is_told_in_a_sentence() {
    let ground = Ground::without_tables().await;
    let server = QueueServer::start().await;
    let url = format!("{}/000000000000/missing", server.endpoint_url());
    // A poller, too, has nothing to wait for.
    for mut feed in [feed(&url).await, poller(&url).await] {
        let run = ground.pump(&mut feed).await;
        let Err(PumpError::Feed(FeedError::Queue(error))) = run.result else { panic!("{:?}", run.result) };
        let beginning =
            format!("the queue {url}: there is no such queue; check the URL, its region and its account (");
        assert!(error.starts_with(&beginning), "{error}");
    }
    drop(server);
    // Nobody waits for a drain that has not begun.
    let patience = Patience::Limited(Duration::from_mins(1));
    let run = ground.pump_with(&mut feed(&url).await, patience, Shutdown::channel().1).await;
    let error = run.result.unwrap_err().to_string();
    let beginning =
        format!("the queue {url}: it can't be reached; check the network, the URL and --endpoint-url (");
    assert!(error.starts_with(&beginning), "{error}");
    assert!(error.contains("Connection refused"), "{error}");
    assert!(error.len() < beginning.len() + 200, "a sentence, no dump: {error}");
}

#[tokio::test]
async fn another_endpoint_than_the_urls_host_can_be_given() {
    let (ground, server) = tokio::join!(Ground::new(), server());
    let queue_url = server.create_queue("another_endpoint_than_the_urls_host_can_be_given").await;
    server.send_all(&queue_url, &[delivery("a")]).await;
    let options = QueueOptions {
        queue_url: "https://sqs.us-east-1.amazonaws.com/000000000000/another_endpoint_than_the_urls_host_can_be_given".to_owned(),
        endpoint_url: Some(server.endpoint_url().to_owned()),
        drain: true,
        ..QueueOptions::default()
    };
    let mut feed = SqsFeed::open(&options).await.unwrap();
    feed.poll_s = 0;
    let run = ground.pump(&mut feed).await;
    run.result.unwrap();
    assert_eq!(run.tally, Tally { received: 1, stored: 1, ..Tally::default() });
    assert_eq!(server.counts(&queue_url).await, EMPTY);
}

#[tokio::test]
async fn what_is_no_url_is_refused() {
    let open = async |queue_url: &str, endpoint_url: Option<&str>| {
        let options = QueueOptions {
            queue_url: queue_url.to_owned(),
            endpoint_url: endpoint_url.map(str::to_owned),
            ..QueueOptions::default()
        };
        SqsFeed::open(&options).await.err().unwrap().to_string()
    };
    let error = open("ses-events", None).await;
    assert!(error.starts_with("`ses-events` is no queue URL; it looks like https://"), "{error}");
    let error = open("http://127.0.0.1/0/q", Some("127.0.0.1:4566")).await;
    assert!(error.starts_with("`127.0.0.1:4566` is no endpoint URL; it looks like http://"), "{error}");

    let options = QueueOptions {
        queue_url: "https://sqs.eu-central-1.amazonaws.com/123456789012/q".to_owned(),
        region: Some("eu-west-1".to_owned()),
        ..QueueOptions::default()
    };
    let error = SqsFeed::open(&options).await.err().unwrap().to_string();
    assert!(
        error.ends_with("is in eu-central-1, not in eu-west-1; leave the region out, or correct the URL")
    );
    let queue_url = "http://127.0.0.1/0/q".to_owned();
    let options = QueueOptions { queue_url, visibility_timeout_s: Some(0), ..QueueOptions::default() };
    let error = SqsFeed::open(&options).await.err().unwrap().to_string();
    assert_eq!(error, "a visibility timeout of 0 s is none; it has from 1 to 43200 s");
}

/// Run by [`without_credentials_it_ends_soon_and_says_so`], in a process with an environment of its own.
#[tokio::test]
#[ignore = "needs an environment without credentials"]
async fn in_an_environment_without_credentials() {
    for queue_url in ["https://sqs.eu-central-1.amazonaws.com/123456789012/q", "http://queue.example.com/1/q"]
    {
        let options = QueueOptions { queue_url: queue_url.to_owned(), ..QueueOptions::default() };
        let error = SqsFeed::open(&options).await.unwrap().receive(1).await.unwrap_err().to_string();
        println!("{error}");
        let beginning = format!("the queue {queue_url}: there are no AWS credentials; set AWS_PROFILE, or ");
        assert!(error.starts_with(&beginning), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    // A server on this machine takes any.
    let queue_url = "http://127.0.0.1:9/000000000000/q".to_owned();
    let options = QueueOptions { queue_url, drain: true, ..QueueOptions::default() };
    let error = SqsFeed::open(&options).await.unwrap().receive(1).await.unwrap_err().to_string();
    assert!(error.contains("it can't be reached"), "{error}");
}

#[tokio::test]
async fn without_credentials_it_ends_soon_and_says_so() {
    // The machine's metadata service, which an SDK asks last, takes calls and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "sqs::tests::in_an_environment_without_credentials", "--ignored", "--nocapture"]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") && name != "AWS_CA_BUNDLE" {
            child.env_remove(name);
        }
    }
    child
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}", silent.local_addr().unwrap()))
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .stdin(Stdio::null());
    let began = Instant::now();
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    println!("{text}\n{:?}", began.elapsed());
    assert!(began.elapsed() < 2 * CREDENTIALS_TIMEOUT + Duration::from_secs(5), "{:?}", began.elapsed());
}
