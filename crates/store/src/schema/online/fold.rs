//! Folds the removed events that are other occurrences than the ones that stayed in their places.
//!
//! V137 tells duplicates by mail and type, for opens and clicks by time, too. That takes the second recipient's
//! delivery for a repeat of the first's, a Permanent bounce for one of the Transient bounce before it, and of two links
//! clicked in one second the second for the first. What can be told apart is folded, as ingest does with such an event.
//!
//! The mails' own columns stay as they are. Whoever wrote a removed row, an application or ingest, also wrote down in
//! the mail what it made of the event. An application's status need not be the highest rank of its events; but neither
//! is it here for the rows that stayed, a fold must not change what a mail is said to be just because two of its events
//! had one place, and what a step overwrites its `down` can't bring back. When SES delivers such an event again, ingest
//! merges it into the mail, as it does with every repeat.

use std::collections::{BTreeSet, HashMap, HashSet};

use aftersend_event::limits::MESSAGE_BYTES_MAX;
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{MigrateError, Session};
use crate::{
    Prefix,
    ingest::record::{Record, SesMail, verdict_name},
    sql::render,
};

/// Removed rows that are looked at at a time, with their JSON: as many as ingest takes for a batch.
const ROWS_PER_RANGE: i64 = 500;

/// What is being done meanwhile.
pub(in crate::schema) const PHASE: &str = "folding removed events that are none of those that stayed";

const TABLES: [&str; 3] = ["phoenix_kit_email_logs", "phoenix_kit_email_events", "aftersend_folded_events"];

/// What V137's unique indexes have room for one event at: the mail, the type and, for opens and clicks, the time.
type Place = (Uuid, String, Option<String>);

/// A removed row.
struct Removed {
    uuid: Uuid,
    place: Place,
    /// What ingest had found out, if the row was removed while step a1 was up.
    fingerprint: Option<Uuid>,
    event_data: Option<String>,
}

/// The row that stands in a place.
struct Standing {
    uuid: Uuid,
    /// What ingest has found out.
    fingerprint: Option<Uuid>,
    event_data: Option<String>,
    /// Whether the JSON is a whole event.
    is_whole: bool,
    /// What the JSON says; read once for all that were removed from this place.
    record: Option<Record>,
    /// The mail, as far as its row and this one tell, if that has an SES id.
    mail: Option<SesMail>,
    /// The recipient that the mail was logged to.
    to: String,
}

/// A removed row that is another occurrence.
struct Fold {
    mail: Uuid,
    removed: Uuid,
    standing: Uuid,
    fingerprint: Uuid,
    record: Option<Record>,
    /// The same occurrence's fingerprints if its mail went to one recipient or to several, where that makes a difference:
    /// a part of an event does not tell, and another record of it may be a whole one.
    alone_and_among: Option<(Uuid, Uuid)>,
}

/// Folds them. Says how many there were that had not been folded before.
pub(in crate::schema) async fn fold_removed(session: &mut Session<'_>) -> Result<u64, MigrateError> {
    let total = session.estimate_rows("aftersend_removed_events").await?;
    session.phase(PHASE, total, "events");
    let find = render(include_str!("../sql/a1_find_removed.sql"), session.prefix);
    let chars_max = i64::try_from(MESSAGE_BYTES_MAX).unwrap_or(i64::MAX);
    let mut from: Option<Uuid> = None;
    let mut folded = 0;
    loop {
        let rows = session.ask(&find, &[&from, &ROWS_PER_RANGE, &chars_max]).await?;
        let removed: Vec<Removed> = rows.iter().map(Removed::from_row).collect();
        let Some(last) = removed.last() else { return Ok(folded) };
        from = Some(last.uuid);
        let standing = find_standing(session, &removed, chars_max).await?;
        folded += fold(session, &differing(&removed, &standing)).await?;
        session.board.add(removed.len() as u64);
    }
}

async fn find_standing(
    session: &mut Session<'_>,
    removed: &[Removed],
    chars_max: i64,
) -> Result<HashMap<Place, Standing>, MigrateError> {
    let places: BTreeSet<&Place> = removed.iter().map(|row| &row.place).collect();
    let places: Vec<&Place> = places.into_iter().collect();
    let numbers: Vec<i32> = (0..).take(places.len()).collect();
    let mails: Vec<Uuid> = places.iter().map(|place| place.0).collect();
    let types: Vec<&str> = places.iter().map(|place| place.1.as_str()).collect();
    let times: Vec<Option<&str>> = places.iter().map(|place| place.2.as_deref()).collect();
    let find = render(include_str!("../sql/a1_find_standing.sql"), session.prefix);
    let rows = session.ask(&find, &[&numbers, &mails, &types, &times, &chars_max]).await?;
    let by_number: HashMap<i32, &Row> = rows.iter().map(|row| (row.get("number"), row)).collect();
    let standing = |(number, place): (&i32, &&Place)| {
        Some(((*place).clone(), Standing::from_row(by_number.get(number)?, &place.1)))
    };
    Ok(numbers.iter().zip(&places).filter_map(standing).collect())
}

/// The removed rows that are other occurrences than what stands in their places, each occurrence once.
fn differing(removed: &[Removed], standing: &HashMap<Place, Standing>) -> Vec<Fold> {
    let mut seen = HashSet::new();
    removed
        .iter()
        .filter_map(|removed| fold_of(removed, standing.get(&removed.place)?))
        .filter(|fold| {
            let key = fold.alone_and_among.map_or(fold.fingerprint, |(_, among)| among);
            seen.insert((fold.mail, key))
        })
        .collect()
}

