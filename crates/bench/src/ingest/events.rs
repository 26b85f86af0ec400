//! The events that are stored, made up: every mail was sent, delivered, opened and clicked.
//!
//! Mails go out ten a second. A delivery follows after seconds, an open after minutes to hours, a click a little later:
//! so in the order of time, the events of a thousand mails stand between those of one. Each depends on its mail's
//! number alone.

use aftersend_event::Message;
use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

/// When the first mail went out: after all of the older mails.
const BEGINNING: &str = "2025-06-02T06:00:00Z";

/// How far apart mails go out.
const MAIL_INTERVAL_MS: u64 = 100;

const USER_AGENT: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
     Version/17.4 Safari/605.1.15";

/// What SES says of the mail in each of its events. The words between `@` stand for what differs.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-mail-object>
const MAIL: &str = concat!(
    r#"{"timestamp":"@sent@","source":"Example Shop <orders@shop.example>","#,
    r#""sourceArn":"arn:aws:ses:eu-central-1:111122223333:identity/shop.example","#,
    r#""sendingAccountId":"111122223333","messageId":"@id@","destination":["@to@"],"headersTruncated":false,"headers":["#,
    r#"{"name":"From","value":"Example Shop <orders@shop.example>"},"#,
    r#"{"name":"Reply-To","value":"Example Shop <help@shop.example>"},"#,
    r#"{"name":"To","value":"@to@"},"#,
    r#"{"name":"Subject","value":"@subject@"},"#,
    r#"{"name":"Date","value":"Mon, 2 Jun 2025 06:00:00 +0000"},"#,
    r#"{"name":"Message-ID","value":"<@digest@@shop.example>"},"#,
    r#"{"name":"MIME-Version","value":"1.0"},"#,
    r#"{"name":"Content-Type","value":"multipart/alternative; boundary=\"----=_Part_@number@_716996660.1476421336341\""},"#,
    r#"{"name":"List-Unsubscribe","value":"<https://shop.example/unsubscribe/@digest@>, <mailto:unsubscribe@shop.example>"},"#,
    r#"{"name":"List-Unsubscribe-Post","value":"List-Unsubscribe=One-Click"},"#,
    r#"{"name":"Feedback-ID","value":"campaign-7:template-3:orders:shop.example"},"#,
    r#"{"name":"X-Entity-Ref-ID","value":"@digest@"},"#,
    r#"{"name":"List-ID","value":"Orders of Example Shop <orders.shop.example>"},"#,
    r#"{"name":"X-Mailer","value":"Example Shop Mailer 4.2.1 (https://shop.example/mailer)"},"#,
    r#"{"name":"X-Auto-Response-Suppress","value":"OOF, AutoReply"},"#,
    r#"{"name":"References","value":"<order-@number@-@digest@@shop.example>"},"#,
    r#"{"name":"X-SES-CONFIGURATION-SET","value":"production"},"#,
    r#"{"name":"X-SES-MESSAGE-TAGS","value":"template=@template@, campaign=campaign-2025-23, stage=production"}],"#,
    r#""commonHeaders":{"from":["Example Shop <orders@shop.example>"],"replyTo":["Example Shop <help@shop.example>"],"#,
    r#""date":"Mon, 2 Jun 2025 06:00:00 +0000","to":["@to@"],"messageId":"@id@","subject":"@subject@"},"#,
    r#""tags":{"ses:operation":["SendEmail"],"ses:configuration-set":["production"],"ses:source-ip":["192.0.2.17"],"#,
    r#""ses:from-domain":["shop.example"],"ses:caller-identity":["shop-backend"],"template":["@template@"],"#,
    r#""campaign":["campaign-2025-23"],"stage":["production"]}}"#,
);

const NAMES: [&str; 8] = ["anna", "ben", "chloe", "david", "emma", "felix", "grete", "hugo"];

/// What happened to a mail, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Send,
    Delivery,
    Open,
    Click,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Send, Self::Delivery, Self::Open, Self::Click];

    /// As the column `event_type` spells it.
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Delivery => "delivery",
            Self::Open => "open",
            Self::Click => "click",
        }
    }

    const fn type_name(self) -> &'static str {
        match self {
            Self::Send => "Send",
            Self::Delivery => "Delivery",
            Self::Open => "Open",
            Self::Click => "Click",
        }
    }
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) at: Timestamp,
    /// The mail's number, from 1.
    pub(super) mail: u32,
    pub(super) kind: Kind,
}

