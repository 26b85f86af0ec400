//! Mails that may have to do with a mail.

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::types::ToSql;

use crate::{MailSummary, QueryError, Store, search::TIMESTAMPTZ_MIN_MICROS, sql::Statement};

/// How far from a mail related ones are looked for, in days to both sides: so that a look at a template of millions of
/// mails stays short, and because what is further away hardly explains anything.
pub const RELATED_DAYS: i64 = 30;

/// Related mails of each kind at most.
pub const RELATED_MAILS_MAX: usize = 20;

/// Mails that are looked up by each recipient's address: the newest.
const MAILS_BY_RECIPIENT_MAX: i64 = 1_000;

/// Mails that are looked at on either side of the mail, for those of its template or campaign.
const MAILS_NEAR_MAX: i64 = 4_000;

/// Mails of a template or campaign that are looked up where these are too few.
const MAILS_BY_NAME_MAX: i64 = 1_000;

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
        let client = self.reader().await?;
        let statement = client.prepare_cached(self.sql(Statement::RelatedByRecipient)).await?;
        let rows = client
            .query(&statement, &[&mail.uuid, &from, &to, &rows_max, &MAILS_BY_RECIPIENT_MAX, &mail.sent_at])
            .await?;
        let mut related = RelatedMails { by_recipient: summaries(&rows)?, ..RelatedMails::default() };
        for (statement, value, kind) in [
            (Statement::RelatedByTemplate, &mail.template_name, &mut related.by_template),
            (Statement::RelatedByCampaign, &mail.campaign_id, &mut related.by_campaign),
        ] {
            let Some(value) = value else { continue };
            let statement = client.prepare_cached(self.sql(statement)).await?;
            let parameters: [&(dyn ToSql + Sync); 8] = [
                &mail.uuid,
                &from,
                &to,
                &rows_max,
                value,
                &mail.sent_at,
                &MAILS_NEAR_MAX,
                &MAILS_BY_NAME_MAX,
            ];
            *kind = summaries(&client.query(&statement, &parameters).await?)?;
        }
        Ok(related)
    }
}

fn summaries(rows: &[tokio_postgres::Row]) -> Result<Vec<MailSummary>, tokio_postgres::Error> {
    rows.iter().map(MailSummary::from_row).collect()
}
