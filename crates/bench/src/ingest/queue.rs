//! Messages from a queue: taken by the program under test, and by a client that does nothing but receive and delete.

use std::{
    ffi::OsStr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aftersend_testkit::QueueServer;
use anyhow::{Context as _, bail};
use aws_sdk_sqs::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
    types::DeleteMessageBatchRequestEntry,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::events::Event;
use crate::product::{Ingestion, Product};

/// Calls that the bare client has under way at once.
pub(super) const BARE_CALLS: usize = 8;

/// Messages of a receive at most.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
const CALL_MESSAGES_MAX: i32 = 10;

/// How often the queue is asked whether it is empty, and so how exactly its end is known.
const COUNT_INTERVAL: Duration = Duration::from_millis(50);

/// How long a queue may take to become empty.
const EMPTYING_TIME_MAX: Duration = Duration::from_mins(30);

/// A queue server with messages to fill queues with.
pub(super) struct Source {
    server: Arc<QueueServer>,
    bodies: Arc<[String]>,
    queues: usize,
}

impl Source {
    /// Starts the server, which installs it where it is missing.
    pub(super) async fn start(events: &[Event]) -> anyhow::Result<Self> {
        // A task, since what can't be brought up is a panic there, made for tests.
        let server = tokio::spawn(QueueServer::start()).await.context("starting the queue server")?;
        let bodies = events.iter().map(Event::message).collect();
        Ok(Self { server: Arc::new(server), bodies, queues: 0 })
    }

    pub(super) fn messages(&self) -> usize {
        self.bodies.len()
    }

    /// A new queue with all messages in it.
    pub(super) async fn fill(&mut self) -> anyhow::Result<Queue> {
        self.queues += 1;
        let name = format!("events-{}", self.queues);
        let (server, bodies) = (Arc::clone(&self.server), Arc::clone(&self.bodies));
        let filled = tokio::spawn(async move {
            let url = server.create_queue(&name).await;
            server.send_all(&url, &bodies).await;
            url
        });
        let url = filled.await.context("filling a queue")?;
        Ok(Queue { server: Arc::clone(&self.server), url, messages: self.bodies.len() })
    }
}

/// A full queue.
pub(super) struct Queue {
    server: Arc<QueueServer>,
    url: String,
    messages: usize,
}

impl Queue {
    /// Lets the program take all messages, and gives the time from its start until the queue was empty. That it goes on for
    /// two long polls is no work.
    pub(super) async fn drain(
        &self,
        product: &Product,
        address: &str,
    ) -> anyhow::Result<(Duration, Ingestion)> {
        let words = [
            "sqs",
            "--drain",
            "--queue-url",
            self.url.as_str(),
            "--endpoint-url",
            self.server.endpoint_url(),
        ];
        let words = words.map(OsStr::new);
        let began = Instant::now();
        let emptied = async {
            let deadline = began + EMPTYING_TIME_MAX;
            while Instant::now() < deadline {
                let counts = self.server.counts(&self.url).await;
                if counts.visible == 0 && counts.in_flight == 0 {
                    return Ok(began.elapsed());
                }
                sleep(COUNT_INTERVAL).await;
            }
            bail!("the queue was not empty after {} s", EMPTYING_TIME_MAX.as_secs())
        };
        tokio::try_join!(emptied, product.ingest(address, &words))
    }

    /// Receives and deletes all messages, with the same calls over the same client, and nothing else.
    pub(super) async fn drain_bare(&self) -> anyhow::Result<Duration> {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(self.server.endpoint_url())
            .credentials_provider(Credentials::new("bench", "bench", None, None, "aftersend-bench"))
            .build();
        let client = Client::from_conf(config);
        let deleted = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let mut lanes = JoinSet::new();
        for _ in 0..BARE_CALLS {
            let (client, url, deleted) = (client.clone(), self.url.clone(), Arc::clone(&deleted));
            lanes.spawn(lane(client, url, deleted, self.messages));
        }
        while let Some(lane) = lanes.join_next().await {
            lane??;
        }
        Ok(began.elapsed())
    }
}

async fn lane(client: Client, url: String, deleted: Arc<AtomicUsize>, messages: usize) -> anyhow::Result<()> {
    while deleted.load(Ordering::Relaxed) < messages {
        let call = client.receive_message().queue_url(&url).max_number_of_messages(CALL_MESSAGES_MAX);
        let received = call.send().await.context("receiving")?.messages.unwrap_or_default();
        let mut entries = Vec::with_capacity(received.len());
        for (place, message) in received.into_iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(place.to_string())
                .receipt_handle(message.receipt_handle.context("a message came without a receipt")?)
                .build()?;
            entries.push(entry);
        }
        if entries.is_empty() {
            continue;
        }
        let delete = client.delete_message_batch().queue_url(&url).set_entries(Some(entries));
        let output = delete.send().await.context("deleting")?;
        if let Some(failed) = output.failed.first() {
            bail!("the queue did not delete a message: {}", failed.code);
        }
        deleted.fetch_add(output.successful.len(), Ordering::Relaxed);
    }
    Ok(())
}
