//! One mail without a person.

use jiff::Timestamp;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{Erasure, Person, is_pseudonym, retry};
use crate::{
    IngestError,
    body::{Body, COLUMN_BYTES_MAX, bodies_of},
    ingest::{marks::Marks, transaction::Writer},
    retention::{fingerprint_of, remainder},
    sql::Statement,
};

/// What an erasure did to one mail.
#[derive(Clone, Copy, Debug, Default)]
struct Erased {
    is_emptied: bool,
    is_cleaned: bool,
    events: u64,
    removed: u64,
}

/// The texts of a mail's row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MailTexts {
    message_id: String,
    to: String,
    from: String,
    subject: Option<String>,
    headers: Option<String>,
    message_tags: Option<String>,
    body_full: Option<String>,
    body_preview: Option<String>,
    template_name: Option<String>,
    campaign_id: Option<String>,
    configuration_set: Option<String>,
    error_message: Option<String>,
}

impl MailTexts {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            message_id: row.try_get("message_id")?,
            to: row.try_get("to")?,
            from: row.try_get("from")?,
            subject: row.try_get("subject")?,
            headers: row.try_get("headers")?,
            message_tags: row.try_get("message_tags")?,
            body_full: row.try_get("body_full")?,
            body_preview: row.try_get("body_preview")?,
            template_name: row.try_get("template_name")?,
            campaign_id: row.try_get("campaign_id")?,
            configuration_set: row.try_get("configuration_set")?,
            error_message: row.try_get("error_message")?,
        })
    }

    /// Without the person, wherever a text names it.
    fn clean(&mut self, person: &Person) {
        for text in [&mut self.message_id, &mut self.to, &mut self.from] {
            if let Some(without) = person.without(text) {
                *text = without;
            }
        }
        for text in [
            &mut self.subject,
            &mut self.body_full,
            &mut self.body_preview,
            &mut self.template_name,
            &mut self.campaign_id,
            &mut self.configuration_set,
            &mut self.error_message,
        ] {
            if let Some(without) = text.as_ref().and_then(|text| person.without(text)) {
                *text = Some(without);
            }
        }
        for json in [&mut self.headers, &mut self.message_tags] {
            if let Some(without) = json.as_ref().and_then(|json| person.json_without(json)) {
                *json = Some(without);
            }
        }
    }

    /// Nothing but what counts: template, campaign and configuration set.
    fn empty(&mut self, person: &Person, mail: Uuid) {
        self.clean(person);
        // An id made of the address names the person, whatever stands around it.
        if person.is_part_of(&self.message_id) {
            self.message_id = format!("erased:{mail}");
        }
        self.to.clone_from(&person.pseudonym);
        self.subject = None;
        self.headers = Some("{}".to_owned());
        self.message_tags = Some("{}".to_owned());
        self.body_full = None;
        self.body_preview = None;
        self.error_message = None;
    }
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct EventTexts {
    folded: bool,
    key: Uuid,
    event_type: String,
    event_data: String,
    link_url: Option<String>,
    user_agent: Option<String>,
    ip_address: Option<String>,
    reject_reason: Option<String>,
    failure_reason: Option<String>,
    fingerprint: Option<Uuid>,
}

impl EventTexts {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            folded: row.try_get("folded")?,
            key: row.try_get("key")?,
            event_type: row.try_get("event_type")?,
            event_data: row.try_get::<_, Option<String>>("event_data")?.unwrap_or_else(|| "{}".to_owned()),
            link_url: row.try_get("link_url")?,
            user_agent: row.try_get("user_agent")?,
            ip_address: row.try_get("ip_address")?,
            reject_reason: row.try_get("reject_reason")?,
            failure_reason: row.try_get("failure_reason")?,
            fingerprint: row.try_get("fingerprint")?,
        })
    }

    fn clean(&mut self, person: &Person, aws_message_id: Option<&str>) {
        if let Some(json) = person.json_without(&self.event_data) {
            self.keep_fingerprint(aws_message_id);
            self.event_data = json;
        }
        for text in
            [&mut self.link_url, &mut self.user_agent, &mut self.reject_reason, &mut self.failure_reason]
        {
            if let Some(without) = text.as_ref().and_then(|text| person.without(text)) {
                *text = Some(without);
            }
        }
    }

    /// Nothing but type, time and kind. Of a link its page stays, which many have followed, without what is behind it.
    fn empty(&mut self, person: &Person, aws_message_id: Option<&str>) {
        self.keep_fingerprint(aws_message_id);
        self.event_data = remainder(&self.event_type, &self.event_data);
        self.user_agent = None;
        self.ip_address = None;
        self.reject_reason = None;
        self.failure_reason = None;
        if let Some(link) = &mut self.link_url {
            link.truncate(link.find(['?', '#']).unwrap_or(link.len()));
            if person.is_part_of(link) {
                self.link_url = None;
            }
        }
    }

    /// Asked before its JSON changes: which occurrence an application's row is.
    fn keep_fingerprint(&mut self, aws_message_id: Option<&str>) {
        if self.fingerprint.is_none() {
            self.fingerprint = fingerprint_of(&self.event_type, &self.event_data, aws_message_id);
        }
    }
}

