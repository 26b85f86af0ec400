//! One mail and what became of it.

use std::collections::BTreeMap;

use aftersend_event::{Detail, Message, Status, Text};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{MailSummary, QueryError, Recipient, Store, search::rows_max, sql::Statement, tags};

/// Occurrences that a story shows at most. A mail has a handful; one with more opens than this is shown by
/// its first ones, and says so.
pub const STORY_OCCURRENCES_MAX: usize = 1_000;

/// Digits of a uuid that mails are found by, at least: fewer are those of a time that lasts for hours.
pub const BEGINNING_DIGITS_MIN: usize = 8;

/// One mail with all that happened to it.
#[derive(Clone, Debug)]
pub struct Story {
    /// The mail.
    pub mail: Mail,
    /// What happened, in the order of time. Folded occurrences stand among the others.
    pub occurrences: Vec<Occurrence>,
    /// Whether the mail has more occurrences than [`STORY_OCCURRENCES_MAX`].
    pub truncated: bool,
    /// What became of it for each recipient: those that it went to first, by address. None where no event of the mail
    /// has been read, and nothing is known but what its row says; the first
    /// [`STORY_RECIPIENTS_MAX`](crate::STORY_RECIPIENTS_MAX) where there are more.
    pub recipients: Vec<Recipient>,
}

/// A mail with everything known of it.
#[derive(Clone, Debug)]
pub struct Mail {
    /// What the list shows of it.
    pub summary: MailSummary,
    /// The SES configuration set it was sent with.
    pub configuration_set: Option<String>,
    /// The tags it was sent with, by name.
    pub tags: BTreeMap<String, Vec<String>>,
    /// The first lines of its body, where an application kept them.
    pub body_preview: Option<String>,
    /// What an application noted of a failure.
    pub error_message: Option<String>,
    /// The earliest time of each state that the mail went through.
    pub times: Vec<(Status, Timestamp)>,
    /// Whether the mail is known from its events alone, so that no application has logged it.
    pub derived: bool,
}

/// Something that happened to a mail.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// The row's key in the table of events or of folded events.
    pub uuid: Uuid,
    /// As the database spells it: `send`, `delivery`, `bounce`, …
    pub event_type: String,
    /// When it happened, by SES's account (or, for an application's own rows, by that application's).
    pub occurred_at: Timestamp,
    /// Whether it shares its place in V137's unique index with another occurrence, which holds the row there.
    pub folded: bool,
    /// Whom it concerns, normalised; empty where SES does not say.
    pub recipients: Vec<String>,
    /// `hard`, `soft` or `undetermined`, for a bounce.
    pub bounce_type: Option<String>,
    /// SES's subtype: of a bounce, a delay, a complaint.
    pub subtype: Option<String>,
    /// `Likely` or `Unlikely`: SES's verdict whether a machine opened or clicked.
    pub bot_verdict: Option<String>,
    /// The link that was followed.
    pub link_url: Option<String>,
    /// Where an open or a click came from.
    pub ip_address: Option<String>,
    /// The program that opened or clicked.
    pub user_agent: Option<String>,
    /// The complaint's feedback type: `abuse`, `not-spam`, …
    pub complaint_type: Option<String>,
    /// Why SES refused the mail.
    pub reject_reason: Option<String>,
    /// Why the recipient's server put the mail off.
    pub delay_type: Option<String>,
    /// Where a change of subscription came from.
    pub subscription_type: Option<String>,
    /// Why the template could not be rendered.
    pub failure_reason: Option<String>,
    /// What servers said: an SMTP answer or diagnostic code, one for each recipient that has one.
    pub diagnostics: Vec<String>,
    /// The event's own JSON.
    pub event_data: String,
    /// When it was stored.
    pub inserted_at: Timestamp,
}

/// The first and the last uuid that begin so.
fn between(beginning: &str) -> Option<(Uuid, Uuid)> {
    const UUID_DIGITS: usize = 32;
    let digits: String = beginning.chars().filter(|&character| character != '-').collect();
    let is_one = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_one || !(BEGINNING_DIGITS_MIN..=UUID_DIGITS).contains(&digits.len()) {
        return None;
    }
    let filled =
        |fill: &str| Uuid::try_parse(&format!("{digits}{}", fill.repeat(UUID_DIGITS - digits.len()))).ok();
    Some((filled("0")?, filled("f")?))
}

