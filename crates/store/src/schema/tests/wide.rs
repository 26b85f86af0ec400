//! Step a2: columns that become text while an application uses them, and what keeps them from it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::error::SqlState;

use super::{assert_same_catalog, catalog, names, status, with_text};
use crate::{
    Search, UnknownMails,
    schema::{
        DownOptions, Limits, MigrateError, Step, Target, UpOptions,
        steps::{a3, a5, a6, a8, a9, a10},
    },
    search::query::Query,
    testing::{Fixture, assert_says, click, delivery, report},
};

/// Somebody's database with rows, one step before.
async fn before() -> Fixture {
    let fixture = Fixture::empty().await;
    fixture.run(include_str!("../../../test_data/v136_by_hand.sql")).await;
    fixture.run(include_str!("../../../test_data/v136_rows.sql")).await;
    fixture.migrator().await.up(Step::A1).await.unwrap();
    fixture
}

/// Which file each table, index and TOAST table is in: another one means that it was written anew.
async fn files(fixture: &Fixture) -> Vec<Value> {
    fixture
        .rows(
            r#"SELECT c.relname AS name, pg_relation_filenode(c.oid) AS file, pg_relation_filenode(c.reltoastrelid) AS toast
               FROM pg_class AS c
               WHERE c.relnamespace = to_regnamespace('"prefix"') AND c.relkind IN ('r', 'i')
               ORDER BY c.relname"#,
        )
        .await
}

/// The step's columns, each with its type.
async fn types(fixture: &Fixture) -> Vec<String> {
    let rows = fixture
        .rows(
            r#"SELECT format('%s.%s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod)) AS line
               FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
               WHERE c.relnamespace = to_regnamespace('"prefix"')
                 AND c.relname IN ('phoenix_kit_email_logs', 'phoenix_kit_email_events', 'aftersend_folded_events')
                 AND a.attname IN ('message_id', 'to', 'from', 'subject', 'campaign_id', 'user_agent', 'link_url',
                                   'reject_reason', 'failure_reason')
               ORDER BY line"#,
        )
        .await;
    rows.iter().map(|row| row["line"].as_str().unwrap().to_owned()).collect()
}

/// Which of the columns the planner knows something about.
async fn known(fixture: &Fixture, table: &str) -> Vec<Value> {
    let columns = "'message_id', 'to', 'from', 'subject', 'campaign_id', 'user_agent', 'link_url', 'reject_reason', \
                   'failure_reason'";
    fixture
        .rows(&format!(
            "SELECT attname FROM pg_stats WHERE schemaname = 'prefix' AND tablename = '{table}' \
             AND attname IN ({columns}) ORDER BY attname"
        ))
        .await
}

async fn go_up(fixture: &Fixture) -> Result<Vec<String>, MigrateError> {
    let reports = fixture.migrator().await.up(Step::A2).await?;
    Ok(reports.into_iter().flat_map(|report| report.notes).collect())
}

/// What an operator may have made beside the contract's indexes, and everything that PostgreSQL keeps over the change.
const KEPT: &str = r#"
    CREATE INDEX by_subject ON "prefix".phoenix_kit_email_logs (subject);
    CREATE INDEX by_subject_pattern ON "prefix".phoenix_kit_email_logs (subject text_pattern_ops);
    CREATE INDEX by_subject_old_pattern ON "prefix".phoenix_kit_email_logs (subject varchar_pattern_ops DESC);
    CREATE INDEX by_subject_old ON "prefix".phoenix_kit_email_logs (subject varchar_ops);
    CREATE INDEX by_subject_c ON "prefix".phoenix_kit_email_logs (subject COLLATE "C");
    CREATE INDEX by_campaign_hash ON "prefix".phoenix_kit_email_logs USING hash (campaign_id);
    CREATE INDEX by_subject_brin ON "prefix".phoenix_kit_email_logs USING brin (subject);
    CREATE INDEX by_time_with_subject ON "prefix".phoenix_kit_email_logs (sent_at) INCLUDE (subject, "from");
    CREATE INDEX by_both ON "prefix".phoenix_kit_email_logs ("to", "from");
    ALTER TABLE "prefix".phoenix_kit_email_logs
        ADD CONSTRAINT one_message_id UNIQUE (message_id, uuid),
        ADD CONSTRAINT a_subject CHECK (subject <> 'none') NOT VALID,
        ALTER COLUMN "from" SET DEFAULT 'nobody';
    CREATE INDEX partial_on_another ON "prefix".phoenix_kit_email_logs (template_name) WHERE opened_at IS NOT NULL;
    CREATE STATISTICS "prefix".both_addresses ON "to", "from" FROM "prefix".phoenix_kit_email_logs;
    ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN user_agent TYPE varchar(255) COLLATE "C";
    CREATE INDEX by_agent ON "prefix".phoenix_kit_email_events (user_agent);
    COMMENT ON COLUMN "prefix".phoenix_kit_email_events.user_agent IS 'kept';
    ANALYZE "prefix".phoenix_kit_email_logs;
    ANALYZE "prefix".phoenix_kit_email_events"#;

