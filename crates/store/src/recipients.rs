//! What became of a mail for each of its recipients.

use std::{collections::BTreeMap, fmt};

use aftersend_event::{RecipientState, normalise_address};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{QueryError, Store, sql::Statement};

/// Recipients that a story shows at most: as many as one record may name. SES sends a mail to 50 at most.
/// <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
pub const STORY_RECIPIENTS_MAX: i64 = 1_000;

/// The states that have a column for their time, in the order in which statements name these columns.
pub(crate) const TIMED: [RecipientState; 10] = [
    RecipientState::Delayed,
    RecipientState::SoftBounced,
    RecipientState::Bounced,
    RecipientState::Delivered,
    RecipientState::PossiblyComplained,
    RecipientState::NotTried,
    RecipientState::HardBounced,
    RecipientState::Failed,
    RecipientState::Rejected,
    RecipientState::Complained,
];

/// A recipient of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The address alone, in lower case.
    pub address: String,
    /// Whether the mail went to this address. If not, a server has named it, most likely since one of the recipients
    /// forwards there: it counts nowhere.
    pub listed: bool,
    /// When each thing first befell it, in the order of ranks.
    pub times: Vec<(RecipientState, Timestamp)>,
}

impl Recipient {
    /// Its state: the highest rank of all that befell it.
    pub fn state(&self) -> RecipientState {
        self.times.iter().map(|(state, _)| *state).max().unwrap_or(RecipientState::Sent)
    }

    /// Since when it is in its state. Nothing where nothing is known but that the mail was sent.
    pub fn since(&self) -> Option<Timestamp> {
        let state = self.state();
        self.times.iter().find(|(of, _)| *of == state).map(|(_, at)| *at)
    }

    pub(crate) fn from_row(row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
        let mut times = Vec::new();
        for state in TIMED {
            if let Some(at) = row.try_get::<_, Option<Timestamp>>(&*format!("{state}_at"))? {
                times.push((state, at));
            }
        }
        Ok(Self { address: row.try_get("address")?, listed: row.try_get("listed")?, times })
    }
}

/// What a list tells of a mail's recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailRecipients {
    /// How many the mail went to; none where no event of it has been read.
    pub listed_count: u64,
    /// The one that was asked for, or else the only one.
    pub one: Option<Recipient>,
}

/// How many of a mail's recipients are in which state. Told as in "2 of 3 delivered, 1 bounced".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientCounts {
    by_state: BTreeMap<RecipientState, usize>,
}

impl RecipientCounts {
    /// Counts those that the mail went to.
    pub fn of(recipients: &[Recipient]) -> Self {
        let mut by_state = BTreeMap::new();
        for recipient in recipients.iter().filter(|recipient| recipient.listed) {
            *by_state.entry(recipient.state()).or_default() += 1;
        }
        Self { by_state }
    }

    /// How many the mail went to.
    pub fn all(&self) -> usize {
        self.by_state.values().sum()
    }

    /// How many are in that state.
    pub fn in_state(&self, state: RecipientState) -> usize {
        self.by_state.get(&state).copied().unwrap_or(0)
    }

    /// How many have got the mail and keep it: who complains has got it, too, and who bounced afterwards has not.
    pub fn delivered(&self) -> usize {
        use RecipientState::{Complained, Delivered, PossiblyComplained};
        [Delivered, PossiblyComplained, Complained].map(|state| self.in_state(state)).iter().sum()
    }
}

impl fmt::Display for RecipientCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use RecipientState as State;
        let all = self.all();
        let parts = [
            (self.delivered(), "delivered"),
            (self.in_state(State::HardBounced), "bounced"),
            (self.in_state(State::Bounced) + self.in_state(State::SoftBounced), "returned for now"),
            (self.in_state(State::NotTried), "not tried"),
            (self.in_state(State::Failed), "failed"),
            (self.in_state(State::Rejected), "rejected"),
            (self.in_state(State::Delayed), "delayed"),
            (self.in_state(State::Sent), "without news"),
            (self.in_state(State::Complained), "complained"),
            (self.in_state(State::PossiblyComplained), "may have complained"),
        ];
        let told = parts.into_iter().filter(|(count, _)| *count > 0).enumerate();
        for (number, (count, what)) in told {
            match number {
                0 => write!(f, "{count} of {all} {what}")?,
                _ => write!(f, ", {count} {what}")?,
            }
        }
        Ok(())
    }
}

