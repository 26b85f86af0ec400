//! Up and down, and what is there afterwards.

use super::{assert_same_catalog, catalog, marker, names, set_marker, status, with_text};
use crate::{
    schema::{DownOptions, MigrateError, Migrator, Step, Target},
    testing::{Fixture, delivery, send},
};

/// Whatever there is to lose.
fn lose_all() -> DownOptions {
    DownOptions { discard_own_data: true, drop_data: true, ..DownOptions::default() }
}

#[tokio::test]
async fn every_step_goes_up_and_down_one_by_one() {
    let fixture = Fixture::empty().await;
    let mut migrator = fixture.migrator().await;
    assert_eq!(status(&fixture).await.unwrap().reached(), None);
    assert_eq!(marker(&fixture).await, None);

    let mut catalogs = Vec::new();
    for (step, marked) in [
        (Step::V136, "136"),
        (Step::V137, "137"),
        (Step::A1, "137"),
        (Step::A2, "137"),
        (Step::A3, "137"),
        (Step::A4, "137"),
        (Step::A5, "137"),
        (Step::A6, "137"),
        (Step::A7, "137"),
        (Step::A8, "137"),
        (Step::A9, "137"),
        (Step::A10, "137"),
    ] {
        assert_eq!(names(&migrator.up(step).await.unwrap()), [(step.name(), true)]);
        assert_eq!(marker(&fixture).await.as_deref(), Some(marked));
        let status = status(&fixture).await.unwrap();
        assert_eq!(status.reached(), Some(step));
        assert_eq!(status.marker, Some(marked.parse().unwrap()));
        assert!(names(&migrator.up(step).await.unwrap()).is_empty(), "{step} twice");
        catalogs.push(catalog(&fixture).await);
    }
    fixture.store.require_schema().await.unwrap();
    let applied =
        status(&fixture).await.unwrap().steps.iter().map(|s| s.applied_at.is_some()).collect::<Vec<_>>();
    assert_eq!(applied, [false, false, true, true, true, true, true, true, true, true, true, true]);
    let ledger = fixture
        .rows(
            r#"SELECT step, length(checksum) AS digits, duration >= interval '0' AS took
               FROM "prefix".aftersend_steps ORDER BY step"#,
        )
        .await;
    let recorded = |step: &str| serde_json::json!({ "step": step, "digits": 64, "took": true });
    assert_eq!(
        ledger,
        [
            recorded("a1"),
            recorded("a10"),
            recorded("a2"),
            recorded("a3"),
            recorded("a4"),
            recorded("a5"),
            recorded("a6"),
            recorded("a7"),
            recorded("a8"),
            recorded("a9")
        ]
    );

    for (gone, to, marked) in [
        (Step::A10, Target::Step(Step::A9), Some("137")),
        (Step::A9, Target::Step(Step::A8), Some("137")),
        (Step::A8, Target::Step(Step::A7), Some("137")),
        (Step::A7, Target::Step(Step::A6), Some("137")),
        (Step::A6, Target::Step(Step::A5), Some("137")),
        (Step::A5, Target::Step(Step::A4), Some("137")),
        (Step::A4, Target::Step(Step::A3), Some("137")),
        (Step::A3, Target::Step(Step::A2), Some("137")),
        (Step::A2, Target::Step(Step::A1), Some("137")),
        (Step::A1, Target::Step(Step::V137), Some("137")),
        (Step::V137, Target::Step(Step::V136), Some("136")),
        (Step::V136, Target::Nothing, None),
    ] {
        // What is not on the way down stays as it is.
        assert!(migrator.down(Target::Step(gone), lose_all()).await.unwrap().is_empty());
        assert_same_catalog(&catalog(&fixture).await, &with_text(&catalogs.pop().unwrap()));
        assert_eq!(names(&migrator.down(to, lose_all()).await.unwrap()), [(gone.name(), false)]);
        assert_eq!(marker(&fixture).await.as_deref(), marked);
    }
    assert_eq!(catalog(&fixture).await, Vec::<String>::new());
    assert!(migrator.down(Target::Nothing, lose_all()).await.unwrap().is_empty());
}

