use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use aftersend_ingest::Committed;
use aftersend_store::{BatchReport, Parked, QuarantineSize};

use super::*;

fn commit(types: &[&'static str], report: BatchReport) -> Commit<'static> {
    let lag = Duration::from_secs(3);
    let events = types.iter().map(|name| Committed { event_type: (*name).into(), lag }).collect();
    Commit { report, took: Duration::from_millis(20), events }
}

fn readings() -> Readings {
    Readings {
        parked: Some(Parked { events: 7, oldest_received_at: None, oldest_age_s: 90.5 }),
        quarantined: Some((QuarantineSize { messages: 2, oldest_received_at: None }, 3_600.0)),
    }
}

#[track_caller]
fn assert_line(text: &str, line: &str) {
    assert!(text.lines().any(|other| other == line), "`{line}` is not in\n{text}");
}

#[test]
fn what_pollers_tell_is_counted_by_feed_and_outcome_and_type() {
    let watch = Watch::new(());
    watch.received("orders", 6);
    watch.received("orders", 0);
    watch.controls("orders", 1);
    let report = BatchReport { stored: 1, repeated: 1, folded: 1, parked: 1, late: 1, quarantined: 1 };
    watch.committed("orders", &commit(&["send", "click", "click", "mailbox_moved"], report));
    watch.unacknowledged("orders", 2);
    watch.released("orders", 3);
    watch.received("news", 1);

    let feeds = watch.feeds();
    assert_eq!(feeds.iter().map(|feed| &*feed.name).collect::<Vec<_>>(), ["news", "orders"]);
    let counts = FeedCounts {
        received: 6,
        stored: 1,
        repeated: 1,
        folded: 1,
        parked: 1,
        late: 1,
        control: 1,
        quarantined: 1,
        unacknowledged: 2,
        released: 3,
    };
    assert_eq!(feeds[1].counts, counts);
    assert!(feeds[1].last_message_at.is_some());

    let text = Operation::metrics(&watch, &readings());
    for line in [
        r#"aftersend_messages_received_total{feed="orders"} 6"#,
        r#"aftersend_messages_received_total{feed="news"} 1"#,
        r#"aftersend_messages_control_total{feed="orders"} 1"#,
        r#"aftersend_messages_quarantined_total{feed="orders"} 1"#,
        r#"aftersend_messages_unacknowledged_total{feed="orders"} 2"#,
        r#"aftersend_messages_released_total{feed="orders"} 3"#,
        r#"aftersend_events_total{feed="orders",outcome="stored"} 1"#,
        r#"aftersend_events_total{feed="orders",outcome="parked"} 1"#,
        r#"aftersend_events_total{feed="orders",outcome="late"} 1"#,
        r#"aftersend_events_by_type_total{feed="orders",type="click"} 2"#,
        r#"aftersend_events_by_type_total{feed="orders",type="other"} 1"#,
        r#"aftersend_event_lag_seconds_bucket{feed="orders",le="2.5"} 0"#,
        r#"aftersend_event_lag_seconds_bucket{feed="orders",le="5"} 4"#,
        r#"aftersend_batch_messages_bucket{feed="orders",le="5"} 1"#,
        r#"aftersend_batch_duration_seconds_count{feed="orders"} 1"#,
        "aftersend_parked_events 7",
        "aftersend_parked_oldest_age_seconds 90.5",
        "aftersend_quarantine_messages 2",
        "aftersend_quarantine_oldest_age_seconds 3600",
        "aftersend_database_answers 1",
        "aftersend_database_paused 0",
        "# TYPE aftersend_event_lag_seconds histogram",
        "# TYPE aftersend_events_total counter",
    ] {
        assert_line(&text, line);
    }
}

#[test]
fn conditions_are_told_with_their_reasons() {
    let watch = Watch::new(());
    watch.feed("orders", Condition::Running);
    let since = watch.feeds()[0].since;
    watch.feed("orders", Condition::Running);
    assert_eq!(watch.feeds()[0].since, since, "the same condition goes on");
    watch.feed("orders", Condition::Failed("there is no such queue"));
    watch.database(Condition::Paused("its disk is full"));
    let feed = &watch.feeds()[0];
    assert_eq!(feed.condition, FeedCondition::Failed);
    assert_eq!(feed.last_error.as_ref().unwrap().0, "there is no such queue");
    assert_eq!(watch.database_trouble().unwrap(), "its disk is full");
    let text = Operation::metrics(&watch, &Readings::default());
    for line in [
        r#"aftersend_feed_condition{feed="orders",condition="failed"} 1"#,
        r#"aftersend_feed_condition{feed="orders",condition="running"} 0"#,
        "aftersend_database_paused 1",
        "aftersend_database_answers 0",
        "aftersend_parked_events NaN",
        "aftersend_quarantine_oldest_age_seconds NaN",
    ] {
        assert_line(&text, line);
    }
    assert!(!text.contains("there is no such queue"), "reasons are no labels: {text}");

    watch.feed("orders", Condition::Ended);
    watch.database(Condition::Running);
    assert_eq!(watch.feeds()[0].condition, FeedCondition::Ended);
    assert_eq!(watch.database_trouble(), None);
}

#[test]
fn a_feed_that_is_tried_again_stays_failed_until_it_answers() {
    let watch = Watch::new(());
    watch.feed("orders", Condition::Starting);
    assert_eq!(watch.feeds()[0].condition, FeedCondition::Starting);
    watch.feed("orders", Condition::Failed("there is no such queue"));
    let since = watch.feeds()[0].since;
    watch.feed("orders", Condition::Starting);
    assert_eq!((watch.feeds()[0].condition, watch.feeds()[0].since), (FeedCondition::Failed, since));
    let text = Operation::metrics(&watch, &readings());
    assert_line(&text, r#"aftersend_feed_condition{feed="orders",condition="failed"} 1"#);
    watch.feed("orders", Condition::Running);
    assert_eq!(watch.feeds()[0].condition, FeedCondition::Running);
    let text = Operation::metrics(&watch, &readings());
    assert_line(&text, r#"aftersend_feed_condition{feed="orders",condition="failed"} 0"#);
}

#[test]
fn a_queues_depth_is_told_only_while_the_queue_tells_it() {
    let watch = Watch::new(());
    watch.depth("orders", None);
    assert!(!Operation::metrics(&watch, &readings()).contains("aftersend_queue_messages{"));
    assert_eq!(watch.feeds()[0].depth, None);
    watch.depth("orders", Some(QueueDepth { waiting: 12, in_flight: 3, delayed: 1 }));
    assert_eq!(watch.feeds()[0].depth, Some(FeedDepth { waiting: 12, in_flight: 3, delayed: 1 }));
    let text = Operation::metrics(&watch, &readings());
    assert_line(&text, r#"aftersend_queue_messages{feed="orders",state="waiting"} 12"#);
    assert_line(&text, r#"aftersend_queue_messages{feed="orders",state="in_flight"} 3"#);
    assert_line(&text, r#"aftersend_queue_messages{feed="orders",state="delayed"} 1"#);
    watch.depth("orders", None);
    let text = Operation::metrics(&watch, &readings());
    assert_line(&text, r#"aftersend_queue_messages{feed="orders",state="waiting"} NaN"#);
}

#[test]
fn nobody_who_writes_events_makes_labels() {
    let watch = Watch::new(());
    for number in 0..1_000 {
        let event = Committed { event_type: format!("made_up_{number}").into(), lag: Duration::ZERO };
        let report = BatchReport { stored: 1, ..BatchReport::default() };
        watch.committed("orders", &Commit { report, took: Duration::ZERO, events: vec![event] });
    }
    let text = Operation::metrics(&watch, &readings());
    assert_line(&text, r#"aftersend_events_by_type_total{feed="orders",type="other"} 1000"#);
    assert!(!text.contains("made_up"), "{text}");
    // Samples were summed up in between, and none of them was lost.
    assert_line(&text, r#"aftersend_event_lag_seconds_count{feed="orders"} 1000"#);
}

#[test]
fn what_is_refused_is_passed_on_at_once() {
    struct Heard(Arc<Mutex<Vec<String>>>);
    impl Observer for Heard {
        fn refused(&self, feed: &str, message: &Refused) {
            self.0.lock().unwrap().push(format!("{feed}: {}", message.reason));
        }
    }
    let heard = Arc::new(Mutex::new(Vec::new()));
    let watch = Watch::new(Heard(heard.clone()));
    watch.refused("orders", &Refused { origin: "line 1".to_owned(), reason: "no JSON".to_owned() });
    assert_eq!(*heard.lock().unwrap(), ["orders: no JSON"]);
    assert_eq!(watch.feeds(), [], "it is counted with its commit, and only there");
}

#[test]
fn the_documentation_names_every_metric_and_no_other() {
    let docs = include_str!("../../../../docs/operations.md");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("| `aftersend_"));
    let documented: BTreeSet<String> =
        rows.filter_map(|row| row.split(['`', '{']).next()).map(|name| format!("aftersend_{name}")).collect();
    let named: BTreeSet<String> = metrics::names().into_iter().map(str::to_owned).collect();
    assert_eq!(documented, named);
}
