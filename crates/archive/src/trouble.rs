//! What a storage's error means: its cause in a few words, and what to do about it.
//!
//! The client of S3 says what it did, how often and for how long, and leaves out why a connection failed: that stands in
//! the causes of its error, of which the last one tells.

use std::{error::Error, io::ErrorKind};

use object_store::client::{HttpError, HttpErrorKind};

/// Characters of an answer that is no error of S3's that are shown.
const ANSWER_CHARS_MAX: usize = 200;

const AGAIN: &str = "Run it again when that is over: what is done stays done";
const RIGHTS: &str = "The credentials are wrong, or may not do that: allow s3:GetObject, s3:PutObject, s3:DeleteObject and \
                      s3:ListBucket there";
const BUCKET: &str = "Make the bucket, or correct the address";
const REGION: &str = "Set AWS_REGION to the region that the bucket is in";
const CLOCK: &str = "Set this machine's clock: AWS takes no request that is minutes off";
const REACH: &str =
    "See whether this machine reaches it: the name, the address in AWS_ENDPOINT_URL_S3, a proxy, a firewall";
const FULL: &str = "Make room there, and run it again";
const OWNER: &str = "Let the user that runs Aftersend read and write the folder";
const READ_ONLY: &str = "Have the file system mounted for writing, or name another folder";

/// What went wrong, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) reason: String,
    pub(crate) advice: &'static str,
}

impl Trouble {
    pub(crate) fn of(error: &object_store::Error) -> Self {
        let mut causes: Vec<&(dyn Error + 'static)> = Vec::new();
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            causes.push(error);
            cause = error.source();
        }
        let words = causes.last().map_or(String::new(), ToString::to_string);
        if let Some(http) = causes.iter().find_map(|cause| cause.downcast_ref::<HttpError>()) {
            let reason = match http.kind() {
                HttpErrorKind::Connect => format!("no connection: {words}"),
                HttpErrorKind::Timeout => format!("no answer in time: {words}"),
                _ => words,
            };
            return Self { reason, advice: REACH };
        }
        if let Some(error) = causes.iter().find_map(|cause| cause.downcast_ref::<std::io::Error>()) {
            return Self { reason: words, advice: of_folder(error.kind()) };
        }
        match words.strip_prefix("Server returned non-2xx status code: ") {
            Some(answer) => of_answer(answer),
            None if words.contains("incorrectly configured region") => {
                Self { reason: "the bucket is somewhere else".to_owned(), advice: REGION }
            }
            None => Self { reason: words, advice: AGAIN },
        }
    }

    /// Nothing came back.
    pub(crate) fn silence(seconds: u64) -> Self {
        Self { reason: format!("nothing came back within {seconds} s"), advice: REACH }
    }
}

/// What to do about an error of a folder's.
pub(crate) const fn of_folder(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => FULL,
        ErrorKind::PermissionDenied => OWNER,
        ErrorKind::ReadOnlyFilesystem => READ_ONLY,
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            "What stands at that path is no folder: name another"
        }
        _ => AGAIN,
    }
}

/// Of an answer such as `403 Forbidden: <Error><Code>AccessDenied</Code>…`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
fn of_answer(answer: &str) -> Trouble {
    let (status, body) = answer.split_once(": ").unwrap_or((answer, ""));
    let code = element(body, "Code");
    let reason = match (code, element(body, "Message")) {
        (Some(code), Some(message)) => format!("{status}, {code}: {}", message.trim_end_matches('.')),
        (Some(code), None) => format!("{status}, {code}"),
        (None, _) if body.is_empty() => status.to_owned(),
        (None, _) => format!("{status}: {}", body.chars().take(ANSWER_CHARS_MAX).collect::<String>()),
    };
    let advice = match code {
        Some("NoSuchBucket") => BUCKET,
        Some("RequestTimeTooSkewed") => CLOCK,
        Some("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException") => {
            REGION
        }
        _ => match status.get(..3) {
            Some("401" | "403") => RIGHTS,
            Some("301" | "307" | "308") => REGION,
            _ => AGAIN,
        },
    };
    Trouble { reason, advice }
}

/// What stands in the first element of that name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn generic(source: impl Into<Box<dyn Error + Send + Sync>>) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: source.into() }
    }

    #[test]
    fn an_answer_is_told_by_its_status_code_and_message() {
        let answered =
            |answer: &str| Trouble::of(&generic(format!("Server returned non-2xx status code: {answer}")));
        for (answer, reason, advice) in [
            (
                "403 Forbidden: <?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>",
                "403 Forbidden, AccessDenied: Access Denied",
                RIGHTS,
            ),
            (
                "403 Forbidden: <Error><Code>RequestTimeTooSkewed</Code></Error>",
                "403 Forbidden, RequestTimeTooSkewed",
                CLOCK,
            ),
            (
                "404 Not Found: <Error><Code>NoSuchBucket</Code></Error>",
                "404 Not Found, NoSuchBucket",
                BUCKET,
            ),
            (
                "400 Bad Request: <Error><Code>AuthorizationHeaderMalformed</Code><Message>expecting 'eu-west-1'</Message></Error>",
                "400 Bad Request, AuthorizationHeaderMalformed: expecting 'eu-west-1'",
                REGION,
            ),
            ("403 Forbidden: ", "403 Forbidden", RIGHTS),
            ("503 Service Unavailable: slow down", "503 Service Unavailable: slow down", AGAIN),
        ] {
            assert_eq!(answered(answer), Trouble { reason: reason.to_owned(), advice });
        }
        assert_eq!(
            answered(&format!("500 X: {}", "ä".repeat(1_000))).reason.chars().count(),
            7 + ANSWER_CHARS_MAX
        );
    }

    #[test]
    fn what_the_system_says_is_told_with_what_to_do() {
        let refused = HttpError::new(HttpErrorKind::Connect, io::Error::from(ErrorKind::ConnectionRefused));
        let told = Trouble::of(&generic(refused));
        assert_eq!((told.reason.as_str(), told.advice), ("no connection: connection refused", REACH));
        for (kind, advice) in [
            (ErrorKind::StorageFull, FULL),
            (ErrorKind::PermissionDenied, OWNER),
            (ErrorKind::ReadOnlyFilesystem, READ_ONLY),
            (ErrorKind::Interrupted, AGAIN),
        ] {
            assert_eq!(Trouble::of(&generic(io::Error::from(kind))).advice, advice);
        }
        assert_eq!(Trouble::of(&generic("it is too long")).reason, "it is too long");
    }
}
