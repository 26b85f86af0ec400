//! Whether a run did its work. One that is quick because it left something out would win every comparison.

use anyhow::{Context as _, ensure};

use crate::session::Session;

const CHECK: &str = include_str!("../sql/ingest/check.sql");

/// What a run should have stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// The events of every so-manieth mail.
    pub(super) every: u32,
    /// Whether with what only the product's own columns and tables hold.
    pub(super) own_data: bool,
}

/// Looks whether the events are stored, once each, and their mails tell it; says in how many transactions they came.
pub(super) async fn stored(address: &str, expected: Expected) -> anyhow::Result<u32> {
    let session = Session::open(address, "bench").await?;
    let row = session
        .query_one(CHECK, &[&i32::try_from(expected.every)?, &expected.own_data])
        .await
        .context("looking at the result")?;
    let count = |name: &str| row.get::<_, i64>(name);
    let (events, mails) = (count("events_expected"), count("mails_expected"));
    ensure!(
        count("events") == events
            && count("events_right") == events
            && count("json_wrong") == 0
            && count("mails_right") == mails
            && count("recipients_right") == if expected.own_data { mails } else { 0 },
        "of {events} events, {} are stored, {} of them right and {} with another JSON; of {mails} mails, {} are right, and \
         {} of their recipients",
        count("events"),
        count("events_right"),
        count("json_wrong"),
        count("mails_right"),
        count("recipients_right")
    );
    Ok(u32::try_from(count("transactions"))?)
}
