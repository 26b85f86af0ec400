//! Mails that are delivered, at once, late, or in part.

use jiff::SignedDuration;

use super::{reader, readers};
use crate::{
    people::Person,
    shape::{Happening, Headers, SimulatedAddress, SimulatedEvent, Spelling, Times},
    story::{Reason, Story},
    world::World,
};

pub(super) fn taken(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people);
    story.send_and_delivery();
    story.end()
}

/// No configuration set, so nothing but an identity notification tells of the mail.
pub(super) fn taken_without_configuration_set(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people.clone());
    story.without_configuration_set();
    story.delivery(&people).by_identity_notification();
    story.end()
}

/// The sender has not asked for the original headers: the identity notification has none.
pub(super) fn told_in_both_formats(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people);
    story.send_and_delivery().also_by_identity_notification().with_headers(Headers::Missing);
    story.end()
}

pub(super) fn one_record_for_several(world: &mut World) -> Vec<SimulatedEvent> {
    let count = world.rng.usize(2..6);
    let people = readers(world, count);
    let mut story = Story::begin(world, people);
    story.send_and_delivery();
    story.end()
}

pub(super) fn one_record_each(world: &mut World) -> Vec<SimulatedEvent> {
    let count = world.rng.usize(2..5);
    let people = readers(world, count);
    let mut story = Story::begin(world, people.clone());
    story.send();
    for person in people {
        story.delivery(&[person]);
    }
    story.end()
}

pub(super) fn two_of_three_then_the_third(world: &mut World) -> Vec<SimulatedEvent> {
    let people = readers(world, 3);
    let mut story = Story::begin(world, people.clone());
    story.send();
    story.delivery(&people[..2]);
    story.delivery(&people[2..]);
    story.end()
}

/// As many recipients as SES allows, <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>; the last ones
/// get the mail by records of their own.
pub(super) fn fifty(world: &mut World) -> Vec<SimulatedEvent> {
    let people = readers(world, 50);
    let mut story = Story::begin(world, people.clone());
    story.send();
    story.delivery(&people[..45]);
    for person in people.into_iter().skip(45) {
        story.delivery(&[person]);
    }
    story.end()
}

/// The destination begins with somebody whom the headers don't name, and a record without headers says
/// nothing else.
pub(super) fn blind_copy_first(world: &mut World) -> Vec<SimulatedEvent> {
    let people = readers(world, 2);
    let mut story = Story::begin(world, people.clone());
    story.mail.to.remove(0);
    story.send();
    story.later(SignedDuration::from_mins(2), SignedDuration::from_mins(20));
    let recipients = vec![people[0].bare()];
    let at = story.now;
    story
        .tell(Happening::DeliveryDelay { at, delay_type: "General", recipients, expires_at: None })
        .with_headers(Headers::Missing);
    story.delivery(&people);
    story.end()
}

/// All are in Bcc, and the header To says so in its own way.
pub(super) fn to_nobody_by_name(world: &mut World) -> Vec<SimulatedEvent> {
    let people = readers(world, 2);
    let mut story = Story::begin(world, people);
    let raw = "undisclosed-recipients:;".to_owned();
    story.mail.to = vec![SimulatedAddress { bare: String::new(), raw }];
    story.send_and_delivery();
    story.end()
}

pub(super) fn subject_missing_at_first(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people.clone());
    story.send().with_headers(Headers::WithoutSubject);
    story.delivery(&people);
    story.end()
}

fn put_off(story: &mut Story<'_>) {
    story.later(SignedDuration::from_mins(2), SignedDuration::from_hours(2));
    let at = story.now;
    let delay_type = *story.world.pick(&[
        "TransientCommunicationFailure",
        "MailboxFull",
        "RecipientServerError",
        "SpamDetected",
        "General",
    ]);
    let recipients = story.people.iter().map(Person::bare).collect();
    let expires_at = at.saturating_add(SignedDuration::from_hours(12)).ok();
    story
        .tell(Happening::DeliveryDelay { at, delay_type, recipients, expires_at })
        .with_headers(Headers::Missing);
}

pub(super) fn put_off_first(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people.clone());
    story.send();
    for _ in 0..story.world.rng.u32(1..4) {
        put_off(&mut story);
    }
    story.delivery(&people);
    story.end()
}

pub(super) fn put_off_until_given_up(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people.clone());
    story.send();
    put_off(&mut story);
    put_off(&mut story);
    story.later(SignedDuration::from_hours(6), SignedDuration::from_hours(12));
    let given_up = Reason::transient("CustomTimeoutExceeded", "smtp; 451 4.4.1 No answer from host");
    story.bounce(given_up, &people);
    story.end()
}

/// The last word on the mail is that it waits.
pub(super) fn not_yet(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people);
    story.send();
    put_off(&mut story);
    story.end()
}

/// Times with microseconds have been seen. Two opens within one millisecond are two opens.
pub(super) fn to_the_millionth_of_a_second(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people.clone());
    story.send();
    story.delivery(&people);
    story.hours_later();
    for microseconds in [217, 845] {
        let at = story.now + SignedDuration::from_micros(microseconds);
        let visitor = story.visitor();
        story.tell(Happening::Open { at, visitor });
    }
    story.end()
}

/// The same events again and again, each with its times written in another way.
pub(super) fn in_every_time_spelling(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people.clone());
    story.send_and_delivery();
    for times in Times::ALL {
        story.again().spelled(Spelling { times, ..Spelling::default() });
    }
    story.open();
    for times in Times::ALL {
        story.again().spelled(Spelling { times, mail_first: true, ..Spelling::default() });
    }
    story.end()
}

/// SES's own test mailboxes, <https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html>.
pub(super) fn to_the_simulator(world: &mut World) -> Vec<SimulatedEvent> {
    let mailbox = *world.pick(&["success", "bounce", "complaint", "ooto", "suppressionlist"]);
    to_mailbox(world, mailbox)
}

fn to_mailbox(world: &mut World, mailbox: &str) -> Vec<SimulatedEvent> {
    let people = vec![Person::simulator(mailbox)];
    let mut story = Story::begin(world, people.clone());
    story.send();
    story.seconds_later();
    match mailbox {
        "bounce" => {
            story.bounce(Reason::permanent("General", "smtp; 550 5.1.1 user unknown"), &people);
        }
        "suppressionlist" => {
            let reason = "Amazon SES did not send the message to this address: it is on the suppression list";
            story.bounce(Reason::permanent("Suppressed", reason), &people);
        }
        "ooto" => {
            story.delivery(&people);
            story.bounce(Reason::transient("General", "smtp; 250 out of the office"), &people);
        }
        "complaint" => {
            story.delivery(&people);
            story.seconds_later();
            story.complaint(Some("abuse"), &people);
        }
        _ => {
            story.delivery(&people);
        }
    }
    story.end()
}
