//! What became of a mail, in words that can be passed on as they are.

use aftersend_event::{RecipientState, Status};
use aftersend_store::{Occurrence, Recipient, Story};
use jiff::{SignedDuration, Timestamp};

use crate::{
    clock::Clock,
    smtp, text, times,
    words::{automated, counted, listed, never_tried, reason, times_over},
};

/// Characters of what a server said that the sentence repeats; the timeline has more of it.
const SAID_CHARS_MAX: usize = 160;

/// After so long SES has given up for certain: it tries for 14 hours at most. The rest is for events that are late.
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_DeliveryOptions.html>
const TRIED_FOR_MAX: SignedDuration = SignedDuration::from_hours(24);

/// The story in one to three sentences: first what the mail's state says, then what else happened.
pub(crate) fn sentence(story: &Story, clock: &Clock) -> String {
    let teller = Teller { story, clock };
    let status = Status::from_name(&story.mail.summary.status);
    let mut sentences = Vec::new();
    match status {
        Some(Status::Delivered | Status::Opened | Status::Clicked) => {
            sentences.push(teller.arrival());
            sentences.extend(teller.bounces());
        }
        Some(status) => {
            sentences.extend(teller.trouble(status));
            if teller.arrived() {
                sentences.push(teller.arrival());
            }
            // The others' bounces; those of a mail that bounced as a whole have been told.
            if status == Status::Complaint {
                sentences.extend(teller.bounces());
            }
        }
        None => {
            sentences.push(format!(
                "An application has set its status to “{}”",
                text::clipped(&story.mail.summary.status, 60)
            ));
            if teller.arrived() {
                sentences.push(teller.arrival());
            }
        }
    }
    if status != Some(Status::Delayed) {
        sentences.extend(teller.still_waiting());
    }
    // A reason in SES's own words may bring its full stop along.
    let ended = sentences.iter().map(|sentence| format!("{}.", sentence.trim_end_matches('.')));
    ended.collect::<Vec<_>>().join(" ")
}

struct Teller<'a> {
    story: &'a Story,
    clock: &'a Clock,
}

impl<'a> Teller<'a> {
    fn of_type(&self, event_type: &'a str) -> impl Iterator<Item = &'a Occurrence> {
        self.story.occurrences.iter().filter(move |occurrence| occurrence.event_type == event_type)
    }

    fn sent_at(&self) -> Timestamp {
        self.story.mail.summary.sent_at
    }

    fn time_of(&self, status: Status) -> Option<Timestamp> {
        // All bounces share one column of the mail's row.
        let status = match status {
            Status::HardBounced | Status::SoftBounced => Status::Bounced,
            other => other,
        };
        self.story.mail.times.iter().find(|(of, _)| *of == status).map(|(_, time)| *time)
    }

    /// Whether there is anything to say of an arrival: a delivery, or an opening that implies one.
    fn arrived(&self) -> bool {
        self.time_of(Status::Delivered).is_some()
            || ["delivery", "open", "click"].into_iter().any(|of| self.of_type(of).next().is_some())
    }

    /// Those that the mail went to, as far as is known.
    fn listed_recipients(&self) -> impl Iterator<Item = &'a Recipient> {
        self.story.recipients.iter().filter(|recipient| recipient.listed)
    }

