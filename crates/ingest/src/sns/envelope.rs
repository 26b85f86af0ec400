//! The envelope in which SNS posts, and what of it is signed.

use aws_lc_rs::signature::{self, RsaParameters};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    address::{self, CertificateAddress, Token},
    refusal::{Reason, Refusal},
    topic::TopicArn,
};

/// Bytes of a signature at most, which are those of the largest key that is taken.
const SIGNATURE_BYTES_MAX: usize = 1_024;

/// The fields as they stand in the request. A field that stands twice is an error, as every reader must take the same
/// one for the signed one.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields {
    r#type: String,
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
}

/// An envelope, read and not yet believed.
///
/// Every field but the message is of a form that holds no line break. So the string that is signed can be taken
/// apart in one way only, and no two envelopes share one: what is signed for one is not signed for another.
pub(super) struct Envelope {
    pub(super) kind: Kind,
    pub(super) message_id: Uuid,
    pub(super) topic: TopicArn,
    pub(super) sent_at: Timestamp,
    pub(super) version: SignatureVersion,
    pub(super) signature: Vec<u8>,
    pub(super) certificate: CertificateAddress,
    pub(super) message: String,
    subject: Option<String>,
    /// As spelled; that is what is signed.
    message_id_text: String,
    timestamp_text: String,
}

/// What SNS has to say.
pub(super) enum Kind {
    Notification,
    /// It asks whether the endpoint wants the topic.
    SubscriptionConfirmation(Invitation),
    /// It says that the endpoint's subscription has ended, and how to take that back.
    UnsubscribeConfirmation(Invitation),
}

/// How to say that a subscription is wanted.
pub(super) struct Invitation {
    pub(super) token: Token,
    /// As it came. It is looked at, and never asked.
    pub(super) subscribe_url: String,
}

/// How SNS signs: a property of the topic.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureVersion {
    /// RSA and SHA-1.
    One,
    /// RSA and SHA-256.
    Two,
}

impl SignatureVersion {
    pub(super) fn algorithm(self) -> &'static RsaParameters {
        match self {
            // SHA-1 is broken where an attacker chooses both texts. Here a second text would have to be found for one
            // that SNS has signed, which nobody can do; and it is what topics use unless told otherwise.
            Self::One => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Two => &signature::RSA_PKCS1_2048_8192_SHA256,
        }
    }
}

impl Envelope {
    /// Reads the body of a request.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        // The parser's own words quote the body.
        let fields: Fields = serde_json::from_slice(body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Refusal::because(Reason::Malformed, format!("no envelope of SNS at {place}"))
        })?;
        let message_id = Uuid::try_parse(&fields.message_id).ok();
        let topic = fields.topic_arn.parse().ok();
        Self::parse(fields, message_id, topic.clone()).map_err(|refusal| Refusal {
            message_id,
            topic,
            ..refusal
        })
    }

    fn parse(fields: Fields, message_id: Option<Uuid>, topic: Option<TopicArn>) -> Result<Self, Refusal> {
        let malformed =
            |field: &str| Refusal::because(Reason::Malformed, format!("{field} is not as SNS writes it"));
        let message_id = message_id.ok_or_else(|| malformed("MessageId"))?;
        let topic = topic.ok_or_else(|| malformed("TopicArn"))?;
        let version = match &*fields.signature_version {
            "1" => SignatureVersion::One,
            "2" => SignatureVersion::Two,
            _ => return Err(Refusal::because(Reason::SignatureVersion, "it is neither 1 nor 2")),
        };
        let certificate =
            CertificateAddress::parse(&fields.signing_cert_url).ok_or(Reason::CertificateAddress)?;
        let signature = STANDARD.decode(&fields.signature).map_err(|_| malformed("Signature"))?;
        if signature.len() > SIGNATURE_BYTES_MAX {
            return Err(malformed("Signature"));
        }
        let sent_at = timestamp(&fields.timestamp).ok_or_else(|| malformed("Timestamp"))?;
        if fields.subject.as_ref().is_some_and(|subject| subject.contains(['\n', '\r'])) {
            return Err(malformed("Subject"));
        }
        let invitation = |token: Option<String>, subscribe_url: Option<String>| {
            let token = token.as_deref().and_then(Token::parse).ok_or_else(|| malformed("Token"))?;
            let subscribe_url = subscribe_url
                .filter(|url| !url.contains(['\n', '\r']))
                .ok_or_else(|| malformed("SubscribeURL"))?;
            Ok::<_, Refusal>(Invitation { token, subscribe_url })
        };
        let kind = match &*fields.r#type {
            "Notification" => Kind::Notification,
            "SubscriptionConfirmation" => {
                Kind::SubscriptionConfirmation(invitation(fields.token, fields.subscribe_url)?)
            }
            "UnsubscribeConfirmation" => {
                Kind::UnsubscribeConfirmation(invitation(fields.token, fields.subscribe_url)?)
            }
            _ => return Err(malformed("Type")),
        };
        Ok(Self {
            kind,
            message_id,
            topic,
            sent_at,
            version,
            signature,
            certificate,
            message: fields.message,
            subject: fields.subject,
            message_id_text: fields.message_id,
            timestamp_text: fields.timestamp,
        })
    }

    /// The text whose signature SNS sends along: each name and value on lines of their own, sorted by name.
    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html>
    pub(super) fn string_to_sign(&self) -> String {
        let (kind, invitation) = match &self.kind {
            Kind::Notification => ("Notification", None),
            Kind::SubscriptionConfirmation(invitation) => ("SubscriptionConfirmation", Some(invitation)),
            Kind::UnsubscribeConfirmation(invitation) => ("UnsubscribeConfirmation", Some(invitation)),
        };
        let mut text = String::with_capacity(self.message.len() + 1_024);
        let mut put = |name: &str, value: &str| {
            for part in [name, "\n", value, "\n"] {
                text.push_str(part);
            }
        };
        put("Message", &self.message);
        put("MessageId", &self.message_id_text);
        match (invitation, &self.subject) {
            (Some(invitation), _) => put("SubscribeURL", &invitation.subscribe_url),
            (None, Some(subject)) => put("Subject", subject),
            (None, None) => {}
        }
        put("Timestamp", &self.timestamp_text);
        if let Some(invitation) = invitation {
            put("Token", invitation.token.as_str());
        }
        put("TopicArn", self.topic.as_str());
        put("Type", kind);
        text
    }

    /// Whether an invitation's address does what an invitation to this envelope's topic does, and nothing else.
    pub(super) fn is_invited_by(&self, invitation: &Invitation) -> bool {
        address::confirms(&invitation.subscribe_url, &self.topic, &invitation.token)
    }
}

/// A time as SNS writes it: `2026-11-22T18:30:54.123Z`.
fn timestamp(text: &str) -> Option<Timestamp> {
    // The parser below would take line breaks and zones, too.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"T:.-Z".contains(&byte));
    if plain && text.ends_with('Z') { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
