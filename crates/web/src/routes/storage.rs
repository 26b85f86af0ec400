//! What is stored where.

use std::fmt::Display;

use axum::{extract::State, http::StatusCode, response::Response};

use crate::{
    Site,
    clock::Clock,
    operation::{answer_wait, not_in_time},
    pages::{StoragePage, Stored, answer},
};

/// `GET /storage`: answered also where the database says only a part of it, or nothing.
pub(super) async fn storage(State(site): State<Site>, clock: Clock) -> Response {
    let store = site.store();
    let mut unread = Unread::default();
    let sizes = unread.keep(in_time(store.table_sizes()).await);
    // By the sizes a sample of each table is as small as it must be.
    let sampled = async {
        let Some(sizes) = &sizes else { return (Ok(None), Ok(None)) };
        let (bodies, gone) =
            tokio::join!(in_time(store.body_places(sizes)), in_time(store.gone_mails(sizes)));
        (bodies.map(Some), gone.map(Some))
    };
    let ((bodies, gone), sums, runs, left_out, own_tables, jobs) = tokio::join!(
        sampled,
        in_time(store.archive_sums()),
        in_time(store.archive_runs(1)),
        in_time(store.unreadable_mails()),
        in_time(store.compresses(None)),
        in_time(store.jobs()),
    );
    let stored = Stored {
        bodies: unread.keep(bodies).flatten(),
        gone: unread.keep(gone).flatten(),
        sums: unread.keep(sums),
        last_run: unread.keep(runs).and_then(|runs| runs.into_iter().next()),
        left_out: unread.keep(left_out).flatten(),
        jobs: unread.keep(jobs),
        own_tables: unread.keep(own_tables),
        sizes,
        unread: unread.0,
    };
    answer(StatusCode::OK, &StoragePage::new(&stored, site.upkeep(), &clock))
}

/// Why parts of the page are not there, each reason once.
#[derive(Default)]
struct Unread(Vec<String>);

impl Unread {
    fn keep<T>(&mut self, part: Result<T, String>) -> Option<T> {
        match part {
            Ok(part) => Some(part),
            Err(reason) => {
                if !self.0.contains(&reason) {
                    self.0.push(reason);
                }
                None
            }
        }
    }
}

/// Gives a part of the page the time that a page has.
async fn in_time<T, E: Display>(part: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(answer_wait(), part).await {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err(not_in_time()),
    }
}