#[tokio::test]
async fn neither_tables_nor_indexes_are_written_anew() {
    let fixture = before().await;
    fixture.run(KEPT).await;
    let trigrams: String =
        fixture.client.query_one(include_str!("../sql/find_trigrams.sql"), &[]).await.unwrap().get(0);
    fixture
        .run(&format!(
            r#"CREATE INDEX by_subject_gist ON "prefix".phoenix_kit_email_logs
               USING gist (subject {trigrams}.gist_trgm_ops (siglen = 32))"#
        ))
        .await;
    let (files_before, catalog_before) = (files(&fixture).await, catalog(&fixture).await);
    let known_before =
        [known(&fixture, "phoenix_kit_email_logs").await, known(&fixture, "phoenix_kit_email_events").await];
    assert_eq!((known_before[0].len(), known_before[1].len()), (5, 4));

    let notes = go_up(&fixture).await.unwrap();
    assert_eq!(files(&fixture).await, files_before);
    let types = types(&fixture).await;
    assert_eq!(types.len(), 13);
    assert!(types.iter().all(|line| line.ends_with(" text")), "{types:?}");
    // Nothing but the types is different, above all no default, constraint, comment or collation. A check is printed
    // without the cast that it needs no longer.
    let printed =
        |line: &String| line.replace("((subject)::text <> 'none'::text)", "(subject <> 'none'::text)");
    let expected: Vec<String> = with_text(&catalog_before).iter().map(printed).collect();
    assert_same_catalog(&catalog(&fixture).await, &expected);
    let known_now =
        [known(&fixture, "phoenix_kit_email_logs").await, known(&fixture, "phoenix_kit_email_events").await];
    assert_eq!(known_now, known_before);
    for index in ["by_subject", "by_subject_brin", "by_time_with_subject", "by_agent"] {
        assert!(
            notes.iter().any(|note| note.contains(&format!("the index {index} takes no more"))),
            "{notes:?}"
        );
    }
    assert!(
        !notes.iter().any(|note| note.contains("to_sent_at_idx") || note.contains("by_subject_gist")),
        "{notes:?}"
    );
    assert_eq!(status(&fixture).await.unwrap().reached(), Some(Step::A2));
}

/// `PhoenixKit` sends text with a type that PostgreSQL tells it, and matches violations by the index's name.
#[tokio::test]
async fn an_application_writes_and_reads_as_before() {
    let fixture = before().await;
    let insert = fixture.sql(
        r#"INSERT INTO "prefix".phoenix_kit_email_logs (uuid, message_id, "to", "from", subject, inserted_at, updated_at)
           VALUES (gen_random_uuid(), $1, $2, 'shop@example.com', $3, now(), now())"#,
    );
    let insert = fixture.client.prepare(&insert).await.unwrap();
    let read = fixture.sql(r#"SELECT subject FROM "prefix".phoenix_kit_email_logs WHERE message_id = $1"#);
    let prepared = fixture.client.prepare(&read).await.unwrap();
    fixture.client.execute(&insert, &[&"pk_wide_1", &"a@example.com", &"first"]).await.unwrap();
    fixture.client.query_one(&prepared, &[&"pk_wide_1"]).await.unwrap();

    go_up(&fixture).await.unwrap();
    let long = "a subject ".repeat(100);
    fixture.client.execute(&insert, &[&"pk_wide_2", &"a@example.com", &long]).await.unwrap();
    let twice = fixture.client.execute(&insert, &[&"pk_wide_2", &"a@example.com", &"x"]).await.unwrap_err();
    assert_eq!(twice.as_db_error().unwrap().constraint(), Some("phoenix_kit_email_logs_message_id_uidx"));
    // A prepared statement that returns such a column says so once; prepared anew it goes on. docs/schema.md tells.
    let stale = fixture.client.query_one(&prepared, &[&"pk_wide_1"]).await.unwrap_err();
    assert_eq!(stale.code(), Some(&SqlState::FEATURE_NOT_SUPPORTED));
    let row = fixture.client.query_one(&read, &[&"pk_wide_2"]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), long);
}

