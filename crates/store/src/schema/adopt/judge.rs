//! What becomes of each difference: a repair, or an obstacle that an operator must deal with.

use tokio_postgres::{Client, Error};

use super::{Act, Lock, Phase, Repair, keys, rows::Rows, types::Rewrite};
use crate::{
    Prefix,
    schema::{
        catalog::{Catalog, Sort},
        compare::{Drift, What},
        contract::{EVENTS, INDEXES, Index, LOGS, TABLES, Table},
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

/// What is being judged, and what came of it so far.
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

    pub(super) fn alter(&self, table: &Table) -> String {
        format!("ALTER TABLE {}", self.rows.table(table.name))
    }

    /// One difference; those of keys wait until it is known which columns' types change.
    async fn one(&mut self, drift: &Drift) -> Result<(), Error> {
        let table = drift.table;
        match &drift.what {
            What::NoTable => self.no_table(table).await?,
            What::NoPlainTable(sort) => self.no_plain_table(table, *sort),
            What::NoColumn(column) => self.no_column(table, column).await?,
            What::Type { column, found, change } => {
                self.type_differs(table, column, found, *change).await?;
            }
            What::Generated(column) => self.generated(table, column),
            What::Nullable(column) => self.nullable(table, column).await?,
            What::NotNull(column) => self.not_null(table, column),
            What::Default { column, default, found } => {
                self.default_differs(table, column, *default, found.as_deref());
            }
            What::Forced { column } => self.forced(table, column),
            What::OwnCheck { name } => self.own_check(table, name),
            What::NoIndex(index) => self.no_index(table, index).await?,
            What::IndexNamed { index, found } => self.index_named(table, index, found),
            What::WrongIndex { index, wrong, constraint } => {
                self.wrong_index(table, index, wrong, constraint.as_deref());
            }
            What::Leftover { index, found, ready, builder } => {
                self.leftover(table, index, found, *ready, *builder);
            }
            What::Refusing { index, columns } => self.refusing(table, index, columns),
            What::NoPrimaryKey
            | What::OtherPrimaryKey { .. }
            | What::NoForeignKey
            | What::OtherForeignKey { .. }
            | What::ForeignKey { .. } => {}
        }
        Ok(())
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

    /// Only who owns a table can change it.
    fn require_ownership(&mut self) {
        let foreign: Vec<(&'static Table, String)> = TABLES
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
