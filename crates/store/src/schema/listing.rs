//! The statements of all steps as they run, in order, for a reader that has no database: the SQL lint.

use super::{
    Limits, Step,
    contract::INDEXES,
    runner::{SESSION_SETTINGS, forget_own},
    steps::{
        a1::{self, Part},
        a2, a3, a4, a5, a6, a7, a8, a9, a10, v136,
    },
};
use crate::{Prefix, sql::render};

/// Statements that run one after the other in one session.
#[derive(Clone, Debug)]
pub struct StepStatements {
    /// Which step, which way: `137 up`.
    pub step: String,
    /// Whether one transaction holds them all; else each is one of its own.
    pub in_transaction: bool,
    /// The session's settings first, then what the step runs. Where a catalog decides what is run, all of it.
    pub statements: Vec<String>,
}

/// Every way of every step, for a schema of this name.
pub fn step_statements(prefix: &Prefix) -> Vec<StepStatements> {
    let in_transaction = |step: &str, templates: &[&str]| listed(prefix, step, true, templates);
    let tables: Vec<&str> = [include_str!("sql/uuid_generate_v7.sql")]
        .into_iter()
        .chain(v136::V136_TABLES.iter().map(|(_, statements)| *statements))
        .chain([
            include_str!("sql/136_unique_indexes.sql"),
            "COMMENT ON TABLE \"prefix\".phoenix_kit IS '136'",
        ])
        .collect();
    let builds: Vec<String> = INDEXES
        .iter()
        .filter(|index| index.step == Step::V137)
        .map(|index| index.create_sql(prefix, "\"trgm\"", true))
        .collect();
    let online: Vec<&str> = [
        include_str!("sql/137_own_tables.sql"),
        include_str!("sql/write_progress.sql"),
        include_str!("sql/estimate_rows.sql"),
        include_str!("sql/137_range_of_events.sql"),
        include_str!("sql/137_find_duplicates.sql"),
        include_str!("sql/137_moment.sql"),
        include_str!("sql/137_find_new_duplicates.sql"),
        include_str!("sql/137_remove_duplicates.sql"),
        include_str!("sql/range_of_mails.sql"),
        include_str!("sql/137_find_ids_in_headers.sql"),
        include_str!("sql/137_fill_in_ids.sql"),
    ]
    .into_iter()
    .chain(builds.iter().map(String::as_str))
    .collect();
    let drops: Vec<String> = INDEXES
        .iter()
        .rev()
        .filter(|index| index.step == Step::V137)
        .map(|index| format!("DROP INDEX CONCURRENTLY IF EXISTS \"prefix\".{}", index.name))
        .collect();
    let down: Vec<&str> = drops
        .iter()
        .map(String::as_str)
        .chain([
            include_str!("sql/137_list_removed.sql"),
            include_str!("sql/137_restore_removed.sql"),
            include_str!("sql/137_count_removed.sql"),
        ])
        .collect();
    let mut ways = vec![
        in_transaction("136 up", &tables),
        listed(
            prefix,
            "136 up, adopting",
            false,
            &[include_str!("sql/136_removed_events.sql"), include_str!("sql/136_move_orphans.sql")],
        ),
        in_transaction("136 down", &[include_str!("sql/136_down.sql")]),
        in_transaction(
            "137 up",
            &[
                include_str!("sql/137_own_tables.sql"),
                include_str!("sql/137_remove_all_duplicates.sql"),
                include_str!("sql/137_backfill_aws_message_id.sql"),
                "COMMENT ON TABLE \"prefix\".phoenix_kit IS '137'",
            ],
        ),
        listed(prefix, "137 up", false, &online),
        listed(prefix, "137 down", false, &down),
    ];
    ways.extend(
        a1::PARTS.iter().zip(1..).map(|(part, number): (_, u32)| {
            in_transaction(&format!("a1 up part {number}"), &[part.statements])
        }),
    );
    ways.push(listed(
        prefix,
        "a1 up, then",
        false,
        &[
            include_str!("sql/a1_find_derived.sql"),
            include_str!("sql/a1_mark_derived.sql"),
            include_str!("sql/a1_find_removed.sql"),
            include_str!("sql/a1_find_standing.sql"),
            include_str!("sql/a1_lock_mails.sql"),
            include_str!("sql/a1_fold_removed.sql"),
        ],
    ));
    ways.push(in_transaction(
        "a1 down",
        &[include_str!("sql/lock_own_tables.sql"), include_str!("sql/a1_down.sql")],
    ));
    let widen = a2::templates();
    ways.extend(
        widen
            .iter()
            .zip(1..)
            .map(|(template, number): (_, u32)| in_transaction(&format!("a2 up part {number}"), &[template])),
    );
    ways.push(in_transaction("a2 down", &[&forget_own(prefix, Step::A2)]));
    ways.extend(a3_ways(prefix));
    ways.extend(from_a4_on(prefix).into_iter().chain(a7_ways(prefix)).chain(of_a9(prefix)));
    ways
}

