//! What happened to a mail, once: merged from all records of it, in the batch and in the tables.

use std::collections::HashMap;

use aftersend_event::{Address, BotVerdict, Detail, Event, Text};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Arrival,
    facts::{cut_for_column, cut_for_row, merge_optional},
    record::{Record, SesMail, as_uuid},
};

/// An occurrence with the columns it fills.
#[derive(Clone, Debug)]
pub(super) struct Occurrence<'a> {
    /// The key of the row it will have, if it gets one.
    pub(super) uuid: Uuid,
    pub(super) aws_message_id: &'a str,
    pub(super) fingerprint: Uuid,
    pub(super) event_type: String,
    pub(super) json: &'a str,
    pub(super) told: Told,
    /// What its JSON says. Nothing for a row of ours that this program can't read any more.
    event: Option<&'a Event<'a>>,
}

/// A row of the table of events or of folded events that this program wrote.
#[derive(Clone, Debug)]
pub(super) struct StoredRow {
    pub(super) fingerprint: Uuid,
    pub(super) event_type: String,
    pub(super) json: String,
    pub(super) told: Told,
}

/// What records tell of an occurrence beyond what makes it this one. Every merge commutes and may be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) occurred_at: Timestamp,
    pub(super) ip_address: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) link_url: Option<String>,
    pub(super) bounce_type: Option<String>,
    pub(super) complaint_type: Option<String>,
    pub(super) reject_reason: Option<String>,
    pub(super) delay_type: Option<String>,
    pub(super) subscription_type: Option<String>,
    pub(super) failure_reason: Option<String>,
    pub(super) subtype: Option<String>,
    pub(super) bot_verdict: Option<BotVerdict>,
}

impl<'a> Occurrence<'a> {
    /// What an event that arrived tells of.
    pub(super) fn of(arrival: &Arrival<'a>) -> Self {
        let event = arrival.event;
        Self {
            uuid: Uuid::now_v7(),
            aws_message_id: &event.mail.message_id,
            fingerprint: as_uuid(event.fingerprint()),
            event_type: cut_for_column(&event.type_name()),
            json: arrival.json,
            told: Told::of(event),
            event: Some(event),
        }
    }

    /// The same, known by the fingerprint that it was parked with: PostgreSQL spells its JSON anew.
    pub(super) fn parked(arrival: &Arrival<'a>, fingerprint: Uuid) -> Self {
        Self { fingerprint, ..Self::of(arrival) }
    }

    /// What a row of ours tells of, on its way to another mail.
    pub(super) fn stored(aws_message_id: &'a str, row: &'a StoredRow, event: Option<&'a Event<'a>>) -> Self {
        Self {
            uuid: Uuid::now_v7(),
            aws_message_id,
            fingerprint: row.fingerprint,
            event_type: row.event_type.clone(),
            json: &row.json,
            told: row.told.clone(),
            event,
        }
    }

    /// Whether a mail may have many of its type, in V137's eyes.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.event_type.as_str(), "open" | "click")
    }

    /// The fingerprint of a row of the same mail and type that has none: one that an application wrote, or that
    /// lost it when step a1 went down.
    ///
    /// From the row's JSON; what that does not say of the mail is taken from this occurrence. Where it can't be read,
    /// the row counts as this very occurrence: a repeat, never another one.
    pub(super) fn fingerprint_of_row(&self, event_data: Option<&str>) -> Uuid {
        let mail = self.event.map_or_else(
            || SesMail { message_id: self.aws_message_id.to_owned(), destination: Vec::new() },
            SesMail::of,
        );
        let known = event_data.and_then(|json| Record::read(&self.event_type, json, &mail));
        known.map_or(self.fingerprint, |record| record.fingerprint)
    }

    /// The fingerprint that a row of this occurrence was folded by, if it was an application's and nothing but the
    /// recipient that it logged the mail to was known. Only where that makes a difference.
    pub(super) fn fingerprint_if_to(&self, address: &str) -> Option<Uuid> {
        let event = self.event?;
        if !matches!(event.detail, Detail::Open(_) | Detail::Click(_) | Detail::Subscription(_)) {
            return None;
        }
        let mut event = event.clone();
        event.mail.destination = vec![Address { raw: Text::from(address) }];
        Some(as_uuid(event.fingerprint())).filter(|fingerprint| *fingerprint != self.fingerprint)
    }

    /// The time as an application notes it: cut to the second. Nothing where that is the time itself.
    pub(super) fn cut_time(&self) -> Option<Timestamp> {
        let second = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
        self.told.occurred_at.round(second).ok().filter(|cut| *cut != self.told.occurred_at)
    }
}

impl Told {
    fn of(event: &Event<'_>) -> Self {
        let word = |text: &Option<aftersend_event::Text<'_>>| text.as_deref().map(cut_for_column);
        let text = |text: &Option<aftersend_event::Text<'_>>| text.as_deref().map(cut_for_row);
        let mut told = Self {
            occurred_at: event.occurred_at(),
            ip_address: None,
            user_agent: None,
            link_url: event.link().map(cut_for_row),
            bounce_type: event.bounce_kind().map(str::to_owned),
            complaint_type: None,
            reject_reason: None,
            delay_type: None,
            subscription_type: None,
            failure_reason: None,
            subtype: event.subtype().map(cut_for_column),
            bot_verdict: event.bot_verdict(),
        };
        match &event.detail {
            Detail::Complaint(complaint) => {
                told.complaint_type = word(&complaint.feedback_type);
                told.user_agent = text(&complaint.user_agent);
            }
            Detail::Reject(reject) => told.reject_reason = text(&reject.reason),
            Detail::Open(open) => {
                told.ip_address = word(&open.ip_address);
                told.user_agent = text(&open.user_agent);
            }
            Detail::Click(click) => {
                told.ip_address = word(&click.ip_address);
                told.user_agent = text(&click.user_agent);
            }
            Detail::RenderingFailure(failure) => told.failure_reason = text(&failure.error_message),
            Detail::DeliveryDelay(delay) => told.delay_type = word(&delay.delay_type),
            Detail::Subscription(subscription) => told.subscription_type = word(&subscription.source),
            Detail::Send | Detail::Delivery(_) | Detail::Bounce(_) | Detail::Unknown { .. } => {}
        }
        told
    }

