use std::collections::{BTreeMap, BTreeSet};

use aftersend_testkit::{Database, PoolMode, Pooler};

use super::*;
use crate::{
    schema::{Migrator, Step},
    sql::Statement,
    testing::{Fixture, assert_says, send},
};

async fn examiner(fixture: &Fixture) -> Examiner {
    Examiner::open(&fixture.address, fixture.prefix.clone()).await.unwrap()
}

/// What the texts of the statements ask for, table by table.
fn needs_of_statements() -> BTreeMap<String, BTreeSet<Right>> {
    let mut needs: BTreeMap<String, BTreeSet<Right>> = BTreeMap::new();
    for &statement in Statement::ALL {
        // It makes a row wrong on purpose, for the demo.
        if statement == Statement::FalsifyMail {
            continue;
        }
        let text = statement.text_for_tests();
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut of_statement = BTreeSet::new();
        for (place, word) in words.iter().enumerate() {
            let Some(name) = word.strip_prefix("\"prefix\".") else { continue };
            let table: String = name
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_' || c.is_ascii_digit())
                .collect();
            let right = match (
                place.checked_sub(1).map(|place| words[place]),
                place.checked_sub(2).map(|place| words[place]),
            ) {
                (Some("INTO"), _) => Right::Insert,
                // With this right any lock may be taken. <https://www.postgresql.org/docs/current/sql-lock.html>
                (Some("UPDATE"), _) | (Some("TABLE"), Some("LOCK")) => Right::Update,
                (Some("FROM"), Some("DELETE")) => Right::Delete,
                (Some("FROM" | "JOIN"), _) => Right::Select,
                before => panic!("{statement:?} has {before:?} before {table}"),
            };
            of_statement.insert((table, right));
        }
        let locks =
            text.contains("FOR UPDATE") || text.contains("FOR NO KEY UPDATE") || text.contains("DO UPDATE");
        for (table, right) in of_statement {
            let rights = needs.entry(table).or_default();
            rights.insert(right);
            let locked = if text.contains("DO UPDATE") { Right::Insert } else { Right::Select };
            if locks && right == locked {
                rights.insert(Right::Update);
            }
        }
    }
    needs
}

#[test]
fn the_rights_that_are_looked_for_are_those_that_statements_need() {
    for (table, rights) in needs_of_statements() {
        let (_, listed) =
            NEEDS.iter().find(|(name, _)| *name == table).unwrap_or_else(|| panic!("{table} is not listed"));
        let missing: Vec<_> = rights.iter().filter(|right| !listed.contains(right)).collect();
        assert!(missing.is_empty(), "{table}: {missing:?}");
    }
}

#[tokio::test]
async fn a_schema_that_is_up_to_date_has_nothing_wrong() {
    let fixture = Fixture::new().await;
    fixture.ingest(&[send("m1")]).await;
    let examiner = examiner(&fixture).await;
    assert!(!examiner.is_pooled());
    let server = examiner.server().await.unwrap();
    assert!(server.version_major >= 15 && server.version.starts_with(&server.version_major.to_string()));
    assert!(!server.is_standby && !server.is_read_only && server.has_trigrams && server.offers_trigrams);
    assert!(server.clock_ahead_s.abs() < 5.0, "{}", server.clock_ahead_s);
    assert!(server.connections_free > 0);
    assert!(server.setting("fsync").is_some());
    let rights = examiner.rights().await.unwrap();
    assert!(rights.has_schema && rights.may_enter && rights.wrong.is_empty(), "{rights:?}");
    assert_eq!(rights.tables, NEEDS.len());
    let schema = examiner.schema().await.unwrap();
    assert_eq!(schema.status.reached(), Some(Step::LATEST));
    assert!(schema.catalog.is_whole(), "{:?}", schema.catalog.differences);
    assert_eq!(examiner.parked().await.unwrap().events, 0);
    assert_eq!(examiner.quarantined().await.unwrap().messages, 0);
    let newest = examiner.newest().await.unwrap();
    assert!(newest.event_at.is_some() && newest.mail_at.is_some());
    // It can't change anything.
    let refused =
        examiner.client().batch_execute("CREATE TABLE aftersend_doctor_was_here ()").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "25006");
}

