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
    pub(super) fn of<E>(queue_url: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let code = error.code().unwrap_or_default();
        let (advice, lasting) = match error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status();
                let lasting = status.is_client_error() && status.as_u16() != 429 && !is_passing(code);
                (advice(code), lasting)
            }
            SdkError::TimeoutError(_) => ("it does not answer in time", false),
            SdkError::ResponseError(_) => {
                ("it gave an answer that is none of SQS; check --endpoint-url", false)
            }
            SdkError::ConstructionFailure(_) => ("it could not be asked; check its URL and region", true),
            _ => ("it can't be reached; check the network, the URL and --endpoint-url", false),
        };
        Self { sentence: format!("the queue {queue_url}: {advice} ({})", reason(error)), lasting }
    }
}

fn advice(code: &str) -> &'static str {
    match code {
        _ if code.contains("NonExistentQueue") || code.contains("QueueDoesNotExist") => {
            "there is no such queue; check the URL, its region and its account"
        }
        _ if code.contains("AccessDenied") => {
            "the credentials are another account's or may not use it; grant them sqs:ReceiveMessage, sqs:DeleteMessage \
             and sqs:ChangeMessageVisibility, and kms:Decrypt if it is encrypted"
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
