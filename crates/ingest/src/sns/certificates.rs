//! The certificates that were fetched, so that each is fetched once and forged addresses cost little.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use hyper::StatusCode;
use tokio::{sync::Semaphore, time::Instant};

use super::{
    address::{CertificateAddress, host_of},
    certificate::{SigningKey, Unusable},
    envelope::Envelope,
    https::Https,
    refusal::{Reason, Refusal},
    topic::TopicArn,
};

/// Addresses that are remembered at most, with what was found there. SNS signs with one certificate to a region at a
/// time, and changes it once a year.
const ADDRESSES_MAX: usize = 64;

/// How long a certificate is used before it is fetched again, so that SNS can withdraw one.
const GOOD_FOR: Duration = Duration::from_hours(24);

/// How long an address that has no certificate is not asked again.
const BAD_FOR: Duration = Duration::from_mins(10);

/// How long an address that did not answer is not asked again.
const AWAY_FOR: Duration = Duration::from_secs(5);

/// Certificates that are fetched at once, and in a minute for messages of one topic. Genuine messages need one in a
/// year; whoever forges addresses gets no more of our connections than this, and leaves those of topics that they
/// can't name alone. There are as many of these budgets as topics are allowed.
const FETCHES_MAX: usize = 4;
const FETCHES_PER_MINUTE_MAX: NonZeroU32 = NonZeroU32::new(30).expect("30 is not 0");

/// Fetches certificates and remembers them.
pub(super) struct Certificates {
    https: Arc<Https>,
    slots: Mutex<HashMap<CertificateAddress, Arc<Slot>>>,
    uses: AtomicU64,
    budgets: DefaultKeyedRateLimiter<TopicArn>,
    fetches: Semaphore,
}

/// What is known of one address.
#[derive(Default)]
struct Slot {
    /// Held while the address is asked: whoever comes meanwhile waits, and finds the answer.
    known: tokio::sync::Mutex<Option<Known>>,
    /// When it was last of use, in uses of all.
    last_use: AtomicU64,
    /// Whether a signature was right by its key. No forger can bring that about, so such an address is not given
    /// up for those that were only named.
    proven: AtomicBool,
}

struct Known {
    finding: Finding,
    until: Instant,
}

#[derive(Clone)]
enum Finding {
    Key(Arc<SigningKey>),
    Bad(Unusable),
    Away(String),
}

impl Certificates {
    pub(super) fn new(https: Arc<Https>) -> Self {
        Self {
            https,
            slots: Mutex::default(),
            uses: AtomicU64::new(0),
            budgets: RateLimiter::keyed(Quota::per_minute(FETCHES_PER_MINUTE_MAX)),
            fetches: Semaphore::new(FETCHES_MAX),
        }
    }

    /// Checks that SNS has signed the envelope, whose topic is an allowed one.
    ///
    /// Cancel-safe: a fetch that is given up is made again by who needs it next.
    pub(super) async fn check(&self, envelope: &Envelope) -> Result<(), Refusal> {
        // A topic's messages are signed where the topic is. So the hosts that can be asked are as few as the regions of
        // the allowed topics.
        if envelope.certificate.host != host_of(&envelope.topic) {
            return Err(Refusal::because(
                Reason::CertificateAddress,
                "it is in another region than the topic",
            ));
        }
        let slot = self.slot(&envelope.certificate)?;
        let key = match self.find(&slot, envelope).await {
            Finding::Key(key) => key,
            Finding::Bad(unusable) => return Err(Refusal::because(Reason::CertificateUnusable, unusable)),
            Finding::Away(why) => return Err(Refusal::because(Reason::CertificateAway, why)),
        };
        // When it was signed, and not now: SNS may have tried for an hour, and the age is bounded elsewhere.
        if !key.was_valid_at(envelope.sent_at) {
            return Err(Refusal::because(
                Reason::CertificateUnusable,
                "it was not valid when the message was sent",
            ));
        }
        if !key.has_signed(envelope.version, &envelope.string_to_sign(), &envelope.signature) {
            return Err(Reason::Signature.into());
        }
        slot.proven.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn find(&self, slot: &Slot, envelope: &Envelope) -> Finding {
        let address = &envelope.certificate;
        let mut known = slot.known.lock().await;
        if let Some(known) = &*known
            && Instant::now() < known.until
        {
            return known.finding.clone();
        }
        if self.budgets.check_key(&envelope.topic).is_err() {
            // Not remembered of this address: it was not asked.
            return match &*known {
                Some(Known { finding: Finding::Key(key), .. }) => Finding::Key(Arc::clone(key)),
                _ => Finding::Away("too many certificates were asked for".to_owned()),
            };
        }
        let fetched = self.fetch(address).await;
        let (finding, for_so_long) = match (fetched, &*known) {
            (Finding::Away(why), Some(Known { finding: Finding::Key(key), .. })) => {
                tracing::warn!(%address, why, "a certificate can't be fetched again; the one at hand is used");
                (Finding::Key(Arc::clone(key)), BAD_FOR)
            }
            (Finding::Key(key), _) => (Finding::Key(key), GOOD_FOR),
            (Finding::Bad(unusable), _) => (Finding::Bad(unusable), BAD_FOR),
            (Finding::Away(why), _) => (Finding::Away(why), AWAY_FOR),
        };
        *known = Some(Known { finding: finding.clone(), until: Instant::now() + for_so_long });
        finding
    }

    async fn fetch(&self, address: &CertificateAddress) -> Finding {
        let _place = self.fetches.acquire().await.expect("the semaphore is never closed");
        let answer = match self.https.get(&address.host, &address.path).await {
            Ok(answer) => answer,
            Err(super::https::HttpsError::TooLarge) => return Finding::Bad(Unusable::TooLarge),
            Err(error) => return Finding::Away(error.to_string()),
        };
        match answer.status {
            StatusCode::OK => match SigningKey::read(&answer.body) {
                Ok(key) => Finding::Key(Arc::new(key)),
                Err(unusable) => Finding::Bad(unusable),
            },
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
                Finding::Bad(Unusable::Missing)
            }
            status if status.is_redirection() => Finding::Bad(Unusable::Redirected),
            status => Finding::Away(format!("its address answered {}", status.as_u16())),
        }
    }

    /// The slot of an address, for which another may have to go.
    fn slot(&self, address: &CertificateAddress) -> Result<Arc<Slot>, Refusal> {
        let use_now = self.uses.fetch_add(1, Ordering::Relaxed);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if !slots.contains_key(address) {
            if slots.len() >= ADDRESSES_MAX {
                let idle = slots.iter().filter(|(_, slot)| Arc::strong_count(slot) == 1);
                let least = idle.min_by_key(|(_, slot)| {
                    (slot.proven.load(Ordering::Relaxed), slot.last_use.load(Ordering::Relaxed))
                });
                let Some(least) = least.map(|(address, _)| address.clone()) else {
                    return Err(Refusal::because(
                        Reason::CertificateAway,
                        "too many certificates are asked for",
                    ));
                };
                slots.remove(&least);
            }
            slots.insert(address.clone(), Arc::default());
        }
        let slot = Arc::clone(&slots[address]);
        slot.last_use.store(use_now, Ordering::Relaxed);
        Ok(slot)
    }
}

#[cfg(test)]
mod tests;
