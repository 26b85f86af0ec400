//! Mails on their way into the archive: which are due, and all that belongs to them.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::{IngestError, QueryError, Store, sql::Statement};

/// Mails that one look for candidates goes through at most.
pub const CANDIDATE_PAGE_MAX: usize = 1_000;

/// All mails are gone through again after so long: an application may have changed some without a word.
const WHOLE_WALK_DAYS: i32 = 7;

/// Mails that are read whole at once at most.
pub const LINES_MAX: usize = 200;

/// A mail that may be archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its key.
    pub uuid: Uuid,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// How long its body is.
    pub body_bytes: u64,
}

/// A place in the order in which mails are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidateCursor {
    /// When the last mail was sent that was looked at.
    pub sent_at: Timestamp,
    /// Its key.
    pub uuid: Uuid,
}

/// Some candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidatePage {
    /// Those that the archive does not have as they are now, as far as is known without reading them whole.
    pub due: Vec<Candidate>,
    /// Those that are in the archive and, though nobody here has removed them, not in the database.
    pub gone: Vec<Uuid>,
    /// How many were looked at.
    pub looked_at: usize,
    /// Where to go on; nothing where there is no more.
    pub next: Option<CandidateCursor>,
}

impl CandidatePage {
    fn of(rows: &[Row]) -> Result<Self, tokio_postgres::Error> {
        let (mut due, mut gone) = (Vec::new(), Vec::new());
        let mut last = None;
        for row in rows {
            let uuid = row.try_get("uuid")?;
            // Nothing where it is infinite, or the mail is gone. Such pages go on by key alone.
            let sent_at: Option<Timestamp> = row.try_get("sent_at")?;
            last = Some(CandidateCursor { sent_at: sent_at.unwrap_or(Timestamp::MIN), uuid });
            let Some(sent_at) = sent_at else {
                gone.extend(row.try_get::<_, bool>("is_gone")?.then_some(uuid));
                continue;
            };
            let candidate =
                Candidate { uuid, sent_at, body_bytes: row.try_get::<_, i64>("body_bytes")?.unsigned_abs() };
            if row.try_get("is_due")? {
                due.push(candidate);
            }
        }
        let next = last.filter(|_| rows.len() >= CANDIDATE_PAGE_MAX);
        Ok(Self { due, gone, looked_at: rows.len(), next })
    }
}

/// How far earlier runs have gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveWalked {
    /// All mails that were sent before this and made before the next have been gone through.
    pub below: Timestamp,
    /// A key: mails with greater ones may have been made since.
    pub made_after: Uuid,
}

/// The least key that a mail made at that time may have.
/// <https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7>
fn first_key(at: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}

/// Mails that an estimate looks at in one statement.
const ESTIMATE_PAGE_MAX: i64 = 10_000;

/// What there is to archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveEstimate {
    /// Mails that are old enough and here.
    pub mails: u64,
    /// Bytes of their bodies.
    pub body_bytes: u64,
    /// Of these mails, those that an object has, whether or not they have changed since.
    pub archived: u64,
    /// When the first and the last of them were sent.
    pub first_sent_at: Option<Timestamp>,
    /// As above.
    pub last_sent_at: Option<Timestamp>,
}

impl std::ops::AddAssign for ArchiveEstimate {
    fn add_assign(&mut self, later: Self) {
        self.mails += later.mails;
        self.body_bytes += later.body_bytes;
        self.archived += later.archived;
        self.first_sent_at = self.first_sent_at.or(later.first_sent_at);
        self.last_sent_at = later.last_sent_at.or(self.last_sent_at);
    }
}

/// A mail with all that belongs to it, as JSON: rows as PostgreSQL spells them, with every column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailLine {
    /// Its key.
    pub uuid: Uuid,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When its row was last changed.
    pub updated_at: Option<Timestamp>,
    /// The row, an object.
    pub mail: String,
    /// Its events, an array of rows, as are the next.
    pub events: String,
    /// Folded events.
    pub folded: String,
    /// Recipients.
    pub recipients: String,
    /// SES ids beside the one in the column.
    pub ids: String,
    /// Events that step 137 removed.
    pub removed: String,
    /// The body, where the row does not hold it as it is.
    pub body: Option<String>,
    /// How many events it has, folded ones included.
    pub occurrences: u32,
    /// SHA-256 of all that, from which a change is known.
    pub digest: Vec<u8>,
}

/// Mails that were read whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailLines {
    /// Those that could be.
    pub lines: Vec<MailLine>,
    /// Those whose stored bodies are not what was stored. Without them they would not be whole.
    pub unreadable: Vec<Uuid>,
}

impl MailLine {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            uuid: row.try_get("uuid")?,
            sent_at: row.try_get("sent_at")?,
            updated_at: row.try_get("updated_at")?,
            mail: row.try_get("mail")?,
            events: row.try_get("events")?,
            folded: row.try_get("folded")?,
            recipients: row.try_get("recipients")?,
            ids: row.try_get("ids")?,
            removed: row.try_get("removed")?,
            body: None,
            occurrences: u32::try_from(row.try_get::<_, i64>("occurrences")?).unwrap_or(u32::MAX),
            digest: row.try_get("digest")?,
        })
    }
}

