//! The period that a page of figures is about, as its address says it.

use std::fmt;

use aftersend_store::{BadPeriod, BucketWidth, Period, search::query as search};
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::Deserialize;

use crate::{clock::Clock, text};

/// From here on a chart has a point for each day in place of each hour.
const HOURLY_DAYS_MAX: i64 = 3;

/// The part of a URL's query that names a period.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct PeriodParams {
    /// `24h`, `7d`, `30d` or `90d`.
    pub(crate) period: Option<String>,
    /// The first day, in the viewer's zone: `2026-05-01`.
    pub(crate) from: Option<String>,
    /// The last day, which belongs to the period.
    pub(crate) to: Option<String>,
}

/// A period, and how the viewer chose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeriodChoice {
    pub(crate) period: Period,
    pub(crate) choice: Choice,
}

/// How a period is named in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The last 24 hours.
    Day,
    /// The last so many days, today among them.
    Days(i64),
    /// From one day to another, both among them.
    Range(Date, Date),
}

/// An address that names no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPeriod {
    Unknown,
    Day,
    Bad(BadPeriod),
}

impl fmt::Display for NoPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("The period is one of 24h, 7d, 30d and 90d, or two days."),
            Self::Day => f.write_str("A day of the period can’t be read; days are written like 2026-05-31."),
            Self::Bad(why) => {
                let why = why.to_string();
                write!(f, "{}{}.", why[..1].to_uppercase(), &why[1..])
            }
        }
    }
}

impl Choice {
    /// Those that are one click away.
    pub(crate) const USUAL: [Self; 4] = [Self::Day, Self::Days(7), Self::Days(30), Self::Days(90)];

    /// `24 hours`, `7 days`, `1 May 2026 to 7 May 2026`
    pub(crate) fn name(self) -> String {
        match self {
            Self::Day => "24 hours".to_owned(),
            Self::Days(days) => format!("{days} days"),
            Self::Range(from, to) if from == to => from.strftime("%-d %b %Y").to_string(),
            Self::Range(from, to) => {
                format!("{} to {}", from.strftime("%-d %b %Y"), to.strftime("%-d %b %Y"))
            }
        }
    }

    /// `path?period=7d`, or with `&` behind a path that has a query already.
    pub(crate) fn path(self, path: &str) -> String {
        format!("{path}{}{}", if path.contains('?') { '&' } else { '?' }, self.query())
    }

    /// The part of the address that names it: `period=7d`.
    pub(crate) fn query(self) -> String {
        match self {
            Self::Day => "period=24h".to_owned(),
            Self::Days(days) => format!("period={days}d"),
            Self::Range(from, to) => format!("from={from}&to={to}"),
        }
    }
}

impl PeriodChoice {
    /// The period that an address names; the last 30 days where it names none.
    pub(crate) fn parse(params: &PeriodParams, clock: &Clock) -> Result<Self, NoPeriod> {
        let given = |param: &Option<String>| param.clone().filter(|text| !text.trim().is_empty());
        let day = |text: String| text.trim().parse::<Date>().map_err(|_| NoPeriod::Day);
        let choice = match (given(&params.from), given(&params.to), given(&params.period)) {
            (None, None, None) => Choice::Days(30),
            (None, None, Some(name)) => *Choice::USUAL
                .iter()
                .find(|choice| choice.query() == format!("period={name}"))
                .ok_or(NoPeriod::Unknown)?,
            (Some(from), to, _) => {
                let from = day(from)?;
                Choice::Range(from, to.map_or_else(|| Ok(clock.today()), day)?)
            }
            (None, Some(_), _) => return Err(NoPeriod::Day),
        };
        Self::of(choice, clock).map_err(NoPeriod::Bad)
    }

