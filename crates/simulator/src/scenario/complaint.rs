//! Mails that somebody calls spam, or takes out of the spam folder.

use jiff::SignedDuration;

use super::{complainer, others, reader, readers};
use crate::{
    people::{Person, Temper},
    shape::{Happening, SimulatedComplaint, SimulatedEvent},
    story::{Reason, Story},
    world::World,
};

/// A mail that was delivered some time ago.
fn delivered(world: &mut World, people: Vec<Person>) -> Story<'_> {
    let mut story = Story::begin(world, people);
    story.send_and_delivery();
    story.later(SignedDuration::from_mins(3), SignedDuration::from_hours(30));
    story
}

pub(super) fn abuse(world: &mut World) -> Vec<SimulatedEvent> {
    let people = complainer(world);
    let mut story = delivered(world, people.clone());
    let feedback_type = *story.world.pick(&[Some("abuse"), Some("abuse"), Some("fraud"), None]);
    story.complaint(feedback_type, &people);
    story.end()
}

pub(super) fn in_both_formats(world: &mut World) -> Vec<SimulatedEvent> {
    let people = complainer(world);
    let mut story = delivered(world, people.clone());
    story.complaint(Some("abuse"), &people).also_by_identity_notification();
    story.end()
}

/// The complainer's mailbox is closed afterwards: the address is blocked for the complaint all the same.
pub(super) fn then_gone(world: &mut World) -> Vec<SimulatedEvent> {
    let people = complainer(world);
    let mut story = delivered(world, people.clone());
    story.complaint(Some("abuse"), &people);
    story.later(SignedDuration::from_mins(2), SignedDuration::from_hours(20));
    let reason = Reason::gone(story.world);
    story.bounce(reason, &people).held_back();
    story.end()
}

/// The same, but the complaint arrives last.
pub(super) fn known_after_the_bounce(world: &mut World) -> Vec<SimulatedEvent> {
    let people = complainer(world);
    let mut story = delivered(world, people.clone());
    story.complaint(Some("abuse"), &people).held_back();
    story.later(SignedDuration::from_mins(2), SignedDuration::from_hours(20));
    let reason = Reason::gone(story.world);
    story.bounce(reason, &people);
    story.end()
}

/// The record names everybody at that domain: somebody complained, but nobody knows who.
pub(super) fn by_one_of_several(world: &mut World) -> Vec<SimulatedEvent> {
    let mut people = readers(world, 2);
    people.push(Person::draw(Temper::Complainer, &mut world.rng));
    let mut story = delivered(world, people.clone());
    story.complaint(Some("abuse"), &people[1..]);
    story.end()
}

/// First the record names two who may have complained, then one of them alone.
pub(super) fn by_one_of_several_who_is_named_later(world: &mut World) -> Vec<SimulatedEvent> {
    let mut people = readers(world, 2);
    people.push(Person::draw(Temper::Complainer, &mut world.rng));
    let mut story = delivered(world, people.clone());
    story.complaint(Some("abuse"), &people[1..]);
    story.later(SignedDuration::from_mins(2), SignedDuration::from_hours(9));
    story.complaint(None, &people[2..]);
    story.end()
}

/// Each by a record of their own, the last one held back.
pub(super) fn by_everybody(world: &mut World) -> Vec<SimulatedEvent> {
    let people = others(world, Temper::Complainer, 3, &[]);
    let mut story = delivered(world, people.clone());
    for person in people {
        story.complaint(Some("abuse"), &[person]);
        story.later(SignedDuration::from_mins(2), SignedDuration::from_hours(5));
    }
    story.held_back();
    story.end()
}

/// A complaint that is about the sender's signature, no reason to write no more.
pub(super) fn authentication_failed(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = delivered(world, people.clone());
    story.complaint(Some("auth-failure"), &people);
    story.end()
}

/// The recipient says that the mail is *no* spam: good news, in a complaint's clothes.
pub(super) fn not_spam(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = delivered(world, people.clone());
    story.complaint(Some("not-spam"), &people);
    story.open();
    story.end()
}

/// SES did not try to deliver, since the address had complained before.
pub(super) fn on_the_suppression_list(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people.clone());
    story.send();
    story.seconds_later();
    let at = story.now;
    let feedback_id = Some(story.world.ses_id(at));
    story.tell(Happening::Complaint(SimulatedComplaint {
        at,
        recipients: people.iter().map(Person::bare).collect(),
        feedback_id,
        sub_type: Some("OnAccountSuppressionList"),
        feedback_type: None,
    }));
    story.end()
}
