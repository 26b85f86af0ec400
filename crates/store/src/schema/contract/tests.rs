//! The data against the SQL that makes the objects.

use super::{INDEXES, Index};
use crate::{
    schema::{Step, catalog, indexes},
    testing::Fixture,
};

#[tokio::test]
async fn the_steps_make_every_index_and_no_other() {
    let fixture = Fixture::new().await;
    let (found, others) = catalog::read_indexes(&fixture.client, &fixture.prefix).await.unwrap();
    assert!(others.is_empty());
    let is_own = |name: &&str| name.starts_with("aftersend_");
    let names = found.iter().filter(|index| index.constraint.is_none()).map(|index| &*index.name);
    let mut names: Vec<&str> = names.filter(|name| !is_own(name)).collect();
    let mut expected: Vec<&str> = INDEXES.iter().map(|index| index.name).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    let state = indexes::read(&fixture.client, &fixture.prefix).await.unwrap();
    assert!(state.lacks.is_empty() && state.wrong.is_empty(), "{state:?}");
}

/// Each index made by its own statement is the one that the steps make, character by character.
#[tokio::test]
async fn each_statement_makes_what_the_step_makes() {
    let fixture = Fixture::new().await;
    let definitions = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'prefix' ORDER BY indexname";
    let expected = fixture.rows(definitions).await;
    let trigrams: String =
        fixture.client.query_one(include_str!("../sql/find_trigrams.sql"), &[]).await.unwrap().get(0);
    for index in &INDEXES {
        let create = index.create_sql(&fixture.prefix, &trigrams, false);
        fixture.run(&format!(r#"DROP INDEX "prefix".{}; {create}"#, index.name)).await;
    }
    assert_eq!(fixture.rows(definitions).await, expected);
}

#[test]
fn a_statement_names_schema_operators_and_rows() {
    let prefix = "own".parse().unwrap();
    let find = |name: &str| -> &Index { INDEXES.iter().find(|index| index.name.ends_with(name)).unwrap() };
    assert_eq!(
        find("to_trgm_index").create_sql(&prefix, "\"Odd name\"", true),
        "CREATE INDEX CONCURRENTLY phoenix_kit_email_logs_to_trgm_index ON \"own\".phoenix_kit_email_logs \
         USING gin (\"to\" \"Odd name\".gin_trgm_ops)"
    );
    assert_eq!(
        find("log_uuid_event_type_index").create_sql(&prefix, "", false),
        "CREATE UNIQUE INDEX phoenix_kit_email_events_log_uuid_event_type_index ON \
         \"own\".phoenix_kit_email_events (\"email_log_uuid\", \"event_type\") WHERE event_type NOT IN ('open', 'click')"
    );
}

/// Eight of V137, and of V136 what the program can't do without.
#[test]
fn what_is_relied_on() {
    let of = |step: Step| INDEXES.iter().filter(move |index| index.step == step && index.relied_on).count();
    assert_eq!((of(Step::V136), of(Step::V137)), (3, 8));
}
