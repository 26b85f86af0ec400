//! What lies between two times, as people read it. The times themselves are told by a [`Clock`](crate::clock::Clock).

use std::time::Duration;

use jiff::Timestamp;

/// What lies between two occurrences on a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Less than a day: `+11.9 s`
    Step(String),
    /// A day or more: `2 days later`
    Pause(String),
}

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What lies between two times in order; nothing where they are the same, or in the wrong order.
pub(crate) fn gap(from: Timestamp, to: Timestamp) -> Option<Gap> {
    let ms = to.as_millisecond() - from.as_millisecond();
    Some(match ms {
        ..=0 => return None,
        1..SECOND_MS => Gap::Step(format!("+{ms} ms")),
        _ if ms < ROUNDED_TO_MINUTE_MS => Gap::Step(format!("+{}", seconds(ms))),
        _ if ms < HOUR_MS => {
            let ms = ms.max(MINUTE_MS);
            Gap::Step(format!("+{} min {:02} s", ms / MINUTE_MS, ms % MINUTE_MS / SECOND_MS))
        }
        HOUR_MS..DAY_MS => Gap::Step(format!("+{} h {:02} min", ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS)),
        _ => Gap::Pause(format!("{} later", counted(ms / DAY_MS, "day"))),
    })
}

/// A duration inside a sentence: `0.4 s`, `11.9 s`, `40 minutes`, `2 days`. Nothing for one that runs backwards.
pub(crate) fn spelled(from: Timestamp, to: Timestamp) -> Option<String> {
    let ms = to.as_millisecond() - from.as_millisecond();
    Some(match ms {
        ..0 => return None,
        _ if ms < ROUNDED_TO_MINUTE_MS => seconds(ms),
        _ if ms < HOUR_MS => counted(((ms + HALF_SECOND_MS) / MINUTE_MS).max(1), "minute"),
        _ if ms < 2 * DAY_MS => counted(ms / HOUR_MS, "hour"),
        _ => counted(ms / DAY_MS, "day"),
    })
}

/// A length of time, for a table: `42 s`, `18 min`, `5 h`, `3 days`.
pub(crate) fn lasting(seconds: f64) -> String {
    match seconds {
        ..90.0 => format!("{seconds:.0}\u{a0}s"),
        ..5_400.0 => format!("{:.0}\u{a0}min", seconds / 60.0),
        ..172_800.0 => format!("{:.0}\u{a0}h", seconds / 3_600.0),
        _ => format!("{:.0}\u{a0}days", seconds / 86_400.0),
    }
}

/// How old something must be, in the largest unit that tells it: `30 days`, `36 hours`, `90 minutes`, `45 s`.
pub(crate) fn aged(age: Duration) -> String {
    let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
    for (unit_s, unit) in [(86_400, "day"), (3_600, "hour"), (60, "minute")] {
        if seconds >= unit_s && seconds % unit_s == 0 {
            return counted(seconds / unit_s, unit);
        }
    }
    format!("{seconds}\u{a0}s")
}

const HALF_SECOND_MS: i64 = SECOND_MS / 2;

/// From here on tenths of a second round to a whole minute.
const ROUNDED_TO_MINUTE_MS: i64 = MINUTE_MS - 50;

/// Seconds, rounded to tenths, with a space that does not break.
fn seconds(ms: i64) -> String {
    let tenths = (ms + 50) / 100;
    format!("{}.{}\u{a0}s", tenths / 10, tenths % 10)
}

fn counted(count: i64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn gaps_have_the_unit_that_fits() {
        let start = at("2026-03-10T12:00:00Z");
        let step = |text: &str| Some(Gap::Step(text.to_owned()));
        let pause = |text: &str| Some(Gap::Pause(text.to_owned()));
        for (ms, expected) in [
            (-5, None),
            (0, None),
            (1, step("+1 ms")),
            (999, step("+999 ms")),
            (11_893, step("+11.9\u{a0}s")),
            (59_949, step("+59.9\u{a0}s")),
            (60_000, step("+1 min 00 s")),
            (252_000, step("+4 min 12 s")),
            (3_900_000, step("+1 h 05 min")),
            (86_399_999, step("+23 h 59 min")),
            (86_400_000, pause("1 day later")),
            (200_000_000, pause("2 days later")),
        ] {
            let end = Timestamp::from_millisecond(start.as_millisecond() + ms).unwrap();
            assert_eq!(gap(start, end), expected, "{ms}");
        }
    }

    #[test]
    fn ages_have_the_largest_unit_that_tells_them() {
        for (seconds, expected) in [
            (30 * 86_400, "30 days"),
            (86_400, "1 day"),
            (36 * 3_600, "36 hours"),
            (5_400, "90 minutes"),
            (45, "45\u{a0}s"),
            (0, "0\u{a0}s"),
        ] {
            assert_eq!(aged(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn durations_are_spelled_for_sentences() {
        let start = at("2026-03-10T12:00:00Z");
        for (end, expected) in [
            ("2026-03-10T12:00:00Z", Some("0.0\u{a0}s")),
            ("2026-03-10T12:00:11.893Z", Some("11.9\u{a0}s")),
            ("2026-03-10T12:00:59.960Z", Some("1 minute")),
            ("2026-03-10T12:40:20Z", Some("40 minutes")),
            ("2026-03-10T13:30:00Z", Some("1 hour")),
            ("2026-03-11T13:00:00Z", Some("25 hours")),
            ("2026-03-12T13:30:00Z", Some("2 days")),
            ("2026-03-10T11:30:00Z", None),
        ] {
            assert_eq!(spelled(start, at(end)).as_deref(), expected, "{end}");
        }
    }
}
