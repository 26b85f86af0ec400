//! Occurrences, column by column, as statements' `unnest` takes them.

use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{
    occurrence::{Occurrence, Told},
    record::verdict_name,
};

/// What records tell of an occurrence.
#[derive(Debug, Default)]
struct ToldColumns<'a> {
    occurred_at: Vec<Timestamp>,
    ip_address: Vec<Option<&'a str>>,
    user_agent: Vec<Option<&'a str>>,
    link_url: Vec<Option<&'a str>>,
    bounce_type: Vec<Option<&'a str>>,
    complaint_type: Vec<Option<&'a str>>,
    reject_reason: Vec<Option<&'a str>>,
    delay_type: Vec<Option<&'a str>>,
    subscription_type: Vec<Option<&'a str>>,
    failure_reason: Vec<Option<&'a str>>,
    subtype: Vec<Option<&'a str>>,
    bot_verdict: Vec<Option<&'a str>>,
}

impl<'a> ToldColumns<'a> {
    fn push(&mut self, told: &'a Told) {
        self.occurred_at.push(told.occurred_at);
        self.ip_address.push(told.ip_address.as_deref());
        self.user_agent.push(told.user_agent.as_deref());
        self.link_url.push(told.link_url.as_deref());
        self.bounce_type.push(told.bounce_type.as_deref());
        self.complaint_type.push(told.complaint_type.as_deref());
        self.reject_reason.push(told.reject_reason.as_deref());
        self.delay_type.push(told.delay_type.as_deref());
        self.subscription_type.push(told.subscription_type.as_deref());
        self.failure_reason.push(told.failure_reason.as_deref());
        self.subtype.push(told.subtype.as_deref());
        self.bot_verdict.push(told.bot_verdict.map(verdict_name));
    }

    /// In the order in which all statements name them.
    fn parameters(&self) -> [&(dyn ToSql + Sync); 12] {
        [
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
        ]
    }
}

/// Occurrences as rows to insert.
#[derive(Debug, Default)]
pub(super) struct EventColumns<'a> {
    uuid: Vec<Uuid>,
    email_log_uuid: Vec<Uuid>,
    event_type: Vec<&'a str>,
    event_data: Vec<&'a str>,
    told: ToldColumns<'a>,
    fingerprint: Vec<Uuid>,
}

impl<'a> EventColumns<'a> {
    pub(super) fn push(&mut self, occurrence: &'a Occurrence<'_>, mail: Uuid) {
        self.uuid.push(occurrence.uuid);
        self.email_log_uuid.push(mail);
        self.event_type.push(&occurrence.event_type);
        self.event_data.push(occurrence.json);
        self.told.push(&occurrence.told);
        self.fingerprint.push(occurrence.fingerprint);
    }

    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let first: [&(dyn ToSql + Sync); 4] =
            [&self.uuid, &self.email_log_uuid, &self.event_type, &self.event_data];
        let last: [&(dyn ToSql + Sync); 1] = [&self.fingerprint];
        first.into_iter().chain(self.told.parameters()).chain(last).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.uuid.is_empty()
    }
}

/// Rows to write back.
#[derive(Debug, Default)]
pub(super) struct HeldColumns<'a> {
    uuid: Vec<Uuid>,
    email_log_uuid: Vec<Uuid>,
    fingerprint: Vec<Option<Uuid>>,
    told: ToldColumns<'a>,
}

impl<'a> HeldColumns<'a> {
    pub(super) fn push(&mut self, uuid: Uuid, mail: Uuid, fingerprint: Option<Uuid>, told: &'a Told) {
        self.uuid.push(uuid);
        self.email_log_uuid.push(mail);
        self.fingerprint.push(fingerprint);
        self.told.push(told);
    }

    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let first: [&(dyn ToSql + Sync); 3] = [&self.uuid, &self.email_log_uuid, &self.fingerprint];
        first.into_iter().chain(self.told.parameters()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.uuid.is_empty()
    }
}

/// Occurrences as questions: what stands in their places?
#[derive(Debug, Default)]
pub(super) struct PlaceColumns<'a> {
    place: Vec<i32>,
    email_log_uuid: Vec<Uuid>,
    event_type: Vec<&'a str>,
    occurred_at: Vec<Timestamp>,
    fingerprint: Vec<Uuid>,
}

impl<'a> PlaceColumns<'a> {
    /// Asks for the row at a time, and for the folded row of a fingerprint.
    pub(super) fn push(
        &mut self,
        place: i32,
        occurrence: &'a Occurrence<'_>,
        mail: Uuid,
        occurred_at: Timestamp,
        fingerprint: Uuid,
    ) {
        self.place.push(place);
        self.email_log_uuid.push(mail);
        self.event_type.push(&occurrence.event_type);
        self.occurred_at.push(occurred_at);
        self.fingerprint.push(fingerprint);
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 5] {
        [&self.place, &self.email_log_uuid, &self.event_type, &self.occurred_at, &self.fingerprint]
    }
}
