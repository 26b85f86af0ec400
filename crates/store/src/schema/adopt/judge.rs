//! What becomes of each difference: a repair, or an obstacle that an operator must deal with.

use tokio_postgres::{Client, Error};

use super::{
    Act, Lock, Phase, REWRITE_ROWS_MAX, Repair, Way, keys,
    rows::{Rows, UUID_PATTERN, normalised_uuid},
    up_command,
};
use crate::{
    Prefix,
    schema::{
        Step,
        catalog::{Catalog, Sort},
        compare::{Change, Drift, OWN_CHECK_PREFIX, What},
        contract::{Column, Default, EVENTS, INDEXES, Index, Kind, LOGS, Table, quoted},
        steps::v136,
    },
    sql::render,
};

/// A difference, and what becomes of it.
#[derive(Clone, Debug)]
pub(in crate::schema) struct Judgement {
    pub(in crate::schema) table: &'static str,
    /// What is different, with what the rows say about it; a sentence without a full stop.
    pub(in crate::schema) what: String,
    pub(in crate::schema) cure: Cure,
}

/// What becomes of a difference.
#[derive(Clone, Debug)]
pub(in crate::schema) enum Cure {
    /// `migrate up` does it.
    Repair(Repair),
    /// An operator must, and this is how. Until then nothing is changed.
    Obstacle(String),
    /// It is an operator's choice, or a later step's work, and keeps nothing from being done: how it goes away.
    Leave(String),
}

/// Judges all differences. Reads rows, and changes nothing.
pub(in crate::schema) async fn judge(
    client: &Client,
    prefix: &Prefix,
    catalog: &Catalog,
    drifts: Vec<Drift>,
) -> Result<Vec<Judgement>, Error> {
    let mut judge = Judge {
        rows: Rows::new(client, prefix),
        prefix,
        catalog,
        judgements: Vec::new(),
        rewrites: Vec::new(),
    };
    for drift in &drifts {
        judge.one(drift).await?;
    }
    judge.rewrites();
    keys::judge(&mut judge, &drifts).await?;
    judge.require_ownership();
    Ok(judge.judgements)
}

/// A column whose table must be written anew for it.
pub(super) struct Rewrite {
    pub(super) table: &'static Table,
    pub(super) column: &'static Column,
    has_default: bool,
    using: Option<String>,
    pub(super) what: String,
}

pub(super) struct Judge<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) prefix: &'a Prefix,
    pub(super) catalog: &'a Catalog,
    pub(super) judgements: Vec<Judgement>,
    pub(super) rewrites: Vec<Rewrite>,
}

