//! Events from an SQS queue.

mod failure;
mod origin;

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, environment::EnvironmentVariableRegionProvider,
    meta::region::RegionProviderChain, profile::ProfileFileRegionProvider, timeout::TimeoutConfig,
};
use aws_sdk_sqs::{
    Client,
    config::{Builder, Credentials, ProvideCredentials, SharedCredentialsProvider},
    types::{DeleteMessageBatchRequestEntry, Message},
};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::{Feed, FeedError, Received};
use failure::{Failure, causes};
use origin::Origin;

/// Messages of one receive, and entries of one delete, at most: SQS's own limit.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
const CALL_MESSAGES_MAX: usize = 10;

/// How long SQS may hold a receive open, at most and here.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
const LONG_POLL_S: i32 = 20;

/// The same while draining: long enough for SQS to ask all of its servers, short enough to end soon.
const DRAIN_POLL_S: i32 = 5;

/// A drain ends after so many long polls without a message.
const DRAIN_EMPTY_POLLS: u32 = 2;

/// Calls under way at once.
const CALLS_MAX: usize = 8;

/// How long receives are gathered into one batch. Well below the visibility timeout, which is 30 s by default
/// and within which the batch must be stored and deleted.
const GATHER: Duration = Duration::from_secs(1);

/// Bytes of a batch's bodies beyond which no more are gathered. Events have some KB each; messages that SQS may
/// carry have up to 1 MiB, and hundreds of those at once would be much.
const GATHER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long an answer may take, beyond the time that SQS may hold a receive open.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long credentials may take: a role's come over the network, a program's may ask another service.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(15);

/// How often the deletes that failed are tried again, and the first pause before that.
const DELETE_TRIES_MAX: u32 = 5;
const DELETE_PAUSE: Duration = Duration::from_millis(100);

/// The first pause and the longest one before a receive is tried again. A queue that has never answered is given
/// up when the longest is reached: its URL is wrong, as a rule.
const RECEIVE_PAUSE_MIN: Duration = Duration::from_millis(500);
const RECEIVE_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Which queue, and how to reach it.
#[derive(Clone, Debug, Default)]
pub struct QueueOptions {
    /// The queue's URL.
    pub queue_url: String,
    /// The service's address, where it is not AWS's own.
    pub endpoint_url: Option<String>,
    /// The region, where it is not the one in the queue's URL.
    pub region: Option<String>,
    /// End when the queue has nothing more to hand out: after two long polls without a message. Messages that are
    /// in flight elsewhere, at another poller or at one that was killed, are not waited for; they come back to the
    /// queue when their visibility timeout runs out.
    pub drain: bool,
}

/// Options that lead to no queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueueOptionsError {
    /// Not a URL.
    #[error(
        "`{0}` is no queue URL; it looks like https://sqs.eu-central-1.amazonaws.com/123456789012/ses-events"
    )]
    QueueUrl(String),
    /// Not a URL.
    #[error("`{0}` is no endpoint URL; it looks like http://127.0.0.1:4566")]
    EndpointUrl(String),
}

/// An SQS queue.
pub struct SqsFeed {
    client: Client,
    queue_url: String,
    drain: bool,
    poll_s: i32,
    empty_polls: u32,
    /// Where credentials come from, until they were seen to come.
    unchecked: Option<SharedCredentialsProvider>,
    /// Whether the queue ever gave an answer.
    answered: bool,
}

