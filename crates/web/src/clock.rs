//! The viewer's clock: which zone they read times in, and what time it is.

use std::{convert::Infallible, fmt};

use aftersend_store::{TimeZoneName, search::query};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use jiff::{Timestamp, ToSpan, Zoned, civil::Date, tz::TimeZone};

/// The cookie that holds the zone's IANA name. A script sets it from the browser's own, the page `/zone` by choice.
pub(crate) const ZONE_COOKIE: &str = "aftersend_zone";

/// Bytes of a zone's name at most; the longest that there is has 32.
const ZONE_BYTES_MAX: usize = 64;

/// What a page needs to tell times: the viewer's zone, and now. Every time on one page is told from the same now.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    zone: TimeZone,
    now: Timestamp,
    /// The viewer's own zone, where another had to be taken in its place.
    zone_unknown: Option<String>,
}

impl Clock {
    /// A clock that shows `now` in a zone.
    pub(crate) fn new(zone: TimeZone, now: Timestamp) -> Self {
        Self { zone, now, zone_unknown: None }
    }

    /// The same clock in UTC, for what the viewer's own zone is of no use for: the database's zones are others than this
    /// program's, and may be older.
    pub(crate) fn without_zone(&self) -> Self {
        Self { zone_unknown: Some(self.zone_name().to_owned()), ..Self::utc(self.now) }
    }

    /// What is to be said where times are not told in the viewer's own zone.
    pub(crate) fn zone_trouble(&self) -> Option<String> {
        let zone = self.zone_unknown.as_ref()?;
        Some(format!("The database knows no time zone {zone}, so that days and times here are those of UTC."))
    }

    /// A clock in UTC, for a viewer of whom nothing is known.
    pub(crate) fn utc(now: Timestamp) -> Self {
        Self::new(TimeZone::UTC, now)
    }

    /// When the request came.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The viewer's zone, as the store takes it.
    pub(crate) fn zone_for_store(&self) -> TimeZoneName {
        self.zone_name().parse().unwrap_or_else(|_| TimeZoneName::utc())
    }

    /// The clock as a search takes it.
    pub(crate) fn for_search(&self) -> query::Clock {
        query::Clock { now: self.now, zone: self.zone.clone() }
    }

    /// The zone's IANA name: `Europe/Berlin`, `UTC`.
    pub(crate) fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The day that it is for the viewer.
    pub(crate) fn today(&self) -> Date {
        self.at(self.now).date()
    }

