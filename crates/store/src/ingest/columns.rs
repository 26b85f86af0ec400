//! Events as rows: one occurrence each, merged from all records of it in the batch, and as the arrays that
//! statements take.

use std::collections::HashMap;

use aftersend_event::{BotVerdict, Detail, Event, Fingerprint};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Arrival,
    facts::{cut, merge_optional},
};

/// An occurrence with the columns it fills.
#[derive(Clone, Debug)]
pub(super) struct Occurrence<'a> {
    /// The key of the row it will have, if it gets one.
    pub(super) uuid: Uuid,
    pub(super) aws_message_id: &'a str,
    pub(super) fingerprint: Uuid,
    pub(super) event_type: String,
    pub(super) occurred_at: Timestamp,
    pub(super) json: &'a str,
    pub(super) subtype: Option<String>,
    pub(super) bot_verdict: Option<BotVerdict>,
    texts: Texts,
}

/// The columns that only some types fill.
#[derive(Clone, Debug, Default)]
struct Texts {
    ip_address: Option<String>,
    user_agent: Option<String>,
    link_url: Option<String>,
    bounce_type: Option<String>,
    complaint_type: Option<String>,
    reject_reason: Option<String>,
    delay_type: Option<String>,
    subscription_type: Option<String>,
    failure_reason: Option<String>,
}

impl<'a> Occurrence<'a> {
    fn of(arrival: &Arrival<'a>) -> Self {
        let event = arrival.event;
        let Fingerprint(bytes) = event.fingerprint();
        Self {
            uuid: Uuid::now_v7(),
            aws_message_id: &event.mail.message_id,
            fingerprint: Uuid::from_bytes(bytes),
            event_type: cut(&event.type_name()),
            occurred_at: event.occurred_at(),
            json: arrival.json,
            subtype: event.subtype().map(cut),
            bot_verdict: event.bot_verdict(),
            texts: Texts::of(event),
        }
    }

    /// Takes in what another record of the same occurrence knows better.
    fn merge(&mut self, other: &Self) {
        self.occurred_at = self.occurred_at.min(other.occurred_at);
        self.bot_verdict = self.bot_verdict.max(other.bot_verdict);
        merge_optional(&mut self.subtype, other.subtype.as_ref());
    }

    /// Whether a mail may have many of its type, in V137's eyes.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.event_type.as_str(), "open" | "click")
    }
}

impl Texts {
    fn of(event: &Event<'_>) -> Self {
        let text = |text: &Option<aftersend_event::Text<'_>>| text.as_deref().map(cut);
        match &event.detail {
            Detail::Bounce(_) => {
                Self { bounce_type: event.bounce_kind().map(str::to_owned), ..Self::default() }
            }
            Detail::Complaint(complaint) => Self {
                complaint_type: text(&complaint.feedback_type),
                user_agent: text(&complaint.user_agent),
                ..Self::default()
            },
            Detail::Reject(reject) => Self { reject_reason: text(&reject.reason), ..Self::default() },
            Detail::Open(open) => Self {
                ip_address: text(&open.ip_address),
                user_agent: text(&open.user_agent),
                ..Self::default()
            },
            Detail::Click(click) => Self {
                ip_address: text(&click.ip_address),
                user_agent: text(&click.user_agent),
                link_url: text(&click.link),
                ..Self::default()
            },
            Detail::RenderingFailure(failure) => {
                Self { failure_reason: text(&failure.error_message), ..Self::default() }
            }
            Detail::DeliveryDelay(delay) => Self { delay_type: text(&delay.delay_type), ..Self::default() },
            Detail::Subscription(subscription) => {
                Self { subscription_type: text(&subscription.source), ..Self::default() }
            }
            Detail::Send | Detail::Delivery(_) | Detail::Unknown { .. } => Self::default(),
        }
    }
}

/// The distinct occurrences of a batch, in the order in which each came first.
pub(super) fn distinct<'a>(arrivals: &[Arrival<'a>]) -> Vec<Occurrence<'a>> {
    let mut places: HashMap<Uuid, usize> = HashMap::with_capacity(arrivals.len());
    let mut occurrences: Vec<Occurrence<'a>> = Vec::with_capacity(arrivals.len());
    for arrival in arrivals {
        let occurrence = Occurrence::of(arrival);
        if let Some(&place) = places.get(&occurrence.fingerprint) {
            occurrences[place].merge(&occurrence);
        } else {
            places.insert(occurrence.fingerprint, occurrences.len());
            occurrences.push(occurrence);
        }
    }
    occurrences
}

