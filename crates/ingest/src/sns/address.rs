//! Where SNS answers, and which of its addresses are ever asked.
//!
//! Nothing here is a general reader of URLs. An address is taken only in the one spelling that SNS writes; what is
//! spelled otherwise (a port, a user, an escape, capitals, another host) is none, and nothing is resolved or fetched
//! for it.

use std::fmt;

use super::topic::TopicArn;

/// Bytes of an address at most. A confirmation's has some 400.
const ADDRESS_BYTES_MAX: usize = 4_096;

/// Bytes of the part of a certificate's file name that differs. SNS writes 32.
const CERTIFICATE_NAME_BYTES_MAX: usize = 64;

/// Bytes of a token at most. SNS's have some 250.
const TOKEN_BYTES_MAX: usize = 2_048;

/// A host on which SNS answers: `sns.<region>.amazonaws.com`, or in China `sns.<region>.amazonaws.com.cn`.
/// <https://docs.aws.amazon.com/general/latest/gr/sns.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SnsHost(String);

impl SnsHost {
    fn parse(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("sns.")?;
        let region =
            rest.strip_suffix(".amazonaws.com.cn").or_else(|| rest.strip_suffix(".amazonaws.com"))?;
        is_region(region).then(|| Self(name.to_owned()))
    }

    /// The host that answers for topics of a region.
    fn of_region(region: &str) -> Self {
        let end = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Self(format!("sns.{region}.{end}"))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a name looks like a region: `eu-central-1`, `us-gov-west-1`.
pub(super) fn is_region(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let [area, places @ .., number] = parts.as_slice() else { return false };
    let letters = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    letters(area, 2..=4)
        && (1..=3).contains(&places.len())
        && places.iter().all(|place| letters(place, 2..=16))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The host and the rest, without the slash between, of an address that begins `https://` and an SNS host.
fn split(address: &str) -> Option<(SnsHost, &str)> {
    if address.len() > ADDRESS_BYTES_MAX {
        return None;
    }
    let (host, rest) = address.strip_prefix("https://")?.split_once('/')?;
    Some((SnsHost::parse(host)?, rest))
}

/// Where SNS says that the certificate of its signing key is:
/// `https://sns.<region>.amazonaws.com/SimpleNotificationService-<name>.pem`.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CertificateAddress {
    pub(super) host: SnsHost,
    /// With the slash before it.
    pub(super) path: String,
}

impl CertificateAddress {
    pub(super) fn parse(address: &str) -> Option<Self> {
        let (host, file) = split(address)?;
        let name = file.strip_prefix("SimpleNotificationService-")?.strip_suffix(".pem")?;
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        let sized = (1..=CERTIFICATE_NAME_BYTES_MAX).contains(&name.len());
        (plain && sized).then(|| Self { host, path: format!("/{file}") })
    }
}

impl fmt::Display for CertificateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.host.as_str(), self.path)
    }
}

/// What proves to SNS that the endpoint wants the subscription.
/// <https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html>
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (plain && (1..=TOKEN_BYTES_MAX).contains(&text.len())).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether an address is the one that confirms the subscription of this topic with this token, and nothing else:
/// `https://sns.<the topic's region>.amazonaws.com/?Action=ConfirmSubscription&TopicArn=…&Token=…`.
pub(super) fn confirms(address: &str, topic: &TopicArn, token: &Token) -> bool {
    let Some((host, rest)) = split(address) else { return false };
    let Some(query) = rest.strip_prefix('?') else { return false };
    let mut parameters: Vec<(&str, String)> = query
        .split('&')
        .filter_map(|parameter| parameter.split_once('='))
        // The only character of an ARN that a writer of URLs may escape.
        .map(|(name, value)| (name, value.replace("%3A", ":").replace("%3a", ":")))
        .collect();
    parameters.sort_unstable();
    let expected = [
        ("Action", "ConfirmSubscription".to_owned()),
        ("Token", token.as_str().to_owned()),
        ("TopicArn", topic.as_str().to_owned()),
    ];
    // A parameter without `=` was dropped above and must not go unseen.
    query.split('&').count() == expected.len() && parameters == expected && host == host_of(topic)
}

/// The host that answers for a topic.
pub(super) fn host_of(topic: &TopicArn) -> SnsHost {
    SnsHost::of_region(topic.region())
}