fn of_a9(prefix: &Prefix) -> Vec<StepStatements> {
    let part = |(part, number): (&Part, u32)| {
        listed(prefix, &format!("a9 up part {number}"), true, &[part.statements])
    };
    let mut ways: Vec<StepStatements> = a9::PARTS.iter().zip(1..).map(part).collect();
    let down = [include_str!("sql/a9_lock_erased.sql"), include_str!("sql/a9_down.sql")];
    ways.push(listed(prefix, "a9 down", true, &down));
    ways
}

fn from_a4_on(prefix: &Prefix) -> Vec<StepStatements> {
    let in_transaction = |step: &str, templates: &[&str]| listed(prefix, step, true, templates);
    let part =
        |(part, number): (&Part, u32)| in_transaction(&format!("a4 up part {number}"), &[part.statements]);
    let mut ways: Vec<StepStatements> = a4::PARTS.iter().zip(1..).map(part).collect();
    ways.push(in_transaction("a4 up, in an empty table", &[&a4::build_sql(prefix)]));
    let beside = a4::build_beside_sql(prefix);
    let beside: Vec<&str> = beside.iter().map(String::as_str).collect();
    ways.push(listed(prefix, "a4 up, in a table in use", false, &beside));
    ways.push(in_transaction(
        "a4 down",
        &[include_str!("sql/a4_lock_parked.sql"), include_str!("sql/a4_down.sql")],
    ));
    ways.extend([
        listed(prefix, "a5 up", true, &[a5::STEP.up]),
        listed(prefix, "a5 down", true, &[a5::STEP.down, &forget_own(prefix, Step::A5)]),
        listed(prefix, "a6 up", true, &[a6::STEP.up]),
        listed(prefix, "a6 down", true, &[a6::STEP.down, &forget_own(prefix, Step::A6)]),
        listed(prefix, "a8 up", true, &[a8::STEP.up]),
        listed(prefix, "a8 down", true, &[a8::STEP.down, &forget_own(prefix, Step::A8)]),
        listed(prefix, "a10 up", true, &[a10::STEP.up]),
        listed(prefix, "a10 down", true, &[a10::STEP.down, &forget_own(prefix, Step::A10)]),
    ]);
    ways
}

fn a7_ways(prefix: &Prefix) -> [StepStatements; 2] {
    let down = [include_str!("sql/a7_lock_bodies.sql"), include_str!("sql/a7_down.sql")];
    [listed(prefix, "a7 up", true, &[a7::STEP.up]), listed(prefix, "a7 down", true, &down)]
}

fn a3_ways(prefix: &Prefix) -> [StepStatements; 3] {
    let then = [
        include_str!("sql/a3_range_of_events.sql"),
        include_str!("sql/a3_find_events.sql"),
        include_str!("sql/a3_find_folded.sql"),
        include_str!("sql/a1_lock_mails.sql"),
        include_str!("sql/a3_merge_recipients.sql"),
    ];
    [
        listed(prefix, "a3 up", true, &[a3::UP]),
        listed(prefix, "a3 up, then", false, &then),
        listed(prefix, "a3 down", true, &[a3::DOWN, &forget_own(prefix, Step::A3)]),
    ]
}

fn listed(prefix: &Prefix, step: &str, in_transaction: bool, templates: &[&str]) -> StepStatements {
    let mut settings = vec![SESSION_SETTINGS.to_owned()];
    if in_transaction {
        settings.push(Limits::default().lock_settings());
    }
    let statements = templates.iter().map(|template| render(template, prefix));
    let statements = settings.into_iter().chain(statements).collect();
    StepStatements { step: step.to_owned(), in_transaction, statements }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What only asks, and so is no step's.
    fn only_asks(name: &str) -> bool {
        ["read_", "find_", "count_", "lock_holder"].iter().any(|start| name.starts_with(start))
    }

    /// A statement that is not listed is not checked among the settings and statements that go before it.
    #[test]
    fn every_file_of_a_step_is_listed() {
        let prefix: Prefix = "own".parse().unwrap();
        let listed: Vec<String> =
            step_statements(&prefix).into_iter().flat_map(|step| step.statements).collect();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/schema/sql");
        let mut files = 0;
        let entries = [folder.clone(), folder.join("136")].map(|folder| std::fs::read_dir(folder).unwrap());
        for entry in entries.into_iter().flatten().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if entry.path().is_file() && !only_asks(&name) {
                let text = render(&std::fs::read_to_string(entry.path()).unwrap(), &prefix);
                assert!(listed.contains(&text), "{name} is not listed");
                files += 1;
            }
        }
        assert!(files > 15, "{files} files");
    }
}
