//! What can become of a mail: each scenario makes up one mail and its events.
//!
//! The first mails of a run play each scenario once, so that no run lacks one; the others are drawn by
//! weight.

mod bounce;
mod complaint;
mod delivery;
mod reading;
mod refusal;

use crate::{
    people::{Person, Temper},
    shape::SimulatedEvent,
    world::World,
};

type Scenario = fn(&mut World) -> Vec<SimulatedEvent>;

/// Every scenario, with its weight among the mails that are drawn.
const SCENARIOS: [(Scenario, u32); 62] = [
    (delivery::taken, 900),
    (delivery::taken_without_configuration_set, 15),
    (delivery::told_in_both_formats, 10),
    (delivery::one_record_for_several, 15),
    (delivery::one_record_each, 15),
    (delivery::two_of_three_then_the_third, 8),
    (delivery::fifty, 1),
    (delivery::each_their_own, 12),
    (delivery::to_a_forward_by_one_of_several, 2),
    (delivery::blind_copy_first, 5),
    (delivery::to_nobody_by_name, 4),
    (delivery::subject_missing_at_first, 15),
    (delivery::put_off_first, 12),
    (delivery::put_off_until_given_up, 4),
    (delivery::not_yet, 6),
    (delivery::to_the_millionth_of_a_second, 4),
    (delivery::in_every_time_spelling, 4),
    (delivery::to_the_simulator, 4),
    (reading::opened, 800),
    (reading::opened_often, 150),
    (reading::opened_by_several, 10),
    (reading::opened_by_apple, 200),
    (reading::opened_through_google, 200),
    (reading::opened_by_a_likely_bot, 10),
    (reading::verdict_comes_and_goes, 8),
    (reading::clicked, 400),
    (reading::clicked_before_the_delivery_is_known, 8),
    (reading::two_links_in_one_millisecond, 5),
    (reading::every_link_by_a_scanner, 8),
    (reading::unsubscribed, 12),
    (reading::archived, 3),
    (bounce::gone, 22),
    (bounce::gone_without_feedback_id, 3),
    (bounce::gone_in_both_formats, 6),
    (bounce::gone_told_by_identity_notification, 6),
    (bounce::transient_then_permanent, 6),
    (bounce::permanent_known_before_transient, 6),
    (bounce::after_delivery, 4),
    (bounce::one_of_three, 8),
    (bounce::one_feedback_id_for_two_records, 3),
    (bounce::of_a_forward, 3),
    (bounce::of_a_forward_by_one_of_several, 2),
    (bounce::of_a_forward_and_of_a_recipient, 2),
    (bounce::some_not_tried, 4),
    (bounce::mailbox_full, 10),
    (bounce::away, 10),
    (bounce::on_the_suppression_list, 10),
    (bounce::never_tried, 4),
    (bounce::undetermined, 4),
    (bounce::of_an_unknown_kind, 3),
    (complaint::abuse, 4),
    (complaint::in_both_formats, 3),
    (complaint::then_gone, 2),
    (complaint::known_after_the_bounce, 2),
    (complaint::by_one_of_several, 2),
    (complaint::by_one_of_several_who_is_named_later, 2),
    (complaint::by_everybody, 2),
    (complaint::authentication_failed, 2),
    (complaint::not_spam, 2),
    (complaint::on_the_suppression_list, 2),
    (refusal::rejected, 4),
    (refusal::rendering_failed, 8),
];

/// How many mails a plan needs to have every scenario in it.
pub const SCENARIOS_REQUIRED: usize = SCENARIOS.len();

/// Makes up that many mails and all that happens to them.
pub(crate) fn play(world: &mut World, mails: usize) -> Vec<SimulatedEvent> {
    let mut events = Vec::new();
    for number in 0..mails {
        let scenario = SCENARIOS.get(number).map_or_else(|| draw(world), |(scenario, _)| *scenario);
        events.extend(scenario(world));
    }
    events
}

fn draw(world: &mut World) -> Scenario {
    let total: u32 = SCENARIOS.iter().map(|(_, weight)| weight).sum();
    let mut drawn = world.rng.u32(0..total);
    for (scenario, weight) in SCENARIOS {
        match drawn.checked_sub(weight) {
            Some(rest) => drawn = rest,
            None => return scenario,
        }
    }
    SCENARIOS[0].0
}

fn reader(world: &mut World) -> Vec<Person> {
    Person::draw_readers(1, &mut world.rng)
}

fn readers(world: &mut World, count: usize) -> Vec<Person> {
    Person::draw_readers(count, &mut world.rng)
}

fn somebody_gone(world: &mut World) -> Vec<Person> {
    vec![Person::draw(Temper::Gone, &mut world.rng)]
}

fn complainer(world: &mut World) -> Vec<Person> {
    vec![Person::draw(Temper::Complainer, &mut world.rng)]
}

/// So many of that temper, none of whom is among those or twice among these.
fn others(world: &mut World, temper: Temper, count: usize, those: &[Person]) -> Vec<Person> {
    let mut these: Vec<Person> = Vec::with_capacity(count);
    while these.len() < count {
        let person = Person::draw(temper, &mut world.rng);
        let is_new = |all: &[Person]| all.iter().all(|other| other.address != person.address);
        if is_new(those) && is_new(&these) {
            these.push(person);
        }
    }
    these
}
