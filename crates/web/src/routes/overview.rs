//! The overview.

use aftersend_store::{
    FiguresError, QueryError, Search, Store, TemplateOrder, TemplateQuery, search::query::Query as MailQuery,
};
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};

use crate::{
    clock::Clock,
    pages::{BadRequest, FirstStartPage, Glance, OverviewPage, Problem, WORST_SHOWN, answer},
    period::{PeriodChoice, PeriodParams},
};

/// `GET /?period=…`
pub(super) async fn overview(
    State(store): State<Store>,
    clock: Clock,
    params: Result<Query<PeriodParams>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(params) = params.map_err(|_| Problem::bad_request(&BadRequest::Query))?;
    let choice = PeriodChoice::parse(&params, &clock).map_err(Problem::no_period)?;
    let page = match counted(&store, &choice, &clock).await {
        Err(FiguresError::TimeZone(_)) => {
            let clock = clock.without_zone();
            let choice = PeriodChoice::parse(&params, &clock).map_err(Problem::no_period)?;
            counted(&store, &choice, &clock).await
        }
        page => page,
    };
    Ok(page?)
}

async fn counted(store: &Store, choice: &PeriodChoice, clock: &Clock) -> Result<Response, FiguresError> {
    let zone = clock.zone_for_store();
    let query = TemplateQuery {
        period: choice.period,
        order: TemplateOrder::Harm,
        skip: 0,
        templates_max: WORST_SHOWN,
    };
    // One after the other: a page that takes all connections keeps others waiting for longer than it saves.
    let overview = store.overview(choice.period, choice.width(), &zone, None).await?;
    if overview.figures.mails == 0 && has_no_mail(store).await? {
        return Ok(answer(StatusCode::OK, &FirstStartPage::new(clock)));
    }
    let signals = store.signals().await?;
    let alarms = signals.alarms(&overview.figures, &overview.seen, choice.period, clock.now());
    let templates = store.list_templates(&query).await?.templates;
    let domains = store.worst_domains(choice.period, None, WORST_SHOWN).await?;
    let reasons = store.bounce_reasons(choice.period, WORST_SHOWN).await?;
    let harmful = |harm: u64| harm > 0;
    let templates: Vec<_> = templates
        .into_iter()
        .filter(|template| harmful(template.figures.bounced() + template.figures.complained))
        .collect();
    let domains: Vec<_> =
        domains.into_iter().filter(|domain| harmful(domain.bounced + domain.complained)).collect();
    let glance = Glance {
        overview: &overview,
        alarms: &alarms,
        templates: &templates,
        domains: &domains,
        reasons: &reasons,
    };
    Ok(answer(StatusCode::OK, &OverviewPage::new(&glance, choice, clock)))
}

/// Whether nothing has ever come in.
async fn has_no_mail(store: &Store) -> Result<bool, QueryError> {
    let first = Search { mails_max: 1, ..Search::new(MailQuery::default()) };
    Ok(store.search(&first).await?.mails.is_empty())
}
