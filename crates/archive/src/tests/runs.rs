//! Runs beside others, and beside what changes.

use aftersend_store::{ArchiveRunState, BegunJob, Job, JobCounts, JobOutcome, Removable, Starting};
use serde_json::json;

use super::ground::{Ground, assert_same, later};
use crate::{ArchiveError, ArchivePlace, RunOptions, plan, run};

#[tokio::test]
async fn what_is_in_the_archive_goes_there_once_and_again_when_it_changes() {
    let ground = Ground::with_traffic(31).await;
    let mails = u64::try_from(ground.count("phoenix_kit_email_logs").await).unwrap();
    let before = plan(&ground.store, later(), &|_, _| {}).await.unwrap();
    assert_eq!((before.mails, before.archived), (mails, 0));
    assert_eq!(ground.archive(false).await.sums.mails, mails);
    assert_eq!(plan(&ground.store, later(), &|_, _| {}).await.unwrap().mails, 0);
    assert_eq!(ground.archive(false).await.sums.mails, 0);

    // A second open changes no column of the mail's.
    let ids = ground
        .texts(r#"SELECT aws_message_id FROM "prefix".phoenix_kit_email_logs WHERE opened_at IS NOT NULL ORDER BY 1 LIMIT 3"#)
        .await;
    let opens: Vec<_> = ids
        .iter()
        .map(|id| {
            json!({ "eventType": "Open", "mail": { "timestamp": "2026-09-01T10:00:00Z", "messageId": id, "source": "s@x.org",
                    "destination": ["a@x.org"] }, "open": { "timestamp": "2026-12-01T10:00:00Z", "ipAddress": "192.0.2.1", "userAgent": "M" } })
        })
        .collect();
    let report = ground.ingest_values(&opens).await;
    assert_eq!(report.stored, ids.len());
    let rows = ground.rows().await;
    // Those that changed stay until they are in the archive as they are.
    let page = ground.store.find_removable(later(), None).await.unwrap();
    let removed = ground.store.remove_archived(&page).await.unwrap();
    assert_eq!((removed.changed, removed.removed as u64), (ids.len(), mails - ids.len() as u64));
    let next = ground.archive(true).await;
    assert_eq!((next.sums.mails, next.removed.removed), (ids.len() as u64, ids.len()));
    ground.assert_verified().await;
    // Of a mail that went twice, the last is what comes back.
    ground.restore().await;
    assert_same(&ground.rows().await, &rows, "after they came back");
}

/// A column that an application changes by itself, and its update time not.
#[tokio::test]
async fn a_mail_that_is_not_as_it_went_stays() {
    let ground = Ground::with_traffic(32).await;
    ground.archive(false).await;
    ground.run_sql(r#"UPDATE "prefix".phoenix_kit_email_logs SET locale = 'et' WHERE message_id = (SELECT min(message_id) FROM "prefix".phoenix_kit_email_logs)"#).await;
    let page = ground.store.find_removable(later(), None).await.unwrap();
    let removed = ground.store.remove_archived(&page).await.unwrap();
    assert_eq!((removed.changed, removed.refused), (1, 0));
    assert_eq!(ground.count("phoenix_kit_email_logs").await, 1);
    let next = ground.archive(true).await;
    assert_eq!((next.sums.mails, next.removed.removed), (1, 1), "{next:?}");
    // What no object has proven is not removed either, whoever asks.
    let nobody = Removable { object: 99, mail: uuid::Uuid::now_v7() };
    assert_eq!(ground.store.remove_archived(&[nobody]).await.unwrap().skipped, 1);
}

#[tokio::test]
async fn a_mail_that_an_application_refers_to_stays_and_the_others_go() {
    let ground = Ground::with_traffic(33).await;
    ground
        .run_sql(
            r#"CREATE TABLE "prefix".app_notes (mail uuid REFERENCES "prefix".phoenix_kit_email_logs (uuid));
               INSERT INTO "prefix".app_notes SELECT uuid FROM "prefix".phoenix_kit_email_logs LIMIT 2"#,
        )
        .await;
    let figures = ground.figures().await;
    let report = ground.archive(true).await;
    assert_eq!(report.removed.refused, 2, "{report:?}");
    assert_eq!(ground.count("phoenix_kit_email_logs").await, 2);
    assert_same(&ground.recounted_figures().await, &figures, "with two left");
}

#[tokio::test]
async fn two_runners_do_it_once() {
    let ground = Ground::with_traffic(34).await;
    let rows = ground.rows().await;
    let mails = ground.count("phoenix_kit_email_logs").await;
    let lock = ground.store.lock_archive().await.unwrap();
    assert!(lock.is_some());
    assert!(ground.archive(true).await.is_elsewhere);
    assert_eq!(ground.count("aftersend_archive_runs").await, 0);
    drop(lock);
    // The session's end is the server's to notice.
    while ground.archive(true).await.is_elsewhere {
        tokio::task::yield_now().await;
    }
    ground.restore().await;
    ground.run_sql(r#"UPDATE "prefix".aftersend_archived_mails SET restored_at = NULL"#).await;
    // Without the lock: both remove the same mails.
    let page = ground.store.find_removable(later(), None).await.unwrap();
    let (one, other) = tokio::join!(ground.store.remove_archived(&page), ground.store.remove_archived(&page));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(i64::try_from(one.removed + other.removed).unwrap(), mails);
    ground.restore().await;
    assert_same(&ground.rows().await, &rows, "after both");
}

/// Whoever comes second finds it done, or being done.
#[tokio::test]
async fn two_runs_at_once_archive_each_mail_once() {
    let ground = Ground::with_traffic(37).await;
    let rows = ground.rows().await;
    let mails = u64::try_from(ground.count("phoenix_kit_email_logs").await).unwrap();
    let (one, other, third) = tokio::join!(ground.archive(true), ground.archive(true), ground.archive(true));
    let all = [one, other, third];
    assert_eq!(all.iter().map(|run| run.sums.mails).sum::<u64>(), mails, "{all:?}");
    assert_eq!(all.iter().map(|run| run.removed.removed as u64).sum::<u64>(), mails, "{all:?}");
    ground.assert_verified().await;
    ground.restore().await;
    assert_same(&ground.rows().await, &rows, "after they came back");
}

/// Ten million mails that are in the archive and here are not gone through each night.
#[tokio::test]
async fn a_run_begins_where_the_last_one_ended() {
    let ground = Ground::with_traffic(38).await;
    let mails = ground.archive(false).await;
    assert_eq!(mails.looked_at, mails.sums.mails);
    // As if made long ago: keys of mails made today are looked at again.
    ground
        .run_sql(
            r#"SET session_replication_role = replica;
               CREATE FUNCTION "prefix".older(uuid) RETURNS uuid LANGUAGE sql AS $$SELECT ('00000000' || substr($1::text, 9))::uuid$$;
               UPDATE "prefix".phoenix_kit_email_logs SET uuid = "prefix".older(uuid);
               UPDATE "prefix".phoenix_kit_email_events SET email_log_uuid = "prefix".older(email_log_uuid);
               UPDATE "prefix".aftersend_folded_events SET email_log_uuid = "prefix".older(email_log_uuid);
               UPDATE "prefix".aftersend_recipients SET email_log_uuid = "prefix".older(email_log_uuid);
               UPDATE "prefix".aftersend_archived_mails SET email_log_uuid = "prefix".older(email_log_uuid);
               SET session_replication_role = DEFAULT"#,
        )
        .await;
    let next = ground.archive(false).await;
    assert_eq!((next.looked_at, next.sums.mails), (0, 0), "{next:?}");
    // One that was made late, and one that has changed.
    let late = json!({ "eventType": "Send", "mail": { "timestamp": "2026-01-01T10:00:00Z", "messageId": "late", "source": "s@x.org",
                       "destination": ["a@x.org"] }, "send": {} });
    let id = ground
        .texts(r#"SELECT aws_message_id FROM "prefix".phoenix_kit_email_logs WHERE opened_at IS NOT NULL ORDER BY 1 LIMIT 1"#)
        .await;
    let open = json!({ "eventType": "Open", "mail": { "timestamp": "2026-09-01T10:00:00Z", "messageId": id[0], "source": "s@x.org",
                       "destination": ["a@x.org"] }, "open": { "timestamp": "2026-12-01T10:00:00Z", "ipAddress": "192.0.2.1", "userAgent": "M" } });
    assert_eq!(ground.ingest_values(&[late, open]).await.stored, 2);
    let next = ground.archive(false).await;
    assert_eq!((next.looked_at, next.sums.mails), (2, 2), "{next:?}");
    // What an application changes without a word is found when all are gone through.
    ground
        .run_sql(r#"UPDATE "prefix".phoenix_kit_email_logs SET locale = 'et', updated_at = now() + interval '1 second' WHERE aws_message_id = 'late'"#)
        .await;
    let next = ground.archive(false).await;
    assert_eq!(next.sums.mails, 0, "{next:?}");
    ground
        .run_sql(r#"UPDATE "prefix".aftersend_archive_runs SET began_at = began_at - interval '8 days'"#)
        .await;
    let next = ground.archive(false).await;
    assert_eq!((next.looked_at, next.sums.mails), (mails.sums.mails + 1, 1), "{next:?}");
}

/// Neither what is old enough nor which object is the newest depends on the clock of the machine that runs.
#[tokio::test]
async fn objects_follow_each_other_though_the_clock_was_ahead() {
    let ground = Ground::with_traffic(39).await;
    let ahead = "2137-10-10/04d0b6a6-1c00-7000-8000-000000000000-mails";
    ground
        .run_sql(&format!(
            r#"INSERT INTO "prefix".aftersend_archive_objects (run_number, name, kind, state, deleted_at)
               VALUES (1, '{ahead}', 'mails', 'abandoned', now())"#
        ))
        .await;
    ground.archive(false).await;
    ground.run_sql(r#"UPDATE "prefix".phoenix_kit_email_logs SET locale = 'et', updated_at = now()"#).await;
    let options = RunOptions { whole: true, delete_archived: true, ..RunOptions::before(later()) };
    let rows = ground.rows().await;
    run(&ground.store, &ground.place, options, &|_| ()).await.unwrap();
    let objects = ground.store.archive_objects(None, 100).await.unwrap();
    assert!(objects.iter().rev().map(|object| &object.name).is_sorted_by(|a, b| a < b), "{objects:?}");
    // Of each mail the last is what it becomes.
    ground.restore().await;
    assert_same(&ground.rows().await, &rows, "after they came back");

    let sent = ground.texts(r#"SELECT to_char(min(sent_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM "prefix".phoenix_kit_email_logs"#).await;
    let first = objects.iter().filter_map(|object| object.facts.as_ref()?.first_sent_at).min();
    assert_eq!(first, Some(sent[0].parse().unwrap()), "a manifest's range is that of its mails");
    let clock = ground.texts("SELECT extract(epoch FROM clock_timestamp())::bigint::text").await;
    let day = std::time::Duration::from_hours(24);
    let old = crate::older_than(&ground.store, day).await.unwrap().as_second() + 24 * 3_600;
    assert!((old - clock[0].parse::<i64>().unwrap()).abs() <= 60);
}

#[tokio::test]
async fn ingest_beside_a_run_loses_nothing() {
    let ground = Ground::with_traffic(35).await;
    let ids = ground.texts(r#"SELECT aws_message_id FROM "prefix".phoenix_kit_email_logs ORDER BY 1"#).await;
    let open = |id: &String, second: usize| {
        json!({ "eventType": "Open", "mail": { "timestamp": "2026-09-01T10:00:00Z", "messageId": id, "source": "s@x.org",
                "destination": ["a@x.org"] }, "open": { "timestamp": format!("2026-12-01T10:{:02}:{:02}Z", second / 60, second % 60), "ipAddress": "192.0.2.1", "userAgent": "M" } })
    };
    let opens: Vec<_> = ids.iter().enumerate().map(|(number, id)| open(id, number)).collect();
    let ingest = async {
        let mut sum = (0, 0);
        for part in opens.chunks(5) {
            let report = ground.ingest_values(part).await;
            sum = (sum.0 + report.stored, sum.1 + report.late);
        }
        sum
    };
    let (_, (stored, late)) = tokio::join!(ground.archive(true), ingest);
    assert_eq!(stored + late, opens.len());
    ground.archive(true).await;
    assert_eq!(ground.count("phoenix_kit_email_logs").await, 0);
    ground.restore().await;
    let told = ground
        .texts(r#"SELECT count(*)::text FROM "prefix".phoenix_kit_email_events WHERE event_type = 'open' AND occurred_at >= '2026-12-01'"#)
        .await;
    assert_eq!(told, [opens.len().to_string()]);
}

#[tokio::test]
async fn a_place_that_is_none_is_told() {
    for (url, part) in [
        ("nowhere", "is no place for an archive: it has neither file:// nor s3:// in front"),
        ("ftp://x/y", "`ftp` is neither file nor s3"),
        ("s3://key:secret@bucket/x", "credentials don't belong there"),
    ] {
        let error = ArchivePlace::open(url).await.unwrap_err();
        assert!(
            matches!(error, ArchiveError::Place { .. }) && error.to_string().contains(part),
            "{url}: {error}"
        );
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "no folder").unwrap();
    let url = format!("file://{}", path.display());
    let error = ArchivePlace::open(&url).await.unwrap_err();
    assert!(error.to_string().contains("What stands at that path is no folder"), "{error}");
    // Who only reads makes nothing.
    let absent = format!("{url}s");
    let error = ArchivePlace::open_existing(&absent).await.unwrap_err();
    assert!(matches!(&error, ArchiveError::NoFolder(told) if *told == absent), "{error}");
    assert!(!ArchivePlace::probe(&absent).await.unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Only what is old enough.
#[tokio::test]
async fn young_mails_stay() {
    let ground = Ground::with_traffic(36).await;
    let middle = ground.texts(r#"SELECT to_char(percentile_disc(0.5) WITHIN GROUP (ORDER BY sent_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM "prefix".phoenix_kit_email_logs"#).await;
    let before: jiff::Timestamp = middle[0].parse().unwrap();
    let options = RunOptions { delete_archived: true, ..RunOptions::before(before) };
    let report = run(&ground.store, &ground.place, options, &|_| ()).await.unwrap();
    assert!(report.removed.removed > 0);
    let oldest = ground.texts(r#"SELECT to_char(min(sent_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM "prefix".phoenix_kit_email_logs"#).await;
    assert_eq!(oldest[0].parse::<jiff::Timestamp>().unwrap(), before);
}

/// Somebody deletes mails by hand, after they have changed: those behind them go all the same.
#[tokio::test]
async fn mails_that_are_gone_hide_no_changed_ones() {
    let ground = Ground::new().await;
    ground
        .run_sql(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (uuid, message_id, "to", "from", sent_at, inserted_at, updated_at)
               SELECT ('a0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'm' || n, 'a@x.org', 'b@x.org',
                      '2026-01-05', now(), now()
               FROM generate_series(1, 1010) AS n"#,
        )
        .await;
    let options = RunOptions { whole: true, ..RunOptions::before(later()) };
    let report = run(&ground.store, &ground.place, options, &|_| ()).await.unwrap();
    assert_eq!(report.sums.mails, 1_010);
    // A full page of mails that are gone but for its last one, and a changed one behind it.
    ground
        .run_sql(
            r#"UPDATE "prefix".aftersend_archived_mails SET events = -1;
               UPDATE "prefix".phoenix_kit_email_logs SET subject = 'changed', sent_at = '-infinity' WHERE message_id = 'm1000';
               UPDATE "prefix".phoenix_kit_email_logs SET subject = 'changed' WHERE message_id = 'm1010';
               DELETE FROM "prefix".phoenix_kit_email_logs WHERE message_id NOT IN ('m1000', 'm1010')"#,
        )
        .await;
    let report = ground.archive(false).await;
    assert_eq!((report.sums.mails, report.sums.objects), (1, 1), "{report:?}");
    // They are looked at once.
    let marked = r#"SELECT email_log_uuid::text FROM "prefix".aftersend_archived_mails WHERE events = -1"#;
    assert_eq!(ground.texts(marked).await, ["a0000000-0000-4000-8000-000000001000"]);
    assert_eq!(ground.count("aftersend_archived_mails").await, 1_010);
}

/// Broken off after its first object: how it ended, its job says.
#[tokio::test]
async fn how_a_run_that_is_broken_off_ended_is_written_down_with_how_far_it_came() {
    let ground = Ground::with_traffic(40).await;
    let last = async || ground.store.archive_runs(1).await.unwrap().remove(0);
    let break_off = async || {
        let is_begun = tokio::sync::Notify::new();
        let options = RunOptions { object_mails_max: 3, ..RunOptions::before(later()) };
        let watch = |_| is_begun.notify_one();
        tokio::select! {
            biased;
            () = is_begun.notified() => {}
            ended = run(&ground.store, &ground.place, options, &watch) => panic!("{ended:?}"),
        }
    };
    let begin = async || match ground.store.begin_job(Job::Archive, Starting::ByHand).await.unwrap() {
        BegunJob::Ours(started) => started,
        other => panic!("{other:?}"),
    };
    let mut mails = 0;
    for (outcome, state) in [
        (JobOutcome::Stopped, ArchiveRunState::Stopped),
        (
            JobOutcome::Failed("it lost its way".to_owned()),
            ArchiveRunState::Failed("it lost its way".to_owned()),
        ),
    ] {
        let mut job = begin().await;
        break_off().await;
        let told = last().await;
        assert_eq!((told.state, told.ended_at), (ArchiveRunState::AtWork, None));
        mails += told.sums.mails;
        assert!(told.sums.mails >= 3 && told.sums.objects == 1 && told.sums.bytes > 0, "{:?}", told.sums);
        job.end(&outcome, &JobCounts::default()).await.unwrap();
        let after = last().await;
        assert_eq!((&after.state, after.sums), (&state, told.sums));
        assert!(after.ended_at.is_some_and(|at| at >= after.began_at), "{after:?}");
        // The lock's session ends when the server notices.
        loop {
            if let Some(lock) = ground.store.lock_archive().await.unwrap() {
                lock.release().await;
                break;
            }
        }
    }
    let archived = r#"SELECT count(*)::text FROM "prefix".aftersend_archived_mails"#;
    assert_eq!(ground.texts(archived).await, [mails.to_string()]);
    // Nobody is left who could say how this one ended.
    let job = begin().await;
    break_off().await;
    drop(job);
    while last().await.state == ArchiveRunState::AtWork {
        tokio::task::yield_now().await;
    }
    let lost = last().await;
    assert_eq!((lost.state, lost.ended_at), (ArchiveRunState::Lost, None));
    // The next one goes on, and does not take over what is not its own.
    let mut job = begin().await;
    while ground.archive(false).await.is_elsewhere {}
    job.end(&JobOutcome::Done, &JobCounts::default()).await.unwrap();
    let runs = ground.store.archive_runs(2).await.unwrap();
    assert_eq!((&runs[0].state, &runs[1].state), (&ArchiveRunState::Done, &ArchiveRunState::Lost));
}