impl Judge<'_> {
    pub(super) fn say(&mut self, table: &'static Table, what: impl Into<String>, cure: Cure) {
        self.judgements.push(Judgement { table: table.name, what: what.into(), cure });
    }

    pub(super) fn repair(
        &mut self,
        phase: Phase,
        table: &'static Table,
        what: impl Into<String>,
        sentence: impl Into<String>,
        acts: Vec<Act>,
    ) {
        let repair = Repair { phase, table: table.name, sentence: sentence.into(), acts };
        self.say(table, what, Cure::Repair(repair));
    }

    pub(super) fn obstacle(
        &mut self,
        table: &'static Table,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.say(table, what, Cure::Obstacle(remedy.into()));
    }

    fn alter(&self, table: &Table) -> String {
        format!("ALTER TABLE {}", self.rows.table(table.name))
    }

    /// One difference; those of keys wait until it is known which columns' types change.
    async fn one(&mut self, drift: &Drift) -> Result<(), Error> {
        let table = drift.table;
        match &drift.what {
            What::NoTable => self.no_table(table).await,
            What::NoPlainTable(sort) => {
                self.no_plain_table(table, *sort);
                Ok(())
            }
            What::NoColumn(column) => self.no_column(table, column).await,
            What::Type { column, found, change } => self.type_differs(table, column, found, *change).await,
            What::Generated(column) => {
                let what = format!("{}.{} is written by PostgreSQL itself", table.name, column.name);
                let name = quoted(column.name);
                let remedy = format!(
                    "{} ALTER COLUMN {name} DROP EXPRESSION; (or DROP IDENTITY) makes it a plain column",
                    self.alter(table)
                );
                self.obstacle(table, what, remedy);
                Ok(())
            }
            What::Nullable(column) => self.nullable(table, column).await,
            What::NotNull(column) => {
                let sql = format!("{} ALTER COLUMN {} DROP NOT NULL", self.alter(table), quoted(column.name));
                let what =
                    format!("{}.{} may not be NULL, and rows without it come in", table.name, column.name);
                let sentence = format!("{}.{} may be NULL again", table.name, column.name);
                let acts = vec![Act::guarded(sql, Lock::AccessExclusive)];
                self.repair(Phase::Columns, table, what, sentence, acts);
                Ok(())
            }
            What::Default { column, default, found } => {
                self.default_differs(table, column, *default, found.as_deref());
                Ok(())
            }
            What::Forced { column } => {
                let what = format!(
                    "{}.{column}, which PhoenixKit has not got, may not be NULL and has no default, so no row can be written",
                    table.name
                );
                let remedy = format!("{} ALTER COLUMN {} DROP NOT NULL;", self.alter(table), quoted(column));
                self.obstacle(table, what, remedy);
                Ok(())
            }
            What::OwnCheck { name } => {
                let sql = format!("{} DROP CONSTRAINT IF EXISTS {}", self.alter(table), quoted(name));
                let what = format!("{} has the check {name}, left by a run that was ended", table.name);
                let sentence = format!("{} rid of the check {name}", table.name);
                self.repair(
                    Phase::Leftovers,
                    table,
                    what,
                    sentence,
                    vec![Act::guarded(sql, Lock::AccessExclusive)],
                );
                Ok(())
            }
            What::NoIndex(index) => self.no_index(table, index).await,
            What::IndexNamed { index, found } => {
                self.index_named(table, index, found);
                Ok(())
            }
            What::WrongIndex { index, wrong, constraint } => {
                self.wrong_index(table, index, wrong, constraint.as_deref());
                Ok(())
            }
            What::Leftover { index, found, builder } => {
                self.leftover(table, index, found, *builder);
                Ok(())
            }
            What::Refusing { index, columns } => {
                let what = format!(
                    "the unique index {index} on {} ({}) refuses rows that PhoenixKit's tables take",
                    table.name,
                    columns.join(", ")
                );
                let fix = format!(
                    "if that is not meant: DROP INDEX CONCURRENTLY {}.{};",
                    self.prefix.quoted(),
                    quoted(index)
                );
                self.say(table, what, Cure::Leave(fix));
                Ok(())
            }
            What::NoPrimaryKey
            | What::OtherPrimaryKey { .. }
            | What::NoForeignKey
            | What::OtherForeignKey { .. }
            | What::ForeignKey { .. } => Ok(()),
        }
    }

    async fn no_table(&mut self, table: &'static Table) -> Result<(), Error> {
        let what = format!("the table {} is missing", table.name);
        let has_name = |index: &&Index| {
            index.table == table.name
                && (self.catalog.indexes.iter().any(|found| found.name == index.name)
                    || self.catalog.other_names.iter().any(|name| name == index.name))
        };
        if let Some(index) = INDEXES.iter().find(has_name) {
            let what = format!("{what}, and the name of its index {} is taken", index.name);
            let remedy =
                format!("Give it up: ALTER INDEX {}.{} RENAME TO …;", self.prefix.quoted(), index.name);
            self.obstacle(table, what, remedy);
            return Ok(());
        }
        let events_there = self.catalog.table(EVENTS).is_some_and(|found| found.sort == Sort::Table);
        if table.name == LOGS && events_there && self.rows.any(EVENTS).await? {
            let remedy = "Bring the mails back from a backup; an empty table in their place would leave every event without its mail";
            self.obstacle(table, format!("{what}, and {EVENTS} holds events of its mails"), remedy);
            return Ok(());
        }
        let (phase, lock) = if table.name == LOGS {
            (Phase::Mails, Lock::None)
        } else {
            (Phase::Tables, if table.name == EVENTS { Lock::ShareRowExclusive } else { Lock::None })
        };
        let statements = render(v136::table(table.name), self.prefix);
        let sentence = format!("the missing table {} made", table.name);
        self.repair(phase, table, what, sentence, vec![Act::guarded(statements, lock)]);
        Ok(())
    }

    fn no_plain_table(&mut self, table: &'static Table, sort: Sort) {
        let (is, remedy) = match sort {
            Sort::Partitioned => (
                "is partitioned, which the unique keys of V136 and V137 can't be across",
                "Copy its rows into a plain table of that name",
            ),
            Sort::View => ("is a view", "Name the schema that holds the table behind it with --prefix"),
            Sort::ForeignTable => ("is a foreign table", "Run this on the database that holds the rows"),
            Sort::Table => ("is no plain table", "Rename it"),
        };
        self.obstacle(table, format!("{} {is}", table.name), remedy);
    }

    async fn no_column(&mut self, table: &'static Table, column: &'static Column) -> Result<(), Error> {
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
                self.repair(Phase::Columns, table, what, added, acts);
                let sentence = format!("{}.{} filled with {value}", table.name, column.name);
                let acts = self.fill_and_require(table, column, Some(&value));
                let what = format!("{}.{} has no values", table.name, column.name);
                self.repair(Phase::Values, table, what, sentence, acts);
            }
            None => {
                let what = format!("{what}, and nobody can tell what it was in the rows that are there");
                let remedy = if column.name == "uuid" {
                    "PhoenixKit's own migrations give older tables that key: run them up to 136".to_owned()
                } else {
                    format!(
                        "{} ADD COLUMN {name} {}; then give every row its value, and run this again",
                        self.alter(table),
                        column.kind.sql()
                    )
                };
                self.obstacle(table, what, remedy);
            }
        }
        Ok(())
    }

    async fn nullable(&mut self, table: &'static Table, column: &'static Column) -> Result<(), Error> {
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

    fn default_differs(
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

    async fn type_differs(
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
            self.obstacle(table, what, format!("Drop that, run this again, and put it back: then {by_hand}"));
            return Ok(());
        }
        if change == Change::RewriteUuid && !self.uuids_only(table, column, &what).await? {
            return Ok(());
        }
        let blocks = self.blocks_while_it_works(table, column, change);
        if blocks && self.rows.count_up_to(table.name, REWRITE_ROWS_MAX).await? > REWRITE_ROWS_MAX {
            let what = format!(
                "{what}, and the table has more than {REWRITE_ROWS_MAX} rows, which nobody could write to meanwhile"
            );
            self.obstacle(table, what, format!("In a quiet hour: {by_hand}"));
            return Ok(());
        }
        if matches!(change, Change::Rewrite | Change::RewriteUuid) {
            let has_default =
                self.catalog.column(table.name, column.name).is_some_and(|found| found.default.is_some());
            self.rewrites.push(Rewrite { table, column, has_default, using, what });
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
    async fn dependents(&self, table: &Table, column: &Column) -> Result<Vec<String>, Error> {
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
    async fn uuids_only(
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
    fn blocks_while_it_works(&self, table: &Table, column: &Column, change: Change) -> bool {
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
    fn rewrites(&mut self) {
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
        let acts = vec![Act::guarded(statements.join("; "), Lock::AccessExclusive)];
        self.repair(Phase::Types, table, what, sentence, acts);
    }

    async fn no_index(&mut self, table: &'static Table, index: &'static Index) -> Result<(), Error> {
        let what = format!("the index {} is missing", index.name);
        if index.step > Step::V136 {
            self.say(table, what, Cure::Leave(up_command(self.prefix)));
            return Ok(());
        }
        if index.unique && !self.unique_rows(table, index, &what).await? {
            return Ok(());
        }
        let act = if self.rows.any(table.name).await? {
            Act::concurrently(index.create_sql(self.prefix, "", true))
        } else {
            Act::guarded(index.create_sql(self.prefix, "", false), Lock::ShareRowExclusive)
        };
        self.repair(Phase::Indexes, table, what, format!("the index {} built", index.name), vec![act]);
        Ok(())
    }

    /// Whether rows keep what a unique index asks of them. Says which do not.
    async fn unique_rows(
        &mut self,
        table: &'static Table,
        index: &'static Index,
        what: &str,
    ) -> Result<bool, Error> {
        let keys: Vec<String> = index
            .columns
            .iter()
            .filter_map(|column| self.catalog.column(table.name, column))
            .map(|column| {
                if column.name == "uuid" && column.kind != "uuid" {
                    normalised_uuid("uuid")
                } else {
                    quoted(&column.name)
                }
            })
            .collect();
        if keys.is_empty() || self.catalog.column(table.name, "uuid").is_none() {
            // What is added for this index is NULL in every row; without a key there is an obstacle already.
            return Ok(true);
        }
        let (doubled, examples) = self.rows.doubled(table.name, &keys, "true").await?;
        if doubled == 0 {
            return Ok(true);
        }
        let what = format!(
            "{what}, and {} there several times by ({}){}",
            are(doubled, "value"),
            index.columns.join(", "),
            named(&examples)
        );
        let remedy = format!(
            "Keep one row of each: {};",
            self.rows.doubled_sql(table.name, &keys, "true", "array_agg(uuid ORDER BY uuid)")
        );
        self.obstacle(table, what, remedy);
        Ok(false)
    }

    fn index_named(&mut self, table: &'static Table, index: &'static Index, found: &str) {
        let what = format!("the index {} goes by the name {found}", index.name);
        if index.step > Step::V136 {
            self.say(table, what, Cure::Leave(up_command(self.prefix)));
            return;
        }
        let rename =
            format!("ALTER INDEX {}.{} RENAME TO {}", self.prefix.quoted(), quoted(found), index.name);
        let acts = vec![Act::guarded(rename, Lock::ShareUpdateExclusive)];
        let sentence = format!("the index {found} renamed to {}", index.name);
        self.repair(Phase::Indexes, table, what, sentence, acts);
    }

    fn wrong_index(
        &mut self,
        table: &'static Table,
        index: &'static Index,
        wrong: &str,
        constraint: Option<&str>,
    ) {
        let schema = self.prefix.quoted();
        let what = format!("the index {}.{} is there but of no use: it is {wrong}", self.prefix, index.name);
        let drop = match constraint {
            Some(constraint) => {
                format!("{} DROP CONSTRAINT {};", self.alter(table), quoted(constraint))
            }
            None if wrong == "no index" => {
                format!("ALTER TABLE {schema}.{} RENAME TO …;", index.name)
            }
            None => format!("DROP INDEX {schema}.{};", index.name),
        };
        self.obstacle(table, what, format!("Run {drop} and then this again"));
    }

    fn leftover(&mut self, table: &'static Table, index: &'static Index, found: &str, builder: Option<i32>) {
        if let Some(builder) = builder {
            let what = format!("the index {found} is being built by process {builder} of the server");
            if index.step > Step::V136 {
                self.say(table, what, Cure::Leave("wait for it".to_owned()));
            } else {
                self.obstacle(table, what, "Wait for it, and run this again");
            }
            return;
        }
        let drop = format!("DROP INDEX CONCURRENTLY IF EXISTS {}.{}", self.prefix.quoted(), quoted(found));
        let what = format!(
            "the index {found} was left invalid by a build of {} that failed, and every write pays for it",
            index.name
        );
        if index.step > Step::V136 {
            self.say(table, what, Cure::Leave(format!("{drop}; or {}", up_command(self.prefix))));
            return;
        }
        let sentence = format!("{found}, left by a build that failed, dropped");
        self.repair(Phase::Leftovers, table, what, sentence, vec![Act::concurrently(drop)]);
    }

    /// Only who owns a table can change it.
    fn require_ownership(&mut self) {
        let foreign: Vec<(&'static Table, String)> = crate::schema::contract::TABLES
            .iter()
            .filter_map(|table| {
                let found = self.catalog.table(table.name).filter(|found| !found.owned)?;
                let repaired = self.judgements.iter().any(|judgement| {
                    judgement.table == table.name && matches!(judgement.cure, Cure::Repair(_))
                });
                repaired.then(|| (table, found.owner.clone()))
            })
            .collect();
        for (table, owner) in foreign {
            let what = format!("{} is to be changed, and belongs to {owner}", table.name);
            self.obstacle(table, what, "Run this as the owner of the tables");
        }
    }
}

/// What rows without a value get.
enum Fill {
    /// The same for all.
    Constant(String),
    /// Computed from the row.
    Expression(String),
}

fn change_sql(column: &Column, using: Option<&str>) -> String {
    let using = using.map_or(String::new(), |using| format!(" USING {using}"));
    format!("ALTER COLUMN {} TYPE {}{using}", quoted(column.name), column.kind.sql())
}

/// `1 row`, `2 rows`.
pub(super) fn counted(number: i64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// `1 key is`, `2 keys are`.
pub(super) fn are(number: i64, what: &str) -> String {
    format!("{} {}", counted(number, what), if number == 1 { "is" } else { "are" })
}

/// Examples in brackets behind what they are examples of.
pub(super) fn named(uuids: &[String]) -> String {
    if uuids.is_empty() { String::new() } else { format!(" (uuid {})", uuids.join(", ")) }
}

fn stand(dependents: &[String]) -> String {
    format!("{} stand{}", dependents.join(" and "), if dependents.len() == 1 { "s" } else { "" })
}
