//! A period at a glance.

use aftersend_store::{
    Alarm, BounceReason, COMPLAINT_WARNING_PERCENT, DomainFigures, Overview, TemplateFigures,
    search::query::{Condition, EventKind, Value},
};
use askama::Template;

use super::{
    Frame,
    figures::{
        ChartAssets, Counted, Periods, ReasonRow, ShownChart, Tile, WorstRow, harm, has_template, notes,
        of_domain, tiles,
    },
    templates::template_path,
};
use crate::{
    clock::Clock,
    numbers::{grouped, percentage},
    period::PeriodChoice,
    text,
};

/// Rows of each list of what is worst.
pub(crate) const WORST_SHOWN: usize = 5;

/// What the page is made from.
pub(crate) struct Glance<'a> {
    pub(crate) overview: &'a Overview,
    pub(crate) alarms: &'a [Alarm],
    pub(crate) templates: &'a [TemplateFigures],
    pub(crate) domains: &'a [DomainFigures],
    pub(crate) reasons: &'a [BounceReason],
}

/// The page.
#[derive(Template)]
#[template(path = "overview.html")]
pub(crate) struct OverviewPage {
    frame: Frame,
    chart_assets: ChartAssets,
    periods: Periods,
    counted: Counted,
    alarms: Vec<ShownAlarm>,
    tiles: Vec<Tile>,
    /// What the figures leave out, or say besides.
    notes: Vec<String>,
    chart: ShownChart,
    templates: Vec<WorstRow>,
    domains: Vec<WorstRow>,
    reasons: Vec<ReasonRow>,
}

struct ShownAlarm {
    tone: &'static str,
    sentence: String,
    path: String,
    link: &'static str,
}

impl OverviewPage {
    pub(crate) fn new(glance: &Glance<'_>, choice: &PeriodChoice, clock: &Clock) -> Self {
        let Glance { overview, alarms, templates, domains, reasons } = *glance;
        Self {
            frame: Frame::of("/", clock),
            chart_assets: ChartAssets::new(),
            periods: Periods::new("/", Vec::new(), choice, clock),
            counted: Counted::new(&overview.freshness, clock),
            alarms: alarms
                .iter()
                .map(|alarm| ShownAlarm::new(alarm, choice, clock))
                .chain(ShownAlarm::few_complaints(overview, alarms, choice))
                .collect(),
            tiles: tiles(overview, choice, None),
            notes: notes(overview),
            chart: ShownChart::new(overview, choice, clock),
            templates: templates.iter().filter_map(|template| of_template(template, choice)).collect(),
            domains: domains.iter().map(|domain| of_domain(domain, choice, None)).collect(),
            reasons: reasons.iter().map(|reason| ReasonRow::new(reason, choice)).collect(),
        }
    }
}

impl ShownAlarm {
    /// A rate of complaints that SES would review, of too few recipients to raise an alarm: to be seen nevertheless.
    fn few_complaints(overview: &Overview, alarms: &[Alarm], choice: &PeriodChoice) -> Option<Self> {
        let rate = overview.figures.rates(&overview.seen, overview.period).complaint;
        let reaches = rate.percent().is_some_and(|percent| percent >= COMPLAINT_WARNING_PERCENT);
        let is_told = alarms.iter().any(|alarm| matches!(alarm, Alarm::Complaints(_)));
        (reaches && !is_told).then(|| Self {
            tone: "tone-waiting",
            sentence: format!(
                "{} of {} who got mail in this period called it spam ({}). From 0.1 % on, SES reviews an account; of \
                 so few the rate says little yet.",
                grouped(overview.figures.complained),
                grouped(overview.figures.delivered),
                percentage(rate)
            ),
            path: choice.mails_path([Condition::Event(EventKind::Complaint, None)]),
            link: "The mails complained of",
        })
    }

    fn new(alarm: &Alarm, choice: &PeriodChoice, clock: &Clock) -> Self {
        let events = |kind| choice.mails_path([Condition::Event(kind, None)]);
        match *alarm {
            Alarm::Bounces(rate) => Self {
                tone: "tone-bounced",
                sentence: format!(
                    "{} of the mail of this period bounced for good. From 5 % on, SES reviews an account; from 10 % \
                     on, it may stop it from sending.",
                    percentage(rate)
                ),
                path: choice.mails_path(Value::new("hard").ok().map(Condition::Bounce)),
                link: "The mails that bounced for good",
            },
            Alarm::Complaints(rate) => Self {
                tone: "tone-bounced",
                sentence: format!(
                    "{} of those who got mail in this period called it spam. From 0.1 % on, SES reviews an account; \
                     from 0.5 % on, it may stop it from sending.",
                    percentage(rate)
                ),
                path: events(EventKind::Complaint),
                link: "The mails complained of",
            },
            Alarm::Silence(silence) => Self {
                tone: "tone-bounced",
                sentence: format!(
                    "{} mails were sent since anything was heard of what became of them, {}.",
                    grouped(silence.mails_since),
                    clock.ago(silence.last_event_at)
                ),
                path: "/feeds".to_owned(),
                link: "How the feeds are",
            },
            Alarm::Parked(parked) => Self {
                tone: "tone-bounced",
                sentence: format!(
                    "{}{}.",
                    match parked.events {
                        1 => "1 event waits for its mail for longer than it should".to_owned(),
                        events => {
                            format!(
                                "{} events wait for their mail for longer than they should",
                                grouped(events)
                            )
                        }
                    },
                    parked
                        .oldest_received_at
                        .map_or_else(String::new, |at| format!("; the oldest came {}", clock.ago(at)))
                ),
                path: "/parked".to_owned(),
                link: "What is parked",
            },
            Alarm::Quarantine { messages, oldest_received_at } => Self {
                tone: "tone-bounced",
                sentence: format!(
                    "{} {} in quarantine; the oldest came {}.",
                    grouped(messages),
                    if messages == 1 { "message" } else { "messages" },
                    clock.ago(oldest_received_at)
                ),
                path: "/quarantine".to_owned(),
                link: "Look at them",
            },
        }
    }
}

/// Nothing for mails of no template: the list can't be told to search for them.
fn of_template(template: &TemplateFigures, choice: &PeriodChoice) -> Option<WorstRow> {
    let name = template.name.as_deref()?;
    let bounce = Condition::Event(EventKind::Bounce, None);
    Some(WorstRow {
        name: text::value(name),
        path: Some(choice.path(&template_path(name))),
        sent: grouped(template.figures.sent),
        bounced: harm(template.figures.bounced(), template.figures.sent),
        bounced_path: has_template(name).map(|condition| choice.mails_path([condition, bounce])),
        complained: harm(template.figures.complained, template.figures.delivered),
    })
}

#[cfg(test)]
mod tests;
