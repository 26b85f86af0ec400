//! What feeds put around an event's JSON.

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    shape::Times,
    world::uuid_text,
    write::{object_text, time_text},
};

/// What a feed puts around an event's JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapping {
    /// Nothing: SNS with raw delivery, Firehose.
    Raw,
    /// SNS's envelope, the event in a JSON string.
    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>
    Sns,
    /// `EventBridge`'s envelope, the event under `detail`.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
    EventBridge,
}

impl Wrapping {
    /// Every wrapping.
    pub const ALL: [Self; 3] = [Self::Raw, Self::Sns, Self::EventBridge];
}

pub(crate) const TOPIC_ARN: &str = "arn:aws:sns:eu-central-1:111122223333:ses-events";
const CERTIFICATE_URL: &str =
    "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem";

/// Puts a wrapping around an event's JSON, as published at that time. Each call draws ids of its own: two
/// calls with the same JSON are two publications.
pub fn wrap(json: &str, wrapping: Wrapping, published_at: Timestamp, rng: &mut Rng) -> Vec<u8> {
    match wrapping {
        Wrapping::Raw => json.to_owned(),
        Wrapping::Sns => notification(json, published_at, rng),
        Wrapping::EventBridge => bridged(json, published_at, rng),
    }
    .into_bytes()
}

/// SNS's envelope around any text.
pub(crate) fn notification(text: &str, published_at: Timestamp, rng: &mut Rng) -> String {
    let unsubscribe_url = format!(
        "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={TOPIC_ARN}:{}",
        uuid_text(rng)
    );
    object_text(
        &[
            ("Type", "Notification".into()),
            ("MessageId", uuid_text(rng).into()),
            ("TopicArn", TOPIC_ARN.into()),
            ("Subject", "Amazon SES Email Event Notification".into()),
            ("Message", text.into()),
            ("Timestamp", time_text(published_at, Times::Utc).into()),
            ("SignatureVersion", "1".into()),
            ("Signature", signature(rng).into()),
            ("SigningCertURL", CERTIFICATE_URL.into()),
            ("UnsubscribeURL", unsubscribe_url.into()),
        ],
        rng.bool(),
    )
}

/// SNS asking whether an endpoint wants a topic, or saying that it has lost one.
pub(crate) fn confirmation(message_type: &str, published_at: Timestamp, rng: &mut Rng) -> String {
    let token: String = (0..64).map(|_| rng.digit(16)).collect();
    let subscribe_url = format!(
        "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC_ARN}&Token={token}"
    );
    object_text(
        &[
            ("Type", message_type.into()),
            ("MessageId", uuid_text(rng).into()),
            ("Token", token.into()),
            ("TopicArn", TOPIC_ARN.into()),
            ("Message", format!("You have chosen to act on the topic {TOPIC_ARN}.").into()),
            ("SubscribeURL", subscribe_url.into()),
            ("Timestamp", time_text(published_at, Times::Utc).into()),
            ("SignatureVersion", "1".into()),
            ("Signature", signature(rng).into()),
            ("SigningCertURL", CERTIFICATE_URL.into()),
        ],
        true,
    )
}

/// Something that looks like an RSA signature; it signs nothing.
fn signature(rng: &mut Rng) -> String {
    let mut signature: String = (0..342).map(|_| rng.alphanumeric()).collect();
    signature.push_str("==");
    signature
}

fn bridged(json: &str, published_at: Timestamp, rng: &mut Rng) -> String {
    let event: Option<Value> = serde_json::from_str(json).ok();
    let event_type = event.as_ref().and_then(|event| event["eventType"].as_str()).unwrap_or_default();
    let detail_type = match event_type {
        "Delivery" => "Email Delivered",
        "Bounce" => "Email Bounced",
        "Complaint" => "Email Complaint Received",
        "Reject" => "Email Rejected",
        "Open" => "Email Opened",
        "Click" => "Email Clicked",
        "Rendering Failure" => "Email Rendering Failed",
        "DeliveryDelay" => "Email Delivery Delayed",
        "Subscription" => "Email Subscribed",
        _ => "Email Sent",
    };
    // The event goes in as it is written: read and written anew, its spelling would be lost.
    format!(
        "{{\"version\":\"0\",\"id\":\"{}\",\"detail-type\":\"{detail_type}\",\"source\":\"aws.ses\",\
         \"account\":\"111122223333\",\"time\":\"{}\",\"region\":\"eu-central-1\",\"resources\":[\
         \"arn:aws:ses:eu-central-1:111122223333:configuration-set/transactional\"],\"detail\":{json}}}",
        uuid_text(rng),
        published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
}
