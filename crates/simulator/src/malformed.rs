//! Messages that carry no event: those that nobody can read, and those of SNS and SES themselves.

use fastrand::Rng;
use jiff::Timestamp;

use crate::{
    Plan,
    shape::{Happening, SimulatedEvent, SimulatedMail, Visitor},
    world::{World, uuid_text},
    wrap::{Wrapping, confirmation, notification, wrap},
};

/// What SES writes to a topic that is made an event destination.
pub const TOPIC_VALIDATED: &str = "Successfully validated SNS topic for Amazon SES event publishing.";

/// The controls and the messages that can't be read, as many as the plan asks for.
pub(crate) fn messages(plan: &Plan, events: &[SimulatedEvent], rng: &mut Rng) -> Vec<Vec<u8>> {
    // Their SES ids and the events' must not meet: a seed of their own keeps them apart.
    let mut world = World::new(&Plan { seed: !plan.seed, ..plan.clone() });
    let controls = (0..plan.controls).map(|number| control(number, plan.start, rng));
    let mut messages: Vec<Vec<u8>> = controls.collect();
    for number in 0..plan.malformed {
        let example = example(&mut world, events);
        messages.push(malformed(number, &example, rng));
    }
    messages
}

fn control(number: usize, published_at: Timestamp, rng: &mut Rng) -> Vec<u8> {
    match number % 4 {
        0 => TOPIC_VALIDATED.to_owned(),
        1 => confirmation("SubscriptionConfirmation", published_at, rng),
        2 => notification(TOPIC_VALIDATED, published_at, rng),
        _ => confirmation("UnsubscribeConfirmation", published_at, rng),
    }
    .into_bytes()
}

/// An open of a mail of which nothing else is known: it exists to be spoilt.
fn example(world: &mut World, events: &[SimulatedEvent]) -> SimulatedEvent {
    let at = world.sent_at();
    let message_id = world.ses_id(at);
    let visitor = Visitor { ip_address: world.ip_address(), user_agent: "Mozilla/5.0", bot_verdict: None };
    let mail = SimulatedMail {
        message_id,
        header_message_id: "<spoilt@example.com>".to_owned(),
        sent_at: at,
        source: "Harbour Books <orders@harbour-books.example.com>".to_owned(),
        domain: "harbour-books.example.com",
        destination: Vec::new(),
        to: Vec::new(),
        subject: "Reset your password".to_owned(),
        tags: events.first().map(|event| event.mail.tags.clone()).unwrap_or_default(),
    };
    SimulatedEvent::published(mail, Happening::Open { at, visitor })
}

/// A message with a fault of the kind that `number` says. The mail's id, or a number, makes it differ from
/// all others.
fn malformed(number: usize, example: &SimulatedEvent, rng: &mut Rng) -> Vec<u8> {
    let json = example.json();
    let sent_at = example.mail.sent_at;
    let text_wrapping = *[Wrapping::Raw, Wrapping::Sns].get(number / 5 % 2).unwrap_or(&Wrapping::Raw);
    match number % 5 {
        // Cut off in the middle, as by a buffer that was too small. The mail's id stands before the cut.
        0 => {
            let id_end = json.find(example.message_id()).unwrap_or(0) + example.message_id().len();
            json.as_bytes()[..id_end + rng.usize(0..40)].to_vec()
        }
        1 => format!("{} is no JSON at all", uuid_text(rng)).into_bytes(),
        2 => {
            let json = json.replacen("\"messageId\":", "\"messageld\":", 8);
            let json =
                json.replace(&example.mail.source, &format!("{} <{}@example.com>", "Nobody", uuid_text(rng)));
            wrap(&json, text_wrapping, sent_at, rng)
        }
        // A byte that no UTF-8 text has.
        3 => {
            let place = json.find("Harbour").unwrap_or(0);
            let mut bytes = json.into_bytes();
            bytes[place] = 0xff;
            bytes
        }
        _ => {
            let json = json.replace("\"timestamp\":\"2", "\"timestamp\":\"yesterday, about 2");
            wrap(&json, text_wrapping, sent_at, rng)
        }
    }
}
