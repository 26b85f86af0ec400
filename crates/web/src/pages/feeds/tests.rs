use aftersend_store::{Parked, QuarantineSize};

use super::*;

const NOW: &str = "2026-03-10T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn feed(condition: FeedCondition, error: Option<&str>) -> FeedStatus {
    FeedStatus {
        name: "ses-events".to_owned(),
        condition,
        since: at("2026-03-10T11:00:00Z"),
        last_message_at: Some(at("2026-03-10T11:59:30Z")),
        counts: FeedCounts { received: 1_234_567, stored: 1_234_000, folded: 567, ..FeedCounts::default() },
        depth: Some(FeedDepth { waiting: 7_654, in_flight: 321, delayed: 0 }),
        last_error: error.map(|error| (error.to_owned(), at("2026-03-10T11:30:00Z"))),
    }
}

fn readings(parked: u64, quarantined: u64) -> Readings {
    let oldest = |count| (count > 0).then(|| at("2026-03-10T09:00:00Z"));
    Readings {
        parked: Some(Parked { events: parked, oldest_received_at: oldest(parked), oldest_age_s: 0.0 }),
        quarantined: Some((
            QuarantineSize { messages: quarantined, oldest_received_at: oldest(quarantined) },
            0.0,
        )),
    }
}

fn rendered(
    feeds: &[FeedStatus],
    trouble: Option<&str>,
    readings: &Readings,
    unread: Option<&str>,
) -> String {
    FeedsPage::new(feeds, trouble, readings, unread, &Clock::utc(at(NOW))).render().unwrap()
}

#[test]
fn a_feed_shows_its_condition_its_last_message_and_what_became_of_all() {
    let html = rendered(&[feed(FeedCondition::Running, None)], None, &readings(0, 0), None);
    for expected in [
        "ses-events",
        "Running",
        "1,234,567",
        "1,234,000",
        "567",
        "30 s ago",
        "tone-delivered",
        "7,654",
        "In flight",
        "321",
    ] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    for absent in ["Handed back", "Delayed", "Last error", "No feed runs here", "takes no events"] {
        assert!(!html.contains(absent), "{absent} is in {html}");
    }
}

#[test]
fn each_condition_has_a_word_and_the_error_stands_beside() {
    for (condition, word) in [
        (FeedCondition::Starting, "Starting"),
        (FeedCondition::Running, "Running"),
        (FeedCondition::Paused, "Paused"),
        (FeedCondition::Failed, "Failed"),
    ] {
        let html =
            rendered(&[feed(condition, Some("there is no such <queue>"))], None, &readings(0, 0), None);
        assert!(html.contains(word), "{html}");
        assert!(html.contains("there is no such &#60;queue&#62;"), "{html}");
        assert!(html.contains("30 min ago"), "{html}");
    }
    let ended = rendered(&[feed(FeedCondition::Ended, None)], None, &readings(0, 0), None);
    assert!(ended.contains("Ended"), "{ended}");
}

#[test]
fn what_waits_is_told_with_its_age_and_with_what_to_do() {
    let html = rendered(&[], None, &readings(1_500, 1), None);
    assert!(html.contains("1,500") && html.matches("3 h ago").count() == 2, "{html}");
    assert!(html.contains("<a href=\"/quarantine\">Look at them</a>"), "{html}");
    let html = rendered(&[], None, &readings(0, 0), None);
    assert!(!html.contains("ago"), "{html}");
}

#[test]
fn without_feeds_the_page_says_how_to_run_one() {
    let html = rendered(&[], None, &readings(0, 0), None);
    assert!(html.contains("No feed runs here") && html.contains("--queue-url"), "{html}");
}

#[test]
fn a_database_that_is_away_leaves_the_feeds_on_the_page() {
    let feeds = [feed(FeedCondition::Running, None)];
    let unread = Some("the database does not answer: refused");
    let html = rendered(&feeds, Some("the disk is full"), &Readings::default(), unread);
    for expected in ["ses-events", "the disk is full", "does not answer: refused"] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
}

#[test]
fn what_to_look_at_is_said_first() {
    let running = || feed(FeedCondition::Running, None);
    for (feeds, waiting, expected) in [
        (vec![running()], 0, "All is well"),
        (
            vec![running(), feed(FeedCondition::Paused, None)],
            3,
            "Nothing comes from ses-events for the moment",
        ),
        (
            vec![feed(FeedCondition::Failed, None), feed(FeedCondition::Paused, None)],
            0,
            "Nothing comes from ses-events:",
        ),
        (
            vec![running()],
            1,
            "The feeds deliver. 1 message could not be read or stored and waits in quarantine",
        ),
        (vec![running()], 1_200, "1,200 messages could not be read or stored"),
        (vec![feed(FeedCondition::Starting, None)], 0, "has not answered yet"),
        (vec![feed(FeedCondition::Ended, None)], 0, "came to their end"),
    ] {
        let html = rendered(&feeds, None, &readings(0, waiting), None);
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    let html = rendered(&[running()], Some("its disk is full"), &readings(0, 0), None);
    assert!(!html.contains("All is well"), "{html}");
}

#[test]
fn the_words_above_counts_are_explained() {
    let html = rendered(&[feed(FeedCondition::Running, None)], None, &readings(0, 0), None);
    assert!(html.contains("<dt>Folded</dt><dd>new, but") && !html.contains("trying out the way"), "{html}");
}