    /// The recipients of these occurrences, each once; the mail's own where they name none. Of an address that the mail
    /// did not go to it says so.
    fn whom(&self, occurrences: &[&'a Occurrence]) -> String {
        let (mut names, mut forwards) = (Vec::new(), Vec::new());
        for recipient in occurrences.iter().flat_map(|occurrence| &occurrence.recipients) {
            let known = if is_forward(self.story, recipient) { &mut forwards } else { &mut names };
            if !known.contains(&recipient.as_str()) {
                known.push(recipient.as_str());
            }
        }
        if names.is_empty() {
            let mut all = self.listed_recipients().map(|recipient| recipient.address.as_str());
            match (all.next(), all.next(), forwards.is_empty()) {
                (Some(_), Some(_), false) => {
                    return format!(
                        "{}, where one of the recipients most likely forwards,",
                        listed(&forwards)
                    );
                }
                (Some(only), None, false) => names.push(only),
                _ => names.push(self.story.mail.summary.to.as_str()),
            }
        }
        if forwards.is_empty() {
            listed(&names)
        } else {
            format!("{} (forwarded to {})", listed(&names), listed(&forwards))
        }
    }

    /// `; 2 of them came back later`: who is told as delivered here, and as bounced among the recipients.
    fn came_back_later(&self) -> Option<String> {
        let befell = |recipient: &Recipient, state| recipient.times.iter().any(|(of, _)| *of == state);
        let mut all = 0;
        let later = self
            .listed_recipients()
            .inspect(|_| all += 1)
            .filter(|recipient| {
                befell(recipient, RecipientState::Delivered)
                    && recipient.state() == RecipientState::HardBounced
            })
            .count();
        // Of a single one the sentence about its bounce says it.
        (later > 0 && all > 1).then(|| format!("{later} of them came back later"))
    }

    /// The recipients whose copies were put off, and of which nothing was heard since.
    fn still_waiting(&self) -> Option<String> {
        let waiting =
            self.listed_recipients().filter(|recipient| recipient.state() == RecipientState::Delayed);
        let waiting: Vec<&str> = waiting.map(|recipient| recipient.address.as_str()).collect();
        (!waiting.is_empty()).then(|| format!("Not delivered to {}: {}", listed(&waiting), self.prospect()))
    }

    /// Whether SES may still try to deliver it.
    fn is_tried(&self) -> bool {
        self.clock.now().duration_since(self.sent_at()) < TRIED_FOR_MAX
    }

    /// What is to be expected of a copy that was put off.
    fn prospect(&self) -> &'static str {
        if self.is_tried() {
            "put off, and SES goes on trying"
        } else {
            "put off, and nothing more has been reported; it most likely did not arrive"
        }
    }

    /// `, 11.9 s after it was sent`
    fn after_sending(&self, time: Timestamp) -> String {
        times::spelled(self.sent_at(), time)
            .map_or_else(String::new, |span| format!(", {span} after it was sent"))
    }

    /// `Delivered to … on …, … after it was sent; opened twice, first after 40 minutes`
    fn arrival(&self) -> String {
        let deliveries: Vec<_> = self.of_type("delivery").collect();
        let time = deliveries.last().map(|delivery| delivery.occurred_at).or(self.time_of(Status::Delivered));
        let mut told = match time {
            Some(time) if let Some(provider) = taker(&deliveries) => format!(
                "{provider} took the mail for {} on {}{}",
                self.whom(&deliveries),
                self.clock.spoken(time),
                self.after_sending(time)
            ),
            Some(time) => {
                let last = if deliveries.len() > 1 { " the last of them" } else { "" };
                let comma = if last.is_empty() { "" } else { "," };
                let whom = self.whom(&deliveries);
                format!(
                    "Delivered to {whom}{comma}{last} on {}{}",
                    self.clock.spoken(time),
                    self.after_sending(time)
                )
            }
            None => format!(
                "Sent to {} on {}; no delivery was reported, yet it arrived",
                self.whom(&[]),
                self.clock.spoken(self.sent_at())
            ),
        };
        let delays = self.of_type("delivery_delay").count();
        let put_off = (delays > 0).then(|| format!("put off {} on the way", times_over(delays)));
        for clause in self.came_back_later().into_iter().chain(put_off).chain(self.engagement()) {
            told.push_str("; ");
            told.push_str(&clause);
        }
        told
    }

