//! Mails that bounce.

use jiff::SignedDuration;

use super::{others, reader, readers, somebody_gone};
use crate::{
    people::{Person, Temper},
    shape::{Headers, SimulatedEvent},
    story::{Reason, Story},
    world::World,
};

/// A mail that was sent seconds ago.
fn sent(world: &mut World, people: Vec<Person>) -> Story<'_> {
    let mut story = Story::begin(world, people);
    story.send();
    story.seconds_later();
    story
}

pub(super) fn gone(world: &mut World) -> Vec<SimulatedEvent> {
    let people = somebody_gone(world);
    let mut story = sent(world, people.clone());
    let reason = Reason::gone(story.world);
    story.bounce(reason, &people);
    story.end()
}

pub(super) fn gone_without_feedback_id(world: &mut World) -> Vec<SimulatedEvent> {
    let people = somebody_gone(world);
    let mut story = sent(world, people.clone());
    let reason = Reason::gone(story.world);
    story.bounce_with_id(reason, &people, None);
    story.end()
}

pub(super) fn gone_in_both_formats(world: &mut World) -> Vec<SimulatedEvent> {
    let people = somebody_gone(world);
    let mut story = sent(world, people.clone());
    let reason = Reason::gone(story.world);
    story.bounce(reason, &people).also_by_identity_notification();
    story.end()
}

/// Nothing else is known of the mail, and no headers: the sender has not asked for them.
pub(super) fn gone_told_by_identity_notification(world: &mut World) -> Vec<SimulatedEvent> {
    let people = somebody_gone(world);
    let mut story = Story::begin(world, people.clone());
    story.without_configuration_set();
    story.seconds_later();
    let reason = Reason::gone(story.world);
    story.bounce(reason, &people).by_identity_notification().with_headers(Headers::Missing);
    story.end()
}

const OUT_OF_OFFICE: Reason = Reason::transient("General", "smtp; 450 4.2.1 out of the office until Monday");

pub(super) fn transient_then_permanent(world: &mut World) -> Vec<SimulatedEvent> {
    let people = somebody_gone(world);
    let mut story = sent(world, people.clone());
    story.bounce(OUT_OF_OFFICE, &people);
    story.later(SignedDuration::from_mins(5), SignedDuration::from_hours(24));
    let reason = Reason::gone(story.world);
    story.bounce(reason, &people).held_back();
    story.end()
}

pub(super) fn permanent_known_before_transient(world: &mut World) -> Vec<SimulatedEvent> {
    let people = somebody_gone(world);
    let mut story = sent(world, people.clone());
    story.bounce(OUT_OF_OFFICE, &people).held_back();
    story.later(SignedDuration::from_mins(5), SignedDuration::from_hours(24));
    let reason = Reason::gone(story.world);
    story.bounce(reason, &people);
    story.end()
}

/// The recipient's server took the mail, and found out later that there is nobody to give it to.
pub(super) fn after_delivery(world: &mut World) -> Vec<SimulatedEvent> {
    let people = somebody_gone(world);
    let mut story = Story::begin(world, people.clone());
    story.send_and_delivery();
    story.later(SignedDuration::from_mins(1), SignedDuration::from_hours(6));
    let reason = Reason::gone(story.world);
    story.bounce(reason, &people);
    story.end()
}

pub(super) fn one_of_three(world: &mut World) -> Vec<SimulatedEvent> {
    let mut people = readers(world, 2);
    people.push(Person::draw(Temper::Gone, &mut world.rng));
    let mut story = Story::begin(world, people.clone());
    story.send();
    story.delivery(&people[..2]);
    story.seconds_later();
    let reason = Reason::gone(story.world);
    story.bounce(reason, &people[2..]);
    story.end()
}

/// One record names one recipient, the other both: two occurrences under one feedback id.
pub(super) fn one_feedback_id_for_two_records(world: &mut World) -> Vec<SimulatedEvent> {
    let mut people = somebody_gone(world);
    while people.len() < 2 {
        let another = Person::draw(Temper::Gone, &mut world.rng);
        if !people.contains(&another) {
            people.push(another);
        }
    }
    let mut story = sent(world, people.clone());
    let (reason, now) = (Reason::gone(story.world), story.now);
    let feedback_id = story.world.ses_id(now);
    story.bounce_with_id(reason, &people[..1], Some(feedback_id.clone()));
    story.bounce_with_id(reason, &people, Some(feedback_id));
    story.end()
}

