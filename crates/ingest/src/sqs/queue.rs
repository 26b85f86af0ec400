//! The calls to a queue, and what its answers mean.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::{
    Client,
    config::{Builder, ProvideCredentials, SharedCredentialsProvider},
    types::{
        ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, QueueAttributeName,
    },
};
use futures_util::{StreamExt as _, stream};
use tokio::{sync::OnceCell, time::Instant};

use super::{
    SqsReceipt,
    failure::{Failure, QueueAction, causes, is_passing},
};
use crate::Received;

/// Messages of one receive, and entries of one delete or change, at most: SQS's own limit.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
pub(super) const CALL_MESSAGES_MAX: usize = 10;

/// Calls of one poller that are under way at once.
pub(super) const CALLS_MAX: usize = 8;

/// How long an answer may take, beyond the time that SQS may hold a receive open.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a call may take, its repeats included, while messages at hand wait for it.
const GATHER_ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// How long credentials may take: a role's come over the network, a program's may ask another service.
pub(super) const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(15);

/// The visibility timeout that is asked for where the queue's own can't be read, or is none: SQS's default.
pub(super) const VISIBILITY_TIMEOUT_S: u32 = 30;

/// SQS hides a message for so long at most, counted from when it was received.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>
pub const VISIBILITY_TIMEOUT_S_MAX: u32 = 12 * 60 * 60;

/// A queue, as all its pollers share it.
pub(super) struct Queue {
    pub(super) client: Client,
    pub(super) url: String,
    pub(super) credentials: Option<SharedCredentialsProvider>,
    /// The profile that they are to come from, if not from wherever there are some.
    pub(super) profile: Option<String>,
    /// What the visibility timeout was set to for this program.
    pub(super) visibility_timeout_s: Option<u32>,
    /// The visibility timeout that all receives ask for, in seconds, once credentials were seen to come.
    pub(super) lease_s: OnceCell<u32>,
    /// Whether it was told that messages can't be kept.
    pub(super) told_unkept: AtomicBool,
    /// Whether the credentials may not keep them, so that it is of no use to try.
    pub(super) may_not_keep: AtomicBool,
}

/// How a receive waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// For the first message, so many seconds.
    Long(i32),
    /// Not at all: for what is there.
    Short,
}

/// Messages that a delete has left in the queue, and why.
#[derive(Default)]
pub(super) struct Undeleted {
    /// Those for which another try may do.
    pub(super) receipts: Vec<SqsReceipt>,
    /// Those for which it won't: their receipts are not valid any more.
    pub(super) expired: usize,
    pub(super) failure: Option<Failure>,
}

impl Queue {
    /// Finds out what receives need to know, once for all pollers.
    pub(super) async fn prepare(&self) -> Result<(), Failure> {
        self.lease_s.get_or_try_init(|| self.find_lease()).await.map(drop)
    }

    async fn find_lease(&self) -> Result<u32, Failure> {
        if let Some(provider) = &self.credentials {
            self.require_credentials(provider).await?;
        }
        match self.visibility_timeout_s {
            Some(seconds) => Ok(seconds),
            None => self.own_visibility_timeout().await,
        }
    }

    /// The queue's own visibility timeout: whoever made it chose how soon the messages of a poller that was killed
    /// come back. It takes a permission that nothing else needs, so that it does without.
    async fn own_visibility_timeout(&self) -> Result<u32, Failure> {
        let name = QueueAttributeName::VisibilityTimeout;
        let output = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(name.clone())
            .customize()
            .config_override(answering_within(ANSWER_TIMEOUT))
            .send()
            .await;
        let seconds = match output {
            Ok(output) => output.attributes().and_then(|attributes| attributes.get(&name)?.parse().ok()),
            Err(error) => match Failure::of(&self.url, QueueAction::GetAttributes, &error) {
                Failure { denied: true, sentence, .. } => {
                    tracing::debug!(
                        reason = sentence,
                        "the queue's visibility timeout can't be read; its receives ask for one"
                    );
                    None
                }
                failure => return Err(failure),
            },
        };
        // With a timeout of zero a message would be somebody else's before it is stored.
        Ok(seconds.filter(|&seconds| seconds > 0).unwrap_or(VISIBILITY_TIMEOUT_S))
    }

