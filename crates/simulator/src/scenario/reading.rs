//! Mails that are opened, by people and by machines, and whose links are followed.

use aftersend_event::BotVerdict;
use jiff::SignedDuration;

use super::{reader, readers};
use crate::{
    content::{APPLE_PRIVACY, GOOGLE_PROXY, LINK_SCANNER},
    shape::{Happening, SimulatedEvent, Visitor},
    story::Story,
    world::World,
};

/// A mail to one reader, delivered.
fn delivered(world: &mut World) -> Story<'_> {
    let people = reader(world);
    let mut story = Story::begin(world, people);
    story.send_and_delivery();
    story
}

pub(super) fn opened(world: &mut World) -> Vec<SimulatedEvent> {
    let mut story = delivered(world);
    story.open();
    story.end()
}

pub(super) fn opened_often(world: &mut World) -> Vec<SimulatedEvent> {
    let mut story = delivered(world);
    for _ in 0..story.world.rng.u32(2..6) {
        story.open();
    }
    story.end()
}

/// One picture and one link for all of them: nobody can tell who it was.
pub(super) fn opened_by_several(world: &mut World) -> Vec<SimulatedEvent> {
    let count = world.rng.usize(2..5);
    let people = readers(world, count);
    let mut story = Story::begin(world, people);
    story.send_and_delivery();
    story.open();
    story.open();
    story.click();
    story.end()
}

fn opened_by(
    world: &mut World,
    user_agent: &'static str,
    bot_verdict: Option<BotVerdict>,
) -> Vec<SimulatedEvent> {
    let mut story = delivered(world);
    story.later(SignedDuration::from_secs(3), SignedDuration::from_hours(1));
    let visitor = Visitor { ip_address: story.world.ip_address(), user_agent, bot_verdict };
    let at = story.now;
    story.tell(Happening::Open { at, visitor });
    story.end()
}

pub(super) fn opened_by_apple(world: &mut World) -> Vec<SimulatedEvent> {
    opened_by(world, APPLE_PRIVACY, None)
}

pub(super) fn opened_through_google(world: &mut World) -> Vec<SimulatedEvent> {
    opened_by(world, GOOGLE_PROXY, Some(BotVerdict::Unlikely))
}

pub(super) fn opened_by_a_likely_bot(world: &mut World) -> Vec<SimulatedEvent> {
    opened_by(world, APPLE_PRIVACY, Some(BotVerdict::Likely))
}

/// The same open and the same click, told several times with different verdicts: the surest holds, whatever
/// the order.
pub(super) fn verdict_comes_and_goes(world: &mut World) -> Vec<SimulatedEvent> {
    let mut story = delivered(world);
    let visitor = story.visitor();
    let link = story.link();
    let verdicts = [Some(BotVerdict::Likely), None, Some(BotVerdict::Unlikely)];
    for some_verdicts in [&verdicts[..], &verdicts[1..]] {
        story.hours_later();
        let at = story.now;
        for &bot_verdict in some_verdicts {
            story.tell(Happening::Open { at, visitor: Visitor { bot_verdict, ..visitor.clone() } });
        }
        for &bot_verdict in some_verdicts {
            let visitor = Visitor { bot_verdict, ..visitor.clone() };
            story.tell(Happening::Click { at, visitor, link: link.clone() });
        }
    }
    story.end()
}

pub(super) fn clicked(world: &mut World) -> Vec<SimulatedEvent> {
    let mut story = delivered(world);
    story.open();
    for _ in 0..story.world.rng.u32(1..4) {
        story.click();
    }
    story.end()
}

/// The delivery's record arrives last of all: the mail must not fall back to delivered.
pub(super) fn clicked_before_the_delivery_is_known(world: &mut World) -> Vec<SimulatedEvent> {
    let people = reader(world);
    let mut story = Story::begin(world, people);
    story.send_and_delivery().held_back();
    story.open();
    story.click();
    story.end()
}

pub(super) fn two_links_in_one_millisecond(world: &mut World) -> Vec<SimulatedEvent> {
    let mut story = delivered(world);
    story.open();
    story.click();
    let (at, visitor, link) = (story.now, story.visitor(), story.link());
    for link in [format!("{link}-terms"), format!("{link}-offer")] {
        story.tell(Happening::Click { at, visitor: visitor.clone(), link });
    }
    story.end()
}

/// A scanner at the recipient's company follows all links within a second, before anybody opens the mail.
pub(super) fn every_link_by_a_scanner(world: &mut World) -> Vec<SimulatedEvent> {
    let mut story = delivered(world);
    story.later(SignedDuration::from_secs(2), SignedDuration::from_mins(2));
    let ip_address = story.world.ip_address();
    let begun = story.now;
    for number in 1..=4 {
        let visitor = Visitor {
            ip_address: ip_address.clone(),
            user_agent: LINK_SCANNER,
            bot_verdict: Some(BotVerdict::Likely),
        };
        let link = format!("{}-{number}", story.link());
        story.tell(Happening::Click { at: begun + SignedDuration::from_millis(number * 90), visitor, link });
    }
    story.end()
}

/// Opened, read, and no more of it, please.
pub(super) fn unsubscribed(world: &mut World) -> Vec<SimulatedEvent> {
    let mut story = delivered(world);
    story.open();
    story.later(SignedDuration::from_secs(10), SignedDuration::from_mins(5));
    let at = story.now;
    let source = *story.world.pick(&["UnsubscribeHeader", "UnsubscribeLink"]);
    story.tell(Happening::Subscription { at, source });
    story.end()
}

/// A type of event that SES does not have today.
pub(super) fn archived(world: &mut World) -> Vec<SimulatedEvent> {
    let mut story = delivered(world);
    story.hours_later();
    let at = story.now;
    story.tell(Happening::Unknown { name: "Archived", object_key: "archived", at });
    story.end()
}
