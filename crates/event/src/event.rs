//! One event of one mail.
//!
//! The field names and what they mean are those of
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html> and
//! <https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html>.

mod meaning;
mod read;
mod recipients;
mod type_name;

use std::collections::BTreeMap;

pub use meaning::BlockReason;
pub(crate) use read::read;
pub use recipients::RecipientFact;

use crate::{Address, EventTime, Text};

/// Which of SES's two formats a record was written in. The event means the same in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Event publishing, by a configuration set: the key is `eventType`.
    /// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>
    EventPublishing,
    /// Identity notifications: the key is `notificationType`.
    /// <https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html>
    IdentityNotification,
}

/// What happened, by SES's ten names and whatever name SES may add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventType<'a> {
    /// `Send`: SES has accepted the mail.
    Send,
    /// `Delivery`: a recipient's server has taken the mail.
    Delivery,
    /// `Bounce`: a recipient's server has refused the mail, or SES did not try.
    Bounce,
    /// `Complaint`: a recipient has called the mail spam, or the opposite.
    Complaint,
    /// `Reject`: SES has found a virus and sends nothing.
    Reject,
    /// `Open`: somebody, or something, has loaded the mail's pixel.
    Open,
    /// `Click`: somebody, or something, has followed a link of the mail.
    Click,
    /// `Rendering Failure`, with a space: the mail's template could not be filled in.
    RenderingFailure,
    /// `DeliveryDelay`: a recipient's server put SES off for now.
    DeliveryDelay,
    /// `Subscription`: a recipient has changed what they subscribe to.
    Subscription,
    /// A type that this version does not know: kept under its own name.
    Unknown(Text<'a>),
}

/// One SES event.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// The format it was written in.
    pub format: Format,
    /// The mail it is about.
    pub mail: Mail<'a>,
    /// What happened to the mail.
    pub detail: Detail<'a>,
}

/// The `mail` object: what every event says of the mail it is about.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-mail-object>
#[derive(Clone, Debug)]
pub struct Mail<'a> {
    /// `messageId`: SES's id of the mail, the key that joins its events. Neither empty nor longer than
    /// [`MESSAGE_ID_CHARS_MAX`](crate::limits::MESSAGE_ID_CHARS_MAX).
    pub message_id: Text<'a>,
    /// `timestamp`: when SES accepted the mail.
    pub timestamp: EventTime<'a>,
    /// `source`: the envelope's sender, at times with a display name.
    pub source: Option<Text<'a>>,
    /// `sourceArn`: the identity that the mail was sent by.
    pub source_arn: Option<Text<'a>>,
    /// `sendingAccountId`: the AWS account that sent the mail.
    pub sending_account_id: Option<Text<'a>>,
    /// `destination`: all recipients, whether by To, Cc or Bcc. Empty where the record names none.
    pub destination: Vec<Address<'a>>,
    /// `headers`: the mail's own headers, in their order. Empty where the record has none.
    pub headers: Vec<Header<'a>>,
    /// `headersTruncated`: SES left headers out, since they exceed 10 KB.
    pub headers_truncated: bool,
    /// `commonHeaders.to`, each entry as it stands: one may hold a whole list.
    pub to: Vec<Text<'a>>,
    /// `commonHeaders.subject`
    pub subject: Option<Text<'a>>,
    /// `tags`: the message tags, SES's own (`ses:…`) and the sender's, with all values of each.
    pub tags: BTreeMap<Text<'a>, Vec<Text<'a>>>,
}

/// One header of a mail.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// The header's name as the mail spells it.
    pub name: Text<'a>,
    /// The header's value, not decoded.
    pub value: Text<'a>,
}

