//! What pages of figures have in common: the choice of a period, large figures, a chart, rows of what is worst.

use aftersend_store::{
    BounceReason, DomainFigures, Figures, Freshness, Overview, Rate,
    search::query::{Condition, EventKind, Term, Value},
};

use jiff::SignedDuration;

use crate::{
    chart::{Chart, Series},
    clock::{Clock, Moment},
    numbers::{change, grouped, percentage, points},
    period::{Choice, PeriodChoice},
    text,
    words::bounce_meaning,
};

/// The paths of the files that a moving chart needs.
pub(super) struct ChartAssets {
    pub(super) script: String,
    pub(super) style: String,
}

impl ChartAssets {
    pub(super) fn new() -> Self {
        Self { script: crate::assets::path("uplot.js"), style: crate::assets::path("uplot.css") }
    }
}

/// How far figures may be behind before a sentence says so. A change of an old quarter of an hour waits for five minutes.
const LAG_MAX: SignedDuration = SignedDuration::from_mins(10);

/// How fresh figures are.
pub(super) struct Counted {
    pub(super) at: Moment,
    /// What is to be said where they are not, and where days are not the viewer's.
    pub(super) troubles: Vec<String>,
}

impl Counted {
    pub(super) fn new(freshness: &Freshness, clock: &Clock) -> Self {
        let at = freshness.counted_at;
        let lag = (clock.now().duration_since(at) > LAG_MAX).then(|| {
            format!(
                "The figures lag behind: what has come in since {} is not in all of them yet.",
                clock.to_the_second(at)
            )
        });
        Self { at: clock.moment(at), troubles: clock.zone_trouble().into_iter().chain(lag).collect() }
    }
}

/// The choice of a period.
pub(super) struct Periods {
    /// The page that the choice is for.
    pub(super) path: String,
    /// The part of an address that names the period.
    pub(super) query: String,
    /// The other words of the address, which another period keeps.
    pub(super) kept: Vec<(&'static str, String)>,
    pub(super) usual: Vec<PeriodLink>,
    /// The range's days where one was chosen, for its fields.
    pub(super) from: String,
    pub(super) to: String,
    pub(super) name: String,
    pub(super) is_range: bool,
}

pub(super) struct PeriodLink {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) is_chosen: bool,
}

impl Periods {
    /// For the page at this path, whose address has these words besides.
    pub(super) fn new(
        path: &str,
        kept: Vec<(&'static str, String)>,
        choice: &PeriodChoice,
        clock: &Clock,
    ) -> Self {
        let words: Vec<String> =
            kept.iter().map(|(name, value)| format!("{name}={}", text::url_encoded(value))).collect();
        let with_words =
            if words.is_empty() { path.to_owned() } else { format!("{path}?{}", words.join("&")) };
        let usual = Choice::USUAL.map(|usual| PeriodLink {
            path: usual.path(&with_words),
            name: usual.name(),
            is_chosen: usual == choice.choice,
        });
        let (from, to) = match choice.choice {
            Choice::Range(from, to) => (from.to_string(), to.to_string()),
            Choice::Day | Choice::Days(_) => (String::new(), clock.today().to_string()),
        };
        let is_range = matches!(choice.choice, Choice::Range(..));
        let query = choice.choice.query();
        Self {
            path: path.to_owned(),
            query,
            kept,
            usual: usual.into(),
            from,
            to,
            name: choice.choice.name(),
            is_range,
        }
    }
}

/// One figure, large.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) tone: &'static str,
    pub(super) count: String,
    /// The mails behind it, where a search can name them.
    pub(super) path: Option<String>,
    pub(super) rate: Option<String>,
    /// What the rate is a part of.
    pub(super) rate_of: &'static str,
    /// How it changed against the period before.
    pub(super) change: Option<String>,
    pub(super) besides: Option<String>,
}

/// A chart, drawn and as a table.
pub(super) struct ShownChart {
    pub(super) svg: String,
    pub(super) json: String,
    pub(super) is_empty: bool,
    pub(super) legend: Vec<(&'static str, &'static str)>,
    pub(super) rows: Vec<(String, Vec<String>)>,
}