    /// Opens and clicks; those of machines apart, and never among the others.
    fn engagement(&self) -> Vec<String> {
        let mut clauses = Vec::new();
        for (event_type, verb, status) in
            [("open", "opened", Status::Opened), ("click", "its links followed", Status::Clicked)]
        {
            let all: Vec<_> = self.of_type(event_type).collect();
            let by_people: Vec<_> = all.iter().filter(|occurrence| !automated(occurrence)).collect();
            // Where an application noted a time and no event is kept, the count is unknown, not zero.
            let noted = self.time_of(status).filter(|_| all.is_empty());
            let Some(first) = by_people.first().map(|occurrence| occurrence.occurred_at).or(noted) else {
                continue;
            };
            let after = times::spelled(self.sent_at(), first);
            clauses.push(match (by_people.len(), after) {
                (0, None) => verb.to_owned(),
                (0, Some(after)) => format!("{verb} after {after}"),
                (count, None) => format!("{verb} {}", times_over(count)),
                (1, Some(after)) => format!("{verb} once, after {after}"),
                (count, Some(after)) => format!("{verb} {}, first after {after}", times_over(count)),
            });
        }
        let machines = |event_type, noun| {
            let count = self.of_type(event_type).filter(|occurrence| automated(occurrence)).count();
            (count > 0).then(|| counted(count, noun))
        };
        let by_machines: Vec<_> = [machines("open", "automated open"), machines("click", "automated click")]
            .into_iter()
            .flatten()
            .collect();
        if !by_machines.is_empty() {
            let besides = if clauses.is_empty() { "" } else { "besides, " };
            clauses.push(format!("{besides}{}", by_machines.join(" and ")));
        }
        clauses
    }

    /// What a state says that is no arrival.
    fn trouble(&self, status: Status) -> Vec<String> {
        let told = match status {
            Status::HardBounced | Status::SoftBounced | Status::Bounced => {
                let bounces = self.bounces();
                if !bounces.is_empty() {
                    return bounces;
                }
                self.noted("Returned to sender", status)
            }
            Status::Queued => format!(
                "Queued for {} on {} and not handed to SES yet",
                self.whom(&[]),
                self.clock.spoken(self.sent_at())
            ),
            Status::Delayed => self.delay().unwrap_or_else(|| self.noted("Put off", status)),
            Status::Complaint => self.complaint().unwrap_or_else(|| self.noted("Reported as spam", status)),
            Status::Rejected => {
                self.refusal("Refused by SES and never sent to", "Refused by SES", "reject", status)
            }
            Status::Failed => {
                self.refusal("Could not be made, and so never sent to", "Failed", "rendering_failure", status)
            }
            Status::Sent | Status::Delivered | Status::Opened | Status::Clicked => {
                let accepted = format!(
                    "Accepted by SES for {} on {}; no delivery has been reported yet",
                    self.whom(&[]),
                    self.clock.spoken(self.sent_at())
                );
                let mut told = self.bounces();
                // Of a mail to one that SES did not try, nothing is to be waited for.
                if told.is_empty() {
                    told.push(accepted);
                } else if self.listed_recipients().count() > 1 {
                    told.push("Of the others no delivery has been reported yet".to_owned());
                }
                return told;
            }
        };
        vec![told]
    }

    /// A state that is known from the mail's row alone.
    fn noted(&self, verb: &str, status: Status) -> String {
        let time = self.time_of(status).unwrap_or(self.sent_at());
        let why = self.story.mail.error_message.as_deref();
        let why = why.map_or_else(String::new, |why| format!(": {}", text::clipped(why, SAID_CHARS_MAX)));
        format!("{verb}: the mail to {} on {}{why}", self.whom(&[]), self.clock.spoken(time))
    }

    fn refusal(&self, verb: &str, without_event: &str, event_type: &'a str, status: Status) -> String {
        let Some(refused) = self.of_type(event_type).next() else {
            return self.noted(without_event, status);
        };
        let why = reason(refused)
            .map_or_else(String::new, |why| format!(": {}", text::clipped(&why, SAID_CHARS_MAX)));
        format!("{verb} {}, on {}{why}", self.whom(&[refused]), self.clock.spoken(refused.occurred_at))
    }

    /// The bounces, a sentence for those that SES tried and one for those that it did not.
    fn bounces(&self) -> Vec<String> {
        let (untried, tried): (Vec<_>, Vec<_>) = self
            .story
            .occurrences
            .iter()
            .filter(|occurrence| occurrence.event_type == "bounce" || never_tried(occurrence))
            .partition(|occurrence| never_tried(occurrence));
        self.returned(&tried).into_iter().chain(self.held_back(&untried)).collect()
    }

