//! From the event's JSON to the event: what must be right is checked here, and nowhere later.

use std::collections::BTreeMap;

use super::{
    BotVerdict, Bounce, BounceType, Bounced, Click, Complaint, Delay, Delivery, Detail, Event, EventType,
    Failure, Format, Header, Mail, Open, Reject, Subscription, type_name::snake_case,
};
use crate::{
    Address, EventTime, ReadError, Text, limits,
    wire::{self, Value},
};

/// Reads an event from valid JSON.
pub(crate) fn read(json: &str) -> Result<Event<'_>, ReadError> {
    let record = Value::of(json);
    let wire: wire::Record<'_> = record.object("")?;
    let (format, event_type) = event_type(wire.event_type, wire.notification_type)?;
    let mail = mail(&wire.mail.object("mail")?)?;
    let detail = match event_type {
        EventType::Send => Detail::Send,
        EventType::Delivery => Detail::Delivery(delivery(&wire.delivery.object("delivery")?)?),
        EventType::Bounce => Detail::Bounce(bounce(&wire.bounce.object("bounce")?)?),
        EventType::Complaint => Detail::Complaint(complaint(&wire.complaint.object("complaint")?)?),
        EventType::Reject => Detail::Reject(reject(wire.reject.object_or_default())),
        EventType::Open => Detail::Open(open(&wire.open.object("open")?)?),
        EventType::Click => Detail::Click(click(&wire.click.object("click")?)?),
        EventType::RenderingFailure => Detail::RenderingFailure(failure(wire.failure.object_or_default())),
        EventType::DeliveryDelay => {
            Detail::DeliveryDelay(delay(&wire.delivery_delay.object("deliveryDelay")?)?)
        }
        EventType::Subscription => {
            Detail::Subscription(subscription(wire.subscription.object("subscription")?)?)
        }
        EventType::Unknown(name) => {
            let timestamp = unknown_time(&name, record);
            Detail::Unknown { name, timestamp }
        }
    };
    Ok(Event { format, mail, detail })
}

fn event_type<'a>(event: Value<'a>, notification: Value<'a>) -> Result<(Format, EventType<'a>), ReadError> {
    let (format, path, leaf) = match (event.json(), notification.json()) {
        (None, Some(_)) => (Format::IdentityNotification, "notificationType", notification),
        _ => (Format::EventPublishing, "eventType", event),
    };
    let name = leaf.required_text(path)?;
    if name.trim().is_empty() {
        return Err(ReadError::empty(path));
    }
    if name.chars().count() > limits::EVENT_TYPE_CHARS_MAX {
        let what = format!("the field `{path}` is");
        return Err(ReadError::over(what, "EVENT_TYPE_CHARS_MAX", limits::EVENT_TYPE_CHARS_MAX));
    }
    Ok((format, EventType::from_name(name)))
}

fn mail<'a>(wire: &wire::Mail<'a>) -> Result<Mail<'a>, ReadError> {
    let message_id = wire.message_id.required_text("mail.messageId")?;
    if message_id.trim().is_empty() {
        return Err(ReadError::empty("mail.messageId"));
    }
    if message_id.chars().count() > limits::MESSAGE_ID_CHARS_MAX {
        let max = limits::MESSAGE_ID_CHARS_MAX;
        return Err(ReadError::over("the field `mail.messageId` is", "MESSAGE_ID_CHARS_MAX", max));
    }
    let common_headers: wire::CommonHeaders<'_> = wire.common_headers.object_or_default();
    let to = common_headers.to.texts();
    at_most(to.len(), "commonHeaders.to", "RECIPIENTS_MAX", limits::RECIPIENTS_MAX)?;
    Ok(Mail {
        message_id,
        timestamp: wire.timestamp.required_time("mail.timestamp")?,
        source: wire.source.text(),
        source_arn: wire.source_arn.text(),
        sending_account_id: wire.sending_account_id.text(),
        destination: addresses(wire.destination, "mail.destination")?,
        headers: headers(wire.headers)?,
        headers_truncated: wire.headers_truncated.is_true(),
        to,
        subject: common_headers.subject.text(),
        tags: tags(wire.tags.entries())?,
    })
}

