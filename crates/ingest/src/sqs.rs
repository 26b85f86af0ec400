//! Events from an SQS queue.

mod failure;
mod inspect;
mod origin;
mod queue;

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use aftersend_event::limits::MESSAGE_BYTES_MAX;
use aws_config::{
    BehaviorVersion, Region,
    environment::EnvironmentVariableRegionProvider,
    meta::region::RegionProviderChain,
    profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider},
    provider_config::ProviderConfig,
};
use aws_sdk_sqs::{Client, config::Credentials};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{sync::OnceCell, time::Instant};

use crate::{Feed, FeedError, Received};
use failure::Failure;
use origin::Origin;
use queue::{CALL_MESSAGES_MAX, CALLS_MAX, Queue, Undeleted, Wait};

pub use failure::QueueAction;
pub use inspect::{
    DeadLetterQueue, Encryption, Permission, QueueDepth, QueueFindings, QueueInspector, QueueRefusal,
    QueueSettings, Redrive,
};
pub use queue::VISIBILITY_TIMEOUT_S_MAX;

/// Pollers of a queue unless told otherwise. A poller spends about as much time with receiving and deleting as with
/// storing, so that two keep one connection of the database busy; the third makes up for batches that differ, and a
/// fourth would mostly wait for the locks of the others.
pub const POLLERS_DEFAULT: NonZeroUsize = NonZeroUsize::new(3).expect("three are some");

/// Pollers of a queue at most: as many as a store has connections for storing.
pub const POLLERS_MAX: usize = 8;

/// How long SQS may hold a receive open, at most and here.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
const LONG_POLL_S: i32 = 20;

/// The same for a poller's first receive: whether a queue answers is to be known soon, also where it is empty.
const FIRST_POLL_S: i32 = 1;

/// The same while draining: long enough for SQS to ask all of its servers, short enough to end soon.
const DRAIN_POLL_S: i32 = 5;

/// A drain ends after so many long polls of each poller without a message.
const DRAIN_EMPTY_POLLS: u32 = 2;

/// How long receives are gathered into one batch, at most. While a queue has more than a batch it takes less; what
/// comes late waits for the next batch.
const GATHER_MAX: Duration = Duration::from_millis(500);

/// The part of a lease that gathering may take: the batch is to be stored and deleted within the rest.
const GATHER_LEASE_PART: u32 = 4;

/// Bytes of bodies that all pollers of a queue together gather: each asks for no more beyond its part. Events have
/// some KB each; messages that SQS may carry have up to 1 MiB, and hundreds of those at once would be much: each is in
/// memory several times while it is received and stored.
const GATHER_BYTES_MAX: usize = 12 * 1024 * 1024;

/// How long messages are taken to be before one has come: as long as SQS lets them be. So a poller begins with few.
const MESSAGE_BYTES_GUESS: usize = MESSAGE_BYTES_MAX;

/// How often the deletes that failed are tried again, and the first pause before that.
const DELETE_TRIES_MAX: u32 = 5;
const DELETE_PAUSE: Duration = Duration::from_millis(100);

/// Which queue, and how to reach it.
#[derive(Clone, Debug, Default)]
pub struct QueueOptions {
    /// The queue's URL.
    pub queue_url: String,
    /// The service's address, where it is not AWS's own.
    pub endpoint_url: Option<String>,
    /// The region, where it is not the one in the queue's URL.
    pub region: Option<String>,
    /// The profile of AWS's shared files that has the credentials, and the region where nothing else tells it. It goes
    /// before credentials in the environment, which are taken where no profile is given.
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>
    pub profile: Option<String>,
    /// For how many seconds a message is hidden from other pollers when it was received, and again each time that it
    /// is kept: from 1 to 43,200. The queue's own visibility timeout if nothing is said, or 30 where that can't be read
    /// for lack of `sqs:GetQueueAttributes`. So long it takes until messages of a poller that was killed come back.
    pub visibility_timeout_s: Option<u32>,
    /// End when the queue has nothing more to hand out: after two long polls of each poller without a message.
    /// Messages that are in flight elsewhere, at another program's poller or at one that was killed, are not waited
    /// for; they come back to the queue when their visibility timeout runs out.
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
    /// The region is not the queue's.
    #[error("the queue {queue_url} is in {of_url}, not in {given}; leave the region out, or correct the URL")]
    Region {
        /// The queue's URL.
        queue_url: String,
        /// The region in it.
        of_url: String,
        /// The region that was given.
        given: String,
    },
    /// SQS hides no message for so long.
    #[error(
        "a visibility timeout of {0} s is none; it has from 1 to {max} s",
        max = VISIBILITY_TIMEOUT_S_MAX
    )]
    VisibilityTimeout(u32),
}