/// The columns of an event's row that a client has to work out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) aws_message_id: String,
    pub(super) address: String,
    pub(super) ip_address: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) link_url: Option<String>,
    pub(super) fingerprint: Uuid,
}

/// All events of every so-manieth of that many mails, in the order of time.
pub(super) fn in_time_order(mails: u32, every: u32) -> Vec<Event> {
    let numbers = (1..=mails).filter(|number| number.is_multiple_of(every));
    let mut events: Vec<Event> =
        numbers.flat_map(|mail| Kind::ALL.map(|kind| Event::new(mail, kind))).collect();
    events.sort_by_key(|event| (event.at, event.mail, event.kind));
    events
}

/// Of how many mails one has to be taken to have about so many events.
pub(super) fn every_for(mails: u32, events: u32) -> u32 {
    let all = u64::from(mails) * Kind::ALL.len() as u64;
    u32::try_from(all / u64::from(events.max(1))).map_or(mails, |every| every.clamp(1, mails))
}

impl Event {
    fn new(mail: u32, kind: Kind) -> Self {
        let beginning: Timestamp = BEGINNING.parse().expect("a constant in the format that jiff reads");
        let drawn = |salt| mixed(u64::from(mail) * 8 + salt);
        let delivered_ms = 1_000 + drawn(1) % 4_000;
        let opened_ms = delivered_ms + 60_000 + drawn(2) % 7_200_000;
        let clicked_ms = opened_ms + 5_000 + drawn(3) % 60_000;
        let after_ms = u64::from(mail) * MAIL_INTERVAL_MS
            + match kind {
                Kind::Send => 0,
                Kind::Delivery => delivered_ms,
                Kind::Open => opened_ms,
                Kind::Click => clicked_ms,
            };
        let after = SignedDuration::from_millis(i64::try_from(after_ms).expect("some years at most"));
        Self { at: beginning + after, mail, kind }
    }

    fn aws_message_id(&self) -> String {
        let drawn = Uuid::from_u64_pair(mixed(u64::from(self.mail) * 8), self.digest());
        format!("0107019{:09x}-{drawn}-000000", self.mail)
    }

    fn address(&self) -> String {
        let drawn = mixed(u64::from(self.mail) * 8 + 4);
        let name = NAMES[usize::try_from(drawn % 8).expect("below 8")];
        format!("{name}.{:07x}@mail{}.example", drawn >> 36, self.mail % 50)
    }

    fn ip_address(&self) -> String {
        format!("203.0.113.{}", self.mail % 250)
    }

    fn link(&self) -> String {
        format!(
            "https://shop.example/track/{:016x}?utm_source=mail&utm_campaign=campaign-2025-23",
            self.digest()
        )
    }

    fn digest(&self) -> u64 {
        mixed(u64::from(self.mail) * 8 + 5)
    }

