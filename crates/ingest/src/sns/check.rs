//! What a request must be to be believed.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    HooksOptions,
    address::{Token, confirmation_path, host_of},
    certificates::Certificates,
    envelope::{Envelope, Invitation, Kind, SignatureVersion},
    https::Https,
    options::HookSecret,
    refusal::{Reason, Refusal},
    topic::TopicArn,
};

/// How old a message may be. SNS tries for an hour.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>
const AGE_MAX: SignedDuration = SignedDuration::from_hours(2);

/// How far this machine's clock may be behind SNS's.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Confirmations that are told to SNS at once.
const CONFIRMATIONS_MAX: usize = 2;

/// Tokens that are remembered, so that a message that is repeated, by SNS or by whoever has read it, has nothing told
/// again.
const TOKENS_MAX: usize = 64;

/// Headers of SNS's requests. <https://docs.aws.amazon.com/sns/latest/dg/http-header.html>
const RAW: &str = "x-amz-sns-rawdelivery";
const KIND: &str = "x-amz-sns-message-type";
const TOPIC: &str = "x-amz-sns-topic-arn";
const MESSAGE_ID: &str = "x-amz-sns-message-id";

/// Tells SNS's messages from others.
pub(super) struct Checker {
    topics: HashSet<TopicArn>,
    secret: Option<HookSecret>,
    signature_2_only: bool,
    certificates: Certificates,
    https: Arc<Https>,
    confirming: Semaphore,
    confirmed: Tokens,
    ended: Tokens,
}

/// The latest tokens of invitations that were dealt with.
#[derive(Default)]
struct Tokens(Mutex<VecDeque<Token>>);

impl Tokens {
    fn hold(&self, token: &Token) -> bool {
        self.lock().contains(token)
    }

    /// Returns whether it is new.
    fn add(&self, token: &Token) -> bool {
        let mut tokens = self.lock();
        if tokens.contains(token) {
            return false;
        }
        tokens.truncate(TOKENS_MAX - 1);
        tokens.push_front(token.clone());
        true
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Token>> {
        // Whoever panicked has left a list of tokens.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message that was believed.
#[derive(Debug)]
pub(super) enum Believed {
    /// What SES wrote, and nothing else of the request: the rest of an envelope is not signed, and a reader might
    /// take what was added there for the event.
    Event { body: Vec<u8>, origin: String },
    /// A subscription was confirmed.
    Confirmed,
    /// A subscription has ended.
    Unsubscribed,
}

impl Checker {
    pub(super) fn new(options: &HooksOptions, https: Https) -> Self {
        let https = Arc::new(https);
        Self {
            topics: options.topics.clone(),
            secret: options.secret.clone(),
            signature_2_only: options.signature_2_only,
            certificates: Certificates::new(Arc::clone(&https)),
            https,
            confirming: Semaphore::new(CONFIRMATIONS_MAX),
            confirmed: Tokens::default(),
            ended: Tokens::default(),
        }
    }

    /// Whether a request brings the secret, where one is set. Needs no body.
    pub(super) fn credentials(&self, headers: &HeaderMap) -> Result<(), Reason> {
        let Some(secret) = &self.secret else { return Ok(()) };
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Err(Reason::NoCredentials) };
        let password = value
            .to_str()
            .ok()
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, credentials)| STANDARD.decode(credentials.trim_start()).ok())
            // The user's name ends at the first colon, and may be any.
            .and_then(|pair| pair.iter().position(|&byte| byte == b':').map(|at| pair[at + 1..].to_vec()));
        match password {
            Some(password) if secret.is(&password) => Ok(()),
            _ => Err(Reason::WrongCredentials),
        }
    }

    /// Finds out what a request says, if it may be believed.
    ///
    /// Cancel-safe, but that a subscription may have been confirmed already.
    pub(super) async fn believe(&self, headers: &HeaderMap, body: Vec<u8>) -> Result<Believed, Refusal> {
        if is_raw(headers) { self.believe_raw(headers, body) } else { self.believe_envelope(body).await }
    }

