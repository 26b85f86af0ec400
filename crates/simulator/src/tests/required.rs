//! Every run has what a store must cope with.

use std::collections::{BTreeMap, BTreeSet};

use aftersend_event::{BotVerdict, Format, RecipientState, Status};

use crate::{
    Plan, SCENARIOS_REQUIRED, SimulatedEvent, TrueMail, TrueOccurrence, TrueRecipient, events,
    shape::{Happening, Headers, Times},
    simulate,
};

/// A mail with its events as told and as true.
struct Case<'a> {
    told: Vec<&'a SimulatedEvent>,
    mail: &'a TrueMail,
}

impl Case<'_> {
    fn occurrences(&self, event_type: &str) -> Vec<&TrueOccurrence> {
        self.mail.occurrences.iter().filter(|occurrence| occurrence.event_type == event_type).collect()
    }

    fn subtypes(&self, event_type: &str) -> Vec<&str> {
        self.occurrences(event_type).iter().filter_map(|occurrence| occurrence.subtype.as_deref()).collect()
    }

    fn has_status(&self, status: Status) -> bool {
        self.mail.status == status
    }

    fn told_in_both_formats(&self, event_type: &str) -> bool {
        [Format::EventPublishing, Format::IdentityNotification].iter().all(|&format| {
            self.told.iter().any(|event| event.format == format && event.meaning().event_type == event_type)
        }) && self.occurrences(event_type).len() == 1
    }

    fn complained(&self, feedback_type: Option<&str>, sub_type: Option<&str>) -> bool {
        self.told.iter().any(|event| match &event.happening {
            Happening::Complaint(complaint) => {
                complaint.feedback_type == feedback_type && complaint.sub_type == sub_type
            }
            _ => false,
        })
    }

    fn visited_by(&self, user_agent: &str) -> bool {
        self.told.iter().any(|event| match &event.happening {
            Happening::Open { visitor, .. } => visitor.user_agent == user_agent,
            _ => false,
        })
    }

    /// The verdicts under which one open was told.
    fn verdicts_of_one_open(&self) -> BTreeSet<Option<BotVerdict>> {
        let mut verdicts: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for event in &self.told {
            if let Happening::Open { at, visitor } = &event.happening {
                verdicts.entry(at).or_default().insert(visitor.bot_verdict);
            }
        }
        verdicts.into_values().max_by_key(BTreeSet::len).unwrap_or_default()
    }

    fn recipients(&self, listed: bool, state: RecipientState) -> usize {
        let all = self.mail.recipients.values();
        all.filter(|recipient| recipient.listed == listed && recipient.state() == state).count()
    }

    fn bounced(&self, bounce_type: &str) -> Option<&SimulatedEvent> {
        self.told.iter().copied().find(
            |event| matches!(&event.happening, Happening::Bounce(bounce) if bounce.bounce_type == bounce_type),
        )
    }
}

/// What a run must have in it: a name, and how to tell that a mail shows it.
type Requirement = (&'static str, fn(&Case<'_>) -> bool);

const BOUNCES: [Requirement; 17] = [
    ("not tried for another reason", |case| {
        ["OnTenantSuppressionList", "EmailValidationSuppressed", "UnsubscribedRecipient"]
            .iter()
            .any(|sub_type| case.subtypes("bounce") == [*sub_type])
    }),
    ("a Transient bounce of a mail that is opened", |case| {
        case.subtypes("bounce") == ["General"] && case.has_status(Status::Opened)
    }),
    ("a forward's bounce", |case| {
        case.mail.destination.len() == 1
            && case.occurrences("bounce").iter().any(|bounce| bounce.recipients != case.mail.destination)
    }),
    ("a forward's bounce among several", |case| {
        case.mail.destination.len() == 3
            && case
                .occurrences("bounce")
                .iter()
                .any(|bounce| !case.mail.destination.contains(&bounce.recipients[0]))
    }),
    ("a hard bounce", |case| case.has_status(Status::HardBounced)),
    ("a bounce without a feedback id", |case| {
        case.told.iter().any(
            |event| matches!(&event.happening, Happening::Bounce(bounce) if bounce.feedback_id.is_none()),
        )
    }),
    ("a bounce in both formats", |case| case.told_in_both_formats("bounce")),
    ("transient, then permanent", |case| {
        case.bounced("Transient").is_some_and(|event| !event.held_back)
            && case.bounced("Permanent").is_some_and(|event| event.held_back)
    }),
    ("permanent arrives before transient", |case| {
        case.bounced("Transient").is_some_and(|event| event.held_back)
            && case.bounced("Permanent").is_some_and(|event| !event.held_back)
    }),
    ("a bounce after the delivery", |case| {
        case.has_status(Status::HardBounced)
            && case.mail.delivered_at < case.mail.bounced_at
            && case.mail.delivered_at.is_some()
    }),
    ("one of three bounces", |case| {
        case.mail.destination.len() == 3
            && case.occurrences("bounce").iter().any(|bounce| bounce.recipients.len() == 1)
    }),
    ("one feedback id for two records", |case| {
        let bounces = case.occurrences("bounce");
        bounces.len() == 2 && bounces[0].recipients.len() != bounces[1].recipients.len()
    }),
    ("a full mailbox", |case| case.subtypes("bounce") == ["MailboxFull"]),
    ("not tried", |case| case.subtypes("bounce") == ["OnAccountSuppressionList"]),
    ("an undetermined bounce", |case| case.subtypes("bounce") == ["Undetermined"]),
    ("unknown subtypes", |case| case.subtypes("bounce") == ["MailboxAsleep", "MoonPhase"]),
    ("a mail without a configuration set", |case| {
        case.mail.tags.is_empty() && case.mail.configuration_set.is_none()
    }),
];