impl Erasure<'_> {
    /// Empties a mail of the person's, or takes the person out of one of others.
    pub(super) async fn erase_mail(&mut self, mail: Uuid) -> Result<(), IngestError> {
        // Found by an index, and again by what it says. What came in meanwhile does not name the person.
        if !self.seen.insert(mail) {
            return Ok(());
        }
        let store = self.store;
        let erased = retry(async || store.in_time(Box::pin(self.erase_mail_once(mail))).await).await?;
        if erased.is_emptied || erased.is_cleaned {
            self.named.push(mail);
        }
        self.report.mails_emptied += u64::from(erased.is_emptied);
        self.report.mails_cleaned += u64::from(erased.is_cleaned);
        self.report.events += erased.events;
        self.report.removed += erased.removed;
        Ok(())
    }

    async fn erase_mail_once(&self, mail: Uuid) -> Result<Erased, IngestError> {
        let mut client = self.store.writer().await?;
        let writer = Writer { store: self.store, transaction: client.build_transaction().start().await? };
        let lock = writer.prepare(Statement::LockMailOfPerson).await?;
        let Some(row) = writer.transaction.query_opt(&lock, &[&mail]).await? else {
            return Ok(Erased::default());
        };
        let aws_message_id: Option<String> = row.try_get("aws_message_id")?;
        let sent_at: Timestamp = row.try_get("sent_at")?;
        // Sums are kept by template and link, too: those that named the person are counted anew.
        let mut marks = Marks::default();
        let before = MailTexts::from_row(&row)?;
        let read = writer.prepare(Statement::ReadRecipientsOfPerson).await?;
        let mut recipients: Vec<(String, bool)> = Vec::new();
        for row in writer.transaction.query(&read, &[&mail]).await? {
            recipients.push((row.try_get("address")?, row.try_get("listed")?));
        }
        let is_whole =
            !row.try_get::<_, bool>("is_erased")? && self.person.has_alone(&before.to, &recipients);
        let mut after = before.clone();
        if is_whole {
            after.empty(&self.person, mail);
        } else {
            after.clean(&self.person);
        }

        // A compressed body of others that names the person is kept without that, to be compressed again some day.
        let unpacked = if is_whole || !row.try_get::<_, bool>("body_compressed")? {
            None
        } else {
            writer.compressed_body(mail).await?.and_then(|body| self.person.without(&body))
        };
        let is_unpacked = unpacked.is_some();
        after.body_full = unpacked.or(after.body_full);

        let read = writer.prepare(Statement::ReadEventsOfPerson).await?;
        let mut events = Vec::new();
        for row in writer.transaction.query(&read, &[&mail]).await? {
            let before = EventTexts::from_row(&row)?;
            let mut after = before.clone();
            let id = aws_message_id.as_deref();
            if is_whole {
                after.empty(&self.person, id);
            } else {
                after.clean(&self.person, id);
            }
            if after != before {
                if after.link_url != before.link_url {
                    marks.add(sent_at);
                }
                events.push(after);
            }
        }
        if after.template_name != before.template_name {
            marks.add(sent_at);
        }
        let renamed = self.renamed(&recipients, is_whole);
        let is_changed = is_whole || after != before || !events.is_empty() || !renamed.0.is_empty();
        let mut erased = Erased {
            is_emptied: is_whole,
            is_cleaned: is_changed && !is_whole,
            events: events.len() as u64,
            removed: 0,
        };
        if self.is_dry || !is_changed {
            return Ok(erased);
        }
        if is_whole {
            writer.bury(&[mail], "erased").await?;
            let forget = writer.prepare(Statement::ForgetRemovedOfPerson).await?;
            erased.removed = writer.transaction.execute(&forget, &[&mail]).await?;
        }
        if is_whole || is_unpacked {
            writer.forget_bodies(&[mail]).await?;
        }
        writer.write_person_mail(mail, &after, is_whole, is_unpacked).await?;
        writer.write_person_events(mail, &events, is_whole).await?;
        marks.touch(mail);
        writer.mark_figures(marks).await?;
        if !renamed.0.is_empty() {
            let rename = writer.prepare(Statement::RenameRecipients).await?;
            writer.transaction.execute(&rename, &[&mail, &renamed.0, &renamed.1]).await?;
        }
        if is_whole && recipients.is_empty() && row.try_get::<_, bool>("is_counted")? {
            // Its SES id counted it; a recipient does from now on.
            let add = writer.prepare(Statement::AddErasedRecipient).await?;
            writer.transaction.execute(&add, &[&mail, &self.person.pseudonym]).await?;
        }
        writer.transaction.commit().await?;
        Ok(erased)
    }

    /// What recipients are called from now on: the person by the pseudonym and, where a mail is emptied, servers' other
    /// names for it by none.
    fn renamed<'a>(&self, recipients: &'a [(String, bool)], is_whole: bool) -> (Vec<&'a str>, Vec<String>) {
        let mut number = 0;
        recipients
            .iter()
            .filter_map(|(address, listed)| {
                if *address == self.person.address {
                    return Some((address.as_str(), self.person.pseudonym.clone()));
                }
                if is_whole && !listed && !is_pseudonym(address) {
                    number += 1;
                    return Some((address.as_str(), format!("erased-{number:016x}@erased.invalid")));
                }
                Some((address.as_str(), self.person.without(address)?))
            })
            .unzip()
    }
}

