use std::time::Duration;

use aftersend_store::{
    ArchiveRunState, Estimate, Job, JobCounts, JobOutcome, JobRun, RunSums, RunningJob, TablePart, TableSize,
    Vacuum,
};
use jiff::Timestamp;

use super::*;

const NOW: &str = "2026-03-10T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn html(stored: &Stored, upkeep: &Upkeep) -> String {
    StoragePage::new(stored, upkeep, &Clock::utc(at(NOW))).render().unwrap().replace('\u{a0}', " ")
}

fn assert_says(html: &str, parts: &[&str]) {
    for part in parts {
        assert!(html.contains(part), "{part} is not in {html}");
    }
}

fn table(name: &str, bytes: u64, vacuum: Vacuum) -> TableSize {
    let rows = TablePart { rows: 10, pages: bytes / 8_192, bytes, index_bytes: 1_000_000, vacuum };
    TableSize { name: name.to_owned(), rows, long_values: TablePart::default() }
}

/// A database in which nothing was compressed, archived or deleted.
fn fresh() -> Stored {
    Stored {
        sizes: Some(TableSizes {
            tables: vec![table(
                "phoenix_kit_email_logs",
                9_000_000,
                Vacuum { begins_from: Some(50), ..Vacuum::default() },
            )],
            mails: Estimate::exact(4_000),
            events: Estimate::exact(9_999),
            recipients: Estimate::exact(4_100),
        }),
        bodies: Some(BodyPlaces { plain: Estimate::exact(7), ..BodyPlaces::default() }),
        gone: Some(GoneMails::default()),
        sums: Some(ArchiveSums::default()),
        jobs: Some(Vec::new()),
        last_run: None,
        left_out: None,
        own_tables: Some(true),
        unread: Vec::new(),
    }
}

fn state(job: Job) -> JobState {
    JobState {
        job,
        schedule: Some("daily 03:00".to_owned()),
        next_at: Some(at("2026-03-11T03:00:00Z")),
        overdue_s: Some(-54_000.0),
        running: None,
        last: Some(JobRun {
            number: 1,
            runner: "process 1 on mail1".to_owned(),
            by_schedule: true,
            began_at: at("2026-03-10T03:00:00Z"),
            ended_at: at("2026-03-10T03:18:00Z"),
            outcome: JobOutcome::Done,
            did: JobCounts::default(),
        }),
        failures_in_a_row: 0,
        totals: JobCounts::default(),
    }
}

#[test]
fn what_takes_the_room_is_told_part_by_part() {
    let page = html(&fresh(), &Upkeep::default());
    assert_says(&page, &["4,000", "with 9,999 events", "10 MB", "9.0 MB", "1.0 MB", "100&#160;%", "4,100"]);
    assert!(!page.contains('≈'), "{page}");
    let mut rough = fresh();
    let sizes = rough.sizes.as_mut().unwrap();
    sizes.mails = Estimate::rough(12_345_678);
    assert_says(&html(&rough, &Upkeep::default()), &["≈ 12,300,000", "An estimate"]);
}

#[test]
fn without_an_archive_the_page_says_how_to_have_one() {
    let page = html(&fresh(), &Upkeep::default());
    assert_says(
        &page,
        &["[archive]\nstore = \"s3://my-bucket/aftersend\"\narchive_after = \"180d\"</code>", "--dry-run"],
    );
    let placed = Upkeep { archive: Some("s3://bucket".to_owned()), ..Upkeep::default() };
    assert_says(&html(&fresh(), &placed), &["not how old mails are"]);
    let aged = Upkeep { archive_after: Some(Duration::from_hours(180 * 24)), ..placed };
    assert_says(&html(&fresh(), &aged), &["Nothing went there yet", "once they are 180 days old"]);
}

