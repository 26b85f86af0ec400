//! Events from an SQS queue.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, meta::region::RegionProviderChain};
use aws_sdk_sqs::{
    Client,
    config::Credentials,
    error::{DisplayErrorContext, ProvideErrorMetadata},
    types::{DeleteMessageBatchRequestEntry, Message},
};
use futures_util::future::join_all;
use tokio::time::Instant;

use crate::{Feed, FeedError, Received};

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

/// How often the deletes that failed are tried again, and the first pause before that.
const DELETE_TRIES_MAX: u32 = 5;
const DELETE_PAUSE: Duration = Duration::from_millis(100);

/// How often a receive is tried while the queue is away, and the longest pause between.
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
    /// End when the queue is empty.
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
    empty_polls: u32,
}

impl SqsFeed {
    /// Makes the client. Credentials come from where every AWS program takes them: environment, profile,
    /// container or instance. The queue is asked for the first time by the first receive.
    ///
    /// # Errors
    ///
    /// When a URL is none.
    pub async fn open(options: &QueueOptions) -> Result<Self, QueueOptionsError> {
        let queue = Origin::of(&options.queue_url)
            .ok_or_else(|| QueueOptionsError::QueueUrl(options.queue_url.clone()))?;
        let endpoint = match &options.endpoint_url {
            Some(url) => Some(Origin::of(url).ok_or_else(|| QueueOptionsError::EndpointUrl(url.clone()))?),
            // A queue that is not at AWS answers where its URL says.
            None => (!queue.is_aws()).then(|| queue.clone()),
        };
        let region = RegionProviderChain::first_try(options.region.clone().map(Region::new))
            .or_else(queue.region().map(Region::new))
            .or_default_provider()
            // A server that is not AWS does not care which.
            .or_else(Region::new("us-east-1"));
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
        if let Some(endpoint) = &endpoint {
            loader = loader.endpoint_url(&endpoint.url);
            if endpoint.is_loopback() && !has_credentials() {
                tracing::info!("no AWS credentials are set; a server on this machine gets made-up ones");
                loader =
                    loader.credentials_provider(Credentials::new("local", "local", None, None, "aftersend"));
            }
        }
        let client = Client::new(&loader.load().await);
        Ok(Self { client, queue_url: options.queue_url.clone(), drain: options.drain, empty_polls: 0 })
    }

    async fn receive_once(
        &self,
        messages_max: usize,
        wait_s: i32,
    ) -> Result<Vec<Received<String>>, FeedError> {
        let count = i32::try_from(messages_max.clamp(1, CALL_MESSAGES_MAX)).expect("between 1 and 10");
        let output = self
            .client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(count)
            .wait_time_seconds(wait_s)
            .send()
            .await
            .map_err(|error| FeedError::Queue(explain(&self.queue_url, &error)))?;
        Ok(output.messages.unwrap_or_default().into_iter().filter_map(received).collect())
    }

