//! Columns of another type.

use tokio_postgres::Error;

use super::{
    Act, Lock, Phase, REWRITE_ROWS_MAX,
    judge::{Judge, are, counted, named},
    keys,
    rows::{UUID_PATTERN, normalised_uuid},
    up_command,
};
use crate::schema::{
    compare::Change,
    contract::{Column, Kind, Table, quoted},
};

/// What is said of a table with more than [`REWRITE_ROWS_MAX`] rows.
const TOO_LARGE: &str = ", and the table has more than 50,000 rows, which nobody could write to meanwhile";
const _: () = assert!(REWRITE_ROWS_MAX == 50_000, "TOO_LARGE names the limit");

/// A column whose table must be written anew for it.
pub(super) struct Rewrite {
    pub(super) table: &'static Table,
    pub(super) column: &'static Column,
    has_default: bool,
    using: Option<String>,
    /// Whether the table has more rows than are written anew without an operator's word.
    too_large: bool,
    pub(super) what: String,
}

impl Judge<'_> {
    pub(super) async fn type_differs(
        &mut self,
        table: &'static Table,
        column: &'static Column,
        found: &str,
        change: Change,
    ) -> Result<(), Error> {
        let name = quoted(column.name);
        let wanted = column.kind.sql();
        let what = format!("{}.{} is {found} instead of {wanted}", table.name, column.name);
        let using = match change {
            Change::RewriteUuid => Some(format!("{name}::text::uuid")),
            Change::Impossible => Some(format!("{name}::{wanted}")),
            Change::Catalog | Change::AsUtc | Change::Rewrite => None,
        };
        let change_it = change_sql(column, using.as_deref());
        let by_hand = format!("SET TimeZone = 'UTC'; {} {change_it};", self.alter(table));
        if change == Change::Impossible {
            let remedy = format!(
                "What has no counterpart there would be lost, so this is yours to do: {} {change_it};",
                self.alter(table)
            );
            self.obstacle(table, what, remedy);
            return Ok(());
        }
        let dependents = self.dependents(table, column).await?;
        if !dependents.is_empty() {
            let what = format!("{what}, and {} on it", stand(&dependents));
            self.obstacle(
                table,
                what,
                format!("Drop that, then {}, and make it again", up_command(self.prefix)),
            );
            return Ok(());
        }
        if change == Change::RewriteUuid && !self.uuids_only(table, column, &what).await? {
            return Ok(());
        }
        let blocks = self.blocks_while_it_works(table, column, change);
        let too_large =
            blocks && self.rows.count_up_to(table.name, REWRITE_ROWS_MAX).await? > REWRITE_ROWS_MAX;
        if matches!(change, Change::Rewrite | Change::RewriteUuid) {
            let has_default =
                self.catalog.column(table.name, column.name).is_some_and(|found| found.default.is_some());
            self.rewrites.push(Rewrite { table, column, has_default, using, too_large, what });
            return Ok(());
        }
        if too_large {
            self.obstacle(table, format!("{what}{TOO_LARGE}"), format!("In a quiet hour: {by_hand}"));
            return Ok(());
        }
        let sql = format!("SET LOCAL TimeZone = 'UTC'; {} {change_it}", self.alter(table));
        let sentence = if change == Change::AsUtc {
            format!(
                "{}.{} is {wanted} now, read as UTC, which is what PhoenixKit writes",
                table.name, column.name
            )
        } else {
            format!("{}.{} is {wanted} now", table.name, column.name)
        };
        self.repair(Phase::Types, table, what, sentence, vec![Act::guarded(sql, Lock::AccessExclusive)]);
        Ok(())
    }

    /// What keeps a type as it is, but for the foreign keys between events and mails, which are made anew.
    pub(super) async fn dependents(&self, table: &Table, column: &Column) -> Result<Vec<String>, Error> {
        let mut dependents = self.rows.dependents(table.name, column.name).await?;
        if column.kind == Kind::Uuid {
            let own: Vec<&str> = keys::between(self.catalog).collect();
            dependents.retain(|dependent| {
                !own.iter().any(|key| dependent.starts_with(&format!("the foreign key {key} of ")))
            });
        }
        Ok(dependents)
    }

    /// Whether every text is a UUID, and in the key each another one. Says what is not.
    pub(super) async fn uuids_only(
        &mut self,
        table: &'static Table,
        column: &'static Column,
        what: &str,
    ) -> Result<bool, Error> {
        let name = quoted(column.name);
        let condition = format!("{name} !~ '{UUID_PATTERN}'");
        let others = self.rows.count_where(table.name, &condition).await?;
        if others > 0 {
            let what = format!(
                "{what}, and {} hold{} no UUID",
                counted(others, "row"),
                if others == 1 { "s" } else { "" }
            );
            let remedy = format!(
                "Correct or remove them: SELECT * FROM {} WHERE {condition};",
                self.rows.table(table.name)
            );
            self.obstacle(table, what, remedy);
            return Ok(false);
        }
        if column.name == "uuid" {
            let keys = [normalised_uuid("uuid")];
            let (doubled, examples) = self.rows.doubled(table.name, &keys, "true").await?;
            if doubled > 0 {
                let what =
                    format!("{what}, and {} there several times{}", are(doubled, "key"), named(&examples));
                let remedy = format!(
                    "Remove what is surplus: {};",
                    self.rows.doubled_sql(table.name, &keys, "true", "min(uuid), count(*)")
                );
                self.obstacle(table, what, remedy);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a change keeps writers out for as long as rows or index entries are written.
    pub(super) fn blocks_while_it_works(&self, table: &Table, column: &Column, change: Change) -> bool {
        let mut indexes = self.catalog.indexes.iter().filter(|found| found.table == table.name);
        match change {
            Change::Rewrite | Change::RewriteUuid | Change::Impossible => true,
            Change::AsUtc => indexes.any(|found| {
                found.columns.iter().any(|key| key.contains(column.name))
                    || found.predicate.as_ref().is_some_and(|rows| rows.contains(column.name))
            }),
            // A partial index, or one over expressions, is built anew even where the type's bytes stay as they are.
            Change::Catalog => indexes.any(|found| {
                let partial = found.predicate.as_ref();
                partial.is_some_and(|rows| {
                    rows.contains(column.name) || found.columns.iter().any(|key| key == column.name)
                }) || found
                    .columns
                    .iter()
                    .any(|key| key != column.name && key.contains(column.name) && key.contains('('))
            }),
        }
    }

    /// All tables that are written anew go in one transaction: keys of mails and events must be of one type, or the
    /// application's joins fail between.
    pub(super) fn rewrites(&mut self) {
        let Some(first) = self.rewrites.first() else { return };
        let table = first.table;
        let mut statements = vec!["SET LOCAL TimeZone = 'UTC'".to_owned()];
        statements.extend(keys::drop_before_rewrites(self));
        let mut names: Vec<&'static Table> = self.rewrites.iter().map(|rewrite| rewrite.table).collect();
        names.dedup_by_key(|table| table.name);
        for table in names {
            let of_table = || self.rewrites.iter().filter(|rewrite| rewrite.table.name == table.name);
            let drops = of_table()
                .filter(|rewrite| rewrite.has_default)
                .map(|rewrite| format!("ALTER COLUMN {} DROP DEFAULT", quoted(rewrite.column.name)));
            let changes = of_table().map(|rewrite| change_sql(rewrite.column, rewrite.using.as_deref()));
            let defaults = of_table().filter_map(|rewrite| {
                let default = rewrite.column.default?.sql(self.prefix);
                Some(format!("ALTER COLUMN {} SET DEFAULT {default}", quoted(rewrite.column.name)))
            });
            for clauses in [drops.collect::<Vec<_>>(), changes.collect(), defaults.collect()] {
                if !clauses.is_empty() {
                    statements.push(format!("{} {}", self.alter(table), clauses.join(", ")));
                }
            }
        }
        let whats: Vec<&str> = self.rewrites.iter().map(|rewrite| &*rewrite.what).collect();
        let done: Vec<String> = self
            .rewrites
            .iter()
            .map(|rewrite| {
                format!("{}.{} is {} now", rewrite.table.name, rewrite.column.name, rewrite.column.kind.sql())
            })
            .collect();
        let (what, sentence) = (whats.join("; "), done.join(", "));
        if self.rewrites.iter().any(|rewrite| rewrite.too_large) {
            let remedy = format!("In a quiet hour: BEGIN; {}; COMMIT;", statements.join("; "));
            self.obstacle(table, format!("{what}{TOO_LARGE}"), remedy);
            return;
        }
        let acts = vec![Act::guarded(statements.join("; "), Lock::AccessExclusive)];
        self.repair(Phase::Types, table, what, sentence, acts);
    }
}

fn change_sql(column: &Column, using: Option<&str>) -> String {
    let using = using.map_or(String::new(), |using| format!(" USING {using}"));
    format!("ALTER COLUMN {} TYPE {}{using}", quoted(column.name), column.kind.sql())
}

fn stand(dependents: &[String]) -> String {
    format!("{} stand{}", dependents.join(" and "), if dependents.len() == 1 { "s" } else { "" })
}
