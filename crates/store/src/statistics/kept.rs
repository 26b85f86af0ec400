//! Figures of any buckets, from the sums that are kept and from what they do not tell: parts of a quarter of an hour.

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Row;

use super::{
    Figures, FiguresError, Period,
    overview::Counted,
    quarter::{day_start, next_day, next_quarter, quarter_start},
};
use crate::{Store, ingest::facts::storable, sql::Statement};

/// Parts of quarters that are counted one by one; more are there in zones of another century only.
const PARTS_MAX: usize = 8;

/// How near to now the end of a period must be to mean now.
const NOW: SignedDuration = SignedDuration::from_mins(1);

/// How fresh figures are. They are sums that are kept, and counted anew in the background where something has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The figures hold what was stored until then, by the database's clock; most of them also what came later.
    pub counted_at: Timestamp,
    /// Whether some of the period's mails were never counted, and are missing: after an upgrade, or while much is taken in.
    pub is_counting: bool,
}

/// A part of a quarter of an hour, and the bucket that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    from: Timestamp,
    to: Timestamp,
    bucket: usize,
}

/// Buckets as quarters make them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The buckets' beginnings, and behind them the end of the last.
    bounds: Vec<Timestamp>,
    /// Quarters of which no bucket has the whole.
    torn: Vec<Timestamp>,
    /// Their parts.
    parts: Vec<Part>,
}

impl Cut {
    /// The bounds ascend.
    pub(super) fn of(bounds: &[Timestamp], now: Timestamp) -> Self {
        let mut bounds = bounds.to_vec();
        // What comes after now has not been sent yet, so that the quarter under way is whole.
        if let Some(end) = bounds.last_mut().filter(|end| **end >= now - NOW && next_quarter(**end) >= now) {
            *end = next_quarter(*end);
        }
        let mut torn: Vec<Timestamp> = bounds
            .iter()
            .filter(|bound| quarter_start(**bound) != **bound)
            .map(|b| quarter_start(*b))
            .collect();
        torn.dedup();
        let mut parts = Vec::new();
        for (bucket, (from, to)) in bounds.iter().zip(bounds.iter().skip(1)).enumerate() {
            let (inner_from, inner_to) = (next_quarter(*from), quarter_start(*to));
            if inner_from > inner_to {
                parts.push(Part { from: *from, to: *to, bucket });
            } else {
                parts.push(Part { from: *from, to: inner_from, bucket });
                parts.push(Part { from: inner_to, to: *to, bucket });
            }
        }
        parts.retain(|part| part.from < part.to);
        Self { bounds, torn, parts }
    }

    /// Whether buckets begin and end with days of UTC, but for the beginning of the first and the end of the last.
    fn is_by_days(&self) -> bool {
        self.bounds.iter().skip(1).rev().skip(1).all(|bound| day_start(*bound) == *bound)
    }

    /// The beginning of the first bucket.
    fn start(&self) -> Timestamp {
        self.bounds.first().copied().unwrap_or(Timestamp::MIN)
    }

    /// The end of the last bucket.
    pub(super) fn end(&self) -> Timestamp {
        self.bounds.last().copied().unwrap_or(Timestamp::MIN)
    }

    /// The parts of quarters, each from when to before when.
    pub(super) fn parts_between(&self) -> Vec<[Timestamp; 2]> {
        self.parts.iter().map(|part| [part.from, part.to]).collect()
    }
}

/// The whole days of UTC between two times, from the beginning of the first to the end of the last. Where there is none,
/// both are the end.
fn whole_days(from: Timestamp, to: Timestamp) -> (Timestamp, Timestamp) {
    match (next_day(from), day_start(to)) {
        (first, end) if first < end => (first, end),
        _ => (to, to),
    }
}

