//! Mails as lines of a file.

use std::{borrow::Cow, fmt::Write as _, str::FromStr};

use jiff::Timestamp;
use serde_json::json;

use super::ExportedMail;
use crate::spreadsheet::marked;

/// The first line of a CSV export, with its line break.
pub const CSV_HEADER: &str = "sent_at,status,to,from,subject,template_name,campaign_id,delivered_at,opened_at,\
                              clicked_at,bounced_at,complained_at,configuration_set,tags,message_id,aws_message_id,uuid,\
                              recipients,bounced,bounce_type,bounce_reason\r\n";

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Values between commas, as RFC 4180 has it. <https://www.rfc-editor.org/rfc/rfc4180>
    Csv,
    /// A JSON document on each line.
    Ndjson,
}

impl FromStr for ExportFormat {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "csv" => Ok(Self::Csv),
            "ndjson" => Ok(Self::Ndjson),
            _ => Err("an export is csv or ndjson"),
        }
    }
}

impl ExportFormat {
    /// What stands before the first mail.
    pub fn header(self) -> &'static str {
        match self {
            Self::Csv => CSV_HEADER,
            Self::Ndjson => "",
        }
    }

    /// What it is called in a `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// Adds a mail's line, with its line break.
    pub fn write(self, mail: &ExportedMail, out: &mut String) {
        match self {
            Self::Csv => write_csv(mail, out),
            Self::Ndjson => write_ndjson(mail, out),
        }
    }
}

fn write_csv(mail: &ExportedMail, out: &mut String) {
    let summary = &mail.summary;
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let tags = if mail.tags.is_empty() { String::new() } else { json!(mail.tags).to_string() };
    let fields = [
        summary.sent_at.to_string(),
        summary.status.clone(),
        summary.to.clone(),
        summary.from.clone(),
        text(&summary.subject),
        text(&summary.template_name),
        text(&summary.campaign_id),
        time(mail.delivered_at),
        time(mail.opened_at),
        time(mail.clicked_at),
        time(mail.bounced_at),
        time(mail.complained_at),
        text(&mail.configuration_set),
        tags,
        summary.message_id.clone(),
        text(&summary.aws_message_id),
        summary.uuid.to_string(),
        // No address has a space.
        mail.recipients.join(" "),
        mail.bounced.join(" "),
        text(&mail.bounce_type),
        text(&mail.bounce_reason),
    ];
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_field(field, out);
    }
    out.push_str("\r\n");
}

/// Writes a value so that no spreadsheet takes a part of it for a formula.
fn write_field(value: &str, out: &mut String) {
    match marked(value) {
        Cow::Borrowed(plain) if !plain.contains(['"', ',', '\r', '\n', ';', '\t']) => out.push_str(plain),
        value => {
            let _ = write!(out, "\"{}\"", value.replace('"', "\"\""));
        }
    }
}

fn write_ndjson(mail: &ExportedMail, out: &mut String) {
    let summary = &mail.summary;
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let document = json!({
        "uuid": summary.uuid,
        "message_id": summary.message_id,
        "aws_message_id": summary.aws_message_id,
        "status": summary.status,
        "to": summary.to,
        "from": summary.from,
        "subject": summary.subject,
        "template_name": summary.template_name,
        "campaign_id": summary.campaign_id,
        "sent_at": summary.sent_at.to_string(),
        "delivered_at": time(mail.delivered_at),
        "opened_at": time(mail.opened_at),
        "clicked_at": time(mail.clicked_at),
        "bounced_at": time(mail.bounced_at),
        "complained_at": time(mail.complained_at),
        "configuration_set": mail.configuration_set,
        "tags": mail.tags,
        "recipients": mail.recipients,
        "bounced": mail.bounced,
        "bounce_type": mail.bounce_type,
        "bounce_reason": mail.bounce_reason,
    });
    out.push_str(&document.to_string());
    out.push('\n');
}

#[cfg(test)]
mod tests;
