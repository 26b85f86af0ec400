//! Times as people write them: days, times with and without a zone, and "so long ago".

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use super::Fault;

/// How far back a relative time may reach.
const AGO_MINUTES_MAX: u64 = 100 * 366 * 24 * 60;

/// What times in a search are relative to.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Now.
    pub now: Timestamp,
    /// Where a day begins for whoever asks.
    pub zone: TimeZone,
}

impl Clock {
    /// This moment, with days as UTC has them.
    pub fn utc() -> Self {
        Self { now: Timestamp::now(), zone: TimeZone::UTC }
    }
}

/// The unit of "so long ago".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgoUnit {
    /// 60 s.
    Minutes,
    /// 60 minutes.
    Hours,
    /// 24 hours, whatever the calendar says.
    Days,
    /// Seven of these days.
    Weeks,
}

impl AgoUnit {
    const fn letter(self) -> char {
        match self {
            Self::Minutes => 'm',
            Self::Hours => 'h',
            Self::Days => 'd',
            Self::Weeks => 'w',
        }
    }

    const fn minutes(self) -> u64 {
        match self {
            Self::Minutes => 1,
            Self::Hours => 60,
            Self::Days => 24 * 60,
            Self::Weeks => 7 * 24 * 60,
        }
    }
}

/// A time as it was written. What it means depends on a [`Clock`], so that a link to "the last 7 days" stays one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// A day: `2026-05-03`.
    Day(civil::Date),
    /// The day that it is.
    Today,
    /// The day before.
    Yesterday,
    /// A time of the day where the asker is: `2026-05-03T10:00`.
    Local(civil::DateTime),
    /// A time with its zone: `2026-05-03T10:00Z`, `2026-05-03T10:00+02:00`. To the microsecond, as the database has it.
    Instant(Timestamp),
    /// So long ago: `30m`, `24h`, `7d`, `2w`.
    Ago(u32, AgoUnit),
}

impl Moment {
    /// The moment itself; of a day its beginning.
    pub fn start(&self, clock: &Clock) -> Timestamp {
        match self.day(clock) {
            Some(day) => beginning(day, clock),
            None => match *self {
                Self::Local(time) => instant(time, clock),
                Self::Instant(at) => at,
                Self::Ago(count, unit) => ago(count, unit, clock),
                Self::Day(_) | Self::Today | Self::Yesterday => clock.now,
            },
        }
    }

    /// Where it ends, which belongs to it no more: of a day the beginning of the next, of a time the time itself.
    pub fn end(&self, clock: &Clock) -> Timestamp {
        match self.day(clock) {
            Some(day) => day.tomorrow().map_or(Timestamp::MAX, |next| beginning(next, clock)),
            None => self.start(clock),
        }
    }

    /// The day, if it is one and not a time.
    fn day(&self, clock: &Clock) -> Option<civil::Date> {
        let today = || clock.now.to_zoned(clock.zone.clone()).date();
        match *self {
            Self::Day(day) => Some(day),
            Self::Today => Some(today()),
            Self::Yesterday => Some(today().yesterday().unwrap_or(civil::Date::MIN)),
            Self::Local(_) | Self::Instant(_) | Self::Ago(..) => None,
        }
    }

    fn is_day(&self) -> bool {
        matches!(self, Self::Day(_) | Self::Today | Self::Yesterday)
    }
}