fn headers(wire: Value<'_>) -> Result<Vec<Header<'_>>, ReadError> {
    let list = wire.list().unwrap_or_default();
    at_most(list.len(), "mail.headers", "HEADERS_MAX", limits::HEADERS_MAX)?;
    Ok(list.into_iter().filter_map(header).collect())
}

/// A header without a name is none.
fn header(value: Value<'_>) -> Option<Header<'_>> {
    let wire: wire::Header<'_> = value.object_or_default();
    Some(Header { name: wire.name.text()?, value: wire.value.text().unwrap_or_default() })
}

fn tags<'a>(wire: Vec<(Text<'a>, Value<'a>)>) -> Result<BTreeMap<Text<'a>, Vec<Text<'a>>>, ReadError> {
    at_most(wire.len(), "mail.tags", "TAGS_MAX", limits::TAGS_MAX)?;
    let mut tags: BTreeMap<Text<'a>, Vec<Text<'a>>> = BTreeMap::new();
    for (name, values) in wire {
        let all = tags.entry(name).or_default();
        all.extend(values.texts());
        at_most(all.len(), "mail.tags", "VALUES_PER_TAG_MAX", limits::VALUES_PER_TAG_MAX)?;
    }
    Ok(tags)
}

fn delivery<'a>(wire: &wire::Delivery<'a>) -> Result<Delivery<'a>, ReadError> {
    Ok(Delivery {
        timestamp: wire.timestamp.required_time("delivery.timestamp")?,
        recipients: addresses(wire.recipients, "delivery.recipients")?,
        processing_time_ms: wire.processing_time_ms.whole_number(),
        smtp_response: wire.smtp_response.text(),
        reporting_mta: wire.reporting_mta.text(),
        remote_mta_ip: wire.remote_mta_ip.text(),
    })
}

fn bounce<'a>(wire: &wire::Bounce<'a>) -> Result<Bounce<'a>, ReadError> {
    let bounce_type = match wire.kind.text() {
        None => BounceType::Undetermined,
        Some(name) => match &*name {
            "Undetermined" => BounceType::Undetermined,
            "Permanent" => BounceType::Permanent,
            "Transient" => BounceType::Transient,
            _ => BounceType::Unknown(name),
        },
    };
    Ok(Bounce {
        timestamp: wire.timestamp.required_time("bounce.timestamp")?,
        bounce_type,
        sub_type: wire.sub_type.text(),
        recipients: bounced(wire.recipients, "bounce.bouncedRecipients")?,
        feedback_id: wire.feedback_id.text(),
        reporting_mta: wire.reporting_mta.text(),
        remote_mta_ip: wire.remote_mta_ip.text(),
    })
}

fn complaint<'a>(wire: &wire::Complaint<'a>) -> Result<Complaint<'a>, ReadError> {
    let recipients = bounced(wire.recipients, "complaint.complainedRecipients")?;
    Ok(Complaint {
        timestamp: wire.timestamp.required_time("complaint.timestamp")?,
        recipients: recipients.into_iter().map(|recipient| recipient.address).collect(),
        feedback_id: wire.feedback_id.text(),
        sub_type: wire.sub_type.text(),
        user_agent: wire.user_agent.text(),
        feedback_type: wire.feedback_type.text(),
        arrival_date: wire.arrival_date.time(),
    })
}

fn open<'a>(wire: &wire::Open<'a>) -> Result<Open<'a>, ReadError> {
    Ok(Open {
        timestamp: wire.timestamp.required_time("open.timestamp")?,
        ip_address: wire.ip_address.text(),
        user_agent: wire.user_agent.text(),
        bot_verdict: bot_verdict(wire.is_bot_event),
    })
}

fn click<'a>(wire: &wire::Click<'a>) -> Result<Click<'a>, ReadError> {
    Ok(Click {
        timestamp: wire.timestamp.required_time("click.timestamp")?,
        ip_address: wire.ip_address.text(),
        user_agent: wire.user_agent.text(),
        link: wire.link.text(),
        bot_verdict: bot_verdict(wire.is_bot_event),
    })
}