    /// The first receive of a batch. A poller outlives a queue that is away for a while; a drain says so and ends.
    async fn first_receive(&self, messages_max: usize) -> Result<Vec<Received<String>>, FeedError> {
        if self.drain {
            return self.receive_once(messages_max, DRAIN_POLL_S).await;
        }
        let mut pause = Duration::from_millis(500);
        loop {
            match self.receive_once(messages_max, LONG_POLL_S).await {
                Err(error) if pause < RECEIVE_PAUSE_MAX => {
                    tracing::warn!(%error, "the queue does not answer; trying again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                result => return result,
            }
        }
    }

    /// Deletes messages and returns the receipts of those that are not deleted.
    async fn delete(&self, receipts: Vec<String>) -> Vec<String> {
        let mut left = Vec::new();
        for calls in receipts.chunks(CALL_MESSAGES_MAX * CALLS_MAX) {
            let failed = join_all(calls.chunks(CALL_MESSAGES_MAX).map(|call| self.delete_once(call))).await;
            left.extend(failed.into_iter().flatten());
        }
        left
    }

    /// One `DeleteMessageBatch`. It answers 200 even when entries fail: those are named in the answer.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>
    async fn delete_once(&self, receipts: &[String]) -> Vec<String> {
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
            .send()
            .await;
        match output {
            Ok(output) => {
                // What the answer names as deleted is deleted; whatever it leaves out is not.
                let deleted: Vec<&str> = output.successful.iter().map(|entry| entry.id.as_str()).collect();
                let kept = |place: &usize| !deleted.contains(&place.to_string().as_str());
                (0..receipts.len()).filter(kept).map(|place| receipts[place].clone()).collect()
            }
            Err(error) => {
                tracing::debug!(error = explain(&self.queue_url, &error), "a delete failed");
                receipts.to_vec()
            }
        }
    }
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
        // A queue that has some has more, as a rule: what comes at once belongs to the same batch.
        let began = Instant::now();
        while messages.len() < messages_max && began.elapsed() < GATHER {
            let wanted = messages_max - messages.len();
            let calls = wanted.div_ceil(CALL_MESSAGES_MAX).min(CALLS_MAX);
            let more = join_all((0..calls).map(|_| self.receive_once(wanted / calls, 0))).await;
            let before = messages.len();
            // What one call can't get, the next batch's will: the messages at hand are stored first.
            messages.extend(more.into_iter().filter_map(Result::ok).flatten());
            if messages.len() == before {
                break;
            }
        }
        Ok(Some(messages))
    }

    async fn acknowledge(&mut self, receipts: Vec<String>) -> Result<(), FeedError> {
        let mut left = receipts;
        let mut pause = DELETE_PAUSE;
        for attempt in 1..=DELETE_TRIES_MAX {
            left = self.delete(left).await;
            if left.is_empty() {
                return Ok(());
            }
            if attempt < DELETE_TRIES_MAX {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        // They are stored; they will come again and be known then.
        tracing::warn!(
            messages = left.len(),
            "stored messages could not be deleted from the queue and will come again"
        );
        Ok(())
    }
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

/// What a person can do about a failed call.
fn explain<E, R>(queue_url: &str, error: &aws_sdk_sqs::error::SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let advice = match error.code().unwrap_or_default() {
        code if code.contains("NonExistentQueue") || code.contains("QueueDoesNotExist") => {
            "there is no such queue; check the URL, its region and its account"
        }
        "AccessDenied" | "AccessDeniedException" => {
            "the credentials may not use it; grant sqs:ReceiveMessage and sqs:DeleteMessage"
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" | "ExpiredToken" => {
            "AWS does not know the credentials; check AWS_PROFILE or AWS_ACCESS_KEY_ID"
        }
        _ => match error {
            aws_sdk_sqs::error::SdkError::DispatchFailure(_) => {
                "it can't be reached, or there are no credentials; check the network, --endpoint-url and AWS_PROFILE"
            }
            aws_sdk_sqs::error::SdkError::TimeoutError(_) => "it does not answer in time",
            _ => "it answered with an error",
        },
    };
    format!("the queue {queue_url}: {advice} ({})", DisplayErrorContext(error))
}

fn has_credentials() -> bool {
    ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Scheme, host and port of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    url: String,
    host: String,
}

impl Origin {
    fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        let authority = rest.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())?;
        let host = match authority.strip_prefix('[') {
            Some(address) => address.split_once(']')?.0,
            None => authority.split(':').next()?,
        };
        Some(Self { url: format!("{scheme}://{authority}"), host: host.to_ascii_lowercase() })
    }

    fn is_aws(&self) -> bool {
        self.host.ends_with(".amazonaws.com") || self.host.ends_with(".amazonaws.com.cn")
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The region in a queue's URL: `sqs.<region>.amazonaws.com`, or the older `<region>.queue.amazonaws.com`.
    fn region(&self) -> Option<String> {
        let mut parts = self.host.split('.');
        match (parts.next()?, parts.next()?) {
            ("sqs" | "sqs-fips", region) if self.is_aws() => Some(region.to_owned()),
            (region, "queue") if self.is_aws() => Some(region.to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