/// Whether the two can be told apart. If not, the removed row is a repeat.
///
/// What a part of an event does not say of its mail is taken from the other row where that has the whole, so that two
/// records of one occurrence never differ by what one of them leaves out.
fn fold_of(removed: &Removed, standing: &Standing) -> Option<Fold> {
    let (mail, event_type, _) = &removed.place;
    let whole = removed.event_data.as_deref().and_then(Record::whole);
    let (ours, theirs) = match whole {
        Some(whole) if !standing.is_whole => {
            let theirs = part(event_type, standing.event_data.as_deref(), Some(&whole.mail));
            (Some(whole), theirs)
        }
        Some(whole) => (Some(whole), standing.record.clone()),
        None => {
            let ours = part(event_type, removed.event_data.as_deref(), standing.mail.as_ref());
            (ours, standing.record.clone())
        }
    };

    let fingerprint = removed.fingerprint.or(ours.as_ref().map(|record| record.fingerprint))?;
    let other = standing.fingerprint.or(theirs.as_ref().map(|record| record.fingerprint))?;
    let tell_the_same =
        matches!((&ours, &theirs), (Some(ours), Some(theirs)) if ours.fingerprint == theirs.fingerprint);
    let alone_and_among = ours.as_ref().zip(removed.event_data.as_deref()).and_then(|(record, json)| {
        Record::alone_and_among(event_type, json, &record.mail.message_id, &standing.to)
    });
    (fingerprint != other && !tell_the_same).then_some(Fold {
        mail: *mail,
        removed: removed.uuid,
        standing: standing.uuid,
        fingerprint,
        record: ours,
        alone_and_among,
    })
}

fn part(event_type: &str, json: Option<&str>, mail: Option<&SesMail>) -> Option<Record> {
    Record::part(event_type, json?, mail?)
}

/// Locks a batch's mails, then folds its rows.
pub(in crate::schema) fn statements(prefix: &Prefix) -> [String; 2] {
    [
        render(include_str!("../sql/a1_lock_mails.sql"), prefix),
        render(include_str!("../sql/a1_fold_removed.sql"), prefix),
    ]
}

async fn fold(session: &mut Session<'_>, folds: &[Fold]) -> Result<u64, MigrateError> {
    let [lock, fold] = statements(session.prefix);
    session
        .in_locked_batches(&lock, &fold, &TABLES, folds, |batch: &[Fold]| {
            let column = |uuid: fn(&Fold) -> Uuid| Box::new(batch.iter().map(uuid).collect::<Vec<_>>());
            let records = || batch.iter().map(|fold| fold.record.as_ref());
            let subtypes: Vec<Option<&str>> =
                records().map(|record| record.and_then(|record| record.subtype.as_deref())).collect();
            let verdicts: Vec<Option<&str>> = records()
                .map(|record| record.and_then(|record| record.bot_verdict).map(verdict_name))
                .collect();
            let times: Vec<Option<Timestamp>> =
                records().map(|record| record.map(|record| record.occurred_at)).collect();
            vec![
                column(|fold| fold.mail),
                column(|fold| fold.removed),
                column(|fold| fold.fingerprint),
                Box::new(subtypes),
                Box::new(verdicts),
                Box::new(times),
                column(|fold| fold.standing),
                column(Fold::other),
            ]
        })
        .await
}

impl Fold {
    /// Its other fingerprint, or the one that it has.
    fn other(&self) -> Uuid {
        match self.alone_and_among {
            Some((alone, among)) if among == self.fingerprint => alone,
            Some((_, among)) => among,
            None => self.fingerprint,
        }
    }
}

impl Removed {
    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.get("uuid"),
            place: (row.get("email_log_uuid"), row.get("event_type"), row.get("occurred_at")),
            fingerprint: row.get("fingerprint"),
            event_data: row.get("event_data"),
        }
    }
}

impl Standing {
    fn from_row(row: &Row, event_type: &str) -> Self {
        let fingerprint: Option<Uuid> = row.get("fingerprint");
        let event_data: Option<String> = row.get("event_data");
        let (uuid, to) = (row.get("uuid"), row.get("to"));
        if let Some(whole) = event_data.as_deref().and_then(Record::whole) {
            let mail = Some(whole.mail.clone());
            return Self { uuid, fingerprint, event_data, is_whole: true, record: Some(whole), mail, to };
        }
        let message_id: Option<String> = row.get("aws_message_id");
        // An application notes the first recipient. Whether there were others, nothing tells but what ingest has
        // found out with the whole event at hand: opens and clicks of a mail to several name nobody.
        let one = message_id.map(|message_id| SesMail { message_id, destination: vec![String::clone(&to)] });
        let several = one.clone().map(|mail| SesMail { destination: Vec::new(), ..mail });
        let read = |mail: &Option<SesMail>| part(event_type, event_data.as_deref(), mail.as_ref());
        let with_several = read(&several)
            .filter(|record| fingerprint.is_some_and(|fingerprint| fingerprint == record.fingerprint));
        let (record, mail) = match with_several {
            Some(record) => (Some(record), several),
            None => (read(&one), one),
        };
        Self { uuid, fingerprint, event_data, is_whole: false, record, mail, to }
    }
}
