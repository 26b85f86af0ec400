//! Columns that are missing, or that take NULL, or a default, otherwise than they must.

use tokio_postgres::Error;

use super::{
    Act, Lock, Phase, Way,
    judge::{Judge, counted, named},
    up_command,
};
use crate::schema::{
    compare::OWN_CHECK_PREFIX,
    contract::{Column, Default, Kind, Table, quoted},
};

impl Judge<'_> {
    pub(super) async fn no_column(
        &mut self,
        table: &'static Table,
        column: &'static Column,
    ) -> Result<(), Error> {
        let name = quoted(column.name);
        let what = format!("{} lacks the column {}", table.name, column.name);
        let default = column.default.map(|default| default.sql(self.prefix));
        let with_default = default.as_ref().map_or(String::new(), |default| format!(" DEFAULT {default}"));
        let add = |rest: &str| {
            Act::guarded(
                format!("{} ADD COLUMN IF NOT EXISTS {name} {}{rest}", self.alter(table), column.kind.sql()),
                Lock::AccessExclusive,
            )
        };
        let added = format!("{}.{} added", table.name, column.name);
        if !column.not_null {
            self.repair(Phase::Columns, table, what, added, vec![add(&with_default)]);
            return Ok(());
        }
        if !self.rows.any(table.name).await? {
            let acts = vec![add(&format!("{with_default} NOT NULL"))];
            self.repair(Phase::Columns, table, what, added, acts);
            return Ok(());
        }
        match self.fill(table, column) {
            Some(Fill::Constant(_)) => {
                // PostgreSQL keeps a constant default of old rows in the catalog and touches none of them.
                let acts = vec![add(&format!("{with_default} NOT NULL"))];
                let sentence = format!("{added}, {} in the rows that are there", with_default.trim());
                self.repair(Phase::Columns, table, what, sentence, acts);
            }
            Some(Fill::Expression(value)) => {
                let mut acts = vec![add("")];
                if let Some(default) = &default {
                    let set = format!("{} ALTER COLUMN {name} SET DEFAULT {default}", self.alter(table));
                    acts.push(Act::guarded(set, Lock::AccessExclusive));
                }
                acts.extend(self.fill_and_require(table, column, Some(&value)));
                let sentence = format!("{added} and filled with {value}");
                self.repair(Phase::Values, table, what, sentence, acts);
            }
            None => {
                let what = format!("{what}, and nobody can tell what it was in the rows that are there");
                let remedy = if column.name == "uuid" {
                    "PhoenixKit's own migrations give older tables that key: run them up to 136".to_owned()
                } else {
                    format!(
                        "{} ADD COLUMN {name} {}; then give every row its value, then: {}",
                        self.alter(table),
                        column.kind.sql(),
                        up_command(self.prefix)
                    )
                };
                self.obstacle(table, what, remedy);
            }
        }
        Ok(())
    }

    pub(super) async fn nullable(
        &mut self,
        table: &'static Table,
        column: &'static Column,
    ) -> Result<(), Error> {
        let name = quoted(column.name);
        let nulls = self.rows.count_where(table.name, &format!("{name} IS NULL")).await?;
        let what = format!("{}.{} may be NULL", table.name, column.name);
        let sentence = format!("{}.{} may not be NULL any more", table.name, column.name);
        if nulls == 0 {
            let acts = if self.rows.any(table.name).await? {
                self.fill_and_require(table, column, None)
            } else {
                let set = format!("{} ALTER COLUMN {name} SET NOT NULL", self.alter(table));
                vec![Act::guarded(set, Lock::AccessExclusive)]
            };
            self.repair(Phase::Values, table, what, sentence, acts);
            return Ok(());
        }
        let what = format!("{what}, and is in {}", counted(nulls, "row"));
        match self.fill(table, column) {
            Some(Fill::Constant(value) | Fill::Expression(value)) => {
                let acts = self.fill_and_require(table, column, Some(&value));
                let sentence = format!(
                    "{}.{} filled with {value} in {}",
                    table.name,
                    column.name,
                    counted(nulls, "row")
                );
                self.repair(Phase::Values, table, what, sentence, acts);
            }
            None => {
                let condition = format!("{name} IS NULL");
                let examples = self.examples(table, &condition).await?;
                let remedy = format!(
                    "Give these rows a value, or remove them: SELECT * FROM {} WHERE {condition};",
                    self.rows.table(table.name)
                );
                self.obstacle(table, format!("{what}{examples}"), remedy);
            }
        }
        Ok(())
    }

    pub(super) async fn examples(&self, table: &Table, condition: &str) -> Result<String, Error> {
        if self.catalog.column(table.name, "uuid").is_none() {
            return Ok(String::new());
        }
        Ok(named(&self.rows.examples(table.name, condition).await?))
    }

    /// What to put where a value is missing and must not be. Times of a row tell each other.
    fn fill(&self, table: &Table, column: &Column) -> Option<Fill> {
        if column.kind == Kind::Time {
            let others = ["sent_at", "occurred_at", "received_at", "inserted_at", "updated_at"];
            let there: Vec<&str> = others
                .into_iter()
                .filter(|other| *other != column.name)
                .filter(|other| self.catalog.column(table.name, other).is_some())
                .chain(["now()"])
                .collect();
            return Some(Fill::Expression(format!("coalesce({})", there.join(", "))));
        }
        match column.default? {
            Default::UuidV7 | Default::Now => None,
            Default::Today => {
                Some(Fill::Expression(if self.catalog.column(table.name, "inserted_at").is_some() {
                    "coalesce((inserted_at AT TIME ZONE 'UTC')::date, CURRENT_DATE)".to_owned()
                } else {
                    "CURRENT_DATE".to_owned()
                }))
            }
            default => Some(Fill::Constant(default.sql(self.prefix))),
        }
    }

    /// Values first, then a check that holds for new rows at once, then for all: `SET NOT NULL` then need not look.
    /// <https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DROP-NOT-NULL>
    fn fill_and_require(&self, table: &Table, column: &Column, value: Option<&str>) -> Vec<Act> {
        let (alter, name) = (self.alter(table), quoted(column.name));
        let check = format!("{OWN_CHECK_PREFIX}{}", column.name);
        let fill = value.map(|value| Act {
            sql: format!(
                "UPDATE {} SET {name} = {value} WHERE {name} IS NULL AND ctid >= '({{from}},0)' AND ctid < '({{to}},0)'",
                self.rows.table(table.name)
            ),
            lock: Lock::RowExclusive,
            way: Way::Pages,
        });
        let mut acts = Vec::new();
        acts.extend(fill.clone());
        acts.push(Act::guarded(
            format!(
                "{alter} DROP CONSTRAINT IF EXISTS {check}; \
                 {alter} ADD CONSTRAINT {check} CHECK ({name} IS NOT NULL) NOT VALID"
            ),
            Lock::AccessExclusive,
        ));
        // What was written without a value before the check was there.
        acts.extend(fill);
        acts.push(Act::guarded(format!("{alter} VALIDATE CONSTRAINT {check}"), Lock::ShareUpdateExclusive));
        acts.push(Act::guarded(
            format!("{alter} ALTER COLUMN {name} SET NOT NULL; {alter} DROP CONSTRAINT {check}"),
            Lock::AccessExclusive,
        ));
        acts
    }

    pub(super) fn default_differs(
        &mut self,
        table: &'static Table,
        column: &'static Column,
        default: Default,
        found: Option<&str>,
    ) {
        let wanted = default.sql(self.prefix);
        let what = format!(
            "{}.{} has {} instead of the default {wanted}",
            table.name,
            column.name,
            found.map_or("no default".to_owned(), |found| format!("the default {found}"))
        );
        let set = format!("{} ALTER COLUMN {} SET DEFAULT {wanted}", self.alter(table), quoted(column.name));
        let sentence = format!("{}.{} given its default {wanted}", table.name, column.name);
        let acts = vec![Act::guarded(set, Lock::AccessExclusive)];
        self.repair(Phase::Columns, table, what, sentence, acts);
    }

    pub(super) fn generated(&mut self, table: &'static Table, column: &Column) {
        let what = format!("{}.{} is written by PostgreSQL itself", table.name, column.name);
        let name = quoted(column.name);
        let remedy = format!(
            "{} ALTER COLUMN {name} DROP EXPRESSION; (or DROP IDENTITY) makes it a plain column",
            self.alter(table)
        );
        self.obstacle(table, what, remedy);
    }

    pub(super) fn not_null(&mut self, table: &'static Table, column: &Column) {
        let sql = format!("{} ALTER COLUMN {} DROP NOT NULL", self.alter(table), quoted(column.name));
        let what = format!("{}.{} may not be NULL, and rows without it come in", table.name, column.name);
        let sentence = format!("{}.{} may be NULL again", table.name, column.name);
        let acts = vec![Act::guarded(sql, Lock::AccessExclusive)];
        self.repair(Phase::Columns, table, what, sentence, acts);
    }

    pub(super) fn forced(&mut self, table: &'static Table, column: &str) {
        let what = format!(
            "{}.{column}, which PhoenixKit has not got, may not be NULL and has no default, so no row can be written",
            table.name
        );
        let remedy = format!("{} ALTER COLUMN {} DROP NOT NULL;", self.alter(table), quoted(column));
        self.obstacle(table, what, remedy);
    }

    pub(super) fn own_check(&mut self, table: &'static Table, name: &str) {
        let sql = format!("{} DROP CONSTRAINT IF EXISTS {}", self.alter(table), quoted(name));
        let what = format!("{} has the check {name}, left by a run that was ended", table.name);
        let sentence = format!("{} rid of the check {name}", table.name);
        let acts = vec![Act::guarded(sql, Lock::AccessExclusive)];
        self.repair(Phase::Leftovers, table, what, sentence, acts);
    }
}

/// What rows without a value get.
enum Fill {
    /// The same for all.
    Constant(String),
    /// Computed from the row.
    Expression(String),
}
