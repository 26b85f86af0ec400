//! What the figures of a period must be: what became of the mails that were sent in it.

use std::collections::BTreeMap;

use aftersend_event::{BotVerdict, RecipientState as State};
use jiff::Timestamp;

use super::{TrueMail, TrueRecipient, Truth};

/// True figures. Recipients are counted for what befell each, mails for what people did with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrueFigures {
    /// Mails of which SES took at least one recipient's.
    pub mails: u64,
    /// Recipients whose mail SES neither rejected nor failed to render.
    pub sent: u64,
    /// Recipients whose server took the mail.
    pub delivered: u64,
    /// Recipients by the strongest of their bounces.
    pub hard_bounced: u64,
    /// As above.
    pub soft_bounced: u64,
    /// As above.
    pub undetermined_bounced: u64,
    /// Recipients on a suppression list.
    pub not_tried: u64,
    /// Recipients who complained.
    pub complained: u64,
    /// Recipients who may have, and did not for certain.
    pub possibly_complained: u64,
    /// Recipients whose server put the mail off.
    pub delayed: u64,
    /// Recipients whose mail SES rejected.
    pub rejected: u64,
    /// Recipients whose mail could not be rendered, and was not rejected.
    pub failed: u64,
    /// Mails that somebody's server took.
    pub delivered_mails: u64,
    /// Mails that a person opened.
    pub opened: u64,
    /// Mails that machines opened and no person.
    pub machine_opened: u64,
    /// Mails of which a person followed a link.
    pub clicked: u64,
    /// Mails of which machines followed links and no person.
    pub machine_clicked: u64,
    /// Seconds from sending to a person's first open, of each mail that was opened after it was sent; ascending.
    pub seconds_to_open: Vec<f64>,
}

/// What is true of the mails to a domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrueDomain {
    /// Recipients whose mail SES neither rejected nor failed to render.
    pub sent: u64,
    /// Those whose server took it.
    pub delivered: u64,
    /// Those that bounced in whichever way.
    pub bounced: u64,
    /// Those who complained.
    pub complained: u64,
}

/// Who followed a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrueLink {
    /// Mails of which a person followed it.
    pub mails: u64,
    /// How often people followed it.
    pub clicks: u64,
    /// How often machines did.
    pub machine_clicks: u64,
}

impl TrueRecipient {
    fn had(&self, state: State) -> bool {
        self.times.contains_key(&state)
    }

    fn was_sent(&self) -> bool {
        !self.had(State::Rejected) && !self.had(State::Failed)
    }

    /// The strongest of its bounces.
    fn bounce(&self) -> Option<State> {
        [State::HardBounced, State::Bounced, State::SoftBounced].into_iter().find(|state| self.had(*state))
    }
}

impl TrueMail {
    fn listed(&self) -> impl Iterator<Item = &TrueRecipient> {
        self.recipients.values().filter(|recipient| recipient.listed)
    }

    /// Whether a person did that, and whether a machine did.
    fn visits(&self, event_type: &str) -> (bool, bool) {
        let mut visits = (false, false);
        for occurrence in self.occurrences.iter().filter(|occurrence| occurrence.event_type == event_type) {
            match occurrence.bot_verdict {
                Some(BotVerdict::Likely) => visits.1 = true,
                _ => visits.0 = true,
            }
        }
        visits
    }

    fn seconds_to_open(&self) -> Option<f64> {
        let is_person = |verdict: Option<BotVerdict>| verdict != Some(BotVerdict::Likely);
        let first = self
            .occurrences
            .iter()
            .filter(|occurrence| occurrence.event_type == "open" && is_person(occurrence.bot_verdict))
            .map(|occurrence| occurrence.occurred_at)
            .min()?;
        (first >= self.sent_at).then(|| first.duration_since(self.sent_at).as_secs_f64())
    }
}

