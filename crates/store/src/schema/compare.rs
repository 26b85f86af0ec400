//! The contract against what is there: each difference by itself, without a look at any row.

use super::{
    Step,
    catalog::{Catalog, ConstraintSort, FoundColumn, FoundConstraint, FoundIndex, FoundTable, Sort},
    contract::{Column, Default, FOREIGN_KEY, INDEXES, Index, Kind, TABLES, Table, primary_key_name},
    steps::a2,
};

/// The checks that adoption makes for a while begin so; one that is left is a killed run's.
pub(super) const OWN_CHECK_PREFIX: &str = "aftersend_not_null_";

/// A difference between a table and the contract.
#[derive(Clone, Debug)]
pub(super) struct Drift {
    pub(super) table: &'static Table,
    pub(super) what: What,
}

/// What is different.
#[derive(Clone, Debug)]
pub(super) enum What {
    NoTable,
    /// Something else goes by the table's name.
    NoPlainTable(Sort),
    NoColumn(&'static Column),
    Type {
        column: &'static Column,
        found: String,
        change: Change,
    },
    /// PostgreSQL computes or counts up what others must be able to write.
    Generated(&'static Column),
    /// May be NULL and must not.
    Nullable(&'static Column),
    /// May not be NULL and must.
    NotNull(&'static Column),
    Default {
        column: &'static Column,
        default: Default,
        found: Option<String>,
    },
    /// A column that the contract has not got, and without which no row can be written.
    Forced {
        column: String,
    },
    /// A check of our own, left by a run that was killed.
    OwnCheck {
        name: String,
    },
    NoPrimaryKey,
    OtherPrimaryKey {
        columns: Vec<String>,
    },
    NoForeignKey,
    /// Leads elsewhere.
    OtherForeignKey {
        name: String,
        to: String,
    },
    /// As it must be, but for what is told here.
    ForeignKey {
        name: String,
        cascades: bool,
        validated: bool,
    },
    NoIndex(&'static Index),
    /// The index, under another name.
    IndexNamed {
        index: &'static Index,
        found: String,
    },
    /// Another index, or none, under the index's name.
    WrongIndex {
        index: &'static Index,
        wrong: String,
        constraint: Option<String>,
    },
    /// What a build that failed has left of an index, under its name or another.
    Leftover {
        index: &'static Index,
        found: String,
        ready: bool,
        builder: Option<i32>,
    },
    /// A unique index that refuses rows which the contract allows.
    Refusing {
        index: String,
        columns: Vec<String>,
    },
}

/// How a column's type can be brought to the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// In the catalog alone, unless an index of it must be built anew.
    Catalog,
    /// By reading times without a zone as UTC: in the catalog alone, but for its indexes, which are built anew.
    AsUtc,
    /// By writing the table anew; every value has its counterpart.
    Rewrite,
    /// By writing the table anew, if the texts are UUIDs.
    RewriteUuid,
    /// Not without the risk of losing something.
    Impossible,
}

/// What is worth knowing and breaks nothing.
#[derive(Clone, Debug)]
pub(super) struct Remark {
    pub(super) table: &'static str,
    pub(super) what: String,
    /// What may be done about it, if anything.
    pub(super) fix: Option<String>,
}

/// Differences of tables, columns and constraints, and of the indexes up to a step, in an order in which they can
/// be dealt with.
pub(super) fn drifts(catalog: &Catalog, upto: Step) -> Vec<Drift> {
    let mut drifts = Vec::new();
    for table in &TABLES {
        let whats = match catalog.table(table.name) {
            None => vec![What::NoTable],
            Some(found) if found.sort != Sort::Table => vec![What::NoPlainTable(found.sort)],
            Some(found) => {
                let mut whats = columns(table, found);
                whats.extend(constraints(table, found));
                whats.extend(indexes(table, catalog, upto));
                whats
            }
        };
        drifts.extend(whats.into_iter().map(|what| Drift { table, what }));
    }
    drifts
}

fn columns(table: &'static Table, found: &FoundTable) -> Vec<What> {
    let mut whats = Vec::new();
    for column in table.columns {
        let Some(there) = found.column(column.name) else {
            whats.push(What::NoColumn(column));
            continue;
        };
        match fit(column.kind, &there.kind) {
            Fit::Same | Fit::Wider => {}
            Fit::Needs(change) => whats.push(What::Type { column, found: there.kind.clone(), change }),
        }
        if there.generated || there.identity {
            whats.push(What::Generated(column));
        }
        match (column.not_null, there.not_null) {
            (true, false) => whats.push(What::Nullable(column)),
            // A primary key's columns are another matter.
            (false, true) => whats.push(What::NotNull(column)),
            _ => {}
        }
        if let Some(default) = column.default
            && !there.default.as_deref().is_some_and(|printed| default.is(printed))
            && !there.generated
        {
            whats.push(What::Default { column, default, found: there.default.clone() });
        }
    }
    let is_surplus = |there: &&FoundColumn| table.columns.iter().all(|column| column.name != there.name);
    whats.extend(
        found
            .columns
            .iter()
            .filter(is_surplus)
            .filter(|there| there.not_null && there.default.is_none() && !there.generated && !there.identity)
            .map(|there| What::Forced { column: there.name.clone() }),
    );
    whats
}

fn constraints(table: &'static Table, found: &FoundTable) -> Vec<What> {
    let mut whats = Vec::new();
    let primary = found.constraints.iter().find(|constraint| constraint.sort == ConstraintSort::PrimaryKey);
    match primary {
        None => whats.push(What::NoPrimaryKey),
        Some(key) if key.columns != ["uuid"] => {
            whats.push(What::OtherPrimaryKey { columns: key.columns.clone() });
        }
        Some(_) => {}
    }
    if table.name == FOREIGN_KEY.table {
        whats.extend(foreign_key(found));
    }
    whats.extend(
        found
            .constraints
            .iter()
            .filter(|constraint| constraint.name.starts_with(OWN_CHECK_PREFIX))
            .map(|constraint| What::OwnCheck { name: constraint.name.clone() }),
    );
    whats
}

/// Of several foreign keys from the column, the one that is most like the contract's counts. Another one that does not
/// take events along with their mail would keep the mail from being deleted.
fn foreign_key(found: &FoundTable) -> Vec<What> {
    let mut keys: Vec<(&FoundConstraint, bool, bool)> = Vec::new();
    let mut whats = Vec::new();
    for constraint in &found.constraints {
        let ConstraintSort::ForeignKey { to_table, to_columns, cascades } = &constraint.sort else {
            continue;
        };
        if constraint.columns != [FOREIGN_KEY.column] {
            continue;
        }
        if to_table == FOREIGN_KEY.to && to_columns == &["uuid"] {
            keys.push((constraint, *cascades, constraint.name == FOREIGN_KEY.name));
        } else {
            let to = format!("{to_table} ({})", to_columns.join(", "));
            whats.push(What::OtherForeignKey { name: constraint.name.clone(), to });
        }
    }
    keys.sort_by_key(|(constraint, cascades, named)| (!cascades, !named, !constraint.validated));
    if keys.is_empty() && whats.is_empty() {
        whats.push(What::NoForeignKey);
    }
    for (place, (constraint, cascades, named)) in keys.iter().enumerate() {
        let whole = *cascades && *named && constraint.validated;
        if (place == 0 && !whole) || (place > 0 && !cascades) {
            whats.push(What::ForeignKey {
                name: constraint.name.clone(),
                cascades: *cascades,
                validated: constraint.validated,
            });
        }
    }
    whats
}

fn indexes(table: &'static Table, catalog: &Catalog, upto: Step) -> Vec<What> {
    let mut whats = Vec::new();
    let contract: Vec<&'static Index> = INDEXES.iter().filter(|index| index.table == table.name).collect();
    let named = |name: &str| catalog.indexes.iter().find(|found| found.name == name);
    let mut taken: Vec<&str> = Vec::new();
    for index in contract.iter().filter(|index| index.step <= upto) {
        let what = match named(index.name) {
            _ if catalog.other_names.iter().any(|name| name == index.name) => {
                Some(What::WrongIndex { index, wrong: "no index".to_owned(), constraint: None })
            }
            Some(found) => match index.matches(found) {
                Err(wrong) => {
                    let constraint = found.constraint.as_ref().map(|(name, _)| name.clone());
                    Some(What::WrongIndex { index, wrong, constraint })
                }
                Ok(()) if !found.valid => {
                    whats.push(leftover(index, found));
                    Some(What::NoIndex(index))
                }
                Ok(()) => None,
            },
            None => match stand_in(index, table, catalog, &taken) {
                Some(found) => {
                    taken.push(&found.name);
                    Some(What::IndexNamed { index, found: found.name.clone() })
                }
                None => Some(What::NoIndex(index)),
            },
        };
        whats.extend(what);
    }
    for found in catalog.indexes.iter().filter(|found| found.table == table.name && !is_named(&found.name)) {
        let twin = contract.iter().find(|index| index.matches(found).is_ok());
        match twin {
            Some(index) if !found.valid => {
                whats.push(leftover(index, found));
            }
            None if found.valid && found.unique && refuses(found, &contract) => {
                whats.push(What::Refusing { index: found.name.clone(), columns: found.columns.clone() });
            }
            _ => {}
        }
    }
    whats
}

fn leftover(index: &'static Index, found: &FoundIndex) -> What {
    What::Leftover { index, found: found.name.clone(), ready: found.ready, builder: found.builder }
}

/// Whether the contract has an index of that name.
fn is_named(name: &str) -> bool {
    INDEXES.iter().any(|index| index.name == name)
}

/// An index that does what one of the contract's does and has a name of its own.
fn stand_in<'a>(
    index: &Index,
    table: &Table,
    catalog: &'a Catalog,
    taken: &[&str],
) -> Option<&'a FoundIndex> {
    let key = primary_key_name(table);
    catalog.indexes.iter().find(|found| {
        found.valid
            // A primary key's index stays the primary key's, and so does one that is about to become it.
            && found.constraint.is_none()
            && found.name != key
            && !is_named(&found.name)
            && !taken.contains(&&*found.name)
            && index.matches(found).is_ok()
    })
}

/// Whether a unique index refuses more than the contract's do. One whose columns include all of another's, without
/// more rows, never has anything left to refuse.
fn refuses(found: &FoundIndex, contract: &[&'static Index]) -> bool {
    let covers = |columns: &[&str]| columns.iter().all(|column| found.columns.iter().any(|c| c == column));
    !covers(&["uuid"])
        && !contract.iter().any(|index| index.step == Step::V136 && index.unique && covers(index.columns))
}

/// Whether a type may stand in a column's place.
enum Fit {
    Same,
    /// It holds all that the contract's does, and more.
    Wider,
    Needs(Change),
}

fn fit(kind: Kind, found: &str) -> Fit {
    if found == kind.sql() {
        return Fit::Same;
    }
    let length = || found.strip_prefix("character varying(")?.strip_suffix(')')?.parse::<u32>().ok();
    let is_text = found == "text" || found == "character varying";
    match kind {
        Kind::Varchar(_) if is_text => Fit::Wider,
        Kind::Varchar(characters) => match length() {
            Some(found) if found > u32::from(characters) => Fit::Wider,
            Some(_) => Fit::Needs(Change::Catalog),
            None => Fit::Needs(Change::Impossible),
        },
        Kind::Text if found == "character varying" => Fit::Wider,
        Kind::Text if length().is_some() => Fit::Needs(Change::Catalog),
        Kind::Uuid if is_text || length().is_some() || found == "character(36)" => {
            Fit::Needs(Change::RewriteUuid)
        }
        Kind::Integer if found == "bigint" => Fit::Wider,
        Kind::Integer if found == "smallint" => Fit::Needs(Change::Rewrite),
        Kind::Bigint if matches!(found, "integer" | "smallint") => Fit::Needs(Change::Rewrite),
        Kind::Time if found.starts_with("timestamp") && found.ends_with("with time zone") => {
            Fit::Needs(Change::Catalog)
        }
        Kind::Time if found.starts_with("timestamp") => Fit::Needs(Change::AsUtc),
        _ => Fit::Needs(Change::Impossible),
    }
}

/// What an operator may want to know of their own additions. `upto` is the step that the schema has reached.
pub(super) fn remarks(catalog: &Catalog, schema: &str, upto: Step) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for table in &TABLES {
        let Some(found) = catalog.table(table.name).filter(|found| found.sort == Sort::Table) else {
            continue;
        };
        let mut say = |what: String, fix: Option<String>| {
            remarks.push(Remark { table: table.name, what, fix });
        };
        for there in &found.columns {
            match table.columns.iter().find(|column| column.name == there.name) {
                None if there.name.starts_with("aftersend_") => {}
                None => say(format!("column {}, {}, is not PhoenixKit's", there.name, there.kind), None),
                Some(column) => {
                    if matches!(fit(column.kind, &there.kind), Fit::Wider)
                        && !a2::widens(table.name, &there.name)
                    {
                        say(format!("column {} is wider than needed: {}", there.name, there.kind), None);
                    }
                    if let (None, Some(default)) = (column.default, &there.default) {
                        say(format!("column {} has a default of its own: {default}", there.name), None);
                    }
                }
            }
        }
        for constraint in &found.constraints {
            let own_check = constraint.name.starts_with(OWN_CHECK_PREFIX);
            if constraint.sort == ConstraintSort::Check && !own_check {
                say(format!("the check {} may refuse rows", constraint.name), None);
            }
        }
        for trigger in &found.triggers {
            say(format!("the trigger {trigger} runs with every write of its kind"), None);
        }
        if found.row_security {
            say("row-level security decides which rows are seen".to_owned(), None);
        }
        surplus_indexes(table, catalog, schema, upto, &mut say);
    }
    remarks
}

fn surplus_indexes(
    table: &'static Table,
    catalog: &Catalog,
    schema: &str,
    upto: Step,
    say: &mut impl FnMut(String, Option<String>),
) {
    let own: Vec<&FoundIndex> = catalog
        .indexes
        .iter()
        .filter(|found| {
            found.table == table.name && !is_named(&found.name) && !found.name.starts_with("aftersend_")
        })
        .filter(|found| found.valid && !found.constraint.as_ref().is_some_and(|(_, primary)| *primary))
        .collect();
    for found in own {
        let twin = INDEXES.iter().find(|index| index.matches(found).is_ok());
        // Where the twin itself is not there, this one stands in for it, which is a difference and told as such.
        let standing =
            twin.filter(|twin| catalog.indexes.iter().any(|found| found.name == twin.name && found.valid));
        match (twin, standing) {
            (_, Some(twin)) => say(
                format!("index {} is the same as {}, and every write pays for both", found.name, twin.name),
                Some(match &found.constraint {
                    Some((name, _)) => {
                        format!("ALTER TABLE {schema}.{} DROP CONSTRAINT {name};", table.name)
                    }
                    None => format!("DROP INDEX CONCURRENTLY {schema}.{};", found.name),
                }),
            ),
            (Some(twin), None) if twin.step <= upto => {}
            (Some(twin), None) => {
                say(format!("index {} is what step {} will name {}", found.name, twin.step, twin.name), None);
            }
            (None, _) => say(format!("index {} is not PhoenixKit's", found.name), None),
        }
    }
}