    /// Asks for credentials, so that their absence is told as such, and not as a queue that can't be reached.
    pub(super) async fn require_credentials(
        &self,
        provider: &SharedCredentialsProvider,
    ) -> Result<(), Failure> {
        let reason = match tokio::time::timeout(CREDENTIALS_TIMEOUT, provider.provide_credentials()).await {
            Ok(Ok(_)) => return Ok(()),
            // The SDK lists what it has tried, a line each.
            Ok(Err(error)) => {
                causes(&error).lines().map(str::trim).collect::<Vec<_>>().join("; ").replace(":; ", ": ")
            }
            Err(_) => format!("none within {} s", CREDENTIALS_TIMEOUT.as_secs()),
        };
        let missing = match &self.profile {
            Some(profile) => format!(
                "the profile {profile} gives no AWS credentials; correct it in ~/.aws/config or ~/.aws/credentials, or \
                 name another"
            ),
            None => "there are no AWS credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
                     or give this machine a role"
                .to_owned(),
        };
        Err(Failure::lasting(format!("the queue {}: {missing} ({reason})", self.url)))
    }

    /// The visibility timeout that receives ask for.
    pub(super) fn lease_s(&self) -> Option<u32> {
        self.lease_s.get().copied()
    }

    /// One `ReceiveMessage`.
    pub(super) async fn receive(
        &self,
        messages_max: usize,
        wait: Wait,
    ) -> Result<Vec<Received<SqsReceipt>>, Failure> {
        let count = i32::try_from(messages_max.clamp(1, CALL_MESSAGES_MAX)).expect("between 1 and 10");
        let (wait_s, timeouts) = match wait {
            Wait::Long(wait_s) => {
                let wait = Duration::from_secs(wait_s.unsigned_abs().into());
                (wait_s, answering_within(wait + ANSWER_TIMEOUT))
            }
            Wait::Short => (0, done_within(GATHER_ANSWER_TIMEOUT)),
        };
        let lease_s = self.lease_s().unwrap_or(VISIBILITY_TIMEOUT_S);
        let output = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(count)
            .wait_time_seconds(wait_s)
            .visibility_timeout(seconds(lease_s))
            .customize()
            .config_override(timeouts)
            .send()
            .await
            .map_err(|error| Failure::of(&self.url, QueueAction::Receive, &error))?;
        Ok(output.messages.unwrap_or_default().into_iter().filter_map(received).collect())
    }

    /// Deletes messages, as many calls at once as a poller may make.
    pub(super) async fn delete(&self, receipts: Vec<SqsReceipt>) -> Undeleted {
        let calls: Vec<Vec<SqsReceipt>> = in_calls(receipts);
        stream::iter(calls.into_iter().map(|call| self.delete_once(call)))
            .buffer_unordered(CALLS_MAX)
            .fold(Undeleted::default(), async |mut left, part| {
                left.receipts.extend(part.receipts);
                left.expired += part.expired;
                // A refusal that lasts is what there is to hear of.
                if left.failure.as_ref().is_none_or(|failure| !failure.lasting) {
                    left.failure = part.failure.or(left.failure);
                }
                left
            })
            .await
    }

