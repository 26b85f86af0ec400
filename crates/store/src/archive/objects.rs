//! Objects of the archive, as the database has written them down.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::MailLine;
use crate::{IngestError, QueryError, Store, sql::Statement};

/// Leftovers of one look at most.
const LEFTOVERS_MAX: i64 = 100;

/// What an object holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// Mails with all that belongs to them.
    Mails,
    /// Events that came when their mails were in the archive.
    Late,
}

impl ObjectKind {
    /// As the table and the objects spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mails => "mails",
            Self::Late => "late",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Mails, Self::Late].into_iter().find(|kind| kind.name() == name)
    }
}

/// How far an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectState {
    /// It is being written, or was and is not proven.
    Written,
    /// It was read back, and is as it was sent.
    Verified,
    /// It is proven, and its mails are gone from here.
    Deleted,
    /// It was given up.
    Abandoned,
}

impl ObjectState {
    /// As the table spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Verified => "verified",
            Self::Deleted => "deleted",
            Self::Abandoned => "abandoned",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "written" => Self::Written,
            "verified" => Self::Verified,
            "deleted" => Self::Deleted,
            // The table's check allows no other.
            _ => Self::Abandoned,
        }
    }
}

/// What was read back of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Mails, or mails of which it has late events.
    pub mails: u64,
    /// Events, folded ones included.
    pub events: u64,
    /// Bytes as it is there.
    pub bytes: u64,
    /// Bytes decompressed.
    pub content_bytes: u64,
    /// SHA-256 of the bytes that are there.
    pub sha256: Vec<u8>,
    /// When the first and the last of its mails were sent.
    pub first_sent_at: Option<Timestamp>,
    /// As above.
    pub last_sent_at: Option<Timestamp>,
}

/// An object that nobody proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its number.
    pub number: i64,
    /// What it is called.
    pub name: String,
}

/// An object as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveObject {
    /// Its number.
    pub number: i64,
    /// What it is called, without its ending.
    pub name: String,
    /// What it holds.
    pub kind: ObjectKind,
    /// How far it is.
    pub state: ObjectState,
    /// What was read back of it, once it is proven.
    pub facts: Option<ObjectFacts>,
    /// When its first byte was about to be sent.
    pub written_at: Timestamp,
    /// When it was proven.
    pub verified_at: Option<Timestamp>,
    /// Why it could not be.
    pub failure: Option<String>,
}

impl ArchiveObject {
    pub(super) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let count = |name| row.try_get::<_, Option<i64>>(name).map(|count| count.map(i64::unsigned_abs));
        let facts = match row.try_get::<_, Option<Vec<u8>>>("sha256")? {
            Some(sha256) => Some(ObjectFacts {
                mails: count("mails")?.unwrap_or(0),
                events: count("events")?.unwrap_or(0),
                bytes: count("bytes")?.unwrap_or(0),
                content_bytes: count("content_bytes")?.unwrap_or(0),
                sha256,
                first_sent_at: row.try_get("first_sent_at")?,
                last_sent_at: row.try_get("last_sent_at")?,
            }),
            None => None,
        };
        Ok(Self {
            number: row.try_get("number")?,
            name: row.try_get("name")?,
            kind: ObjectKind::from_name(row.try_get("kind")?).unwrap_or(ObjectKind::Mails),
            state: ObjectState::from_name(row.try_get("state")?),
            facts,
            written_at: row.try_get("written_at")?,
            verified_at: row.try_get("verified_at")?,
            failure: row.try_get("failure")?,
        })
    }
}