#[test]
fn an_archive_is_told_with_what_waits_for_it_and_why_it_failed() {
    let mut stored = fresh();
    stored.gone = Some(GoneMails {
        archived: Estimate::exact(300),
        archived_and_here: Estimate::exact(100),
        archived_ids: Estimate::exact(301),
        erased_ids: Estimate::exact(2),
        late_events: Estimate::exact(5),
        ..GoneMails::default()
    });
    stored.sums = Some(ArchiveSums {
        objects: 3,
        bytes: 5_000_000,
        content_bytes: 60_000_000,
        events: 1_234,
        first_sent_at: Some(at("2025-01-01T00:00:00Z")),
        last_sent_at: Some(at("2025-06-30T00:00:00Z")),
        leftovers: 1,
    });
    stored.last_run = Some(ArchiveRun {
        number: 3,
        store: "s3://bucket/folder".to_owned(),
        began_at: at("2026-03-10T11:00:00Z"),
        ended_at: Some(at("2026-03-10T11:10:00Z")),
        sums: RunSums { objects: 1, mails: 50, bytes: 70_000, removed_mails: 49, ..RunSums::default() },
        state: ArchiveRunState::Failed("the bucket is <full>".to_owned()),
    });
    let page = html(&stored, &Upkeep::default());
    assert_says(
        &page,
        &[
            "<code>s3://bucket/folder</code>",
            "400, of which 300 are not here any more; with 1,234 events",
            "1 Jan 2025",
            "30 Jun 2025",
            "3, read back and proven: 5.0 MB, which unpack to 60 MB",
            "5 came after their mails had left",
            "1 were begun and not proven",
            "it archived 50 mails, 70 KB, and removed 49 here",
            "the bucket is &#60;full&#62;",
            "<code>aftersend archive run</code> goes on",
            "Archived",
            "301",
            "Erased",
        ],
    );
    assert!(!page.contains("for their age; a late"), "no mail was deleted: {page}");
    assert!(!page.contains("Nothing is archived"), "{page}");
    for (state, ended_at, told) in [
        (ArchiveRunState::AtWork, None, "at work; so far it archived 50 mails, 70 KB, and removed 49 here<"),
        (
            ArchiveRunState::Stopped,
            Some("2026-03-10T11:10:00Z"),
            "then it was stopped 50 min ago, and the next run goes on",
        ),
        (ArchiveRunState::Lost, None, "then it ended by force, and the next run goes on from there"),
        (
            ArchiveRunState::Done,
            Some("2026-03-10T11:10:00Z"),
            "it archived 50 mails, 70 KB, and removed 49 here<",
        ),
    ] {
        let run = stored.last_run.as_mut().unwrap();
        (run.state, run.ended_at) = (state, ended_at.map(at));
        let page = html(&stored, &Upkeep::default());
        assert_says(&page, &[told]);
        assert!(!page.contains("The last run failed"), "{page}");
    }
}

#[test]
fn mails_that_are_left_out_of_the_archive_are_told_with_what_to_do() {
    let mut stored = fresh();
    stored.sums = Some(ArchiveSums { objects: 1, ..ArchiveSums::default() });
    let page = html(&stored, &Upkeep::default());
    assert!(!page.contains("left out"), "{page}");
    let first = uuid::uuid!("0198f3a2-5c1e-7000-8000-000000000001");
    for (mails, may_be_more, told) in [
        (1, false, "1 mail is left out: its stored body is damaged."),
        (1_200, false, "1,200 mails are left out: their stored bodies are damaged."),
        (1, true, "1 mail or more are left out"),
        (2, true, "2 mails or more are left out"),
    ] {
        stored.left_out = Some(UnreadableMails { mails, may_be_more, first });
        let page = html(&stored, &Upkeep::default());
        let link = format!("<a href=\"/mails/{first}\">");
        assert_says(&page, &[told, &link, "<code>aftersend archive run --whole</code>"]);
    }
}

