//! The database against the truth, mail by mail.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use aftersend_event::{BotVerdict, Status};
use aftersend_ingest::Tally;
use aftersend_simulator::{Traffic, TrueMail, TrueOccurrence, TrueRecipient};
use aftersend_store::{Occurrence, Recipient, Store, Story};
use jiff::Timestamp;

/// Differences that are printed; the rest is counted.
pub(super) const DIFFERENCES_SHOWN_MAX: usize = 20;

/// What the comparison found.
pub(super) struct Verdict {
    pub(super) mails: usize,
    pub(super) occurrences: usize,
    /// A sentence each.
    pub(super) differences: Vec<String>,
}

impl Verdict {
    pub(super) fn holds(&self) -> bool {
        self.differences.is_empty()
    }

    fn expect<T: PartialEq + Debug>(&mut self, what: &str, found: &T, expected: &T) {
        if found != expected {
            self.differences.push(format!("{what} is {found:?} instead of {expected:?}"));
        }
    }
}

pub(super) async fn run(store: &Store, traffic: &Traffic, tally: &Tally) -> anyhow::Result<Verdict> {
    let truth = &traffic.truth;
    let mut verdict = Verdict { mails: truth.mails.len(), occurrences: 0, differences: Vec::new() };

    verdict.expect("the number of received messages", &tally.received, &truth.messages);
    verdict.expect("the number of control messages", &tally.control, &truth.controls);
    verdict.expect("the number of quarantined messages", &tally.quarantined, &truth.malformed);
    verdict.expect(
        "stored and folded events together",
        &(tally.stored + tally.folded),
        &truth.distinct_events,
    );
    let counts = store.count_all().await?;
    // Rows beyond the truth would show in no comparison of single mails.
    verdict.expect("the number of mails", &counts.mails, &(truth.mails.len() as u64));
    verdict.expect("the number of events with a row", &counts.events, &(tally.stored as u64));
    verdict.expect("the number of folded events", &counts.folded, &(tally.folded as u64));
    verdict.expect("the number of bodies in quarantine", &counts.quarantined, &(truth.malformed as u64));
    let blocks: Vec<(String, String)> =
        truth.blocked.iter().map(|(address, reason)| (address.clone(), (*reason).to_owned())).collect();
    verdict.expect("the blocklist", &store.list_blocks().await?, &blocks);

    for (id, mail) in &truth.mails {
        match store.find_story(id).await? {
            None => verdict.differences.push(format!("mail {id} is missing")),
            Some(story) => compare(&mut verdict, mail, &story),
        }
    }
    Ok(verdict)
}

fn compare(verdict: &mut Verdict, mail: &TrueMail, story: &Story) {
    let name = |what: &str| format!("mail {}: {what}", mail.message_id);
    let found = &story.mail.summary;
    verdict.expect(&name("status"), &found.status.as_str(), &mail.status.name());
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

    let recipients: BTreeMap<String, TrueRecipient> = story.recipients.iter().map(recipient).collect();
    verdict.expect(&name("number of recipients"), &story.recipients.len(), &mail.recipients.len());
    for (address, expected) in &mail.recipients {
        verdict.expect(&name(address), &recipients.get(address), &Some(expected));
    }

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

fn recipient(found: &Recipient) -> (String, TrueRecipient) {
    let times = found.times.iter().copied().collect();
    (found.address.clone(), TrueRecipient { listed: found.listed, times })
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
