//! What events say of a mail's recipients, and how what several say is merged.
//!
//! What an event says follows from that event alone, and every merge commutes and may be repeated: earliest time of
//! each state, listed wins. So neither order nor repetition leaves a trace.

use std::collections::{BTreeMap, HashSet};

use aftersend_event::{Event, RecipientFact};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Arrival, events::Owners, facts::cut_for_index, transaction::Writer};
use crate::{IngestError, recipients::TIMED, sql::Statement};

/// What is known of a recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// Whether some event lists the address among those that the mail went to.
    listed: bool,
    /// When each state of [`TIMED`] first befell it.
    times: [Option<Timestamp>; TIMED.len()],
}

/// What is known of a mail's recipients, by address.
pub(crate) type Fates = BTreeMap<String, Fate>;

/// What is known of the recipients of a batch's mails, by SES id.
pub(super) type FatesByMail<'a> = BTreeMap<&'a str, Fates>;

impl Fate {
    /// What one event says.
    fn of(fact: &RecipientFact, at: Timestamp) -> Self {
        let times = TIMED.map(|state| (state == fact.state).then_some(at));
        Self { listed: fact.listed, times }
    }

    /// Takes in what is known otherwise.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.listed |= other.listed;
        for (mine, theirs) in self.times.iter_mut().zip(other.times) {
            *mine = match (*mine, theirs) {
                (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
                (mine, theirs) => mine.or(theirs),
            };
        }
    }
}

/// What an event that happened at `at` says of each recipient. Two addresses that are the same once cut come twice.
pub(crate) fn fates_of(event: &Event<'_>, at: Timestamp) -> impl Iterator<Item = (String, Fate)> {
    event.recipient_facts().into_iter().map(move |fact| (cut_for_index(&fact.address), Fate::of(&fact, at)))
}

/// Takes in what is said of an address.
pub(crate) fn learn<K: Ord>(known: &mut BTreeMap<K, Fate>, key: K, told: &Fate) {
    known.entry(key).or_default().merge(told);
}

/// What events say: all count, repeats too.
pub(super) fn fates_by_mail<'a>(arrivals: &[Arrival<'a>]) -> FatesByMail<'a> {
    let mut mails = FatesByMail::new();
    for arrival in arrivals {
        let event = arrival.event;
        let fates = mails.entry(&event.mail.message_id).or_default();
        for (address, told) in fates_of(event, event.occurred_at()) {
            learn(fates, address, &told);
        }
    }
    mails
}

/// Recipients as rows, column by column.
#[derive(Default)]
pub(crate) struct RecipientColumns<'a> {
    email_log_uuid: Vec<Uuid>,
    address: Vec<&'a str>,
    listed: Vec<bool>,
    times: [Vec<Option<Timestamp>>; TIMED.len()],
}

impl<'a> RecipientColumns<'a> {
    /// Each mail and address once.
    pub(crate) fn push(&mut self, mail: Uuid, address: &'a str, fate: &Fate) {
        self.email_log_uuid.push(mail);
        self.address.push(address);
        self.listed.push(fate.listed);
        for (column, time) in self.times.iter_mut().zip(fate.times) {
            column.push(time);
        }
    }

    /// In the order in which the statements name them.
    pub(crate) fn into_parameters(self) -> Vec<Box<dyn ToSql + Sync + Send + 'a>> {
        let mut parameters: Vec<Box<dyn ToSql + Sync + Send + 'a>> =
            vec![Box::new(self.email_log_uuid), Box::new(self.address), Box::new(self.listed)];
        for column in self.times {
            parameters.push(Box::new(column));
        }
        parameters
    }
}

impl Writer<'_> {
    /// Merges what events say of recipients into what is known of them. Their mails are locked; what is said of mails
    /// without an owner is left out. Says of which mails something was not known before.
    pub(super) async fn merge_recipients(
        &self,
        told: &FatesByMail<'_>,
        owners: &Owners<'_>,
    ) -> Result<HashSet<Uuid>, IngestError> {
        // Two SES ids may lead to one mail, and a statement may write a row only once.
        let mut merged: BTreeMap<(Uuid, &str), Fate> = BTreeMap::new();
        for (id, fates) in told {
            let Some(owner) = owners.get(id) else { continue };
            for (address, fate) in fates {
                learn(&mut merged, (owner.mail, address), fate);
            }
        }
        if merged.is_empty() {
            return Ok(HashSet::new());
        }
        let mut columns = RecipientColumns::default();
        for ((mail, address), fate) in &merged {
            columns.push(*mail, address, fate);
        }
        let parameters = columns.into_parameters();
        let parameters: Vec<&(dyn ToSql + Sync)> =
            parameters.iter().map(|column| &**column as &(dyn ToSql + Sync)).collect();
        let merge = self.prepare(Statement::MergeRecipients).await?;
        let rows = self.transaction.query(&merge, &parameters).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use aftersend_event::RecipientState;
    use proptest::prelude::*;

    use super::*;

    fn fact() -> impl Strategy<Value = (RecipientFact, Timestamp)> {
        let state = proptest::sample::select(&RecipientState::ALL[..]);
        ("[ab]", proptest::bool::ANY, state, 0..5_i64).prop_map(|(address, listed, state, second)| {
            (RecipientFact { address, listed, state }, Timestamp::from_second(second).unwrap())
        })
    }

    /// What some events together say.
    fn fates() -> impl Strategy<Value = Fates> {
        proptest::collection::vec(fact(), 0..5).prop_map(|facts| {
            let mut fates = Fates::new();
            for (fact, at) in facts {
                learn(&mut fates, fact.address.clone(), &Fate::of(&fact, at));
            }
            fates
        })
    }

    fn merged(mut a: Fates, b: &Fates) -> Fates {
        for (address, fate) in b {
            learn(&mut a, address.clone(), fate);
        }
        a
    }

    proptest! {
        /// What the invariant of set semantics rests on, for recipients.
        #[test]
        fn merging_commutes_associates_and_may_be_repeated(a in fates(), b in fates(), c in fates()) {
            prop_assert_eq!(merged(a.clone(), &b), merged(b.clone(), &a));
            prop_assert_eq!(merged(merged(a.clone(), &b), &c), merged(a.clone(), &merged(b.clone(), &c)));
            prop_assert_eq!(merged(merged(a.clone(), &b), &b), merged(a, &b));
        }

        /// A state has a time as soon as one event gives it, the earliest of all; none is lost in a merge.
        #[test]
        fn the_earliest_time_of_each_state_holds(facts in proptest::collection::vec(fact(), 1..9)) {
            let mut fate = Fate::default();
            for (fact, at) in &facts {
                fate.merge(&Fate::of(fact, *at));
            }
            prop_assert_eq!(fate.listed, facts.iter().any(|(fact, _)| fact.listed));
            for (state, time) in TIMED.into_iter().zip(fate.times) {
                let first = facts.iter().filter(|(fact, _)| fact.state == state).map(|(_, at)| *at).min();
                prop_assert_eq!(time, first, "{}", state);
            }
        }
    }
}