impl ShownChart {
    pub(super) fn new(overview: &Overview, choice: &PeriodChoice, clock: &Clock) -> Self {
        let values = |value: fn(&Figures) -> u64| {
            overview.series.iter().map(|bucket| value(&bucket.figures)).collect::<Vec<_>>()
        };
        let series = vec![
            Series { name: "Sent", tone: "neutral", bars: true, values: values(|figures| figures.sent) },
            Series {
                name: "Delivered",
                tone: "delivered",
                bars: false,
                values: values(|figures| figures.delivered),
            },
            Series { name: "Opened", tone: "opened", bars: false, values: values(|figures| figures.opened) },
            Series {
                name: "Clicked",
                tone: "clicked",
                bars: false,
                values: values(|figures| figures.clicked),
            },
            Series { name: "Bounced", tone: "bounced", bars: false, values: values(Figures::bounced) },
        ];
        let chart = Chart {
            times: overview.series.iter().map(|bucket| bucket.from.as_second()).collect(),
            names: overview.series.iter().map(|bucket| choice.bucket_name(bucket.from, clock)).collect(),
            series,
        };
        let row = |place: usize| chart.series.iter().map(|series| grouped(series.values[place])).collect();
        Self {
            svg: chart.svg(),
            json: chart.json(),
            is_empty: chart.is_empty(),
            legend: chart.series.iter().map(|series| (series.name, series.tone)).collect(),
            rows: chart.names.iter().enumerate().map(|(place, name)| (name.clone(), row(place))).collect(),
        }
    }
}

/// A template or a domain, and what harm it does.
pub(super) struct WorstRow {
    pub(super) name: String,
    pub(super) path: Option<String>,
    pub(super) sent: String,
    pub(super) bounced: String,
    /// The mails that bounced, where a search can name them.
    pub(super) bounced_path: Option<String>,
    pub(super) complained: String,
}

/// The condition that a mail has this template; nothing where the name is too long to be searched for, or empty.
pub(super) fn has_template(name: &str) -> Option<Condition> {
    Value::new(name).ok().map(Condition::Template)
}

/// The six figures, of all mails or of a template's.
pub(super) fn tiles(overview: &Overview, choice: &PeriodChoice, template: Option<&str>) -> Vec<Tile> {
    let (now, before) = (&overview.figures, &overview.before);
    let rates = now.rates(&overview.seen, overview.period);
    let rates_before = before.rates(&overview.seen, overview.period.before());
    // Without the condition a link would lead to mails of all templates.
    let of_template: Option<Vec<Term>> = match template {
        Some(name) => has_template(name).map(|condition| vec![Term::is(condition)]),
        None => Some(Vec::new()),
    };
    let mails = |terms: &[Term]| {
        let of_template = of_template.clone()?;
        Some(choice.mails_path_of(of_template.into_iter().chain(terms.iter().cloned())))
    };
    let path = |kind| mails(&[Term::is(Condition::Event(kind, None))]);
    let tile = |name, tone, count: u64, kind, rate: Rate, rate_before: Rate, rate_of| Tile {
        name,
        tone,
        count: if rate == Rate::Unknown { "–".to_owned() } else { grouped(count) },
        path: path(kind),
        rate: Some(percentage(rate)),
        rate_of,
        change: points(rate_before, rate),
        besides: None,
    };
    let machines = |count: u64, what: &str| {
        (count > 0).then(|| format!("and {} {what} by machines alone", grouped(count)))
    };
    let bounced = now.bounced();
    vec![
        Tile {
            name: "Sent",
            tone: "neutral",
            count: grouped(now.sent),
            // What SES refused or could not render is not sent.
            path: mails(
                &[EventKind::Reject, EventKind::RenderingFailure]
                    .map(|kind| Term::is_not(Condition::Event(kind, None))),
            ),
            rate: None,
            rate_of: "recipients",
            change: change(before.sent, now.sent),
            besides: (now.mails != now.sent).then(|| format!("in {} mails", grouped(now.mails))),
        },
        tile(
            "Delivered",
            "delivered",
            now.delivered,
            EventKind::Delivery,
            rates.delivery,
            rates_before.delivery,
            "of sent",
        ),
        Tile {
            besides: (now.hard_bounced > 0 && now.hard_bounced < bounced)
                .then(|| format!("{} of them for good", grouped(now.hard_bounced))),
            ..tile(
                "Bounced",
                "bounced",
                bounced,
                EventKind::Bounce,
                rates.bounce,
                rates_before.bounce,
                "of sent",
            )
        },
        tile(
            "Complained",
            "complained",
            now.complained,
            EventKind::Complaint,
            rates.complaint,
            rates_before.complaint,
            "of delivered",
        ),
        Tile {
            besides: machines(now.machine_opened, "opened"),
            ..tile(
                "Opened",
                "opened",
                now.opened,
                EventKind::Open,
                rates.open,
                rates_before.open,
                "of delivered mails",
            )
        },
        Tile {
            besides: machines(now.machine_clicked, "clicked"),
            ..tile(
                "Clicked",
                "clicked",
                now.clicked,
                EventKind::Click,
                rates.click,
                rates_before.click,
                "of delivered mails",
            )
        },
    ]
}