impl SqsFeed {
    /// Makes the client. Credentials come from where every AWS program takes them: environment, profile,
    /// container or instance; a server on this machine gets made-up ones if the environment has none. The queue is
    /// asked for the first time by the first receive.
    ///
    /// # Errors
    ///
    /// When a URL is none.
    pub async fn open(options: &QueueOptions) -> Result<Self, QueueOptionsError> {
        let queue = Origin::of(&options.queue_url)
            .ok_or_else(|| QueueOptionsError::QueueUrl(options.queue_url.clone()))?;
        let endpoint = match &options.endpoint_url {
            Some(url) => Some(Origin::of(url).ok_or_else(|| QueueOptionsError::EndpointUrl(url.clone()))?),
            None => queue.is_endpoint().then(|| queue.clone()),
        };
        let region = RegionProviderChain::first_try(options.region.clone().map(Region::new))
            .or_else(queue.region().map(Region::new))
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new());
        let region = match &endpoint {
            // A server that is not AWS does not care which, and is no reason to ask this machine's cloud.
            Some(endpoint) if !endpoint.is_aws() => region.or_else(Region::new("us-east-1")),
            _ => region.or_default_provider(),
        };
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
        if let Some(endpoint) = &endpoint {
            loader = loader.endpoint_url(&endpoint.url);
            if endpoint.is_loopback() && !has_credentials() {
                tracing::info!("no AWS credentials are set; a server on this machine gets made-up ones");
                loader =
                    loader.credentials_provider(Credentials::new("local", "local", None, None, "aftersend"));
            }
        }
        let config = loader.load().await;
        Ok(Self {
            client: Client::new(&config),
            queue_url: options.queue_url.clone(),
            drain: options.drain,
            poll_s: if options.drain { DRAIN_POLL_S } else { LONG_POLL_S },
            empty_polls: 0,
            unchecked: config.credentials_provider(),
            answered: false,
        })
    }

    async fn receive_once(&self, messages_max: usize, wait_s: i32) -> Result<Vec<Received<String>>, Failure> {
        let count = i32::try_from(messages_max.clamp(1, CALL_MESSAGES_MAX)).expect("between 1 and 10");
        let wait = Duration::from_secs(wait_s.unsigned_abs().into());
        let output = self
            .client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(count)
            .wait_time_seconds(wait_s)
            .customize()
            .config_override(answering_within(wait + ANSWER_TIMEOUT))
            .send()
            .await
            .map_err(|error| Failure::of(&self.queue_url, &error))?;
        Ok(output.messages.unwrap_or_default().into_iter().filter_map(received).collect())
    }

    /// The first receive of a batch. A poller outlives a queue that is away, if it was there before; a drain says
    /// so and ends.
    async fn first_receive(&mut self, messages_max: usize) -> Result<Vec<Received<String>>, FeedError> {
        if let Some(provider) = self.unchecked.take() {
            require_credentials(&self.queue_url, &provider).await?;
        }
        let mut pause = RECEIVE_PAUSE_MIN;
        loop {
            let failure = match self.receive_once(messages_max, self.poll_s).await {
                Ok(messages) => {
                    self.answered = true;
                    return Ok(messages);
                }
                Err(failure) => failure,
            };
            let given_up = !self.answered && pause >= RECEIVE_PAUSE_MAX;
            if self.drain || failure.lasting || given_up {
                return Err(FeedError::Queue(failure.sentence));
            }
            tracing::warn!(error = failure.sentence, "the queue does not answer; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RECEIVE_PAUSE_MAX);
        }
    }

    /// Adds what comes at once: a queue that has some messages has more, as a rule.
    async fn gather(&self, messages: &mut Vec<Received<String>>, messages_max: usize) {
        let began = Instant::now();
        let mut bytes: usize = messages.iter().map(|message| message.body.len()).sum();
        while messages.len() < messages_max && bytes < GATHER_BYTES_MAX && began.elapsed() < GATHER {
            let wanted = messages_max - messages.len();
            let calls = wanted.div_ceil(CALL_MESSAGES_MAX).min(CALLS_MAX);
            let more = join_all((0..calls).map(|_| self.receive_once(wanted / calls, 0))).await;
            let before = messages.len();
            // What one call can't get, the next batch's will: the messages at hand are stored first.
            messages.extend(more.into_iter().filter_map(Result::ok).flatten());
            if messages.len() == before {
                break;
            }
            bytes += messages[before..].iter().map(|message| message.body.len()).sum::<usize>();
        }
    }

    /// Deletes messages and returns those that are not deleted.
    async fn delete(&self, receipts: Vec<String>) -> Undeleted {
        let mut left = Undeleted::default();
        for calls in receipts.chunks(CALL_MESSAGES_MAX * CALLS_MAX) {
            let failed = join_all(calls.chunks(CALL_MESSAGES_MAX).map(|call| self.delete_once(call))).await;
            for undeleted in failed {
                left.receipts.extend(undeleted.receipts);
                left.failure = undeleted.failure.or(left.failure);
            }
        }
        left
    }

    /// One `DeleteMessageBatch`. It answers 200 even when entries fail: those are named in the answer.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>
    async fn delete_once(&self, receipts: &[String]) -> Undeleted {
        let entries = receipts.iter().enumerate().map(|(place, receipt)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(place.to_string())
                .receipt_handle(receipt)
                .build()
                .expect("an id and a receipt are all an entry needs")
        });
        let output = self
            .client
            .delete_message_batch()
            .queue_url(&self.queue_url)
            .set_entries(Some(entries.collect()))
            .customize()
            .config_override(answering_within(ANSWER_TIMEOUT))
            .send()
            .await;
        match output {
            Ok(output) => {
                // What the answer names as deleted is deleted; whatever it leaves out is not.
                let deleted: Vec<&str> = output.successful.iter().map(|entry| entry.id.as_str()).collect();
                let kept = |place: &usize| !deleted.contains(&place.to_string().as_str());
                let receipts =
                    (0..receipts.len()).filter(kept).map(|place| receipts[place].clone()).collect();
                let failure = output.failed.first().map(|entry| Failure {
                    sentence: format!(
                        "the queue {}: it did not delete a message ({})",
                        self.queue_url, entry.code
                    ),
                    lasting: false,
                });
                Undeleted { receipts, failure }
            }
            Err(error) => {
                let failure = Failure::of(&self.queue_url, &error);
                Undeleted { receipts: receipts.to_vec(), failure: Some(failure) }
            }
        }
    }
}

