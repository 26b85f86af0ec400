//! What the JSON of a stored row says: a whole event as SES sent it or, where an application stored it, the type's
//! own object alone.

use aftersend_event::{Address, BotVerdict, Detail, Event, Fingerprint, Message, Text};
use jiff::Timestamp;
use serde_json::{json, value::RawValue};
use uuid::Uuid;

use super::facts::cut_for_column;

/// Stands for the time that SES took the mail at, which a type's own object does not tell. No fingerprint holds it.
const NO_TIME: &str = "1970-01-01T00:00:00Z";

/// What a type's own object does not say of its mail, and fingerprints hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SesMail {
    /// SES's id of it.
    pub(crate) message_id: String,
    /// All its recipients.
    pub(crate) destination: Vec<String>,
}

/// What a row's JSON says, as far as the row's columns may lack it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Which occurrence it is.
    pub(crate) fingerprint: Uuid,
    /// SES's own time, which an application may have cut in the row.
    pub(crate) occurred_at: Timestamp,
    /// For the column `aftersend_subtype`.
    pub(crate) subtype: Option<String>,
    /// For the column `aftersend_bot_verdict`.
    pub(crate) bot_verdict: Option<BotVerdict>,
    /// The mail, as a whole event names it or as it was supposed.
    pub(crate) mail: SesMail,
}

impl SesMail {
    /// As an event names it.
    pub(super) fn of(event: &Event<'_>) -> Self {
        let destination = event.mail.destination.iter().map(|address| address.raw.to_string()).collect();
        Self { message_id: event.mail.message_id.to_string(), destination }
    }
}

impl Record {
    /// Reads a whole event.
    pub(crate) fn whole(json: &str) -> Option<Self> {
        let Ok(Message::Event(document)) = aftersend_event::read(json.as_bytes()) else { return None };
        let event = document.event().ok()?;
        Some(Self {
            fingerprint: as_uuid(event.fingerprint()),
            occurred_at: event.occurred_at(),
            subtype: event.subtype().map(cut_for_column),
            bot_verdict: event.bot_verdict(),
            mail: SesMail::of(&event),
        })
    }

    /// Reads a type's own object, with the type as the column `event_type` spells it. The object says nothing of the
    /// mail.
    pub(crate) fn part(event_type: &str, object_json: &str, mail: &SesMail) -> Option<Self> {
        Self::whole(&whole_json(event_type, object_json, mail)?)
    }

    /// Which occurrence of that mail a JSON is if the mail went to this address alone, and if it went to several. Nothing
    /// where that makes no difference: opens, clicks and subscriptions name a recipient where the mail has but one.
    pub(crate) fn alone_and_among(
        event_type: &str,
        json: &str,
        message_id: &str,
        to: &str,
    ) -> Option<(Uuid, Uuid)> {
        let mail = SesMail { message_id: message_id.to_owned(), destination: vec![to.to_owned()] };
        let part = || whole_json(event_type, json, &mail);
        let whole = if Self::whole(json).is_some() { json.to_owned() } else { part()? };
        let Ok(Message::Event(document)) = aftersend_event::read(whole.as_bytes()) else { return None };
        let mut event = document.event().ok()?;
        if !matches!(event.detail, Detail::Open(_) | Detail::Click(_) | Detail::Subscription(_)) {
            return None;
        }
        event.mail.destination = vec![Address { raw: Text::from(to) }];
        let alone = as_uuid(event.fingerprint());
        event.mail.destination = Vec::new();
        Some((alone, as_uuid(event.fingerprint())))
    }

    /// Reads the one or the other.
    pub(crate) fn read(event_type: &str, json: &str, mail: &SesMail) -> Option<Self> {
        Self::whole(json).or_else(|| Self::part(event_type, json, mail))
    }
}

/// A whole event made of a type's own object.
fn whole_json(event_type: &str, object_json: &str, mail: &SesMail) -> Option<String> {
    let (name, key) = name_and_key(event_type)?;
    let object: &RawValue = serde_json::from_str(object_json).ok()?;
    let mail = json!({
        "messageId": mail.message_id, "timestamp": NO_TIME, "destination": mail.destination,
    });
    Some(format!("{{\"eventType\":\"{name}\",\"mail\":{mail},\"{key}\":{object}}}"))
}