impl Store {
    /// Writes down an object that is about to be written, and gives it a number.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn begin_archive_object(
        &self,
        run: i64,
        kind: ObjectKind,
        name: &str,
    ) -> Result<i64, IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let begin = client.prepare_cached(self.sql(Statement::BeginArchiveObject)).await?;
            Ok(client.query_one(&begin, &[&run, &name, &kind.name()]).await?.try_get(0)?)
        })
        .await
    }

    /// Writes down that an object of mails is proven, and which mails it has; says whether it is. It is not where another
    /// runner has given it up meanwhile.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to: then nothing is written down.
    pub async fn prove_mails_object(
        &self,
        number: i64,
        facts: &ObjectFacts,
        mails: &[ProvenMail],
    ) -> Result<bool, IngestError> {
        self.in_time(async {
            let mut client = self.writer().await?;
            let transaction = client.build_transaction().start().await?;
            let verify = transaction.prepare_cached(self.sql(Statement::VerifyArchiveObject)).await?;
            if !verified(&transaction, &verify, number, facts).await? {
                return Ok(false);
            }
            let uuids: Vec<Uuid> = mails.iter().map(|mail| mail.uuid).collect();
            let digests: Vec<&[u8]> = mails.iter().map(|mail| mail.digest.as_slice()).collect();
            let updated: Vec<Option<Timestamp>> = mails.iter().map(|mail| mail.updated_at).collect();
            let events: Vec<i32> =
                mails.iter().map(|mail| i32::try_from(mail.occurrences).unwrap_or(i32::MAX)).collect();
            let remember = transaction.prepare_cached(self.sql(Statement::RememberArchived)).await?;
            transaction.execute(&remember, &[&number, &uuids, &digests, &updated, &events]).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Writes down why an object could not be written or proven.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn fail_archive_object(&self, number: i64, reason: &str) -> Result<(), IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let fail = client.prepare_cached(self.sql(Statement::FailArchiveObject)).await?;
            client.execute(&fail, &[&number, &reason]).await?;
            Ok(())
        })
        .await
    }

    /// Objects after this number that were begun and never proven, and those given up that may still be there: some of them.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_leftovers(&self, after: i64) -> Result<Vec<Leftover>, QueryError> {
        let client = self.reader().await?;
        let find = client.prepare_cached(self.sql(Statement::ArchiveLeftovers)).await?;
        let rows = client.query(&find, &[&after, &LEFTOVERS_MAX]).await?;
        let leftover = |row: &Row| Ok(Leftover { number: row.try_get(0)?, name: row.try_get(1)? });
        Ok(rows.iter().map(leftover).collect::<Result<_, tokio_postgres::Error>>()?)
    }

    /// Gives an object up that nobody has proven, and says whether that is so: from here on nobody can, and its bytes may be
    /// removed.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn abandon_archive_object(&self, number: i64) -> Result<bool, IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let abandon = client.prepare_cached(self.sql(Statement::AbandonArchiveObject)).await?;
            Ok(client.query_opt(&abandon, &[&number]).await?.is_some())
        })
        .await
    }

    /// Writes down that nothing is left of an object that was given up.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn forget_archive_object(&self, number: i64) -> Result<(), IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let forget = client.prepare_cached(self.sql(Statement::ForgetArchiveObject)).await?;
            client.execute(&forget, &[&number]).await?;
            Ok(())
        })
        .await
    }
}

/// A mail of an object that is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenMail {
    /// Its key.
    pub uuid: Uuid,
    /// As [`MailLine`] has it, as the next are.
    pub digest: Vec<u8>,
    /// When its row was last changed.
    pub updated_at: Option<Timestamp>,
    /// How many events it has.
    pub occurrences: u32,
}

impl From<&MailLine> for ProvenMail {
    fn from(line: &MailLine) -> Self {
        Self {
            uuid: line.uuid,
            digest: line.digest.clone(),
            updated_at: line.updated_at,
            occurrences: line.occurrences,
        }
    }
}

pub(super) async fn verified(
    transaction: &deadpool_postgres::Transaction<'_>,
    verify: &tokio_postgres::Statement,
    number: i64,
    facts: &ObjectFacts,
) -> Result<bool, IngestError> {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (mails, events) = (count(facts.mails), count(facts.events));
    let (bytes, content_bytes) = (count(facts.bytes), count(facts.content_bytes));
    let row = transaction
        .query_opt(
            verify,
            &[
                &number,
                &mails,
                &events,
                &bytes,
                &content_bytes,
                &facts.sha256,
                &facts.first_sent_at,
                &facts.last_sent_at,
            ],
        )
        .await?;
    Ok(row.is_some())
}
