//! Quarters of an hour, by which sums are kept: so that they make the hours and days of any zone.

use jiff::Timestamp;

/// Seconds of a quarter. Zones of this century are beside Greenwich by whole quarters: `Asia/Kathmandu` by 23.
pub(crate) const QUARTER_S: i64 = 15 * 60;

/// Seconds of a day of UTC.
const DAY_S: i64 = 24 * 60 * 60;

/// When the quarter began that a time is in.
pub(crate) fn quarter_start(at: Timestamp) -> Timestamp {
    floor(at, QUARTER_S)
}

/// When the first quarter begins that begins at that time or later.
pub(super) fn next_quarter(at: Timestamp) -> Timestamp {
    ceil(at, QUARTER_S)
}

/// When the day of UTC began that a time is in.
pub(super) fn day_start(at: Timestamp) -> Timestamp {
    floor(at, DAY_S)
}

/// When the first day of UTC begins that begins at that time or later.
pub(super) fn next_day(at: Timestamp) -> Timestamp {
    ceil(at, DAY_S)
}

fn floor(at: Timestamp, width_s: i64) -> Timestamp {
    let second = at.as_second() - i64::from(at.subsec_nanosecond() < 0);
    Timestamp::from_second(second.div_euclid(width_s) * width_s).unwrap_or(Timestamp::MIN)
}

fn ceil(at: Timestamp, width_s: i64) -> Timestamp {
    let start = floor(at, width_s);
    if start == at {
        return start;
    }
    Timestamp::from_second(start.as_second() + width_s).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_begin_on_the_clock_before_and_after_1970() {
        for (at, start, next) in [
            ("2026-09-01T10:15:00Z", "2026-09-01T10:15:00Z", "2026-09-01T10:15:00Z"),
            ("2026-09-01T10:14:59.999999Z", "2026-09-01T10:00:00Z", "2026-09-01T10:15:00Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:45:00Z", "1970-01-01T00:00:00Z"),
            ("1969-12-31T23:45:00Z", "1969-12-31T23:45:00Z", "1969-12-31T23:45:00Z"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(quarter_start(at).to_string(), start);
            assert_eq!(next_quarter(at).to_string(), next);
        }
        let at: Timestamp = "1969-12-31T23:59:59.5Z".parse().unwrap();
        assert_eq!(day_start(at).to_string(), "1969-12-31T00:00:00Z");
        assert_eq!(next_day(at).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(quarter_start(Timestamp::MIN), Timestamp::MIN);
    }
}
