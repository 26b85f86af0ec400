//! Mails that may have to do with a mail.

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::types::ToSql;
use uuid::{Uuid, Version};

use crate::{MailSummary, QueryError, Store, search::TIMESTAMPTZ_MIN_MICROS, sql::Statement};

/// How far from a mail related ones are looked for, in days to both sides: so that a look at a template of millions of
/// mails stays short, and because what is further away hardly explains anything.
pub const RELATED_DAYS: i64 = 30;

/// Related mails of each kind at most.
pub const RELATED_MAILS_MAX: usize = 20;

/// Mails that are looked up by each recipient's address, on either side of the mail.
const MAILS_BY_RECIPIENT_MAX: i64 = 200;

/// Mails that are looked at on either side of the mail, for those of its template or campaign.
const MAILS_NEAR_MAX: i64 = 1_500;

/// Mails of a template or campaign that are looked up where these are too few.
const MAILS_BY_NAME_MAX: i64 = 250;

/// Mails that may have to do with a mail, of each kind those first that were sent nearest to it.
#[derive(Clone, Debug, Default)]
pub struct RelatedMails {
    /// Other mails to any of its recipients.
    pub by_recipient: Vec<MailSummary>,
    /// Other mails of its template.
    pub by_template: Vec<MailSummary>,
    /// Other mails of its campaign.
    pub by_campaign: Vec<MailSummary>,
}

impl Store {
    /// Mails that may have to do with a mail: `mails_max` of each kind, up to [`RELATED_MAILS_MAX`], sent within
    /// [`RELATED_DAYS`] of it.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn related_mails(
        &self,
        mail: &MailSummary,
        mails_max: usize,
    ) -> Result<RelatedMails, QueryError> {
        let rows_max = i64::try_from(mails_max.min(RELATED_MAILS_MAX)).unwrap_or(i64::MAX);
        let days = SignedDuration::from_hours(24 * RELATED_DAYS);
        // Further back the database has no times.
        let first = Timestamp::from_microsecond(TIMESTAMPTZ_MIN_MICROS).unwrap_or(Timestamp::MIN);
        let from = mail.sent_at.checked_sub(days).map_or(first, |from| from.max(first));
        let to = mail.sent_at.checked_add(days).unwrap_or(Timestamp::MAX);
        let near = Near { mail, from, to, rows_max };
        // Each reads other pages of the disk: together they take as long as the longer of them.
        let (by_recipient, (by_template, by_campaign)) =
            tokio::try_join!(self.by_recipient(&near), self.by_names(&near))?;
        Ok(RelatedMails { by_recipient, by_template, by_campaign })
    }

    async fn by_recipient(&self, near: &Near<'_>) -> Result<Vec<MailSummary>, QueryError> {
        let Near { mail, from, to, rows_max } = near;
        let (first, last) = uuids_around(mail.uuid);
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::RelatedByRecipient)).await?;
        let parameters: [&(dyn ToSql + Sync); 8] =
            [&mail.uuid, from, to, rows_max, &MAILS_BY_RECIPIENT_MAX, &mail.sent_at, &first, &last];
        Ok(summaries(&client.query(&statement, &parameters).await?)?)
    }

    /// Those of its template, and those of its campaign: one after the other, since the second reads what the first has read.
    async fn by_names(&self, near: &Near<'_>) -> Result<(Vec<MailSummary>, Vec<MailSummary>), QueryError> {
        let Near { mail, from, to, rows_max } = near;
        let (mut by_template, mut by_campaign) = (Vec::new(), Vec::new());
        let client = self.reader().await?;
        for (statement, value, kind) in [
            (Statement::RelatedByTemplate, &mail.template_name, &mut by_template),
            (Statement::RelatedByCampaign, &mail.campaign_id, &mut by_campaign),
        ] {
            let Some(value) = value else { continue };
            let statement = client.prepare_cached(self.sql(statement)).await?;
            let parameters: [&(dyn ToSql + Sync); 8] =
                [&mail.uuid, from, to, rows_max, value, &mail.sent_at, &MAILS_NEAR_MAX, &MAILS_BY_NAME_MAX];
            *kind = summaries(&client.query(&statement, &parameters).await?)?;
        }
        Ok((by_template, by_campaign))
    }
}

/// Where mails are looked for.
struct Near<'a> {
    mail: &'a MailSummary,
    from: Timestamp,
    to: Timestamp,
    rows_max: i64,
}

/// The first and the last uuid that a mail may have that was written within [`RELATED_DAYS`] and a day of this one, which tells
/// the index of addresses alone which of a person's mails are worth a look; all uuids where this one tells no time.
fn uuids_around(uuid: Uuid) -> (Uuid, Uuid) {
    /// <https://www.rfc-editor.org/rfc/rfc9562#section-5.7>: milliseconds stand in the first 48 bits.
    const AFTER_TIME_BITS: u32 = 80;
    const UNIX_MS_MAX: u128 = (1 << 48) - 1;
    if uuid.get_version() != Some(Version::SortRand) {
        return (Uuid::nil(), Uuid::max());
    }
    let around_ms = u128::from((RELATED_DAYS + 1).unsigned_abs()) * 24 * 60 * 60 * 1_000;
    let at_ms = uuid.as_u128() >> AFTER_TIME_BITS;
    let first = at_ms.saturating_sub(around_ms) << AFTER_TIME_BITS;
    let after = ((at_ms + around_ms).min(UNIX_MS_MAX) << AFTER_TIME_BITS) | ((1 << AFTER_TIME_BITS) - 1);
    (Uuid::from_u128(first), Uuid::from_u128(after))
}

fn summaries(rows: &[tokio_postgres::Row]) -> Result<Vec<MailSummary>, tokio_postgres::Error> {
    rows.iter().map(MailSummary::from_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A uuid of version 7 that was made at this time, in milliseconds since 1970.
    fn made_at(unix_ms: u64) -> Uuid {
        uuid::Builder::from_unix_timestamp_millis(unix_ms, &[0x55; 10]).into_uuid()
    }

    #[test]
    fn uuids_around_a_mail_are_those_of_as_many_days() {
        const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
        let at_ms = 20_000 * DAY_MS;
        let (first, last) = uuids_around(made_at(at_ms));
        let is_within = |unix_ms: u64| (first..=last).contains(&made_at(unix_ms));
        let around_ms = (RELATED_DAYS.unsigned_abs() + 1) * DAY_MS;
        assert!(is_within(at_ms) && is_within(at_ms - around_ms) && is_within(at_ms + around_ms));
        assert!(!is_within(at_ms - around_ms - 1) && !is_within(at_ms + around_ms + 1));

        // At either end of time it stays within it.
        for at_ms in [0, (1 << 48) - 1] {
            let (first, last) = uuids_around(made_at(at_ms));
            assert!((first..=last).contains(&made_at(at_ms)), "{first} {last}");
        }
        // One that tells no time keeps none away.
        let random = Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef);
        assert_eq!(random.get_version_num(), 4);
        assert_eq!(uuids_around(random), (Uuid::nil(), Uuid::max()));
    }
}
