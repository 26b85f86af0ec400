//! `aftersend show`.

use std::fmt::Write as _;

use aftersend_event::RecipientState;
use aftersend_store::{
    ArchivedMail, ArchivedState, BEGINNING_DIGITS_MIN, Occurrence, Recipient, RecipientCounts, Store, Story,
};
use anyhow::bail;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::search::summary;
use crate::{
    Outcome,
    cli::ShowArgs,
    database::Place,
    output::{Output, plain},
};

pub(crate) async fn run(args: &ShowArgs, place: &Place, output: Output) -> anyhow::Result<Outcome> {
    let store = place.store().await?;
    let story = match store.find_story(&args.id).await? {
        Some(story) => story,
        None => find_by_beginning(&store, &args.id, place).await?,
    };
    if output.is_json() {
        output.json(&story_json(&story))?;
    } else {
        print(&story, output)?;
    }
    Ok(Outcome::Done)
}

/// Mails that are named where several begin alike, at most.
const ALIKE_SHOWN: usize = 10;

/// The mail whose uuid begins so, where there is one; else an error that says where the mail is, or which others there are.
async fn find_by_beginning(store: &Store, id: &str, place: &Place) -> anyhow::Result<Story> {
    if let Some(archived) = store.find_archived(id).await? {
        bail!("{}", away(&archived, id));
    }
    let alike = store.find_mails_beginning(id, ALIKE_SHOWN + 1).await?;
    if let [one] = alike.as_slice()
        && let Some(story) = store.find_story(&one.uuid.to_string()).await?
    {
        return Ok(story);
    }
    if alike.is_empty() {
        bail!(
            "no mail has that id in the schema {}. It is our uuid or its beginning, {BEGINNING_DIGITS_MIN} digits at least, the \
             application's message id or the SES id; `aftersend search` finds mails by recipient or subject",
            place.prefix
        );
    }
    let mut told = String::new();
    for mail in alike.iter().take(ALIKE_SHOWN) {
        let _ = write!(told, "\n  {}  {}  {}", mail.uuid, mail.sent_at, plain(&mail.status));
    }
    let more = if alike.len() > ALIKE_SHOWN { "\n  and more" } else { "" };
    bail!("several mails begin so; give more digits:{told}{more}");
}

/// Where a mail is that is not here any more.
fn away(mail: &ArchivedMail, id: &str) -> String {
    let day =
        |at: Option<Timestamp>| at.map_or(String::new(), |at| format!(" on {}", at.strftime("%Y-%m-%d")));
    match mail.state {
        ArchivedState::Archived => {
            let object =
                mail.object.as_deref().map_or(String::new(), |name| format!(", in the object {name}"));
            format!(
                "that mail was archived{}{object}; `aftersend archive restore --mail {}` brings it back",
                day(mail.archived_at),
                plain(id.trim())
            )
        }
        ArchivedState::Deleted => format!("that mail was deleted{}, as old mails are", day(mail.removed_at)),
        ArchivedState::Erased => {
            "that mail was erased for a person's sake: nothing of it is left here, and no restore brings it back".to_owned()
        }
    }
}

fn story_json(story: &Story) -> Value {
    let mut mail = summary(&story.mail.summary);
    let times: serde_json::Map<String, Value> = story
        .mail
        .times
        .iter()
        .map(|(status, at)| (status.name().to_owned(), json!(at.to_string())))
        .collect();
    mail["configuration_set"] = json!(story.mail.configuration_set);
    mail["tags"] = json!(story.mail.tags);
    mail["first_times"] = Value::Object(times);
    mail["known_from_events_only"] = json!(story.mail.derived);
    mail["recipients"] = story.recipients.iter().map(recipient_json).collect();
    let counts = RecipientCounts::of(&story.recipients);
    let counts = RecipientState::ALL.map(|state| (state.name().to_owned(), counts.in_state(state)));
    let counted = counts.into_iter().filter(|(_, count)| *count > 0);
    mail["recipient_counts"] = counted.map(|(state, count)| (state, json!(count))).collect();
    mail["occurrences"] = story.occurrences.iter().map(occurrence_json).collect();
    mail["truncated"] = json!(story.truncated);
    mail
}