/// Messages that a delete has left in the queue, and why.
#[derive(Default)]
struct Undeleted {
    receipts: Vec<String>,
    failure: Option<Failure>,
}

impl Feed for SqsFeed {
    type Receipt = String;

    const NAME: &'static str = "sqs";

    async fn receive(&mut self, messages_max: usize) -> Result<Option<Vec<Received<String>>>, FeedError> {
        let mut messages = self.first_receive(messages_max).await?;
        if messages.is_empty() {
            self.empty_polls += 1;
            let over = self.drain && self.empty_polls >= DRAIN_EMPTY_POLLS;
            return Ok((!over).then_some(messages));
        }
        self.empty_polls = 0;
        self.gather(&mut messages, messages_max).await;
        Ok(Some(messages))
    }

    async fn acknowledge(&mut self, receipts: Vec<String>) -> Result<(), FeedError> {
        let mut left = Undeleted { receipts, failure: None };
        let mut pause = DELETE_PAUSE;
        for attempt in 1..=DELETE_TRIES_MAX {
            left = self.delete(left.receipts).await;
            if left.receipts.is_empty() {
                return Ok(());
            }
            // Going on would fetch the same messages for ever.
            if let Some(Failure { sentence, lasting: true }) = left.failure {
                return Err(FeedError::Queue(format!(
                    "messages are stored and can't be deleted: {sentence}"
                )));
            }
            if attempt < DELETE_TRIES_MAX {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        // They are stored; they will come again and be known then.
        tracing::warn!(
            messages = left.receipts.len(),
            error = left.failure.map(|failure| failure.sentence),
            "stored messages could not be deleted from the queue and will come again"
        );
        Ok(())
    }
}

/// A setting for one call.
fn answering_within(timeout: Duration) -> Builder {
    aws_sdk_sqs::Config::builder()
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(timeout).build())
}

/// Asks for credentials once, so that their absence is told as such, and not as a queue that can't be reached.
async fn require_credentials(queue_url: &str, provider: &SharedCredentialsProvider) -> Result<(), FeedError> {
    let reason = match tokio::time::timeout(CREDENTIALS_TIMEOUT, provider.provide_credentials()).await {
        Ok(Ok(_)) => return Ok(()),
        // The SDK lists what it has tried, a line each.
        Ok(Err(error)) => {
            causes(&error).lines().map(str::trim).collect::<Vec<_>>().join("; ").replace(":; ", ": ")
        }
        Err(_) => format!("none within {} s", CREDENTIALS_TIMEOUT.as_secs()),
    };
    Err(FeedError::Queue(format!(
        "the queue {queue_url}: there are no AWS credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, or give this machine a role ({reason})"
    )))
}

fn received(message: Message) -> Option<Received<String>> {
    let origin = format!("message {}", message.message_id.as_deref().unwrap_or("without an id"));
    let Some(receipt) = message.receipt_handle else {
        // Without a receipt it can't be deleted; with the next receive it will have one.
        tracing::warn!(origin, "the queue delivered a message without a receipt");
        return None;
    };
    let body = message.body.unwrap_or_default().into_bytes();
    Some(Received { body, origin, overlong_bytes: None, receipt })
}

fn has_credentials() -> bool {
    ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests;
