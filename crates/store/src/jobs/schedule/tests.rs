use jiff::ToSpan as _;
use proptest::{prelude::*, sample::select};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn next(schedule: &str, now: &str) -> String {
    let schedule: Schedule = schedule.parse().unwrap();
    schedule.next_after(at(now)).map_or("never".to_owned(), |next| next.to_string())
}

#[test]
fn what_people_write_is_read() {
    for (schedule, now, expected) in [
        ("daily 03:00", "2026-11-23T02:59:59.999Z", "2026-11-23T03:00:00Z"),
        ("daily 03:00", "2026-11-23T03:00:00Z", "2026-11-24T03:00:00Z"),
        ("daily 00:00", "2026-12-31T23:59:00Z", "2027-01-01T00:00:00Z"),
        ("daily 03:00 Europe/Tallinn", "2026-11-23T00:59:00Z", "2026-11-23T01:00:00Z"),
        ("every 6 hours", "2026-11-23T06:00:00Z", "2026-11-23T12:00:00Z"),
        ("every hour", "2026-11-23T06:00:01Z", "2026-11-23T07:00:00Z"),
        ("every  30 minutes", "2026-11-23T06:29:59Z", "2026-11-23T06:30:00Z"),
        ("every day", "2026-11-23T06:00:00Z", "2026-11-24T00:00:00Z"),
        ("off", "2026-11-23T06:00:00Z", "never"),
    ] {
        assert_eq!(next(schedule, now), expected, "{schedule} after {now}");
    }
}

#[test]
fn what_is_none_is_refused_with_what_would_be_right() {
    for (schedule, part) in [
        ("", "daily 03:00"),
        ("nightly", "every 6 hours"),
        ("daily", "daily 03:00"),
        ("daily 3:00", "looks like 03:00"),
        ("daily 24:00", "`24:00`"),
        ("daily 03:60", "`03:60`"),
        ("daily 03:00 Mars/Base", "`Mars/Base`"),
        ("daily 03:00 UTC extra", "every 6 hours"),
        ("every 5 minutes", "every 10 minutes at most"),
        ("every 8 days", "every 7 days at least"),
        ("every 0 hours", "every 10 minutes at most"),
        ("every 4294967295 days", "every 7 days at least"),
        ("every -1 hours", "every 6 hours"),
        ("every 6 fortnights", "every 6 hours"),
    ] {
        let refused = schedule.parse::<Schedule>().unwrap_err().to_string();
        assert!(refused.contains(part), "{schedule}: {refused}");
    }
}

/// Clocks in Berlin go from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
#[test]
fn a_time_that_clocks_leave_out_or_show_twice_comes_once() {
    for (now, expected) in [
        ("2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z"),
        ("2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"),
        ("2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"),
        ("2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
    ] {
        assert_eq!(next("daily 02:30 Europe/Berlin", now), expected, "after {now}");
    }
    // A day that a place left out: Apia had no 30 December 2011.
    assert_eq!(next("daily 12:00 Pacific/Apia", "2011-12-29T22:00:00Z"), "2011-12-30T22:00:00Z");
}

const ZONES: &[&str] =
    &["", " UTC", " Europe/Berlin", " America/St_Johns", " Australia/Lord_Howe", " Pacific/Apia"];

fn schedule() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..24, 0..60, select(ZONES))
            .prop_map(|(hour, minute, zone)| format!("daily {hour:02}:{minute:02}{zone}")),
        (10..=10_080_u32).prop_map(|minutes| format!("every {minutes} minutes")),
        (1..=168_u32).prop_map(|hours| format!("every {hours} hours")),
    ]
}

proptest! {
    #[test]
    fn what_is_shown_is_read_as_the_same(text in schedule()) {
        let schedule: Schedule = text.parse().unwrap();
        prop_assert_eq!(schedule.to_string().parse::<Schedule>(), Ok(schedule), "{}", text);
    }

    /// It lies ahead, not further than a period and what clocks are set by, and whoever asks on the way there hears the same.
    #[test]
    fn the_next_time_lies_ahead_and_near(
        text in schedule(),
        now_s in 0_i64..4_102_444_800,
        share in 0.0_f64..1.0,
    ) {
        let schedule: Schedule = text.parse().unwrap();
        let now = Timestamp::from_second(now_s).unwrap();
        let next = schedule.next_after(now).unwrap();
        let ahead = next.duration_since(now);
        prop_assert!(ahead > SignedDuration::ZERO, "{} after {}", next, now);
        // A place may leave out a day, as Apia did, or see one twice.
        let day = if text.starts_with("daily") { SignedDuration::from_hours(25) } else { SignedDuration::ZERO };
        prop_assert!(ahead <= schedule.interval().unwrap() + day, "{} after {}", next, now);
        let between = now + ahead.mul_f64(share).min(ahead - SignedDuration::from_nanos(1));
        prop_assert_eq!(schedule.next_after(between), Some(next));
    }

    /// Each day of a place has one run, however its clocks are set.
    #[test]
    fn every_day_has_one(hour in 0_i8..24, minute in 0_i8..60, days in 0_i64..20_000) {
        for zone in ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"] {
            let schedule: Schedule = format!("daily {hour:02}:{minute:02} {zone}").parse().unwrap();
            let tz = TimeZone::get(zone).unwrap();
            let first = schedule.next_after(Timestamp::from_second(days * 86_400).unwrap()).unwrap();
            let second = schedule.next_after(first).unwrap();
            let day = tz.to_datetime(first).date();
            prop_assert_eq!(tz.to_datetime(second).date(), day.checked_add(1.day()).unwrap());
        }
    }
}
