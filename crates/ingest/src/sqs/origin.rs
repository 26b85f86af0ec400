//! What a queue's URL says of where the queue is.

/// The suffixes of AWS's own hosts, in its public regions and in China, over IPv4 alone and over both.
/// <https://docs.aws.amazon.com/general/latest/gr/sqs-service.html>
const AWS_SUFFIXES: [&str; 4] =
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn"];

/// Scheme, host and port of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// `https://host:port`, without a path.
    pub(super) url: String,
    host: String,
}

impl Origin {
    pub(super) fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        let authority = rest.split(['/', '?', '#']).next()?;
        let (host, port) = match authority.strip_prefix('[') {
            Some(address) => address.split_once(']')?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        // A user in a URL is no part of any queue's.
        let is_host = !host.is_empty() && !authority.contains(['@', ' ']);
        let is_port =
            port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
        (is_host && is_port)
            .then(|| Self { url: format!("{scheme}://{authority}"), host: host.to_ascii_lowercase() })
    }

    /// The labels of an AWS host before its suffix.
    fn aws_labels(&self) -> Option<Vec<&str>> {
        let suffix = AWS_SUFFIXES.into_iter().find(|suffix| self.host.ends_with(suffix))?;
        Some(self.host.strip_suffix(suffix)?.split('.').collect())
    }

    pub(super) fn is_aws(&self) -> bool {
        self.aws_labels().is_some()
    }

    /// Whether calls must go to this very host. The SDK finds AWS's usual ones by their region; it does not find a
    /// VPC's endpoint, one for IPv6, one with validated cryptography, or a server that is not AWS.
    pub(super) fn is_endpoint(&self) -> bool {
        let usual = matches!(self.aws_labels().as_deref(), Some(["sqs", _] | [_, "queue"] | ["queue"]));
        !usual || self.host.ends_with(".api.aws") || self.host.ends_with(".api.amazonwebservices.com.cn")
    }

    pub(super) fn is_loopback(&self) -> bool {
        // Names below `localhost` never leave the machine: RFC 6761.
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The region in a queue's URL: `sqs.<region>.amazonaws.com`, `<id>.sqs.<region>.vpce.amazonaws.com` of a VPC,
    /// or the older `<region>.queue.amazonaws.com`, without a region for the first of them.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-internetwork-traffic-privacy.html>
    pub(super) fn region(&self) -> Option<String> {
        let region = match self.aws_labels()?.as_slice() {
            ["sqs" | "sqs-fips", region] | [_, "sqs", region, "vpce"] | [region, "queue"] => region,
            ["queue"] => "us-east-1",
            _ => return None,
        };
        Some(region.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queues_url_names_its_region_and_whether_it_is_the_endpoint() {
        let cases = [
            ("https://sqs.eu-central-1.amazonaws.com/123456789012/ses-events", Some("eu-central-1"), false),
            ("https://SQS.us-gov-west-1.AmazonAWS.com/1/q", Some("us-gov-west-1"), false),
            ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", Some("cn-north-1"), false),
            ("https://us-west-2.queue.amazonaws.com/1/q", Some("us-west-2"), false),
            ("https://queue.amazonaws.com/1/q", Some("us-east-1"), false),
            ("https://sqs-fips.us-east-2.amazonaws.com/1/q", Some("us-east-2"), true),
            ("https://sqs.eu-west-1.api.aws/1/q", Some("eu-west-1"), true),
            ("https://vpce-0a-b.sqs.eu-west-3.vpce.amazonaws.com/1/q", Some("eu-west-3"), true),
            ("http://127.0.0.1:4566/000000000000/q", None, true),
            ("http://[::1]:4566/000000000000/q", None, true),
            ("https://sqs.eu-central-1.amazonaws.com.example.com/1/q", None, true),
            ("https://queue.internal/1/q", None, true),
        ];
        for (url, region, is_endpoint) in cases {
            let origin = Origin::of(url).unwrap();
            assert_eq!(origin.region().as_deref(), region, "{url}");
            assert_eq!(origin.is_endpoint(), is_endpoint, "{url}");
        }
        assert_eq!(Origin::of("http://[::1]:4566/0/q").unwrap().url, "http://[::1]:4566");
    }

    #[test]
    fn only_addresses_of_this_machine_are_loopback() {
        let loopback = |url: &str| Origin::of(url).unwrap().is_loopback();
        for url in
            ["http://localhost:1/q", "http://sqs.localhost/q", "http://127.3.2.1/q", "http://[::1]:9/q"]
        {
            assert!(loopback(url), "{url}");
        }
        for url in [
            "http://10.0.0.1/q",
            "http://localhost.example.com/q",
            "http://mylocalhost/q",
            "https://sqs.eu-central-1.amazonaws.com/1/q",
            "http://127.0.0.1.example.com/q",
        ] {
            assert!(!loopback(url), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "ses-events",
            "arn:aws:sqs:eu-central-1:123456789012:ses-events",
            "ftp://host/q",
            "https://",
            "https:///q",
            "https://:443/q",
            "https://host:port/q",
            "https://host:99999/q",
            "https://[::1/q",
            "https://[::1]x/q",
            "https://user@host/q",
            "https://a host/q",
        ] {
            assert_eq!(Origin::of(text), None, "{text}");
        }
    }
}
