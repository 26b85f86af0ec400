//! What is true of the traffic, worked out from the events themselves: no JSON is read, no SQL is known.

mod figures;

use std::collections::{BTreeMap, BTreeSet};

use aftersend_event::{BotVerdict, RecipientState, Status};
use jiff::Timestamp;

pub use figures::{TrueDomain, TrueFigures, TrueLink};

use crate::shape::{
    Happening, Headers, SimulatedAddress, SimulatedBounce, SimulatedComplaint, SimulatedEvent,
};

/// What a store must say once it has taken in all messages, in whatever order and however often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Every mail, by SES's id.
    pub mails: BTreeMap<String, TrueMail>,
    /// Messages in all: those that carry events with their repeats, controls, and those that can't be read.
    pub messages: usize,
    /// Occurrences, each counted once, over all mails.
    pub distinct_events: usize,
    /// Messages of SNS and SES that are no events.
    pub controls: usize,
    /// Messages that can't be read.
    pub malformed: usize,
    /// Addresses that must get no more mail, with the reason: `hard_bounce` or `complaint`. For both, it is
    /// the complaint, the stronger of the two.
    pub blocked: BTreeMap<String, &'static str>,
}

/// What is true of a mail. Where its records differ in a column, the longest value holds, and of those the
/// bytewise smallest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrueMail {
    /// SES's id.
    pub message_id: String,
    /// The first address that the headers name, else the first destination: the address alone.
    pub to: String,
    /// The sender as the records have it, with the display name.
    pub from: String,
    /// The subject, if any record has it.
    pub subject: Option<String>,
    /// The tag `template`.
    pub template_name: Option<String>,
    /// The tag `campaign`.
    pub campaign_id: Option<String>,
    /// The tag `ses:configuration-set`.
    pub configuration_set: Option<String>,
    /// Everyone the mail goes to, in the records' order: addresses alone, in lower case.
    pub destination: Vec<String>,
    /// All values of all tags that any record carries.
    pub tags: BTreeMap<String, BTreeSet<String>>,
    /// The highest rank that any event gives.
    pub status: Status,
    /// The earliest `mail.timestamp`.
    pub sent_at: Timestamp,
    /// The earliest delivery.
    pub delivered_at: Option<Timestamp>,
    /// The earliest open, by whomever.
    pub opened_at: Option<Timestamp>,
    /// The earliest click, by whomever.
    pub clicked_at: Option<Timestamp>,
    /// The earliest bounce of any type.
    pub bounced_at: Option<Timestamp>,
    /// The earliest complaint that is one: not those of kind not-spam, nor of mails that were not tried.
    pub complained_at: Option<Timestamp>,
    /// The rejection.
    pub rejected_at: Option<Timestamp>,
    /// The rendering failure.
    pub failed_at: Option<Timestamp>,
    /// The earliest delay.
    pub delayed_at: Option<Timestamp>,
    /// What happened, each once.
    pub occurrences: BTreeSet<TrueOccurrence>,
    /// What became of the mail for each address that any record names: addresses alone, in lower case.
    pub recipients: BTreeMap<String, TrueRecipient>,
}

/// What became of a mail for one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrueRecipient {
    /// Whether the mail went to this address. If not, somebody forwards there, and nobody can tell who.
    pub listed: bool,
    /// When each thing first befell it.
    pub times: BTreeMap<RecipientState, Timestamp>,
}

impl TrueRecipient {
    /// The highest rank of all that befell it.
    pub fn state(&self) -> RecipientState {
        self.times.last_key_value().map_or(RecipientState::Sent, |(state, _)| *state)
    }
}

/// Something that happened to a mail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrueOccurrence {
    /// `send`, `delivery`, `bounce`, `complaint`, `open`, `click`, `reject`, `delivery_delay`,
    /// `subscription`, `rendering_failure`, or a name that SES does not have today.
    pub event_type: String,
    /// When.
    pub occurred_at: Timestamp,
    /// The bounce's or the complaint's subtype, the delay's type, the subscription's source.
    pub subtype: Option<String>,
    /// Addresses alone, in lower case, sorted, each once; none where SES does not say.
    pub recipients: Vec<String>,
    /// Where the link leads that was followed.
    pub link: Option<String>,
    /// The surest verdict that any record of the occurrence gives.
    pub bot_verdict: Option<BotVerdict>,
}