impl Store {
    /// The next mails that were sent before a time, up to [`CANDIDATE_PAGE_MAX`], in the order of sending.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_candidates(
        &self,
        before: Timestamp,
        after: Option<CandidateCursor>,
    ) -> Result<CandidatePage, QueryError> {
        let client = self.reader().await?;
        let find = client.prepare_cached(self.sql(Statement::ArchiveCandidates)).await?;
        let (sent_at, uuid) = (after.map(|after| after.sent_at), after.map(|after| after.uuid));
        let rows_max = i64::try_from(CANDIDATE_PAGE_MAX).unwrap_or(i64::MAX);
        let rows = client.query(&find, &[&before, &sent_at, &uuid, &rows_max]).await?;
        Ok(CandidatePage::of(&rows)?)
    }

    /// The next mails that were sent before a time and made after that key, up to [`CANDIDATE_PAGE_MAX`], in the order of keys.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_made(&self, before: Timestamp, after: Uuid) -> Result<CandidatePage, QueryError> {
        self.candidates_by_key(Statement::ArchiveMade, before, after).await
    }

    /// The next mails that were sent before a time, are in the archive and here, and were changed since by whoever says so:
    /// up to [`CANDIDATE_PAGE_MAX`], in the order of keys.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_changed(&self, before: Timestamp, after: Uuid) -> Result<CandidatePage, QueryError> {
        self.candidates_by_key(Statement::ArchiveChanged, before, after).await
    }

    /// Says of mails that somebody else has deleted from the database that there is no change to take to the archive. What is
    /// known of the archive's copy stays.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn forget_changes(&self, gone: &[Uuid]) -> Result<(), IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let forget = client.prepare_cached(self.sql(Statement::ForgetArchivedChanges)).await?;
            client.execute(&forget, &[&gone]).await?;
            Ok(())
        })
        .await
    }

    async fn candidates_by_key(
        &self,
        statement: Statement,
        before: Timestamp,
        after: Uuid,
    ) -> Result<CandidatePage, QueryError> {
        let client = self.reader().await?;
        let find = client.prepare_cached(self.sql(statement)).await?;
        let rows_max = i64::try_from(CANDIDATE_PAGE_MAX).unwrap_or(i64::MAX);
        let rows = client.query(&find, &[&before, &after, &rows_max]).await?;
        Ok(CandidatePage::of(&rows)?)
    }

    /// How far earlier runs have gone through mails; nothing where all are to be gone through, as now and then they are.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_walked(&self) -> Result<Option<ArchiveWalked>, QueryError> {
        let client = self.reader().await?;
        let ask = client.prepare_cached(self.sql(Statement::LastArchiveWalk)).await?;
        let Some(row) = client.query_opt(&ask, &[&WHOLE_WALK_DAYS]).await? else { return Ok(None) };
        let made_since: Timestamp = row.try_get("made_since")?;
        Ok(Some(ArchiveWalked { below: row.try_get("walked_below")?, made_after: first_key(made_since) }))
    }

    /// How much was sent before a time and is here, of the next mails in the order of sending, up to 10,000,
    /// and where to go on; nothing where there is no more. A page takes a fraction of a second, all of them minutes.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_estimate(
        &self,
        before: Timestamp,
        after: Option<CandidateCursor>,
    ) -> Result<(ArchiveEstimate, Option<CandidateCursor>), QueryError> {
        let client = self.reader().await?;
        let estimate = client.prepare_cached(self.sql(Statement::ArchiveEstimate)).await?;
        let (sent_at, uuid) = after.map(|after| (after.sent_at, after.uuid)).unzip();
        let row = client.query_one(&estimate, &[&before, &sent_at, &uuid, &ESTIMATE_PAGE_MAX]).await?;
        let count = |name| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
        let page = ArchiveEstimate {
            mails: count("mails")?,
            body_bytes: count("body_bytes")?,
            archived: count("archived")?,
            first_sent_at: row.try_get("first_sent_at")?,
            last_sent_at: row.try_get("last_sent_at")?,
        };
        let last_uuid: Option<Uuid> = row.try_get("last_uuid")?;
        let last = page.last_sent_at.zip(last_uuid).map(|(sent_at, uuid)| CandidateCursor { sent_at, uuid });
        let is_full = page.mails == ESTIMATE_PAGE_MAX.unsigned_abs();
        Ok((page, last.filter(|_| is_full)))
    }

    /// Reads mails whole, up to [`LINES_MAX`], each as it is at one moment. Those that are gone are left out, and those whose
    /// stored bodies are damaged are told apart.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn mail_lines(&self, mails: &[Uuid]) -> Result<MailLines, QueryError> {
        let client = self.reader().await?;
        let read = client.prepare_cached(self.sql(Statement::MailLines)).await?;
        let rows = client.query(&read, &[&mails]).await?;
        drop(client);
        let mut read = MailLines::default();
        for row in &rows {
            let mut line = MailLine::from_row(row)?;
            // The one place that knows that a body may be kept outside of its mail's row.
            if row.try_get("is_body_elsewhere")? {
                match self.read_body(line.uuid).await {
                    Err(QueryError::DamagedBody { mail, reason }) => {
                        tracing::warn!(%mail, reason, "a mail can't be archived: its stored body is damaged");
                        read.unreadable.push(mail);
                        continue;
                    }
                    body => line.body = body?,
                }
            }
            read.lines.push(line);
        }
        Ok(read)
    }
}