    /// When a day begins for the viewer.
    pub(crate) fn beginning_of(&self, day: Date) -> Timestamp {
        day.to_zoned(self.zone.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }

    /// When the day began for the viewer that was so many days ago; today for 0.
    pub(crate) fn beginning_of_day(&self, days_ago: i64) -> Timestamp {
        self.beginning_of(self.today().checked_sub(days_ago.days()).unwrap_or(Date::MIN))
    }

    /// `3 May`
    pub(crate) fn short_day(&self, time: Timestamp) -> String {
        self.told(time, "%-d %b")
    }

    /// `14:00`
    pub(crate) fn hour(&self, time: Timestamp) -> String {
        self.told(time, "%H:%M")
    }

    fn at(&self, time: Timestamp) -> Zoned {
        time.to_zoned(self.zone.clone())
    }

    fn told(&self, time: Timestamp, format: &str) -> String {
        self.at(time).strftime(format).to_string()
    }

    /// `Wednesday, 19 October 2016`
    pub(crate) fn day(&self, time: Timestamp) -> String {
        self.told(time, "%A, %-d %B %Y")
    }

    /// `19 October 2016 at 23:21:04 UTC`, for a sentence.
    pub(crate) fn spoken(&self, time: Timestamp) -> String {
        self.told(time, "%-d %B %Y at %H:%M:%S %Z")
    }

    /// `23:21:04.123`
    pub(crate) fn of_day(&self, time: Timestamp) -> String {
        self.told(time, "%H:%M:%S%.3f")
    }

    /// `19 October 2016, 23:21:04.123 UTC`, for a tooltip.
    pub(crate) fn exact(&self, time: Timestamp) -> String {
        self.told(time, "%-d %B %Y, %H:%M:%S%.3f %Z")
    }

    /// `19 October 2016, 23:21:04 UTC`, for a fact that the timeline tells to the millisecond.
    pub(crate) fn to_the_second(&self, time: Timestamp) -> String {
        self.told(time, "%-d %B %Y, %H:%M:%S %Z")
    }

    /// `19 Oct 2016, 23:21:04`, for a list below the name of the zone.
    pub(crate) fn short(&self, time: Timestamp) -> String {
        self.told(time, "%-d %b %Y, %H:%M:%S")
    }

    /// The end of something, behind “until”: `the end of 24 December 2026`, or the time itself where no day ends with it.
    pub(crate) fn until(&self, end: Timestamp) -> String {
        let day = self.at(end).date();
        match day.yesterday() {
            Ok(last) if self.beginning_of(day) == end => {
                format!("the end of {}", last.strftime("%-d %B %Y"))
            }
            _ => self.to_the_second(end),
        }
    }

    /// How long ahead, roughly: `in 4 min`, `in 3 days`; a date once that says more, and `any moment` for what is due.
    pub(crate) fn ahead(&self, time: Timestamp) -> String {
        let seconds = time.as_second() - self.now.as_second();
        match seconds {
            ..60 => "any moment".to_owned(),
            60..3_600 => format!("in {} min", seconds / 60),
            3_600..172_800 => format!("in {} h", seconds / 3_600),
            172_800..604_800 => format!("in {} days", seconds / 86_400),
            _ => self.told(time, "on %-d %b %Y"),
        }
    }

    /// How long ago, roughly: `4 min ago`, `3 days ago`; a date once that says more.
    pub(crate) fn ago(&self, time: Timestamp) -> String {
        let seconds = self.now.as_second() - time.as_second();
        match seconds {
            // Clocks differ a little between machines; a mail from the next minute is a mail of just now.
            -60..10 => "just now".to_owned(),
            10..60 => format!("{seconds} s ago"),
            60..3_600 => format!("{} min ago", seconds / 60),
            3_600..86_400 => format!("{} h ago", seconds / 3_600),
            86_400..172_800 => "1 day ago".to_owned(),
            172_800..604_800 => format!("{} days ago", seconds / 86_400),
            _ => self.told(time, "%-d %b %Y"),
        }
    }

    /// The three ways in which a page tells a time to come.
    pub(crate) fn moment_ahead(&self, time: Timestamp) -> Moment {
        Moment { ago: self.ahead(time), ..self.moment(time) }
    }

    /// The three ways in which a page tells one time.
    pub(crate) fn moment(&self, time: Timestamp) -> Moment {
        Moment { ago: self.ago(time), exact: self.exact(time), machine: machine(time) }
    }
}

/// A time as pages show it: how long ago, with the exact one on hover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) ago: String,
    pub(crate) exact: String,
    pub(crate) machine: String,
}

/// For the attribute `datetime`: RFC 3339, as precise as it is known.
pub(crate) fn machine(time: Timestamp) -> String {
    time.to_string()
}

/// A name that no zone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoSuchZone;

impl fmt::Display for NoSuchZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "No time zone has this name. The names are those of the IANA database, such as Europe/Berlin.",
        )
    }
}

/// The zone with this IANA name.
pub(crate) fn zone_named(name: &str) -> Result<TimeZone, NoSuchZone> {
    if name.len() > ZONE_BYTES_MAX {
        return Err(NoSuchZone);
    }
    TimeZone::get(name).map_err(|_| NoSuchZone)
}

/// Never fails: a cookie that names no zone is as good as none.
impl<S: Sync> FromRequestParts<S> for Clock {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let now = Timestamp::now();
        let zone = zone_cookie(&parts.headers).and_then(|name| zone_named(name).ok());
        Ok(zone.map_or_else(|| Self::utc(now), |zone| Self::new(zone, now)))
    }
}

