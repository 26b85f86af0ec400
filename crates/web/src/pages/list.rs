//! The list of mails.

use std::fmt;

use aftersend_event::Status;
use aftersend_store::{
    Cursor, MailPage, MailSummary, PageStart, Search,
    search::query::{
        Condition, QUERY_CHARS_MAX, Query, SearchTextError, Statuses, Term, VALUE_CHARS_MAX, Value,
    },
};
use askama::Template;
use serde::Deserialize;

use super::Frame;
use crate::{
    clock::{Clock, Moment},
    text,
    words::{Label, status_label, status_word},
};

/// Mails on one page.
const PAGE_MAILS: usize = 50;

/// The query of the URL, as it came.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Params {
    q: Option<String>,
    status: Option<String>,
    older: Option<String>,
    newer: Option<String>,
}

/// What to list. The URL holds all of it.
#[derive(Clone, Debug)]
pub(crate) struct ListRequest {
    text: Option<String>,
    /// What the text means.
    query: Query,
    status: Option<Status>,
    page: PageStart,
}

/// Why a request can't be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadRequest {
    Query,
    Text(SearchTextError),
    Status,
    Cursor,
    TwoCursors,
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query => f.write_str("The part of the address after the question mark can’t be read."),
            Self::Text(error) => write!(f, "The search can’t be read: {error}."),
            Self::Status => f.write_str("No mail can have the status that the address asks for; choose one."),
            Self::Cursor => f.write_str(
                "The address names a place in the list that does not exist; it may have been cut off on its way. \
                 Start at the newest mails.",
            ),
            Self::TwoCursors => {
                f.write_str("A page is either older or newer than a place in the list; the address says both.")
            }
        }
    }
}

