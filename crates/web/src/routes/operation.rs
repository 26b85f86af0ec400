//! How the program and its feeds are: for people, probes and scrapes.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    Site,
    clock::Clock,
    pages::{FeedsPage, Problem, SchemaPage, answer},
};

/// <https://prometheus.io/docs/instrumenting/exposition_formats/#basic-info>
const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /feeds`
pub(super) async fn feeds(State(site): State<Site>, clock: Clock) -> Response {
    let (readings, unread) = site.read().await;
    let (feeds, trouble) = (site.operation().feeds(), site.operation().database_trouble());
    let page = FeedsPage::new(&feeds, trouble.as_deref(), &readings, unread.as_deref(), &clock);
    answer(StatusCode::OK, &page)
}

/// `GET /schema`
pub(super) async fn schema(State(site): State<Site>, clock: Clock) -> Result<Response, Problem> {
    let findings = site.store().schema_findings().await.map_err(|error| Problem::schema(&error))?;
    Ok(answer(StatusCode::OK, &SchemaPage::new(&findings, &clock)))
}

/// `GET /readyz`: whether mails can be shown and events be taken in, or why not, a line for each reason.
pub(super) async fn ready(State(site): State<Site>) -> (StatusCode, String) {
    let troubles = site.troubles().await;
    if troubles.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, troubles.join("\n") + "\n")
}

/// `GET /metrics`: answered also while the database does not, which is when somebody looks.
pub(super) async fn metrics(State(site): State<Site>) -> Response {
    let (readings, unread) = site.read().await;
    if let Some(reason) = unread {
        tracing::warn!(reason, "a scrape of the metrics lacks what the database knows");
    }
    let headers = [(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)];
    (headers, site.operation().metrics(&readings)).into_response()
}