/// What to ask of [`host_of`] a topic to confirm its subscription, put together from parts that need no escape.
pub(super) fn confirmation_path(topic: &TopicArn, token: &Token) -> String {
    format!("/?Action=ConfirmSubscription&TopicArn={}&Token={}", topic.as_str(), token.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "SimpleNotificationService-60eadc530605d63b8e62a523676ef735.pem";

    #[test]
    fn certificates_are_where_sns_keeps_them() {
        for host in [
            "sns.us-east-1.amazonaws.com",
            "sns.eu-central-1.amazonaws.com",
            "sns.us-gov-west-1.amazonaws.com",
            "sns.ap-southeast-2.amazonaws.com",
            "sns.cn-north-1.amazonaws.com.cn",
        ] {
            let address = format!("https://{host}/{NAME}");
            let parsed = CertificateAddress::parse(&address).unwrap_or_else(|| panic!("{address}"));
            assert_eq!(parsed.to_string(), address);
            assert_eq!((parsed.host.as_str(), parsed.path), (host, format!("/{NAME}")));
        }
    }

    #[test]
    fn no_other_host_is_taken_for_sns() {
        for host in [
            "evil.com",
            "sns.us-east-1.amazonaws.com.evil.com",
            "sns.us-east-1.amazonaws.com.cn.evil.com",
            "sns.us-east-1.amazonaws.company",
            "evil.com#sns.us-east-1.amazonaws.com",
            "evil.com?sns.us-east-1.amazonaws.com",
            "evil.com\\sns.us-east-1.amazonaws.com",
            "evil.com@sns.us-east-1.amazonaws.com",
            "sns.us-east-1.amazonaws.com@evil.com",
            "user:password@sns.us-east-1.amazonaws.com",
            "sns.us-east-1.amazonaws.com:443",
            "sns.us-east-1.amazonaws.com:8443",
            "sns.us-east-1.amazonaws.com.",
            ".sns.us-east-1.amazonaws.com",
            "x.sns.us-east-1.amazonaws.com",
            "xsns.us-east-1.amazonaws.com",
            "sns-us-east-1.amazonaws.com",
            "sns.amazonaws.com",
            "sns..amazonaws.com",
            "sns.us-east-1..amazonaws.com",
            "sns.bucket.s3.amazonaws.com",
            "sns.s3.us-east-1.amazonaws.com",
            "sns.s3-us-east-1.amazonaws.com",
            "sns.us-east-1.s3.amazonaws.com",
            "sns.s3.amazonaws.com",
            "s3.us-east-1.amazonaws.com",
            "bucket.s3.amazonaws.com",
            "sqs.us-east-1.amazonaws.com",
            "sns.us-east-1.amazonaws.com.br",
            "sns.us-east-1.AMAZONAWS.com",
            "SNS.us-east-1.amazonaws.com",
            "sns.US-EAST-1.amazonaws.com",
            "sns.us-east-1.amazonaws.com%00.evil.com",
            "sns.us%2deast-1.amazonaws.com",
            "sns.us-east-١.amazonaws.com",
            "sns.uѕ-east-1.amazonaws.com",
            "sns.us-east-1.amazonаws.com",
            "sns.xn--us-east-1.amazonaws.com",
            "sns.us-east-1 .amazonaws.com",
            "sns.us-east-.amazonaws.com",
            "sns.-east-1.amazonaws.com",
            "sns.us-east.amazonaws.com",
            "sns.us-1.amazonaws.com",
            "sns.us-east-111.amazonaws.com",
            "sns.world-east-1.amazonaws.com",
            "sns.u-east-1.amazonaws.com",
            "sns.us-a-b-c-d-1.amazonaws.com",
            "127.0.0.1",
            "[::1]",
            "169.254.169.254",
            "",
        ] {
            let address = format!("https://{host}/{NAME}");
            assert_eq!(CertificateAddress::parse(&address), None, "{address}");
        }
    }

    #[test]
    fn no_other_file_is_taken_for_a_certificate() {
        let long = format!("SimpleNotificationService-{}.pem", "a".repeat(CERTIFICATE_NAME_BYTES_MAX + 1));
        for file in [
            "",
            "SimpleNotificationService-.pem",
            "SimpleNotificationService-a",
            "SimpleNotificationService-a.pem/",
            "SimpleNotificationService-a.pem?x=1",
            "SimpleNotificationService-a.pem?.pem",
            "SimpleNotificationService-a.pem#x.pem",
            "SimpleNotificationService-../evil.pem",
            "SimpleNotificationService-a/b.pem",
            "SimpleNotificationService-a\\b.pem",
            "SimpleNotificationService-%2e%2e.pem",
            "SimpleNotificationService-a b.pem",
            "SimpleNotificationService-a\r\nHost: evil.com\r\n.pem",
            "SimpleNotificationService-ä.pem",
            "../SimpleNotificationService-a.pem",
            "./SimpleNotificationService-a.pem",
            "/SimpleNotificationService-a.pem",
            "evil/SimpleNotificationService-a.pem",
            "simplenotificationservice-a.pem",
            "SimpleNotificationService-a.PEM",
            "?SimpleNotificationService-a.pem",
            long.as_str(),
        ] {
            let address = format!("https://sns.us-east-1.amazonaws.com/{file}");
            assert_eq!(CertificateAddress::parse(&address), None, "{address}");
        }
    }

    #[test]
    fn no_other_scheme_is_spoken() {
        for start in [
            "http://",
            "HTTPS://",
            "https:/",
            "https:",
            "https:///",
            "//",
            "",
            " https://",
            "ftp://",
            "file://",
        ] {
            let address = format!("{start}sns.us-east-1.amazonaws.com/{NAME}");
            assert_eq!(CertificateAddress::parse(&address), None, "{address}");
        }
    }

    #[test]
    fn a_confirmation_is_of_that_topic_with_that_token_and_nothing_else() {
        let topic: TopicArn = "arn:aws:sns:eu-central-1:123456789012:ses".parse().unwrap();
        let token = Token::parse("2336412f37fb").unwrap();
        let confirms = |address: &str| confirms(address, &topic, &token);
        let start = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription";
        let genuine =
            format!("{start}&TopicArn=arn:aws:sns:eu-central-1:123456789012:ses&Token=2336412f37fb");
        assert!(confirms(&genuine));
        assert!(confirms(&genuine.replace(":aws:", "%3Aaws%3a")));
        assert_eq!(
            genuine,
            format!("https://{}{}", host_of(&topic).as_str(), confirmation_path(&topic, &token))
        );

        for foreign in [
            genuine.replace("ConfirmSubscription", "Publish"),
            genuine.replace("ConfirmSubscription", "Unsubscribe"),
            genuine.replace("2336412f37fb", "2336412f37fc"),
            genuine.replace("2336412f37fb", ""),
            genuine.replace(":ses", ":other"),
            genuine.replace("123456789012", "210987654321"),
            genuine.replace("sns.eu-central-1", "sns.us-east-1"),
            genuine.replace("https://sns", "https://sqs"),
            genuine.replace("https:", "http:"),
            genuine.replace("amazonaws.com/", "amazonaws.com.evil.com/"),
            genuine.replace("amazonaws.com/", "amazonaws.com:443/"),
            genuine.replace("https://", "https://user@"),
            genuine.replace("/?", "/x?"),
            genuine.replace("/?", "?"),
            genuine.replace("/?", "//?"),
            genuine.replace('&', ";"),
            format!("{genuine}&AuthenticateOnUnsubscribe=true"),
            format!("{genuine}&Action=Publish"),
            format!("{genuine}&x"),
            format!("{genuine}&"),
            format!("{genuine}#x"),
            format!("{start}&Token=2336412f37fb"),
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            String::new(),
        ] {
            assert!(!confirms(&foreign), "{foreign}");
        }
    }

    #[test]
    fn topics_of_china_are_confirmed_in_china() {
        let topic: TopicArn = "arn:aws-cn:sns:cn-north-1:123456789012:ses".parse().unwrap();
        assert_eq!(host_of(&topic).as_str(), "sns.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn a_token_needs_no_escape() {
        assert!(Token::parse("2336412f37fb687f5d51e6e2425ba1f2").is_some());
        for text in ["", "a b", "a&Action=Publish", "a#", "a%20", "a\n", "ä"] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
        assert!(Token::parse(&"a".repeat(TOKEN_BYTES_MAX + 1)).is_none());
    }
}
