//! The database against the truth that the simulator knows, mail by mail.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use aftersend_event::{BotVerdict, RecipientState, Status};
use aftersend_simulator::{TrueMail, TrueOccurrence, TrueRecipient, Truth};
use jiff::Timestamp;

use crate::{Occurrence, QueryError, Recipient, RecipientCounts, Store, Story};

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Mails that were looked at.
    pub mails: usize,
    /// Occurrences of those mails.
    pub occurrences: usize,
    /// What is not as it should be, a sentence each. They name addresses and subjects, which are made up.
    pub differences: Vec<String>,
}

impl Verdict {
    /// Whether all is as it should be.
    pub fn holds(&self) -> bool {
        self.differences.is_empty()
    }

    /// Notes a difference if there is one.
    pub fn expect<T: PartialEq + Debug>(&mut self, what: &str, found: &T, expected: &T) {
        if found != expected {
            self.differences.push(format!("{what} is {found:?} instead of {expected:?}"));
        }
    }
}

impl Store {
    /// Compares all that the store holds with the truth about the traffic that it was given.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn compare(&self, truth: &Truth) -> Result<Verdict, QueryError> {
        let mut verdict = Verdict { mails: truth.mails.len(), ..Verdict::default() };
        // Rows beyond the truth would show in no comparison of single mails.
        let counts = self.count_all().await?;
        verdict.expect("the number of mails", &counts.mails, &(truth.mails.len() as u64));
        let (events, distinct) = (counts.events + counts.folded, truth.distinct_events as u64);
        verdict.expect("the number of events, folded ones included,", &events, &distinct);
        verdict.expect("the number of bodies in quarantine", &counts.quarantined, &(truth.malformed as u64));
        let blocks: Vec<(String, String)> =
            truth.blocked.iter().map(|(address, reason)| (address.clone(), (*reason).to_owned())).collect();
        verdict.expect("the blocklist", &self.list_blocks().await?, &blocks);
        for (id, mail) in &truth.mails {
            match self.find_story(id).await? {
                None => verdict.differences.push(format!("mail {id} is missing")),
                Some(story) => compare(&mut verdict, mail, &story),
            }
        }
        Ok(verdict)
    }
}

fn compare(verdict: &mut Verdict, mail: &TrueMail, story: &Story) {
    let name = |what: &str| format!("mail {}: {what}", mail.message_id);
    let found = &story.mail.summary;
    verdict.expect(&name("status"), &found.status.as_str(), &mail.status.name());
    verdict.expect(&name("message id"), &found.message_id, &mail.message_id);
    verdict.expect(&name("to"), &found.to, &mail.to);
    verdict.expect(&name("from"), &found.from, &mail.from);
    verdict.expect(&name("subject"), &found.subject, &mail.subject);
    verdict.expect(&name("template"), &found.template_name, &mail.template_name);
    verdict.expect(&name("campaign"), &found.campaign_id, &mail.campaign_id);
    verdict.expect(&name("configuration set"), &story.mail.configuration_set, &mail.configuration_set);
    verdict.expect(&name("sent at"), &found.sent_at, &mail.sent_at);
    let times: [(Status, Option<Timestamp>); 8] = [
        (Status::Delayed, mail.delayed_at),
        (Status::Delivered, mail.delivered_at),
        (Status::Opened, mail.opened_at),
        (Status::Clicked, mail.clicked_at),
        (Status::Bounced, mail.bounced_at),
        (Status::Failed, mail.failed_at),
        (Status::Rejected, mail.rejected_at),
        (Status::Complaint, mail.complained_at),
    ];
    for (status, expected) in times {
        let found = story.mail.times.iter().find(|(s, _)| *s == status).map(|(_, at)| *at);
        verdict.expect(&name(&format!("first time {status}")), &found, &expected);
    }
    let tags: Vec<(&String, Vec<&String>)> =
        mail.tags.iter().map(|(tag, values)| (tag, values.iter().collect())).collect();
    let found_tags: Vec<(&String, Vec<&String>)> =
        story.mail.tags.iter().map(|(tag, values)| (tag, values.iter().collect())).collect();
    verdict.expect(&name("tags"), &found_tags, &tags);

    compare_recipients(verdict, mail, story);
    let occurrences: Vec<TrueOccurrence> = story.occurrences.iter().map(meaning).collect();
    let distinct: BTreeSet<TrueOccurrence> = occurrences.iter().cloned().collect();
    verdict.expect(&name("number of occurrences"), &occurrences.len(), &mail.occurrences.len());
    let expected: BTreeSet<TrueOccurrence> = mail.occurrences.iter().cloned().collect();
    for missing in expected.difference(&distinct) {
        verdict.differences.push(name(&format!("no {missing:?}")));
    }
    for surplus in distinct.difference(&expected) {
        verdict.differences.push(name(&format!("surplus {surplus:?}")));
    }
    verdict.occurrences += occurrences.len();
}

fn compare_recipients(verdict: &mut Verdict, mail: &TrueMail, story: &Story) {
    let name = |what: &str| format!("mail {}: {what}", mail.message_id);
    let recipients = recipients(story);
    verdict.expect(&name("number of recipients"), &story.recipients.len(), &mail.recipients.len());
    for (address, expected) in &mail.recipients {
        verdict.expect(&name(address), &recipients.get(address), &Some(expected));
    }
    let counts = RecipientCounts::of(&story.recipients);
    for state in RecipientState::ALL {
        let all = mail.recipients.values();
        let expected = all.filter(|recipient| recipient.listed && recipient.state() == state).count();
        verdict.expect(&name(&format!("number of recipients {state}")), &counts.in_state(state), &expected);
    }
    verdict.expect(&name("number of destinations"), &counts.all(), &mail.destination.len());
}

/// What a story says of its recipients, in the truth's own terms.
pub(crate) fn recipients(story: &Story) -> BTreeMap<String, TrueRecipient> {
    let recipient = |found: &Recipient| {
        let times = found.times.iter().copied().collect();
        (found.address.clone(), TrueRecipient { listed: found.listed, times })
    };
    story.recipients.iter().map(recipient).collect()
}

fn meaning(occurrence: &Occurrence) -> TrueOccurrence {
    TrueOccurrence {
        event_type: occurrence.event_type.clone(),
        occurred_at: occurrence.occurred_at,
        subtype: occurrence.subtype.clone(),
        recipients: occurrence.recipients.clone(),
        link: occurrence.link_url.clone(),
        bot_verdict: match occurrence.bot_verdict.as_deref() {
            Some("Likely") => Some(BotVerdict::Likely),
            Some("Unlikely") => Some(BotVerdict::Unlikely),
            _ => None,
        },
    }
}
