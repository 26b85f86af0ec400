//! The pages: what a request asks for, as far as it can be asked, and what the answer shows.

mod blocklist;
mod feeds;
mod figures;
mod first_start;
mod list;
mod mail;
mod overview;
mod parked;
mod problem;
mod quarantine;
mod recipient;
mod schema;
mod storage;
mod templates;
mod zone;

use aftersend_store::search::query::QUERY_CHARS_MAX;
use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

pub(crate) use blocklist::{
    BlocklistListPage, IMPORT_BYTES_MAX, Imported, PAGE_BLOCKS as BLOCKLIST_PAGE_BLOCKS,
};
pub(crate) use feeds::FeedsPage;
pub(crate) use first_start::FirstStartPage;
pub(crate) use list::{BadRequest, ListPage, ListRequest, News, Params};
pub(crate) use mail::{Back, BodyChoice, MailPage};
pub(crate) use overview::{Glance, OverviewPage, WORST_SHOWN};
pub(crate) use parked::{PAGE_EVENTS as PARKED_PAGE_EVENTS, ParkedListPage, cursor as parked_cursor};
pub(crate) use problem::Problem;
pub(crate) use quarantine::{PAGE_MESSAGES as QUARANTINE_PAGE_MESSAGES, QuarantineListPage, QuarantinedPage};
pub(crate) use recipient::{PAGE_MAILS as RECIPIENT_PAGE_MAILS, RecipientPage, recipient_path};
pub(crate) use schema::SchemaPage;
pub(crate) use storage::{StoragePage, Stored};
pub(crate) use templates::{
    BouncesLook, OneTemplatePage, PAGE_TEMPLATES, ROWS_SHOWN as TEMPLATE_ROWS_SHOWN, TemplateLists,
    TemplatesPage, order as template_order,
};
pub(crate) use zone::ZonePage;

use crate::{assets, clock::Clock};

/// The pages that the head of every page names, by their paths.
const PLACES: [(&str, &str); 5] = [
    ("/", "Overview"),
    ("/mails", "Mails"),
    ("/templates", "Templates"),
    ("/blocklist", "Blocklist"),
    ("/feeds", "Feeds"),
];

/// What the frame around every page needs.
pub(crate) struct Frame {
    style_path: String,
    mark_path: String,
    script_path: String,
    moves_path: String,
    /// The page's place among those that the head of every page names.
    here: &'static str,
    /// Whether the page is that place itself, and not one below it.
    is_there: bool,
    /// The zone that the page tells times in, if it tells any.
    zone: Option<String>,
}

impl Frame {
    /// Of a page that stands beside those in the head and tells no time.
    pub(crate) fn timeless() -> Self {
        Self {
            style_path: assets::path("site.css"),
            mark_path: assets::path("mark.svg"),
            script_path: assets::path("site.js"),
            moves_path: assets::path("htmx.min.js"),
            here: "",
            is_there: false,
            zone: None,
        }
    }

    /// Of the page with this path, which the head names.
    pub(crate) fn of(here: &'static str, clock: &Clock) -> Self {
        Self { is_there: true, ..Self::below(here, clock) }
    }

    /// Of a page below the one with this path.
    pub(crate) fn below(here: &'static str, clock: &Clock) -> Self {
        Self { here, zone: Some(clock.zone_name().to_owned()), ..Self::timeless() }
    }

    /// How much the head's field to search mails with takes, in characters; the list of mails has one of its own.
    fn search_chars_max(&self) -> Option<usize> {
        let is_list = self.here == "/mails" && self.is_there;
        (!is_list).then_some(QUERY_CHARS_MAX)
    }

    /// The links of the head: path, name, and what is said of the place where the page stands, `page` on that very
    /// page and `true` on one below it.
    fn places(&self) -> impl Iterator<Item = (&'static str, &'static str, Option<&'static str>)> {
        PLACES.into_iter().map(|(path, name)| {
            (path, name, (self.here == path).then_some(if self.is_there { "page" } else { "true" }))
        })
    }
}

/// What a page says first: what became of the change that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    tone: &'static str,
    sentence: &'static str,
}

impl Notice {
    pub(crate) fn good(sentence: &'static str) -> Self {
        Self { tone: "tone-delivered", sentence }
    }

    pub(crate) fn bad(sentence: &'static str) -> Self {
        Self { tone: "tone-waiting", sentence }
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
