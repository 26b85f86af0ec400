//! Names of topics.

use std::{fmt, str::FromStr};

use super::address::is_region;

/// Characters of a topic's own name at most.
/// <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>
const NAME_CHARS_MAX: usize = 256;

/// The full name of a standard SNS topic: `arn:aws:sns:eu-central-1:123456789012:ses-events`.
///
/// There is one spelling of each, so that equal text means the same topic.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicArn(String);

/// A text that names no topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no SNS topic; one looks like arn:aws:sns:eu-central-1:123456789012:ses-events")]
pub struct TopicArnError(String);

impl TopicArn {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn region(&self) -> &str {
        self.0.split(':').nth(3).expect("an ARN has six parts")
    }
}

impl FromStr for TopicArn {
    type Err = TopicArnError;

    fn from_str(text: &str) -> Result<Self, TopicArnError> {
        if is_topic(text) { Ok(Self(text.to_owned())) } else { Err(TopicArnError(text.to_owned())) }
    }
}

impl fmt::Display for TopicArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_topic(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts.as_slice() else { return false };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    matches!(*partition, "aws" | "aws-cn" | "aws-us-gov")
        && is_region(region)
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_known_by_their_full_name() {
        for text in [
            "arn:aws:sns:eu-central-1:123456789012:ses-events",
            "arn:aws-cn:sns:cn-north-1:123456789012:SES_events",
            "arn:aws-us-gov:sns:us-gov-west-1:123456789012:s",
        ] {
            let topic: TopicArn = text.parse().unwrap();
            assert_eq!(topic.to_string(), text);
        }
        let topic: TopicArn = "arn:aws:sns:eu-central-1:123456789012:ses".parse().unwrap();
        assert_eq!(topic.region(), "eu-central-1");
    }

    #[test]
    fn nothing_else_is_a_topic() {
        for text in [
            "",
            "*",
            "arn:aws:sns:*:*:*",
            "ses-events",
            "arn:aws:sqs:eu-central-1:123456789012:ses-events",
            "arn:aws:sns:eu-central-1:123456789012:",
            "arn:aws:sns:eu-central-1:123456789012:a:b",
            "arn:aws:sns:eu-central-1:12345678901:a",
            "arn:aws:sns:eu-central-1:12345678901x:a",
            "arn:aws:sns:EU-central-1:123456789012:a",
            "arn:aws:sns:evil.com:123456789012:a",
            "arn:evil:sns:eu-central-1:123456789012:a",
            "arn:aws:sns:eu-central-1:123456789012:a.fifo",
            "arn:aws:sns:eu-central-1:123456789012:a\n",
            " arn:aws:sns:eu-central-1:123456789012:a",
            "arn:aws:sns:eu-central-1:123456789012:ä",
        ] {
            assert!(text.parse::<TopicArn>().is_err(), "{text:?}");
        }
    }
}
