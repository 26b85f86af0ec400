//! From events to what a queue hands over: repeated, wrapped, out of order.

use std::collections::{BTreeMap, BTreeSet};

use aftersend_event::Format;
use fastrand::Rng;
use jiff::SignedDuration;

use crate::{
    Plan, malformed,
    shape::{SimulatedEvent, Spelling, Times},
    world::World,
    wrap::{Wrapping, wrap},
};

/// A message, and the place of the event it carries in the list of events; none for controls and messages
/// that can't be read.
pub(crate) struct Posted {
    pub(crate) bytes: Vec<u8>,
    pub(crate) event: Option<usize>,
}

/// All messages of a run, in the order of their arrival.
pub(crate) fn post(plan: &Plan, events: &[SimulatedEvent], world: &mut World) -> Vec<Posted> {
    let mut order: Vec<usize> = (0..events.len()).collect();
    order.sort_by_cached_key(|&event| events[event].meaning().occurred_at);
    let unread = malformed::messages(plan, world);
    let rng = &mut world.rng;
    let disorder = Disorder::draw(rng);
    let mut arrivals: Vec<(u64, Posted)> = Vec::new();
    for (rank, &event) in order.iter().enumerate() {
        for (copy, bytes) in copies(event, &events[event], plan.copies_max, rng).into_iter().enumerate() {
            arrivals.push((disorder.place(rank, copy, rng), Posted { bytes, event: Some(event) }));
        }
    }
    for bytes in unread {
        let rank = rng.usize(0..=events.len());
        arrivals.push((disorder.place(rank, 0, rng), Posted { bytes, event: None }));
    }
    arrivals.sort_by_key(|(place, _)| *place);
    let posted = arrivals.into_iter().map(|(_, posted)| posted).collect();
    with_late_ones_last(posted, events)
}

/// How far messages stray from the order of their events.
enum Disorder {
    /// A message is overtaken by at most so many events, a redelivery by eight times as many.
    Bounded(u64),
    /// Any order is as likely as any other.
    Full,
}

impl Disorder {
    fn draw(rng: &mut Rng) -> Self {
        if rng.bool() { Self::Full } else { Self::Bounded(1 << rng.u32(1..8)) }
    }

    fn place(&self, rank: usize, copy: usize, rng: &mut Rng) -> u64 {
        match self {
            Self::Full => rng.u64(..),
            Self::Bounded(window) => {
                let lag = if copy == 0 { *window } else { window * 8 };
                rank as u64 + rng.u64(0..=lag)
            }
        }
    }
}

/// The messages that carry one event: one at least.
fn copies(number: usize, event: &SimulatedEvent, copies_max: u32, rng: &mut Rng) -> Vec<Vec<u8>> {
    // The first events take turns, so that the smallest run has every wrapping.
    let first_wrapping = match number {
        0..3 if event.format == Format::EventPublishing => Wrapping::ALL[number],
        _ => wrapping(event.format, rng),
    };
    let first = publish(event, first_wrapping, rng);
    let mut copies = vec![first.clone()];
    for _ in 1..rng.u32(1..=copies_max.max(1)) {
        copies.push(match rng.u32(0..4) {
            // The queue delivers once more: equal byte by byte, with the same SNS id.
            0 | 1 => first.clone(),
            // SES publishes once more, to the same feed.
            2 => publish(event, first_wrapping, rng),
            // The event comes by another feed too, which may have written it anew.
            _ => {
                let spelling = spelling(event.spelling, rng);
                let again = SimulatedEvent { spelling, ..event.clone() };
                let wrapping = wrapping(event.format, rng);
                publish(&again, wrapping, rng)
            }
        });
    }
    copies
}

fn publish(event: &SimulatedEvent, wrapping: Wrapping, rng: &mut Rng) -> Vec<u8> {
    let lag = SignedDuration::from_millis(rng.i64(60..2_000));
    let occurred_at = event.meaning().occurred_at;
    let published_at = occurred_at.saturating_add(lag).unwrap_or(occurred_at);
    wrap(&event.json(), wrapping, published_at, rng)
}

/// Draws a wrapping. Identity notifications go to SNS topics only, never to `EventBridge`.
fn wrapping(format: Format, rng: &mut Rng) -> Wrapping {
    match (rng.u32(0..10), format) {
        (0..6, _) => Wrapping::Sns,
        (6..8, Format::EventPublishing) => Wrapping::EventBridge,
        _ => Wrapping::Raw,
    }
}

fn spelling(before: Spelling, rng: &mut Rng) -> Spelling {
    Spelling {
        times: if rng.u32(0..4) == 0 { Times::ALL[rng.usize(0..Times::ALL.len())] } else { before.times },
        indented: rng.u32(0..5) == 0,
        ascii: rng.u32(0..5) == 0,
        mail_first: rng.bool(),
    }
}

/// Moves the messages of events that are held back behind the others of their mail. No other mail's messages
/// move.
fn with_late_ones_last(posted: Vec<Posted>, events: &[SimulatedEvent]) -> Vec<Posted> {
    let mails: BTreeSet<&str> =
        events.iter().filter(|event| event.held_back).map(SimulatedEvent::message_id).collect();
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, message) in posted.iter().enumerate() {
        let message_id = message.event.map_or("", |event| events[event].message_id());
        if let Some(&message_id) = mails.get(message_id) {
            places.entry(message_id).or_default().push(place);
        }
    }
    let mut posted = posted;
    for places in places.into_values() {
        let is_late = |posted: &[Posted], place: usize| {
            posted[place].event.is_some_and(|event| events[event].held_back)
        };
        // Bubbling swaps neighbours only where a late one stands before one that is not: a mail has few
        // messages.
        for end in (1..places.len()).rev() {
            for step in 0..end {
                let (here, there) = (places[step], places[step + 1]);
                if is_late(&posted, here) && !is_late(&posted, there) {
                    posted.swap(here, there);
                }
            }
        }
    }
    posted
}
