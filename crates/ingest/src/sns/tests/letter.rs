//! What SNS posts, and what a forger makes of it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::signer::Signer;

pub(super) const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:ses-events";
pub(super) const OTHER_TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:bounces";
pub(super) const HOST: &str = "sns.eu-central-1.amazonaws.com";
pub(super) const CERTIFICATE_PATH: &str = "/SimpleNotificationService-60eadc530605d63b8e62a523676ef735.pem";
pub(super) const TOKEN: &str = "2336412f37fb687f5d51e6e2425ba1f259d6d70fa30a972e00e6ad2694676e27";

/// What is asked of SNS's host to confirm the subscription of [`Letter::confirmation`].
pub(super) fn confirmation_path() -> String {
    format!("/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={TOKEN}")
}

/// The envelope's fields.
#[derive(Clone)]
pub(super) struct Letter(pub(super) Map<String, Value>);

impl Letter {
    /// A notification of now, not yet signed.
    pub(super) fn notification(message: &str) -> Self {
        Self::new("Notification", message)
            .with("UnsubscribeURL", &format!("https://{HOST}/?Action=Unsubscribe&SubscriptionArn={TOPIC}:x"))
    }

    /// SNS's question whether the endpoint wants the topic.
    pub(super) fn confirmation() -> Self {
        Self::invitation("SubscriptionConfirmation")
    }

    /// SNS's word that the subscription has ended.
    pub(super) fn unsubscribed() -> Self {
        Self::invitation("UnsubscribeConfirmation")
    }

    fn invitation(kind: &str) -> Self {
        let url = format!("https://{HOST}{}", confirmation_path());
        Self::new(kind, "You have chosen …\nTo confirm the subscription, visit the SubscribeURL.")
            .with("Token", TOKEN)
            .with("SubscribeURL", &url)
    }

    fn new(kind: &str, message: &str) -> Self {
        Self(Map::new())
            .with("Type", kind)
            .with("MessageId", &Uuid::now_v7().to_string())
            .with("TopicArn", TOPIC)
            .with("Message", message)
            .sent(SignedDuration::ZERO)
            .with("SigningCertURL", &format!("https://{HOST}{CERTIFICATE_PATH}"))
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// As of so long from now.
    pub(super) fn sent(self, from_now: SignedDuration) -> Self {
        let time = (Timestamp::now() + from_now).strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
        self.with("Timestamp", &time)
    }

    pub(super) fn field(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }

    /// Signed as it stands, in that version.
    pub(super) fn signed(self, signer: &Signer, version: &str) -> Self {
        let signature = signer.sign(version, &self.string_to_sign());
        self.with("SignatureVersion", version).with("Signature", &signature)
    }

    /// The fields that are signed, sorted by their names, each with its value on lines of their own. From the
    /// documentation, and not from the code that is tested.
    fn string_to_sign(&self) -> String {
        let signed = if self.field("Type") == "Notification" {
            ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"].as_slice()
        } else {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        };
        let present = signed.iter().filter(|name| self.0.contains_key(**name));
        present.flat_map(|name| [name, "\n", self.field(name), "\n"]).collect()
    }

    pub(super) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap()
    }
}