/// What makes two records of a mail the same occurrence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    /// A mail is sent, rejected or not rendered once.
    Once(String),
    /// SES names bounces and complaints; one name may stand for several records with different recipients.
    Feedback(String, String, Vec<String>),
    /// Everything else is told apart by when, for whom and what.
    Moment(String, Timestamp, Vec<String>, Option<String>),
}

impl SimulatedEvent {
    /// What the event means, by itself.
    pub fn meaning(&self) -> TrueOccurrence {
        let mail_at = self.mail_timestamp();
        let everyone = || normalised(&self.mail.destination);
        let (event_type, occurred_at, recipients) = match &self.happening {
            Happening::Send => ("send", mail_at, everyone()),
            Happening::Delivery { at, recipients, .. } => ("delivery", *at, normalised(recipients)),
            Happening::Bounce(bounce) => ("bounce", bounce.at, normalised(&bounce.recipients)),
            Happening::Complaint(complaint) => ("complaint", complaint.at, normalised(&complaint.recipients)),
            Happening::Reject { .. } => ("reject", mail_at, everyone()),
            Happening::Open { at, .. } => ("open", *at, self.only_recipient()),
            Happening::Click { at, .. } => ("click", *at, self.only_recipient()),
            Happening::RenderingFailure { .. } => ("rendering_failure", mail_at, everyone()),
            Happening::DeliveryDelay { at, recipients, .. } => {
                ("delivery_delay", *at, normalised(recipients))
            }
            Happening::Subscription { at, .. } => ("subscription", *at, everyone()),
            Happening::Unknown { at, object_key, .. } => (*object_key, *at, everyone()),
        };
        let subtype = match &self.happening {
            Happening::Bounce(bounce) => Some(bounce.sub_type),
            Happening::Complaint(complaint) => complaint.sub_type,
            Happening::DeliveryDelay { delay_type, .. } => Some(*delay_type),
            Happening::Subscription { source, .. } => Some(*source),
            _ => None,
        };
        let (link, bot_verdict) = match &self.happening {
            Happening::Open { visitor, .. } => (None, visitor.bot_verdict),
            Happening::Click { visitor, link, .. } => (Some(link.clone()), visitor.bot_verdict),
            _ => (None, None),
        };
        TrueOccurrence {
            event_type: event_type.to_owned(),
            occurred_at,
            subtype: subtype.map(str::to_owned),
            recipients,
            link,
            bot_verdict,
        }
    }

    /// The mail's recipient if it has one only: of several, nobody knows who opened it.
    fn only_recipient(&self) -> Vec<String> {
        match self.mail.destination.as_slice() {
            [only] => vec![only.bare.clone()],
            _ => Vec::new(),
        }
    }

    /// The mail's recipients that these addresses stand for. An address that the mail did not go to is one
    /// that a recipient forwards to: it stands for the only recipient, or for nobody.
    fn listed(&self, addresses: &[SimulatedAddress]) -> Vec<String> {
        let destination = normalised(&self.mail.destination);
        let stands_for = |address: String| match destination.as_slice() {
            [only] => Some(only.clone()),
            several => several.contains(&address).then_some(address),
        };
        normalised(addresses).into_iter().filter_map(stands_for).collect()
    }

    fn identity(&self, meaning: &TrueOccurrence) -> Identity {
        let TrueOccurrence { event_type, occurred_at, recipients, .. } = meaning.clone();
        match &self.happening {
            Happening::Send | Happening::Reject { .. } | Happening::RenderingFailure { .. } => {
                Identity::Once(event_type)
            }
            Happening::Bounce(SimulatedBounce { feedback_id: Some(feedback_id), .. })
            | Happening::Complaint(SimulatedComplaint { feedback_id: Some(feedback_id), .. }) => {
                Identity::Feedback(event_type, feedback_id.clone(), recipients)
            }
            _ => {
                let what = meaning.link.clone().or_else(|| meaning.subtype.clone());
                Identity::Moment(event_type, occurred_at, recipients, what)
            }
        }
    }

    /// The status that the event gives its mail by itself.
    pub fn status(&self) -> Option<Status> {
        Some(match &self.happening {
            Happening::Send | Happening::Subscription { .. } => Status::Sent,
            Happening::DeliveryDelay { .. } => Status::Delayed,
            Happening::Delivery { .. } => Status::Delivered,
            Happening::Open { .. } => Status::Opened,
            Happening::Click { .. } => Status::Clicked,
            Happening::Bounce(bounce) => match bounce.bounce_type {
                "Permanent" => Status::HardBounced,
                "Transient" => Status::SoftBounced,
                _ => Status::Bounced,
            },
            Happening::RenderingFailure { .. } => Status::Failed,
            Happening::Reject { .. } => Status::Rejected,
            Happening::Complaint(complaint) if complaint.is_one() => Status::Complaint,
            Happening::Complaint(_) | Happening::Unknown { .. } => return None,
        })
    }

