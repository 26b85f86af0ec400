//! One event as the simulator means it, and how its JSON is to be spelled.
//!
//! A test can take one event, vary its spelling and its wrapping, and compare what a reader makes of it
//! with [`SimulatedEvent::meaning`](crate::SimulatedEvent::meaning).

use std::{collections::BTreeMap, sync::Arc};

use aftersend_event::{BotVerdict, Format};
use jiff::Timestamp;

/// A mail as its sender handed it to SES.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedMail {
    /// SES's id.
    pub message_id: String,
    /// The sender's own id, in the header `Message-ID`. It is no key to anything.
    pub header_message_id: String,
    /// When SES accepted the mail.
    pub sent_at: Timestamp,
    /// Who sends, with a display name.
    pub source: String,
    /// The domain that is verified with SES.
    pub domain: &'static str,
    /// Everyone the mail goes to: To, Cc and Bcc.
    pub destination: Vec<SimulatedAddress>,
    /// Whom the headers name, display names and all: the first is who the mail is to.
    pub to: Vec<SimulatedAddress>,
    /// The subject. A templated Send may lack it, see [`Headers::WithoutSubject`].
    pub subject: String,
    /// Own and automatic tags. Identity notifications don't carry them.
    pub tags: BTreeMap<String, Vec<String>>,
}

/// An address and a way to spell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedAddress {
    /// The address alone, in lower case; empty for a header that names nobody.
    pub bare: String,
    /// As the record spells it.
    pub raw: String,
}

/// One event of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedEvent {
    /// The mail it is about.
    pub mail: Arc<SimulatedMail>,
    /// What happened.
    pub happening: Happening,
    /// Which of SES's two formats tells of it. Identity notifications know bounces, complaints and deliveries
    /// only.
    pub format: Format,
    /// What the record has of the mail's headers.
    pub headers: Headers,
    /// How the JSON is written.
    pub spelling: Spelling,
    /// Whether all its messages come after those of the mail's other events.
    pub held_back: bool,
}

/// What a record has of the mail's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headers {
    /// `headers` and `commonHeaders`.
    Full,
    /// As [`Headers::Full`], but no subject, as in the Send of a templated mail.
    WithoutSubject,
    /// Neither `headers` nor `commonHeaders`.
    Missing,
}

/// How a record's JSON is written. None of it changes what the record means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// How times are written.
    pub times: Times,
    /// Whether the JSON has line breaks and indentation.
    pub indented: bool,
    /// Whether characters beyond ASCII are written as `\u` escapes.
    pub ascii: bool,
    /// Whether `mail` stands before the type's own object.
    pub mail_first: bool,
}

/// How times are written. All spellings of a time name the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// `2026-09-01T06:00:00.123Z`, as SES writes nearly always.
    Utc,
    /// `2026-09-01T01:00:00.123-05:00`
    Offset,
    /// `2026-09-01T06:00:00.123000+00:00`
    Microseconds,
    /// `2026-09-01T06:00:00.123 +0000`, and no fraction where the second is whole.
    SpacedOffset,
}

impl Times {
    /// Every way to write a time.
    pub const ALL: [Self; 4] = [Self::Utc, Self::Offset, Self::Microseconds, Self::SpacedOffset];
}

impl Default for Spelling {
    fn default() -> Self {
        Self { times: Times::Utc, indented: false, ascii: false, mail_first: false }
    }
}

