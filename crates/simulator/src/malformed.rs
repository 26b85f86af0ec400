//! Messages that carry no event: those that nobody can read, and those of SNS and SES themselves.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::Timestamp;

use crate::{
    Plan,
    content::APPLE_PRIVACY,
    shape::{Happening, SimulatedEvent, SimulatedMail, Visitor},
    world::{World, uuid_text},
    wrap::{Wrapping, confirmation, notification, wrap},
};

/// What SES writes to a topic that is made an event destination.
pub const TOPIC_VALIDATED: &str = "Successfully validated SNS topic for Amazon SES event publishing.";

/// The controls and the messages that can't be read, as many as the plan asks for.
pub(crate) fn messages(plan: &Plan, world: &mut World) -> Vec<Vec<u8>> {
    let mut messages = Vec::with_capacity(plan.controls + plan.malformed);
    for number in 0..plan.controls {
        messages.push(control(number, plan.start, &mut world.rng));
    }
    for number in 0..plan.malformed {
        let example = example(world);
        messages.push(malformed(number, &example, &mut world.rng));
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
fn example(world: &mut World) -> SimulatedEvent {
    let at = world.sent_at();
    let message_id = world.ses_id(at);
    let visitor = Visitor { ip_address: world.ip_address(), user_agent: APPLE_PRIVACY, bot_verdict: None };
    let mail = SimulatedMail {
        message_id,
        header_message_id: "<spoilt@example.com>".to_owned(),
        sent_at: at,
        source: "Harbour Books <orders@harbour-books.example.com>".to_owned(),
        domain: "harbour-books.example.com",
        destination: Vec::new(),
        to: Vec::new(),
        subject: "Reset your password".to_owned(),
        tags: BTreeMap::new(),
    };
    SimulatedEvent::published(mail, Happening::Open { at, visitor })
}

/// A message with a fault of the kind that `number` says. The mail's id, or a number, makes it differ from
/// all others.
fn malformed(number: usize, example: &SimulatedEvent, rng: &mut Rng) -> Vec<u8> {
    let json = example.json();
    let sent_at = example.mail.sent_at;
    let wrapping = if (number / 5).is_multiple_of(2) { Wrapping::Raw } else { Wrapping::Sns };
    match number % 5 {
        // Cut off in the middle, as by a buffer that was too small. The mail's id stands before the cut.
        0 => {
            let id_end = json.find(example.message_id()).unwrap_or(0) + example.message_id().len();
            let length = (id_end + rng.usize(0..40)).min(json.len() - 1);
            json.as_bytes()[..length].to_vec()
        }
        1 => format!("{} is no JSON at all", uuid_text(rng)).into_bytes(),
        // No id of SES's, hence another address to tell it from its like.
        2 => {
            let somebody = format!("Nobody <{}@example.com>", uuid_text(rng));
            let json =
                json.replace("\"messageId\":", "\"messageld\":").replace(&example.mail.source, &somebody);
            wrap(&json, wrapping, sent_at, rng)
        }
        // A byte that no UTF-8 text has.
        3 => {
            let place = json.find("Harbour").unwrap_or(0);
            let mut bytes = json.into_bytes();
            bytes[place] = 0xff;
            bytes
        }
        // The mail's time can be read, the open's can't: one is no substitute for the other.
        _ => {
            let json = json.replacen("\"timestamp\":\"", "\"timestamp\":\"yesterday, about ", 1);
            wrap(&json, wrapping, sent_at, rng)
        }
    }
}