/// <https://datatracker.ietf.org/doc/html/rfc6265#section-4.2>
fn zone_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == ZONE_COOKIE).then_some(value))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_name_their_zone() {
        let time = at("2016-10-19T23:21:04.133Z");
        let clock = Clock::utc(time);
        assert_eq!(clock.spoken(time), "19 October 2016 at 23:21:04 UTC");
        assert_eq!(clock.exact(time), "19 October 2016, 23:21:04.133 UTC");
        assert_eq!(clock.to_the_second(time), "19 October 2016, 23:21:04 UTC");
        assert_eq!(clock.of_day(time), "23:21:04.133");
        assert_eq!(clock.day(time), "Wednesday, 19 October 2016");
        assert_eq!(machine(time), "2016-10-19T23:21:04.133Z");
        assert_eq!(clock.until(time), "19 October 2016, 23:21:04 UTC");
        assert_eq!(clock.until(at("2016-10-20T00:00:00Z")), "the end of 19 October 2016");
    }

    #[test]
    fn a_zone_moves_hours_and_days_and_keeps_its_summer_time() {
        let clock = Clock::new(zone_named("Europe/Berlin").unwrap(), at("2026-11-22T12:00:00Z"));
        assert_eq!(clock.exact(at("2016-10-19T23:21:04Z")), "20 October 2016, 01:21:04.000 CEST");
        assert_eq!(clock.day(at("2016-10-19T23:21:04Z")), "Thursday, 20 October 2016");
        assert_eq!(clock.spoken(at("2016-12-19T23:21:04Z")), "20 December 2016 at 00:21:04 CET");
        assert_eq!(clock.zone_name(), "Europe/Berlin");
    }

    #[test]
    fn ago_grows_coarser_with_distance() {
        let clock = Clock::utc(at("2026-03-10T12:00:00Z"));
        for (time, expected) in [
            ("2026-03-10T12:00:30Z", "just now"),
            ("2026-03-10T12:05:00Z", "10 Mar 2026"),
            ("2026-03-10T11:59:55Z", "just now"),
            ("2026-03-10T11:59:15Z", "45 s ago"),
            ("2026-03-10T11:57:59Z", "2 min ago"),
            ("2026-03-10T09:01:00Z", "2 h ago"),
            ("2026-03-09T11:00:00Z", "1 day ago"),
            ("2026-03-04T12:00:00Z", "6 days ago"),
            ("2026-03-03T12:00:00Z", "3 Mar 2026"),
            ("-009999-01-02T01:59:59Z", "2 Jan -9999"),
        ] {
            assert_eq!(clock.ago(at(time)), expected, "{time}");
        }
    }

    #[test]
    fn what_is_to_come_grows_coarser_with_distance() {
        let clock = Clock::utc(at("2026-03-10T12:00:00Z"));
        for (time, expected) in [
            ("2026-03-10T11:00:00Z", "any moment"),
            ("2026-03-10T12:00:59Z", "any moment"),
            ("2026-03-10T12:07:30Z", "in 7 min"),
            ("2026-03-11T03:00:00Z", "in 15 h"),
            ("2026-03-12T13:00:00Z", "in 2 days"),
            ("2026-04-10T12:00:00Z", "on 10 Apr 2026"),
        ] {
            assert_eq!(clock.ahead(at(time)), expected, "{time}");
        }
    }

    async fn clock_of(cookie: &str) -> Clock {
        let request = Request::builder().header(header::COOKIE, cookie).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        let Ok(clock) = Clock::from_request_parts(&mut parts, &()).await;
        clock
    }

    #[tokio::test]
    async fn the_cookie_sets_the_zone_and_nonsense_in_it_sets_none() {
        assert_eq!(
            clock_of("a=b; zone=UTC; aftersend_zone=Asia/Kolkata; c=d").await.zone_name(),
            "Asia/Kolkata"
        );
        for nonsense in [
            "aftersend_zone=",
            "aftersend_zone=../../etc/passwd",
            "aftersend_zone=Mars/Olympus",
            "zone=Asia/Kolkata",
            "aftersend_zone",
        ] {
            assert_eq!(clock_of(nonsense).await.zone_name(), "UTC", "{nonsense}");
        }
        let long = format!("aftersend_zone={}", "A".repeat(10_000));
        assert_eq!(clock_of(&long).await.zone_name(), "UTC");
    }
}