impl Store {
    /// The mail with that id and what happened to it: our uuid, the application's message id or the SES id.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find_story(&self, id: &str) -> Result<Option<Story>, QueryError> {
        let Some(mail) = self.find_mail(id.trim()).await? else { return Ok(None) };
        let uuid = mail.summary.uuid;
        let ((occurrences, truncated), recipients) =
            tokio::try_join!(self.timeline(uuid), self.recipients(uuid))?;
        Ok(Some(Story { mail, occurrences, truncated, recipients }))
    }

    /// What happened to a mail, and whether there is more of it than is read.
    async fn timeline(&self, mail: Uuid) -> Result<(Vec<Occurrence>, bool), QueryError> {
        let client = self.reader().await?;
        let timeline = client.prepare_cached(self.sql(Statement::Timeline)).await?;
        let rows = client.query(&timeline, &[&mail, &rows_max(STORY_OCCURRENCES_MAX)]).await?;
        let occurrences = rows.iter().take(STORY_OCCURRENCES_MAX).map(Occurrence::from_row);
        Ok((occurrences.collect::<Result<_, _>>()?, rows.len() > STORY_OCCURRENCES_MAX))
    }

    /// Mails whose uuids begin with these digits, hyphens or not: `mails_max` at most, by uuid. None where there are fewer than
    /// [`BEGINNING_DIGITS_MIN`] digits, or something else stands among them.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find_mails_beginning(
        &self,
        beginning: &str,
        mails_max: usize,
    ) -> Result<Vec<MailSummary>, QueryError> {
        let Some((first, last)) = between(beginning.trim()) else { return Ok(Vec::new()) };
        let client = self.reader().await?;
        let find = client.prepare_cached(self.sql(Statement::FindMailsBeginning)).await?;
        let rows_max = i64::try_from(mails_max).unwrap_or(i64::MAX);
        let rows = client.query(&find, &[&first, &last, &rows_max]).await?;
        Ok(rows.iter().map(MailSummary::from_row).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    async fn find_mail(&self, id: &str) -> Result<Option<Mail>, QueryError> {
        // PostgreSQL refuses a NUL in text, and no id holds one.
        if id.is_empty() || id.contains('\0') {
            return Ok(None);
        }
        let client = self.reader().await?;
        if let Ok(uuid) = Uuid::try_parse(id) {
            let by_uuid = client.prepare_cached(self.sql(Statement::FindMailByUuid)).await?;
            if let Some(row) = client.query_opt(&by_uuid, &[&uuid]).await? {
                return Ok(Some(Mail::from_row(&row)?));
            }
        }
        // An application's own ids may look like uuids, too.
        let by_id = client.prepare_cached(self.sql(Statement::FindMailById)).await?;
        let row = client.query_opt(&by_id, &[&id]).await?;
        Ok(row.as_ref().map(Mail::from_row).transpose()?)
    }
}

impl Mail {
    fn from_row(row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
        let mut times = Vec::new();
        for (status, column) in [
            (Status::Queued, "queued_at"),
            (Status::Delayed, "delayed_at"),
            (Status::Delivered, "delivered_at"),
            (Status::Opened, "opened_at"),
            (Status::Clicked, "clicked_at"),
            (Status::Bounced, "bounced_at"),
            (Status::Failed, "failed_at"),
            (Status::Rejected, "rejected_at"),
            (Status::Complaint, "complained_at"),
        ] {
            if let Some(at) = row.try_get::<_, Option<Timestamp>>(column)? {
                times.push((status, at));
            }
        }
        let tags: Option<String> = row.try_get("message_tags")?;
        Ok(Self {
            summary: MailSummary::from_row(row)?,
            configuration_set: row.try_get("configuration_set")?,
            tags: tags.as_deref().map(tags::read).unwrap_or_default(),
            body_preview: row.try_get("body_preview")?,
            error_message: row.try_get("error_message")?,
            times,
            derived: row.try_get("derived")?,
        })
    }
}

impl Occurrence {
    fn from_row(row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
        let event_data: Option<String> = row.try_get("event_data")?;
        let event_data = event_data.unwrap_or_default();
        let (recipients, diagnostics) = told_by(&event_data);
        Ok(Self {
            uuid: row.try_get("uuid")?,
            event_type: row.try_get("event_type")?,
            occurred_at: row.try_get("occurred_at")?,
            folded: row.try_get("folded")?,
            recipients,
            bounce_type: row.try_get("bounce_type")?,
            subtype: row.try_get("subtype")?,
            bot_verdict: row.try_get("bot_verdict")?,
            link_url: row.try_get("link_url")?,
            ip_address: row.try_get("ip_address")?,
            user_agent: row.try_get("user_agent")?,
            complaint_type: row.try_get("complaint_type")?,
            reject_reason: row.try_get("reject_reason")?,
            delay_type: row.try_get("delay_type")?,
            subscription_type: row.try_get("subscription_type")?,
            failure_reason: row.try_get("failure_reason")?,
            diagnostics,
            event_data,
            inserted_at: row.try_get("inserted_at")?,
        })
    }
}

/// The recipients and the servers' answers in an event's own JSON. An application's row holds a part of the
/// event only, which tells neither.
fn told_by(event_data: &str) -> (Vec<String>, Vec<String>) {
    let Ok(Message::Event(document)) = aftersend_event::read(event_data.as_bytes()) else {
        return Default::default();
    };
    let Ok(event) = document.event() else { return Default::default() };
    let answers: Vec<Option<&Text<'_>>> = match &event.detail {
        Detail::Delivery(delivery) => vec![delivery.smtp_response.as_ref()],
        Detail::Bounce(bounce) => bounce.recipients.iter().map(|r| r.diagnostic_code.as_ref()).collect(),
        Detail::DeliveryDelay(delay) => delay.recipients.iter().map(|r| r.diagnostic_code.as_ref()).collect(),
        _ => Vec::new(),
    };
    let diagnostics = answers.into_iter().flatten().map(|text| text.to_string()).collect();
    (event.recipients(), diagnostics)
}

#[cfg(test)]
mod tests;