/// What names a received message to the queue.
#[derive(Clone, Debug)]
pub struct SqsReceipt {
    handle: String,
    received_at: Instant,
}

/// One poller's way to an SQS queue.
pub struct SqsFeed {
    queue: Arc<Queue>,
    poll_s: i32,
    /// Whether the queue has answered this poller.
    heard: bool,
    drain: Option<Drain>,
    /// What has arrived and was not handed over.
    gathered: Vec<Received<SqsReceipt>>,
    /// How many bytes a batch may have before no more are asked for.
    gather_bytes_max: usize,
    /// How long the next messages may be: the longest of the last answer, or half of what was taken before.
    message_bytes: usize,
}

/// How far the pollers of a drain are: long polls without a message, one after the other, for each of them.
#[derive(Clone)]
struct Drain {
    empty_polls: Arc<Mutex<Vec<u32>>>,
    place: usize,
}

/// In the place of a poller that has ended.
const ENDED: u32 = u32::MAX;

impl Default for Drain {
    /// Of a single poller.
    fn default() -> Self {
        Self { empty_polls: Arc::new(Mutex::new(vec![0])), place: 0 }
    }
}

impl Drain {
    /// A poller has got nothing. Returns whether that goes for all of them, so that it has ended.
    fn got_nothing(&self) -> bool {
        let mut empty_polls = self.empty_polls.lock().unwrap_or_else(PoisonError::into_inner);
        empty_polls[self.place] += 1;
        let is_over = empty_polls.iter().all(|&polls| polls >= DRAIN_EMPTY_POLLS);
        if is_over {
            empty_polls[self.place] = ENDED;
        }
        is_over
    }

    /// A poller has got messages: there may be more for the others, too, as far as they are still there.
    fn got_messages(&self) {
        let mut empty_polls = self.empty_polls.lock().unwrap_or_else(PoisonError::into_inner);
        for polls in empty_polls.iter_mut().filter(|polls| **polls != ENDED) {
            *polls = 0;
        }
    }
}

impl SqsFeed {
    /// Makes the client, and pollers that share it. Credentials come from where every AWS program takes them:
    /// environment, profile, container or instance; a server on this machine gets made-up ones if the environment has
    /// none. The queue is asked for the first time by the first receive.
    ///
    /// # Errors
    ///
    /// [`QueueOptionsError`] for what is no URL, or can't be meant.
    pub async fn open_pollers(
        options: &QueueOptions,
        pollers: NonZeroUsize,
    ) -> Result<Vec<Self>, QueueOptionsError> {
        let queue = Arc::new(Queue::open(options).await?);
        let empty_polls = Arc::new(Mutex::new(vec![0; pollers.get()]));
        let drain = |place| options.drain.then(|| Drain { empty_polls: empty_polls.clone(), place });
        let poller = |place| Self {
            gather_bytes_max: GATHER_BYTES_MAX / pollers.get(),
            ..Self::new(queue.clone(), drain(place))
        };
        Ok((0..pollers.get()).map(poller).collect())
    }

    /// A single poller.
    ///
    /// # Errors
    ///
    /// Those of [`open_pollers`](Self::open_pollers).
    pub async fn open(options: &QueueOptions) -> Result<Self, QueueOptionsError> {
        let queue = Arc::new(Queue::open(options).await?);
        Ok(Self::new(queue, options.drain.then(Drain::default)))
    }

    fn new(queue: Arc<Queue>, drain: Option<Drain>) -> Self {
        Self {
            queue,
            heard: false,
            poll_s: if drain.is_some() { DRAIN_POLL_S } else { LONG_POLL_S },
            drain,
            gathered: Vec::new(),
            gather_bytes_max: GATHER_BYTES_MAX,
            message_bytes: MESSAGE_BYTES_GUESS,
        }
    }

    /// Takes what an answer brought.
    fn take(&mut self, messages: Vec<Received<SqsReceipt>>) {
        let longest = messages.iter().map(|message| message.body.len()).max().unwrap_or_default();
        self.message_bytes = longest.max(self.message_bytes / 2).max(1);
        self.gathered.extend(messages);
    }

