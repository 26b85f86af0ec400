//! Templates: all of them, and one.

use aftersend_store::{Store, TemplateOrder, TemplateQuery};
use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

use crate::{
    clock::Clock,
    pages::{
        BadRequest, OneTemplatePage, PAGE_TEMPLATES, Problem, TEMPLATE_ROWS_SHOWN, TemplatesPage, answer,
        template_order,
    },
    period::{PeriodChoice, PeriodParams},
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
    let query = TemplateQuery { period: choice.period, order, skip, templates_max: PAGE_TEMPLATES };
    let page = store.list_templates(&query).await?;
    let names: Vec<&str> = page.templates.iter().filter_map(|template| template.name.as_deref()).collect();
    let zone = clock.zone_for_store();
    let trends = store.template_trends(&names, choice.period, choice.width(), &zone).await?;
    let seen = store.seen_types().await?;
    Ok(answer(StatusCode::OK, &TemplatesPage::new(&page, &trends, order, skip, &seen, &choice, &clock)))
}

/// `GET /templates/{name}?period=…`
pub(super) async fn template(
    State(store): State<Store>,
    clock: Clock,
    name: Result<Path<String>, PathRejection>,
    params: Result<Query<PeriodParams>, QueryRejection>,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|_| Problem::no_such_page())?;
    if name.len() > NAME_BYTES_MAX || name.contains('\0') {
        return Err(Problem::no_such_page());
    }
    let Query(params) = params.map_err(|_| Problem::bad_request(&BadRequest::Query))?;
    let choice = PeriodChoice::parse(&params, &clock).map_err(Problem::no_period)?;
    let zone = clock.zone_for_store();
    let overview = store.overview(choice.period, choice.width(), &zone, Some(&name)).await?;
    let template = store.find_template(&name, choice.period).await?;
    let links = store.links(choice.period, Some(&name), TEMPLATE_ROWS_SHOWN).await?;
    let domains = store.worst_domains(choice.period, Some(&name), TEMPLATE_ROWS_SHOWN).await?;
    let page = OneTemplatePage::new(&template, &name, &overview, &links, &domains, &choice, &clock);
    Ok(answer(StatusCode::OK, &page))
}