/// SES writes a text; a boolean is what the key's name promises, so it is taken as well.
fn bot_verdict(wire: Value<'_>) -> Option<BotVerdict> {
    match wire.json()? {
        "\"Likely\"" | "true" => Some(BotVerdict::Likely),
        "\"Unlikely\"" | "false" => Some(BotVerdict::Unlikely),
        _ => None,
    }
}

fn reject(wire: wire::Reject<'_>) -> Reject<'_> {
    Reject { reason: wire.reason.text() }
}

fn failure(wire: wire::Failure<'_>) -> Failure<'_> {
    Failure { template_name: wire.template_name.text(), error_message: wire.error_message.text() }
}

fn delay<'a>(wire: &wire::Delay<'a>) -> Result<Delay<'a>, ReadError> {
    Ok(Delay {
        timestamp: wire.timestamp.required_time("deliveryDelay.timestamp")?,
        delay_type: wire.kind.text(),
        expiration_time: wire.expiration_time.time(),
        recipients: bounced(wire.recipients, "deliveryDelay.delayedRecipients")?,
        reporting_mta: wire.reporting_mta.text(),
    })
}

fn subscription(wire: wire::Subscription<'_>) -> Result<Subscription<'_>, ReadError> {
    Ok(Subscription {
        timestamp: wire.timestamp.required_time("subscription.timestamp")?,
        contact_list: wire.contact_list.text(),
        source: wire.source.text(),
    })
}

/// The time of an event of an unknown type: SES puts what a type says under a key of the type's own.
///
/// The choice goes by names and never by the order of the keys: one event must not get two times.
fn unknown_time<'a>(name: &str, record: Value<'a>) -> Option<EventTime<'a>> {
    let own = snake_case(name);
    let timed =
        record.entries().into_iter().filter(|(key, _)| **key != *"mail").filter_map(|(key, value)| {
            let timed: wire::Timed<'a> = value.object_or_default();
            Some((snake_case(&key) != own, key, timed.timestamp.time()?))
        });
    timed.min_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1))).map(|(_, _, time)| time)
}

fn addresses<'a>(wire: Value<'a>, path: &str) -> Result<Vec<Address<'a>>, ReadError> {
    let list = wire.list().ok_or_else(|| ReadError::not(path, "a list"))?;
    at_most(list.len(), path, "RECIPIENTS_MAX", limits::RECIPIENTS_MAX)?;
    list.into_iter().enumerate().map(|(index, value)| address(value, format!("{path}[{index}]"))).collect()
}

fn bounced<'a>(wire: Value<'a>, path: &str) -> Result<Vec<Bounced<'a>>, ReadError> {
    let list = wire.list().ok_or_else(|| ReadError::not(path, "a list"))?;
    at_most(list.len(), path, "RECIPIENTS_MAX", limits::RECIPIENTS_MAX)?;
    let recipient = |(index, value): (usize, Value<'a>)| {
        let wire: wire::Recipient<'a> = value.object(&format!("{path}[{index}]"))?;
        Ok(Bounced {
            address: address(wire.email_address, format!("{path}[{index}].emailAddress"))?,
            action: wire.action.text(),
            status: wire.status.text(),
            diagnostic_code: wire.diagnostic_code.text(),
        })
    };
    list.into_iter().enumerate().map(recipient).collect()
}

fn address(wire: Value<'_>, path: String) -> Result<Address<'_>, ReadError> {
    match wire.text() {
        Some(raw) if raw.len() > limits::ADDRESS_BYTES_MAX => {
            let what = format!("the field `{path}` is");
            Err(ReadError::over(what, "ADDRESS_BYTES_MAX", limits::ADDRESS_BYTES_MAX))
        }
        Some(raw) => Ok(Address { raw }),
        None if wire.json().is_none() => Err(ReadError::missing(path)),
        None => Err(ReadError::not(path, "a text")),
    }
}

fn at_most(count: usize, path: &str, limit: &'static str, max: usize) -> Result<(), ReadError> {
    if count > max {
        return Err(ReadError::over(format!("the field `{path}` has {count} entries,"), limit, max));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