impl Store {
    /// What became of the mails that were sent between each two of the bounds, which ascend: of some templates or of all
    /// mails, those with the most recipients first.
    pub(super) async fn figures(
        &self,
        bounds: &[Timestamp],
        templates: Option<&[&str]>,
        templates_apart: bool,
        rows_max: usize,
    ) -> Result<Vec<Counted>, FiguresError> {
        let cut = Cut::of(bounds, Timestamp::now());
        if cut.parts.len() > PARTS_MAX {
            return self.recount(bounds, templates, templates_apart, rows_max).await;
        }
        let mut found: BTreeMap<(usize, Option<String>), Counted> = BTreeMap::new();
        let kept = self.kept(&cut, templates, templates_apart, rows_max).await?;
        let mut counted: Vec<Vec<Counted>> = vec![kept];
        for Part { from, to, bucket } in cut.parts {
            let mut part = self.recount(&[from, to], templates, templates_apart, rows_max).await?;
            for counted in &mut part {
                counted.bucket = bucket;
            }
            counted.push(part);
        }
        for counted in counted.into_iter().flatten() {
            match found.get_mut(&(counted.bucket, counted.template_name.clone())) {
                Some(known) => known.add(&counted),
                None => {
                    found.insert((counted.bucket, counted.template_name.clone()), counted);
                }
            }
        }
        let mut counted: Vec<Counted> = found.into_values().collect();
        counted.sort_by_key(|counted| Reverse(counted.figures.sent));
        counted.truncate(rows_max);
        Ok(counted)
    }

    /// What the kept sums tell of the whole quarters.
    async fn kept(
        &self,
        cut: &Cut,
        templates: Option<&[&str]>,
        templates_apart: bool,
        rows_max: usize,
    ) -> Result<Vec<Counted>, FiguresError> {
        let templates: Option<Vec<String>> =
            templates.map(|names| names.iter().map(|name| storable(name)).collect());
        let client = self.reader().await?;
        let rows = match (&templates, cut.bounds.as_slice()) {
            (None, _) if !templates_apart => {
                let sum = client.prepare_cached(self.sql(Statement::SumTotals)).await?;
                client.query(&sum, &[&cut.bounds, &cut.torn]).await?
            }
            (_, [from, to]) if templates_apart => {
                let (from, to) = (next_quarter(*from), quarter_start(*to));
                let (day_from, day_to) = whole_days(from, to);
                let sum = client.prepare_cached(self.sql(Statement::ListTemplates)).await?;
                let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
                client.query(&sum, &[&from, &day_from, &day_to, &to, &templates, &rows_max]).await?
            }
            _ if cut.is_by_days() => {
                let (day_from, day_to) = whole_days(cut.start(), cut.end());
                let sum = client.prepare_cached(self.sql(Statement::SumTemplateDays)).await?;
                let (bounds, torn) = (&cut.bounds, &cut.torn);
                client.query(&sum, &[bounds, torn, &templates, &templates_apart, &day_from, &day_to]).await?
            }
            _ => {
                let sum = client.prepare_cached(self.sql(Statement::SumTemplates)).await?;
                client.query(&sum, &[&cut.bounds, &cut.torn, &templates, &templates_apart]).await?
            }
        };
        Ok(rows.iter().map(Counted::from_kept).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// How fresh the figures of a period are. Asked before them, so that they hold at least what it says.
    pub(super) async fn freshness(&self, period: Period) -> Result<Freshness, FiguresError> {
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::Freshness)).await?;
        let row = client.query_one(&statement, &[&period.from(), &period.to()]).await?;
        Ok(Freshness { counted_at: row.try_get("counted_at")?, is_counting: row.try_get("is_counting")? })
    }
}

impl Counted {
    fn from_kept(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let bucket: i32 = row.try_get("bucket")?;
        let opened_within: Option<Vec<i64>> = row.try_get("opened_within")?;
        let opened_within = opened_within.unwrap_or_default();
        Ok(Self {
            // width_bucket counts from 1.
            bucket: usize::try_from(bucket - 1).unwrap_or(0),
            template_name: row.try_get("template_name")?,
            figures: Figures::from_row(row)?,
            median_to_open_s: about_median(&opened_within),
            opened_within,
        })
    }