impl Store {
    /// To how many each of these mails went, and what became of it for this address, in whichever way it is written;
    /// without one, what became of it for its only recipient.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn recipients_of(
        &self,
        mails: &[Uuid],
        address: Option<&str>,
    ) -> Result<BTreeMap<Uuid, MailRecipients>, QueryError> {
        let address = address.map(normalise_address);
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::RecipientsOfMails)).await?;
        let rows = client.query(&statement, &[&mails, &address]).await?;
        let read = |row: &tokio_postgres::Row| {
            let is_known = row.try_get::<_, Option<String>>("address")?.is_some();
            let one = if is_known { Some(Recipient::from_row(row)?) } else { None };
            let listed_count = u64::try_from(row.try_get::<_, i64>("listed_count")?).unwrap_or(0);
            Ok((row.try_get("uuid")?, MailRecipients { listed_count, one }))
        };
        Ok(rows.iter().map(read).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// A mail's recipients, those that it went to first, by address; up to [`STORY_RECIPIENTS_MAX`].
    pub(crate) async fn recipients(&self, mail: Uuid) -> Result<Vec<Recipient>, QueryError> {
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::Recipients)).await?;
        let rows = client.query(&statement, &[&mail, &STORY_RECIPIENTS_MAX]).await?;
        Ok(rows.iter().map(Recipient::from_row).collect::<Result<_, tokio_postgres::Error>>()?)
    }
}

#[cfg(test)]
mod tests {
    use RecipientState::{
        Bounced, Complained, Delayed, Delivered, HardBounced, NotTried, PossiblyComplained, Rejected, Sent,
        SoftBounced,
    };

    use super::*;

    fn recipient(listed: bool, states: &[RecipientState]) -> Recipient {
        let time =
            |(second, state): (i64, &RecipientState)| (*state, Timestamp::from_second(second).unwrap());
        let times = (0..).zip(states).map(time).collect();
        Recipient { address: "ann@example.com".to_owned(), listed, times }
    }

    fn told(states: &[&[RecipientState]]) -> String {
        let recipients: Vec<Recipient> = states.iter().map(|states| recipient(true, states)).collect();
        RecipientCounts::of(&recipients).to_string()
    }

    #[test]
    fn every_state_but_sent_has_a_time() {
        assert_eq!(TIMED, RecipientState::ALL[1..]);
        assert_eq!(RecipientState::ALL[0], Sent);
    }

    #[test]
    fn the_highest_rank_is_the_state() {
        let bounced = recipient(true, &[HardBounced, Delivered, SoftBounced]);
        assert_eq!((bounced.state(), bounced.since()), (HardBounced, Some(Timestamp::UNIX_EPOCH)));
        assert_eq!((recipient(true, &[]).state(), recipient(true, &[]).since()), (Sent, None));
    }

    #[test]
    fn counts_in_words() {
        assert_eq!(told(&[&[Delivered], &[Delivered], &[HardBounced]]), "2 of 3 delivered, 1 bounced");
        assert_eq!(told(&[&[Delivered], &[]]), "1 of 2 delivered, 1 without news");
        assert_eq!(told(&[&[Rejected], &[Rejected]]), "2 of 2 rejected");
        assert_eq!(
            told(&[&[Delayed], &[NotTried], &[Bounced], &[SoftBounced]]),
            "2 of 4 returned for now, 1 not tried, 1 delayed"
        );
        assert_eq!(
            told(&[&[Delivered, Complained], &[Delivered, PossiblyComplained], &[PossiblyComplained]]),
            "3 of 3 delivered, 1 complained, 2 may have complained"
        );
        assert_eq!(told(&[]), "");
    }

    #[test]
    fn who_the_mail_did_not_go_to_does_not_count() {
        let counts = RecipientCounts::of(&[recipient(true, &[Delivered]), recipient(false, &[HardBounced])]);
        assert_eq!((counts.all(), counts.delivered(), counts.in_state(HardBounced)), (1, 1, 0));
        assert_eq!(counts.to_string(), "1 of 1 delivered");
    }
}