/// Our own statements return text before and after.
#[tokio::test]
async fn a_store_at_work_keeps_its_prepared_statements() {
    let mut fixture = before().await;
    fixture.store = fixture.store.with_unknown_mails(UnknownMails::Create);
    // What this store needs of later steps.
    fixture.run(a3::UP).await;
    fixture.run(a5::STEP.up).await;
    fixture.run(a6::STEP.up).await;
    fixture.run(a8::STEP.up).await;
    fixture.run(a10::STEP.up).await;
    for part in &a9::PARTS {
        fixture.run(part.statements).await;
    }
    let events = [delivery("m1", "01:00"), click("m1", "02:00", "https://example.com/a")];
    let folded = click("m1", "02:00", "https://example.com/b");
    fixture.ingest(&events).await;
    assert_eq!(fixture.ingest(std::slice::from_ref(&folded)).await, report(0, 0, 1));
    let look = async || {
        let page = fixture.store.search(&Search::new(Query::default())).await.unwrap();
        let story = fixture.store.find_story("m1").await.unwrap().unwrap();
        let by_uuid = fixture.store.find_story(&story.mail.summary.uuid.to_string()).await.unwrap().unwrap();
        (page.mails.len(), story.occurrences.len(), by_uuid.occurrences.len())
    };
    let seen = look().await;
    assert_eq!((seen.1, seen.2), (3, 3));
    go_up(&fixture).await.unwrap();
    assert_eq!(look().await, seen);
    assert_eq!(fixture.ingest(&events).await, report(0, 2, 0));
    assert_eq!(fixture.ingest(&[folded, delivery("m2", "01:00")]).await, report(1, 1, 0));
}

