//! The search against a model that knows no SQL, and what PostgreSQL makes of its statements.

mod found;
mod model;
mod pages;
mod plans;

use super::query::{Clock, Query};
use crate::{Search, testing::Fixture};

fn query(text: &str) -> Query {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn search(text: &str) -> Search {
    Search::new(query(text))
}

/// The message ids of the mails that fit, sorted.
async fn found(fixture: &Fixture, text: &str) -> Vec<String> {
    let page = fixture.store.search(&Search { mails_max: 500, ..search(text) }).await.unwrap();
    assert_eq!((page.older, page.looked_until), (None, None), "{text}");
    let mut found: Vec<String> = page.mails.into_iter().map(|mail| mail.message_id).collect();
    found.sort();
    found
}

fn clock() -> Clock {
    Clock { now: "2026-09-01T12:00:00Z".parse().unwrap(), zone: jiff::tz::TimeZone::UTC }
}
