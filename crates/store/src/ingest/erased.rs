//! Events that name people who were erased: stored without that.

use std::collections::{BTreeMap, BTreeSet};

use aftersend_event::{BlockReason, Document, Event, Message};
use uuid::Uuid;

use super::{
    Arrival, Batch,
    record::as_uuid,
    transaction::{Writer, strength},
};
use crate::{
    IngestError,
    erase::{ErasedPerson, addresses_in_json},
    sql::Statement,
};

/// All addresses that a batch may name.
pub(super) fn addresses_in_batch(batch: &Batch<'_>) -> BTreeSet<String> {
    let of_events = batch.arrivals.iter().flat_map(|arrival| addresses_in_json(arrival.json));
    let of_poisons =
        batch.poisons.iter().flat_map(|poison| addresses_in_json(&String::from_utf8_lossy(poison.body)));
    of_events.chain(of_poisons).collect()
}

/// Which occurrence an event is, whoever it names.
pub(super) fn fingerprint(arrival: &Arrival<'_>) -> Uuid {
    as_uuid(arrival.event.fingerprint())
}

/// The event's JSON without those who were erased after its mail was sent; nothing where it names none of them. A mail
/// that was sent later is another matter: whoever sent it has the address anew.
pub(super) fn json_without(arrival: &Arrival<'_>, erased: &[ErasedPerson]) -> Option<String> {
    let mut json: Option<String> = None;
    for ErasedPerson { person, erased_at, .. } in erased {
        if arrival.event.mail.timestamp.at <= *erased_at {
            let without = person.json_without(json.as_deref().unwrap_or(arrival.json));
            json = without.or(json);
        }
    }
    json
}

/// The same of an event that was not read yet.
pub(super) fn without_erased(json: &str, erased: &[ErasedPerson]) -> Option<String> {
    if erased.is_empty() {
        return None;
    }
    let Ok(Message::Event(document)) = aftersend_event::read(json.as_bytes()) else { return None };
    let event = document.event().ok()?;
    json_without(&Arrival { event: &event, json }, erased)
}

/// Whether a message that can't be read names somebody who was erased.
pub(super) fn names_any(body: &[u8], erased: &[ErasedPerson]) -> bool {
    erased.iter().any(|erased| erased.person.is_in_bytes(body))
}

fn unreadable() -> IngestError {
    IngestError::Data("it names somebody who was erased, and can't be read without that".to_owned())
}

/// Reads events anew.
pub(super) fn reread(jsons: &[Option<String>]) -> Result<Vec<Option<Document<'_>>>, IngestError> {
    let mut documents = Vec::with_capacity(jsons.len());
    for json in jsons {
        documents.push(match json.as_ref().map(|json| aftersend_event::read(json.as_bytes())) {
            None => None,
            Some(Ok(Message::Event(document))) => Some(document),
            Some(_) => return Err(unreadable()),
        });
    }
    Ok(documents)
}

/// What they say.
pub(super) fn events_of<'a>(
    documents: &'a [Option<Document<'_>>],
) -> Result<Vec<Option<Event<'a>>>, IngestError> {
    documents
        .iter()
        .map(|document| document.as_ref().map(Document::event).transpose().map_err(|_| unreadable()))
        .collect()
}

impl Writer<'_> {
    /// Takes the blocks of people who were erased out of those that are wanted, and writes them beside the hashes.
    pub(super) async fn block_erased(
        &self,
        wanted: &mut BTreeMap<String, BlockReason>,
        erased: &[ErasedPerson],
    ) -> Result<(), IngestError> {
        let mut blocks: BTreeMap<&[u8], BlockReason> = BTreeMap::new();
        for ErasedPerson { person, hash, .. } in erased {
            if let Some(reason) = wanted.remove(&person.pseudonym) {
                blocks.insert(hash, reason);
            }
        }
        if blocks.is_empty() {
            return Ok(());
        }
        let hashes: Vec<&[u8]> = blocks.keys().copied().collect();
        let reasons: Vec<&str> = blocks.values().map(|reason| reason.name()).collect();
        let strengths: Vec<i32> = blocks.values().copied().map(strength).collect();
        let block = self.prepare(Statement::BlockErased).await?;
        self.transaction.execute(&block, &[&hashes, &reasons, &strengths]).await?;
        Ok(())
    }
}