impl ListRequest {
    /// What the URL asks for. Fields left empty, as forms send them, ask for nothing.
    pub(crate) fn parse(params: Params) -> Result<Self, BadRequest> {
        let given = |param: Option<String>| {
            param.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let text = given(params.q);
        let query: Query = text.as_deref().unwrap_or_default().parse().map_err(BadRequest::Text)?;
        let status = given(params.status)
            .map(|name| Status::from_name(&name).ok_or(BadRequest::Status))
            .transpose()?;
        let cursor = |text: String| text.parse::<Cursor>().map_err(|_| BadRequest::Cursor);
        let page = match (given(params.older), given(params.newer)) {
            (None, None) => PageStart::First,
            (Some(older), None) => PageStart::OlderThan(cursor(older)?),
            (None, Some(newer)) => PageStart::NewerThan(cursor(newer)?),
            (Some(_), Some(_)) => return Err(BadRequest::TwoCursors),
        };
        Ok(Self { text, query, status, page })
    }

    /// The search text where it may be a whole id: typed alone, in one piece, and long enough for one.
    pub(crate) fn possible_id(&self) -> Option<&str> {
        const ID_BYTES_MIN: usize = 8;
        let text = self.text.as_deref().filter(|_| self.status.is_none() && self.page == PageStart::First)?;
        let one_piece = !text.chars().any(|character| character.is_whitespace() || character.is_control());
        (one_piece && text.len() >= ID_BYTES_MIN).then_some(text)
    }

    pub(crate) fn search(&self, clock: &Clock) -> Result<Search, BadRequest> {
        let statuses = self.status.and_then(|status| Statuses::new([status]));
        let query = match statuses {
            None => self.query.clone(),
            Some(statuses) => self
                .query
                .with(Term::is(Condition::Status(statuses)))
                .map_err(|fault| BadRequest::Text(SearchTextError { at: 1, fault }))?,
        };
        Ok(Search { clock: clock.of_search(), page: self.page, mails_max: PAGE_MAILS, ..Search::new(query) })
    }

    fn is_filtered(&self) -> bool {
        self.text.is_some() || self.status.is_some()
    }

    fn page_path(&self, page: PageStart) -> String {
        list_path(self.text.as_deref(), self.status, page)
    }
}

/// The path of a list; it holds all that the list depends on.
fn list_path(text: Option<&str>, status: Option<Status>, page: PageStart) -> String {
    let mut path = "/mails".to_owned();
    let mut separator = '?';
    let mut add = |name: &str, value: &str| {
        path.push(separator);
        path.push_str(name);
        path.push('=');
        path.push_str(&text::url_encoded(value));
        separator = '&';
    };
    if let Some(text) = text {
        add("q", text);
    }
    if let Some(status) = status {
        add("status", status.name());
    }
    match page {
        PageStart::First => {}
        PageStart::OlderThan(cursor) => add("older", &cursor.to_string()),
        PageStart::NewerThan(cursor) => add("newer", &cursor.to_string()),
    }
    path
}

/// `/mails` with a search for this text.
pub(super) fn search_path(text: &str) -> String {
    // Quoted where it has a meaning in the language of the search. What is too long for it is cut, and then a part.
    let part: String = text.chars().take(VALUE_CHARS_MAX).collect();
    let term = Value::new(&part).ok().map(|value| Term::is(Condition::Text(value)).to_string());
    list_path(term.as_deref(), None, PageStart::First)
}

/// The page.
#[derive(Template)]
#[template(path = "list.html")]
pub(crate) struct ListPage {
    frame: Frame,
    text: String,
    text_chars_max: usize,
    groups: Vec<StatusGroup>,
    now: String,
    is_filtered: bool,
    content: Content,
}

/// Choices of the filter that belong together.
struct StatusGroup {
    name: &'static str,
    choices: Vec<StatusChoice>,
}

struct StatusChoice {
    name: &'static str,
    word: &'static str,
    selected: bool,
}

enum Content {
    Mails {
        rows: Vec<Row>,
        newest: Option<String>,
        newer: Option<String>,
        older: Option<String>,
        /// Until when the search has come, where its time was up.
        looked_until: Option<String>,
    },
    /// The time was up before anything was found.
    NothingFoundYet { looked_until: String, further: String },
    /// Nothing has ever been stored.
    NoMails,
    /// The filters leave nothing.
    NothingFound {
        without_text: Option<String>,
        without_status: Option<String>,
        status_word: Option<&'static str>,
    },
    /// The place in the list has no mails on its far side (any more).
    EndOfList { newest: String },
}

struct Row {
    path: String,
    status: Label,
    to: String,
    subject: Option<String>,
    template: Option<String>,
    campaign: Option<String>,
    sent: Moment,
}

/// Characters of a value in a row at most: one mail should not fill a phone.
const ROW_VALUE_CHARS_MAX: usize = 120;

fn in_a_row(value: &str) -> String {
    text::clipped(value, ROW_VALUE_CHARS_MAX)
}

impl Row {
    fn new(mail: &MailSummary, clock: &Clock) -> Self {
        let given =
            |text: &Option<String>| text.as_deref().filter(|text| !text.trim().is_empty()).map(in_a_row);
        Self {
            path: format!("/mails/{}", mail.uuid),
            status: status_label(&mail.status),
            to: in_a_row(&mail.to),
            subject: given(&mail.subject),
            template: given(&mail.template_name),
            campaign: given(&mail.campaign_id),
            sent: clock.moment(mail.sent_at),
        }
    }
}

impl ListPage {
    pub(crate) fn new(request: &ListRequest, page: &MailPage, clock: &Clock) -> Self {
        Self {
            frame: Frame::of("/mails", clock),
            text: request.text.clone().unwrap_or_default(),
            text_chars_max: QUERY_CHARS_MAX,
            groups: status_groups(request.status),
            now: clock.to_the_second(clock.now()),
            is_filtered: request.is_filtered(),
            content: content(request, page, clock),
        }
    }
}

fn content(request: &ListRequest, page: &MailPage, clock: &Clock) -> Content {
    if !page.mails.is_empty() {
        return Content::Mails {
            rows: page.mails.iter().map(|mail| Row::new(mail, clock)).collect(),
            newest: page.newer.map(|_| request.page_path(PageStart::First)),
            newer: page.newer.map(|cursor| request.page_path(PageStart::NewerThan(cursor))),
            older: page.older.map(|cursor| request.page_path(PageStart::OlderThan(cursor))),
            looked_until: page.looked_until.map(|until| clock.spoken(until)),
        };
    }
    if let (Some(looked_until), Some(cursor)) = (page.looked_until, page.older) {
        let further = request.page_path(PageStart::OlderThan(cursor));
        return Content::NothingFoundYet { looked_until: clock.spoken(looked_until), further };
    }
    if request.page != PageStart::First {
        return Content::EndOfList { newest: request.page_path(PageStart::First) };
    }
    if !request.is_filtered() {
        return Content::NoMails;
    }
    // Dropping the only filter is what "all mails" does.
    let both = request.text.is_some() && request.status.is_some();
    Content::NothingFound {
        without_text: both.then(|| list_path(None, request.status, PageStart::First)),
        without_status: both.then(|| list_path(request.text.as_deref(), None, PageStart::First)),
        status_word: request.status.map(status_word),
    }
}

fn status_groups(selected: Option<Status>) -> Vec<StatusGroup> {
    let group = |name, statuses: &[Status]| StatusGroup {
        name,
        choices: statuses
            .iter()
            .map(|&status| StatusChoice {
                name: status.name(),
                word: status_word(status),
                selected: selected == Some(status),
            })
            .collect(),
    };
    vec![
        group("Arrived", &[Status::Delivered, Status::Opened, Status::Clicked]),
        group("Came back", &[Status::HardBounced, Status::SoftBounced, Status::Bounced]),
        group("Reported as spam", &[Status::Complaint]),
        group("On its way", &[Status::Queued, Status::Sent, Status::Delayed]),
        group("Never sent", &[Status::Rejected, Status::Failed]),
    ]
}

#[cfg(test)]
mod tests;
