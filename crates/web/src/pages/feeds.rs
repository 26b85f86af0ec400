//! The feeds of this program: whether each delivers, and what waits.

use askama::Template;
use jiff::Timestamp;

use super::Frame;
use crate::{
    clock::{Clock, Moment},
    operation::{FeedCondition, FeedCounts, FeedDepth, FeedStatus, Readings},
    text,
    words::{Label, feed_label},
};

/// The page.
#[derive(Template)]
#[template(path = "feeds.html")]
pub(crate) struct FeedsPage {
    frame: Frame,
    now: String,
    /// Why the database takes no events.
    trouble: Option<String>,
    /// Why it can't be said what waits.
    unread: Option<String>,
    parked: Option<Waiting>,
    quarantined: Option<Waiting>,
    feeds: Vec<Feed>,
}

/// Messages that wait for something.
struct Waiting {
    count: String,
    is_empty: bool,
    oldest: Option<Moment>,
}

struct Feed {
    name: String,
    label: Label,
    since: Moment,
    last_message: Option<Moment>,
    counts: Vec<Count>,
    depth: Vec<Count>,
    error: Option<(String, Moment)>,
}

struct Count {
    name: &'static str,
    count: String,
}

impl Waiting {
    fn new(count: u64, oldest: Option<Timestamp>, clock: &Clock) -> Self {
        Self {
            count: grouped(count),
            is_empty: count == 0,
            oldest: oldest.map(|oldest| clock.moment(oldest)),
        }
    }
}

impl Feed {
    fn new(feed: &FeedStatus, clock: &Clock) -> Self {
        // What went wrong before it ended in order is in the log.
        let error = feed.last_error.as_ref().filter(|_| feed.condition != FeedCondition::Ended);
        Self {
            name: text::value(&feed.name),
            label: feed_label(feed.condition),
            since: clock.moment(feed.since),
            last_message: feed.last_message_at.map(|at| clock.moment(at)),
            counts: counts(&feed.counts),
            depth: feed.depth.iter().flat_map(depth).collect(),
            error: error.map(|(error, at)| (text::value(error), clock.moment(*at))),
        }
    }
}

impl FeedsPage {
    pub(crate) fn new(
        feeds: &[FeedStatus],
        trouble: Option<&str>,
        readings: &Readings,
        unread: Option<&str>,
        clock: &Clock,
    ) -> Self {
        let parked =
            readings.parked.map(|parked| Waiting::new(parked.events, parked.oldest_received_at, clock));
        let quarantined =
            readings.quarantined.map(|(size, _)| Waiting::new(size.messages, size.oldest_received_at, clock));
        Self {
            frame: Frame::of("/feeds", clock),
            now: clock.to_the_second(clock.now()),
            trouble: trouble.map(text::value),
            unread: unread.map(text::value),
            parked,
            quarantined,
            feeds: feeds.iter().map(|feed| Feed::new(feed, clock)).collect(),
        }
    }
}

/// What became of messages: always the parts that every feed has, and the rarer ones where there are any.
fn counts(counts: &FeedCounts) -> Vec<Count> {
    let always = [("Received", counts.received), ("Stored", counts.stored), ("Repeated", counts.repeated)];
    let rare = [
        ("Folded", counts.folded),
        ("Parked", counts.parked),
        ("Late", counts.late),
        ("Control", counts.control),
        ("Quarantined", counts.quarantined),
        ("Not acknowledged", counts.unacknowledged),
        ("Handed back", counts.released),
    ];
    let rare = rare.into_iter().filter(|(_, count)| *count > 0);
    always.into_iter().chain(rare).map(|(name, count)| Count { name, count: grouped(count) }).collect()
}

/// What waits in a queue.
fn depth(depth: &FeedDepth) -> Vec<Count> {
    let always = [("Waiting in the queue", depth.waiting), ("In flight", depth.in_flight)];
    let rare = Some(("Delayed", depth.delayed)).filter(|(_, count)| *count > 0);
    always.into_iter().chain(rare).map(|(name, count)| Count { name, count: grouped(count) }).collect()
}

/// `1,234,567`
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests;
