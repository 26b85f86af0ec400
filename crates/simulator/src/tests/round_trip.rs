//! The reader held against an independent writer: what the simulator means is what the reader says.

use std::collections::{BTreeMap, BTreeSet};

use aftersend_event::{Control, Document, Envelope, Event, Fingerprint, Message, RecipientState, read};
use fastrand::Rng;
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::{
    Plan, SCENARIOS_REQUIRED, SimulatedEvent, TrueOccurrence, Wrapping,
    post::post,
    scenario,
    shape::{Headers, Spelling, Times},
    world::World,
    wrap,
};

/// Reads a message that must hold an event.
fn document(message: &[u8]) -> Document<'_> {
    match read(message) {
        Ok(Message::Event(document)) => document,
        other => panic!("{}\n{other:?}", String::from_utf8_lossy(message)),
    }
}

/// What the reader makes of an event, in the simulator's own terms.
fn read_meaning(event: &Event<'_>) -> TrueOccurrence {
    TrueOccurrence {
        event_type: event.type_name().into_owned(),
        occurred_at: event.occurred_at(),
        subtype: event.subtype().map(str::to_owned),
        recipients: event.recipients(),
        link: event.link().map(str::to_owned),
        bot_verdict: event.bot_verdict(),
    }
}

/// Asserts that the reader gets everything out of a message that the simulator put into it.
fn check(message: &[u8], meant: &SimulatedEvent) -> Fingerprint {
    let document = document(message);
    let event = document.event().unwrap_or_else(|error| panic!("{}\n{error}", document.json()));
    let mail = &meant.mail;
    assert_eq!(read_meaning(&event), meant.meaning(), "{}", document.json());
    assert_eq!(event.format, meant.format);
    assert_eq!(&*event.mail.message_id, meant.message_id());
    assert_eq!(event.mail.timestamp.at, meant.mail_timestamp());
    assert_eq!(event.mail.source.as_deref(), Some(mail.source.as_str()));
    let destination: Vec<&str> = event.mail.destination.iter().map(|address| &*address.raw).collect();
    assert!(destination.into_iter().eq(mail.destination.iter().map(|address| address.raw.as_str())));
    let subject = (meant.headers == Headers::Full).then_some(mail.subject.as_str());
    assert_eq!(event.mail.subject.as_deref(), subject);
    let tags: BTreeMap<String, Vec<String>> = event
        .mail
        .tags
        .iter()
        .map(|(name, values)| (name.to_string(), values.iter().map(|value| (**value).to_owned()).collect()))
        .collect();
    assert_eq!(tags, meant.tags());
    assert_eq!(event.status(), meant.status());
    let blocked: Vec<(String, &str)> =
        event.blocks().into_iter().map(|(address, reason)| (address, reason.name())).collect();
    let (addresses, reason) = meant.blocks().unwrap_or_default();
    assert_eq!(blocked, addresses.into_iter().map(|address| (address, reason)).collect::<Vec<_>>());
    let meant_state = meant.recipient_state();
    for fact in event.recipient_facts() {
        let sent_to = mail.destination.iter().any(|address| address.bare == fact.address);
        assert_eq!(fact.listed, sent_to, "{fact:?}");
        assert!(fact.state == RecipientState::Sent || Some(fact.state) == meant_state, "{fact:?}");
    }
    let to = match meant.headers {
        Headers::Missing => mail.destination.first(),
        _ => mail.to.iter().chain(&mail.destination).find(|address| !address.bare.is_empty()),
    };
    assert_eq!(event.to(), to.map(|to| to.bare.as_str()));
    event.fingerprint()
}

fn plan(seed: u64) -> Plan {
    Plan { seed, mails: SCENARIOS_REQUIRED + 30, ..Plan::default() }
}

