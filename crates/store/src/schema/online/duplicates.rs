//! Finds duplicate events and removes them, on a table that is written to.
//!
//! Finding takes no lock, and is done in ranges of mails, so that no snapshot grows old. Removing takes the rows
//! that were found, in short batches, and looks once more at each: what it finds changed, it leaves.

use uuid::Uuid;

use super::{MigrateError, Session};
use crate::{Prefix, sql::render};

/// Events that one question looks at, all events of the last mail included. Few in tests, whose tables are small, so
/// that ranges have neighbours there, too.
const EVENTS_PER_RANGE: i64 = if cfg!(test) { 100 } else { 50_000 };
/// Duplicates that are fetched at a time: 32 bytes each.
const FETCHED_MAX: usize = if cfg!(test) { 40 } else { 20_000 };

/// What is being done while every duplicate is searched for and removed.
pub(in crate::schema) const PHASE: &str = "removing duplicate events";

const EVENTS: &str = "phoenix_kit_email_events";

/// Which events are duplicates of which: the place that V137 gives to one event only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schema) enum Kinds {
    /// Every type: one to a mail and type, opens and clicks one to a mail, type and time.
    All,
    /// Types that a mail has once.
    Single,
    /// Opens and clicks.
    Repeatable,
}

impl Kinds {
    /// The condition on an event's row.
    pub(in crate::schema) const fn condition(self) -> &'static str {
        match self {
            Self::All => "true",
            Self::Single => "event_type NOT IN ('open', 'click')",
            Self::Repeatable => "event_type IN ('open', 'click')",
        }
    }
}

/// An event that is to go, and the one that stays in its place.
#[derive(Clone, Copy, Debug)]
struct Duplicate {
    uuid: Uuid,
    kept: Uuid,
}

/// A moment, as far as a table can tell what is newer: by the time in keys, by the time of events, by the place in
/// the file. None of them finds everything: keys may be random, events may come late, and a row may fill a gap.
/// Together they miss little, and what they miss the build of the index finds.
#[derive(Clone, Debug)]
pub(in crate::schema) struct Moment {
    key: Uuid,
    key_end: Uuid,
    time: jiff::Timestamp,
    place: String,
}

/// Removes every duplicate that is there. Linear in rows, however many of them are one mail's. Says how many went.
pub(in crate::schema) async fn remove_all(
    session: &mut Session<'_>,
    kinds: Kinds,
) -> Result<u64, MigrateError> {
    let total = session.estimate_rows(EVENTS).await?;
    session.phase(PHASE, total, "events");
    let boundary = render(include_str!("../sql/137_range_of_events.sql"), session.prefix);
    let mut from: Option<Uuid> = None;
    let mut removed = 0;
    loop {
        let rows = session.ask(&boundary, &[&from, &EVENTS_PER_RANGE]).await?;
        let to: Option<Uuid> = rows.first().map(|row| row.get(0));
        removed += remove_in(session, kinds, from, to).await?;
        session.board.add(EVENTS_PER_RANGE.unsigned_abs());
        if to.is_none() {
            return Ok(removed);
        }
        from = to;
    }
}

/// Removes the duplicates of one mail.
pub(in crate::schema) async fn remove_of_mail(
    session: &mut Session<'_>,
    kinds: Kinds,
    mail: Uuid,
) -> Result<u64, MigrateError> {
    let before = mail.as_u128().checked_sub(1).map(Uuid::from_u128);
    remove_in(session, kinds, before, Some(mail)).await
}

/// Removes the duplicates of mails beyond one, up to another, that one included.
async fn remove_in(
    session: &mut Session<'_>,
    kinds: Kinds,
    beyond: Option<Uuid>,
    up_to: Option<Uuid>,
) -> Result<u64, MigrateError> {
    // Literals, since DECLARE takes no parameters; a uuid is written with digits and hyphens alone.
    let above = beyond.map(|uuid| format!(" AND email_log_uuid > '{uuid}'")).unwrap_or_default();
    let below = up_to.map(|uuid| format!(" AND email_log_uuid <= '{uuid}'")).unwrap_or_default();
    let condition = format!("{}{above}{below}", kinds.condition());
    let find = include_str!("../sql/137_find_duplicates.sql").replace("\"condition\"", &condition);
    remove_found(session, &render(&find, session.prefix)).await
}

/// The moment that has come.
pub(in crate::schema) async fn now(session: &mut Session<'_>, margin_s: f64) -> Result<Moment, MigrateError> {
    let statement = render(include_str!("../sql/137_moment.sql"), session.prefix);
    let rows = session.ask(&statement, &[&margin_s]).await?;
    let row = rows.first().ok_or_else(|| MigrateError::Database {
        doing: "asking the server for its time".to_owned(),
        reason: "no answer".to_owned(),
    })?;
    Ok(Moment { key: row.get(0), key_end: row.get(1), time: row.get(2), place: row.get(3) })
}

/// Removes the duplicates that have come since a moment.
pub(in crate::schema) async fn remove_since(
    session: &mut Session<'_>,
    kinds: Kinds,
    moment: &Moment,
) -> Result<u64, MigrateError> {
    let find = include_str!("../sql/137_find_new_duplicates.sql")
        .replace("\"condition\"", kinds.condition())
        .replace("'moment_key'", &format!("'{}'", moment.key))
        .replace("'moment_key_end'", &format!("'{}'", moment.key_end))
        .replace("'moment_time'", &format!("'{}'", moment.time))
        .replace("'moment_place'", &format!("'{}'", moment.place));
    remove_found(session, &render(&find, session.prefix)).await
}

/// Removes what a query finds. The cursor keeps its result beyond its transaction, on the server: the query runs
/// once, its snapshot ends with it, and neither side holds all of a long list in memory.
/// <https://www.postgresql.org/docs/current/sql-declare.html>
async fn remove_found(session: &mut Session<'_>, find: &str) -> Result<u64, MigrateError> {
    // Alone, a transaction of its own: one that BEGIN opened would stay open where this fails.
    session.run(&format!("DECLARE duplicates NO SCROLL CURSOR WITH HOLD FOR {find}")).await?;
    let removed = remove_fetched(session).await;
    let closed = session.run("CLOSE duplicates").await;
    let removed = removed?;
    closed.map(|()| removed)
}

/// Removes a batch of duplicates.
pub(in crate::schema) fn remove_sql(prefix: &Prefix) -> String {
    render(include_str!("../sql/137_remove_duplicates.sql"), prefix)
}

async fn remove_fetched(session: &mut Session<'_>) -> Result<u64, MigrateError> {
    let fetch = format!("FETCH {FETCHED_MAX} FROM duplicates");
    let remove = remove_sql(session.prefix);
    let mut removed = 0;
    loop {
        let rows = session.ask(&fetch, &[]).await?;
        let found: Vec<Duplicate> =
            rows.iter().map(|row| Duplicate { uuid: row.get(0), kept: row.get(1) }).collect();
        removed += session
            .in_batches(&remove, &[EVENTS], &found, |batch| {
                let uuids: Vec<Uuid> = batch.iter().map(|duplicate| duplicate.uuid).collect();
                let kept: Vec<Uuid> = batch.iter().map(|duplicate| duplicate.kept).collect();
                vec![Box::new(uuids), Box::new(kept)]
            })
            .await?;
        if found.len() < FETCHED_MAX {
            return Ok(removed);
        }
    }
}
