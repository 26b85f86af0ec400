//! Whole messages, from bytes to meaning, and what the other rooms' tests share.

mod cases;
mod corpus;
mod properties;

use crate::{Document, Event, Fingerprint, Message, ReadError, read};

/// The document of a message that must be an event.
#[track_caller]
pub(crate) fn document(bytes: &[u8]) -> Document<'_> {
    match read(bytes) {
        Ok(Message::Event(document)) => document,
        other => panic!("no event: {other:?}"),
    }
}

/// Reads the event in `json` and hands it to `look`.
#[track_caller]
pub(crate) fn with_event<T>(json: &str, look: impl FnOnce(&Event<'_>) -> T) -> T {
    let document = document(json.as_bytes());
    look(&document.event().unwrap_or_else(|error| panic!("{error} in {json}")))
}

/// The fingerprint of the event in `json`.
#[track_caller]
pub(crate) fn fingerprint(json: &str) -> Fingerprint {
    document(json.as_bytes()).event().unwrap().fingerprint()
}

/// Why the event in `json` can't be read.
#[track_caller]
pub(crate) fn event_error(json: &str) -> ReadError {
    document(json.as_bytes()).event().map(|event| panic!("{event:?}")).unwrap_err()
}

/// An event of the mail `m-1`, sent at midnight to `destination`; `rest` is what follows `mail`.
pub(crate) fn record(event_type: &str, destination: &[&str], rest: &str) -> String {
    let destination = serde_json::to_string(destination).unwrap();
    format!(
        r#"{{"eventType":"{event_type}","mail":{{"messageId":"m-1","timestamp":"2026-01-01T00:00:00.000Z","destination":{destination}}}{rest}}}"#
    )
}

/// A bounce of `m-1` with these fields beside its time.
pub(crate) fn bounce(destination: &[&str], recipients: &[&str], fields: &str) -> String {
    let recipients: Vec<_> =
        recipients.iter().map(|address| format!(r#"{{"emailAddress":{}}}"#, quoted(address))).collect();
    let recipients = recipients.join(",");
    let rest = format!(
        r#","bounce":{{"timestamp":"2026-01-01T00:01:00.000Z","bouncedRecipients":[{recipients}]{fields}}}"#
    );
    record("Bounce", destination, &rest)
}

/// A complaint about `m-1` with these fields beside its time.
pub(crate) fn complaint(destination: &[&str], recipients: &[&str], fields: &str) -> String {
    bounce(destination, recipients, fields)
        .replace("\"Bounce\"", "\"Complaint\"")
        .replace("\"bounce\"", "\"complaint\"")
        .replace("bouncedRecipients", "complainedRecipients")
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// An SNS envelope around a text.
pub(crate) fn in_sns(message: &str) -> String {
    format!(
        r#"{{"Type":"Notification","MessageId":"11","TopicArn":"arn:aws:sns:us-east-1:1:t","Message":{},"Timestamp":"2026-01-01T00:00:00.000Z","Signature":"x"}}"#,
        quoted(message)
    )
}

/// An EventBridge envelope around an event.
pub(crate) fn in_event_bridge(json: &str) -> String {
    format!(
        r#"{{"version":"0","id":"22","detail-type":"Email Delivered","source":"aws.ses","account":"1","time":"2026-01-01T00:00:00Z","region":"us-east-1","resources":[],"detail":{json}}}"#
    )
}
