//! The feeds of this program: whether each delivers, and what waits.

use askama::Template;
use jiff::Timestamp;

use super::Frame;
use crate::{
    clock::{Clock, Moment},
    numbers::grouped,
    operation::{FeedCondition, FeedCounts, FeedDepth, FeedStatus, Readings},
    text,
    words::{Label, Tone, feed_label, listed},
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
    /// How the feeds are, in a sentence.
    told: Option<Told>,
    /// What the words mean that stand above counts, of those that do.
    meanings: Vec<(&'static str, &'static str)>,
}

/// How things are.
struct Told {
    tone: Tone,
    sentence: String,
    /// Whether the quarantine is what to look at.
    is_of_quarantine: bool,
}

impl Told {
    fn new(tone: Tone, sentence: impl Into<String>) -> Self {
        Self { tone, sentence: sentence.into(), is_of_quarantine: false }
    }
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
            told: told(feeds, trouble.is_some(), readings),
            meanings: meanings(feeds),
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

/// What somebody should look at first; nothing where no feed runs here, or the database takes no events, which is said anyway.
fn told(feeds: &[FeedStatus], is_trouble: bool, readings: &Readings) -> Option<Told> {
    if feeds.is_empty() || is_trouble {
        return None;
    }
    let named = |condition| {
        let names = feeds.iter().filter(|feed| feed.condition == condition).map(|feed| &*feed.name);
        Some(listed(&names.collect::<Vec<_>>())).filter(|names| !names.is_empty())
    };
    if let Some(names) = named(FeedCondition::Failed) {
        let sentence = format!("Nothing comes from {names}: see the last error below.");
        return Some(Told::new(Tone::Bounced, sentence));
    }
    if let Some(names) = named(FeedCondition::Paused) {
        let sentence = format!("Nothing comes from {names} for the moment; it is tried again by itself.");
        return Some(Told::new(Tone::Waiting, sentence));
    }
    let quarantined = readings.quarantined.map_or(0, |(size, _)| size.messages);
    if quarantined > 0 {
        let deliver = if named(FeedCondition::Running).is_some() { "The feeds deliver. " } else { "" };
        let wait = match quarantined {
            1 => "1 message could not be read or stored and waits in quarantine.".to_owned(),
            _ => format!(
                "{} messages could not be read or stored and wait in quarantine.",
                grouped(quarantined)
            ),
        };
        let told = Told::new(Tone::Waiting, format!("{deliver}{wait}"));
        return Some(Told { is_of_quarantine: true, ..told });
    }
    if named(FeedCondition::Starting).is_some() {
        return Some(Told::new(Tone::Neutral, "A feed begins; it was asked and has not answered yet."));
    }
    let sentence = match named(FeedCondition::Running) {
        Some(_) => "All is well: the feeds deliver, and every message could be read and stored.",
        None => "The feeds came to their end, and every message could be read and stored.",
    };
    Some(Told::new(Tone::Delivered, sentence))
}

/// What the less usual words mean, those that the page has.
fn meanings(feeds: &[FeedStatus]) -> Vec<(&'static str, &'static str)> {
    let any = |count: fn(&FeedCounts) -> u64| feeds.iter().any(|feed| count(&feed.counts) > 0);
    [
        ("Repeated", any(|counts| counts.repeated), "known already. Queues deliver some messages twice; each event counts once."),
        (
            "Folded",
            any(|counts| counts.folded),
            "new, but a like event of its mail has the one row there is for its kind, such as the delivery to another recipient. Both are kept and count.",
        ),
        ("Parked", any(|counts| counts.parked), "new; no application has logged its mail yet."),
        ("Late", any(|counts| counts.late), "of mails that are in the archive, or were deleted or erased."),
        ("Control", any(|counts| counts.control), "no events: SNS and SES trying out the way."),
        ("Quarantined", any(|counts| counts.quarantined), "unreadable or not to be stored; kept for somebody to look at."),
        ("Not acknowledged", any(|counts| counts.unacknowledged), "stored, but the queue was not told; they come again and count once."),
        ("Handed back", any(|counts| counts.released), "returned to the queue unread."),
    ]
    .into_iter()
    .filter_map(|(name, is_there, meaning)| is_there.then_some((name, meaning)))
    .collect()
}

#[cfg(test)]
mod tests;
