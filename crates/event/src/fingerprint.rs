//! What makes two records the same occurrence.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::{BounceType, Detail, Event};

/// Sets these hashes apart from all others, and from a later way to take them.
const DOMAIN: &str = "aftersend fingerprint 1";

/// 128 bits that name an occurrence: equal for every delivery of the same event, in whichever format it
/// came and by whichever feed; different for events that differ in meaning.
///
/// Values are stored for good: how they are taken never changes under the same domain string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(
    /// The first half of a SHA-256.
    pub [u8; 16],
);

/// In 32 lower-case hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// How occurrences of a type are told apart, as the hash spells it.
mod rule {
    /// By SES's feedback id.
    pub(super) const FEEDBACK: &str = "feedback";
    /// Not at all: a mail has one.
    pub(super) const ONCE: &str = "once";
    /// By time, recipients and what the type adds.
    pub(super) const TIMED: &str = "timed";
}

/// The fingerprint of an event.
///
/// Nothing of the way an event came enters: no SNS id, no spelling of the JSON; nor `isBotEvent`, which one of
/// two feeds may lack.
pub(crate) fn of(event: &Event<'_>) -> Fingerprint {
    let mut hash = Hash::new();
    hash.text(&event.mail.message_id);
    hash.text(&event.type_name());
    let feedback_id = match &event.detail {
        Detail::Bounce(bounce) => bounce.feedback_id.as_deref(),
        Detail::Complaint(complaint) => complaint.feedback_id.as_deref(),
        Detail::Send | Detail::Reject(_) | Detail::RenderingFailure(_) => {
            hash.text(rule::ONCE);
            return hash.finish();
        }
        _ => None,
    };
    if let Some(feedback_id) = feedback_id.filter(|id| !id.is_empty()) {
        hash.text(rule::FEEDBACK);
        hash.text(feedback_id);
        hash.list(&event.recipients());
        return hash.finish();
    }
    hash.text(rule::TIMED);
    hash.text(&event.occurred_at().as_microsecond().to_string());
    hash.list(&event.recipients());
    match &event.detail {
        Detail::Bounce(bounce) => {
            hash.text(match &bounce.bounce_type {
                BounceType::Undetermined => "Undetermined",
                BounceType::Permanent => "Permanent",
                BounceType::Transient => "Transient",
                BounceType::Unknown(name) => name,
            });
            hash.list(event.subtype().as_slice());
        }
        Detail::Click(_) => hash.list(event.link().as_slice()),
        _ => hash.list(event.subtype().as_slice()),
    }
    hash.finish()
}

/// A hash over fields. Each text goes in with its length, each list with its count, so that no two different
/// sequences of fields are the same sequence of bytes.
struct Hash(Sha256);

impl Hash {
    fn new() -> Self {
        let mut hash = Self(Sha256::new());
        hash.text(DOMAIN);
        hash
    }

    fn length(&mut self, length: usize) {
        self.0.update(u64::try_from(length).expect("a length in memory fits in 64 bits").to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.update(text);
    }

    fn list(&mut self, texts: &[impl AsRef<str>]) {
        self.length(texts.len());
        for text in texts {
            self.text(text.as_ref());
        }
    }

    fn finish(self) -> Fingerprint {
        let digest: [u8; 32] = self.0.finalize().into();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Fingerprint(half)
    }
}

#[cfg(test)]
mod tests;
