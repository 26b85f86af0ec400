//! Changes mails that a search finds, range by range, on a table that is written to.

use std::collections::HashSet;

use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{MigrateError, Session};
use crate::{Prefix, sql::render};

/// Mails that one question looks at. Few in tests, whose tables are small.
const MAILS_PER_RANGE: i64 = if cfg!(test) { 7 } else { 10_000 };

/// What is being done while mails are given their SES ids.
pub(in crate::schema) const PHASE_FILL_IN: &str = "filling in SES ids from headers";

const LOGS: &str = "phoenix_kit_email_logs";

struct Candidate {
    uuid: Uuid,
    aws_message_id: String,
}

/// Gives mails the SES id that their headers hold. Says how many.
///
/// In the order of the mails' uuids: of several mails with the same id the one with the smallest uuid comes first and
/// takes it, and the others find it taken.
pub(in crate::schema) async fn fill_in_ids(session: &mut Session<'_>) -> Result<u64, MigrateError> {
    let find = render(include_str!("../sql/137_find_ids_in_headers.sql"), session.prefix);
    let change = fill_in_sql(session.prefix);
    let read = |rows: &[Row]| {
        let mut seen = HashSet::new();
        rows.iter()
            .map(|row| Candidate { uuid: row.get(0), aws_message_id: row.get(1) })
            .filter(|candidate| seen.insert(candidate.aws_message_id.clone()))
            .collect()
    };
    change_found(session, PHASE_FILL_IN, &find, &change, read, |batch: &[Candidate]| {
        let uuids: Vec<Uuid> = batch.iter().map(|candidate| candidate.uuid).collect();
        let ids: Vec<&str> = batch.iter().map(|candidate| candidate.aws_message_id.as_str()).collect();
        vec![Box::new(uuids), Box::new(ids)]
    })
    .await
}

/// Marks again what was made from events before step a1 went down. Says how many mails.
pub(in crate::schema) async fn mark_derived(session: &mut Session<'_>) -> Result<u64, MigrateError> {
    let find = render(include_str!("../sql/a1_find_derived.sql"), session.prefix);
    let change = mark_sql(session.prefix);
    let read = |rows: &[Row]| rows.iter().map(|row| row.get(0)).collect();
    change_found(session, "looking for mails known from their events alone", &find, &change, read, |batch| {
        let uuids: Vec<Uuid> = batch.to_vec();
        vec![Box::new(uuids)]
    })
    .await
}

/// Gives a batch of mails their SES ids.
pub(in crate::schema) fn fill_in_sql(prefix: &Prefix) -> String {
    render(include_str!("../sql/137_fill_in_ids.sql"), prefix)
}

/// Marks a batch of mails that were made from events.
pub(in crate::schema) fn mark_sql(prefix: &Prefix) -> String {
    render(include_str!("../sql/a1_mark_derived.sql"), prefix)
}

/// `find` takes a range of mails, and `change` what `parameters` makes of what it found there.
async fn change_found<R: Sync>(
    session: &mut Session<'_>,
    phase: &str,
    find: &str,
    change: &str,
    read: impl Fn(&[Row]) -> Vec<R>,
    parameters: impl for<'r> Fn(&'r [R]) -> Vec<Box<dyn ToSql + Sync + Send + 'r>>,
) -> Result<u64, MigrateError> {
    let total = session.estimate_rows(LOGS).await?;
    session.phase(phase, total, "mails");
    let boundary = render(include_str!("../sql/range_of_mails.sql"), session.prefix);
    let mut from: Option<Uuid> = None;
    let mut changed = 0;
    loop {
        let rows = session.ask(&boundary, &[&from, &MAILS_PER_RANGE]).await?;
        let to: Option<Uuid> = rows.first().map(|row| row.get(0));
        let found = read(&session.ask(find, &[&from, &to]).await?);
        changed += session.in_batches(change, &[LOGS], &found, &parameters).await?;
        session.board.add(MAILS_PER_RANGE.unsigned_abs());
        if to.is_none() {
            return Ok(changed);
        }
        from = to;
    }
}
