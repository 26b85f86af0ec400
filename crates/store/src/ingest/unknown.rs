//! What becomes of events whose mail nobody knows.

use std::time::Duration;

use crate::{IngestError, Store, sql::Statement};

/// How long events wait for their mail unless somebody says otherwise: an application that logs a mail does so before
/// it sends it, or within seconds.
pub const PARK_FOR_DEFAULT: Duration = Duration::from_hours(1);

/// As long as anybody may wait: PostgreSQL can't count back much further.
const PARK_FOR_MAX: Duration = Duration::from_hours(24 * 365 * 100);

/// What to do with events of mails that nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownMails {
    /// By who made the tables: [`Park`](Self::Park) where an application did, which will log its mails itself, and
    /// [`Create`](Self::Create) where Aftersend did.
    Auto {
        /// As [`Park`](Self::Park) has it.
        park_for: Duration,
    },
    /// Make the mail from its events.
    ///
    /// In tables that an application made, its SES id stays out of the column, as for mails that were parked first.
    Create,
    /// Keep the events until an application logs the mail.
    Park {
        /// After so long without one, the mail is made from its events.
        park_for: Duration,
    },
}

impl Default for UnknownMails {
    fn default() -> Self {
        Self::Auto { park_for: PARK_FOR_DEFAULT }
    }
}

/// What a transaction does about SES ids that lead to no mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Make mails that hold their ids in the column: nobody else writes there.
    InColumn,
    /// Make mails whose ids stand in `aftersend_ids` alone, so that no unique index can stop an application that logs
    /// the same mail.
    Beside,
    /// Make none.
    Leave,
}

/// What a store does about unknown mails, once it is known who made its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    /// For events that come in. What is left without a mail is parked.
    pub(super) arriving: Treatment,
    /// For events that have been parked for long enough.
    pub(super) waited: Treatment,
    pub(super) park_for: Duration,
}

impl UnknownMails {
    /// How long events wait for their mail at most, where any do.
    pub(crate) fn park_for(self) -> Duration {
        match self {
            Self::Auto { park_for } | Self::Park { park_for } => park_for,
            // None is parked; what was, before that was chosen, is made at once.
            Self::Create => Duration::ZERO,
        }
    }

    fn policy(self, made_by_us: bool) -> Policy {
        let create = if made_by_us { Treatment::InColumn } else { Treatment::Beside };
        match self {
            Self::Park { park_for } => {
                let park_for = park_for.min(PARK_FOR_MAX);
                Policy { arriving: Treatment::Leave, waited: Treatment::Beside, park_for }
            }
            Self::Auto { park_for } if !made_by_us => {
                let park_for = park_for.min(PARK_FOR_MAX);
                Policy { arriving: Treatment::Leave, waited: Treatment::Beside, park_for }
            }
            // What another policy parked has waited for long enough.
            Self::Auto { .. } | Self::Create => {
                Policy { arriving: create, waited: create, park_for: Duration::ZERO }
            }
        }
    }
}

impl Store {
    /// The same store with another rule for unknown mails.
    #[must_use]
    pub fn with_unknown_mails(mut self, unknown_mails: UnknownMails) -> Self {
        self.unknown_mails = unknown_mails;
        self
    }

    /// What to do about unknown mails here.
    pub(super) async fn policy(&self) -> Result<Policy, IngestError> {
        Ok(self.unknown_mails.policy(self.is_made_by_us().await?))
    }

    /// Whether step 136 made the tables, and no application.
    pub(crate) async fn is_made_by_us(&self) -> Result<bool, IngestError> {
        let made_by_us = self.made_by_us.get_or_try_init(|| async {
            let client = self.writer().await?;
            let row = client.query_one(self.sql(Statement::FindMaker), &[]).await?;
            Ok::<bool, IngestError>(row.try_get(0)?)
        });
        made_by_us.await.copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_made_the_tables_decides_unless_told() {
        let hour = PARK_FOR_DEFAULT;
        let arriving = |rule: UnknownMails, made_by_us| rule.policy(made_by_us).arriving;
        assert_eq!(arriving(UnknownMails::default(), true), Treatment::InColumn);
        assert_eq!(arriving(UnknownMails::default(), false), Treatment::Leave);
        assert_eq!(arriving(UnknownMails::Create, true), Treatment::InColumn);
        assert_eq!(arriving(UnknownMails::Create, false), Treatment::Beside);
        for made_by_us in [true, false] {
            let policy = UnknownMails::Park { park_for: hour }.policy(made_by_us);
            assert_eq!((policy.arriving, policy.waited), (Treatment::Leave, Treatment::Beside));
            assert_eq!(policy.park_for, hour);
        }
        // What was parked under another rule waits no longer.
        assert_eq!(UnknownMails::Create.policy(true).park_for, Duration::ZERO);
    }
}