fn beginning(day: civil::Date, clock: &Clock) -> Timestamp {
    day.to_zoned(clock.zone.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

fn instant(time: civil::DateTime, clock: &Clock) -> Timestamp {
    let zoned = time.to_zoned(clock.zone.clone());
    zoned.map_or(Timestamp::MAX, |zoned| to_microsecond(zoned.timestamp()))
}

fn ago(count: u32, unit: AgoUnit, clock: &Clock) -> Timestamp {
    let minutes = u64::from(count) * unit.minutes();
    let length = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(i64::MAX / 60));
    to_microsecond(clock.now.checked_sub(length).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// Cut to what the database holds.
fn to_microsecond(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Today => f.write_str("today"),
            Self::Yesterday => f.write_str("yesterday"),
            Self::Local(time) => write!(f, "{time}"),
            Self::Instant(at) => write!(f, "{at}"),
            Self::Ago(count, unit) => write!(f, "{count}{}", unit.letter()),
        }
    }
}

impl FromStr for Moment {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text.to_ascii_lowercase().as_str() {
            "today" => return Ok(Self::Today),
            "yesterday" => return Ok(Self::Yesterday),
            _ => {}
        }
        if let Some(ago) = read_ago(text) {
            return ago;
        }
        // Four digits for the year, as everybody writes it: the reader below knows signs and more digits, too.
        let bytes = text.as_bytes();
        let has_form = bytes.len() >= 10 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-';
        if let Some(day) = dotted(text) {
            return Err(Fault::Day { written: text.to_owned(), meant: day.to_string() });
        }
        if !has_form || text.starts_with("0000") {
            return Err(Fault::Time(text.to_owned()));
        }
        if bytes.len() == 10 {
            return text.parse().map(Self::Day).map_err(|_| Fault::Time(text.to_owned()));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::Instant(to_microsecond(at)));
        }
        let time: civil::DateTime = text.parse().map_err(|_| Fault::Time(text.to_owned()))?;
        Ok(Self::Local(time))
    }
}

/// The day in `16.11.2026`, if it is one.
fn dotted(text: &str) -> Option<civil::Date> {
    let mut parts = text.trim_end_matches('.').split('.').map(|part| {
        let is_number = part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i16>().ok().filter(|_| is_number)
    });
    let (day, month, year) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || year < 1_000 {
        return None;
    }
    civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Reads `7d`. Nothing where the text is not of that form.
fn read_ago(text: &str) -> Option<Result<Moment, Fault>> {
    let unit = match text.chars().last()? {
        'm' | 'M' => AgoUnit::Minutes,
        'h' | 'H' => AgoUnit::Hours,
        'd' | 'D' => AgoUnit::Days,
        'w' | 'W' => AgoUnit::Weeks,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count = digits.parse::<u32>().ok();
    let count = count.filter(|&count| count > 0 && u64::from(count) * unit.minutes() <= AGO_MINUTES_MAX);
    Some(count.map(|count| Moment::Ago(count, unit)).ok_or_else(|| Fault::Time(text.to_owned())))
}

/// A time from one moment to another; one of them may be left open.
///
/// Days belong to it whole: `2026-05-01..2026-05-07` ends with the 7th. A time is the first that does not belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    from: Option<Moment>,
    until: Option<Moment>,
}

impl Period {
    /// From one moment until another, or nothing where both are open.
    pub fn new(from: Option<Moment>, until: Option<Moment>) -> Option<Self> {
        (from.is_some() || until.is_some()).then_some(Self { from, until })
    }

    /// Where it begins, and where it ends, which belongs to it no more.
    pub fn bounds(&self, clock: &Clock) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.from.map(|moment| moment.start(clock)), self.until.map(|moment| moment.end(clock)))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(from), Some(until)) = (self.from, self.until)
            && from == until
            && from.is_day()
        {
            return write!(f, "{from}");
        }
        let open = |moment: Option<Moment>| moment.map(|moment| moment.to_string()).unwrap_or_default();
        write!(f, "{}..{}", open(self.from), open(self.until))
    }
}

impl FromStr for Period {
    type Err = Fault;

    /// Reads `FROM..UNTIL`; a day alone is that day, and `7d` alone the last seven.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let wrong = || Fault::Period(text.to_owned());
        let Some((from, until)) = text.split_once("..") else {
            let moment: Moment = text.parse()?;
            return match moment {
                Moment::Ago(..) => Ok(Self { from: Some(moment), until: None }),
                day if day.is_day() => Ok(Self { from: Some(day), until: Some(day) }),
                _ => Err(wrong()),
            };
        };
        let read = |end: &str| (!end.is_empty()).then(|| end.parse()).transpose();
        Self::new(read(from)?, read(until)?).ok_or_else(wrong)
    }
}
