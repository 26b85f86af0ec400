//! What an event means: whom it concerns, when, and what follows from it.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Address, BotVerdict, Bounce, BounceType, Bounced, Complaint, Detail, Event, EventType};
use crate::{EventTime, Fingerprint, Status, address, fingerprint};

/// Subtypes of mail that SES accepted and never tried to deliver: no verdict on the address, so no block.
/// <https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html>
const NEVER_TRIED: [&str; 4] = [
    "OnAccountSuppressionList",
    "OnTenantSuppressionList",
    "EmailValidationSuppressed",
    "UnsubscribedRecipient",
];

/// Why an event blocks a recipient. The order is the strength, the weaker first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockReason {
    /// The recipient's server refused the mail for good.
    HardBounce,
    /// The recipient called the mail spam.
    Complaint,
}

impl BlockReason {
    /// The name that the database holds.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HardBounce => "hard_bounce",
            Self::Complaint => "complaint",
        }
    }
}

impl Event<'_> {
    /// The type, as SES spells it.
    pub fn event_type(&self) -> EventType<'_> {
        match &self.detail {
            Detail::Send => EventType::Send,
            Detail::Delivery(_) => EventType::Delivery,
            Detail::Bounce(_) => EventType::Bounce,
            Detail::Complaint(_) => EventType::Complaint,
            Detail::Reject(_) => EventType::Reject,
            Detail::Open(_) => EventType::Open,
            Detail::Click(_) => EventType::Click,
            Detail::RenderingFailure(_) => EventType::RenderingFailure,
            Detail::DeliveryDelay(_) => EventType::DeliveryDelay,
            Detail::Subscription(_) => EventType::Subscription,
            Detail::Unknown { name, .. } => EventType::Unknown(name.clone()),
        }
    }

    /// The type, as the column `event_type` spells it: `delivery_delay`, `rendering_failure`.
    pub fn type_name(&self) -> Cow<'_, str> {
        self.event_type().type_name()
    }

    /// When it happened: the type's own time; the mail's for types that carry none.
    pub fn occurred_at(&self) -> Timestamp {
        self.time().at
    }

    fn time(&self) -> &EventTime<'_> {
        match &self.detail {
            Detail::Send | Detail::Reject(_) | Detail::RenderingFailure(_) => &self.mail.timestamp,
            Detail::Delivery(delivery) => &delivery.timestamp,
            Detail::Bounce(bounce) => &bounce.timestamp,
            Detail::Complaint(complaint) => &complaint.timestamp,
            Detail::Open(open) => &open.timestamp,
            Detail::Click(click) => &click.timestamp,
            Detail::DeliveryDelay(delay) => &delay.timestamp,
            Detail::Subscription(subscription) => &subscription.timestamp,
            Detail::Unknown { timestamp, .. } => timestamp.as_ref().unwrap_or(&self.mail.timestamp),
        }
    }

    /// Whom it concerns: normalised, sorted, each once. Empty where SES does not say (an open or a click of a
    /// mail to several).
    pub fn recipients(&self) -> Vec<String> {
        match &self.detail {
            Detail::Delivery(delivery) => distinct(&delivery.recipients),
            Detail::Complaint(complaint) => distinct(&complaint.recipients),
            Detail::Bounce(Bounce { recipients, .. }) => {
                distinct(recipients.iter().map(|recipient| &recipient.address))
            }
            Detail::DeliveryDelay(delay) => {
                distinct(delay.recipients.iter().map(|recipient| &recipient.address))
            }
            Detail::Open(_) | Detail::Click(_) => {
                // One pixel and one set of links for all recipients: only a mail to one tells who it was.
                Some(self.destination()).filter(|all| all.len() == 1).unwrap_or_default()
            }
            Detail::Send
            | Detail::Reject(_)
            | Detail::RenderingFailure(_)
            | Detail::Subscription(_)
            | Detail::Unknown { .. } => self.destination(),
        }
    }

    /// All recipients of the mail: normalised, sorted, each once.
    pub fn destination(&self) -> Vec<String> {
        distinct(&self.mail.destination)
    }

    /// The recipients that a bounce or a delay names, with what their servers said. None for other types.
    pub fn bounced(&self) -> &[Bounced<'_>] {
        match &self.detail {
            Detail::Bounce(bounce) => &bounce.recipients,
            Detail::DeliveryDelay(delay) => &delay.recipients,
            _ => &[],
        }
    }

    /// Which of the mail's recipients an address stands for that a bounce or a complaint names; normalised in
    /// and out.
    ///
    /// A server that forwards may name the forward's target, which is not in `mail.destination`: that
    /// belongs to the only recipient if there is one. Nothing where it can't be told.
    pub fn listed_recipient(&self, normalised: &str) -> Option<String> {
        listed(&self.destination(), normalised).map(str::to_owned)
    }

    /// The address for the column `to`, in its own spelling: the first of `commonHeaders.to`, else of
    /// `mail.destination`.
    pub fn to(&self) -> Option<&str> {
        let header = self.mail.to.iter().map(|list| address::first_address(list));
        let destination = self.mail.destination.iter().map(Address::bare);
        let mut all = header.chain(destination).filter(|address| !address.is_empty());
        let first = all.clone().next();
        // A header may say `undisclosed recipients` where the envelope has the address.
        all.find(|address| address.contains('@')).or(first)
    }

    /// The status that this event gives its mail, or nothing where it gives none.
    pub fn status(&self) -> Option<Status> {
        Some(match &self.detail {
            Detail::Send | Detail::Subscription(_) => Status::Sent,
            Detail::Delivery(_) => Status::Delivered,
            Detail::Bounce(bounce) => match bounce.bounce_type {
                BounceType::Permanent => Status::HardBounced,
                BounceType::Transient => Status::SoftBounced,
                BounceType::Undetermined | BounceType::Unknown(_) => Status::Bounced,
            },
            Detail::Complaint(complaint) if !complaint.counts() => return None,
            Detail::Complaint(_) => Status::Complaint,
            Detail::Reject(_) => Status::Rejected,
            Detail::Open(_) => Status::Opened,
            Detail::Click(_) => Status::Clicked,
            Detail::RenderingFailure(_) => Status::Failed,
            Detail::DeliveryDelay(_) => Status::Delayed,
            Detail::Unknown { .. } => return None,
        })
    }

    /// The bounce's subtype, the delay's type, the complaint's subtype, the subscription's source.
    pub fn subtype(&self) -> Option<&str> {
        match &self.detail {
            Detail::Bounce(bounce) => bounce.sub_type.as_deref(),
            Detail::Complaint(complaint) => complaint.sub_type.as_deref(),
            Detail::DeliveryDelay(delay) => delay.delay_type.as_deref(),
            Detail::Subscription(subscription) => subscription.source.as_deref(),
            _ => None,
        }
    }

    /// For a bounce, the word that the column `bounce_type` holds: `hard`, `soft` or `undetermined`.
    pub fn bounce_kind(&self) -> Option<&'static str> {
        let Detail::Bounce(bounce) = &self.detail else { return None };
        Some(match bounce.bounce_type {
            BounceType::Permanent => "hard",
            BounceType::Transient => "soft",
            BounceType::Undetermined | BounceType::Unknown(_) => "undetermined",
        })
    }

    /// For a click, the link that was followed.
    pub fn link(&self) -> Option<&str> {
        let Detail::Click(click) = &self.detail else { return None };
        click.link.as_deref()
    }

    /// For an open or a click, SES's verdict whether it was a machine's.
    pub fn bot_verdict(&self) -> Option<BotVerdict> {
        match &self.detail {
            Detail::Open(open) => open.bot_verdict,
            Detail::Click(click) => click.bot_verdict,
            _ => None,
        }
    }

    /// Whether SES never tried to deliver: a bounce or a complaint by a suppression list. Such an event
    /// enters no rate.
    pub fn was_never_tried(&self) -> bool {
        match &self.detail {
            Detail::Bounce(Bounce { sub_type, .. }) | Detail::Complaint(Complaint { sub_type, .. }) => {
                sub_type.as_deref().is_some_and(|sub_type| NEVER_TRIED.contains(&sub_type))
            }
            _ => false,
        }
    }

    /// The recipients that this event blocks, normalised and sorted, each with the reason.
    ///
    /// A Permanent bounce blocks whom it names; a complaint blocks whom it names if that is exactly one, since
    /// it lists everyone at the complainer's domain. Nobody is blocked by mail that was never tried, by
    /// `not-spam` and `auth-failure`, or for an address of the mailbox simulator. A bounced address that is
    /// not the mail's own follows [`listed_recipient`](Self::listed_recipient).
    pub fn blocks(&self) -> Vec<(String, BlockReason)> {
        if self.was_never_tried() {
            return Vec::new();
        }
        let (mut blocked, reason): (Vec<String>, _) = match &self.detail {
            Detail::Bounce(Bounce { bounce_type: BounceType::Permanent, .. }) => {
                // Made once: for each recipient anew, it would be work by the square of a list's length.
                let destination = self.destination();
                let listed = |address: &String| listed(&destination, address).map(str::to_owned);
                (self.recipients().iter().filter_map(listed).collect(), BlockReason::HardBounce)
            }
            Detail::Complaint(complaint) if complaint.blocks() => (self.recipients(), BlockReason::Complaint),
            _ => return Vec::new(),
        };
        if reason == BlockReason::Complaint && blocked.len() != 1 {
            return Vec::new();
        }
        blocked.sort_unstable();
        blocked.dedup();
        blocked.retain(|address| !address::is_simulator_address(address));
        blocked.into_iter().map(|address| (address, reason)).collect()
    }

    /// The occurrence that this event reports, by a hash.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint::of(self)
    }
}

