//! One mail's life while it is being made up: events are told one after the other.

use std::{collections::BTreeMap, sync::Arc};

use aftersend_event::{BotVerdict, Format};
use jiff::{SignedDuration, Timestamp};

use crate::{
    content::{self, COMPANIES},
    people::Person,
    shape::{
        Happening, Headers, SimulatedBounce, SimulatedComplaint, SimulatedEvent, SimulatedMail, Spelling,
        Visitor,
    },
    world::World,
};

/// One mail's life while it is being made up.
pub(crate) struct Story<'w> {
    pub(crate) world: &'w mut World,
    pub(crate) mail: SimulatedMail,
    pub(crate) people: Vec<Person>,
    /// When the last event happened.
    pub(crate) now: Timestamp,
    told: Vec<Told>,
}

/// An event without its mail, which may change until the story ends.
struct Told {
    happening: Happening,
    format: Format,
    headers: Headers,
    spelling: Spelling,
    held_back: bool,
}

/// What a bounce says, but for whom and when.
#[derive(Clone, Copy)]
pub(crate) struct Reason {
    pub(crate) bounce_type: &'static str,
    pub(crate) sub_type: &'static str,
    pub(crate) status: &'static str,
    pub(crate) diagnostic_code: &'static str,
}

impl Reason {
    pub(crate) const fn transient(sub_type: &'static str, diagnostic_code: &'static str) -> Self {
        Self { bounce_type: "Transient", sub_type, status: "4.2.2", diagnostic_code }
    }

    pub(crate) const fn permanent(sub_type: &'static str, diagnostic_code: &'static str) -> Self {
        Self { bounce_type: "Permanent", sub_type, status: "5.1.1", diagnostic_code }
    }

    /// A mailbox that is no more.
    pub(crate) fn gone(world: &mut World) -> Self {
        let (status, diagnostic_code) = *world.pick(&content::NO_SUCH_MAILBOX);
        let sub_type = *world.pick(&["General", "General", "NoEmail", "Suppressed"]);
        Self { bounce_type: "Permanent", sub_type, status, diagnostic_code }
    }
}