impl TrueFigures {
    fn learn(&mut self, mail: &TrueMail) {
        let count = |is_meant: &dyn Fn(&TrueRecipient) -> bool| {
            mail.listed().filter(|recipient| is_meant(recipient)).count() as u64
        };
        let sent = count(&TrueRecipient::was_sent);
        self.mails += u64::from(sent > 0);
        self.sent += sent;
        self.delivered += count(&|recipient| recipient.had(State::Delivered));
        self.hard_bounced += count(&|recipient| recipient.bounce() == Some(State::HardBounced));
        self.soft_bounced += count(&|recipient| recipient.bounce() == Some(State::SoftBounced));
        self.undetermined_bounced += count(&|recipient| recipient.bounce() == Some(State::Bounced));
        self.not_tried += count(&|recipient| recipient.had(State::NotTried));
        self.complained += count(&|recipient| recipient.had(State::Complained));
        self.possibly_complained +=
            count(&|recipient| recipient.had(State::PossiblyComplained) && !recipient.had(State::Complained));
        self.delayed += count(&|recipient| recipient.had(State::Delayed));
        self.rejected += count(&|recipient| recipient.had(State::Rejected));
        self.failed += count(&|recipient| recipient.had(State::Failed) && !recipient.had(State::Rejected));
        self.delivered_mails += u64::from(mail.delivered_at.is_some());
        let (person_opened, machine_opened) = mail.visits("open");
        self.opened += u64::from(person_opened);
        self.machine_opened += u64::from(machine_opened && !person_opened);
        let (person_clicked, machine_clicked) = mail.visits("click");
        self.clicked += u64::from(person_clicked);
        self.machine_clicked += u64::from(machine_clicked && !person_clicked);
        self.seconds_to_open.extend(mail.seconds_to_open());
    }

    /// The middle of the times to the first open, or the mean of the two in the middle.
    pub fn median_to_open_s(&self) -> Option<f64> {
        let sorted = &self.seconds_to_open;
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(sorted[middle]),
            _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
        }
    }
}

impl Truth {
    /// The mails that were sent from a time to just before another, of one template or of all.
    pub fn mails_sent<'a>(
        &'a self,
        from: Timestamp,
        to: Timestamp,
        template: Option<&'a str>,
    ) -> impl Iterator<Item = &'a TrueMail> {
        self.mails.values().filter(move |mail| {
            let of_template = template.is_none_or(|template| mail.template_name.as_deref() == Some(template));
            of_template && from <= mail.sent_at && mail.sent_at < to
        })
    }

    /// The figures of those mails.
    pub fn figures(&self, from: Timestamp, to: Timestamp, template: Option<&str>) -> TrueFigures {
        let mut figures = TrueFigures::default();
        for mail in self.mails_sent(from, to, template) {
            figures.learn(mail);
        }
        figures.seconds_to_open.sort_by(f64::total_cmp);
        figures
    }

    /// Those mails' recipients by domain.
    pub fn domains(
        &self,
        from: Timestamp,
        to: Timestamp,
        template: Option<&str>,
    ) -> BTreeMap<String, TrueDomain> {
        let mut domains: BTreeMap<String, TrueDomain> = BTreeMap::new();
        for (address, recipient) in self.mails_sent(from, to, template).flat_map(|mail| &mail.recipients) {
            if !recipient.listed || !recipient.was_sent() {
                continue;
            }
            let domain = address.rsplit('@').next().unwrap_or_default().to_lowercase();
            let domain = domains.entry(domain).or_default();
            domain.sent += 1;
            domain.delivered += u64::from(recipient.had(State::Delivered));
            domain.bounced += u64::from(recipient.bounce().is_some());
            domain.complained += u64::from(recipient.had(State::Complained));
        }
        domains
    }

    /// The links that were followed in those mails.
    pub fn links(
        &self,
        from: Timestamp,
        to: Timestamp,
        template: Option<&str>,
    ) -> BTreeMap<Option<String>, TrueLink> {
        let mut links: BTreeMap<Option<String>, TrueLink> = BTreeMap::new();
        for mail in self.mails_sent(from, to, template) {
            let mut of_mail: BTreeMap<&Option<String>, (u64, u64)> = BTreeMap::new();
            for click in mail.occurrences.iter().filter(|occurrence| occurrence.event_type == "click") {
                let (people, machines) = of_mail.entry(&click.link).or_default();
                match click.bot_verdict {
                    Some(BotVerdict::Likely) => *machines += 1,
                    _ => *people += 1,
                }
            }
            for (link, (people, machines)) in of_mail {
                let known = links.entry(link.clone()).or_default();
                known.mails += u64::from(people > 0);
                known.clicks += people;
                known.machine_clicks += machines;
            }
        }
        links
    }
}