#[tokio::test]
async fn a_schema_that_is_old_or_not_there_is_told_as_such() {
    let fixture = Fixture::empty().await;
    let examiner_of_nothing = examiner(&fixture).await;
    assert!(!examiner_of_nothing.rights().await.unwrap().has_schema);
    let schema = examiner_of_nothing.schema().await.unwrap();
    assert_eq!((schema.status.reached(), schema.status.marker), (None, None));
    let what = &schema.catalog.differences[0].what;
    assert!(what.contains("there are no tables of PhoenixKit's in the schema"), "{what}");

    fixture.migrator().await.up(Step::V136).await.unwrap();
    let examiner = examiner(&fixture).await;
    let schema = examiner.schema().await.unwrap();
    assert_eq!((schema.status.reached(), schema.status.marker), (Some(Step::V136), Some(136)));
    assert!(schema.catalog.is_whole());
    let rights = examiner.rights().await.unwrap();
    assert_eq!((rights.tables, rights.wrong.len()), (4, 0), "{rights:?}");
    assert!(matches!(examiner.newest().await, Err(QueryError::Schema(_))));
    assert!(matches!(examiner.parked().await, Err(QueryError::Schema(_))));

    fixture.run(r#"COMMENT ON TABLE "prefix".phoenix_kit IS 'lost'"#).await;
    assert_says(examiner.schema().await.map(drop), &["`lost`", "version number should stand"]);
}

#[tokio::test]
async fn an_index_that_is_missing_is_told_though_the_marker_says_that_it_is_there() {
    let fixture = Fixture::new().await;
    fixture.run(r#"DROP INDEX "prefix".phoenix_kit_email_events_log_uuid_event_type_index"#).await;
    let schema = examiner(&fixture).await.schema().await.unwrap();
    assert_eq!(schema.status.reached(), Some(Step::V136));
    let [difference] = &*schema.catalog.differences else { panic!("{:?}", schema.catalog.differences) };
    assert!(difference.what.contains("phoenix_kit_email_events_log_uuid_event_type_index"), "{difference:?}");
}

/// Rights that a role lacks, and what a role is set to, as it finds them itself.
#[tokio::test]
async fn what_a_user_lacks_is_named_by_table_and_right() {
    let fixture = Fixture::new().await;
    let role = format!("{}_reader", fixture.prefix.raw());
    fixture
        .run(&format!(
            r#"CREATE ROLE "{role}" LOGIN CONNECTION LIMIT 3; GRANT USAGE ON SCHEMA "prefix" TO "{role}";
               GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "prefix" TO "{role}";
               REVOKE DELETE ON "prefix".phoenix_kit_email_logs FROM "{role}";
               REVOKE INSERT, UPDATE ON "prefix".aftersend_ids FROM "{role}";
               ALTER TABLE "prefix".phoenix_kit_email_events ENABLE ROW LEVEL SECURITY;
               ALTER ROLE "{role}" SET default_transaction_read_only = on;
               ALTER ROLE "{role}" SET idle_session_timeout = '5s'"#
        ))
        .await;
    let address: DatabaseAddress = format!("{}&user={role}", fixture.schema.url()).parse().unwrap();
    let examiner = Examiner::open(&address, fixture.prefix.clone()).await.unwrap();
    let server = examiner.server().await.unwrap();
    assert!(server.is_read_only && !server.is_standby);
    assert_eq!((server.user.as_str(), server.connections_free), (role.as_str(), 2));
    assert_eq!(server.setting("idle_session_timeout"), Some("5000ms"));
    let wrong = examiner.rights().await.unwrap().wrong;
    let rights = |table: &str, missing: &[Right], has_policies| TableRights {
        table: table.to_owned(),
        missing: missing.to_vec(),
        has_policies,
    };
    assert_eq!(
        wrong,
        [
            rights("aftersend_ids", &[Right::Insert, Right::Update], false),
            rights("phoenix_kit_email_events", &[], true),
            rights("phoenix_kit_email_logs", &[Right::Delete], false),
        ]
    );
    fixture.run(&format!(r#"REVOKE USAGE ON SCHEMA "prefix" FROM "{role}""#)).await;
    let rights = examiner.rights().await.unwrap();
    assert!(rights.has_schema && !rights.may_enter);
    drop(examiner);
    fixture.run(&format!(r#"DROP OWNED BY "{role}"; DROP ROLE "{role}""#)).await;
}

#[tokio::test]
async fn a_pooler_that_shares_sessions_is_told_and_nothing_is_set_there() {
    let schema = Database::get().await.fresh_schema();
    for (mode, is_pooled) in [(PoolMode::Transaction, true), (PoolMode::Session, false)] {
        let pooler = Pooler::start(schema.url(), mode, 2).await;
        let address: DatabaseAddress = pooler.url().parse().unwrap();
        let examiner = Examiner::open(&address, schema.prefix().parse().unwrap()).await.unwrap();
        assert_eq!(examiner.is_pooled(), is_pooled, "{mode:?}");
        drop(examiner);
        if is_pooled {
            let name = "SELECT current_setting('default_transaction_read_only')";
            let next: String = pooler.client().await.query_typed_one(name, &[]).await.unwrap().get(0);
            assert_eq!(next, "off");
        }
    }
    let nobody: DatabaseAddress = "postgres://127.0.0.1:1/mail".parse().unwrap();
    let error = Examiner::open(&nobody, Prefix::default()).await.err().unwrap();
    assert_says::<(), _>(Err(error), &["no PostgreSQL server answers", "127.0.0.1"]);
    assert!(matches!(Migrator::status(&nobody, &Prefix::default()).await, Err(MigrateError::Connect(_))));
}
