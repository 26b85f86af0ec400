//! Every statement by name, written out for one prefix.
//!
//! The files in `sql/` are plain SQL that any tool can read: the schema stands there as the quoted
//! identifier `"prefix"`, and is replaced by the real one when the store is opened.

use std::borrow::Cow;

use crate::Prefix;

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $file:literal,)*) => {
        /// A statement that runs while the program serves; those of schema steps are elsewhere.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Statement { $($(#[$doc])* $name,)* }

        impl Statement {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            const fn template(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("sql/", $file)),)* }
            }
        }
    };
}

statements! {
    /// Where some SES ids lead, without a lock.
    FindMails = "find_mails.sql",
    /// Which SES ids are other mails' own ids.
    FindTakenMessageIds = "find_taken_message_ids.sql",
    /// Gives rows that an application logged under the SES id as its own id their SES id.
    AdoptMails = "adopt_mails.sql",
    /// Makes rows for mails known only from events.
    MakeMails = "make_mails.sql",
    /// Locks mails in the order of their uuids and reads what merges need.
    LockMails = "lock_mails.sql",
    /// Stores events of types that occur once to a mail in V137's eyes.
    InsertSingleEvents = "insert_single_events.sql",
    /// Stores opens and clicks.
    InsertRepeatableEvents = "insert_repeatable_events.sql",
    /// What stands where events of the batch found no place.
    ReadOccurrences = "read_occurrences.sql",
    /// Keeps occurrences whose place in V137's unique indexes is taken.
    FoldEvents = "fold_events.sql",
    /// Writes back merged events.
    UpdateEvents = "update_events.sql",
    /// Writes back merged folded events.
    UpdateFoldedEvents = "update_folded_events.sql",
    /// Writes back merged mails.
    UpdateMails = "update_mails.sql",
    /// Merges what events say of recipients into what is known of them.
    MergeRecipients = "merge_recipients.sql",
    /// Blocks addresses.
    BlockAddresses = "block_addresses.sql",
    /// Keeps messages that can't be read or stored.
    Quarantine = "quarantine.sql",
    /// A page of the quarantine, without bodies.
    ListQuarantine = "list_quarantine.sql",
    /// Messages of the quarantine with their bodies.
    ReadQuarantine = "read_quarantine.sql",
    /// Messages of the quarantine whose uuids begin alike.
    FindQuarantined = "find_quarantined.sql",
    /// How many messages of the quarantine fit, and since when the oldest is there.
    CountQuarantined = "count_quarantined.sql",
    /// Gives messages of the quarantine the reason that holds now.
    RefuseAgain = "refuse_again.sql",
    /// Takes messages out of the quarantine.
    DropQuarantined = "drop_quarantined.sql",
    /// Whether step 136 made the tables.
    FindMaker = "find_maker.sql",
    /// Forgets SES ids that lead nowhere.
    ForgetIds = "forget_ids.sql",
    /// Lets SES ids lead to rows that an application logged under them as its own ids.
    AliasLoggedMails = "alias_logged_mails.sql",
    /// Takes SES ids for mails that are about to be made.
    ClaimIds = "claim_ids.sql",
    /// Notes the SES ids in the columns of an application's mails.
    RememberIds = "remember_ids.sql",
    /// What of a batch's events was counted before.
    FindCounted = "find_counted.sql",
    /// Parks the first record of each occurrence.
    ParkOccurrences = "park_occurrences.sql",
    /// Parks what other records say of parked occurrences.
    ParkSpellings = "park_spellings.sql",
    /// SES ids whose parked events may leave.
    FindJoinable = "find_joinable.sql",
    /// Locks parked events.
    TakeParked = "take_parked.sql",
    /// Removes parked events.
    Unpark = "unpark.sql",
    /// How many events are parked, and since when.
    CountParked = "count_parked.sql",
    /// A page of the parked events.
    ListParked = "list_parked.sql",
    /// Takes what waits for one mail out of the parking.
    DropParked = "drop_parked.sql",
    /// Mails made from events that an application has logged after all.
    FindMergeable = "find_mergeable.sql",
    /// The mail that an application logged under an SES id.
    FindLoggedMail = "find_logged_mail.sql",
    /// Takes events out of a mail.
    TakeEventsOfMail = "take_events_of_mail.sql",
    /// Takes folded events out of a mail.
    TakeFoldedOfMail = "take_folded_of_mail.sql",
    /// Lets the SES ids of a mail lead to another.
    PassOnIds = "pass_on_ids.sql",
    /// Merges a mail's recipients into those of another.
    PassOnRecipients = "pass_on_recipients.sql",
    /// Removes a mail without events.
    RemoveEmptiedMail = "remove_emptied_mail.sql",
    /// Which rows have own ids that an application logs.
    FindLogged = "log/find.sql",
    FindArchivedIds = "log/find_archived_ids.sql",
    /// Locks mails that an application logs.
    LockLogged = "log/lock.sql",
    /// Makes rows of mails that an application logs.
    InsertLogged = "log/insert.sql",
    /// Writes back mails that an application logs.
    UpdateLogged = "log/update.sql",
    /// Takes the SES ids of made mails out of the column.
    SetApart = "log/set_apart.sql",
    /// Notes SES ids that lead to logged mails beside the column.
    NoteIds = "log/note_ids.sql",
    /// Jobs, their last runs, and those at work.
    ReadJobs = "jobs/read.sql",
    /// The last runs of a job.
    ListJobRuns = "jobs/runs.sql",
    /// Makes rows for jobs.
    MakeJobs = "jobs/make.sql",
    /// What is planned.
    LookAtJobs = "jobs/look.sql",
    /// Plans a job.
    PlanJob = "jobs/plan.sql",
    UnplanJob = "jobs/unplan.sql",
    /// Locks all jobs.
    LockJobs = "jobs/lock.sql",
    /// A run that is at work.
    FindJobRun = "jobs/find_run.sql",
    /// Writes down that a run was lost.
    LoseJobRun = "jobs/lose.sql",
    /// Writes down that a run begins.
    BeginJobRun = "jobs/begin.sql",
    /// Gives a job its run.
    HoldJob = "jobs/hold.sql",
    /// Says that a run is at work, and how far.
    BeatJob = "jobs/beat.sql",
    /// Locks the job of a run.
    LockJobRun = "jobs/lock_run.sql",
    /// Writes down how a run ended.
    EndJobRun = "jobs/end_run.sql",
    /// Takes a run that has ended from its job.
    ReleaseJob = "jobs/release.sql",
    /// Forgets older runs.
    ForgetJobRuns = "jobs/forget_runs.sql",
    /// What tables' files hold.
    ReadTableRoom = "jobs/room.sql",
    /// The oldest mails.
    TakeOldMails = "retention/take_mails.sql",
    /// Leaves tombstones of mails that are about to go.
    Bury = "retention/bury.sql",
    /// Deletes mails.
    DeleteMails = "retention/delete_mails.sql",
    /// The oldest mails that have a body.
    TakeOldBodies = "retention/take_bodies.sql",
    /// Deletes bodies.
    DeleteBodies = "retention/delete_bodies.sql",
    /// Compressed bodies, with whether their time has come.
    LookAtStoredBodies = "retention/look_at_stored_bodies.sql",
    /// Deletes compressed bodies.
    DeleteStoredBodies = "retention/delete_stored_bodies.sql",
    /// The oldest events.
    TakeOldEvents = "retention/take_events.sql",
    /// The oldest folded events.
    TakeOldFolded = "retention/take_folded.sql",
    /// Locks mails of which events are changed.
    LockMailsOfEvents = "retention/lock_mails.sql",
    /// Cuts events down.
    WriteCutEvents = "retention/write_events.sql",
    /// Cuts folded events down.
    WriteCutFolded = "retention/write_folded.sql",
    /// When the earliest event of some mails occurred.
    FindEarliestEvent = "retention/earliest_event.sql",
    /// Keeps looks at old events from beginning.
    HoldDone = "retention/hold_done.sql",
    /// Waits for all who are about to commit old events.
    LockDone = "retention/lock_done.sql",
    /// Takes back how far old events have been looked for.
    TakeBackDone = "retention/take_back_done.sql",
    /// How far a kind of thing has been looked for.
    ReadDone = "retention/read_done.sql",
    /// Notes how far a kind of thing has been looked for.
    WriteDone = "retention/write_done.sql",
    /// Makes the key of hashes that stand for erased people.
    MakeHashKey = "erase/make_key.sql",
    /// The key of these hashes.
    ReadHashKey = "erase/read_key.sql",
    /// Who was erased.
    FindErased = "erase/find_erased.sql",
    /// Waits for all who have read who was erased.
    LockErased = "erase/lock_erased.sql",
    /// Blocks that may be a person's.
    FindErasedBlocks = "erase/find_blocks.sql",
    /// Writes down that a person was erased.
    NoteErased = "erase/note.sql",
    /// Blocks people who were erased.
    BlockErased = "erase/block_erased.sql",
    /// The block of a person who was erased.
    FindErasedBlock = "erase/find_block.sql",
    /// Lifts it.
    UnblockErased = "erase/unblock.sql",
    /// The mails that went to an address.
    FindMailsOfPerson = "erase/find_mails.sql",
    /// Mails of which a text may name a person.
    SweepMails = "erase/sweep_mails.sql",
    /// Compressed bodies of a page of mails.
    SweepBodies = "erase/sweep_bodies.sql",
    /// Makes tombstones of archived mails say that they were erased.
    BuryArchivedOfPerson = "erase/bury_archived.sql",
    /// Drops what is late of archived mails that were erased.
    ForgetLateOfPerson = "erase/forget_late.sql",
    /// Late events that may name a person.
    ReadLateOfPerson = "erase/read_late.sql",
    /// Writes what late events say without a person.
    WriteLateOfPerson = "erase/write_late.sql",
    /// Own ids of archived mails that may name a person.
    ReadArchivedOfPerson = "erase/read_archived.sql",
    /// Forgets own ids of archived mails.
    WriteArchivedOfPerson = "erase/write_archived.sql",
    /// Sums of removed mails that may name a person.
    ReadRemovedFiguresOfPerson = "erase/read_removed_figures.sql",
    /// Writes these without the person.
    WriteRemovedFiguresOfPerson = "erase/write_removed_figures.sql",
    /// The same by domain, whose templates may.
    ReadRemovedDomainsOfPerson = "erase/read_removed_domains.sql",
    /// Writes these without the person.
    WriteRemovedDomainsOfPerson = "erase/write_removed_domains.sql",
    /// The same by link.
    ReadRemovedLinksOfPerson = "erase/read_removed_links.sql",
    /// Writes these without the person.
    WriteRemovedLinksOfPerson = "erase/write_removed_links.sql",
    /// Locks a mail with all of its texts.
    LockMailOfPerson = "erase/lock_mail.sql",
    /// A mail's events with all of their texts.
    ReadEventsOfPerson = "erase/read_events.sql",
    /// A mail's recipients by address.
    ReadRecipientsOfPerson = "erase/read_recipients.sql",
    /// Writes back a mail's texts.
    WriteMailOfPerson = "erase/write_mail.sql",
    /// Writes back events' texts.
    WriteEventsOfPerson = "erase/write_events.sql",
    /// Writes back folded events' texts.
    WriteFoldedOfPerson = "erase/write_folded.sql",
    /// Gives recipients other names.
    RenameRecipients = "erase/rename_recipients.sql",
    /// A recipient without a name.
    AddErasedRecipient = "erase/add_recipient.sql",
    /// Drops a mail's removed events.
    ForgetRemovedOfPerson = "erase/forget_removed.sql",
    /// Removed events that may name a person.
    ReadRemovedOfPerson = "erase/read_removed.sql",
    /// Writes back removed events.
    WriteRemovedOfPerson = "erase/write_removed.sql",
    /// Parked events that may name a person.
    ReadParkedOfPerson = "erase/read_parked.sql",
    /// Writes back parked events.
    WriteParkedOfPerson = "erase/write_parked.sql",
    /// Drops parked events for good.
    ForgetParkedOfPerson = "erase/forget_parked.sql",
    /// Messages of the quarantine in their order.
    ReadQuarantineOfPerson = "erase/read_quarantine.sql",
    /// Drops messages of the quarantine.
    DropQuarantinedOfPerson = "erase/drop_quarantined.sql",
    /// Which mails have these ids.
    FindIds = "find_ids.sql",
    /// Which mails went to these addresses.
    FindAddressed = "find_addressed.sql",
    /// A mail by its uuid.
    FindMailByUuid = "find_mail_by_uuid.sql",
    /// How long a mail's body is.
    AboutBody = "bodies/about.sql",
    /// Bodies, wherever they are.
    ReadBodies = "bodies/read.sql",
    /// The columns of bodies.
    ReadColumns = "bodies/read_columns.sql",
    /// Mails whose bodies may be compressed.
    ScanBodies = "bodies/scan.sql",
    /// How many mails that is.
    CountDueBodies = "bodies/count_due.sql",
    /// Other mails of a template and month.
    LikeTheseBodies = "bodies/like_these.sql",
    /// Dictionaries of a template.
    FindDictionaries = "bodies/find_dictionaries.sql",
    /// Keeps a dictionary.
    KeepDictionary = "bodies/keep_dictionary.sql",
    /// A dictionary that was kept.
    ReadDictionary = "bodies/read_dictionary.sql",
    /// Locks mails with bodies.
    LockBodies = "bodies/lock.sql",
    /// Stored bodies that may be the same.
    FindSameBodies = "bodies/find_same.sql",
    /// Stores bodies that several mails have.
    ShareBodies = "bodies/share.sql",
    /// Stores the bodies of mails.
    StoreBodies = "bodies/store.sql",
    /// Makes bodies of one mail each shared ones.
    PointToShared = "bodies/point_to_shared.sql",
    /// Takes bodies out of their mails.
    TakeOutBodies = "bodies/take_out.sql",
    /// Bodies that have just been stored.
    ReadStoredBodies = "bodies/read_stored.sql",
    /// Notes bodies that stay as they are.
    KeepBodies = "bodies/keep.sql",
    /// Removes shared bodies that nobody has any more.
    DropSharedBodies = "bodies/drop_shared.sql",
    /// Removes dictionaries that nothing needs any more.
    DropDictionaries = "bodies/drop_dictionaries.sql",
    /// All dictionaries.
    ListDictionaries = "bodies/list_dictionaries.sql",
    /// Locks bodies of a dictionary.
    TakeBodiesOfDictionary = "bodies/take_of_dictionary.sql",
    /// Locks shared bodies of a dictionary.
    TakeSharedOfDictionary = "bodies/take_shared_of_dictionary.sql",
    /// Stores bodies without a dictionary.
    WriteBodiesPlainly = "bodies/write_plainly.sql",
    /// Stores shared bodies without a dictionary.
    WriteSharedPlainly = "bodies/write_shared_plainly.sql",
    /// Mails whose bodies are stored.
    ListStoredBodies = "bodies/list_stored.sql",
    /// Locks mails whose bodies are stored.
    LockStoredBodies = "bodies/lock_stored.sql",
    /// Puts bodies back into their mails.
    PutBodiesBack = "bodies/put_back.sql",
    /// The bodies that were put back.
    ReadPutBack = "bodies/read_put_back.sql",
    /// Removes stored bodies.
    ForgetBodies = "bodies/forget.sql",
    /// How many bodies are stored.
    CountStoredBodies = "bodies/count_stored.sql",
    EstimateStoredBodies = "bodies/estimate_stored.sql",
    /// Mails whose uuids begin alike.
    FindMailsBeginning = "find_mails_beginning.sql",
    /// A mail by its own id or the one SES gave it.
    FindMailById = "find_mail_by_id.sql",
    /// What happened to a mail.
    Timeline = "timeline.sql",
    /// A mail's recipients.
    Recipients = "recipients.sql",
    /// To how many some mails went, and what became of them for one address.
    RecipientsOfMails = "recipients_of_mails.sql",
    /// What became of the mails that were sent in each of several buckets.
    Recount = "statistics/recount.sql",
    /// Marks quarters of an hour whose mails have changed.
    MarkFigures = "statistics/kept/mark.sql",
    /// One keeper of figures at a time.
    TryKeepFigures = "statistics/kept/try_keep.sql",
    /// Has the last hours looked through.
    SweepFigures = "statistics/kept/sweep.sql",
    /// Has a range looked through.
    AskScan = "statistics/kept/ask_scan.sql",
    /// Whether something is to be looked through.
    FindScan = "statistics/kept/find_scan.sql",
    /// Marks quarters of what is to be looked through.
    ScanFigures = "statistics/kept/scan.sql",
    /// Takes marks.
    TakeFigureMarks = "statistics/kept/take_marks.sql",
    /// How many quarters are marked.
    CountMarked = "statistics/kept/count_marked.sql",
    /// Removes kept sums.
    ForgetFigures = "statistics/kept/forget.sql",
    /// Keeps what a recount tells of quarters.
    KeepFigures = "statistics/kept/keep.sql",
    /// Keeps figures of removed mails apart.
    RecordRemoved = "statistics/kept/record_removed.sql",
    /// Keeps what removed mails tell by domain.
    RecordRemovedDomains = "statistics/lists/record_removed_domains.sql",
    /// Keeps why removed mails had bounced.
    RecordRemovedBounces = "statistics/lists/record_removed_bounces.sql",
    /// Keeps which links of removed mails were followed.
    RecordRemovedLinks = "statistics/lists/record_removed_links.sql",
    /// When some mails were sent.
    FindSendingTimes = "statistics/kept/sending_times.sql",
    /// Sums up quarters over their templates.
    SumQuarters = "statistics/kept/sum_quarters.sql",
    /// Sums up days over their quarters.
    SumDays = "statistics/kept/sum_days.sql",
    /// What is kept of buckets.
    SumTotals = "statistics/kept/sum_totals.sql",
    /// What is kept of buckets, for some templates.
    SumTemplates = "statistics/kept/sum_templates.sql",
    /// The same where buckets are days of UTC.
    SumTemplateDays = "statistics/kept/sum_template_days.sql",
    /// What is kept of each template.
    ListTemplates = "statistics/kept/list_templates.sql",
    /// How fresh that is.
    Freshness = "statistics/kept/freshness.sql",
    /// Where the hours or days of a period begin.
    BucketStarts = "statistics/bucket_starts.sql",
    /// When events of some types happened first and last.
    SeenTypes = "statistics/seen_types.sql",
    /// Since when nothing is heard of what became of mails, and how many were sent since.
    Silence = "statistics/silence.sql",
    /// Figures of buckets by the recipients' domains.
    CountDomains = "statistics/lists/count_domains.sql",
    /// Why mails bounced that were sent in several buckets.
    CountBounces = "statistics/lists/count_bounces.sql",
    /// Which links of mails were followed that were sent in several buckets.
    CountLinks = "statistics/lists/count_links.sql",
    /// Keeps what was counted of quarters by domains.
    KeepDomains = "statistics/lists/keep_domains.sql",
    /// Keeps what was counted of quarters by reasons of bounces.
    KeepBounces = "statistics/lists/keep_bounces.sql",
    /// Keeps what was counted of quarters by links.
    KeepLinks = "statistics/lists/keep_links.sql",
    /// Sums up days over their quarters by domains.
    SumDomains = "statistics/lists/sum_domains.sql",
    /// Removes days' sums by reasons of bounces.
    ForgetBounces = "statistics/lists/forget_bounces.sql",
    /// Sums up days over their quarters by reasons of bounces.
    SumBounces = "statistics/lists/sum_bounces.sql",
    /// Sums up days over their quarters by links.
    SumLinks = "statistics/lists/sum_links.sql",
    /// The domains with the most bounces and complaints.
    WorstDomains = "statistics/lists/worst_domains.sql",
    /// The same of a template.
    WorstDomainsOfTemplate = "statistics/lists/worst_domains_of_template.sql",
    /// A template's domains, also those without harm.
    DomainsOfTemplate = "statistics/lists/domains_of_template.sql",
    /// The commonest reasons of bounces.
    ListBounces = "statistics/lists/list_bounces.sql",
    /// The commonest reasons of bounces of a template.
    ListTemplateBounces = "statistics/lists/template_bounces.sql",
    /// The links of a template that most readers followed.
    ListLinks = "statistics/lists/list_links.sql",
    /// When mails of some templates were last opened and clicked.
    LastVisits = "statistics/last_visits.sql",
    /// How often each thing befell an address.
    AddressTotals = "statistics/address_totals.sql",
    /// A page of the mails to an address.
    MailsToAddress = "statistics/mails_to_address.sql",
    /// The event that an address is blocked by.
    BlockCause = "statistics/block_cause.sql",
    /// Other mails to a mail's recipients.
    RelatedByRecipient = "statistics/related_by_recipient.sql",
    /// Other mails of a mail's template.
    RelatedByTemplate = "statistics/related_by_template.sql",
    /// Other mails of a mail's campaign.
    RelatedByCampaign = "statistics/related_by_campaign.sql",
    /// How an address is blocked.
    FindBlocks = "blocklist/find_blocks.sql",
    /// A page of the blocklist.
    ListBlocklist = "blocklist/list.sql",
    /// How many rows of the blocklist fit.
    CountBlocklist = "blocklist/count.sql",
    /// Blocks that a person asks for.
    Block = "blocklist/block.sql",
    /// Takes an address off the blocklist.
    Unblock = "blocklist/unblock.sql",
    /// Keeps tombstones as they are.
    HoldTombstones = "archive/hold_tombstones.sql",
    /// Keeps events of archived mails.
    KeepLate = "archive/keep_late.sql",
    /// Keeps what else says something of them.
    KeepLateSpellings = "archive/keep_late_spellings.sql",
    /// Mails that may be archived.
    ArchiveCandidates = "archive/candidates.sql",
    /// Mails that were made late.
    ArchiveMade = "archive/candidates_made.sql",
    /// Archived mails that have changed since.
    ArchiveChanged = "archive/candidates_changed.sql",
    /// Says of archived mails that are gone that they have not changed.
    ForgetArchivedChanges = "archive/forget_changes.sql",
    /// What archived mails are here from now on, of which the archive has all.
    NoteDigests = "archive/note_digests.sql",
    /// Says that archived mails have changed.
    MarkArchivedDue = "archive/mark_due.sql",
    /// How far earlier runs have gone.
    LastArchiveWalk = "archive/last_walk.sql",
    /// The server's time, and the last object's name.
    ArchiveClock = "archive/clock.sql",
    /// How much there is to archive.
    ArchiveEstimate = "archive/estimate.sql",
    /// Mails with all that belongs to them.
    MailLines = "archive/lines.sql",
    /// What these come to.
    MailDigests = "archive/digests.sql",
    /// Writes down that a run begins.
    BeginArchiveRun = "archive/begin_run.sql",
    /// Writes down what a run did.
    EndArchiveRun = "archive/end_run.sql",
    /// Mails that are left out of the archive.
    CountUnreadable = "archive/unreadable.sql",
    /// Writes down what a run has done so far.
    NoteArchiveRun = "archive/note_run.sql",
    /// Writes down how runs ended that could not say so.
    CloseArchiveRuns = "archive/close_runs.sql",
    /// Writes down an object before it is written.
    BeginArchiveObject = "archive/begin_object.sql",
    /// Writes down that an object is proven.
    VerifyArchiveObject = "archive/verify_object.sql",
    /// Writes down which mails it has.
    RememberArchived = "archive/remember_mails.sql",
    /// Writes down why an object is not there.
    FailArchiveObject = "archive/fail_object.sql",
    /// Objects that nobody proved.
    ArchiveLeftovers = "archive/leftovers.sql",
    /// Gives one up.
    AbandonArchiveObject = "archive/abandon_object.sql",
    /// Writes down that it is gone.
    ForgetArchiveObject = "archive/forget_object.sql",
    /// Mails that are here and in the archive.
    FindRemovable = "archive/find_removable.sql",
    /// Locks mails that are to be removed.
    LockRemovable = "archive/lock_removable.sql",
    /// As what mails went to the archive.
    ArchivedDigests = "archive/archived_digests.sql",
    /// Leaves tombstones.
    LeaveTombstones = "archive/leave_tombstones.sql",
    /// Has mails archived anew.
    MarkChanged = "archive/mark_changed.sql",
    /// Notes what outlives removed mails.
    NoteRemoved = "archive/note_removed.sql",
    /// Removes what step 137 kept of mails.
    RemoveRowsOf137 = "archive/remove_rows_of_137.sql",
    /// Removes mails.
    RemoveMails = "archive/remove_mails.sql",
    /// Closes objects whose mails are gone.
    CloseArchiveObjects = "archive/close_object.sql",
    /// One archiver at a time.
    TryLockArchive = "archive/try_lock.sql",
    /// What is in the archive.
    CountArchived = "archive/counts.sql",
    /// The last runs of the archiver.
    ListArchiveRuns = "archive/list_runs.sql",
    /// The last objects of the archive.
    ListArchiveObjects = "archive/list_objects.sql",
    /// An object of the archive.
    FindArchiveObject = "archive/find_object.sql",
    /// Late events.
    LatePage = "archive/late_page.sql",
    /// Locks the tombstones of mails.
    LockTombstones = "archive/lock_tombstones.sql",
    /// Takes late events out that are in the archive.
    NoteLate = "archive/note_late.sql",
    /// Late events whose mails are back.
    LateOfMailsHere = "archive/late_of_mails_here.sql",
    /// Takes late events out that are with their mails.
    DropLate = "archive/drop_late.sql",
    /// Which columns a table has.
    FindColumns = "archive/columns.sql",
    /// What is here of mails from the archive.
    FindStandingMails = "archive/find_standing.sql",
    /// What stands beside their columns.
    FindTombstones = "archive/find_tombstones.sql",
    /// Which of them were removed here.
    FindRemoved = "archive/find_removed.sql",
    /// Takes the tombstones of mails away that are back.
    ClearTombstones = "archive/clear_tombstones.sql",
    /// Notes mails that are back.
    RememberRestored = "archive/remember_restored.sql",
    /// Opens objects again whose mails are back.
    ReopenArchiveObjects = "archive/reopen_objects.sql",
    /// Which occurrences a mail has.
    HeldOccurrences = "archive/held_occurrences.sql",
    /// Which of the columns that an application tells a mail has.
    HeldColumns = "archive/held_columns.sql",
    /// Gives a mail what it lacks.
    FillInMail = "archive/fill_in_mail.sql",
    /// Lets tombstones lead to a mail.
    LeadTombstones = "archive/lead_tombstones.sql",
    /// Forgets an archived mail.
    ForgetArchived = "archive/forget_archived.sql",
    /// Writes down an object that was found.
    AdoptArchiveObject = "archive/adopt_object.sql",
    /// Where a mail is that is not here.
    FindArchived = "archive/find_archived.sql",
    /// Which mails an object has.
    MailsOfObject = "archive/mails_of_objects.sql",
    /// Which objects have some mails.
    ObjectsOfMails = "archive/objects_of_mails.sql",
    /// How large the tables are.
    ListTables = "storage/tables.sql",
    /// How many rows small tables have.
    CountSmall = "storage/count_small.sql",
    /// Where bodies are, by a sample of mails.
    SampleBodies = "storage/sample_bodies.sql",
    /// How long compressed bodies were, by a sample of them.
    SampleStoredBodies = "storage/sample_stored.sql",
    /// What became of mails that are gone, by a sample.
    SampleGone = "storage/sample_gone.sql",
    /// What is in the objects of the archive.
    SumArchiveObjects = "storage/sum_objects.sql",
    /// How many rows of each kind the store holds.
    CountAll = "count_all.sql",
    /// The blocked addresses.
    ListBlocks = "list_blocks.sql",
    /// Makes one mail's status wrong on purpose.
    FalsifyMail = "falsify_mail.sql",
}

