//! A queue looked at from outside: its settings, its depth, and what the credentials may do there.
//!
//! Nothing here takes a message out of the queue, hides one or deletes one. What a policy allows is found out by calls
//! that have no effect when they are allowed: AWS refuses a call without permission as such, and one with a receipt
//! that is none for that reason.

use std::{collections::HashMap, time::Duration};

use aws_sdk_sqs::{
    operation::get_queue_attributes::GetQueueAttributesOutput,
    types::{
        ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, QueueAttributeName as Name,
    },
};
use serde::Deserialize;

use super::{
    QueueOptions, QueueOptionsError,
    failure::{Failure, QueueAction},
    queue::{ANSWER_TIMEOUT, Queue, VISIBILITY_TIMEOUT_S, done_within},
};

/// A receipt that no queue has given.
const NO_RECEIPT: &str = "aftersend-asks-whether-it-may";

/// How long one question may take, its repeats included.
const QUESTION_TIMEOUT: Duration = ANSWER_TIMEOUT;

/// What a queue, or the way to it, refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct QueueRefusal {
    /// What went wrong, on which queue, and what to do.
    pub sentence: String,
    /// Whether the credentials are good and may not do this.
    pub is_denied: bool,
}

impl From<Failure> for QueueRefusal {
    fn from(failure: Failure) -> Self {
        Self { sentence: failure.sentence, is_denied: failure.denied }
    }
}

/// How many messages a queue holds: approximate, as SQS says, for up to a minute after senders have paused.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Messages that the next receive may get.
    pub waiting: u64,
    /// Messages that were received, and neither deleted nor visible again.
    pub in_flight: u64,
    /// Messages that may not be received yet.
    pub delayed: u64,
}

/// Whether the credentials may make a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// They may.
    Granted,
    /// They may not. The queue's refusal, which names what to grant.
    Denied(String),
    /// What was answered tells neither. Why.
    Unproven(String),
}

/// What protects messages that lie in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Nothing.
    None,
    /// SQS's own keys, which take no permission.
    Sqs,
    /// This key of AWS's key service, by its id, ARN or alias: receiving takes `kms:Decrypt` on it.
    Kms(String),
}

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// After so many receives without a delete. Nothing if the policy does not say it in a way that can be read.
    pub receives_max: Option<u32>,
    /// The queue that they go to.
    pub dead_letters: DeadLetterQueue,
}

/// A dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterQueue {
    /// Its ARN.
    pub arn: String,
    /// Its URL.
    pub url: String,
    /// What it holds and for how many seconds it keeps it, or why that can't be told.
    pub holds: Result<(QueueDepth, Option<u32>), QueueRefusal>,
}

/// How a queue is set. An attribute that the server does not have is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// For how long a received message is hidden where the receive does not say, in seconds.
    pub visibility_timeout_s: Option<u32>,
    /// For how long a message is kept, in seconds.
    pub retention_s: Option<u32>,
    /// The longest message, in bytes.
    pub message_bytes_max: Option<u64>,
    /// For how long a receive that does not say is held open, in seconds.
    pub long_poll_s: Option<u32>,
    /// For how long a new message is held back, in seconds.
    pub delay_s: Option<u32>,
    /// What protects its messages.
    pub encryption: Encryption,
    /// Whether it keeps messages in order.
    pub is_fifo: bool,
    /// Where messages go that were received too often.
    pub redrive: Option<Redrive>,
}

/// What was found out about a queue that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueFindings {
    /// How it is set and what it holds, or the refusal to tell.
    pub settings: Result<(QueueSettings, QueueDepth), QueueRefusal>,
    /// Whether the credentials may receive.
    pub may_receive: Permission,
    /// Whether they may delete.
    pub may_delete: Permission,
    /// Whether they may change how long a message is hidden.
    pub may_change_visibility: Permission,
}

/// Looks at a queue.
pub struct QueueInspector {
    queue: Queue,
}

impl QueueInspector {
    /// Makes the client, as the queue's pollers do. Asks nobody.
    ///
    /// # Errors
    ///
    /// [`QueueOptionsError`] for what is no URL, or can't be meant.
    pub async fn open(options: &QueueOptions) -> Result<Self, QueueOptionsError> {
        Ok(Self { queue: Queue::open(options).await? })
    }