/// Where figures are less than what is there.
const STILL_COUNTING: &str = "some of the mails are still being counted, and the figures will grow";

/// What else became of mails, where anything did.
pub(super) fn notes(overview: &Overview) -> Vec<String> {
    let figures = &overview.figures;
    // As many at least: who bounced after the delivery is among both.
    let came_back_later = (figures.delivered + figures.bounced()).saturating_sub(figures.sent);
    let notes = [
        (
            came_back_later,
            "or more bounced after it was delivered, and counts as both",
            "or more bounced after they were delivered, and count as both",
        ),
        (figures.delayed, "was put off at least once", "were put off at least once"),
        (
            figures.not_tried,
            "was not tried by SES, being on a suppression list",
            "were not tried by SES, being on a suppression list",
        ),
        (
            figures.rejected,
            "was rejected by SES and is not among the sent",
            "were rejected by SES and are not among the sent",
        ),
        (
            figures.failed,
            "could not be rendered from its template and is not among the sent",
            "could not be rendered from their template and are not among the sent",
        ),
        (
            figures.possibly_complained,
            "may have complained: the provider named everyone at the domain",
            "may have complained: their provider named everyone at their domain",
        ),
    ];
    notes
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, several)| format!("{} {}", grouped(count), if count == 1 { one } else { several }))
        .chain(overview.freshness.is_counting.then(|| STILL_COUNTING.to_owned()))
        .collect()
}

/// A domain's row, of all mails or of a template's.
pub(super) fn of_domain(domain: &DomainFigures, choice: &PeriodChoice, template: Option<&str>) -> WorstRow {
    let condition = Value::new(&domain.domain).ok().map(Condition::Domain);
    // Without the condition a link would lead to mails of all templates.
    let of_template = match template {
        Some(name) => has_template(name).map(|condition| vec![condition]),
        None => Some(Vec::new()),
    };
    let conditions = of_template.zip(condition).map(|(template, domain)| [template, vec![domain]].concat());
    let bounce = Condition::Event(EventKind::Bounce, None);
    WorstRow {
        name: text::value(&domain.domain),
        path: conditions.clone().map(|conditions| choice.mails_path(conditions)),
        sent: grouped(domain.sent),
        bounced: harm(domain.bounced, domain.sent),
        bounced_path: conditions.map(|conditions| choice.mails_path(conditions.into_iter().chain([bounce]))),
        complained: harm(domain.complained, domain.delivered),
    }
}

/// A reason for which mail came back.
pub(super) struct ReasonRow {
    pub(super) meaning: String,
    pub(super) code: Option<String>,
    pub(super) count: String,
    pub(super) path: String,
}

impl ReasonRow {
    pub(super) fn new(reason: &BounceReason, choice: &PeriodChoice) -> Self {
        Self::besides(Vec::new(), reason, choice)
    }

    /// The same among a template's mails. Where no search can hold its name, the list is that of all templates.
    pub(super) fn of_template(reason: &BounceReason, choice: &PeriodChoice, template: &str) -> Self {
        Self::besides(has_template(template).into_iter().collect(), reason, choice)
    }

    fn besides(besides: Vec<Condition>, reason: &BounceReason, choice: &PeriodChoice) -> Self {
        // Both: a subtype such as General is of hard bounces and of soft ones.
        let by = [reason.kind.as_deref(), reason.subtype.as_deref()];
        let by = by.into_iter().flatten().filter_map(|by| Value::new(by).ok()).map(Condition::Bounce);
        let mut conditions: Vec<Condition> = by.collect();
        if conditions.is_empty() {
            conditions.push(Condition::Event(EventKind::Bounce, None));
        }
        Self {
            meaning: bounce_meaning(reason.kind.as_deref(), reason.subtype.as_deref()),
            code: reason.code.as_deref().map(text::value),
            count: grouped(reason.bounces),
            path: choice.mails_path(besides.into_iter().chain(conditions)),
        }
    }
}

/// `12 (3.4 %)`
pub(super) fn harm(count: u64, of: u64) -> String {
    if count == 0 {
        "0".to_owned()
    } else {
        format!("{} ({})", grouped(count), percentage(Rate::Of { count, of }))
    }
}

#[cfg(test)]
pub(super) mod tests;
