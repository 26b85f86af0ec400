//! What each template does.

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::Timestamp;

use super::{Bucket, BucketWidth, Figures, FiguresError, Freshness, Period, TimeZoneName, overview::Counted};
use crate::{Store, ingest::facts::storable, sql::Statement};

/// Templates that are told apart: those with the most recipients in the period. An application that names templates by
/// what it fills in has more.
pub const TEMPLATES_MAX: usize = 1_000;

/// What templates are sorted by, the largest first; of equals, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TemplateOrder {
    /// Recipients.
    #[default]
    Sent,
    /// Delivered recipients of sent ones.
    Delivery,
    /// Mails that people opened, of delivered ones.
    Opened,
    /// Mails of which people followed links, of delivered ones.
    Clicked,
    /// Bounced recipients of sent ones.
    Bounced,
    /// Recipients who complained, of delivered ones.
    Complained,
    /// Recipients who bounced or complained: how much harm each does.
    Harm,
    /// The time to the first open, the shortest first.
    TimeToOpen,
    /// The name.
    Name,
}

/// Which templates to list.
#[derive(Clone, Copy, Debug)]
pub struct TemplateQuery {
    /// When their mails were sent.
    pub period: Period,
    /// What they are sorted by.
    pub order: TemplateOrder,
    /// How many come before those that are wanted.
    pub skip: usize,
    /// How many are wanted.
    pub templates_max: usize,
}

/// A template's figures over a period.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateFigures {
    /// Its name; none for mails of no template.
    pub name: Option<String>,
    /// What became of its mails.
    pub figures: Figures,
    /// About half of its mails that people opened were first opened within so many seconds: within the right doubling of
    /// a second, and exact where no sum is kept of the period.
    pub median_to_open_s: Option<f64>,
    /// When one of its mails was last opened for the first time, in the period or not.
    pub last_opened_at: Option<Timestamp>,
    /// When a link of one of its mails was last followed for the first time, in the period or not.
    pub last_clicked_at: Option<Timestamp>,
}

/// A page of templates.
#[derive(Clone, Debug)]
pub struct TemplatePage {
    /// In the order that was asked for.
    pub templates: Vec<TemplateFigures>,
    /// How many there are in all, up to [`TEMPLATES_MAX`].
    pub all: usize,
    /// Whether there are more than [`TEMPLATES_MAX`], so that those with the fewest recipients are left out.
    pub truncated: bool,
    /// How fresh the figures are.
    pub freshness: Freshness,
}

/// A template's figures over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateTrend {
    /// Its name.
    pub name: String,
    /// The period, bucket by bucket; also those without a mail.
    pub series: Vec<Bucket>,
}

impl Store {
    /// A page of the templates whose mails were sent in a period.
    ///
    /// # Errors
    ///
    /// When counting takes longer than its time budget, or when the database does not answer.
    pub async fn list_templates(&self, query: &TemplateQuery) -> Result<TemplatePage, FiguresError> {
        let bounds = [query.period.from(), query.period.to()];
        let freshness = self.freshness(query.period).await?;
        let mut counted = self.figures(&bounds, None, true, TEMPLATES_MAX + 1).await?;
        let truncated = counted.len() > TEMPLATES_MAX;
        counted.truncate(TEMPLATES_MAX);
        let all = counted.len();
        sort(&mut counted, query.order);
        let page: Vec<Counted> = counted.into_iter().skip(query.skip).take(query.templates_max).collect();
        let mut visits = self.last_visits(&page).await?;
        let templates = page
            .into_iter()
            .map(|Counted { template_name, figures, median_to_open_s, .. }| {
                let visited = template_name.as_ref().and_then(|name| visits.remove(name));
                let (last_opened_at, last_clicked_at) = visited.unwrap_or_default();
                TemplateFigures {
                    name: template_name,
                    figures,
                    median_to_open_s,
                    last_opened_at,
                    last_clicked_at,
                }
            })
            .collect();
        Ok(TemplatePage { templates, all, truncated, freshness })
    }

    /// A template's figures over a period; all of them nought where none of its mails was sent in it.
    ///
    /// # Errors
    ///
    /// As [`list_templates`](Self::list_templates).
    pub async fn find_template(&self, name: &str, period: Period) -> Result<TemplateFigures, FiguresError> {
        let bounds = [period.from(), period.to()];
        let counted = self.figures(&bounds, Some(&[name]), true, 1).await?.into_iter().next();
        let counted = counted.unwrap_or_else(|| Counted {
            bucket: 0,
            template_name: Some(storable(name)),
            figures: Figures::default(),
            median_to_open_s: None,
            opened_within: Vec::new(),
        });
        let mut visits = self.last_visits(std::slice::from_ref(&counted)).await?;
        let Counted { template_name, figures, median_to_open_s, .. } = counted;
        let visited = template_name.as_ref().and_then(|name| visits.remove(name));
        let (last_opened_at, last_clicked_at) = visited.unwrap_or_default();
        Ok(TemplateFigures {
            name: template_name,
            figures,
            median_to_open_s,
            last_opened_at,
            last_clicked_at,
        })
    }

