//! The pages: what a request asks for, as far as it can be asked, and what the answer shows.

mod feeds;
mod list;
mod mail;
mod problem;

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

pub(crate) use feeds::FeedsPage;
pub(crate) use list::{BadRequest, ListPage, ListRequest, Params};
pub(crate) use mail::MailPage;
pub(crate) use problem::Problem;

use crate::assets;

/// What the frame around every page needs.
pub(crate) struct Frame {
    style_path: String,
    mark_path: String,
    /// The page's place among those that the head of every page names.
    here: &'static str,
}

impl Frame {
    /// Of a page that stands below one of those in the head, or beside them.
    pub(crate) fn new() -> Self {
        Self::of("")
    }

    /// Of the page with this path, which the head names.
    pub(crate) fn of(here: &'static str) -> Self {
        Self { style_path: assets::style_path(), mark_path: assets::mark_path(), here }
    }
}

/// The page as an answer.
pub(crate) fn answer(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        // Writing to a string fails only where a value's own `Display` does.
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be written; the log says why.\n")
                .into_response()
        }
    }
}
