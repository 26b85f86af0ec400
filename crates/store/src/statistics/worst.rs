//! Where harm is done, and where readers go: domains, reasons of bounces, links.

use super::{FiguresError, Period, count};
use crate::{Store, ingest::facts::storable, sql::Statement};

/// Rows of each of these lists at most.
pub const WORST_ROWS_MAX: usize = 200;

/// Some recipients' domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainFigures {
    /// What stands behind the `@`, in lower case.
    pub domain: String,
    /// Recipients there to whom mail was sent.
    pub sent: u64,
    /// Those whose server took it.
    pub delivered: u64,
    /// Those that bounced in whichever way.
    pub bounced: u64,
    /// Those who complained.
    pub complained: u64,
}

/// Why mails came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BounceReason {
    /// `hard`, `soft` or `undetermined`.
    pub kind: Option<String>,
    /// SES's subtype: `General`, `NoEmail`, `MailboxFull`, …
    pub subtype: Option<String>,
    /// The enhanced status code that the server gave: `5.1.1`. <https://www.rfc-editor.org/rfc/rfc3463>
    pub code: Option<String>,
    /// How often a recipient was named with it.
    pub bounces: u64,
}

/// A link and who followed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFigures {
    /// Where it leads; none where SES did not say.
    pub link: Option<String>,
    /// Mails of which a person followed it: each once.
    pub mails: u64,
    /// How often people followed it.
    pub clicks: u64,
    /// How often machines did.
    pub machine_clicks: u64,
}

impl Store {
    /// The recipients' domains of a period's mails, those with the most bounces and complaints first.
    ///
    /// # Errors
    ///
    /// When counting takes longer than its time budget, or when the database does not answer.
    pub async fn worst_domains(
        &self,
        period: Period,
        template: Option<&str>,
        rows_max: usize,
    ) -> Result<Vec<DomainFigures>, FiguresError> {
        let rows = self.ranked(Statement::Domains, period, template, rows_max).await?;
        let read = |row: &tokio_postgres::Row| {
            Ok(DomainFigures {
                domain: row.try_get("domain")?,
                sent: count(row, "sent")?,
                delivered: count(row, "delivered")?,
                bounced: count(row, "bounced")?,
                complained: count(row, "complained")?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// Why mails of a period came back, the commonest reasons first.
    ///
    /// # Errors
    ///
    /// As [`worst_domains`](Self::worst_domains).
    pub async fn bounce_reasons(
        &self,
        period: Period,
        template: Option<&str>,
        rows_max: usize,
    ) -> Result<Vec<BounceReason>, FiguresError> {
        let rows = self.ranked(Statement::BounceReasons, period, template, rows_max).await?;
        let read = |row: &tokio_postgres::Row| {
            Ok(BounceReason {
                kind: row.try_get("kind")?,
                subtype: row.try_get("subtype")?,
                code: row.try_get("code")?,
                bounces: count(row, "bounces")?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// The links that were followed in a period's mails, those that led most mails' readers on first.
    ///
    /// # Errors
    ///
    /// As [`worst_domains`](Self::worst_domains).
    pub async fn links(
        &self,
        period: Period,
        template: Option<&str>,
        rows_max: usize,
    ) -> Result<Vec<LinkFigures>, FiguresError> {
        let rows = self.ranked(Statement::Links, period, template, rows_max).await?;
        let read = |row: &tokio_postgres::Row| {
            Ok(LinkFigures {
                link: row.try_get("link")?,
                mails: count(row, "mails")?,
                clicks: count(row, "clicks")?,
                machine_clicks: count(row, "machine_clicks")?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    async fn ranked(
        &self,
        statement: Statement,
        period: Period,
        template: Option<&str>,
        rows_max: usize,
    ) -> Result<Vec<tokio_postgres::Row>, FiguresError> {
        let templates = template.map(|template| vec![storable(template)]);
        let rows_max = i64::try_from(rows_max.min(WORST_ROWS_MAX)).unwrap_or(i64::MAX);
        let client = self.reader().await?;
        let prepared = client.prepare_cached(self.sql(statement)).await?;
        Ok(client.query(&prepared, &[&period.from(), &period.to(), &templates, &rows_max]).await?)
    }
}