    /// Raw delivery: the body is what SES wrote. Nothing is signed, the headers neither; the secret is what counts.
    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html>
    fn believe_raw(&self, headers: &HeaderMap, body: Vec<u8>) -> Result<Believed, Refusal> {
        if self.secret.is_none() {
            return Err(Reason::RawWithoutSecret.into());
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let message_id = text(MESSAGE_ID).and_then(|text| Uuid::try_parse(text).ok());
        let topic: Option<TopicArn> = text(TOPIC).and_then(|text| text.parse().ok());
        if !topic.as_ref().is_some_and(|topic| self.topics.contains(topic)) {
            return Err(Refusal { message_id, topic, ..Reason::Topic.into() });
        }
        Ok(Believed::Event { body, origin: origin(message_id) })
    }

    async fn believe_envelope(&self, body: Vec<u8>) -> Result<Believed, Refusal> {
        let envelope = Envelope::read(&body)?;
        drop(body);
        let known = |refusal: Refusal| Refusal {
            message_id: Some(envelope.message_id),
            topic: Some(envelope.topic.clone()),
            ..refusal
        };
        self.verify(&envelope).await.map_err(known)?;
        match &envelope.kind {
            Kind::Notification => {
                let origin = origin(Some(envelope.message_id));
                Ok(Believed::Event { body: envelope.message.into_bytes(), origin })
            }
            Kind::SubscriptionConfirmation(invitation) => {
                self.confirm(&envelope, invitation).await.map_err(known)?;
                Ok(Believed::Confirmed)
            }
            // Its address would subscribe again. Whoever ended the subscription did so on purpose.
            Kind::UnsubscribeConfirmation(invitation) => {
                if self.ended.add(&invitation.token) {
                    tracing::warn!(topic = %envelope.topic, "the subscription has ended: no more events come from this topic");
                }
                Ok(Believed::Unsubscribed)
            }
        }
    }

    /// What costs nothing is looked at first, and nothing is fetched for a topic that is not allowed.
    async fn verify(&self, envelope: &Envelope) -> Result<(), Refusal> {
        if !self.topics.contains(&envelope.topic) {
            return Err(Reason::Topic.into());
        }
        if self.signature_2_only && envelope.version != SignatureVersion::Two {
            let detail = "it is 1; set the topic's SignatureVersion to 2";
            return Err(Refusal::because(Reason::SignatureVersion, detail));
        }
        let age = Timestamp::now().duration_since(envelope.sent_at);
        if age > AGE_MAX {
            return Err(Reason::TooOld.into());
        }
        self.certificates.check(envelope).await?;
        // Only SNS gets here; so it is not the message whose time is wrong.
        if age < -AHEAD_MAX {
            let detail = format!("this machine's clock is {} s behind", -age.as_secs());
            return Err(Refusal::because(Reason::FromTheFuture, detail));
        }
        Ok(())
    }

    /// Tells SNS that the subscription is wanted. What the message names to be fetched must be exactly that, and is
    /// put together anew.
    async fn confirm(&self, envelope: &Envelope, invitation: &Invitation) -> Result<(), Refusal> {
        if !envelope.is_invited_by(invitation) {
            return Err(Reason::SubscribeUrl.into());
        }
        let failed = |detail: String| Refusal::because(Reason::NotConfirmed, detail);
        if self.confirmed.hold(&invitation.token) {
            return Ok(());
        }
        let _place =
            self.confirming.try_acquire().map_err(|_| failed("others are being confirmed".to_owned()))?;
        let path = confirmation_path(&envelope.topic, &invitation.token);
        let answer = self.https.get(&host_of(&envelope.topic), &path).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        // Also a refusal may pass: SNS throttles with 400.
        if answer.status != StatusCode::OK {
            return Err(failed(format!("SNS answered {}", answer.status.as_u16())));
        }
        tracing::info!(topic = %envelope.topic, "the subscription is confirmed");
        self.confirmed.add(&invitation.token);
        Ok(())
    }
}

/// Whether a request says that it is raw delivery. Confirmations have an envelope and a signature all the same.
fn is_raw(headers: &HeaderMap) -> bool {
    let has = |name: &str, text: &str| {
        headers.get_all(name).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(text.as_bytes()))
    };
    has(RAW, "true") && !has(KIND, "SubscriptionConfirmation") && !has(KIND, "UnsubscribeConfirmation")
}

/// As the quarantine names a message of SNS.
fn origin(message_id: Option<Uuid>) -> String {
    message_id.map_or_else(|| "message without an id".to_owned(), |id| format!("message {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_new_once_and_the_latest_are_remembered() {
        let tokens = Tokens::default();
        let token = |number: usize| Token::parse(&number.to_string()).unwrap();
        for number in 0..3 * TOKENS_MAX {
            assert!(!tokens.hold(&token(number)));
            assert!(tokens.add(&token(number)));
            assert!(!tokens.add(&token(number)));
        }
        assert_eq!(tokens.lock().len(), TOKENS_MAX);
        assert!(tokens.hold(&token(2 * TOKENS_MAX)) && !tokens.hold(&token(2 * TOKENS_MAX - 1)));
    }
}
