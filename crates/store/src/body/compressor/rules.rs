//! With which dictionary the bodies of each template and month are compressed.

use std::{collections::HashMap, fmt, sync::Arc};

use futures_util::future;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use uuid::Uuid;

use super::{CompressReport, Due, columns::columns_of, no_memory};
use crate::{
    IngestError, Store,
    body::{
        codec::{Damage, Decoder, Encoder, unpack},
        dictionary::{Choice, SAMPLE_BYTES_MAX, Samples, There, samples_max},
    },
    sql::Statement,
};

/// Mails of a template and month that are counted at most: enough to tell what a dictionary is worth.
const LIKE_THESE_MAX: i64 = 2_000;

/// Dictionaries of the template that are tried, the newest first: those of this month and of the one before.
const THERE_MAX: i64 = 2;

/// Rules in memory at most: each has a dictionary with its tables, about a megabyte.
const RULES_MAX: usize = 256;

/// Which bodies have one rule.
/// In the order of months: a dictionary serves later ones, too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// The first day of the month that they were sent in, in UTC.
    month: Date,
    template: Option<String>,
}

impl Key {
    pub(super) fn of(due: &Due) -> Self {
        let month = due.sent_at.to_zoned(TimeZone::UTC).date().first_of_month();
        Self { template: due.template.clone(), month }
    }

    /// From when on and until when.
    fn range(&self) -> (Timestamp, Timestamp) {
        let start = |date: Date| date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
        let next = self.month.last_of_month().tomorrow();
        (start(self.month).unwrap_or(Timestamp::MIN), next.and_then(start).unwrap_or(Timestamp::MAX))
    }
}

/// A dictionary's row, which was unpacked and compared when it was read or kept: as long as it is this one, the dictionary is
/// the one in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) id: i32,
    pub(super) row_version: i64,
}

/// How to compress some bodies, and back.
pub(super) struct Rule {
    /// The dictionary, if there is one.
    pub(super) dictionary: Option<Kept>,
    pub(super) encoder: Encoder,
    pub(super) decoder: Decoder,
}

