//! Runs of the archiver: what they did, and that there is one at a time.

use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::ArchiveObject;
use crate::{Examiner, IngestError, QueryError, Store, jobs::SILENCE_MAX, sql::Statement};

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunSums {
    /// Objects that it proved.
    pub objects: u64,
    /// Mails in them.
    pub mails: u64,
    /// Events in them, folded and late ones included.
    pub events: u64,
    /// Late events among these.
    pub late_events: u64,
    /// Bytes of the objects.
    pub bytes: u64,
    /// Mails that it removed here.
    pub removed_mails: u64,
    /// Mails that were due and are not in the archive: their stored bodies are damaged.
    pub unreadable_mails: u64,
    /// The first of these.
    pub first_unreadable: Option<Uuid>,
}

/// The counts, in the order in which statements have them.
fn counts(sums: &RunSums) -> [i64; 7] {
    [
        sums.objects,
        sums.mails,
        sums.events,
        sums.late_events,
        sums.bytes,
        sums.removed_mails,
        sums.unreadable_mails,
    ]
    .map(|count| i64::try_from(count).unwrap_or(i64::MAX))
}

fn parameters<'a>(run: &'a i64, counts: &'a [i64; 7], sums: &'a RunSums) -> Vec<&'a (dyn ToSql + Sync)> {
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![run];
    parameters.extend(counts.iter().map(|count| count as &(dyn ToSql + Sync)));
    parameters.push(&sums.first_unreadable);
    parameters
}

/// Which mails a run has gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunWalk {
    /// All that were sent before this, by this run or by those before it.
    pub below: Timestamp,
    /// Whether it was this run that went through all of them.
    pub is_whole: bool,
}

/// The server's clock, which runs go by: those of machines differ, and jump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveClock {
    /// What it says.
    pub at: Timestamp,
    /// The greatest name that an object has, as far as the database knows: later ones have greater names.
    pub last_name: Option<String>,
}

/// How a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveRunState {
    /// Its process is at it.
    AtWork,
    /// It got to its end.
    Done,
    /// Its process was told to end; the next run goes on from there.
    Stopped,
    /// It could not go on. The sentence says why.
    Failed(String),
    /// It never said how it ended, and nobody is at it: its process was killed, or lost the database.
    Lost,
}

impl ArchiveRunState {
    /// In a word, for machines.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::AtWork => "at_work",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed(_) => "failed",
            Self::Lost => "lost",
        }
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(sentence) => Some(sentence),
            Self::AtWork | Self::Done | Self::Stopped | Self::Lost => None,
        }
    }
}

/// A run as it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveRun {
    /// Its number.
    pub number: i64,
    /// Where to it archived, without credentials.
    pub store: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended; nothing while it is at work, or where it was lost.
    pub ended_at: Option<Timestamp>,
    /// What it did, or has done so far.
    pub sums: RunSums,
    /// Whether it is at work, and how it ended.
    pub state: ArchiveRunState,
}

impl ArchiveRun {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let count = |name| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
        let ended_at: Option<Timestamp> = row.try_get("ended_at")?;
        let state = match (ended_at, row.try_get("failure")?) {
            (None, _) if row.try_get("is_at_work")? => ArchiveRunState::AtWork,
            (None, _) => ArchiveRunState::Lost,
            (Some(_), Some(failure)) => ArchiveRunState::Failed(failure),
            (Some(_), None) if row.try_get("is_through")? => ArchiveRunState::Done,
            (Some(_), None) => ArchiveRunState::Stopped,
        };
        Ok(Self {
            number: row.try_get("number")?,
            store: row.try_get("store")?,
            began_at: row.try_get("began_at")?,
            ended_at,
            sums: RunSums {
                objects: count("objects")?,
                mails: count("mails")?,
                events: count("events")?,
                late_events: count("late_events")?,
                bytes: count("bytes")?,
                removed_mails: count("removed_mails")?,
                unreadable_mails: count("unreadable_mails")?,
                first_unreadable: row.try_get("first_unreadable")?,
            },
            state,
        })
    }
}

/// Mails that are old enough and stay out of the archive, since their stored bodies are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadableMails {
    /// How many, at least.
    pub mails: u64,
    /// Whether they may be more: several runs have met some, and these may be others each time.
    pub may_be_more: bool,
    /// One of them, the first that the last of these runs has met.
    pub first: Uuid,
}

impl UnreadableMails {
    fn from_row(row: &Row) -> Result<Option<Self>, tokio_postgres::Error> {
        let (mails, may_be_more) =
            (row.try_get::<_, i64>("mails")?.unsigned_abs(), row.try_get("may_be_more")?);
        let first: Option<Uuid> = row.try_get("first")?;
        Ok(first.map(|first| Self { mails, may_be_more, first }))
    }
}

/// What is in the archive, as far as the database knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveCounts {
    /// Proven objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Mails in them, each once.
    pub mails: u64,
    /// Those of the mails that are not here.
    pub removed: u64,
    /// Late events that wait for the next object.
    pub late_events: u64,
}

/// That no other archiver is at work on this schema, as long as this is held. It belongs to a session of its own, and ends
/// with it: nothing may depend on it but that no work is done twice.
pub struct RunLock {
    // Dropping it closes the session.
    session: ClientWrapper,
}

impl RunLock {
    /// Gives the lock back, so that whoever asks next has it. Dropped instead, it is free when the server has noticed that
    /// the session has ended.
    pub async fn release(self) {
        if let Err(error) = self.session.batch_execute("SELECT pg_catalog.pg_advisory_unlock_all()").await {
            tracing::debug!(%error, "the archiver's lock ends with its session");
        }
    }
}

