//! Mails that are delivered, at once, late, or in part.

use jiff::SignedDuration;

use super::{others, reader, readers};
use crate::{
    people::{Person, Temper},
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

/// What becomes of some of a mail's recipients.
#[derive(Clone, Copy)]
enum Fate {
    Untold,
    PutOff,
    FullThenTaken,
    FullThenGone,
    TakenThenGone,
    NotTried,
    TakenThenSpam,
    Undetermined,
    Taken,
}

impl Fate {
    const ALL: [Self; 9] = [
        Self::Untold,
        Self::PutOff,
        Self::FullThenTaken,
        Self::FullThenGone,
        Self::TakenThenGone,
        Self::NotTried,
        Self::TakenThenSpam,
        Self::Undetermined,
        Self::Taken,
    ];

    /// Whom it befalls.
    fn temper(self) -> Temper {
        match self {
            Self::FullThenGone | Self::TakenThenGone => Temper::Gone,
            Self::TakenThenSpam => Temper::Complainer,
            _ => Temper::Reader,
        }
    }

    /// Tells it of these by one record, or two, the last of them in both formats where both know it.
    fn tell(self, story: &mut Story<'_>, some: &[Person]) {
        let gone = Reason::permanent("NoEmail", "smtp; 550 5.1.1 no such user");
        let full = Reason::transient("MailboxFull", "smtp; 452 4.2.2 over quota");
        match self {
            Self::Untold => {}
            Self::PutOff => {
                story.delay(some);
            }
            Self::FullThenTaken => {
                story.bounce(full, some);
                story.delivery(some);
            }
            Self::FullThenGone => {
                story.bounce(full, some);
                story.seconds_later();
                story.bounce(gone, some);
            }
            Self::TakenThenGone => {
                story.delivery(some);
                story.seconds_later();
                story.bounce(gone, some).also_by_identity_notification();
            }
            Self::NotTried => {
                let said = "Amazon SES did not send the message to this address";
                story.bounce(Reason::permanent("UnsubscribedRecipient", said), some);
            }
            Self::TakenThenSpam => {
                story.delivery(some);
                story.seconds_later();
                story.complaint(Some("abuse"), some).also_by_identity_notification();
            }
            Self::Undetermined => {
                let unclear = Reason::transient("Undetermined", "smtp; the answer could not be understood");
                story.bounce(Reason { bounce_type: "Undetermined", ..unclear }, some);
            }
            Self::Taken => {
                story.delivery(some).also_by_identity_notification();
            }
        }
    }
}

/// Nine to fifty recipients: every fate befalls some of them, a few at a time.
pub(super) fn each_their_own(world: &mut World) -> Vec<SimulatedEvent> {
    let count = world.rng.usize(Fate::ALL.len()..=50);
    let mut fates = Fate::ALL;
    world.rng.shuffle(&mut fates);
    let mut people: Vec<Person> = Vec::with_capacity(count);
    let mut groups = Vec::new();
    while people.len() < count {
        let (fate, most) = match fates.get(groups.len()) {
            Some(fate) => (*fate, count / Fate::ALL.len()),
            None => (*world.pick(&Fate::ALL), count - people.len()),
        };
        let size = world.rng.usize(1..=most);
        let some = others(world, fate.temper(), size, &people);
        people.extend(some.iter().cloned());
        groups.push((fate, some));
    }
    world.rng.shuffle(&mut people);
    let mut story = Story::begin(world, people);
    story.send();
    for (fate, some) in groups {
        // Now and then all of it happens twice, as with two notes of absence; which of the two is known last, varies.
        for _ in 0..=story.world.rng.u32(0..3) / 2 {
            fate.tell(&mut story, &some);
            if story.world.rng.u32(0..4) == 0 {
                story.held_back();
            }
            story.seconds_later();
        }
    }
    story.open();
    story.end()
}

/// A recipient's server passes the mail on, and the one that takes it names whom it passed it to.
pub(super) fn to_a_forward_by_one_of_several(world: &mut World) -> Vec<SimulatedEvent> {
    let people = readers(world, 4);
    let (target, listed) = people.split_at(1);
    let mut story = Story::begin(world, listed.to_vec());
    story.send();
    story.delivery(&listed[..2]);
    story.delivery(target);
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
    story.delay(&people[..1]).with_headers(Headers::Missing);
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
