//! When jobs run by themselves: `daily 03:00`, `daily 03:00 Europe/Tallinn`, `every 6 hours`, `off`.
//!
//! The next time follows from the time that it is and from nothing else: whatever clocks have done meanwhile, it lies ahead, and
//! not further than a period.

use std::{fmt, str::FromStr};

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time},
    tz::TimeZone,
};

/// Minutes between two runs at least.
const EVERY_MINUTES_MIN: u32 = 10;

/// Minutes between two runs at most: a week.
const EVERY_MINUTES_MAX: u32 = 7 * 24 * 60;

/// When jobs run by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Never.
    Off,
    /// Once each day.
    Daily(Daily),
    /// Every so many minutes, counted from midnight of 1 January 1970, UTC.
    Every(Minutes),
}

/// A time of day somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daily {
    time: Time,
    zone: TimeZone,
}

/// Minutes between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minutes(u32);

/// A text that says nothing of when to run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// It has another form.
    #[error(
        "a schedule is `daily 03:00`, in UTC, `daily 03:00 Europe/Tallinn`, `every 6 hours`, `every 30 minutes` or `off`"
    )]
    Form,
    /// The time is none.
    #[error("`{0}` is no time of day; one looks like 03:00")]
    Time(String),
    /// Nobody knows the zone.
    #[error("no time zone is known as `{0}`; one is named like `Europe/Tallinn` or `UTC`")]
    Zone(String),
    /// It would run too often, or hardly ever.
    #[error("jobs run every 10 minutes at most, and every 7 days at least")]
    Period,
}

impl Schedule {
    /// The first time after this one; nothing where it is off.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Off => None,
            Self::Daily(daily) => daily.next_after(now),
            Self::Every(Minutes(minutes)) => {
                let period_s = i64::from(*minutes) * 60;
                let next = now.as_second().div_euclid(period_s).checked_add(1)?.checked_mul(period_s)?;
                Timestamp::from_second(next).ok()
            }
        }
    }

    /// How long it is from one run to the next, about; nothing where it is off.
    pub fn interval(&self) -> Option<SignedDuration> {
        match self {
            Self::Off => None,
            Self::Daily(_) => Some(SignedDuration::from_hours(24)),
            Self::Every(Minutes(minutes)) => Some(SignedDuration::from_mins(i64::from(*minutes))),
        }
    }
}

impl Daily {
    fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let mut day = self.zone.to_datetime(now).date();
        // The first two days lie ahead by themselves; a third is for a zone that leaves out a whole day.
        for _ in 0..3 {
            let at = self.on(day)?;
            if at > now {
                return Some(at);
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }

    /// A time that clocks leave out in spring is an hour later, and the first of two in autumn is taken.
    fn on(&self, day: Date) -> Option<Timestamp> {
        self.zone.to_ambiguous_timestamp(day.to_datetime(self.time)).compatible().ok()
    }
}

impl FromStr for Schedule {
    type Err = BadSchedule;

    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match *words {
            ["off"] => Ok(Self::Off),
            ["daily", time] => Ok(Self::Daily(Daily { time: time_of_day(time)?, zone: TimeZone::UTC })),
            ["daily", time, zone] => Ok(Self::Daily(Daily { time: time_of_day(time)?, zone: named(zone)? })),
            ["every", "hour"] => every(1, 60),
            ["every", "day"] => every(1, 24 * 60),
            ["every", number, unit] => {
                let number = number.parse().map_err(|_| BadSchedule::Form)?;
                match unit {
                    "minute" | "minutes" => every(number, 1),
                    "hour" | "hours" => every(number, 60),
                    "day" | "days" => every(number, 24 * 60),
                    _ => Err(BadSchedule::Form),
                }
            }
            _ => Err(BadSchedule::Form),
        }
    }
}

fn every(number: u32, unit_minutes: u32) -> Result<Schedule, BadSchedule> {
    match number.checked_mul(unit_minutes) {
        Some(minutes) if (EVERY_MINUTES_MIN..=EVERY_MINUTES_MAX).contains(&minutes) => {
            Ok(Schedule::Every(Minutes(minutes)))
        }
        _ => Err(BadSchedule::Period),
    }
}

/// Hours and minutes with two digits each: `3:00` could be meant for the afternoon.
fn time_of_day(text: &str) -> Result<Time, BadSchedule> {
    let bad = || BadSchedule::Time(text.chars().take(20).collect());
    let two = |digits: &str| match digits.as_bytes() {
        [b'0'..=b'9', b'0'..=b'9'] => digits.parse::<i8>().map_err(|_| bad()),
        _ => Err(bad()),
    };
    let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
    Time::new(two(hour)?, two(minute)?, 0, 0).map_err(|_| bad())
}

fn named(name: &str) -> Result<TimeZone, BadSchedule> {
    TimeZone::get(name).map_err(|_| BadSchedule::Zone(name.chars().take(60).collect()))
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Daily(Daily { time, zone }) => {
                write!(f, "daily {:02}:{:02}", time.hour(), time.minute())?;
                match zone.iana_name() {
                    Some(name) if *zone != TimeZone::UTC => write!(f, " {name}"),
                    _ => Ok(()),
                }
            }
            Self::Every(Minutes(60)) => f.write_str("every hour"),
            Self::Every(Minutes(1_440)) => f.write_str("every day"),
            Self::Every(Minutes(minutes)) if minutes.is_multiple_of(24 * 60) => {
                write!(f, "every {} days", minutes / (24 * 60))
            }
            Self::Every(Minutes(minutes)) if minutes.is_multiple_of(60) => {
                write!(f, "every {} hours", minutes / 60)
            }
            Self::Every(Minutes(minutes)) => write!(f, "every {minutes} minutes"),
        }
    }
}

#[cfg(test)]
mod tests;