    /// What befell those that the event names, if that is anything that can be said of a recipient.
    pub fn recipient_state(&self) -> Option<RecipientState> {
        Some(match &self.happening {
            Happening::DeliveryDelay { .. } => RecipientState::Delayed,
            Happening::Delivery { .. } => RecipientState::Delivered,
            Happening::Bounce(bounce) if !bounce.was_tried() => RecipientState::NotTried,
            Happening::Bounce(bounce) => match bounce.bounce_type {
                "Permanent" => RecipientState::HardBounced,
                "Transient" => RecipientState::SoftBounced,
                _ => RecipientState::Bounced,
            },
            Happening::RenderingFailure { .. } => RecipientState::Failed,
            Happening::Reject { .. } => RecipientState::Rejected,
            // Everybody at the complainer's domain is named.
            Happening::Complaint(complaint) if complaint.is_one() => match complaint.recipients.len() {
                1 => RecipientState::Complained,
                _ => RecipientState::PossiblyComplained,
            },
            Happening::Send
            | Happening::Open { .. }
            | Happening::Click { .. }
            | Happening::Subscription { .. }
            | Happening::Complaint(_)
            | Happening::Unknown { .. } => return None,
        })
    }

    /// The addresses that must get no more mail for this event, and why.
    pub fn blocks(&self) -> Option<(Vec<String>, &'static str)> {
        let (recipients, reason) = match &self.happening {
            Happening::Bounce(bounce) if bounce.bounce_type == "Permanent" && bounce.was_tried() => {
                (self.listed(&bounce.recipients), "hard_bounce")
            }
            // SES lists everybody at the complainer's domain: only a list of one names the complainer.
            Happening::Complaint(complaint)
                if complaint.is_one()
                    && complaint.feedback_type != Some("auth-failure")
                    && complaint.recipients.len() == 1 =>
            {
                (normalised(&complaint.recipients), "complaint")
            }
            _ => return None,
        };
        let real = |address: &String| !address.ends_with("@simulator.amazonses.com");
        Some((recipients.into_iter().filter(real).collect(), reason))
    }
}

impl SimulatedBounce {
    /// Whether SES tried to deliver the mail at all.
    fn was_tried(&self) -> bool {
        ![
            "OnAccountSuppressionList",
            "OnTenantSuppressionList",
            "EmailValidationSuppressed",
            "UnsubscribedRecipient",
        ]
        .contains(&self.sub_type)
    }
}

impl SimulatedComplaint {
    /// Whether somebody did complain about this mail.
    fn is_one(&self) -> bool {
        self.feedback_type != Some("not-spam") && self.sub_type != Some("OnAccountSuppressionList")
    }
}

impl Truth {
    /// The truth about these events and so many messages.
    pub(crate) fn of(events: &[SimulatedEvent], messages: usize, controls: usize, malformed: usize) -> Self {
        let mut mails: BTreeMap<String, TrueMail> = BTreeMap::new();
        let mut occurrences: BTreeMap<(&str, Identity), TrueOccurrence> = BTreeMap::new();
        let mut blocked = BTreeMap::new();
        for event in events {
            let meaning = event.meaning();
            mails
                .entry(event.message_id().to_owned())
                .or_insert_with(|| TrueMail::unknown(event))
                .learn(event, &meaning);
            let key = (event.message_id(), event.identity(&meaning));
            let bot_verdict = meaning.bot_verdict;
            let occurrence = occurrences.entry(key).or_insert(meaning);
            // Missing is the lowest of the three.
            occurrence.bot_verdict = occurrence.bot_verdict.max(bot_verdict);
            if let Some((addresses, reason)) = event.blocks() {
                for address in addresses {
                    let held = blocked.entry(address).or_insert(reason);
                    if reason == "complaint" {
                        *held = reason;
                    }
                }
            }
        }
        let distinct_events = occurrences.len();
        for ((message_id, _), occurrence) in occurrences {
            if let Some(mail) = mails.get_mut(message_id) {
                mail.occurrences.insert(occurrence);
            }
        }
        Self { mails, messages, distinct_events, controls, malformed, blocked }
    }
}