#[test]
fn where_an_application_made_the_tables_the_reason_stands_with_the_setting() {
    let adopted = Stored { own_tables: Some(false), ..fresh() };
    assert_says(
        &html(&adopted, &Upkeep::default()),
        &["an application made these tables", "[archive]\ncompress = true"],
    );
    let told = Upkeep { compress: Some(true), ..Upkeep::default() };
    assert_says(&html(&adopted, &told), &["once their mails are 30 days old"]);
    let off = Upkeep { compress: Some(false), ..Upkeep::default() };
    assert_says(&html(&fresh(), &off), &["<code>compress = false</code>", "aftersend archive decompress"]);
}

#[test]
fn what_compressing_saves_is_told_in_bytes_and_per_cent() {
    let mut stored = fresh();
    stored.bodies = Some(BodyPlaces {
        compressed: Estimate::exact(10_000),
        shared: Estimate::exact(900),
        compressed_bytes: Estimate::exact(100_000_000),
        stored_bytes: 12_000_000,
        discarded: Estimate::exact(17),
        ..BodyPlaces::default()
    });
    let page = html(&stored, &Upkeep::default());
    assert_says(
        &page,
        &[
            "Compressing saves 88 %: 100 MB of bodies take 12 MB",
            "10,000",
            "900",
            "Discarded by PhoenixKit",
            "17",
        ],
    );
    assert!(!page.contains("Compressed by PhoenixKit"), "there is none: {page}");
    stored.bodies.as_mut().unwrap().compressed_bytes = Estimate::exact(1_000);
    let page = html(&stored, &Upkeep::default());
    assert_says(&page, &["too few for compressing to save room yet"]);
    assert!(!page.contains("Compressing saves"), "{page}");
}

#[test]
fn dead_rows_are_told_with_when_autovacuum_comes() {
    let mut stored = fresh();
    let vacuum = Vacuum {
        dead_rows: 300,
        live_rows: 100,
        autovacuumed_at: Some(at("2026-03-10T11:00:00Z")),
        vacuumed_at: Some(at("2026-03-10T11:30:00Z")),
        begins_from: Some(1_070),
    };
    let tables = &mut stored.sizes.as_mut().unwrap().tables;
    tables.push(table("aftersend_bodies", 8_000_000, vacuum));
    tables.push(table("aftersend_ids", 40_000_000, Vacuum { begins_from: None, ..vacuum }));
    let page = html(&stored, &Upkeep::default());
    assert_says(
        &page,
        &[
            "6.0 MB",
            "75 %",
            "from 1,070 on",
            "30 min ago</time>, by hand",
            "Autovacuum is switched off</strong> for <code>aftersend_ids</code>.",
            "VACUUM FULL",
        ],
    );
    assert!(page.find("<code>aftersend_ids</code></th>") < page.find("<code>aftersend_bodies</code></th>"));
    assert_says(&html(&fresh(), &Upkeep::default()), &["No table has dead rows to speak of."]);
}

#[test]
fn a_job_tells_its_last_run_and_the_next() {
    let mut compress = state(Job::Compress);
    compress.last.as_mut().unwrap().did = JobCounts {
        compressed_bodies: 1_200,
        raw_bytes: 9_000_000,
        stored_bytes: 800_000,
        ..JobCounts::default()
    };
    compress.totals =
        JobCounts { compressed_bodies: 50_000, put_off: 77, ..compress.last.as_ref().unwrap().did };
    let stored = Stored { jobs: Some(vec![compress, state(Job::Archive)]), ..fresh() };
    let page = html(&stored, &Upkeep::default());
    assert_says(
        &page,
        &[
            "Every job did its work when it last ran. The next run comes in 15 h.",
            "1,200 bodies compressed, 9.0 MB to 800 KB",
            "50,000 bodies compressed",
            "it took 18 min",
            "8 h ago",
            "nothing was due",
            "daily 03:00",
        ],
    );
    // What one run leaves the next one meets again: a sum of that tells nothing.
    assert!(!page.contains("It failed") && !page.contains("77"), "{page}");
}

