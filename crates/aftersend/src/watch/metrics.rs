//! The metrics: their names, what they are measured in, which labels they have.
//!
//! Labels are the names of feeds, which the configuration gives, and words of this program: nothing that an event
//! says makes a new one.

mod jobs;

use std::sync::atomic::{AtomicU32, Ordering};

use aftersend_ingest::Commit;
use aftersend_web::{FeedCondition, FeedDepth, Readings};
use jiff::Timestamp;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

const RECEIVED: &str = "aftersend_messages_received_total";
const CONTROL: &str = "aftersend_messages_control_total";
const QUARANTINED: &str = "aftersend_messages_quarantined_total";
const UNACKNOWLEDGED: &str = "aftersend_messages_unacknowledged_total";
const RELEASED: &str = "aftersend_messages_released_total";
const EVENTS: &str = "aftersend_events_total";
const EVENTS_BY_TYPE: &str = "aftersend_events_by_type_total";
const EVENT_LAG: &str = "aftersend_event_lag_seconds";
const BATCH_MESSAGES: &str = "aftersend_batch_messages";
const BATCH_DURATION: &str = "aftersend_batch_duration_seconds";
const FEED_CONDITION: &str = "aftersend_feed_condition";
const FEED_LAST_MESSAGE: &str = "aftersend_feed_last_message_timestamp_seconds";
const QUEUE_MESSAGES: &str = "aftersend_queue_messages";
const DATABASE_PAUSED: &str = "aftersend_database_paused";
const DATABASE_ANSWERS: &str = "aftersend_database_answers";
const PARKED: &str = "aftersend_parked_events";
const PARKED_AGE: &str = "aftersend_parked_oldest_age_seconds";
const IN_QUARANTINE: &str = "aftersend_quarantine_messages";
const IN_QUARANTINE_AGE: &str = "aftersend_quarantine_oldest_age_seconds";

const COUNTERS: [(&str, &str); 7] = [
    (RECEIVED, "Messages that the feed has delivered, repeats too"),
    (CONTROL, "Messages that are no events: confirmations, SES's greeting"),
    (QUARANTINED, "Messages that went into the quarantine"),
    (UNACKNOWLEDGED, "Messages that are stored and could not be acknowledged: they come again, as repeats"),
    (RELEASED, "Messages that were handed back to the feed"),
    (EVENTS, "Events by what became of them: stored, repeated, folded, parked or late"),
    (EVENTS_BY_TYPE, "Events that were committed, repeats too, by type"),
];

const GAUGES: [(&str, &str); 9] = [
    (
        FEED_CONDITION,
        "1 for the condition that the feed is in: starting, running, paused, failed or ended; 0 for the others",
    ),
    (FEED_LAST_MESSAGE, "When the feed last delivered a message, in seconds since 1970"),
    (
        QUEUE_MESSAGES,
        "Messages that the queue holds, about: waiting, in_flight or delayed; absent or NaN if it does not tell",
    ),
    (DATABASE_PAUSED, "1 while the database takes no events and all feeds are at rest"),
    (DATABASE_ANSWERS, "1 if the database has answered all questions of this scrape"),
    (PARKED, "Events that wait for their mail; NaN if the database did not say"),
    (PARKED_AGE, "For how long the oldest of them has waited; NaN if the database did not say"),
    (IN_QUARANTINE, "Messages in the quarantine; NaN if the database did not say"),
    (IN_QUARANTINE_AGE, "For how long the oldest of them has been there; NaN if the database did not say"),
];

/// From SES's time to the commit: seconds as it should be, hours after an outage, days from a file.
const LAG_S: [f64; 12] = [0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0];
/// The largest is what the pump stores together at most.
const BATCH_SIZES: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0];
const BATCH_S: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 300.0];

/// The types that SES has. Another one counts as [`OTHER_TYPE`], or whoever writes events would make labels.
/// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>
const TYPES: [&str; 10] = [
    "send",
    "delivery",
    "bounce",
    "complaint",
    "reject",
    "open",
    "click",
    "rendering_failure",
    "delivery_delay",
    "subscription",
];
const OTHER_TYPE: &str = "other";

const CONDITIONS: [(&str, FeedCondition); 5] = [
    ("starting", FeedCondition::Starting),
    ("running", FeedCondition::Running),
    ("paused", FeedCondition::Paused),
    ("failed", FeedCondition::Failed),
    ("ended", FeedCondition::Ended),
];

/// After so many commits what they left in histograms is summed up. The recorder keeps every sample until then or
/// until a scrape, which may never come; with 500 events to a commit that is half a MiB.
const COMMITS_SUMMED_UP: u32 = 64;

/// What becomes of messages beside events.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Control,
    Unacknowledged,
    Released,
}

impl Event {
    fn metric(self) -> &'static str {
        match self {
            Self::Control => CONTROL,
            Self::Unacknowledged => UNACKNOWLEDGED,
            Self::Released => RELEASED,
        }
    }
}