    /// What the queue holds. Takes `sqs:GetQueueAttributes`.
    ///
    /// # Errors
    ///
    /// When the queue refuses, does not answer within some seconds, or there are no credentials.
    pub async fn depth(&self) -> Result<QueueDepth, QueueRefusal> {
        self.require_credentials().await?;
        let names = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
        ];
        Ok(self.attributes(&self.queue.url, &names).await?.depth())
    }

    /// Everything that can be found out.
    ///
    /// Whether messages can be received is found out for certain only by receiving one, which counts: a queue hands a
    /// message that was received too often to its dead-letter queue. With `receive` that is done, with one message, which
    /// is visible again at once. Without it a receive of no message at all is asked for; it is refused for the lack of
    /// permission, or for its number, which does not prove that there is one.
    ///
    /// # Errors
    ///
    /// When nothing can be said of the queue: it is not there or can't be reached, or AWS does not know the credentials.
    pub async fn inspect(&self, receive: bool) -> Result<QueueFindings, QueueRefusal> {
        self.require_credentials().await?;
        let settings = match self.attributes(&self.queue.url, &[Name::All]).await {
            Ok(attributes) => Ok((self.settings(&attributes).await, attributes.depth())),
            Err(failure) if failure.denied => Err(failure.into()),
            Err(failure) => return Err(failure.into()),
        };
        Ok(QueueFindings {
            settings,
            may_receive: if receive { self.receive_one().await? } else { self.receive_none().await? },
            may_delete: permission(self.delete_nothing().await)?,
            may_change_visibility: permission(self.change_nothing().await)?,
        })
    }

    async fn require_credentials(&self) -> Result<(), Failure> {
        match &self.queue.credentials {
            Some(provider) => self.queue.require_credentials(provider).await,
            None => Ok(()),
        }
    }

    async fn attributes(&self, url: &str, names: &[Name]) -> Result<Attributes, Failure> {
        let output = self
            .queue
            .client
            .get_queue_attributes()
            .queue_url(url)
            .set_attribute_names(Some(names.to_vec()))
            .customize()
            .config_override(done_within(QUESTION_TIMEOUT))
            .send()
            .await;
        let output = output.map_err(|error| Failure::of(url, QueueAction::GetAttributes, &error))?;
        Ok(Attributes::of(output))
    }

    async fn settings(&self, attributes: &Attributes) -> QueueSettings {
        let encryption = match attributes.text(&Name::KmsMasterKeyId) {
            Some(key) if !key.is_empty() => Encryption::Kms(key.to_owned()),
            _ if attributes.text(&Name::SqsManagedSseEnabled) == Some("true") => Encryption::Sqs,
            _ => Encryption::None,
        };
        let redrive = match attributes.redrive() {
            Some((arn, receives_max)) => {
                Some(Redrive { receives_max, dead_letters: self.dead_letters(arn).await })
            }
            None => None,
        };
        QueueSettings {
            visibility_timeout_s: attributes.number(&Name::VisibilityTimeout),
            retention_s: attributes.number(&Name::MessageRetentionPeriod),
            message_bytes_max: attributes.number(&Name::MaximumMessageSize),
            long_poll_s: attributes.number(&Name::ReceiveMessageWaitTimeSeconds),
            delay_s: attributes.number(&Name::DelaySeconds),
            encryption,
            is_fifo: attributes.text(&Name::FifoQueue) == Some("true"),
            redrive,
        }
    }

    async fn dead_letters(&self, arn: String) -> DeadLetterQueue {
        let url = url_beside(&self.queue.url, &arn);
        let holds = match self.attributes(&url, &[Name::All]).await {
            Ok(attributes) => Ok((attributes.depth(), attributes.number(&Name::MessageRetentionPeriod))),
            Err(failure) => Err(failure.into()),
        };
        DeadLetterQueue { arn, url, holds }
    }

    /// A receive of one message that is visible again at once.
    async fn receive_one(&self) -> Result<Permission, QueueRefusal> {
        permission(self.receive(1).await)
    }

    /// A receive of no message, which no queue takes.
    async fn receive_none(&self) -> Result<Permission, QueueRefusal> {
        match self.receive(0).await {
            Ok(()) => Ok(Permission::Granted),
            Err(failure) if failure.denied => Ok(Permission::Denied(failure.sentence)),
            // The number, as a rule. Whether that is looked at before the permission, AWS does not say.
            Err(_) => Ok(Permission::Unproven("only a receive proves it, and that counts".to_owned())),
        }
    }

    async fn receive(&self, count: i32) -> Result<(), Failure> {
        let asked = self
            .queue
            .client
            .receive_message()
            .queue_url(&self.queue.url)
            .max_number_of_messages(count)
            .wait_time_seconds(0)
            .visibility_timeout(0)
            .customize()
            .config_override(done_within(QUESTION_TIMEOUT))
            .send()
            .await;
        asked.map(drop).map_err(|error| Failure::of(&self.queue.url, QueueAction::Receive, &error))
    }

    async fn delete_nothing(&self) -> Result<(), Failure> {
        let entry = DeleteMessageBatchRequestEntry::builder().id("0").receipt_handle(NO_RECEIPT).build();
        let asked = self
            .queue
            .client
            .delete_message_batch()
            .queue_url(&self.queue.url)
            .entries(entry.expect("an id and a receipt are all an entry needs"))
            .customize()
            .config_override(done_within(QUESTION_TIMEOUT))
            .send()
            .await;
        asked.map(drop).map_err(|error| Failure::of(&self.queue.url, QueueAction::Delete, &error))
    }

    async fn change_nothing(&self) -> Result<(), Failure> {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
            .id("0")
            .receipt_handle(NO_RECEIPT)
            .visibility_timeout(super::queue::seconds(VISIBILITY_TIMEOUT_S))
            .build();
        let asked = self
            .queue
            .client
            .change_message_visibility_batch()
            .queue_url(&self.queue.url)
            .entries(entry.expect("an id and a receipt are all an entry needs"))
            .customize()
            .config_override(done_within(QUESTION_TIMEOUT))
            .send()
            .await;
        asked.map(drop).map_err(|error| Failure::of(&self.queue.url, QueueAction::ChangeVisibility, &error))
    }
}