    fn add(&mut self, other: &Self) {
        self.figures += other.figures;
        if self.opened_within.len() < other.opened_within.len() {
            self.opened_within.resize(other.opened_within.len(), 0);
        }
        for (mine, theirs) in self.opened_within.iter_mut().zip(&other.opened_within) {
            *mine += theirs;
        }
        self.median_to_open_s = about_median(&self.opened_within);
    }
}

/// About half of some times are below this, in seconds: of times below 1 s, 2 s, 4 s, … each counted where it is first below.
///
/// Within the limits of its place, and as far between them as there are times of the place before the middle; between two
/// places where the middle is there. So it is between half and twice of what it should be, and nearer where there are many.
fn about_median(times: &[i64]) -> Option<f64> {
    let all: i64 = times.iter().sum();
    let mut before = 0;
    for (place, count) in (0_i32..).zip(times).filter(|(_, count)| **count > 0) {
        let until = before + count;
        if until * 2 == all {
            let next = (0_i32..).zip(times).find(|(next, count)| *next > place && **count > 0);
            return next.map(|(next, _)| f64::midpoint(within(place, 0.5), within(next, 0.5)));
        }
        if until * 2 > all {
            #[expect(clippy::cast_precision_loss, reason = "counts of mails are far below 2^52")]
            let part = (all as f64 / 2.0 - before as f64) / *count as f64;
            return Some(within(place, part));
        }
        before = until;
    }
    None
}

/// How many seconds there are at a part of a place.
fn within(place: i32, part: f64) -> f64 {
    if place == 0 { part } else { 2_f64.powi(place - 1) * 2_f64.powf(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        format!("2026-09-01T{text}Z").parse().unwrap()
    }

    fn cut(bounds: &[&str], now: &str) -> Cut {
        Cut::of(&bounds.iter().map(|bound| time(bound)).collect::<Vec<_>>(), time(now))
    }

    fn part(from: &str, to: &str, bucket: usize) -> Part {
        Part { from: time(from), to: time(to), bucket }
    }

    #[test]
    fn whole_quarters_have_no_parts() {
        let whole = cut(&["10:00:00", "10:15:00", "12:00:00"], "20:00:00");
        assert!(whole.parts.is_empty() && whole.torn.is_empty(), "{whole:?}");
    }

    #[test]
    fn every_moment_is_in_one_part_or_in_a_whole_quarter() {
        let torn = cut(&["10:07:00", "10:15:00", "11:10:00", "11:12:00"], "20:00:00");
        assert_eq!(torn.torn, [time("10:00:00"), time("11:00:00")]);
        let expected = [
            part("10:07:00", "10:15:00", 0),
            part("11:00:00", "11:10:00", 1),
            part("11:10:00", "11:12:00", 2),
        ];
        assert_eq!(torn.parts, expected);
    }

    #[test]
    fn a_period_that_ends_now_ends_with_its_quarter() {
        let until_now = cut(&["10:00:00", "11:07:00"], "11:07:00.5");
        assert_eq!(until_now.bounds, [time("10:00:00"), time("11:15:00")]);
        assert!(until_now.parts.is_empty());
        let before = cut(&["10:00:00", "11:07:00"], "11:14:00");
        assert_eq!(before.parts, [part("11:00:00", "11:07:00", 0)]);
    }

    #[test]
    fn the_median_lies_in_the_place_that_has_the_middle() {
        assert_eq!(about_median(&[]), None);
        assert_eq!(about_median(&[0, 0, 0]), None);
        assert_eq!(about_median(&[1]), Some(0.5));
        // Two below 2 s, one below 8 s: the middle is three quarters through the first place.
        let median = about_median(&[0, 2, 0, 1]).unwrap();
        assert!((median - 2_f64.powf(0.75)).abs() < 1e-9, "{median}");
        // Between one below 4 s and one below 64 s.
        let median = about_median(&[0, 0, 1, 0, 0, 0, 1]).unwrap();
        assert!((median - 17.0 * 2_f64.sqrt()).abs() < 1e-9, "{median}");
        let median = about_median(&[0, 0, 0, 0, 10]).unwrap();
        assert!((8.0..=16.0).contains(&median), "{median}");
    }
}