/// What PostgreSQL refuses, or takes for a reason to lock or read more than the table's description: how it is made and
/// dropped, and what is said of it.
const IN_THE_WAY: [(&str, &str, &[&str]); 12] = [
    (
        r#"CREATE VIEW "prefix".recent AS SELECT uuid, subject, "to" FROM "prefix".phoenix_kit_email_logs;
           CREATE VIEW "prefix".of_recent AS SELECT subject FROM "prefix".recent"#,
        r#"DROP VIEW "prefix".recent CASCADE"#,
        &[
            "view prefix.recent, over subject, over to; to see it: SELECT pg_get_viewdef(",
            "view prefix.of_recent, over prefix.recent; to see it: SELECT pg_get_viewdef(",
        ],
    ),
    (
        r#"CREATE MATERIALIZED VIEW "prefix".links AS SELECT link_url FROM "prefix".phoenix_kit_email_events"#,
        r#"DROP MATERIALIZED VIEW "prefix".links"#,
        &["materialized view prefix.links, over link_url"],
    ),
    (
        r#"CREATE VIEW "prefix".folds AS SELECT link_url FROM "prefix".aftersend_folded_events"#,
        r#"DROP VIEW "prefix".folds"#,
        &["view prefix.folds, over link_url"],
    ),
    (
        r#"CREATE RULE quiet AS ON UPDATE TO "prefix".phoenix_kit_email_logs WHERE new.subject IS NULL DO ALSO NOTHING"#,
        r#"DROP RULE quiet ON "prefix".phoenix_kit_email_logs"#,
        &["rule quiet on prefix.phoenix_kit_email_logs, on subject; to see it: SELECT pg_get_ruledef("],
    ),
    (
        r#"CREATE FUNCTION "prefix".nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
           CREATE TRIGGER watch BEFORE UPDATE OF subject ON "prefix".phoenix_kit_email_logs
           FOR EACH ROW EXECUTE FUNCTION "prefix".nothing()"#,
        r#"DROP FUNCTION "prefix".nothing CASCADE"#,
        &["trigger watch on prefix.phoenix_kit_email_logs, on subject; to see it: SELECT pg_get_triggerdef("],
    ),
    (
        r#"CREATE POLICY mine ON "prefix".phoenix_kit_email_logs USING ("from" = current_user)"#,
        r#"DROP POLICY mine ON "prefix".phoenix_kit_email_logs"#,
        &["policy mine on prefix.phoenix_kit_email_logs, on from"],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs
           ADD COLUMN subject_length int GENERATED ALWAYS AS (length(subject)) STORED"#,
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP COLUMN subject_length"#,
        &["table column prefix.phoenix_kit_email_logs.subject_length, computed from subject"],
    ),
    (
        r#"CREATE FUNCTION "prefix".subjects() RETURNS SETOF text LANGUAGE sql
           BEGIN ATOMIC SELECT subject FROM "prefix".phoenix_kit_email_logs; END"#,
        r#"DROP FUNCTION "prefix".subjects"#,
        &["function prefix.subjects(), on subject; to see it: SELECT pg_get_functiondef("],
    ),
    (
        r#"CREATE TYPE "prefix".pair AS (mail "prefix".phoenix_kit_email_logs, note text);
           CREATE TABLE "prefix".kept (pairs "prefix".pair[])"#,
        r#"DROP TABLE "prefix".kept; DROP TYPE "prefix".pair"#,
        &["table column prefix.kept.pairs, holds rows of phoenix_kit_email_logs"],
    ),
    (
        r#"CREATE TABLE "prefix".older () INHERITS ("prefix".phoenix_kit_email_events)"#,
        r#"DROP TABLE "prefix".older"#,
        &["table prefix.older, inherits from phoenix_kit_email_events"],
    ),
    (
        r#"CREATE TABLE "prefix".notes
           (of varchar(255) CONSTRAINT notes_of REFERENCES "prefix".phoenix_kit_email_logs (message_id))"#,
        r#"DROP TABLE "prefix".notes"#,
        &["table constraint notes_of on prefix.notes, on message_id: its other table would be locked, too"],
    ),
    (
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs ADD CONSTRAINT a_subject CHECK (subject <> 'none')"#,
        r#"ALTER TABLE "prefix".phoenix_kit_email_logs DROP CONSTRAINT a_subject"#,
        &[
            "table constraint a_subject on prefix.phoenix_kit_email_logs, on subject: every row would be checked anew",
        ],
    ),
];