/// All metrics of a program.
pub(super) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    commits: AtomicU32,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let buckets = [(EVENT_LAG, &LAG_S[..]), (BATCH_MESSAGES, &BATCH_SIZES), (BATCH_DURATION, &BATCH_S)];
        let builder = buckets.into_iter().fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
            builder
                .set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
                .expect("only an empty list of buckets is refused")
        });
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        let metrics = Self { recorder, handle, commits: AtomicU32::new(0) };
        metrics.record(describe);
        metrics.database(false);
        metrics
    }

    /// The recorder is this program's own, not the process's: tests run several.
    fn record<T>(&self, record: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(&self.recorder, record)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds since 1970 are exact for longer than anybody looks"
    )]
    pub(super) fn received(&self, feed: &str, messages: u64, now: Timestamp) {
        self.record(|| {
            counter!(RECEIVED, "feed" => feed.to_owned()).increment(messages);
            if messages > 0 {
                gauge!(FEED_LAST_MESSAGE, "feed" => feed.to_owned()).set(now.as_second() as f64);
            }
        });
    }

    pub(super) fn messages(&self, event: Event, feed: &str, messages: u64) {
        self.record(|| counter!(event.metric(), "feed" => feed.to_owned()).increment(messages));
    }

    #[expect(clippy::cast_precision_loss, reason = "a batch has some hundreds of messages")]
    pub(super) fn committed(&self, feed: &str, commit: &Commit<'_>) {
        let report = commit.report;
        self.record(|| {
            for (outcome, events) in [
                ("stored", report.stored),
                ("repeated", report.repeated),
                ("folded", report.folded),
                ("parked", report.parked),
                ("late", report.late),
            ] {
                let events = super::wide(events);
                counter!(EVENTS, "feed" => feed.to_owned(), "outcome" => outcome).increment(events);
            }
            counter!(QUARANTINED, "feed" => feed.to_owned()).increment(super::wide(report.quarantined));
            let lag = histogram!(EVENT_LAG, "feed" => feed.to_owned());
            for event in &commit.events {
                lag.record(event.lag.as_secs_f64());
                let known = TYPES.into_iter().find(|name| *name == event.event_type).unwrap_or(OTHER_TYPE);
                counter!(EVENTS_BY_TYPE, "feed" => feed.to_owned(), "type" => known).increment(1);
            }
            histogram!(BATCH_MESSAGES, "feed" => feed.to_owned()).record(commit.messages() as f64);
            histogram!(BATCH_DURATION, "feed" => feed.to_owned()).record(commit.took.as_secs_f64());
        });
        if self.commits.fetch_add(1, Ordering::Relaxed) % COMMITS_SUMMED_UP == COMMITS_SUMMED_UP - 1 {
            self.handle.run_upkeep();
        }
    }

    pub(super) fn feed(&self, feed: &str, now: FeedCondition) {
        self.record(|| {
            for (name, condition) in CONDITIONS {
                gauge!(FEED_CONDITION, "feed" => feed.to_owned(), "condition" => name)
                    .set(truth(condition == now));
            }
        });
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of messages are exact up to 2^53")]
    pub(super) fn depth(&self, feed: &str, depth: Option<FeedDepth>) {
        let states = [
            ("waiting", depth.map(|depth| depth.waiting)),
            ("in_flight", depth.map(|depth| depth.in_flight)),
            ("delayed", depth.map(|depth| depth.delayed)),
        ];
        self.record(|| {
            for (state, messages) in states {
                // An old number would look like a true one.
                let messages = messages.map_or(f64::NAN, |messages| messages as f64);
                gauge!(QUEUE_MESSAGES, "feed" => feed.to_owned(), "state" => state).set(messages);
            }
        });
    }

    pub(super) fn database(&self, is_paused: bool) {
        self.record(|| gauge!(DATABASE_PAUSED).set(truth(is_paused)));
    }

    /// The text of a scrape.
    #[expect(clippy::cast_precision_loss, reason = "counts of rows are exact up to 2^53")]
    pub(super) fn render(&self, readings: &Readings) -> String {
        // An old value would look like a true one.
        let (parked, parked_age_s) = readings
            .parked
            .map_or((f64::NAN, f64::NAN), |parked| (parked.events as f64, parked.oldest_age_s));
        let (quarantined, quarantined_age_s) =
            readings.quarantined.map_or((f64::NAN, f64::NAN), |(size, age_s)| (size.messages as f64, age_s));
        self.record(|| {
            gauge!(DATABASE_ANSWERS).set(truth(readings.parked.is_some() && readings.quarantined.is_some()));
            gauge!(PARKED).set(parked);
            gauge!(PARKED_AGE).set(parked_age_s);
            gauge!(IN_QUARANTINE).set(quarantined);
            gauge!(IN_QUARANTINE_AGE).set(quarantined_age_s);
        });
        self.handle.render()
    }
}

fn describe() {
    for (name, meaning) in COUNTERS.into_iter().chain(jobs::COUNTERS) {
        describe_counter!(name, meaning);
    }
    for (name, meaning) in GAUGES.into_iter().chain(jobs::GAUGES) {
        describe_gauge!(name, meaning);
    }
    describe_histogram!(
        EVENT_LAG,
        Unit::Seconds,
        "From the time that SES gave an event to its commit, repeats too"
    );
    describe_histogram!(BATCH_MESSAGES, "Messages that were stored in one transaction");
    describe_histogram!(
        BATCH_DURATION,
        Unit::Seconds,
        "From the first attempt to store a batch to its commit"
    );
}

fn truth(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}

/// Names of all metrics, for the test that holds the documentation against them.
#[cfg(test)]
pub(super) fn names() -> Vec<&'static str> {
    let histograms = [EVENT_LAG, BATCH_MESSAGES, BATCH_DURATION];
    let jobs = jobs::COUNTERS.iter().chain(&jobs::GAUGES);
    COUNTERS.iter().chain(&GAUGES).chain(jobs).map(|(name, _)| *name).chain(histograms).collect()
}