impl TrueMail {
    /// A mail of which no more is known than that this event is about it.
    fn unknown(event: &SimulatedEvent) -> Self {
        Self {
            message_id: event.message_id().to_owned(),
            to: String::new(),
            from: String::new(),
            subject: None,
            template_name: None,
            campaign_id: None,
            configuration_set: None,
            destination: event.mail.destination.iter().map(|address| address.bare.clone()).collect(),
            tags: BTreeMap::new(),
            // SES speaks of no mail that it has not accepted.
            status: Status::Sent,
            sent_at: event.mail_timestamp(),
            delivered_at: None,
            opened_at: None,
            clicked_at: None,
            bounced_at: None,
            complained_at: None,
            rejected_at: None,
            failed_at: None,
            delayed_at: None,
            occurrences: BTreeSet::new(),
            recipients: BTreeMap::new(),
        }
    }

    fn learn(&mut self, event: &SimulatedEvent, meaning: &TrueOccurrence) {
        let mail = &event.mail;
        let first = match event.headers {
            Headers::Missing => mail.destination.first(),
            // A header may say no more than that the recipients are undisclosed.
            Headers::Full | Headers::WithoutSubject => {
                mail.to.iter().chain(&mail.destination).find(|address| !address.bare.is_empty())
            }
        };
        if let Some(first) = first {
            keep_longer(&mut self.to, &first.bare);
        }
        keep_longer(&mut self.from, &mail.source);
        if event.headers == Headers::Full {
            keep_longer(self.subject.get_or_insert_default(), &mail.subject);
        }
        self.learn_tags(event);
        self.status = self.status.max(event.status().unwrap_or(Status::Sent));
        self.sent_at = self.sent_at.min(event.mail_timestamp());
        if let Some(time) = self.time_of(event) {
            *time = Some(time.map_or(meaning.occurred_at, |time| time.min(meaning.occurred_at)));
        }
        self.learn_recipients(event, meaning);
    }

    fn learn_recipients(&mut self, event: &SimulatedEvent, meaning: &TrueOccurrence) {
        for address in &event.mail.destination {
            self.recipients.entry(address.bare.clone()).or_default().listed = true;
        }
        let Some(state) = event.recipient_state() else { return };
        for named in &meaning.recipients {
            // A forward of the only recipient's is that recipient's.
            let stands_for = match event.mail.destination.as_slice() {
                [only] => &only.bare,
                _ => named,
            };
            let recipient = self.recipients.entry(stands_for.clone()).or_default();
            let first = recipient.times.entry(state).or_insert(meaning.occurred_at);
            *first = meaning.occurred_at.min(*first);
        }
    }

    fn learn_tags(&mut self, event: &SimulatedEvent) {
        for (name, values) in event.tags() {
            let column = match name.as_str() {
                "template" => Some(&mut self.template_name),
                "campaign" => Some(&mut self.campaign_id),
                "ses:configuration-set" => Some(&mut self.configuration_set),
                _ => None,
            };
            if let (Some(column), Some(value)) = (column, values.first()) {
                keep_longer(column.get_or_insert_default(), value);
            }
            self.tags.entry(name).or_default().extend(values);
        }
    }

    /// The time that events of this kind set.
    fn time_of(&mut self, event: &SimulatedEvent) -> Option<&mut Option<Timestamp>> {
        Some(match &event.happening {
            Happening::Delivery { .. } => &mut self.delivered_at,
            Happening::Open { .. } => &mut self.opened_at,
            Happening::Click { .. } => &mut self.clicked_at,
            Happening::Bounce(_) => &mut self.bounced_at,
            Happening::Complaint(complaint) if complaint.is_one() => &mut self.complained_at,
            Happening::Reject { .. } => &mut self.rejected_at,
            Happening::RenderingFailure { .. } => &mut self.failed_at,
            Happening::DeliveryDelay { .. } => &mut self.delayed_at,
            Happening::Send
            | Happening::Subscription { .. }
            | Happening::Complaint(_)
            | Happening::Unknown { .. } => return None,
        })
    }
}

/// Keeps the longer of two values, and of two as long as each other the bytewise smaller.
fn keep_longer(kept: &mut String, other: &str) {
    let longer = other.len() > kept.len();
    if longer || (other.len() == kept.len() && other < kept.as_str()) {
        other.clone_into(kept);
    }
}

fn normalised(addresses: &[SimulatedAddress]) -> Vec<String> {
    let sorted: BTreeSet<&String> = addresses.iter().map(|address| &address.bare).collect();
    sorted.into_iter().cloned().collect()
}