impl<'w> Story<'w> {
    /// A mail of some company to these people, not yet sent: [`Story::send`] is its first event, if its
    /// sender publishes events at all.
    pub(crate) fn begin(world: &'w mut World, people: Vec<Person>) -> Self {
        let company = world.pick(&COMPANIES);
        let kind = world.pick(company.mails);
        let sent_at = world.sent_at();
        let number = world.rng.u32(10_000..1_000_000);
        let configuration_set = if kind.campaign.is_some() { "marketing" } else { "transactional" };
        let mut tags: BTreeMap<String, Vec<String>> = [
            ("ses:configuration-set", configuration_set),
            ("ses:caller-identity", "shop-backend"),
            ("ses:from-domain", company.domain),
            ("ses:source-ip", "192.0.2.17"),
            ("template", kind.template),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
        .collect();
        if let Some(campaign) = kind.campaign {
            tags.insert("campaign".to_owned(), vec![campaign.to_owned()]);
        }
        let mail = SimulatedMail {
            message_id: world.ses_id(sent_at),
            header_message_id: format!("<{:016x}@{}>", world.rng.u64(..), company.domain),
            sent_at,
            source: format!("{} <{}@{}>", company.name, company.local, company.domain),
            domain: company.domain,
            destination: people.iter().map(Person::bare).collect(),
            to: people.iter().map(Person::named).collect(),
            subject: kind.subject.replace("{n}", &number.to_string()),
            tags,
        };
        Self { world, mail, people, now: sent_at, told: Vec::new() }
    }

    /// The mail is sent without a configuration set: no tags, and identity notifications only.
    pub(crate) fn without_configuration_set(&mut self) {
        self.mail.tags.clear();
    }

    /// Ends the story.
    pub(crate) fn end(self) -> Vec<SimulatedEvent> {
        let mail = Arc::new(self.mail);
        self.told
            .into_iter()
            .map(|told| SimulatedEvent {
                mail: Arc::clone(&mail),
                happening: told.happening,
                format: told.format,
                headers: told.headers,
                spelling: told.spelling,
                held_back: told.held_back,
            })
            .collect()
    }

    /// Time goes on by `least` to `most`.
    pub(crate) fn later(&mut self, least: SignedDuration, most: SignedDuration) {
        self.now = self.world.after(self.now, least, most);
    }

    /// Time goes on by seconds, as between the sending and the answer of the recipient's server.
    pub(crate) fn seconds_later(&mut self) {
        self.later(SignedDuration::from_millis(400), SignedDuration::from_secs(20));
    }

    /// Time goes on by a minute to three days, as until somebody reads mail.
    pub(crate) fn hours_later(&mut self) {
        self.later(SignedDuration::from_mins(1), SignedDuration::from_hours(72));
    }

    /// What happened is told by event publishing.
    pub(crate) fn tell(&mut self, happening: Happening) -> &mut Self {
        self.told.push(Told {
            happening,
            format: Format::EventPublishing,
            headers: Headers::Full,
            spelling: Spelling::default(),
            held_back: false,
        });
        self
    }

    /// What was told last comes by an identity notification.
    pub(crate) fn by_identity_notification(&mut self) -> &mut Self {
        self.change_last(|told| told.format = Format::IdentityNotification)
    }

    /// What was told last comes by an identity notification too.
    pub(crate) fn also_by_identity_notification(&mut self) -> &mut Self {
        self.again().by_identity_notification()
    }

    /// What was told last is told once more.
    pub(crate) fn again(&mut self) -> &mut Self {
        let again = self.told.last().map(|told| Told { happening: told.happening.clone(), ..*told });
        self.told.extend(again);
        self
    }

    /// What was told last has these of the mail's headers.
    pub(crate) fn with_headers(&mut self, headers: Headers) -> &mut Self {
        self.change_last(|told| told.headers = headers)
    }

    /// What was told last is spelled like this.
    pub(crate) fn spelled(&mut self, spelling: Spelling) -> &mut Self {
        self.change_last(|told| told.spelling = spelling)
    }

    /// What was told last arrives after everything else about the mail.
    pub(crate) fn held_back(&mut self) -> &mut Self {
        self.change_last(|told| told.held_back = true)
    }

    fn change_last(&mut self, change: impl FnOnce(&mut Told)) -> &mut Self {
        if let Some(told) = self.told.last_mut() {
            change(told);
        }
        self
    }

    pub(crate) fn send(&mut self) -> &mut Self {
        self.tell(Happening::Send)
    }

    /// Seconds later, a server takes the mail for these of its recipients.
    pub(crate) fn delivery(&mut self, to: &[Person]) -> &mut Self {
        self.seconds_later();
        let recipients = to.iter().map(|person| person.spelled(&mut self.world.rng)).collect();
        let smtp_response = *self.world.pick(&content::SMTP_RESPONSES);
        self.tell(Happening::Delivery { at: self.now, recipients, smtp_response })
    }

    /// Now, a server puts SES off for these of the mail's recipients.
    pub(crate) fn delay(&mut self, of: &[Person]) -> &mut Self {
        let recipients = of.iter().map(|person| person.spelled(&mut self.world.rng)).collect();
        let at = self.now;
        self.tell(Happening::DeliveryDelay { at, delay_type: "General", recipients, expires_at: None })
    }

    /// Sent, and delivered to all by one record.
    pub(crate) fn send_and_delivery(&mut self) -> &mut Self {
        self.send();
        let people = self.people.clone();
        self.delivery(&people)
    }

    /// Now, the mail bounces for these of its recipients.
    pub(crate) fn bounce(&mut self, reason: Reason, of: &[Person]) -> &mut Self {
        let feedback_id = self.world.ses_id(self.now);
        self.bounce_with_id(reason, of, Some(feedback_id))
    }

    pub(crate) fn bounce_with_id(
        &mut self,
        reason: Reason,
        of: &[Person],
        feedback_id: Option<String>,
    ) -> &mut Self {
        let recipients = of.iter().map(|person| person.spelled(&mut self.world.rng)).collect();
        self.tell(Happening::Bounce(SimulatedBounce {
            at: self.now,
            bounce_type: reason.bounce_type,
            sub_type: reason.sub_type,
            recipients,
            status: reason.status,
            diagnostic_code: reason.diagnostic_code,
            feedback_id,
        }))
    }

    /// Now, one of these complains.
    pub(crate) fn complaint(
        &mut self,
        feedback_type: Option<&'static str>,
        possibly: &[Person],
    ) -> &mut Self {
        let feedback_id = Some(self.world.ses_id(self.now));
        let recipients = possibly.iter().map(|person| person.spelled(&mut self.world.rng)).collect();
        self.tell(Happening::Complaint(SimulatedComplaint {
            at: self.now,
            recipients,
            feedback_id,
            sub_type: None,
            feedback_type,
        }))
    }

    /// Somebody, with a verdict of SES's or without.
    pub(crate) fn visitor(&mut self) -> Visitor {
        let bot_verdict = *self.world.pick(&[None, None, Some(BotVerdict::Unlikely)]);
        let user_agent = *self.world.pick(&content::USER_AGENTS);
        Visitor { ip_address: self.world.ip_address(), user_agent, bot_verdict }
    }

    /// Hours later, somebody opens the mail.
    pub(crate) fn open(&mut self) -> &mut Self {
        self.hours_later();
        let visitor = self.visitor();
        self.tell(Happening::Open { at: self.now, visitor })
    }

    /// Seconds later, `visitor` follows a link.
    pub(crate) fn click_by(&mut self, visitor: Visitor) -> &mut Self {
        self.later(SignedDuration::from_secs(2), SignedDuration::from_mins(3));
        let link = self.link();
        self.tell(Happening::Click { at: self.now, visitor, link })
    }

    /// Seconds after an open, whoever opened the mail follows a link.
    pub(crate) fn click(&mut self) -> &mut Self {
        let visitor = self.visitor();
        self.click_by(visitor)
    }

    pub(crate) fn link(&mut self) -> String {
        let path = *self.world.pick(&content::LINK_PATHS);
        let number = self.world.rng.u32(100..10_000);
        let separator = if path.ends_with('=') { "" } else { "/" };
        format!("https://{}/{path}{separator}{number}", self.mail.domain)
    }
}