const RECIPIENTS: [Requirement; 8] = [
    ("one mail whose recipients are in five states", |case| {
        let states: BTreeSet<_> = case.mail.recipients.values().map(TrueRecipient::state).collect();
        states.len() >= 5
    }),
    ("a recipient of whom nothing is told", |case| {
        case.recipients(true, RecipientState::Sent) > 0
            && case.recipients(true, RecipientState::Delivered) > 0
    }),
    ("a forward's bounce beside a recipient's", |case| {
        case.recipients(false, RecipientState::HardBounced) > 0
            && case.recipients(true, RecipientState::HardBounced) > 0
    }),
    ("a forward's delivery", |case| case.recipients(false, RecipientState::Delivered) > 0),
    ("some not tried", |case| {
        case.recipients(true, RecipientState::NotTried) > 0
            && case.recipients(true, RecipientState::Delivered) > 0
    }),
    ("a possible complainer who is none for certain", |case| {
        case.recipients(true, RecipientState::PossiblyComplained) > 0
            && case.recipients(true, RecipientState::Complained) > 0
    }),
    ("three complainers", |case| case.recipients(true, RecipientState::Complained) == 3),
    ("a recipient put off, then reached", |case| {
        case.mail.destination.len() > 1
            && case.mail.recipients.values().any(|recipient| {
                recipient.state() == RecipientState::Delivered
                    && recipient.times.contains_key(&RecipientState::Delayed)
            })
    }),
];

const COMPLAINTS_AND_REFUSALS: [Requirement; 11] = [
    ("a complainer who is gone", |case| {
        case.has_status(Status::Complaint) && case.bounced("Permanent").is_some_and(|event| event.held_back)
    }),
    ("a complaint known after the bounce", |case| {
        case.has_status(Status::Complaint) && case.bounced("Permanent").is_some_and(|event| !event.held_back)
    }),
    ("a complaint", |case| case.has_status(Status::Complaint) && case.mail.complained_at.is_some()),
    ("a complaint in both formats", |case| case.told_in_both_formats("complaint")),
    ("several possible complainers", |case| {
        case.occurrences("complaint").iter().any(|complaint| complaint.recipients.len() > 1)
    }),
    ("not-spam", |case| {
        case.complained(Some("not-spam"), None)
            && case.has_status(Status::Opened)
            && case.mail.complained_at.is_none()
    }),
    ("auth-failure", |case| {
        case.complained(Some("auth-failure"), None) && case.has_status(Status::Complaint)
    }),
    ("a complaint from the suppression list", |case| {
        case.complained(None, Some("OnAccountSuppressionList")) && case.has_status(Status::Sent)
    }),
    ("a rejection", |case| case.has_status(Status::Rejected) && case.mail.rejected_at.is_some()),
    ("a rendering failure", |case| {
        case.has_status(Status::Failed) && case.mail.subject.is_none() && case.mail.failed_at.is_some()
    }),
    ("records without headers", |case| case.told.iter().any(|event| event.headers == Headers::Missing)),
];

const DELIVERIES: [Requirement; 11] = [
    ("undisclosed recipients", |case| case.told.iter().any(|event| event.mail.to[0].bare.is_empty())),
    ("a delivery in both formats", |case| case.told_in_both_formats("delivery")),
    ("one record for several", |case| {
        case.mail.destination.len() > 1 && case.occurrences("delivery").len() == 1
    }),
    ("a record each", |case| {
        let deliveries = case.occurrences("delivery");
        deliveries.len() > 1 && deliveries.len() == case.mail.destination.len()
    }),
    ("two of three, then the third", |case| {
        case.mail.destination.len() == 3 && case.occurrences("delivery").len() == 2
    }),
    ("fifty recipients", |case| case.mail.destination.len() == 50),
    ("a blind copy first", |case| {
        case.mail.destination.len() == 2 && case.told.iter().any(|event| event.mail.to.len() == 1)
    }),
    ("a subject that is missing at first", |case| {
        case.told.iter().any(|event| event.headers == Headers::WithoutSubject) && case.mail.subject.is_some()
    }),
    ("put off, then delivered", |case| {
        case.has_status(Status::Delivered)
            && case.mail.delayed_at < case.mail.delivered_at
            && case.mail.delayed_at.is_some()
    }),
    ("still waiting", |case| case.has_status(Status::Delayed)),
    ("a simulator address", |case| case.mail.to.ends_with("@simulator.amazonses.com")),
];

