#![doc = include_str!("../README.md")]

mod archive;
mod blocklist;
mod body;
mod connect;
mod demo;
mod erase;
mod error;
mod examine;
mod ingest;
mod jobs;
mod log;
mod parked;
mod prefix;
mod quarantine;
mod recipients;
mod retention;
pub mod schema;
pub mod search;
mod spreadsheet;
mod sql;
mod statistics;
mod storage;
mod story;
mod tags;
#[cfg(test)]
mod testing;
mod tls;
#[cfg(any(test, feature = "truth"))]
mod truth;

pub use archive::{
    ArchiveClock, ArchiveCounts, ArchiveEstimate, ArchiveObject, ArchiveRun, ArchiveRunState, ArchiveWalked,
    ArchivedMail, ArchivedObject, ArchivedState, CANDIDATE_PAGE_MAX, Candidate, CandidateCursor,
    CandidatePage, LATE_PAGE_MAX, LINES_MAX, LateEvent, Leftover, MailLine, MailLines, ObjectFacts,
    ObjectKind, ObjectState, ProvenMail, REMOVED_MAILS_MAX, RESTORED_MAILS_MAX, Removable, RemoveReport,
    RestoreReport, RestoredMail, RunLock, RunSums, RunWalk, UnreadableMails,
};
pub use blocklist::{
    BLOCK_BATCH_MAX, BLOCK_LINE_BYTES_MAX, BLOCK_PAGE_MAX, BLOCKS_COUNTED_MAX, BadBlock, Block, BlockCounts,
    BlockLineError, BlockLines, Blocked, BlocklistPage, BlocklistQuery, CSV_HEADER, LineProblem,
    ListSeparator, NewBlock, csv_line,
};
pub use body::{
    BODY_BYTES_MAX, BodyState, COMPRESS_AFTER_DEFAULT, CompressReport, Compressor, DecompressReport,
    Decompressor, StoredBodies,
};
pub use connect::{ConnectError, Connection, DatabaseAddress, Store};
pub use demo::{BLOCKS_MAX, Counts};
pub use erase::{ArchiveSearch, EraseError, EraseReport, ErasedMail, NamedAs};
pub use error::{IngestError, QueryError};
pub use examine::{Examiner, Newest, Right, RightsFindings, ServerFindings, TableRights};
pub use ingest::{
    Arrival, BATCH_MESSAGES_MAX, Batch, BatchReport, JoinReport, Joiner, PARK_FOR_DEFAULT, Parked, Poison,
    TagNames, UnknownMails,
};
pub use jobs::{
    BadSchedule, BegunJob, Holding, JOB_RUNS_MAX, Job, JobCounts, JobOutcome, JobPlan, JobRun, JobState,
    RunningJob, Schedule, StartedJob, Starting, TableRoom,
};
pub use log::{
    BadMail, LOG_BODY_BYTES_MAX, LOG_CHUNK_MAILS_MAX, LOG_HEADER_BYTES_MAX, LOG_HEADERS_MAX,
    LOG_LINE_BYTES_MAX, LOG_TAG_CHARS_MAX, LOG_TAGS_MAX, LogBrokenOff, LogOutcome, LogRefusal, Logged,
    LoggedMail,
};
pub use parked::{PARKED_PAGE_MAX, ParkedCursor, ParkedEvent, ParkedFilter, ParkedPage};
pub use prefix::{Prefix, PrefixError};
pub use quarantine::{
    BadQuarantineId, QUARANTINE_PAGE_MAX, QUARANTINE_READ_BYTES_MAX, QuarantineFilter, QuarantineId,
    QuarantineMatch, QuarantinePage, QuarantineSize, Quarantined, QuarantinedMessage,
};
pub use recipients::{MailRecipients, Recipient, RecipientCounts, STORY_RECIPIENTS_MAX};
pub use retention::{EVENT_LATE_MAX, PruneRound, PrunedKind, Pruner, Retention, RetentionTooShort};
pub use search::{
    BadCursor, Cursor, MailPage, MailSummary, Order, PAGE_MAILS_MAX, PageStart, SEARCH_TEXT_CHARS_MAX, Search,
};
pub(crate) use statistics::quarter_start;
pub use statistics::{
    ADDRESS_MAILS_MAX, AddressMail, AddressMailPage, AddressReport, AddressTotals, Alarm, BOUNCE_LATE_MAX,
    BOUNCE_WARNING_PERCENT, BUCKETS_MAX, BadPeriod, BadTimeZone, BlockCause, BounceReason, Bucket,
    BucketWidth, COMPLAINT_WARNING_PERCENT, DomainFigures, FigureKeeper, Figures, FiguresError, Freshness,
    KeepReport, LinkFigures, Overview, PERIOD_DAYS_MAX, Period, QUARANTINE_WARNING_AGE, RELATED_DAYS,
    RELATED_MAILS_MAX, Rate, Rates, RelatedMails, SEEN_MAILS_MIN, SILENCE_WARNING_AGE, Seen, SeenTypes,
    Signals, Silence, TEMPLATE_BOUNCES_MAX, TEMPLATES_MAX, TemplateBounces, TemplateFigures, TemplateOrder,
    TemplatePage, TemplateQuery, TemplateTrend, TimeZoneName, WORST_ROWS_MAX,
};
pub use storage::{ArchiveSums, BodyPlaces, Estimate, GoneMails, TablePart, TableSize, TableSizes, Vacuum};
pub use story::{BEGINNING_DIGITS_MIN, Mail, Occurrence, STORY_OCCURRENCES_MAX, Story};
#[cfg(any(test, feature = "truth"))]
pub use truth::Verdict;
