//! Logged mails as the arrays that statements take.

use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::row::{HeldBody, MailRow, headers_json};
use crate::tags;

/// Mails, column by column.
#[derive(Default)]
pub(super) struct LoggedColumns<'a> {
    pub(super) uuid: Vec<Uuid>,
    message_id: Vec<&'a str>,
    aws_message_id: Vec<Option<&'a str>>,
    to: Vec<&'a str>,
    from: Vec<&'a str>,
    subject: Vec<Option<&'a str>>,
    template_name: Vec<Option<&'a str>>,
    campaign_id: Vec<Option<&'a str>>,
    configuration_set: Vec<Option<&'a str>>,
    message_tags: Vec<Option<String>>,
    headers: Vec<Option<String>>,
    status: Vec<&'a str>,
    sent_at: Vec<Option<Timestamp>>,
    queued_at: Vec<Option<Timestamp>>,
    attachments_count: Vec<i32>,
    size_bytes: Vec<Option<i32>>,
    locale: Vec<&'a str>,
    user_uuid: Vec<Option<Uuid>>,
    logged: Vec<Option<String>>,
    body_full: Vec<Option<&'a str>>,
    body_preview: Vec<Option<&'a str>>,
    has_body: Vec<bool>,
}

impl<'a> LoggedColumns<'a> {
    /// `before` is the row as it stands: JSON that does not change stays as an application spelled it.
    pub(super) fn push(&mut self, row: &'a MailRow, before: Option<&MailRow>) {
        let is_new = |same: fn(&MailRow, &MailRow) -> bool| before.is_none_or(|before| !same(row, before));
        self.uuid.push(row.uuid);
        self.message_id.push(&row.message_id);
        self.aws_message_id.push(row.aws_message_id.as_deref());
        self.to.push(&row.to);
        self.from.push(&row.from);
        self.subject.push(row.subject.as_deref());
        self.template_name.push(row.template_name.as_deref());
        self.campaign_id.push(row.campaign_id.as_deref());
        self.configuration_set.push(row.configuration_set.as_deref());
        self.message_tags.push(is_new(|a, b| a.tags == b.tags).then(|| tags::write(&row.tags)));
        self.headers.push(is_new(|a, b| a.headers == b.headers).then(|| headers_json(&row.headers)));
        self.status.push(&row.status);
        self.sent_at.push(row.sent_at);
        self.queued_at.push(row.queued_at);
        self.attachments_count.push(row.attachments_count);
        self.size_bytes.push(row.size_bytes);
        self.locale.push(&row.locale);
        self.user_uuid.push(row.user_uuid);
        self.logged.push(row.is_logged.then(|| row.said.names().join(",")));
        let body = match &row.body {
            HeldBody::New(body) => Some(body),
            HeldBody::Plain { .. } | HeldBody::PutAway => None,
        };
        self.body_full.push(body.map(|body| body.full.as_str()));
        self.body_preview.push(body.and_then(|body| body.preview.as_deref()));
        self.has_body.push(body.is_some());
    }

    /// In the order in which both statements name them; the last is for rows that stand already.
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 22] {
        [
            &self.uuid,
            &self.message_id,
            &self.aws_message_id,
            &self.to,
            &self.from,
            &self.subject,
            &self.template_name,
            &self.campaign_id,
            &self.configuration_set,
            &self.message_tags,
            &self.headers,
            &self.status,
            &self.sent_at,
            &self.queued_at,
            &self.attachments_count,
            &self.size_bytes,
            &self.locale,
            &self.user_uuid,
            &self.logged,
            &self.body_full,
            &self.body_preview,
            &self.has_body,
        ]
    }
}
