//! Bodies that several mails have are stored once.

use std::collections::{BTreeMap, HashMap};

use tokio_postgres::Row;
use uuid::Uuid;

use super::write::{Moved, Moving, by_digest, length};
use crate::{
    IngestError,
    body::codec::{Decoder, unpack},
    sql::Statement,
};

/// Which bodies are shared.
#[derive(Default)]
pub(super) struct Shares {
    /// The shared body of each mail at hand that has one.
    pub(super) ids: HashMap<Uuid, i32>,
    /// Mails stored before that have the same body as one at hand, as long as the rows of their bodies are these.
    pub(super) promoted: BTreeMap<Uuid, Promoted>,
    /// What the shared bodies take that were not there before.
    pub(super) new_bytes: u64,
}

/// A stored body that turned out to be a shared one.
#[derive(Clone, Copy)]
pub(super) struct Promoted {
    /// Which.
    pub(super) shared_id: i32,
    /// Of the row that was read, which nobody locks: whoever holds its mail may store another body there meanwhile.
    pub(super) row_version: i64,
}

/// What is stored under a digest already, and is the same body.
#[derive(Default)]
struct Same {
    shared_id: Option<i32>,
    /// Mails, with the versions of their bodies' rows.
    singles: Vec<(Uuid, i64)>,
}

/// Finds bodies that are the same as each other, or as stored ones, and stores those once that are not yet.
pub(super) async fn find_shares(moving: &Moving<'_>, moved: &[Moved<'_>]) -> Result<Shares, IngestError> {
    let groups = by_digest(moved);
    let digests: Vec<i64> = groups.keys().copied().collect();
    let mails: Vec<Uuid> = moved.iter().map(Moved::mail).collect();
    let find = moving.prepare(Statement::FindSameBodies).await?;
    let rows = moving.transaction().query(&find, &[&digests, &mails]).await?;
    let mut same: HashMap<i64, Same> = HashMap::new();
    for row in &rows {
        let digest: i64 = row.try_get("digest")?;
        // The digest is 64 bits of a longer one: somebody could make two bodies that have it.
        if !says(row, digest, groups[&digest][0].text())? {
            continue;
        }
        let same = same.entry(digest).or_default();
        same.shared_id = same.shared_id.or(row.try_get("shared_id")?);
        let single: Option<Uuid> = row.try_get("email_log_uuid")?;
        same.singles.extend(single.zip(row.try_get("row_version")?));
    }

    let mut shares = Shares::default();
    let mut new: Vec<i64> = Vec::new();
    for (digest, group) in &groups {
        let found = same.get(digest);
        let others = found.map_or(0, |same| same.singles.len());
        let is_one = group.iter().all(|moved| moved.text() == group[0].text());
        match found.and_then(|same| same.shared_id) {
            _ if !is_one => {}
            Some(id) => shares.add(id, group, found),
            None if group.len() + others > 1 => new.push(*digest),
            None => {}
        }
    }
    if new.is_empty() {
        return Ok(shares);
    }
    let bodies: Vec<_> = new.iter().map(|digest| groups[digest][0].body).collect();
    let bytes: Vec<i32> = bodies.iter().map(|body| length(body.original.text.len())).collect();
    let dictionaries: Vec<Option<i32>> =
        bodies.iter().map(|body| body.rule.dictionary.map(|kept| kept.id)).collect();
    let data: Vec<&[u8]> = bodies.iter().map(|body| body.compressed.as_slice()).collect();
    let share = moving.prepare(Statement::ShareBodies).await?;
    for row in moving.transaction().query(&share, &[&new, &bytes, &dictionaries, &data]).await? {
        let digest: i64 = row.try_get("digest")?;
        let group = &groups[&digest];
        shares.new_bytes += group[0].body.compressed.len() as u64;
        shares.add(row.try_get("id")?, group, same.get(&digest));
    }
    Ok(shares)
}

impl Shares {
    fn add(&mut self, id: i32, group: &[&Moved<'_>], found: Option<&Same>) {
        self.ids.extend(group.iter().map(|moved| (moved.mail(), id)));
        let promoted = |(mail, row_version): &(Uuid, i64)| {
            (*mail, Promoted { shared_id: id, row_version: *row_version })
        };
        self.promoted.extend(found.into_iter().flat_map(|same| &same.singles).map(promoted));
    }
}

/// Whether a stored body is this text.
fn says(row: &Row, digest: i64, text: &str) -> Result<bool, IngestError> {
    let bytes = usize::try_from(row.try_get::<_, i32>("bytes")?).unwrap_or(0);
    if bytes != text.len() {
        return Ok(false);
    }
    let packed: Option<Vec<u8>> = row.try_get("packed")?;
    let dictionary = match packed {
        Some(packed) => {
            let bytes = usize::try_from(row.try_get::<_, i32>("dictionary_bytes")?).unwrap_or(0);
            match unpack(&packed, bytes) {
                Ok(dictionary) => Some(dictionary),
                Err(_) => return Ok(false),
            }
        }
        None => None,
    };
    let compressed: Vec<u8> = row.try_get("compressed")?;
    Ok(Decoder::new(dictionary.as_deref()).body(&compressed, bytes, digest).as_deref() == Ok(text))
}