impl Statement {
    /// The statement with another in its place that counts, where it keeps what that tells.
    fn whole(self) -> Cow<'static, str> {
        let counting = match self {
            Self::KeepFigures => Self::Recount,
            Self::KeepDomains => Self::CountDomains,
            Self::KeepBounces => Self::CountBounces,
            Self::KeepLinks => Self::CountLinks,
            Self::RecordRemoved => {
                return self.of_some_mails(Self::Recount, "WHERE uuid = ANY($5) AND sent_at >=");
            }
            Self::RecordRemovedDomains => {
                return self
                    .of_some_mails(Self::CountDomains, "WHERE mail.uuid = ANY($3) AND mail.sent_at >=");
            }
            Self::RecordRemovedBounces => {
                return self
                    .of_some_mails(Self::CountBounces, "WHERE mail.uuid = ANY($3) AND mail.sent_at >=");
            }
            Self::RecordRemovedLinks => {
                return self.of_some_mails(Self::CountLinks, "WHERE mail.uuid = ANY($3) AND mail.sent_at >=");
            }
            Self::MailDigests => {
                let lines = format!("FROM (\n{}) AS", Self::MailLines.template());
                return self.template().replace("FROM \"lines\" AS", &lines).into();
            }
            _ => return self.template().into(),
        };
        let counting = format!("FROM (\n{}) AS", counting.template());
        self.template().replace("FROM \"recounted\" AS", &counting).into()
    }

    /// The statement with one in its place that counts some mails only: `of_some` stands for how that one picks mails by
    /// the time of sending.
    fn of_some_mails(self, counting: Self, of_some: &str) -> Cow<'static, str> {
        let of_all =
            if of_some.contains("mail.sent_at") { "WHERE mail.sent_at >=" } else { "WHERE sent_at >=" };
        let counting = counting.template().replacen(of_all, of_some, 1);
        self.template().replace("FROM \"recounted\" AS", &format!("FROM (\n{counting}) AS")).into()
    }
}

