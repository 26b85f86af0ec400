//! Doing repairs on a live database.

use std::time::Duration;

use uuid::Uuid;

use super::{Act, Lock, Phase, Repair, Way};
use crate::schema::{
    MigrateError,
    contract::quoted,
    online::{Patience, Session},
};

/// How long a batch should hold its rows: half of what it is broken off at.
const BATCH_TARGET: Duration = Duration::from_millis(20);
/// Pages of a table that a batch begins with.
const BATCH_PAGES: i64 = 16;
/// Pages of a table in a batch at most.
const BATCH_PAGES_MAX: i64 = 4_096;
/// Events that are moved in a batch at most.
const BATCH_EVENTS_MAX: i64 = 500;

/// Does repairs, one after another, and says what was done.
///
/// Not cancel-safe in the sense of all or nothing: each act is whole by itself, and a survey afterwards finds what is
/// left to be done.
///
/// # Errors
///
/// The first act that fails, with what it was part of. Those before it stay.
pub(in crate::schema) async fn run(
    session: &mut Session<'_>,
    repairs: &[Repair],
) -> Result<Vec<String>, MigrateError> {
    for repair in repairs {
        session.phase(format!("{}: {}", repair.table, repair.sentence), None, "pages");
        for act in &repair.acts {
            let done = match act.way {
                Way::Guarded => session.guarded(locked(repair, act), &act.sql).await,
                Way::Concurrently => match session.waiting(&act.sql).await {
                    Ok(answer) => answer.map_err(|error| session.failed(&error)),
                    Err(error) => Err(error),
                },
                Way::Pages => pages(session, repair, act).await,
                Way::Keys => keys(session, repair, act).await,
            };
            done.map_err(|error| explain(repair, error))?;
        }
    }
    Ok(repairs.iter().map(|repair| repair.sentence.clone()).collect())
}

/// The table that an act locks, where that is there already.
pub(in crate::schema) fn locked<'r>(repair: &'r Repair, act: &Act) -> &'r [&'static str] {
    let makes_it = repair.phase == Phase::Tables || matches!(act.lock, Lock::None | Lock::RowExclusive);
    if makes_it { &[] } else { std::slice::from_ref(&repair.table) }
}

/// All pages that the table has now. What is written to later ones is not ours.
async fn pages(session: &mut Session<'_>, repair: &Repair, act: &Act) -> Result<(), MigrateError> {
    let table = format!("{}.{}", session.prefix.quoted(), quoted(repair.table));
    let sql =
        "SELECT pg_catalog.pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint";
    let pages: i64 = session.ask(sql, &[&table]).await?.first().map_or(0, |row| row.get(0));
    session.phase(format!("{}: {}", repair.table, repair.sentence), u64::try_from(pages).ok(), "pages");
    let mut patience = Patience::new(session.limits.wait_budget);
    let (mut from, mut step) = (0, BATCH_PAGES);
    while from < pages {
        let to = pages.min(from + step);
        let sql = act.sql.replace("{from}", &from.to_string()).replace("{to}", &to.to_string());
        let Some((_, took)) = session.batch(&sql, &[], step == 1, &[repair.table], &mut patience).await?
        else {
            step = (step / 4).max(1);
            continue;
        };
        session.board.add((to - from).unsigned_abs());
        step = if took > BATCH_TARGET { (step / 2).max(1) } else { BATCH_PAGES_MAX.min(step * 2) };
        from = to;
    }
    Ok(())
}

/// From key to key until there are no more.
async fn keys(session: &mut Session<'_>, repair: &Repair, act: &Act) -> Result<(), MigrateError> {
    let mut patience = Patience::new(session.limits.wait_budget);
    let (mut last, mut limit) = (Uuid::nil(), BATCH_EVENTS_MAX);
    loop {
        let answer =
            session.batch(&act.sql, &[&last, &limit], limit == 1, &[repair.table], &mut patience).await?;
        let Some((rows, took)) = answer else {
            limit = (limit / 4).max(1);
            continue;
        };
        let Some(next) = rows.first().and_then(|row| row.get::<_, Option<Uuid>>(0)) else { return Ok(()) };
        last = next;
        limit = if took > BATCH_TARGET { (limit / 2).max(1) } else { BATCH_EVENTS_MAX.min(limit * 2) };
    }
}

fn explain(repair: &Repair, error: MigrateError) -> MigrateError {
    match error {
        MigrateError::Database { doing, reason } => {
            MigrateError::Database { doing: format!("{doing}, at this: {}", repair.sentence), reason }
        }
        other => other,
    }
}