    /// One `DeleteMessageBatch`. It answers 200 even when entries fail: those are named in the answer.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html>
    async fn delete_once(&self, receipts: Vec<SqsReceipt>) -> Undeleted {
        let entries = receipts.iter().enumerate().map(|(place, receipt)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(place.to_string())
                .receipt_handle(&receipt.handle)
                .build()
                .expect("an id and a receipt are all an entry needs")
        });
        let output = self
            .client
            .delete_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()))
            .customize()
            .config_override(answering_within(ANSWER_TIMEOUT))
            .send()
            .await;
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                let failure = Failure::of(&self.url, QueueAction::Delete, &error);
                return Undeleted { receipts, expired: 0, failure: Some(failure) };
            }
        };
        // What the answer names as deleted is deleted; whatever it leaves out is not.
        let deleted: HashSet<&str> = output.successful.iter().map(|entry| entry.id.as_str()).collect();
        let hopeless: HashSet<&str> = output
            .failed
            .iter()
            .filter(|entry| entry.sender_fault && !is_passing(&entry.code))
            .map(|entry| entry.id.as_str())
            .collect();
        let failure = output.failed.first().map(|entry| {
            Failure::passing(format!("the queue {}: it did not delete a message ({})", self.url, entry.code))
        });
        let mut left = Undeleted { failure, ..Undeleted::default() };
        for (place, receipt) in receipts.into_iter().enumerate() {
            let id = place.to_string();
            if hopeless.contains(id.as_str()) {
                left.expired += 1;
            } else if !deleted.contains(id.as_str()) {
                left.receipts.push(receipt);
            }
        }
        left
    }

    /// Hides messages from other pollers for another lease.
    pub(super) async fn keep(&self, receipts: Vec<&SqsReceipt>) {
        if self.may_not_keep.load(Ordering::Relaxed) {
            return;
        }
        let lease_s = self.lease_s().unwrap_or(VISIBILITY_TIMEOUT_S);
        let now = Instant::now();
        let changes = receipts.into_iter().filter_map(|receipt| {
            // Beyond that SQS would refuse: the message comes again, and is a repeat.
            let age_s = u32::try_from((now - receipt.received_at).as_secs()).unwrap_or(u32::MAX);
            let left_s = VISIBILITY_TIMEOUT_S_MAX.saturating_sub(age_s).saturating_sub(1);
            (left_s > 0).then_some((receipt.handle.clone(), lease_s.min(left_s)))
        });
        let calls = in_calls(changes);
        let failure = stream::iter(calls.into_iter().map(|call| self.change_visibility(call)))
            .buffer_unordered(CALLS_MAX)
            .fold(None, async |worst: Option<Failure>, failure| match worst {
                Some(worst) if worst.lasting => Some(worst),
                worst => failure.or(worst),
            })
            .await;
        let Some(failure) = failure else {
            self.told_unkept.store(false, Ordering::Relaxed);
            return;
        };
        if failure.lasting {
            self.may_not_keep.store(true, Ordering::Relaxed);
        }
        if !self.told_unkept.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                reason = failure.sentence,
                "messages that wait for the database can't be kept from other pollers; they come again, and are \
                 repeats then"
            );
        }
    }

    /// Makes messages visible to all pollers at once.
    pub(super) async fn release(&self, receipts: Vec<SqsReceipt>) {
        let calls = in_calls(receipts.into_iter().map(|receipt| (receipt.handle, 0)));
        let failures = stream::iter(calls.into_iter().map(|call| self.change_visibility(call)))
            .buffer_unordered(CALLS_MAX)
            // Not an async closure: with one, rustc 1.95 fails when it compiles incrementally.
            .filter_map(std::future::ready)
            .collect::<Vec<_>>()
            .await;
        if let Some(failure) = failures.first() {
            tracing::warn!(
                reason = failure.sentence,
                "messages could not be handed back; they come again when their visibility timeout runs out"
            );
        }
    }

    /// One `ChangeMessageVisibilityBatch`, which answers like a delete.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
    async fn change_visibility(&self, changes: Vec<(String, u32)>) -> Option<Failure> {
        let entries = changes.into_iter().enumerate().map(|(place, (handle, timeout_s))| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(place.to_string())
                .receipt_handle(handle)
                .visibility_timeout(seconds(timeout_s))
                .build()
                .expect("an id and a receipt are all an entry needs")
        });
        let output = self
            .client
            .change_message_visibility_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()))
            .customize()
            .config_override(done_within(GATHER_ANSWER_TIMEOUT))
            .send()
            .await;
        match output {
            Ok(output) => output.failed.first().map(|entry| {
                Failure::passing(format!(
                    "the queue {}: it did not change a message's visibility ({})",
                    self.url, entry.code
                ))
            }),
            Err(error) => Some(Failure::of(&self.url, QueueAction::ChangeVisibility, &error)),
        }
    }
}

/// Cuts entries into as many as one call takes.
fn in_calls<T>(entries: impl IntoIterator<Item = T>) -> Vec<Vec<T>> {
    let mut entries = entries.into_iter();
    std::iter::from_fn(|| {
        let call: Vec<T> = entries.by_ref().take(CALL_MESSAGES_MAX).collect();
        (!call.is_empty()).then_some(call)
    })
    .collect()
}

pub(super) fn seconds(seconds: u32) -> i32 {
    i32::try_from(seconds.min(VISIBILITY_TIMEOUT_S_MAX)).expect("twelve hours have few seconds")
}

/// A setting for one call: how long each try may take.
pub(super) fn answering_within(timeout: Duration) -> Builder {
    aws_sdk_sqs::Config::builder()
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(timeout).build())
}

/// A setting for one call: how long all its tries may take together.
pub(super) fn done_within(timeout: Duration) -> Builder {
    aws_sdk_sqs::Config::builder().timeout_config(TimeoutConfig::builder().operation_timeout(timeout).build())
}

fn received(message: Message) -> Option<Received<SqsReceipt>> {
    let origin = format!("message {}", message.message_id.as_deref().unwrap_or("without an id"));
    let Some(handle) = message.receipt_handle.filter(|handle| !handle.is_empty()) else {
        // Without a receipt it can't be deleted; with the next receive it will have one.
        tracing::warn!(origin, "the queue delivered a message without a receipt");
        return None;
    };
    let body = message.body.unwrap_or_default().into_bytes();
    let receipt = SqsReceipt { handle, received_at: Instant::now() };
    Some(Received { body, origin, overlong_bytes: None, receipt })
}
