//! A mail's row, and what a logged mail makes of it.

use std::collections::BTreeMap;

use aftersend_event::Status;
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Body, LoggedMail};
use crate::{
    TagNames,
    ingest::facts::{Column, Said},
    tags::{self, Tags},
};

/// A mail as its row has it, or is to have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MailRow {
    pub(super) uuid: Uuid,
    pub(super) message_id: String,
    pub(super) aws_message_id: Option<String>,
    /// Whether it was made from its events alone.
    pub(super) derived: bool,
    /// Whether `aftersend_logged` tells which columns are its application's.
    pub(super) is_logged: bool,
    pub(super) said: Said,
    pub(super) to: String,
    pub(super) from: String,
    pub(super) subject: Option<String>,
    pub(super) template_name: Option<String>,
    pub(super) campaign_id: Option<String>,
    pub(super) configuration_set: Option<String>,
    pub(super) tags: Tags,
    pub(super) headers: Map<String, Value>,
    pub(super) status: String,
    /// Nothing in a new row of which nobody says it.
    pub(super) sent_at: Option<Timestamp>,
    pub(super) queued_at: Option<Timestamp>,
    /// Nothing in a new row.
    pub(super) inserted_at: Option<Timestamp>,
    pub(super) attachments_count: i32,
    pub(super) size_bytes: Option<i32>,
    pub(super) locale: String,
    pub(super) user_uuid: Option<Uuid>,
    pub(super) body: HeldBody,
}

/// What is known of a row's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HeldBody {
    /// Its hash and its preview's, where somebody asked for them and there are any.
    Plain { full_sha256: Option<Vec<u8>>, preview_sha256: Option<Vec<u8>> },
    /// It was compressed or discarded, and stays so.
    PutAway,
    /// It is to be written.
    New(Body),
}

