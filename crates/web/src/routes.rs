//! Which path answers what.

mod mails;
mod operation;
mod overview;
mod recipients;
mod storage;
mod templates;
mod waiting;
mod zone;

use aftersend_store::QueryError;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware,
    routing::{get, post},
};

use crate::{Site, assets, headers, pages::Problem};

/// The site, every page and asset of it.
pub fn router(site: impl Into<Site>) -> Router {
    Router::new()
        .route("/", get(overview::overview))
        .route("/mails", get(mails::list))
        .route("/mails/new", get(mails::news))
        .route("/mails/export/{format}", get(mails::export))
        .route("/mails/{uuid}", get(mails::mail))
        .route("/mails/{uuid}/body", get(mails::body))
        .route("/mails/by-id/{id}", get(mails::mail_by_id))
        .route("/recipients/{address}", get(recipients::recipient))
        .route("/blocklist", get(recipients::blocklist))
        .route("/blocklist/cause", get(recipients::cause))
        .route("/blocklist/add", post(recipients::add))
        .route("/blocklist/remove", post(recipients::remove))
        .route(
            "/blocklist/import",
            post(recipients::import).layer(DefaultBodyLimit::max(recipients::IMPORT_FORM_BYTES_MAX)),
        )
        .route("/blocklist/export", get(recipients::export))
        .route("/templates", get(templates::templates))
        .route("/template", get(templates::template))
        .route("/templates/{name}", get(templates::moved))
        .route("/feeds", get(operation::feeds))
        .route("/storage", get(storage::storage))
        .route("/schema", get(operation::schema))
        .route("/quarantine", get(waiting::quarantine))
        .route("/quarantine/{uuid}", get(waiting::quarantined))
        .route("/quarantine/{uuid}/reread", post(waiting::reread))
        .route("/quarantine/{uuid}/drop", post(waiting::drop_quarantined))
        .route("/parked", get(waiting::parked))
        .route("/parked/drop", post(waiting::drop_parked))
        .route("/zone", get(zone::choose).post(zone::set))
        .route("/assets/{name}", get(assets::serve))
        .merge(for_machines())
        .fallback(async || Problem::no_such_page())
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .with_state(site.into())
        .layer(middleware::from_fn(headers::guard))
}

/// Probes and metrics alone, for a program that runs feeds and shows no mail.
pub fn operation_router(site: impl Into<Site>) -> Router {
    for_machines()
        .fallback(async || (StatusCode::NOT_FOUND, "here are /healthz, /readyz and /metrics\n"))
        .with_state(site.into())
        .layer(middleware::from_fn(headers::guard))
}

/// Tells of an export that can't go on. Its connection is cut, so that no file looks whole that is not; why, only the log can
/// say. The error's own sentence holds no value of any row.
fn broken_off(error: QueryError) -> QueryError {
    tracing::error!(%error, "an export broke off");
    error
}

/// What probes and Prometheus ask.
fn for_machines() -> Router<Site> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(operation::ready))
        .route("/metrics", get(operation::metrics))
}

#[cfg(test)]
mod tests;
