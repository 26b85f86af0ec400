//! Which path answers what.

mod mails;
mod operation;
mod waiting;
mod zone;

use axum::{
    Router, middleware,
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
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(operation::ready))
        .route("/metrics", get(operation::metrics))
        .fallback(async || Problem::no_such_page())
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .with_state(site.into())
        .layer(middleware::from_fn(headers::guard))
}

#[cfg(test)]
mod tests;
