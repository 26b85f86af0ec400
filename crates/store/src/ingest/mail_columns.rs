//! Mails as the arrays that statements take.

use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::facts::Facts;
use crate::tags;

/// Mails, column by column.
#[derive(Default)]
pub(super) struct MailColumns<'a> {
    pub(super) uuid: Vec<Uuid>,
    to: Vec<&'a str>,
    from: Vec<&'a str>,
    subject: Vec<Option<&'a str>>,
    template_name: Vec<Option<&'a str>>,
    campaign_id: Vec<Option<&'a str>>,
    configuration_set: Vec<Option<&'a str>>,
    message_tags: Vec<String>,
    status: Vec<String>,
    sent_at: Vec<Timestamp>,
    delayed_at: Vec<Option<Timestamp>>,
    delivered_at: Vec<Option<Timestamp>>,
    opened_at: Vec<Option<Timestamp>>,
    clicked_at: Vec<Option<Timestamp>>,
    bounced_at: Vec<Option<Timestamp>>,
    failed_at: Vec<Option<Timestamp>>,
    rejected_at: Vec<Option<Timestamp>>,
    complained_at: Vec<Option<Timestamp>>,
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

    /// Everything but the key, in the order in which both statements name it.
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 17] {
        [
            &self.to,
            &self.from,
            &self.subject,
            &self.template_name,
            &self.campaign_id,
            &self.configuration_set,
            &self.message_tags,
            &self.status,
            &self.sent_at,
            &self.delayed_at,
            &self.delivered_at,
            &self.opened_at,
            &self.clicked_at,
            &self.bounced_at,
            &self.failed_at,
            &self.rejected_at,
            &self.complained_at,
        ]
    }
}
