//! Event times as SES writes them.

use jiff::{SignedDuration, Timestamp, civil, tz::Offset};

use crate::{Text, limits};

/// A time as the record gave it: the instant, cut to microseconds (what `timestamptz` holds), and the
/// spelling it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTime<'a> {
    /// The instant, cut (not rounded) to whole microseconds.
    pub at: Timestamp,
    /// The spelling in the record.
    pub raw: Text<'a>,
}

impl<'a> EventTime<'a> {
    /// Reads a time in any of the spellings that SES and the servers it quotes use: `T`, `t` or spaces
    /// between date and time; seconds with any number of digits after the point or none; `Z`, `UTC`, `GMT`,
    /// `±HH`, `±HHMM`, `±HH:MM`, or nothing, which means UTC. A leap second counts as the second before it.
    ///
    /// Nothing where the text is no time, or one outside the years 1 to 9999 (the last day of 9999 is
    /// outside too: [`Timestamp`] ends there). There is no fallback: a time that can't be read must not
    /// become another one, since times are part of what makes two records the same event.
    pub fn parse(raw: Text<'a>) -> Option<Self> {
        let at = parse(&raw)?;
        Some(Self { at, raw })
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim_ascii();
    if text.len() > limits::TIME_BYTES_MAX {
        return None;
    }
    let mut rest = Rest(text.as_bytes());
    let (year, month, day) = rest.date()?;
    let spaces = rest.spaces();
    if spaces == 0 && !rest.skip(b"Tt") {
        return None;
    }
    let (hour, minute) = (rest.digits(2)?, rest.skip(b":").then(|| rest.digits(2))??);
    let second = if rest.skip(b":") { rest.digits(2)? } else { 0 };
    let micros = rest.fraction()?;
    rest.spaces();
    let offset_seconds = rest.offset()?;

    let narrow = |number: i64| i8::try_from(number).ok();
    let second = if second == 60 { 59 } else { second };
    let local = civil::Date::new(i16::try_from(year).ok()?, narrow(month)?, narrow(day)?)
        .ok()?
        .to_datetime(civil::Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, 0).ok()?);
    let utc = local.checked_sub(SignedDuration::from_secs(offset_seconds)).ok()?;
    if year < 1 || !(1..=9999).contains(&utc.year()) {
        return None;
    }
    // The fraction only ever adds, so that what was cut off lies before the instant, in 1969 as in 2016.
    let seconds = Offset::UTC.to_timestamp(utc).ok()?.as_second();
    Timestamp::from_microsecond(seconds.checked_mul(1_000_000)?.checked_add(micros)?).ok()
}

/// What is left to read of a time.
struct Rest<'t>(&'t [u8]);