/// What the event says beyond the mail, by type.
#[derive(Clone, Debug)]
pub enum Detail<'a> {
    /// A `Send` says nothing more.
    Send,
    /// The object `delivery`.
    Delivery(Delivery<'a>),
    /// The object `bounce`.
    Bounce(Bounce<'a>),
    /// The object `complaint`.
    Complaint(Complaint<'a>),
    /// The object `reject`.
    Reject(Reject<'a>),
    /// The object `open`.
    Open(Open<'a>),
    /// The object `click`.
    Click(Click<'a>),
    /// The object `failure`.
    RenderingFailure(Failure<'a>),
    /// The object `deliveryDelay`.
    DeliveryDelay(Delay<'a>),
    /// The object `subscription`.
    Subscription(Subscription<'a>),
    /// A type that this version does not know.
    Unknown {
        /// The type's name as SES spells it.
        name: Text<'a>,
        /// The time found in its object, if there is one: in the object that is named like the type if that
        /// has a readable `timestamp`, else in the first by name that has.
        timestamp: Option<EventTime<'a>>,
    },
}

/// A recipient's server has taken the mail for some or all of its recipients.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-delivery-object>
#[derive(Clone, Debug)]
pub struct Delivery<'a> {
    /// `timestamp`: when the server took the mail.
    pub timestamp: EventTime<'a>,
    /// `recipients`: whom this delivery covers; another may follow for the rest.
    pub recipients: Vec<Address<'a>>,
    /// `processingTimeMillis`: from accepting the mail to handing it over, in milliseconds.
    pub processing_time_ms: Option<u64>,
    /// `smtpResponse`: what the server said.
    pub smtp_response: Option<Text<'a>>,
    /// `reportingMTA`: SES's host that sent the mail.
    pub reporting_mta: Option<Text<'a>>,
    /// `remoteMtaIp`: the address of the server that took it.
    pub remote_mta_ip: Option<Text<'a>>,
}

/// How final a bounce is.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-bounce-object>
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BounceType<'a> {
    /// SES could not tell; also where the record does not say.
    Undetermined,
    /// A hard bounce: trying again is of no use.
    Permanent,
    /// A soft bounce: a later mail may get through.
    Transient,
    /// A type that this version does not know; it counts as undetermined.
    Unknown(Text<'a>),
}

/// A mail came back for some or all of its recipients.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-bounce-object>
#[derive(Clone, Debug)]
pub struct Bounce<'a> {
    /// `timestamp`: when SES learned of the bounce.
    pub timestamp: EventTime<'a>,
    /// `bounceType`
    pub bounce_type: BounceType<'a>,
    /// `bounceSubType`, such as `General`, `MailboxFull` or `OnAccountSuppressionList`.
    pub sub_type: Option<Text<'a>>,
    /// `bouncedRecipients`
    pub recipients: Vec<Bounced<'a>>,
    /// `feedbackId`: names the bounce, the same in both formats.
    pub feedback_id: Option<Text<'a>>,
    /// `reportingMTA`: the host that reported the bounce.
    pub reporting_mta: Option<Text<'a>>,
    /// `remoteMtaIp`: the address of the server that refused the mail.
    pub remote_mta_ip: Option<Text<'a>>,
}

/// A recipient that a bounce or a delay names, with what its server said.
#[derive(Clone, Debug)]
pub struct Bounced<'a> {
    /// `emailAddress`
    pub address: Address<'a>,
    /// `action`, such as `failed`; delays have none.
    pub action: Option<Text<'a>>,
    /// `status`: the enhanced status code, such as `5.1.1`.
    pub status: Option<Text<'a>>,
    /// `diagnosticCode`: the server's answer.
    pub diagnostic_code: Option<Text<'a>>,
}

/// A recipient has reported the mail.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-complaint-object>
#[derive(Clone, Debug)]
pub struct Complaint<'a> {
    /// `timestamp`: when the mailbox provider sent the complaint on.
    pub timestamp: EventTime<'a>,
    /// `complainedRecipients`: everyone at the complainer's domain, not the complainer alone.
    pub recipients: Vec<Address<'a>>,
    /// `feedbackId`: names the complaint, the same in both formats.
    pub feedback_id: Option<Text<'a>>,
    /// `complaintSubType`: nothing, or `OnAccountSuppressionList`.
    pub sub_type: Option<Text<'a>>,
    /// `userAgent`: the system that made the report.
    pub user_agent: Option<Text<'a>>,
    /// `complaintFeedbackType`: `abuse`, `auth-failure`, `fraud`, `not-spam`, `other` or `virus`.
    pub feedback_type: Option<Text<'a>>,
    /// `arrivalDate`: when the report was made, if that can be read.
    pub arrival_date: Option<EventTime<'a>>,
}

/// SES refused the mail.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-reject-object>
#[derive(Clone, Debug)]
pub struct Reject<'a> {
    /// `reason`: `Bad content` as a rule.
    pub reason: Option<Text<'a>>,
}

/// SES's verdict whether a machine opened the mail or followed the link (`isBotEvent`). The order is the rank:
/// Likely wins. Missing is a third state, and no `Unlikely`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BotVerdict {
    /// `Unlikely`: a person, as far as SES can tell.
    Unlikely,
    /// `Likely`: a machine, as far as SES can tell.
    Likely,
}

/// The mail's pixel was loaded.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-open-object>
#[derive(Clone, Debug)]
pub struct Open<'a> {
    /// `timestamp`: when it was loaded.
    pub timestamp: EventTime<'a>,
    /// `ipAddress`: from where.
    pub ip_address: Option<Text<'a>>,
    /// `userAgent`: by what.
    pub user_agent: Option<Text<'a>>,
    /// `isBotEvent`
    pub bot_verdict: Option<BotVerdict>,
}

/// A link in the mail was followed.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-click-object>
#[derive(Clone, Debug)]
pub struct Click<'a> {
    /// `timestamp`: when it was followed.
    pub timestamp: EventTime<'a>,
    /// `ipAddress`: from where.
    pub ip_address: Option<Text<'a>>,
    /// `userAgent`: by what.
    pub user_agent: Option<Text<'a>>,
    /// `link`: where it leads.
    pub link: Option<Text<'a>>,
    /// `isBotEvent`
    pub bot_verdict: Option<BotVerdict>,
}

/// The mail's template could not be filled in.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-failure-object>
#[derive(Clone, Debug)]
pub struct Failure<'a> {
    /// `templateName`
    pub template_name: Option<Text<'a>>,
    /// `errorMessage`: what was missing.
    pub error_message: Option<Text<'a>>,
}

/// A recipient's server put SES off; SES goes on trying.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-delivery-delay-object>
#[derive(Clone, Debug)]
pub struct Delay<'a> {
    /// `timestamp`: when the delay was noticed.
    pub timestamp: EventTime<'a>,
    /// `delayType`, such as `MailboxFull` or `SpamDetected`.
    pub delay_type: Option<Text<'a>>,
    /// `expirationTime`: when SES will give up, if that can be read.
    pub expiration_time: Option<EventTime<'a>>,
    /// `delayedRecipients`
    pub recipients: Vec<Bounced<'a>>,
    /// `reportingMTA`: the host that reported the delay.
    pub reporting_mta: Option<Text<'a>>,
}

/// A recipient has changed what they subscribe to.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-subscription-object>
#[derive(Clone, Debug)]
pub struct Subscription<'a> {
    /// `timestamp`: when they did.
    pub timestamp: EventTime<'a>,
    /// `contactList`: the list that it concerns.
    pub contact_list: Option<Text<'a>>,
    /// `source`: how they did it, such as `UnsubscribeHeader`.
    pub source: Option<Text<'a>>,
}
