//! Which path answers what.

mod mails;
mod operation;
mod waiting;
mod zone;

use axum::{
    Router,
    http::StatusCode,
    middleware,
    response::Redirect,
    routing::{get, post},
};

use crate::{Site, assets, headers, pages::Problem};

/// The site, every page and asset of it.
pub fn router(site: impl Into<Site>) -> Router {
    Router::new()
        .route("/", get(async || Redirect::temporary("/mails")))
        .route("/mails", get(mails::list))
        .route("/mails/{uuid}", get(mails::mail))
        .route("/mails/by-id/{id}", get(mails::mail_by_id))
        .route("/feeds", get(operation::feeds))
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

/// What probes and Prometheus ask.
fn for_machines() -> Router<Site> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(operation::ready))
        .route("/metrics", get(operation::metrics))
}

#[cfg(test)]
mod tests;
