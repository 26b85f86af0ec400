//! What templates do: all of them, and one.

use aftersend_store::{
    BOUNCE_WARNING_PERCENT, COMPLAINT_WARNING_PERCENT, DomainFigures, LinkFigures, Overview, Rate, SeenTypes,
    TEMPLATE_BOUNCES_MAX, TemplateBounces, TemplateFigures, TemplateOrder, TemplatePage, TemplateTrend,
};
use askama::Template;

use super::{
    Frame,
    figures::{
        ChartAssets, Counted, Periods, ReasonRow, ShownChart, Tile, WorstRow, has_template, notes, of_domain,
        tiles,
    },
    mail::Link,
};
use crate::{
    chart::spark,
    clock::Clock,
    numbers::{grouped, percentage},
    period::PeriodChoice,
    text, times,
};

/// Templates on one page.
pub(crate) const PAGE_TEMPLATES: usize = 50;

/// Links and domains on the page of one template.
pub(crate) const ROWS_SHOWN: usize = 25;

/// What templates can be sorted by: as an address says it, in the order of the columns, with the column's name.
const ORDERS: [(&str, TemplateOrder, &str); 8] = [
    ("name", TemplateOrder::Name, "Template"),
    ("sent", TemplateOrder::Sent, "Sent"),
    ("delivered", TemplateOrder::Delivery, "Delivered"),
    ("opened", TemplateOrder::Opened, "Opened"),
    ("clicked", TemplateOrder::Clicked, "Clicked"),
    ("bounced", TemplateOrder::Bounced, "Bounced"),
    ("complained", TemplateOrder::Complained, "Complained"),
    ("time", TemplateOrder::TimeToOpen, "First open after"),
];

/// The order that an address names.
pub(crate) fn order(name: &str) -> Option<TemplateOrder> {
    ORDERS.into_iter().find(|(known, ..)| *known == name).map(|(_, order, _)| order)
}

fn order_name(order: TemplateOrder) -> &'static str {
    ORDERS.into_iter().find(|(_, known, _)| *known == order).map_or("sent", |(name, ..)| name)
}

/// The path of one template's page, without its name.
const TEMPLATE_PATH: &str = "/template";

/// The path of one template's page.
pub(crate) fn template_path(name: &str) -> String {
    // Not a part of the path: browsers take `..` and the like for a way up, however they are written.
    format!("{TEMPLATE_PATH}?name={}", text::url_encoded(name))
}

/// All templates.
#[derive(Template)]
#[template(path = "templates.html")]
pub(crate) struct TemplatesPage {
    frame: Frame,
    periods: Periods,
    counted: Counted,
    /// Whether some of the mails were never counted.
    is_counting: bool,
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// `1 to 50 of 120`
    range: String,
    /// The first page, where this one lies behind the last template.
    first: Option<String>,
    newer: Option<String>,
    older: Option<String>,
    truncated: bool,
}

/// The head of a column, by which the table can be sorted.
struct Column {
    name: &'static str,
    path: String,
    sorted: bool,
    is_number: bool,
}

/// A template in the list.
struct Row {
    name: String,
    path: Option<String>,
    sent: String,
    delivered: String,
    opened: String,
    machine_opened: Option<String>,
    clicked: String,
    machine_clicked: Option<String>,
    bounced: String,
    /// Whether SES would review an account with this rate of hard bounces, or of complaints.
    bounces_harm: bool,
    complained: String,
    complaints_harm: bool,
    to_open: String,
    trend: Option<String>,
}

impl TemplatesPage {
    pub(crate) fn new(
        page: &TemplatePage,
        trends: &[TemplateTrend],
        order: TemplateOrder,
        skip: usize,
        seen: &SeenTypes,
        choice: &PeriodChoice,
        clock: &Clock,
    ) -> Self {
        let path = |order: TemplateOrder, skip: usize| {
            let skip = if skip == 0 { String::new() } else { format!("&skip={skip}") };
            format!("{}&sort={}{skip}", choice.path("/templates"), order_name(order))
        };
        let kept = if order == TemplateOrder::Sent {
            Vec::new()
        } else {
            vec![("sort", order_name(order).to_owned())]
        };
        let columns = ORDERS.map(|(_, by, name)| Column {
            name,
            path: path(by, 0),
            sorted: by == order,
            is_number: by != TemplateOrder::Name,
        });
        let end = skip + page.templates.len();
        let trend = |template: &TemplateFigures| {
            let name = template.name.as_deref()?;
            trends.iter().find(|trend| trend.name == name)
        };
        Self {
            frame: Frame::of("/templates", clock),
            periods: Periods::new("/templates", kept, choice, clock),
            counted: Counted::new(&page.freshness, clock),
            is_counting: page.freshness.is_counting,
            columns: columns.into(),
            rows: page
                .templates
                .iter()
                .map(|template| Row::new(template, trend(template), seen, choice))
                .collect(),
            range: format!("{} to {} of {}", skip + 1, end, grouped(page.all as u64)),
            first: (skip > 0 && page.templates.is_empty() && page.all > 0).then(|| path(order, 0)),
            newer: (skip > 0).then(|| path(order, skip.saturating_sub(PAGE_TEMPLATES))),
            older: (end < page.all && !page.templates.is_empty()).then(|| path(order, end)),
            truncated: page.truncated,
        }
    }
}

