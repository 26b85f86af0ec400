//! What holds for the traffic as a whole.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use proptest::prelude::*;

use crate::{Plan, SCENARIOS_REQUIRED, events, post, scenario, simulate, world::World};

fn small(seed: u64) -> Plan {
    Plan { seed, mails: SCENARIOS_REQUIRED + 20, ..Plan::default() }
}

#[test]
fn the_same_plan_gives_the_same_traffic() {
    assert!(simulate(&Plan::default()) == simulate(&Plan::default()));
}

#[test]
fn seeds_share_neither_messages_nor_ids() {
    let one = simulate(&small(1));
    for seed in 2..12 {
        let other = simulate(&small(seed));
        assert!(one.truth.mails.keys().all(|id| !other.truth.mails.contains_key(id)), "seed {seed}");
        let messages: BTreeSet<&Vec<u8>> = one.messages.iter().collect();
        let shared = other.messages.iter().filter(|message| messages.contains(message)).count();
        // SES's plain text is the same words each time.
        assert_eq!(shared, 1, "seed {seed}");
    }
}

#[test]
fn no_spoilt_message_equals_another() {
    let plan = Plan { mails: 3, malformed: 200, controls: 0, copies_max: 1, ..Plan::default() };
    let mut world = World::new(&plan);
    let events = scenario::play(&mut world, plan.mails);
    let posted = post::post(&plan, &events, &mut world);
    let spoilt: BTreeSet<&[u8]> =
        posted.iter().filter(|posted| posted.event.is_none()).map(|posted| &*posted.bytes).collect();
    assert_eq!(spoilt.len(), 200);
}

#[test]
fn a_plan_for_nothing_gives_nothing() {
    let plan = Plan { mails: 0, malformed: 0, controls: 0, copies_max: 0, ..Plan::default() };
    let traffic = simulate(&plan);
    assert!(traffic.messages.is_empty());
    assert!(traffic.truth.mails.is_empty());
    assert_eq!(traffic.truth.messages, 0);
}

#[test]
fn of_two_reasons_to_block_the_complaint_holds() {
    let plan = Plan { mails: 2_000, ..Plan::default() };
    let mut by_bounce = BTreeSet::new();
    let mut by_complaint = BTreeSet::new();
    for event in events(&plan) {
        match event.blocks() {
            Some((addresses, "hard_bounce")) => by_bounce.extend(addresses),
            Some((addresses, _)) => by_complaint.extend(addresses),
            None => {}
        }
    }
    assert!(by_bounce.intersection(&by_complaint).count() >= 2);
    let blocked = simulate(&plan).truth.blocked;
    assert!(blocked.keys().eq(by_bounce.union(&by_complaint)));
    for (address, reason) in &blocked {
        assert_eq!(*reason == "complaint", by_complaint.contains(address), "{address}");
    }
    assert!(blocked.keys().all(|address| !address.ends_with("amazonses.com")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn counts_add_up(seed: u64, mails in 0_usize..90, copies_max in 0_u32..5, malformed in 0_usize..9, controls in 0_usize..9) {
        let plan = Plan { seed, mails, copies_max, malformed, controls, ..Plan::default() };
        let mut world = World::new(&plan);
        let events = scenario::play(&mut world, plan.mails);
        let posted = post::post(&plan, &events, &mut world);
        let mut copies = vec![0; events.len()];
        for event in posted.iter().filter_map(|posted| posted.event) {
            copies[event] += 1;
        }
        prop_assert!(copies.iter().all(|copies| (1..=copies_max.max(1)).contains(copies)));

        let traffic = simulate(&plan);
        let truth = &traffic.truth;
        prop_assert_eq!(truth.mails.len(), mails);
        prop_assert_eq!((truth.controls, truth.malformed), (controls, malformed));
        let with_events: u32 = copies.iter().sum();
        prop_assert_eq!(truth.messages, usize::try_from(with_events).unwrap() + controls + malformed);
        prop_assert_eq!(traffic.messages.len(), truth.messages);
        let occurrences: usize = truth.mails.values().map(|mail| mail.occurrences.len()).sum();
        prop_assert_eq!(truth.distinct_events, occurrences);
    }

    #[test]
    fn nothing_lies_outside_the_plan(seed: u64, minutes in 60_i64..100_000) {
        let plan = Plan { span: SignedDuration::from_mins(minutes), ..small(seed) };
        for event in events(&plan) {
            let meaning = event.meaning();
            prop_assert!(event.mail.sent_at >= plan.start);
            prop_assert!(meaning.occurred_at >= event.mail_timestamp());
            prop_assert!(meaning.occurred_at <= plan.start + plan.span, "{meaning:?}");
        }
    }

    #[test]
    fn late_ones_come_last(seed: u64) {
        let plan = small(seed);
        let mut world = World::new(&plan);
        let events = scenario::play(&mut world, plan.mails);
        let posted = post::post(&plan, &events, &mut world);
        let mut waiting = BTreeSet::new();
        let mut late = 0;
        for event in posted.iter().filter_map(|posted| posted.event).map(|event| &events[event]) {
            if event.held_back {
                waiting.insert(event.message_id());
                late += 1;
            } else {
                prop_assert!(!waiting.contains(event.message_id()));
            }
        }
        prop_assert!(late >= 3);
    }
}