#[tokio::test]
async fn what_stands_in_the_way_is_named_and_nothing_is_changed() {
    let fixture = before().await;
    for (made, dropped, said) in IN_THE_WAY {
        check_refused(&fixture, made, said).await;
        fixture.run(dropped).await;
    }
    // Several at once are told of together.
    let made = r#"CREATE VIEW "prefix".one AS SELECT subject FROM "prefix".phoenix_kit_email_logs;
                  CREATE VIEW "prefix".two AS SELECT user_agent FROM "prefix".phoenix_kit_email_events;
                  CREATE VIEW "prefix".harmless AS SELECT uuid, status FROM "prefix".phoenix_kit_email_logs"#;
    let error = check_refused(&fixture, made, &["view prefix.one", "view prefix.two"]).await;
    assert!(!error.contains("harmless"), "{error}");
    assert!(error.contains(&format!("schema {}", fixture.prefix)), "{error}");
    fixture.run(r#"DROP VIEW "prefix".one, "prefix".two"#).await;
    go_up(&fixture).await.unwrap();
}

#[tokio::test]
async fn an_index_that_would_be_written_anew_is_named() {
    let fixture = before().await;
    for (made, said) in [
        (r#"("from") WHERE status = 'sent'"#, "on from: it is partial"),
        ("(sent_at) WHERE subject IS NOT NULL", "on subject: it is partial"),
        (r#"(lower("to"))"#, "on to: it holds an expression"),
    ] {
        let made = format!(r#"CREATE INDEX extra ON "prefix".phoenix_kit_email_logs {made}"#);
        let said = format!("index prefix.extra, {said}, and would be built anew");
        check_refused(&fixture, &made, &[&said, "to see it: SELECT pg_get_indexdef("]).await;
        fixture.run(r#"DROP INDEX "prefix".extra"#).await;
    }
    // What a failed build left.
    let build = fixture
        .sql(r#"CREATE UNIQUE INDEX CONCURRENTLY left_over ON "prefix".phoenix_kit_email_logs ("from")"#);
    fixture.client.batch_execute(&build).await.unwrap_err();
    check_refused(&fixture, "", &["index prefix.left_over, on from: it is invalid"]).await;
    fixture.run(r#"DROP INDEX "prefix".left_over"#).await;
    go_up(&fixture).await.unwrap();
}

/// Nobody waits for step 137 to learn that step a2 will not do.
#[tokio::test]
async fn what_stands_in_the_way_is_said_before_any_step() {
    let fixture = Fixture::empty().await;
    fixture.run(include_str!("../../../test_data/v136_by_hand.sql")).await;
    fixture
        .run(r#"CREATE VIEW "prefix".recent AS SELECT subject FROM "prefix".phoenix_kit_email_logs"#)
        .await;
    let expected = catalog(&fixture).await;
    let refused = fixture.migrator().await.up(Step::LATEST).await;
    assert_says(refused, &["recent, over subject", "--to a1"]);
    assert_same_catalog(&catalog(&fixture).await, &expected);
    let up = fixture.migrator().await.up(Step::A1).await.unwrap();
    assert_eq!(names(&up), [("137", true), ("a1", true)]);
}

/// Asserts that the step is refused with these words, the schema spelled `prefix`, and changes nothing.
async fn check_refused(fixture: &Fixture, made: &str, said: &[&str]) -> String {
    fixture.run(made).await;
    let (expected, files_before) = (catalog(fixture).await, files(fixture).await);
    let error = go_up(fixture).await.unwrap_err();
    assert!(matches!(error, MigrateError::ColumnsInUse { .. }), "{error}");
    let error = error.to_string();
    let spelled = error.replace(&format!("{}.", fixture.prefix), "prefix.");
    for part in said.iter().chain(&["no such column was changed", "run this again"]) {
        assert!(spelled.contains(part), "`{part}` is not in: {spelled}");
    }
    assert_same_catalog(&catalog(fixture).await, &expected);
    assert_eq!(files(fixture).await, files_before);
    assert_eq!(status(fixture).await.unwrap().reached(), Some(Step::A1));
    error
}

/// What is refused would indeed be built anew, or checked row by row: else it would be refused for nothing.
#[tokio::test]
async fn indexes_that_are_refused_would_be_written_anew() {
    let fixture = before().await;
    fixture
        .run(
            r#"CREATE INDEX partial ON "prefix".phoenix_kit_email_logs ("from") WHERE status = 'sent';
               CREATE INDEX lowered ON "prefix".phoenix_kit_email_logs (lower("to"));
               CREATE INDEX plain ON "prefix".phoenix_kit_email_logs ("from", "to")"#,
        )
        .await;
    let before = files(&fixture).await;
    fixture
        .run(r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN "from" TYPE text, ALTER COLUMN "to" TYPE text"#)
        .await;
    let now = files(&fixture).await;
    let changed: Vec<&Value> =
        now.iter().filter(|row| !before.contains(row)).map(|row| &row["name"]).collect();
    assert_eq!(changed, [&json!("lowered"), &json!("partial")]);
}

#[tokio::test]
async fn a_table_in_use_is_not_waited_for() {
    let fixture = before().await;
    let reader = fixture.schema.client().await;
    let read = fixture.sql(r#"BEGIN; SELECT count(*) FROM "prefix".phoenix_kit_email_events"#);
    reader.batch_execute(&read).await.unwrap();
    let limits = Limits { wait_budget: Duration::from_millis(300), ..Limits::default() };
    let options = UpOptions { limits, ..Step::A2.into() };
    assert_says(fixture.migrator().await.up(options).await, &["step a2 needs a lock", "idle in transaction"]);
    let lacks = async || status(&fixture).await.unwrap().steps[3].lacks.clone();
    // What was done stays, and is not done again.
    let narrow = |types: Vec<String>| types.into_iter().filter(|line| !line.ends_with(" text")).count();
    assert_eq!(narrow(types(&fixture).await), 8);
    assert!(lacks().await.is_empty(), "nothing is recorded yet");
    reader.batch_execute("COMMIT").await.unwrap();
    go_up(&fixture).await.unwrap();
    assert_eq!(narrow(types(&fixture).await), 0);

    // Where there is nothing to do, no lock is asked for: not even one that a reader is in the way of.
    fixture.migrator().await.down(Target::Step(Step::A1), DownOptions::default()).await.unwrap();
    let all = r#"LOCK TABLE "prefix".phoenix_kit_email_logs, "prefix".phoenix_kit_email_events,
                 "prefix".aftersend_folded_events IN ROW EXCLUSIVE MODE"#;
    reader.batch_execute(&fixture.sql(&format!("BEGIN; {all}"))).await.unwrap();
    assert_eq!(names(&fixture.migrator().await.up(options).await.unwrap()), [("a2", true)]);
    reader.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn what_somebody_narrowed_shows_and_comes_back() {
    let fixture = before().await;
    go_up(&fixture).await.unwrap();
    fixture.migrator().await.up(Step::LATEST).await.unwrap();
    let whole = catalog(&fixture).await;
    fixture
        .run(
            r#"ALTER TABLE "prefix".phoenix_kit_email_events ALTER COLUMN link_url TYPE varchar(255);
               ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN subject TYPE varchar(1000)"#,
        )
        .await;
    let found = status(&fixture).await.unwrap();
    assert_eq!(found.reached(), Some(Step::A1));
    assert_eq!(
        found.steps[3].lacks,
        ["phoenix_kit_email_logs.subject as text", "phoenix_kit_email_events.link_url as text"]
    );
    assert!(matches!(
        fixture.store.require_schema().await,
        Err(MigrateError::Behind { needed: Step::LATEST, .. })
    ));
    assert_eq!(names(&fixture.migrator().await.up(Step::LATEST).await.unwrap()), [("a2", true)]);
    assert_same_catalog(&catalog(&fixture).await, &whole);
    fixture.store.require_schema().await.unwrap();

    // Without a length it holds as much as text.
    fixture.run(r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN subject TYPE varchar"#).await;
    fixture.store.require_schema().await.unwrap();
    // Not whole, it goes down all the same: only its record does.
    fixture
        .run(r#"ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN subject TYPE varchar(255)"#)
        .await;
    let down = fixture.migrator().await.down(Target::Step(Step::V136), DownOptions::default()).await.unwrap();
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
    let widened = down.iter().find(|report| report.step == Step::A2).unwrap();
    assert!(widened.notes[0].contains("stay text"), "{down:?}");
}

/// Killed between the change and the look at the values, or changed by hand.
#[tokio::test]
async fn statistics_that_are_missing_are_made_up_for() {
    let fixture = before().await;
    fixture
        .run(
            r#"ANALYZE "prefix".phoenix_kit_email_logs;
               ALTER TABLE "prefix".phoenix_kit_email_logs ALTER COLUMN subject TYPE text, ALTER COLUMN "to" TYPE text"#,
        )
        .await;
    assert_eq!(known(&fixture, "phoenix_kit_email_logs").await.len(), 3);
    go_up(&fixture).await.unwrap();
    assert_eq!(known(&fixture, "phoenix_kit_email_logs").await.len(), 5);
}

/// What an earlier version cut comes whole with a repeat.
#[tokio::test]
async fn a_repeat_brings_what_was_cut_before() {
    let fixture = Fixture::new().await;
    let link = format!("https://example.com/{}", "x".repeat(1_000));
    let mut told = click("m1", "01:00", &link);
    told["mail"]["commonHeaders"]["subject"] = "ü".repeat(300).into();
    fixture.ingest(std::slice::from_ref(&told)).await;
    fixture
        .run(
            r#"UPDATE "prefix".phoenix_kit_email_logs SET subject = left(subject, 255);
               UPDATE "prefix".phoenix_kit_email_events SET link_url = left(link_url, 255)"#,
        )
        .await;
    assert_eq!(fixture.ingest(&[told]).await, report(0, 1, 0));
    let row = fixture
        .row(
            r#"SELECT subject, link_url FROM "prefix".phoenix_kit_email_logs AS mail
               JOIN "prefix".phoenix_kit_email_events AS event ON event.email_log_uuid = mail.uuid"#,
        )
        .await;
    assert_eq!(row, json!({ "subject": "ü".repeat(300), "link_url": link }));
}