    /// How many messages a batch has room for, by their number and by how long they may be.
    fn room(&self, messages_max: usize) -> usize {
        let bytes: usize = self.gathered.iter().map(|message| message.body.len()).sum();
        let by_bytes = self.gather_bytes_max.saturating_sub(bytes) / self.message_bytes;
        messages_max.saturating_sub(self.gathered.len()).min(by_bytes)
    }

    /// Adds what comes at once: a queue that has some messages has more, as a rule. The more answers bring some, the
    /// more calls are under way; with a quiet queue it is one, and with a backlog as many as a poller may make.
    async fn gather(&mut self, messages_max: usize) {
        let limit = self.lease().map_or(GATHER_MAX, |lease| GATHER_MAX.min(lease / GATHER_LEASE_PART));
        let began = Instant::now();
        let queue = self.queue.clone();
        let mut calls = FuturesUnordered::new();
        let (mut width, mut asked, mut is_dry) = (1, 0, false);
        loop {
            let room = self.room(messages_max);
            while !is_dry && calls.len() < width && asked < room && began.elapsed() < limit {
                let count = (room - asked).min(CALL_MESSAGES_MAX);
                asked += count;
                let queue = &queue;
                calls.push(async move { (count, queue.receive(count, Wait::Short).await) });
            }
            let Some((count, answer)) = calls.next().await else { return };
            asked -= count;
            match answer {
                Ok(messages) if !messages.is_empty() => {
                    self.take(messages);
                    width = (width * 2).min(CALLS_MAX);
                }
                // What one call can't get, the next batch's will: the messages at hand are stored first.
                Ok(_) | Err(_) => is_dry = true,
            }
        }
    }
}

/// Where a queue is, and where its calls go if not to AWS's usual place.
struct Origins {
    queue: Origin,
    endpoint: Option<Origin>,
}

impl QueueOptions {
    /// Looks at the options without asking anybody.
    ///
    /// # Errors
    ///
    /// [`QueueOptionsError`] for what is no URL, or can't be meant.
    pub fn check(&self) -> Result<(), QueueOptionsError> {
        self.origins().map(drop)
    }

    /// Whether a text is the URL of an endpoint.
    ///
    /// # Errors
    ///
    /// [`QueueOptionsError::EndpointUrl`] if it is not.
    pub fn check_endpoint_url(text: &str) -> Result<(), QueueOptionsError> {
        Origin::of(text).map(drop).ok_or_else(|| QueueOptionsError::EndpointUrl(text.to_owned()))
    }

    /// The region in the queue's URL, where it has one.
    pub fn url_region(&self) -> Option<String> {
        Origin::of(&self.queue_url)?.region()
    }

    fn origins(&self) -> Result<Origins, QueueOptionsError> {
        let queue =
            Origin::of(&self.queue_url).ok_or_else(|| QueueOptionsError::QueueUrl(self.queue_url.clone()))?;
        let endpoint = match &self.endpoint_url {
            Some(url) => Some(Origin::of(url).ok_or_else(|| QueueOptionsError::EndpointUrl(url.clone()))?),
            None => queue.is_endpoint().then(|| queue.clone()),
        };
        if let (Some(of_url), Some(given), None) = (queue.region(), &self.region, &self.endpoint_url)
            && of_url != *given
        {
            // The SDK would ask the given region, where there is no such queue, or another one of that name.
            let (queue_url, given) = (self.queue_url.clone(), given.clone());
            return Err(QueueOptionsError::Region { queue_url, of_url, given });
        }
        if let Some(timeout_s) = self.visibility_timeout_s
            && !(1..=VISIBILITY_TIMEOUT_S_MAX).contains(&timeout_s)
        {
            return Err(QueueOptionsError::VisibilityTimeout(timeout_s));
        }
        Ok(Origins { queue, endpoint })
    }
}

/// The region as somebody has said it, the nearest first.
fn region(options: &QueueOptions, queue: &Origin) -> RegionProviderChain {
    let said = RegionProviderChain::first_try(options.region.clone().map(Region::new))
        .or_else(queue.region().map(Region::new));
    match &options.profile {
        Some(profile) => said
            .or_else(ProfileFileRegionProvider::builder().profile_name(profile).build())
            .or_else(EnvironmentVariableRegionProvider::new()),
        None => {
            said.or_else(EnvironmentVariableRegionProvider::new()).or_else(ProfileFileRegionProvider::new())
        }
    }
}