#[test]
fn every_event_comes_back_from_every_wrapping_and_spelling() {
    let mut rng = Rng::with_seed(7);
    for event in crate::events(&Plan { mails: SCENARIOS_REQUIRED, ..plan(7) }) {
        let mut fingerprints = BTreeSet::new();
        for wrapping in Wrapping::ALL {
            for times in Times::ALL {
                for (indented, ascii, mail_first) in
                    [(false, false, true), (true, false, false), (false, true, false)]
                {
                    let spelling = Spelling { times, indented, ascii, mail_first };
                    let spelled = SimulatedEvent { spelling, ..event.clone() };
                    let message = wrap(&spelled.json(), wrapping, event.mail.sent_at, &mut rng);
                    fingerprints.insert(check(&message, &event));
                    let envelope = document(&message).envelope();
                    assert_eq!(
                        (wrapping, envelope),
                        match wrapping {
                            Wrapping::Raw => (wrapping, Envelope::Raw),
                            Wrapping::Sns => (wrapping, Envelope::Sns),
                            Wrapping::EventBridge => (wrapping, Envelope::EventBridge),
                        }
                    );
                }
            }
        }
        assert_eq!(fingerprints.len(), 1, "{event:?}");
    }
}

/// Reads a whole run: the fingerprints under which each true occurrence came, and how many messages were
/// controls and unreadable.
fn read_run(plan: &Plan) -> (BTreeMap<(String, TrueOccurrence), BTreeSet<Fingerprint>>, usize, usize) {
    let mut world = World::new(plan);
    let events = scenario::play(&mut world, plan.mails);
    let mut fingerprints: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let (mut controls, mut unreadable) = (0, 0);
    for posted in post(plan, &events, &mut world) {
        let Some(event) = posted.event else {
            match read(&posted.bytes) {
                Ok(Message::Control(_)) => controls += 1,
                Ok(Message::Event(document)) => {
                    assert!(document.event().is_err(), "{}", document.json());
                    unreadable += 1;
                }
                Err(_) => unreadable += 1,
            }
            continue;
        };
        let event = &events[event];
        let fingerprint = check(&posted.bytes, event);
        // The verdict may differ between two records of one occurrence.
        let occurrence = TrueOccurrence { bot_verdict: None, ..event.meaning() };
        fingerprints.entry((event.message_id().to_owned(), occurrence)).or_default().insert(fingerprint);
    }
    (fingerprints, controls, unreadable)
}

fn check_run(plan: &Plan) {
    let truth = crate::simulate(plan).truth;
    let (occurrences, controls, unreadable) = read_run(plan);
    assert_eq!((controls, unreadable), (truth.controls, truth.malformed));
    assert_eq!(occurrences.len(), truth.distinct_events);
    for (mail, occurrence) in occurrences.keys() {
        let known = &truth.mails[mail].occurrences;
        assert!(
            known.iter().any(|known| TrueOccurrence { bot_verdict: None, ..known.clone() } == *occurrence),
            "{occurrence:?}"
        );
    }
    for (occurrence, fingerprints) in &occurrences {
        assert_eq!(fingerprints.len(), 1, "{occurrence:?}");
    }
    let distinct: BTreeSet<&Fingerprint> = occurrences.values().flatten().collect();
    assert_eq!(distinct.len(), occurrences.len());
}

#[test]
fn the_default_run_comes_back() {
    check_run(&Plan { malformed: 50, controls: 8, ..Plan::default() });
}

#[test]
fn each_control_is_the_control_it_pretends_to_be() {
    let plan = Plan { mails: 0, malformed: 0, controls: 4, ..Plan::default() };
    let mut kinds: Vec<&str> = crate::simulate(&plan)
        .messages
        .iter()
        .map(|message| match read(message) {
            Ok(Message::Control(Control::TopicValidated)) => "validated",
            Ok(Message::Control(Control::SubscriptionConfirmation { .. })) => "subscription",
            Ok(Message::Control(Control::UnsubscribeConfirmation { .. })) => "unsubscription",
            other => panic!("{other:?}"),
        })
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["subscription", "unsubscription", "validated", "validated"]);
}

/// A comparison is no use if it agrees with everything.
#[test]
fn a_message_that_means_something_else_is_told_apart() {
    for event in crate::events(&plan(3)) {
        let other = event.json().replace("xample.", "xample-other.").replace("amazonses.", "other.");
        let document = document(other.as_bytes());
        let read = document.event().expect("only an address has changed");
        if read.recipients().is_empty() {
            continue;
        }
        assert!(read_meaning(&read) != event.meaning(), "{other}");
        assert_eq!(&*read.mail.message_id, event.message_id());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn any_run_comes_back(seed: u64, copies_max in 1_u32..5, hours in 0_i64..5_000) {
        check_run(&Plan { copies_max, span: SignedDuration::from_hours(hours), ..plan(seed) });
    }
}