/// The type as SES spells it, and the key that SES puts its own object under.
fn name_and_key(event_type: &str) -> Option<(&'static str, &'static str)> {
    Some(match event_type {
        "send" => ("Send", "send"),
        "delivery" => ("Delivery", "delivery"),
        "bounce" => ("Bounce", "bounce"),
        "complaint" => ("Complaint", "complaint"),
        "reject" => ("Reject", "reject"),
        "open" => ("Open", "open"),
        "click" => ("Click", "click"),
        "rendering_failure" => ("Rendering Failure", "failure"),
        "delivery_delay" => ("DeliveryDelay", "deliveryDelay"),
        "subscription" => ("Subscription", "subscription"),
        _ => return None,
    })
}

/// The verdict as SES spells it.
pub(crate) const fn verdict_name(verdict: BotVerdict) -> &'static str {
    match verdict {
        BotVerdict::Likely => "Likely",
        BotVerdict::Unlikely => "Unlikely",
    }
}

pub(super) fn as_uuid(Fingerprint(bytes): Fingerprint) -> Uuid {
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bounce, click, complaint, delivery, event, open, send};

    /// The object alone is the same occurrence as the whole event, for every type.
    #[test]
    fn a_part_with_its_mail_is_the_whole() {
        let at = crate::testing::at;
        for (event_type, key, whole) in [
            ("send", "send", send("m1")),
            ("delivery", "delivery", delivery("m1", "01:00")),
            ("bounce", "bounce", bounce("m1", "01:00", "Permanent", "")),
            ("complaint", "complaint", complaint("m1", "01:00", "f1")),
            ("reject", "reject", event("m1", "Reject", "reject", json!({ "reason": "Bad content" }))),
            ("open", "open", open("m1", "01:00.250", Some("Likely"))),
            ("click", "click", click("m1", "01:00.250", "https://example.com/")),
            ("rendering_failure", "failure", event("m1", "Rendering Failure", "failure", json!({}))),
            (
                "delivery_delay",
                "deliveryDelay",
                event(
                    "m1",
                    "DeliveryDelay",
                    "deliveryDelay",
                    json!({ "timestamp": at("01:00"), "delayType": "SpamDetected", "delayedRecipients": [] }),
                ),
            ),
            (
                "subscription",
                "subscription",
                event(
                    "m1",
                    "Subscription",
                    "subscription",
                    json!({ "timestamp": at("01:00"), "source": "UnsubscribeHeader" }),
                ),
            ),
        ] {
            let mut part = whole[key].clone();
            part["_source"] = "sqs".into();
            let whole = Record::whole(&whole.to_string()).unwrap();
            assert_eq!(whole.mail.destination, ["ann@example.com"]);
            let part = Record::part(event_type, &part.to_string(), &whole.mail).unwrap();
            let timed = !["send", "reject", "rendering_failure"].contains(&event_type);
            assert_eq!(part.occurred_at == whole.occurred_at, timed, "{event_type}");
            assert_eq!(Record { occurred_at: whole.occurred_at, ..part }, whole, "{event_type}");
        }
    }

    /// A part and the whole of one occurrence have both fingerprints in common, however many recipients the mail had.
    #[test]
    fn a_part_is_known_by_either_number_of_recipients() {
        for several in [false, true] {
            let mut event = click("m1", "01:00.250", "https://example.com/");
            if several {
                event["mail"]["destination"] = json!(["ann@example.com", "bob@example.com"]);
            }
            let read = |json: &serde_json::Value| {
                Record::alone_and_among("click", &json.to_string(), "m1", "ann@example.com").unwrap()
            };
            let (alone, among) = read(&event);
            assert_eq!(read(&event["click"]), (alone, among));
            let whole = Record::whole(&event.to_string()).unwrap().fingerprint;
            assert_eq!(whole, if several { among } else { alone });
            assert_ne!(alone, among);
        }
        let delivery = delivery("m1", "01:00").to_string();
        assert_eq!(Record::alone_and_among("delivery", &delivery, "m1", "ann@example.com"), None);
    }

    #[test]
    fn what_tells_nothing_is_nothing() {
        let mail = SesMail { message_id: "m1".to_owned(), destination: Vec::new() };
        for (event_type, json) in [
            ("delivery", r#"{"note": "by hand"}"#),
            ("delivery", "null"),
            ("delivery", "{"),
            ("bounce", r#""text""#),
            ("queued", "{}"),
            ("opened", r#"{"timestamp": "2026-09-01T10:00:00Z"}"#),
        ] {
            assert_eq!(Record::read(event_type, json, &mail), None, "{event_type} {json}");
        }
    }
}