/// What the answer to a question without effect says. That the receipt is none is said in the answer, entry by entry.
fn permission(asked: Result<(), Failure>) -> Result<Permission, QueueRefusal> {
    match asked {
        Ok(()) => Ok(Permission::Granted),
        Err(failure) if failure.denied => Ok(Permission::Denied(failure.sentence)),
        Err(failure) if failure.lasting => Err(failure.into()),
        Err(failure) => Ok(Permission::Unproven(failure.sentence)),
    }
}

/// A queue's attributes as SQS gives them: texts.
struct Attributes(HashMap<Name, String>);

impl Attributes {
    fn of(output: GetQueueAttributesOutput) -> Self {
        Self(output.attributes.unwrap_or_default())
    }

    fn text(&self, name: &Name) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number<T: std::str::FromStr>(&self, name: &Name) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    fn depth(&self) -> QueueDepth {
        let count = |name| self.number(&name).unwrap_or_default();
        QueueDepth {
            waiting: count(Name::ApproximateNumberOfMessages),
            in_flight: count(Name::ApproximateNumberOfMessagesNotVisible),
            delayed: count(Name::ApproximateNumberOfMessagesDelayed),
        }
    }

    /// The dead-letter queue's ARN, and after how many receives a message goes there.
    fn redrive(&self) -> Option<(String, Option<u32>)> {
        let policy: RedrivePolicy = serde_json::from_str(self.text(&Name::RedrivePolicy)?).ok()?;
        Some((policy.arn?, policy.receives_max.and_then(Count::number)))
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[derive(Deserialize)]
struct RedrivePolicy {
    #[serde(rename = "deadLetterTargetArn")]
    arn: Option<String>,
    #[serde(rename = "maxReceiveCount")]
    receives_max: Option<Count>,
}

/// SQS gives back what it was given: a number, or its digits.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u32),
    Digits(String),
}

impl Count {
    fn number(self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(number),
            Self::Digits(digits) => digits.parse().ok(),
        }
    }
}

/// The URL of a queue in the same account and region as another one, which a dead-letter queue is. To ask for it would
/// take one more permission.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>
fn url_beside(url: &str, arn: &str) -> String {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    match url.trim_end_matches('/').rsplit_once('/') {
        Some((place, _)) => format!("{place}/{name}"),
        None => name.to_owned(),
    }
}