impl Complaint<'_> {
    /// Whether it says anything against the mail: neither `not-spam` nor by the suppression list.
    pub(super) fn counts(&self) -> bool {
        self.feedback_type.as_deref() != Some("not-spam")
            && self.sub_type.as_deref() != Some("OnAccountSuppressionList")
    }

    /// Whether it speaks against sending to the complainer again: a report of failed authentication is about
    /// forged mail.
    fn blocks(&self) -> bool {
        self.counts() && self.feedback_type.as_deref() != Some("auth-failure")
    }
}

/// The entry of a sorted `destination` that an address stands for.
fn listed<'d>(destination: &'d [String], normalised: &str) -> Option<&'d str> {
    place(destination, normalised).map(|place| destination[place].as_str())
}

/// Where that entry stands.
pub(super) fn place(destination: &[String], normalised: &str) -> Option<usize> {
    match destination.binary_search_by(|entry| entry.as_str().cmp(normalised)) {
        Ok(found) => Some(found),
        Err(_) => (destination.len() == 1).then_some(0),
    }
}

fn distinct<'e>(addresses: impl IntoIterator<Item = &'e Address<'e>>) -> Vec<String> {
    let mut all: Vec<String> = addresses.into_iter().map(Address::normalised).collect();
    all.retain(|address| !address.is_empty());
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests;