impl Queue {
    async fn open(options: &QueueOptions) -> Result<Self, QueueOptionsError> {
        let Origins { queue, endpoint } = options.origins()?;
        let region = region(options, &queue);
        let region = match &endpoint {
            // A server that is not AWS does not care which, and is no reason to ask this machine's cloud.
            Some(endpoint) if !endpoint.is_aws() => region.or_else(Region::new("us-east-1")),
            _ => region.or_default_provider(),
        };
        let region = region.region().await;
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region.clone());
        if let Some(endpoint) = &endpoint {
            loader = loader.endpoint_url(&endpoint.url);
        }
        if let Some(profile) = &options.profile {
            // The SDK's own search would look into the environment first, also for a profile that was chosen.
            let surroundings = ProviderConfig::without_region()
                .with_behavior_version(Some(BehaviorVersion::latest()))
                .with_region(region);
            let credentials = ProfileFileCredentialsProvider::builder()
                .configure(&surroundings)
                .profile_name(profile)
                .build();
            loader = loader.profile_name(profile).credentials_provider(credentials);
        } else if endpoint.is_some_and(|endpoint| endpoint.is_loopback()) && !has_credentials() {
            tracing::info!("no AWS credentials are set; a server on this machine gets made-up ones");
            loader = loader.credentials_provider(Credentials::new("local", "local", None, None, "aftersend"));
        }
        let config = loader.load().await;
        Ok(Self {
            client: Client::new(&config),
            url: options.queue_url.clone(),
            credentials: config.credentials_provider(),
            profile: options.profile.clone(),
            visibility_timeout_s: options.visibility_timeout_s,
            lease_s: OnceCell::new(),
            told_unkept: AtomicBool::new(false),
            may_not_keep: AtomicBool::new(false),
        })
    }
}

impl Feed for SqsFeed {
    type Receipt = SqsReceipt;

    const NAME: &'static str = "sqs";

    async fn receive(&mut self, messages_max: usize) -> Result<Option<Vec<Received<SqsReceipt>>>, FeedError> {
        if self.gathered.is_empty() {
            self.queue.prepare().await?;
            let count = self.room(messages_max).clamp(1, CALL_MESSAGES_MAX);
            // Those of a drain are counted, so that each of them has to be long.
            let is_long = self.heard || self.drain.is_some();
            let poll_s = if is_long { self.poll_s } else { self.poll_s.min(FIRST_POLL_S) };
            let messages = self.queue.receive(count, Wait::Long(poll_s)).await?;
            self.heard = true;
            if messages.is_empty() {
                let is_over = self.drain.as_ref().is_some_and(Drain::got_nothing);
                return Ok((!is_over).then_some(messages));
            }
            self.take(messages);
        }
        if let Some(drain) = &self.drain {
            drain.got_messages();
        }
        self.gather(messages_max).await;
        let count = messages_max.min(self.gathered.len());
        Ok(Some(self.gathered.drain(..count).collect()))
    }

    async fn acknowledge(&mut self, receipts: Vec<SqsReceipt>) -> Result<usize, FeedError> {
        let mut left = Undeleted { receipts, ..Undeleted::default() };
        let mut expired = 0;
        let mut pause = DELETE_PAUSE;
        for attempt in 1..=DELETE_TRIES_MAX {
            left = self.queue.delete(left.receipts).await;
            expired += left.expired;
            if left.receipts.is_empty() {
                break;
            }
            // Going on would fetch the same messages for ever.
            if let Some(Failure { sentence, lasting: true, .. }) = left.failure {
                return Err(FeedError::Queue(format!(
                    "messages are stored and can't be deleted: {sentence}"
                )));
            }
            if attempt < DELETE_TRIES_MAX {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        // Receipts that are not valid any more belong to messages that waited too long.
        let undeleted = left.receipts.len() + expired;
        if undeleted > 0 {
            tracing::warn!(
                messages = undeleted,
                expired,
                reason = left.failure.map(|failure| failure.sentence),
                "stored messages could not be deleted from the queue; they come again, and are repeats then"
            );
        }
        Ok(undeleted)
    }

    fn lease(&self) -> Option<Duration> {
        self.queue.lease_s().map(|seconds| Duration::from_secs(seconds.into()))
    }

    async fn keep(&mut self, messages: &[Received<SqsReceipt>]) {
        self.queue.keep(messages.iter().map(|message| &message.receipt).collect()).await;
    }

    async fn release(&mut self, mut receipts: Vec<SqsReceipt>) {
        receipts.extend(self.gathered.drain(..).map(|message| message.receipt));
        self.queue.release(receipts).await;
    }
}

fn has_credentials() -> bool {
    ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests;
