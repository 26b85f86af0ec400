//! Fills in the recipients of mails whose events were stored before there was a table for them.
//!
//! From the events that are kept whole. An application keeps the part that is the type's own, which does not tell to
//! whom the mail went; a mail of which there is nothing else has no recipients but the one in its row.

use std::collections::BTreeMap;

use aftersend_event::{Message, limits::MESSAGE_BYTES_MAX};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{MigrateError, Session};
use crate::{
    Prefix,
    ingest::recipients::{Fate, RecipientColumns, fates_of, learn},
    schema::contract::EVENTS,
    sql::render,
};

/// Events that one question looks through, most of which may be an application's. Few in tests, whose tables are small.
const EVENTS_PER_RANGE: i64 = if cfg!(test) { 7 } else { 20_000 };

/// Events that are read at a time, with their JSON: as many as ingest takes for a batch.
const EVENTS_PER_PAGE: i64 = if cfg!(test) { 3 } else { 500 };

/// What is being done meanwhile.
pub(in crate::schema) const PHASE: &str = "filling in recipients from stored events";

const TABLES: [&str; 2] = ["phoenix_kit_email_logs", "aftersend_recipients"];

/// What some events tell, by mail and address.
type Told = BTreeMap<(Uuid, String), Fate>;

/// Fills them in. Says how many were new or not as they should be.
pub(in crate::schema) async fn fill_in(session: &mut Session<'_>) -> Result<u64, MigrateError> {
    let total = session.estimate_rows(EVENTS).await?;
    session.phase(PHASE, total, "events");
    Ok(from_events(session).await? + from_folded(session).await?)
}

async fn from_events(session: &mut Session<'_>) -> Result<u64, MigrateError> {
    let boundary = render(include_str!("../sql/a3_range_of_events.sql"), session.prefix);
    let find = render(include_str!("../sql/a3_find_events.sql"), session.prefix);
    let mut from: Option<Uuid> = None;
    let mut written = 0;
    loop {
        let rows = session.ask(&boundary, &[&from, &EVENTS_PER_RANGE]).await?;
        let to: Option<Uuid> = rows.first().map(|row| row.get(0));
        let mut seen = from;
        loop {
            let rows = session.ask(&find, &[&seen, &to, &EVENTS_PER_PAGE, &chars_max()]).await?;
            let Some(last) = rows.last() else { break };
            seen = Some(last.get("uuid"));
            written += merge(session, told(&rows)).await?;
        }
        session.board.add(EVENTS_PER_RANGE.unsigned_abs());
        if to.is_none() {
            return Ok(written);
        }
        from = to;
    }
}

async fn from_folded(session: &mut Session<'_>) -> Result<u64, MigrateError> {
    let find = render(include_str!("../sql/a3_find_folded.sql"), session.prefix);
    let mut from: (Option<Uuid>, Option<Uuid>) = (None, None);
    let mut written = 0;
    loop {
        let rows = session.ask(&find, &[&from.0, &from.1, &EVENTS_PER_PAGE, &chars_max()]).await?;
        let Some(last) = rows.last() else { return Ok(written) };
        from = (Some(last.get("email_log_uuid")), Some(last.get("fingerprint")));
        written += merge(session, told(&rows)).await?;
    }
}

fn chars_max() -> i64 {
    i64::try_from(MESSAGE_BYTES_MAX).unwrap_or(i64::MAX)
}

fn told(rows: &[Row]) -> Told {
    let mut told = Told::new();
    for row in rows {
        let Some(json) = row.get::<_, Option<&str>>("event_data") else { continue };
        // What can't be read is an application's own, after all.
        let Ok(Message::Event(document)) = aftersend_event::read(json.as_bytes()) else { continue };
        let Ok(event) = document.event() else { continue };
        let stored: Option<Timestamp> = row.get("occurred_at");
        let at = stored.map_or(event.occurred_at(), |at| at.min(event.occurred_at()));
        let mail: Uuid = row.get("email_log_uuid");
        for (address, fate) in fates_of(&event, at) {
            learn(&mut told, (mail, address), &fate);
        }
    }
    told
}

/// Locks a batch's mails, then merges its recipients.
pub(in crate::schema) fn statements(prefix: &Prefix) -> [String; 2] {
    [
        render(include_str!("../sql/a1_lock_mails.sql"), prefix),
        render(include_str!("../sql/a3_merge_recipients.sql"), prefix),
    ]
}

async fn merge(session: &mut Session<'_>, told: Told) -> Result<u64, MigrateError> {
    let [lock, merge] = statements(session.prefix);
    let rows: Vec<((Uuid, String), Fate)> = told.into_iter().collect();
    session
        .in_locked_batches(&lock, &merge, &TABLES, &rows, |batch: &[((Uuid, String), Fate)]| {
            let mut columns = RecipientColumns::default();
            for ((mail, address), fate) in batch {
                columns.push(*mail, address, fate);
            }
            columns.into_parameters()
        })
        .await
}

#[cfg(test)]
mod tests {
    /// The statement of the step is that of ingest, but for mails that have gone, and for what ingest wants to hear.
    #[test]
    fn recipients_are_merged_as_ingest_does_it() {
        let lines =
            |text: &'static str| text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>();
        let step = lines(include_str!("../sql/a3_merge_recipients.sql"));
        let mut ingest = lines(include_str!("../../sql/merge_recipients.sql"));
        assert_eq!(ingest.pop(), Some("RETURNING email_log_uuid"));
        let (join, rest): (Vec<&str>, Vec<&str>) =
            step.into_iter().partition(|line| line.starts_with("JOIN "));
        assert_eq!(rest, ingest);
        assert_eq!(join.len(), 1);
    }
}
