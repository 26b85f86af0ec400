//! Where a mail is that is not here.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{QueryError, Store, sql::Statement};

/// Why a mail is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchivedState {
    /// It is in the archive.
    Archived,
    /// It was deleted, as old mails are.
    Deleted,
    /// It was erased for a person's sake.
    Erased,
}

/// A mail that is not here any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedMail {
    /// Its key, where that is known.
    pub uuid: Option<Uuid>,
    /// Why.
    pub state: ArchivedState,
    /// The object that has it.
    pub object: Option<String>,
    /// When it went there.
    pub archived_at: Option<Timestamp>,
    /// When it left the database.
    pub removed_at: Option<Timestamp>,
    /// Events that came since, and wait for the next object.
    pub late_events: u64,
}

/// The mails that an object has as far as the database knows: their digests.
pub type ArchivedObject = HashMap<Uuid, Vec<u8>>;

impl Store {
    /// The mail with that id, if it was here and is not any more: our uuid, the application's message id or an SES id.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn find_archived(&self, id: &str) -> Result<Option<ArchivedMail>, QueryError> {
        let id = id.trim();
        // PostgreSQL refuses a NUL in text, and no id holds one.
        if id.is_empty() || id.contains('\0') {
            return Ok(None);
        }
        let client = self.reader().await?;
        let find = client.prepare_cached(self.sql(Statement::FindArchived)).await?;
        let Some(row) = client.query_opt(&find, &[&id, &Uuid::try_parse(id).ok()]).await? else {
            return Ok(None);
        };
        Ok(Some(ArchivedMail {
            uuid: row.try_get("uuid")?,
            state: match row.try_get("state")? {
                "archived" => ArchivedState::Archived,
                "erased" => ArchivedState::Erased,
                _ => ArchivedState::Deleted,
            },
            object: row.try_get("object")?,
            archived_at: row.try_get("archived_at")?,
            removed_at: row.try_get("removed_at")?,
            late_events: row.try_get::<_, i64>("late_events")?.unsigned_abs(),
        }))
    }

    /// Which mails an object has, as far as the database knows.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archived_in(&self, object: i64) -> Result<ArchivedObject, QueryError> {
        let client = self.reader().await?;
        let list = client.prepare_cached(self.sql(Statement::MailsOfObject)).await?;
        let rows = client.query(&list, &[&object]).await?;
        let mail = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
        Ok(rows.iter().map(mail).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// The names of the objects that have these mails, or what came of them later.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_objects_with(&self, mails: &[Uuid]) -> Result<Vec<String>, QueryError> {
        let client = self.reader().await?;
        let list = client.prepare_cached(self.sql(Statement::ObjectsOfMails)).await?;
        let rows = client.query(&list, &[&mails]).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }
}
