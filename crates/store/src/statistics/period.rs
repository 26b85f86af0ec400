//! Periods of time, and the hours and days that they are cut into.

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{error::SqlState, types::ToSql};

use super::{
    FiguresError,
    quarter::{next_quarter, quarter_start},
};
use crate::{
    Store,
    search::{TIMESTAMPTZ_MIN_MICROS, rows_max},
    sql::Statement,
};

/// Days that a period may have at most.
pub const PERIOD_DAYS_MAX: i64 = 800;

/// Points of a chart at most: a month by the hour has 744.
pub const BUCKETS_MAX: usize = 800;

/// Bytes of a time zone's name at most; the longest of IANA's has 32.
const ZONE_BYTES_MAX: usize = 64;

/// A period that no figures can be given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPeriod {
    /// It ends before it begins, or at once.
    #[error("the period is empty: it must end after it begins")]
    Empty,
    /// It is too long.
    #[error("the period is too long: {PERIOD_DAYS_MAX} days at most")]
    TooLong,
    /// It lies outside of the times that a database holds.
    #[error("the period lies beyond the times that the database knows")]
    OutOfRange,
}

/// A stretch of time: from its beginning to just before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    from: Timestamp,
    to: Timestamp,
}

impl Period {
    /// The period between two times.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, or so early that the database knows none of its length before it.
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self, BadPeriod> {
        let length = to.duration_since(from);
        if length <= SignedDuration::ZERO {
            return Err(BadPeriod::Empty);
        }
        if length > SignedDuration::from_hours(24 * PERIOD_DAYS_MAX) {
            return Err(BadPeriod::TooLong);
        }
        match from.checked_sub(length) {
            Ok(before) if before.as_microsecond() >= TIMESTAMPTZ_MIN_MICROS => Ok(Self { from, to }),
            _ => Err(BadPeriod::OutOfRange),
        }
    }

    /// From one time to a later one, however long that is.
    pub(super) fn spanning(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to }
    }

    /// The same by whole quarters of an hour, of which sums are kept: it begins with the quarter that it begins in, and
    /// ends with the one that it ends in. Its figures need no counting.
    #[must_use]
    pub fn by_quarters(self) -> Self {
        Self { from: quarter_start(self.from), to: next_quarter(self.to) }
    }

    /// When it begins.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// When it is over.
    pub fn to(&self) -> Timestamp {
        self.to
    }

    /// The period of the same length that ends where this one begins.
    #[must_use]
    pub fn before(&self) -> Self {
        let length = self.to.duration_since(self.from);
        Self { from: self.from.checked_sub(length).unwrap_or(Timestamp::MIN), to: self.from }
    }
}

/// How wide the buckets of a chart are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketWidth {
    /// An hour of time: the one that clocks show twice in autumn is two.
    Hour,
    /// A day on the wall: 23 or 25 hours where clocks change.
    Day,
}

/// The name of a time zone, as IANA has them: `Europe/Tallinn`. Whether there is such a zone, the database knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZoneName(String);

/// A text that names no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no name of a time zone; name one like `Europe/Tallinn` or `UTC`")]
pub struct BadTimeZone;

impl TimeZoneName {
    /// Greenwich's time without summers.
    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TimeZoneName {
    type Err = BadTimeZone;

    /// PostgreSQL would also take descriptions of zones (`X+1`), whose signs mean the opposite of what people think: a
    /// name begins with a letter, and has no sign but where IANA has one (`Etc/GMT+1`).
    fn from_str(text: &str) -> Result<Self, BadTimeZone> {
        let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
        let is_part = |character: char| character.is_ascii_alphanumeric() || "/_-+".contains(character);
        let is_described = !text.contains('/') && text.contains(['+', '-']);
        if !begins || is_described || text.len() > ZONE_BYTES_MAX || !text.chars().all(is_part) {
            return Err(BadTimeZone);
        }
        Ok(Self(text.to_owned()))
    }
}

impl Store {
    /// Where the buckets of a period begin, and behind them its end. The first begins with the period, however much of
    /// the hour or day is over by then.
    pub(super) async fn bucket_bounds(
        &self,
        period: Period,
        width: BucketWidth,
        zone: &TimeZoneName,
    ) -> Result<Vec<Timestamp>, FiguresError> {
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::BucketStarts)).await?;
        let days = width == BucketWidth::Day;
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&period.from, &period.to, &days, &zone.0, &rows_max(BUCKETS_MAX)];
        // The code tells a zone that the server does not know from other trouble.
        let rows = client.in_time(client.client().query(&statement, &parameters)).await?;
        let rows = rows.map_err(|error| match error.code() {
            Some(&SqlState::INVALID_PARAMETER_VALUE) => FiguresError::TimeZone(zone.0.clone()),
            _ => error.into(),
        })?;
        if rows.len() > BUCKETS_MAX {
            return Err(FiguresError::TooManyBuckets);
        }
        let mut bounds = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Timestamp>, _>>()?;
        bounds.dedup();
        bounds.push(period.to);
        Ok(bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_period_before_is_as_long_and_ends_where_it_begins() {
        let period = Period::new(second(1_000), second(1_600)).unwrap();
        assert_eq!((period.before().from(), period.before().to()), (second(400), second(1_000)));
    }

    #[test]
    fn empty_and_endless_periods_are_refused() {
        assert_eq!(Period::new(second(5), second(5)), Err(BadPeriod::Empty));
        assert_eq!(Period::new(second(6), second(5)), Err(BadPeriod::Empty));
        assert_eq!(Period::new(second(0), second(86_400 * 801)), Err(BadPeriod::TooLong));
        assert_eq!(Period::new(Timestamp::MIN, second(0)), Err(BadPeriod::TooLong));
        let first = Timestamp::from_microsecond(TIMESTAMPTZ_MIN_MICROS).unwrap();
        for from in [Timestamp::MIN, first] {
            assert_eq!(Period::new(from, from + SignedDuration::from_hours(1)), Err(BadPeriod::OutOfRange));
        }
    }

    #[test]
    fn names_of_zones() {
        for name in ["UTC", "Europe/Tallinn", "America/Port-au-Prince", "Etc/GMT+1", "EST5EDT"] {
            assert_eq!(name.parse::<TimeZoneName>().unwrap().as_str(), name);
        }
        for text in ["", "X+1", "UTC-3", "+01", "1", "Europe/Tallinn'; --", "a b", &"x".repeat(65)] {
            assert_eq!(text.parse::<TimeZoneName>(), Err(BadTimeZone), "{text}");
        }
    }
}
