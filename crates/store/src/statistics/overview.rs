//! A period at a glance, against the one before it, and as a chart.

use jiff::Timestamp;

use super::{BucketWidth, Figures, FiguresError, Freshness, Period, SeenTypes, TimeZoneName};
use crate::{Store, ingest::facts::storable, sql::Statement};

/// A point of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// When it begins.
    pub from: Timestamp,
    /// When the next one begins, or the period is over.
    pub to: Timestamp,
    /// What became of the mails that were sent in between.
    pub figures: Figures,
}

/// A period at a glance.
#[derive(Clone, Debug)]
pub struct Overview {
    /// The period.
    pub period: Period,
    /// What became of the mails that were sent in it: the sum of the buckets.
    pub figures: Figures,
    /// The same for the period of the same length before it.
    pub before: Figures,
    /// The period, bucket by bucket; also those without a mail.
    pub series: Vec<Bucket>,
    /// Which types of events have ever arrived, for the rates.
    pub seen: SeenTypes,
    /// How fresh the figures are, those of the period before among them.
    pub freshness: Freshness,
}

/// What a recount tells of a bucket, of one template or of all.
pub(super) struct Counted {
    /// Which bucket, from 0.
    pub(super) bucket: usize,
    pub(super) template_name: Option<String>,
    pub(super) figures: Figures,
    /// Half of the mails that people opened were first opened within so long after they were sent.
    pub(super) median_to_open_s: Option<f64>,
    /// Mails that people opened, by the time to the first open: below 1 s, 2 s, 4 s, … and the rest. Nothing where only
    /// sums are wanted.
    pub(super) opened_within: Vec<i64>,
}

impl Store {
    /// A period at a glance, of one template or of all mails.
    ///
    /// From sums by the quarter of an hour, as they were last counted. Where the period does not begin and end with a
    /// quarter, the mails of the rest are counted now, 30 µs for each; an end that is now is as good as the end of its
    /// quarter.
    ///
    /// # Errors
    ///
    /// When there is no such time zone, when the chart would have too many points, when counting takes longer than its
    /// time budget, or when the database does not answer.
    pub async fn overview(
        &self,
        period: Period,
        width: BucketWidth,
        zone: &TimeZoneName,
        template: Option<&str>,
    ) -> Result<Overview, FiguresError> {
        let bounds = self.bucket_bounds(period, width, zone).await?;
        let all: Vec<Timestamp> =
            std::iter::once(period.before().from()).chain(bounds.iter().copied()).collect();
        let templates = template.map(|template| vec![template]);
        // A row for each bucket at most, since templates are not told apart.
        let both = Period::spanning(period.before().from(), period.to());
        let freshness = self.freshness(both).await?;
        let counted = self.figures(&all, templates.as_deref(), false, all.len()).await?;
        let mut series: Vec<Bucket> = bounds
            .iter()
            .zip(&bounds[1..])
            .map(|(from, to)| Bucket { from: *from, to: *to, figures: Figures::default() })
            .collect();
        let mut before = Figures::default();
        for Counted { bucket, figures, .. } in counted {
            match bucket.checked_sub(1).and_then(|bucket| series.get_mut(bucket)) {
                Some(of_period) => of_period.figures = figures,
                None => before = figures,
            }
        }
        let figures = series.iter().map(|bucket| bucket.figures).sum();
        let seen = self.seen_types().await?;
        Ok(Overview { period, figures, before, series, seen, freshness })
    }

    /// The same counted mail by mail, now: the measure of what is kept.
    pub(super) async fn recount(
        &self,
        bounds: &[Timestamp],
        templates: Option<&[&str]>,
        templates_apart: bool,
        rows_max: usize,
    ) -> Result<Vec<Counted>, FiguresError> {
        let templates: Option<Vec<String>> =
            templates.map(|names| names.iter().map(|name| storable(name)).collect());
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::Recount)).await?;
        let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
        let rows = client.query(&statement, &[&bounds, &templates, &templates_apart, &rows_max]).await?;
        let counted = rows.iter().map(|row| {
            // width_bucket counts from 1.
            let bucket: i32 = row.try_get("bucket")?;
            Ok(Counted {
                bucket: usize::try_from(bucket - 1).unwrap_or(0),
                template_name: row.try_get("template_name")?,
                figures: Figures::from_row(row)?,
                median_to_open_s: row.try_get("median_to_open_s")?,
                opened_within: row
                    .try_get::<_, Vec<i32>>("opened_within")?
                    .into_iter()
                    .map(i64::from)
                    .collect(),
            })
        });
        Ok(counted.collect::<Result<_, tokio_postgres::Error>>()?)
    }
}