impl Row {
    fn new(
        template: &TemplateFigures,
        trend: Option<&TemplateTrend>,
        seen: &SeenTypes,
        choice: &PeriodChoice,
    ) -> Self {
        let figures = &template.figures;
        let rates = figures.rates(seen, choice.period);
        let reaches = |rate: Rate, percent| rate.percent().is_some_and(|found| found >= percent);
        let machines = |rate: Rate, count: u64| (count > 0).then(|| percentage(rate));
        Self {
            name: template.name.as_deref().map_or_else(|| "Without a template".to_owned(), text::value),
            path: template.name.as_deref().map(|name| choice.path(&template_path(name))),
            sent: grouped(figures.sent),
            delivered: percentage(rates.delivery),
            opened: percentage(rates.open),
            machine_opened: machines(rates.machine_open, figures.machine_opened),
            clicked: percentage(rates.click),
            machine_clicked: machines(rates.machine_click, figures.machine_clicked),
            bounced: percentage(rates.bounce),
            bounces_harm: reaches(rates.hard_bounce, BOUNCE_WARNING_PERCENT),
            complained: percentage(rates.complaint),
            complaints_harm: reaches(rates.complaint, COMPLAINT_WARNING_PERCENT),
            to_open: to_open(template),
            trend: trend.map(|trend| {
                let sent: Vec<u64> = trend.series.iter().map(|bucket| bucket.figures.sent).collect();
                spark(&sent, "neutral")
            }),
        }
    }
}

/// Half of those who opened did so within this time.
fn to_open(template: &TemplateFigures) -> String {
    template.median_to_open_s.map_or_else(|| "–".to_owned(), times::lasting)
}

/// One template.
#[derive(Template)]
#[template(path = "template.html")]
pub(crate) struct OneTemplatePage {
    frame: Frame,
    chart_assets: ChartAssets,
    periods: Periods,
    counted: Counted,
    name: String,
    /// Its mails, where a search can name them.
    mails: Option<String>,
    tiles: Vec<Tile>,
    notes: Vec<String>,
    to_open: String,
    chart: ShownChart,
    links: Vec<LinkRow>,
    domains: Vec<WorstRow>,
    /// Why its mails came back, where somebody asked.
    reasons: Reasons,
    bounces_max: String,
}

/// Why a template's mails came back, as the page has it.
enum Reasons {
    /// The page that tells.
    Link(String),
    Rows {
        rows: Vec<ReasonRow>,
        /// Whether more bounces may have come than are looked at.
        may_lack: bool,
    },
    TooLong,
}

/// What the lists of one template's page are made from.
#[derive(Clone, Debug, Default)]
pub(crate) struct TemplateLists {
    pub(crate) links: Vec<LinkFigures>,
    pub(crate) domains: Vec<DomainFigures>,
    pub(crate) bounces: BouncesLook,
}

/// What came of looking for the bounces of a template's mails, each of which is looked up with its mail: only when somebody asks.
#[derive(Clone, Debug, Default)]
pub(crate) enum BouncesLook {
    #[default]
    NotAsked,
    Told(TemplateBounces),
    TooLong,
}

struct LinkRow {
    link: Option<Link>,
    mails: String,
    clicks: String,
    machine_clicks: String,
}

impl OneTemplatePage {
    pub(crate) fn new(
        template: &TemplateFigures,
        name: &str,
        overview: &Overview,
        lists: &TemplateLists,
        choice: &PeriodChoice,
        clock: &Clock,
    ) -> Self {
        let TemplateLists { links, domains, bounces } = lists;
        let reasons = match bounces {
            BouncesLook::NotAsked => {
                let path = choice.path(TEMPLATE_PATH);
                let separator = if path.contains('?') { '&' } else { '?' };
                Reasons::Link(format!("{path}{separator}name={}&why=yes", text::url_encoded(name)))
            }
            BouncesLook::Told(bounces) => Reasons::Rows {
                rows: bounces
                    .reasons
                    .iter()
                    .map(|reason| ReasonRow::of_template(reason, choice, name))
                    .collect(),
                may_lack: bounces.is_cut,
            },
            BouncesLook::TooLong => Reasons::TooLong,
        };
        Self {
            frame: Frame::below("/templates", clock),
            chart_assets: ChartAssets::new(),
            periods: Periods::new(TEMPLATE_PATH, vec![("name", name.to_owned())], choice, clock),
            counted: Counted::new(&overview.freshness, clock),
            name: text::value(name),
            mails: has_template(name).map(|condition| choice.mails_path([condition])),
            tiles: tiles(overview, choice, Some(name)),
            notes: notes(overview),
            to_open: to_open(template),
            chart: ShownChart::new(overview, choice, clock),
            links: links
                .iter()
                .map(|link| LinkRow {
                    link: link.link.as_deref().map(Link::new),
                    mails: grouped(link.mails),
                    clicks: grouped(link.clicks),
                    machine_clicks: grouped(link.machine_clicks),
                })
                .collect(),
            domains: domains.iter().map(|domain| of_domain(domain, choice, Some(name))).collect(),
            reasons,
            bounces_max: grouped(TEMPLATE_BOUNCES_MAX.unsigned_abs()),
        }
    }
}

#[cfg(test)]
mod tests;
