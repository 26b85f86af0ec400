//! An event's JSON, as SES writes it.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>,
//! <https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html>

use std::fmt::Write as _;

use aftersend_event::{BotVerdict, Format};
use jiff::{Timestamp, tz};
use serde_json::{Map, Value, json};

use crate::shape::{
    Happening, Headers, SimulatedAddress, SimulatedBounce, SimulatedComplaint, SimulatedEvent, Times, Visitor,
};

const ACCOUNT: &str = "111122223333";

impl SimulatedEvent {
    /// The event's own JSON, spelled as [`SimulatedEvent::spelling`] says.
    pub fn json(&self) -> String {
        let key = match self.format {
            Format::EventPublishing => "eventType",
            Format::IdentityNotification => "notificationType",
        };
        let (type_name, object_key, object) = self.detail();
        let mut parts =
            vec![(key, Value::from(type_name)), (object_key, object), ("mail", self.mail_object())];
        if self.spelling.mail_first {
            parts.swap(1, 2);
        }
        let text = object_text(&parts, self.spelling.indented);
        if self.spelling.ascii { escaped_to_ascii(&text) } else { text }
    }

    fn time(&self, at: Timestamp) -> Value {
        Value::from(time_text(at, self.spelling.times))
    }

    fn mail_object(&self) -> Value {
        let mail = &*self.mail;
        let identity = self.format == Format::IdentityNotification;
        let mut object = Map::new();
        object.insert("timestamp".into(), self.time(self.mail_timestamp()));
        object.insert("messageId".into(), mail.message_id.as_str().into());
        object.insert("source".into(), mail.source.as_str().into());
        object.insert(
            "sourceArn".into(),
            format!("arn:aws:ses:eu-central-1:{ACCOUNT}:identity/{}", mail.domain).into(),
        );
        object.insert("sendingAccountId".into(), ACCOUNT.into());
        object.insert("destination".into(), raw(&mail.destination).into());
        if identity {
            object.insert("sourceIp".into(), "192.0.2.17".into());
            object.insert("callerIdentity".into(), "shop-backend".into());
        } else {
            object.insert("tags".into(), json!(self.tags()));
        }
        object.insert("headersTruncated".into(), false.into());
        if self.headers != Headers::Missing {
            object.insert("headers".into(), self.header_list());
            object.insert("commonHeaders".into(), self.common_headers());
        }
        Value::Object(object)
    }

    fn header_list(&self) -> Value {
        let mail = &*self.mail;
        let to = raw(&mail.to).join(", ");
        let mut headers = vec![
            json!({"name": "From", "value": mail.source}),
            json!({"name": "To", "value": to}),
            json!({"name": "Message-ID", "value": mail.header_message_id}),
            json!({"name": "MIME-Version", "value": "1.0"}),
            json!({"name": "Content-Type", "value": "multipart/alternative; boundary=\"----=_Part_17_4\""}),
        ];
        if self.headers == Headers::Full {
            headers.push(json!({"name": "Subject", "value": mail.subject}));
        }
        headers.into()
    }

    /// Identity notifications name all recipients in one string, and the sender's own message id; event
    /// publishing has a string for each, and SES's id.
    fn common_headers(&self) -> Value {
        let mail = &*self.mail;
        let mut object = Map::new();
        object.insert("from".into(), json!([mail.source]));
        if self.format == Format::IdentityNotification {
            object.insert("to".into(), json!([raw(&mail.to).join(", ")]));
            object.insert("messageId".into(), mail.header_message_id.as_str().into());
        } else {
            object.insert("to".into(), raw(&mail.to).into());
            object.insert("messageId".into(), mail.message_id.as_str().into());
        }
        if self.headers == Headers::Full {
            object.insert("subject".into(), mail.subject.as_str().into());
        }
        Value::Object(object)
    }