/// The verdict as SES spells it.
const fn verdict_name(verdict: BotVerdict) -> &'static str {
    match verdict {
        BotVerdict::Likely => "Likely",
        BotVerdict::Unlikely => "Unlikely",
    }
}

/// Occurrences with their mails, column by column, as the inserts' `unnest` takes them.
#[derive(Debug, Default)]
pub(super) struct EventColumns<'a> {
    pub(super) uuid: Vec<Uuid>,
    pub(super) email_log_uuid: Vec<Uuid>,
    pub(super) event_type: Vec<&'a str>,
    pub(super) event_data: Vec<&'a str>,
    pub(super) occurred_at: Vec<Timestamp>,
    pub(super) ip_address: Vec<Option<&'a str>>,
    pub(super) user_agent: Vec<Option<&'a str>>,
    pub(super) link_url: Vec<Option<&'a str>>,
    pub(super) bounce_type: Vec<Option<&'a str>>,
    pub(super) complaint_type: Vec<Option<&'a str>>,
    pub(super) reject_reason: Vec<Option<&'a str>>,
    pub(super) delay_type: Vec<Option<&'a str>>,
    pub(super) subscription_type: Vec<Option<&'a str>>,
    pub(super) failure_reason: Vec<Option<&'a str>>,
    pub(super) subtype: Vec<Option<&'a str>>,
    pub(super) bot_verdict: Vec<Option<&'a str>>,
    pub(super) fingerprint: Vec<Uuid>,
}

impl<'a> EventColumns<'a> {
    pub(super) fn push(&mut self, occurrence: &'a Occurrence<'_>, mail: Uuid) {
        let texts = &occurrence.texts;
        self.uuid.push(occurrence.uuid);
        self.email_log_uuid.push(mail);
        self.event_type.push(&occurrence.event_type);
        self.event_data.push(occurrence.json);
        self.occurred_at.push(occurrence.occurred_at);
        self.ip_address.push(texts.ip_address.as_deref());
        self.user_agent.push(texts.user_agent.as_deref());
        self.link_url.push(texts.link_url.as_deref());
        self.bounce_type.push(texts.bounce_type.as_deref());
        self.complaint_type.push(texts.complaint_type.as_deref());
        self.reject_reason.push(texts.reject_reason.as_deref());
        self.delay_type.push(texts.delay_type.as_deref());
        self.subscription_type.push(texts.subscription_type.as_deref());
        self.failure_reason.push(texts.failure_reason.as_deref());
        self.subtype.push(occurrence.subtype.as_deref());
        self.bot_verdict.push(occurrence.bot_verdict.map(verdict_name));
        self.fingerprint.push(occurrence.fingerprint);
    }

    pub(super) fn parameters(&self) -> [&(dyn tokio_postgres::types::ToSql + Sync); 17] {
        [
            &self.uuid,
            &self.email_log_uuid,
            &self.event_type,
            &self.event_data,
            &self.occurred_at,
            &self.ip_address,
            &self.user_agent,
            &self.link_url,
            &self.bounce_type,
            &self.complaint_type,
            &self.reject_reason,
            &self.delay_type,
            &self.subscription_type,
            &self.failure_reason,
            &self.subtype,
            &self.bot_verdict,
            &self.fingerprint,
        ]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.uuid.is_empty()
    }
}

/// What repeats know, column by column.
#[derive(Default)]
pub(super) struct Sharper<'a> {
    pub(super) mail: Vec<Uuid>,
    pub(super) event_type: Vec<&'a str>,
    pub(super) fingerprint: Vec<Uuid>,
    pub(super) occurred_at: Vec<Timestamp>,
    pub(super) subtype: Vec<Option<&'a str>>,
    pub(super) bot_verdict: Vec<Option<&'a str>>,
}

impl<'a> Sharper<'a> {
    pub(super) fn push(&mut self, occurrence: &'a Occurrence<'_>, mail: Uuid) {
        self.mail.push(mail);
        self.event_type.push(&occurrence.event_type);
        self.fingerprint.push(occurrence.fingerprint);
        self.occurred_at.push(occurrence.occurred_at);
        self.subtype.push(occurrence.subtype.as_deref());
        self.bot_verdict.push(occurrence.bot_verdict.map(verdict_name));
    }
}
