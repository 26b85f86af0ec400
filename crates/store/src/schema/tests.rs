//! The line of steps, walked on real databases.

mod by_hand;
mod database;
mod fold;
mod kills;
mod leftovers;
mod limits;
mod live;
mod recipients;
mod reference;
mod refusals;
mod walk;
mod wide;
mod writers;

use crate::{
    schema::{MigrateError, Migrator, SchemaStatus, Step, StepReport, steps::a2},
    testing::Fixture,
};

/// Every object of the schema, a line each, the schema's own name left out.
async fn catalog(fixture: &Fixture) -> Vec<String> {
    let rows = fixture.rows(include_str!("../../test_data/catalog.sql")).await;
    rows.iter().map(|row| row["line"].as_str().unwrap().replace(fixture.prefix.raw(), "…")).collect()
}

/// The same of any schema, by any connection.
pub(super) async fn catalog_lines(
    client: &aftersend_testkit::database::Client,
    prefix: &crate::Prefix,
) -> Vec<String> {
    let query = crate::sql::render(include_str!("../../test_data/catalog.sql"), prefix);
    let rows = client.query(&query, &[]).await.unwrap();
    rows.iter().map(|row| row.get("line")).collect()
}

async fn marker(fixture: &Fixture) -> Option<String> {
    let marker = r#"SELECT obj_description(to_regclass('"prefix".phoenix_kit'), 'pg_class') AS marker"#;
    fixture.row(marker).await["marker"].as_str().map(str::to_owned)
}

pub(super) async fn set_marker(fixture: &Fixture, marker: &str) {
    fixture.run(&format!(r#"COMMENT ON TABLE "prefix".phoenix_kit IS {marker}"#)).await;
}

async fn status(fixture: &Fixture) -> Result<SchemaStatus, MigrateError> {
    Migrator::status(&fixture.address, &fixture.prefix).await
}

fn names(reports: &[StepReport]) -> Vec<(&'static str, bool)> {
    reports.iter().map(|report| (report.step.name(), report.up)).collect()
}

/// A catalog as it is after step a2, which no `down` narrows again.
fn with_text(catalog: &[String]) -> Vec<String> {
    let is_wide = |line: &str| {
        let mut words = line.split(' ');
        let (Some("column"), Some(place), Some(name)) = (words.next(), words.next(), words.next()) else {
            return false;
        };
        a2::COLUMNS.iter().any(|(table, names)| {
            place.split_once('.').is_some_and(|(of, _)| of == *table) && names.contains(&name)
        })
    };
    let widened = |line: &String| {
        if is_wide(line) { line.replace("character varying(255)", "text") } else { line.clone() }
    };
    catalog.iter().map(widened).collect()
}

/// Says where two catalogs differ, line by line: a whole one on the screen helps nobody.
pub(super) fn assert_same_catalog(found: &[String], expected: &[String]) {
    let surplus: Vec<_> = found.iter().filter(|line| !expected.contains(line)).collect();
    let missing: Vec<_> = expected.iter().filter(|line| !found.contains(line)).collect();
    assert!(surplus.is_empty() && missing.is_empty(), "surplus: {surplus:#?}\nmissing: {missing:#?}");
    assert_eq!(found.len(), expected.len());
}

/// `up` takes the steps between two: one that is declared elsewhere would be passed over.
#[test]
fn the_line_is_in_the_order_of_the_steps() {
    assert!(Step::ALL.is_sorted() && Step::ALL.last() == Some(&Step::LATEST));
}

#[test]
fn a_step_is_found_by_its_name() {
    for step in Step::ALL {
        assert_eq!(step.name().parse::<Step>().unwrap(), step);
    }
    assert_eq!("A1".parse::<Step>().unwrap(), Step::A1);
    let message = "138".parse::<Step>().unwrap_err().to_string();
    assert!(
        message.contains("`138`") && message.contains("136, 137, a1, a2, a3, a4, a5, a6, a7, a8, a9 and a10"),
        "{message}"
    );
}

/// Every file of a step, written out for a prefix, names all tables with their schema and keeps no placeholder.
#[test]
fn no_file_keeps_a_placeholder() {
    let prefix: crate::Prefix = "own".parse().unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/schema/sql");
    let mut files = 0;
    let entries = [folder.clone(), folder.join("136")].map(|folder| std::fs::read_dir(folder).unwrap());
    for file in entries.into_iter().flatten().filter(|entry| entry.as_ref().unwrap().path().is_file()) {
        let path = file.unwrap().path();
        let template = std::fs::read_to_string(&path).unwrap();
        let text = crate::sql::render(&template, &prefix);
        let place = path.display();
        assert!(!text.contains("prefix"), "{place} keeps a placeholder");
        for name in [
            "phoenix_kit_email_logs ",
            "phoenix_kit_email_events ",
            "aftersend_steps ",
            "aftersend_ids ",
            "aftersend_recipients ",
        ] {
            for (position, _) in text.match_indices(name) {
                assert!(text[..position].ends_with("\"own\"."), "{place}: {}", &text[position..]);
            }
        }
        files += 1;
    }
    assert!(files > 15, "{files} files");
}