    /// The type as SES spells it, the key of its object, and the object.
    fn detail(&self) -> (String, &'static str, Value) {
        match &self.happening {
            Happening::Send => ("Send".into(), "send", json!({})),
            Happening::Delivery { at, recipients, smtp_response } => {
                ("Delivery".into(), "delivery", self.delivery(*at, recipients, smtp_response))
            }
            Happening::Bounce(bounce) => ("Bounce".into(), "bounce", self.bounce(bounce)),
            Happening::Complaint(complaint) => ("Complaint".into(), "complaint", self.complaint(complaint)),
            Happening::Reject { reason } => ("Reject".into(), "reject", json!({"reason": reason})),
            Happening::Open { at, visitor } => {
                ("Open".into(), "open", Value::Object(self.visit(*at, visitor)))
            }
            Happening::Click { at, visitor, link } => {
                let mut object = self.visit(*at, visitor);
                object.insert("link".into(), link.as_str().into());
                object.insert("linkTags".into(), Value::Null);
                ("Click".into(), "click", Value::Object(object))
            }
            // The type has a space in it, and its object another name.
            Happening::RenderingFailure { template, error } => (
                "Rendering Failure".into(),
                "failure",
                json!({"templateName": template, "errorMessage": error}),
            ),
            Happening::DeliveryDelay { at, delay_type, recipients, expires_at } => (
                "DeliveryDelay".into(),
                "deliveryDelay",
                self.delay(*at, delay_type, recipients, *expires_at),
            ),
            Happening::Subscription { at, source } => {
                ("Subscription".into(), "subscription", self.subscription(*at, source))
            }
            Happening::Unknown { name, object_key, at } => {
                ((*name).to_owned(), object_key, json!({"timestamp": self.time(*at), "by": "a later SES"}))
            }
        }
    }

    fn delivery(&self, at: Timestamp, recipients: &[SimulatedAddress], smtp_response: &str) -> Value {
        let took_ms = (at.as_millisecond() - self.mail.sent_at.as_millisecond()).max(0);
        json!({
            "timestamp": self.time(at),
            "recipients": raw(recipients),
            "processingTimeMillis": took_ms,
            "smtpResponse": smtp_response,
            "reportingMTA": "b224-12.smtp-out.eu-central-1.amazonses.com",
            "remoteMtaIp": "203.0.113.25",
        })
    }

    fn bounce(&self, bounce: &SimulatedBounce) -> Value {
        let recipients: Vec<Value> = bounce
            .recipients
            .iter()
            .map(|recipient| {
                json!({
                    "emailAddress": recipient.raw,
                    "action": "failed",
                    "status": bounce.status,
                    "diagnosticCode": bounce.diagnostic_code,
                })
            })
            .collect();
        let mut object = Map::new();
        object.insert("bounceType".into(), bounce.bounce_type.into());
        object.insert("bounceSubType".into(), bounce.sub_type.into());
        object.insert("bouncedRecipients".into(), recipients.into());
        object.insert("timestamp".into(), self.time(bounce.at));
        object.insert("reportingMTA".into(), "dns; b224-12.smtp-out.eu-central-1.amazonses.com".into());
        if let Some(feedback_id) = &bounce.feedback_id {
            object.insert("feedbackId".into(), feedback_id.as_str().into());
        }
        Value::Object(object)
    }

    fn complaint(&self, complaint: &SimulatedComplaint) -> Value {
        let recipients: Vec<Value> =
            complaint.recipients.iter().map(|recipient| json!({"emailAddress": recipient.raw})).collect();
        let mut object = Map::new();
        object.insert("complainedRecipients".into(), recipients.into());
        object.insert("timestamp".into(), self.time(complaint.at));
        object.insert("complaintSubType".into(), complaint.sub_type.map_or(Value::Null, Value::from));
        object.insert("arrivalDate".into(), self.time(complaint.at));
        if let Some(feedback_id) = &complaint.feedback_id {
            object.insert("feedbackId".into(), feedback_id.as_str().into());
        }
        if let Some(feedback_type) = complaint.feedback_type {
            object.insert("complaintFeedbackType".into(), feedback_type.into());
            object.insert("userAgent".into(), "Postmaster Feedback Loop/1.2".into());
        }
        Value::Object(object)
    }