#[tokio::test]
async fn up_down_up_gives_the_same_catalog() {
    let fixture = Fixture::new().await;
    let expected = catalog(&fixture).await;
    assert!(expected.len() > 150, "{}", expected.len());
    fixture.ingest(&[send("m1"), delivery("m1", "01:00")]).await;
    let mut migrator = fixture.migrator().await;
    let down = migrator.down(Target::Step(Step::V136), DownOptions::default()).await.unwrap();
    assert_eq!(
        names(&down),
        [
            ("a10", false),
            ("a9", false),
            ("a8", false),
            ("a7", false),
            ("a6", false),
            ("a5", false),
            ("a4", false),
            ("a3", false),
            ("a2", false),
            ("a1", false),
            ("137", false)
        ]
    );
    assert_eq!(fixture.count(r#""prefix".phoenix_kit_email_events"#).await, 2);
    let up = migrator.up(Step::LATEST).await.unwrap();
    assert_eq!(
        names(&up),
        [
            ("137", true),
            ("a1", true),
            ("a2", true),
            ("a3", true),
            ("a4", true),
            ("a5", true),
            ("a6", true),
            ("a7", true),
            ("a8", true),
            ("a9", true),
            ("a10", true)
        ]
    );
    assert_same_catalog(&catalog(&fixture).await, &expected);
    // And from nothing.
    migrator.down(Target::Nothing, lose_all()).await.unwrap();
    migrator.up(Step::LATEST).await.unwrap();
    assert_same_catalog(&catalog(&fixture).await, &expected);
}

#[tokio::test]
async fn two_prefixes_in_one_database_know_nothing_of_each_other() {
    let (one, other) = (Fixture::new().await, Fixture::new().await);
    one.ingest(&[send("m1")]).await;
    let expected = catalog(&one).await;
    assert_same_catalog(&catalog(&other).await, &expected);
    other.migrator().await.down(Target::Nothing, lose_all()).await.unwrap();
    assert_same_catalog(&catalog(&one).await, &expected);
    assert_eq!(marker(&one).await.as_deref(), Some("137"));
    assert_eq!(one.store.count_all().await.unwrap().events, 1);
    assert!(matches!(other.store.require_schema().await, Err(MigrateError::Behind { .. })));
    other.migrator().await.up(Step::LATEST).await.unwrap();
    assert_eq!(other.store.count_all().await.unwrap().events, 0);
}

#[tokio::test]
async fn two_migrators_at_once_end_well() {
    let fixture = Fixture::empty().await;
    let migrate = || {
        let (address, prefix) = (fixture.address.clone(), fixture.prefix.clone());
        tokio::spawn(async move {
            Migrator::open(&address, prefix).await.unwrap().up(Step::LATEST).await.unwrap()
        })
    };
    let (one, other) = (migrate(), migrate());
    let mut steps = names(&one.await.unwrap());
    steps.extend(names(&other.await.unwrap()));
    assert_eq!(
        steps,
        [
            ("136", true),
            ("137", true),
            ("a1", true),
            ("a2", true),
            ("a3", true),
            ("a4", true),
            ("a5", true),
            ("a6", true),
            ("a7", true),
            ("a8", true),
            ("a9", true),
            ("a10", true)
        ]
    );
    fixture.store.require_schema().await.unwrap();
}

#[tokio::test]
async fn a_marker_above_137_is_left_alone() {
    let fixture = Fixture::new().await;
    let expected = catalog(&fixture).await;
    let with_marker = |catalog: Vec<String>| {
        let is_marker = |line: &String| line.starts_with("table phoenix_kit p");
        catalog.into_iter().filter(|line| !is_marker(line)).collect::<Vec<_>>()
    };
    let expected = with_marker(expected);
    let mut migrator = fixture.migrator().await;
    set_marker(&fixture, "'139'").await;
    // All of V137 is there.
    fixture.store.require_schema().await.unwrap();
    assert!(migrator.up(Step::LATEST).await.unwrap().is_empty());

    // Some of it is not.
    fixture
        .run(
            r#"DROP INDEX "prefix".phoenix_kit_email_events_log_uuid_event_type_index,
               "prefix".phoenix_kit_email_logs_subject_trgm_index"#,
        )
        .await;
    let status = status(&fixture).await.unwrap();
    assert_eq!(status.reached(), Some(Step::V136));
    assert_eq!(
        status.steps[1].lacks,
        ["phoenix_kit_email_events_log_uuid_event_type_index", "phoenix_kit_email_logs_subject_trgm_index"]
    );
    // What 137 removes, a1 has to look at.
    assert_eq!(names(&migrator.up(Step::LATEST).await.unwrap()), [("137", true), ("a1", true)]);
    assert_eq!(marker(&fixture).await.as_deref(), Some("139"));
    assert_same_catalog(&with_marker(catalog(&fixture).await), &expected);

    // PhoenixKit's steps come down first, and nothing of ours goes before that is said.
    for to in [Target::Step(Step::V136), Target::Nothing] {
        let refused = migrator.down(to, lose_all()).await;
        assert!(matches!(refused, Err(MigrateError::AboveContract { found: 139, .. })), "{refused:?}");
        assert_same_catalog(&with_marker(catalog(&fixture).await), &expected);
    }
    let down = migrator.down(Target::Step(Step::V137), lose_all()).await.unwrap();
    assert_eq!(
        names(&down),
        [
            ("a10", false),
            ("a9", false),
            ("a8", false),
            ("a7", false),
            ("a6", false),
            ("a5", false),
            ("a4", false),
            ("a3", false),
            ("a2", false),
            ("a1", false)
        ]
    );
    assert_eq!(marker(&fixture).await.as_deref(), Some("139"));
}

#[tokio::test]
async fn a_unique_index_of_v136_that_was_lost_comes_back() {
    let fixture = Fixture::empty().await;
    let mut migrator = fixture.migrator().await;
    migrator.up(Step::LATEST).await.unwrap();
    let expected = catalog(&fixture).await;
    migrator.down(Target::Step(Step::V137), DownOptions::default()).await.unwrap();
    fixture
        .run(
            r#"DROP INDEX "prefix".phoenix_kit_email_logs_message_id_uidx,
               "prefix".phoenix_kit_email_logs_aws_message_id_uidx, "prefix".phoenix_kit_email_blocklist_email_uidx"#,
        )
        .await;
    migrator.up(Step::LATEST).await.unwrap();
    assert_same_catalog(&catalog(&fixture).await, &expected);
}

/// Somebody made by hand what they needed of V136, or dropped what nobody uses.
#[tokio::test]
async fn tables_that_are_missing_are_made() {
    let fixture = Fixture::empty().await;
    let mut migrator = fixture.migrator().await;
    migrator.up(Step::LATEST).await.unwrap();
    let whole = catalog(&fixture).await;
    fixture
        .run(
            r#"DROP TABLE "prefix".phoenix_kit_email_metrics, "prefix".phoenix_kit_email_blocklist;
               COMMENT ON TABLE "prefix".phoenix_kit IS '139'"#,
        )
        .await;
    let found = status(&fixture).await.unwrap();
    let lost = [
        "phoenix_kit_email_blocklist",
        "phoenix_kit_email_metrics",
        "phoenix_kit_email_blocklist_email_uidx",
    ];
    assert_eq!(found.steps[0].lacks, lost);
    assert_eq!(found.reached(), None);
    let reports = migrator.up(Step::LATEST).await.unwrap();
    assert_eq!(names(&reports), [("136", true)]);
    assert!(reports[0].notes.iter().any(|note| note.contains("phoenix_kit_email_metrics made")));
    assert_eq!(marker(&fixture).await.as_deref(), Some("139"));
    set_marker(&fixture, "'137'").await;
    assert_same_catalog(&catalog(&fixture).await, &whole);
    fixture.store.require_schema().await.unwrap();
}

/// What a1 made and somebody dropped, with the ledger or without it.
#[tokio::test]
async fn a_step_that_lost_a_part_is_made_whole() {
    let fixture = Fixture::empty().await;
    let mut migrator = fixture.migrator().await;
    migrator.up(Step::LATEST).await.unwrap();
    let whole = catalog(&fixture).await;
    for (lost, steps) in [
        (r#"DROP TABLE "prefix".phoenix_kit_email_events"#, vec!["136", "137", "a1", "a2"]),
        (r#"DROP TABLE "prefix".aftersend_folded_events"#, vec!["a1", "a2"]),
        (
            r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP COLUMN aftersend_derived, DROP COLUMN aftersend_logged"#,
            vec!["a1", "a9"],
        ),
        (r#"DROP TABLE "prefix".aftersend_erased"#, vec!["a9"]),
        (
            r#"DROP TABLE "prefix".aftersend_steps"#,
            vec!["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10"],
        ),
        (r#"DROP INDEX "prefix".phoenix_kit_email_logs_message_id_uidx"#, vec!["136"]),
    ] {
        fixture.run(lost).await;
        assert!(fixture.store.require_schema().await.is_err(), "{lost}");
        let reports = migrator.up(Step::LATEST).await.unwrap();
        assert_eq!(reports.iter().map(|report| report.step.name()).collect::<Vec<_>>(), steps, "{lost}");
        assert_same_catalog(&catalog(&fixture).await, &whole);
        assert_eq!(fixture.ingest(&[delivery("m1", "01:00")]).await.quarantined, 0);
        fixture.store.require_schema().await.unwrap();
    }
    fixture.run(r#"DROP TABLE "prefix".aftersend_ids"#).await;
    let down = migrator.down(Target::Step(Step::V137), DownOptions::default()).await;
    assert!(
        matches!(&down, Err(MigrateError::Incomplete { lacks, .. }) if lacks == "aftersend_ids"),
        "{down:?}"
    );
}
