//! Bodies: which are where.

use super::{Estimate, TableSizes, count};
use crate::{QueryError, Store, sql::Statement};

/// What the bodies of the mails that are here are, and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyPlaces {
    /// In the mail's row, as the application wrote them.
    pub plain: Estimate,
    /// Their length.
    pub plain_bytes: Estimate,
    /// In the mail's row, compressed by the application's own archiver, or marked as that.
    pub elsewhere: Estimate,
    /// Their length as they stand there.
    pub elsewhere_bytes: Estimate,
    /// Compressed by the application's own archiver, which has kept nothing.
    pub discarded: Estimate,
    /// Mails of which no body was kept.
    pub without: Estimate,
    /// Compressed by this program.
    pub compressed: Estimate,
    /// Of these, those that other mails have, too, and that are stored once.
    pub shared: Estimate,
    /// Their length before.
    pub compressed_bytes: Estimate,
    /// What they take now: files of all tables that belong to it, with indexes and room for more. To the byte.
    pub stored_bytes: u64,
}

/// The tables that compressed bodies take.
const STORED_TABLES: [&str; 4] =
    ["aftersend_bodies", "aftersend_shared_bodies", "aftersend_body_dictionaries", "aftersend_kept_bodies"];

impl Store {
    /// Where the bodies are, told by a sample where there are many mails.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn body_places(&self, sizes: &TableSizes) -> Result<BodyPlaces, QueryError> {
        let client = self.reader().await?;
        let (mails, stored) = (sizes.sample("phoenix_kit_email_logs"), sizes.sample("aftersend_bodies"));
        let of_mails = client.prepare_cached(self.sql(Statement::SampleBodies)).await?;
        let of_stored = client.prepare_cached(self.sql(Statement::SampleStoredBodies)).await?;
        let found = client.query_one(&of_mails, &[&mails.percent]).await?;
        let found_stored = client.query_one(&of_stored, &[&stored.percent]).await?;
        let (looked_at, stored_looked_at) = (count(&found, "mails")?, count(&found_stored, "bodies")?);
        let of_mails = |name| Ok::<_, tokio_postgres::Error>(mails.whole(count(&found, name)?, looked_at));
        let of_stored = |name| {
            Ok::<_, tokio_postgres::Error>(stored.whole(count(&found_stored, name)?, stored_looked_at))
        };
        Ok(BodyPlaces {
            plain: of_mails("plain")?,
            plain_bytes: of_mails("plain_bytes")?,
            elsewhere: of_mails("elsewhere")?,
            elsewhere_bytes: of_mails("elsewhere_bytes")?,
            discarded: of_mails("discarded")?,
            without: of_mails("without")?,
            compressed: of_stored("bodies")?,
            shared: of_stored("shared")?,
            compressed_bytes: of_stored("bytes")?,
            stored_bytes: STORED_TABLES.iter().map(|name| sizes.table(name).all_bytes()).sum(),
        })
    }
}