    fn visit(&self, at: Timestamp, visitor: &Visitor) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("timestamp".into(), self.time(at));
        object.insert("ipAddress".into(), visitor.ip_address.as_str().into());
        object.insert("userAgent".into(), visitor.user_agent.into());
        let verdict = visitor.bot_verdict.map(|verdict| match verdict {
            BotVerdict::Likely => "Likely",
            BotVerdict::Unlikely => "Unlikely",
        });
        if let Some(verdict) = verdict {
            object.insert("isBotEvent".into(), verdict.into());
        }
        object
    }

    fn delay(
        &self,
        at: Timestamp,
        delay_type: &str,
        recipients: &[SimulatedAddress],
        expires_at: Option<Timestamp>,
    ) -> Value {
        let recipients: Vec<Value> = recipients
            .iter()
            .map(|recipient| {
                json!({
                    "emailAddress": recipient.raw,
                    "status": "4.4.1",
                    "diagnosticCode": "smtp; 421 4.4.1 Unable to connect to remote host",
                })
            })
            .collect();
        let mut object = Map::new();
        object.insert("timestamp".into(), self.time(at));
        object.insert("delayType".into(), delay_type.into());
        object.insert("delayedRecipients".into(), recipients.into());
        if let Some(expires_at) = expires_at {
            object.insert("expirationTime".into(), self.time(expires_at));
        }
        Value::Object(object)
    }

    fn subscription(&self, at: Timestamp, source: &str) -> Value {
        let preferences = |unsubscribed: bool, status: &str| {
            json!({
                "unsubscribeAll": unsubscribed,
                "topicSubscriptionStatus": [{"topicName": "news", "subscriptionStatus": status}],
            })
        };
        json!({
            "contactList": "readers",
            "timestamp": self.time(at),
            "source": source,
            "newTopicPreferences": preferences(true, "OptOut"),
            "oldTopicPreferences": preferences(false, "OptIn"),
        })
    }
}

fn raw(addresses: &[SimulatedAddress]) -> Vec<&str> {
    addresses.iter().map(|address| address.raw.as_str()).collect()
}

/// An object with its keys in the order given: `serde_json`'s own map would sort them.
pub(crate) fn object_text(parts: &[(&str, Value)], indented: bool) -> String {
    // Most records are smaller; growing a string piece by piece took most of the time of a large run.
    let mut text = String::with_capacity(4 * 1024);
    for (place, (key, value)) in parts.iter().enumerate() {
        let before = if place == 0 { "{" } else { "," };
        let written = if indented {
            write!(text, "{before}\n  \"{key}\": {value:#}")
        } else {
            write!(text, "{before}\"{key}\":{value}")
        };
        written.expect("a string takes all that is written to it");
    }
    text.push_str(if indented { "\n}\n" } else { "}" });
    text
}

/// Writes characters beyond ASCII as `\u` escapes, in pairs where JSON wants pairs.
fn escaped_to_ascii(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("a string takes all that is written to it");
            }
        }
    }
    escaped
}

/// A time in one of the spellings that SES's records show. All digits that it has are written: every spelling
/// names the same instant.
pub(crate) fn time_text(at: Timestamp, times: Times) -> String {
    let milliseconds_do = at.subsec_microsecond() % 1_000 == 0;
    match times {
        Times::Utc if milliseconds_do => at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        Times::Utc => at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        Times::Offset => {
            let zoned = at.to_zoned(tz::TimeZone::fixed(tz::offset(-5)));
            let format =
                if milliseconds_do { "%Y-%m-%dT%H:%M:%S%.3f-05:00" } else { "%Y-%m-%dT%H:%M:%S%.6f-05:00" };
            zoned.strftime(format).to_string()
        }
        Times::Microseconds => at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
        Times::SpacedOffset if at.subsec_nanosecond() == 0 => {
            at.strftime("%Y-%m-%dT%H:%M:%S +0000").to_string()
        }
        Times::SpacedOffset if milliseconds_do => at.strftime("%Y-%m-%dT%H:%M:%S%.3f +0000").to_string(),
        Times::SpacedOffset => at.strftime("%Y-%m-%dT%H:%M:%S%.6f +0000").to_string(),
    }
}