impl MailRow {
    pub(super) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let derived = row.try_get("derived")?;
        let logged: Option<Vec<&str>> = row.try_get("logged")?;
        let tags: Option<&str> = row.try_get("message_tags")?;
        let headers: Option<&str> = row.try_get("headers")?;
        let is_put_away: bool = row.try_get("body_compressed")?;
        let body = if is_put_away {
            HeldBody::PutAway
        } else {
            let (full_sha256, preview_sha256) = (row.try_get("body_sha256")?, row.try_get("preview_sha256")?);
            HeldBody::Plain { full_sha256, preview_sha256 }
        };
        Ok(Self {
            uuid: row.try_get("uuid")?,
            message_id: row.try_get("message_id")?,
            aws_message_id: row.try_get("aws_message_id")?,
            derived,
            is_logged: logged.is_some(),
            said: Said::of_row(derived, logged.as_deref()),
            to: row.try_get("to")?,
            from: row.try_get("from")?,
            subject: row.try_get("subject")?,
            template_name: row.try_get("template_name")?,
            campaign_id: row.try_get("campaign_id")?,
            configuration_set: row.try_get("configuration_set")?,
            tags: tags.map(tags::read_sets).unwrap_or_default(),
            headers: headers.map(object).unwrap_or_default(),
            status: row.try_get("status")?,
            sent_at: Some(row.try_get("sent_at")?),
            queued_at: row.try_get("queued_at")?,
            inserted_at: Some(row.try_get("inserted_at")?),
            attachments_count: row.try_get("attachments_count")?,
            size_bytes: row.try_get("size_bytes")?,
            locale: row.try_get("locale")?,
            user_uuid: row.try_get("user_uuid")?,
            body,
        })
    }

    /// A mail that nobody knew.
    pub(super) fn new(mail: &LoggedMail) -> Self {
        let uuid = mail.given.unwrap_or_else(Uuid::now_v7);
        Self {
            uuid,
            message_id: mail.message_id.clone().unwrap_or_else(|| given_message_id(uuid)),
            aws_message_id: mail.aws_message_id.clone(),
            derived: false,
            is_logged: true,
            said: Said::NOTHING,
            to: String::new(),
            from: String::new(),
            subject: None,
            template_name: None,
            campaign_id: None,
            configuration_set: None,
            tags: Tags::new(),
            headers: Map::new(),
            status: Status::Queued.name().to_owned(),
            sent_at: None,
            queued_at: None,
            inserted_at: None,
            attachments_count: 0,
            size_bytes: None,
            locale: "en".to_owned(),
            user_uuid: None,
            body: HeldBody::Plain { full_sha256: None, preview_sha256: None },
        }
    }

    /// Whether an application chose the own id, rather than this program or SES.
    pub(super) fn has_chosen_id(&self, ses_id: &str) -> bool {
        let is_given = ["aftersend:", GIVEN_PREFIX].iter().any(|prefix| self.message_id.starts_with(prefix));
        !is_given && self.message_id != ses_id
    }

    /// Takes in what a line says, but for the ids.
    pub(super) fn take_in(&mut self, mail: &LoggedMail, names: &TagNames) {
        // From now on the row is its application's, and these columns alone are not its events'.
        if self.derived {
            (self.derived, self.is_logged) = (false, true);
        }
        // Asked before anything is changed: what it says then is when it was queued or written down.
        let is_open = self.is_sent_at_open();
        self.take_in_texts(mail);
        self.take_in_tags(mail, names);
        for (name, values) in mail.headers.iter().flatten() {
            self.headers.insert(name.clone(), header_value(values));
        }
        self.queued_at = mail.queued_at.or(self.queued_at);
        if let Some(sent_at) = mail.sent_at {
            self.sent_at = Some(sent_at);
            self.said.add(Column::SentAt);
        } else if is_open {
            self.sent_at = self.queued_at.or(self.inserted_at);
        }
        self.raise_status(mail);
        self.attachments_count = mail.attachments_count.unwrap_or(self.attachments_count);
        self.size_bytes = mail.size_bytes.or(self.size_bytes);
        self.user_uuid = mail.user_uuid.or(self.user_uuid);
        if let Some(locale) = &mail.locale {
            self.locale.clone_from(locale);
        }
        if let Some(body) = &mail.body
            && self.body.differs_from(body)
        {
            self.body = HeldBody::New(body.clone());
        }
    }

    /// Whether nobody has told yet when the mail was sent.
    fn is_sent_at_open(&self) -> bool {
        self.is_logged
            && !self.said.has(Column::SentAt)
            && self.sent_at == self.queued_at.or(self.inserted_at)
    }

    fn take_in_texts(&mut self, mail: &LoggedMail) {
        for (column, mine, theirs) in
            [(Column::To, &mut self.to, &mail.to), (Column::From, &mut self.from, &mail.from)]
        {
            if let Some(text) = theirs {
                mine.clone_from(text);
                self.said.add(column);
            }
        }
        for (column, mine, theirs) in [
            (Column::Subject, &mut self.subject, &mail.subject),
            (Column::TemplateName, &mut self.template_name, &mail.template),
            (Column::CampaignId, &mut self.campaign_id, &mail.campaign),
            (Column::ConfigurationSet, &mut self.configuration_set, &mail.configuration_set),
        ] {
            if theirs.is_some() {
                mine.clone_from(theirs);
                self.said.add(column);
            }
        }
    }

    /// Tags of an application's take the place of those that events tell; those of several lines unite, and of one name
    /// the later line's values hold. They name template and campaign where nothing else has.
    fn take_in_tags(&mut self, mail: &LoggedMail, names: &TagNames) {
        let Some(tags) = &mail.tags else { return };
        if !self.said.has(Column::MessageTags) {
            self.tags.clear();
            self.said.add(Column::MessageTags);
        }
        for (name, values) in tags {
            self.tags.insert(name.clone(), values.clone());
        }
        for (column, mine, name) in [
            (Column::TemplateName, &mut self.template_name, &names.template),
            (Column::CampaignId, &mut self.campaign_id, &names.campaign),
        ] {
            let value = tags.get(name).and_then(|values| values.first());
            if let Some(value) = value.filter(|_| !self.said.has(column)) {
                *mine = Some(value.clone());
                self.said.add(column);
            }
        }
    }

    /// A status only rises. A mail with an SES id, or a time at which it was sent, was sent.
    fn raise_status(&mut self, mail: &LoggedMail) {
        let is_sent = mail.aws_message_id.is_some() || mail.sent_at.is_some();
        let told = mail.status.max(is_sent.then_some(Status::Sent));
        let held = Status::from_name(&self.status);
        if let Some(told) = told.filter(|told| Some(*told) > held) {
            told.name().clone_into(&mut self.status);
        }
    }
}

impl HeldBody {
    fn differs_from(&self, body: &Body) -> bool {
        let is = |held: &Option<Vec<u8>>, text: Option<&String>| match (held, text) {
            (Some(held), Some(text)) => held.as_slice() == Sha256::digest(text).as_slice(),
            (held, text) => held.is_none() && text.is_none(),
        };
        match self {
            Self::Plain { full_sha256, preview_sha256 } => {
                !is(full_sha256, Some(&body.full)) || !is(preview_sha256, body.preview.as_ref())
            }
            Self::PutAway => false,
            Self::New(held) => held != body,
        }
    }
}

/// Before a mail's key, where its application gives it no id of its own.
const GIVEN_PREFIX: &str = "logged:";

pub(super) fn given_message_id(uuid: Uuid) -> String {
    format!("{GIVEN_PREFIX}{uuid}")
}

fn object(json: &str) -> Map<String, Value> {
    match serde_json::from_str(json) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn header_value(values: &[String]) -> Value {
    match values {
        [value] => value.as_str().into(),
        values => values.into(),
    }
}

/// The headers as the column has them.
pub(super) fn headers_json(headers: &Map<String, Value>) -> String {
    let headers: BTreeMap<&String, &Value> = headers.iter().collect();
    serde_json::to_string(&headers).expect("names are plain strings")
}