impl Store {
    /// Takes the archiver's lock; nothing where another one has it.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn lock_archive(&self) -> Result<Option<RunLock>, IngestError> {
        self.in_time(async {
            let session = deadpool_postgres::Object::take(self.writer().await?);
            // What is silent between two questions may take hours here, and holds nothing but the lock.
            session.batch_execute("SET idle_session_timeout = 0").await?;
            let hash = Sha256::digest(format!("aftersend archive {}", self.prefix()).as_bytes());
            let mut first = [0; 8];
            first.copy_from_slice(&hash[..8]);
            let key = i64::from_be_bytes(first);
            let is_first: bool =
                session.query_one(self.sql(Statement::TryLockArchive), &[&key]).await?.try_get(0)?;
            Ok(is_first.then_some(RunLock { session }))
        })
        .await
    }

    /// What time it is for the archive.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_clock(&self) -> Result<ArchiveClock, QueryError> {
        let client = self.reader().await?;
        let ask = client.prepare_cached(self.sql(Statement::ArchiveClock)).await?;
        let row = client.query_one(&ask, &[]).await?;
        Ok(ArchiveClock { at: row.try_get("at")?, last_name: row.try_get("last_name")? })
    }

    /// Writes down that a run begins, and gives it a number.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn begin_archive_run(&self, place: &str) -> Result<i64, IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let begin = client.prepare_cached(self.sql(Statement::BeginArchiveRun)).await?;
            Ok(client.query_one(&begin, &[&place]).await?.try_get(0)?)
        })
        .await
    }

    /// Writes down what a run has done so far: should it be stopped or killed, that is how far it came.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn note_archive_run(&self, run: i64, sums: &RunSums) -> Result<(), IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let note = client.prepare_cached(self.sql(Statement::NoteArchiveRun)).await?;
            client.execute(&note, &parameters(&run, &counts(sums), sums)).await?;
            Ok(())
        })
        .await
    }

    /// Writes down what a run did, and how it ended: without a failure and a walk, it was stopped.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or may not be written to.
    pub async fn end_archive_run(
        &self,
        run: i64,
        sums: &RunSums,
        failure: Option<&str>,
        walk: Option<RunWalk>,
    ) -> Result<(), IngestError> {
        self.in_time(async {
            let client = self.writer().await?;
            let end = client.prepare_cached(self.sql(Statement::EndArchiveRun)).await?;
            let (counts, below) = (counts(sums), walk.map(|walk| walk.below));
            let is_whole = walk.is_some_and(|walk| walk.is_whole);
            let mut parameters = parameters(&run, &counts, sums);
            parameters.extend([&failure as &(dyn ToSql + Sync), &below, &is_whole]);
            client.execute(&end, &parameters).await?;
            Ok(())
        })
        .await
    }

    /// What is in the archive.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_counts(&self) -> Result<ArchiveCounts, QueryError> {
        let client = self.reader().await?;
        let ask = client.prepare_cached(self.sql(Statement::CountArchived)).await?;
        let row = client.query_one(&ask, &[]).await?;
        let count = |name| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
        Ok(ArchiveCounts {
            objects: count("objects")?,
            bytes: count("bytes")?,
            mails: count("mails")?,
            removed: count("removed")?,
            late_events: count("late_events")?,
        })
    }

    /// The last runs, newest first.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_runs(&self, runs_max: u32) -> Result<Vec<ArchiveRun>, QueryError> {
        let client = self.reader().await?;
        let list = client.prepare_cached(self.sql(Statement::ListArchiveRuns)).await?;
        let rows = client.query(&list, &[&i64::from(runs_max), &SILENCE_MAX.as_secs_f64()]).await?;
        Ok(rows.iter().map(ArchiveRun::from_row).collect::<Result<_, _>>()?)
    }

    /// Mails that runs have left out since one of them last went through all, as they do once in seven days and when they are
    /// asked to; nothing where there are none.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn unreadable_mails(&self) -> Result<Option<UnreadableMails>, QueryError> {
        let client = self.reader().await?;
        let count = client.prepare_cached(self.sql(Statement::CountUnreadable)).await?;
        Ok(UnreadableMails::from_row(&client.query_one(&count, &[]).await?)?)
    }

    /// The next objects before this number, newest first.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_objects(
        &self,
        before: Option<i64>,
        objects_max: u32,
    ) -> Result<Vec<ArchiveObject>, QueryError> {
        let client = self.reader().await?;
        let list = client.prepare_cached(self.sql(Statement::ListArchiveObjects)).await?;
        let rows = client.query(&list, &[&before, &i64::from(objects_max)]).await?;
        Ok(rows.iter().map(ArchiveObject::from_row).collect::<Result<_, _>>()?)
    }

    /// The object of that name.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn archive_object(&self, name: &str) -> Result<Option<ArchiveObject>, QueryError> {
        let client = self.reader().await?;
        let find = client.prepare_cached(self.sql(Statement::FindArchiveObject)).await?;
        let row = client.query_opt(&find, &[&name]).await?;
        Ok(row.as_ref().map(ArchiveObject::from_row).transpose()?)
    }
}

impl Examiner {
    /// Mails that runs have left out, as [`Store::unreadable_mails`] has them. Needs step a8.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or not in time.
    pub async fn unreadable_mails(&self) -> Result<Option<UnreadableMails>, QueryError> {
        let count = crate::sql::render(include_str!("../sql/archive/unreadable.sql"), self.prefix());
        Ok(UnreadableMails::from_row(&self.client().query_one(&count, &[]).await?)?)
    }
}
