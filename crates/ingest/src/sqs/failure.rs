//! What a failed call means, and what a person can do about it.

use std::error::Error;

use crate::FeedError;
use aws_sdk_sqs::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

/// Codes of refusals that pass by themselves, although they come with a status of the caller's fault.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
const PASSING_CODES: [&str; 5] =
    ["Throttl", "OverLimit", "TooManyRequests", "RequestTimeout", "RequestExpired"];

/// A failed call.
#[derive(Debug)]
pub(super) struct Failure {
    /// What went wrong, on which queue, and what to do; no message's body.
    pub(super) sentence: String,
    /// Whether trying again is of no use until somebody does something about it.
    pub(super) lasting: bool,
    /// Whether the credentials are not allowed to make the call.
    pub(super) denied: bool,
}

/// The calls that this program makes, as IAM calls them: a batch takes the permission of its single call.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueAction {
    /// `sqs:ReceiveMessage`
    Receive,
    /// `sqs:DeleteMessage`
    Delete,
    /// `sqs:ChangeMessageVisibility`
    ChangeVisibility,
    /// `sqs:GetQueueAttributes`
    GetAttributes,
}

impl QueueAction {
    /// As a policy names it, such as `sqs:ReceiveMessage`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receive => "sqs:ReceiveMessage",
            Self::Delete => "sqs:DeleteMessage",
            Self::ChangeVisibility => "sqs:ChangeMessageVisibility",
            Self::GetAttributes => "sqs:GetQueueAttributes",
        }
    }
}

impl From<Failure> for FeedError {
    fn from(failure: Failure) -> Self {
        if failure.lasting { Self::Queue(failure.sentence) } else { Self::Away(failure.sentence) }
    }
}

/// Whether a refusal of that code passes by itself.
pub(super) fn is_passing(code: &str) -> bool {
    PASSING_CODES.iter().any(|passing| code.contains(passing))
}

impl Failure {
    /// What has not been refused, and may be tried again.
    pub(super) fn passing(sentence: String) -> Self {
        Self { sentence, lasting: false, denied: false }
    }

    /// What only somebody who does something about it can mend.
    pub(super) fn lasting(sentence: String) -> Self {
        Self { sentence, lasting: true, denied: false }
    }

    pub(super) fn of<E>(queue_url: &str, action: QueueAction, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let code = error.code().unwrap_or_default();
        let denied = is_denied(code);
        let (advice, lasting) = match error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status();
                let lasting = status.is_client_error() && status.as_u16() != 429 && !is_passing(code);
                (if denied { denial(action) } else { advice(code).to_owned() }, lasting)
            }
            SdkError::TimeoutError(_) => ("it does not answer in time".to_owned(), false),
            SdkError::ResponseError(_) => {
                ("it gave an answer that is none of SQS; check --endpoint-url".to_owned(), false)
            }
            SdkError::ConstructionFailure(_) => {
                ("it could not be asked; check its URL and region".to_owned(), true)
            }
            _ => ("it can't be reached; check the network, the URL and --endpoint-url".to_owned(), false),
        };
        let sentence = format!("the queue {queue_url}: {advice} ({})", reason(error));
        Self { sentence, lasting, denied }
    }
}

/// Whether a code says that the credentials are known and may not do this.
fn is_denied(code: &str) -> bool {
    code.contains("AccessDenied")
}

fn denial(action: QueueAction) -> String {
    // A key is needed for what is read from the queue, and for nothing else that this program does.
    let key =
        if action == QueueAction::Receive { ", and kms:Decrypt of its key if it is encrypted" } else { "" };
    format!(
        "the credentials are another account's or may not do {name}; grant them {name} on it{key}",
        name = action.name()
    )
}

fn advice(code: &str) -> &'static str {
    match code {
        _ if code.contains("NonExistentQueue") || code.contains("QueueDoesNotExist") => {
            "there is no such queue; check the URL, its region and its account"
        }
        "InvalidAddress" => "it is not at this endpoint; check the URL, its region and --endpoint-url",
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidSecurity"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => {
            "AWS does not take the credentials; check AWS_PROFILE or AWS_ACCESS_KEY_ID, the region, and this machine's \
             clock"
        }
        _ => "it answered with an error",
    }
}

/// The service's own words, or the causes one after the other. Never the answer itself, which may hold messages.
fn reason<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let SdkError::ServiceError(answer) = error {
        let status = answer.raw().status();
        let code = error.code().unwrap_or("no code");
        return match error.message() {
            Some(message) => format!("{code}: {message}"),
            None => format!("{code}, HTTP status {status}"),
        };
    }
    causes(error)
}

/// What an error says, and why, and why that, each once.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