    /// The gravest of these bounces with its time and reason, and all recipients that bounced as gravely.
    fn returned(&self, bounces: &[&'a Occurrence]) -> Option<String> {
        let gravity = |bounce: &Occurrence| match bounce.bounce_type.as_deref() {
            Some("hard") => 0,
            Some("undetermined") => 1,
            _ => 2,
        };
        let worst = bounces.iter().min_by_key(|bounce| gravity(bounce))?;
        let as_grave: Vec<_> =
            bounces.iter().copied().filter(|bounce| gravity(bounce) == gravity(worst)).collect();
        let kind = match worst.bounce_type.as_deref() {
            Some("hard") => " as undeliverable",
            Some("soft") => " as undeliverable for now",
            _ => "",
        };
        Some(format!(
            "Returned{kind} for {} on {}{}{}",
            self.whom(&as_grave),
            self.clock.spoken(worst.occurred_at),
            self.after_sending(worst.occurred_at),
            because(worst)
        ))
    }

    fn held_back(&self, bounces: &[&'a Occurrence]) -> Option<String> {
        let first = bounces.first()?;
        Some(format!(
            "Not sent to {}, by SES’s decision on {}{}",
            self.whom(bounces),
            self.clock.spoken(first.occurred_at),
            because(first)
        ))
    }

    fn delay(&self) -> Option<String> {
        let delays: Vec<_> = self.of_type("delivery_delay").collect();
        let last = delays.last()?;
        let time = self.clock.spoken(last.occurred_at);
        let is_tried = self.is_tried();
        let often =
            if delays.len() > 1 { format!("{}, last ", times_over(delays.len())) } else { String::new() };
        Some(format!(
            "Not delivered to {}{}: put off {often}on {time}{}. {}",
            self.whom(&delays),
            if is_tried { " yet" } else { "" },
            because(last),
            if is_tried {
                "SES goes on trying"
            } else {
                "Nothing more has been reported since; it most likely did not arrive"
            }
        ))
    }

    fn complaint(&self) -> Option<String> {
        let complaint = self.of_type("complaint").find(|complaint| {
            complaint.complaint_type.as_deref() != Some("not-spam") && !never_tried(complaint)
        })?;
        let time = complaint.occurred_at;
        // SES lists every recipient at the complainer's domain, not the complainer alone. Another event may have said since
        // who of them it was.
        let settled = self.listed_recipients().filter(|recipient| {
            recipient.state() == RecipientState::Complained
                && complaint.recipients.contains(&recipient.address)
        });
        let settled: Vec<&str> = settled.map(|recipient| recipient.address.as_str()).collect();
        let whom = match complaint.recipients.len() {
            0 | 1 => self.whom(&[complaint]),
            _ if !settled.is_empty() => listed(&settled),
            _ => format!("one of {}", self.whom(&[complaint])),
        };
        // That the mail was unwanted is what a report of spam says anyway.
        let kind = complaint.complaint_type.as_deref().filter(|kind| *kind != "abuse");
        let why = kind.and_then(|_| reason(complaint)).map_or_else(String::new, |why| format!(": {why}"));
        Some(format!(
            "Reported as spam by {whom} on {}{}{why}",
            self.clock.spoken(time),
            self.after_sending(time)
        ))
    }
}

/// Whether the mail did not go to this address, though an event names it: a server has, to which a recipient forwards.
pub(crate) fn is_forward(story: &Story, address: &str) -> bool {
    let mut listed = story.recipients.iter().filter(|recipient| recipient.listed).peekable();
    // Without a recipient's row nothing is known of whom the mail went to.
    listed.peek().is_some() && listed.all(|recipient| recipient.address != address)
}

/// The provider that took the mail, where it went to one address and that provider is known.
fn taker(deliveries: &[&Occurrence]) -> Option<&'static str> {
    let [delivery] = deliveries else { return None };
    let [recipient] = &*delivery.recipients else { return None };
    smtp::provider(delivery.diagnostics.first().map(String::as_str), recipient)
}

/// `: the mailbox is full (“smtp; 552 5.2.2 mailbox full”)`
fn because(occurrence: &Occurrence) -> String {
    let said = occurrence.diagnostics.first().map(|said| text::clipped(said, SAID_CHARS_MAX));
    match (reason(occurrence), said) {
        (None, None) => String::new(),
        (Some(why), None) => format!(": {why}"),
        (None, Some(said)) => format!(": “{said}”"),
        (Some(why), Some(said)) => format!(": {why} (“{said}”)"),
    }
}

#[cfg(test)]
mod tests;