    /// The event's own JSON.
    pub(super) fn json(&self) -> String {
        let mail = MAIL
            .replace("@sent@", &time(Self::new(self.mail, Kind::Send).at))
            .replace("@id@", &self.aws_message_id())
            .replace("@to@", &self.address())
            .replace("@subject@", &format!("Your order {} has shipped", 100_000 + self.mail))
            .replace("@digest@", &format!("{:016x}", self.digest()))
            .replace("@number@", &self.mail.to_string())
            .replace("@template@", &format!("template_{}", self.mail % 30));
        let (key, detail) = match self.kind {
            Kind::Send => ("send", "{}".to_owned()),
            Kind::Delivery => ("delivery", self.delivery()),
            Kind::Open => ("open", format!("{{{}}}", self.visit())),
            Kind::Click => {
                ("click", format!(r#"{{{},"link":"{}","linkTags":null}}"#, self.visit(), self.link()))
            }
        };
        format!(r#"{{"eventType":"{}","mail":{mail},"{key}":{detail}}}"#, self.kind.type_name())
    }

    fn delivery(&self) -> String {
        format!(
            concat!(
                r#"{{"timestamp":"{}","processingTimeMillis":1200,"recipients":["{}"],"#,
                r#""smtpResponse":"250 2.0.0 OK  {:016x} - gsmtp","reportingMTA":"a8-{}.smtp-out.eu-central-1.amazonses.com"}}"#
            ),
            time(self.at),
            self.address(),
            self.digest(),
            self.mail % 100,
        )
    }

    fn visit(&self) -> String {
        format!(
            r#""timestamp":"{}","userAgent":"{USER_AGENT}","ipAddress":"{}""#,
            time(self.at),
            self.ip_address()
        )
    }

    /// The event as SNS delivers it, in one line.
    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>
    pub(super) fn message(&self) -> String {
        let drawn = mixed(u64::from(self.mail) * 4 + self.kind as u64);
        let signature =
            (0..21).fold(String::new(), |text, part| format!("{text}{:016x}", mixed(drawn ^ part)));
        format!(
            concat!(
                r#"{{"Type":"Notification","MessageId":"{:08x}-0000-4000-8000-{:012x}","#,
                r#""TopicArn":"arn:aws:sns:eu-central-1:111122223333:ses-events","#,
                r#""Subject":"Amazon SES Email Event Notification","Message":{},"Timestamp":"{}","#,
                r#""SignatureVersion":"1","Signature":"{}=","#,
                r#""SigningCertURL":"https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem","#,
                r#""UnsubscribeURL":"https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:eu-central-1:111122223333:ses-events:{:08x}-0000-4000-8000-000000000000"}}"#
            ),
            drawn >> 32,
            drawn & 0xffff_ffff_ffff,
            Value::from(self.json()),
            time(self.at),
            signature,
            0x1234_5678,
        )
    }

    /// What a client has to work out. The fingerprint is the product's own.
    pub(super) fn row(&self, json: &str) -> anyhow::Result<Row> {
        let Message::Event(document) =
            aftersend_event::read(json.as_bytes()).context("reading a made-up event")?
        else {
            bail!("a made-up event is none")
        };
        let event = document.event().context("reading a made-up event")?;
        let visited = matches!(self.kind, Kind::Open | Kind::Click);
        Ok(Row {
            aws_message_id: self.aws_message_id(),
            address: self.address(),
            ip_address: visited.then(|| self.ip_address()),
            user_agent: visited.then(|| USER_AGENT.to_owned()),
            link_url: (self.kind == Kind::Click).then(|| self.link()),
            fingerprint: Uuid::from_bytes(event.fingerprint().0),
        })
    }
}

/// As SES writes it.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A number that looks random and is always the same for that one: the finalizer of splitmix64.
/// <https://prng.di.unimi.it/splitmix64.c>
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_event_is_read_as_meant_and_has_two_kilobytes() {
        for kind in Kind::ALL {
            let event = Event::new(4_711, kind);
            let (json, message) = (event.json(), event.message());
            assert!(json.len() >= 2_000, "{kind:?} has {} bytes", json.len());
            let Ok(Message::Event(document)) = aftersend_event::read(message.as_bytes()) else {
                panic!("{message}");
            };
            assert_eq!(document.json(), json);
            let read = document.event().unwrap();
            assert_eq!(read.type_name(), kind.column());
            assert_eq!(read.occurred_at(), event.at);
            assert_eq!(&*read.mail.message_id, event.aws_message_id());
            assert_eq!(read.to(), Some(event.address().as_str()));
            assert_eq!(read.link().map(str::to_owned), event.row(&json).unwrap().link_url);
            assert!(!message.contains('\n'));
        }
    }

    #[test]
    fn events_stand_in_the_order_of_time_and_are_all_different() {
        let events = in_time_order(500, 1);
        assert_eq!(events.len(), 2_000);
        assert!(events.is_sorted_by_key(|event| event.at));
        let fingerprints: HashSet<Uuid> =
            events.iter().map(|event| event.row(&event.json()).unwrap().fingerprint).collect();
        assert_eq!(fingerprints.len(), 2_000);
        let of_one: Vec<Kind> =
            events.iter().filter(|event| event.mail == 7).map(|event| event.kind).collect();
        assert_eq!(of_one, Kind::ALL);
    }

    #[test]
    fn a_part_of_the_mails_is_spread_over_all() {
        assert_eq!(every_for(100_000, 40_000), 10);
        assert_eq!(every_for(100_000, 1), 100_000);
        assert_eq!(every_for(10, 100_000), 1);
        let mails: Vec<u32> = in_time_order(30, 10).iter().map(|event| event.mail).collect();
        assert_eq!(mails.iter().collect::<HashSet<_>>().len(), 3);
        assert_eq!(mails.len(), 12);
    }
}