    fn of(choice: Choice, clock: &Clock) -> Result<Self, BadPeriod> {
        // What is sent while the page is made belongs to it.
        let now = clock.now().checked_add(SignedDuration::from_mins(1)).unwrap_or(Timestamp::MAX);
        let (from, to) = match choice {
            Choice::Day => {
                (clock.now().checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN), now)
            }
            Choice::Days(days) => (clock.beginning_of_day(days - 1), now),
            Choice::Range(from, to) => {
                let after = to.tomorrow().map_err(|_| BadPeriod::OutOfRange)?;
                (clock.beginning_of(from), clock.beginning_of(after))
            }
        };
        // Of whole quarters of an hour sums are kept; a part of one would be counted mail by mail.
        Ok(Self { period: Period::new(from, to)?.by_quarters(), choice })
    }

    /// How wide the buckets of a chart of the period are.
    pub(crate) fn width(&self) -> BucketWidth {
        let length = self.period.to().duration_since(self.period.from());
        if length <= SignedDuration::from_hours(24 * HOURLY_DAYS_MAX + 1) {
            BucketWidth::Hour
        } else {
            BucketWidth::Day
        }
    }

    /// What a bucket that begins then is called.
    pub(crate) fn bucket_name(&self, begins: Timestamp, clock: &Clock) -> String {
        match self.width() {
            BucketWidth::Hour => clock.hour(begins),
            BucketWidth::Day => clock.short_day(begins),
        }
    }

    /// `path?period=7d`, or with `&` behind a path that has a query already.
    pub(crate) fn path(&self, path: &str) -> String {
        self.choice.path(path)
    }

    /// The address of the mails that were sent in the period and of which these conditions hold.
    pub(crate) fn mails_path(&self, conditions: impl IntoIterator<Item = search::Condition>) -> String {
        self.mails_path_of(conditions.into_iter().map(search::Term::is))
    }

    /// The same for terms, some of which may be negated.
    pub(crate) fn mails_path_of(&self, terms: impl IntoIterator<Item = search::Term>) -> String {
        let moment = |at: Timestamp| search::Moment::Instant(at);
        let (after, before) = match self.choice {
            // The very mails that were counted, and what came since.
            Choice::Day | Choice::Days(_) => (moment(self.period.from()), None),
            // A day means its beginning for `after:`, and so does the day behind the last for `before:`.
            Choice::Range(from, _) => (search::Moment::Day(from), Some(moment(self.period.to()))),
        };
        let times =
            [search::Condition::After(after)].into_iter().chain(before.map(search::Condition::Before));
        let terms = terms.into_iter().chain(times.map(search::Term::is));
        // A few terms fit, whatever they say: a value has a third of a query's length at most.
        let query = search::Query::of(terms).unwrap_or_default();
        format!("/mails?q={}", text::url_encoded(&query.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::zone_named;

    fn clock() -> Clock {
        Clock::new(zone_named("Europe/Berlin").unwrap(), "2026-05-08T12:00:00Z".parse().unwrap())
    }

    fn parsed(period: &str, from: &str, to: &str) -> Result<PeriodChoice, NoPeriod> {
        let given = |text: &str| Some(text.to_owned());
        PeriodChoice::parse(
            &PeriodParams { period: given(period), from: given(from), to: given(to) },
            &clock(),
        )
    }

    fn bounds(choice: &PeriodChoice) -> (String, String) {
        (choice.period.from().to_string(), choice.period.to().to_string())
    }

    #[test]
    fn days_begin_where_the_viewer_is() {
        let week = parsed("7d", "", "").unwrap();
        assert_eq!(bounds(&week), ("2026-05-01T22:00:00Z".into(), "2026-05-08T12:15:00Z".into()));
        assert_eq!(week.width(), BucketWidth::Day);
        let day = parsed("24h", "", "").unwrap();
        assert_eq!(day.period.from().to_string(), "2026-05-07T12:00:00Z");
        assert_eq!(day.width(), BucketWidth::Hour);
        // The day on which clocks go forward has 23 hours.
        let range = parsed("", "2026-03-29", "2026-03-29").unwrap();
        assert_eq!(bounds(&range), ("2026-03-28T23:00:00Z".into(), "2026-03-29T22:00:00Z".into()));
        assert_eq!(parsed("", "", "").unwrap().choice, Choice::Days(30));
    }

    #[test]
    fn what_names_no_period_is_refused_with_a_sentence() {
        assert_eq!(parsed("8d", "", ""), Err(NoPeriod::Unknown));
        assert_eq!(parsed("", "2026-02-30", ""), Err(NoPeriod::Day));
        assert_eq!(parsed("", "", "2026-05-01"), Err(NoPeriod::Day));
        assert_eq!(parsed("", "2026-05-02", "2026-05-01"), Err(NoPeriod::Bad(BadPeriod::Empty)));
        assert_eq!(parsed("", "1999-01-01", "2026-05-01"), Err(NoPeriod::Bad(BadPeriod::TooLong)));
        assert!(parsed("", "9999-12-31", "9999-12-31").is_err());
        for why in [NoPeriod::Unknown, NoPeriod::Day, NoPeriod::Bad(BadPeriod::Empty)] {
            assert!(why.to_string().starts_with("The p") || why.to_string().starts_with("A day"), "{why}");
        }
    }

    #[test]
    fn periods_are_whole_quarters_of_an_hour() {
        // Before 1940 Amsterdam was 19 min 32 s ahead, later 20 min.
        let clock =
            Clock::new(zone_named("Europe/Amsterdam").unwrap(), "1938-05-08T12:07:03Z".parse().unwrap());
        for (period, day) in [("24h", ""), ("7d", ""), ("90d", ""), ("", "1938-05-02")] {
            let given = |text: &str| Some(text.to_owned());
            let params = PeriodParams { period: given(period), from: given(day), to: given(day) };
            let period = PeriodChoice::parse(&params, &clock).unwrap().period;
            assert_eq!(period, period.by_quarters());
        }
    }

    #[test]
    fn a_link_to_mails_names_the_same_period() {
        let condition = || [search::Condition::Event(search::EventKind::Open, None)];
        let path = |choice: PeriodChoice| choice.mails_path(condition());
        assert_eq!(
            path(parsed("24h", "", "").unwrap()),
            "/mails?q=event%3Aopen%20after%3A2026-05-07T12%3A00%3A00Z"
        );
        let range = parsed("", "2026-05-01", "2026-05-03").unwrap();
        let expected = "/mails?q=event%3Aopen%20after%3A2026-05-01%20before%3A2026-05-03T22%3A00%3A00Z";
        assert_eq!(path(range.clone()), expected);
        assert_eq!(range.path("/templates"), "/templates?from=2026-05-01&to=2026-05-03");
        assert_eq!(range.path("/template?name=a"), "/template?name=a&from=2026-05-01&to=2026-05-03");
        assert_eq!(range.choice.name(), "1 May 2026 to 3 May 2026");
    }
}