/// The server names an address that the mail did not go to: somebody has moved and forwards their mail.
fn forwarded(world: &mut World, people: Vec<Person>) -> Vec<SimulatedEvent> {
    let target = somebody_gone(world);
    let mut story = sent(world, people);
    let reason = Reason::gone(story.world);
    story.bounce(reason, &target);
    story.end()
}

/// It can only be the one recipient's.
pub(super) fn of_a_forward(world: &mut World) -> Vec<SimulatedEvent> {
    let people = somebody_gone(world);
    forwarded(world, people)
}

/// Nobody can tell whose it is, so nobody is blocked.
pub(super) fn of_a_forward_by_one_of_several(world: &mut World) -> Vec<SimulatedEvent> {
    let people = readers(world, 3);
    forwarded(world, people)
}

/// One record names a recipient and an address that the mail did not go to.
pub(super) fn of_a_forward_and_of_a_recipient(world: &mut World) -> Vec<SimulatedEvent> {
    let mut people = readers(world, 2);
    people.push(Person::draw(Temper::Gone, &mut world.rng));
    let mut named = others(world, Temper::Gone, 1, &people);
    named.push(people[2].clone());
    let mut story = Story::begin(world, people.clone());
    story.send();
    story.delivery(&people[..2]);
    story.seconds_later();
    let reason = Reason::gone(story.world);
    story.bounce(reason, &named);
    story.end()
}

/// Two are on the suppression list, the others get the mail; one of them puts it off first.
pub(super) fn some_not_tried(world: &mut World) -> Vec<SimulatedEvent> {
    let count = world.rng.usize(3..8);
    let people = readers(world, count);
    let mut story = sent(world, people.clone());
    let said = "Amazon SES did not send the message to this address";
    story.bounce(Reason::permanent("OnAccountSuppressionList", said), &people[..2]);
    story.delay(&people[2..3]);
    story.delivery(&people[2..]);
    story.end()
}

pub(super) fn mailbox_full(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = sent(world, people.clone());
    story.bounce(Reason::transient("MailboxFull", "smtp; 452 4.2.2 The mailbox is over quota"), &people);
    story.end()
}

/// Taken, answered by a machine, and opened on the way home.
pub(super) fn away(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people.clone());
    story.send_and_delivery();
    story.seconds_later();
    story.bounce(OUT_OF_OFFICE, &people);
    story.open();
    story.end()
}

/// SES accepted the mail and did not try to deliver it. Nobody is blocked for that.
fn not_tried(world: &mut World, sub_type: &'static str) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = sent(world, people.clone());
    let reason = Reason::permanent(sub_type, "Amazon SES did not send the message to this address");
    story.bounce(reason, &people);
    story.end()
}

pub(super) fn on_the_suppression_list(world: &mut World) -> Vec<SimulatedEvent> {
    not_tried(world, "OnAccountSuppressionList")
}

pub(super) fn never_tried(world: &mut World) -> Vec<SimulatedEvent> {
    let sub_type =
        *world.pick(&["OnTenantSuppressionList", "EmailValidationSuppressed", "UnsubscribedRecipient"]);
    not_tried(world, sub_type)
}

pub(super) fn undetermined(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = sent(world, people.clone());
    let diagnostic_code = "smtp; the answer could not be understood";
    let reason = Reason { bounce_type: "Undetermined", ..Reason::transient("Undetermined", diagnostic_code) };
    story.bounce(reason, &people);
    story.end()
}

/// One bounce of a type and one of a subtype that SES does not have today.
pub(super) fn of_an_unknown_kind(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = sent(world, people.clone());
    story.bounce(Reason::transient("MailboxAsleep", "smtp; 450 4.2.0 come back tomorrow"), &people);
    story.later(SignedDuration::from_mins(1), SignedDuration::from_hours(1));
    let curious =
        Reason { bounce_type: "Curious", ..Reason::transient("MoonPhase", "smtp; 459 not tonight") };
    story.bounce(curious, &people);
    story.end()
}