const READING: [Requirement; 15] = [
    ("a burst of clicks by a scanner", |case| {
        case.occurrences("click").len() >= 4 && case.mail.opened_at.is_none()
    }),
    ("two opens in one millisecond", |case| {
        let opens = case.occurrences("open");
        opens.windows(2).any(|pair| {
            pair[0].occurred_at.as_millisecond() == pair[1].occurred_at.as_millisecond()
                && pair[0].occurred_at != pair[1].occurred_at
        })
    }),
    ("opened", |case| case.has_status(Status::Opened)),
    ("clicked", |case| case.has_status(Status::Clicked)),
    ("opened by one of several", |case| {
        case.mail.destination.len() > 1
            && case.occurrences("open").iter().any(|open| open.recipients.is_empty())
    }),
    ("opened by Apple", |case| case.visited_by("Mozilla/5.0")),
    ("opened through Google", |case| {
        case.told.iter().any(|event| {
            matches!(&event.happening, Happening::Open { visitor, .. } if visitor.user_agent.contains("GoogleImageProxy"))
        })
    }),
    ("a likely bot", |case| {
        case.occurrences("open").iter().any(|open| open.bot_verdict == Some(BotVerdict::Likely))
    }),
    ("one open with three verdicts", |case| case.verdicts_of_one_open().len() == 3),
    ("no verdict", |case| case.occurrences("open").iter().any(|open| open.bot_verdict.is_none())),
    ("two links in one millisecond", |case| {
        let clicks = case.occurrences("click");
        clicks.iter().any(|one| {
            clicks.iter().any(|other| one.occurred_at == other.occurred_at && one.link != other.link)
        })
    }),
    ("a click whose mail's delivery comes late", |case| {
        case.has_status(Status::Clicked)
            && case.told.iter().any(|event| event.held_back && event.meaning().event_type == "delivery")
    }),
    ("unsubscribed", |case| !case.subtypes("subscription").is_empty()),
    ("an unknown type", |case| case.occurrences("archived").len() == 1),
    ("every spelling of a time", |case| {
        Times::ALL.iter().all(|times| case.told.iter().any(|event| event.spelling.times == *times))
            && case.occurrences("delivery").len() == 1
    }),
];

/// What `plan` lacks of what every run must have.
fn lacking(plan: &Plan) -> Vec<&'static str> {
    let (events, truth) = (events(plan), simulate(plan).truth);
    let cases: Vec<Case<'_>> = truth
        .mails
        .values()
        .map(|mail| Case {
            told: events.iter().filter(|event| event.message_id() == mail.message_id).collect(),
            mail,
        })
        .collect();
    let requirements =
        BOUNCES.iter().chain(&RECIPIENTS).chain(&COMPLAINTS_AND_REFUSALS).chain(&DELIVERIES).chain(&READING);
    requirements.filter(|(_, shows)| !cases.iter().any(shows)).map(|(name, _)| *name).collect()
}

#[test]
fn the_default_plan_has_every_scenario() {
    assert_eq!(lacking(&Plan::default()), [""; 0]);
}

#[test]
fn the_smallest_complete_plan_has_every_scenario_with_any_seed() {
    for seed in 0..15 {
        let plan = Plan { seed, mails: SCENARIOS_REQUIRED, ..Plan::default() };
        assert_eq!(lacking(&plan), [""; 0], "seed {seed}");
    }
}

#[test]
fn a_plan_too_small_lacks_something() {
    assert!(!lacking(&Plan { mails: 5, ..Plan::default() }).is_empty());
}

#[test]
fn all_types_formats_and_wrappings_come() {
    let plan = Plan { mails: SCENARIOS_REQUIRED, copies_max: 1, ..Plan::default() };
    let types: BTreeSet<String> = events(&plan).iter().map(|event| event.meaning().event_type).collect();
    let expected = [
        "archived",
        "bounce",
        "click",
        "complaint",
        "delivery",
        "delivery_delay",
        "open",
        "reject",
        "rendering_failure",
        "send",
        "subscription",
    ];
    assert!(types.iter().eq(expected), "{types:?}");

    let messages = simulate(&plan).messages;
    for (what, beginning) in [
        ("raw", "{\"eventType\""),
        ("raw identity notification", "{\"notificationType\""),
        ("EventBridge", "{\"version\":\"0\""),
        ("SNS", "{\"Type\":\"Notification\""),
    ] {
        assert!(messages.iter().any(|message| message.starts_with(beginning.as_bytes())), "no {what}");
    }
}
