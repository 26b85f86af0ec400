//! Why a request is not answered with 200, and how often that happens.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hyper::StatusCode;
use uuid::Uuid;

use super::topic::TopicArn;

/// How often, at most, the log tells of a reason. Whoever forges requests must not be able to fill a disk.
const TOLD_EVERY: Duration = Duration::from_secs(10);

macro_rules! reasons {
    ($($(#[$meta:meta])* $variant:ident = $status:ident $name:literal,)+) => {
        /// Why a request was not answered with 200.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Reason {
            $($(#[$meta])* $variant,)+
        }

        impl Reason {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// SNS sends a message again after 429 and every 5xx, and never after another 4xx.
            /// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>
            pub(super) fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// For logs and metrics.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

reasons! {
    /// Too many requests from one source.
    RateLimited = TOO_MANY_REQUESTS "rate_limited",
    /// A secret is set, and the request brings no credentials. SNS waits for this answer before it sends them.
    NoCredentials = UNAUTHORIZED "no_credentials",
    /// A secret is set, and the request brings another.
    WrongCredentials = UNAUTHORIZED "wrong_credentials",
    /// The body is larger than anything that SNS sends.
    TooLarge = PAYLOAD_TOO_LARGE "too_large",
    /// Too many bodies are in memory already.
    Overloaded = SERVICE_UNAVAILABLE "overloaded",
    /// The body did not come in time, or not to its end.
    BrokenOff = SERVICE_UNAVAILABLE "broken_off",
    /// Raw delivery carries no signature, and no secret is set.
    RawWithoutSecret = FORBIDDEN "raw_without_secret",
    /// Not what SNS sends.
    Malformed = BAD_REQUEST "malformed",
    /// The topic is not among those that are allowed.
    Topic = FORBIDDEN "topic",
    /// A version of signatures that is unknown or not wanted.
    SignatureVersion = FORBIDDEN "signature_version",
    /// Older than SNS would ever try.
    TooOld = FORBIDDEN "too_old",
    /// Rightly signed and from the future: this machine's clock is wrong, and may be right when SNS tries again.
    FromTheFuture = SERVICE_UNAVAILABLE "from_the_future",
    /// The certificate is said to be where SNS keeps none.
    CertificateAddress = FORBIDDEN "certificate_address",
    /// The certificate could not be fetched just now.
    CertificateAway = SERVICE_UNAVAILABLE "certificate_away",
    /// What SNS's address answered is no certificate for this.
    CertificateUnusable = FORBIDDEN "certificate_unusable",
    /// The signature is not one of this message by that certificate's key.
    Signature = FORBIDDEN "signature",
    /// A confirmation asks for something else to be fetched than the confirmation of its own topic.
    SubscribeUrl = FORBIDDEN "subscribe_url",
    /// SNS could not be told that the subscription is wanted.
    NotConfirmed = SERVICE_UNAVAILABLE "not_confirmed",
    /// The database did not store it in time.
    NotStored = SERVICE_UNAVAILABLE "not_stored",
}

/// Why a request was not answered with 200, and what is known of it.
///
/// Until a signature is checked, everything in a request may be made up; so only what has the form of an id is kept.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    /// More about the reason, in words of this program.
    pub(super) detail: Option<String>,
    pub(super) message_id: Option<Uuid>,
    pub(super) topic: Option<TopicArn>,
}

impl Refusal {
    /// With words that quote nothing of the request.
    pub(super) fn because(reason: Reason, detail: impl fmt::Display) -> Self {
        Self { detail: Some(detail.to_string()), ..reason.into() }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: None, message_id: None, topic: None }
    }
}

/// What became of the requests of a listener, counted since its start. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct HookCounts(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    stored: AtomicU64,
    confirmed: AtomicU64,
    unsubscribed: AtomicU64,
    refused: Vec<AtomicU64>,
    /// When each reason was last told, in milliseconds since `began`, plus one; 0 for never.
    told_ms: Vec<AtomicU64>,
    began: Instant,
}

impl Default for Counters {
    fn default() -> Self {
        let zeros = || Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect();
        Self {
            stored: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
            unsubscribed: AtomicU64::new(0),
            refused: zeros(),
            told_ms: zeros(),
            began: Instant::now(),
        }
    }
}

impl HookCounts {
    /// Messages that were stored, or kept in the quarantine, before they were answered with 200.
    pub fn stored(&self) -> u64 {
        self.0.stored.load(Ordering::Relaxed)
    }

    /// Subscriptions that were confirmed.
    pub fn confirmed(&self) -> u64 {
        self.0.confirmed.load(Ordering::Relaxed)
    }

    /// Messages that said that a subscription has ended.
    pub fn unsubscribed(&self) -> u64 {
        self.0.unsubscribed.load(Ordering::Relaxed)
    }

    /// Every reason for another answer, by a name that does not change, with how often it was given.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let counts = self.0.refused.iter().map(|count| count.load(Ordering::Relaxed));
        Reason::ALL.iter().map(|reason| reason.name()).zip(counts)
    }

    pub(super) fn count_stored(&self) {
        self.0.stored.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_confirmed(&self) {
        self.0.confirmed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_unsubscribed(&self) {
        self.0.unsubscribed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refusal and tells of it, if its reason was not told just now.
    pub(super) fn refuse(&self, refusal: &Refusal) -> StatusCode {
        let Refusal { reason, detail, message_id, topic } = refusal;
        let times = self.0.refused[*reason as usize].fetch_add(1, Ordering::Relaxed) + 1;
        let detail = detail.as_deref();
        let (message_id, topic) =
            (message_id.map(tracing::field::display), topic.as_ref().map(tracing::field::display));
        // SNS is expected to ask without credentials first.
        if *reason != Reason::NoCredentials && self.is_due(*reason) {
            tracing::warn!(
                reason = reason.name(),
                detail,
                message_id,
                topic,
                times,
                "a request to the webhook is refused"
            );
        } else {
            tracing::debug!(
                reason = reason.name(),
                detail,
                message_id,
                topic,
                times,
                "a request to the webhook is refused"
            );
        }
        reason.status()
    }

    fn is_due(&self, reason: Reason) -> bool {
        let now_ms = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
        let told = &self.0.told_ms[reason as usize];
        let last_ms = told.load(Ordering::Relaxed);
        let pause_ms = TOLD_EVERY.as_secs() * 1_000;
        (last_ms == 0 || now_ms.saturating_sub(last_ms) >= pause_ms)
            && told.compare_exchange(last_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_sent_again_and_what_is_forged_is_not() {
        let again = |reason: &&Reason| {
            reason.status().is_server_error() || reason.status() == StatusCode::TOO_MANY_REQUESTS
        };
        let names: Vec<&str> = Reason::ALL.iter().filter(again).map(|reason| reason.name()).collect();
        assert_eq!(
            names,
            [
                "rate_limited",
                "overloaded",
                "broken_off",
                "from_the_future",
                "certificate_away",
                "not_confirmed",
                "not_stored"
            ]
        );
    }

    #[test]
    fn a_reason_is_counted_each_time_and_told_now_and_then() {
        let counts = HookCounts::default();
        assert!(counts.is_due(Reason::Signature));
        assert!(!counts.is_due(Reason::Signature));
        assert!(counts.is_due(Reason::Topic));
        counts.refuse(&Reason::Signature.into());
        counts.clone().refuse(&Reason::Signature.into());
        let refused: Vec<(&str, u64)> = counts.refused().filter(|(_, count)| *count > 0).collect();
        assert_eq!(refused, [("signature", 2)]);
    }
}
