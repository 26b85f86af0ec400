//! What an event says of each of its mail's recipients.

use super::{BounceType, Detail, Event, meaning::place};
use crate::RecipientState;

/// What one event says of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientFact {
    /// The address, normalised.
    pub address: String,
    /// Whether the mail went to this address. If not, a server has named it: a recipient forwards there, and which of
    /// them can't be told. It counts nowhere.
    pub listed: bool,
    /// What befell the recipient at the event's time; [`RecipientState::Sent`] where the event tells nothing but that
    /// the mail went there.
    pub state: RecipientState,
}

impl Event<'_> {
    /// What the event says of each recipient: of all in `mail.destination`, and of whom it names beside them. Each once,
    /// the mail's own first, in the order of addresses.
    ///
    /// It follows from this event alone, so that what several say can be merged in any order. An address that is not the
    /// mail's own follows [`listed_recipient`](Self::listed_recipient). An event that names nobody is about the only
    /// recipient, if there is one.
    pub fn recipient_facts(&self) -> Vec<RecipientFact> {
        let destination = self.destination();
        let listed = |address: &String| RecipientFact {
            address: address.clone(),
            listed: true,
            state: RecipientState::Sent,
        };
        let mut facts: Vec<RecipientFact> = destination.iter().map(listed).collect();
        let mut named = self.recipients();
        if named.is_empty() && destination.len() == 1 {
            named.clone_from(&destination);
        }
        let Some(state) = self.recipient_state(named.len()) else { return facts };
        for address in named {
            match place(&destination, &address) {
                Some(place) => facts[place].state = state,
                None => facts.push(RecipientFact { address, listed: false, state }),
            }
        }
        facts
    }

    /// What befell those that the event names, so many.
    fn recipient_state(&self, named: usize) -> Option<RecipientState> {
        Some(match &self.detail {
            Detail::Delivery(_) => RecipientState::Delivered,
            Detail::Bounce(_) if self.was_never_tried() => RecipientState::NotTried,
            Detail::Bounce(bounce) => match bounce.bounce_type {
                BounceType::Permanent => RecipientState::HardBounced,
                BounceType::Transient => RecipientState::SoftBounced,
                BounceType::Undetermined | BounceType::Unknown(_) => RecipientState::Bounced,
            },
            Detail::Complaint(complaint) if !complaint.counts() => return None,
            // The record lists everyone at the complainer's domain.
            Detail::Complaint(_) if named == 1 => RecipientState::Complained,
            Detail::Complaint(_) => RecipientState::PossiblyComplained,
            Detail::Reject(_) => RecipientState::Rejected,
            Detail::RenderingFailure(_) => RecipientState::Failed,
            Detail::DeliveryDelay(_) => RecipientState::Delayed,
            Detail::Send
            | Detail::Open(_)
            | Detail::Click(_)
            | Detail::Subscription(_)
            | Detail::Unknown { .. } => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use RecipientState::{
        Bounced, Complained, Delayed, Delivered, Failed, HardBounced, NotTried, PossiblyComplained, Rejected,
        Sent, SoftBounced,
    };

    use super::*;
    use crate::tests::{bounce, complaint, record, with_event};

    const TIMED: &str = r#"{"timestamp":"2026-01-01T00:05:00.000Z"}"#;

    fn timed(event_type: &str, key: &str, destination: &[&str], fields: &str) -> String {
        record(event_type, destination, &format!(",\"{key}\":{TIMED}"))
            .replace("000Z\"}}", &format!("000Z\"{fields}}}}}"))
    }

    fn check(json: &str, expected: &[(&str, bool, RecipientState)]) {
        with_event(json, |event| {
            let facts = event.recipient_facts();
            let found: Vec<_> =
                facts.iter().map(|fact| (fact.address.as_str(), fact.listed, fact.state)).collect();
            assert_eq!(found, expected, "{json}");
        });
    }

    #[test]
    fn who_is_named_gets_a_state_and_the_others_are_listed() {
        let two = &["B <b@x.org>", "A@x.org"];
        let permanent = r#","bounceType":"Permanent""#;
        let never_tried = r#","bounceType":"Permanent","bounceSubType":"OnTenantSuppressionList""#;
        let (a, b) = ("a@x.org", "b@x.org");
        check(&record("Send", two, ""), &[(a, true, Sent), (b, true, Sent)]);
        check(&timed("Open", "open", two, ""), &[(a, true, Sent), (b, true, Sent)]);
        check(&timed("Click", "click", &[a], ""), &[(a, true, Sent)]);
        check(&timed("Subscription", "subscription", &[a], ""), &[(a, true, Sent)]);
        check(&timed("MailboxMoved", "mailboxMoved", &[a], ""), &[(a, true, Sent)]);
        check(
            &timed("Delivery", "delivery", two, r#","recipients":["a@x.org"]"#),
            &[(a, true, Delivered), (b, true, Sent)],
        );
        check(&bounce(two, &[b], permanent), &[(a, true, Sent), (b, true, HardBounced)]);
        check(&bounce(two, &[b, a], never_tried), &[(a, true, NotTried), (b, true, NotTried)]);
        check(&bounce(&[a], &[a], r#","bounceType":"Transient""#), &[(a, true, SoftBounced)]);
        check(&bounce(&[a], &[a], r#","bounceType":"Undetermined""#), &[(a, true, Bounced)]);
        check(&bounce(&[a], &[a], r#","bounceType":"NewKind""#), &[(a, true, Bounced)]);
        check(&timed("Reject", "reject", two, ""), &[(a, true, Rejected), (b, true, Rejected)]);
        check(&timed("Rendering Failure", "failure", two, ""), &[(a, true, Failed), (b, true, Failed)]);
        check(
            &timed(
                "DeliveryDelay",
                "deliveryDelay",
                two,
                r#","delayedRecipients":[{"emailAddress":"b@x.org"}]"#,
            ),
            &[(a, true, Sent), (b, true, Delayed)],
        );
    }

    #[test]
    fn a_complaint_that_names_several_accuses_none_of_them() {
        let two = &["a@x.org", "b@x.org"];
        let (a, b) = ("a@x.org", "b@x.org");
        check(&complaint(two, &[a], ""), &[(a, true, Complained), (b, true, Sent)]);
        check(&complaint(two, &[a, "A <A@x.org>"], ""), &[(a, true, Complained), (b, true, Sent)]);
        check(&complaint(two, two, ""), &[(a, true, PossiblyComplained), (b, true, PossiblyComplained)]);
        for none in
            [r#","complaintFeedbackType":"not-spam""#, r#","complaintSubType":"OnAccountSuppressionList""#]
        {
            check(&complaint(two, &[a], none), &[(a, true, Sent), (b, true, Sent)]);
        }
    }

    #[test]
    fn an_address_that_the_mail_did_not_go_to() {
        let permanent = r#","bounceType":"Permanent""#;
        let two = &["a@x.org", "b@x.org"];
        let (a, b, forward) = ("a@x.org", "b@x.org", "forward@y.org");
        check(&bounce(&[a], &[forward], permanent), &[(a, true, HardBounced)]);
        check(&bounce(&[a], &[forward, "other@y.org"], permanent), &[(a, true, HardBounced)]);
        check(
            &bounce(two, &[forward, b], permanent),
            &[(a, true, Sent), (b, true, HardBounced), (forward, false, HardBounced)],
        );
        check(&bounce(&[], &[a], permanent), &[(a, false, HardBounced)]);
        check(
            &complaint(two, &[forward], ""),
            &[(a, true, Sent), (b, true, Sent), (forward, false, Complained)],
        );
    }

    #[test]
    fn an_event_that_names_nobody_is_about_the_only_recipient() {
        let (a, b) = ("a@x.org", "b@x.org");
        check(&timed("Delivery", "delivery", &[a], ""), &[(a, true, Delivered)]);
        check(&timed("Delivery", "delivery", &[a, b], ""), &[(a, true, Sent), (b, true, Sent)]);
        check(&complaint(&[a], &[], ""), &[(a, true, Complained)]);
        check(&timed("Delivery", "delivery", &[], ""), &[]);
    }
}
