//! What is kept is what a recount tells, whatever happened in between.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{day, sent, time};
use crate::{
    BucketWidth, FigureKeeper, Figures, IngestError, Overview, Period, TemplateOrder, TemplateQuery,
    TimeZoneName,
    ingest::tests::{check_planned, filled},
    schema::{DownOptions, Step, Target},
    sql::Statement,
    testing::{Fixture, delivery, open, send},
};

/// How long to wait for what is to come.
const PATIENCE: Duration = Duration::from_mins(1);

type Kept = BTreeMap<(Timestamp, Option<String>), (Figures, Vec<i32>)>;

/// What is kept by quarter and template.
async fn kept(fixture: &Fixture) -> Kept {
    let rows = fixture
        .client
        .query(
            &fixture
                .sql(&bigints("aftersend_figures_by_template", "starts_at, template_name, opened_within")),
            &[],
        )
        .await
        .unwrap();
    rows.iter()
        .map(|row| {
            let key = (row.get("starts_at"), row.get("template_name"));
            (key, (Figures::from_row(row).unwrap(), row.get("opened_within")))
        })
        .collect()
}

/// Reads a table of sums as `bigint`, as questions tell them.
fn bigints(table: &str, others: &str) -> String {
    let columns = FIGURES.map(|column| format!("{column}::bigint")).join(", ");
    format!(r#"SELECT {others}, {columns} FROM "prefix".{table}"#)
}

const FIGURES: [&str; 17] = [
    "mails",
    "sent",
    "delivered",
    "hard_bounced",
    "soft_bounced",
    "undetermined_bounced",
    "not_tried",
    "complained",
    "possibly_complained",
    "delayed",
    "rejected",
    "failed",
    "delivered_mails",
    "opened",
    "machine_opened",
    "clicked",
    "machine_clicked",
];

/// The same counted now, of all mails.
async fn recounted(fixture: &Fixture) -> Kept {
    let quarters = fixture
        .client
        .query(
            &fixture.sql(
                r#"SELECT DISTINCT date_bin('15 min', sent_at, '2000-01-01T00:00Z')
                   FROM "prefix".phoenix_kit_email_logs"#,
            ),
            &[],
        )
        .await
        .unwrap();
    let mut counted = Kept::new();
    for row in quarters {
        let from: Timestamp = row.get(0);
        let bounds = [from, from + SignedDuration::from_mins(15)];
        for found in fixture.store.recount(&bounds, None, true, usize::MAX).await.unwrap() {
            let within = found.opened_within.into_iter().map(|count| i32::try_from(count).unwrap()).collect();
            counted.insert((from, found.template_name), (found.figures, within));
        }
    }
    counted
}

/// Asserts that nothing is marked, and that what is kept at all levels is what a recount tells.
pub(super) async fn assert_kept(fixture: &Fixture) {
    assert_eq!(fixture.count(r#""prefix".aftersend_figure_marks"#).await, 0);
    let found = kept(fixture).await;
    assert_eq!(found, recounted(fixture).await);
    let summed = |start: &dyn Fn(Timestamp) -> Timestamp, apart: bool| {
        let mut sums: BTreeMap<(Timestamp, Option<String>), Figures> = BTreeMap::new();
        for ((quarter, template), (figures, _)) in &found {
            let template = template.clone().filter(|_| apart);
            *sums.entry((start(*quarter), template)).or_default() += *figures;
        }
        sums
    };
    let read = async |table: &str, template: &str| -> BTreeMap<(Timestamp, Option<String>), Figures> {
        let sql = fixture.sql(&bigints(table, &format!("starts_at, {template} AS template_name")));
        let rows = fixture.client.query(&sql, &[]).await.unwrap();
        let read = rows.iter().map(|row| ((row.get(0), row.get(1)), Figures::from_row(row).unwrap()));
        read.collect()
    };
    let by_quarter = read("aftersend_figures_by_quarter", "NULL::text").await;
    assert_eq!(by_quarter, summed(&|quarter| quarter, false));
    let by_day = read("aftersend_figures_by_day", "template_name").await;
    assert_eq!(by_day, summed(&crate::statistics::quarter::day_start, true));
    super::lists::assert_lists_kept(fixture).await;
}

async fn marks(fixture: &Fixture) -> i64 {
    fixture.count(r#""prefix".aftersend_figure_marks"#).await
}

async fn overview(fixture: &Fixture) -> Overview {
    fixture.store.overview(day(), BucketWidth::Hour, &TimeZoneName::utc(), None).await.unwrap()
}

/// The event, of a mail that was sent at that time and has that template.
fn of(mut event: Value, sent_at: &str, template: Option<&str>) -> Value {
    event["mail"]["timestamp"] = sent_at.into();
    event["mail"]["tags"] = template.map_or(json!({}), |template| json!({ "template": [template] }));
    event
}

#[tokio::test]
async fn a_batch_leaves_one_mark_for_each_quarter_and_repeats_leave_none() {
    let fixture = Fixture::new().await;
    fixture.keep_figures().await;
    let later = "2026-09-01T11:00:00Z";
    let batch = [
        send("m1"),
        delivery("m1", "01:00"),
        send("m2"),
        of(send("m3"), later, Some("order")),
        open("m1", "02:00", None),
    ];
    fixture.ingest(&batch).await;
    assert_eq!(marks(&fixture).await, 2);
    let before = overview(&fixture).await;
    assert_eq!(before.figures, Figures::default());
    assert!(before.freshness.is_counting, "{:?}", before.freshness);
    let marked_at = before.freshness.counted_at;
    fixture.keep_figures().await;
    assert_kept(&fixture).await;
    let after = overview(&fixture).await;
    assert_eq!((after.figures.sent, after.figures.opened), (3, 1));
    assert!(!after.freshness.is_counting && after.freshness.counted_at > marked_at, "{:?}", after.freshness);

    fixture.ingest(&batch).await;
    assert_eq!(marks(&fixture).await, 0);
    // It says more than before: a machine opened it.
    fixture.ingest(&[open("m1", "02:00", Some("Likely"))]).await;
    assert_eq!(marks(&fixture).await, 1);
    fixture.keep_figures().await;
    assert_kept(&fixture).await;
    assert_eq!(overview(&fixture).await.figures.machine_opened, 1);
}

#[tokio::test]
async fn a_template_that_is_learnt_late_and_a_mail_that_was_sent_earlier_leave_nothing_behind() {
    let fixture = Fixture::new().await;
    let (early, late) = ("2026-08-31T23:50:00Z", "2026-09-01T10:00:00Z");
    fixture.ingest(&[of(send("m1"), late, None)]).await;
    fixture.keep_figures().await;
    fixture.ingest(&[of(delivery("m1", "01:00"), late, Some("order"))]).await;
    fixture.keep_figures().await;
    assert_kept(&fixture).await;
    assert_eq!(
        kept(&fixture).await.into_keys().collect::<Vec<_>>(),
        [(time(late), Some("order".to_owned()))]
    );
    fixture.ingest(&[of(open("m1", "02:00", None), early, None)]).await;
    fixture.keep_figures().await;
    assert_kept(&fixture).await;
    let quarter = time("2026-08-31T23:45:00Z");
    assert_eq!(kept(&fixture).await.into_keys().collect::<Vec<_>>(), [(quarter, Some("order".to_owned()))]);
}

#[tokio::test]
async fn a_round_that_fails_or_is_broken_off_leaves_its_marks() {
    let fixture = Fixture::new().await;
    fixture.keep_figures().await;
    fixture.ingest(&[send("m1"), of(send("m2"), "2026-09-01T12:00:00Z", None)]).await;
    fixture
        .run(
            r#"CREATE FUNCTION "prefix".refuse() RETURNS trigger LANGUAGE plpgsql AS
                   'BEGIN RAISE EXCEPTION ''no''; END';
               CREATE TRIGGER refuse BEFORE INSERT ON "prefix".aftersend_figures_by_day
                   EXECUTE FUNCTION "prefix".refuse()"#,
        )
        .await;
    let mut keeper = FigureKeeper::new(&fixture.store);
    let refused = keeper.round().await;
    assert!(matches!(refused, Err(IngestError::Data(_))), "{refused:?}");
    assert_eq!((marks(&fixture).await, kept(&fixture).await.len()), (2, 0));
    fixture.run(r#"DROP TRIGGER refuse ON "prefix".aftersend_figures_by_day"#).await;
    // Each attempt comes further; none may leave a half.
    for attempt in 1.. {
        let round = tokio::time::timeout(Duration::from_micros(500) * attempt, keeper.round()).await;
        let left = marks(&fixture).await;
        assert!(
            left == 0 || (left == 2 && kept(&fixture).await.is_empty()),
            "attempt {attempt}: {left} marks left"
        );
        if round.is_ok() {
            break;
        }
    }
    fixture.keep_figures().await;
    assert_kept(&fixture).await;
    assert_eq!(kept(&fixture).await.len(), 2);
}

#[tokio::test]
async fn joins_and_merges_are_counted() {
    let fixture = Fixture::adopted(Duration::from_hours(1)).await;
    fixture.keep_figures().await;
    fixture.ingest(&[send("m1"), delivery("m1", "01:00")]).await;
    fixture.keep_figures().await;
    assert_kept(&fixture).await;
    assert!(kept(&fixture).await.is_empty());
    fixture.log("pk_1").await;
    fixture.note_id("pk_1", "m1").await;
    assert_eq!(fixture.join().await.joined, 2);
    fixture.keep_figures().await;
    assert_kept(&fixture).await;
    let delivered = |kept: &Kept| kept.values().map(|(figures, _)| figures.delivered).sum::<u64>();
    assert_eq!(delivered(&kept(&fixture).await), 1);

    // Made from its events, since nobody logged it in time; and logged after all, at another time.
    let mut fixture = fixture;
    fixture.wait_for(Duration::ZERO);
    fixture.ingest(&[send("m2"), delivery("m2", "01:00")]).await;
    fixture.join().await;
    fixture.keep_figures().await;
    assert_kept(&fixture).await;
    assert_eq!(delivered(&kept(&fixture).await), 2);
    fixture.log("pk_2").await;
    fixture.note_id("pk_2", "m2").await;
    assert_eq!(fixture.join().await.merged, 1);
    fixture.keep_figures().await;
    assert_kept(&fixture).await;
    assert_eq!(delivered(&kept(&fixture).await), 2);
}

#[tokio::test]
async fn what_an_application_writes_and_removes_is_found_by_looking_through() {
    let fixture = Fixture::new().await;
    fixture.keep_figures().await;
    fixture.ingest(&[send("m1"), of(send("m2"), "2026-09-01T12:00:00Z", None)]).await;
    fixture.keep_figures().await;
    assert_eq!(overview(&fixture).await.figures, sent(2));
    fixture
        .run(
            r#"DELETE FROM "prefix".phoenix_kit_email_logs WHERE message_id IN ('m1', 'm2');
               INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", sent_at, inserted_at, updated_at)
               SELECT 'a' || n, 'a' || n, 'a@x.org', 'b@x.org',
                      timestamptz '2026-09-01T00:00:00Z' + n * interval '1 min', now(), now()
               FROM generate_series(0, 599) AS n"#,
        )
        .await;
    assert_eq!(marks(&fixture).await, 0);
    let noon = time("2026-09-01T12:00:00Z");
    fixture.store.recount_figures(Some(noon), None).await.unwrap();
    fixture.keep_figures().await;
    assert_eq!(overview(&fixture).await.figures, sent(1));
    fixture.store.recount_figures(None, Some(noon)).await.unwrap();
    let during = overview(&fixture).await;
    assert!(during.freshness.is_counting, "{:?}", during.freshness);
    fixture.keep_figures().await;
    assert_kept(&fixture).await;
    assert_eq!(overview(&fixture).await.figures, sent(600));
}

/// An ask that commits while a round looks through a range is not undone by how far that round has come.
#[tokio::test]
async fn what_is_asked_for_beside_a_round_is_not_lost() {
    let fixture = Fixture::new().await;
    fixture.keep_figures().await;
    let mut asked = 0;
    for is_scanning in [false, true] {
        let began = Instant::now();
        loop {
            if is_scanning {
                fixture.store.recount_figures(None, None).await.unwrap();
            }
            asked += 1;
            // The whole range, as it may stand already. The mail is there with the ask and not before.
            fixture
                .run(&format!(
                    r#"BEGIN;
                       INSERT INTO "prefix".phoenix_kit_email_logs
                           (message_id, aws_message_id, "to", "from", sent_at, inserted_at, updated_at)
                       VALUES ('a{asked}', 'a{asked}', 'a@x.org', 'b@x.org',
                               timestamptz '2026-09-01T00:00:00Z' + {asked} * interval '1 hour', now(), now());
                       UPDATE "prefix".aftersend_figure_scan
                       SET scan_from = '0001-01-01T00:00:00Z', scan_below = '9999-01-01T00:00:00Z'"#
                ))
                .await;
            let mut keeper = FigureKeeper::new(&fixture.store);
            let round = tokio::spawn(async move { keeper.round().await });
            // Either it has nothing to write there, or it waits for the ask.
            let waiting =
                "pg_catalog.pg_locks WHERE NOT granted AND pg_blocking_pids(pid) @> ARRAY[pg_backend_pid()]";
            while !round.is_finished() && fixture.count(waiting).await == 0 {
                assert!(began.elapsed() < PATIENCE);
                tokio::task::yield_now().await;
            }
            fixture.run("COMMIT").await;
            let report = round.await.unwrap();
            fixture.keep_figures().await;
            assert_eq!(kept(&fixture).await.len(), asked, "{report:?}");
            match report {
                Ok(_) => break,
                // On a slow machine the ask commits after the round has stopped waiting for it.
                Err(error) => assert!(
                    matches!(error, IngestError::Repeat(_)) && began.elapsed() < PATIENCE,
                    "{error:?}"
                ),
            }
        }
    }
}

/// Rows that are written over and over, as every round would, leave their old versions behind.
#[tokio::test]
async fn rounds_that_find_nothing_write_nothing() {
    let fixture = Fixture::new().await;
    fixture.keep_figures().await;
    let version = async || {
        let scan = fixture.sql(r#"SELECT xmin::text FROM "prefix".aftersend_figure_scan"#);
        fixture.client.query_one(&scan, &[]).await.unwrap().get::<_, String>(0)
    };
    let before = version().await;
    fixture.keep_figures().await;
    assert_eq!(version().await, before);
}

/// By the keeper itself, now and then.
#[tokio::test]
async fn the_last_hours_are_looked_through_again() {
    let fixture = Fixture::new().await;
    fixture.keep_figures().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, "to", "from", sent_at, inserted_at, updated_at)
               SELECT 'a' || n, 'a' || n, 'a@x.org', 'b@x.org', now() - n * interval '1 hour', now(), now()
               FROM generate_series(1, 60) AS n"#,
        )
        .await;
    fixture.keep_figures().await;
    assert_eq!(kept(&fixture).await.len(), 0);
    fixture.run(r#"UPDATE "prefix".aftersend_figure_scan SET swept_at = now() - interval '1 hour'"#).await;
    fixture.keep_figures().await;
    let hours = kept(&fixture).await.len();
    assert!((47..=48).contains(&hours), "{hours}");
}

#[tokio::test]
async fn a_database_that_gets_the_step_is_counted_afterwards() {
    let fixture = Fixture::new().await;
    fixture
        .ingest(&[send("m1"), delivery("m1", "01:00"), of(send("m2"), "2020-01-01T00:00:00Z", None)])
        .await;
    fixture.keep_figures().await;
    let expected = kept(&fixture).await;
    let mut migrator = fixture.migrator().await;
    migrator.down(Target::Step(Step::A4), DownOptions::default()).await.unwrap();
    migrator.up(Step::LATEST).await.unwrap();
    let counting = overview(&fixture).await;
    assert_eq!(counting.figures, Figures::default());
    assert!(counting.freshness.is_counting, "{:?}", counting.freshness);
    fixture.keep_figures().await;
    assert_eq!(kept(&fixture).await, expected);
    assert_kept(&fixture).await;
    assert!(!overview(&fixture).await.freshness.is_counting);
}

#[tokio::test]
async fn parts_of_quarters_and_of_days_are_counted_to_the_moment() {
    let fixture = Fixture::new().await;
    fixture
        .run(
            r#"INSERT INTO "prefix".phoenix_kit_email_logs
                   (message_id, aws_message_id, template_name, "to", "from", sent_at, inserted_at, updated_at)
               SELECT 'a' || n, 'a' || n, CASE WHEN n % 3 > 0 THEN 't' || n % 3 END, 'a@x.org', 'b@x.org',
                      timestamptz '2026-08-28T00:00:00Z' + n * interval '7 min', now(), now()
               FROM generate_series(0, 1400) AS n"#,
        )
        .await;
    fixture.recount_figures().await;
    assert_kept(&fixture).await;
    for (from, to) in [
        ("2026-08-30T05:03:11Z", "2026-09-02T17:22:05Z"),
        ("2026-08-31T00:00:00Z", "2026-09-02T00:00:00Z"),
        ("2026-08-31T10:01:00Z", "2026-08-31T10:09:00Z"),
        ("2026-08-31T10:01:00Z", "2026-08-31T10:40:00Z"),
        ("2026-08-31T23:15:00Z", "2026-09-01T01:45:00Z"),
    ] {
        let period = Period::new(time(from), time(to)).unwrap();
        let expected = fixture.store.recount(&[period.from(), period.to()], None, true, 9).await.unwrap();
        let query = TemplateQuery { period, order: TemplateOrder::Name, skip: 0, templates_max: 9 };
        let page = fixture.store.list_templates(&query).await.unwrap();
        let found: BTreeMap<_, _> = page.templates.into_iter().map(|t| (t.name, t.figures)).collect();
        let expected: BTreeMap<_, _> = expected.into_iter().map(|t| (t.template_name, t.figures)).collect();
        assert_eq!(found, expected, "{from}");
        let all: Figures = expected.values().copied().sum();
        let zone: TimeZoneName = "Asia/Kathmandu".parse().unwrap();
        let overview = fixture.store.overview(period, BucketWidth::Day, &zone, None).await.unwrap();
        assert_eq!(overview.figures, all, "{from}");
        let of_one = fixture.store.overview(period, BucketWidth::Hour, &zone, Some("t1")).await.unwrap();
        let name = Some("t1".to_owned());
        assert_eq!(of_one.figures, expected.get(&name).copied().unwrap_or_default(), "{from}");
        let whole = period.by_quarters();
        assert!(whole.from() <= period.from() && whole.to() >= period.to());
    }
}

#[tokio::test]
async fn kept_sums_are_found_by_index() {
    let fixture = filled().await;
    fixture.run(r#"UPDATE "prefix".aftersend_figure_scan SET scan_below = NULL"#).await;
    let ones = ["1"; 17].join(", ");
    let within = "array_fill(0, ARRAY[24])";
    fixture
        .run(&format!(
            r#"INSERT INTO "prefix".aftersend_figures_by_quarter
               SELECT '2026-01-01T00:00:00Z'::timestamptz + n * interval '15 min', {ones} FROM generate_series(1, 20000) AS n;
               INSERT INTO "prefix".aftersend_figures_by_template
               SELECT '2026-01-01T00:00:00Z'::timestamptz + n / 30 * interval '15 min', n % 30, 't' || n % 30, {ones}, {within}
               FROM generate_series(1, 60000) AS n;
               INSERT INTO "prefix".aftersend_figures_by_day
               SELECT '2026-01-01T00:00:00Z'::timestamptz + n / 30 * interval '24 hours', n % 30, 't' || n % 30, {ones}, {within}
               FROM generate_series(1, 20000) AS n;
               INSERT INTO "prefix".aftersend_figure_marks (starts_at)
               SELECT '2026-01-01T00:00:00Z'::timestamptz + n / 5 * interval '15 min' FROM generate_series(1, 20000) AS n;
               ANALYZE "prefix".aftersend_figures_by_quarter, "prefix".aftersend_figures_by_template,
                   "prefix".aftersend_figures_by_day, "prefix".aftersend_figure_marks"#
        ))
        .await;
    let terms = |terms: &[&str]| terms.iter().map(ToString::to_string).collect::<Vec<_>>();
    let custom = &["force_custom_plan"][..];
    let week = "ARRAY['2026-01-02T00:00Z', '2026-01-03T00:00Z', '2026-01-09T00:00Z']::timestamptz[]";
    let none = "'{}'";
    let totals = terms(&[week, none]);
    check_planned(&fixture, custom, Statement::SumTotals, &totals, &["aftersend_figures_by_quarter_pkey"])
        .await;
    let of_template = terms(&[week, none, "ARRAY['t7']", "true"]);
    let by_template = ["aftersend_figures_by_template_"];
    let days = terms(&[week, none, "ARRAY['t7']", "true", "'2026-01-03T00:00Z'", "'2026-01-09T00:00Z'"]);
    let by_day = ["aftersend_figures_by_day_", by_template[0]];
    check_planned(&fixture, custom, Statement::SumTemplateDays, &days, &by_day).await;
    check_planned(&fixture, custom, Statement::SumTemplates, &of_template, &by_template).await;
    for templates in ["NULL", "ARRAY['t7']"] {
        let list = terms(&[
            "'2026-01-02T20:00Z'",
            "'2026-01-03T00:00Z'",
            "'2026-01-30T00:00Z'",
            "'2026-01-30T03:00Z'",
            templates,
            "1000",
        ]);
        let indexes = ["aftersend_figures_by_day_", "aftersend_figures_by_template_"];
        check_planned(&fixture, custom, Statement::ListTemplates, &list, &indexes).await;
    }
    let quarters = terms(&["ARRAY['2026-01-02T00:00Z', '2026-01-02T00:15Z']::timestamptz[]"]);
    check_planned(&fixture, custom, Statement::SumQuarters, &quarters, &by_template).await;
    check_planned(
        &fixture,
        custom,
        Statement::SumDays,
        &terms(&["ARRAY['2026-01-02T00:00Z']::timestamptz[]"]),
        &by_template,
    )
    .await;
    let seconds = "ARRAY[now() - interval '110 s', now() - interval '107 s', now() - interval '104 s']";
    let keep = terms(&[seconds, "NULL", "true", "1000"]);
    let by_time = ["phoenix_kit_email_logs_sent_at_idx", "aftersend_recipients_"];
    check_planned(&fixture, custom, Statement::KeepFigures, &keep, &by_time).await;
}