    /// How some templates fared over a period: one series each, in the order in which they are named. For the lines beside a
    /// page of them, so its days are those of UTC, of which sums are kept; hours are those of the time zone.
    ///
    /// # Errors
    ///
    /// When there is no such time zone, when a series would have too many points, when counting takes longer than its
    /// time budget, or when the database does not answer.
    pub async fn template_trends(
        &self,
        names: &[&str],
        period: Period,
        width: BucketWidth,
        zone: &TimeZoneName,
    ) -> Result<Vec<TemplateTrend>, FiguresError> {
        let names = &names[..names.len().min(TEMPLATES_MAX)];
        let bounds = match width {
            BucketWidth::Hour => self.bucket_bounds(period, width, zone).await?,
            BucketWidth::Day => self.bucket_bounds(period, width, &TimeZoneName::utc()).await?,
        };
        let buckets = bounds.len() - 1;
        let counted = self.figures(&bounds, Some(names), true, names.len() * buckets).await?;
        let mut figures: BTreeMap<(String, usize), Figures> = BTreeMap::new();
        for Counted { bucket, template_name, figures: of_bucket, .. } in counted {
            figures.insert((template_name.unwrap_or_default(), bucket), of_bucket);
        }
        let series = |name: &str| {
            let bucket = |number: usize| Bucket {
                from: bounds[number],
                to: bounds[number + 1],
                figures: figures.get(&(name.to_owned(), number)).copied().unwrap_or_default(),
            };
            (0..buckets).map(bucket).collect()
        };
        Ok(names
            .iter()
            .map(|name| TemplateTrend { name: (*name).to_owned(), series: series(name) })
            .collect())
    }

    /// When mails of these templates were last opened and clicked for the first time, by name.
    async fn last_visits(
        &self,
        counted: &[Counted],
    ) -> Result<BTreeMap<String, (Option<Timestamp>, Option<Timestamp>)>, FiguresError> {
        let names: Vec<&str> =
            counted.iter().filter_map(|counted| counted.template_name.as_deref()).collect();
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::LastVisits)).await?;
        let rows = client.query(&statement, &[&names]).await?;
        let visits = rows.iter().map(|row| {
            Ok((row.try_get("template_name")?, (row.try_get("opened_at")?, row.try_get("clicked_at")?)))
        });
        Ok(visits.collect::<Result<_, tokio_postgres::Error>>()?)
    }
}

fn sort(counted: &mut [Counted], order: TemplateOrder) {
    counted.sort_by(|a, b| a.template_name.cmp(&b.template_name));
    let by_part = |part: fn(&Figures) -> (u64, u64)| {
        move |counted: &Counted| {
            let (count, of) = part(&counted.figures);
            // Parts in parts per billion: as exact as a page shows, and ordered.
            Reverse(count.saturating_mul(1_000_000_000).checked_div(of).unwrap_or(0))
        }
    };
    match order {
        TemplateOrder::Name => {}
        TemplateOrder::Sent => counted.sort_by_key(|counted| Reverse(counted.figures.sent)),
        TemplateOrder::Delivery => counted.sort_by_key(by_part(|f| (f.delivered, f.sent))),
        TemplateOrder::Opened => counted.sort_by_key(by_part(|f| (f.opened, f.delivered_mails))),
        TemplateOrder::Clicked => counted.sort_by_key(by_part(|f| (f.clicked, f.delivered_mails))),
        TemplateOrder::Bounced => counted.sort_by_key(by_part(|f| (f.bounced(), f.sent))),
        TemplateOrder::Complained => counted.sort_by_key(by_part(|f| (f.complained, f.delivered))),
        TemplateOrder::Harm => {
            counted.sort_by_key(|counted| Reverse(counted.figures.bounced() + counted.figures.complained));
        }
        TemplateOrder::TimeToOpen => counted.sort_by(|a, b| {
            let seconds = |counted: &Counted| counted.median_to_open_s.unwrap_or(f64::INFINITY);
            seconds(a).total_cmp(&seconds(b))
        }),
    }
}
