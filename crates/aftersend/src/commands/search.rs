//! `aftersend search`.

use aftersend_store::{MailQuery, MailSummary};
use serde_json::json;

use crate::{
    Outcome,
    cli::SearchArgs,
    database::Place,
    output::{Output, column},
};

pub(crate) async fn run(args: &SearchArgs, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let store = place.store().await?;
    let text = Some(args.text.trim().to_owned()).filter(|text| !text.is_empty());
    let mails_max = args.limit as usize;
    let page =
        store.list_mails(&MailQuery { text, status: args.status, mails_max, ..MailQuery::default() }).await?;
    if output.is_json() {
        for mail in &page.mails {
            output.json(&summary(mail))?;
        }
        return Ok(Outcome::Done);
    }
    if page.mails.is_empty() {
        output.text(nothing(args))?;
        return Ok(Outcome::Done);
    }
    for mail in &page.mails {
        output.text(format!(
            "{}  {}  {}  {}  {}",
            mail.sent_at.strftime("%Y-%m-%d %H:%M:%SZ"),
            column(&mail.status, 12),
            column(&mail.to, 32),
            column(mail.subject.as_deref().unwrap_or("(no subject)"), 40),
            mail.uuid,
        ))?;
    }
    if page.older.is_some() {
        output.text(format!("… and older ones: --limit N for more than {mails_max}"))?;
    }
    Ok(Outcome::Done)
}

/// What to say of an empty page.
fn nothing(args: &SearchArgs) -> &'static str {
    match (args.text.trim().is_empty(), args.status) {
        (true, None) => "No mail yet; `aftersend ingest` takes events in",
        (true, Some(_)) => "No mail is in that state",
        (false, None) => "No mail has that text in its recipient, subject or campaign",
        (false, Some(_)) => "No mail in that state has that text in its recipient, subject or campaign",
    }
}

/// A mail for machines.
pub(crate) fn summary(mail: &MailSummary) -> serde_json::Value {
    json!({
        "uuid": mail.uuid,
        "message_id": mail.message_id,
        "aws_message_id": mail.aws_message_id,
        "status": mail.status,
        "to": mail.to,
        "from": mail.from,
        "subject": mail.subject,
        "template_name": mail.template_name,
        "campaign_id": mail.campaign_id,
        "sent_at": mail.sent_at.to_string(),
    })
}
