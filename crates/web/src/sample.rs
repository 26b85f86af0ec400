//! Mails and occurrences for the tests of pages and sentences.

use std::collections::BTreeMap;

use aftersend_event::{RecipientState, Status};
use aftersend_store::{Mail, MailSummary, Occurrence, Recipient, Story};
use uuid::Uuid;

use crate::clock::Clock;

/// A viewer in UTC, ten years after the mail.
pub(crate) fn clock() -> Clock {
    Clock::utc("2026-10-19T23:30:00Z".parse().unwrap())
}

pub(crate) fn summary(status: &str, sent_at: &str) -> MailSummary {
    MailSummary {
        uuid: Uuid::from_u128(0x0192_9f3a_7c00_7000_8000_0000_0000_0001),
        message_id: "01000157de5cea6c-a4cf3d59-fc25-4e79-a8da-8f2c0ab0b6ed-000000".into(),
        aws_message_id: Some("01000157de5cea6c-a4cf3d59-fc25-4e79-a8da-8f2c0ab0b6ed-000000".into()),
        to: "jane@example.com".into(),
        from: "shop@example.org".into(),
        subject: Some("Your order 4711 is on its way".into()),
        template_name: Some("order_shipped".into()),
        campaign_id: Some("orders-2016".into()),
        status: status.into(),
        sent_at: sent_at.parse().unwrap(),
    }
}

pub(crate) fn occurrence(event_type: &str, occurred_at: &str) -> Occurrence {
    Occurrence {
        uuid: Uuid::from_u128(0x0192_9f3a_7c00_7000_8000_0000_0000_0002),
        event_type: event_type.into(),
        occurred_at: occurred_at.parse().unwrap(),
        folded: false,
        recipients: Vec::new(),
        bounce_type: None,
        subtype: None,
        bot_verdict: None,
        link_url: None,
        ip_address: None,
        user_agent: None,
        complaint_type: None,
        reject_reason: None,
        delay_type: None,
        subscription_type: None,
        failure_reason: None,
        diagnostics: Vec::new(),
        event_data: "{}".into(),
        inserted_at: occurred_at.parse().unwrap(),
    }
}

/// An occurrence that names whom it concerns.
pub(crate) fn concerning(event_type: &str, occurred_at: &str, recipients: &[&str]) -> Occurrence {
    let recipients = recipients.iter().map(|&recipient| recipient.to_owned()).collect();
    Occurrence { recipients, ..occurrence(event_type, occurred_at) }
}

/// A bounce for these recipients.
pub(crate) fn bounce(kind: &str, subtype: &str, occurred_at: &str, recipients: &[&str]) -> Occurrence {
    Occurrence {
        bounce_type: Some(kind.into()),
        subtype: Some(subtype.into()),
        ..concerning("bounce", occurred_at, recipients)
    }
}

/// A recipient in a state since that time.
pub(crate) fn recipient(address: &str, state: RecipientState, since: &str) -> Recipient {
    Recipient { address: address.into(), listed: true, times: vec![(state, since.parse().unwrap())] }
}

/// The story of a mail sent at 23:20:52.240 on 19 October 2016.
pub(crate) fn story(status: &str, occurrences: Vec<Occurrence>) -> Story {
    let sent_at = "2016-10-19T23:20:52.240Z";
    Story {
        mail: Mail {
            summary: summary(status, sent_at),
            configuration_set: Some("transactional".into()),
            tags: BTreeMap::from([("ses:operation".to_owned(), vec!["SendEmail".to_owned()])]),
            body_preview: None,
            error_message: None,
            times: vec![(Status::Sent, sent_at.parse().unwrap())],
            derived: true,
        },
        occurrences,
        truncated: false,
        recipients: Vec::new(),
    }
}