#[test]
fn a_job_that_failed_is_told_first_with_what_to_do() {
    let mut archive = state(Job::Archive);
    archive.failures_in_a_row = 3;
    archive.last.as_mut().unwrap().outcome = JobOutcome::Failed("the bucket <x> is away".to_owned());
    let mut compress = state(Job::Compress);
    compress.running = Some(RunningJob {
        number: 7,
        runner: "process 7 on mail1".to_owned(),
        by_schedule: false,
        began_at: at("2026-03-10T11:58:00Z"),
        heard_at: at("2026-03-10T11:59:58Z"),
        did: JobCounts { compressed_bodies: 40, ..JobCounts::default() },
    });
    let both = Stored { jobs: Some(vec![compress.clone(), archive]), ..fresh() };
    assert_says(
        &html(&both, &Upkeep::default()),
        &[
            "Archiving has failed 3 times in a row, last 8 h ago.",
            "href=\"#job-archive\"",
            "It failed 3 times in a row:",
            "the bucket &#60;x&#62; is away",
            "<code>aftersend archive run</code>",
            "Running",
            "2 min ago",
            "40 bodies compressed",
            "process 7 on mail1",
        ],
    );
    let mut once = state(Job::Archive);
    once.failures_in_a_row = 1;
    once.last.as_mut().unwrap().outcome = JobOutcome::Failed("away".to_owned());
    let page = html(&Stored { jobs: Some(vec![once]), ..fresh() }, &Upkeep::default());
    assert_says(&page, &["Archiving failed 8 h ago.", "It failed:", "nothing was done"]);
    let running = Stored { jobs: Some(vec![compress]), ..fresh() };
    assert_says(&html(&running, &Upkeep::default()), &["Compressing is under way; it began 2 min ago."]);
}

#[test]
fn a_job_that_nobody_runs_is_no_quiet_success() {
    let prune =
        JobState { overdue_s: Some(7_200.0), next_at: Some(at("2026-03-10T10:00:00Z")), ..state(Job::Prune) };
    let page = html(&Stored { jobs: Some(vec![prune]), ..fresh() }, &Upkeep::default());
    assert_says(&page, &["Deleting is due since 10 March 2026, 10:00:00 UTC, and nobody runs it", "Overdue"]);
    let off = JobState { schedule: None, next_at: None, overdue_s: None, last: None, ..state(Job::Prune) };
    let page = html(&Stored { jobs: Some(vec![off]), ..fresh() }, &Upkeep::default());
    assert_says(&page, &["No job runs by itself here", "never yet", "<code>aftersend archive prune</code>"]);
}

/// Jobs wait for each other, and the first one may take hours.
#[test]
fn a_job_that_waits_for_another_is_not_forgotten() {
    let due = |job| JobState {
        overdue_s: Some(7_200.0),
        next_at: Some(at("2026-03-10T10:00:00Z")),
        last: None,
        ..state(job)
    };
    let compress = JobState {
        running: Some(RunningJob {
            number: 7,
            runner: "process 7 on mail1".to_owned(),
            by_schedule: true,
            began_at: at("2026-03-10T10:00:05Z"),
            heard_at: at("2026-03-10T11:59:58Z"),
            did: JobCounts::default(),
        }),
        ..due(Job::Compress)
    };
    let page = html(&Stored { jobs: Some(vec![compress, due(Job::Archive)]), ..fresh() }, &Upkeep::default());
    assert_says(&page, &["Compressing is under way", "Not run yet", "due, once “Compressing” has ended"]);
    for absent in ["nobody runs it", "Overdue"] {
        assert!(!page.contains(absent), "{absent} is in {page}");
    }
}

#[test]
fn what_the_database_does_not_say_is_left_out_and_said_to_be() {
    let stored =
        Stored { unread: vec!["the database does not answer within 5 s".to_owned()], ..Stored::default() };
    let page = html(&stored, &Upkeep::default());
    assert_says(&page, &["Not all of it can be told.", "within 5 s"]);
    for absent in ["What takes the room", "Nothing is archived", "No table has dead rows", "Jobs</h2>"] {
        assert!(!page.contains(absent), "{absent} is in {page}");
    }
}