impl Rule {
    fn new(dictionary: Option<(Kept, &[u8])>) -> Self {
        let content = dictionary.map(|(_, content)| content);
        Self {
            dictionary: dictionary.map(|(kept, _)| kept),
            encoder: Encoder::new(content),
            decoder: Decoder::new(content),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({:?})", self.dictionary)
    }
}

/// The rules that are known, for one pass over the mails.
#[derive(Debug, Default)]
pub(super) struct Rules(HashMap<Key, Arc<Rule>>);

impl Rules {
    /// The rules of some templates and months: found, or made from mails that are like each other in these. Two at once unless
    /// `is_gentle`: while the one waits for the server, the other computes.
    pub(super) async fn of(
        &mut self,
        store: &Store,
        keys: &[Key],
        is_gentle: bool,
        report: &mut CompressReport,
    ) -> Result<Vec<Arc<Rule>>, IngestError> {
        if self.0.len() + keys.len() > RULES_MAX {
            // Mails come in the order of sending: what is before the first of these is over.
            let first = keys.iter().map(|key| key.month).min();
            self.0.retain(|key, _| Some(key.month) >= first);
            if self.0.len() + keys.len() > RULES_MAX {
                self.0.clear();
            }
        }
        let new: Vec<&Key> = keys.iter().filter(|key| !self.0.contains_key(*key)).collect();
        // Of one month, so that a template's dictionary is there for its next.
        let can_pair = |first: &&Key, second: &&Key| !is_gentle && first.month == second.month;
        for some in new.chunk_by(can_pair).flat_map(|month| month.chunks(2)) {
            let rules = future::try_join_all(some.iter().map(|key| choose(store, key))).await?;
            for (key, (rule, is_new)) in some.iter().zip(rules) {
                report.dictionaries += u64::from(is_new);
                self.0.insert((*key).clone(), Arc::new(rule));
            }
        }
        Ok(keys.iter().filter_map(|key| self.0.get(key).map(Arc::clone)).collect())
    }
}

/// The rule of a template and month, and whether its dictionary is a new one.
async fn choose(store: &Store, key: &Key) -> Result<(Rule, bool), IngestError> {
    let (kept, there): (Vec<Kept>, Vec<There>) =
        store.in_time(find_dictionaries(store, key)).await?.into_iter().unzip();
    let (bodies, samples) = store.in_time(read_samples(store, key)).await?;
    if samples.is_empty() {
        return Ok((Rule::new(None), false));
    }
    let chosen = tokio::task::spawn_blocking(move || {
        let samples = Samples::new(samples);
        let choice = samples.best(bodies, &there)?;
        Ok::<_, std::io::Error>((choice, samples.len(), there))
    });
    let (choice, made_from, there) = chosen.await.map_err(|_| no_memory())?.map_err(|_| no_memory())?;
    Ok(match choice {
        Choice::None => (Rule::new(None), false),
        Choice::There(place) => (Rule::new(Some((kept[place], &there[place].dictionary))), false),
        Choice::New { dictionary, packed } => {
            let kept = store.in_time(keep_dictionary(store, key, &dictionary, &packed, made_from)).await?;
            (Rule::new(Some((kept, &dictionary))), true)
        }
    })
}

async fn find_dictionaries(store: &Store, key: &Key) -> Result<Vec<(Kept, There)>, IngestError> {
    let client = store.writer().await?;
    let find = client.prepare_cached(store.sql(Statement::FindDictionaries)).await?;
    let rows = client.query(&find, &[&key.template, &key.month, &THERE_MAX]).await?;
    let mut dictionaries = Vec::new();
    for row in rows {
        let bytes = usize::try_from(row.try_get::<_, i32>("bytes")?).unwrap_or(0);
        // A damaged one is no use; bodies that need it say so when they are read.
        if let Ok(dictionary) = unpack(row.try_get("packed")?, bytes) {
            let kept = Kept { id: row.try_get("id")?, row_version: row.try_get("row_version")? };
            let made_from = usize::try_from(row.try_get::<_, i32>("made_from")?).unwrap_or(0);
            dictionaries.push((kept, There { dictionary, made_from }));
        }
    }
    Ok(dictionaries)
}

/// How many bodies a dictionary would be for, as far as that matters, and some of them, to recipients that all differ.
async fn read_samples(store: &Store, key: &Key) -> Result<(usize, Vec<Vec<u8>>), IngestError> {
    let client = store.writer().await?;
    let like_these = client.prepare_cached(store.sql(Statement::LikeTheseBodies)).await?;
    let (from, to) = key.range();
    let bytes_max = i32::try_from(SAMPLE_BYTES_MAX).unwrap_or(i32::MAX);
    let rows = client.query(&like_these, &[&key.template, &from, &to, &bytes_max, &LIKE_THESE_MAX]).await?;
    let mut by_recipient: HashMap<&str, Uuid> = HashMap::new();
    for row in &rows {
        by_recipient.insert(row.try_get("recipient")?, row.try_get("uuid")?);
    }
    let mut mails: Vec<Uuid> = by_recipient.into_values().collect();
    mails.sort_unstable();
    // From the whole month, not from its first days.
    let step = mails.len().div_ceil(samples_max(rows.len())).max(1);
    let sampled: Vec<Uuid> = mails.into_iter().step_by(step).collect();
    let read = client.prepare_cached(store.sql(Statement::ReadColumns)).await?;
    let mut columns = columns_of(&client.query(&read, &[&sampled, &bytes_max]).await?)?;
    let texts = sampled.iter().filter_map(|mail| columns.remove(mail)?.text);
    Ok((rows.len(), texts.map(String::into_bytes).collect()))
}

async fn keep_dictionary(
    store: &Store,
    key: &Key,
    dictionary: &[u8],
    packed: &[u8],
    made_from: usize,
) -> Result<Kept, IngestError> {
    let client = store.writer().await?;
    let keep = client.prepare_cached(store.sql(Statement::KeepDictionary)).await?;
    let bytes = i32::try_from(dictionary.len()).unwrap_or(i32::MAX);
    let made_from = i32::try_from(made_from).unwrap_or(i32::MAX);
    let row = client.query_one(&keep, &[&key.template, &key.month, &packed, &bytes, &made_from]).await?;
    let id: i32 = row.try_get("id")?;
    // Thousands of bodies will hang on it.
    let read = client.prepare_cached(store.sql(Statement::ReadDictionary)).await?;
    let row = client.query_one(&read, &[&id]).await?;
    let damage = match unpack(row.try_get("packed")?, dictionary.len()) {
        Ok(unpacked) if unpacked == dictionary => {
            return Ok(Kept { id, row_version: row.try_get("row_version")? });
        }
        Ok(_) => Damage::OtherContent,
        Err(damage) => damage,
    };
    Err(IngestError::Blocked(format!("a dictionary is not kept as it was made: {damage}")))
}