/// What happened to the mail, by SES's ten types and one that SES might add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// SES accepted the mail.
    Send,
    /// A server took the mail.
    Delivery {
        /// When.
        at: Timestamp,
        /// For whom.
        recipients: Vec<SimulatedAddress>,
        /// What the server said.
        smtp_response: &'static str,
    },
    /// A server, or SES itself, turned the mail down.
    Bounce(SimulatedBounce),
    /// A recipient called the mail spam.
    Complaint(SimulatedComplaint),
    /// SES refused the mail.
    Reject {
        /// Why.
        reason: &'static str,
    },
    /// The mail was opened.
    Open {
        /// When.
        at: Timestamp,
        /// By which machine, and what SES thinks of it.
        visitor: Visitor,
    },
    /// A link was followed.
    Click {
        /// When.
        at: Timestamp,
        /// By which machine, and what SES thinks of it.
        visitor: Visitor,
        /// Where the link leads.
        link: String,
    },
    /// SES could not render the mail's template.
    RenderingFailure {
        /// Which template.
        template: String,
        /// Why.
        error: &'static str,
    },
    /// A server put SES off.
    DeliveryDelay {
        /// When.
        at: Timestamp,
        /// SES's name for the reason.
        delay_type: &'static str,
        /// For whom.
        recipients: Vec<SimulatedAddress>,
        /// When SES gives up, where it says.
        expires_at: Option<Timestamp>,
    },
    /// A recipient changed what they want to get.
    Subscription {
        /// When.
        at: Timestamp,
        /// By which way: `UnsubscribeHeader` and the like.
        source: &'static str,
    },
    /// A type that SES does not have today.
    Unknown {
        /// Its name, one capitalised word.
        name: &'static str,
        /// The key of its object.
        object_key: &'static str,
        /// When.
        at: Timestamp,
    },
}

/// A bounce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedBounce {
    /// When.
    pub at: Timestamp,
    /// `Permanent`, `Transient`, `Undetermined`, or something that SES does not have today.
    pub bounce_type: &'static str,
    /// SES's name for the reason.
    pub sub_type: &'static str,
    /// Whom the mail did not reach.
    pub recipients: Vec<SimulatedAddress>,
    /// The extended status code, as in `5.1.1`.
    pub status: &'static str,
    /// What the server said.
    pub diagnostic_code: &'static str,
    /// SES's id of the bounce, the same in both formats.
    pub feedback_id: Option<String>,
}

/// A complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedComplaint {
    /// When.
    pub at: Timestamp,
    /// Who may have complained.
    pub recipients: Vec<SimulatedAddress>,
    /// SES's id of the complaint, the same in both formats.
    pub feedback_id: Option<String>,
    /// `OnAccountSuppressionList`, or nothing; the record then says null.
    pub sub_type: Option<&'static str>,
    /// `abuse`, `not-spam` and the like.
    pub feedback_type: Option<&'static str>,
}

/// Who opened a mail or followed a link, as far as SES can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The address it came from.
    pub ip_address: String,
    /// What it calls itself.
    pub user_agent: &'static str,
    /// SES's verdict; the record may lack it.
    pub bot_verdict: Option<BotVerdict>,
}

impl SimulatedEvent {
    /// An event told by event publishing, plainly spelled, with the mail's headers.
    pub fn published(mail: SimulatedMail, happening: Happening) -> Self {
        Self {
            mail: Arc::new(mail),
            happening,
            format: Format::EventPublishing,
            headers: Headers::Full,
            spelling: Spelling::default(),
            held_back: false,
        }
    }

    /// SES's id of the mail.
    pub fn message_id(&self) -> &str {
        &self.mail.message_id
    }

    /// The mail's tags as this record carries them.
    ///
    /// Identity notifications carry none; a delivery adds the address it left from.
    pub fn tags(&self) -> BTreeMap<String, Vec<String>> {
        if self.format == Format::IdentityNotification {
            return BTreeMap::new();
        }
        let mut tags = self.mail.tags.clone();
        if let Happening::Delivery { .. } = self.happening {
            tags.insert("ses:outgoing-ip".to_owned(), vec!["198.51.100.25".to_owned()]);
        }
        tags
    }

    /// `mail.timestamp` of this record: SES cuts it to whole seconds in identity notifications.
    pub fn mail_timestamp(&self) -> Timestamp {
        match self.format {
            Format::EventPublishing => self.mail.sent_at,
            Format::IdentityNotification => Timestamp::constant(self.mail.sent_at.as_second(), 0),
        }
    }
}