    /// As a row has it.
    pub(super) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            occurred_at: row.try_get("occurred_at")?,
            ip_address: row.try_get("ip_address")?,
            user_agent: row.try_get("user_agent")?,
            link_url: row.try_get("link_url")?,
            bounce_type: row.try_get("bounce_type")?,
            complaint_type: row.try_get("complaint_type")?,
            reject_reason: row.try_get("reject_reason")?,
            delay_type: row.try_get("delay_type")?,
            subscription_type: row.try_get("subscription_type")?,
            failure_reason: row.try_get("failure_reason")?,
            subtype: row.try_get("subtype")?,
            bot_verdict: match row.try_get("bot_verdict")? {
                Some("Likely") => Some(BotVerdict::Likely),
                Some("Unlikely") => Some(BotVerdict::Unlikely),
                _ => None,
            },
        })
    }

    /// Takes in what another record of the same occurrence knows better: an earlier time, a surer verdict, the
    /// worse kind of bounce, the longer text.
    pub(super) fn merge(&mut self, other: &Self) {
        self.merge_own_columns(other);
        self.occurred_at = self.occurred_at.min(other.occurred_at);
        if severity(other.bounce_type.as_deref()) > severity(self.bounce_type.as_deref()) {
            self.bounce_type.clone_from(&other.bounce_type);
        }
        let texts = [
            (&mut self.ip_address, &other.ip_address),
            (&mut self.user_agent, &other.user_agent),
            (&mut self.link_url, &other.link_url),
            (&mut self.complaint_type, &other.complaint_type),
            (&mut self.reject_reason, &other.reject_reason),
            (&mut self.delay_type, &other.delay_type),
            (&mut self.subscription_type, &other.subscription_type),
            (&mut self.failure_reason, &other.failure_reason),
        ];
        for (mine, theirs) in texts {
            merge_optional(mine, theirs.as_ref());
        }
    }

    /// The same for the columns that only this program writes.
    pub(super) fn merge_own_columns(&mut self, other: &Self) {
        self.bot_verdict = self.bot_verdict.max(other.bot_verdict);
        merge_optional(&mut self.subtype, other.subtype.as_ref());
    }
}

/// In the order of the statuses that the kinds of bounces give. A word of an application's own stands above
/// them: it is not ours to replace.
fn severity(bounce_type: Option<&str>) -> u8 {
    match bounce_type {
        None => 0,
        Some("soft") => 1,
        Some("undetermined") => 2,
        Some("hard") => 3,
        Some(_) => 4,
    }
}

/// The distinct occurrences of a batch, in the order in which each came first.
pub(super) fn distinct<'a>(records: impl ExactSizeIterator<Item = Occurrence<'a>>) -> Vec<Occurrence<'a>> {
    let mut places: HashMap<Uuid, usize> = HashMap::with_capacity(records.len());
    let mut occurrences: Vec<Occurrence<'a>> = Vec::with_capacity(records.len());
    for occurrence in records {
        if let Some(&place) = places.get(&occurrence.fingerprint) {
            occurrences[place].told.merge(&occurrence.told);
        } else {
            places.insert(occurrence.fingerprint, occurrences.len());
            occurrences.push(occurrence);
        }
    }
    occurrences
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told() -> impl Strategy<Value = Told> {
        let text = || proptest::option::of("[ab]{0,2}");
        let kind = proptest::option::of(proptest::sample::select(vec!["soft", "undetermined", "hard"]));
        let verdict =
            proptest::option::of(proptest::sample::select(vec![BotVerdict::Unlikely, BotVerdict::Likely]));
        (0..3_i64, text(), text(), text(), kind, verdict).prop_map(
            |(second, user_agent, complaint_type, subtype, kind, bot_verdict)| Told {
                occurred_at: Timestamp::from_second(second).unwrap(),
                ip_address: None,
                user_agent,
                link_url: None,
                bounce_type: kind.map(str::to_owned),
                complaint_type,
                reject_reason: None,
                delay_type: None,
                subscription_type: None,
                failure_reason: None,
                subtype,
                bot_verdict,
            },
        )
    }

    fn merged(mut a: Told, b: &Told) -> Told {
        a.merge(b);
        a
    }

    proptest! {
        /// Records of one occurrence leave the same row in any order and number.
        #[test]
        fn merging_commutes_associates_and_may_be_repeated(a in told(), b in told(), c in told()) {
            prop_assert_eq!(merged(a.clone(), &b), merged(b.clone(), &a));
            prop_assert_eq!(merged(merged(a.clone(), &b), &c), merged(a.clone(), &merged(b.clone(), &c)));
            prop_assert_eq!(merged(merged(a.clone(), &b), &b), merged(a, &b));
        }
    }
}