impl Writer<'_> {
    /// The body of a mail that was compressed, by whomever; nothing where none can be read.
    async fn compressed_body(&self, mail: Uuid) -> Result<Option<String>, IngestError> {
        let read = self.prepare(Statement::ReadBodies).await?;
        let mails = [mail];
        let rows = self.transaction.query(&read, &[&mails.as_slice(), &COLUMN_BYTES_MAX]).await?;
        Ok(match bodies_of(&rows)?.remove(&mail) {
            Some(Body::Text(text)) => Some(text),
            _ => None,
        })
    }

    async fn write_person_mail(
        &self,
        mail: Uuid,
        texts: &MailTexts,
        is_whole: bool,
        is_unpacked: bool,
    ) -> Result<(), IngestError> {
        let write = self.prepare(Statement::WriteMailOfPerson).await?;
        let parameters: [&(dyn ToSql + Sync); 15] = [
            &mail,
            &texts.message_id,
            &texts.to,
            &texts.from,
            &texts.subject,
            &texts.headers,
            &texts.message_tags,
            &texts.body_full,
            &texts.body_preview,
            &texts.template_name,
            &texts.campaign_id,
            &texts.configuration_set,
            &texts.error_message,
            &is_whole,
            &is_unpacked,
        ];
        self.transaction.execute(&write, &parameters).await?;
        Ok(())
    }

    async fn write_person_events(
        &self,
        mail: Uuid,
        events: &[EventTexts],
        is_whole: bool,
    ) -> Result<(), IngestError> {
        for folded in [false, true] {
            let events: Vec<&EventTexts> = events.iter().filter(|event| event.folded == folded).collect();
            if events.is_empty() {
                continue;
            }
            let keys: Vec<Uuid> = events.iter().map(|event| event.key).collect();
            let json: Vec<&str> = events.iter().map(|event| event.event_data.as_str()).collect();
            let column = |text: fn(&EventTexts) -> Option<&str>| -> Vec<Option<&str>> {
                events.iter().map(|event| text(event)).collect()
            };
            let links = column(|event| event.link_url.as_deref());
            let agents = column(|event| event.user_agent.as_deref());
            let addresses = column(|event| event.ip_address.as_deref());
            let rejects = column(|event| event.reject_reason.as_deref());
            let failures = column(|event| event.failure_reason.as_deref());
            let fingerprints: Vec<Option<Uuid>> = events.iter().map(|event| event.fingerprint).collect();
            let mut parameters: Vec<&(dyn ToSql + Sync)> =
                vec![&keys, &json, &links, &agents, &addresses, &rejects, &failures];
            let statement = if folded {
                parameters.push(&mail);
                Statement::WriteFoldedOfPerson
            } else {
                parameters.extend([&fingerprints as &(dyn ToSql + Sync), &is_whole]);
                Statement::WriteEventsOfPerson
            };
            let write = self.prepare(statement).await?;
            self.transaction.execute(&write, &parameters).await?;
        }
        Ok(())
    }
}