fn recipient_json(recipient: &Recipient) -> Value {
    let times: serde_json::Map<String, Value> =
        recipient.times.iter().map(|(state, at)| (state.name().to_owned(), json!(at.to_string()))).collect();
    json!({
        "address": recipient.address,
        "listed": recipient.listed,
        "state": recipient.state().name(),
        "first_times": times,
    })
}

fn occurrence_json(occurrence: &Occurrence) -> Value {
    json!({
        "uuid": occurrence.uuid,
        "event_type": occurrence.event_type,
        "occurred_at": occurrence.occurred_at.to_string(),
        "folded": occurrence.folded,
        "recipients": occurrence.recipients,
        "bounce_type": occurrence.bounce_type,
        "subtype": occurrence.subtype,
        "bot_verdict": occurrence.bot_verdict,
        "link_url": occurrence.link_url,
        "ip_address": occurrence.ip_address,
        "user_agent": occurrence.user_agent,
        "complaint_type": occurrence.complaint_type,
        "reject_reason": occurrence.reject_reason,
        "delay_type": occurrence.delay_type,
        "subscription_type": occurrence.subscription_type,
        "failure_reason": occurrence.failure_reason,
        "diagnostics": occurrence.diagnostics,
        "event_data": serde_json::from_str::<Value>(&occurrence.event_data).unwrap_or(Value::Null),
    })
}

fn print(story: &Story, output: Output) -> anyhow::Result<()> {
    let mail = &story.mail.summary;
    output.text(format!("{}  {}", mail.status, plain(mail.subject.as_deref().unwrap_or("(no subject)"))))?;
    let facts = [
        ("to", Some(mail.to.as_str())),
        ("from", Some(mail.from.as_str())),
        ("template", mail.template_name.as_deref()),
        ("campaign", mail.campaign_id.as_deref()),
        ("message id", Some(mail.message_id.as_str())),
        ("SES id", mail.aws_message_id.as_deref()),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            output.text(format!("  {name:<11} {}", plain(value)))?;
        }
    }
    output.text(format!("  {:<11} {}", "uuid", mail.uuid))?;
    output.text("")?;
    print_recipients(&story.recipients, output)?;
    for occurrence in &story.occurrences {
        output.text(line(occurrence))?;
    }
    if story.truncated {
        output.text(format!("… and more than these {}", story.occurrences.len()))?;
    }
    Ok(())
}

/// Each recipient with its state. Of one alone, the mail has said it all.
fn print_recipients(recipients: &[Recipient], output: Output) -> anyhow::Result<()> {
    if recipients.len() < 2 {
        return Ok(());
    }
    output.text(format!("  {}", RecipientCounts::of(recipients)))?;
    for recipient in recipients {
        let since = recipient.since().map_or(String::new(), moment);
        let unlisted = if recipient.listed { "" } else { "  (not among those it was sent to: a forward)" };
        let (state, address) = (recipient.state(), plain(&recipient.address));
        output.text(format!("  {since:<24}  {:<19} {address}{unlisted}", state.name()))?;
    }
    output.text("")?;
    Ok(())
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string()
}

fn line(occurrence: &Occurrence) -> String {
    let mut line = format!("  {}  {:<17}", moment(occurrence.occurred_at), plain(&occurrence.event_type));
    let mut say = |text: &str| {
        line.push(' ');
        line.push_str(&plain(text));
    };
    let kinds = [
        &occurrence.bounce_type,
        &occurrence.subtype,
        &occurrence.complaint_type,
        &occurrence.reject_reason,
        &occurrence.failure_reason,
        &occurrence.link_url,
    ];
    for kind in kinds.into_iter().flatten() {
        say(kind);
    }
    if !occurrence.recipients.is_empty() {
        say(&format!("<{}>", occurrence.recipients.join(", ")));
    }
    for diagnostic in &occurrence.diagnostics {
        say(&format!("“{diagnostic}”"));
    }
    if occurrence.bot_verdict.as_deref() == Some("Likely") {
        say("(automated)");
    }
    if occurrence.folded {
        say("(folded)");
    }
    line
}
