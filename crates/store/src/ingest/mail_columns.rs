//! Mails as the arrays that statements take.

use jiff::Timestamp;
use uuid::Uuid;

use super::facts::Facts;
use crate::tags;

/// Mails, column by column.
#[derive(Default)]
pub(super) struct MailColumns<'a> {
    pub(super) uuid: Vec<Uuid>,
    pub(super) to: Vec<&'a str>,
    pub(super) from: Vec<&'a str>,
    pub(super) subject: Vec<Option<&'a str>>,
    pub(super) template_name: Vec<Option<&'a str>>,
    pub(super) campaign_id: Vec<Option<&'a str>>,
    pub(super) configuration_set: Vec<Option<&'a str>>,
    pub(super) message_tags: Vec<String>,
    pub(super) status: Vec<String>,
    pub(super) sent_at: Vec<Timestamp>,
    pub(super) delayed_at: Vec<Option<Timestamp>>,
    pub(super) delivered_at: Vec<Option<Timestamp>>,
    pub(super) opened_at: Vec<Option<Timestamp>>,
    pub(super) clicked_at: Vec<Option<Timestamp>>,
    pub(super) bounced_at: Vec<Option<Timestamp>>,
    pub(super) failed_at: Vec<Option<Timestamp>>,
    pub(super) rejected_at: Vec<Option<Timestamp>>,
    pub(super) complained_at: Vec<Option<Timestamp>>,
}

impl<'a> MailColumns<'a> {
    pub(super) fn push(&mut self, uuid: Uuid, facts: &'a Facts, status: String) {
        let Facts { described, times, status: _ } = facts;
        self.uuid.push(uuid);
        self.to.push(&described.to);
        self.from.push(&described.from);
        self.subject.push(described.subject.as_deref());
        self.template_name.push(described.template_name.as_deref());
        self.campaign_id.push(described.campaign_id.as_deref());
        self.configuration_set.push(described.configuration_set.as_deref());
        self.message_tags.push(tags::write(&described.tags));
        self.status.push(status);
        self.sent_at.push(described.sent_at);
        self.delayed_at.push(times.delayed_at);
        self.delivered_at.push(times.delivered_at);
        self.opened_at.push(times.opened_at);
        self.clicked_at.push(times.clicked_at);
        self.bounced_at.push(times.bounced_at);
        self.failed_at.push(times.failed_at);
        self.rejected_at.push(times.rejected_at);
        self.complained_at.push(times.complained_at);
    }
}