#[cfg(test)]
impl Statement {
    /// The statement without its comments, with the schema as `"prefix"`.
    pub(crate) fn text_for_tests(self) -> String {
        let text = self.whole();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("--"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// All statements for one prefix.
#[derive(Debug)]
pub(crate) struct Statements {
    texts: Vec<String>,
}

impl Statements {
    pub(crate) fn new(prefix: &Prefix) -> Self {
        Self { texts: Statement::ALL.iter().map(|statement| render(&statement.whole(), prefix)).collect() }
    }

    pub(crate) fn get(&self, statement: Statement) -> &str {
        &self.texts[statement as usize]
    }
}

/// Puts the real schema in the place of `"prefix"`, both as an identifier and, in `'prefix'`, as a literal.
pub(crate) fn render(template: &str, prefix: &Prefix) -> String {
    template.replace("\"prefix\"", &prefix.quoted()).replace("'prefix'", &prefix.literal())
}

/// Asserts that each statement fits the tables that are there, whatever the session's path is.
#[cfg(test)]
pub(crate) async fn assert_every_statement_fits(client: &tokio_postgres::Client, prefix: &Prefix) {
    client.batch_execute("SET search_path = pg_catalog").await.unwrap();
    let statements = Statements::new(prefix);
    for &statement in Statement::ALL {
        let prepared = client.prepare(statements.get(statement)).await;
        assert!(prepared.is_ok(), "{statement:?} for {prefix}: {:?}", prepared.err());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schema that the statements name must be the one that the steps make.
    #[tokio::test]
    async fn every_statement_fits_the_migrated_schema() {
        let fixture = crate::testing::Fixture::new().await;
        assert_every_statement_fits(&fixture.client, &fixture.prefix).await;
    }

    /// Every table of ours and of `PhoenixKit`'s must be named with its schema: a pooled connection keeps no
    /// `search_path`.
    #[test]
    fn every_table_is_named_with_its_schema() {
        let prefix: Prefix = "own".parse().unwrap();
        for &statement in Statement::ALL {
            let text = render(&statement.whole(), &prefix);
            assert!(!text.contains("prefix"), "{statement:?} keeps a placeholder: {text}");
            for (position, _) in text.match_indices("phoenix_kit_email_") {
                assert!(text[..position].ends_with("\"own\"."), "{statement:?}: {}", &text[position..]);
            }
            // Columns of our own are named so, too; behind these words stands a table.
            for word in ["FROM ", "JOIN ", "INTO ", "UPDATE "] {
                assert!(!text.contains(&format!("{word}aftersend_")), "{statement:?}: {text}");
            }
        }
    }
}
