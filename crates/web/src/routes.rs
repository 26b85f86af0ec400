//! Which path answers what.

use aftersend_store::{Store, Story};
use axum::{
    Router,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    Site, assets, headers,
    pages::{BadRequest, FeedsPage, ListPage, ListRequest, MailPage, Params, Problem, answer},
};

/// <https://prometheus.io/docs/instrumenting/exposition_formats/#basic-info>
const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bytes of an id at most: as much as the widest of the columns that hold one takes, and some.
const ID_BYTES_MAX: usize = 1_024;

/// The site, every page and asset of it.
pub fn router(site: impl Into<Site>) -> Router {
    Router::new()
        .route("/", get(async || Redirect::temporary("/mails")))
        .route("/mails", get(list))
        .route("/mails/{uuid}", get(mail))
        .route("/mails/by-id/{id}", get(mail_by_id))
        .route("/feeds", get(feeds))
        .route("/assets/{name}", get(assets::serve))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(async || Problem::no_such_page())
        .method_not_allowed_fallback(async || Problem::read_only())
        .with_state(site.into())
        .layer(middleware::from_fn(headers::guard))
}

/// `GET /mails?q=…&status=…&older=…`
async fn list(
    State(store): State<Store>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(params) = params.map_err(|_| Problem::bad_request(BadRequest::Query))?;
    let request = ListRequest::parse(params).map_err(Problem::bad_request)?;
    if let Some(id) = request.possible_id()
        && let Some(found) = find(&store, id).await?
    {
        return Ok(to_mail(&found));
    }
    let page = store.list_mails(&request.query()).await.map_err(|error| Problem::store(&error))?;
    Ok(answer(StatusCode::OK, &ListPage::new(&request, &page, Timestamp::now())))
}

/// `GET /mails/{uuid}`
async fn mail(
    State(store): State<Store>,
    uuid: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let uuid = uuid.ok().and_then(|Path(uuid)| Uuid::try_parse(&uuid).ok());
    let uuid = uuid.ok_or_else(Problem::no_such_mail)?;
    let found = find(&store, &uuid.to_string()).await?.ok_or_else(Problem::no_such_mail)?;
    // An application's message id may look like a uuid, too. Every mail has one address.
    if found.mail.summary.uuid != uuid {
        return Ok(to_mail(&found));
    }
    Ok(answer(StatusCode::OK, &MailPage::new(&found)))
}

/// `GET /mails/by-id/{id}`: to the mail with this uuid, message id or SES id.
async fn mail_by_id(
    State(store): State<Store>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Ok(Path(id)) = id else { return Err(Problem::no_such_mail()) };
    if id.len() > ID_BYTES_MAX {
        return Err(Problem::no_such_mail());
    }
    let found = find(&store, &id).await?.ok_or_else(Problem::no_such_mail)?;
    Ok(to_mail(&found))
}

/// `GET /feeds`
async fn feeds(State(site): State<Site>) -> Response {
    let (readings, unread) = site.read().await;
    let (feeds, trouble) = (site.operation().feeds(), site.operation().database_trouble());
    let page = FeedsPage::new(&feeds, trouble.as_deref(), &readings, unread.as_deref(), Timestamp::now());
    answer(StatusCode::OK, &page)
}

/// `GET /readyz`: whether mails can be shown and events be taken in, or why not, a line for each reason.
async fn ready(State(site): State<Site>) -> (StatusCode, String) {
    let troubles = site.troubles().await;
    if troubles.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, troubles.join("\n") + "\n")
}

/// `GET /metrics`: answered also while the database does not, which is when somebody looks.
async fn metrics(State(site): State<Site>) -> Response {
    let (readings, unread) = site.read().await;
    if let Some(reason) = unread {
        tracing::warn!(reason, "a scrape of the metrics lacks what the database knows");
    }
    let headers = [(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)];
    (headers, site.operation().metrics(&readings)).into_response()
}

async fn find(store: &Store, id: &str) -> Result<Option<Story>, Problem> {
    store.find_story(id).await.map_err(|error| Problem::store(&error))
}

fn to_mail(found: &Story) -> Response {
    Redirect::to(&format!("/mails/{}", found.mail.summary.uuid)).into_response()
}

#[cfg(test)]
mod tests;