impl Rest<'_> {
    /// Exactly so many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits
            .iter()
            .try_fold(0, |number, &byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
    }

    /// One byte out of `any`, if it comes next.
    fn skip(&mut self, any: &[u8]) -> bool {
        match self.0 {
            [first, rest @ ..] if any.contains(first) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn spaces(&mut self) -> usize {
        let mut count = 0;
        while self.skip(b" ") {
            count += 1;
        }
        count
    }

    fn date(&mut self) -> Option<(i64, i64, i64)> {
        let year = self.digits(4)?;
        let month = self.skip(b"-").then(|| self.digits(2))??;
        let day = self.skip(b"-").then(|| self.digits(2))??;
        Some((year, month, day))
    }

    /// The fraction in whole microseconds: 0 where there is none, nothing for a point without digits.
    fn fraction(&mut self) -> Option<i64> {
        if !self.skip(b".,") {
            return Some(0);
        }
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let places = digits.iter().copied().chain(std::iter::repeat(b'0')).take(6);
        (count > 0).then(|| places.fold(0, |number, byte| number * 10 + i64::from(byte - b'0')))
    }

    /// The offset from UTC in seconds, east positive. Reads to the end of the text.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.0 {
            [] | [b'Z' | b'z'] | b"UTC" | b"GMT" => return Some(0),
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.digits(2)?;
        let minutes = match (self.skip(b":"), self.0) {
            (false, []) => 0,
            _ => self.digits(2)?,
        };
        // Zones reach from -12:00 to +14:00; a wider offset is no zone but a broken text.
        (self.0.is_empty() && hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let time = EventTime::parse(Text::from(text)).unwrap_or_else(|| panic!("{text} is a time"));
        assert_eq!(time.at.to_string(), expected, "{text}");
        assert_eq!(&*time.raw, text);
    }

    #[test]
    fn every_spelling_seen_reads() {
        for (text, expected) in [
            ("2016-10-19T23:20:52.240Z", "2016-10-19T23:20:52.24Z"),
            ("2009-12-03T04:24:21.000-05:00", "2009-12-03T09:24:21Z"),
            ("2018-10-08T14:05:45 +0000", "2018-10-08T14:05:45Z"),
            ("2018-10-08T14:05:45.123456+00:00", "2018-10-08T14:05:45.123456Z"),
            ("2018-10-08 14:05:45.5+05:30", "2018-10-08T08:35:45.5Z"),
            ("2018-10-08  14:05:45 -0500", "2018-10-08T19:05:45Z"),
            ("2018-10-08T14:05:45+02", "2018-10-08T12:05:45Z"),
            ("2018-10-08t14:05:45z", "2018-10-08T14:05:45Z"),
            ("2018-10-08T14:05:45", "2018-10-08T14:05:45Z"),
            ("2018-10-08T14:05:45 UTC", "2018-10-08T14:05:45Z"),
            ("2018-10-08T14:05Z", "2018-10-08T14:05:00Z"),
            (" 2018-10-08T14:05:45Z\n", "2018-10-08T14:05:45Z"),
            ("2016-12-31T23:59:60.25Z", "2016-12-31T23:59:59.25Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn fractions_are_cut_towards_the_past() {
        check("2016-10-19T23:20:52.123456789Z", "2016-10-19T23:20:52.123456Z");
        check("2016-10-19T23:20:52.999999999999Z", "2016-10-19T23:20:52.999999Z");
        check("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z");
        check("1960-01-01T00:00:00.0000009Z", "1960-01-01T00:00:00Z");
    }

    #[test]
    fn the_first_and_the_last_years() {
        check("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z");
        check("9999-12-30T21:59:59.999999Z", "9999-12-30T21:59:59.999999Z");
        for text in [
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59-05:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_stays_none() {
        for text in [
            "",
            " ",
            "now",
            "2016",
            "2016-10-19",
            "2016-10-19T",
            "2016-10-19T23",
            "2016-10-19T23:20:",
            "2016-10-19T23:20:5",
            "2016-10-19T23:20:52.",
            "2016-10-19T23:20:52.Z",
            "2016-10-19T23:20:61Z",
            "2016-10-19T24:00:00Z",
            "2016-13-01T00:00:00Z",
            "2015-02-29T00:00:00Z",
            "2016-10-19T23:20:52+24:00",
            "2016-10-19T23:20:52+1",
            "2016-10-19T23:20:52+00:",
            "2016-10-19T23:20:52Zulu",
            "2016-10-19T23:20:52 jane@example.com",
            "+2016-10-19T23:20:52Z",
            "-001-10-19T23:20:52Z",
            "20161019T232052Z",
            "1476919252240",
            "Wed, 27 Jan 2016 14:05:45 +0000",
            "2016-10-19T23:20:52.0000000000000000000000000000000000000000000000000000Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn one_instant_reads_the_same_in_every_zone() {
        let utc = parse("2016-10-19T23:20:52.240Z");
        for text in
            ["2016-10-20T01:20:52.24+02:00", "2016-10-19 18:20:52.2400000-0500", "2016-10-19t23:20:52.24"]
        {
            assert_eq!(parse(text), utc, "{text}");
        }
    }
}
