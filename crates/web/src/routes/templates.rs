//! Templates: all of them, and one.

use aftersend_store::{FiguresError, QueryError, Store, TemplateOrder, TemplateQuery};
use axum::{
    extract::{
        Path, Query, RawQuery, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::{Redirect, Response},
};
use serde::Deserialize;

use crate::{
    clock::Clock,
    pages::{
        BadRequest, BouncesLook, OneTemplatePage, PAGE_TEMPLATES, Problem, TEMPLATE_ROWS_SHOWN,
        TemplateLists, TemplatesPage, answer, template_order,
    },
    period::{PeriodChoice, PeriodParams},
    text,
};

/// Bytes of a template's name at most, as an address has it: what the widest column takes.
const NAME_BYTES_MAX: usize = 2_600;

/// Templates that may be passed over at most: as many as are told apart.
const SKIP_MAX: usize = 1_000;

// Not `#[serde(flatten)]`: it makes numbers of a query unreadable.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Params {
    period: Option<String>,
    from: Option<String>,
    to: Option<String>,
    sort: Option<String>,
    skip: Option<usize>,
}

/// `GET /templates?period=…&sort=…&skip=…`
pub(super) async fn templates(
    State(store): State<Store>,
    clock: Clock,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(params) = params.map_err(|_| Problem::bad_request(&BadRequest::Query))?;
    let period = PeriodParams { period: params.period, from: params.from, to: params.to };
    let choice = PeriodChoice::parse(&period, &clock).map_err(Problem::no_period)?;
    let order = match params.sort.as_deref() {
        None | Some("") => TemplateOrder::Sent,
        Some(name) => template_order(name).ok_or_else(|| Problem::bad_request(&BadRequest::Query))?,
    };
    let skip = params.skip.unwrap_or(0).min(SKIP_MAX);
    let page = match all_counted(&store, order, skip, &choice, &clock).await {
        Err(FiguresError::TimeZone(_)) => {
            let clock = clock.without_zone();
            let choice = PeriodChoice::parse(&period, &clock).map_err(Problem::no_period)?;
            all_counted(&store, order, skip, &choice, &clock).await
        }
        page => page,
    };
    Ok(page?)
}

async fn all_counted(
    store: &Store,
    order: TemplateOrder,
    skip: usize,
    choice: &PeriodChoice,
    clock: &Clock,
) -> Result<Response, FiguresError> {
    let query = TemplateQuery { period: choice.period, order, skip, templates_max: PAGE_TEMPLATES };
    let page = store.list_templates(&query).await?;
    let names: Vec<&str> = page.templates.iter().filter_map(|template| template.name.as_deref()).collect();
    let zone = clock.zone_for_store();
    let trends = store.template_trends(&names, choice.period, choice.width(), &zone).await?;
    let seen = store.seen_types().await?;
    Ok(answer(StatusCode::OK, &TemplatesPage::new(&page, &trends, order, skip, &seen, choice, clock)))
}

// As above, without `flatten`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OneParams {
    name: Option<String>,
    period: Option<String>,
    from: Option<String>,
    to: Option<String>,
    why: Option<String>,
}

/// `GET /template?name=…&period=…&why=yes`
pub(super) async fn template(
    State(store): State<Store>,
    clock: Clock,
    params: Result<Query<OneParams>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(params) = params.map_err(|_| Problem::bad_request(&BadRequest::Query))?;
    let name = params.name.filter(|name| name.len() <= NAME_BYTES_MAX && !name.contains('\0'));
    let name = name.ok_or_else(Problem::no_such_page)?;
    let with_bounces = params.why.as_deref() == Some("yes");
    let period = PeriodParams { period: params.period, from: params.from, to: params.to };
    let choice = PeriodChoice::parse(&period, &clock).map_err(Problem::no_period)?;
    let page = match one_counted(&store, &name, with_bounces, &choice, &clock).await {
        Err(FiguresError::TimeZone(_)) => {
            let clock = clock.without_zone();
            let choice = PeriodChoice::parse(&period, &clock).map_err(Problem::no_period)?;
            one_counted(&store, &name, with_bounces, &choice, &clock).await
        }
        page => page,
    };
    Ok(page?)
}

async fn one_counted(
    store: &Store,
    name: &str,
    with_bounces: bool,
    choice: &PeriodChoice,
    clock: &Clock,
) -> Result<Response, FiguresError> {
    let zone = clock.zone_for_store();
    let overview = store.overview(choice.period, choice.width(), &zone, Some(name)).await?;
    let template = store.find_template(name, choice.period).await?;
    let links = store.links(name, choice.period, TEMPLATE_ROWS_SHOWN).await?;
    let domains = store.template_domains(name, choice.period, TEMPLATE_ROWS_SHOWN).await?;
    let bounces = if with_bounces {
        match store.template_bounce_reasons(name, choice.period, TEMPLATE_ROWS_SHOWN).await {
            Ok(bounces) => BouncesLook::Told(bounces),
            // The rest of the page is of use without.
            Err(FiguresError::Query(QueryError::TimedOut)) => BouncesLook::TooLong,
            Err(error) => return Err(error),
        }
    } else {
        BouncesLook::NotAsked
    };
    let lists = TemplateLists { links, domains, bounces };
    let page = OneTemplatePage::new(&template, name, &overview, &lists, choice, clock);
    Ok(answer(StatusCode::OK, &page))
}

/// `GET /templates/{name}`: the address of a template's page in earlier versions.
pub(super) async fn moved(
    name: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Redirect, Problem> {
    let Path(name) = name.map_err(|_| Problem::no_such_page())?;
    let query = query.filter(|query| !query.is_empty()).map(|query| format!("&{query}")).unwrap_or_default();
    let name = text::url_encoded(&name);
    Ok(Redirect::to(&format!("/template?name={name}{query}")))
}
